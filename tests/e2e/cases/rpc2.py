"""dlg.list_match, dlg.is_alive, dlg.stats_active, and what all commands of both
modules have in common: names, fields, faults, arrays."""
import time

from lib import census
from lib.case import (check, dialogs, parley_only, same, script, sip,
                      stock_differs, two_parties, wait_state)
from lib.rpc import Fault

from .commands import fault

PROFILES = [("profiles_with_value", "caller"), ("profiles_no_value", "all")]
MATCH = ("dlg.list_match", "dlg.list_match_ctx")


def found(server, *args):
    """The Call-IDs that both commands find, through both transports."""
    answers = []
    for method in MATCH:
        for call in (server.json, server.rpc):
            try:
                answer = call(method, *args)
            except Fault as failure:
                same("%r" % (args,), (failure.code, failure.text),
                     (404, "Not found"))
                answer = []
            # binrpc shows a single dialog without its list
            if answer and hasattr(answer, "names"):
                answer = [answer]
            answers.append(sorted(d["call-id"] for d in answer))
    for answer in answers:
        same("%r" % (args,), answer, answers[0])
    return answers[0]


def test_match_texts(env):
    """eq, re and sw for each of the texts."""
    with two_parties(env.proxy()) as (server, a, b):
        one = sip.establish(a, b, callid="match-1@x",
                            from_uri="sip:alice@one.test")
        sip.establish(a, b, callid="match-2@x",
                      from_uri="sip:alan@two.test")
        for callid in ("match-1@x", "match-2@x"):
            wait_state(server, callid, 4)
        both = ["match-1@x", "match-2@x"]
        ruri = one.caller.invite.data.split(b" ")[1].decode() \
            if hasattr(one.caller.invite, "data") else None
        for args, want in (
                (("callid", "eq", "match-1@x"), both[:1]),
                (("callid", "eq", "match-1"), []),
                (("callid", "eq", "MATCH-1@x"), []),
                (("callid", "sw", "match-"), both),
                (("callid", "sw", "atch-"), []),
                (("callid", "sw", "match-2@x"), both[1:]),
                (("callid", "sw", "match-2@xx"), []),
                (("callid", "re", "^MATCH-[0-9]@x$"), both),
                (("callid", "re", "1@"), both[:1]),
                (("callid", "re", "^atch"), []),
                (("furi", "eq", "sip:alan@two.test"), both[1:]),
                (("furi", "eq", "sip:alan"), []),
                (("furi", "eq", "sip:alan@two.test;x"), []),
                (("furi", "sw", "sip:al"), both),
                (("furi", "re", "one|two"), both),
                (("furi", "re", "(ali|ala)ce"), both[:1]),
                (("turi", "eq", "sip:b@to.test"), both),
                (("turi", "sw", "sip:a"), []),
                (("ruri", "eq", ruri), both),
                (("ruri", "re", "127[.]0"), both),
                (("ruri", "sw", "tel:"), [])):
            same("%r" % (args,), found(server, *args), want)


def _up_and_ringing(server, a, b):
    """A call that is up, the caller's Side of one that rings."""
    call = sip.establish(a, b)
    side, _ = sip.ring(a, b)
    wait_state(server, call.callid, 4)
    wait_state(server, side.callid, 2)
    return call, side


def test_match_start(env):
    """gt and lt for the time of the answer; a call that rings has 0."""
    with two_parties(env.proxy()) as (server, a, b):
        call, side = _up_and_ringing(server, a, b)
        now = int(time.time())
        same("gt", found(server, "start_ts", "gt", str(now - 1000)),
             [call.callid])
        same("gt", found(server, "start_ts", "gt", str(now + 1000)), [])
        same("lt", found(server, "start_ts", "lt", "5"), [side.callid])
        same("lt", found(server, "start_ts", "lt", str(now + 1000)),
             sorted([call.callid, side.callid]))


@parley_only("the packaged module has no eq for start_ts")
def test_match_start_eq(env):
    with two_parties(env.proxy()) as (server, a, b):
        call, side = _up_and_ringing(server, a, b)
        start = server.rpc("dlg.dlg_list", call.callid)["start_ts"]
        same("eq", found(server, "start_ts", "eq", str(start)), [call.callid])
        same("eq", found(server, "start_ts", "eq", 0), [side.callid])
        same("eq", found(server, "start_ts", "eq", str(start + 1)), [])


