"""Any dialog as the current one of a message; dialogs by value and profile."""
import json
import re

from cases.db_load import row
from cases.functions import results, show, step
from cases.kemi import functions as lua, lua_proxy, results as lua_results, say
from lib import database
from lib.case import (check, net, parley_only, proxy, same, script, sip,
                      state_of, two_parties, wait_state, wait_statistic)

NEW = "it is one of OpenSIPS"
LOAD = 'load_dialog_ctx("$hdr(X-Id)", "$hdr(X-Type)")'


def on_options(text):
    """Hooks: @text runs for an OPTIONS, which is then answered."""
    return dict(first='if (is_method("OPTIONS")) { %s '
                'sl_send_reply("200", "OK"); exit; }' % text)


def did(server, callid):
    """The name of a dialog as in the Record-Route cookie."""
    found = server.rpc("dlg.dlg_list", callid)
    return ".".join(("%x" % found[k])[::-1] for k in ("h_entry", "h_id"))


def ask(party, name="", kind="callid"):
    party.ask("OPTIONS", [("X-Id", name), ("X-Type", kind)])


def does_start(env, call, params=()):
    server = env.proxy(params, script(more="route[FORM] { %s; }" % call))
    try:
        server.start()
    except proxy.StartFailed:
        return False
    server.stop()
    return True


SHOWN = (show("callid", "$dlg(callid)") + show("status", "$DLG_status") +
         show("var", "$dlg_var(v)") + show("known", "$dlg_ctx(set)") +
         show("life", "$DLG_lifetime") + show("from", "$dlg(from_uri)"))
NOTHING = {"callid": "<null>", "status": "<null>", "var": "<null>",
           "known": "0", "life": "<null>", "from": "<null>"}


@parley_only(NEW)
def test_load(env):
    """By Call-ID and by did: variables are those of the call, and can be set;
    profiles and flags, too."""
    text = step("load", LOAD) + SHOWN + (
        '$dlg_var(w) = "written"; dlg_setflag("7");'
        'set_dlg_profile("all");') + step("again", LOAD) + \
        step("unload", "unload_dialog_ctx()") + \
        step("twice", "unload_dialog_ctx()") + show("after", "$dlg(callid)")
    routes = script(initial='$dlg_var(v) = $fU; dlg_manage();',
                    **on_options(text))
    with two_parties(env.proxy([("profiles_no_value", "all")], routes)) as (
            server, a, b):
        call, other = sip.establish(a, b), sip.establish(b, a)
        wait_state(server, call.callid, 4)
        wait_state(server, other.callid, 4)
        for name, kind in ((call.callid, "callid"), (other.callid, "CallId"),
                           (did(server, call.callid), "did"),
                           (did(server, call.callid).upper(), "DID")):
            ask(a, name, kind)
            got = results(server)
            life = got.pop("life")
            check(life.isdigit() and int(life) < 60, "lifetime %s", life)
            which = other if name == other.callid else call
            user = "b" if which is other else "a"
            same("results of %s" % name, got, {
                "load": "1", "callid": which.callid, "status": "4",
                "var": user, "known": "1",
                "from": "sip:%s@from.test" % user, "again": "-1",
                "unload": "1", "twice": "-1", "after": "<null>"})
            found = server.rpc("dlg.dlg_list", which.callid)
            same("flags", found["sflags"], 128)
            check([["w", "written"]] in [
                [list(v[0])] for v in found["variables"]],
                "variables %r", found["variables"])
            check("all" in found["profiles"], "%r", found["profiles"])
        for text in ("another dialog is loaded", "no dialog is loaded"):
            check(text in server.log(), "no line with %r", text)


BAD = (("", "callid", "name is empty"), ("", "did", "name is empty"),
       ("nobody@nowhere", "callid", None), ("1.2", "did", None),
       ("ffffffff.fffffff7", "did", None), ("garbage", "did", "two numbers"),
       ("1.0", "did", "two numbers"), (".", "did", "two numbers"),
       ("1.2.3", "did", "two numbers"), ("111111111.1", "did", "two numbers"),
       ("x" * 4000, "did", "two numbers"), ("1.2", "nonsense", "callid or did"),
       ("1.2", "", "callid or did"))


@parley_only(NEW)
def test_load_bad(env):
    """False, and a line that says why unless the dialog is just not there;
    nothing is loaded."""
    text = step("load", LOAD) + SHOWN
    with env.proxy(routes=script(**on_options(text))) as server, \
            sip.Party(server, "a") as a:
        for name, kind, line in BAD:
            before = len(server.log())
            ask(a, name, kind)
            same("results of %.20s" % name, results(server),
                 dict(NOTHING, load="-1"))
            said = server.log()[before:]
            if line:
                check(line in said, "no %r in %s", line, said)
            else:
                check("load_dialog_ctx" not in said, "a line in %s", said)


