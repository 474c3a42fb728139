"""load_ims_dlg() as a module of our own sees it (tests/e2e/modules/ims_caller.c):
each field of its structs, each function, and what each callback is told. The
module is compiled against the packaged header and runs on the packaged
ims_dialog as well."""
import time

from lib import modules
from lib.callbacks import (LOOP, SETUP, Types, check_hold, check_memory_back,
                           codes, inside, lines, names)
from lib.case import (check, net, parley_only, same, script, sip,
                      stock_differs, two_parties)

# TERMINATED_CONFIRMED has the number of SPIRALED.
TYPES = Types((11, "MI_CONTEXT"))
wish, told, wait_told = TYPES.wish, TYPES.told, TYPES.wait_told
FLAG = 4
STATES = {"CREATED": 1, "EARLY": 2, "CONFIRMED_NA": 5, "CONFIRMED": 4,
          "DESTROY": 6}
MODULES = ("ims_dialog", "dialog_ng", "dialog")


def proxy(env, *wishes, params=(), name="ims_dialog", last="", **hooks):
    """A server with the module on top."""
    caller = modules.own(env, "ims_caller",
                         wishes=";".join(wishes) or wish("all"))
    params = [("dlg_flag", FLAG)] + list(params)
    if not env.stock and "end_timeout" not in dict(params):
        params.append(("end_timeout", 1))
    hooks.setdefault("initial", "")
    hooks["initial"] = "setflag(%d); t_newtran(); %s" % (FLAG,
                                                        hooks["initial"])
    return env.proxy(params, script(**hooks), name=name, last=caller + last)


def tested(env, *wishes, **options):
    """The server, started, and two parties."""
    return two_parties(proxy(env, *wishes, **options))


def established(server, a, b, name="all", headers=()):
    before = [t[0] for t in told(server, name)].count("CONFIRMED")
    call = sip.establish(a, b, headers)
    wait_told(server, "CONFIRMED", name, before + 1)
    return call


def cells(server, kind="cell", name="all"):
    """The structs that were logged, with their legs and private fields."""
    found = []
    for what, line in lines(server, kind, "leg", "private"):
        if line["name"] != name:
            continue
        if what == kind:
            found.append(dict(line, legs=[]))
        elif what == "leg" and found:
            found[-1]["legs"].append(line)
        elif found:
            found[-1]["private"] = line
    return found


def _whole_call(env, by, name):
    """The packaged module does not tell the reply to a BYE."""
    with tested(env, name=name) as (server, a, b):
        TYPES.check_call(server, established(server, a, b), by,
                         [] if env.stock else ["RESPONSE_WITHIN", "SPIRALED"])


def test_call(env):
    """From the INVITE to the end, under each name."""
    for name in MODULES[:1] if env.stock else MODULES:
        _whole_call(env, "caller", name)


def test_call_upstream(env):
    """Requests of the callee."""
    _whole_call(env, "callee", "ims_dialog")


def test_created(env):
    """CREATED: for every dialog; the one registered last is told first."""
    with tested(env) as (server, a, b):
        TYPES.check_created(server, a, b)


def test_refused(env):
    """What register_dlgcb() takes, and what not."""
    with tested(env) as (server, a, b):
        sip.ring(a, b)
        TYPES.check_refused(server, ["older", "newer", "loaded", "all"])
        same("register_dlgcb_nodlg() without a dialog",
             codes(server, "nodlg"), ["-1"])


def test_order(env):
    """Those of a dialog: the one registered last is told first; each gets what
    it asked for."""
    order = ["first", "second", "third"]
    with tested(env, *[wish(n, "EARLY", "CONFIRMED") for n in order]) \
            as (server, a, b):
        established(server, a, b, "first")
        for what in ("EARLY", "CONFIRMED"):
            TYPES.check_order(server, what, order[::-1])
        same("told", [t[0] for t in told(server, "first")],
             ["EARLY", "CONFIRMED"])


def test_failed(env):
    """FAILED: no 2xx came."""
    with tested(env) as (server, a, b):
        TYPES.check_failed(server, a, b)


