"""Flags and values of a call under the names of OpenSIPS."""
from lib import database, net, stored
from lib.case import (check, dialogs, parley_only, same, script, sip,
                      two_parties, wait_state)

from .badparams import refused
from .functions import listed, results, run_initial, show, step, steps
from .kemi import functions as lua, lua_proxy, results as lua_results, say

OURS = "the packaged module has no such functions"
NAMES = ("dialog", "ims_dialog", "dialog_ng")


def shows(*names):
    return "".join(show("v%d" % i, name) for i, name in enumerate(names))


def variables(dialog):
    """What RPC lists of a dialog, as a dictionary."""
    return dict(pair for struct in dialog["variables"] for pair in struct)


def ask(server, call, b, method="UPDATE"):
    """A request within the call goes through the script."""
    call.caller.request(method)
    b.reply(b.expect(method, callid=call.callid), 200)
    call.caller.party.expect(200, method, callid=call.callid)
    return results(server)


# ------------------------------------------------------------- flags

FLAG_STEPS = (
    ("unset", 'is_dlg_flag_set("3")'),
    ("set", 'set_dlg_flag("3")'),
    ("is", 'is_dlg_flag_set("3")'),
    ("same", 'dlg_isflagset("3")'),
    ("last", 'set_dlg_flag("31")'),
    ("bare", "$var(f) = 7; set_dlg_flag($var(f))"),
    ("text", '$var(f) = "8"; set_dlg_flag("$var(f)")'),
    ("reset", 'reset_dlg_flag("3")'),
    ("gone", 'is_dlg_flag_set("3")'),
    ("other", 'dlg_setflag("16")'),
    ("seen", 'is_dlg_flag_set("16")'),
    ("big", "$var(f) = 32; set_dlg_flag($var(f))"),
    ("minus", "$var(f) = -1; is_dlg_flag_set($var(f))"),
    ("word", '$var(f) = "prepaid"; reset_dlg_flag("$var(f)")'),
    ("null", "set_dlg_flag($avp(nothing))"),
    ("turn_on", 'test_and_set_dlg_flag("5", "0")'),
    ("again", 'test_and_set_dlg_flag("5", "0")'),
    ("turn_off", 'test_and_set_dlg_flag("5", "1")'),
    ("off", 'test_and_set_dlg_flag("5", "1")'),
    ("by_var", '$var(f) = 6; $var(v) = 0; '
     "test_and_set_dlg_flag($var(f), $var(v))"),
    ("not_01", "$var(v) = 2; test_and_set_dlg_flag($var(f), $var(v))"),
    ("not_f", '$var(f) = 40; test_and_set_dlg_flag($var(f), "0")'),
)
FLAG_WANT = {
    "unset": "-1", "set": "1", "is": "1", "same": "1", "last": "1",
    "bare": "1", "text": "1", "reset": "1", "gone": "-1", "other": "1",
    "seen": "1", "big": "-1", "minus": "-1", "word": "-1", "null": "-1",
    "turn_on": "1", "again": "-1", "turn_off": "1", "off": "-1", "by_var": "1",
    "not_01": "-1", "not_f": "-1"}
FLAGS = 1 << 31 | 1 << 16 | 1 << 8 | 1 << 7 | 1 << 6


@parley_only(OURS)
def test_flags(env):
    """The same 32 flags as dlg_setflag(), before the dialog and after."""
    for initial in ("dlg_manage();" + steps(*FLAG_STEPS),
                    steps(*FLAG_STEPS) + "create_dialog();"):
        got, dialog, log = run_initial(env, initial)
        same("results", got, FLAG_WANT)
        same("flags", dialog["sflags"] & 0xFFFFFFFF, FLAGS)
        for text in ("set_dlg_flag(32)", "is_dlg_flag_set(-1)",
                     "test_and_set_dlg_flag(6, 2)",
                     "test_and_set_dlg_flag(40)"):
            check(text + ": " in log, "no line of %s", text)


