"""validate_dialog(), fix_route_dialog(), match_dialog(): requests that nobody of
the call has sent are told apart, and leave no trace if they are refused."""
from lib import database, modules, proxy, stored
from lib.case import (CONTINUE, SUSPEND, check, dialogs, net, parley_only,
                      same, script, sip, state_of, suspended, two_parties,
                      wait_state, wait_statistic)

OURS = "validate_dialog() is not in the packaged module"
VERDICT = '''
    validate_dialog();
    $var(verdict) = $rc;
    xlog("L_ALERT", "V $rm $cs $var(verdict) $DLG_status\\n");
'''
REFUSE = VERDICT + '''
    if ($var(verdict) < 0) {
        if (!is_method("ACK")) { sl_send_reply("403", "$var(verdict)"); }
        exit;
    }
'''
EVENTS = '''
event_route[dialog:end] { xlog("L_ALERT", "END $dlg(callid)\\n"); }
event_route[dialog:start] { xlog("L_ALERT", "START $dlg(callid)\\n"); }
'''


CLOCKS = ("duration", "timeout")


def refusing(env, params=(), **hooks):
    """A server that refuses what does not fit. server: options of its own."""
    options = hooks.pop("server", {})
    hooks.setdefault("inside", REFUSE)
    hooks.setdefault("more", EVENTS)
    return env.proxy(params, script(**hooks), **options)


def trace(server):
    """All that is known of each call, without clocks."""
    return [[pair for pair in dialog if pair[0] not in CLOCKS]
            for dialog in dialogs(server)]


def _refused(server, side, data, verdict):
    """The request in @data is refused with @verdict and changes nothing."""
    before = trace(server)
    side.party.send(data)
    reply = side.party.expect(403, callid=side.callid)
    same("the verdict", reply.reason, str(verdict))
    unchanged(server, before)


def unchanged(server, before, when=""):
    """Names what has changed."""
    for old, new in zip(before, trace(server)):
        same("what has changed %s" % when,
             [pair for pair in new if pair not in old], [])
    same("the number of dialogs", len(dialogs(server)), len(before))


def refused(server, side, method, verdict, **options):
    headers = options.pop("headers", ())
    # The numbers of a user agent go on after those of somebody else.
    kept = side.cseq
    _refused(server, side, side.text(method, headers, **options), verdict)
    side.cseq = kept


def accepted(side, other, method, **options):
    """It is relayed to @other, a Party, who says 200."""
    side.request(method, **options)
    got = other.expect(method, callid=side.callid)
    other.reply(got, 200)
    side.party.expect(200, method, callid=side.callid)
    return got


def ended(server):
    wait_statistic(server, "active_dialogs", 0)
    net.wait_until(lambda: "END " in server.log(), 3, "dialog:end has run")
    same("runs of dialog:end", server.log().count("END "), 1)


def counted(server, **wanted):
    stats = server.rpc("dlg.stats")
    for name in ("cseq", "target", "route"):
        same("bogus_" + name, stats["bogus_" + name], wanted.get(name, 0))


def both_ways(call):
    return ((call.caller, call.callee), (call.callee, call.caller))


# ---------------------------------------------------------------- verdicts

@parley_only(OURS)
def test_a_call_as_it_should_be(env):
    """All requests of both parties are theirs."""
    with two_parties(refusing(env)) as (server, a, b):
        call = sip.establish(a, b)
        for side, other in both_ways(call):
            for method in ("INFO", "UPDATE", "INFO"):
                accepted(side, other.party, method)
            accepted(side, other.party, "INVITE")
            side.ack(cseq=side.cseq)
            other.party.expect("ACK")
            accepted(side, other.party, "MESSAGE")
        call.hang_up("callee")
        ended(server)
        counted(server)
        check(" -" not in "".join(
            line.partition(" V ")[2] for line in
            server.log().splitlines()), "%s", server.log())


@parley_only(OURS)
def test_cseq(env):
    """RFC 3261 12.2.2: above the last one of that direction."""
    with two_parties(refusing(env)) as (server, a, b):
        call = sip.establish(a, b)
        accepted(call.callee, a, "INFO")
        accepted(call.caller, b, "INFO")
        for side, last in ((call.caller, 2), (call.callee, 101)):
            for number in (0, 1, last, 1 << 31, 1 << 32, 10 ** 30):
                for method in ("BYE", "INVITE", "UPDATE", "INFO", "PRACK"):
                    refused(server, side, method, -1, cseq=number)
        counted(server, cseq=2 * 6 * 5)
        # Twice the same, as nothing was kept of the first.
        refused(server, call.caller, "BYE", -1, cseq=2)
        call.hang_up()
        ended(server)


