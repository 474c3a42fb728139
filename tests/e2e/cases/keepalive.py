"""Keep-alives: who is asked, with which numbers, and what the answers do.

The least ka_interval is 30 seconds, so two cases make all their calls first and
wait once.
"""
import threading
import time

from cases import kemi
from lib.case import (check, net, parley_only, same, script, sip, state_of,
                      stock_differs, wait_statistic)

LONG = ("asked", "lost")
CLOCK = [("ka_timer", 1), ("ka_interval", 30)]
# 30 s, a quarter of that as spread, and some to spare.
FIRST = 30 + 7.5 + 4

KA_CALLER, KA_CALLEE, NORESET = 2, 4, 8

# What the script is told in header fields, as text with a variable in it.
PROPERTIES = '''
    if (is_present_hf("X-Set")) {
        if (!dlg_set_property("$hdr(X-Set)")) {
            xlog("L_ALERT", "FALSE set $hdr(X-Set)\\n");
        }
    }
    if (is_present_hf("X-Both")) {
        dlg_set_property("ka-src");
        dlg_set_property("ka-dst");
    }
    if (is_present_hf("X-Reset")) {
        if (!dlg_reset_property("$hdr(X-Reset)")) {
            xlog("L_ALERT", "FALSE reset $hdr(X-Reset)\\n");
        }
    }
'''
LOCAL = '''
event_route[tm:local-request] {
    xlog("L_ALERT", "LOCAL $rm of $dlg(callid)\n");
}
'''
ROUTES = script(initial=PROPERTIES + "dlg_manage();", inside=PROPERTIES)
BOTH = [("X-Both", "1")]


class Asked(threading.Thread):
    """Answers OPTIONS and BYE to a Party. .codes: {Call-ID: reply}, None: no
    reply; .got: {Call-ID: [OPTIONS]}, .byes likewise, each one only once."""

    def __init__(self, party):
        super().__init__(daemon=True)
        self.party = party
        self.codes = {}
        self.got, self.byes = {}, {}
        self.seen = set()
        self.ended = False

    def run(self):
        while not self.ended:
            message = self.party.maybe(
                lambda m: not m.is_reply and m.method in ("OPTIONS", "BYE"))
            if message is not None:
                self._answer(message)

    def _answer(self, message):
        asked = message.method == "OPTIONS"
        code = self.codes.get(message.callid, 200) if asked else 200
        if message.get("Via") not in self.seen:
            self.seen.add(message.get("Via"))
            kept = self.got if asked else self.byes
            kept.setdefault(message.callid, []).append(message)
        if code:
            self.party.reply(message, code)

    def one(self, callid):
        """The only OPTIONS of this call so far."""
        got = self.got.get(callid, [])
        same("OPTIONS to %s in %s" % (self.party.user, callid), len(got), 1)
        return got[0]

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.ended = True
        self.join()


def _iflags(server, callid):
    return server.rpc("dlg.dlg_list", callid)["iflags"]


def _inside(call, headers, other):
    """An INFO of the caller that the callee answers."""
    call.caller.request("INFO", headers)
    other.reply(other.expect("INFO", callid=call.callid), 200)
    call.caller.party.expect(200, "INFO", callid=call.callid)


# ---------------------------------------------------------------- properties


def test_properties(env):
    """Each is a bit of iflags; before the dialog, in mid-call, and away."""
    with env.proxy(CLOCK, ROUTES) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        bits = (("ka-src", KA_CALLER), ("ka-dst", KA_CALLEE),
                ("timeout-noreset", NORESET))
        for name, bit in bits:
            call = sip.establish(a, b, [("X-Set", name)])
            same("iflags after " + name, _iflags(server, call.callid), bit)
            _inside(call, [("X-Reset", name)], b)
            same("iflags without " + name, _iflags(server, call.callid), 0)
            call.hang_up()
        call = sip.establish(a, b, BOTH)
        both = KA_CALLER | KA_CALLEE
        same("both", _iflags(server, call.callid), both)
        _inside(call, [("X-Set", "timeout-noreset")], b)
        same("all", _iflags(server, call.callid), both | NORESET)
        _inside(call, [("X-Reset", "ka-src")], b)
        same("without ka-src", _iflags(server, call.callid),
             KA_CALLEE | NORESET)
        check("FALSE" not in server.log(), "a call was false")
        for wrong in ("ka", "ka-srcx", "KA-SRC", "timeout"):
            _inside(call, [("X-Set", wrong)], b)
            _inside(call, [("X-Reset", wrong)], b)
            check("FALSE set %s\n" % wrong in server.log(), "set %s", wrong)
            check("FALSE reset %s\n" % wrong in server.log(), "reset %s",
                  wrong)
        same("after wrong ones", _iflags(server, call.callid),
             KA_CALLEE | NORESET)