@parley_only(NEW)
def test_load_constant(env):
    """A wrong constant ends the start."""
    for text, starts in (('load_dialog_ctx("$ci")', True),
                         ('load_dialog_ctx("$ci", "did")', True),
                         ('load_dialog_ctx($ci, $var(t), 1)', True),
                         ('load_dialog_ctx("x", "callid", "$var(x)")', True),
                         ('load_dialog_ctx("x", "nonsense")', False),
                         ('load_dialog_ctx("x", "did", "yes")', False),
                         ('load_dialog_ctx()', False),
                         ('unload_dialog_ctx("x")', False)):
        same("%s starts" % text, does_start(env, text), starts)


@parley_only(NEW)
def test_load_active(env):
    """active_only: not a call that has ended but is still known."""
    text = (step("any", 'load_dialog_ctx("$hdr(X-Id)")') +
            show("status", "$DLG_status") + "unload_dialog_ctx();" +
            step("active", 'load_dialog_ctx("$hdr(X-Id)", "callid", 1)') +
            show("status2", "$DLG_status") + "unload_dialog_ctx();" +
            step("by_did", 'load_dialog_ctx("$hdr(X-Did)", "did", "1")') +
            "unload_dialog_ctx();" +
            step("any_did", 'load_dialog_ctx("$hdr(X-Did)", "did", "0")'))
    with two_parties(env.proxy(routes=script(**on_options(text)))) as (
            server, a, b):
        side, invite = sip.ring(a, b)
        name = did(server, side.callid)

        def asked():
            a.ask("OPTIONS", [("X-Id", side.callid), ("X-Did", name)])
            return results(server)
        same("rings", asked(), {
            "any": "1", "status": "2", "active": "1", "status2": "2",
            "by_did": "1", "any_did": "1"})
        # A call that has failed stays as long as its transaction.
        b.reply(invite, 486)
        b.expect("ACK")
        a.expect(486)
        wait_state(server, side.callid, 5)
        same("over", asked(), {
            "any": "1", "status": "5", "active": "-1", "status2": "<null>",
            "by_did": "-1", "any_did": "1"})


@parley_only(NEW)
def test_load_ends(env):
    """The call ends while it is loaded and is forgotten before the unload:
    variables are $null, functions false, and the rest of the script runs."""
    text = (step("load", LOAD) + '$var(i) = 0;'
            'while ($var(i) < 500 && $dlg(state) != $null) {'
            ' usleep("10000"); $var(i) = $var(i) + 1; }' + SHOWN +
            step("flag", 'dlg_setflag("3")') +
            step("bye", 'dlg_bye("all")') +
            step("profile", 'set_dlg_profile("all")') +
            '$dlg_var(v) = "x";' + step("unload", "unload_dialog_ctx()"))
    server = env.proxy(
        [("profiles_no_value", "all")], script(**on_options(text)),
        children=2, last='modparam("tm", "wt_timer", 500)\n')
    with two_parties(server) as (server, a, b), \
            sip.Party(server, "c") as c:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        side = sip.Side(c)
        side.target = "sip:proxy@127.0.0.1:%d" % server.port
        side.request("OPTIONS", [("X-Id", call.callid), ("X-Type", "callid")],
                     to_tag="")
        net.wait_until(lambda: "|load:1|" in server.log(), 3, "it is loaded")
        call.hang_up()
        c.expect(200, "OPTIONS", side.callid, seconds=8)
        got = results(server)
        same("results", got, dict(
            NOTHING, load="1", known="1", flag="-1", bye="-1", profile="-1",
            unload="1"))
        same("state", state_of(server, call.callid), 0)


@parley_only(NEW)
def test_load_own_call(env):
    """In a request of another call: everything is that of the loaded one, and
    comes back; the BYE still ends its own call."""
    shown = 'load_dialog_ctx("$hdr(X-Id)"); ' + show("loaded", "$dlg_var(v)") + \
        show("dir", "$dlg_ctx(dir)") + '$dlg_var(n) = "1"; ' \
        "unload_dialog_ctx(); " + show("own", "$dlg_var(v)") + \
        show("dir2", "$dlg_ctx(dir)") + show("status", "$DLG_status")
    routes = script(initial='dlg_manage(); $dlg_var(v) = $fU;', inside=shown)
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        call, other = sip.establish(a, b), sip.establish(b, a)
        for one in (call, other):
            wait_state(server, one.callid, 4)
        call.caller.request("INFO", [("X-Id", other.callid)])
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        same("results", results(server), {
            "loaded": "b", "dir": "0", "own": "a", "dir2": "1", "status": "4"})
        call.caller.request("BYE", [("X-Id", other.callid)])
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")
        wait_statistic(server, "active_dialogs", 1)
        same("the other call", state_of(server, other.callid), 4)


