"""Calls that are ended before they are answered: by every command, in every
place, and with a 200 that the callee holds back until its CANCEL has come."""
from lib.case import (CONTINUE, SUSPEND, check, net, parley_only, same, script,
                      sip, state_of, suspended, wait_state, wait_statistic)

from . import api, capi_module, ims_capi, kemi

REASON = "the packaged module cannot end a call that is not answered"
FORGETFUL = 'modparam("tm", "wt_timer", 300)\n'  # ms; 5 s by default
TOLD = """
event_route[dialog:failed] {
    xlog("L_ALERT", "|FAILED|$dlg(end_code)|$dlg(end_reason)|\\n");
}
event_route[dialog:end] {
    xlog("L_ALERT", "|END|$dlg(end_code)|$dlg(end_reason)|\\n");
}
"""


def asking(command, hook="first"):
    """A script in which an OPTIONS with X-C, X-F, X-T names a call and gives
    @command; 200: it was true, 500: false."""
    return {hook: '''
        if (is_method("OPTIONS")) {
            dlg_get("$hdr(X-C)", "$hdr(X-F)", "$hdr(X-T)");
            if (%s) { sl_send_reply("200", "OK"); }
            else { sl_send_reply("500", "Not ended"); }
            exit;
        }''' % command}


def ask(party, side, *headers):
    """The answer to asking()."""
    return party.ask("OPTIONS", [
        ("X-C", side.callid), ("X-F", side.local_tag),
        ("X-T", side.remote_tag)] + list(headers)).code


def ring(a, b, reliable=False, code=180):
    """INVITE and 1xx; returns the caller's Side and the callee's INVITE."""
    headers = [("Require", "100rel"), ("RSeq", "1")] if reliable else []
    side = a.invite(b)
    invite = b.expect("INVITE", callid=side.callid)
    b.reply(invite, code, headers=headers)
    side.learn(a.expect(code, callid=side.callid))
    return side, invite


def inside(call_side, method, other, headers=(), code=200):
    """A request of the caller in its early dialog."""
    call_side.request(method, headers)
    other.reply(other.expect(method), code)
    call_side.party.expect(code, method)


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def check_reason(what, message, code, why):
    """@why None: a header with the code only, or none."""
    values = message.all("Reason")
    if why is None:
        check(all(v == "SIP;cause=%d" % code for v in values),
              "Reason of %s: %r", what, values)
    else:
        same("Reason of %s" % what, values,
             ["SIP;cause=%d;text=%s" % (code, quoted(why))])


def check_final(side, code, phrase, why):
    final = side.party.expect(lambda m: m.code >= 200, "INVITE", side.callid)
    same("final reply", final.code, code)
    same("its phrase", final.reason, why or phrase)
    check(final.to_tag, "it has no To-tag")
    same("Reason of the final reply", final.all("Reason"), [] if why is None
         else ["SIP;cause=%d;text=%s" % (code, quoted(why))])
    side.ack_failure(final)
    return final


def check_cancel(party, invite, code, why):
    cancel = party.expect("CANCEL", callid=invite.callid)
    same("Request-URI of the CANCEL", cancel.uri, invite.uri)
    same("Via of the CANCEL", cancel.get("Via"), invite.get("Via"))
    same("CSeq of the CANCEL", cancel.cseq, invite.cseq)
    check_reason("the CANCEL", cancel, code, why)
    return cancel


def check_answered(party, invite, repeated=3, tag=None, above=0):
    """The callee's 200 crosses: ACK for each, one BYE. Returns the BYE."""
    ok = party.reply(invite, 200, tag=tag)
    ack, bye = party.expect("ACK"), party.expect("BYE")
    for _ in range(repeated):
        party.reply(invite, 200, tag=tag)
        again = party.expect("ACK")
        same("CSeq of the next ACK", again.cseq, invite.cseq)
    for what, request in (("ACK", ack), ("BYE", bye)):
        same("Request-URI of the %s" % what, request.uri, ok.contact)
        same("From-tag of the %s" % what, request.from_tag, ok.from_tag)
        same("To-tag of the %s" % what, request.to_tag, ok.to_tag)
    same("CSeq of the ACK", ack.cseq, invite.cseq)
    check(bye.cseq > max(invite.cseq, above), "CSeq %d of the BYE", bye.cseq)
    party.reply(bye, 200)
    party.never(lambda m: m.method == "BYE" and not m.is_reply and
                m.get("Via") != bye.get("Via"), seconds=0.2)
    return bye