@parley_only(OURS)
def test_flags_stay(env):
    """Seen in all requests, replies and failure routes of the call."""
    routes = script(
        initial='create_dialog(); set_dlg_flag("3"); t_on_reply("R");'
        't_on_branch("B"); t_on_failure("F");',
        inside=step("inside_$rm", 'is_dlg_flag_set("3")') +
        step("new_$rm", 'is_dlg_flag_set("4")'),
        more="onreply_route[R] {%s}\nbranch_route[B] {%s}\n"
        "failure_route[F] {%s}" % (
            step("reply_$rs", 'is_dlg_flag_set("3")') + 'set_dlg_flag("4");',
            step("branch", 'is_dlg_flag_set("3")'),
            step("failure", 'is_dlg_flag_set("3")')))
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        sip.establish(a, b).hang_up()
        _, invite = sip.ring(a, b)
        b.reply(invite, 486)
        a.expect(486, "INVITE")
        net.wait_until(lambda: "failure" in results(server), 3, "its route")
        same("results", results(server), dict.fromkeys(
            ("branch", "reply_180", "reply_200", "inside_ACK", "inside_BYE",
             "new_ACK", "new_BYE", "reply_486", "failure"), "1"))


@parley_only(OURS)
def test_no_dialog(env):
    """False with a line where no dialog can come of it; asking is silent."""
    calls = steps(
        ("set", 'set_dlg_flag("3")'), ("reset", 'reset_dlg_flag("3")'),
        ("is", 'is_dlg_flag_set("3")'),
        ("flip", 'test_and_set_dlg_flag("3", "0")'),
        ("store", 'store_dlg_value("n", "v")'),
        ("fetch", '$var(x) = "kept"; fetch_dlg_value("n", "$var(x)")'),
    ) + '$dlg_val(n) = "w";' + "$DLG_flags = 3;" + shows(
        "$dlg_val(n)", "$var(x)", "$DLG_flags", "$DLG_dir", "$DLG_did")
    routes = script(out_of_dialog='if (is_method("OPTIONS")) {%s '
                    'sl_send_reply("200", "OK"); exit; }' % calls)
    with two_parties(env.proxy(routes=routes)) as (server, a, _):
        for _ in range(30):
            a.ask("OPTIONS")
        want = dict.fromkeys(("set", "reset", "is", "flip", "store", "fetch"),
                             "-1")
        want.update({"v0": "<null>", "v1": "kept", "v2": "<null>",
                     "v3": "<null>", "v4": "<null>"})
        same("results", results(server), want)
        log = server.log()
        for text in ("set_dlg_flag(3)", "reset_dlg_flag(3)",
                     "test_and_set_dlg_flag(3)", "store_dlg_value(n)",
                     "$dlg_val(n)", "$(DLG_flags)"):
            check(text + ": the message has no dialog" in log, "no %s: %s",
                  text, log[-1500:])
        check("is_dlg_flag_set(" not in log.replace(
            "|is", ""), "a line for asking")
        lines = log.count("has no dialog")
        check(lines <= 60, "%d lines", lines)
        same("dialogs", dialogs(server), [])


@parley_only(OURS)
def test_wrong_literals(env):
    """Start-up errors of what is fixed in the script."""
    for call, words in (
            ('set_dlg_flag("32")', ('"32"', "0 to 31")),
            ('reset_dlg_flag("-1")', ('"-1"', "0 to 31")),
            ('is_dlg_flag_set("prepaid")', ('"prepaid"', "0 to 31",
                                            "#!define")),
            ('set_dlg_flag("")', ('""', "0 to 31")),
            ('test_and_set_dlg_flag("3", "2")', ('"2"', "0 or 1")),
            ('test_and_set_dlg_flag("x", "1")', ('"x"', "0 to 31")),
            ('store_dlg_value("", "x")', ("store_dlg_value", "empty")),
            ('fetch_dlg_value("", "$var(x)")', ("fetch_dlg_value", "empty")),
            ('fetch_dlg_value("x", "$dlg_var(y)")',
             ("fetch_dlg_value", "$dlg_var(y)", "$avp(...)", "$var(...)"))):
        refused(env, [], words, early=False,
                routes=script(more="route[X] { %s; }" % call))
    for text in ('$dlg_val()', '$dlg_val("")', '$dlg_val($nonsense(x))'):
        code, output = env.proxy(routes=script(
            more='route[X] { $var(x) = %s; }' % text)).check()
        check(code != 0, "%s is accepted: %s", text, output[-400:])
    for text in ("$DLG_dir", "$DLG_did"):
        code, output = env.proxy(routes=script(
            more='route[X] { %s = "x"; }' % text)).check()
        check(code != 0, "%s is written to: %s", text, output[-400:])


