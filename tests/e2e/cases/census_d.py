"""How the packaged module treats SIP (docs/census.md, D), and the memory that a
call takes: shown there, and not here."""
import time

from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      state_of, two_parties, wait_state, wait_statistic)
from lib.census import NEEDS, both, compared, seen
from lib.rpc import Fault

LONG = ("d6_when",)
EVENTS = "".join(
    'event_route[dialog:%s] { xlog("L_ALERT", "%s $dlg(state)\\n"); }\n'
    % (event, event.upper()) for event in ("start", "end", "failed"))


def served(env, stock, params=(), **options):
    """A proxy with two parties."""
    return two_parties(env.proxy(params, stock=stock, **options))


def on_both(number, **options):
    return compared(number, lambda env, stock: served(env, stock, **options))


def _end(server, callid):
    found = server.rpc("dlg.dlg_list", callid)
    server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])


def _is_known(server, side, tag):
    """Whether there is a dialog with this tag of the callee."""
    try:
        server.rpc("dlg.is_alive", side.callid, side.local_tag, tag)
    except Fault as fault:
        return fault.code != 404  # found, not yet answered
    return True


def _within(side, method, other, code=200, **options):
    """A request in the dialog, relayed and answered."""
    side.request(method, **options)
    request = other.expect(method)
    other.reply(request, code)
    side.party.expect(code, method)
    return request


# ---------------------------------------------------------------- D1: forks


@on_both("D1 legs")
def test_d1_early_legs(server, a, b):
    """A and B ring: both tags are known, and no other one."""
    side, _ = sip.two_ring(a, b)
    text = "known: %s" % [tag for tag in ("A", "B", "ZZZ")
                          if _is_known(server, side, tag)]
    same("tags that ring", text, "known: ['A', 'B']")
    check(dialogs(server)[0]["callee"]["tag"] in ("A", "B"),
          "no callee")
    return text


@on_both("D1 PRACK")
def test_d1_bogus_prack(server, a, b):
    """A PRACK for a tag that nobody gave is not of this call."""
    side = a.invite(b)
    b.reply(b.expect("INVITE"), 183)
    side.learn(a.expect(183))
    before = dialogs(server)[0]["caller"]["cseq"]
    side.request("PRACK", to_tag="ZZZ")
    b.expect("PRACK")
    same("CSeq of the caller, was %s," % before,
         dialogs(server)[0]["caller"]["cseq"], before)
    return "CSeq of the caller stays %s" % before


KNOWN = script(inside='''
    $var(known) = 0;
    if (is_known_dlg()) { $var(known) = 1; }
    xlog("L_ALERT", "KNOWN $rm $tt $var(known)\\n");''')


@on_both("D1 second 2xx", routes=KNOWN)
def test_d1_second_answer(server, a, b):
    """ACK and BYE of the second 2xx belong to the call, which goes on."""
    kept, unwanted = sip.two_answer(a, b)
    unwanted.hang_up()
    known = [line.partition("KNOWN ")[2] for line in
             server.log().split("\n") if "KNOWN " in line]
    same("known", ", ".join(known), "ACK B 1, ACK A 1, BYE A 1")
    same("state", state_of(server, kept.callid), 4)
    kept.hang_up()
    wait_statistic(server, "active_dialogs", 0)
    return ", ".join(known)


@on_both("D1 end")
def test_d1_both_are_ended(server, a, b):
    """The proxy ends the call: both phones that answered get a BYE."""
    first, _ = sip.two_answer(a, b)
    _end(server, first.callid)
    ended = {b.expect("BYE").to_tag}
    other = b.maybe("BYE", seconds=5)
    if other is not None:
        ended.add(other.to_tag)
    same("BYE to", sorted(ended), ["A", "B"])
    return "BYE to A and B"


# ---------------------------------------------------------------- D2: early


@on_both("D2")
def test_d2_end_early(server, a, b):
    """A call that rings can be ended: final reply and CANCEL."""
    side, invite = sip.ring(a, b)
    _end(server, side.callid)
    final = a.expect(480, "INVITE")
    side.ack_failure(final)
    b.reply(b.expect("CANCEL"), 200)
    b.reply(invite, 487)
    b.expect("ACK")
    wait_statistic(server, "early_dialogs", 0)
    return "%d to the caller, CANCEL to the callee" % final.code


# --------------------------------------------------------------- D3: targets


def _ended_at(server, call, a, b):
    """Ends @call; where the BYEs went: Request-URIs to caller, to callee."""
    _end(server, call.callid)
    to_a, to_b = a.expect("BYE"), b.expect("BYE")
    a.reply(to_a, 200)
    b.reply(to_b, 200)
    wait_statistic(server, "active_dialogs", 0)
    return to_a, to_b


