"""The packaged sst on our dialog: the session's interval is the lifetime."""
import time

from lib import modules
from lib.case import (check, net, same, script, sip, stock_differs,
                      wait_statistic)

PARAMS = [("timeout_avp", "$avp(life)"), ("default_timeout", 5000)]
TIMER = ("Supported", "timer")
EARLY = "it looks at timeout_avp before sst has set it"


def _expires(seconds):
    return [TIMER, ("Session-Expires", str(seconds))]


def _server(env, **params):
    params = dict(dict(sst_flag=6, timeout_avp="$avp(life)", min_se=90),
                  **params)
    return env.proxy(PARAMS, script(initial="setflag(6); dlg_manage();",
                                    inside="setflag(6);"),
                     last=modules.load("sst", **params))


def lifetime(server, callid):
    return server.rpc("dlg.dlg_list", callid)["lifetime"]


def wait_lifetime(server, callid, seconds):
    net.wait_until(lambda: lifetime(server, callid) == seconds, 5,
                   "lifetime %d (is %d)" % (seconds, lifetime(server, callid)))
    # What is shown is also what the timer has.
    left = server.rpc("dlg.dlg_list", callid)["timeout"] - time.time()
    check(seconds - 20 < left < seconds + 3, "the timer has %r of %d s", left,
          seconds)


def _call(a, b, headers, reply_headers=()):
    """A call; the caller's Side."""
    side, invite = sip.ring(a, b, headers)
    b.reply(invite, 200, headers=reply_headers)
    reply = a.expect(200, "INVITE")
    side.learn(reply).ack()
    b.expect("ACK")
    return side, invite, reply


@stock_differs(EARLY)
def test_refreshed(env):
    """Session-Expires of a re-INVITE, and of an UPDATE, is the lifetime from
    there on."""
    with _server(env) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, _, _ = _call(a, b, _expires(1800), _expires(1800))
        side.reinvite(headers=_expires(400))
        b.reply(b.expect("INVITE"), 200, headers=_expires(400))
        a.expect(200, "INVITE")
        side.ack()
        b.expect("ACK")
        wait_lifetime(server, side.callid, 400)
        side.request("UPDATE", _expires(700))
        b.reply(b.expect("UPDATE"), 200, headers=_expires(700))
        a.expect(200, "UPDATE")
        wait_lifetime(server, side.callid, 700)
        side.request("UPDATE")
        b.reply(b.expect("UPDATE"), 200)
        a.expect(200, "UPDATE")
        same("lifetime after an UPDATE without Session-Expires",
             lifetime(server, side.callid), 700)


@stock_differs(EARLY)
def test_lifetime(env):
    """Session-Expires of the INVITE."""
    with _server(env) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b, _expires(1800))
        same("INVITE's", invite.get("Session-Expires"), "1800")
        same("lifetime when it rings", lifetime(server, side.callid), 1800)
        b.reply(invite, 200, headers=_expires("1800;refresher=uac"))
        side.learn(a.expect(200, "INVITE")).ack()
        b.expect("ACK")
        wait_lifetime(server, side.callid, 1800)


def test_added(env):
    """A caller without Session-Expires gets the proxy's interval, and so does
    the callee."""
    with _server(env, min_se=300) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        _, invite, reply = _call(a, b, [TIMER])
        same("INVITE's", invite.get("Session-Expires"), "300")
        same("200's", reply.get("Session-Expires"), "300;refresher=uac")


@stock_differs(EARLY)
def test_added_lifetime(env):
    """The interval that the proxy put in is the lifetime."""
    with _server(env, min_se=300) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, _, _ = _call(a, b, [TIMER])
        wait_lifetime(server, side.callid, 300)


def test_too_small(env):
    """An interval below min_se is refused with 422 and Min-SE."""
    with _server(env, min_se=600) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        a.invite(b, _expires(120))
        reply = a.expect(422)
        same("Min-SE", reply.get("Min-SE"), "600")


@stock_differs(EARLY)
def test_expires(env):
    """A session that is not refreshed ends at its interval."""
    with _server(env, min_se=1) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        began = time.time()
        _call(a, b, _expires(4), _expires("4;refresher=uac"))
        wait_statistic(server, "expired_dialogs", 1, 8)
        took = time.time() - began
        check(1 <= took <= 40, "it took %.1f s", took)


def test_not_flagged(env):
    """A call without sst_flag has the usual lifetime."""
    last = modules.load("sst", sst_flag=7, timeout_avp="$avp(life)")
    with env.proxy(PARAMS, last=last) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b, _expires(1800))
        same("lifetime", lifetime(server, call.callid), 5000)
