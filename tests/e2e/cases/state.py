"""dlg_set_state() and dlg.set_state: a state by decree. Nothing is sent and no
route runs, but the counts are right."""
from lib.case import (check, net, parley_only, same, script, sip, state_of,
                      stock_differs, wait_state, wait_statistic)

from . import kemi
from .commands import fault

NEW = "dlg_set_state() came after 5.6"
STATES = {1: "unconfirmed", 2: "early", 3: "answered", 4: "confirmed",
          5: "deleted"}
EVENTS = "".join('event_route[dialog:%s] { xlog("L_ALERT", "RUN %s\\n"); }\n'
                 % (name, name) for name in ("end", "failed"))


def ids(call):
    return (call.callid, call.caller.local_tag, call.caller.remote_tag)


def quiet(server, *parties):
    for party in parties:
        same("messages to " + party.user, [
            m for m in party.drain(0.3) if m.code != 100], [])
    check("RUN " not in server.log(), "a route has run")


@stock_differs("the count of early dialogs and the timers stay as they were")
def test_rpc_ends(env):
    """State 5: the call is forgotten; it goes on without us."""
    with env.proxy(routes=script(more=EVENTS)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for args in ((), (5,), ("5",)):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            same("answer", server.json("dlg.set_state", *ids(call), *args),
                 "Done")
            check(state_of(server, call.callid) in (0, 5), "state %d",
                  state_of(server, call.callid))
            wait_statistic(server, "active_dialogs", 0)
            quiet(server, a, b)
            call.hang_up()
            check("RUN " not in server.log(), "a route has run")
        same("rpc", server.statistics()["failed_dialogs"], 0)
        stats = server.rpc("dlg.stats")
        same("ended", (stats["ended_by_us"], stats["confirmed"]), (3, 0))


def test_rpc_end_counts(env):
    """What both modules tell of a call that is set to 5."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call, other = sip.establish(a, b), sip.establish(a, b)
        wait_state(server, other.callid, 4)
        wait_statistic(server, "active_dialogs", 2)
        same("answer", server.rpc("dlg.set_state", *ids(call), 5), "Done")
        wait_statistic(server, "active_dialogs", 1)
        same("ongoing", server.rpc("dlg.stats_active")["ongoing"], 1)
        check(server.alive(), "the server has died")


@stock_differs("it writes any state over any other")
def test_rpc_states(env):
    """Forward from ringing, back from confirmed to answered, and no further."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        b.reply(invite, 180, tag="bob")
        side.learn(a.expect(180))
        key = (side.callid, side.local_tag, "bob")
        for state in (1, 2, 3, 4, 3, 4):
            same("answer", server.rpc("dlg.set_state", *key, state), "Done")
            same("state", state_of(server, side.callid), state)
        for state in (1, 2):
            fault(server, 500, ["cannot become unanswered"], "dlg.set_state",
                  *key, state)
        same("state", state_of(server, side.callid), 4)
        same("counts", (server.statistics()["active_dialogs"],
                        server.statistics()["early_dialogs"]), (1, 0))
        # The answer says where the callee is; the call is one like any other.
        b.reply(invite, 200, tag="bob")
        ok = a.expect(200, "INVITE")
        side.learn(ok)
        side.ack()
        b.expect("ACK")
        call = sip.Call(side, sip.Side.of_callee(b, invite, ok))
        found = server.rpc("dlg.dlg_list", side.callid)
        same("contact", found["callee"]["contact"], b.contact)
        server.rpc("dlg.terminate_dlg", *key)
        sip.confirm_byes(side.callid, a, b)
        wait_state(server, side.callid, 5)
        fault(server, 500, ["one that has ended stays so"], "dlg.set_state",
              *key, 4)
        same("again", server.rpc("dlg.set_state", *key, 5), "Done")
        check(call, "")


@stock_differs("it takes a state that no callee has been seen for")
def test_rpc_no_callee(env):
    """Answered needs somebody who could have answered."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        b.expect("INVITE")
        wait_state(server, side.callid, 1)
        for state in (3, 4):
            fault(server, 500, ["no callee has sent a To-tag"],
                  "dlg.set_state", side.callid, side.local_tag, "", state)
        same("early", server.rpc("dlg.set_state", side.callid, side.local_tag,
                                 "", 2), "Done")
        same("state", state_of(server, side.callid), 2)


@stock_differs("a state that is no number is 0, too much is ignored")
def test_rpc_bad_input(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        for state in ("x", "-1", "", "99999999999", "4.5", "confirmed"):
            fault(server, 400, ["state must be a number"], "dlg.set_state",
                  *ids(call), state)
        for state in (0, 6, 255, 256 + 5, 2**31 - 1):
            fault(server, 500, ["Invalid state value"], "dlg.set_state",
                  *ids(call), state)
        fault(server, 400, ["Unknown parameter"], "dlg.set_state", *ids(call),
              5, 1)
        for wrong in (("x",) + ids(call)[1:], ids(call)[:2] + ("z",),
                      ("", "", ""), ("x" * 2000, "y" * 2000, "z" * 2000)):
            fault(server, 500, ["Dialog not found"], "dlg.set_state", *wrong)
        same("state", state_of(server, call.callid), 4)


TOLD = '''
    xlog("L_ALERT", "SET %s $var(word) $var(rc) $dlg(state)\\n");
'''


def _sets(words, stage):
    return "".join('$var(word) = "%s"; dlg_set_state("$var(word)"); '
                   '$var(rc) = $rc;' % word + TOLD % stage for word in words)


def told(server, stage):
    return [line.split("SET %s " % stage)[1].strip() for line in
            server.log().splitlines() if "SET %s " % stage in line]


@parley_only(NEW)
def test_script(env):
    """Words, their first letters, and what each leads to in its stage."""
    routes = script(
        initial="dlg_manage();" + _sets(
            ("early", "U", "answered", "x", "", "1"), "invite"),
        reply='if ($rs == "180") {' + _sets(("e", "Confirmed"), "ring") + "}",
        inside='if (is_method("INFO")) {' + _sets(
            ("early", "a", "c", "deleted", "confirmed"), "info") + "}",
        more=EVENTS)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        net.wait_until(lambda: told(server, "ring"), 5, "the reply route")
        same("INVITE", told(server, "invite"), [
            "early 1 2", "U 1 1", "answered -1 1", "x -1 1", "-1 1", "1 -1 1"])
        same("180", told(server, "ring"), ["e 1 2", "Confirmed 1 4"])
        same("lines", server.log().count("must be unconfirmed, early"), 3)
        found = server.rpc("dlg.dlg_list", call.callid)
        same("callee", (found["state"], found["callee"]["contact"]),
             (4, b.contact))
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        same("INFO", told(server, "info"), [
            "early -1 4", "a 1 3", "c 1 4", "deleted 1 5", "confirmed -1 5"])
        wait_statistic(server, "active_dialogs", 0)
        quiet(server, a, b)
        call.hang_up()
        check("RUN " not in server.log(), "a route has run")


@parley_only(NEW)
def test_script_without_dialog(env):
    routes = script(initial=_sets(("deleted",), "none"))
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        sip.establish(a, b)
        same("code", told(server, "none"), ["deleted -1 <null>"])


@parley_only(NEW)
def test_script_bye(env):
    """A BYE whose call was set to deleted before it is relayed: one end,
    counted once."""
    routes = script(inside='if (is_method("BYE")) { dlg_set_state("d"); }',
                    more=EVENTS)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        sip.establish(a, b).hang_up()
        wait_statistic(server, "active_dialogs", 0)
        stats = server.rpc("dlg.stats")
        same("counts", (stats["ended_by_us"], stats["ended_by_caller"],
                        stats["failed"]), (1, 0, 0))
        check("RUN " not in server.log(), "a route has run")


@parley_only(NEW)
def test_kemi(env):
    """The same from Lua; and the functions of the database say that there is
    none."""
    initial = kemi.say(
        ("manage", "d.dlg_manage()"), ("early", 'd.dlg_set_state("early")'),
        ("wrong", 'd.dlg_set_state("none")'), ("empty", 'd.dlg_set_state("")'),
        ("load", 'd.dlg_db_load_callid("x")'),
        ("extra", "d.dlg_db_load_extra()"))
    inside = 'if KSR.is_method_in("B") then\n' + kemi.say(
        ("deleted", 'd.dlg_set_state("deleted")')) + "end\n"
    with kemi.lua_proxy(env, kemi.functions(initial, inside)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b).hang_up()
        same("results", kemi.results(server), {
            "manage": "1", "early": "1", "wrong": "-1", "empty": "-1",
            "load": "-1", "extra": "-1", "deleted": "1"})
        same("ended", server.rpc("dlg.stats")["ended_by_us"], 1)
        same("lines", server.log().count("db_mode is 0"), 2)


def test_no_database(env):
    """Without a database both functions load, and are false."""
    routes = script(initial='''
        dlg_manage();
        dlg_db_load_callid("$ci"); xlog("L_ALERT", "LOAD $rc\\n");
        dlg_db_load_extra(); xlog("L_ALERT", "LOAD $rc\\n");''')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        for _ in range(3 if env.stock else 20):
            sip.establish(a, b)
        check("LOAD -1" in server.log(), "it is true")
        check("LOAD 1" not in server.log(), "it is true")
        if not env.stock:
            lines = server.log().count("db_mode is 0")
            check(2 <= lines <= 20, "%d lines", lines)