def _expired(env, bye, name):
    params = [("default_timeout", 3)] + ([("send_bye", 1)] if bye else [])
    with tested(env, params=params, name=name) as (server, a, b):
        call = established(server, a, b)
        if bye:
            byes = [(p, p.expect("BYE", callid=call.callid)) for p in (a, b)]
            wait_told(server, "EXPIRED")
            for party, request in byes:
                party.reply(request, 200)
        else:
            wait_told(server, "EXPIRED")
        if env.stock:  # it stays listed as Deleted
            return told(server)
        return wait_told(server, "SPIRALED" if bye else "DESTROY")


def test_expired(env):
    """EXPIRED: once, as soon as the lifetime is over, with the BYEs of
    ims_dialog and without those."""
    cases = [(True, "ims_dialog")]
    if not env.stock:
        cases += [(True, "dialog"), (False, "dialog")]
    for bye, name in cases:
        got = [t for t in _expired(env, bye and not env.stock, name)
               [len(SETUP):] if t[0] != "SPIRALED"]
        same("told", [t for t in got if t[0] != "DESTROY"],
             [("EXPIRED", "-", "-", 0)])


def test_spiraled(env):
    """SPIRALED: the INVITE comes again."""
    with tested(env, wish("all", "SPIRALED"), initial=LOOP) as (server, a, b):
        TYPES.check_spiraled(server, a, b)


@parley_only("the packaged module has no dlg.list_ctx")
def test_rpc_context(env):
    """RPC_CONTEXT: by dlg.list_ctx, with what writes the reply. MI_CONTEXT is
    taken, and never told."""
    with tested(env, wish("all", "RPC_CONTEXT", "MI_CONTEXT"),
                wish("up", "CONFIRMED")) as (server, a, b):
        established(server, a, b, "up")
        server.json("dlg.list_ctx")
        same("told", told(server), [("RPC_CONTEXT", "-", "-", 0)])
        same("dlg_data", [l["data"] for _, l in lines(server, "told")
                          if l["name"] == "all"], ["yes"])


def test_free(env):
    """free_cb: once, after DESTROY; not for one who has set it to NULL."""
    with tested(env, wish("all"), wish("dropped", "DESTROY", action="drop")) \
            as (server, a, b):
        established(server, a, b).hang_up()
        net.wait_until(lambda: names(server, "free"), 15,
                       "free_cb is called")
        same("DESTROY", [t[0] for t in told(server, "dropped")],
             ["DESTROY"])
        same("freed", names(server, "free"), ["all"])
        same("the last", [kind for kind, l in lines(
            server, "told", "free") if l["name"] == "all"][-1], "free")


# ------------------------------------------------ the fields

def test_cell(env):
    """Each field of struct dlg_cell, in each callback, at one address."""
    with tested(env, params=[("default_timeout", 777)]) as (server, a, b):
        started = int(time.time())
        call = established(server, a, b)
        inside(call)
        call.hang_up()
        wait_told(server, "DESTROY")
        found = cells(server)
        for name, value in (
                ("callid", call.callid), ("lifetime", "777"),
                ("from_uri", "sip:a@from.test"),
                ("from_tag", call.caller.local_tag),
                ("req_uri", call.caller.invite.uri),
                ("first_req_cseq", str(call.caller.invite_cseq())),
                ("caller_contact", a.contact), ("caller_route_set", ""),
                ("caller_bind_addr", "udp:127.0.0.1:%d" % server.port),
                ("did", ""), ("sflags", "0"), ("whole", "1")):
            same(name, {c[name] for c in found}, {value})
        same("addresses", len({c["cell"] for c in found}), 1)
        # The clock of time(2) is a tick behind that of Python.
        check(all(-1 <= int(c["init_ts"]) - started <= 15 for c in found),
              "init_ts: %r after %d", [c["init_ts"] for c in found], started)
        for cell in found[:-1]:  # in DESTROY the packaged one has 0
            check(int(cell["ref"]) > 0, "ref is %s", cell["ref"])
            check((int(cell["start_ts"]) > 0) == (
                cell["state"] in ("4", "5", "6")), "start_ts is %s in "
                "state %s", cell["start_ts"], cell["state"])
        kinds = [TYPES.name[int(l["type"])] for _, l in lines(server, "told")
                 if l["name"] == "all"]
        states = dict(zip(kinds, [int(c["state"]) for c in found]))
        for kind in ("EARLY", "CONFIRMED_NA", "CONFIRMED", "DESTROY"):
            same("state in " + kind, states[kind], STATES[kind])
        same("state when created", {c["state"] for c in cells(
            server, "cell", "newer")}, {"1"})