def test_match_limit(env):
    """At most so many; 0 is no limit."""
    with two_parties(env.proxy()) as (server, a, b):
        for _ in range(5):
            sip.establish(a, b)
        for key, op, value in (("furi", "sw", "sip:a"), ("callid", "re", "."),
                               ("start_ts", "gt", "1")):
            for limit, want in ((1, 1), (3, 3), (5, 5), (99, 5), (0, 5)):
                answer = server.json("dlg.list_match", key, op, value, limit)
                same("%s limit %d" % (key, limit), len(answer), want)


@parley_only("the packaged module has no rpc_list_max")
def test_match_list_max(env):
    """More than rpc_list_max need a limit."""
    with two_parties(env.proxy([("rpc_list_max", 3)])) as (server, a, b):
        for _ in range(4):
            sip.establish(a, b)
        fault(server, 400, ["rpc_list_max (3)", "limit"], "dlg.list_match",
              "furi", "sw", "sip:a")
        same("limit", len(server.json("dlg.list_match", "furi", "sw", "sip:",
                                      4)), 4)


@parley_only("the packaged module has no limit for a Call-ID")
def test_match_callid_of_many(env):
    """A Call-ID with several dialogs: limit and rpc_list_max hold, too."""
    params = [("rpc_list_max", 2), ("detect_spirals", 0)]
    with two_parties(env.proxy(params)) as (server, a, b):
        for _ in range(3):
            a.invite(b, callid="same")
            b.reply(b.expect("INVITE"), 180)
            a.expect(180)
        fault(server, 400, ["rpc_list_max (2)"], "dlg.list_match", "callid",
              "eq", "same")
        same("limit", len(server.json("dlg.list_match", "callid", "eq",
                                      "same", 3)), 3)


@stock_differs("it walks over all slots for a Call-ID")
def test_match_callid_is_quick(env):
    """A Call-ID is found in the index: its cost does not grow with the number
    of dialogs as that of an expression does."""
    routes = script(initial=census.CROWD + "dlg_manage();")
    with two_parties(env.proxy(routes=routes, shm_mb=256)) as (server, a, b):
        wanted = sip.establish(a, b)
        census.crowd(a, 2000)

        def asks(*args):
            def ask():
                for _ in range(20):
                    same("found", server.rpc(
                        "dlg.list_match", *args)["call-id"], wanted.callid)
            return lambda: census.cpu_seconds(server, ask)
        one, all_of_them = census.least([
            asks("callid", "eq", wanted.callid),
            asks("callid", "re", "^%s$" % wanted.callid)])
        check(one * 4 < all_of_them, "by index %.5f s, by walk %.5f s", one,
              all_of_them)


WRONG = (
    (), ("furi",), ("furi", "eq"), ("", "eq", "x"), ("furi", "", "x"),
    ("furi", "eq", ""), ("nokey", "eq", "x"), ("FURI", "eq", "x"),
    ("furi", "is", "x"), ("furi", "equal", "x"), ("furi", "gt", "1"),
    ("callid", "lt", "1"), ("start_ts", "re", "1"), ("start_ts", "sw", "1"),
    ("furi", "re", "("), ("furi", "re", "["), ("furi", "re", "*a{"),
    ("furi", "re", "a{2,1}"),
)


def test_match_faults(env):
    """What is no condition is a fault 500, nothing fits is a fault 404."""
    with env.proxy() as server:
        for args in WRONG:
            for method in MATCH:
                fault(server, 500, [], method, *args)
        fault(server, 404, ["Not found"], "dlg.list_match", "furi", "eq", "x")
        fault(server, 404, ["Not found"], "dlg.list_match", "furi", "re", "x")
        check(server.alive(), "the server has died")


@stock_differs("a wrong limit is none, too much is ignored")
def test_match_more_faults(env):
    with env.proxy() as server:
        for limit in ("-1", "x", "99999999999"):
            fault(server, 400, ["limit"], "dlg.list_match", "furi", "eq", "x",
                  limit)
        fault(server, 400, ["Unknown parameter"], "dlg.list_match", "furi",
              "eq", "x", 1, 2)
        for value in ("soon", "-1", "1.5", "99999999999999"):
            fault(server, 500, ["start_ts is a number"], "dlg.list_match",
                  "start_ts", "gt", value)
        fault(server, 500, ["1000 characters"], "dlg.list_match", "furi",
              "re", "(a*)" * 300)


# ------------------------------------------------ one call