def test_wrong_constant(env):
    """A property that does not exist: it starts, and the function is false."""
    routes = script(initial='''
        if (!dlg_set_property("ka-both")) { xlog("L_ALERT", "NOT SET\\n"); }
        if (!dlg_reset_property("ka-both")) { xlog("L_ALERT", "NOR RESET\\n"); }
        dlg_manage();''')
    with env.proxy(CLOCK, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        sip.establish(a, b)
        check("NOT SET" in server.log() and "NOR RESET" in server.log(), "true")


def test_kemi(env):
    """The same two functions from Lua."""
    text = kemi.functions('''
        d.dlg_set_property("ka-src")
        d.dlg_set_property("timeout-noreset")
        d.dlg_manage()
        d.dlg_reset_property("timeout-noreset")
        ''' + kemi.say(("wrong", 'd.dlg_set_property("ka-both")'),
                       ("none", 'd.dlg_reset_property("")')),
                          'd.dlg_set_property("ka-dst")')
    with kemi.lua_proxy(env, text) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        net.wait_until(lambda: _iflags(server, call.callid) ==
                       KA_CALLER | KA_CALLEE, 5, "both bits")
        same("wrong ones", kemi.results(server), {"wrong": "-1", "none": "-1"})


def test_timeout_noreset(env):
    """An in-dialog request sets the clock back, but not with the property."""
    params = CLOCK + [("default_timeout", 1000)]
    with env.proxy(params, ROUTES) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b, [("X-Set", "timeout-noreset")])

        def end():
            return server.rpc("dlg.dlg_list", call.callid)["timeout"]
        first, start = end(), time.time()
        net.wait_until(lambda: time.time() > start + 2.1, 5, "two seconds")
        _inside(call, [], b)
        check(abs(end() - first) <= 1, "moved by %d", end() - first)
        _inside(call, [("X-Reset", "timeout-noreset")], b)
        _inside(call, [], b)
        check(end() - first >= 2, "moved by %d only", end() - first)


@parley_only("the packaged module says less")
def test_parameters(env):
    """A ka_interval below 30 does not start; any ka_failed_limit does."""
    for value in (1, 29, -1):
        server = env.proxy([("ka_timer", 1), ("ka_interval", value)])
        try:
            code, output = server.check()
            check(code != 0, "ka_interval=%d starts", value)
            check("ka_interval=%d: must be from 30" % value in output,
                  "no word of it in %s", output[-500:])
        finally:
            server.close()
    for params, words in (
            (CLOCK + [("ka_failed_limit", 0)], "ka_failed_limit=0: taken as 1"),
            ([("ka_interval", 30)], "unless both are set"),
            ([("dlg_filter_mode", 2)], "dlg_filter_mode=2: taken as 0"),
            ([("lreq_callee_headers", "TH dlh")], "not sent")):
        with env.proxy(params, debug=2) as server:
            check(words in server.log(), "no %r in %s", words, server.log())


# ---------------------------------------------------------------- who is asked


def _forked(a, b):
    """Two callees answer, both are acknowledged."""
    side = a.invite(b, BOTH)
    invite = b.expect("INVITE")
    return {tag: sip.answer_fork(side, invite, b, tag).caller for tag in "AB"}


def _routed(a, b, hop):
    """The callee is behind another proxy, at @hop."""
    side = a.invite(b, BOTH)
    invite = b.expect("INVITE")
    at = [n for n, _ in invite.headers].index("Record-Route")
    invite.headers.insert(at, ("Record-Route", "<sip:127.0.0.1:%d;lr=on>"
                               % hop.port))
    call = sip.answer(side, invite, b, ack=False)
    side.ack()
    hop.expect("ACK")
    return call


