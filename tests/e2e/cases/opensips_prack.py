"""Reliable provisional replies (RFC 3262) that the proxy acknowledges, or asks
for: by script and by itself."""
from lib.case import (check, net, parley_only, same, script, sip, two_parties,
                      wait_state, wait_statistic)

REASON = "dlg_send_sequential() and auto-prack are ours"
RELIABLE = [("Supported", "100rel")]
UAC_FR = 'modparam("tm", "enable_uac_fr", 1)\n'
GIVEN_UP = "its PRACK got a 408"
# What a script does about a PRACK that nobody answers.
FAILURE = '''
event_route[tm:local-request] {
    if (is_method("PRACK")) {
        t_set_fr(0, 1000);
        t_on_failure("PRACK");
    }
}
failure_route[PRACK] { %s }
'''
OBSERVED = FAILURE % 'xlog("L_WARN", "its PRACK got a $T_reply_code\\n");'
REJECTING = FAILURE % 'dlg_terminate("all");'
MANUAL = '''
    if ($rs =~ "^1(0[1-9]|[1-9])" && $hdr(Require) =~ "100rel") {
        dlg_send_sequential("PRACK", "callee");
    }'''
AUTO = 'create_dialog("auto-prack");'


def manual(env, **hooks):
    """The script sends the PRACKs."""
    more = "onreply_route[R] {%s}" % MANUAL + hooks.pop("more", "")
    return env.proxy(routes=script(
        relay='t_on_reply("R"); t_relay();', more=more, **hooks), last=UAC_FR)


def auto(env, params=(), **hooks):
    """Nothing of it is in the script."""
    hooks.setdefault("initial", AUTO)
    return env.proxy([("auto_prack_fr_timeout", 1)] + list(params),
                     script(**hooks))


def reliable(party, invite, rseq, code=180, tag=None, headers=()):
    return party.reply(invite, code, tag=tag, headers=[
        ("Require", "100rel"), ("RSeq", str(rseq))] + list(headers))


def acknowledged(party, reply, rseq, cseq, number=1, answer=200):
    """@party gets the PRACK for @reply; @cseq is its own number."""
    prack = party.expect("PRACK", callid=reply.callid)
    same("RAck", prack.get("RAck"), "%s %d INVITE" % (rseq, number))
    same("CSeq of the PRACK", prack.get("CSeq"), "%d PRACK" % cseq)
    same("To-tag of the PRACK", prack.to_tag, reply.to_tag)
    same("From-tag of the PRACK", prack.from_tag, reply.from_tag)
    same("Request-URI of the PRACK", prack.uri, reply.contact)
    if answer:
        party.reply(prack, answer)
    return prack


def heard(party, code, plain=True):
    """The caller gets @code; @plain: it has nothing to acknowledge."""
    reply = party.expect(code, "INVITE")
    if plain:
        same("Require and RSeq of the %d" % code,
             [reply.get("Require"), reply.get("RSeq")], ["", ""])
    return reply


def talk(a, b, side, invite, seen, tag=None):
    """200, ACK and BYE; @seen is the last number that b has had."""
    ok = b.reply(invite, 200, tag=tag)
    side.learn(a.expect(200, "INVITE"))
    side.ack()
    same("CSeq of the ACK", b.expect("ACK").cseq, invite.cseq)
    side.request("BYE")
    bye = b.expect("BYE")
    same("CSeq of the BYE", bye.cseq, max(seen, side.cseq - 1) + 1)
    same("To-tag of the BYE", bye.to_tag, ok.to_tag)
    b.reply(bye, 200)
    same("CSeq of its 200", a.expect(200, "BYE").cseq, side.cseq)
    b.never("PRACK", seconds=0.1)


def ended(server):
    wait_statistic(server, "active_dialogs", 0)
    same("early_dialogs", server.statistics()["early_dialogs"], 0)


def _success(server, plain):
    """180 with RSeq 1, 183 with RSeq 2, 200, ACK, BYE."""
    with two_parties(server) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        for rseq, code in ((1, 180), (2, 183)):
            acknowledged(b, reliable(b, invite, rseq, code), rseq, 1 + rseq)
            heard(a, code, plain)
        talk(a, b, side, invite, 3)
        a.never(lambda m: not m.is_reply, seconds=0.1)
        ended(server)


@parley_only(REASON)
def test_manual(env):
    _success(manual(env), plain=False)


@parley_only(REASON)
def test_auto(env):
    _success(auto(env), plain=True)


def _two_tags(server, plain):
    """One INVITE, two callees behind another proxy; each counts by itself."""
    with two_parties(server) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        replies = [reliable(b, invite, rseq, tag=tag)
                   for tag, rseq in (("desk", 1), ("mobile", 2))]
        pracks = {}
        for _ in replies:
            prack = b.expect("PRACK")
            pracks[prack.to_tag] = prack
            heard(a, 180, plain)
        for reply, rseq in zip(replies, (1, 2)):
            prack = pracks[reply.to_tag]
            same("RAck", prack.get("RAck"), "%d 1 INVITE" % rseq)
            same("CSeq", prack.cseq, 2)
            b.reply(prack, 200)
        talk(a, b, side, invite, 2, tag="mobile")
        ended(server)


@parley_only(REASON)
def test_manual_two_tags(env):
    _two_tags(manual(env), plain=False)


@parley_only(REASON)
def test_auto_two_tags(env):
    _two_tags(auto(env), plain=True)


def _ignored(server, plain):
    """The callee does not answer the PRACK, and picks up when its time is
    over."""
    with two_parties(server) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        acknowledged(b, reliable(b, invite, 1), 1, 2, answer=None)
        heard(a, 180, plain)
        net.wait_until(lambda: GIVEN_UP in server.log(), 8,
                       "the end of the PRACK")
        talk(a, b, side, invite, 2)
        ended(server)


@parley_only(REASON)
def test_manual_ignored(env):
    _ignored(manual(env, more=OBSERVED), plain=False)


@parley_only(REASON)
def test_auto_ignored(env):
    _ignored(auto(env), plain=True)


def _reject(server, plain):
    """The callee does not answer the PRACK: 502 for the caller, CANCEL."""
    with two_parties(server) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        acknowledged(b, reliable(b, invite, 1), 1, 2, answer=None)
        heard(a, 180, plain)
        refused(server, a, b, side, invite)


def refused(server, a, b, side, invite):
    final = a.expect(502, "INVITE", seconds=8)
    side.ack_failure(final)
    cancel = b.expect("CANCEL")
    same("CSeq of the CANCEL", cancel.cseq, invite.cseq)
    b.reply(cancel, 200)
    b.reply(invite, 487)
    b.expect("ACK")
    wait_statistic(server, "failed_dialogs", 1)
    ended(server)


@parley_only(REASON)
def test_manual_reject(env):
    server = manual(env, more=REJECTING)
    server.params.append(("bye_early_code", 502))
    _reject(server, plain=False)


@parley_only(REASON)
def test_auto_reject(env):
    _reject(auto(env, [("auto_prack_hangup_on_failure", 1)]), plain=True)