def crossing(server, side, invite, end, **want):
    """@end() ends the ringing call; the callee answers 200 when it has got its
    CANCEL. @want: code, phrase, why, above, cancelled."""
    callee = want["callee"]
    code, why = want.get("code", 480), want.get("why")
    phrase = want.get("phrase", "Temporarily Unavailable")
    end()
    check_final(side, code, phrase, why)
    callee.reply(check_cancel(callee, invite, code, why), 200)
    bye = check_answered(callee, invite, above=want.get("above", 0))
    check_reason("the BYE", bye, code, why)
    side.party.never(200, "INVITE", seconds=0.2)
    stats = server.rpc("dlg.stats")
    same("calls by state", [stats[name] for name in (
        "unconfirmed", "early", "answered", "confirmed")], [0] * 4)
    same("ended by us", stats["ended_by_us"], 1)


def end_dlg(server, callid, *headers):
    found = server.rpc("dlg.dlg_list", callid)
    return server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"], *headers)


# ---------------------------------------------------------------- commands


def _by_rpc(env, end, **options):
    with env.proxy(routes=script(more=TOLD), children=4, **options) as \
            server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        crossing(server, side, invite, lambda: end(server, side), callee=b)
        net.wait_until(lambda: "|FAILED|480|" in server.log(), 3,
                       "event_route[dialog:failed]")


@parley_only(REASON)
def test_end_dlg(env):
    _by_rpc(env, lambda server, side: end_dlg(server, side.callid))


@parley_only(REASON)
def test_terminate_dlg(env):
    _by_rpc(env, lambda server, side: server.rpc(
        "dlg.terminate_dlg", side.callid, side.local_tag, side.remote_tag))


def _by_script(env, command, why=None, headers=(), **options):
    hooks = asking(command)
    with env.proxy(routes=script(more=TOLD, **hooks), **options) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        crossing(server, side, invite, lambda: same(
            command, ask(a, side, *headers), 200), callee=b, why=why)
        line = "|FAILED|480|%s|" % (why or "<null>")
        net.wait_until(lambda: line in server.log(), 3, line)


@parley_only(REASON)
def test_dlg_terminate(env):
    _by_script(env, 'dlg_terminate("all")')


@parley_only(REASON)
def test_dlg_terminate_reason(env):
    _by_script(env, 'dlg_terminate("both", "no \\"credit\\" for $hdr(X-Who)")',
               'no "credit" for al\\ice', [("X-Who", "al\\ice")])


@parley_only(REASON)
def test_dlg_bye(env):
    _by_script(env, 'dlg_bye("all")')


@parley_only(REASON)
def test_side_in_variable(env):
    """Text with pseudo-variables, and a pseudo-variable without quotes."""
    for command in ('dlg_terminate("$hdr(X-Side)", "why")',
                    'dlg_terminate($hdr(X-Side), "why")'):
        _by_script(env, command, "why", [("X-Side", "Both")])
    _by_script(env, 'dlg_bye("a$hdr(X-Side)")', None, [("X-Side", "LL")])


@parley_only(REASON)
def test_kemi(env):
    for command, why in (
            ('d.dlg_terminate("all", "no \\"credit\\"")', 'no "credit"'),
            ('d.dlg_terminate_static("both")', None),
            ('d.dlg_bye("all")', None)):
        text = kemi.functions("\td.dlg_manage()", '''
	if KSR.is_OPTIONS() then
		d.dlg_get(KSR.pv.get("$hdr(X-C)"), KSR.pv.get("$hdr(X-F)"),
			KSR.pv.get("$hdr(X-T)"))
		KSR.sl.sl_send_reply(200 + %s, "Result")
		return 1
	end''' % command)
        with kemi.lua_proxy(env, text) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side, invite = ring(a, b)
            crossing(server, side, invite, lambda: same(
                command, ask(a, side), 201), callee=b, why=why)


