"""Routes of one call, why it has ended, how long it stays, and an event for
each change of its state: what OpenSIPS has in place of event routes."""
import re

from lib import database, sip, stored
from lib.case import (check, dialogs, net, parley_only, same, script, state_of,
                      two_parties, wait_state, wait_statistic)
from lib.proxy import StartFailed

REASON = "it has no such function"
LINES = re.compile(r"\|([^|\n]*)\|")
MORE = """
route[ANSWERED] {
    xlog("L_ERR", "|answered $dlg(state) $rs$rm $dlg_var(who) $dlg(callid)|\\n");
    $dlg_var(seen) = "yes";
    dlg_setflag("7");
    set_dlg_profile("all");
}
route[HUNGUP] {
    xlog("L_ERR", "|over $dlg(state) $rm $dlg_var(who) $DLG_end_reason|\\n");
}
route[LATE] {
    xlog("L_ERR", "|late $dlg(state) $dlg_var(who)|\\n");
    if ($dlg_var(more) == "yes") {
        $dlg_var(more) = "no";
        $DLG_timeout = 3;
    }
}
event_route[dialog:end] {
    xlog("L_ERR", "|end $DLG_end_reason|\\n");
}
event_route[dialog:failed] {
    xlog("L_ERR", "|failed $DLG_end_reason|\\n");
}
"""
BEFORE = ('dlg_on_answer("ANSWERED");dlg_on_hangup("HUNGUP");'
          'dlg_on_timeout("LATE");$dlg_var(who) = $fU;')
PARAMS = [("profiles_no_value", "all")]


def told(server):
    """What the routes have said so far."""
    return LINES.findall(server.log())


def wait_told(server, *lines):
    net.wait_until(lambda: len(told(server)) >= len(lines), 5,
                   "%d lines (%r)" % (len(lines), told(server)))
    same("lines", told(server), list(lines))


def call_server(env, initial=BEFORE + "dlg_manage();", params=(), more=MORE,
                **hooks):
    return env.proxy(PARAMS + list(params),
                     script(initial=initial, more=more, **hooks))


@parley_only(REASON)
def test_answer_and_hangup(env):
    """Each once, with the message at hand, the dialog being the current one;
    repeated messages do not run them again."""
    with two_parties(call_server(env)) as (server, a, b):
        side, invite = sip.ring(a, b)
        call = sip.answer(side, invite, b)
        b.reply(invite, 200)
        a.expect(200, "INVITE")
        wait_state(server, call.callid, 4)
        wait_told(server, "answered 3 200INVITE a %s" % call.callid)
        found = dialogs(server)[0]
        same("variables", sorted(key for item in found["variables"]
                                 for key in dict(item)), ["seen", "who"])
        same("profile", int(server.rpc("dlg.profile_get_size", "all")), 1)
        call.hang_up("callee")
        wait_told(server, "answered 3 200INVITE a %s" % call.callid,
                  "end Upstream BYE", "over 5 BYE a Upstream BYE")
        # The one worker is done with that call when it answers for another.
        other = sip.establish(a, b)
        same("lines", told(server)[3:],
             ["answered 3 200INVITE a %s" % other.callid])


@parley_only(REASON)
def test_after_creation(env):
    """Named when the call exists, while it rings; taken back; too late."""
    with two_parties(call_server(
            env, "dlg_manage();" + BEFORE + "dlg_on_answer();", reply="""
            if ($rs == 180) { dlg_on_hangup("HUNGUP"); }""",
            inside="""if (is_method("INFO")) {
                dlg_on_hangup(); xlog("L_ERR", "|rc $rc|\\n"); }""")) as (
                    server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        stored.within(call, "INFO")
        call.hang_up()
        wait_told(server, "rc -1", "end Downstream BYE",
                  "over 5 BYE a Downstream BYE")
        check("has been answered already" in server.log(), "no reason given")


@parley_only(REASON)
def test_not_for_failed(env):
    with two_parties(call_server(env)) as (server, a, b):
        side, invite = sip.ring(a, b)
        b.reply(invite, 486)
        side.ack_failure(a.expect(486))
        wait_told(server, "failed <null>")
        side, invite = sip.ring(a, b)
        side.cancel()
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 487)
        side.ack_failure(a.expect(487))
        wait_told(server, "failed <null>", "failed Cancelled")