# ------------------------------------------------------------- values

VALUE_STEPS = (
    ("store", 'store_dlg_value("inv_src_ip", "$si")'),
    ("blank", 'store_dlg_value("account type", "prepaid")'),
    ("fetch", 'fetch_dlg_value("inv_src_ip", "$avp(i:2)")'),
    ("fetched", 'fetch_dlg_value("account type", "$var(account)")'),
    ("none", '$var(kept) = "kept"; fetch_dlg_value("none", "$var(kept)")'),
    ("var_name", '$var(n) = "account"; store_dlg_value("$var(n)2", "two")'),
    ("part", 'store_dlg_value("mixed", "a-$var(n)-b")'),
    ("gone", 'store_dlg_value("gone", "x"); store_dlg_value("gone", "$null")'),
)


@parley_only(OURS)
def test_values(env):
    """Stored and fetched, by all names, before the dialog and after."""
    more = ('$dlg_val("quoted") = "q"; $dlg_val(plain) = "p";'
            '$dlg_val($var(n)) = "by variable"; $dlg_var(old) = "o";'
            '$dlg_val(gone2) = "x"; $dlg_val(gone2) = $null;'
            '$dlg_val(empty) = "";')
    shown = shows(
        "$avp(i:2)", "$var(account)", "$var(kept)", "$dlg_val(account type)",
        '$dlg_val(account2)', "$dlg_val(mixed)", "$dlg_var(quoted)",
        "$dlg_val(quoted)", "$dlg_val(account)", "$dlg_val(old)",
        "$dlg_val(gone)", "$dlg_val(gone2)", "<$dlg_val(empty)>",
        '$(dlg_val(plain){s.len})', '$dlg_val(\\"quoted\\")')
    want = ["127.0.0.1", "prepaid", "kept", "prepaid", "two", "a-account-b",
            "q", "q", "by variable", "o", "<null>", "<null>", "<>", "1", "q"]
    named = dict(want for want in zip(
        ("inv_src_ip", "account type", "account2", "mixed", "quoted", "plain",
         "account", "old", "empty"),
        ("127.0.0.1", "prepaid", "two", "a-account-b", "q", "p",
         "by variable", "o", "")))
    for before, after in (("create_dialog();", ""), ("", "create_dialog();")):
        got, dialog, _ = run_initial(
            env, before + steps(*VALUE_STEPS) + more + shown + after)
        values = dict.fromkeys(("store", "blank", "fetch", "fetched",
                                "var_name", "part", "gone"), "1")
        values["none"] = "-1"
        values.update(("v%d" % i, w) for i, w in enumerate(want))
        same("results", got, values)
        same("listed", variables(dialog), named)


NUMBERS = ("$dlg_val(n) = 5; $dlg_val(t) = \"5\"; $var(i) = -2147483648;"
           "store_dlg_value(\"v\", \"$var(i)\"); store_dlg_value(\"f\", \"$var(i)"
           "x\"); $dlg_val(zero) = 0; $dlg_val(was) = 7;"
           "$dlg_val(was) = \"7\"; $dlg_val(other) = 9; $dlg_var(other) ="
           " \"12\"; $dlg_val(lead) = \"0049\"; $dlg_val(gone) = 3;"
           "$dlg_val(gone) = $null; $dlg_var(gone) = \"3\";")
# What "+" makes of a number is a sum, of a text a longer one.
SUMS = ("$var(s0) = $dlg_val(n) + 1; $var(s1) = $dlg_val(t) + 1;"
        "$var(s2) = $dlg_val(v) + 1; $var(s3) = $dlg_val(f) + 1;"
        "$var(s4) = $dlg_val(zero) + 1; $var(s5) = $dlg_val(was) + 1;"
        "$var(s6) = $dlg_val(other) + 1; $var(s7) = $dlg_val(lead) + 1;"
        "$var(s8) = $dlg_val(gone) + 1;"
        'fetch_dlg_value("n", "$var(f0)"); $var(s9) = $var(f0) + 1;'
        'fetch_dlg_value("t", "$avp(f1)"); $var(s10) = $avp(f1) + 1;') + \
    "".join(show("s%d" % i, "$var(s%d)" % i) for i in range(11))
