"""create_dialog() with and without flags, and bye_on_timeout_flag."""
from lib.case import (check, dialogs, net, parley_only, proxy, same, script,
                      sip, wait_state)

from .badparams import refused
from .functions import results, show, step, steps
from .kemi import functions as lua, lua_proxy, results as lua_results, say

OURS = "the packaged module has no create_dialog()"
FLAGS = ("bye-on-timeout", "options-ping-caller", "options-ping-callee",
         "reinvite-ping-caller", "reinvite-ping-callee",
         "end-on-race-condition", "auto-prack")
BITS = dict(zip(FLAGS, (1, 16, 32, 64, 128, 256, 512)))
NAMES = ("dialog", "ims_dialog", "dialog_ng")
SHOWN = show("iflags", "$dlg(iflags)")


def bits(*names):
    return sum(BITS[n] for n in names)


def _run(env, initial, name="dialog", params=(), **hooks):
    """The script's results and the log of a call that is set up by it."""
    routes = script(initial=initial + SHOWN, **hooks)
    with env.proxy(params, routes, name=name) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        same("dialogs", len(dialogs(server)), 1)
        return results(server), server.log()


@parley_only(OURS)
def test_plain(env):
    """Made, or there already, by whichever way."""
    for name in NAMES:
        got, _ = _run(env, steps(
            ("made", "create_dialog()"), ("again", "create_dialog()"),
            ("other", "dlg_manage()")), name)
        same("as " + name, got,
             {"made": "1", "again": "1", "other": "-1", "iflags": "0"})
    got, _ = _run(env, steps(("other", "dlg_manage()"),
                             ("made", "create_dialog()")))
    same("after dlg_manage()", got, {"other": "1", "made": "1", "iflags": "0"})


@parley_only(OURS)
def test_false(env):
    """Another method, a request within a call, one of no call."""
    routes = script(
        inside=step("inside_$rm", "create_dialog()"),
        strange=step("strange", "create_dialog()") +
        'sl_send_reply("481", "No"); exit;',
        out_of_dialog='if (!is_method("INVITE")) {%s sl_send_reply("200", '
        '"OK"); exit; }' % step("options", "create_dialog()"),
        initial="create_dialog();")
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        a.ask("OPTIONS")
        same("dialogs", dialogs(server), [])
        call = sip.establish(a, b)
        call.caller.reinvite()
        b.reply(b.expect("INVITE"), 200)
        a.expect(200, "INVITE")
        call.caller.ack()
        b.expect("ACK")
        lost = sip.Side(a)
        lost.callid, lost.local_tag, lost.remote_tag = "lost", "1", "2"
        lost.local_uri = lost.remote_uri = lost.target = a.contact
        lost.request("INVITE")
        a.expect(481, "INVITE")
        same("results", results(server), {
            "options": "-1", "inside_INVITE": "-1", "inside_ACK": "-1",
            "strange": "-1"})
        same("dialogs", len(dialogs(server)), 1)


@parley_only(OURS)
def test_flags(env):
    """Each flag is one option of the call; a re-INVITE is the stronger ping."""
    for flag in FLAGS:
        got, _ = _run(env, step("made", 'create_dialog("%s")' % flag))
        same(flag, got, {"made": "1", "iflags": str(BITS[flag])})
    got, _ = _run(env, step(
        "made", 'create_dialog(" %s ")' % " ,\t".join(FLAGS)))
    want = sum(BITS.values()) - bits("options-ping-caller",
                                     "options-ping-callee")
    same("all", got, {"made": "1", "iflags": str(want)})
    got, _ = _run(env, '$var(f) = "auto-prack,options-ping-caller";' + step(
        "text", 'create_dialog("bye-on-timeout,$var(f)")') + SHOWN.replace(
            "|iflags", "|then") + step("bare", "create_dialog($var(f))"))
    same("variables", got, {
        "text": "1", "bare": "1",
        "then": str(bits("auto-prack", "options-ping-caller",
                         "bye-on-timeout")),
        "iflags": str(bits("auto-prack", "options-ping-caller"))})