@parley_only(OURS)
def test_ack(env):
    """RFC 3261 13.2.2.4: the number of its INVITE; a wrong one confirms
    nothing."""
    with two_parties(refusing(env)) as (server, a, b):
        side, invite = sip.ring(a, b)
        call = sip.answer(side, invite, b, ack=False)
        wait_state(server, call.callid, 3)
        before = trace(server)
        side.ack(cseq=2)
        side.ack(uri="sip:else@127.0.0.1:9")
        side.ack(routes=side.routes + ["<sip:127.0.0.1:9;lr>"])
        net.wait_until(lambda: server.log().count(" V ACK") == 3, 3,
                       "three ACKs were judged")
        for line in ("V ACK 2 -1 3", "V ACK 1 -2 3", "V ACK 1 -3 3"):
            check(line in server.log(), "%r is not in\n%s", line,
                  server.log())
        unchanged(server, before)
        b.never("ACK", seconds=0.1)
        side.ack()
        b.expect("ACK")
        wait_state(server, call.callid, 4)
        check("V ACK 1 1 4" in server.log(), "%s", server.log())
        # That of a re-INVITE, from either side.
        for one, other in both_ways(call):
            accepted(one, other.party, "INVITE")
            one.ack(cseq=one.cseq - 1)
            one.ack(cseq=one.cseq)
            other.party.expect("ACK")
            other.party.never("ACK", seconds=0.1)
        counted(server, cseq=3, target=1, route=1)
        call.hang_up()


@parley_only(OURS)
def test_target(env):
    """The Request-URI is the other party's contact, as RFC 3261 19.1.4
    compares them."""
    with two_parties(refusing(env)) as (server, a, b):
        call = sip.establish(a, b)
        for side, other in both_ways(call):
            port = other.party.port
            user = other.party.user
            wrong = ["sip:%s@127.0.0.1:9" % user, "sip:127.0.0.1:%d" % port,
                     "sip:%s@127.0.0.1:%d" % (user.upper(), port),
                     "sips:%s@127.0.0.1:%d" % (user, port),
                     "sip:%s@127.0.0.1:%d;transport=udp" % (user, port),
                     "sip:%s@127.0.0.1:%d?a=b" % (user, port)]
            for uri in wrong:
                for method in ("BYE", "INVITE", "UPDATE", "INFO"):
                    refused(server, side, method, -2, uri=uri)
            for uri in ("SIP:%s@127.0.0.1:%d" % (user, port),
                        "sip:%%%x@127.0.0.1:%d" % (ord(user), port),
                        "sip:%s@127.0.0.1:%d;x=1" % (user, port)):
                accepted(side, other.party, "INFO", uri=uri)
        counted(server, target=2 * 6 * 4)
        call.hang_up("callee")
        ended(server)


@parley_only(OURS)
def test_target_moves(env):
    """A re-INVITE that was relayed changes the target, a refused one does
    not."""
    with two_parties(refusing(env)) as (server, a, b), \
            sip.Party(server, "b") as moved:
        call = sip.establish(a, b)
        old, new = b.contact.encode(), moved.contact.encode()
        data = call.callee.text("UPDATE", cseq=0).replace(old, new)
        _refused(server, call.callee, data, -1)
        refused(server, call.caller, "BYE", -2, uri=moved.contact)
        b.send(call.callee.text("UPDATE").replace(old, new))
        a.reply(a.expect("UPDATE"), 200)
        b.expect(200, "UPDATE")
        refused(server, call.caller, "BYE", -2)
        call.caller.target = moved.contact
        call.caller.request("BYE")
        moved.reply(moved.expect("BYE"), 200)
        a.expect(200, "BYE")
        ended(server)


def _establish_routed(a, b, above=(), below=()):
    """A call by other proxies, which are the parties here, too: @above and
    @below are their Record-Route values, before and behind us. Its Sides send
    what the proxies before us would."""
    side = a.invite(b, [("Record-Route", value) for value in above])
    invite = b.expect("INVITE")
    ours = [value for value in invite.listed("Record-Route")
            if value not in above]
    reply = sip.Message(sip.build("SIP/2.0 200 OK", [
        pair for pair in invite.headers if pair[0].lower() in (
            "via", "from", "call-id", "cseq")] + [
        ("Record-Route", value) for value in
        list(below) + ours + list(above)] + [
        ("To", invite.get("To") + ";tag=routed"),
        ("Contact", "<%s>" % b.contact)]))
    b.send(reply.data)
    side.learn(a.expect(200, "INVITE"))
    callee = sip.Side.of_callee(b, invite, reply)
    # What the other proxies have taken off is no more there.
    side.routes = ours + list(reversed(below))
    callee.routes = ours + list(above)
    side.ack()
    return sip.Call(side, callee), ours