@parley_only("they are the packaged module's own there")
def test_private(env):
    """What no module may touch is zero."""
    with tested(env) as (server, a, b):
        established(server, a, b).hang_up()
        wait_told(server, "DESTROY")
        for cell in cells(server):
            same("private", {k: v for k, v in cell["private"].items()
                             if k != "name" and v not in ("0", "")}, {})


def _of_leg(leg, *names):
    return {name: leg[name] for name in names}


def test_leg(env):
    """Each field of struct dlg_cell_out, from the first reply on."""
    with tested(env) as (server, a, b):
        call = established(server, a, b)
        inside(call)
        found = [c for c in cells(server) if c["state"] != "1"]
        cseq = call.caller.invite_cseq()
        for cell in found:
            same("legs", len(cell["legs"]), 1)
            leg = cell["legs"][0]
            same("leg", _of_leg(leg, "to_uri", "to_tag", "h_id", "did",
                                "callee_contact", "callee_route_set",
                                "callee_cseq", "deleted"), {
                "to_uri": "sip:b@to.test", "h_id": "0", "did": "",
                "to_tag": call.callee.local_tag,
                "callee_contact": b.contact, "callee_route_set": "",
                "callee_cseq": str(cseq), "deleted": "0"})
            same("socket", leg["callee_bind_addr"],
                 "udp:127.0.0.1:%d" % server.port)
            check(leg["h_entry"] != "0", "h_entry is the tag's hash")
        same("addresses", len({c["legs"][0]["out"] for c in found}), 1)


@stock_differs("the leg that rang first stays the first, whoever answers")
def test_answered_first(env):
    """Two legs ring: both are in the list, in their order; the one that answers
    comes first, and is the only one when the other is known to have lost. Each
    has its own fields and stays at its address."""
    with tested(env) as (server, a, b):
        side, invite = sip.two_ring(a, b)
        both = cells(server)[-1]
        same("tags", [l["to_tag"] for l in both["legs"]], ["A", "B"])
        same("count", both["count"], "2")
        call = sip.answer_fork(side, invite, b, "B")
        wait_told(server, "CONFIRMED")
        up = cells(server)[-1]
        same("first", up["legs"][0]["to_tag"], "B")
        same("address", up["legs"][0]["out"], both["legs"][1]["out"])
        inside(call, "callee")
        answered = cells(server)[-1]["legs"][0]
        same("callee's CSeq", answered["callee_cseq"],
             str(call.callee.cseq))
        inside(call)
        answered = cells(server)[-1]["legs"][0]
        same("caller's CSeq", answered["caller_cseq"],
             str(call.caller.cseq))
        call.hang_up()
        wait_told(server, "DESTROY")
        for cell in cells(server):
            same("whole", cell["whole"], "1")
            same("count", cell["count"], str(len(cell["legs"])))


@parley_only("the packaged module has no dialog.so with this API")
def test_both(env):
    """load_dlg() and load_ims_dlg() at once: two structs of each dialog, and
    each module is told on its own."""
    caller = modules.own(env, "caller", wishes="dlg log %d" % (
        TYPES.number["EARLY"] | TYPES.number["CONFIRMED"]))
    with tested(env, last=caller) as (server, a, b):
        call = established(server, a, b)
        there = [l for _, l in lines(server, "cell") if l["name"] == "dlg"]
        here = cells(server)
        same("callid", {c["callid"] for c in there + here}, {call.callid})
        same("h_id", len({c["h_id"] for c in there + here}), 1)
        same("cells", len({c["cell"] for c in there + here}), 2)
        same("callee of the other", there[-1]["callee_tag"],
             here[-1]["legs"][0]["to_tag"])
        call.hang_up()
        wait_told(server, "DESTROY")


@parley_only("the memory is ours")
def test_memory_back(env):
    """Structs, legs and registrations are gone with their dialogs."""
    with tested(env) as (server, a, b):
        check_memory_back(server, lambda: established(server, a, b), 20)
        same("freed", len(lines(server, "free")), 21)


# ------------------------------------------------ functions

GET = dict(
    first='ims_get("before");', initial='ims_get("initial");',
    inside='ims_get("inside");', reply='ims_get("reply");')


