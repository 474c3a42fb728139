"""Pings of create_dialog(): OPTIONS and re-INVITEs with numbers of their own,
which the parties' own numbers follow, and the end of a call that is lost."""
import contextlib

from lib import database, stored
from lib.case import (check, net, parley_only, same, script, sip, state_of,
                      two_parties, wait_state)

from .badparams import refused
from .opensips_basic import PERIOD, is_active, is_over, written

OURS = "the packaged module has no create_dialog()"
TIMERS = '''
modparam("tm", "fr_timer", 1500)
modparam("tm", "fr_inv_timer", 4000)
'''
BOTH = "options-ping-caller,options-ping-callee"
REINVITES = "reinvite-ping-caller,reinvite-ping-callee"
FAST = [("options_ping_interval", 2), ("reinvite_ping_interval", 2)]
SDP = "Content-Type", "application/sdp"
# What the call is when it is over, for all callers of the route.
ENDED = '''
event_route[dialog:end] {
    xlog("L_ALERT", "END $dlg(callid) <$dlg(end_reason)>\\n");
}
'''


def sdp(name, more="a=sendrecv"):
    return ("v=0\r\no=%s 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
            "t=0 0\r\nm=audio 40000 RTP/AVP 0\r\n%s\r\n" % (name, more))


def proxy_of(env, flags=BOTH, params=(), before="", **hooks):
    first = hooks.pop("first", "")
    routes = script(initial=before + 'create_dialog("%s");' % flags,
                    more=ENDED + hooks.pop("more", ""), **hooks)
    return env.proxy(FAST + list(params), routes, first=first,
                     last=TIMERS + hooks.get("last", ""))


def routed(what, message):
    """Exactly one Record-Route value, and no Route."""
    same("Record-Route of " + what, len(message.all("Record-Route")), 1)
    check("," not in message.get("Record-Route"), "two values in %s", what)
    same("Route of " + what, message.all("Route"), [])


def bare(what, message):
    """Neither Record-Route nor Route."""
    same("Record-Route of " + what, message.all("Record-Route"), [])
    same("Route of " + what, message.all("Route"), [])


def establish(a, b, offer="caller", answer="callee", **options):
    """A call whose parties say something; with the header fields of each."""
    side = a.invite(b, [SDP] if offer else (), body=sdp(offer) if offer else "",
                    **options)
    invite = b.expect("INVITE", callid=side.callid)
    routed("INVITE", invite)
    b.reply(invite, 180)
    a.expect(180, "INVITE", callid=side.callid)
    reply = b.reply(invite, 200, headers=[SDP], body=sdp(answer))
    ok = a.expect(200, "INVITE", callid=side.callid)
    routed("200", ok)
    side.learn(ok)
    side.ack(**({} if offer else {"headers": [SDP], "body": sdp("caller")}))
    bare("ACK", b.expect("ACK", callid=side.callid))
    call = sip.Call(side, sip.Side.of_callee(b, invite, reply))
    call.callee.cseq = 0
    return call


def body_of(message):
    return message.body


def asked(party, call, method="OPTIONS", code=200, **options):
    """The next ping of @party, which is answered; its CSeq."""
    ping = party.expect(method, callid=call.callid, seconds=8)
    bare(method, ping)
    if code:
        party.reply(ping, code, **options)
    if method == "INVITE" and code:
        ack = party.expect("ACK", callid=call.callid)
        same("CSeq of the ACK", ack.cseq, ping.cseq)
    return ping


def within(call, method, by="caller", code=200, **options):
    """A request of one party, which the other answers: as it was received."""
    side = getattr(call, by)
    other = call.callee if by == "caller" else call.caller
    sent = side.request(method, **options)
    got = other.party.expect(
        lambda m: m.method == method and not m.is_reply and "Max-Forwards" in
        dict(m.headers) and m.get("Via").count("branch") and
        len(m.all("Via")) == 2, callid=call.callid)
    other.party.reply(got, code)
    reply = side.party.expect(code, method, callid=call.callid)
    same("CSeq of the reply", reply.cseq, sent.cseq)
    return got


