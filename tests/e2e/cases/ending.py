"""Calls that the proxy ends: in every state, on both sides, every time."""
from lib.case import (check, net, parley_only, same, script, sip, state_of,
                      stock_differs, wait_state, wait_statistic)

LONG = ("state3_without_ack", "600_of_600")
EARLY = "the packaged module cannot end a call that is not answered"


def end(server, callid, *headers):
    found = server.rpc("dlg.dlg_list", callid)
    return server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"], *headers)


def _ids(server, calls):
    listed = {d["call-id"]: d for d in server.json("dlg.list", timeout=60)}
    return [(listed[c.callid]["h_entry"], listed[c.callid]["h_id"])
            for c in calls]


def _end_many(env, count, both):
    """Returns how many calls got a BYE on both sides."""
    with env.proxy(children=4, shm_mb=128) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        calls = [sip.establish(a, b) for _ in range(count)]
        ids = _ids(server, calls)
        with sip.Answerer(a) as at_a, sip.Answerer(b) as at_b:
            for entry, number in ids:
                server.rpc("dlg.end_dlg", entry, number)

            def all_there():
                return sum(c.callid in at_a.byes and c.callid in at_b.byes
                           for c in calls) >= both
            net.wait_until(all_there, 20, "both sides got their BYE")
            wait_statistic(server, "active_dialogs", 0)
        for call in calls:
            for side, byes in ((call.caller, at_a.byes[call.callid]),
                               (call.callee, at_b.byes[call.callid])):
                same("BYE's From-tag", byes[0].from_tag, side.remote_tag)
                same("BYE's To-tag", byes[0].to_tag, side.local_tag)
                same("BYEs", len({m.get("Via") for m in byes}), 1)


@stock_differs("one BYE only if the caller answers at once (B10)")
def test_600_of_600(env):
    _end_many(env, 600, 600)


def test_rpc_end_dlg(env):
    """Both sides get a BYE that fits their dialog, with the given header."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        end(server, call.callid, "X-Why: test\r\n")
        to_a, to_b = a.expect("BYE"), b.expect("BYE")
        for bye, side in ((to_a, call.caller), (to_b, call.callee)):
            same("Request-URI", bye.uri, side.party.contact)
            same("From-tag", bye.from_tag, side.remote_tag)
            same("To-tag", bye.to_tag, side.local_tag)
            same("X-Why", bye.get("X-Why"), "test")
            side.party.reply(bye, 200)
        check(to_b.cseq > call.caller.cseq, "CSeq %d to the callee is not "
              "above %d", to_b.cseq, call.caller.cseq)
        wait_statistic(server, "active_dialogs", 0)


def test_terminate_dlg(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        server.rpc("dlg.terminate_dlg", call.callid, call.caller.local_tag,
                   call.caller.remote_tag)
        with sip.Answerer(a) as at_a, sip.Answerer(b) as at_b:
            net.wait_until(lambda: at_a.byes and at_b.byes, 5, "both BYEs")
            wait_statistic(server, "active_dialogs", 0)


@stock_differs("one BYE may be missing (B10)")
def test_one_side_silent(env):
    """The callee never answers its BYE: the call ends all the same."""
    last = 'modparam("tm", "fr_timer", 1000)'
    with env.proxy(last=last) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        end(server, call.callid)
        a.reply(a.expect("BYE"), 200)
        b.expect("BYE")
        wait_statistic(server, "active_dialogs", 0, 10)


@stock_differs("one BYE may be missing (B10)")
def test_bye_refused(env):
    """One side answers 481: the call is over for the proxy."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        end(server, call.callid)
        a.reply(a.expect("BYE"), 481)
        b.reply(b.expect("BYE"), 481)
        wait_statistic(server, "active_dialogs", 0)


@stock_differs("the first answer ends the dialog")
def test_ending_twice(env):
    """A second end_dlg while BYEs are out sends no second BYE."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        end(server, call.callid)
        to_a, to_b = a.expect("BYE"), b.expect("BYE")
        try:
            end(server, call.callid)
        except Exception:
            pass  # a fault is a fair answer
        a.reply(to_a, 200)
        b.reply(to_b, 200)
        wait_statistic(server, "active_dialogs", 0)

        def another(first):
            return lambda m: m.method == "BYE" and not m.is_reply and \
                m.get("Via") != first.get("Via")
        a.never(another(to_a), seconds=0.3)
        b.never(another(to_b), seconds=0.1)


def test_bye_crosses_bye(env):
    """The caller hangs up while BYEs of the proxy are on their way."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        end(server, call.callid)
        to_a, to_b = a.expect("BYE"), b.expect("BYE")
        call.caller.request("BYE")
        a.reply(to_a, 481)
        b.reply(to_b, 200)
        for bye in b.drain(0.3):
            if bye.method == "BYE" and not bye.is_reply:
                b.reply(bye, 481)
        wait_statistic(server, "active_dialogs", 0)
        same("failed", server.statistics()["failed_dialogs"], 0)


