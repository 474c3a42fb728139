"""KSR.dialog and its two other names, from a script in Lua."""
import os
import re

from lib import proxy
from lib.case import (check, dialogs, net, parley_only, same, sip, wait_state,
                      wait_statistic)

PROFILES = [("profiles_with_value", "caller"), ("profiles_no_value", "all")]

LUA = """
local d = KSR.%(name)s
local function say(name, value)
	KSR.err("|" .. name .. ":" .. tostring(value) .. "|\\n")
end
function ksr_request_route()
	if KSR.is_method_in("I") and KSR.pv.is_null("$tt") then
		initial()
	else
		inside()
	end
	return 1
end
function initial()
%(initial)s
	KSR.rr.record_route()
	KSR.tm.t_relay()
end
function inside()
	KSR.rr.loose_route()
%(inside)s
	KSR.tm.t_relay()
end
"""

CONFIG = """
loadmodule "app_lua.so"
modparam("app_lua", "load", "%s")
cfgengine "lua"
"""


def results(server):
    found = {}
    for line in server.log().splitlines():
        parts = line.split("|")
        if len(parts) == 3 and ":" in parts[1]:
            name, _, value = parts[1].partition(":")
            found[name] = value
    return found


def lua_proxy(env, text, **options):
    """A server with the Lua script @text."""
    if not os.path.exists("/usr/lib/x86_64-linux-gnu/kamailio/modules/"
                          "app_lua.so"):
        raise AssertionError("app_lua is not installed: make deps")
    folder = proxy.scratch()
    script = os.path.join(folder, "script.lua")
    with open(script, "w") as out:
        out.write(text)
    # Once before and once after the dialog module.
    first = options.pop("before", True)
    return env.proxy(PROFILES, "",
                     **{"first" if first else "last": CONFIG % script})


def functions(initial, inside="", name="dialog"):
    return LUA % dict(name=name, initial=initial, inside=inside)


def say(*pairs):
    return "".join('\tsay("%s", %s)\n' % pair for pair in pairs)


BEFORE = say(
    ("set", 'd.set_dlg_profile("caller", "x")'),
    ("set_static", 'd.set_dlg_profile_static("all")'),
    ("set_none", 'd.set_dlg_profile_static("caller")'),
    ("set_unknown", 'd.set_dlg_profile("nosuch", "x")'),
    ("join", 'd.dlg_join_profile("caller", "y", 1)'),
    ("join_again", 'd.dlg_join_profile("caller", "y", 1)'),
    ("join_full", 'd.dlg_join_profile("caller", "z", 0)'),
    ("join_static", 'd.dlg_join_profile_static("all", 5)'),
    ("join_none", 'd.dlg_join_profile("caller", "", 5)'),
    ("join_minus", 'd.dlg_join_profile("caller", "z", -1)'),
    ("join_unknown", 'd.dlg_join_profile("nosuch", "x", 5)'),
    ("is", 'd.is_in_profile("caller", "x")'),
    ("is_not", 'd.is_in_profile("caller", "q")'),
    ("is_static", 'd.is_in_profile_static("all")'),
    ("unset", 'd.unset_dlg_profile("caller", "x")'),
    ("unset_static", 'd.unset_dlg_profile_static("all")'),
    ("size", 'd.get_profile_size("caller", "y", "$var(n)")'),
    ("n", 'KSR.pv.get("$var(n)")'),
    ("size_static", 'd.get_profile_size_static("caller", "$var(m)")'),
    ("m", 'KSR.pv.get("$var(m)")'),
    ("size_wrong", 'd.get_profile_size_static("caller", "$ru")'),
    ("flag", 'd.dlg_setflag(3)'), ("flag2", 'd.dlg_setflag(4)'),
    ("reset", 'd.dlg_resetflag(4)'), ("isflag", 'd.dlg_isflagset(3)'),
    ("isflag2", 'd.dlg_isflagset(4)'), ("flag_wrong", 'd.dlg_setflag(40)'),
    ("null", 'd.var_is_null("v")'), ("get_null", 'd.var_get("v")'),
    ("gete", '"[" .. d.var_gete("v") .. "]"'), ("getw", 'd.var_getw("v")'),
    ("var", 'd.var_sets("v", "text")'), ("not_null", 'd.var_is_null("v")'),
    ("get", 'd.var_get("v")'), ("known", 'd.is_known_dlg()'),
    ("manage", 'd.dlg_manage()'), ("known2", 'd.is_known_dlg()'),
    ("get2", 'd.var_get("v")'), ("timeout", 'd.dlg_set_timeout(77)'),
    ("timeout0", 'd.dlg_set_timeout(0)'))