@parley_only(OURS)
def test_routes(env):
    """Number, order and each URI of the route set."""
    with two_parties(refusing(env, [("dlg_match_mode", 1)])) as (server, a, b):
        p = ["<sip:p%d@127.0.0.1:%d;lr>" % (i, b.port) for i in range(4)]
        q = ["<sip:q%d@127.0.0.1:%d;lr>" % (i, a.port) for i in range(4)]
        call, ours = _establish_routed(a, b, q[:2], p[:2])
        b.expect("ACK")
        for side, there in ((call.caller, p[1::-1]), (call.callee, q[:2])):
            for routes in (ours, ours + there[:1], ours + there[::-1],
                           ours + there + p[3:], ours + [there[0], p[3]],
                           ours + there[1:] + there, []):
                refused(server, side, "INFO", -3, routes=routes)
            refused(server, side, "BYE", -3, routes=ours + there[1:])
        counted(server, route=16)
        # The same in one header, with other spelling.
        accepted(call.caller, b, "INFO", routes=[", ".join(
            ours + ['"Proxy" ' + p[1].replace("sip:", "SIP:") + ";x=1"] +
            p[:1])])
        accepted(call.callee, a, "INFO")
        accepted(call.caller, b, "BYE")
        ended(server)


@parley_only(OURS)
def test_strict_router_before_us(env):
    """RFC 3261 16.12: it has put our URI into the Request-URI and the target at
    the end of the Route header."""
    with two_parties(refusing(env)) as (server, a, b):
        p = ["<sip:p%d@127.0.0.1:%d;lr>" % (i, b.port) for i in range(2)]
        call, ours = _establish_routed(a, b, below=p)
        b.expect("ACK")
        us = ours[0].strip("<>")
        target = ["<%s>" % b.contact]
        rest = p[::-1]
        accepted(call.caller, b, "INFO", uri=us, routes=rest + target)
        refused(server, call.caller, "BYE", -2, uri=us,
                routes=rest + ["<sip:b@127.0.0.1:9>"])
        refused(server, call.caller, "BYE", -3, uri=us,
                routes=rest[1:] + target)
        accepted(call.caller, b, "BYE", uri=us, routes=rest + target)
        ended(server)


@parley_only(OURS)
def test_strict_router_behind_us(env):
    """loose_route() puts its URI into the Request-URI; judged is what came."""
    with two_parties(refusing(env)) as (server, a, b):
        call, ours = _establish_routed(
            a, b, below=["<sip:strict@127.0.0.1:%d>" % b.port])
        same("the target", b.expect("ACK").uri,
             "sip:strict@127.0.0.1:%d" % b.port)
        got = accepted(call.caller, b, "INFO")
        same("at the end of its route",
             got.listed("Route"), ["<%s>" % b.contact])
        refused(server, call.caller, "BYE", -2,
                uri="sip:strict@127.0.0.1:%d" % b.port)
        refused(server, call.caller, "BYE", -3, routes=ours)
        accepted(call.caller, b, "BYE")
        ended(server)


@parley_only(OURS)
def test_what_cannot_be_judged(env):
    """-4: no such call, and what is malformed."""
    more = EVENTS
    with two_parties(refusing(env, more=more)) as (server, a, b):
        call = sip.establish(a, b)
        side = call.caller
        # A method that is not that of CSeq.
        _refused(server, side, side.text("BYE", cseq=2).replace(
            b"2 BYE", b"2 INFO"), -4)
        for method in ("INVITE", "UPDATE"):
            contact = b"Contact: <%s>\r\n" % a.contact.encode()
            data = side.text(method, cseq=2)
            for wrong in (b"", b"Contact: *\r\n", b"Contact: <x y>\r\n"):
                _refused(server, side, side.text(
                    method, cseq=2).replace(contact, wrong), -4)
            check(contact in data, "%s", data)
        for routes in ([side.routes[0], "<sip:"], ["nothing"],
                       [side.routes[0], "<>"], [""],
                       side.routes + ["<sip:p;lr>"] * 70):
            refused(server, side, "BYE", -4, routes=routes)
        # Tags and Call-ID of nobody.
        refused(server, side, "BYE", -4, to_tag="nobody")
        side.local_tag, kept = "nobody", side.local_tag
        refused(server, side, "BYE", -4)
        side.local_tag = kept
        counted(server)
        call.hang_up()
        ended(server)


@parley_only(OURS)
def test_no_dialog(env):
    """A call that nobody follows, and an initial INVITE."""
    routes = dict(initial='if (!validate_dialog()) { xlog("L_ALERT", '
                          '"FIRST $rc\\n"); } if ($hdr(X-Follow) == "1") '
                          '{ dlg_manage(); }',
                  inside=VERDICT)
    with two_parties(refusing(env, **routes)) as (server, a, b):
        call = sip.establish(a, b)
        call.hang_up()
        check("V BYE 2 -4 <null>" in server.log(), "%s", server.log())
        check("FIRST -4" in server.log(), "%s", server.log())
        call = sip.establish(a, b, [("X-Follow", "1")])
        same("state", state_of(server, call.callid), 4)
        call.hang_up()
        ended(server)


