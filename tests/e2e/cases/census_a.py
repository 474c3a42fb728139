"""What grows with the number of calls in the packaged module (docs/census.md,
A): the same work with few and with many calls, there and here."""
import contextlib

from lib.case import (check, net, parley_only, same, script, sip, state_of,
                      wait_state)
from lib.census import CROWD, NEEDS, both, cpu_seconds, crowd, grows, must

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

# A route that stands still for as long as $shv(held) is set.
HELD = '''
    xlog("L_ALERT", "HELD\\n");
    $var(i) = 0;
    while ($shv(held) == 1 && $var(i) < 9000) {
        usleep("10000");
        $var(i) = $var(i) + 1;
    }
    xlog("L_ALERT", "FREED\\n");
'''


@parley_only(NEEDS)
def test_a1_lifetime(env):
    """A lifetime that is set anew costs the same whatever else is running."""
    routes = script(
        initial=CROWD + "dlg_manage();",
        inside='if (is_present_hf("X-Loop")) { dlg_manage(); }' +
        LOOP % 'dlg_set_timeout("600")')

    @contextlib.contextmanager
    def meter(env, stock, size):
        with env.proxy(routes=routes, stock=stock, shm_mb=512) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            crowd(a, size, 200)

            def loop():
                call.caller.request("INFO", LOOPED)
                a.expect(200, "INFO", seconds=60)
            yield lambda: cpu_seconds(server, loop) / CALLS
    grows("A1", meter, env, 10, 3000)


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

    @contextlib.contextmanager
    def meter(env, stock, size):
        with env.proxy(PARAMS, routes, stock=stock, shm_mb=256) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            a.invite(b, [("X-Size", str(size))])
            b.expect("INVITE", seconds=60)
            same("members", server.rpc("dlg.profile_get_size", "caller"), size)
            yield lambda: cpu_seconds(server, lambda: a.ask(
                "MESSAGE", LOOPED, seconds=60)) / CALLS
    grows("A2", meter, env, 20, 80000)


TABLE = """
loadmodule "htable.so"
modparam("htable", "htable", "at=>size=4;initval=0;")
"""
# Nobody goes on before five have come so far.
FIVE = '''
        $var(come) = $shtinc(at=>come);
        $var(i) = 0;
        while ($var(come) < 5 && $var(i) < 2000) {
            usleep("10000");
            $var(come) = $sht(at=>come);
            $var(i) = $var(i) + 1;
        }
'''


def _two_step(env, stock):
    """Ten callers at once, three may call; each worker stops between its count
    and its place until five have counted. @stock: with what the packaged module
    has."""
    refused = '{ sl_send_reply("486", "Limit"); exit; }'
    if stock:
        initial = '''
        get_profile_size("caller", "x", "$var(n)");
        %s
        if ($var(n) >= 3) %s
        set_dlg_profile("caller", "x");
        dlg_manage();''' % (FIVE, refused)
    else:
        initial = '''
        dlg_join_profile("caller", "x", "3");
        $var(rc) = $rc;
        %s
        if ($var(rc) < 0) %s
        dlg_manage();''' % (FIVE, refused)
    with env.proxy(PARAMS, script(initial=initial), stock=stock,
                   first=TABLE, children=8) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for _ in range(10):
            a.invite(b)
        refusals = []

        def answered():
            refusals.extend(m for m in a.drain() if m.code == 486)
            return len(refusals) + \
                server.statistics()["processed_dialogs"] == 10
        must(net.within(answered, 40), "not all ten are answered")
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

    @contextlib.contextmanager
    def meter(env, stock, size):
        with env.proxy([("hash_size", 2)], routes, stock=stock,
                       shm_mb=512) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            crowd(a, size)
            side = sip.establish(a, b).caller
            wanted = [("X-Callid", side.callid), ("X-From", side.local_tag),
                      ("X-To", side.remote_tag)]
            yield lambda: cpu_seconds(server, lambda: a.ask(
                "MESSAGE", LOOPED + wanted, seconds=60)) / CALLS
    grows("A4", meter, env, 10, 8000)


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
    @contextlib.contextmanager
    def meter(env, stock, size):
        with env.proxy([("hash_size", 256)], script(
                initial=CROWD + "dlg_manage();"), stock=stock,
                shm_mb=512) as server, sip.Party(server, "a") as a:
            crowd(a, size)

            def ask():
                for _ in range(500):
                    server.rpc("dlg.stats_active")
            yield lambda: cpu_seconds(server, ask) / 500
    grows("A5", meter, env, 10, 8000)


@parley_only("from code: a database that stands still is needed")
def test_a6_slow_listener(env):
    """While an event route stands still, other calls of the same h_entry go
    on: no lock is held."""
    routes = script(more="event_route[dialog:end] { %s }" % HELD)
    with env.proxy([("hash_size", 1)], routes, children=2) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        first, second = sip.establish(a, b), sip.establish(a, b)
        server.rpc("pv.shvSet", "held", "int", 1)
        first.caller.request("BYE")
        net.wait_until(lambda: "HELD" in server.log(), 5, "the route runs")
        second.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        check("FREED" not in server.log(), "the other call has waited")
        server.rpc("pv.shvSet", "held", "int", 0)
        net.wait_until(lambda: "FREED" in server.log(), 5, "it goes on")
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")


@parley_only(NEEDS)
def test_a7_expiry(env):
    """Timeout routes that are slow delay nobody else's expiry."""
    routes = script(
        initial='''
        if (is_present_hf("X-Slow")) { $dlg_ctx(timeout_route) = "SLOW"; }
        dlg_manage();
        $var(life) = $(hdr(X-Life){s.int});
        dlg_set_timeout("$var(life)");''',
        more="route[SLOW] { %s }" % HELD)

    def trial(env, stock):
        with env.proxy(routes=routes, stock=stock, children=2) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            server.rpc("pv.shvSet", "held", "int", 1)
            sip.establish(a, b, [("X-Life", "2"), ("X-Slow", "1")])
            must(net.within(lambda: "HELD" in server.log(), 40),
                 "the slow route does not run")
            callid = sip.establish(a, b, [("X-Life", "2")]).callid
            check(net.within(lambda: state_of(server, callid) in (0, 5), 20),
                  "not expired in 20 s, while the route of another call runs")
            check("FREED" not in server.log(), "the other call has waited")
            return "expired while the route of another call runs"
    both("A7", trial, env)
