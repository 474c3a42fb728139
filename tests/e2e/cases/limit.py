"""dlg_join_profile(): a limit of 5 means 5, whatever comes at once."""
import collections

from lib.case import (check, net, parley_only, same, script, sip,
                      wait_statistic)

NEW = "dlg_join_profile() is in no packaged module"
PARAMS = [("profiles_with_value", "caller;other"), ("profiles_no_value", "all")]


def _script(join, after="dlg_manage();"):
    return script(initial='''
        %s
        $var(rc) = $rc;
        if ($var(rc) < 0) {
            append_to_reply("X-Rc: $var(rc)\\r\\n");
            sl_send_reply("486", "Limit");
            exit;
        }
        %s''' % (join, after))


def size(server, profile="all", *value):
    return server.rpc("dlg.profile_get_size", profile, *value)


class Flood:
    """@count callers at once; the callee lets everything ring."""

    def __init__(self, a, b, count):
        self.a, self.b = a, b
        self.sides, self.final, self.ringing = {}, {}, {}
        for _ in range(count):
            side = a.invite(b)
            self.sides[side.callid] = side

    def step(self):
        """Reads what has come; returns True when every INVITE is answered."""
        called, answered = self.b.drain(0.02), self.a.drain()
        for m in called:
            if m.method == "INVITE" and not m.is_reply:
                self.ringing.setdefault(m.callid, m)
                self.b.reply(m, 180)
        for m in answered:
            if m.method == "INVITE" and m.code >= 180:
                self.final[m.callid] = m.code
        lost = [s for c, s in self.sides.items() if c not in self.final]
        if not called and not answered:  # the kernel has dropped the rest
            for side in lost[:50]:
                self.a.send(side.invite.data)
        return not lost

    def give_up(self):
        for callid, invite in self.ringing.items():
            side = self.sides[callid]
            side.cancel()
            self.b.reply(self.b.expect("CANCEL", callid=callid), 200)
            self.b.reply(invite, 487)
            side.ack_failure(self.a.expect(487, "INVITE", callid=callid))


@parley_only(NEW)
def test_500_at_once(env):
    """500 INVITEs at 16 workers, limit 5: five ring, never a sixth, and every
    place comes back."""
    routes = _script('dlg_join_profile("caller", "$fU", 5);')
    with env.proxy(PARAMS, routes, children=16, shm_mb=256) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for turn in range(3):
            flood = Flood(a, b, 500)
            net.wait_until(flood.step, 30, "every INVITE is answered")
            same("turn %d" % turn, collections.Counter(flood.final.values()),
                 collections.Counter({180: 5, 486: 495}))
            same("calls that rang", len(flood.ringing), 5)
            same("size", size(server, "caller", "a"), 5)
            flood.give_up()
            net.wait_until(lambda: size(server, "caller", "a") == 0, 10,
                           "the places are given back")


@parley_only(NEW)
def test_codes(env):
    """True when it joins and when in already; -1 full; -2 not possible."""
    for join, want in (
            ('dlg_join_profile("caller", "$fU", 5);', None),
            ('dlg_join_profile("caller", "$fU", "$hdr(X-Limit)");', None),
            ('$var(n) = 5; dlg_join_profile("caller", "$fU", "$var(n)");',
             None),
            ('dlg_join_profile("all", 1);', None),
            ('dlg_join_profile("all", 1); dlg_join_profile("all", 1);', None),
            ('dlg_join_profile("caller", "$fU", 0);', "-1"),
            ('dlg_join_profile("caller", "$hdr(None)", 5);', "-2"),
            ('dlg_join_profile("caller", "$fU", "$hdr(None)");', "-2"),
            ('dlg_join_profile("caller", "$fU", "$fU");', "-2")):
        with env.proxy(PARAMS, _script(join)) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side = a.invite(b, [("X-Limit", "5")])
            if want:
                refused = a.expect(486)
                same("code of " + join, refused.get("X-Rc"), want)
                same("all", size(server), 0)
                continue
            invite = b.expect("INVITE")
            b.reply(invite, 180)
            a.expect(180)
            profile = ("all",) if '"all"' in join else ("caller", "a")
            same("size after " + join, size(server, *profile), 1)
            b.reply(invite, 486)
            side.ack_failure(a.expect(486))
            net.wait_until(lambda: size(server, *profile) == 0, 5,
                           "the place is given back")


@parley_only(NEW)
def test_full(env):
    """The limit is per value; the place is free when a call has ended."""
    routes = _script('dlg_join_profile("caller", "$fU", 2);')
    with env.proxy(PARAMS, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        first, second = sip.establish(a, b), sip.establish(a, b)
        a.invite(b)
        same("code", a.expect(486).get("X-Rc"), "-1")
        third = sip.establish(c, b)  # another caller
        first.hang_up()
        wait_statistic(server, "active_dialogs", 2)
        fourth = sip.establish(a, b)
        for call in (second, third, fourth):
            call.hang_up("callee")
        net.wait_until(lambda: size(server, "caller", "a") == 0, 5, "empty")
        same("other", size(server, "caller", "c"), 0)


@parley_only(NEW)
def test_no_dialog_comes(env):
    """Places are given back at the end of the script without dialog."""
    for after in ('sl_send_reply("404", "No"); exit;', "drop;", "exit;",
                  't_newtran(); t_reply("500", "No"); exit;', ""):
        routes = _script('dlg_join_profile("all", 1);', after)
        with env.proxy(PARAMS, routes) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            for _ in range(3):
                side = a.invite(b)
                if not after:
                    invite = b.expect("INVITE", callid=side.callid)
                    b.reply(invite, 486)
                    side.ack_failure(a.expect(486))
                elif "reply" in after:
                    got = a.expect(lambda m: m.code >= 400)
                    check(got.code != 486, "the place was not given back")
                    side.ack_failure(got)
                net.wait_until(lambda: size(server) == 0, 5, "given back")


@parley_only(NEW)
def test_early_calls_count(env):
    routes = _script('dlg_join_profile("caller", "$fU", 1);')
    with env.proxy(PARAMS, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        a.invite(b)
        a.expect(486)
        call = sip.answer(side, invite, b)
        a.invite(b)
        a.expect(486)
        call.hang_up()
        net.wait_until(lambda: size(server, "caller", "a") == 0, 5, "empty")


@parley_only(NEW)
def test_after_manage(env):
    """It works on the dialog, too, and in later requests."""
    routes = script(initial='''dlg_manage();
        dlg_join_profile("caller", "$fU", 3);
        dlg_join_profile("caller", "$fU", 3);''',
                    inside='dlg_join_profile("all", 9);')
    with env.proxy(PARAMS, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        same("caller", size(server, "caller", "a"), 1)
        same("all", size(server), 1)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        same("all, again", size(server), 1)
        call.hang_up()
        net.wait_until(lambda: size(server) == 0, 5, "empty")