def hang_up(call, by="caller"):
    """BYE of one party: as the other got it."""
    side = getattr(call, by)
    other = call.callee if by == "caller" else call.caller
    sent = side.request("BYE")
    bye = other.party.expect("BYE", callid=call.callid)
    bare("BYE", bye)
    other.party.reply(bye, 200)
    same("CSeq of the 200", side.party.expect(
        200, "BYE", callid=call.callid).cseq, sent.cseq)
    return bye


def end_reason(server, call):
    line = "END %s <" % call.callid
    net.wait_until(lambda: line in server.log(), 10, "the end of the call")
    return server.log().split(line)[1].split(">")[0]


def ended(server, call, a, b, reason, seconds=12):
    """Both get a BYE; the call is over, and it is known why."""
    byes = sip.confirm_byes(call.callid, a, b, seconds=seconds)
    wait_state(server, call.callid, 5)
    same("end_reason", end_reason(server, call), reason)
    return byes


# ---------------------------------------------------------------- the numbers


@contextlib.contextmanager
def pinged_once(env, flags):
    """The suite's call with one ping to each party, which are answered inside:
    statistics, list and table show it while it is up, and not after its end."""
    with database.fresh("sqlite") as base:
        params = written(base.create_stock_tables()) + [
            (name, 5) for name, _ in FAST]
        with two_parties(proxy_of(env, flags, params,
                                  first=base.load())) as (server, a, b):
            call = establish(a, b)
            is_active(server)
            yield call, a, b
            # The next pings are 5 s away.
            is_active(server)
            stored.wait_rows(base, "dialog", 1, PERIOD + 2)
            bye = hang_up(call)
            same("of the caller's BYE", call.caller.cseq, 2)
            same("of the BYE at the callee", bye.cseq, 3)
            is_over(server)
            stored.wait_rows(base, "dialog", 0, PERIOD + 5)


@parley_only(OURS)
def test_options(env):
    """The caller gets OPTIONS 1, the callee 2; then the BYE 2 arrives as 3."""
    with pinged_once(env, BOTH) as (call, a, b):
        same("towards the caller", asked(a, call).cseq, 1)
        same("towards the callee", asked(b, call).cseq, 2)


@parley_only(OURS)
def test_reinvites(env):
    """INVITE 1 to the caller, 2 to the callee, each with its ACK; BYE 2 is 3."""
    with pinged_once(env, REINVITES) as (call, a, b):
        for party, number, other in ((a, 1, "callee"), (b, 2, "caller")):
            ping = asked(party, call, "INVITE", headers=[SDP],
                         body=sdp(party.user))
            same("CSeq", ping.cseq, number)
            same("what it says", body_of(ping), sdp(other))
            same("type", ping.get("Content-Type"), "application/sdp")
            same("contact", ping.contact, getattr(call, other).party.contact)


@parley_only(OURS)
def test_numbers_after_many(env):
    """Requests of both after several pings, replies with their own numbers, and
    our own BYE after them."""
    with two_parties(proxy_of(env, params=[("options_ping_interval", 1)])) as (
            server, a, b):
        call = establish(a, b)
        towards = {"caller": 0, "callee": 1}
        for method in ("UPDATE", "INVITE", "INFO"):
            for side, party in (("caller", a), ("callee", b)):
                for _ in range(2):
                    ping = asked(party, call)
                    check(ping.cseq > towards[side], "%s got %d after %d", side,
                          ping.cseq, towards[side])
                    towards[side] = ping.cseq
            for by, to in (("caller", "callee"), ("callee", "caller")):
                got = within(call, method, by)
                check(got.cseq > towards[to], "%s got %s %d after %d", to,
                      method, got.cseq, towards[to])
                towards[to] = got.cseq
                if method == "INVITE":
                    getattr(call, by).ack(cseq=getattr(call, by).cseq)
                    ack = getattr(call, to).party.expect(
                        "ACK", callid=call.callid)
                    same("ACK of the re-INVITE", ack.cseq, got.cseq)
        server.rpc("dlg.end_dlg", *[int(server.rpc(
            "dlg.dlg_list", call.callid)[k]) for k in ("h_entry", "h_id")])
        for side, bye in zip(("caller", "callee"),
                             sip.confirm_byes(call.callid, a, b)):
            check(bye.cseq > towards[side], "our BYE to %s is %d after %d",
                  side, bye.cseq, towards[side])
        wait_state(server, call.callid, 5)