# ---------------------------------------------------------------- early


@parley_only(EARLY)
def test_early(env):
    """480 to the caller, CANCEL with a Reason to the callee."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        end(server, side.callid)
        side.ack_failure(a.expect(480, "INVITE"))
        cancel = b.expect("CANCEL")
        check(cancel.get("Reason"), "no Reason in %r", cancel.data)
        b.reply(cancel, 200)
        b.reply(invite, 487)
        b.expect("ACK")
        wait_statistic(server, "failed_dialogs", 1)
        same("early", server.statistics()["early_dialogs"], 0)


@parley_only(EARLY)
def test_early_code(env):
    """Another code and text, by parameter; ims_dialog's default is 488."""
    for name, params, code in (
            ("dialog", [("bye_early_code", 503),
                        ("bye_early_reason", "Gone")], 503),
            ("ims_dialog", [], 488), ("dialog_ng", [], 488)):
        with env.proxy(params, name=name) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side, invite = sip.ring(a, b)
            end(server, side.callid)
            final = a.expect(code, "INVITE")
            side.ack_failure(final)
            if params:
                same("text", final.reason, "Gone")
            b.reply(b.expect("CANCEL"), 200)
            b.reply(invite, 487)
            net.wait_until(lambda: state_of(server, side.callid) in (0, 5), 5,
                           "the call has ended")