WANT = {
    "set": "1", "set_static": "1", "set_none": "-1", "set_unknown": "-1",
    "join": "1", "join_again": "1", "join_full": "-1", "join_static": "1",
    "join_none": "-2", "join_minus": "-2", "join_unknown": "-2", "is": "1",
    "is_not": "-1", "is_static": "1", "unset": "1", "unset_static": "1",
    "size": "1", "n": "1", "size_static": "1", "m": "1", "size_wrong": "-1",
    "flag": "1", "flag2": "1", "reset": "1", "isflag": "1", "isflag2": "-1",
    "flag_wrong": "-1", "null": "1", "get_null": "nil", "gete": "[]",
    "getw": "<null>", "var": "1", "not_null": "-1", "get": "text",
    "known": "-1", "manage": "1", "known2": "1", "get2": "text",
    "timeout": "1", "timeout0": "-1"}
INSIDE = "\tif KSR.is_method_in('B') then return KSR.tm.t_relay() end\n" + say(
    ("in_var", 'd.var_get("v")'), ("in_rm", 'd.var_rm("v")'),
    ("in_null", 'd.var_is_null("v")'), ("in_flag", 'd.dlg_isflagset(3)'),
    ("in_get", 'd.dlg_get(KSR.pv.get("$ci"), KSR.pv.get("$tt"), '
               'KSR.pv.get("$ft"))'),
    ("in_id", 'd.dlg_set_timeout_id(55, KSR.pv.get("$dlg(h_entry)"), '
              'KSR.pv.get("$dlg(h_id)"))'),
    ("in_wrong", 'd.dlg_set_timeout_id(55, 1, 1)'),
    ("in_side", 'd.dlg_terminate_static("nobody")'))
INSIDE_WANT = {
    "in_var": "text", "in_rm": "1", "in_null": "1", "in_flag": "1",
    "in_get": "1", "in_id": "1", "in_wrong": "-1", "in_side": "-1"}


def _whole(env, name="dialog", **options):
    text = functions(BEFORE, INSIDE, name)
    with lua_proxy(env, text, **options) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        got, want = results(server), dict(WANT, **INSIDE_WANT)
        for key in sorted(set(got) | set(want)):
            same(key, got.get(key), want.get(key))
        dialog = dialogs(server)[0]
        same("dialog", (dialog["lifetime"], dialog["sflags"]), (55, 8))
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


@parley_only("dlg_join_profile() is ours, var_is_null() the other way round")
def test_functions(env):
    _whole(env)


@parley_only("dlg_join_profile() is ours")
def test_loaded_before_the_language(env):
    _whole(env, before=False)


@parley_only("it has no other names")
def test_other_names(env):
    for name in ("ims_dialog", "dialog_ng"):
        _whole(env, name=name)


@parley_only("dlg_terminate() is ours")
def test_end(env):
    """dlg_terminate() with a reason, dlg_bye() with an unknown side."""
    for call_text in ('d.dlg_terminate("both", "no credit")',
                      'd.dlg_terminate_static("all")', 'd.dlg_bye("all")',
                      'd.dlg_bye("whatever")'):
        text = functions(
            "\td.dlg_manage()", "\tif KSR.is_method_in('O') then\n" +
            say(("end", call_text)) + "\t\tKSR.sl.sl_send_reply(200, 'OK')\n"
            "\t\treturn\n\tend\n")
        with lua_proxy(env, text) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            call.caller.request("OPTIONS")
            for party in (a, b):
                bye = party.expect("BYE", callid=call.callid)
                party.reply(bye, 200)
                check(("no credit" in bye.get("Reason")) ==
                      ("credit" in call_text), "reason %r", bye.get("Reason"))
            a.expect(200, "OPTIONS")
            same("end", results(server)["end"], "1")


