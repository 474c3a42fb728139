"""The packaged siptrace on our dialog: a dialog that is traced has its later
requests in the table, and its BYE."""
from lib import database, modules, proxy
from lib.case import check, net, same, script, sip, wait_statistic


class _Nowhere:
    """A party's proxy that is never spoken to."""
    port = 9


def _server(env, base, copy):
    first = 'sip_trace("%s", "$ci", "d"); ' % copy
    last = modules.load("db_sqlite") + modules.load(
        "siptrace", db_url=base.url, trace_on=1,
        trace_to_database=1, trace_db_mode=0, hep_mode_on=0,
        xheaders_write=0)
    return env.proxy(routes=script(initial=first + "dlg_manage();"),
                     last=last)


def _rows(base, callid):
    return [(row["method"], row["status"], row["direction"])
            for row in base.rows("sip_trace") if row["callid"] == callid]


def test_rows(env):
    """INFO both ways and BYE of a traced call, in and out, with their replies;
    the copy has the INVITE too, which lacks the To-tag that the table wants.
    """
    base = database.Sqlite(proxy.scratch(), "siptrace")
    with base.held(), sip.Party(_Nowhere, "copy") as copy, \
            _server(env, base, copy.contact) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        for one, other in ((call.caller, b), (call.callee, a)):
            one.request("INFO")
            other.reply(other.expect("INFO"), 200)
            one.party.expect(200, "INFO")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        for method, count in (("INFO", 2), ("BYE", 1)):
            for status in ("", "200"):
                for direction in ("in", "out"):
                    row = (method, status, direction)
                    net.wait_until(
                        lambda: _rows(base, call.callid).count(row)
                        == count, 5, "%d rows of %r" % (count, row))
        for method in ("INVITE", "INFO", "BYE"):
            same("copy's Call-ID", copy.expect(method).callid, call.callid)


def test_ended_by_rpc(env):
    """A traced call that is ended by RPC: siptrace gets no message, and the
    memory that it kept is given back."""
    base = database.Sqlite(proxy.scratch(), "siptrace")
    with base.held(), sip.Party(_Nowhere, "copy") as copy, \
            _server(env, base, copy.contact) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for _ in range(3):
            modules.end_by_rpc(server, sip.establish(a, b).callid, a, b)
        wait_statistic(server, "active_dialogs", 0)
        check(server.alive(), "the server is gone")
        call = sip.establish(a, b)
        call.hang_up()
        net.wait_until(lambda: ("BYE", "200", "out") in
                       _rows(base, call.callid), 5, "a row of the BYE")