def test_get(env):
    """get_dlg(): from the first reply on in each route; before that if the
    dialog is there."""
    with tested(env, **GET) as (server, a, b):
        call = established(server, a, b)
        inside(call, "callee")
        got = {l["name"]: l["callid"] for _, l in lines(server, "got")}
        same("found", {n: got.get(n) for n in ("inside", "reply")},
             dict.fromkeys(("inside", "reply"), call.callid))
        check("before" in names(server, "none"),
              "there is no dialog before its INVITE")


@parley_only("the packaged module never frees a dialog in this case")
def test_hold(env):
    """get_dlg() keeps a dialog until release_dlg()."""
    with tested(env, wish("all", "CONFIRMED", "DESTROY"),
                inside='if (is_method("INFO")) { ims_hold(); }',
                out_of_dialog='if (is_method("OPTIONS")) { ims_release(); '
                'sl_send_reply("200", "OK"); exit; }',
                params=[("end_timeout", 60)]) as (server, a, b):
        def destroyed():
            kinds = [TYPES.name[int(l["type"])] for _, l in lines(
                server, "told") if l["name"] == "all"]
            return [c["callid"] for kind, c in zip(kinds, cells(server))
                    if kind == "DESTROY"]
        check_hold(lambda: established(server, a, b), a, destroyed)


def test_nodlg(env):
    """register_dlgcb_nodlg(): registers, and takes the reference that get_dlg()
    gave: nothing holds the dialog after its end."""
    params = [] if env.stock else [("end_timeout", 60)]
    with tested(env, wish("all", "CONFIRMED"), params=params,
                reply='if (status == "180") { ims_late("late"); }') \
            as (server, a, b):
        established(server, a, b).hang_up()
        same("registered", codes(server, "late"), ["0"])
        kinds = [t[0] for t in wait_told(server, "DESTROY", "late")]
        for kind in ("CONFIRMED_NA", "CONFIRMED", "TERMINATED"):
            same("times of " + kind, kinds.count(kind), 1)


def test_variables(env):
    """set_dlg_var() and get_dlg_var() by Call-ID and tags: on a reply before it
    is relayed, when no leg has its To-tag yet, and within the call."""
    reply = '''
    if (status == "180") {
        ims_read("colour"); ims_set("colour", "red"); ims_read("colour");
    }
    if (status == "200" && is_method("INVITE")) { ims_read("colour"); }
'''
    within = '''
    if (is_method("INFO") && $fU == "a") {
        ims_read("colour"); ims_set("colour");
    }
    if (is_method("INFO")) { ims_read("colour"); ims_read("shape"); }'''
    with tested(env, reply=reply, inside=within) as (server, a, b):
        call = established(server, a, b)
        inside(call)
        inside(call, "callee")
        same("set", codes(server, "set"), ["0"] * 2)
        same("read", [(l["key"], l["value"]) for _, l in lines(
            server, "value") if l["found"] == "1"],
             [("colour", "red")] * 3)
        same("asked", len(lines(server, "value")), 8)


@parley_only("$dlg_var is of the message there")
def test_variables_script(env):
    """They are those of $dlg_var."""
    within = '''
    if (is_method("INFO")) {
        ims_read("from_script");
        ims_set("from_module", "2");
        if ($dlg_var(from_module) == "2") { xlog("L_ERR", "|script|same=1|\\n"); }
    }'''
    with tested(env, initial='dlg_manage(); $dlg_var(from_script) = "1";',
                inside=within) as (server, a, b):
        inside(established(server, a, b))
        same("of the script", [l["value"] for _, l in lines(
            server, "value")], ["1"])
        same("in the script", [l["same"] for _, l in lines(
            server, "script")], ["1"])


def test_expires(env):
    """get_dlg_expires(): when the lifetime is over; 0 for a call that is not
    there."""
    with tested(env, params=[("default_timeout", 600)], reply='if (status == '
                '"180") { ims_expires(); }', inside='if (is_method("INFO")) '
                '{ ims_expires(); }') as (server, a, b):
        inside(established(server, a, b))
        found = [int(l["in"]) for _, l in lines(server, "expires")]
        same("early", found[0], 600)
        check(585 <= found[1] <= 600, "up: %d", found[1])
        same("unknown", {l["in"] for _, l in lines(server, "unknown")},
             {"0"})


def _byes(call, a, b):
    """Both BYEs, whose replies are held back."""
    return {p: p.expect("BYE", callid=call.callid) for p in (a, b)}


