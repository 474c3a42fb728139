"""Forked calls: one leg per To-tag, several 2xx, several branches."""
from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      state_of, wait_state, wait_statistic)

LEGS = "the packaged module has one callee leg"


def _legs(server):
    found = dialogs(server)[0]
    return {leg["tag"]: leg["state"] for leg in found["legs"]}


def _two_answers(a, b, server):
    """183 of A and B, then 200 of B and of A, each acknowledged: the Calls."""
    side = a.invite(b)
    invite = b.expect("INVITE")
    for tag in ("A", "B"):
        b.reply(invite, 183, tag=tag)
        a.expect(183)
    calls = []
    for tag in ("B", "A"):
        ok = b.reply(invite, 200, tag=tag)
        leg = side.fork(a.expect(200, "INVITE"))
        leg.ack()
        b.expect("ACK")
        calls.append(sip.Call(leg, sip.Side.of_callee(b, invite, ok)))
    return calls


@parley_only(LEGS)
def test_legs_listed(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        for tag in ("A", "B"):
            b.reply(invite, 183, tag=tag)
            a.expect(183)
        same("legs", _legs(server), {"A": "early", "B": "early"})
        b.reply(invite, 200, tag="B")
        leg = side.fork(a.expect(200))
        leg.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        same("callee", dialogs(server)[0]["callee"]["tag"], "B")
        same("leg B", _legs(server)["B"], "confirmed")


@parley_only(LEGS)
def test_second_200(env):
    """A second 2xx is a leg like any other: listed, and it can be ended."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        first, second = _two_answers(a, b, server)
        same("dialogs", len(dialogs(server)), 1)
        net.wait_until(lambda: _legs(server) == {
            "B": "confirmed", "A": "confirmed"}, 3, "both legs are up")
        found = dialogs(server)[0]
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        ended = set()
        for _ in range(2):
            bye = b.expect("BYE")
            ended.add(bye.to_tag)
            b.reply(bye, 200)
            bye = a.expect("BYE")
            ended.add(bye.from_tag + " caller")
            a.reply(bye, 200)
        same("ended", ended, {"A", "B", "A caller", "B caller"})
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_bye_of_loser(env):
    """The caller ends the leg it does not want; the call goes on."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        kept, unwanted = _two_answers(a, b, server)
        unwanted.hang_up()
        net.wait_until(lambda: _legs(server).get("A") in (None, "ended"), 3,
                       "leg A has ended")
        same("state", state_of(server, kept.callid), 4)
        same("active", server.statistics()["active_dialogs"], 1)
        kept.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        kept.hang_up()
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_bogus_tag(env):
    """A PRACK for a To-tag that nobody gave belongs to no dialog."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        before = dialogs(server)[0]["caller"]["cseq"]
        side.request("PRACK", to_tag="ZZZ")
        b.drain(0.2)
        same("CSeq", dialogs(server)[0]["caller"]["cseq"], before)
        same("legs", len(_legs(server)), 1)


def _parallel():
    return script(initial='dlg_manage(); append_branch("sip:c@127.0.0.1:'
                          '$hdr(X-Second)");')


def test_parallel_one_answers(env):
    """Two branches of this proxy; one answers, the other is cancelled."""
    with env.proxy(routes=_parallel()) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        to_b, to_c = b.expect("INVITE"), c.expect("INVITE")
        b.reply(to_b, 180, tag="atb")
        c.reply(to_c, 180, tag="atc")
        ok = c.reply(to_c, 200, tag="atc")
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        c.expect("ACK")
        b.reply(b.expect("CANCEL"), 200)
        b.reply(to_b, 487, tag="atb")
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        same("dialogs", len(dialogs(server)), 1)
        sip.Call(side, sip.Side.of_callee(c, to_c, ok)).hang_up("callee")
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_parallel_both_answer(env):
    """Two branches answer at once; both legs can be ended."""
    with env.proxy(routes=_parallel()) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        to_b, to_c = b.expect("INVITE"), c.expect("INVITE")
        b.reply(to_b, 200, tag="atb")
        leg = side.fork(a.expect(200, "INVITE"))
        leg.ack()
        b.expect("ACK")
        c.reply(to_c, 200, tag="atc")
        other = side.fork(a.expect(200, "INVITE"))
        other.ack()
        c.expect("ACK")
        net.wait_until(lambda: _legs(server) == {
            "atb": "confirmed", "atc": "confirmed"}, 3, "both legs are up")
        found = dialogs(server)[0]
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        b.reply(b.expect("BYE"), 200)
        c.reply(c.expect("BYE"), 200)
        for _ in range(2):
            a.reply(a.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0)


def test_serial(env):
    """486 from the first, then failure_route tries the second: one call."""
    routes = script(initial='dlg_manage(); t_on_failure("NEXT");',
                    more='''failure_route[NEXT] {
        $ru = "sip:c@127.0.0.1:" + $hdr(X-Second);
        t_relay();
    }''')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        to_b = b.expect("INVITE")
        b.reply(to_b, 180, tag="atb")
        b.reply(to_b, 486, tag="atb")
        to_c = c.expect("INVITE")
        same("state", state_of(server, side.callid), 2)
        ok = c.reply(to_c, 200, tag="atc")
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        c.expect("ACK")
        wait_state(server, side.callid, 4)
        same("failed", server.statistics()["failed_dialogs"], 0)
        sip.Call(side, sip.Side.of_callee(c, to_c, ok)).hang_up()
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_many_legs(env):
    """More To-tags than are kept: calls go on, nothing breaks."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        for number in range(60):
            b.reply(invite, 183, tag="leg%d" % number)
            a.expect(183)
        check(len(_legs(server)) <= 32, "%d legs", len(_legs(server)))
        ok = b.reply(invite, 200, tag="leg5")
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        sip.Call(side, sip.Side.of_callee(b, invite, ok)).hang_up()
        wait_statistic(server, "active_dialogs", 0)