@on_both("D3 UPDATE")
def test_d3_update(server, a, b):
    """An UPDATE and its 2xx give new contacts; BYEs go there (RFC 3311 5.1).
    """
    call = sip.establish(a, b)
    for party in (a, b):
        party.contact = party.contact.replace(
            party.user + "@", "new@")
    _within(call.caller, "UPDATE", b)
    byes = _ended_at(server, call, a, b)
    text = "BYE to %s, %s" % tuple(
        bye.uri.partition("@")[0] for bye in byes)
    same("targets", text, "BYE to sip:new, sip:new")
    return text


@on_both("D3 2xx")
def test_d3_answer(server, a, b):
    """The 2xx to a re-INVITE gives the contact of who answers."""
    call = sip.establish(a, b)
    b.contact = b.contact.replace("b@", "new@")
    call.caller.reinvite()
    b.reply(b.expect("INVITE"), 200)
    a.expect(200, "INVITE")
    call.caller.ack()
    b.expect("ACK")
    _, bye = _ended_at(server, call, a, b)
    text = "BYE to " + bye.uri.partition("@")[0]
    same("target", text, "BYE to sip:new")
    return text


@parley_only(NEEDS)
def test_d3_socket(env):
    """A caller that has come over to another socket of ours gets its BYE from
    there."""
    def trial(env, stock):
        port = net.free_port()
        core = "listen=udp:127.0.0.1:%d" % port
        with served(env, stock, core=core) as (server, a, b):
            call = sip.establish(a, b)
            a.server = ("127.0.0.1", port)
            _within(call.caller, "UPDATE", b)
            bye, _ = _ended_at(server, call, a, b)
            same("the BYE comes from the socket of the UPDATE, not of the "
                 "INVITE", bye.source[1] == port, True)
            return "from the socket of the UPDATE"
    both("D3 socket", trial, env)


# ------------------------------------------------------------------ D4: CSeq


def _d4_after_requests(env, stock, again):
    """The numbers of the BYEs, after requests of both sides, of which the
    caller's first one comes @again."""
    with served(env, stock) as (server, a, b):
        call = sip.establish(a, b)
        _within(call.callee, "UPDATE", a)
        _within(call.caller, "INFO", b)
        late = call.caller.text("INFO", cseq=call.caller.cseq)
        _within(call.caller, "INFO", b)
        if again:
            a.send(late)
            b.reply(b.expect("INFO"), 500)  # RFC 3261 12.2.2
            a.expect(500, "INFO")
        to_a, to_b = _ended_at(server, call, a, b)
        same("CSeq to the caller, to the callee", (to_a.cseq, to_b.cseq),
             (call.callee.cseq + 1, call.caller.cseq + 1))
        return "%d after %d, %d after %d" % (
            to_a.cseq, call.callee.cseq, to_b.cseq, call.caller.cseq)


def test_d4_after_requests(env):
    """The number of a BYE is one above the last request of that side."""
    _d4_after_requests(env, env.stock, False)


@parley_only(NEEDS)
def test_d4_after_an_old_request(env):
    """The same if a request was late, and has an older number than the last
    one."""
    both("D4 late", lambda env, stock: _d4_after_requests(env, stock, True),
         env)


@on_both("D4 after PRACK")
def test_d4_after_prack(server, a, b):
    """The same when the call began with a PRACK, by which the packaged module
    adds 80."""
    side = a.invite(b)
    invite = b.expect("INVITE")
    b.reply(invite, 183, headers=[("RSeq", "1"),
                                  ("Require", "100rel")])
    side.learn(a.expect(183))
    _within(side, "PRACK", b, headers=[("RAck", "1 1 INVITE")])
    call = sip.answer(side, invite, b)
    _, to_b = _ended_at(server, call, a, b)
    same("CSeq to the callee", to_b.cseq, call.caller.cseq + 1)
    return "%d after %d" % (to_b.cseq, call.caller.cseq)


# ------------------------------------------------------- D5: a BYE is refused


CHALLENGE = script(inside='''
    if (is_method("BYE") && !is_present_hf("Proxy-Authorization")) {
        send_reply("407", "Who");
        exit;
    }''', more=EVENTS)


@on_both("D5", routes=CHALLENGE)
def test_d5_refused_here(server, a, b):
    """The proxy wants credentials for a BYE: the call is not over, and the
    next BYE ends it."""
    call = sip.establish(a, b)
    wait_state(server, call.callid, 4)
    call.caller.request("BYE")
    a.expect(407, "BYE")
    same("state after the 407", state_of(server, call.callid), 4)
    same("active", server.statistics()["active_dialogs"], 1)
    same("dialog:end", server.log().count("END"), 0)
    _within(call.caller, "BYE", b,
            headers=[("Proxy-Authorization", "Digest x")])
    wait_statistic(server, "active_dialogs", 0)
    return "state 4 after the 407"