@parley_only(EARLY)
def test_before_any_reply(env):
    """State 1: the CANCEL waits for the first 1xx (RFC 3261 9.1)."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        wait_state(server, side.callid, 1)
        end(server, side.callid)
        side.ack_failure(a.expect(480, "INVITE"))
        b.never("CANCEL", seconds=0.2)
        b.reply(invite, 180)
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 487)
        b.expect("ACK")
        wait_statistic(server, "failed_dialogs", 1)
        a.never(180, seconds=0.1)


def _crossing(env, wait=0.0):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        end(server, side.callid)
        side.ack_failure(a.expect(480, "INVITE"))
        cancel = b.expect("CANCEL")
        if wait:  # until tm has forgotten the INVITE
            net.wait_until(lambda: server.rpc("tm.stats")["current"] == 0,
                           wait, "tm has forgotten the INVITE")
        ok = b.reply(invite, 200)
        b.reply(cancel, 481)
        ack, bye = b.expect("ACK"), b.expect("BYE")
        same("ACK's CSeq", ack.cseq, invite.cseq)
        same("ACK's To-tag", ack.to_tag, ok.to_tag)
        same("BYE's To-tag", bye.to_tag, ok.to_tag)
        check(bye.cseq > invite.cseq, "CSeq of the BYE %d", bye.cseq)
        b.reply(invite, 200)  # again: it may not be relayed either
        b.reply(bye, 200)
        a.never(200, "INVITE", seconds=0.5)
        wait_statistic(server, "active_dialogs", 0)
        return server


@parley_only(EARLY)
def test_200_crosses(env):
    """A 200 after our 480 gets an ACK and a BYE and is not relayed."""
    _crossing(env)


@parley_only(EARLY)
def test_early_both_branches(env):
    """Two branches of this proxy: each gets its CANCEL, the caller one 480."""
    routes = script(initial='dlg_manage(); append_branch("sip:c@127.0.0.1:'
                            '$hdr(X-Second)");')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        invites = [(p, p.expect("INVITE")) for p in (b, c)]
        for party, invite in invites:
            party.reply(invite, 180, tag="at" + party.user)
        a.expect(180)
        a.expect(180)
        end(server, side.callid)
        side.ack_failure(a.expect(480, "INVITE"))
        for party, invite in invites:
            party.reply(party.expect("CANCEL"), 200)
            party.reply(invite, 487, tag="at" + party.user)
            party.expect("ACK")
        wait_statistic(server, "failed_dialogs", 1)
        a.never(lambda m: m.code >= 200, seconds=0.2)


@parley_only(EARLY)
def test_early_both_branches_200(env):
    """Both branches answer 200 after the 480: both get ACK and BYE."""
    routes = script(initial='dlg_manage(); append_branch("sip:c@127.0.0.1:'
                            '$hdr(X-Second)");')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        invites = [(p, p.expect("INVITE")) for p in (b, c)]
        for party, invite in invites:
            party.reply(invite, 180, tag="at" + party.user)
        end(server, side.callid)
        side.ack_failure(a.expect(480, "INVITE"))
        for party, invite in invites:
            party.expect("CANCEL")
            party.reply(invite, 200, tag="at" + party.user)
        for party, invite in invites:
            party.expect("ACK")
            bye = party.expect("BYE")
            same("To-tag", bye.to_tag, "at" + party.user)
            party.reply(bye, 200)
        a.never(200, "INVITE", seconds=0.3)
        wait_statistic(server, "active_dialogs", 0)


@parley_only(EARLY)
def test_early_by_script(env):
    """dlg_bye() and dlg_terminate() end an early call from another request."""
    for call in ('dlg_bye("all")', 'dlg_terminate("all")',
                 'dlg_terminate("all", "because")'):
        routes = script(first='''
            if (is_method("OPTIONS")) {
                if (dlg_get("$hdr(X-C)", "$hdr(X-F)", "$hdr(X-T)") && %s) {
                    sl_send_reply("200", "OK");
                } else {
                    sl_send_reply("500", "Not ended");
                }
                exit;
            }''' % call)
        with env.proxy(routes=routes) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side = a.invite(b)
            invite = b.expect("INVITE")
            b.reply(invite, 180)
            side.learn(a.expect(180))
            reply = a.ask("OPTIONS", [
                ("X-C", side.callid), ("X-F", side.local_tag),
                ("X-T", side.remote_tag)])
            same(call, reply.code, 200)
            final = a.expect(480, "INVITE")
            side.ack_failure(final)
            if "because" in call:
                check("because" in final.get("Reason"), "Reason %r",
                      final.get("Reason"))
            b.reply(b.expect("CANCEL"), 200)
            b.reply(invite, 487)
            wait_statistic(server, "failed_dialogs", 1)


@parley_only(EARLY)
def test_ended_then_relayed(env):
    """The script ends the call before it relays the INVITE all the same: the
    callee is cancelled, and its 200 gets ACK and BYE."""
    for made in ("", "t_newtran();"):
        routes = script(initial='dlg_manage(); %s dlg_terminate("all");' % made)
        with env.proxy(routes=routes) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side = a.invite(b)
            side.ack_failure(a.expect(480, "INVITE"))
            invite = b.expect("INVITE")
            b.reply(invite, 180)
            b.expect("CANCEL")
            b.reply(invite, 200)
            b.expect("ACK")
            b.reply(b.expect("BYE"), 200)
            a.never(200, "INVITE", seconds=0.2)
            same("active", server.statistics()["active_dialogs"], 0)


# ---------------------------------------------------------------- state 3


@stock_differs("the caller's BYE does not wait for its ACK")
def test_state3(env):
    """BYE to the callee at once, to the caller after its ACK (RFC 3261 15)."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        sip.answer(side, invite, b, ack=False)
        wait_state(server, side.callid, 3)
        end(server, side.callid)
        b.reply(b.expect("BYE"), 200)
        a.never("BYE", seconds=0.5)
        side.ack()
        a.reply(a.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0)