@parley_only(REASON)
def test_c_api(env):
    """terminate_dlg() of load_dlg(), by a module that handles a PRACK."""
    with capi_module.proxy(env, inside='if (is_method("PRACK")) '
                           '{ caller_end(); }') as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b, reliable=True)
        side.request("PRACK", [("RAck", "1 1 INVITE")])
        b.reply(b.expect("PRACK"), 200)
        crossing(server, side, invite, lambda: a.expect(200, "PRACK"),
                 callee=b, above=side.cseq)
        same("results", [line["rc"] for _, line in
                         capi_module.lines(server, "end")], ["0"])


@parley_only(REASON)
def test_load_parley(env):
    """terminate_dlg() with a reason, and lookup_terminate_dlg()."""
    for by_tags, why in ((True, 'said by "a module"'), (False, None)):
        with api.proxy(env) as server, sip.Party(server, "a") as a, \
                sip.Party(server, "b") as b:
            side, invite = ring(a, b)
            found = server.rpc("dlg.dlg_list", side.callid)
            command = ("watcher.end", side.callid, side.local_tag,
                       side.remote_tag, "X-A: 1\r\n", why) if by_tags else (
                "watcher.end_id", found["h_entry"], found["h_id"])
            crossing(server, side, invite, lambda what=command: same(
                "result", server.rpc(*what), 0), callee=b, why=why)


@parley_only(REASON)
def test_load_ims_dlg(env):
    """terminate_dlg() with a reason, and lookup_terminate_dlg(), by a module
    that handles a PRACK."""
    for call, why in (('ims_end("")', "no more credit"),
                      ("ims_end_number()", None)):
        with ims_capi.proxy(env, inside='if (is_method("PRACK")) { %s; }'
                            % call) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side, invite = ring(a, b, reliable=True)
            side.request("PRACK", [("RAck", "1 1 INVITE")])
            b.reply(b.expect("PRACK"), 200)
            crossing(server, side, invite, lambda: a.expect(200, "PRACK"),
                     callee=b, above=side.cseq, why=why, code=488,
                     phrase="Not Acceptable Here")


@parley_only(REASON)
def test_codes(env):
    """The default of each name, and bye_early_code."""
    for name, params, code, phrase in (
            ("dialog", [], 480, "Temporarily Unavailable"),
            ("ims_dialog", [], 488, "Not Acceptable Here"),
            ("dialog_ng", [], 488, "Not Acceptable Here"),
            ("ims_dialog", [("bye_early_code", 603)], 603, "Decline"),
            ("dialog_ng", [("bye_early_code", 480),
                           ("bye_early_reason", "Over")], 480, "Over")):
        with env.proxy(params, name=name) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side, invite = ring(a, b)
            crossing(server, side, invite,
                     lambda: end_dlg(server, side.callid), callee=b,
                     code=code, phrase=phrase)


@parley_only(REASON)
def test_early_timeout_end(env):
    """Nobody has asked: the time is over."""
    with env.proxy([("early_timeout", 1), ("early_timeout_end", 1)]) as \
            server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        crossing(server, side, invite, lambda: None, callee=b)


# ---------------------------------------------------------------- places

REQUEST = 'if (is_method("%s")) { dlg_terminate("all", "why"); }'


def _after(env, method, headers=()):
    """In the request route of a request in the early dialog; one that was
    relayed before has raised the CSeq."""
    with env.proxy(routes=script(inside=REQUEST % method)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b, reliable=True, code=183)
        inside(side, "INFO", b)
        crossing(server, side, invite, lambda: inside(
            side, method, b, headers), callee=b, why="why",
            above=side.cseq + 1)


@parley_only(REASON)
def test_in_prack(env):
    _after(env, "PRACK", [("RAck", "1 1 INVITE")])


@parley_only(REASON)
def test_in_update(env):
    _after(env, "UPDATE")