# ---------------------------------------------------------------- lost ones


@parley_only(OURS)
def test_lost(env):
    """One that nobody answers ends the call on both sides; 481 does it, too."""
    with two_parties(proxy_of(env)) as (server, a, b):
        call = establish(a, b)
        asked(a, call)
        asked(b, call, code=0)
        byes = ended(server, call, a, b, "Callee Ping Timeout")
        check("408" in byes[0].get("Reason") and
              "Callee Ping Timeout" in byes[0].get("Reason"),
              "the Reason is %s", byes[0].get("Reason"))
        call = establish(a, b)
        asked(b, call)
        asked(a, call, code=481)
        ended(server, call, a, b, "Caller Ping Timeout")
        call = establish(a, b)
        asked(a, call, code=0)
        asked(b, call, code=0)
        ended(server, call, a, b, "Ping Timeout")


@parley_only(OURS)
def test_lost_reinvites(env):
    with two_parties(proxy_of(env, REINVITES)) as (server, a, b):
        call = establish(a, b)
        asked(b, call, "INVITE")
        a.reply(a.expect("INVITE", callid=call.callid, seconds=8), 481)
        ended(server, call, a, b, "Caller ReINVITE Ping Timeout")
        # Any other refusal shows that the party is there.
        call = establish(a, b)
        for code in (488, 491, 500):
            a.reply(a.expect("INVITE", callid=call.callid, seconds=8), code)
            a.expect("ACK", callid=call.callid)
            asked(b, call, "INVITE")
        same("state", state_of(server, call.callid), 4)
        hang_up(call, "callee")


@parley_only(OURS)
def test_limit(env):
    """Below the limit nothing happens, and an answer counts from the start."""
    params = [("ping_lost_limit", 2)]
    with two_parties(proxy_of(env, "options-ping-callee", params)) as (
            server, a, b):
        call = establish(a, b)
        for code in (408, 200, 481, 405):
            asked(b, call, code=code)
        same("state", state_of(server, call.callid), 4)
        asked(b, call, code=481)
        asked(b, call, code=0)
        ended(server, call, a, b, "Callee Ping Timeout")
        same("pings of the caller", a.maybe("OPTIONS"), None)


# ---------------------------------------------------------------- intervals


@parley_only(OURS)
def test_own_interval(env):
    """A call that is to be pinged more often than others; set before it is
    made, and in it; wrong ones change nothing."""
    inside = '''
    if (is_present_hf("X-Interval")) {
        $DLG_options_ping_interval = $(hdr(X-Interval){s.int});
    }
    xlog("L_ALERT", "INTERVAL $DLG_options_ping_interval\\n");'''
    before = '''
    xlog("L_ALERT", "BEFORE <$DLG_options_ping_interval>\\n");
    $DLG_options_ping_interval = 1000;
    xlog("L_ALERT", "BEFORE <$DLG_options_ping_interval>\\n");'''
    with two_parties(proxy_of(env, before=before, inside=inside)) as (
            server, a, b):
        call = establish(a, b)
        same("before the call", [line.split("BEFORE ")[1] for line in
                                 server.log().splitlines() if "BEFORE" in line],
             ["<<null>>", "<1000>"])
        a.never("OPTIONS", seconds=3.5)
        for wrong in ("0", "-3", "2147484"):
            within(call, "INFO", headers=[("X-Interval", wrong)])
        same("values", server.log().count("INTERVAL 1000\n"), 4)
        check("takes a number of seconds from 1 to 2147483" in server.log(),
              "no word of a wrong one")
        within(call, "INFO", headers=[("X-Interval", "1")])
        asked(a, call)
        asked(b, call)
        asked(a, call)
        hang_up(call)