SUMMED = ("6", "51", "-2147483647", "-2147483648x1", "1", "71", "121", "00491",
          "31", "6", "51")


@parley_only(OURS)
def test_numbers(env):
    """A number is read as a number, digits that were given as text as text,
    before the dialog, after it, and after a restart."""
    want = {"s%d" % i: w for i, w in enumerate(SUMMED)}
    for initial in (NUMBERS + SUMS + "create_dialog();",
                    "create_dialog();" + NUMBERS + SUMS):
        got, dialog, _ = run_initial(env, initial)
        same("results", got, want)
        same("listed", sorted(variables(dialog)),
             ["f", "gone", "lead", "n", "other", "t", "v", "was", "zero"])


@parley_only(OURS)
def test_restart(env):
    """Flags, values and their types come back from the database."""
    want = {"s%d" % i: w for i, w in enumerate(SUMMED)}
    want.update({"fl": str(1 << 31 | 8), "bye": "1"})
    routes = script(
        initial='create_dialog("bye-on-timeout,auto-prack");'
        'set_dlg_flag("3"); set_dlg_flag("31");' + NUMBERS,
        inside='if (is_method("UPDATE")) {%s%s%s}' % (
            SUMS, show("fl", "$DLG_flags"),
            show("bye", "$dlg_ctx(timeout_bye)")))
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        with two_parties(stored.server(env, base, 1, routes=routes)) as (
                server, a, b):
            call = sip.establish(a, b)
            stored.wait_rows(base, "dialog", 1)
            server.stop()
            server.start()
            same("results", ask(server, call, b), want)
            same("iflags", dialogs(server)[0]["iflags"], 513)
            call.hang_up()


BAD_STEPS = (
    ("empty", '$var(e) = ""; store_dlg_value("$var(e)", "v")'),
    ("empty2", 'fetch_dlg_value("$var(e)", "$var(x)")'),
    ("nul", 'store_dlg_value("$var(nul)", "v")'),
    ("nul2", 'fetch_dlg_value("$var(nul)", "$var(x)")'),
    ("long", 'store_dlg_value("$var(long)", "v")'),
    ("fits", 'store_dlg_value("$var(fits)", "v")'),
    ("own", 'store_dlg_value("~i:number", "6")'),
    ("own2", 'fetch_dlg_value("~i:number", "$var(x)")'),
    ("big", 'store_dlg_value("first", "$var(big)")'),
    ("most", 'store_dlg_value("most", "$(var(big){s.substr,1,0})")'),
    ("read", 'fetch_dlg_value("most", "$var(x)")'),
)


@parley_only(OURS)
def test_bad_values(env):
    """Names and values that cannot be: false, limited lines, nothing lost."""
    calls = ('$var(big) = "0123456789abcdef"; $var(n) = 0; while ($var(n) < 12)'
             '{ $var(big) = $var(big) + $var(big); $var(n) = $var(n) + 1; }'
             '$var(nul) = $(hdr(X-Nul){s.decode.hexa});'
             '$var(long) = $(var(big){s.substr,0,4097});'
             '$var(fits) = $(var(big){s.substr,0,4096}); $var(x) = "old";'
             '$dlg_val(first) = "kept"; $dlg_val(number) = 5;' +
             steps(*BAD_STEPS) + '$var(n) = $null; $dlg_val($avp(n)) = "x";'
             '$var(m) = $dlg_val(number) + 1;' + shows(
                 "$dlg_val($avp(n))", "$dlg_val(first)", "$var(m)",
                 "$(var(x){s.len})", "$(var(nul){s.len})"))
    routes = script(initial="create_dialog();",
                    inside='if (is_method("INFO")) {%s}' % calls)
    with two_parties(env.proxy(routes=routes, shm_mb=256,
                               core="pv_buffer_size=80000")) as (server, a, b):
        call = sip.establish(a, b)
        for _ in range(10):
            call.caller.request("INFO", [("X-Nul", "610062")])
            b.reply(b.expect("INFO"), 200)
            a.expect(200, "INFO")
        same("results", results(server), {
            "empty": "-1", "empty2": "-1", "nul": "-1", "nul2": "-1",
            "long": "-1", "fits": "1", "own": "-1", "own2": "-1",
            "big": "-1", "most": "1", "read": "1", "v0": "<null>",
            "v1": "kept", "v2": "6", "v3": "65535", "v4": "3"})
        log = server.log()
        for text in ("store_dlg_value(): a name must have 1 to 4096",
                     "store_dlg_value(first): a name must have",
                     "a value at most 65535 bytes", "$dlg_val(): a name"):
            check(text in log, "no %s: %s", text, log[-2000:])
        check(log.count("a name must have") < 60, "too many lines")
        same("state", dialogs(server)[0]["state"], 4)
        call.hang_up()