@parley_only(OURS)
def test_second_call(env):
    """New flags take the place of those before, but for the race's, and for
    what only Kamailio's functions set; none at all change nothing."""
    text = ", ".join(FLAGS)
    got, _ = _run(env, 'dlg_set_property("ka-src"); '
                  'dlg_set_property("timeout-noreset");' + steps(
                      ("made", 'create_dialog("%s")' % text),
                      ("none", "create_dialog()")) +
                  show("kept", "$dlg(iflags)") +
                  step("again", 'create_dialog("options-ping-callee")'))
    same("results", got, {
        "made": "1", "none": "1", "again": "1",
        "kept": str(2 + 8 + 1 + 64 + 128 + 256 + 512),
        "iflags": str(2 + 8 + 32 + 256)})
    got, _ = _run(env, "$dlg_ctx(timeout_bye) = 1; dlg_manage();" +
                  step("empty", 'create_dialog("")'))
    same("empty", got, {"empty": "1", "iflags": "0"})


@parley_only(OURS)
def test_bye_on_timeout(env):
    """The flag's effect: both sides get a BYE when the lifetime is over."""
    for initial, params in (
            ('create_dialog("bye-on-timeout");', ()),
            ("setflag(6); create_dialog();", [("bye_on_timeout_flag", 6)]),
            ("setflag(6); setflag(4);", [("bye_on_timeout_flag", 6),
                                         ("dlg_flag", 4)])):
        with env.proxy([("default_timeout", 2)] + list(params),
                       script(initial=initial)) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            sip.confirm_byes(call.callid, a, b, seconds=8)


@parley_only(OURS)
def test_flag_too_late(env):
    """The message flag counts when the dialog is made, and not after."""
    params = [("default_timeout", 2), ("bye_on_timeout_flag", 6)]
    for initial in ("create_dialog(); setflag(6);",
                    "setflag(6); resetflag(6); create_dialog();"):
        with env.proxy(params, script(initial=initial)) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            net.wait_until(lambda: server.statistics()["expired_dialogs"] == 1,
                           8, "the end of the lifetime")
            for party in (a, b):
                check(not party.maybe("BYE", callid=call.callid), "a BYE")


@parley_only(OURS)
def test_wrong_literals(env):
    """Start-up errors that name the flag and what there is."""
    for text, words in (
            ("bye-on-timeout,ping", ('"ping"', "options-ping-caller",
                                     "auto-prack")),
            ("bye-on-timeout,", ('""', "auto-prack")),
            ("Bye-On-Timeout", ("Bye-On-Timeout", "bye-on-timeout")),
            ("BPp", ('"BPp"', "B is bye-on-timeout",
                     "p options-ping-callee")),
            ("E", ('"E"', "E end-on-race-condition"))):
        refused(env, [], words, early=False, routes=script(
            initial='create_dialog("%s");' % text))
    for value in (32, -2):
        refused(env, [("bye_on_timeout_flag", value)],
                ["bye_on_timeout_flag=%d" % value, "-1 to 31"])
    try:
        with env.proxy(routes=script(
                more="failure_route[F] { create_dialog(); }")):
            raise AssertionError("a failure route may call create_dialog()")
    except proxy.StartFailed as failure:
        check("create_dialog" in failure.log, "%s", failure.log[-600:])


@parley_only(OURS)
def test_wrong_variables(env):
    """False, ten lines a second at most, and no dialog."""
    with env.proxy(routes=script(
            initial='$var(f) = "auto-prack, nonsense"; $var(n) = 0;'
            'while ($var(n) < 40) { create_dialog("$var(f)");'
            '$var(n) = $var(n) + 1; }' +
            step("wrong", 'create_dialog("$var(f)")'))) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b)
        same("results", results(server), {"wrong": "-1"})
        same("dialogs", dialogs(server), [])
        lines = server.log().count('flag "nonsense"')
        check(1 <= lines <= 20, "%d lines", lines)


@parley_only(OURS)
def test_kemi(env):
    """KSR.dialog.create_dialog() and create_dialog_flags()."""
    for name in NAMES:
        text = lua(say(
            ("made", "d.create_dialog()"),
            ("flags", 'd.create_dialog_flags("auto-prack")'),
            ("wrong", 'd.create_dialog_flags("prack")'),
            ("iflags", 'KSR.pv.get("$dlg(iflags)")')),
            say(("inside", "d.create_dialog()")), name)
        with lua_proxy(env, text, name=name) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            call.hang_up()
            same("as " + name, lua_results(server), {
                "made": "1", "flags": "1", "wrong": "-1", "iflags": "512",
                "inside": "-1"})