@parley_only(NEW)
def test_load_forgotten(env):
    """Without an unload the script's end undoes it: what the message brings
    about is its own call's, and later messages know nothing of it."""
    load = 'load_dialog_ctx("$hdr(X-Id)");'
    routes = script(
        initial='dlg_manage(); $dlg_var(v) = $fU; t_on_branch("B"); '
        't_on_reply("R"); t_on_failure("F"); ' + load, inside=load,
        reply=show("reply", "$dlg(callid)"),
        more="branch_route[B] { %s }\nonreply_route[R] { %s }\n"
        "failure_route[F] { %s }\n" % (
            show("branch", "$dlg(callid)"),
            show("onreply", "$dlg(callid)") + load,
            show("failure", "$dlg(callid)") + load))
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        side = a.invite(b, [("X-Id", call.callid)])
        invite = b.expect("INVITE")
        # The branch route belongs to the request that has loaded it.
        same("branch", results(server)["branch"], call.callid)
        b.reply(invite, 180)
        a.expect(180)
        same("state", state_of(server, side.callid), 2)
        b.reply(invite, 486)
        b.expect("ACK")
        side.ack_failure(a.expect(486))
        got = results(server)
        for name in ("reply", "onreply", "failure"):
            same(name, got[name], side.callid)
        same("the loaded call", state_of(server, call.callid), 4)
        check("without unload_dialog_ctx()" in server.log(), "no warning")
        call.caller.request("BYE", [("X-Id", "nobody")])
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")
        wait_statistic(server, "active_dialogs", 0)


@parley_only(NEW)
def test_load_and_manage(env):
    """A dialog that is made while another one is loaded gets what was said
    before, and is the current one from then on."""
    routes = script(initial='dlg_setflag("5"); $dlg_var(v) = $fU; '
                    'if ($hdr(X-Id) != $null) { load_dialog_ctx("$hdr(X-Id)");'
                    ' dlg_setflag("6"); } dlg_manage();' +
                    show("made", "$dlg(callid)") + "unload_dialog_ctx();" +
                    show("after", "$dlg(callid)"))
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        other = sip.establish(b, a, [("X-Id", call.callid)])
        wait_state(server, other.callid, 4)
        same("results", results(server),
             {"made": other.callid, "after": other.callid})
        for one, flags in ((call, 96), (other, 32)):
            same("flags", server.rpc(
                "dlg.dlg_list", one.callid)["sflags"], flags)


AUTH = '''
loadmodule "uac.so"
modparam("uac", "restore_mode", "none")
modparam("uac", "credential", "alice:realm.test:secret")
'''


@parley_only(NEW)
def test_load_uac_auth(env):
    """uac_auth() counts for the message's own call, whatever is current."""
    routes = script(
        relay='t_on_failure("AUTH"); t_relay();',
        more='''failure_route[AUTH] {
            load_dialog_ctx("$hdr(X-Id)");
            if (t_check_status("407") && uac_auth()) { t_relay(); }
        }''')
    server = env.proxy([("track_cseq_updates", 1)], routes, last=AUTH)
    with two_parties(server) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        side = a.invite(b, [("X-Id", call.callid)])
        b.reply(b.expect("INVITE"), 407, headers=[(
            "Proxy-Authenticate", 'Digest realm="realm.test", nonce="n"')])
        b.expect("ACK")
        invite = b.expect("INVITE")
        same("CSeq", invite.cseq, 2)
        reply = b.reply(invite, 200)
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        same("CSeq of the ACK", b.expect("ACK").cseq, 2)
        own = sip.Call(side, sip.Side.of_callee(b, invite, reply))
        for one, wanted in ((call, []), (own, [("cseq_diff", "1")])):
            same("variables", [tuple(v[0]) for v in server.rpc(
                "dlg.dlg_list", one.callid)["variables"]], wanted)
        for one, seen in ((call, 2), (own, 3)):
            one.caller.request("BYE")
            bye = b.expect("BYE")
            same("CSeq of the BYE", bye.cseq, seen)
            b.reply(bye, 200)
            a.expect(200, "BYE")


