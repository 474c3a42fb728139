"""load_dlg() as a module of our own sees it (tests/e2e/modules/caller.c): what
each function does, and what each callback is told. The module runs on the
packaged dialog as well."""
from lib import modules
from lib.callbacks import (FORGET, LOOP, SETUP, Types, check_hold, codes,
                           established, inside, lines, names)
from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      stock_differs, two_parties, wait_state, wait_statistic)

from . import dmq

TYPES = Types((15, "TERMINATED_CONFIRMED"))
wish, told, wait_told = TYPES.wish, TYPES.told, TYPES.wait_told


def proxy(env, *wishes, params=(), **hooks):
    """A server with the module on top."""
    caller = modules.own(env, "caller", wishes=";".join(wishes) or wish("all"))
    if not env.stock:
        params = [FORGET] + list(params)
    return env.proxy(params, script(**hooks), last=caller)


def tested(env, *wishes, **options):
    """The server, started, and two parties."""
    return two_parties(proxy(env, *wishes, **options))


def _whole_call(env, by):
    """One callback for all types at once. The packaged module does not tell
    the reply to a BYE as RESPONSE_WITHIN."""
    with tested(env) as (server, a, b):
        TYPES.check_call(server, established(server, a, b), by,
                         [] if env.stock else ["RESPONSE_WITHIN"],
                         [("TERMINATED_CONFIRMED", "BYE", "200", 2)])


def test_call(env):
    """From the INVITE to the end, the caller ends it."""
    _whole_call(env, "caller")


def test_call_upstream(env):
    """Requests of the callee."""
    _whole_call(env, "callee")


def test_created(env):
    """CREATED: for every dialog; the one registered last is told first."""
    with tested(env) as (server, a, b):
        TYPES.check_created(server, a, b)


def test_refused(env):
    """What register_dlgcb() takes, and what not."""
    with tested(env) as (server, a, b):
        sip.ring(a, b)
        TYPES.check_refused(server, ["older", "newer", "all"])


def test_one_type(env):
    """A callback for one type, one for several: each gets its own only."""
    with tested(env, wish("one", "EARLY"),
                wish("some", "CONFIRMED", "TERMINATED", "DESTROY")) \
            as (server, a, b):
        established(server, a, b).hang_up()
        got = [t[0] for t in wait_told(server, "DESTROY", "some")]
        same("some", got, ["CONFIRMED", "TERMINATED", "DESTROY"])
        same("one", [t[0] for t in told(server, "one")], ["EARLY"])


def test_order(env):
    """Those of a dialog: the one registered last is told first."""
    order = ["first", "second", "third"]
    with tested(env, *[wish(n, "EARLY", "TERMINATED") for n in order]) \
            as (server, a, b):
        established(server, a, b).hang_up()
        wait_told(server, "TERMINATED", "first")
        for what in ("EARLY", "TERMINATED"):
            TYPES.check_order(server, what, order[::-1])


def test_failed(env):
    """FAILED: no 2xx came."""
    with tested(env) as (server, a, b):
        TYPES.check_failed(server, a, b)


def test_expired(env):
    """EXPIRED: the lifetime is over, and no BYE is sent."""
    with tested(env, params=[("default_timeout", 3)]) as (server, a, b):
        established(server, a, b)
        got = wait_told(server, "DESTROY")
        same("told", got[len(SETUP):], [
            ("EXPIRED", "-", "-", 0), ("DESTROY", "-", "-", 0)])
        data = {l["data"] for _, l in lines(server, "told")
                if int(l["type"]) == TYPES.number["EXPIRED"]}
        same("dlg_data of a confirmed call", data, {"yes"})


def test_rpc_context(env):
    """RPC_CONTEXT: by dlg.list_ctx, with what writes the reply."""
    with tested(env, wish("all", "RPC_CONTEXT")) as (server, a, b):
        call = established(server, a, b)
        server.json("dlg.list_ctx")
        same("told", told(server), [("RPC_CONTEXT", "-", "-", 0)])
        same("dlg_data", [l["data"] for _, l in lines(server, "told")
                          if l["name"] == "all"], ["yes"])
        server.json("dlg.dlg_list_ctx", call.callid)
        same("told twice", len(told(server)), 2)
        server.json("dlg.list")
        same("not by dlg.list", len(told(server)), 2)


def test_spiraled(env):
    """SPIRALED: the INVITE comes again."""
    with tested(env, wish("all", "SPIRALED"),
                initial="dlg_manage();" + LOOP) as (server, a, b):
        TYPES.check_spiraled(server, a, b)


