"""The management commands of OpenSIPS under their own names, as RPC."""
import os
import re
import shlex

from lib import database, stored
from lib.case import (check, net, parley_only, same, script, sip, two_parties,
                      wait_state)

from lib.rpc import Fault

from .commands import PROFILE_SCRIPT, PROFILES, calls, fault

HEADER = "X-Why: credit"
REASON = "the packaged module has no such commands"


def did(dialog):
    """The DID of a dialog, as it stands in Record-Route."""
    return ".".join(("%x" % dialog[name])[::-1] for name in
                    ("h_entry", "h_id"))


def ends(a, b, call, header=None):
    """Both sides get a BYE and answer it."""
    for party in (a, b):
        bye = party.expect("BYE")
        same("Call-ID", bye.callid, call.callid)
        if header:
            same("header", bye.get(header.split(":")[0]),
                 header.split(": ")[1])
        party.reply(bye, 200)


def several(server, method, *args):
    """What a command lists, the same through both transports."""
    listed = server.json(method, *args)
    check(not hasattr(listed, "names"), "%s is no array", method)
    binary = server.rpc(method, *args)
    binary = [binary] if hasattr(binary, "names") else binary
    same("%s by both" % method, [x.names() for x in listed],
         [x.names() for x in binary])
    return listed


@parley_only(REASON)
def test_list(env):
    """dlg_list and dlg_list_ctx: all, of a call, of a call with this tag."""
    with two_parties(env.proxy(PROFILES, script(initial=PROFILE_SCRIPT))) as (
            server, a, b):
        for method in ("dlg_list", "dlg_list_ctx"):
            same("none", server.json(method), [])
        one, two = calls(a, b, 2)
        tag = one.caller.local_tag
        for method, like in (("dlg_list", "dlg.list"),
                             ("dlg_list_ctx", "dlg.list_ctx")):
            found = several(server, method)
            same("all", sorted(d["call-id"] for d in found),
                 sorted([one.callid, two.callid]))
            same("fields", found[0].names(), server.json(like)[0].names())
            for args in ((one.callid,), (one.callid, tag), (one.callid, "")):
                same("%r" % (args,), [d["call-id"] for d in several(
                    server, method, *args)], [one.callid])
            fault(server, 404, ["No such dialog"], method, "unknown")
            fault(server, 404, ["No such dialog"], method, one.callid, "x")
            fault(server, 404, ["No such dialog"], method, "", "")
            fault(server, 400, ["Unknown"], method, one.callid, tag, "x")


@parley_only(REASON)
def test_list_max(env):
    with two_parties(env.proxy([("rpc_list_max", 2)])) as (server, a, b):
        calls(a, b, 2)
        same("two", len(server.json("dlg_list")), 2)
        calls(a, b, 1)
        fault(server, 400, ["rpc_list_max", "dlg.list"], "dlg_list")


@parley_only(REASON)
def test_end_dlg(env):
    """By numbers, DID and Call-ID, with and without headers."""
    with two_parties(env.proxy()) as (server, a, b):
        for transport in (server.rpc, server.json):
            for name in ("numbers", "did", "callid", "digits"):
                for headers in ((), (HEADER,), (HEADER + "\r\n",)):
                    call = sip.establish(a, b, **(
                        {"callid": "%d" % server.statistics()[
                            "processed_dialogs"]} if name == "digits" else {}))
                    wait_state(server, call.callid, 4)
                    dialog = server.rpc("dlg.dlg_list", call.callid)
                    args = {"numbers": (dialog["h_entry"], dialog["h_id"]),
                            "did": (did(dialog),)}.get(name, (call.callid,))
                    transport("dlg_end_dlg", *(args + headers))
                    ends(a, b, call, HEADER if headers else None)
                    wait_state(server, call.callid, 5)


@parley_only(REASON)
def test_end_dlg_bad(env):
    with two_parties(env.proxy()) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        for code, words, args in (
                (400, ["h_entry"], ()),
                (404, ["not found"], ("1.2",)),
                (404, ["not found"], ("",)),
                (404, ["not found"], ("4", "5")),
                (404, ["not found"], (str(1 << 32), "5")),
                (404, ["not found"], ("x" * 3000,)),
                (400, ["Extra headers"], (call.callid, "no header")),
                (400, ["Extra headers"], (call.callid, HEADER + "\r\n\r\n")),
                (400, ["Unknown"], (call.callid, HEADER, "x"))):
            fault(server, code, words, "dlg_end_dlg", *args)
        same("state", server.rpc("dlg.dlg_list", call.callid)["state"], 4)
        call.hang_up()


