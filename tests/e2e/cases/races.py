"""Messages that cross, many times, through eight workers: afterwards nothing is
counted that is not there, and nothing is left."""
from lib.case import (check, net, parley_only, same, script, sip,
                      wait_statistic)
from lib.rpc import Fault

LONG = ("everything",)
ROUNDS = 60
PARAMS = [("end_timeout", 2), ("profiles_with_value", "caller")]
ROUTES = script(initial='set_dlg_profile("caller", "$fU"); dlg_manage();',
                inside='$dlg_var(last) = $rm;')


def _answer_all(*parties):
    """Answers every request that has come; returns what came."""
    came = []
    for party in parties:
        for message in party.drain(0.002):
            came.append(message)
            if not message.is_reply and message.method not in ("ACK",
                                                               "INVITE"):
                party.reply(message, 200)
    return came


def _end(server, callid):
    found = server.rpc("dlg.dlg_list", callid)
    if not found:
        return
    try:
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
    except Fault:
        pass  # it has ended by itself


def _settled(server, a, b):
    def nothing_active():
        _answer_all(a, b)
        stats = server.statistics()
        return stats["active_dialogs"] == stats["early_dialogs"] == 0
    net.wait_until(nothing_active, 20, "all calls have ended: %r" %
                   server.statistics())
    same("profile", server.rpc("dlg.profile_get_size", "caller"), 0)
    if "CRITICAL" in server.log() or "BUG" in server.log():
        raise AssertionError(server.log()[-1000:])


def _race(env, play, rounds=ROUNDS):
    with env.proxy(PARAMS, ROUTES, children=8) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for number in range(rounds):
            play(server, a, b, number)
            _answer_all(a, b)
        _settled(server, a, b)
        return server.statistics()


def test_bye_bye(env):
    """Both hang up at once."""
    def play(server, a, b, number):
        call = sip.establish(a, b)
        for side in (call.caller, call.callee)[::1 if number % 2 else -1]:
            side.request("BYE")
    stats = _race(env, play)
    same("processed", stats["processed_dialogs"], ROUNDS)
    same("failed", stats["failed_dialogs"], 0)


@parley_only("one BYE may be missing (B10)")
def test_bye_rpc(env):
    """The caller or the callee hangs up while an operator ends the call."""
    def play(server, a, b, number):
        call = sip.establish(a, b)
        side = call.caller if number % 2 else call.callee
        if number % 4 < 2:
            side.request("BYE")
            _end(server, call.callid)
        else:
            _end(server, call.callid)
            side.request("BYE")
    _race(env, play)


def test_bye_reinvite(env):
    """The callee hangs up while the caller's re-INVITE is on its way."""
    def play(server, a, b, number):
        call = sip.establish(a, b)
        call.caller.reinvite()
        call.callee.request("BYE")
        for message in _answer_all(a, b):
            if message.method == "INVITE" and not message.is_reply:
                b.reply(message, 481, contact=False)
    _race(env, play)


def test_ack_bye(env):
    """ACK and BYE in one go, also the other way round."""
    def play(server, a, b, number):
        side, invite = sip.ring(a, b)
        call = sip.answer(side, invite, b, ack=False)
        if number % 2:
            call.caller.ack()
            call.caller.request("BYE")
        else:
            call.caller.request("BYE")
            call.caller.ack()
    _race(env, play)


def test_callee_bye_before_ack(env):
    def play(server, a, b, number):
        side, invite = sip.ring(a, b)
        call = sip.answer(side, invite, b, ack=False)
        call.callee.request("BYE")
        call.caller.ack()
    _race(env, play)


def test_180_200(env):
    """180 and 200 in one go may overtake each other."""
    def play(server, a, b, number):
        side = a.invite(b)
        invite = b.expect("INVITE", callid=side.callid)
        b.reply(invite, 180)
        ok = b.reply(invite, 200)
        side.learn(a.expect(200, "INVITE", callid=side.callid))
        side.ack()
        sip.Side.of_callee(b, invite, ok).request("BYE")
    _race(env, play)


def test_cancel_200(env):
    """CANCEL and 200 cross; the caller hangs up what it did not want."""
    def play(server, a, b, number):
        side, invite = sip.ring(a, b)
        side.cancel()
        b.reply(invite, 200)
        side.learn(a.expect(200, "INVITE", callid=side.callid))
        side.ack()
        side.request("BYE")
    _race(env, play)