# ------------------------------------------------ the parameter

def _freed(server, name):
    return names(server, "free").count(name)


def test_free(env):
    """free_cb: once, after DESTROY; not for one who has set it to NULL."""
    with tested(env, wish("kept"), wish("dropped", "DESTROY", action="drop")) \
            as (server, a, b):
        for count in (1, 2):
            call = established(server, a, b)
            same("freed before the end", _freed(server, "kept"), count - 1)
            call.hang_up()
            net.wait_until(lambda: _freed(server, "kept") >= count, 15,
                           "free_cb is called")
        same("freed", _freed(server, "kept"), 2)
        same("DESTROY", [t[0] for t in told(server, "dropped")],
             ["DESTROY"] * 2)
        same("freed by who took it", _freed(server, "dropped"), 0)
        kinds = [kind for kind, l in lines(server, "told", "free")
                 if l["name"] == "kept"]
        same("the last", kinds[-1], "free")


# ------------------------------------------------ nested

def _unspoilt(server, name):
    """Each callback still had its parameters when it was done."""
    same("parameters afterwards", told(server, name, "after"),
         told(server, name))
    same("spoilt", lines(server, "spoilt"), [])


def test_nested_variable(env):
    """set_dlg_var() in callbacks."""
    with tested(env, wish("setter", action="set")) as (server, a, b):
        call = established(server, a, b)
        found = server.rpc("dlg.dlg_list", call.callid)
        check({"told": "setter"} in [
            dict(v) for v in found["variables"]], "the variable is not in "
              "%r", found["variables"])
        inside(call)
        call.hang_up()
        wait_told(server, "DESTROY", "setter")
        done = codes(server, "set")
        check("0" in done, "set_dlg_var() gave %r", done)
        _unspoilt(server, "setter")


@stock_differs("nested callbacks overwrite the one set of parameters")
def test_nested_end(env):
    """terminate_dlg() in a callback: the callbacks that it leads to are told
    inside of it, and it keeps its own parameters."""
    with tested(env, wish("other"),
                wish("ender", "REQ_WITHIN", action="end")) as (server, a, b):
        call = established(server, a, b)
        inside(call)
        for bye in sip.confirm_byes(call.callid, a, b):
            same("header", bye.get("X-Ended"), "callback")
        # The packaged module gives no request here.
        wait_told(server, "TERMINATED_CONFIRMED", "other")
        same("TERMINATED_CONFIRMED", told(server, "other")[-1],
             ("TERMINATED_CONFIRMED", "BYE", "200", 0))
        same("ender", told(server, "ender"),
             [("REQ_WITHIN", "INFO", "-", 1)])
        _unspoilt(server, "ender")
        same("ended", codes(server, "end"), ["0"])
        same("TERMINATED", [t for t in told(server, "other")
                            if t[0] == "TERMINATED"],
             [("TERMINATED", "-", "-", 0)])


# ------------------------------------------------ functions

def test_terminate(env):
    """terminate_dlg(): BYEs to both, with the headers."""
    with tested(env, inside='if (is_method("INFO")) { caller_end(); }') \
            as (server, a, b):
        call = established(server, a, b)
        call.caller.request("INFO")
        for bye in sip.confirm_byes(call.callid, a, b):
            same("header", bye.get("X-Ended"), "script")
        wait_statistic(server, "active_dialogs", 0)
        found = wait_told(server, "TERMINATED_CONFIRMED")
        same("ended", codes(server, "end"), ["0"])
        same("reply and direction of TERMINATED_CONFIRMED", {
            t[2:] for t in found if t[0] == "TERMINATED_CONFIRMED"},
             {("200", 0)})
        same("TERMINATED", [t for t in found if t[0] == "TERMINATED"],
             [("TERMINATED", "-", "-", 0)])


VARIABLES = '''
    dlg_manage();
    caller_set("colour", "red");
    caller_read("colour");
    if ($dlg_var(colour) != "red") { xlog("L_ERR", "|script|differs=1|\\n"); }
    $dlg_var(shape) = "round";
    caller_read("shape");
    caller_set("colour");
    caller_read("colour");
    if ($dlg_var(colour) != $null) { xlog("L_ERR", "|script|differs=2|\\n"); }
'''


def test_variables(env):
    """set_dlg_var() and the four that read, with the script's own."""
    with tested(env, initial=VARIABLES) as (server, a, b):
        sip.ring(a, b)
        same("set", codes(server, "set"), ["0", "0"])
        same("in the script", lines(server, "script"), [])

        def values(how):
            return [(l["key"], int(l["rc"]), l["value"])
                    for _, l in lines(server, "value") if l["how"] == how]
        same("varstatus", values("varstatus"), [
            ("colour", 1, ""), ("shape", 1, ""), ("colour", 0, "")])
        for how in ("varref", "varval", "vardup"):
            same(how, values(how), [("colour", 0, "red"),
                                    ("shape", 0, "round"),
                                    ("colour", -2, "")])


