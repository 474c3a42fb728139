"""Lifetimes and the early, no-ACK and end timeouts, with their effects."""
import time

from lib.case import (check, net, parley_only, same, script, sip, state_of,
                      stock_differs, wait_state, wait_statistic)

LONG = ("early", "noack", "early_end", "noack_lifetime")
SWEEP = "its sweep comes every 90 s"
ROUTE = '''
route[LATE] { xlog("L_ALERT", "LATE $dlg(callid) $dlg(state)\\n"); }
event_route[dialog:end] { xlog("L_ALERT", "END $dlg(callid)\\n"); }
event_route[dialog:failed] { xlog("L_ALERT", "FAILED $dlg(callid)\\n"); }
'''


def _established(server, a, b):
    call = sip.establish(a, b)
    wait_state(server, call.callid, 4)
    return call


def _gone(server, callid, seconds):
    start = time.monotonic()
    net.wait_until(lambda: state_of(server, callid) in (0, 5), seconds,
                   "the dialog has ended", step=0.05)
    return time.monotonic() - start


def _silent(*parties):
    """Nothing was sent on the wire for a call that is only forgotten."""
    for party in parties:
        same("messages to " + party.user,
             [m for m in party.drain(0.2) if m.code != 100], [])


def test_default(env):
    """default_timeout without send_bye: forgotten, nothing is sent."""
    with env.proxy([("default_timeout", 4)], script(more=ROUTE)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = _established(server, a, b)
        took = _gone(server, call.callid, 8)
        check(1 <= took <= 40, "ended after %.1f s", took)
        wait_statistic(server, "expired_dialogs", 1)
        wait_statistic(server, "active_dialogs", 0)
        _silent(a, b)


@stock_differs("one BYE may be missing (B10)")
def test_send_bye(env):
    """send_bye: both sides get a BYE with the extra headers."""
    params = [("default_timeout", 4), ("send_bye", 1),
              ("dlg_extra_hdrs", "Hint: credit expired\\r\\n")]
    with env.proxy(params, script(more=ROUTE)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = _established(server, a, b)
        for party in (a, b):
            bye = party.expect("BYE", callid=call.callid, seconds=8)
            same("Hint", bye.get("Hint"), "credit expired")
            party.reply(bye, 200)
        wait_statistic(server, "active_dialogs", 0)
        same("expired", server.statistics()["expired_dialogs"], 1)
        net.wait_until(lambda: "END " + call.callid in server.log(), 3,
                       "event_route[dialog:end] has run")


@stock_differs("one BYE may be missing (B10)")
def test_timeout_bye(env):
    """$dlg_ctx(timeout_bye) asks for the BYEs of one call only."""
    routes = script(initial='''
        if ($hdr(X-Bye) == "1") { $dlg_ctx(timeout_bye) = 1; }
        dlg_manage();''')
    with env.proxy([("default_timeout", 4)], routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        plain = sip.establish(a, b)
        marked = sip.establish(a, b, [("X-Bye", "1")])
        for party in (a, b):
            party.reply(party.expect("BYE", callid=marked.callid, seconds=8),
                        200)
        wait_statistic(server, "active_dialogs", 0)
        for party in (a, b):
            party.never(lambda m: m.callid == plain.callid and
                        m.code != 100, seconds=0.1)


def test_timeout_route(env):
    """The named route runs when the lifetime is over, before the end."""
    routes = script(initial='''
        $dlg_ctx(timeout_route) = "LATE";
        dlg_manage();''', more=ROUTE)
    with env.proxy([("default_timeout", 4)], routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = _established(server, a, b)
        net.wait_until(lambda: "LATE %s 4" % call.callid in server.log(), 8,
                       "the timeout route has run in state 4")
        wait_statistic(server, "active_dialogs", 0)
        same("runs", server.log().count("LATE"), 1)


@stock_differs("$dlg_ctx(timeout) has no effect")
def test_ctx_timeout(env):
    """$dlg_ctx(timeout) sets the lifetime of this call."""
    routes = script(initial='$dlg_ctx(timeout) = 2; dlg_manage();')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = _established(server, a, b)
        same("lifetime", server.rpc("dlg.dlg_list", call.callid)["lifetime"],
             2)
        _gone(server, call.callid, 8)


def test_timeout_avp(env):
    """timeout_avp sets the lifetime, also anew in a later request."""
    routes = script(initial='$avp(life) = 30; dlg_manage();',
                    first='if (is_method("INFO")) { $avp(life) = 2; }')
    with env.proxy([("timeout_avp", "$avp(life)")], routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = _established(server, a, b)
        same("lifetime", server.rpc("dlg.dlg_list", call.callid)["lifetime"],
             30)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        net.wait_until(lambda: server.rpc("dlg.dlg_list", call.callid)
                       ["lifetime"] == 2, 3, "the lifetime is 2")
        _gone(server, call.callid, 8)


def test_dlg_set_timeout(env):
    """dlg_set_timeout() in the dialog, and by ids from elsewhere."""
    routes = script(first='''
        if (is_method("OPTIONS")) {
            if (dlg_set_timeout("$(hdr(X-S){s.int})", "$(hdr(X-E){s.int})",
                                "$(hdr(X-I){s.int})")) {
                sl_send_reply("200", "OK");
            } else { sl_send_reply("500", "No"); }
            exit;
        }''', inside='if (is_method("INFO")) { dlg_set_timeout("100"); }')
    with env.proxy([("timeout_noreset", 1)], routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = _established(server, a, b)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        found = server.rpc("dlg.dlg_list", call.callid)
        same("lifetime", found["lifetime"], 100)
        check(abs(found["timeout"] - time.time() - 100) < 20, "timeout %d",
              found["timeout"])
        reply = a.ask("OPTIONS", [("X-S", "2"), ("X-E", found["h_entry"]),
                                  ("X-I", found["h_id"])])
        same("reply", reply.code, 200)
        _gone(server, call.callid, 8)


def _reset(env, params, resets):
    with env.proxy([("default_timeout", 9)] + params) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = _established(server, a, b)
        first = server.rpc("dlg.dlg_list", call.callid)["timeout"]
        net.wait_until(lambda: time.time() >= first - 6, 9,
                       "time has passed")
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        later = server.rpc("dlg.dlg_list", call.callid)["timeout"]
        # A second more or less: two clocks are rounded.
        check((later > first + 1) == resets, "timeout %d, before %d", later,
              first)


def test_reset_by_request(env):
    _reset(env, [], True)


def test_timeout_noreset(env):
    _reset(env, [("timeout_noreset", 1)], False)


@stock_differs(SWEEP)
def test_early(env):
    """early_timeout: FAILED runs, profiles are left, nothing is sent; the call
    itself goes on."""
    params = [("early_timeout", 2), ("profiles_no_value", "all")]
    routes = script(initial='dlg_manage(); set_dlg_profile("all");',
                    more=ROUTE)
    with env.proxy(params, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        same("size", server.rpc("dlg.profile_get_size", "all"), 1)
        took = _gone(server, side.callid, 6)
        check(took <= 40, "after %.1f s", took)
        net.wait_until(lambda: "FAILED " + side.callid in server.log(), 2,
                       "event_route[dialog:failed] has run")
        same("size", server.rpc("dlg.profile_get_size", "all"), 0)
        same("early", server.statistics()["early_dialogs"], 0)
        _silent(a, b)
        sip.answer(side, invite, b)
        same("active", server.statistics()["active_dialogs"], 0)


@stock_differs(SWEEP)
def test_early_end(env):
    """early_timeout_end=1, ours: the call is ended as well."""
    params = [("early_timeout", 2), ("early_timeout_end", 1)]
    with env.proxy(params) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        side.ack_failure(a.expect(480, "INVITE", seconds=6))
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 487)
        wait_statistic(server, "failed_dialogs", 1)


@stock_differs(SWEEP)
def test_noack(env):
    """noack_timeout: the lifetime becomes 10 s."""
    with env.proxy([("noack_timeout", 2)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        sip.answer(side, invite, b, ack=False)
        wait_state(server, side.callid, 3)
        net.wait_until(lambda: server.rpc("dlg.dlg_list", side.callid)
                       ["lifetime"] == 10, 5, "the lifetime is 10 s")


@stock_differs(SWEEP)
def test_noack_lifetime(env):
    """... and then it ends the call, 12 s after the 200."""
    with env.proxy([("noack_timeout", 2)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        sip.answer(side, invite, b, ack=False)
        took = _gone(server, side.callid, 20)
        check(10 <= took <= 60, "after %.1f s", took)
        wait_statistic(server, "expired_dialogs", 1)


@parley_only("the packaged module frees by reference counts alone")
def test_end(env):
    """end_timeout: what was kept of an ended dialog is freed."""
    with env.proxy([("end_timeout", 1)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = _established(server, a, b)
        call.hang_up()
        wait_state(server, call.callid, 0, 12)
        same("all", sum(v for _, v in server.rpc("dlg.stats_active")), 0)


@stock_differs("a negative early_timeout sweeps everything at once")
def test_early_never(env):
    """early_timeout 0: never."""
    with env.proxy([("early_timeout", 0)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, _ = sip.ring(a, b)
        a.never(lambda m: m.code >= 200, seconds=2)
        same("state", state_of(server, side.callid), 2)