@parley_only(OURS)
def test_parameters(env):
    """Intervals and limit below 1 do not start; one that tm may not wait for
    is told."""
    for name, allowed in (("options_ping_interval", "1 to 2147483"),
                          ("reinvite_ping_interval", "1 to 2147483"),
                          ("ping_lost_limit", "1 to 100")):
        for value in (0, -1, "2147484"):
            refused(env, [(name, int(value))],
                    ["%s=%s: must be from %s" % (name, value, allowed)])
    words = "reinvite_ping_interval=1: must be above tm's fr_timer"
    for seconds, warned in ((1, True), (2, False)):
        with env.proxy([("reinvite_ping_interval", seconds)], last=TIMERS,
                       debug=2) as server:
            same("warned of %d s" % seconds, words in server.log(), warned)


# ---------------------------------------------------------------- what is said


@parley_only(OURS)
def test_hold(env):
    """A party that is on hold stays there; what was refused is not repeated."""
    with two_parties(proxy_of(env, REINVITES)) as (server, a, b):
        call = establish(a, b)
        asked(a, call, "INVITE")
        asked(b, call, "INVITE")
        hold, held = sdp("caller", "a=sendonly"), sdp("callee", "a=recvonly")
        call.caller.reinvite(headers=[SDP], body=hold)
        got = b.expect(lambda m: m.method == "INVITE" and not m.is_reply and
                       body_of(m) == hold, callid=call.callid)
        b.reply(got, 200, headers=[SDP], body=held)
        a.expect(200, "INVITE", callid=call.callid)
        call.caller.ack()
        b.expect("ACK", callid=call.callid)
        same("to the callee", body_of(asked(b, call, "INVITE")), hold)
        same("to the caller", body_of(asked(a, call, "INVITE")), held)
        # Refused by the callee.
        bad = sdp("caller", "a=refused")
        call.caller.reinvite(headers=[SDP], body=bad)
        got = b.expect(lambda m: m.method == "INVITE" and not m.is_reply and
                       body_of(m) == bad, callid=call.callid)
        b.reply(got, 488)
        b.expect("ACK", callid=call.callid)
        failed = a.expect(488, "INVITE", callid=call.callid)
        same("number of the 488", failed.cseq, call.caller.cseq)
        same("to the callee", body_of(asked(b, call, "INVITE")), hold)
        same("to the caller", body_of(asked(a, call, "INVITE")), held)
        # UPDATE says it, too; this time the callee does.
        again = sdp("callee", "a=sendrecv")
        call.callee.request("UPDATE", headers=[SDP], body=again)
        got = a.expect("UPDATE", callid=call.callid)
        a.reply(got, 200, headers=[SDP], body=sdp("caller", "a=again"))
        b.expect(200, "UPDATE", callid=call.callid)
        same("to the caller", body_of(asked(a, call, "INVITE")), again)
        same("to the callee", body_of(asked(b, call, "INVITE")),
             sdp("caller", "a=again"))
        hang_up(call)


@parley_only(OURS)
def test_late_offer(env):
    """An INVITE without SDP: the answer is in the ACK."""
    with two_parties(proxy_of(env, REINVITES)) as (server, a, b):
        call = establish(a, b, offer="")
        same("to the caller", body_of(asked(a, call, "INVITE")), sdp("callee"))
        same("to the callee", body_of(asked(b, call, "INVITE")), sdp("caller"))
        hang_up(call)


