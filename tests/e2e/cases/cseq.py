"""track_cseq_updates: the proxy authenticates requests of the caller, and each
side sees numbers that are right for it, in requests and in replies."""
from lib.case import (check, net, parley_only, same, script, sip,
                      stock_differs, two_parties, wait_state,
                      wait_statistic)

REALM = "realm.test"
MODULES = """
loadmodule "uac.so"
modparam("uac", "restore_mode", "none")
modparam("uac", "credential", "alice:%s:secret")
""" % REALM
MORE = """
failure_route[AUTH] {
    if (t_check_status("401|407") && uac_auth()) {
        t_on_failure("AUTH");
        xlog("L_ALERT", "DIFF $dlg_var(cseq_diff)\\n");
        t_relay();
        exit;
    }
    %s
}
"""
ONE_WAY = "the packaged module follows requests of the caller only"
MARK_LEFT = "a second challenge leaves P-K-CSeq-Refresh in the request"
CHALLENGE = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}


def proxy_of(env, failed="$var(nothing) = 0;", params=(), **hooks):
    hooks.setdefault("inside", "")
    hooks["inside"] += 't_on_failure("AUTH");'
    hooks.setdefault("relay", 't_on_failure("AUTH"); t_relay();')
    hooks["more"] = hooks.get("more", "") + MORE % failed
    return env.proxy(params=[("track_cseq_updates", 1)] + list(params),
                     routes=script(**hooks), last=MODULES)


def branch_of(message):
    via = message.get("Via")
    return via.partition("branch=")[2].partition(";")[0]


def challenge(party, request, code=407):
    """@party wants credentials for @request; the ACK of an INVITE fits it."""
    party.reply(request, code, headers=[(
        CHALLENGE[code], 'Digest realm="%s", nonce="n%d"' % (REALM, code))],
        contact=False)
    if request.method == "INVITE":
        fits_invite(party.expect("ACK", callid=request.callid), request)


def fits_invite(message, invite):
    """An ACK of a failure and a CANCEL (RFC 3261 17.1.1.3, 9.1)."""
    same("CSeq of the " + message.method, message.cseq, invite.cseq)
    same("branch of the " + message.method, branch_of(message),
         branch_of(invite))


def clean(message):
    """Nothing of what the proxy tells itself reaches anybody."""
    left = [h for h in message.headers if h[0].startswith("P-K-")]
    same("marks in %r" % message, left, [])


def authenticated(party, what, cseq, credentials=True):
    message = party.expect(what)
    clean(message)
    same("CSeq of %s" % what, message.cseq, cseq)
    if credentials:
        check(message.get("Authorization") or
              message.get("Proxy-Authorization"), "no credentials in %r",
              message.headers)
    return message


def answered(party, code, method, cseq):
    reply = party.expect(code, method)
    same("CSeq of %d" % code, reply.cseq, cseq)
    return reply


def call_of(a, b, codes=(407,), ack=True, cseq=1):
    """A call whose INVITE was challenged with @codes, one after the other. The
    Call's callee has seen the number @cseq + len(codes)."""
    side = a.invite(b, cseq=cseq)
    for i, code in enumerate(codes):
        challenge(b, authenticated(b, "INVITE", cseq + i, i > 0), code)
    invite = authenticated(b, "INVITE", cseq + len(codes), bool(codes))
    b.reply(invite, 180)
    answered(a, 180, "INVITE", cseq)
    reply = b.reply(invite, 200)
    side.learn(answered(a, 200, "INVITE", cseq))
    call = sip.Call(side, sip.Side.of_callee(b, invite, reply))
    if ack:
        side.ack()
        same("CSeq of the ACK", b.expect("ACK").cseq, cseq + len(codes))
    return call


def passes(side, other, method, own, seen, headers=()):
    """A request of @side with the number @own, which @other sees as @seen."""
    side.request(method, headers)
    request = other.expect(method)
    clean(request)
    same("CSeq of %s" % method, request.cseq, seen)
    other.reply(request, 200)
    answered(side.party, 200, method, own)
    return request


def hang_up(call, own, seen):
    passes(call.caller, call.callee.party, "BYE", own, seen)


