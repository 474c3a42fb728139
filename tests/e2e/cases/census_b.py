"""Hangs, crashes and leaks of the packaged module (docs/census.md, B): shown
there, and not here."""

from lib import census
from lib.case import (Env, check, dialogs, net, parley_only, same, script, sip,
                      state_of, wait_state, wait_statistic)
from lib.census import CROWD, NEEDS, both, both_at_once, crowd, gone, must
from lib.rpc import Fault

from . import kemi

LONG = ("b2_remote_profile_expiry", "b9_end_dlg_memory", "b12_bye_fails")
PARAMS = [("profiles_with_value", "caller"), ("profiles_no_value", "all")]


def parties(server):
    return sip.Party(server, "a"), sip.Party(server, "b")


@parley_only(NEEDS)
def test_b1_briefing(env):
    """dlg.briefing that cannot be answered, because of one long From or of
    20,000 calls, leaves no lock behind: calls go on."""
    def trial(env, stock):
        with env.proxy([("hash_size", 1)], stock=stock) as server:
            a, b = parties(server)
            with a, b:
                sip.ring(a, b, from_uri="sip:%s@from.test" % ("x" * 9000))
                try:
                    told = "told %r" % (server.rpc("dlg.briefing") != [])
                except (Fault, OSError) as failure:
                    told = "refused (%s)" % failure
                sip.ring(a, b)
                return told + ", the next call rings"
    both("B1", trial, env)


@parley_only(NEEDS)
def test_b2_remote_profile_expiry(env):
    """A place of another server that expires in an hour hangs nobody. (The
    packaged module looks at them every 90 s.)"""
    routes = script(first='''
        if (is_method("MESSAGE")) {
            $var(e) = $Ts + 3600;
            dlg_remote_profile("add", "caller", "x", "uid", "$var(e)");
            sl_send_reply("200", "Added");
            exit;
        }
        if (is_method("OPTIONS")) {
            get_profile_size("caller", "x", "$var(n)");
            sl_send_reply("200", "$var(n)");
            exit;
        }''')

    def trial(env, stock):
        with env.proxy(PARAMS, routes, stock=stock) as server:
            a, b = parties(server)
            with a, b:
                same("MESSAGE", a.ask("MESSAGE").code, 200)
                before = census.cpu_seconds(server)

                def used():
                    return census.cpu_seconds(server) - before
                # Longer than a round of the cleaner.
                net.within(lambda: used() > 3, 95, step=1)
                check(used() < 3, "%.1f s of CPU in 95 s of idling", used())
                reply = a.ask("OPTIONS")
                same("size", reply.reason, "1")
                return "%.1f s of CPU in 95 s, counted 1" % used()
    both_at_once("B2", trial, env)


def _by_profile(call):
    """A MESSAGE runs @call; the call must go on as it was."""
    routes = script(first='''
        if (is_method("MESSAGE")) {
            %s;
            sl_send_reply("200", "Done");
            exit;
        }''' % call, initial='''
        dlg_manage();
        set_dlg_profile("caller", "x");
        set_dlg_profile("all");''')

    def trial(env, stock):
        with env.proxy(PARAMS, routes, stock=stock) as server:
            a, b = parties(server)
            with a, b:
                side = sip.establish(a, b)
                wait_state(server, side.callid, 4)
                for _ in range(3):
                    same("MESSAGE", a.ask("MESSAGE").code, 200)
                same("state after three times",
                     state_of(server, side.callid), 4)
                found = server.rpc("dlg.dlg_list", side.callid)
                same("lifetime", found["lifetime"], 500)
                side.hang_up()
                wait_statistic(server, "active_dialogs", 0)
                return "lifetime 500, the call goes on"
    return trial


@parley_only(NEEDS)
def test_b3_timeout_by_profile(env):
    """dlg_set_timeout_by_profile() with a value: no call is forgotten."""
    both("B3", _by_profile('dlg_set_timeout_by_profile("caller", "x", "500")'),
         env)


@parley_only(NEEDS)
def test_b4_timeout_by_profile_without_value(env):
    """The same with two parameters: the number is the number."""
    both("B4", _by_profile('dlg_set_timeout_by_profile("all", "500")'), env)