@parley_only(OURS)
def test_early(env):
    """PRACK and UPDATE while it rings, with what is known of each fork."""
    with two_parties(refusing(env)) as (server, a, b):
        side = a.invite(b)
        invite = b.expect("INVITE")
        legs = []
        for tag in ("one", "two"):
            b.reply(invite, 180, tag=tag)
            legs.append(side.fork(a.expect(180)))
        for leg in legs:
            refused(server, leg, "PRACK", -1, cseq=1)
            refused(server, leg, "PRACK", -2, uri="sip:b@127.0.0.1:9")
            accepted(leg, b, "PRACK")
            refused(server, leg, "UPDATE", -1, cseq=leg.cseq)
        callee = sip.Side.of_callee(b, invite, b.reply(invite, 183,
                                                       tag="one"))
        a.expect(183)
        refused(server, callee, "UPDATE", -2, uri="sip:a@127.0.0.1:9")
        accepted(callee, a, "UPDATE")
        # Without contact nothing is known of where it is.
        b.reply(invite, 180, tag="three", contact=False)
        third = side.fork(a.expect(180))
        refused(server, third, "PRACK", -1, cseq=1)
        accepted(third, b, "PRACK", uri=b.contact + ";x")
        counted(server, cseq=5, target=3)
        b.reply(invite, 200, tag="two")
        legs[1].learn(a.expect(200, "INVITE"))
        legs[1].ack(cseq=1)
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        accepted(legs[1], b, "BYE")
        ended(server)


@parley_only(OURS)
def test_forks(env):
    """Two phones have answered: each has its own numbers and contact."""
    with two_parties(refusing(env)) as (server, a, b), \
            sip.Party(server, "c") as c:
        side = a.invite(b)
        invite = b.expect("INVITE")
        b.reply(invite, 200, tag="one")
        first = side.fork(a.expect(200))
        first.ack(cseq=1)
        b.expect("ACK")
        b.contact, kept = c.contact, b.contact
        b.reply(invite, 200, tag="two")
        b.contact = kept
        second = side.fork(a.expect(200))
        same("the second is elsewhere", second.target, c.contact)
        second.ack(cseq=1)
        c.expect("ACK")
        refused(server, first, "BYE", -2, uri=c.contact)
        refused(server, second, "BYE", -2, uri=b.contact)
        for _ in range(3):
            accepted(first, b, "INFO")
        refused(server, first, "BYE", -1, cseq=2)
        accepted(second, c, "BYE", cseq=2)
        same("state", state_of(server, side.callid), 4)
        accepted(first, b, "BYE")
        ended(server)


# ------------------------------------------------------------- no trace

REFUSALS = {
    "stateless": 'sl_send_reply("403", "No"); exit;',
    "by_tm": 't_newtran(); t_reply("403", "No"); exit;',
    "silent": "exit;",
    "dropped": "drop;",
    "accepted_here": 'sl_send_reply("200", "OK"); exit;',
    "accepted_by_tm": 't_newtran(); t_reply("200", "OK"); exit;',
    "managed": 'dlg_manage(); validate_dialog(); sl_send_reply("403", "No"); '
               'exit;',
    "transaction_first": 't_reply("403", "No"); exit;',
}


PING = 'if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }'


@parley_only(OURS)
def test_refused_bye(env):
    """Whatever the script does with it, the call goes on."""
    for name, how in REFUSALS.items():
        first = "t_newtran();" if name == "transaction_first" else ""
        inside = 'if (is_method("BYE")) { %s validate_dialog(); ' \
            'xlog("L_ALERT", "V $rm $cs $rc $DLG_status\\n"); ' \
            'if ($rc < 0 || $hdr(X-Bad) == "1") { %s } }' % (first, how)
        with two_parties(refusing(env, inside=inside, first=PING)) as \
                (server, a, b):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            before = trace(server)
            for headers, options, verdict in (
                    ([("X-Bad", "1")], {"cseq": 1}, -1),
                    ([("X-Bad", "1")], {"uri": "sip:b@127.0.0.1:9"}, -2),
                    ([("X-Bad", "1")], {"routes": call.caller.routes +
                                        ["<sip:127.0.0.1:9;lr>"]}, -3)):
                kept = call.caller.cseq
                bye = call.caller.request("BYE", headers, **options)
                call.caller.cseq = kept
                line = "V BYE %d %d 4" % (bye.cseq, verdict)
                net.wait_until(lambda: line in server.log(), 3, line)
                # The only worker is done with it, then.
                a.ask("OPTIONS")
                unchanged(server, before, name)
            b.never("BYE", seconds=0.05)
            call.hang_up()
            ended(server)


@parley_only(OURS)
def test_refused_and_suspended(env):
    """What was refused stays so in the process that goes on with it."""
    inside = 'if (is_method("BYE")) { validate_dialog(); ' \
             'xlog("L_ALERT", "V $rm $cs $rc\\n"); %s }' % SUSPEND
    again = 'route[GO] { loose_route(); validate_dialog(); ' \
            'xlog("L_ALERT", "AGAIN $rc $DLG_status\\n"); ' \
            't_reply("403", "No"); }'
    with two_parties(refusing(env, inside=inside, first=CONTINUE,
                              more=EVENTS + again)) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        before = trace(server)
        call.caller.request("BYE", cseq=1)
        which = suspended(server)
        unchanged(server, before)
        a.ask("OPTIONS", which)
        a.expect(403, "BYE")
        check("AGAIN -1 4" in server.log(), "%s", server.log())
        unchanged(server, before)