@parley_only(REASON)
def test_end_dlg_prefers_one_that_is_up(env):
    """A second call with the Call-ID of one that has ended."""
    with two_parties(env.proxy([("end_timeout", 600)])) as (server, a, b):
        sip.establish(a, b, callid="twice@x").hang_up()
        call = sip.establish(a, b, callid="twice@x")
        net.wait_until(lambda: 4 in [d["state"] for d in server.json(
            "dlg_list", "twice@x")], 5, "the second call")
        server.json("dlg_end_dlg", "twice@x")
        ends(a, b, call)


@parley_only(REASON)
def test_terminate_dlg(env):
    """Confirmed and early calls; tags one by one or in one text."""
    with two_parties(env.proxy()) as (server, a, b):
        for shape in ("%(c)s|%(f)s|%(t)s", "%(c)s|%(t)s|%(f)s",
                      "%(c)s|%(f)s %(t)s", "%(c)s|other %(f)s  %(t)s ",
                      "%(c)s|%(f)s\tother %(t)s"):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            words = {"c": call.callid, "f": call.caller.local_tag,
                     "t": call.caller.remote_tag}
            for headers in ((), (HEADER,)):
                server.rpc("dlg_terminate_dlg",
                           *((shape % words).split("|") + list(headers)))
                # The second time it is ending already.
            ends(a, b, call)
        side, _ = sip.ring(a, b)
        wait_state(server, side.callid, 2)
        tag = server.rpc("dlg.dlg_list", side.callid)["callee"]["tag"]
        server.json("dlg_terminate_dlg", side.callid, side.local_tag, tag)
        b.reply(b.expect("CANCEL"), 200)
        a.expect(480)


@parley_only(REASON)
def test_terminate_dlg_bad(env):
    with two_parties(env.proxy()) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        f, t = call.caller.local_tag, call.caller.remote_tag
        for code, args in ((400, ()), (400, (call.callid,)),
                           (400, (call.callid, f)),
                           (404, (call.callid, f, "x")),
                           (404, (call.callid, "x", t)),
                           (404, ("x", f, t)),
                           (404, (call.callid, "%s %s x" % (f, t))),
                           (400, (call.callid, "a b c d")),
                           (400, (call.callid, "a", "b", "c", "d")),
                           (400, (call.callid, f, t, "A: b", "x")),
                           (400, (call.callid, f, t, "A: b\n"))):
            fault(server, code, [], "dlg_terminate_dlg", *args)
        same("state", server.rpc("dlg.dlg_list", call.callid)["state"], 4)


@parley_only(REASON)
def test_bridge(env):
    with two_parties(env.proxy([("bridge_controller", "sip:c@x.test")])) as (
            server, a, b):
        for args in ((), (".",), ("sip:127.0.0.1:%d" % a.port,)):
            server.json("dlg_bridge", a.contact, b.contact, *args)
            invite = a.expect("INVITE")
            a.reply(invite, 200, body="v=0\r\n")
            a.expect("ACK")
            refer = a.expect("REFER")
            same("Refer-To", refer.get("Refer-To"), b.contact)
            a.reply(refer, 202)
            a.reply(a.expect("BYE"), 200)
        fault(server, 500, ["need from and to"], "dlg_bridge", a.contact)
        fault(server, 400, ["URI"], "dlg_bridge", "x", "sip:a@b")


def in_values(server, *profile):
    """{value: count} of profile_get_values."""
    return {v["value"]: v["count"] for v in
            several(server, "profile_get_values", *profile)}


