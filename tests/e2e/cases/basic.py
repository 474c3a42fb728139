"""Calls of ordinary fates: states, counters, what is left afterwards."""
from lib.case import (check, dialogs, net, same, script, sip, state_of,
                      wait_state, wait_statistic)


def test_call(env):
    """INVITE, 180, 200, ACK, BYE: each state in turn, each counter."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        check(";did=" in invite.get("Record-Route"), "no cookie: %r",
              invite.get("Record-Route"))
        wait_state(server, side.callid, 1)
        b.reply(invite, 180)
        a.expect(180)
        wait_state(server, side.callid, 2)
        same("early_dialogs", server.statistics()["early_dialogs"], 1)
        call = sip.answer(side, invite, b, ack=False)
        wait_state(server, side.callid, 3)
        same("statistics", server.statistics(), {
            "active_dialogs": 1, "early_dialogs": 0, "expired_dialogs": 0,
            "failed_dialogs": 0, "processed_dialogs": 1})
        side.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        stats = server.rpc("dlg.stats_active")
        same("stats_active", list(stats), [
            ("starting", 0), ("connecting", 0), ("answering", 0),
            ("ongoing", 1), ("all", 1)])
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        check(state_of(server, side.callid) in (0, 5), "not ended")


def test_callee_hangs_up(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.hang_up("callee")
        wait_statistic(server, "active_dialogs", 0)


def test_freed_with_the_transaction(env):
    """An ended dialog goes with the last transaction that holds it, long
    before end_timeout, which is 300 seconds."""
    with env.proxy([("end_timeout", 300)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.hang_up()
        wait_state(server, call.callid, 0, 30)


def _failed(env, code):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        wait_state(server, side.callid, 2)
        b.reply(invite, code, contact=False)
        final = a.expect(code)
        side.ack_failure(final)
        wait_statistic(server, "failed_dialogs", 1)
        same("statistics", server.statistics(), {
            "active_dialogs": 0, "early_dialogs": 0, "expired_dialogs": 0,
            "failed_dialogs": 1, "processed_dialogs": 1})


def test_busy(env):
    _failed(env, 486)


def test_declined(env):
    _failed(env, 603)


def test_redirected(env):
    _failed(env, 302)


def test_cancelled(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        side.cancel()
        a.expect(200, "CANCEL")
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 487)
        side.ack_failure(a.expect(487))
        wait_statistic(server, "failed_dialogs", 1)
        same("early", server.statistics()["early_dialogs"], 0)


def test_cancel_loses_against_200(env):
    """The 200 crosses the CANCEL: the call is up and can be ended."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        side.cancel()
        a.expect(200, "CANCEL")
        b.reply(b.expect("CANCEL"), 200)
        call = sip.answer(side, invite, b)
        wait_state(server, side.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


def test_rejected_by_proxy(env):
    """The proxy itself answers 403: nothing of the call is left."""
    routes = script(initial='dlg_manage(); t_newtran(); t_reply("403", "No"); exit;')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        side.ack_failure(a.expect(403))
        wait_statistic(server, "failed_dialogs", 1)
        b.never("INVITE", seconds=0.2)


def test_stateless_reply(env):
    """dlg_manage(), then a stateless reply: the dialog is given up."""
    routes = script(initial='dlg_manage(); sl_send_reply("503", "No"); exit;')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        a.expect(503)
        wait_state(server, side.callid, 0)
        same("list", dialogs(server), [])


def test_retransmissions(env):
    """Every message twice: the counters see one call."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        a.send(side.invite.data)
        for code in (180, 180, 200, 200):
            b.reply(invite, code)
        for code in (180, 200, 200):
            got = a.expect(code)
        side.learn(got)
        for _ in range(2):
            side.ack()
            b.expect("ACK")
        wait_state(server, side.callid, 4)
        bye = side.request("BYE")
        a.send(bye.data)
        got = b.expect("BYE")
        b.reply(got, 200)
        b.reply(got, 200)
        a.expect(200, "BYE")
        wait_statistic(server, "active_dialogs", 0)
        same("processed", server.statistics()["processed_dialogs"], 1)
        same("failed", server.statistics()["failed_dialogs"], 0)


def test_lost_ack(env):
    """No ACK: state 3; the callee's BYE ends the call."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        call = sip.answer(side, invite, b, ack=False)
        wait_state(server, side.callid, 3)
        call.hang_up("callee")
        wait_statistic(server, "active_dialogs", 0)


def test_200_without_180(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        call = sip.answer(side, b.expect("INVITE"), b)
        wait_state(server, side.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


def test_many_calls(env):
    """60 calls at once through 4 workers, all fates, back to nothing."""
    with env.proxy(children=4) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        calls = [sip.establish(a, b) for _ in range(60)]
        same("active", server.statistics()["active_dialogs"], 60)
        same("listed", len(dialogs(server)), 60)
        for call in calls:
            call.hang_up("caller" if len(call.callid) % 2 else "callee")
        wait_statistic(server, "active_dialogs", 0)
        same("processed", server.statistics()["processed_dialogs"], 60)


def _unanswered(env, timer, replies):
    """tm itself gives up: 408 to the caller, the call has failed."""
    last = 'modparam("tm", "%s", 1000)' % timer
    with env.proxy(last=last) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        for code in replies:
            b.reply(invite, code)
        side.ack_failure(a.expect(408, "INVITE", seconds=8))
        wait_statistic(server, "failed_dialogs", 1)
        same("early", server.statistics()["early_dialogs"], 0)


def test_no_reply(env):
    _unanswered(env, "fr_timer", ())


def test_no_answer(env):
    _unanswered(env, "fr_inv_timer", (180,))


def test_retry_after_challenge(env):
    """407 from the callee, then the same Call-ID and tag with the next CSeq
    (RFC 3261 22.2): a new dialog, while the failed one is still remembered."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        b.reply(invite, 407, contact=False)
        side.ack_failure(a.expect(407))
        wait_statistic(server, "failed_dialogs", 1)
        again = a.invite(b, callid=side.callid, tag=side.local_tag, cseq=2)
        call = sip.answer(again, b.expect("INVITE"), b)
        wait_statistic(server, "active_dialogs", 1)
        same("processed", server.statistics()["processed_dialogs"], 2)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("failed", server.statistics()["failed_dialogs"], 1)


def test_early_bye(env):
    """The caller ends an early dialog by BYE (RFC 3261 15); the callee then
    answers the INVITE with 487."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        b.reply(invite, 180)
        side.learn(a.expect(180))
        side.request("BYE")
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")
        b.reply(invite, 487)
        side.ack_failure(a.expect(487))
        wait_statistic(server, "failed_dialogs", 1)
        same("statistics", (server.statistics()["early_dialogs"],
                            server.statistics()["active_dialogs"]), (0, 0))


def test_double_record_route(env):
    """Two sockets, hence two Record-Routes (rr's enable_double_rr)."""
    other = net.free_port()
    socket = '$fs = "udp:127.0.0.1:%d"; ' % other
    routes = script(first="if (has_totag() && $Rp != %d) { %s }" % (
        other, socket)).replace("record_route();", socket + "record_route();")
    with env.proxy(routes=routes, core="listen=udp:127.0.0.1:%d" % other) as \
            server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        same("Record-Routes", len(invite.listed("Record-Route")), 2)
        call = sip.answer(side, invite, b)
        wait_state(server, side.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        call = sip.establish(a, b)
        b.server = ("127.0.0.1", other)  # as its route set says
        call.hang_up("callee")
        wait_statistic(server, "active_dialogs", 0)