# ------------------------------------------------------------- variables

@parley_only(OURS)
def test_variables(env):
    """$DLG_flags, $DLG_dir and $DLG_did in requests and replies of both sides,
    and where they are $null."""
    shown = "".join(show(name + "_$rm", "$DLG_" + name)
                    for name in ("did", "dir", "flags"))
    replied = shown.replace("_$rm", "_$rm$rs")
    routes = script(
        first='if (has_totag()) { xlog("L_ERR", "|b_$rm:$DLG_dir $DLG_flags|'
        '\n"); }',
        initial='$DLG_flags = 6; create_dialog(); $DLG_flags = 2147483650;' +
        shown + 't_on_reply("R"); t_on_branch("B"); t_on_failure("F");',
        inside='if (is_method("INFO")) { $DLG_flags = 5; }' + shown +
        't_on_reply("W");',
        more="onreply_route[R] {%s}\nbranch_route[B] {%s}\n"
        "onreply_route[W] {%s}\nfailure_route[F] {%s}" % (
            replied, show("branch", "$DLG_dir $DLG_flags"), replied,
            show("failure", "$DLG_dir $DLG_flags")))
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        call = sip.establish(a, b)
        found = dialogs(server)[0]
        did = "%s.%s" % (format(found["h_entry"], "x")[::-1],
                         format(found["h_id"], "x")[::-1])
        got = results(server)
        same("at the INVITE", [got[n + "_INVITE"] for n in (
            "did", "dir", "flags")], [did, "<null>", "<null>"])
        for code in ("180", "200"):
            same(code, [got["%s_INVITE%s" % (n, code)] for n in (
                "did", "dir", "flags")], [did, "UPSTREAM", "2147483650"])
        same("branch", got["branch"], "DOWNSTREAM 2147483650")
        same("before", got["b_ACK"], "<null> <null>")
        same("ACK", [got[n + "_ACK"] for n in ("dir", "flags")],
             ["DOWNSTREAM", "2147483650"])
        call.callee.request("INFO")
        a.reply(a.expect("INFO"), 200)
        b.expect(200, "INFO")
        got = results(server)
        same("INFO", [got[n + "_INFO"] for n in ("did", "dir", "flags")],
             [did, "UPSTREAM", "5"])
        same("its reply", [got[n + "_INFO200"] for n in (
            "did", "dir", "flags")], [did, "DOWNSTREAM", "5"])
        call.hang_up()
        got = results(server)
        same("BYE", [got[n + "_BYE"] for n in ("dir", "flags")],
             ["DOWNSTREAM", "5"])
        _, invite = sip.ring(a, b)
        b.reply(invite, 486)
        a.expect(486, "INVITE")
        net.wait_until(lambda: "failure" in results(server), 3, "its route")
        same("failure", results(server)["failure"], "DOWNSTREAM 2147483650")