LATER = say(
    ("update", 'd.dlg_update_state()'), ("contact", 'd.dlg_update_contact()'),
    ("socket", 'd.dlg_update_socket()'),
    ("set", 'd.dlg_set_var(KSR.pv.get("$ci"), KSR.pv.get("$ft"), '
            'KSR.pv.get("$tt"), "w", "other")'),
    ("to", 'd.dlg_get_var_to(KSR.pv.get("$ci"), KSR.pv.get("$tt"), '
           'KSR.pv.get("$ft"), "w", "$var(w)")'),
    ("got", 'KSR.pv.get("$var(w)")'),
    ("early", 'd.dlg_get_var_to(KSR.pv.get("$ci"), KSR.pv.get("$ft"), "", '
              '"v", "$var(w)")'),
    ("got_early", 'KSR.pv.get("$var(w)")'),
    ("none", 'd.dlg_get_var_to("nobody", "x", "", "w", "$avp(n)")'),
    ("got_none", 'KSR.pv.get("$avp(n)")'),
    ("node", 'd.dlg_remove_dialogs_from_node("sip:nobody@127.0.0.9:5060")'),
    ("wrong", 'd.dlg_get_var_to("nobody", "x", "", "w", "nothing")'),
    # Kamailio 5.6 takes no text from a function of four parameters.
    ("get", 'd.dlg_get_var("nobody", "x", "", "w") == "text"'),
    ("set_none", 'd.dlg_set_var("nobody", "x", "", "w", "y")'))


@parley_only("it is in later versions of it")
def test_later_names(env):
    """Functions that later versions of the packaged module have."""
    text = functions('\td.var_sets("v", "text")\n\td.dlg_manage()',
                     "\tif KSR.is_method_in('O') then\n" + LATER + "\tend\n")
    with lua_proxy(env, text) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.caller.request("OPTIONS")
        b.reply(b.expect("OPTIONS"), 200)
        a.expect(200, "OPTIONS")
        same("results", results(server), {
            "update": "1", "contact": "1", "socket": "1", "set": "1",
            "to": "1", "got": "other", "early": "1", "got_early": "text",
            "none": "1", "got_none": "nil", "wrong": "-1", "get": "false", "node": "-1",
            "set_none": "-1"})


REQUESTS = (
    ("two", 'd.dlg_req_within2("callee", "X-2")'),
    ("three", 'd.dlg_req_within3("callee", "X-3", "H: 3")'),
    ("four", 'd.dlg_req_within4("", "X-4", "a/b", "4")'),
    ("five", 'd.dlg_req_within5("all", "X-5", "H: 5\\r\\n", "a/b", "5")'),
    ("plain", 'd.dlg_req_within4("caller", "X-P", "", "")'),
    ("wrong", 'd.dlg_req_within2("nobody", "X-2")'),
    ("half", 'd.dlg_req_within4("callee", "X-4", "", "4")'),
    ("own", 'd.dlg_send_sequential("X-6", "callee", "6", "a/b", "H: 6")'),
    ("bare", 'd.dlg_send_sequential("X-7", "caller", "", "", "")'),
    ("no_party", 'd.dlg_send_sequential("X-6", "all", "", "", "")'),
    ("no_reply", 'd.dlg_send_sequential("PRACK", "callee", "", "", "")'),
    ("refer", 'd.dlg_refer("caller", "sip:1@127.0.0.1")'),
    ("did", 'd.dlg_refer_did(KSR.pv.get("$dlg(h_entry)"), '
            'KSR.pv.get("$dlg(h_id)"), "callee", "sip:2@127.0.0.1")'),
    ("cid", 'd.dlg_refer_cid(KSR.pv.get("$ci"), "callee", '
            '"sip:3@127.0.0.1")'),
    ("no_side", 'd.dlg_refer("all", "sip:1@127.0.0.1")'),
    ("no_call", 'd.dlg_refer_did(1, 1, "callee", "sip:2@127.0.0.1")'),
    ("bridge", 'd.dlg_bridge(KSR.pv.get("$hdr(X-Me)"), "sip:4@127.0.0.1", "")'),
    ("no_uri", 'd.dlg_bridge("me", "sip:4@127.0.0.1", "")'),
    ("ruri", "d.dlg_set_ruri()"))