@parley_only(OURS)
def test_refused_suspended_relayed(env):
    """It goes on in a process that has not judged it."""
    inside = 'if (is_method("BYE")) { validate_dialog(); %s }' % SUSPEND
    more = EVENTS + 'route[GO] { t_relay(); }'
    with two_parties(refusing(env, inside=inside, first=CONTINUE,
                              more=more)) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        before = trace(server)
        for number, code in ((1, 481), (1, 200)):
            call.caller.request("BYE", cseq=number)
            a.ask("OPTIONS", suspended(server, 2 if code == 200 else 1))
            bye = b.expect("BYE")
            unchanged(server, before)
            b.reply(bye, code)
            a.expect(code, "BYE")
        ended(server)


@parley_only(OURS)
def test_retransmitted(env):
    """A copy of what was accepted is accepted; a copy of what was refused is
    refused again."""
    with two_parties(refusing(env)) as (server, a, b):
        call = sip.establish(a, b)
        info = call.caller.request("INFO")
        got = b.expect("INFO")
        a.send(info.data)
        net.wait_until(lambda: server.log().count("V INFO 2 1 4") == 2, 3,
                       "the copy was accepted")
        b.reply(got, 200)
        a.expect(200, "INFO")
        # With another branch it is another request.
        refused(server, call.caller, "INFO", -1, cseq=2)
        bye = call.caller.text("BYE", cseq=2)
        for _ in range(3):
            _refused(server, call.caller, bye, -1)
        counted(server, cseq=4)
        call.hang_up()
        ended(server)


@parley_only(OURS)
def test_twice(env):
    """Before and after loose_route(), and after the request was sent: the same
    answer."""
    routes = '''
request_route {
    if (has_totag()) {
        validate_dialog();
        $var(before) = $rc;
        loose_route();
        validate_dialog();
        $var(after) = $rc;
        if ($var(before) != 1) {
            xlog("L_ALERT", "W $rm $var(before) $var(after)\\n");
            if (!is_method("ACK")) { sl_send_reply("403", "$var(after)"); }
            exit;
        }
        t_relay();
        validate_dialog();
        xlog("L_ALERT", "W $rm $var(before) $var(after) $rc\\n");
        exit;
    }
    record_route();
    if (is_method("INVITE")) { dlg_manage(); }
    t_relay();
}
''' + EVENTS
    with two_parties(env.proxy(routes=routes)) as (server, a, b):
        call = sip.establish(a, b)
        for options, verdict in (({"cseq": 1}, -1),
                                 ({"uri": "sip:b@127.0.0.1:9"}, -2),
                                 ({"routes": call.caller.routes * 2 +
                                   ["<sip:p;lr>"]}, -3)):
            refused(server, call.caller, "BYE", verdict, **options)
        accepted(call.caller, b, "INFO")
        accepted(call.callee, a, "UPDATE")
        call.hang_up()
        for line in ("W ACK 1 1 1", "W BYE -1 -1", "W BYE -2 -2",
                     "W BYE -3 -3", "W INFO 1 1 1", "W UPDATE 1 1 1",
                     "W BYE 1 1 1"):
            check(line in server.log(), "%r is not in\n%s", line,
                  server.log())
        ended(server)


@parley_only(OURS)
def test_relayed_anyway(env):
    """The other party has the last word: what it accepts is so."""
    with two_parties(refusing(env, inside=VERDICT)) as (server, a, b):
        call = sip.establish(a, b)
        before = trace(server)
        # Refused here, relayed, and refused there.
        call.caller.request("BYE", cseq=1)
        b.reply(b.expect("BYE"), 481)
        a.expect(481, "BYE")
        unchanged(server, before)
        # Nobody answers yet: nothing has happened yet.
        call.caller.request("INFO", cseq=1000, uri=b.contact + ";maddr=::1",
                            routes=call.caller.routes)
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        counted(server, cseq=1, target=1)
        check("V INFO 1000 -2 4" in server.log(), "%s", server.log())
        # The callee has seen 1000.
        call.caller.request("BYE", cseq=1000)
        bye = b.expect("BYE")
        same("state", state_of(server, call.callid), 4)
        check("END" not in server.log(), "dialog:end has run")
        b.reply(bye, 200)
        a.expect(200, "BYE")
        check("V BYE 1000 -1 4" in server.log(), "%s", server.log())
        ended(server)