@parley_only("from code; here all of one entry end at their time")
def test_b5_cleaning(env):
    """Many calls of one h_entry are forgotten at once, others stay."""
    with env.proxy([("hash_size", 1), ("early_timeout", 1)], script(
            initial=CROWD + "dlg_manage();"), children=2) as server:
        a, b = parties(server)
        with a, b:
            kept = sip.establish(a, b)
            crowd(a, 1000)
            net.wait_until(lambda: server.rpc("dlg.stats_active")["all"] == 1,
                           10, "all but one are forgotten")
            same("state of the other", state_of(server, kept.callid), 4)
            kept.hang_up()
            check("CRITICAL" not in server.log(), "%s", server.log()[-500:])


@parley_only("from code; here nothing stays in the profile")
def test_b6_joining_while_it_ends(env):
    """Calls join profiles in one worker while they end in another."""
    routes = script(
        initial="dlg_manage();",
        inside='if (is_method("INFO")) { set_dlg_profile("caller", "$ci"); '
               'set_dlg_profile("all"); }')
    with env.proxy(PARAMS, routes, children=4) as server:
        a, b = parties(server)
        with a, b:
            for side in [sip.establish(a, b).caller for _ in range(100)]:
                for method in ("INFO", "BYE", "INFO"):
                    side.request(method)
                for message in b.drain(0.01):
                    if message.method in ("INFO", "BYE"):
                        b.reply(message, 200)
            wait_statistic(server, "active_dialogs", 0, 10)
            for profile in ("caller", "all"):
                net.wait_until(lambda p=profile: server.rpc(
                    "dlg.profile_get_size", p) == 0, 5, profile + " is empty")
            same("list", server.json("dlg.profile_list", "all"), [])


def _kemi_proxy(env, stock, inside):
    return kemi.lua_proxy(Env(env.build, stock),
                          kemi.functions("d.dlg_manage()", inside))


@parley_only(NEEDS)
def test_b7_kemi_var_is_null(env):
    """KSR.dialog.var_is_null() tells the truth."""
    def trial(env, stock):
        with _kemi_proxy(env, stock, '''
                if KSR.is_method_in("B") then
                    say("absent", d.var_is_null("v"))
                    d.var_sets("v", "1")
                    say("there", d.var_is_null("v"))
                end''') as server:
            a, b = parties(server)
            with a, b:
                sip.establish(a, b).hang_up()
                found = kemi.results(server)
                same("var_is_null() without, with", (
                    found["absent"], found["there"]), ("1", "-1"))
                return "1 without, -1 with"
    both("B7", trial, env)


@parley_only(NEEDS)
def test_b7_kemi_references(env):
    """Functions for variables hold no dialog back."""
    def trial(env, stock):
        with _kemi_proxy(env, stock, '''
                d.var_sets("v", "1")
                d.var_is_null("v")
                d.var_rm("v")''') as server:
            a, b = parties(server)
            with a, b:
                call = sip.establish(a, b)
                call.hang_up()
                return gone(server, call.callid)
    both("B7", trial, env)


def _spiral(params, loops):
    routes = script(initial='''
        dlg_manage();
        $var(i) = $(hdr(X-Loop){s.int});
        if ($var(i) > 0) {
            remove_hf("X-Loop");
            $var(i) = $var(i) - 1;
            append_hf("X-Loop: $var(i)\\r\\n");
            $du = "sip:127.0.0.1:" + $Rp;
        }''')

    def trial(env, stock):
        with env.proxy(params, routes, stock=stock) as server:
            a, b = parties(server)
            with a, b:
                side, invite = sip.ring(a, b, [("X-Loop", str(loops))])
                same("passes", len(invite.listed("Record-Route")), loops + 1)
                call = sip.answer(side, invite, b)
                call.hang_up()
                return gone(server, call.callid)
    return trial


def test_b8_spiral_twice(env):
    """A call that comes through three times is forgotten when it is over. (The
    packaged module passes: its other leak is in a branch that no message has
    reached.)"""
    _spiral([], 2)(env, env.stock)


@parley_only(NEEDS)
def test_b8_spirals_not_detected(env):
    both("B8", _spiral([("detect_spirals", 0)], 1), env)