def run_call(env, codes=(407,), cseq=1):
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b, codes, cseq=cseq)
        diff = len(codes)
        wait_state(server, call.callid, 4)
        passes(call.caller, b, "INFO", cseq + 1, cseq + 1 + diff)
        # What the callee sends is its own.
        passes(call.callee, a, "INFO", 101, 101)
        check("DIFF %d" % diff in server.log(), "$dlg_var(cseq_diff) in %s",
              server.log())
        hang_up(call, cseq + 2, cseq + 2 + diff)
        wait_statistic(server, "active_dialogs", 0)


def test_invite_407(env):
    run_call(env)


def test_invite_401(env):
    run_call(env, (401,))


def test_invite_twice(env):
    """A proxy and then the callee want credentials."""
    run_call(env, (407, 401))


def test_number_gets_longer(env):
    """9 becomes 10, and 99 becomes 100."""
    run_call(env, (407,), 9)
    run_call(env, (407, 401), 98)


def test_not_challenged(env):
    """Without a challenge nothing changes."""
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b, ())
        passes(call.caller, b, "INFO", 2, 2)
        hang_up(call, 3, 3)


def test_branch(env):
    """The caller's number stands behind the branch, as the packaged module
    writes it; the reply with it finds its transaction."""
    with two_parties(proxy_of(env)) as (server, a, b):
        side = a.invite(b, cseq=7)
        challenge(b, b.expect("INVITE"))
        invite = b.expect("INVITE")
        check(branch_of(invite).endswith(".cs7"), "branch %s",
              branch_of(invite))
        b.reply(invite, 486)
        fits_invite(b.expect("ACK"), invite)
        side.ack_failure(answered(a, 486, "INVITE", 7))


def test_retransmitted(env):
    """What tm sends again by itself is the same, byte for byte."""
    with two_parties(proxy_of(env)) as (server, a, b):
        b.repeats = True
        side = a.invite(b)
        challenge(b, b.expect("INVITE"))
        first = b.expect("INVITE")
        again = b.expect("INVITE")
        same("the second INVITE", again.data, first.data)
        b.reply(first, 486)
        b.expect("ACK")
        side.ack_failure(answered(a, 486, "INVITE", 1))


def test_cancel(env):
    """The caller gives up while the authenticated INVITE rings."""
    with two_parties(proxy_of(env)) as (server, a, b):
        side = a.invite(b)
        challenge(b, b.expect("INVITE"))
        invite = b.expect("INVITE")
        b.reply(invite, 180)
        a.expect(180)
        side.cancel()
        cancel = b.expect("CANCEL")
        clean(cancel)
        fits_invite(cancel, invite)
        b.reply(cancel, 200)
        b.reply(invite, 487)
        fits_invite(b.expect("ACK"), invite)
        side.ack_failure(answered(a, 487, "INVITE", 1))


def reinvite(call, a, b, own, seen, challenged=True):
    call.caller.reinvite()
    if challenged:
        challenge(b, authenticated(b, "INVITE", seen, False))
        seen += 1
    again = authenticated(b, "INVITE", seen, challenged)
    b.reply(again, 200)
    answered(a, 200, "INVITE", own)
    call.caller.ack()
    same("CSeq of the ACK", b.expect("ACK").cseq, seen)
    return again


@stock_differs("the ACK of the challenge of a re-INVITE has the caller's number "
               "and another branch than the INVITE")
def test_reinvite(env):
    """The differences add up."""
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        reinvite(call, a, b, 2, 3)
        reinvite(call, a, b, 3, 5, False)
        passes(call.caller, b, "UPDATE", 4, 6)
        reinvite(call, a, b, 5, 7)
        hang_up(call, 6, 9)


@stock_differs(MARK_LEFT)
def test_update_challenged(env):
    """The ACK of an INVITE keeps the INVITE's number, whatever came after."""
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        call.caller.request("UPDATE")
        challenge(b, authenticated(b, "UPDATE", 3, False), 401)
        update = authenticated(b, "UPDATE", 4)
        b.reply(update, 200)
        answered(a, 200, "UPDATE", 2)
        hang_up(call, 3, 5)


@stock_differs("CANCEL and ACK of a re-INVITE that follows have the caller's "
               "number and another branch than the INVITE")
