"""dlg_remote_profile() and dlg_set_timeout_by_profile(): what concerns many
calls of a profile at once, here and on other servers."""
import time

from lib import proxy
from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      stock_differs, wait_statistic)
from lib.rpc import Fault

from . import kemi

LONG = ("timer_goes_on",)
PARAMS = [("profiles_with_value", "caller;other"), ("profiles_no_value", "all")]

# A MESSAGE carries the parameters in its headers; "-" is an empty text.
TOLD = '''
    if (is_method("MESSAGE")) {
        $var(v) = $hdr(X-V); if ($var(v) == "-") { $var(v) = ""; }
        $var(u) = $hdr(X-U); if ($var(u) == "-") { $var(u) = ""; }
        $var(e) = $(hdr(X-E){s.int});
        $var(n) = -7;
        dlg_remote_profile("$hdr(X-C)", "$hdr(X-P)", "$var(v)", "$var(u)",
            "$var(e)");
        $var(rc) = $rc;
        get_profile_size("caller", "x", "$var(n)");
        append_to_reply("Rc: $var(rc)\\r\\nSize: $var(n)\\r\\n");
        sl_send_reply("200", "Told");
        exit;
    }
'''


def told(party, command, profile, value, uid, expires=0):
    """(code of the function, members of caller/x)."""
    reply = party.ask("MESSAGE", [
        ("X-C", command), ("X-P", profile), ("X-V", value or "-"),
        ("X-U", uid or "-"), ("X-E", str(int(expires)))])
    same("reply", reply.code, 200)
    return int(reply.get("Rc")), int(reply.get("Size"))


def size(server, profile="caller", *value):
    return server.rpc("dlg.profile_get_size", profile, *value)


def soon(seconds=1000):
    return time.time() + seconds


