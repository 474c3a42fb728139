"""A call, its lifetime, and authentication within it, as OpenSIPS' own test
suite has them for its dialog module; told again in our words."""
import re

from lib import database, sip, stored
from lib.case import (check, dialogs, parley_only, same, script,
                      two_parties, wait_statistic)

REASON = "it has no such functions"
SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
       "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")
# Their proxy: requests of no dialog are refused, others relayed as they are.
INITIAL = 'create_dialog(%s);'
PERIOD = 2


def written(base):
    """Parameters: @base is written every PERIOD seconds."""
    return [("db_url", base.url), ("db_mode", 2), ("db_update_period", PERIOD),
            ("journal_dir", stored.folder_of_journal(base))]


def basic_server(env, flags="", before="", params=(), base=None):
    routes = script(initial=before + INITIAL % flags,
                    strange='sl_send_reply("404", "Not here"); exit;')
    params = list(params)
    if base is None:
        return env.proxy(params, routes)
    return env.proxy(params + written(base), routes, first=base.load())


def one_route(message):
    """Exactly one Record-Route value, and no Route."""
    same("Record-Route", len(message.all("Record-Route")), 1)
    check("," not in message.get("Record-Route"), "several values: %r",
          message.get("Record-Route"))
    same("Route", message.all("Route"), [])


def no_route(message):
    same("routes", message.all("Record-Route") + message.all("Route"), [])


def begin(a, b):
    """Their basic call up to the ACK: both Sides."""
    side = a.invite(b, body=SDP, headers=[("Content-Type",
                                           "application/sdp")])
    invite = b.expect("INVITE", callid=side.callid)
    one_route(invite)
    same("CSeq", invite.cseq, 1)
    for code in (100, 180):
        b.reply(invite, code)
    a.expect(180, callid=side.callid)
    ok = b.reply(invite, 200, body=SDP,
                 headers=[("Content-Type", "application/sdp")])
    got = a.expect(200, "INVITE", callid=side.callid)
    one_route(got)
    side.learn(got)
    side.ack()
    ack = b.expect("ACK", callid=side.callid)
    no_route(ack)
    same("ACK's CSeq", ack.cseq, 1)
    return sip.Call(side, sip.Side.of_callee(b, invite, ok))


def is_active(server):
    wait_statistic(server, "active_dialogs", 1)
    same("dialogs in the list", [d["state"] for d in dialogs(server)
                                 if d["state"] != 5], [4])


def is_over(server, expired=0):
    wait_statistic(server, "active_dialogs", 0)
    left = dialogs(server)
    check(len(left) <= 1 and all(d["state"] == 5 for d in left),
          "in the list: %r", left)
    counts = server.statistics()
    same("failed", counts["failed_dialogs"], 0)
    same("expired", counts["expired_dialogs"], expired)
    check(counts["processed_dialogs"] >= 1, "nothing processed")


@parley_only(REASON)
def test_01_dialog(env):
    """A call with a database that is written every 2 s: one row while it is up,
    none when it is over."""
    with database.fresh("sqlite") as base, two_parties(
            basic_server(env, base=base.create_stock_tables())) as (
                server, a, b):
        call = begin(a, b)
        is_active(server)
        stored.wait_rows(base, "dialog", 1, PERIOD + 5)
        call.caller.request("BYE")
        bye = b.expect("BYE")
        no_route(bye)
        same("BYE's CSeq", bye.cseq, 2)
        b.reply(bye, 200)
        a.expect(200, "BYE")
        is_over(server)
        stored.wait_rows(base, "dialog", 0, PERIOD + 5)


@parley_only(REASON)
def test_04_expire(env):
    """Nobody hangs up: both get a BYE after 5 s."""
    with database.fresh("sqlite") as base, two_parties(
            basic_server(env, '"bye-on-timeout"', "$DLG_timeout = 5;",
                         base=base.create_stock_tables())) as (server, a, b):
        call = begin(a, b)
        is_active(server)
        stored.wait_rows(base, "dialog", 1, PERIOD + 2)
        for party, cseq in ((a, 1), (b, 2)):
            bye = party.expect("BYE", callid=call.callid, seconds=10)
            no_route(bye)
            same("BYE's CSeq", bye.cseq, cseq)
            party.reply(bye, 200)
        is_over(server, 1)
        stored.wait_rows(base, "dialog", 0, PERIOD + 5)


