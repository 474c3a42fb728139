"""The packaged nat_traversal on our dialog: keep-alives to the caller's source
for as long as the dialog lives."""
from lib import modules
from lib.case import check, net, same, script, sip, wait_statistic

LONG = ("keepalive", "keepalive_by_flag")


def _endpoints(server):
    return server.statistics("nat_traversal")["dialog_endpoints"]


def _run(env, initial):
    """10 s is the shortest interval that nat_traversal has."""
    with env.proxy([("dlg_flag", 4)], script(initial=initial),
                   last=modules.load("nat_traversal", keepalive_interval=10,
                                     keepalive_method="OPTIONS")) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        same("endpoints before", _endpoints(server), 0)
        call = sip.establish(a, b)
        net.wait_until(lambda: _endpoints(server) >= 1, 5, "an endpoint")
        ping = a.expect("OPTIONS", seconds=25)
        same("keep-alive's Request-URI", ping.uri,
             "sip:127.0.0.1:%d" % a.port)
        same("keep-alive's source", ping.source, ("127.0.0.1", server.port))
        check(ping.callid != call.callid, "the keep-alive is in the dialog")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        net.wait_until(lambda: _endpoints(server) == 0, 25,
                       "no endpoint is left")


def test_keepalive(env):
    _run(env, "nat_keepalive(); dlg_manage();")


def test_keepalive_by_flag(env):
    """nat_keepalive() sets dlg_flag, and that alone has the call followed."""
    _run(env, "nat_keepalive();")