def _end_all(server, a, b, ids):
    """Ends calls by command, each BYE is answered at once. The BYEs: ({Call-ID:
    [BYE]} of the caller, of the callee)."""
    with sip.Answerer(a) as caller, sip.Answerer(b) as callee:
        for entry, number in ids:
            server.rpc("dlg.end_dlg", entry, number)
        wait_statistic(server, "active_dialogs", 0, 30)
        # The packaged module may owe some.
        net.within(lambda: len(caller.byes) == len(ids) == len(callee.byes), 5)
    return caller.byes, callee.byes


def _calls(server, a, b, count):
    """(h_entry, h_id) of @count calls that are made now."""
    made = {sip.establish(a, b).callid for _ in range(count)}
    return [(found["h_entry"], found["h_id"]) for found in dialogs(server)
            if found["call-id"] in made]


@parley_only(NEEDS)
def test_b9_end_dlg_memory(env):
    """Calls that are ended by command leave no memory behind."""
    def trial(env, stock):
        with env.proxy([("end_timeout", 30)], stock=stock,
                       children=2) as server:
            a, b = parties(server)
            with a, b:
                used = []
                for _ in range(2):
                    _end_all(server, a, b, _calls(server, a, b, 150))
                    net.wait_until(lambda: dialogs(server) == [] or stock, 45,
                                   "all are forgotten", 0.5)
                    # tm's own, too
                    net.wait_until(lambda: server.rpc(
                        "tm.stats")["current"] == 0, 15, "no transaction", 0.5)
                    used.append(server.shm())
                grown = used[1] - used[0]
                check(grown < 1500, "%d bytes more after 150 calls", grown)
                return "%d bytes more after 150 calls" % grown
    both_at_once("B9", trial, env)


@parley_only(NEEDS)
def test_b10_both_byes(env):
    """Each party gets its BYE, however quickly the other one answers. Here the
    process that sends both has just sent one, and stands still in the script
    until the answer has come and was worked on."""
    routes = script(reply='$shv(answered) = 1;', more='''
        onsend_route {
            if (is_method("BYE")) {
                $var(i) = 0;
                while ($shv(answered) == 0 && $var(i) < 500) {
                    usleep("10000");
                    $var(i) = $var(i) + 1;
                }
                $var(i) = 0;
                while ($stat(active_dialogs) > 0 && $var(i) < 100) {
                    usleep("10000");
                    $var(i) = $var(i) + 1;
                }
                xlog("L_ALERT", "ANSWERED $shv(answered)\\n");
            }
        }''')
    more = 'modparam("tm", "enable_uac_fr", 1)'  # the route for our own, too

    def trial(env, stock):
        with env.proxy(routes=routes, stock=stock, first=more,
                       children=2) as server:
            a, b = parties(server)
            with a, b:
                ids = _calls(server, a, b, 1)
                server.rpc("pv.shvSet", "answered", "int", 0)
                to_caller, to_callee = _end_all(server, a, b, ids)
                must("ANSWERED 1" in server.log(), "nothing stood still")
                text = "BYE to %d caller, %d callee" % (
                    len(to_caller), len(to_callee))
                same("BYEs", text, "BYE to 1 caller, 1 callee")
                return text
    both("B10", trial, env, rounds=3)


@parley_only(NEEDS)
def test_b12_bye_fails(env):
    """A BYE that cannot be sent holds no dialog back."""
    def trial(env, stock):
        with env.proxy(routes=script(inside='''
                if (is_present_hf("X-Real")) { $ru = $hdr(X-Real); }'''),
                       stock=stock) as server:
            a, b = parties(server)
            with a, b:
                reached, b.contact = b.contact, "sip:b@nowhere.invalid"
                side, invite = sip.ring(a, b)
                call = sip.answer(side, invite, b, ack=False)
                call.caller.ack(headers=[("X-Real", reached)])
                b.expect("ACK")
                wait_state(server, call.callid, 4)
                try:
                    server.rpc("dlg.terminate_dlg", call.callid,
                               call.caller.local_tag, call.caller.remote_tag)
                except Fault:
                    pass  # it says so; what counts is what it leaves
                call.callee.request("BYE")
                a.reply(a.expect(lambda m: m.method == "BYE" and
                                 m.cseq == 101), 200)
                b.expect(200, "BYE")
                return gone(server, call.callid, 45)
    both("B12", trial, env)


