"""Reliable provisional replies (RFC 3262) that the proxy acknowledges, or asks
for: by script and by itself; and requests of the proxy under OpenSIPS' name."""
from cases import badparams, cseq
from lib import database, stored
from lib.case import (check, net, parley_only, proxy, same, script, sip,
                      two_parties, wait_state, wait_statistic)

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


def refused(server, a, b, side, invite, code=502):
    final = a.expect(code, "INVITE", seconds=8)
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


# ------------------------------------------------------------ the proxy asks

# The proxy makes the callee's plain 180 reliable, and is the one who gets the
# PRACK. In OpenSIPS a route that sleeps watches over it, here a table whose
# entries end by themselves.
WATCH = """
loadmodule "htable.so"
modparam("htable", "htable", "watch=>size=4;autoexpire=1;")
modparam("htable", "timer_interval", 1)
"""
ASKING = """
onreply_route[R] {
    if ($rs == 180 && $hdr(RSeq) == $null) {
        append_hf("Require: 100rel\\r\\n");
        append_hf("RSeq: 4711\\r\\n");
        $dlg_val(rseq) = "4711";
        $dlg_val(pending) = "1";
        $sht(watch=>$DLG_did) = 1;
    }
}
event_route[htable:expired:watch] {
    xlog("L_ALERT", "WATCHED\\n");
    if (load_dialog_ctx("$shtrecord(key)", "did", 1)) {
        if ($dlg_val(pending) == "1") { dlg_terminate("all"); }
        unload_dialog_ctx();
    }
}
"""
PRACKED = """
    if (is_method("PRACK")) {
        if (match_dialog() && $hdr(RAck) == $dlg_val(rseq) + " 1 INVITE") {
            $dlg_val(pending) = "0";
            sl_send_reply("200", "OK");
        } else {
            sl_send_reply("481", "Nothing to Acknowledge");
        }
        exit;
    }"""


def asking(env):
    return env.proxy([("bye_early_code", 504)], script(
        initial="create_dialog();", relay='t_on_reply("R"); t_relay();',
        inside=PRACKED, more=ASKING), last=WATCH)


def asked(a, b):
    """The caller gets the 180 as a reliable one."""
    side = a.invite(b, RELIABLE)
    invite = b.expect("INVITE")
    b.reply(invite, 180)
    ringing = heard(a, 180, plain=False)
    same("Require and RSeq", [ringing.get("Require"), ringing.get("RSeq")],
         ["100rel", "4711"])
    return side.learn(ringing), invite


@parley_only(REASON)
def test_asked(env):
    """The caller's PRACK ends at the proxy."""
    with two_parties(asking(env)) as (server, a, b):
        side, invite = asked(a, b)
        for rack, code in (("4712 1 INVITE", 481), ("4711 1 INVITE", 200)):
            side.request("PRACK", [("RAck", rack)])
            a.expect(code, "PRACK")
        side.cseq = 2
        net.wait_until(lambda: "WATCHED" in server.log(), 8,
                       "the end of the watch")
        ok = b.reply(invite, 200)
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        same("CSeq of the ACK", b.expect("ACK").cseq, 1)
        side.request("BYE")
        bye = b.expect("BYE")
        same("CSeq of the BYE", bye.cseq, 3)
        same("To-tag of the BYE", bye.to_tag, ok.to_tag)
        b.reply(bye, 200)
        a.expect(200, "BYE")
        b.never("PRACK", seconds=0.1)
        ended(server)


@parley_only(REASON)
def test_asked_in_vain(env):
    """No PRACK: 504 for the caller, CANCEL for the callee."""
    with two_parties(asking(env)) as (server, a, b):
        side, invite = asked(a, b)
        refused(server, a, b, side, invite, 504)


# ------------------------------------------------------------ an UPDATE is held

# The callee's UPDATE waits for the answer to an INVITE of ours to the caller.
HELD = """
    if (is_method("UPDATE")) {
        if (!t_suspend()) { exit; }
        $dlg_val(index) = $T(id_index);
        $dlg_val(label) = $T(id_label);
        if (!dlg_send_sequential("INVITE", "caller", "$rb",
                "application/sdp", "X-Held: yes")) {
            xlog("L_ALERT", "NOT SENT\\n");
        }
        exit;
    }"""