def _fits(options, side, cseq):
    """An OPTIONS for the party @side, in the name of its peer."""
    same("Request-URI", options.uri, side.party.contact)
    same("From-tag", options.from_tag, side.remote_tag)
    same("To-tag", options.to_tag, side.local_tag)
    same("CSeq to " + side.party.user, options.cseq, cseq)
    check(options.all("Max-Forwards"), "no Max-Forwards")
    same("Hint", options.get("Hint"), "from the proxy")


def _numbers(server, call, a, b):
    """After a keep-alive each party's next request and our BYE are in order:
    one above what its peer has sent."""
    for side, other in ((call.caller, b), (call.callee, a)):
        side.request("INFO")
        request = other.expect("INFO", callid=call.callid)
        same("CSeq of the INFO", request.cseq, side.cseq)
        other.reply(request, 200)
        side.party.expect(200, "INFO", callid=call.callid)
    found = server.rpc("dlg.dlg_list", call.callid)
    server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
    to_a, to_b = a.expect("BYE"), b.expect("BYE")
    same("CSeq of the BYE to the callee", to_b.cseq, call.caller.cseq + 1)
    same("CSeq of the BYE to the caller", to_a.cseq, call.callee.cseq + 1)
    same("TH of the BYE to the callee", to_b.get("TH"), "dlh")
    same("TH of the BYE to the caller", to_a.get("TH"), "")
    a.reply(to_a, 200)
    b.reply(to_b, 200)
    net.wait_until(lambda: state_of(server, call.callid) in (0, 5), 5,
                   "the call has ended")


@stock_differs("the property counts before the ACK only, one leg, no extra "
               "headers in OPTIONS")
def test_asked(env):
    params = CLOCK + [("dlg_extra_hdrs", "Hint: from the proxy\\r\\n"),
                      ("lreq_callee_headers", "TH: dlh")]
    with env.proxy(params, ROUTES + LOCAL) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(server, "hop") as hop:
        # Both parties have sent something: 2, and 101.
        busy = sip.establish(a, b, BOTH)
        _inside(busy, [], b)
        busy.callee.request("INFO")
        a.reply(a.expect("INFO"), 200)
        b.expect(200, "INFO")
        quiet = sip.establish(a, b, [("X-Set", "ka-dst")])
        later = sip.establish(a, b)
        _inside(later, [("X-Set", "ka-src")], b)
        reset = sip.establish(a, b, BOTH)
        _inside(reset, [("X-Reset", "ka-src")], b)
        _inside(reset, [("X-Reset", "ka-dst")], b)
        ended = sip.establish(a, b, BOTH)
        ended.hang_up()
        ringing, _ = sip.ring(a, b, BOTH)
        legs = _forked(a, b)
        routed = _routed(a, b, hop)
        last = time.monotonic()
        with Asked(a) as at_a, Asked(b) as at_b, Asked(hop) as at_hop:
            # The first call is older than @last by what the others took.
            net.wait_until(lambda: time.monotonic() > last + 25, 30, "25 s")
            check(not (at_a.got or at_b.got or at_hop.got), "asked too early")
            net.wait_until(lambda: time.monotonic() > last + FIRST, FIRST,
                           "the first keep-alives")
            net.wait_until(lambda: all(
                call.callid in party.got for party, call in (
                    (at_a, busy), (at_b, busy), (at_b, quiet), (at_a, later),
                    (at_hop, routed))), 4, "those that are slow")
        _fits(at_a.one(busy.callid), busy.caller, 100)
        _fits(at_b.one(busy.callid), busy.callee, 1)
        same("TH to the callee", at_b.one(busy.callid).get("TH"), "dlh")
        same("TH to the caller", at_a.one(busy.callid).get("TH"), "")
        _fits(at_b.one(quiet.callid), quiet.callee, 1)
        # Its callee has sent nothing: no number of ours may be ahead.
        _fits(at_a.one(later.callid), later.caller, 0)
        for party, call in ((at_a, quiet), (at_b, later), (at_a, reset),
                            (at_b, reset), (at_a, ended), (at_b, ended),
                            (at_a, ringing), (at_b, ringing)):
            check(call.callid not in party.got, "%s asked in %r",
                  party.party.user, party.got.get(call.callid))
        same("local requests of %s" % busy.callid, server.log().count(
            "LOCAL OPTIONS of %s\n" % busy.callid), 2)
        forked = legs["A"].callid
        same("legs of b", {m.to_tag for m in at_b.got[forked]}, {"A", "B"})
        same("legs to a", {m.from_tag for m in at_a.got[forked]}, {"A", "B"})
        options = at_hop.one(routed.callid)
        same("Route", options.listed("Route"),
             ["<sip:127.0.0.1:%d;lr=on>" % hop.port])
        same("target", options.uri, b.contact)
        _numbers(server, busy, a, b)
        _numbers(server, later, a, b)
        same("state of the others", state_of(server, quiet.callid), 4)
        same("legs", server.rpc("dlg.dlg_list", forked)["state"], 4)


