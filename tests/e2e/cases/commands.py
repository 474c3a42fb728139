"""RPC commands: fields, faults, lists of any length."""
from lib import rpc
from lib.case import (check, dialogs, parley_only, same, script, sip,
                      state_of, stock_differs, wait_state, wait_statistic)

PROFILES = [("profiles_with_value", "caller"), ("profiles_no_value", "all")]
PROFILE_SCRIPT = ('set_dlg_profile("caller", "$fU"); set_dlg_profile("all"); '
                  '$dlg_var(key) = "value"; dlg_manage();')

PARTY = [("tag", str), ("contact", str), ("cseq", str), ("route_set", str),
         ("socket", str)]
# Names, order and types of the packaged module.
DIALOG = [
    ("h_entry", int), ("h_id", int), ("ref", int), ("call-id", str),
    ("from_uri", str), ("to_uri", str), ("state", int), ("start_ts", int),
    ("init_ts", int), ("end_ts", int), ("duration", int), ("timeout", int),
    ("lifetime", int), ("dflags", int), ("sflags", int), ("iflags", int),
    ("caller", PARTY), ("callee", PARTY), ("profiles", list),
    ("variables", list)]
# What follows is ours.
NEW = ["req_uri", "timeout_route", "ending", "end_code", "end_reason",
       "ended", "legs"]
LEG = ["number", "state", "tag", "contact", "cseq", "route_set", "socket"]


def fields(what, struct, want):
    same(what, struct.names()[:len(want)], [name for name, _ in want])
    for name, kind in want:
        if isinstance(kind, list):
            fields("%s.%s" % (what, name), struct[name], kind)
        elif kind is list:  # an empty array has no kind in binary RPC
            check(isinstance(struct[name], list), "%s.%s", what, name)
        else:
            same("%s.%s" % (what, name), type(struct[name]), kind)


def fault(server, code, words, method, *args):
    """The command is a fault, through both transports."""
    for call in (server.rpc, server.json):
        try:
            got = call(method, *args)
        except rpc.Fault as answer:
            same("%s %r" % (method, args), answer.code, code)
            for word in words:
                check(word in answer.text, "%s %r: no %r in %r", method, args,
                      word, answer.text)
        else:
            raise AssertionError("%s %r: no fault but %r" % (method, args, got))


def calls(a, b, count):
    return [sip.establish(a, b) for _ in range(count)]


