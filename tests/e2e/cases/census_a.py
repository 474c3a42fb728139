"""What grows with the number of calls in the packaged module (docs/census.md,
A): the same work with few and with many calls, there and here."""
import time

from lib import census
from lib.case import (check, net, parley_only, same, script, sip, state_of,
                      wait_state)
from lib.census import CROWD, NEEDS, both, crowd, grows

PARAMS = [("profiles_with_value", "caller"), ("profiles_no_value", "all")]
CALLS = 2000  # of a function, in one request

# A MESSAGE or INFO with X-Loop runs %s CALLS times; the answer comes after it.
LOOP = '''
    if (is_present_hf("X-Loop")) {
        $var(i) = 0;
        while ($var(i) < %d) {
            %%s;
            $var(i) = $var(i) + 1;
        }
        sl_send_reply("200", "Done");
        exit;
    }
''' % CALLS
LOOPED = [("X-Loop", "1")]


def used(server, work, count=CALLS):
    """CPU seconds for one of @count, the least of three times: the machine may
    be busy with something else."""
    spent = []
    for _ in range(3):
        before = census.cpu_seconds(server)
        work()
        spent.append(census.cpu_seconds(server) - before)
    return min(spent) / count


@parley_only(NEEDS)
def test_a1_lifetime(env):
    """A lifetime that is set anew costs the same whatever else is running."""
    routes = script(
        initial=CROWD + "dlg_manage();",
        inside='if (is_present_hf("X-Loop")) { dlg_manage(); }' +
        LOOP % 'dlg_set_timeout("600")')

    def measure(env, stock, size):
        with env.proxy(routes=routes, stock=stock, shm_mb=512) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            crowd(a, size, 200)

            def loop():
                call.caller.request("INFO", LOOPED)
                a.expect(200, "INFO", seconds=60)
            return used(server, loop)
    grows("A1", measure, env, 10, 3000)


@parley_only(NEEDS)
def test_a2_count_by_value(env):
    """How many are in a profile with one value, among many values."""
    routes = script(
        first='if (is_method("MESSAGE")) {' + LOOP %
        'get_profile_size("caller", "v1", "$var(n)")' + '}',
        initial='''
        dlg_manage();
        $var(size) = $(hdr(X-Size){s.int});
        $var(i) = 0;
        while ($var(i) < $var(size)) {
            set_dlg_profile("caller", "v$var(i)");
            $var(i) = $var(i) + 1;
        }''')

    def measure(env, stock, size):
        with env.proxy(PARAMS, routes, stock=stock, shm_mb=256) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            a.invite(b, [("X-Size", str(size))])
            b.expect("INVITE", seconds=60)
            same("members", server.rpc("dlg.profile_get_size", "caller"), size)
            return used(server,
                        lambda: a.ask("MESSAGE", LOOPED, seconds=60))
    grows("A2", measure, env, 20, 40000)


def _two_step(env, stock):
    """Ten callers at once, three may call; each worker stops between its count
    and its place. @stock: with what the packaged module has."""
    refused = '{ sl_send_reply("486", "Limit"); exit; }'
    if stock:
        initial = '''
        get_profile_size("caller", "x", "$var(n)");
        usleep("100000");
        if ($var(n) >= 3) %s
        set_dlg_profile("caller", "x");
        dlg_manage();''' % refused
    else:
        initial = '''
        dlg_join_profile("caller", "x", "3");
        $var(rc) = $rc;
        usleep("100000");
        if ($var(rc) < 0) %s
        dlg_manage();''' % refused
    with env.proxy(PARAMS, script(initial=initial), stock=stock,
                   children=8) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for _ in range(10):
            a.invite(b)
        final, called = [], 0
        deadline = time.monotonic() + 10
        while len(final) + called < 10 and time.monotonic() < deadline:
            final += [m for m in a.drain(0.1) if m.code == 486]
            called = server.statistics()["processed_dialogs"]
        same("answered", len(final) + called, 10)
        same("in the profile, where 3 may be",
             server.rpc("dlg.profile_get_size", "caller"), 3)
        return "3 of 10, where 3 may be"


@parley_only(NEEDS)
def test_a3_limit(env):
    """A limit of three means three; the packaged module can only count, and
    then add."""
    both("A3", _two_step, env)