@parley_only(REASON)
def test_after_prack_and_update(env):
    """By RPC, after both; the callee's UPDATE has moved its contact."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = ring(a, b, reliable=True, code=183)
        inside(side, "PRACK", b, [("RAck", "1 1 INVITE")])
        inside(side, "UPDATE", b)
        crossing(server, side, invite, lambda: end_dlg(server, side.callid),
                 callee=b, above=side.cseq)


@parley_only(REASON)
def test_in_reply_route(env):
    """While the 183 is in hand: tm's reply lock is ours."""
    for routes in (
            script(reply='if ($rs == 183) { dlg_terminate("all", "why"); }'),
            script(relay='t_on_reply("R"); t_relay();', more='''
                onreply_route[R] {
                    if ($rs == 183) { dlg_terminate("all", "why"); }
                }''')):
        with env.proxy(routes=routes) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side = a.invite(b)
            invite = b.expect("INVITE")
            crossing(server, side, invite, lambda: b.reply(invite, 183),
                     callee=b, why="why")


@parley_only(REASON)
def test_in_branch_route(env):
    """Before the branch is sent: it gets its CANCEL after its first 1xx."""
    routes = script(relay='t_on_branch("B"); t_relay();', more='''
        branch_route[B] { dlg_terminate("all", "why"); }''')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        check_final(side, 480, "", "why")
        b.reply(invite, 180)
        b.reply(check_cancel(b, invite, 480, "why"), 200)
        check_answered(b, invite)
        a.never(lambda m: m.code in (180, 200), "INVITE", seconds=0.2)


@parley_only(REASON)
def test_in_failure_route(env):
    """The first branch has failed; the script ends the call instead of trying
    the next one."""
    routes = script(relay='t_on_failure("F"); t_relay();', more='''
        failure_route[F] { dlg_terminate("all", "why"); }''' + TOLD)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        b.reply(invite, 486)
        b.expect("ACK")
        check_final(side, 480, "", "why")
        wait_statistic(server, "failed_dialogs", 1)
        same("told", server.log().count("|FAILED|480|why|"), 1)
        a.never(486, seconds=0.2)


@parley_only(REASON)
def test_in_request_route(env):
    """Nothing was sent yet, and nothing will be."""
    routes = script(initial='dlg_manage(); dlg_terminate("all", "why"); exit;')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        check_final(side, 480, "", "why")
        wait_statistic(server, "failed_dialogs", 1)
        b.never("INVITE", seconds=0.2)


# ---------------------------------------------------------------- branches

PARALLEL = ('dlg_manage(); append_branch("sip:c@127.0.0.1:$hdr(X-Second)");'
            'append_branch("sip:d@127.0.0.1:$hdr(X-Third)");')