@parley_only(OURS)
def test_refused_reinvite(env):
    """The ACK of the refusal is tm's, and sets no clock back either."""
    inside = 'if (is_method("ACK")) { t_check_trans(); }' + VERDICT + """
        if ($var(verdict) < 0) {
            t_newtran();
            t_reply("403", "No");
            exit;
        }"""
    with two_parties(refusing(env, inside=inside)) as (server, a, b):
        call = sip.establish(a, b)
        kept = call.caller.cseq
        data = call.caller.text("INVITE", uri="sip:b@127.0.0.1:9")
        before = trace(server)
        a.send(data)
        a.expect(403, "INVITE")
        sent = sip.Message(data)
        call.caller.request("ACK", cseq=sent.cseq, uri=sent.uri, branch=sent.get(
            "Via").partition("branch=")[2].partition(";")[0])
        check("V INVITE 2 -2 4" in server.log(), "%s", server.log())
        call.caller.cseq = kept
        # tm has the ACK: it repeats its reply no more (T1 is 0.5 s).
        a.never(403, "INVITE", seconds=0.7)
        check("V ACK 2" not in server.log(), "%s", server.log())
        unchanged(server, before)
        counted(server, target=1)
        accepted(call.caller, b, "INVITE")
        call.caller.ack(cseq=2)
        b.expect("ACK")
        call.hang_up()
        ended(server)


@parley_only(OURS)
def test_lifetime(env):
    """A refused request does not set the clock back."""
    with two_parties(refusing(env, [("default_timeout", 3)])) as \
            (server, a, b):
        call = sip.establish(a, b)

        def bogus():
            call.caller.request("INFO", cseq=1)
            a.expect(403)
            return server.statistics()["active_dialogs"] == 0
        net.wait_until(bogus, 10, "the lifetime is over")


@parley_only(OURS)
def test_own_requests(env):
    """A number that the proxy's own request has taken was not the party's."""
    inside = REFUSE + '''
    if (is_method("INFO") && $hdr(X-Own) == "1") {
        dlg_req_within("callee", "OPTIONS");
    }'''
    with two_parties(refusing(env, inside=inside)) as (server, a, b):
        call = sip.establish(a, b)
        call.caller.request("INFO", [("X-Own", "1")])
        own = b.expect("OPTIONS")
        info = b.expect("INFO")
        b.reply(own, 200)
        b.reply(info, 200)
        a.expect(200, "INFO")
        refused(server, call.caller, "BYE", -1, cseq=2)
        call.hang_up()
        ended(server)


@parley_only(OURS)
def test_nat(env):
    """With fix_nated_contact() before dlg_manage() the address that the peer
    sees is the contact."""
    modules.need("nathelper")
    with two_parties(refusing(
            env, initial="fix_nated_contact(); dlg_manage();",
            server=dict(first='loadmodule "nathelper.so"\n'),
            reply='if (is_method("INVITE")) { fix_nated_contact(); }')) as \
            (server, a, b):
        server_contacts = []
        for party in (a, b):
            server_contacts.append(party.contact)
            party.contact = "sip:%s@10.9.8.7:5060" % party.user
        call = sip.establish(a, b)
        for side, real in zip((call.callee, call.caller), server_contacts):
            same("what the peer sees", side.target, real)
        accepted(call.callee, a, "INFO")
        refused(server, call.caller, "BYE", -2, uri=b.contact)
        call.hang_up()
        ended(server)


@parley_only(OURS)
def test_after_a_crash(env):
    """Contacts, route sets and numbers are in the database."""
    with database.fresh("sqlite") as base, two_parties(stored.server(
            env, base.create_stock_tables(), 1,
            routes=script(inside=REFUSE, more=EVENTS))) as (server, a, b):
        p = ["<sip:p%d@127.0.0.1:%d;lr>" % (i, b.port) for i in range(2)]
        call, ours = _establish_routed(a, b, below=p)
        b.expect("ACK")
        accepted(call.caller, b, "INFO")
        accepted(call.callee, a, "INVITE")
        server.crash()
        server.start()
        same("state", state_of(server, call.callid), 4)
        refused(server, call.caller, "BYE", -1, cseq=2)
        refused(server, call.callee, "BYE", -1, cseq=101)
        refused(server, call.caller, "BYE", -2, uri="sip:b@127.0.0.1:9")
        refused(server, call.caller, "BYE", -3, routes=ours + p)
        # The INVITE of before is not known, but that it was one.
        call.callee.ack(cseq=101)
        a.expect("ACK")
        call.callee.ack(cseq=102)
        a.never("ACK", seconds=0.1)
        accepted(call.caller, b, "BYE")
        ended(server)


@parley_only(OURS)
def test_scripted(env):
    """With dlg_mode 1, too, a refused request counts for nothing."""
    with two_parties(refusing(env, [("dlg_mode", 1)], inside=VERDICT + '''
            if ($var(verdict) < 0) {
                dlg_update_state();
                if (!is_method("ACK")) { sl_send_reply("403", "$var(verdict)"); }
                exit;
            }''')) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        refused(server, call.caller, "BYE", -1, cseq=1)
        refused(server, call.callee, "BYE", -2, uri="sip:a@127.0.0.1:9")
        call.hang_up()
        wait_state(server, call.callid, 0)


