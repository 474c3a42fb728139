"""dlg_mode 1: without tm's callbacks, by the replies and by the script."""
from cases.functions import results, step
from lib.case import (dialogs, net, parley_only, same, script, sip, state_of,
                      wait_state, wait_statistic)

NEW = "it is in later versions of it"
MODE = [("dlg_mode", 1)]

# A proxy without transactions: the script says what counts.
STATELESS = """
request_route {
    if (has_totag()) {
        loose_route();
        %s
        forward();
        exit;
    }
    if (is_method("CANCEL")) { %s forward(); exit; }
    record_route();
    if (is_method("INVITE")) {
        if ($rU == "refused") {
            dlg_manage();
            sl_send_reply("486", "Busy");
            exit;
        }
        dlg_manage();
    }
    forward();
}
onreply_route { %s }
event_route[dialog:start] { xlog("L_ERR", "|start:$dlg(state)|\\n"); }
event_route[dialog:end] { xlog("L_ERR", "|end:$dlg(callid)|\\n"); }
event_route[dialog:failed] { xlog("L_ERR", "|failed:$dlg(callid)|\\n"); }
"""
UPDATE = step("request", "dlg_update_state()")
REPLIED = step("reply", "dlg_update_state()")


@parley_only(NEW)
def test_stateless(env):
    """A whole call through forward()."""
    routes = STATELESS % (UPDATE, UPDATE, REPLIED)
    with env.proxy(MODE, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        same("ringing", state_of(server, side.callid), 2)
        b.reply(invite, 200)
        side.learn(a.expect(200, "INVITE"))
        same("answered", state_of(server, side.callid), 3)
        b.reply(invite, 200)  # again
        a.expect(200, "INVITE")
        side.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        found = dialogs(server)[0]
        same("contact", found["callee"]["contact"], b.contact.strip("<>"))
        same("route set", found["callee"]["route_set"], "")
        side.request("BYE")
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")
        net.wait_until(lambda: dialogs(server) == [], 15, "the end")
        got = results(server)
        same("results", (got["request"], got["start"], got["end"]),
             ("1", "3", side.callid))


@parley_only(NEW)
def test_stateless_ends(env):
    """Refused by the callee, by the proxy, cancelled."""
    routes = STATELESS % (UPDATE, UPDATE, REPLIED)
    with env.proxy(MODE, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        b.reply(invite, 486)
        a.expect(486)
        wait_statistic(server, "failed_dialogs", 1)
        net.wait_until(lambda: dialogs(server) == [], 15, "the end")
        a.invite(b, uri="sip:refused@127.0.0.1:%d" % b.port)
        a.expect(486)
        wait_statistic(server, "failed_dialogs", 2)
        side, invite = sip.ring(a, b)
        side.cancel()
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 487)
        a.expect(487)
        wait_statistic(server, "failed_dialogs", 3)
        net.wait_until(lambda: dialogs(server) == [], 15, "the end")


@parley_only(NEW)
def test_ended_by_command(env):
    """BYEs go both ways, over the route sets that the messages showed."""
    routes = STATELESS % (UPDATE, UPDATE, REPLIED)
    with env.proxy(MODE, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        found = dialogs(server)[0]
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        for party in (a, b):
            party.reply(party.expect("BYE"), 200)
        wait_state(server, call.callid, 5)


@parley_only(NEW)
def test_with_transactions(env):
    """t_relay(): the replies are told by Kamailio's own event."""
    routes = script(inside=UPDATE)
    with env.proxy(MODE, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.caller.request("UPDATE")
        b.reply(b.expect("UPDATE"), 200)
        a.expect(200, "UPDATE")
        call.hang_up()
        net.wait_until(lambda: dialogs(server) == [], 15, "the end")
        side, invite = sip.ring(a, b)
        b.reply(invite, 603)
        a.expect(603)
        wait_statistic(server, "failed_dialogs", 1)


@parley_only(NEW)
def test_mode_0(env):
    """There the state follows tm, and the function only asks."""
    routes = script(first=step("first", "dlg_update_state()"), inside=UPDATE,
                    reply=REPLIED)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        same("INVITE", results(server)["first"], "-1")
        same("reply", results(server)["reply"], "1")
        same("ringing", state_of(server, side.callid), 2)
        call = sip.answer(side, invite, b)
        wait_state(server, call.callid, 4)
        same("ACK", results(server)["request"], "1")
        call.hang_up()