@parley_only(REASON)
def test_profiles(env):
    """Sizes, values, dialogs and names of profiles."""
    hooks = 'set_dlg_profile("caller", "$fU"); set_dlg_profile("all"); ' \
        'dlg_manage();'
    with two_parties(env.proxy(PROFILES, script(initial=hooks))) as (
            server, a, b):
        same("names", [(p["name"], p["has_value"]) for p in several(
            server, "list_all_profiles")], [("caller", 1), ("all", 0)])
        same("values of nobody", server.json("profile_get_values", "caller"),
             [])
        same("total of nobody", [v["count"] for v in several(
            server, "profile_get_values", "all")], [0])
        held = [sip.establish(a, b, from_uri="sip:%s@x.test" % user)
                for user in ("ann", "ann", "bob")]
        same("values", in_values(server, "caller"), {"ann": 2, "bob": 1})
        same("total", [list(v) for v in several(
            server, "profile_get_values", "all")], [[("count", 3)]])
        for call in (server.rpc, server.json):
            same("size", [call("profile_get_size", *args) for args in (
                ("caller",), ("caller", "ann"), ("caller", "x"), ("all",),
                ("all", "ignored"))], [3, 2, 0, 3, 3])
        for args, want in ((("caller",), held), (("caller", "ann"), held[:2]),
                           (("all",), held), (("all", "ignored"), held),
                           (("caller", "x"), [])):
            same("dialogs %r" % (args,), sorted(
                d["call-id"] for d in server.json("profile_list_dlgs",
                                                  *args)),
                sorted(c.callid for c in want))
        held[0].hang_up()
        net.wait_until(lambda: in_values(server, "caller") == {
            "ann": 1, "bob": 1}, 5, "one has left")
        for method in ("profile_get_size", "profile_list_dlgs",
                       "profile_get_values", "profile_end_dlgs"):
            fault(server, 404, ["x"], method, "x")
            fault(server, 400, ["profile name"], method)
        fault(server, 400, ["Only"], "profile_get_values", "caller", "ann")
        fault(server, 400, ["Unknown"], "list_all_profiles", "x")


@parley_only(REASON)
def test_values_max(env):
    hooks = 'set_dlg_profile("caller", "$fU"); dlg_manage();'
    with two_parties(env.proxy(PROFILES + [("rpc_list_max", 2)],
                               script(initial=hooks))) as (server, a, b):
        for user in ("ann", "bob"):
            sip.establish(a, b, from_uri="sip:%s@x.test" % user)
        same("values", len(server.json("profile_get_values", "caller")), 2)
        sip.establish(a, b, from_uri="sip:cid@x.test")
        fault(server, 400, ["rpc_list_max"], "profile_get_values", "caller")


@parley_only(REASON)
def test_profile_end_dlgs(env):
    """Those in the profile end, once each, and no others."""
    hooks = 'set_dlg_profile("caller", "$fU"); set_dlg_profile("caller", ' \
        '"$fU"); set_dlg_profile("caller", "all"); dlg_manage();'
    with two_parties(env.proxy(PROFILES, script(initial=hooks))) as (
            server, a, b):
        held = {user: sip.establish(a, b, from_uri="sip:%s@x.test" % user)
                for user in ("ann", "bob", "cid")}
        for call in held.values():
            wait_state(server, call.callid, 4)

        def end(*args):
            answer = server.json("profile_end_dlgs", "caller", *args)
            return answer["Ended"], answer["Failed"]
        same("of nobody", end("x"), (0, 0))
        same("of one", end("bob"), (1, 0))
        ends(a, b, held["bob"])
        wait_state(server, held["bob"].callid, 5)
        same("of all", end("all"), (2, 0))
        same("that are ending", end(), (0, 0))
        callids = {held["ann"].callid, held["cid"].callid}
        for party in (a, b):
            byes = [party.expect("BYE") for _ in range(2)]
            same("Call-IDs", {bye.callid for bye in byes}, callids)
            for bye in byes:
                party.reply(bye, 200)