@parley_only(REASON)
def test_ended_by_command(env):
    """The route runs when the last BYE is answered, not when it is decided; so
    does a call whose party's own BYE crosses ours."""
    with two_parties(call_server(env, BEFORE + "dlg_on_answer();"
                                 "dlg_manage();")) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        server.rpc("dlg.terminate_dlg", call.callid, call.caller.local_tag,
                   call.callee.local_tag)
        byes = [(party, party.expect("BYE")) for party in (a, b)]
        wait_told(server, "end MI Termination")
        for party, bye in byes:
            party.reply(bye, 200)
        net.wait_until(lambda: len(told(server)) == 2, 5, "the route's line")
        check(re.fullmatch(r"over 5 \S+ a MI Termination", told(server)[1]),
              "line %r", told(server)[1])

        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        server.rpc("dlg.terminate_dlg", call.callid, call.caller.local_tag,
                   call.callee.local_tag)
        byes = [(party, party.expect("BYE")) for party in (a, b)]
        call.caller.request("BYE")
        crossing = b.expect("BYE", callid=call.callid)
        b.reply(crossing, 200)
        a.expect(200, "BYE")
        for party, bye in byes:
            party.reply(bye, 200)
        net.wait_until(lambda: len(told(server)) == 4, 5, "the second end")
        same("ends", sum(line.startswith("over") for line in told(server)), 2)
        wait_statistic(server, "active_dialogs", 0)


@parley_only(REASON)
def test_timeout_prolongs(env):
    """The route gives the call 3 more seconds, once; then it is over."""
    with two_parties(call_server(env, '$DLG_timeout = 2;' + BEFORE +
                                 '$dlg_var(more) = "yes";'
                                 '$dlg_ctx(timeout_bye) = 1;'
                                 'xlog("L_ERR", "|left $DLG_timeout|\\n");'
                                 'dlg_manage();')) as (server, a, b):
        call = sip.establish(a, b)
        a.expect("BYE", seconds=15)
        b.expect("BYE")
        same("lines", told(server), [
            "left 2", "answered 3 200INVITE a %s" % call.callid, "late 4 a",
            "late 4 a", "end Lifetime Timeout"])
        same("ending", dialogs(server)[0]["ended"], "Lifetime Timeout")


@parley_only(REASON)
def test_timeout_value(env):
    """Text and numbers; what is neither changes nothing."""
    with two_parties(call_server(
            env, "dlg_manage();", inside="""
            if (is_method("INFO")) { $DLG_timeout = $hdr(X-Timeout);
            xlog("L_ERR", "|left $DLG_timeout|\\n"); }""")) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        for value in ("900", "0", "-1", "x", "99999999999"):
            stored.within(call, "INFO", headers=[("X-Timeout", value)])
        for line in told(server):
            check(re.fullmatch(r"left (900|89\d)", line), "line %r", line)
        same("lines", len(told(server)), 5)
        same("errors", server.log().count("$DLG_timeout: must be a number"), 4)
        call.hang_up()


@parley_only(REASON)
def test_unknown_route(env):
    """A literal name that the script does not have is an error at start; one in
    a variable is a line."""
    for function in ("dlg_on_answer", "dlg_on_timeout", "dlg_on_hangup"):
        try:
            with call_server(env, '%s("NOWHERE");dlg_manage();' % function):
                raise AssertionError("%s starts" % function)
        except StartFailed as failed:
            check('route "NOWHERE" for a call: there is no such route[]' in
                  failed.log, "no reason: %s", failed.log[-500:])
    with two_parties(call_server(env, """$var(r) = "NOWHERE";
            dlg_on_hangup("$var(r)"); xlog("L_ERR", "|rc $rc|\\n");
            $var(r) = "a_name_that_is_longer_than_31_characters";
            dlg_on_timeout("$var(r)"); xlog("L_ERR", "|rc $rc|\\n");
            dlg_manage();""", more="")) as (server, a, b):
        sip.establish(a, b).hang_up()
        same("lines", told(server), ["rc -1", "rc -1"])
        check('dlg_on_hangup("NOWHERE"): there is no such route[]' in
              server.log(), "no reason")


@parley_only(REASON)
def test_restart(env):
    """Routes and the delay are the call's: they come back with it."""
    with database.fresh("sqlite") as base, two_parties(
            stored.server(env, base.create_stock_tables(), 1,
                          routes=script(
                              initial=BEFORE + "$DLG_del_delay = 600;"
                              "dlg_manage();",
                              more=MORE.replace('set_dlg_profile("all");',
                                                "")))) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        stored.wait_rows(base, "dialog_vars", 4)
        server.crash()
        server.start()
        wait_state(server, call.callid, 4)
        call.hang_up()
        wait_told(server, "end Downstream BYE", "over 5 BYE a Downstream BYE")
        same("stays", state_of(server, call.callid), 5)
        stored.no_rows(base)
        server.stop()
        server.start()
        same("comes back", dialogs(server), [])