HOLDING = """
event_route[tm:local-request] {
    if (is_method("INVITE")) {
        remove_hf("X-Held");
        t_on_reply("HELD");
        t_on_failure("HELD_FAILED");
    }
}
onreply_route[HELD] {
    if ($rs >= 200 && $rs < 300) {
        $dlg_val(result) = "200";
        t_continue("$(dlg_val(index){s.int})", "$(dlg_val(label){s.int})",
            "ANSWER");
    }
}
failure_route[HELD_FAILED] {
    $dlg_val(result) = "503";
    t_continue("$(dlg_val(index){s.int})", "$(dlg_val(label){s.int})",
        "ANSWER");
}
route[ANSWER] {
    t_reply("$(dlg_val(result){s.int})", "Said the Caller");
    if ($dlg_val(result) == "503") { dlg_terminate("all"); }
}
"""


def _held(env, run):
    """An UPDATE of the callee in a call that is up; @run(server, a, b, call,
    the INVITE that the caller gets)."""
    server = auto(env, inside=HELD, more=HOLDING)
    server.last = UAC_FR
    with two_parties(server) as (server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.callee.cseq = 1
        call.callee.request("UPDATE", [("Content-Type", "application/sdp")],
                            "v=0\r\n")
        invite = a.expect("INVITE")
        same("what the INVITE brings", [
            invite.body, invite.get("Content-Type"), invite.get("X-Held"),
            invite.to_tag, invite.from_tag], [
                "v=0\r\n", "application/sdp", "", call.caller.local_tag,
                call.callee.local_tag])
        b.never(lambda m: m.is_reply and m.code >= 200, "UPDATE", seconds=0.2)
        a.never("UPDATE", seconds=0.1)
        run(server, a, b, call, invite)
        ended(server)


@parley_only(REASON)
def test_update_held(env):
    def run(server, a, b, call, invite):
        a.reply(invite, 200)
        same("CSeq of the ACK", a.expect("ACK").cseq, invite.cseq)
        b.expect(200, "UPDATE")
        call.hang_up()
        check("NOT SENT" not in server.log(), "the INVITE was not sent")

    _held(env, run)


@parley_only(REASON)
def test_update_refused(env):
    def run(server, a, b, call, invite):
        a.reply(invite, 488)
        same("CSeq of the ACK", a.expect("ACK").cseq, invite.cseq)
        b.expect(503, "UPDATE")
        sip.confirm_byes(call.callid, a, b)

    _held(env, run)


# ------------------------------------------------------------ what else comes


@parley_only(REASON)
def test_repeated(env):
    """A reply that comes again, out of order or late gets no second PRACK,
    with several workers either."""
    with two_parties(auto(env)) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        for _ in range(3):
            reply = reliable(b, invite, 7)
            heard(a, 180)
        acknowledged(b, reply, 7, 2)
        for rseq in (9, 6, 7):
            reliable(b, invite, rseq)
            heard(a, 180)
        b.never("PRACK", seconds=0.2)
        acknowledged(b, reliable(b, invite, 8, 183), 8, 3)
        heard(a, 183)
        talk(a, b, side, invite, 3)
        reliable(b, invite, 9)
        b.never("PRACK", seconds=0.2)
        ended(server)


@parley_only(REASON)
def test_workers(env):
    """Eight workers have the same reply in hand."""
    server = auto(env)
    server.children = 8
    with two_parties(server) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        for rseq in range(1, 6):
            for _ in range(16):
                reply = reliable(b, invite, rseq, 183)
            acknowledged(b, reply, rseq, rseq + 1)
            for _ in range(16):
                heard(a, 183)
        talk(a, b, side, invite, 6)
        ended(server)


# Header fields of a 180 that is not reliable, or cannot be read.
NOT_RELIABLE = (
    [("RSeq", "1")], [("Require", "100rel")],
    [("Require", "100relx"), ("RSeq", "1")],
    [("Require", "100rel"), ("RSeq", "0")],
    [("Require", "100rel"), ("RSeq", "")],
    [("Require", "100rel"), ("RSeq", "4294967296")],
    [("Require", "100rel"), ("RSeq", "-1")],
    [("Require", "100rel"), ("RSeq", "1 2")],
    [("Require", "100rel"), ("RSeq", "x" * 2000)],
)


@parley_only(REASON)
def test_not_reliable(env):
    """They pass as they are, and get no PRACK."""
    with two_parties(auto(env)) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        for headers in NOT_RELIABLE:
            b.reply(invite, 180, headers=headers)
            got = heard(a, 180, plain=False)
            for name, value in headers:
                same(name, got.get(name), value)
        reliable(b, invite, 1, tag="")
        heard(a, 180, plain=False)
        reliable(b, invite, 1, 100)
        b.never("PRACK", seconds=0.3)
        # And here is one, with the largest number that there is.
        acknowledged(b, reliable(b, invite, 4294967295), 4294967295, 2)
        heard(a, 180)
        talk(a, b, side, invite, 2)
        ended(server)


@parley_only(REASON)
def test_other_tags(env):
    """What else is required stays, however it is written."""
    with two_parties(auto(env)) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        for rseq, values in enumerate((
                ["timer, 100rel"], ["100REL,timer"], ["100rel", "timer"],
                ["timer", "100rel, 100rel"], ["timer,\r\n 100rel"]), 1):
            reply = b.reply(invite, 183, headers=[
                ("Require", v) for v in values] + [("rseq", "%d" % rseq)])
            acknowledged(b, reply, rseq, rseq + 1)
            got = heard(a, 183, plain=False)
            same("Require", (got.all("Require"), got.all("RSeq")),
                 (["timer"], []))
        talk(a, b, side, invite, 6)
        ended(server)


@parley_only(REASON)
def test_script_takes_out(env):
    """The script has removed the fields before."""
    with two_parties(auto(env, reply='remove_hf("Require"); '
                                     'remove_hf("RSeq"); return 1;')) as (
            server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        acknowledged(b, reliable(b, invite, 1), 1, 2)
        heard(a, 180)
        talk(a, b, side, invite, 2)
        check("BUG" not in server.log(), "%s", server.log())


def _answered_with(env, code):
    """The PRACK gets @code, and hangup_on_failure is set."""
    with two_parties(auto(env, [("auto_prack_hangup_on_failure", 1)])) as (
            server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        acknowledged(b, reliable(b, invite, 1), 1, 2, answer=code)
        heard(a, 180)
        refused(server, a, b, side, invite)


@parley_only(REASON)
def test_auto_481(env):
    _answered_with(env, 481)


@parley_only(REASON)
def test_auto_500(env):
    _answered_with(env, 500)


@parley_only(REASON)
def test_answered_before(env):
    """The callee picks up, and then refuses the PRACK: the call stays."""
    with two_parties(auto(env, [("auto_prack_hangup_on_failure", 1)])) as (
            server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        prack = acknowledged(b, reliable(b, invite, 1), 1, 2, answer=None)
        heard(a, 180)
        b.reply(invite, 200)
        side.learn(a.expect(200, "INVITE"))
        b.reply(prack, 481)
        net.wait_until(lambda: "its PRACK got a 481" in server.log(), 5,
                       "the 481")
        side.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        side.request("BYE")
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")
        ended(server)


@parley_only(REASON)
def test_cancelled(env):
    """The caller gives up while the PRACK is under way: 487, and no 502."""
    with two_parties(auto(env, [("auto_prack_hangup_on_failure", 1)])) as (
            server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        prack = acknowledged(b, reliable(b, invite, 1), 1, 2, answer=None)
        heard(a, 180)
        side.cancel()
        a.expect(200, "CANCEL")
        b.reply(b.expect("CANCEL"), 200)
        b.reply(prack, 481)
        net.wait_until(lambda: "its PRACK got a 481" in server.log(), 5,
                       "the 481")
        b.reply(invite, 487)
        b.expect("ACK")
        side.ack_failure(a.expect(lambda m: m.code >= 300, "INVITE"))
        a.never(502, seconds=0.1)
        ended(server)


@parley_only(REASON)
def test_after_authentication(env):
    """RAck names the number that the callee has seen."""
    server = env.proxy([("track_cseq_updates", 1)], script(
        initial=AUTO, relay='t_on_failure("AUTH"); t_relay();',
        more=cseq.MORE % "$var(nothing) = 0;"), last=cseq.MODULES)
    with two_parties(server) as (server, a, b):
        side = a.invite(b, RELIABLE)
        cseq.challenge(b, b.expect("INVITE"))
        invite = b.expect("INVITE")
        same("CSeq of the INVITE", invite.cseq, 2)
        acknowledged(b, reliable(b, invite, 1), 1, 3, number=2)
        heard(a, 180)
        talk(a, b, side, invite, 3)


@parley_only(REASON)
def test_crash(env):
    """kill -9 while it rings: the call comes back, its next replies pass as
    they are, and nothing falls over."""
    base = database.Sqlite(proxy.scratch(), "dialog")
    with two_parties(stored.server(env, base, 1, routes=script(
            initial=AUTO))) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        acknowledged(b, reliable(b, invite, 1), 1, 2)
        heard(a, 180)
        server.crash()
        server.start()
        wait_state(server, side.callid, 2)
        reliable(b, invite, 2, 183)
        heard(a, 183, plain=False)
        b.never("PRACK", seconds=0.2)
        b.reply(invite, 200)
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        side.request("BYE")
        bye = b.expect("BYE")
        same("CSeq of the BYE", bye.cseq, 3)
        b.reply(bye, 200)
        a.expect(200, "BYE")
        ended(server)


# ------------------------------------------------------------ the function


def _returns(server, name):
    net.wait_until(lambda: "|%s:" % name in server.log(), 5, name)
    return server.log().partition("|%s:" % name)[2].partition("|")[0]


WRONG = (
    ("nobody", '"INFO", "$var(all)"'), ("empty", '"$var(none)", "callee"'),
    ("word", '"IN FO", "callee"'), ("ack", '"ACK", "callee"'),
    ("bare", '"INFO", "callee", "body"'),
    ("type", '"INFO", "callee", "", "text/plain"'),
    ("lines", '"INFO", "callee", "", "", "no header"'),
    ("prack", '"PRACK", "callee"'), ("up", '"PRACK", "caller"'))
RIGHT = (
    ("plain", '"INFO", "callee"'), ("none", '"INFO", "callee", ""'),
    ("body", '"INFO", "callee", "x", "text/plain"'),
    ("head", '"INFO", "callee", "", "", "X-A: 1"'),
    ("own", '"PRACK", "callee", "", "", "RAck: 9 9 INVITE"'))


@parley_only(REASON)
def test_parameters(env):
    code = '$var(all) = "all"; $var(none) = "";' + "".join(
        'dlg_send_sequential(%s); xlog("L_ALERT", "|%s:$rc|\\n");' % (call, n)
        for n, call in WRONG + RIGHT)
    with two_parties(env.proxy(routes=script(
            inside='if (is_method("UPDATE")) { %s }' % code))) as (
                server, a, b):
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.caller.request("UPDATE")
        update = b.expect("UPDATE")
        # Those of ours have come before it.
        same("CSeq of the UPDATE", update.cseq, 2 + len(RIGHT))
        b.reply(update, 200)
        same("CSeq of its 200", a.expect(200, "UPDATE").cseq, 2)
        for names, value in ((WRONG, "-1"), (RIGHT, "1")):
            for name, _ in names:
                same(name, _returns(server, name), value)
        got = [b.expect("INFO") for _ in RIGHT[1:]]
        same("bodies", sorted(m.body for m in got), ["", "", "", "x"])
        same("X-A", sorted(m.get("X-A") for m in got), ["", "", "", "1"])
        same("RAck", b.expect("PRACK").all("RAck"), ["9 9 INVITE"])
        call.hang_up()


@parley_only(REASON)
def test_start(env):
    """What is wrong at start is said at start."""
    for params, initial, want in (
            ([], 'dlg_send_sequential("INFO", "all");', ['side "all"']),
            ([], 'dlg_send_sequential("INFO", "cale");', ['side "cale"']),
            ([("auto_prack_fr_timeout", 0)], AUTO,
             ["auto_prack_fr_timeout=0", "1 to 3600"]),
            ([("auto_prack_hangup_on_failure", 2)], AUTO,
             ["auto_prack_hangup_on_failure=2", "0 or 1"])):
        badparams.refused(env, params, want, early=bool(params),
                          routes=script(initial=initial))


@parley_only(REASON)
def test_dropped(env):
    """event_route[tm:local-request] lets nothing out: false."""
    with two_parties(manual(env, more='''
            event_route[tm:local-request] {
                if (is_method("PRACK")) {
                    xlog("L_ALERT", "|dropped:1|\\n");
                    drop;
                }
            }''')) as (server, a, b):
        side = a.invite(b, RELIABLE)
        invite = b.expect("INVITE")
        reliable(b, invite, 1)
        heard(a, 180, plain=False)
        same("dropped", _returns(server, "dropped"), "1")
        b.never("PRACK", seconds=0.2)
        talk(a, b, side, invite, 2)


@parley_only(REASON)
def test_names(env):
    """Under the module's other names, too."""
    for name in ("ims_dialog", "dialog_ng"):
        server = env.proxy([("auto_prack_fr_timeout", 1)],
                           script(initial=AUTO), name=name)
        _success(server, plain=True)
