"""How a dialog comes to be, and what is set before it exists."""
from lib.case import (check, dialogs, net, same, script, sip, state_of,
                      stock_differs, wait_state, wait_statistic)

PROFILES = [("profiles_with_value", "caller"), ("profiles_no_value", "all")]


def _one_dialog(env, params, initial, **options):
    with env.proxy(params, script(initial=initial, **options)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        same("dialogs", len(dialogs(server)), 1)
        wait_state(server, call.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("processed", server.statistics()["processed_dialogs"], 1)


def test_by_function(env):
    _one_dialog(env, [], "dlg_manage();")


def test_by_flag(env):
    _one_dialog(env, [("dlg_flag", 4)], "setflag(4);")


def test_by_flag_and_function(env):
    _one_dialog(env, [("dlg_flag", 4)], "setflag(4); dlg_manage();")


def test_by_function_after_newtran(env):
    _one_dialog(env, [], "t_newtran(); dlg_manage();")


def test_flag_not_set(env):
    with env.proxy([("dlg_flag", 4)], script(initial="setflag(3);")) as \
            server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b)
        same("processed", server.statistics()["processed_dialogs"], 0)


def test_not_followed(env):
    """A call without dlg_manage() is relayed, and known to nobody."""
    with env.proxy(routes=script(initial="$var(x) = 1;")) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.hang_up()
        same("processed", server.statistics()["processed_dialogs"], 0)


def test_other_method(env):
    """dlg_manage() on an OPTIONS is false and makes nothing."""
    routes = script(first='''
        if (is_method("OPTIONS")) {
            if (dlg_manage()) { sl_send_reply("200", "OK"); }
            else { sl_send_reply("488", "No"); }
            exit;
        }''')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a:
        same("reply", a.ask("OPTIONS").code, 488)
        same("list", dialogs(server), [])


def test_twice(env):
    """A second dlg_manage() in one script run makes no second dialog."""
    _one_dialog(env, [], "dlg_manage(); dlg_manage();")


def test_settings_before(env):
    """Flags, variables and profiles set before dlg_manage() are the dialog's."""
    initial = '''
        dlg_setflag("3");
        dlg_setflag("5");
        dlg_resetflag("5");
        $dlg_var(one) = "first";
        $dlg_var(two) = "gone";
        $dlg_var(two) = $null;
        set_dlg_profile("all");
        set_dlg_profile("caller", "$fU");
        dlg_manage();
        $dlg_var(three) = "after";
        dlg_setflag("6");'''
    with env.proxy(PROFILES, script(initial=initial)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        found = server.json("dlg.list")[0]
        same("sflags", found["sflags"], 1 << 3 | 1 << 6)
        variables = dict(pair for item in found["variables"] for pair in item)
        same("variables", variables, {"one": "first", "three": "after"})
        profiles = sorted(repr(p) for p in found["profiles"])
        same("profiles", profiles, ["'all'", "[('caller', 'a')]"])
        call.hang_up()
        net.wait_until(lambda: server.rpc("dlg.profile_get_size", "all") == 0,
                       5, "the profile is empty")


def test_settings_of_refused_call(env):
    """What was set for a message that makes no dialog is nobody's."""
    initial = '''
        if ($hdr(X-Refuse) == "1") {
            dlg_setflag("3");
            $dlg_var(one) = "first";
            set_dlg_profile("all");
            sl_send_reply("403", "No");
            exit;
        }
        dlg_manage();'''
    with env.proxy(PROFILES, script(initial=initial)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        a.invite(b, [("X-Refuse", "1")])
        a.expect(403)
        sip.establish(a, b)
        found = server.json("dlg.list")[0]
        same("sflags", found["sflags"], 0)
        same("variables", found["variables"], [])
        same("profiles", found["profiles"], [])


def test_same_value_counts_twice(env):
    """A second set_dlg_profile() with the same value counts again, and each
    unset_dlg_profile() takes one away."""
    routes = script(initial='dlg_manage(); set_dlg_profile("caller", "x");'
                            'set_dlg_profile("caller", "x");',
                    reply='if (status == "183") {'
                          ' unset_dlg_profile("caller", "x"); }')
    with env.proxy(PROFILES, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        def size():
            return server.rpc("dlg.profile_get_size", "caller", "x")
        side, invite = sip.ring(a, b)
        same("size", size(), 2)
        for expected in (1, 0):
            b.reply(invite, 183)
            a.expect(183)
            same("size", size(), expected)
        sip.answer(side, invite, b).hang_up()
        same("size", size(), 0)


@stock_differs("refuses request routes at run time")
def test_unset_in_request_route(env):
    initial = '''dlg_manage(); set_dlg_profile("all");
        if (!unset_dlg_profile("all")) { sl_send_reply("500", "No"); exit; }'''
    with env.proxy(PROFILES, script(initial=initial)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.ring(a, b)
        same("size", server.rpc("dlg.profile_get_size", "all"), 0)


def test_spiral(env):
    """The same INVITE through the proxy again: one dialog."""
    routes = script(initial='''
        if (!dlg_manage()) { sl_send_reply("500", "No dialog"); exit; }
        if ($hdr(X-Loop) == "1" && !is_present_hf("X-Second")) {
            append_hf("X-Second: 1\\r\\n");
            $du = "sip:127.0.0.1:" + $Rp;
        }''')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b, [("X-Loop", "1")])
        same("Record-Route", len(invite.listed("Record-Route")), 2)
        same("dialogs", len(dialogs(server)), 1)
        call = sip.answer(side, invite, b)
        wait_state(server, side.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("processed", server.statistics()["processed_dialogs"], 1)
        same("failed", server.statistics()["failed_dialogs"], 0)


@stock_differs("references leak with detect_spirals=0 (B8)")
def test_spirals_not_detected(env):
    """detect_spirals=0: each pass makes a dialog of its own."""
    routes = script(initial='''
        dlg_manage();
        if ($hdr(X-Loop) == "1" && !is_present_hf("X-Second")) {
            append_hf("X-Second: 1\\r\\n");
            $du = "sip:127.0.0.1:" + $Rp;
        }''')
    with env.proxy([("detect_spirals", 0)], routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b, [("X-Loop", "1")])
        same("dialogs", len(dialogs(server)), 2)
        sip.answer(side, invite, b).hang_up()
        net.wait_until(lambda: not any(
            d["state"] < 5 for d in dialogs(server)), 10, "both have ended")


def _match(env, mode):
    """A call in each match mode; mode 2 writes no cookie."""
    with env.proxy([("dlg_match_mode", mode)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        cookie = ";did=" in invite.get("Record-Route")
        same("cookie", cookie, mode < 2)
        call = sip.answer(side, invite, b)
        wait_state(server, side.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


def test_match_mode_0(env):
    _match(env, 0)


def test_match_mode_1(env):
    _match(env, 1)


def test_match_mode_2(env):
    _match(env, 2)


def _without_cookie(env, mode, found):
    with env.proxy([("dlg_match_mode", mode)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.routes = [r.partition(";did=")[0].rstrip(">") + ">"
                              for r in call.caller.routes]
        call.hang_up()
        active = 0 if found else 1
        wait_statistic(server, "active_dialogs", active)
        same("state", state_of(server, call.callid) == 4, not found)


def test_cookie_lost_mode_0(env):
    """Mode 0 knows calls by the cookie alone."""
    _without_cookie(env, 0, False)


def test_cookie_lost_mode_1(env):
    _without_cookie(env, 1, True)


def test_dlg_manage_in_dialog(env):
    """dlg_manage() on an in-dialog request matches without loose_route()."""
    routes = script(first='''
        if (has_totag() && !is_method("ACK")) {
            dlg_manage();
            $du = "sip:127.0.0.1:" + $hdr(X-Port);
            t_relay();
            exit;
        }''')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.routes = []
        call.caller.request("BYE", [("X-Port", b.port)])
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")
        wait_statistic(server, "active_dialogs", 0)


def test_rr_param(env):
    with env.proxy([("rr_param", "kooky")]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        check(";kooky=" in invite.get("Record-Route"), "%r",
              invite.get("Record-Route"))
        call = sip.answer(side, invite, b)
        wait_state(server, side.callid, 4)
        call.hang_up("callee")
        wait_statistic(server, "active_dialogs", 0)


def test_cookie_format(env):
    """did is h_entry.h_id, hexadecimal with the digits turned round."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        _, invite = sip.ring(a, b)
        cookie = invite.get("Record-Route").partition(";did=")[2]
        entry, number = cookie.rstrip(">").partition(";")[0].split(".")
        found = dialogs(server)[0]
        same("h_entry", int(entry[::-1], 16), found["h_entry"])
        same("h_id", int(number[::-1], 16), found["h_id"])


def test_hash_size(env):
    """h_entry is below hash_size."""
    with env.proxy([("hash_size", 2)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        calls = [sip.establish(a, b) for _ in range(20)]
        entries = {d["h_entry"] for d in dialogs(server)}
        check(entries <= {0, 1}, "entries %r", entries)
        for call in calls:
            call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