@parley_only(OURS)
def test_two_proxies_in_one(env):
    """keep_proxy_rr: Route values of ours are no part of a route set."""
    with two_parties(refusing(env, [("keep_proxy_rr", 3)])) as \
            (server, a, b):
        p = ["<sip:p%d@127.0.0.1:%d;lr>" % (i, b.port) for i in range(2)]
        call, ours = _establish_routed(a, b, below=p)
        b.expect("ACK")
        accepted(call.caller, b, "INFO")
        refused(server, call.caller, "BYE", -3, routes=ours)
        accepted(call.callee, a, "BYE")
        ended(server)


# -------------------------------------------------------- fix_route_dialog()

FIX = '''
    loose_route();
    if ($DLG_status != $null && !validate_dialog()) {
        xlog("L_ALERT", "V $rm $cs $rc $DLG_status\\n");
        if (!fix_route_dialog()) { xlog("L_ALERT", "NOT FIXED\\n"); }
        xlog("L_ALERT", "FIXED $rm $ru $du $DLG_status\\n");
    }
'''


def fixing(env, **hooks):
    return refusing(env, inside="", first='if (has_totag()) { %s '
                    't_relay(); exit; }' % FIX, **hooks)


@parley_only(OURS)
def test_fixed(env):
    """A request with a wrong target and route goes where the call is, and
    counts."""
    with two_parties(fixing(env)) as (server, a, b):
        p = ["<sip:p%d@127.0.0.1:%d;lr>" % (i, b.port) for i in range(2)]
        call, ours = _establish_routed(a, b, below=p)
        b.expect("ACK")
        for wrong in (ours + p, ours + [p[0], "<sip:x@127.0.0.1:9;lr>", p[1]],
                      ours + [",".join(p)]):
            call.caller.request("INFO", uri="sip:x@127.0.0.1:9",
                                routes=wrong)
            got = b.expect("INFO")
            same("target", got.uri, b.contact)
            same("routes", got.listed("Route"), p[::-1])
            b.reply(got, 200)
            a.expect(200, "INFO")
        # To the caller there is no route.
        call.callee.request("INFO", uri="sip:x@127.0.0.1:9",
                            routes=ours + ["<sip:127.0.0.1:9>"])
        got = a.expect("INFO")
        same("target", got.uri, a.contact)
        same("routes", got.listed("Route"), [])
        a.reply(got, 200)
        b.expect(200, "INFO")
        # It counts as any other: the answer does not matter.
        call.caller.request("BYE", routes=ours)
        got = b.expect("BYE")
        same("routes", got.listed("Route"), p[::-1])
        wait_state(server, call.callid, 5)
        b.reply(got, 481)
        a.expect(481)
        ended(server)


@parley_only(OURS)
def test_fixed_ack(env):
    with two_parties(fixing(env)) as (server, a, b):
        side, invite = sip.ring(a, b)
        sip.answer(side, invite, b, ack=False)
        side.ack(uri="sip:x@127.0.0.1:9")
        same("target", b.expect("ACK").uri, b.contact)
        wait_state(server, side.callid, 4)
        # Its number cannot be repaired.
        side.request("BYE", cseq=1)
        bye = b.expect("BYE")
        check("V BYE 1 -1 4" in server.log() and "FIXED BYE" in server.log(),
              "%s", server.log())
        same("state", state_of(server, side.callid), 4)
        b.reply(bye, 500)
        a.expect(500)
        same("state", state_of(server, side.callid), 4)


@parley_only(OURS)
def test_fixed_to_a_strict_router(env):
    """RFC 3261 16.6: its URI is the Request-URI, the target ends the Route."""
    with two_parties(fixing(env)) as (server, a, b):
        strict = "sip:strict@127.0.0.1:%d" % b.port
        loose = "<sip:p@127.0.0.1:%d;lr>" % b.port
        call, ours = _establish_routed(a, b, below=[loose, "<%s>" % strict])
        b.expect("ACK")
        for routes in (ours, ours + ["<sip:other@127.0.0.1:9>", loose]):
            call.caller.request("INFO", uri="sip:x@127.0.0.1:9",
                                routes=routes)
            got = b.expect("INFO")
            same("target", got.uri, strict)
            same("routes", got.listed("Route"),
                 [loose, "<%s>" % b.contact])
            b.reply(got, 200)
            a.expect(200, "INFO")


@parley_only(OURS)
def test_fixed_by_the_script(env):
    """dlg_update_contact() says where a party is, whatever its messages said
    before."""
    inside = 'if (is_method("OPTIONS")) { dlg_update_contact(); }' \
             'if (is_method("BYE")) { fix_route_dialog(); }'
    with two_parties(refusing(env, inside=inside)) as (server, a, b), \
            sip.Party(server, "b") as moved:
        call = sip.establish(a, b)
        b.send(call.callee.text("OPTIONS").replace(
            b.contact.encode(), moved.contact.encode()))
        a.reply(a.expect("OPTIONS"), 200)
        b.expect(200, "OPTIONS")
        call.caller.request("BYE")
        bye = moved.expect("BYE")
        same("target", bye.uri, moved.contact)
        moved.reply(bye, 200)
        a.expect(200, "BYE")
        ended(server)


