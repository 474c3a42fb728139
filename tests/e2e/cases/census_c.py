"""What a database loses or brings back with the packaged module
(docs/census.md, C), and what waits for it (A6): shown there, and not here. A
crash is the end of all processes at once."""
import contextlib
import os
import signal
import time

from lib import database, stored
from lib.case import (Env, check, net, same, script, sip, state_of,
                      two_parties, wait_state)
from lib.census import compared, must

from . import kemi

MANY = ["a_profile_with_a_name_of_forty_letters_%d" % i for i in range(10)]
PARAMS = [("profiles_no_value", ";".join(MANY + ["late"]))]
ROUTES = script(
    initial='''
        $dlg_var(gone) = "1";
        dlg_manage();
        if (is_present_hf("X-Many")) {
            %s
        }''' % "\n            ".join('set_dlg_profile("%s");' % name
                                     for name in MANY),
    # What the requests of a call do, by their method.
    inside='''
        if (is_method("INFO")) {
            dlg_setflag(7);
            set_dlg_profile("late");
        }
        if (is_method("MESSAGE")) { $dlg_var(gone) = $null; }''',
    # From outside of the call, as an operator's script does.
    out_of_dialog='''
    if (is_method("OPTIONS")) {
        dlg_set_timeout("7200", "$(hdr(X-Entry){s.int})",
                        "$(hdr(X-Id){s.int})");
        sl_send_reply("200", "OK");
        exit;
    }''')


def _server(env, stock, base, mode, params=(), **options):
    """A proxy with @base, not started."""
    return stored.server(env, base, mode, *(PARAMS + list(params)),
                         stock=stock, routes=ROUTES, **options)


def served(mode, kind="sqlite", private=False, **options):
    """For compared(): a proxy with two parties and .base, its database."""
    @contextlib.contextmanager
    def serve(env, stock):
        with database.fresh(kind, private=private) as base:
            base.create_stock_tables()
            server = _server(env, stock, base, mode, **options)
            server.base, server.env, server.stock = base, env, stock
            with two_parties(server) as found:
                yield found
    return serve


@contextlib.contextmanager
def kemi_served(env, stock):
    """The same with a script in Lua; an INVITE within a call sets a variable.
    """
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        server = kemi.lua_proxy(Env(env.build, stock), kemi.functions(
            "d.dlg_manage()", '''
            if KSR.is_method_in("I") then d.var_sets("late", "1") end'''))
        other = _server(env, stock, base, 1)
        server.params += [(name, value) for name, value in other.params
                          if name.startswith(("db_", "journal_"))]
        server.first = other.first + server.first
        with two_parties(server) as found:
            yield found


def _crash(server):
    server.crash()
    server.start()


def _restart(server):
    server.stop()
    server.start()


def _up(server, a, b):
    """A call that is up; also what RPC shows of it."""
    call = sip.establish(a, b)
    wait_state(server, call.callid, 4)
    return call, server.rpc("dlg.dlg_list", call.callid)


def _value(server, callid, name):
    """A value of a dialog that is there."""
    same("state", state_of(server, callid), 4)
    return server.rpc("dlg.dlg_list", callid)[name]


# ------------------------------------------------- A6: waiting for a database


@compared("A6", served(1, "postgres", private=True))
def test_a6_slow_database(server, a, b):
    """A database that stands still keeps nobody: calls are answered."""
    side, invite = sip.ring(a, b)
    server.base.pause()
    try:
        b.reply(invite, 200)
        # One SIP worker: it is free for the next call, or not.
        other = a.invite(b)
        check(b.maybe("INVITE", callid=other.callid, seconds=20) is not None,
              "no call while the database stands still")
        side.learn(a.expect(200, callid=side.callid))
    finally:
        server.base.resume()
    return "the next call rings"


# ------------------------------------------------- C1: an expired row


@compared("C1", served(1))
def test_c1_before_the_ack(server, a, b):
    """A call that was answered and has no ACK yet is up after a crash, and its
    row has a lifetime."""
    side, invite = sip.ring(a, b)
    call = sip.answer(side, invite, b, ack=False)
    left = stored.wait_rows(server.base, "dialog", 1)[0]["timeout"] - \
        time.time()
    check(left > 0, "the row has expired %d s ago", -left)
    _crash(server)
    same("state after the crash", state_of(server, side.callid), 3)
    side.ack()
    b.expect("ACK", callid=side.callid)
    wait_state(server, side.callid, 4)
    call.hang_up()
    return "%d s left" % left


# ------------------------------------------------- C2: stored once


def _late(server, a, b, look):
    """What @look(callid) tells of a call after a crash, if an INFO has changed
    it."""
    call, _ = _up(server, a, b)
    early = look(call.callid)
    stored.within(call, "INFO")
    before = look(call.callid)
    must(early != before, "the INFO changes nothing")
    _crash(server)
    same("after the crash", look(call.callid), before)
    return "%s as before" % before


@compared("C2 flag", served(1))
def test_c2_flag(server, a, b):
    """A flag that is set late survives a crash."""
    return _late(server, a, b,
                 lambda callid: _value(server, callid, "sflags"))


@compared("C2 profile", served(1))
def test_c2_profile(server, a, b):
    """So does a profile."""
    return _late(server, a, b,
                 lambda _: int(server.rpc("dlg.profile_get_size", "late")))


# ------------------------------------------------- C3: a variable comes back


def _variables(server, callid):
    return [name for name, _ in stored.facts(server, callid)["variables"]]