@parley_only("the packaged module cannot end a call that is not answered")
def test_200_rpc(env):
    """The 200 comes while an operator ends the ringing call: the caller gets
    the 480 and the callee a BYE, or both a BYE."""
    ended = {"480": 0, "200": 0}

    def play(server, a, b, number):
        side, invite = sip.ring(a, b)
        if number % 2:
            b.reply(invite, 200)
        _end(server, side.callid)
        if not number % 2:
            b.reply(invite, 200)
        final = a.expect(lambda m: m.code >= 200, "INVITE",
                         callid=side.callid)
        if final.code == 200:
            ended["200"] += 1
            side.learn(final)
            side.ack()
            _end(server, side.callid)
            a.reply(a.expect("BYE", callid=side.callid), 200)
        else:
            ended["480"] += 1
            side.ack_failure(final)
        b.reply(b.expect("BYE", callid=side.callid), 200)
    _race(env, play)
    same("ended", sum(ended.values()), ROUNDS)
    check(ended["480"] >= ROUNDS // 2, "%r", ended)


@parley_only("the packaged module cannot end a call that is not answered")
def test_ringing_rpc(env):
    """Who has heard the 180 can end the call at once, each time: the worker
    that sends the INVITE may not yet have come back from that. Here without
    tm's own 100, which would tell us of the transaction before."""
    last = 'modparam("tm", "auto_inv_100", 0)'
    with env.proxy(PARAMS, ROUTES, children=8, last=last) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for _ in range(300):
            side, invite = sip.ring(a, b)
            found = server.rpc("dlg.dlg_list", side.callid)
            server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
            side.ack_failure(a.expect(480, "INVITE", callid=side.callid))
            b.reply(b.expect("CANCEL", callid=side.callid), 200)
            b.reply(invite, 487)
        _settled(server, a, b)


@parley_only("the packaged module cannot end a call that is not answered")
def test_sent_rpc(env):
    """The same before any reply, when the callee has just got the INVITE."""
    with env.proxy(PARAMS, ROUTES, children=8) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for _ in range(300):
            side = a.invite(b)
            invite = b.expect("INVITE", callid=side.callid)
            found = server.rpc("dlg.dlg_list", side.callid)
            server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
            side.ack_failure(a.expect(480, "INVITE", callid=side.callid))
            b.reply(invite, 180)
            b.reply(b.expect("CANCEL", callid=side.callid), 200)
            b.reply(invite, 487)
        _settled(server, a, b)


def test_info_storm(env):
    """INFOs from both sides around the BYE."""
    def play(server, a, b, number):
        call = sip.establish(a, b)
        for _ in range(5):
            call.caller.request("INFO")
            call.callee.request("INFO")
        call.caller.request("BYE")
        for _ in range(5):
            call.callee.request("INFO")
            call.caller.request("INFO")
    _race(env, play)


@parley_only("one BYE may be missing (B10)")
def test_expiry_bye(env):
    """Lifetimes end while the parties hang up."""
    params = PARAMS + [("default_timeout", 1), ("send_bye", 1)]
    with env.proxy(params, ROUTES, children=8) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        calls = [sip.establish(a, b) for _ in range(100)]
        a.reply(a.expect("BYE"), 200)  # the first lifetime is over
        for number, call in enumerate(calls):
            side = call.caller if number % 2 else call.callee
            side.request("BYE")
        _settled(server, a, b)
        same("all", server.statistics()["processed_dialogs"], 100)


@parley_only("an end_dlg may leave one side up (B10)")
def test_everything(env):
    """All of it with lists and counts being read, memory back at the end."""
    def play(server, a, b, number):
        call = sip.establish(a, b)
        server.json("dlg.list")
        server.rpc("dlg.profile_list", "caller")
        server.rpc("dlg.briefing")
        call.caller.request("INFO")
        _end(server, call.callid)
        call.callee.request("BYE")
        server.rpc("dlg.stats_active")
        side, invite = sip.ring(a, b)
        _end(server, side.callid)
        b.reply(invite, 200)
        side.ack_failure(a.expect(480, "INVITE", callid=side.callid))

    with env.proxy(PARAMS, ROUTES, children=8) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        def turn():
            for number in range(30):
                play(server, a, b, number)
                _answer_all(a, b)
            _settled(server, a, b)
            net.wait_until(
                lambda: server.rpc("dlg.stats_active")["all"] == 0 and
                server.rpc("dlg.stats")["deleted"] == 0 and
                server.rpc("tm.stats")["current"] == 0, 45, "all is freed")
            return server.shm()
        first = turn()
        left = turn() - first
        check(left <= 4096, "%d bytes more after the second turn", left)
        wait_statistic(server, "processed_dialogs", 120)