def test_reinvite_refused(env):
    """A later re-INVITE is refused, another cancelled: ACK and CANCEL fit."""
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        sent = call.caller.reinvite()
        again = authenticated(b, "INVITE", 3, False)
        b.reply(again, 488)
        fits_invite(b.expect("ACK"), again)
        a.expect(488)
        a.send(sent.data.replace(b"INVITE", b"ACK"))
        sent = call.caller.reinvite()
        again = authenticated(b, "INVITE", 4, False)
        b.reply(again, 100)
        a.send(sent.data.replace(b"INVITE", b"CANCEL"))
        cancel = b.expect("CANCEL")
        clean(cancel)
        fits_invite(cancel, again)
        b.reply(cancel, 200)
        b.reply(again, 487)
        fits_invite(b.expect("ACK"), again)
        answered(a, 487, "INVITE", 3)


@stock_differs("RAck keeps the caller's number (5.6.3)")
def test_prack(env):
    """RAck names the INVITE that the callee has seen (RFC 3262 7.2)."""
    with two_parties(proxy_of(env)) as (server, a, b):
        side = a.invite(b, [("Supported", "100rel")])
        challenge(b, b.expect("INVITE"))
        invite = authenticated(b, "INVITE", 2)
        b.reply(invite, 183, headers=[("Require", "100rel"), ("RSeq", "9")])
        side.learn(answered(a, 183, "INVITE", 1))
        prack = passes(side, b, "PRACK", 2, 3, [("RAck", "9 1 INVITE")])
        same("RAck", prack.get("RAck"), "9 2 INVITE")
        # A challenge in between raises what follows, not the INVITE.
        side.request("UPDATE")
        challenge(b, authenticated(b, "UPDATE", 4, False))
        b.reply(authenticated(b, "UPDATE", 5), 200)
        answered(a, 200, "UPDATE", 3)
        prack = passes(side, b, "PRACK", 4, 6, [("rack", "10  1 INVITE")])
        same("RAck", prack.get("RAck"), "10  2 INVITE")
        # And a PRACK that is challenged itself.
        side.request("PRACK", [("RAck", "11 1 INVITE")])
        challenge(b, authenticated(b, "PRACK", 7, False), 401)
        prack = authenticated(b, "PRACK", 8)
        same("RAck", prack.get("RAck"), "11 2 INVITE")
        b.reply(prack, 200)
        answered(a, 200, "PRACK", 5)
        reply = b.reply(invite, 200)
        side.learn(answered(a, 200, "INVITE", 1))
        side.ack()
        same("CSeq of the ACK", b.expect("ACK").cseq, 2)
        hang_up(sip.Call(side, sip.Side.of_callee(b, invite, reply)), 6, 9)


def test_bye_by_callee(env):
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        passes(call.callee, a, "BYE", 101, 101)
        wait_statistic(server, "active_dialogs", 0)


@stock_differs(MARK_LEFT)
def test_bye_challenged(env):
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        call.caller.request("BYE")
        challenge(b, authenticated(b, "BYE", 3, False))
        b.reply(authenticated(b, "BYE", 4), 200)
        answered(a, 200, "BYE", 2)
        wait_statistic(server, "active_dialogs", 0)


@stock_differs("its BYE has the caller's number plus one, which the callee has "
               "seen before")
def test_bye_by_rpc(env):
    """Our BYE goes on from what the callee has seen."""
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        passes(call.caller, b, "INFO", 2, 3)
        wait_state(server, call.callid, 4)
        found = server.rpc("dlg.dlg_list", call.callid)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        bye = b.expect("BYE")
        same("CSeq of the BYE to the callee", bye.cseq, 4)
        b.reply(bye, 200)
        a.reply(a.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0)


@stock_differs("its CSeq goes on with the difference of another branch")
def test_next_destination(env):
    """A branch after the authenticated one has the caller's own number; the
    call that it makes has no difference."""
    with proxy_of(env, failed='''
        if (t_check_status("486")) {
            $ru = $hdr(X-Next);
            t_relay();
        }''') as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Next", c.contact)])
        challenge(b, b.expect("INVITE"))
        invite = authenticated(b, "INVITE", 2)
        b.reply(invite, 486)
        fits_invite(b.expect("ACK"), invite)
        invite = authenticated(c, "INVITE", 1, False)
        reply = c.reply(invite, 200)
        side.learn(answered(a, 200, "INVITE", 1))
        side.ack()
        same("CSeq of the ACK", c.expect("ACK").cseq, 1)
        hang_up(sip.Call(side, sip.Side.of_callee(c, invite, reply)), 2, 2)


