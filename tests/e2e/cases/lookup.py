"""load_dialog_ctx(): any dialog as the current one of a message."""
from cases.functions import results, show, step
from cases.kemi import functions as lua, lua_proxy, results as lua_results, say
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