GET = dict(
    initial='caller_get("before"); dlg_manage(); caller_get("initial");',
    inside='caller_get("inside");', reply='caller_get("reply");',
    out_of_dialog='if (is_method("OPTIONS")) { caller_get("stranger"); '
                  'sl_send_reply("200", "OK"); exit; }')


def test_get(env):
    """get_dlg(): in each route; nobody's message has none."""
    with tested(env, **GET) as (server, a, b):
        call = established(server, a, b)
        inside(call, "callee")
        a.ask("OPTIONS")
        got = {l["name"]: l["callid"] for _, l in lines(server, "got")}
        same("found", got, dict.fromkeys(
            ("initial", "inside", "reply"), call.callid))
        same("not found", set(names(server, "none")),
             {"before", "stranger"})


HOLD = dict(
    inside='if (is_method("INFO")) { caller_hold(); }',
    out_of_dialog='if (is_method("OPTIONS")) { caller_release(); '
                  'sl_send_reply("200", "OK"); exit; }')


def test_hold(env):
    """get_dlg() keeps a dialog until release_dlg(), longer than another one
    that has ended after it."""
    with tested(env, wish("all", "DESTROY"), **HOLD,
                params=[] if env.stock else [("end_timeout", 60)]) \
            as (server, a, b):
        check_hold(lambda: established(server, a, b), a, lambda: [
            l["callid"] for _, l in lines(server, "cell")
            if l["name"] == "all"])


# ------------------------------------------------ the cell

def test_cell(env):
    """The fields in each callback; the address is the same in all."""
    with tested(env, params=[("default_timeout", 777)]) as (server, a, b):
        call = established(server, a, b)
        shown = server.rpc("dlg.dlg_list", call.callid)
        inside(call)
        call.hang_up()
        wait_told(server, "DESTROY")
        cells = [l for _, l in lines(server, "cell")]
        for name, value in (
                ("callid", call.callid), ("lifetime", "777"),
                ("from_uri", "sip:a@from.test"),
                ("to_uri", "sip:b@to.test"),
                ("req_uri", call.caller.invite.uri),
                ("caller_tag", call.caller.local_tag),
                ("caller_contact", a.contact),
                ("h_entry", str(shown["h_entry"])),
                ("h_id", str(shown["h_id"]))):
            same(name, {c[name] for c in cells}, {value})
        same("addresses", len({c["cell"] for c in cells}), 1)
        kinds = [TYPES.name[int(l["type"])] for _, l in lines(server, "told")]
        # The first of each type: RESPONSE_WITHIN also tells the BYE's.
        states = dict(reversed(list(zip(
            kinds, [int(c["state"]) for c in cells]))))
        same("states", states, {
            "CREATED": 1, "RESPONSE_FWDED": 1, "EARLY": 2,
            "CONFIRMED_NA": 3, "CONFIRMED": 4, "REQ_WITHIN": 4,
            "RESPONSE_WITHIN": 4, "TERMINATED": 5,
            "TERMINATED_CONFIRMED": 5, "DESTROY": 5})
        answered = [c for c in cells if int(c["state"]) >= 3]
        for name, value in (("callee_tag", call.callee.local_tag),
                            ("callee_contact", b.contact)):
            same(name, {c[name] for c in answered}, {value})


# ------------------------------------------------ replication

@parley_only(dmq.REASON)
def test_loaded(env):
    """LOADED: a call came from another proxy, if a parameter wants it told."""
    for wanted in (1, 0):
        caller = modules.own(env, "caller", wishes=wish("all", "EARLY"),
                             loaded=1)
        with dmq.pair(env, [("enable_dmq_load_callbacks", wanted)],
                      last=caller) as (one, two, a, b):
            call = sip.establish(a, b)
            wait_state(two, call.callid, 4)
            same("told at its owner", told(one, "loaded"), [])
            if wanted:
                same("told", wait_told(two, "LOADED", "loaded"),
                     [("LOADED", "-", "-", 0)])
                same("callid", {l["callid"] for _, l in lines(two, "cell")
                                if l["name"] == "loaded"}, {call.callid})
            else:
                same("told without", told(two, "loaded"), [])
            same("dialogs", len(dialogs(two)), 1)