@parley_only(OURS)
def test_kemi(env):
    """KSR.dialog and its other names have the same functions."""
    initial = say(("early", "d.set_dlg_flag(4)"),
                  ("made", "d.create_dialog()"),
                  ("is", "d.is_dlg_flag_set(4)"), ("set", "d.set_dlg_flag(3)"),
                  ("reset", "d.reset_dlg_flag(4)"),
                  ("isnt", "d.is_dlg_flag_set(4)"),
                  ("far", "d.set_dlg_flag(32)"),
                  ("on", "d.test_and_set_dlg_flag(5, 0)"),
                  ("again", "d.test_and_set_dlg_flag(5, 0)"),
                  ("bad", "d.test_and_set_dlg_flag(5, 7)"),
                  ("store", 'd.store_dlg_value("a b", "text")'),
                  ("int", 'd.store_dlg_value_int("n", 41)'),
                  ("fetch", 'd.fetch_dlg_value("a b", "$var(x)")'),
                  ("got", 'KSR.pv.get("$var(x)")'),
                  ("number", 'KSR.pv.get("$dlg_val(n)") + 1'),
                  ("none", 'd.fetch_dlg_value("none", "$var(x)")'),
                  ("empty", 'd.store_dlg_value("", "x")'),
                  ("target", 'd.fetch_dlg_value("a b", "$ru")'))
    inside = say(("flags", 'KSR.pv.get("$DLG_flags")'),
                 ("dir", 'KSR.pv.get("$DLG_dir")'))
    want = {"early": "1", "made": "1", "is": "1", "set": "1", "reset": "1",
            "isnt": "-1", "far": "-1", "on": "1", "again": "-1", "bad": "-1",
            "store": "1", "int": "1", "fetch": "1", "got": "text",
            "number": "42", "none": "-1", "empty": "-1", "target": "-1",
            "flags": "40", "dir": "DOWNSTREAM"}
    for name in NAMES:
        with lua_proxy(env, lua(initial, inside, name), name=name) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            sip.establish(a, b).hang_up()
            same("as " + name, lua_results(server), want)


# ------------------------------------------------------------- profiles

@parley_only(OURS)
def test_profile_clear(env):
    """set_dlg_profile() with three parameters: the only membership."""
    params = [("profiles_with_value", "caller"), ("profiles_no_value", "out")]
    calls = (("one", 'set_dlg_profile("caller", "x")'),
             ("two", 'set_dlg_profile("caller", "x")'),
             ("three", 'set_dlg_profile("caller", "y", "0")'),
             ("plain", 'set_dlg_profile("out")'),
             ("again", 'set_dlg_profile("out", "", "1")'),
             ("none", 'set_dlg_profile("caller", "", "1")'),
             ("word", '$var(c) = "no"; set_dlg_profile("caller", "z", '
              '"$var(c)")'))
    shown = "".join('get_profile_size("caller", "$var(n)"); ' +
                    show("n%d" % i, "$var(n)") + last for i, last in enumerate(
                        ('$var(c) = 1; set_dlg_profile("caller", "$fU", '
                         '"$var(c)");', "")))
    for before, after in (("create_dialog();", ""), ("", "create_dialog();")):
        got, dialog, _ = run_initial(
            env, before + steps(*calls) + shown + after, params)
        same("results", got, {
            "one": "1", "two": "1", "three": "1", "plain": "1", "again": "1",
            "none": "-1", "word": "-1", "n0": "3", "n1": "1"})
        same("profiles", listed(dialog), ["caller=a", "out"])
    refused(env, params, ("clear_values", '"yes"', "0 or 1"), early=False,
            routes=script(initial='set_dlg_profile("out", "", "yes");'))


@parley_only(OURS)
def test_profile_clear_kemi(env):
    text = lua(say(("set", 'd.set_dlg_profile("caller", "x")'),
                   ("made", "d.create_dialog()"),
                   ("only", 'd.set_dlg_profile_clear("caller", "y", 1)'),
                   ("more", 'd.set_dlg_profile_clear("caller", "z", 0)'),
                   ("bad", 'd.set_dlg_profile_clear("nosuch", "z", 1)')))
    with lua_proxy(env, text) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        sip.establish(a, b)
        same("results", lua_results(server), {
            "set": "1", "made": "1", "only": "1", "more": "1", "bad": "-1"})
        same("profiles", listed(dialogs(server)[0]), ["caller=y", "caller=z"])


@parley_only(OURS)
def test_profile_table(env):
    """log_profile_hash_size: from 0 to 20, and a call is counted with each."""
    for value in (-1, 21):
        refused(env, [("log_profile_hash_size", value)],
                ["log_profile_hash_size=%d" % value, "0 to 20"])
    for value in (0, 20):
        params = [("log_profile_hash_size", value),
                  ("profiles_with_value", "caller")]
        with two_parties(env.proxy(params, script(
                initial='create_dialog(); set_dlg_profile("caller", "$fU");')
                )) as (server, a, b):
            call = sip.establish(a, b)
            same("size", server.rpc("dlg.profile_get_size", "caller", "a"), 1)
            call.hang_up()
            net.wait_until(lambda: server.rpc("dlg.profile_get_size", "caller")
                           == 0, 5, "the place is given back")