@parley_only(OURS)
def test_nothing_said(env):
    """No SDP is known of a call: the pings are OPTIONS."""
    with two_parties(proxy_of(env, REINVITES)) as (server, a, b):
        call = sip.establish(a, b)
        same("numbers", (asked(a, call).cseq, asked(b, call).cseq), (1, 2))
        call.hang_up()


@parley_only(OURS)
def test_as_it_was_sent(env):
    """What the proxy has changed on the way is repeated as the receiver got it.
    """
    change = '''
    if (has_body("application/sdp")) { subst_body('/40000/50000/'); }'''
    with two_parties(proxy_of(
            env, REINVITES, before=change, inside=change,
            reply=change)) as (server, a, b):
        call = establish(a, b)
        for party in (a, b):
            ping = asked(party, call, "INVITE")
            check("m=audio 50000" in body_of(ping), "%s got %r", party.user,
                  body_of(ping))
        hang_up(call)


@parley_only(OURS)
def test_glare(env):
    """While the parties negotiate there is no re-INVITE of ours; then there
    is."""
    with two_parties(proxy_of(env, REINVITES)) as (server, a, b):
        call = establish(a, b)
        asked(a, call, "INVITE")
        asked(b, call, "INVITE")
        call.caller.reinvite(headers=[SDP], body=sdp("caller", "a=x"))
        got = b.expect(lambda m: "a=x" in body_of(m), callid=call.callid)
        b.reply(got, 180)
        a.never(lambda m: m.method == "INVITE" and not m.is_reply, seconds=3.5)
        b.reply(got, 200, headers=[SDP], body=sdp("callee", "a=y"))
        a.expect(200, "INVITE", callid=call.callid)
        a.never(lambda m: m.method == "INVITE" and not m.is_reply, seconds=2.5)
        call.caller.ack()
        same("ACK", b.expect("ACK", callid=call.callid).cseq, got.cseq)
        same("to the callee", body_of(asked(b, call, "INVITE")),
             sdp("caller", "a=x"))
        same("to the caller", body_of(asked(a, call, "INVITE")),
             sdp("callee", "a=y"))
        hang_up(call)


@parley_only(OURS)
def test_end_with_one_under_way(env):
    """The call ends while its pings wait for an answer."""
    for flags, method in ((BOTH, "OPTIONS"), (REINVITES, "INVITE")):
        with two_parties(proxy_of(env, flags)) as (server, a, b):
            call = establish(a, b)
            pings = [(p, p.expect(method, callid=call.callid, seconds=8))
                     for p in (a, b)]
            hang_up(call)
            for party, ping in pings:
                party.reply(ping, 200)
            wait_state(server, call.callid, 5)
            net.wait_until(lambda: server.rpc("tm.stats")["waiting"] == 0 and
                           server.rpc("tm.stats")["current"] == 0, 15,
                           "no transaction is left")
            for party in (a, b):
                party.drain()
                same("after the end", party.maybe("BYE"), None)


# ---------------------------------------------------------------- restart


@parley_only(OURS)
def test_restart(env):
    """Options, intervals, numbers and what was said survive a crash."""
    with database.fresh("sqlite") as base:
        params = FAST + [
            ("reinvite_ping_interval", 1000), ("db_mode", 1),
            ("journal_dir", stored.folder_of_journal(base.create_stock_tables())),
            ("db_url", base.url)]
        routes = script(initial="$DLG_reinvite_ping_interval = 2;"
                        'create_dialog("%s");' % REINVITES)
        with two_parties(env.proxy(params, routes, last=TIMERS,
                                   first=base.load())) as (server, a, b):
            call = establish(a, b)
            first = asked(b, call, "INVITE").cseq
            same("to the callee", first, 2)
            server.crash()
            server.start()
            ping = asked(b, call, "INVITE")
            check(ping.cseq > first, "%d after %d", ping.cseq, first)
            same("what it says", body_of(ping), sdp("caller"))
            bye = hang_up(call)
            check(bye.cseq > ping.cseq, "BYE %d after %d", bye.cseq, ping.cseq)