def test_counts(env):
    """Places of other servers count as those of calls here do."""
    routes = script(first=TOLD, initial='''
        dlg_manage(); set_dlg_profile("caller", "x");''')
    with env.proxy(PARAMS, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        same("add", told(a, "add", "caller", "x", "one", soon()), (1, 1))
        same("add", told(a, "add", "caller", "x", "two", soon()), (1, 2))
        same("add", told(a, "add", "caller", "y", "one", soon()), (1, 2))
        call = sip.establish(a, b)
        same("size", (size(server, "caller"), size(server, "caller", "x"),
                      size(server, "caller", "y")), (4, 3, 1))
        same("rm", told(a, "rm", "caller", "x", "one"), (1, 2))
        # As in the packaged module it is no failure that there is none.
        same("rm again", told(a, "rm", "caller", "x", "one"), (1, 2))
        same("rm of another value", told(a, "rm", "caller", "z", "two"),
             (1, 2))
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        net.wait_until(lambda: size(server, "caller", "x") == 1, 5, "left")
        same("rm", told(a, "rm", "caller", "x", "two"), (1, 0))
        same("add", told(a, "add", "all", "", "one", soon()), (1, 0))
        same("size", (size(server, "all"), size(server, "caller")), (1, 1))
        same("rm", told(a, "rm", "all", "", "one"), (1, 0))
        same("size", size(server, "all"), 0)


@stock_differs("each add counts again, and one rm takes one of them")
def test_same_uid(env):
    """A message of another server that comes twice counts once."""
    with env.proxy(PARAMS, script(first=TOLD)) as server, \
            sip.Party(server, "a") as a:
        for _ in range(3):
            same("add", told(a, "add", "caller", "x", "one", soon()), (1, 1))
        same("rm", told(a, "rm", "caller", "x", "one"), (1, 0))
        same("members", server.rpc("dlg.stats")["remote_members"], 0)


@stock_differs("its sweep comes every 90 s, and then never ends (B2)")
def test_expiry(env):
    """An entry goes at its time, not before and not much later."""
    with env.proxy(PARAMS, script(first=TOLD)) as server, \
            sip.Party(server, "a") as a:
        end = int(time.time()) + 6
        for uid in ("one", "two", "three"):
            told(a, "add", "caller", "x", uid, end)
        told(a, "add", "caller", "x", "long", soon())
        told(a, "add", "caller", "x", "ever", 0)
        same("size", size(server, "caller", "x"), 5)
        net.wait_until(lambda: size(server, "caller", "x") < 5, 8, "expiry")
        check(time.time() >= end, "expired before its time")
        net.wait_until(lambda: size(server, "caller", "x") == 2, 1,
                       "all three expire together")
        check(time.time() < end + 20, "expired %.1f s late",
              time.time() - end)
        # A time that is over takes the entry out, and puts none in.
        same("past", told(a, "add", "caller", "x", "ever", 1), (1, 1))
        same("past", told(a, "add", "caller", "x", "new", time.time() - 1),
             (1, 1))


@stock_differs("its timer process hangs in the sweep after 90 s at most (B2)")
def test_timer_goes_on(env):
    """With places of other servers, calls here still end at their lifetime,
    and counting is still quick."""
    with env.proxy(PARAMS + [("default_timeout", 4)],
                   script(first=TOLD)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for number in range(50):
            told(a, "add", "caller", "x", "u%d" % number, soon(3600))
        for _ in range(2):
            sip.establish(a, b)
        wait_statistic(server, "expired_dialogs", 2, 10)
        start = time.monotonic()
        same("size", size(server, "caller", "x"), 50)
        check(time.monotonic() - start < 10, "counting takes its time")


@parley_only("dlg_join_profile() is in no packaged module")
def test_limit(env):
    """A limit holds for calls here and there together."""
    routes = script(first=TOLD, initial='''
        dlg_join_profile("caller", "x", 2);
        if ($rc < 0) { sl_send_reply("486", "Limit"); exit; }
        dlg_manage();''')
    with env.proxy(PARAMS, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        told(a, "add", "caller", "x", "one", soon())
        sip.establish(a, b)
        side = a.invite(b)
        side.ack_failure(a.expect(486))
        told(a, "rm", "caller", "x", "one")
        sip.establish(a, b)


def test_not_listed(env):
    """dlg.profile_list shows the calls of this server."""
    routes = script(first=TOLD, initial='''
        dlg_manage(); set_dlg_profile("caller", "x");''')
    with env.proxy(PARAMS, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        told(a, "add", "caller", "x", "one", soon())
        call = sip.establish(a, b)
        told(a, "add", "caller", "x", "two", soon())
        for args in (("caller",), ("caller", "x")):
            found = server.json("dlg.profile_list", *args)
            same("calls", [d["call-id"] for d in found], [call.callid])


@parley_only("rpc_list_max is new")
def test_list_limit(env):
    """Places of other servers are no reason for a list to be too long."""
    routes = script(first=TOLD, initial='''
        dlg_manage(); set_dlg_profile("caller", "x");''')
    with env.proxy(PARAMS + [("rpc_list_max", 2)], routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for number in range(4):
            told(a, "add", "caller", "x", "u%d" % number, soon())
        for _ in range(2):
            sip.establish(a, b)
        same("calls", len(server.json("dlg.profile_list", "caller")), 2)
        sip.establish(a, b)
        try:
            found = server.json("dlg.profile_list", "caller")
        except Fault as fault:
            same("code", fault.code, 400)
        else:
            raise AssertionError("no fault but %r" % found)


WRONG = (
    ("", "caller", "x", "u", 0), ("ADD", "caller", "x", "u", 0),
    ("adds", "caller", "x", "u", 0), ("add", "nosuch", "x", "u", 0),
    ("add", "callers", "x", "u", 0), ("add", "caller", "", "u", 0),
    ("add", "caller", "x", "", 0), ("rm", "caller", "", "u", 0),
    ("rm", "caller", "x", "", 0), ("rm", "nosuch", "x", "u", 0),
    ("x" * 3000, "caller", "x", "u", 0), ("add", "x" * 3000, "x", "u", 0),
)


def test_bad_input(env):
    """What is no command, profile, value or uid is false and changes
    nothing."""
    with env.proxy(PARAMS, script(first=TOLD)) as server, \
            sip.Party(server, "a") as a:
        told(a, "add", "caller", "x", "one", soon())
        for parameters in WRONG:
            same(repr(parameters)[:60], told(a, *parameters), (-1, 1))
        check(server.alive(), "the server has died")
        check("CRIT" not in server.log() and "BUG" not in server.log(),
              "%s", server.log()[-2000:])


@stock_differs("a time before 1970 and a value of any length are taken")
def test_out_of_range(env):
    """A time that no clock shows, and texts of any size."""
    with env.proxy(PARAMS, script(first=TOLD)) as server, \
            sip.Party(server, "a") as a:
        for expires in (-1, -2**31):
            same("expires", told(a, "add", "caller", "x", "u", expires),
                 (-1, 0))
        same("the last second", told(a, "add", "caller", "x", "u",
                                     2**31 - 1), (1, 1))
        for value, uid in (("x" * 5000, "u"), ("x", "u" * 5000)):
            same("huge", told(a, "add", "caller", value, uid, 0), (-1, 1))
        same("4096", told(a, "add", "caller", "x" * 4096, "u" * 4096, 0),
             (1, 1))
        same("members", server.rpc("dlg.stats")["remote_members"], 2)
        log = server.log()
        check("must be 0 or the seconds since 1970" in log, "no line")
        check("at most 4096" in log, "no line")


REFUSED = (
    'dlg_remote_profile("add", "caller", "x", "u");',
    'dlg_remote_profile("add", "caller", "x", "u", "0", "1");',
    'dlg_remote_profile("add", "caller", "x", "u", "never");',
    'dlg_set_timeout_by_profile("caller");',
    'dlg_set_timeout_by_profile("nosuch", "5");',
    'dlg_set_timeout_by_profile("caller", "x", "5", "6");',
    'dlg_set_timeout_by_profile("", "5");',
    'dlg_set_timeout_by_profile("caller", "x", "");',
)


def test_wrong_script(env):
    """Kamailio does not start with what can never be right."""
    for line in REFUSED:
        server = env.proxy(PARAMS, script(first=line))
        try:
            server.start()
        except proxy.StartFailed:
            continue
        finally:
            server.close()
        raise AssertionError("it starts with %s" % line)


# ------------------------------------------------------ lifetimes

def lifetimes(server):
    return {d["call-id"]: d["lifetime"] for d in dialogs(server)}


BY_PROFILE = '''
    if (is_method("MESSAGE")) {
        $var(s) = $(hdr(X-S){s.int});
        $var(p) = $hdr(X-P);
        %s
        append_to_reply("Rc: $rc\\r\\n");
        sl_send_reply("200", "Done");
        exit;
    }
'''


def _by_profile(env, call, then):
    """Three calls, two of them in caller/x; @then is told them."""
    routes = script(first=BY_PROFILE % call, initial='''
        set_dlg_profile("caller", "$hdr(In)"); set_dlg_profile("all");
        dlg_manage();''')
    with env.proxy(PARAMS, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        calls = [sip.establish(a, b, [("In", value)])
                 for value in ("x", "x", "y")]
        net.wait_until(lambda: all(d["state"] == 4 for d in dialogs(server)),
                       5, "three calls are up")
        then(server, a, [c.callid for c in calls])


@stock_differs("it gives back what it does not hold, and reads the two forms "
               "wrongly (B3, B4)")
def test_by_value(env):
    """profile, value, seconds; the value is a variable."""
    def then(server, a, ids):
        before = {d["call-id"]: d["ref"] for d in dialogs(server)}
        reply = a.ask("MESSAGE", [("X-P", "x"), ("X-S", "300")])
        same("code", reply.get("Rc"), "1")
        same("lifetimes", lifetimes(server), {ids[0]: 300, ids[1]: 300,
                                              ids[2]: 43200})
        same("ref", {d["call-id"]: d["ref"] for d in dialogs(server)},
             before)
        left = [d["timeout"] - time.time() for d in dialogs(server)
                if d["lifetime"] == 300]
        check(all(280 < s < 303 for s in left), "timeouts in %r s", left)
        for value in ("nobody", ""):
            a.ask("MESSAGE", [("X-P", value), ("X-S", "77")])
        same("lifetimes", sorted(lifetimes(server).values()),
             [300, 300, 43200])
    _by_profile(env, 'dlg_set_timeout_by_profile("caller", "$var(p)", '
                '"$var(s)");', then)


@stock_differs("the two-parameter form reads an address as a number (B4)")
def test_by_profile(env):
    """profile, seconds: constant or variable, with values or without."""
    def then(server, a, ids):
        for seconds in ("200", "201"):
            same("code", a.ask("MESSAGE", [("X-S", seconds)]).get("Rc"), "1")
            same("lifetimes", lifetimes(server),
                 dict.fromkeys(ids, int(seconds)))
        for wrong in ("0", "-5"):
            same("code", a.ask("MESSAGE", [("X-S", wrong)]).get("Rc"), "-1")
        same("lifetimes", lifetimes(server), dict.fromkeys(ids, 201))
        same("lines", server.log().count("must be above 0"), 2)
    for profile in ("caller", "all"):
        _by_profile(env, 'dlg_set_timeout_by_profile("%s", "$var(s)");'
                    % profile, then)


@stock_differs("the two-parameter form reads an address as a number (B4)")
def test_by_profile_ends(env):
    """The calls of a customer end in two seconds, the others stay."""
    def then(server, a, ids):
        a.ask("MESSAGE", [("X-P", "x"), ("X-S", "2")])
        net.wait_until(lambda: [d["call-id"] for d in dialogs(server)
                                if d["state"] == 4] == [ids[2]], 8,
                       "two calls end")
        same("expired", server.statistics()["expired_dialogs"], 2)
    _by_profile(env, 'dlg_set_timeout_by_profile("caller", "x", "2");', then)


@stock_differs("any text is a number there")
def test_seconds_that_are_none(env):
    """A wrong constant starts, as it does today, and is false."""
    def then(server, a, ids):
        check("must be a number above 0 or a variable" in server.log(),
              "no warning at the start")
        same("code", a.ask("MESSAGE", []).get("Rc"), "-1")
        same("lifetimes", lifetimes(server), dict.fromkeys(ids, 43200))
    _by_profile(env, 'dlg_set_timeout_by_profile("caller", "x", "soon");',
                then)


@parley_only("not in KSR of the packaged module")
def test_kemi(env):
    """The same functions from Lua."""
    initial = kemi.say(
        ("add", 'd.dlg_remote_profile("add", "caller", "x", "one", 0)'),
        ("add_all", 'd.dlg_remote_profile("add", "all", "", "one", 0)'),
        ("rm", 'd.dlg_remote_profile("rm", "caller", "x", "two", 0)'),
        ("rm_all", 'd.dlg_remote_profile("rm", "all", "", "one", 0)'),
        ("unknown", 'd.dlg_remote_profile("add", "nosuch", "x", "u", 0)'),
        ("minus", 'd.dlg_remote_profile("add", "caller", "x", "u", -1)'),
        ("set", 'd.set_dlg_profile("caller", "x")'),
        ("manage", "d.dlg_manage()"))
    inside = kemi.say(
        ("time", 'd.dlg_set_timeout_by_profile("caller", "x", 100)'),
        ("time_static", 'd.dlg_set_timeout_by_profile_static("caller", 101)'),
        ("time_zero", 'd.dlg_set_timeout_by_profile("caller", "x", 0)'),
        ("time_unknown", 'd.dlg_set_timeout_by_profile("nosuch", "x", 9)'))
    with kemi.lua_proxy(env, kemi.functions(initial, inside)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b)
        net.wait_until(lambda: "time_unknown" in kemi.results(server), 5,
                       "the ACK's script has run")
        same("results", {k: v for k, v in kemi.results(server).items()}, {
            "add": "1", "add_all": "1", "rm": "1", "rm_all": "1",
            "unknown": "-1", "minus": "-1", "set": "1", "manage": "1",
            "time": "1", "time_static": "1", "time_zero": "-1",
            "time_unknown": "-1"})
        same("size", size(server, "caller", "x"), 2)
        same("lifetime", list(lifetimes(server).values()), [101])