@parley_only(REASON)
def test_set_profile(env):
    """set_profile and unset_profile by DID and Call-ID."""
    with two_parties(env.proxy(PROFILES)) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        name = did(server.rpc("dlg.dlg_list", call.callid))

        def put(*args):
            server.rpc("set_profile", *args)
            return in_values(server, "caller")

        def take(*args):
            server.json("unset_profile", *args)
            return in_values(server, "caller")
        same("by Call-ID", put(call.callid, "caller", "x"), {"x": 1})
        same("by DID", put(name, "caller", "y"), {"x": 1, "y": 1})
        same("not cleared", put(name, "caller", "", 0),
             {"x": 1, "y": 1, "": 1})
        same("cleared", put(name, "caller", "z", "1"), {"z": 1})
        same("once more", put(name, "caller", "z"), {"z": 2})
        put(name, "all")
        same("without values", server.rpc("profile_get_size", "all"), 1)
        same("one of two", take(name, "caller", "z"), {"z": 1})
        put(name, "caller", "other")
        same("all values", take(call.callid, "caller"), {})
        take(call.callid, "all")
        same("out", server.rpc("profile_get_size", "all"), 0)
        for code, method, args in (
                (404, "unset_profile", (name, "all")),
                (404, "unset_profile", (name, "caller", "x")),
                (404, "set_profile", ("x", "all")),
                (404, "set_profile", (name, "x")),
                (404, "unset_profile", (name, "x")),
                (400, "set_profile", ()), (400, "set_profile", (name,)),
                (400, "set_profile", (name, "caller")),
                (400, "set_profile", (name, "caller", "x", "y")),
                (400, "set_profile", (name, "caller", "x", "1", "2")),
                (500, "set_profile", (name, "caller", "x" * 4097, "1")),
                (400, "unset_profile", (name, "caller", "x", "y"))):
            fault(server, code, [], method, *args)


@parley_only(REASON)
def test_push_var(env):
    """One variable for several calls; those that are not there are named."""
    with two_parties(env.proxy()) as (server, a, b):
        held = calls(a, b, 3)
        for call in held:
            wait_state(server, call.callid, 4)
        name = did(server.rpc("dlg.dlg_list", held[0].callid))

        def values():
            return [[tuple(map(tuple, v)) for v in server.rpc(
                "dlg.dlg_list", c.callid)["variables"]] for c in held]
        for push in (server.rpc, server.json):
            text = push.__name__
            answer = push("push_var", "key", text, name, "gone",
                          held[1].callid, "1.2")
            same("answer", (answer["set"], list(answer["not_found"])),
                 (2, ["gone", "1.2"]))
            same("variables", values(), [[(("key", text),)]] * 2 + [[]])
        same("a number", server.json("push_var", "n", 7, held[2].callid)[
            "set"], 1)
        same("values", values()[2], [(("n", "7"),)])
        for code, args in ((400, ()), (400, ("k",)), (400, ("k", "v")),
                           (404, ("k", "v", "gone")),
                           (400, ("", "v", name)), (400, ("~k", "v", name)),
                           (400, ("k" * 4097, "v", name))):
            fault(server, code, [], "push_var", *args)
        same("variables", values()[2], [(("n", "7"),)])


@parley_only(REASON)
def test_crash(env):
    """What was set by command is there after a crash."""
    with database.fresh("sqlite") as base, two_parties(
            stored.server(env, base.create_stock_tables(), 1)) as (
                server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        server.rpc("set_profile", call.callid, "callers", "x")
        server.rpc("push_var", "key", "value", call.callid)
        server.crash()
        server.start()
        same("values", sorted(v["value"] for v in server.json(
            "profile_get_values", "callers")), ["a", "x"])
        check(("key", "value") in [tuple(v[0]) for v in server.rpc(
            "dlg.dlg_list", call.callid)["variables"]], "no variable")
        server.rpc("dlg_end_dlg", call.callid)
        ends(a, b, call)


@parley_only(REASON)
def test_documented(env):
    """Each example of the documentation is understood."""
    page = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs",
                        "rpc.md")
    with open(page, encoding="utf-8") as file:
        text = file.read().partition("## The names of OpenSIPS")[2]
    examples = re.findall(r"^    kamcmd (.*)", text, re.M)
    check(len(examples) > 20, "%d examples", len(examples))
    with two_parties(env.proxy(PROFILES)) as (server, a, b):
        sip.establish(a, b, callid="1-2345@127.0.0.1")
        for example in examples:
            try:
                server.rpc(*shlex.split(example))
            except Fault as refused:
                same("fault of %s: %s" % (example, refused), refused.code, 404)
        faults = re.findall("ERROR|CRITICAL|BUG", server.log())
        check(not faults, "%s", server.log()[-500:])
