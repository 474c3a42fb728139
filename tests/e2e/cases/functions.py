"""What each script function returns, and what it changes."""
import re

from lib.case import (check, dialogs, net, parley_only, proxy, same, script,
                      sip, state_of, stock_differs, wait_state)

PROFILES = [("profiles_with_value", "caller; gw"),
            ("profiles_no_value", "out; in")]


def step(name, call):
    """Script text: runs @call and logs what it returned."""
    return '%s; xlog("L_ERR", "|%s:$rc|\\n");\n' % (call, name)


def show(name, variable):
    return 'xlog("L_ERR", "|%s:%s|\\n");\n' % (name, variable)


def results(server):
    """{name: text} of what step() and show() have logged."""
    return dict(re.findall(r"\|(\w+):([^|]*)\|", server.log()))


def steps(*pairs):
    return "".join(step(name, call) for name, call in pairs)


def run_initial(env, initial, params=PROFILES, **hooks):
    """Results of a script on the INVITE of a call that is established."""
    routes = script(initial=initial, **hooks)
    with env.proxy(params, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        return results(server), dialogs(server)[0], server.log()


def test_manage_twice(env):
    got, dialog, _ = run_initial(env, steps(
        ("first", "dlg_manage()"), ("second", "dlg_manage()")))
    same("results", got, {"first": "1", "second": "-1"})
    same("state", dialog["state"], 4)


def test_manage_other_method(env):
    routes = script(out_of_dialog=step("options", "dlg_manage()") +
                    'sl_send_reply("200", "OK"); exit;')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a:
        side = sip.Side(a)
        side.callid, side.local_tag = sip.unique("c"), "f"
        side.local_uri = side.remote_uri = side.target = a.contact
        side.request("OPTIONS")
        a.expect(200, "OPTIONS")
        same("options", results(server)["options"], "-1")
        same("list", dialogs(server), [])


PROFILE_STEPS = (
    ("no_value", 'set_dlg_profile("out")'),
    ("ignored", 'set_dlg_profile("in", "x$fU")'),
    ("with", 'set_dlg_profile("caller", "$fU")'),
    ("twice", 'set_dlg_profile("caller", "$fU")'),
    ("other", 'set_dlg_profile("caller", "other")'),
    ("empty", '$var(e) = ""; set_dlg_profile("caller", "$var(e)")'),
    ("size", 'get_profile_size("caller", "$fU", "$var(mine)")'),
    ("size_all", 'get_profile_size("caller", "$var(all)")'),
    ("size_out", 'get_profile_size("out", "$avp(out)")'),
    ("size_ignored", 'get_profile_size("out", "zzz", "$avp(out2)")'),
    ("size_none", 'get_profile_size("gw", "nobody", "$var(none)")'),
)
PROFILE_WANT = {
    "no_value": "1", "ignored": "1", "with": "1", "twice": "1", "other": "1",
    "empty": "-1", "size": "1", "size_all": "1", "size_out": "1",
    "size_ignored": "1", "size_none": "1", "v_mine": "2", "v_all": "3",
    "v_out": "1", "v_out2": "1", "v_none": "0"}
PROFILE_SHOW = "".join(show("v_" + n, v) for n, v in (
    ("mine", "$var(mine)"), ("all", "$var(all)"), ("out", "$avp(out)"),
    ("out2", "$avp(out2)"), ("none", "$var(none)")))


def listed(dialog):
    """The profiles of a dialog in RPC, sorted."""
    return sorted(p if isinstance(p, str) else "%s=%s" % p[0]
                  for p in dialog["profiles"])


@stock_differs("a profile with values has no size without a value")
def test_profiles_after(env):
    got, dialog, _ = run_initial(
        env, "dlg_manage();" + steps(*PROFILE_STEPS) + PROFILE_SHOW)
    same("results", got, PROFILE_WANT)
    same("profiles", listed(dialog),
         ["caller=a", "caller=a", "caller=other", "in", "out"])


@stock_differs("a profile with values has no size without a value, and what "
               "is not yet in a dialog is not counted")
def test_profiles_before(env):
    got, dialog, _ = run_initial(
        env, steps(*PROFILE_STEPS) + PROFILE_SHOW + "dlg_manage();")
    same("results", got, PROFILE_WANT)
    same("profiles", listed(dialog),
         ["caller=a", "caller=a", "caller=other", "in", "out"])


MEMBER_STEPS = (
    ("is1", 'is_in_profile("caller", "a")'),
    ("is2", 'is_in_profile("caller", "b")'),
    ("is3", 'is_in_profile("caller")'),
    ("is4", 'is_in_profile("gw")'),
    ("is5", 'is_in_profile("out")'),
    ("is6", 'is_in_profile("in")'),
    ("is7", 'is_in_profile("out", "ignored")'),
    ("un1", 'unset_dlg_profile("caller", "a")'),
    ("is8", 'is_in_profile("caller", "a")'),
    ("un2", 'unset_dlg_profile("caller", "a")'),
    ("is9", 'is_in_profile("caller", "a")'),
    ("un3", 'unset_dlg_profile("caller", "a")'),
    ("un4", 'unset_dlg_profile("caller")'),
    ("un5", 'unset_dlg_profile("caller")'),
    ("un6", 'unset_dlg_profile("out", "ignored")'),
    ("un7", 'unset_dlg_profile("out")'),
    ("size", 'get_profile_size("caller", "$var(n)")'),
)
MEMBER_WANT = {
    "is1": "1", "is2": "-1", "is3": "1", "is4": "-1", "is5": "1", "is6": "-1",
    "is7": "1", "un1": "1", "is8": "1", "un2": "1", "is9": "-1", "un3": "-1",
    "un4": "1", "un5": "-1", "un6": "1", "un7": "-1", "size": "1", "n": "0"}
MEMBER_FIRST = ('set_dlg_profile("caller", "a"); '
                'set_dlg_profile("caller", "a"); '
                'set_dlg_profile("caller", "x"); '
                'set_dlg_profile("caller", "y"); set_dlg_profile("out"); ')


@stock_differs("unset_dlg_profile() in the request route")
def test_members_after(env):
    got, dialog, _ = run_initial(env, "dlg_manage(); " + MEMBER_FIRST + steps(
        *MEMBER_STEPS) + show("n", "$var(n)"))
    same("results", got, MEMBER_WANT)
    same("profiles", listed(dialog), [])


@stock_differs("unset_dlg_profile() in the request route")
def test_members_before(env):
    got, dialog, _ = run_initial(env, MEMBER_FIRST + steps(
        *MEMBER_STEPS) + show("n", "$var(n)") + "dlg_manage();")
    same("results", got, MEMBER_WANT)
    same("profiles", listed(dialog), [])


@stock_differs("unset_dlg_profile() without value")
def test_unset_in_every_route(env):
    """Reply, failure, branch and in-dialog request routes."""
    with env.proxy(PROFILES, script(
            initial='dlg_manage(); set_dlg_profile("gw", "1"); '
                    'set_dlg_profile("gw", "2"); set_dlg_profile("gw", "3"); '
                    'set_dlg_profile("gw", "4"); t_on_branch("B"); '
                    't_on_reply("R"); t_on_failure("F");',
            inside='if (is_method("BYE")) { ' +
                   step("inside", 'unset_dlg_profile("gw", "4")') + "}",
            more='branch_route[B] { %s }\nonreply_route[R] { %s }\n'
                 'failure_route[F] { %s $du = $null; $ru = "sip:c@127.0.0.1:"'
                 ' + $hdr(X-Next); t_relay(); }' % (
                     step("branch", 'unset_dlg_profile("gw", "1")'),
                     'if (status == "180") { %s }' %
                     step("reply", 'unset_dlg_profile("gw", "2")'),
                     step("failure", 'unset_dlg_profile("gw", "3")')))
                   ) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Next", str(c.port))])
        invite = b.expect("INVITE")
        b.reply(invite, 180)
        a.expect(180)
        b.reply(invite, 486)
        b.expect("ACK")
        call = sip.answer(side, c.expect("INVITE"), c)
        call.hang_up()
        same("results", results(server), {
            "branch": "1", "reply": "1", "failure": "1", "inside": "1"})


def test_without_dialog(env):
    """Nothing of a call: everything is false, nothing is kept."""
    routes = script(out_of_dialog=steps(
        ("is", 'is_in_profile("caller", "a")'),
        ("known", "is_known_dlg()"), ("bye", 'dlg_bye("all")'),
        ("get", 'dlg_get("x", "y", "z")'),
        ("time", 'dlg_set_timeout("10")'),
        ("time3", 'dlg_set_timeout("10", "1", "2")'),
        ("set", 'set_dlg_profile("caller", "a")')) +
        'sl_send_reply("200", "OK"); exit;')
    with env.proxy(PROFILES, routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        a.invite(b)
        a.expect(200)
        same("results", results(server), {
            "is": "-1", "known": "-1", "bye": "-1", "get": "-1",
            "time": "-1", "time3": "-1", "set": "1"})
        wait_size(server, 0, "caller", "a")


def wait_size(server, size, *profile):
    """The script ends after its reply was sent."""
    net.wait_until(lambda: server.rpc("dlg.profile_get_size", *profile) ==
                   size, 5, "%r has %d members" % (profile, size))


@parley_only("dlg_join_profile() is ours")
def test_join_codes(env):
    """1, -1 and -2, for every kind of parameter."""
    pairs = (
        ("first", 'dlg_join_profile("caller", "$fU", "1")'),
        ("again", 'dlg_join_profile("caller", "$fU", "1")'),
        ("pv", '$var(l) = 2; dlg_join_profile("caller", "x$fU", "$var(l)")'),
        ("text", '$var(t) = "3"; dlg_join_profile("gw", "g", "$var(t)")'),
        ("none", 'dlg_join_profile("out", "1")'),
        ("none_again", 'dlg_join_profile("out", "1")'),
        ("zero", 'dlg_join_profile("in", "0")'),
        ("zero_in", 'dlg_join_profile("out", "0")'),
        ("null", 'dlg_join_profile("gw", "$avp(nothing)", "5")'),
        ("empty", '$var(e) = ""; dlg_join_profile("gw", "$var(e)", "5")'),
        ("no_limit", 'dlg_join_profile("gw", "h", "$avp(nothing)")'),
        ("negative", '$var(m) = -1; dlg_join_profile("gw", "h", "$var(m)")'),
        ("word", '$var(w) = "abc"; dlg_join_profile("gw", "h", "$var(w)")'),
        ("missing", 'dlg_join_profile("gw", "5")'),
        ("ignored", 'dlg_join_profile("in", "ignored", "1")'),
    )
    want = {"first": "1", "again": "1", "pv": "1", "text": "1", "none": "1",
            "none_again": "1", "zero": "-1", "zero_in": "1", "null": "-2",
            "empty": "-2", "no_limit": "-2", "negative": "-2", "word": "-2",
            "missing": "-2", "ignored": "1"}
    for initial in (steps(*pairs) + "dlg_manage();",
                    "dlg_manage();" + steps(*pairs)):
        got, dialog, log = run_initial(env, initial)
        same("results", got, want)
        same("profiles", listed(dialog),
             ["caller=a", "caller=xa", "gw=g", "in", "out"])
        warned = [line for line in log.splitlines()
                  if "without one" in line]
        same("warnings", len(warned), 1)


@parley_only("dlg_join_profile() is ours")
def test_join_full(env):
    routes = script(initial="""
        if (!dlg_join_profile("caller", "x", "1")) {
            $var(rc) = $rc;
            xlog("L_ERR", "|join:$var(rc)|\\n");
            sl_send_reply("486", "Full");
            exit;
        }
        dlg_manage();""")
    with env.proxy(PROFILES, routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        a.invite(b)
        a.expect(486)
        same("join", results(server)["join"], "-1")
        same("refused", server.rpc("dlg.stats")["limit_refused"], 1)
        call.hang_up()
        sip.establish(a, b)
        same("size", server.rpc("dlg.profile_get_size", "caller", "x"), 1)


@parley_only("dlg_join_profile() is ours")
def test_join_given_back(env):
    """No dialog came of it: the place is free again."""
    routes = script(initial=step("join", 'dlg_join_profile("out", "1")') +
                    'sl_send_reply("480", "No"); exit;')
    with env.proxy(PROFILES, routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for _ in range(3):
            a.invite(b)
            a.expect(480)
            same("join", results(server)["join"], "1")
            wait_size(server, 0, "out")


FLAG_STEPS = (
    ("set0", 'dlg_setflag("0")'), ("set31", 'dlg_setflag("31")'),
    ("pv", '$var(f) = 5; dlg_setflag("$var(f)")'),
    ("set7", 'dlg_setflag("7")'), ("reset7", 'dlg_resetflag("7")'),
    ("is0", 'dlg_isflagset("0")'), ("is31", 'dlg_isflagset("31")'),
    ("is5", 'dlg_isflagset("5")'), ("is7", 'dlg_isflagset("7")'),
    ("set40", 'dlg_setflag("40")'), ("reset40", 'dlg_resetflag("40")'),
    ("is40", 'dlg_isflagset("40")'),
    ("minus", '$var(m) = -1; dlg_setflag("$var(m)")'),
    ("set32", '$var(m) = 32; dlg_setflag("$var(m)")'),
)
FLAG_WANT = {
    "set0": "1", "set31": "1", "pv": "1", "set7": "1", "reset7": "1",
    "is0": "1", "is31": "1", "is5": "1", "is7": "-1", "set40": "-1",
    "reset40": "-1", "is40": "-1", "minus": "-1", "set32": "-1"}


def _flags(env, initial):
    routes = script(initial=initial, inside=step(
        "in0", 'dlg_isflagset("0")') + step("in7", 'dlg_isflagset("7")'))
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        sflags = dialogs(server)[0]["sflags"]
        call.hang_up()
        same("results", results(server), dict(FLAG_WANT, in0="1", in7="-1"))
        same("sflags", sflags & 0xffffffff, 0x80000021)
        return server.log()


def test_flags_before(env):
    _flags(env, steps(*FLAG_STEPS) + "dlg_manage();")


def test_flags_after(env):
    _flags(env, "dlg_manage();" + steps(*FLAG_STEPS))


@parley_only("the packaged module does not warn")
def test_flag_warning(env):
    log = _flags(env, "dlg_manage();" + steps(*FLAG_STEPS))
    for function in ("dlg_setflag", "dlg_resetflag", "dlg_isflagset"):
        same(function, log.count('%s("40")' % function), 1)


def test_get(env):
    """Another call becomes current, in either order of the tags."""
    get = 'dlg_get("$hdr(X-Call)", "$hdr(X-F)", "$hdr(X-T)")'
    with env.proxy(PROFILES, script(inside='if (is_method("INFO")) {' +
                                    step("get", get) +
                                    show("callid", "$dlg(callid)") +
                                    show("dir", "$dlg_ctx(dir)") +
                                    step("bye", 'dlg_setflag("3")') +
                                    '}')) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        one, two = sip.establish(a, b), sip.establish(a, b)
        wait_state(server, two.callid, 4)

        def info(callid, tag1, tag2):
            one.caller.request("INFO", headers=[
                ("X-Call", callid), ("X-F", tag1), ("X-T", tag2)])
            b.reply(b.expect("INFO"), 200)
            a.expect(200, "INFO")
            return results(server)

        tags = two.caller.local_tag, two.caller.remote_tag
        got = info(two.callid, *tags)
        same("get", (got["get"], got["callid"], got["dir"]),
             ("1", two.callid, "1"))
        got = info(two.callid, tags[1], tags[0])
        same("swapped", (got["get"], got["callid"], got["dir"]),
             ("1", two.callid, "2"))
        flags = {d["call-id"]: d["sflags"] for d in dialogs(server)}
        same("flags", flags, {one.callid: 0, two.callid: 8})
        for callid, tag1, tag2 in ((two.callid, tags[0], "wrong"),
                                   (two.callid, "wrong", tags[1]),
                                   ("wrong", *tags),
                                   (one.callid, *tags)):
            same("miss", info(callid, tag1, tag2)["get"], "-1")
        one.hang_up()
        two.hang_up()


@stock_differs("after a miss its functions act on the message's own call")
def test_get_misses(env):
    """After a miss there is no current dialog."""
    with env.proxy(routes=script(inside='if (is_method("INFO")) {' + steps(
            ("get", 'dlg_get("x", "y", "z")'), ("bye", 'dlg_bye("all")'),
            ("known", "is_known_dlg()")) + show("callid", "$dlg(callid)") +
                                 "}")) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        same("results", results(server), {
            "get": "-1", "bye": "-1", "known": "-1", "callid": "<null>"})
        same("state", state_of(server, call.callid), 4)
        call.hang_up()


@stock_differs("dlg_manage() is false after dlg_get()")
def test_get_keeps_own(env):
    """dlg_get() on an INVITE changes what is current, not whose the message
    is: its own dialog is made, followed or given up as ever."""
    get = step("get", 'dlg_get("$hdr(X-Call)", "$hdr(X-F)", "$hdr(X-T)")')
    with env.proxy(routes=script(
            initial='if ($hdr(X-Way) == "before") { ' + get +
                    step("manage", "dlg_manage()") + step(
                        "flag", 'dlg_setflag("1")') + '} else { '
                    'dlg_manage(); if ($hdr(X-Way) != $null) { ' + get + step(
                        "flag", 'dlg_setflag("2")') + '} }'
                    'if ($hdr(X-Way) == "drop") { '
                    'sl_send_reply("480", "No"); exit; }',
            inside='if (is_method("INFO")) { ' + get + step(
                "flag", 'dlg_setflag("3")') + "}")) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        other = sip.establish(a, b)
        wait_state(server, other.callid, 4)
        headers = [("X-Call", other.callid), ("X-F", other.caller.local_tag),
                   ("X-T", other.caller.remote_tag)]

        def flags():
            return {d["call-id"]: d["sflags"] for d in dialogs(server)
                    if d["state"] != 5}

        dropped = a.invite(b, headers + [("X-Way", "drop")])
        a.expect(480)
        net.wait_until(lambda: state_of(server, dropped.callid) in (0, 5), 5,
                       "the dropped one is given up")
        same("other", flags(), {other.callid: 4})
        before = sip.establish(a, b, headers + [("X-Way", "before")])
        same("manage", results(server)["manage"], "1")
        after = sip.establish(a, b, headers + [("X-Way", "after")])
        wait_state(server, after.callid, 4)
        same("flags", flags(),
             {other.callid: 4, before.callid: 2, after.callid: 0})
        after.caller.request("INFO", headers=headers)
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        same("flags", flags(),
             {other.callid: 12, before.callid: 2, after.callid: 0})
        before.hang_up()
        after.hang_up("callee")
        net.wait_until(lambda: list(flags()) == [other.callid], 5, "ends")


def test_known(env):
    routes = script(
        first='if (is_method("INFO")) {' + step("known", "is_known_dlg()") +
              "}", strange='sl_send_reply("481", "Gone"); exit;')
    with env.proxy(routes=routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        same("known", results(server)["known"], "1")
        stranger = sip.Side(a)
        stranger.__dict__.update(call.caller.__dict__)
        stranger.callid = "stranger"
        stranger.request("INFO", routes=[])
        a.expect(481)
        same("stranger", results(server)["known"], "-1")


def test_set_timeout(env):
    routes = script(
        initial=step("before", 'dlg_set_timeout("100")') + "dlg_manage();" +
        step("after", 'dlg_set_timeout("200")') +
        step("zero", '$var(z) = 0; dlg_set_timeout("$var(z)")'),
        inside='if (is_method("INFO")) {' + step(
            "ids", 'dlg_set_timeout("50", "$dlg(h_entry)", "$dlg(h_id)")') +
        step("wrong", 'dlg_set_timeout("50", "$dlg(h_entry)", "1")') + "}")
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        same("lifetime", dialogs(server)[0]["lifetime"], 200)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        dialog = dialogs(server)[0]
        same("lifetime", dialog["lifetime"], 50)
        left = dialog["timeout"] - dialog["start_ts"] - dialog["duration"]
        check(48 <= left <= 51, "timeout in %d s", left)
        same("results", results(server), {
            "before": "-1", "after": "1", "zero": "-1", "ids": "1",
            "wrong": "-1"})


@parley_only("what the packaged module does not check, or says less clearly")
def test_start_refused(env):
    """One line names function, value and what is allowed."""
    for call, words in (
            ('set_dlg_profile("nosuch")', ("nosuch", "profile")),
            ('set_dlg_profile("nosuch", "x")', ("nosuch", "profile")),
            ('is_in_profile("nosuch")', ("nosuch", "profile")),
            ('dlg_join_profile("nosuch", "x", "1")', ("nosuch", "profile")),
            ('get_profile_size("out", "$hdr(X)")', ("$hdr(X)", "$avp")),
            ('get_profile_size("caller", "x", "$ru")', ("$ru", "$var")),
            ('dlg_join_profile("out", "many")', ("many", "limit")),
            ('dlg_join_profile("out", "-3")', ("-3", "limit")),
            ('dlg_bye("nobody")', ("nobody", "caller")),
            ('dlg_terminate("nobody")', ("nobody", "caller")),
            ('dlg_setflag("abc")', ("abc", "0 to 31"))):
        try:
            with env.proxy(PROFILES, script(initial=call + ";")):
                raise AssertionError("%s: started" % call)
        except proxy.StartFailed as failure:
            lines = [line for line in failure.log.splitlines()
                     if all(word in line for word in words)]
            check(lines, "%s: no line with %r in %s", call, words,
                  failure.log[-1500:])