def test_d5_refused_by_callee(env):
    """A BYE that was relayed ends the call whatever its reply is, there and
    here; the next BYE still goes through."""
    with served(env, env.stock) as (server, a, b):
        call = sip.establish(a, b)
        _within(call.caller, "BYE", b, 407)
        wait_statistic(server, "active_dialogs", 0)
        _within(call.caller, "BYE", b)
        same("active", server.statistics()["active_dialogs"], 0)


# ------------------------------------------------------------- D6: timeouts


def _early(server, a, b):
    side, _ = sip.ring(a, b)
    return lambda: state_of(server, side.callid) in (0, 5)


def _no_ack(server, a, b):
    side, invite = sip.ring(a, b)
    sip.answer(side, invite, b, ack=False)
    wait_state(server, side.callid, 3)
    return lambda: server.rpc("dlg.dlg_list", side.callid)["lifetime"] == 10


def _ended(server, a, b):
    """An ended call that nothing else refers to."""
    call = sip.establish(a, b)
    wait_state(server, call.callid, 4)
    server.rpc("dlg.set_state", call.callid, call.caller.local_tag,
               call.caller.remote_tag, 5)
    return lambda: not server.rpc("dlg.dlg_list", call.callid)


TIMEOUTS = [("early_timeout", 2), ("noack_timeout", 2), ("end_timeout", 2)]
STEPS = {"early_timeout": _early, "noack_timeout": _no_ack,
         "end_timeout": _ended}


def _on_time(name):
    """2 s after the call has got there, or a little later."""
    def trial(env, stock):
        with served(env, stock, TIMEOUTS) as (server, a, b):
            happened = STEPS[name](server, a, b)
            start = time.monotonic()
            # The packaged module looks 90 s after its start.
            check(net.within(happened, 20, 0.1), "no %s of 2 s after 20 s",
                  name)
            return "%.1f s" % (time.monotonic() - start)
    return trial


@parley_only(NEEDS)
def test_d6_early_timeout(env):
    both("D6 early_timeout", _on_time("early_timeout"), env)


@parley_only(NEEDS)
def test_d6_noack_timeout(env):
    both("D6 noack_timeout", _on_time("noack_timeout"), env)


@parley_only(NEEDS)
def test_d6_end_timeout(env):
    both("D6 end_timeout", _on_time("end_timeout"), env)


@parley_only(NEEDS)
def test_d6_when(env):
    """When each of the three acts, if one waits for it."""
    def measure(stock):
        with served(env, stock, TIMEOUTS) as (server, a, b):
            open_ = {n: step(server, a, b) for n, step in STEPS.items()}
            start, took = time.monotonic(), {}

            def look():
                for name in [n for n in open_ if open_[n]()]:
                    del open_[name]
                    took[name] = time.monotonic() - start
                return not open_
            net.wait_until(look, 100, "all three timeouts", 0.2)
            return took
    texts, longest = [], []
    for stock in (False, True):
        took = measure(stock)
        longest.append(max(took.values()))
        texts.append(", ".join("%s %.1f s" % t for t in sorted(took.items())))
    seen("D6 when", *texts)
    check(longest[0] < 20, "ours: %s", texts[0])
    check(longest[1] > 30, "packaged: %s", texts[1])


# --------------------------------------------------------------- D7: the end


@on_both("D7 nothing sent", routes=script(more=EVENTS))
def test_d7_nothing_sent(server, a, b):
    """What is told as failed does not ring any more."""
    side, invite = sip.ring(a, b)
    try:
        _end(server, side.callid)
    except Fault:
        pass  # what counts is what is told of the call
    cancel = b.maybe("CANCEL", seconds=5)
    if cancel is None:
        same("runs of dialog:failed while it still rings",
             server.log().count("FAILED"), 0)
        return "not failed"
    b.reply(cancel, 200)
    side.ack_failure(a.expect(480))
    b.reply(invite, 487)
    b.expect("ACK")
    wait_statistic(server, "failed_dialogs", 1)
    net.wait_until(lambda: "FAILED" in server.log(), 3,
                   "dialog:failed")
    return "cancelled, and told as failed"


ONE_BY_ONE = script(first='''
    if (is_method("MESSAGE")) {
        dlg_get("$hdr(X-Callid)", "$hdr(X-From)", "$hdr(X-To)");
        dlg_bye("caller");
        dlg_get("$hdr(X-Callid)", "$hdr(X-From)", "$hdr(X-To)");
        dlg_bye("callee");
        sl_send_reply("200", "Done");
        exit;
    }''', more=EVENTS)