@parley_only(REASON)
def test_delete_delay(env):
    """Late requests are the call's, which does not count as active; 0 means
    that it goes with its transaction."""
    params = [("delete_delay", 4)]
    with two_parties(call_server(env, "dlg_manage();", params, more="",
                                 inside='xlog("L_ERR", "|$rm $DLG_del_delay '
                                 '$DLG_status|\\n");')) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        stored.within(call, "INFO")
        same("lines", told(server), ["ACK 4 4", "BYE 4 5", "INFO 4 5"])
        same("listed", dialogs(server)[0]["ended"], "Downstream BYE")
        net.wait_until(lambda: dialogs(server) == [], 60, "its end")


RACE = """create_dialog("end-on-race-condition");"""


@parley_only(REASON)
def test_race(env):
    """The callee answers as the caller gives up: the call is ended."""
    with two_parties(call_server(env, BEFORE + RACE, [
            ("race_condition_timeout", 1)])) as (server, a, b):
        side, invite = sip.ring(a, b)
        side.cancel()
        a.expect(200, "CANCEL")
        cancel = b.expect("CANCEL")
        b.reply(invite, 200)  # it was on its way
        b.reply(cancel, 200)
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        b.expect("ACK")
        sip.confirm_byes(side.callid, a, b)
        net.wait_until(lambda: len(told(server)) == 3, 5, "three lines")
        same("why", told(server)[1], "end SIP Race Condition")
        check(told(server)[2].endswith("SIP Race Condition"), "%r",
              told(server))


STATES = """
event_route[dialog:state-changed] {
    xlog("L_ERR", "|$dlg(callid) $dlg_ctx(old_state)$dlg_ctx(new_state)|\\n");
}
"""


def changes(server, callid):
    return [line.split()[1] for line in told(server)
            if line.startswith(callid + " ")]


@parley_only(REASON)
def test_states(env):
    """Each change once and in order; those without a message, too."""
    with two_parties(call_server(
            env, "dlg_manage();", more=STATES, inside="""
            xlog("L_ERR", "|other $dlg_ctx(old_state)|\\n");""")) as (
                server, a, b):
        side, invite = sip.ring(a, b)
        b.reply(invite, 180)
        a.expect(180)
        call = sip.answer(side, invite, b)
        wait_state(server, call.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("a call", changes(server, call.callid), ["12", "23", "34", "45"])
        check("other <null>" in told(server), "%r", told(server))

        side, invite = sip.ring(a, b)
        b.reply(invite, 486)
        side.ack_failure(a.expect(486))
        net.wait_until(lambda: len(changes(server, side.callid)) == 2, 5,
                       "two changes")
        same("failed", changes(server, side.callid), ["12", "25"])

        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        server.rpc("dlg.terminate_dlg", call.callid, call.caller.local_tag,
                   call.callee.local_tag)
        sip.confirm_byes(call.callid, a, b)
        net.wait_until(lambda: len(changes(server, call.callid)) == 4, 5,
                       "four changes")
        same("ended by command", changes(server, call.callid),
             ["12", "23", "34", "45"])


@parley_only(REASON)
def test_several_workers(env):
    """Two workers, a 2xx and a BYE that come twice each: every route once."""
    with two_parties(env.proxy(
            PARAMS, script(initial=BEFORE + "dlg_manage();", more=MORE),
            children=4)) as (server, a, b):
        calls = []
        for _ in range(20):
            side, invite = sip.ring(a, b)
            b.reply(invite, 200)
            b.reply(invite, 200)
            side.learn(a.expect(200, "INVITE", callid=side.callid))
            side.ack()
            b.expect("ACK", callid=side.callid)
            calls.append(side)
        for side in calls:
            bye = side.request("BYE")
            a.send(bye.data)
            b.reply(b.expect("BYE", callid=side.callid), 200)
            a.expect(200, "BYE", callid=side.callid)
        wait_statistic(server, "active_dialogs", 0)
        for word in ("answered", "over", "end"):
            net.wait_until(lambda word=word: sum(
                line.startswith(word) for line in told(server)) >= 20, 10,
                           "20 lines " + word)
        same("lines", len(told(server)), 60)


@parley_only(REASON)
def test_taken_over(env):
    """The packaged module goes on with a call that has such routes."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        ours = stored.server(env, base, 1, routes=script(
            initial=BEFORE + "dlg_manage();", more=MORE))
        with two_parties(ours) as (server, a, b):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            stored.wait_rows(base, "dialog_vars", 3)
            server.stop()
            stock = stored.server(env, base, 1, stock=True, name="dialog",
                                  routes=script(more=""))
            stock.port = server.port
            with stock:
                wait_state(stock, call.callid, 4)
                call.hang_up()
                wait_statistic(stock, "active_dialogs", 0)
                check("ERROR" not in stock.log(), "%s", stock.log()[-800:])