def test_dialog(env):
    """A dialog has the packaged module's fields, in each command."""
    with env.proxy(PROFILES, script(initial=PROFILE_SCRIPT)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        for method, args in (("dlg.list", ()), ("dlg.list_ctx", ()),
                             ("dlg.dlg_list", (call.callid,)),
                             ("dlg.dlg_list_ctx", (call.callid,)),
                             ("dlg.profile_list", ("caller", "a")),
                             ("dlg.profile_list", ("all",))):
            found = [server.rpc(method, *args), server.json(method, *args)]
            if method not in ("dlg.dlg_list", "dlg.dlg_list_ctx"):
                same("an array of one", len(found[1]), 1)
                found[1] = found[1][0]
            for dialog in found:
                fields(method, dialog, DIALOG)
                same("variables", [list(map(tuple, v)) for v in
                                   dialog["variables"]], [[("key", "value")]])
                same("profiles", sorted(
                    (p if isinstance(p, str) else p[0] for p in
                     dialog["profiles"]), key=str), [("caller", "a"), "all"])
                same("ids", (dialog["call-id"], dialog["from_uri"],
                             dialog["caller"]["tag"], dialog["callee"]["tag"]),
                     (call.callid, "sip:a@from.test", call.caller.local_tag,
                      call.caller.remote_tag))
                if not env.stock:
                    same("new", dialog.names()[len(DIALOG):], NEW)
                    same("leg", dialog["legs"][0].names(), LEG)
                    same("state", dialog["legs"][0]["state"], "confirmed")


@stock_differs("fields of the callee before the answer")
def test_early_legs(env):
    """Two branches ring: both legs are listed, the first one is the callee."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.two_ring(a, b)
        dialog = server.rpc("dlg.dlg_list", side.callid)
        same("legs", [(leg["tag"], leg["state"]) for leg in dialog["legs"]],
             [("A", "early"), ("B", "early")])
        same("callee", dialog["callee"]["tag"], "A")
        same("times", (dialog["start_ts"], dialog["end_ts"],
                       dialog["duration"], dialog["timeout"]), (0, 0, 0, 0))
        call = sip.answer_fork(side, invite, b, "B")
        wait_state(server, side.callid, 4)
        dialog = server.rpc("dlg.dlg_list", side.callid)
        same("callee", dialog["callee"]["tag"], "B")
        call.hang_up()


def test_dlg_list(env):
    """By Call-ID, by Call-ID and tag; nothing found is no fault."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        tag = call.caller.local_tag
        for method in ("dlg.dlg_list", "dlg.dlg_list_ctx"):
            same("callid", server.rpc(method, call.callid)["call-id"],
                 call.callid)
            same("tag", server.rpc(method, call.callid, tag)["caller"]["tag"],
                 tag)
            same("wrong tag", server.rpc(method, call.callid, "x"), [])
            same("to-tag", server.rpc(method, call.callid,
                                      call.caller.remote_tag), [])
            same("wrong callid", server.rpc(method, "x"), [])
            check(not server.json(method, "x"), "wrong callid by JSON")


@parley_only("lists with a limit are ours")
def test_pages(env):
    """Pages of any length together are the whole list, each once."""
    with env.proxy(children=2) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        placed = calls(a, b, 23)
        whole = [d["call-id"] for d in dialogs(server)]
        same("whole", sorted(whole), sorted(c.callid for c in placed))
        for limit in (1, 5, 22, 23, 24, 1000):
            for method in ("dlg.list", "dlg.list_ctx", "dlg.briefing"):
                seen, cursor = [], ()
                while True:
                    args = (limit, *cursor)
                    if method == "dlg.briefing":
                        args = ("c", *args)
                    page = server.json(method, *args)
                    seen += [d["call-id"] for d in page]
                    if len(page) < limit:
                        break
                    same("length", len(page), limit)
                    cursor = page[-1]["h_entry"], page[-1]["h_id"]
                same("%s %d" % (method, limit), seen, whole)


@parley_only("lists with a limit are ours")
def test_pages_while_calls_end(env):
    """The last dialog of a page has gone: the next page goes on behind it."""
    with env.proxy([("end_timeout", 0)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        placed = {c.callid: c for c in calls(a, b, 12)}
        whole = [d["call-id"] for d in server.json("dlg.list")]
        page = server.json("dlg.list", 4)
        last = page[-1]
        placed[last["call-id"]].hang_up()
        wait_statistic(server, "active_dialogs", 11)
        rest = server.json("dlg.list", 100, last["h_entry"], last["h_id"])
        same("rest", [d["call-id"] for d in rest], whole[4:])


@parley_only("rpc_list_max is ours")
def test_list_max(env):
    with env.proxy(PROFILES + [("rpc_list_max", 3)],
                   script(initial=PROFILE_SCRIPT)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        calls(a, b, 3)
        for method in ("dlg.list", "dlg.list_ctx", "dlg.briefing"):
            same(method, len(server.json(method)), 3)
        same("profile", len(server.json("dlg.profile_list", "all")), 3)
        calls(a, b, 1)
        for method in ("dlg.list", "dlg.list_ctx", "dlg.briefing"):
            fault(server, 400, ("rpc_list_max", "(3)", "4 dialogs", "limit"),
                  method)
        fault(server, 400, ("rpc_list_max", "(3)"), "dlg.profile_list", "all")
        same("limit", len(server.json("dlg.list", 4)), 4)
        same("limit", len(server.json("dlg.list", "2")), 2)


@stock_differs("it does not check its parameters")
def test_faults(env):
    with env.proxy(PROFILES, script(initial=PROFILE_SCRIPT)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        dialog = dialogs(server)[0]
        entry, number = dialog["h_entry"], dialog["h_id"]
        for code, words, method, *args in (
                (400, ("limit", "number"), "dlg.list", "abc"),
                (400, ("limit",), "dlg.list", 0),
                (400, ("limit",), "dlg.list", -1),
                (400, ("limit",), "dlg.list", "99999999999"),
                (400, ("h_id",), "dlg.list", 5, 1),
                (400, ("h_entry",), "dlg.list", 5, "x", 1),
                (400, ("h_id",), "dlg.list", 5, 1, "x"),
                (400, ("h_entry", "16777216"), "dlg.list", 5, 16777216, 1),
                (400, ("Unknown parameter: xxx",), "dlg.stats", "x" * 5000),
                (404, ("not found: yyy",), "dlg.profile_list", "y" * 5000),
                (400, ("Unknown parameter",), "dlg.list", 5, 1, 1, 1),
                (400, ("Call-ID",), "dlg.dlg_list"),
                (400, ("Unknown parameter",), "dlg.dlg_list", "a", "b", "c"),
                (400, ("'x'",), "dlg.briefing", "fxt"),
                (500, ("Invalid parameters",), "dlg.end_dlg"),
                (500, ("Invalid parameters",), "dlg.end_dlg", entry),
                (400, ("h_entry",), "dlg.end_dlg", "x", number),
                (400, ("h_id",), "dlg.end_dlg", entry, "-5"),
                (404, ("Dialog not found",), "dlg.end_dlg", entry, 1),
                (404, ("Dialog not found",), "dlg.end_dlg", 4096, number),
                (404, ("Dialog not found",), "dlg.end_dlg", 0, 0),
                (404, ("Dialog not found",), "dlg.end_dlg", 2147483647,
                 2147483647),
                (400, ("empty line",), "dlg.end_dlg", entry, number,
                 "A: 1\r\n\r\nx"),
                (400, ("CR or LF",), "dlg.end_dlg", entry, number,
                 "A: 1\nB: 2"),
                (400, ("Name: value",), "dlg.end_dlg", entry, number,
                 "nonsense"),
                (400, ("Unknown parameter",), "dlg.end_dlg", entry, number,
                 "A: 1", "x"),
                (400, ("Callid",), "dlg.terminate_dlg"),
                (400, ("Callid",), "dlg.terminate_dlg", call.callid, "x"),
                (500, ("Couldnt find callid",), "dlg.terminate_dlg",
                 call.callid, "x", "y"),
                (400, ("profile",), "dlg.profile_get_size"),
                (404, ("Profile not found: nosuch",), "dlg.profile_get_size",
                 "nosuch"),
                (400, ("profile",), "dlg.profile_list"),
                (404, ("Profile not found: nosuch",), "dlg.profile_list",
                 "nosuch", "x"),
                (400, ("own",), "dlg.stats_active", "x"),
                (400, ("Unknown parameter: 5",), "dlg.stats", 5)):
            fault(server, code, words, method, *args)
        same("state", state_of(server, call.callid), 4)
        call.hang_up()


def test_faults_of_stock(env):
    """Codes and texts that scripts may look for."""
    with env.proxy(PROFILES) as server:
        for code, words, method, *args in (
                (404, ("Dialog not found",), "dlg.end_dlg", 1, 2),
                (500, ("Invalid parameters",), "dlg.end_dlg"),
                (400, ("Need a Callid ,from tag ,to tag",),
                 "dlg.terminate_dlg", "x"),
                (500, ("Couldnt find callid in dialog",),
                 "dlg.terminate_dlg", "x", "y", "z"),
                (404, ("Profile not found: x",), "dlg.profile_get_size", "x"),
                (404, ("Profile not found: x",), "dlg.profile_list", "x")):
            fault(server, code, words, method, *args)


def test_profiles(env):
    with env.proxy(PROFILES, script(initial=PROFILE_SCRIPT)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(server, "c") as c:
        calls(a, b, 2)
        calls(c, b, 1)
        for args, want in ((("caller", "a"), 2), (("caller", "c"), 1),
                           (("caller", "x"), 0), (("caller",), 3),
                           (("all",), 3), (("all", "ignored"), 3)):
            for call in (server.rpc, server.json):
                same("size %r" % (args,), call("dlg.profile_get_size", *args),
                     want)
            same("list %r" % (args,),
                 len(server.json("dlg.profile_list", *args)), want)


def test_profile_list_twice(env):
    """A dialog that is in a profile twice is listed twice."""
    with env.proxy(PROFILES, script(
            initial='set_dlg_profile("caller", "x"); '
                    'set_dlg_profile("caller", "x"); '
                    'set_dlg_profile("caller", "y"); dlg_manage();')
                   ) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        sip.establish(a, b)
        same("x", len(server.json("dlg.profile_list", "caller", "x")), 2)
        same("all", len(server.json("dlg.profile_list", "caller")), 3)


def test_briefing(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        names = {"f": "from_uri", "t": "to_uri", "c": "call-id",
                 "F": "from_tag", "T": "to_tag", "I": "init_ts",
                 "S": "start_ts", "E": "end_ts", "s": "state"}
        for letters in ("ftcFT", "s", "ISEs", "TFctf", "ftcFTISEs"):
            got = server.rpc("dlg.briefing", letters)
            same(letters, got.names(),
                 ["h_entry", "h_id"] + [names[x] for x in letters])
        same("default", server.rpc("dlg.briefing").names(),
             ["h_entry", "h_id", "from_uri", "to_uri", "call-id", "from_tag",
              "to_tag"])
        got = server.json("dlg.briefing", "cFs")[0]
        same("values", (got["call-id"], got["from_tag"], got["state"]),
             (call.callid, call.caller.local_tag, 4))
        if not env.stock:  # there it is the caller's
            same("to_tag", server.rpc("dlg.briefing", "T")["to_tag"],
                 call.caller.remote_tag)


def test_stats_active(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        sip.establish(a, b)
        side, invite = sip.ring(a, b)
        wait_state(server, side.callid, 2)
        a.invite(b)
        b.expect("INVITE")
        for args in ((), (0,), (1,)):
            same("counts", list(server.rpc("dlg.stats_active", *args)), [
                ("starting", 1), ("connecting", 1), ("answering", 0),
                ("ongoing", 1), ("all", 3)])
        b.reply(invite, 200)
        a.expect(200)
        same("answering", server.json("dlg.stats_active")["answering"], 1)


STATS = [
    "unconfirmed", "early", "answered", "confirmed", "deleted", "legs",
    "processed", "expired", "failed", "ended_by_caller", "ended_by_callee",
    "ended_by_us", "forgotten_early", "bogus_no_dialog", "bogus_no_leg",
    "bogus_event", "bogus_cseq", "bogus_target", "bogus_route",
    "legs_refused", "limit_refused", "no_memory",
    "turns_missed", "quarantined", "memory_bytes", "timer_lag_ms",
    "profile_members", "remote_members"]


@parley_only("dlg.stats is ours")
def test_stats(env):
    with env.proxy(PROFILES, script(initial=PROFILE_SCRIPT)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        one, two, three = calls(a, b, 3)
        got = server.rpc("dlg.stats")
        same("names", got.names(), STATS)
        same("up", (got["confirmed"], got["legs"], got["processed"],
                    got["profile_members"]), (3, 3, 3, 6))
        check(0 < got["memory_bytes"] < 2 << 20, "memory %d",
              got["memory_bytes"])
        one.hang_up()
        two.hang_up("callee")
        server.rpc("dlg.terminate_dlg", three.callid, three.caller.local_tag,
                   three.caller.remote_tag)
        sip.confirm_byes(three.callid, a, b)
        wait_statistic(server, "active_dialogs", 0)
        got = server.json("dlg.stats")
        same("down", (got["ended_by_caller"], got["ended_by_callee"],
                      got["ended_by_us"], got["profile_members"]),
             (1, 1, 1, 0))


@stock_differs("lines without CRLF, and only one BYE in many cases")
def test_end_headers(env):
    """Extra headers are in both BYEs, whole lines, after our own ones."""
    with env.proxy([("dlg_extra_hdrs", "X-Ours: 1\\r\\n")]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for given in ("X-One: 1", "X-One: 1\r\n", "X-Zero: 0\r\nX-One: 1"):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            dialog = server.rpc("dlg.dlg_list", call.callid)
            server.rpc("dlg.end_dlg", dialog["h_entry"], dialog["h_id"], given)
            for party in (a, b):
                bye = party.expect("BYE", callid=call.callid)
                party.reply(bye, 200)
                same("headers", (bye.get("X-One"), bye.get("X-Ours")),
                     ("1", "1"))
                check(bye.get("Content-Length") in ("0", ""), "length")
                same("body", bye.body, "")
            wait_statistic(server, "active_dialogs", 0)


@stock_differs("only one BYE in many cases")
def test_terminate(env):
    """By Call-ID and tags in either order; a second time it is a fault."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        for swap in (False, True):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            tags = [call.caller.local_tag, call.caller.remote_tag]
            if swap:
                tags.reverse()
            server.rpc("dlg.terminate_dlg", call.callid, *tags)
            sip.confirm_byes(call.callid, a, b)
            wait_statistic(server, "active_dialogs", 0)
            fault(server, 500, (), "dlg.terminate_dlg", call.callid, *tags)


@stock_differs("it cannot end calls that nobody has answered")
def test_terminate_early(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        for tag in ("", "ringing"):
            side = a.invite(b)
            invite = b.expect("INVITE")
            b.reply(invite, 180, tag="ringing")
            a.expect(180)
            server.rpc("dlg.terminate_dlg", side.callid, side.local_tag, tag)
            side.ack_failure(a.expect(480, callid=side.callid))
            b.reply(b.expect("CANCEL", callid=side.callid), 200)
            b.reply(invite, 487, tag="ringing")
            b.expect("ACK", callid=side.callid)


def _private_memory(server):
    """Bytes in use by the processes that serve RPC."""
    return {p["desc"]: p["real_used"] for p in server.rpc("pkg.stats")
            if "ctl" in p["desc"] or "JSONRPC" in p["desc"]}


@parley_only("it leaves out what is wrong with parameters")
def test_no_leak(env):
    """Commands and their faults leave nothing in the process's memory."""
    with env.proxy(PROFILES + [("rpc_list_max", 5)],
                   script(initial=PROFILE_SCRIPT)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        placed = calls(a, b, 6)
        dialog = server.rpc("dlg.dlg_list", placed[0].callid)
        entry, number = dialog["h_entry"], dialog["h_id"]
        commands = (
            ("dlg.list",), ("dlg.list", 4), ("dlg.list_ctx", 4),
            ("dlg.list", 4, entry, number), ("dlg.list", "x"),
            ("dlg.dlg_list", placed[0].callid), ("dlg.dlg_list", "x"),
            ("dlg.dlg_list", placed[0].callid, "x"), ("dlg.dlg_list",),
            ("dlg.dlg_list_ctx", placed[0].callid), ("dlg.briefing", "x"),
            ("dlg.briefing", "ft", 3), ("dlg.profile_list", "all"),
            ("dlg.profile_list", "caller", "nobody"),
            ("dlg.profile_list", "x"), ("dlg.profile_get_size", "all"),
            ("dlg.end_dlg", entry, 1, "A: 1"), ("dlg.end_dlg", entry, number,
                                                "A\n"),
            ("dlg.end_dlg", entry, 1, "A: 1", "x"),
            ("dlg.terminate_dlg", "x", "y", "z", "A: 1"), ("dlg.stats",),
            ("dlg.stats_active",))

        def run(times):
            for _ in range(times):
                for command in commands:
                    for call in (server.rpc, server.json):
                        try:
                            call(*command)
                        except rpc.Fault:
                            pass
            return _private_memory(server)

        before = run(3)
        check(before, "no process found")
        same("memory", run(20), before)