@parley_only(REASON)
def test_branches(env):
    """One rings, one has sent 100, one has sent nothing: each gets its CANCEL
    with the reason, the last after its first 1xx (RFC 3261 9.1). Two of them
    answer 200."""
    hooks = asking('dlg_terminate("all", "why")')
    with env.proxy(routes=script(initial=PARALLEL, **hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(server, "c") as c, sip.Party(server, "d") as d:
        side = a.invite(b, [("X-Second", c.port), ("X-Third", d.port)])
        invites = {p: p.expect("INVITE") for p in (b, c, d)}
        c.reply(invites[c], 100)
        b.reply(invites[b], 180, tag="atb")
        side.learn(a.expect(180))
        # tm has seen the 100 when its timer no longer repeats the INVITE; a
        # 180 behind it says so.
        c.reply(invites[c], 180, tag="atc")
        a.expect(lambda m: m.code == 180 and m.to_tag == "atc")
        same("ended", ask(a, side), 200)
        check_final(side, 480, "", "why")
        for party in (b, c):
            party.reply(check_cancel(party, invites[party], 480, "why"), 200)
        d.never("CANCEL", seconds=0.2)
        d.reply(invites[d], 183, tag="atd")
        d.reply(check_cancel(d, invites[d], 480, "why"), 200)
        b.reply(invites[b], 487, tag="atb")
        b.expect("ACK")
        for party in (c, d):
            check_reason("the BYE", check_answered(
                party, invites[party], tag="at" + party.user), 480, "why")
        a.never(lambda m: m.code in (183, 200, 487), "INVITE", seconds=0.2)
        wait_statistic(server, "failed_dialogs", 1)


@parley_only(REASON)
def test_first_1xx_after_command(env):
    """State 1: a CANCEL with the reason follows the first 1xx."""
    hooks = asking('dlg_terminate("all", "why")')
    with env.proxy(routes=script(**hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        side.remote_tag = "none-yet"
        net.wait_until(lambda: state_of(server, side.callid) == 1, 3, "state 1")
        server.rpc("dlg.terminate_dlg", side.callid, side.local_tag, "")
        check_final(side, 480, "Temporarily Unavailable", None)
        b.never("CANCEL", seconds=0.2)
        b.reply(invite, 180)
        b.reply(check_cancel(b, invite, 480, None), 200)
        check_answered(b, invite)
        a.never(lambda m: m.code in (180, 200), "INVITE", seconds=0.2)


@parley_only(REASON)
def test_two_callees_behind_one_branch(env):
    """A proxy further on has forked: both of its callees answer."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.two_ring(a, b)
        end_dlg(server, side.callid)
        check_final(side, 480, "Temporarily Unavailable", None)
        b.reply(check_cancel(b, invite, 480, None), 200)
        for tag in ("B", "A", "three"):
            check_answered(b, invite, tag=tag)
        a.never(200, "INVITE", seconds=0.2)


# ---------------------------------------------------------------- crossings


@parley_only(REASON)
def test_caller_cancels_too(env):
    """The caller's CANCEL was first: it gets our final reply instead of the
    487, the callee one CANCEL."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        side.cancel()
        a.expect(200, "CANCEL")
        cancel = b.expect("CANCEL")
        end_dlg(server, side.callid)
        final = a.expect(480, "INVITE")
        side.ack_failure(final)
        b.reply(cancel, 200)
        check_answered(b, invite)
        b.never("CANCEL", seconds=0.1)
        a.never(lambda m: m.code in (200, 487), "INVITE", seconds=0.1)


@parley_only(REASON)
def test_requests_that_cross(env):
    """A PRACK and an UPDATE of the caller arrive after the end: the BYE of the
    200 that crosses has a higher number, and goes to the 200's contact."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side, invite = ring(a, b, reliable=True, code=183)
        end_dlg(server, side.callid)
        check_final(side, 480, "Temporarily Unavailable", None)
        b.reply(check_cancel(b, invite, 480, None), 200)
        inside(side, "PRACK", b, [("RAck", "1 1 INVITE")])
        inside(side, "UPDATE", b)
        b.contact = "sip:b@127.0.0.1:%d" % c.port
        b.reply(invite, 200)
        same("CSeq of the ACK", c.expect("ACK").cseq, invite.cseq)
        bye = c.expect("BYE")
        same("Request-URI of the BYE", bye.uri, b.contact)
        check(bye.cseq > side.cseq, "CSeq %d of the BYE", bye.cseq)
        c.reply(bye, 200)
        a.never(200, "INVITE", seconds=0.2)


@parley_only(REASON)
def test_caller_tries_again(env):
    """The same Call-ID and From-tag with the next CSeq is another call."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        end_dlg(server, side.callid)
        check_final(side, 480, "Temporarily Unavailable", None)
        b.reply(check_cancel(b, invite, 480, None), 200)
        again = a.invite(b, callid=side.callid, tag=side.local_tag, cseq=2)
        second = b.expect(lambda m: m.method == "INVITE" and m.cseq == 2)
        b.reply(second, 180, tag="second")
        a.expect(lambda m: m.code == 180 and m.to_tag == "second")
        check_answered(b, invite)
        b.reply(second, 200, tag="second")
        again.learn(a.expect(200, "INVITE"))
        again.ack()
        same("CSeq of the ACK", b.expect("ACK").cseq, 2)
        wait_statistic(server, "active_dialogs", 1)


@parley_only(REASON)
def test_suspended(env):
    """The INVITE waits for t_continue(): the caller gets its final reply at
    once; if the script goes on all the same, the callee is cancelled."""
    routes = script(
        first=CONTINUE, initial="dlg_manage();" + SUSPEND,
        more="route[GO] { t_relay(); }")
    with env.proxy(routes=routes, children=2) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side = a.invite(b)
        which = suspended(server)
        wait_state(server, side.callid, 1)
        end_dlg(server, side.callid)
        check_final(side, 480, "Temporarily Unavailable", None)
        wait_statistic(server, "failed_dialogs", 1)
        a.ask("OPTIONS", which)
        for invite in b.drain(0.3):
            if invite.method == "INVITE":
                b.reply(invite, 180)
                b.reply(check_cancel(b, invite, 480, None), 200)
                b.reply(invite, 487)
                break


@parley_only(REASON)
def test_wait_ack_0(env):
    """The failed call is gone before its transaction is; what crosses is found
    all the same."""
    with env.proxy([("wait_ack", 0), ("end_timeout", 0)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        crossing(server, side, invite, lambda: end_dlg(server, side.callid),
                 callee=b)


# ---------------------------------------------------------------- too late


def _forgotten(server):
    net.wait_until(lambda: server.rpc("tm.stats")["current"] == 0, 20,
                   "tm has forgotten the INVITE")


@parley_only(REASON)
def test_200_when_tm_has_forgotten(env):
    """After a PRACK, too; with the reason."""
    hooks = asking('dlg_terminate("all", "why")')
    with env.proxy(routes=script(**hooks), last=FORGETFUL) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b, reliable=True, code=183)
        inside(side, "PRACK", b, [("RAck", "1 1 INVITE")])
        same("ended", ask(a, side), 200)
        check_final(side, 480, "", "why")
        b.reply(check_cancel(b, invite, 480, "why"), 200)
        _forgotten(server)
        check_reason("the BYE", check_answered(
            b, invite, above=side.cseq), 480, "why")
        a.never(200, "INVITE", seconds=0.2)


def _first_1xx_when_forgotten(env, code):
    """tm has forgotten the INVITE when a branch sends its first reply: it gets
    its CANCEL all the same, and nothing reaches the caller. Yields the rest."""
    with env.proxy(last=FORGETFUL) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        wait_state(server, side.callid, 1)
        end_dlg(server, side.callid)
        check_final(side, 480, "Temporarily Unavailable", None)
        _forgotten(server)
        b.reply(invite, code)
        cancel = check_cancel(b, invite, 480, None)
        same("To of the CANCEL", cancel.get("To"), invite.get("To"))
        same("From of the CANCEL", cancel.get("From"), invite.get("From"))
        b.reply(cancel, 200)
        yield side, invite, a, b
        a.never(lambda m: m.cseq == 1 and m.code not in (100, 480), "INVITE",
                seconds=0.2)
        a.never(lambda m: m.is_reply, "CANCEL", seconds=0.1)
        check("no 2nd via" not in server.log(), "a reply went on to the core")


@parley_only(REASON)
def test_1xx_when_tm_has_forgotten(env):
    for code in (100, 180):
        for _, invite, _, b in _first_1xx_when_forgotten(env, code):
            final = b.reply(invite, 487)
            ack = b.expect("ACK")
            same("Via of the ACK", ack.get("Via"), invite.get("Via"))
            same("CSeq of the ACK", ack.cseq, invite.cseq)
            same("To of the ACK", ack.get("To"), final.get("To"))
            same("Request-URI of the ACK", ack.uri, invite.uri)
            b.reply(invite, 487)  # again: it may have been lost
            b.expect("ACK")


@parley_only(REASON)
def test_1xx_and_200_when_tm_has_forgotten(env):
    for _, invite, _, b in _first_1xx_when_forgotten(env, 180):
        check_answered(b, invite)


# ---------------------------------------------------------------- the result


@parley_only(REASON)
def test_result(env):
    """One side of a call that rings: false, and why. Both: true. A second time:
    false, for our final reply has ended it; nothing is sent twice."""
    hooks = asking('dlg_terminate("$hdr(X-Side)", "$hdr(X-Why)")')
    with env.proxy(routes=script(more=TOLD, **hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        for word in ("caller", "callee"):
            same(word, ask(a, side, ("X-Side", word)), 500)
        check("only all sides can be ended" in server.log(), "no line")
        same("state", state_of(server, side.callid), 2)
        for why, code in (("first", 200), ("second", 500)):
            same(why, ask(a, side, ("X-Side", "all"), ("X-Why", why)), code)
        check("it has ended already" in server.log(), "no line")
        check_final(side, 480, "", "first")
        b.reply(check_cancel(b, invite, 480, "first"), 200)
        b.reply(invite, 487)
        b.expect("ACK")
        wait_statistic(server, "failed_dialogs", 1)
        b.never("CANCEL", seconds=0.2)
        same("told", server.log().count("|FAILED|480|first|"), 1)


@parley_only(REASON)
def test_result_of_rpc(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        found = server.rpc("dlg.dlg_list", side.callid)
        end_dlg(server, side.callid)
        check_final(side, 480, "Temporarily Unavailable", None)
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 487)
        b.expect("ACK")
        wait_statistic(server, "failed_dialogs", 1)
        for command, args in (
                ("dlg.end_dlg", (found["h_entry"], found["h_id"])),
                ("dlg.terminate_dlg", (side.callid, side.local_tag,
                                       side.remote_tag))):
            try:
                server.rpc(command, *args)
            except Exception as fault:
                same("%s: code" % command, fault.code, 500)
                check("ended already" in str(fault), "fault %s", fault)
            else:
                raise AssertionError("%s: no fault" % command)


@parley_only("its dlg_mode is in later versions only")
def test_result_without_tm(env):
    """dlg_mode 1 has no transaction to answer: a fault, and the call goes on."""
    with env.proxy([("dlg_mode", 1)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        try:
            end_dlg(server, side.callid)
        except Exception as fault:
            same("code", fault.code, 500)
            check("no transaction" in str(fault), "fault %s", fault)
        else:
            raise AssertionError("no fault")
        b.reply(invite, 200)
        a.expect(200, "INVITE")


# ---------------------------------------------------------------- answered


@parley_only("dlg_terminate() with a reason is ours")
def test_between_200_and_ack(env):
    """BYE to the callee at once, to the caller after its ACK, both with the
    reason; a repeated 200 brings no second BYE."""
    hooks = asking('dlg_terminate("all", "why")')
    with env.proxy(routes=script(more=TOLD, **hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = ring(a, b)
        sip.answer(side, invite, b, ack=False)
        wait_state(server, side.callid, 3)
        same("ended", ask(a, side), 200)
        bye = b.expect("BYE")
        check_reason("the callee's BYE", bye, 480, "why")
        b.reply(invite, 200)
        b.reply(bye, 200)
        a.expect(200, "INVITE")
        a.never("BYE", seconds=0.2)
        b.never(lambda m: m.method == "BYE" and not m.is_reply and
                m.get("Via") != bye.get("Via"), seconds=0.1)
        side.ack()
        bye = a.expect("BYE")
        check_reason("the caller's BYE", bye, 480, "why")
        a.reply(bye, 200)
        wait_statistic(server, "active_dialogs", 0)
        net.wait_until(lambda: "|END|480|why|" in server.log(), 3, "the event")


@parley_only("dlg_terminate() with a reason is ours")
def test_one_side_in_variable(env):
    """The side named gets its BYE, with the reason; the other one does not."""
    hooks = asking('dlg_terminate($hdr(X-Side), "for $hdr(X-Side)")')
    for word in ("caller", "callee"):
        with env.proxy(routes=script(**hooks)) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            same("ended", ask(a, call.caller, ("X-Side", word)), 200)
            ended, other = (a, b) if word == "caller" else (b, a)
            bye = ended.expect("BYE")
            check_reason("the BYE", bye, 480, "for " + word)
            ended.reply(bye, 200)
            other.never("BYE", seconds=0.2)
            same("again", ask(a, call.caller, ("X-Side", word)), 500)
            check("it has ended already" in server.log(), "no line")