@on_both("D7 once", routes=ONE_BY_ONE)
def test_d7_once(server, a, b):
    """Each party gets its BYE by itself: the call ends once."""
    call = sip.establish(a, b)
    wait_state(server, call.callid, 4)
    side = call.caller
    a.ask("MESSAGE", [("X-Callid", side.callid), (
        "X-From", side.local_tag), ("X-To", side.remote_tag)])
    a.reply(a.expect("BYE"), 200)
    b.reply(b.expect("BYE"), 200)
    wait_statistic(server, "active_dialogs", 0)
    net.wait_until(lambda: "END" in server.log(), 3, "dialog:end")
    runs = server.log().count("END")
    same("runs of dialog:end", runs, 1)
    return "dialog:end ran once"


UNREACHABLE = script(inside='$ru = $hdr(X-Real);', more=EVENTS)


@on_both("D7 not reached", routes=UNREACHABLE)
def test_d7_not_to_be_reached(server, a, b):
    """No BYE can be sent: dialog:end runs once all the same, and the call is
    over, also when the caller hangs up later."""
    real = [("X-Real", b.contact)]
    a.contact = b.contact = "sip:x@nowhere.invalid"
    side, invite = sip.ring(a, b)
    call = sip.answer(side, invite, b, ack=False)
    side.ack(headers=real)
    b.expect("ACK")
    wait_state(server, call.callid, 4)
    try:
        _end(server, call.callid)
    except Fault:
        pass  # it may say so
    net.wait_until(lambda: "END" in server.log(), 3, "dialog:end")
    _within(side, "BYE", b, headers=real)
    net.wait_until(lambda: state_of(server, call.callid) in (0, 5), 5,
                   "the call is over")
    wait_statistic(server, "active_dialogs", 0)
    runs = server.log().count("END")
    same("runs of dialog:end", runs, 1)
    return "dialog:end ran once"


# -------------------------------------------------------- D8, D9, and memory


def test_d8_subscribe(env):
    """No fault: a subscription is no call, dlg_manage() or not."""
    with served(env, env.stock, routes=script(
            out_of_dialog="dlg_manage();")) as (server, a, b):
        side = sip.Side(a)
        side.target = b.contact
        side.request("SUBSCRIBE", [("Event", "presence")])
        request = b.expect("SUBSCRIBE")
        ok = b.reply(request, 200)
        side.learn(a.expect(200, "SUBSCRIBE"))
        _within(sip.Side.of_callee(b, request, ok), "NOTIFY", a,
                headers=[("Event", "presence")])
        same("dialogs", sum(v for _, v in server.rpc("dlg.stats_active")), 0)


SET_RURI = script(first='''
    if (is_method("MESSAGE")) {
        dlg_get("$hdr(X-Callid)", "$hdr(X-From)", "$hdr(X-To)");
        dlg_set_ruri();
        xlog("L_ALERT", "RURI $(ru{uri.user})\\n");
        sl_send_reply("200", "Done");
        exit;
    }''')


@on_both("D9", routes=SET_RURI)
def test_d9_callid_prefix(server, a, b):
    """A message whose Call-ID is the beginning of a call's, or something else,
    is not of that call: dlg_set_ruri() treats both alike."""
    call = sip.establish(a, b)
    side = call.caller
    for callid in (call.callid[:-1], "x" + call.callid):
        other = sip.Side(a)
        other.callid, other.local_tag = callid, side.local_tag
        other.target = "sip:none@127.0.0.1:%d" % server.port
        other.request("MESSAGE", [
            ("X-Callid", side.callid), ("X-From", side.local_tag),
            ("X-To", side.remote_tag)], to_tag="")
        a.expect(200, "MESSAGE", callid)
    users = [line.partition("RURI ")[2] for line in
             server.log().split("\n") if "RURI " in line]
    same("messages", len(users), 2)
    text = "Request-URI to %s for the beginning, %s for another" % \
        tuple(users)
    check(users[0] == users[1], "%s", text)
    return text


@on_both("Memory")
def test_memory(server, a, b):
    """Shared memory of an answered call with short URIs, tm's gone."""
    before = server.shm()
    for _ in range(1000):
        sip.establish(a, b)
    net.wait_until(lambda: server.rpc("tm.stats")["current"] == 0, 15,
                   "no transaction", 0.2)
    each = (server.shm() - before) / 1000
    check(each < 900, "%.0f bytes for a call", each)
    return "%.0f bytes for a call" % each