def test_is_alive(env):
    """Alive in state 4 only, by tags in either order."""
    with two_parties(env.proxy()) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        tags = (call.caller.local_tag, call.caller.remote_tag)
        for ids in ((call.callid,) + tags, (call.callid,) + tags[::-1]):
            same("json", server.json("dlg.is_alive", *ids), "Alive")
            same("rpc", server.rpc("dlg.is_alive", *ids), "Alive")
        fault(server, 404, ["Dialog not found"], "dlg.is_alive", "x", "y", "z")
        fault(server, 404, ["Dialog not found"], "dlg.is_alive", call.callid,
              tags[0], "z")
        for count in range(3):
            fault(server, 400, ["Too few parameters"], "dlg.is_alive",
                  *(call.callid, tags[0])[:count])
        call.hang_up()


def test_is_alive_early(env):
    with two_parties(env.proxy()) as (server, a, b):
        side = a.invite(b)
        b.reply(b.expect("INVITE"), 180, tag="early")
        a.expect(180)
        fault(server, 500, ["Dialog not in confirmed state"], "dlg.is_alive",
              side.callid, side.local_tag, "" if env.stock else "early")


def test_stats_active_own(env):
    """The parameter is taken and changes nothing: all are our own."""
    with two_parties(env.proxy()) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        for args in ((), (0,), (1,)):
            for way in (server.json, server.rpc):
                same("counts", list(way("dlg.stats_active", *args)), [
                    ("starting", 0), ("connecting", 0), ("answering", 0),
                    ("ongoing", 1), ("all", 1)])


# ------------------------------------------------ both modules

# Commands of the packaged module that another part of the work brings.
LATER = set()


@parley_only("it compares both modules by itself")
def test_names(env):
    """Every command of the packaged module is here."""
    def names(stock):
        with env.proxy(PROFILES, stock=stock) as server:
            return {name for name in server.json("system.listMethods")
                    if name.startswith("dlg.")}
    mine, stock = names(False), names(True)
    same("missing", sorted(stock - mine - LATER), [])
    check(len(stock) == 16, "the packaged module has %d", len(stock))


@parley_only("it compares both modules by itself")
def test_empty_answers(env):
    """An array is an array and an object an object, with nothing in it."""
    commands = (("dlg.list",), ("dlg.list_ctx",), ("dlg.briefing",),
                ("dlg.dlg_list", "none"), ("dlg.dlg_list_ctx", "none"),
                ("dlg.profile_list", "all"), ("dlg.profile_list", "caller"))

    def answers(stock):
        with env.proxy(PROFILES, stock=stock) as server:
            return [(c, type(server.json(*c)).__name__, len(server.json(*c)))
                    for c in commands]
    for mine, stock in zip(answers(False), answers(True)):
        same(repr(mine[0]), mine, stock)


FAULTS = tuple(("dlg.list_match",) + args for args in WRONG) + (
    ("dlg.list_match", "furi", "eq", "x"),
    ("dlg.list_match_ctx", "furi", "eq", "x"),
    ("dlg.is_alive",), ("dlg.is_alive", "x"), ("dlg.is_alive", "x", "y"),
    ("dlg.is_alive", "x", "y", "z"),
    ("dlg.set_state",), ("dlg.set_state", "x"), ("dlg.set_state", "x", "y"),
    ("dlg.set_state", "x", "y", "z", 0), ("dlg.set_state", "x", "y", "z", 6),
    ("dlg.set_state", "x", "y", "z", 5),
)


@parley_only("it compares both modules by itself")
def test_faults(env):
    """The same codes, and the same texts or more."""
    def faults(stock):
        out = {}
        with env.proxy(PROFILES, stock=stock) as server:
            for command in FAULTS:
                for way in ("json", "rpc"):
                    try:
                        out[way, command] = getattr(server, way)(*command)
                    except Fault as failure:
                        out[way, command] = (failure.code, failure.text)
        return out
    mine, stock = faults(False), faults(True)
    for key, answer in stock.items():
        check(mine[key][0] == answer[0] and
              mine[key][1].startswith(answer[1].strip()),
              "%r: ours %r, packaged %r", key, mine[key], answer)


@parley_only("it compares both modules by itself")
def test_match_fields(env):
    """The dialogs of list_match are those of list."""
    with env.proxy(PROFILES, script(initial='''
            set_dlg_profile("all"); set_dlg_profile("caller", "$fU");
            $dlg_var(key) = "value"; dlg_manage();''')) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        listed = dialogs(server)[0]
        for method in MATCH:
            for way in (server.json, server.rpc):
                answer = way(method, "callid", "eq", call.callid)
                answer = answer if hasattr(answer, "names") else answer[0]
                same(method, answer.names(), listed.names())