CHALLENGE = [("Proxy-Authenticate", 'Digest realm="x", nonce="1"')]
CREDENTIALS = [("Proxy-Authorization",
                'Digest username="u", realm="x", nonce="1", uri="sip:x", '
                'response="0"')]


@parley_only(REASON)
def test_05_reinvite_auth(env):
    """The callee's re-INVITE is challenged by the caller: its numbers go through
    as they are."""
    with two_parties(basic_server(env)) as (server, a, b):
        call = begin(a, b)
        is_active(server)
        callee = call.callee
        callee.cseq = 10
        seen = []

        def got(method):
            message = a.expect(method, callid=call.callid)
            same("Record-Route", message.all("Record-Route"), [])
            seen.append((message.cseq, method))
            return message

        callee.request("INVITE", body=SDP.replace("t=0 0", "a=sendonly"))
        a.reply(got("INVITE"), 407, headers=CHALLENGE)
        refused = b.expect(407)
        via = refused.get("Via")
        callee.request("ACK", cseq=11, to_tag=refused.to_tag,
                       branch=re.search(r"branch=([^;]+)", via).group(1))
        got("ACK")
        callee.request("INVITE", headers=CREDENTIALS, body=SDP)
        a.reply(got("INVITE"), 200, body=SDP)
        b.expect(200, "INVITE")
        callee.request("ACK", cseq=12)
        got("ACK")
        callee.request("BYE")
        a.reply(got("BYE"), 200)
        b.expect(200, "BYE")
        same("CSeqs", seen, [(11, "INVITE"), (11, "ACK"), (12, "INVITE"),
                             (12, "ACK"), (13, "BYE")])
        is_over(server)


@parley_only(REASON)
def test_06_auth_update(env):
    """The INVITE is challenged by the callee, who sends an UPDATE before it has
    the ACK, and at the end a BYE whose From has the tag of its 407."""
    with two_parties(basic_server(env)) as (server, a, b):
        side = a.invite(b, body=SDP, cseq=8001)
        first = b.expect("INVITE", callid=side.callid)
        same("CSeq", first.cseq, 8001)
        b.reply(first, 407, tag="A", headers=CHALLENGE)
        side.ack_failure(a.expect(407))
        side.invite = side.request("INVITE", headers=CREDENTIALS, body=SDP,
                                   to_tag="")
        invite = b.expect(lambda m: m.method == "INVITE" and m.cseq == 8002)
        one_route(invite)
        b.reply(invite, 180, tag="B")
        ok = b.reply(invite, 200, tag="B", body=SDP)
        callee = sip.Side.of_callee(b, invite, ok)
        callee.cseq = 11
        a.expect(180, callid=side.callid)
        got = a.expect(200, "INVITE")
        one_route(got)
        side.learn(got)
        callee.request("UPDATE")
        update = a.expect("UPDATE")
        same("UPDATE's CSeq", update.cseq, 12)
        a.reply(update, 200)
        b.expect(200, "UPDATE")
        side.ack()
        ack = b.expect(lambda m: m.method == "ACK" and m.to_tag == "B")
        same("ACK's CSeq", ack.cseq, 8002)
        no_route(ack)
        is_active(server)
        callee.local_tag = "A"
        callee.request("BYE")
        bye = a.expect("BYE")
        same("BYE's CSeq", bye.cseq, 13)
        a.reply(bye, 200)
        b.expect(200, "BYE")
        # It was of another dialog: this one is still up.
        is_active(server)
        callee.local_tag = "B"
        callee.request("BYE")
        a.reply(a.expect("BYE"), 200)
        b.expect(200, "BYE")
        wait_statistic(server, "active_dialogs", 0)