@stock_differs("the caller's BYE does not wait for its ACK")
def test_state3_without_ack(env):
    """No ACK comes: BYE to the caller after 64*T1, 32 s."""
    with env.proxy([("noack_timeout", 300)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        sip.answer(side, invite, b, ack=False)
        end(server, side.callid)
        b.reply(b.expect("BYE"), 200)
        a.never("BYE", seconds=25)
        a.reply(a.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0)


# ---------------------------------------------------------------- one side


def _one_side(env, side_name):
    routes = script(inside='''
        if (is_method("INFO")) {
            if (dlg_bye("%s")) { sl_send_reply("200", "OK"); }
            else { sl_send_reply("500", "No"); }
            exit;
        }''' % side_name)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.request("INFO")
        a.expect(200, "INFO")
        ended, other = (a, b) if side_name == "caller" else (b, a)
        ended.reply(ended.expect("BYE"), 200)
        other.never("BYE", seconds=0.3)
        return state_of(server, call.callid)


def test_bye_caller_only(env):
    _one_side(env, "caller")


def test_bye_callee_only(env):
    _one_side(env, "callee")


# ---------------------------------------------------------------- CSeq


def _end_after(env, traffic):
    """Runs @traffic(call, a, b), ends the call, returns the two BYEs."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = traffic(server, a, b)
        end(server, call.callid)
        to_a, to_b = a.expect("BYE"), b.expect("BYE")
        a.reply(to_a, 200)
        b.reply(to_b, 200)
        wait_statistic(server, "active_dialogs", 0)
        same("CSeq to the callee", to_b.cseq, call.caller.cseq + 1)
        check(to_a.cseq > call.callee_last, "CSeq %d to the caller, its peer "
              "was at %d", to_a.cseq, call.callee_last)
        return call, to_a, to_b


def _within(side, method, other, code=200, **options):
    """A request in the dialog, relayed and answered."""
    side.request(method, **options)
    request = other.expect(method)
    other.reply(request, code)
    return side.party.expect(code, method)


@stock_differs("CSeqs are guessed (D4)")
def test_cseq_after_prack(env):
    def traffic(server, a, b):
        side, invite = sip.ring(a, b)
        side.learn(b.reply(invite, 183, headers=[("RSeq", "1"),
                                                 ("Require", "100rel")]))
        a.expect(183)
        _within(side, "PRACK", b, headers=[("RAck", "1 1 INVITE")])
        call = sip.answer(side, invite, b)
        call.callee_last = 0
        return call
    _end_after(env, traffic)


@stock_differs("CSeqs are guessed (D4)")
def test_cseq_after_update(env):
    def traffic(server, a, b):
        call = sip.establish(a, b)
        _within(call.caller, "UPDATE", b)
        _within(call.callee, "UPDATE", a)
        call.callee_last = call.callee.cseq
        return call
    call, to_a, _ = _end_after(env, traffic)
    same("CSeq to the caller", to_a.cseq, call.callee_last + 1)


@stock_differs("CSeqs are guessed (D4)")
def test_cseq_after_reinvite(env):
    def traffic(server, a, b):
        call = sip.establish(a, b)
        call.caller.reinvite()
        again = b.expect("INVITE")
        b.reply(again, 200)
        a.expect(200, "INVITE")
        call.caller.ack()
        b.expect("ACK")
        call.callee_last = 0
        return call
    _end_after(env, traffic)


@stock_differs("CSeqs are guessed (D4)")
def test_cseq_after_challenge(env):
    """A request refused with 407 has used its CSeq all the same."""
    def traffic(server, a, b):
        call = sip.establish(a, b)
        _within(call.caller, "INFO", b, 407)
        _within(call.caller, "INFO", b)
        call.callee_last = 0
        return call
    _end_after(env, traffic)


@stock_differs("contacts are refreshed by re-INVITE requests only (D3)")
def test_target_refresh(env):
    """BYE goes to the contacts that UPDATE and its 200 gave."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        call = sip.establish(a, b)
        a.contact = "sip:new@127.0.0.1:%d" % c.port
        b.contact = "sip:other@127.0.0.1:%d" % b.port
        _within(call.caller, "UPDATE", b)
        end(server, call.callid)
        to_a, to_b = c.expect("BYE"), b.expect("BYE")
        same("to the caller", to_a.uri, a.contact)
        same("to the callee", to_b.uri, b.contact)
        c.reply(to_a, 200)
        b.reply(to_b, 200)
        wait_statistic(server, "active_dialogs", 0)


@parley_only("dlg_terminate() with a reason is ours")
def test_reason_on_bye(env):
    """The reason of dlg_terminate() is on both BYEs (RFC 3326)."""
    routes = script(inside='''
        if (is_method("INFO")) {
            dlg_terminate("all", "credit is used up");
            sl_send_reply("200", "OK");
            exit;
        }''')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.request("INFO")
        for party in (a, b):
            bye = party.expect("BYE")
            check('text="credit is used up"' in bye.get("Reason"), "%r",
                  bye.data)
            party.reply(bye, 200)
        wait_statistic(server, "active_dialogs", 0)


@stock_differs("the call stays up for ever")
def test_transport_failure(env):
    """The callee cannot be reached: the caller gets its BYE, the call ends."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        right = b.contact
        b.contact = "sip:b@127.0.0.1:9;transport=tcp"  # there is no TCP here
        sip.answer(side, invite, b, ack=False)
        side.ack(uri=right)
        b.expect("ACK")
        end(server, side.callid)
        a.reply(a.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0, 40)


def test_wait_ack_0(env):
    """wait_ack=0: a failed call is gone before its transaction is."""
    with env.proxy([("wait_ack", 0)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        b.reply(invite, 486, contact=False)
        a.expect(486)
        wait_state(server, side.callid, 0, 2)
        side.ack_failure(a.expect(486, seconds=3))


def test_unknown(env):
    with env.proxy() as server:
        for args in ((1, 1), (4000000, 1), (0, 0)):
            try:
                server.rpc("dlg.end_dlg", *args)
            except Exception as fault:
                same("code", fault.code, 404)
            else:
                raise AssertionError("no fault for %r" % (args,))