@parley_only(NEEDS)
def test_a4_lookup(env):
    """A look-up does not depend on hash_size, nor on how many calls there are.
    """
    routes = script(
        first='if (is_method("MESSAGE")) {' + LOOP %
        'dlg_get("$hdr(X-Callid)", "$hdr(X-From)", "$hdr(X-To)")' + '}',
        initial=CROWD + "dlg_manage();")

    def measure(env, stock, size):
        with env.proxy([("hash_size", 2)], routes, stock=stock,
                       shm_mb=512) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            crowd(a, size)
            side = sip.establish(a, b).caller
            return used(server, lambda: a.ask("MESSAGE", LOOPED + [
                ("X-Callid", side.callid), ("X-From", side.local_tag),
                ("X-To", side.remote_tag)], seconds=60))
    grows("A4", measure, env, 10, 4000)


@parley_only(NEEDS)
def test_a5_list(env):
    """All dialogs can be had, however many an answer has room for. (The usual
    room is 32 KB, which 16,000 dialogs fill.)"""
    def trial(env, stock):
        with env.proxy(routes=script(initial=CROWD + "dlg_manage();"),
                       stock=stock, shm_mb=256, first=
                       'modparam("ctl", "binrpc_max_body_size", 4)') as server, \
                sip.Party(server, "a") as a:
            made = set(crowd(a, 3000))
            found, at = [], ()
            while not stock:
                page = server.rpc("dlg.list", *((50,) + at))
                page = page if isinstance(page, list) and \
                    not hasattr(page, "names") else [page]
                found += [d["call-id"] for d in page if d]
                if len(page) < 50:
                    break
                at = (page[-1]["h_entry"], page[-1]["h_id"])
            if stock:
                found = [d["call-id"] for d in server.rpc("dlg.list")]
            same("listed", len(found), 3000)
            same("each once", set(found) == made, True)
            return "3000 listed, each once"
    both("A5", trial, env)


@parley_only(NEEDS)
def test_a5_count(env):
    """dlg.stats_active counts nothing: it knows."""
    def measure(env, stock, size):
        with env.proxy([("hash_size", 256)], script(
                initial=CROWD + "dlg_manage();"), stock=stock,
                shm_mb=512) as server, sip.Party(server, "a") as a:
            crowd(a, size)

            def ask():
                for _ in range(1000):
                    server.rpc("dlg.stats_active")
            return used(server, ask, 1000)
    grows("A5", measure, env, 10, 8000)


@parley_only("from code: a database that stands still is needed")
def test_a6_slow_listener(env):
    """While an event route stands still, other calls of the same h_entry go
    on: no lock is held."""
    routes = script(more='event_route[dialog:end] { usleep("1500000"); }')
    with env.proxy([("hash_size", 1)], routes, children=2) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        first, second = sip.establish(a, b), sip.establish(a, b)
        first.caller.request("BYE")
        b.expect("BYE")
        start = time.monotonic()
        second.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        check(time.monotonic() - start < 1.0, "the other call waited %.1f s",
              time.monotonic() - start)


@parley_only(NEEDS)
def test_a7_expiry(env):
    """Timeout routes that are slow delay nobody else's expiry."""
    routes = script(
        initial='''
        if (is_present_hf("X-Slow")) { $dlg_ctx(timeout_route) = "SLOW"; }
        dlg_manage();
        $var(life) = $(hdr(X-Life){s.int});
        dlg_set_timeout("$var(life)");''',
        more='route[SLOW] { xlog("L_ALERT", "SLOW\\n"); usleep("3000000"); }')

    def trial(env, stock):
        with env.proxy(routes=routes, stock=stock, children=2) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            for _ in range(3):
                sip.establish(a, b, [("X-Life", "2"), ("X-Slow", "1")])
            callid = sip.establish(a, b, [("X-Life", "3")]).callid
            start = time.monotonic()
            net.wait_until(lambda: "SLOW" in server.log(), 10, "a slow route")
            net.wait_until(lambda: state_of(server, callid) in (0, 5), 20,
                           "the other call has expired")
            late = time.monotonic() - start - 3
            text = "%.1f s late" % late
            check(late < 2, "%s", text)
            return text
    both("A7", trial, env)