def test_terminate(env):
    """terminate_dlg() by Call-ID and tags: BYEs with the headers to both.
    TERMINATED is told when the first of them was answered, never before
    terminate_dlg() returns."""
    with tested(env, inside='if (is_method("INFO")) { ims_end(""); }') \
            as (server, a, b):
        call = established(server, a, b)
        call.caller.request("INFO")
        byes = _byes(call, a, b)
        for bye in byes.values():
            same("header", bye.get("X-Ended"), "tags")
        net.wait_until(lambda: lines(server, "end"), 5, "it returns")
        same("ended", codes(server, "end"), ["1"])
        check("TERMINATED" not in [t[0] for t in told(server)],
              "TERMINATED was told before a BYE was answered")
        a.reply(byes[a], 200)
        wait_told(server, "TERMINATED")
        b.reply(byes[b], 200)
        if not env.stock:
            wait_told(server, "SPIRALED")  # TERMINATED_CONFIRMED
        got = [t for t in told(server) if t[0] == "TERMINATED"]
        same("TERMINATED", len(got), 1)
        same("direction", got[0][3], 0)
        same("reply", got[0][2], "200")


def test_number(env):
    """lookup_terminate_dlg(): the same by the numbers of the dialog; -1 for
    numbers that nobody has."""
    with tested(env, inside='if (is_method("INFO")) { ims_end_number(); }') \
            as (server, a, b):
        call = established(server, a, b)
        call.caller.request("INFO")
        for bye in sip.confirm_byes(call.callid, a, b):
            same("header", bye.get("X-Ended"), "number")
        wait_told(server, "TERMINATED")
        same("ended", codes(server, "end"), ["1"])
        same("nobody", codes(server, "none"), ["-1"])


def test_in_callback(env):
    """A callback may end its own call."""
    with tested(env, wish("all"), wish("ender", "REQ_WITHIN", action="end")) \
            as (server, a, b):
        call = established(server, a, b)
        inside(call)
        sip.confirm_byes(call.callid, a, b)
        wait_told(server, "TERMINATED")
        same("parameters afterwards", told(server, "ender", "after"),
             told(server, "ender"))


def test_early(env):
    """terminate_dlg() of a call that rings: the caller's final reply has the
    reason, the callee is cancelled, FAILED is told."""
    with tested(env, inside='if (is_method("PRACK")) { ims_get("x"); }',
                out_of_dialog='if (is_method("OPTIONS")) { sl_send_reply('
                '"200",'
                '"OK"); exit; }', reply='if (status == "183") '
                '{ ims_end(""); }') as (server, a, b):
        side, invite = sip.ring(a, b)
        b.reply(invite, 183, tag=sip.unique("late"))
        final = a.expect(488, callid=side.callid)
        same("reason", final.reason, "no more credit")
        side.ack_failure(final)
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 487)
        b.expect("ACK")
        wait_told(server, "FAILED")
        same("ended", codes(server, "end"), ["1"])


@stock_differs("any To-tag will do for it")
def test_wrong_tag(env):
    """terminate_dlg() with a To-tag that no leg has does not end a call that was
    answered."""
    with tested(env, inside='if (is_method("INFO")) { ims_end("nobody"); }') \
            as (server, a, b):
        call = established(server, a, b)
        inside(call)
        same("ended", codes(server, "end"), ["-1"])
        same("state", server.rpc("dlg.dlg_list", call.callid)["state"], 4)
        call.hang_up()
        wait_told(server, "DESTROY")


def test_dead_party(env):
    """A party that never answers its BYE does not keep TERMINATED back, and it
    is told once; a BYE that crosses ours changes nothing."""
    with tested(env, inside='if (is_method("INFO")) { ims_end(""); }') \
            as (server, a, b):
        call = established(server, a, b)
        call.caller.request("INFO")
        byes = _byes(call, a, b)
        call.callee.request("BYE")
        crossing = a.expect("BYE", callid=call.callid)
        while crossing.get("X-Ended"):  # ours, sent again
            crossing = a.expect("BYE", callid=call.callid)
        a.reply(crossing, 200)
        wait_told(server, "TERMINATED")
        a.reply(byes[a], 200)
        b.reply(byes[b], 200)
        if not env.stock:
            wait_told(server, "SPIRALED")  # TERMINATED_CONFIRMED
        same("times", [t[0] for t in told(server)].count("TERMINATED"), 1)