@compared("C3", served(1))
def test_c3_removed_variable(server, a, b):
    """A variable that was removed is not back after a restart."""
    call, _ = _up(server, a, b)
    stored.wait_rows(server.base, "dialog_vars", 1)
    stored.within(call, "MESSAGE")
    must(_variables(server, call.callid) == [], "the MESSAGE removes nothing")
    _restart(server)
    same("state", state_of(server, call.callid), 4)
    same("variables after the restart", _variables(server, call.callid), [])
    return "none"


# ------------------------------------------------- C4, C5: modes 2 and 3


@compared("C4", served(2, params=[("db_update_period", 3600)]))
def test_c4_clean_end(server, a, b):
    """db_mode 2: a clean end stores what was not stored yet."""
    call, _ = _up(server, a, b)
    server.stop()
    same("rows after the end", server.base.count("dialog"), 1)
    server.start()
    same("state", state_of(server, call.callid), 4)
    return "1 row"


def _mode_3(server, a, b, middle):
    """A call that was stored by a clean end, and what is left of it after
    @middle and one more start."""
    call, _ = _up(server, a, b)
    _restart(server)
    must(state_of(server, call.callid) == 4, "not stored by the first end")
    middle(server)
    same("state after the second start", state_of(server, call.callid), 4)
    call.hang_up()
    return "the call is up"


@compared("C5 crash", served(3))
def test_c5_crash(server, a, b):
    """db_mode 3: what was loaded stays in the table until the next clean
    end."""
    return _mode_3(server, a, b, _crash)


@compared("C5 second end", served(3))
def test_c5_second_end(server, a, b):
    """db_mode 3: what was loaded is stored again."""
    return _mode_3(server, a, b, _restart)


# ------------------------------------------------- C6: early dialogs


@compared("C6", served(1))
def test_c6_answered_after_a_crash(server, a, b):
    """A call that rang in the crash is followed when it is answered."""
    side, invite = sip.ring(a, b)
    _crash(server)
    same("state after the crash", state_of(server, side.callid), 2)
    call = sip.answer(side, invite, b)
    wait_state(server, side.callid, 4)
    call.hang_up()
    return "followed"


# ------------------------------------------------- C7: what was never stored


@contextlib.contextmanager
def _writer_stopped(server):
    """Ours does not look at what waits; the packaged module has no writer."""
    pids = [pid for pid, name in server.processes().items()
            if "dialog writer" in name]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


@compared("C7", served(1))
def test_c7_failed_call(server, a, b):
    """A call that fails before it was stored has nothing to do with the
    database: nobody notices that it is locked."""
    server.base.pause()
    try:
        with _writer_stopped(server):
            side, invite = sip.ring(a, b)
            b.reply(invite, 486)
            side.ack_failure(a.expect(486))
            b.expect("ACK")
        net.wait_until(lambda: not server.rpc("dlg.dlg_list", side.callid),
                       20, "the end of the dialog")
    finally:
        server.base.resume()
    same("lines about a locked database", server.log().count("locked"), 0)
    return "none"


# ------------------------------------------------- C8: stored late or never


@compared("C8 lifetime", served(1))
def test_c8_timeout(server, a, b):
    """A lifetime that was set from outside survives a crash."""
    call, found = _up(server, a, b)
    a.ask("OPTIONS", [("X-Entry", str(found["h_entry"])),
                      ("X-Id", str(found["h_id"]))])
    ends = _value(server, call.callid, "timeout")
    must(ends > found["timeout"] + 1800, "the lifetime was not set")
    _crash(server)
    early = ends - _value(server, call.callid, "timeout")
    check(abs(early) <= 1, "it ends %d s too early", early)
    return "ends when it should"


@compared("C8 state", served(1))
def test_c8_set_state(server, a, b):
    """A call that dlg.set_state has ended is not back after a crash."""
    call, _ = _up(server, a, b)
    server.rpc("dlg.set_state", call.callid, call.caller.local_tag,
               call.caller.remote_tag, 5)
    _crash(server)
    check(state_of(server, call.callid) in (0, 5), "it is back")
    return "not back"


@compared("C8 KEMI", kemi_served)
def test_c8_kemi_variable(server, a, b):
    """A variable that a KEMI script sets survives a crash."""
    call, _ = _up(server, a, b)
    call.caller.reinvite()
    b.reply(b.expect("INVITE"), 200)
    a.expect(200, "INVITE")
    call.caller.ack()
    b.expect("ACK")
    must(_variables(server, call.callid) == ["late"], "it was not set")
    _crash(server)
    same("variables", _variables(server, call.callid), ["late"])
    return "late"


# ------------------------------------------------- C9: a shared table


@compared("C9", served(1, core="server_id=1"))
def test_c9_two_nodes(server, a, b):
    """A second server on the same table leaves the calls of the first one
    alone."""
    call, _ = _up(server, a, b)
    stored.wait_rows(server.base, "dialog", 1)
    with _server(server.env, server.stock, server.base, 1,
                 core="server_id=2") as other:
        same("calls that the second server has taken",
             other.statistics()["active_dialogs"], 0)
    same("rows", server.base.count("dialog"), 1)
    call.hang_up()
    return "none"


# ------------------------------------------------- C10: long texts


@compared("C10", served(1, "postgres"))
def test_c10_many_profiles(server, a, b):
    """A call in ten profiles is up after a crash, in all of them. (SQLite does
    not care how long a text is.)"""
    call = sip.establish(a, b, [("X-Many", "yes")])
    wait_state(server, call.callid, 4)
    _crash(server)
    same("state after the crash", state_of(server, call.callid), 4)
    same("sizes", [int(server.rpc("dlg.profile_get_size", name))
                   for name in MANY], [1] * len(MANY))
    return "in all ten"