@parley_only("dlg_req_within() is newer than the packaged module")
def test_requests_of_ours(env):
    """Requests that the proxy inserts take numbers, both ways; those of the
    parties go on above them, also the one at which the script inserts it."""
    with proxy_of(env, inside='''
            if ($hdr(X-Insert) == "callee") {
                dlg_req_within("callee", "OPTIONS");
            } else if ($hdr(X-Insert) == "caller") {
                dlg_req_within("caller", "OPTIONS");
            }''') as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = call_of(a, b, ())
        wait_state(server, call.callid, 4)
        call.caller.request("INFO", [("X-Insert", "callee")])
        options = b.expect("OPTIONS")
        same("CSeq of our OPTIONS", options.cseq, 2)
        info = authenticated(b, "INFO", 3, False)
        b.reply(info, 200)
        b.reply(options, 200)
        answered(a, 200, "INFO", 2)
        a.never("OPTIONS", seconds=0.1)
        passes(call.caller, b, "UPDATE", 3, 4)
        passes(call.callee, a, "INFO", 101, 101)
        call.callee.request("INFO", [("X-Insert", "caller")])
        options = a.expect("OPTIONS")
        same("CSeq of our OPTIONS", options.cseq, 102)
        info = authenticated(a, "INFO", 103, False)
        a.reply(info, 200)
        a.reply(options, 200)
        answered(b, 200, "INFO", 102)
        reinvite(call, a, b, 4, 5)
        hang_up(call, 5, 7)


@stock_differs(ONE_WAY)
def test_callee_challenged(env):
    """The caller's side wants credentials of the callee."""
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        call.callee.reinvite()
        challenge(a, authenticated(a, "INVITE", 101, False))
        invite = authenticated(a, "INVITE", 102)
        a.reply(invite, 200)
        answered(b, 200, "INVITE", 101)
        call.callee.ack()
        same("CSeq of the ACK", a.expect("ACK").cseq, 102)
        passes(call.callee, a, "INFO", 102, 103)
        hang_up(call, 2, 3)


@parley_only("its mark carries no secret")
def test_forged_mark(env):
    """Header fields of that name from outside change nothing, also when
    others are in use."""
    forged = [("P-K-CSeq-Auth", "77"), ("P-K-CSeq-Refresh", "5 5 " + 16 * "0")]
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        call.caller.request("INFO", forged)
        info = b.expect("INFO")
        same("CSeq", info.cseq, 3)
        b.reply(info, 200)
        answered(a, 200, "INFO", 2)
        other = sip.establish(a, b, forged)
        other.caller.request("INFO", forged)
        info = b.expect("INFO")
        same("CSeq", info.cseq, 2)
        same("their header", info.get("P-K-CSeq-Auth"), "77")
        b.reply(info, 200)
        answered(a, 200, "INFO", 2)


def test_forged_branch(env):
    """Replies with a branch that only looks like ours do no harm; as they
    belong to no transaction, they are passed on as they are."""
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b)
        call.caller.request("INFO")
        info = b.expect("INFO")
        good = info.get("Via")
        for bad in (".cs", ".cs99999999999", ".cs1.cs2", ".csx"):
            via = good.replace(branch_of(info), "z9hG4bKx" + bad)
            info.headers = [(n, via if v == good else v)
                            for n, v in info.headers]
            b.reply(info, 200)
            good = via
            a.expect(200, "INFO")
        call.caller.request("INFO")
        b.reply(b.expect(lambda m: m.method == "INFO" and m.cseq == 4), 200)
        answered(a, 200, "INFO", 3)


def test_off(env):
    """Without the parameter uac_auth() leaves the number as it is."""
    with env.proxy(routes=script(
            relay='t_on_failure("AUTH"); t_relay();',
            more=MORE % "$var(nothing) = 0;"), last=MODULES) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side = a.invite(b)
        first = b.expect("INVITE")
        b.reply(first, 407, headers=[(
            "Proxy-Authenticate", 'Digest realm="%s", nonce="n"' % REALM)])
        b.expect("ACK")
        invite = b.expect("INVITE")
        same("CSeq", invite.cseq, 1)
        check(".cs" not in branch_of(invite), "branch %s", branch_of(invite))
        b.reply(invite, 486)
        b.expect("ACK")
        side.ack_failure(a.expect(486))
        net.wait_until(lambda: "DIFF <null>" in server.log(), 2, "the log")