@parley_only(OURS)
def test_not_fixed(env):
    """A message of no call stays as it is."""
    with two_parties(refusing(env, initial="fix_route_dialog();", inside='''
            if (!fix_route_dialog()) { xlog("L_ALERT", "NOT FIXED\\n"); }
            ''')) as (server, a, b):
        sip.establish(a, b).hang_up()
        same("two messages", server.log().count("NOT FIXED"), 2)


# ------------------------------------------------------------ match_dialog()

def _matching(mode):
    return '''
request_route {
    if (has_totag()) {
        if (match_dialog(%s)) {
            xlog("L_ALERT", "M $rm $DLG_status\\n");
        } else {
            xlog("L_ALERT", "M $rm no $DLG_status\\n");
        }
        loose_route();
        t_relay();
        exit;
    }
    record_route();
    if (is_method("INVITE")) { dlg_manage(); }
    t_relay();
}
''' % mode + EVENTS


@parley_only(OURS)
def test_match(env):
    """By the cookie in Route or Request-URI, else by the SIP elements, as the
    mode says."""
    found = {'"DID_ONLY"': False, '"DID_FALLBACK"': True, '"DID_NONE"': True,
             "": False}
    for mode, by_tags in found.items():
        with two_parties(env.proxy(routes=_matching(mode))) as (server, a, b):
            call = sip.establish(a, b)
            check("M ACK 4" in server.log(), "%s", server.log())
            cookie = call.caller.routes[0].strip("<>")
            # Without Route, and with one that has lost the cookie.
            lost = "<%s>" % ";".join(
                part for part in cookie.split(";")
                if not part.startswith("did="))
            for routes in ([], [lost]):
                accepted(call.caller, b, "INFO", routes=routes)
            same("by tags", server.log().count("M INFO 4"),
                 2 if by_tags else 0)
            same("not by tags", server.log().count("M INFO no <null>"),
                 0 if by_tags else 2)
            accepted(call.caller, b, "MESSAGE", uri=cookie,
                     routes=["<%s>" % b.contact])
            check("M MESSAGE 4" in server.log(), "%s", server.log())
            # A wrong one is worth as much as none.
            accepted(call.callee, a, "UPDATE", routes=[
                lost.replace(">", ";did=fff.fff1>")])
            check("M UPDATE %s" % ("4" if by_tags else "no") in server.log(),
                  "%s", server.log())
            call.hang_up()
            check("M BYE 5" in server.log(), "%s", server.log())
            ended(server)


@parley_only(OURS)
def test_match_mode(env):
    """Without parameter it is as dlg_match_mode says."""
    with two_parties(env.proxy([("dlg_match_mode", 1)],
                               _matching(""))) as (server, a, b):
        call = sip.establish(a, b)
        accepted(call.caller, b, "BYE", routes=[])
        check("M BYE 5" in server.log(), "%s", server.log())
        ended(server)


@parley_only(OURS)
def test_match_bad_mode(env):
    for mode in ('"did_only"', '"DID_ONLY "', '"2"', '""'):
        try:
            with env.proxy(routes=_matching(mode)):
                pass
        except proxy.StartFailed as failure:
            log = failure.log
        else:
            raise AssertionError("a server starts with %s" % mode)
        check("match_dialog(" in log and "DID_FALLBACK" in log, "%s", log)


# ---------------------------------------------------------------- examples

@parley_only(OURS)
def test_example(env):
    """Example 1.36 of OpenSIPS 1.6, with $null for NULL."""
    routes = '''
request_route {
    if (has_totag()) {
        loose_route();
        if ($DLG_status!=$null && !validate_dialog() ) {
            xlog(" in-dialog bogus request \\n");
        } else {
            xlog(" in-dialog valid request - $DLG_dir !\\n");
        }
        t_relay();
        exit;
    }
    record_route();
    if (is_method("INVITE")) { dlg_manage(); }
    t_relay();
}
'''
    server = env.proxy(routes=routes)
    with two_parties(server) as (server, a, b):
        call = sip.establish(a, b)
        call.caller.request("BYE", cseq=1)
        b.reply(b.expect("BYE"), 481)
        a.expect(481)
        same("state", state_of(server, call.callid), 4)
        call.hang_up("callee")
        log = server.log()
        same("bogus ones", log.count(" in-dialog bogus request"), 1)
        for line in ("valid request - DOWNSTREAM !",
                     "valid request - UPSTREAM !"):
            check(line in log, "%r is not in\n%s", line, log)
        wait_statistic(server, "active_dialogs", 0)


@parley_only(OURS)
def test_other_routes(env):
    """They are for the request route; anywhere else the server does not
    start."""
    for call in ("validate_dialog()", "fix_route_dialog()", "match_dialog()",
                 'match_dialog("DID_NONE")'):
        try:
            with env.proxy(routes=script(reply=call + ";")):
                pass
        except proxy.StartFailed as failure:
            check(call.partition("(")[0] in failure.log, "%s", failure.log)
        else:
            raise AssertionError("a server starts with %s" % call)