@parley_only(NEW)
def test_load_kemi(env):
    """The same from Lua."""
    inside = "\tif KSR.is_method_in('B') then\n" + say(
        ("empty", 'd.load_dialog_ctx("")'),
        ("load", 'd.load_dialog_ctx(KSR.pv.get("$ci"))'),
        ("status", 'KSR.pv.get("$DLG_status")'),
        ("again", 'd.load_dialog_ctx2(KSR.pv.get("$ci"), "callid")'),
        ("unload", "d.unload_dialog_ctx()"),
        ("twice", "d.unload_dialog_ctx()"),
        ("two", 'd.load_dialog_ctx2("x.y", "did")'),
        ("three", 'd.load_dialog_ctx3(KSR.pv.get("$ci"), "callid", 1)')) + \
        "\tend\n"
    with two_parties(lua_proxy(env, lua("\td.dlg_manage()\n", inside))) as (
            server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.hang_up()
        net.wait_until(lambda: "three" in lua_results(server), 3, "the BYE")
        same("results", lua_results(server), {
            "empty": "-1", "load": "1", "status": "4", "again": "-1",
            "unload": "1", "twice": "-1", "two": "-1", "three": "1"})


# ------------------------------------------------ by value, by profile

PROFILES = [("profiles_with_value", "caller"), ("profiles_no_value", "all")]
BY_VAL = 'get_dialogs_by_val("$hdr(X-Name)", "$hdr(X-Value)", "$avp(list)", ' \
    '"$var(count)")'
# All of a list as it stands there, each in a line of its own.
LIST = '''$var(i) = 0;
    while ($(avp(%s)[$var(i)]) != $null) {
        xlog("L_ERR", "LIST $(avp(%s)[$var(i)])\\n");
        $var(i) = $var(i) + 1;
    }
    xlog("L_ERR", "LIST END\\n");
'''


def listed(name="list"):
    return LIST.replace("%s", name)


def look_up(server, party, *headers, lists=1):
    """What an OPTIONS with these headers logs: results, lists of texts."""
    before = len(server.log())
    party.ask("OPTIONS", list(headers))
    lines = [line.partition("LIST ")[2] for line in
             server.log()[before:].splitlines() if "LIST " in line]
    found = [[]]
    for line in lines:
        if line == "END":
            found.append([])
        else:
            found[-1].append(line)
    same("lists", len(found), lists + 1)
    return (results(server),) + tuple(found[:-1])


def dialogs_of(texts):
    return [json.loads(text) for text in texts]


def in_order(server, *calls):
    """Call-IDs in the order of h_entry and h_id."""
    def key(callid):
        found = server.rpc("dlg.dlg_list", callid)
        return found["h_entry"], found["h_id"]
    return sorted((c.callid for c in calls), key=key)


BY = dict(initial='dlg_manage(); $dlg_var(who) = $fU; $dlg_var(more) = $_s(m-$ci);'
          '$dlg_var(odd) = "a\\"b\\\\c"; set_dlg_profile("caller", "$fU");'
          'set_dlg_profile("all");')


@parley_only(NEW)
def test_by_val(env):
    """Calls with this value, each once, as JSON; and their number."""
    text = step("found", BY_VAL) + show("count", "$var(count)") + listed()
    routes = script(**BY, **on_options(text))
    with two_parties(env.proxy(PROFILES, routes)) as (server, a, b):
        calls = [sip.establish(a, b) for _ in range(3)]
        other = sip.establish(b, a)
        for one in calls + [other]:
            wait_state(server, one.callid, 4)
        got, texts = look_up(server, a, ("X-Name", "who"), ("X-Value", "a"))
        same("results", got, {"found": "3", "count": "3"})
        found = dialogs_of(texts)
        same("calls", [d["callid"] for d in found], in_order(server, *calls))
        one = [d for d in found if d["callid"] == calls[0].callid][0]
        same("ID", one["ID"], did(server, calls[0].callid))
        known = server.rpc("dlg.dlg_list", calls[0].callid)
        same("db_id", int(one["db_id"]),
             (known["h_entry"] << 32) + known["h_id"])
        same("values", {k: v for pair in one["context"]["values"]
                        for k, v in pair.items()},
             {"who": "a", "more": "m-" + calls[0].callid, "odd": 'a"b\\c'})
        same("profiles", sorted(one["context"]["profiles"], key=str),
             [{"all": ""}, {"caller": "a"}])
        same("fields", {k: one[k] for k in (
            "state", "user_flags", "from_uri", "to_uri", "caller_tag",
            "caller_contact", "caller_bind_addr")}, {
                "state": 4, "user_flags": 0, "from_uri": "sip:a@from.test",
                "to_uri": "sip:b@to.test",
                "caller_tag": calls[0].caller.local_tag,
                "caller_contact": a.contact,
                "caller_bind_addr": known["caller"]["socket"]})
        leg, = one["CALLEES"]
        same("callee", (leg["callee_tag"], leg["callee_contact"],
                        leg["caller_cseq"]),
             (calls[0].caller.remote_tag, b.contact, 1))
        check(one["timeout"] - one["timestart"] == 43200, "times %r", one)
        check(one["datestart"][:2] == "20", "date %r", one["datestart"])
        # A call that has ended is not found.
        calls[1].hang_up()
        wait_statistic(server, "active_dialogs", 3)
        got, texts = look_up(server, a, ("X-Name", "who"), ("X-Value", "a"))
        same("results", got, {"found": "2", "count": "2"})
        same("calls", [d["callid"] for d in dialogs_of(texts)],
             in_order(server, calls[0], calls[2]))


@parley_only(NEW)
def test_by_val_none(env):
    """None: -1, the number is 0, and the list stays as it was."""
    text = '$avp(list) = "old"; ' + step("found", BY_VAL) + \
        show("count", "$var(count)") + listed()
    routes = script(**BY, **on_options(text))
    with two_parties(env.proxy(PROFILES, routes)) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        for name, value in (("who", "c"), ("whom", "a"), ("", "a"),
                            ("~who", "a"), ("who", ""), ("", ""),
                            ("n" * 5000, "a"), ("who", "v" * 5000)):
            got, texts = look_up(server, a, ("X-Name", name),
                                 ("X-Value", value))
            same("results of %.9s=%.9s" % (name, value), got,
                 {"found": "-1", "count": "0"})
            same("list", texts, ["old"])
        got, texts = look_up(server, a, ("X-Name", "who"), ("X-Value", "a"))
        same("results", got, {"found": "1", "count": "1"})
        same("the list is replaced", len(texts), 1)


@parley_only(NEW)
def test_by_val_changes(env):
    """A value that is changed or deleted is found no more, the new one is; a
    value that was set before the dialog is found from the INVITE on."""
    text = 'if ($hdr(X-Id) != $null) { load_dialog_ctx("$hdr(X-Id)"); ' \
        '$dlg_var(who) = $(hdr(X-To){s.rm,-}); unload_dialog_ctx(); } ' + \
        step("found", BY_VAL) + listed()
    routes = script(initial='$dlg_var(who) = $fU; dlg_manage();',
                    **on_options(text))
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        side, invite = sip.ring(a, b)

        def count(value, *more):
            got, texts = look_up(server, a, ("X-Name", "who"),
                                 ("X-Value", value), *more)
            same("list", [d["callid"] for d in dialogs_of(texts)],
                 [side.callid] * len(texts))
            return int(got["found"])
        same("rings", count("a"), 1)
        same("changed", count("x", ("X-Id", side.callid), ("X-To", "x")), 1)
        same("the old one", count("a"), -1)
        value = "a value that is longer than the one before it"
        same("longer", count(value, ("X-Id", side.callid), ("X-To", value)), 1)
        call = sip.answer(side, invite, b)
        wait_state(server, call.callid, 4)
        same("answered", count(value), 1)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("over", count(value), -1)


@parley_only(NEW)
def test_by_profile(env):
    """Each call once, though it is in twice; of one value or of any."""
    text = step("all", 'get_dialogs_by_profile("all", "$avp(list)", '
                '"$avp(count)")') + show("n_all", "$avp(count)") + listed() + \
        step("value", 'get_dialogs_by_profile("caller", "$hdr(X-Value)", '
             '"$avp(list)", "$var(count)")') + \
        show("n_value", "$var(count)") + listed() + \
        step("any", 'get_dialogs_by_profile("caller", "$avp(list)", '
             '"$var(count)")') + show("n_any", "$var(count)") + listed()
    routes = script(initial='dlg_manage(); set_dlg_profile("all"); '
                    'set_dlg_profile("all"); set_dlg_profile("caller", "$fU");'
                    'set_dlg_profile("caller", "both");', **on_options(text))
    with two_parties(env.proxy(PROFILES, routes)) as (server, a, b):
        calls = [sip.establish(a, b), sip.establish(b, a), sip.establish(a, b)]
        for one in calls:
            wait_state(server, one.callid, 4)
        got, *lists = look_up(server, a, ("X-Value", "a"), lists=3)
        same("results", got, {"all": "3", "n_all": "3", "value": "2",
                              "n_value": "2", "any": "3", "n_any": "3"})
        for texts, wanted in zip(lists, (calls, calls[::2], calls)):
            same("calls", [d["callid"] for d in dialogs_of(texts)],
                 in_order(server, *wanted))
        got, *lists = look_up(server, a, ("X-Value", "nobody"), lists=3)
        same("of nobody", (got["value"], got["n_value"]), ("-1", "0"))


@parley_only(NEW)
def test_info(env):
    """A value of each call that has another one."""
    text = step("found", 'get_dialog_info("$hdr(X-Attr)", "$avp(list)", "who", '
                '"$hdr(X-Value)", "$var(count)")') + \
        show("count", "$var(count)") + listed()
    routes = script(initial='dlg_manage(); $dlg_var(who) = $fU; '
                    'if ($hdr(X-More) != $null) $dlg_var(more) = $hdr(X-More);',
                    **on_options(text))
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        calls = [sip.establish(a, b, [("X-More", "m%d" % i)])
                 for i in range(2)] + [sip.establish(a, b)]
        for one in calls:
            wait_state(server, one.callid, 4)
        more = {calls[0].callid: "m0", calls[1].callid: "m1"}
        got, texts = look_up(server, a, ("X-Attr", "more"), ("X-Value", "a"))
        same("results", got, {"found": "3", "count": "3"})
        same("values", texts, [more[c] for c in in_order(server, *calls)
                               if c in more])
        for attr, value, count in (("", "a", "0"), ("nosuch", "a", "3"),
                                   ("~x", "a", "3"), ("more", "b", "0")):
            got, texts = look_up(server, a, ("X-Attr", attr),
                                 ("X-Value", value))
            same("%s of %s" % (attr, value), got["count"], count)
            same("values", texts, [])


@parley_only(NEW)
def test_vals(env):
    """All variables of a call in two lists that go together."""
    text = step("found", 'get_dialog_vals("$avp(names)", "$avp(values)", '
                '"$hdr(X-Id)")') + listed("names") + listed("values")
    routes = script(initial='dlg_manage(); $dlg_var(one) = "1"; '
                    '$dlg_var(two) = "second"; $dlg_var(three) = $ci;',
                    **on_options(text))
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        got, names, texts = look_up(server, a, ("X-Id", call.callid), lists=2)
        same("found", got["found"], "1")
        same("variables", dict(zip(names, texts)), {
            "one": "1", "two": "second", "three": call.callid})
        same("order", names, ["three", "two", "one"])
        for name in ("nobody", ""):
            got, names, texts = look_up(server, a, ("X-Id", name), lists=2)
            same("of %r" % name, (got["found"], names, texts), ("-1", [], []))


@parley_only(NEW)
def test_json_variables(env):
    """$DLG_json and $DLG_ctx_json, of any length, in one line."""
    routes = script(initial='dlg_manage(); $dlg_var(long) = $hdr(X-Long);',
                    inside='xlog("L_ERR", "SHORT $DLG_json LONG '
                    '$DLG_ctx_json END\\n");', **on_options(
                        show("none", "$DLG_json") +
                        show("none2", "$DLG_ctx_json")))
    server = env.proxy(routes=routes,
                       last='modparam("xlog", "buf_size", 32000)\n')
    with two_parties(server) as (server, a, b):
        call = sip.establish(a, b, [("X-Long", "x" * 6000)])
        wait_state(server, call.callid, 4)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        line = re.findall(r"SHORT (.*) LONG (.*) END", server.log())[-1]
        short, long = (json.loads(text) for text in line)
        context = long.pop("context")
        same("what both have", long, short)
        same("context", context, {"values": [{"long": "x" * 6000}],
                                  "profiles": []})
        a.ask("OPTIONS")
        same("without a call", results(server),
             {"none": "<null>", "none2": "<null>"})


@parley_only(NEW)
def test_lookup_constants(env):
    """Results that are no variables, unknown profiles: errors at start."""
    for text, starts in (
            ('get_dialogs_by_val("a", "$fU", "$avp(x)", "$var(n)")', True),
            ('get_dialogs_by_val("$fU", "b", "$avp(x)", "$avp(n)")', True),
            ('get_dialogs_by_val("a", "b", "$var(x)", "$var(n)")', False),
            ('get_dialogs_by_val("a", "b", "$avp(x)", "$xavp(n)")', False),
            ('get_dialogs_by_val("a", "b", "x", "$var(n)")', False),
            ('get_dialogs_by_val("a", "b", "$avp(x)")', False),
            ('get_dialogs_by_profile("all", "$avp(x)", "$var(n)")', True),
            ('get_dialogs_by_profile("caller", "$fU", "$avp(x)", "$var(n)")',
             True),
            ('get_dialogs_by_profile("nosuch", "$avp(x)", "$var(n)")', False),
            ('get_dialogs_by_profile("all", "$var(x)", "$var(n)")', False),
            ('get_dialog_info("a", "$avp(x)", "k", "$fU", "$var(n)")', True),
            ('get_dialog_info("a", "$fU", "k", "$fU", "$var(n)")', False),
            ('get_dialog_vals("$avp(x)", "$avp(y)", "$ci")', True),
            ('get_dialog_vals("$avp(x)", "$var(y)", "$ci")', False)):
        same("%s starts" % text, does_start(env, text, PROFILES), starts)


@parley_only(NEW)
def test_lookup_quotes(env):
    """A variable without quotes, in any place: an error at start, which says
    which parameter of which function."""
    for name, params in (
            ("get_dialogs_by_val", ("a", "b", "$avp(x)", "$var(n)")),
            ("get_dialogs_by_profile", ("all", "$avp(x)", "$var(n)")),
            ("get_dialogs_by_profile", ("caller", "b", "$avp(x)", "$var(n)")),
            ("get_dialog_info", ("a", "$avp(x)", "k", "v", "$var(n)")),
            ("get_dialog_vals", ("$avp(x)", "$avp(y)", "$ci"))):
        for bare in range(len(params)):
            texts = ["$avp(x)" if i == bare else '"%s"' % text
                     for i, text in enumerate(params)]
            server = env.proxy(PROFILES, script(
                more="route[FORM] { %s(%s); }" % (name, ", ".join(texts))))
            try:
                with server:
                    check(False, "it has started with %s%r", name, texts)
            except proxy.StartFailed as failure:
                check("function %s: parameter %d is not constant" % (
                    name, bare + 1) in failure.log, "%s%r: %s", name, texts,
                      failure.log)


@parley_only(NEW)
def test_lookup_max(env):
    """The list has rpc_list_max of them, the number is right."""
    text = step("found", BY_VAL) + show("count", "$var(count)") + listed()
    routes = script(**BY, **on_options(text))
    with two_parties(env.proxy(PROFILES + [("rpc_list_max", 2)], routes)) as (
            server, a, b):
        calls = [sip.establish(a, b) for _ in range(5)]
        for one in calls:
            wait_state(server, one.callid, 4)
        got, texts = look_up(server, a, ("X-Name", "who"), ("X-Value", "a"))
        same("results", got, {"found": "5", "count": "5"})
        same("the first two", [d["callid"] for d in dialogs_of(texts)],
             in_order(server, *calls)[:2])


@parley_only(NEW)
def test_lookup_restart(env):
    """Calls that come back from the database are found."""
    text = step("found", BY_VAL) + listed()
    with database.fresh("sqlite") as base:
        base.create("standard", "dialog")
        server = env.proxy(
            PROFILES + [("db_url", base.url), ("db_mode", 1),
                        ("journal_dir", proxy.scratch())],
            script(**BY, **on_options(text)), first=base.load())
        with two_parties(server) as (server, a, b):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            server.stop()
            server.start()
            wait_state(server, call.callid, 4)
            got, texts = look_up(server, a, ("X-Name", "who"),
                                 ("X-Value", "a"))
            same("found", got["found"], "1")
            same("call", dialogs_of(texts)[0]["callid"], call.callid)


@parley_only(NEW)
def test_lookup_kemi(env):
    """From Lua, with value_index set; without it the log says so."""
    inside = say(
        ("val", 'd.get_dialogs_by_val("who", "x", "$avp(l)", "$var(n)")'),
        ("n", 'KSR.pv.get("$var(n)")'),
        ("json", 'string.sub(KSR.pv.get("$avp(l)") or "none", 1, 6)'),
        ("profile", 'd.get_dialogs_by_profile("caller", "x", "$avp(l)",'
         ' "$var(n)")'),
        ("static", 'd.get_dialogs_by_profile_static("all", "$avp(l)",'
         ' "$var(n)")'),
        ("unknown", 'd.get_dialogs_by_profile_static("nosuch", "$avp(l)",'
         ' "$var(n)")'),
        ("wrong", 'd.get_dialogs_by_val("who", "x", "$var(l)", "$var(n)")'),
        ("wrong2", 'd.get_dialogs_by_val("who", "x", "$avp(l)", "n")'),
        ("info", 'd.get_dialog_info("who", "$avp(l)", "who", "x",'
         ' "$var(n)")'), ("attr", 'tostring(KSR.pv.get("$avp(l)"))'),
        ("vals", 'd.get_dialog_vals("$avp(k)", "$avp(v)",'
         ' KSR.pv.get("$ci"))'), ("key", 'tostring(KSR.pv.get("$avp(k)"))'))
    text = lua('\td.dlg_manage()\n\td.var_sets("who", "x")\n'
               '\td.set_dlg_profile("caller", "x")\n'
               '\td.set_dlg_profile_static("all")\n',
               "\tif KSR.is_method_in('B') then\n" + inside + "\tend\n")
    want = {"val": "1", "n": "1", "json": '{"ID":', "profile": "1",
            "static": "1", "unknown": "-1", "wrong": "-1", "wrong2": "-1",
            "info": "1", "attr": "x", "vals": "1", "key": "who"}
    for indexed in (1, 0):
        server = lua_proxy(env, text)
        server.params.append(("value_index", indexed))
        with two_parties(server) as (server, a, b):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            call.hang_up()
            net.wait_until(lambda: "key" in lua_results(server), 3, "the BYE")
            if not indexed:
                want.update(val="-1", n="0", json="none", info="-1")
                want["attr"] = lua_results(server)["attr"]
                check("value_index must be 1" in server.log(), "no reason")
            same("results", lua_results(server), want)


def _fill(base, count):
    """So many calls in the database, all with who=a."""
    statements = ["BEGIN;"]
    for number in range(1, count + 1):
        call = row("many-%d" % number, number)
        for table, values in (("dialog", call), ("dialog_vars", {
                "hash_entry": call["hash_entry"], "hash_id": number,
                "dialog_key": "who", "dialog_value": "a"})):
            statements.append("INSERT INTO %s (%s) VALUES (%s);" % (
                table, ", ".join(values),
                ", ".join(map(base._literal, values.values()))))
    base.execute("\n".join(statements + ["COMMIT;"]))


@parley_only(NEW)
def test_lookup_many(env):
    """10,000 calls with one value: all in the list and counted; with too
    little memory it is false, says so, and nothing is lost by it."""
    # Four lists fit into the larger memory, and not into the smaller one.
    text = "".join('get_dialogs_by_val("who", "a", "$avp(l%d)", "$avp(n)");' % i
                   for i in range(3)) + \
        step("found", 'get_dialogs_by_val("who", "a", "$avp(list)", '
             '"$var(count)")') + show("count", "$var(count)") + \
        show("list", "$avp(list)") + show("last", "$(avp(list)[9999])") + \
        show("more", "$(avp(list)[10000])")
    with database.fresh("sqlite") as base:
        base.create("standard", "dialog")
        _fill(base, 10000)
        for shm_mb in (256, 28):
            server = env.proxy([("db_url", base.url), ("db_mode", 1),
                                ("journal_dir", proxy.scratch())],
                               script(**on_options(text)), first=base.load(),
                               shm_mb=shm_mb)
            with server, sip.Party(server, "a") as a:
                for _ in range(3):
                    a.ask("OPTIONS")
                    got = results(server)
                    if shm_mb == 256:
                        same("results", (got["found"], got["count"],
                                         got["more"]),
                             ("10000", "10000", "<null>"))
                        check(got["last"].startswith('{"ID"'), "%r", got["last"])
                        continue
                    same("without memory", (got["found"], got["count"],
                                            got["list"]),
                         ("-1", "0", "<null>"))
                    check("no memory for the results" in server.log(), "line")
                same("calls", server.statistics()["active_dialogs"], 10000)


@parley_only(NEW)
def test_own_variables(env):
    """Numbers are found by their digits; what the module keeps in variables of
    its own is in no list."""
    text = step("found", 'get_dialogs_by_val("n", "5", "$avp(list)", '
                '"$var(count)")') + listed() + \
        'get_dialog_vals("$avp(names)", "$avp(values)", "$hdr(X-Id)");' + \
        listed("names")
    routes = script(initial='dlg_manage(); $dlg_val(n) = 5;',
                    **on_options(text))
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        got, texts, names = look_up(server, a, ("X-Id", call.callid), lists=2)
        same("found", got["found"], "1")
        same("values", dialogs_of(texts)[0]["context"]["values"], [{"n": "5"}])
        same("names", names, ["n"])