@parley_only("most of them are ours")
def test_requests(env):
    """Requests of the proxy: what arrives."""
    text = functions("\td.dlg_manage()", "\tif KSR.is_method_in('O') then\n" +
                     say(*REQUESTS) + "\t\tKSR.sl.sl_send_reply(200, 'OK')\n"
                     "\t\treturn\n\tend\n")
    with lua_proxy(env, text) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.caller.request("OPTIONS", [("X-Me", a.contact)])
        a.expect(200, "OPTIONS")
        false = ("wrong", "half", "no_side", "no_call", "no_uri", "no_party",
                 "no_reply")
        same("results", results(server),
             {n: "-1" if n in false else "1" for n, _ in REQUESTS})
        b.expect("X-2")
        same("H", b.expect("X-3").get("H"), "3")
        for party in (a, b):
            same("4", party.expect("X-4").body, "4")
            five = party.expect("X-5")
            same("5", [five.get("H"), five.get("Content-Type"), five.body],
                 ["5", "a/b", "5"])
        same("plain", a.expect("X-P").body, "")
        six, seven = b.expect("X-6"), a.expect("X-7")
        same("6", [six.get("H"), six.body, seven.body], ["6", "6", ""])
        same("refer", a.expect("REFER").get("Refer-To"), "sip:1@127.0.0.1")
        same("did, cid", [b.expect("REFER").get("Refer-To") for _ in "23"],
             ["sip:2@127.0.0.1", "sip:3@127.0.0.1"])
        same("bridge", a.expect("INVITE").get("To").strip("<>"), a.contact)


@parley_only("dlg_join_profile() is ours")
def test_documentation(env):
    """The example of docs/kemi.md: two calls, and the third is refused."""
    with open(os.path.join(os.path.dirname(__file__), "..", "..", "..",
                           "docs", "kemi.md"), encoding="utf-8") as page:
        text = re.search(r"^```lua\n(.*?)^```$", page.read(),
                         re.M | re.S).group(1)
    with lua_proxy(env, text) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        for _ in range(2):
            call = sip.establish(a, b)
        a.invite(b)
        a.expect(486)
        same("variables", [tuple(v[0]) for v in server.rpc(
            "dlg.dlg_list", call.callid)["variables"]], [("account", "a")])
        call.hang_up()
        sip.establish(a, b)


@parley_only("validate_dialog() is not in the packaged module")
def test_validate(env):
    """What is refused leaves no trace, an ACK included; a mode by name."""
    text = functions("\td.dlg_manage()", say(
        ("mode", 'd.match_dialog_mode("DID")'),
        ("match_mode", 'd.match_dialog_mode("DID_ONLY")'),
        ("match", "d.match_dialog()")) + """
\tlocal verdict = d.validate_dialog()
\tsay("verdict" .. KSR.pv.get("$rm") .. KSR.pv.get("$cs"), verdict)
\tif verdict < 0 and not KSR.is_method_in('O') then return end
\tif verdict < 0 then say("fixed", d.fix_route_dialog()) end
""")
    with lua_proxy(env, text) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        call = sip.answer(side, invite, b, ack=False)
        wait_state(server, side.callid, 3)
        side.ack(cseq=7)
        net.wait_until(lambda: "verdictACK7" in results(server), 3, "judged")
        same("state", server.rpc("dlg.dlg_list", side.callid)["state"], 3)
        side.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        side.request("OPTIONS", uri="sip:x@127.0.0.1:9")
        options = b.expect("OPTIONS")
        same("target", options.uri, b.contact)
        b.reply(options, 200)
        a.expect(200, "OPTIONS")
        side.request("BYE", cseq=1)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        found = results(server)
        for name, want in (("mode", "-1"), ("match_mode", "1"),
                           ("match", "1"), ("verdictACK7", "-1"),
                           ("verdictACK1", "1"), ("verdictOPTIONS2", "-2"),
                           ("fixed", "1"), ("verdictBYE1", "-1"),
                           ("verdictBYE3", "1")):
            same(name, found.get(name), want)