@parley_only("from code; here dialogs are read one at a time")
def test_b13_profile_list(env):
    """Calls that end while dlg.profile_list shows them."""
    routes = script(initial='dlg_manage(); set_dlg_profile("all");')
    with env.proxy(PARAMS, routes, children=4) as server:
        a, b = parties(server)
        with a, b:
            calls = [sip.establish(a, b) for _ in range(60)]
            shown = []
            with sip.Answerer(b):
                for call in calls:
                    call.caller.request("BYE")
                    listed = server.json("dlg.profile_list", "all")
                    shown += listed if isinstance(listed, list) else [listed]
                net.wait_until(
                    lambda: server.rpc("dlg.profile_get_size", "all") == 0, 5,
                    "the profile is empty")
            made = {call.callid for call in calls}
            check(shown and all(d["call-id"] in made for d in shown if d),
                  "what was listed: %r", shown[:3])
            check("CRITICAL" not in server.log(), "%s", server.log()[-500:])


@parley_only("from code; here they are no flags of one word")
def test_b14_expired(env):
    """A call that has changed its profiles has not expired; one that has,
    has left them."""
    routes = script(initial='dlg_manage(); dlg_set_timeout("4");',
                    inside='set_dlg_profile("all");')
    with env.proxy(PARAMS, routes) as server:
        a, b = parties(server)
        with a, b:
            sip.establish(a, b).hang_up()
            wait_statistic(server, "active_dialogs", 0)
            same("expired", server.statistics()["expired_dialogs"], 0)
            sip.establish(a, b)
            wait_statistic(server, "expired_dialogs", 1, 6)
            same("members", server.rpc("dlg.profile_get_size", "all"), 0)


@parley_only("from code; here each listener is told of its own dialog")
def test_b16_nested(env):
    """An event route that ends another call runs that one's event inside of
    its own, and goes on with its own."""
    routes = script(more='''
        event_route[dialog:end] {
            xlog("L_ALERT", "BEGIN $dlg(callid)\\n");
            if ($sht(first=>entry) != $null) {
                $var(entry) = $sht(first=>entry);
                $sht(first=>entry) = $null;
                jsonrpc_exec(\'{"jsonrpc": "2.0", "id": 1, "method":
                    "dlg.end_dlg", "params": [$var(entry), $sht(first=>id)]}\');
            }
            xlog("L_ALERT", "END $dlg(callid)\\n");
        }
        ''', inside='''
        if (is_method("INFO")) {
            $sht(first=>entry) = $dlg(h_entry);
            $sht(first=>id) = $dlg(h_id);
        }''')
    more = """
loadmodule "htable.so"
modparam("htable", "htable", "first=>size=4")
"""
    with env.proxy(routes=routes, first=more, children=2) as server:
        a, b = parties(server)
        with a, b:
            first, second = sip.establish(a, b), sip.establish(a, b)
            first.caller.request("INFO")
            b.reply(b.expect("INFO"), 200)
            a.expect(200, "INFO")
            second.caller.request("BYE")
            b.reply(b.expect("BYE", callid=second.callid), 200)
            b.reply(b.expect("BYE", callid=first.callid), 200)
            a.reply(a.expect("BYE", callid=first.callid), 200)
            wait_statistic(server, "active_dialogs", 0)
            for call in (first, second):
                for word in ("BEGIN ", "END "):
                    net.wait_until(
                        lambda t=word + call.callid: server.log().count(t) == 1,
                        3, word + "of each call, once")


@parley_only("dlg_refer_cid() is newer than 5.6.3")
def test_b15_unknown_callid(env):
    """A Call-ID that no call has leaves no lock behind."""
    routes = script(first='''
        if (is_method("MESSAGE")) {
            dlg_refer_cid("nobody", "caller", "sip:c@to.test");
            sl_send_reply("200", "$rc");
            exit;
        }''')
    with env.proxy([("hash_size", 1)], routes) as server:
        a, b = parties(server)
        with a, b:
            same("dlg_refer_cid()", a.ask("MESSAGE").reason, "-1")
            sip.establish(a, b).hang_up()
