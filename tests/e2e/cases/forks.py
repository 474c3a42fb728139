"""Forked calls: one leg per To-tag, several 2xx, several branches."""
from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      state_of, wait_state, wait_statistic)

LEGS = "the packaged module has one callee leg"


def _legs(server):
    found = dialogs(server)[0]
    return {leg["tag"]: leg["state"] for leg in found["legs"]}


@parley_only(LEGS)
def test_legs_listed(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.two_ring(a, b)
        same("legs", _legs(server), {"A": "early", "B": "early"})
        sip.answer_fork(side, invite, b, "B")
        wait_state(server, side.callid, 4)
        same("callee", dialogs(server)[0]["callee"]["tag"], "B")
        same("leg B", _legs(server)["B"], "confirmed")


@parley_only(LEGS)
def test_second_200(env):
    """A second 2xx is a leg like any other: listed, and it can be ended."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        first, second = sip.two_answer(a, b)
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
        kept, unwanted = sip.two_answer(a, b)
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
        call = sip.answer_fork(side, to_c, c, "atc")
        b.reply(b.expect("CANCEL"), 200)
        b.reply(to_b, 487, tag="atb")
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        same("dialogs", len(dialogs(server)), 1)
        call.hang_up("callee")
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_parallel_both_answer(env):
    """Two branches answer at once; both legs can be ended."""
    with env.proxy(routes=_parallel()) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        to_b, to_c = b.expect("INVITE"), c.expect("INVITE")
        sip.answer_fork(side, to_b, b, "atb")
        sip.answer_fork(side, to_c, c, "atc")
        net.wait_until(lambda: _legs(server) == {
            "atb": "confirmed", "atc": "confirmed"}, 3, "both legs are up")
        found = dialogs(server)[0]
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        b.reply(b.expect("BYE"), 200)
        c.reply(c.expect("BYE"), 200)
        for _ in range(2):
            a.reply(a.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0)


SERIAL = script(initial='dlg_manage(); t_on_failure("NEXT");', more='''
failure_route[NEXT] {
    $ru = "sip:c@127.0.0.1:" + $hdr(X-Second);
    t_relay();
}''')


def test_serial(env):
    """486 from the first, then failure_route tries the second: one call."""
    with env.proxy(routes=SERIAL) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        to_b = b.expect("INVITE")
        b.reply(to_b, 180, tag="atb")
        b.reply(to_b, 486, tag="atb")
        to_c = c.expect("INVITE")
        same("state", state_of(server, side.callid), 2)
        call = sip.answer_fork(side, to_c, c, "atc")
        wait_state(server, side.callid, 4)
        same("failed", server.statistics()["failed_dialogs"], 0)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


# ------------------------------------------------ each leg for itself


def _legs_by_tag(server):
    return {leg["tag"]: leg for leg in dialogs(server)[0]["legs"]}


def _two_phones_ring(a, b, c):
    """Phones B and C, each with its own route set: the caller's Sides and the
    INVITEs."""
    side = a.invite(b, [("X-Second", c.port)])
    sides, invites = {}, {}
    for phone, tag in ((b, "atb"), (c, "atc")):
        invite = phone.expect("INVITE")
        # As if there were a proxy in front of the phone.
        invite.headers.insert(0, (
            "Record-Route",
            "<sip:127.0.0.1:%d;lr;of=%s>" % (phone.port, tag)))
        phone.reply(invite, 183, tag=tag)
        sides[tag] = side.fork(a.expect(183))
        invites[tag] = invite
    return sides, invites


def _callee_side(phone, invite, tag):
    side = sip.Side.of_callee(phone, invite, invite)
    side.local_tag = tag
    side.routes = side.routes[1:]
    return side


@parley_only(LEGS)
def test_early_requests_find_their_leg(env):
    """PRACK, UPDATE and INFO of both sides change one early leg only."""
    with env.proxy(routes=_parallel()) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(server, "c") as c:
        sides, invites = _two_phones_ring(a, b, c)
        legs = _legs_by_tag(server)
        for phone, tag in ((b, "atb"), (c, "atc")):
            same("state", legs[tag]["state"], "early")
            same("contact", legs[tag]["contact"], phone.contact)
            check(("of=%s" % tag) in legs[tag]["route_set"],
                  "route set %s", legs[tag]["route_set"])
            same("socket", legs[tag]["socket"],
                 "udp:127.0.0.1:%d" % server.port)
        for number, method in enumerate(("PRACK", "UPDATE", "INFO")):
            before = _legs_by_tag(server)
            sides["atc"].request(method, cseq=11 + number)
            c.reply(c.expect(method), 200)
            a.expect(200, method)
            callee = _callee_side(b, invites["atb"], "atb")
            if method == "UPDATE":
                b.contact = "sip:moved@127.0.0.1:%d" % b.port
            callee.request(method, cseq=50 + number)
            a.reply(a.expect(method), 200)
            b.expect(200, method)
            after = _legs_by_tag(server)
            same("callee's CSeq on B", after["atb"]["cseq"],
                 str(50 + number))
            same("callee's CSeq on C", after["atc"]["cseq"],
                 before["atc"]["cseq"])
            same("contact of B", after["atb"]["contact"], b.contact)
            same("contact of C", after["atc"]["contact"], c.contact)
        for phone, tag in ((b, "atb"), (c, "atc")):
            phone.reply(invites[tag], 200, tag=tag)
            leg = sides[tag]
            leg.learn(a.expect(200, "INVITE"))
            leg.ack()
            phone.expect("ACK")
        found = dialogs(server)[0]
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        bye = b.expect("BYE")
        # Each leg has counted for itself.
        same("BYE to B", (bye.uri, bye.to_tag, bye.cseq), (b.contact, "atb", 2))
        b.reply(bye, 200)
        bye = c.expect("BYE")
        same("BYE to C", (bye.uri, bye.to_tag, bye.cseq),
             (c.contact, "atc", 14))
        c.reply(bye, 200)
        byes = {}
        for _ in range(2):
            bye = a.expect("BYE")
            byes[bye.from_tag] = bye.cseq
            a.reply(bye, 200)
        same("BYEs to the caller", (byes["atb"], byes["atc"] < 50),
             (53, True))
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_early_bye(env):
    """A BYE ends one early dialog; the other one rings on and answers."""
    with env.proxy(routes=_parallel()) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(server, "c") as c:
        sides, invites = _two_phones_ring(a, b, c)
        sides["atb"].request("BYE")
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")
        net.wait_until(lambda: _legs(server) == {
            "atb": "ended", "atc": "early"}, 3, "leg B has ended")
        same("state", state_of(server, sides["atb"].callid), 2)
        b.reply(invites["atb"], 487, tag="atb")
        b.expect("ACK")
        net.wait_until(lambda: _legs(server) == {"atc": "early"}, 3,
                       "leg B has gone")
        c.reply(invites["atc"], 200, tag="atc")
        sides["atc"].learn(a.expect(200, "INVITE"))
        sides["atc"].ack()
        c.expect("ACK")
        wait_state(server, sides["atc"].callid, 4)
        sip.Call(sides["atc"], _callee_side(c, invites["atc"],
                                            "atc")).hang_up()
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_bogus_tag_is_counted(env):
    """Requests of each kind for a tag that no leg has, early and later."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        side.learn(b.reply(invite, 180))
        before = _legs_by_tag(server)
        methods = ("PRACK", "UPDATE", "INFO", "BYE")
        routed = dict(routes=["<sip:127.0.0.1:%d;lr;%s>" % (
            server.port, _cookie(invite))])
        for method in methods:
            side.request(method, to_tag="ZZZ", **routed)
            b.expect(method)
        call = sip.answer(side, invite, b)
        for method in methods:
            side.request(method, to_tag="ZZZ")
            b.expect(method)
        same("state", state_of(server, call.callid), 4)
        same("callee's CSeq", [leg["cseq"] for leg in _legs_by_tag(
            server).values()], [leg["cseq"] for leg in before.values()])
        same("counted", server.rpc("dlg.stats")["bogus_no_leg"], 8)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


def _cookie(message):
    """did=... of the proxy's Record-Route."""
    route = message.get("Record-Route")
    return [part for part in route.strip("<>").split(";")
            if part.startswith("did=")][0]


# ------------------------------------------------ losers


@parley_only(LEGS)
def test_loser_of_a_serial_fork(env):
    """tm holds the 486 back for failure_route: its leg goes all the same."""
    with env.proxy(routes=SERIAL) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        to_b = b.expect("INVITE")
        b.reply(to_b, 180, tag="atb")
        b.reply(to_b, 183, tag="atb2")  # and another one behind it
        a.expect(180)
        a.expect(183)
        same("legs", _legs(server), {"atb": "early", "atb2": "early"})
        b.reply(to_b, 486, tag="atb")
        to_c = c.expect("INVITE")
        same("legs", _legs(server), {})
        same("state", state_of(server, side.callid), 2)
        # In the early dialog that is over nothing is found any more.
        side.fork(b.reply(to_b, 180, tag="atb"))
        c.reply(to_c, 180, tag="atc")
        a.expect(180)
        same("legs", _legs(server), {"atc": "early"})
        call = sip.answer_fork(side, to_c, c, "atc")
        wait_state(server, side.callid, 4)
        same("legs", _legs(server), {"atc": "confirmed"})
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("failed", server.statistics()["failed_dialogs"], 0)


@parley_only(LEGS)
def test_loser_that_times_out(env):
    """Nobody answers at the first phone, the second is tried: the leg of the
    first goes though no reply ever comes."""
    routes = script(initial='dlg_manage(); t_on_failure("NEXT"); '
                            't_set_fr(1000, 1000);',
                    more='''failure_route[NEXT] {
        $ru = "sip:c@127.0.0.1:" + $hdr(X-Second);
        t_set_fr(60000, 60000);
        t_relay();
    }''')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        b.reply(b.expect("INVITE"), 180, tag="atb")
        a.expect(180)
        same("legs", _legs(server), {"atb": "early"})
        to_c = c.expect("INVITE", seconds=10)
        net.wait_until(lambda: _legs(server) == {}, 3, "leg B has gone")
        call = sip.answer_fork(side, to_c, c, "atc")
        wait_state(server, side.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_loser_of_a_parallel_fork(env):
    """One of two phones says no, later one of three answers: each leg goes
    with its final reply, which tm does not relay."""
    routes = script(initial='dlg_manage(); append_branch("sip:c@127.0.0.1:'
                            '$hdr(X-Second)"); append_branch('
                            '"sip:d@127.0.0.1:$hdr(X-Third)");')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c, \
            sip.Party(server, "d") as d:
        side = a.invite(b, [("X-Second", c.port), ("X-Third", d.port)])
        invites = {}
        for phone in (b, c, d):
            invites[phone.user] = phone.expect("INVITE")
            phone.reply(invites[phone.user], 180, tag="at" + phone.user)
            a.expect(180)
        same("legs", len(_legs(server)), 3)
        b.reply(invites["b"], 486, tag="atb")
        b.expect("ACK")
        same("legs", _legs(server), {"atc": "early", "atd": "early"})
        ok = c.reply(invites["c"], 200, tag="atc")
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        c.expect("ACK")
        d.reply(d.expect("CANCEL"), 200)
        # Its final reply is not known yet.
        same("legs", _legs(server), {"atc": "confirmed", "atd": "early"})
        d.reply(invites["d"], 487, tag="atd")
        d.expect("ACK")
        same("legs", _legs(server), {"atc": "confirmed"})
        same("callee", dialogs(server)[0]["callee"]["tag"], "atc")
        same("legs in all", server.rpc("dlg.stats")["legs"], 1)
        sip.Call(side, sip.Side.of_callee(c, invites["c"], ok)).hang_up()
        wait_statistic(server, "active_dialogs", 0)


@parley_only(LEGS)
def test_loser_behind_a_fork(env):
    """Behind a fork of somebody else no final reply tells of the loser: its
    leg goes with the INVITE's transaction."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.two_ring(a, b)
        call = sip.answer_fork(side, invite, b, "B")
        same("legs", _legs(server), {"B": "confirmed", "A": "early"})
        net.wait_until(lambda: _legs(server) == {"B": "confirmed"}, 15,
                       "leg A has gone")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


# ------------------------------------------------ what is shown


@parley_only(LEGS)
def test_lists_show_all_legs(env):
    """Each of the four lists: the callee is who answered, then all legs; the
    profile counts the call once."""
    routes = script(initial='dlg_manage(); set_dlg_profile("all");')
    with env.proxy([("profiles_no_value", "all")], routes) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        first, second = sip.two_answer(a, b)
        net.wait_until(lambda: _legs(server) == {
            "B": "confirmed", "A": "confirmed"}, 3, "both legs are up")
        callid = first.callid
        for command in (("dlg.list",), ("dlg.list_ctx",),
                        ("dlg.dlg_list", callid),
                        ("dlg.dlg_list_ctx", callid),
                        ("dlg.profile_list", "all")):
            found = server.json(*command)
            found = found if hasattr(found, "names") else found[0]
            names = found.names()
            same("callee of " + command[0], found["callee"]["tag"], "B")
            same("legs of " + command[0],
                 [(leg["number"], leg["tag"], leg["state"])
                  for leg in found["legs"]],
                 [(2, "B", "confirmed"), (1, "A", "confirmed")])
            check(names.index("legs") > names.index("variables"),
                  "legs come before a field of the packaged module")
        same("profile", server.rpc("dlg.profile_get_size", "all"), 1)
        same("dialogs", server.rpc("dlg.stats_active")["all"], 1)
        first.hang_up()
        same("profile", server.rpc("dlg.profile_get_size", "all"), 1)
        second.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("profile", server.rpc("dlg.profile_get_size", "all"), 0)


# ------------------------------------------------ strange tags


@parley_only(LEGS)
def test_hundred_tags(env):
    """A hundred To-tags on one branch: 32 are followed, the rest is counted,
    and who answers is followed in any case."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        for number in range(100):
            b.reply(invite, 183, tag="leg%d" % number)
            a.expect(183)
        same("legs", len(_legs(server)), 32)
        same("refused", server.rpc("dlg.stats")["legs_refused"], 68)
        call = sip.answer_fork(side, invite, b, "leg99")
        wait_state(server, side.callid, 4)
        same("callee", dialogs(server)[0]["callee"]["tag"], "leg99")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("refused", server.rpc("dlg.stats")["legs_refused"], 69)


def test_no_to_tag(env):
    """A 180 and a 200 without To-tag (RFC 3261 12.1.2): the call is answered,
    and stays so when the INVITE's transaction is gone."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        b.reply(invite, 180, tag="")
        a.expect(180)
        same("state", state_of(server, side.callid), 2)
        b.reply(invite, 200, tag="")
        a.expect(200, "INVITE")
        wait_state(server, side.callid, 3)
        net.wait_until(lambda: server.rpc("tm.stats")["current"] == 0, 15,
                       "tm has forgotten the INVITE")
        same("state", state_of(server, side.callid), 3)
        same("callee", dialogs(server)[0]["callee"]["tag"], "")
        same("failed", server.statistics()["failed_dialogs"], 0)


@parley_only("it takes requests without a To-tag for nobody's")
def test_requests_without_tag(env):
    """Where the script gives all requests with a Route to loose_route(), ACK
    and BYE without To-tag are known by the cookie, and only by it."""
    routes = script(first="""
        if (is_method("ACK|BYE|INFO") && loose_route()) {
            t_relay();
            exit;
        }""")
    for way in ("caller", "callee", "command"):
        with env.proxy(routes=routes) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side = a.invite(b)
            invite = b.expect("INVITE")
            ok = b.reply(invite, 200, tag="")
            side.learn(a.expect(200, "INVITE"))
            same("legs", _legs(server), {"": "answered"})
            plain = ["<sip:127.0.0.1:%d;lr>" % server.port]
            side.request("BYE", routes=plain)
            b.reply(b.expect("BYE"), 481)
            side.ack()
            b.expect("ACK")
            wait_state(server, side.callid, 4)
            same("legs", _legs(server), {"": "confirmed"})
            if way == "command":
                found = dialogs(server)[0]
                server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
                bye = b.expect("BYE")
                same("To-tag", bye.to_tag, "")
                b.reply(bye, 200)
                a.reply(a.expect("BYE"), 200)
            else:
                sip.Call(side, sip.Side.of_callee(b, invite, ok)).hang_up(way)
            wait_statistic(server, "active_dialogs", 0)
            same("failed", server.statistics()["failed_dialogs"], 0)


def test_callers_tag(env):
    """The callee repeats the caller's tag: followed, ended, and both BYEs of
    the proxy go where they belong."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        b.reply(invite, 180, tag=side.local_tag)
        a.expect(180)
        call = sip.answer_fork(side, invite, b, side.local_tag)
        wait_state(server, side.callid, 4)
        call.hang_up("callee")
        wait_statistic(server, "active_dialogs", 0)


@parley_only("it sends both BYEs to one side after such a request")
def test_callers_tag_is_ended(env):
    """After an UPDATE of the callee the proxy still knows who is where."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        ok = b.reply(invite, 200, tag=side.local_tag)
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        callee = sip.Side.of_callee(b, invite, ok)
        callee.request("UPDATE")
        a.reply(a.expect("UPDATE"), 200)
        b.expect(200, "UPDATE")
        found = dialogs(server)[0]
        same("caller", found["caller"]["contact"], a.contact)
        same("callee", found["callee"]["contact"], b.contact)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        for party in (a, b):
            bye = party.expect("BYE")
            same("target", bye.uri, party.contact)
            check(bye.cseq > callee.cseq, "CSeq %d", bye.cseq)
            party.reply(bye, 200)
        wait_statistic(server, "active_dialogs", 0)