# ---------------------------------------------------------------- the answers


def _lifetime(server, call):
    return server.rpc("dlg.dlg_list", call.callid)["lifetime"]


def _lost_calls(a, b):
    """{name: (Call, code of the caller, of the callee, is it over)}"""
    plans = {"481": (200, 481, True), "481 of the caller": (481, 200, True),
             "no answer": (None, 200, True),
             "no answer of the callee": (200, None, True),
             "busy": (500, 486, False), "unknown": (404, 405, False),
             "challenge": (401, 407, False)}
    return {name: (sip.establish(a, b, BOTH),) + plan
            for name, plan in plans.items()}


def _plan_answers(calls, at_a, at_b):
    for call, of_caller, of_callee, _ in calls.values():
        at_a.codes[call.callid] = of_caller
        at_b.codes[call.callid] = of_callee


def test_lost(env):
    """408 and 481 leave the call ten seconds, then BYE; other answers do not.
    With ka_failed_limit=2 one of them is not enough."""
    params = CLOCK + [("send_bye", 1)]
    last = 'modparam("tm", "fr_timer", 2000)'
    with env.proxy(params, ROUTES, last=last) as server, \
            env.proxy(params + [("ka_failed_limit", 2)], ROUTES,
                      last=last) as second, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b, \
            sip.Party(second, "c") as c, sip.Party(second, "d") as d:
        calls = _lost_calls(a, b)
        patient = sip.establish(c, d, BOTH)
        with Asked(a) as at_a, Asked(b) as at_b, Asked(c), \
                Asked(d) as at_d:
            _plan_answers(calls, at_a, at_b)
            at_d.codes[patient.callid] = 481
            over = [call for call, _, _, end in calls.values() if end]
            net.wait_until(lambda: all(
                call.callid in at_b.got and call.callid in at_a.got
                for call, _, _, _ in calls.values()), FIRST, "all were asked")
            net.wait_until(lambda: all(_lifetime(server, call) == 10
                                       for call in over), 5, "ten seconds")
            net.wait_until(lambda: all(
                call.callid in at_a.byes and call.callid in at_b.byes
                for call in over), 15, "BYE to both")
            net.wait_until(lambda: patient.callid in at_d.got, FIRST,
                           "asked by the second proxy")
        for name, (call, _, _, end) in calls.items():
            if not end:
                same("state after " + name, state_of(server, call.callid), 4)
                same("lifetime", _lifetime(server, call), 43200)
        for call in over:
            same("BYEs", (len(at_a.byes[call.callid]),
                          len(at_b.byes[call.callid])), (1, 1))
        same("lifetime after one of two", _lifetime(second, patient), 43200)
        wait_statistic(server, "active_dialogs", len(calls) - len(over))


@parley_only("lreq_callee_headers is not in its ACK")
def test_headers_of_an_ack(env):
    """The callee's headers are also in the ACK and BYE for a 200 that came too
    late."""
    with env.proxy([("lreq_callee_headers", "TH: dlh\\r\\n")]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        found = server.rpc("dlg.dlg_list", side.callid)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        side.ack_failure(a.expect(480, "INVITE"))
        cancel = b.expect("CANCEL")
        b.reply(invite, 200)
        b.reply(cancel, 481)
        same("TH of the ACK", b.expect("ACK").get("TH"), "dlh")
        bye = b.expect("BYE")
        same("TH of the BYE", bye.get("TH"), "dlh")
        b.reply(bye, 200)
