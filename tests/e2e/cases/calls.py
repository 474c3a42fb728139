"""Requests that the proxy sends in a call: by script, both sides, any method."""
import contextlib
import re
import time

from cases import documentation
from lib.case import (check, net, proxy, parley_only, same, script, sip,
                      state_of, stock_differs, wait_state, wait_statistic)

NEW = "dlg_req_within() is newer than the packaged module"
FAST_TIMERS = 'modparam("tm", "fr_timer", 2000)'


def step(name, call):
    """Script text: runs @call and logs what it returned."""
    return '%s; xlog("L_ERR", "|%s:$rc|\\n");\n' % (call, name)


def results(server):
    return dict(re.findall(r"\|(\w+):([^|]*)\|", server.log()))


def on_info(code):
    return ('if (is_method("INFO")) { %s sl_send_reply("200", "OK"); exit; }\n'
            % code)


@contextlib.contextmanager
def in_call(env, code, params=(), routes=True, **options):
    """A call whose INFO runs @code; there is a proxy on either side of ours
    unless @routes is False: the parties themselves, by other Record-Routes."""
    hooks = options.pop("hooks", {})
    text = script(inside=on_info(code) + hooks.pop("inside", ""), **hooks)
    with env.proxy(params, text, **options) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        headers = [("Record-Route", beside(a))] if routes else []
        side, invite = sip.ring(a, b, headers)
        if routes:
            invite.headers.insert(0, ("Record-Route", beside(b)))
        answer = b.reply(invite, 200)
        side.learn(a.expect(200, "INVITE"))
        call = sip.Call(side, sip.Side.of_callee(b, invite, answer))
        for end in (call.caller, call.callee):
            end.routes = [r for r in end.routes if r != beside(end.party)]
        side.ack()
        b.expect("ACK")
        wait_state(server, call.callid, 4)
        # The last CSeq that has reached each of them.
        call.caller.seen, call.callee.seen = 0, side.invite.cseq
        yield server, a, b, call


def beside(party):
    return "<sip:127.0.0.1:%d;lr;beside=%s>" % (party.port, party.user)


def ask(call, by="caller"):
    """The INFO that runs the script."""
    side = getattr(call, by)
    side.request("INFO")
    side.party.expect(200, "INFO")


def fits(request, side, routes=True):
    """Is it a request within the dialog that @side knows of? RFC 3261 12.2."""
    same("Request-URI", request.uri, side.party.contact)
    same("From-tag", request.from_tag, side.remote_tag)
    same("To-tag", request.to_tag, side.local_tag)
    check(side.remote_uri in request.get("From"), "From is %s",
          request.get("From"))
    check(side.local_uri in request.get("To"), "To is %s", request.get("To"))
    same("Route", request.listed("Route"),
         [beside(side.party)] if routes else [])
    check(request.cseq > side.seen, "CSeq %d is not above %d, which this party "
          "has had", request.cseq, side.seen)
    side.seen = request.cseq


def still_up(server, call):
    """Nothing has ended: the parties can talk on and hang up."""
    same("state", state_of(server, call.callid), 4)
    call.hang_up()
    wait_statistic(server, "active_dialogs", 0)


# ------------------------------------------------------------ dlg_req_within


@parley_only(NEW)
def test_within_sides(env):
    """2 parameters; caller, callee and all."""
    code = step("caller", 'dlg_req_within("caller", "OPTIONS")') + \
        step("callee", 'dlg_req_within("callee", "MESSAGE")') + \
        step("all", 'dlg_req_within("ALL", "X-Own")')
    with in_call(env, code) as (server, a, b, call):
        ask(call)
        first = a.expect("OPTIONS")
        fits(first, call.caller)
        a.reply(first, 200)
        other = b.expect("MESSAGE")
        fits(other, call.callee)
        b.reply(other, 200)
        for party, side, before in ((a, call.caller, first),
                                    (b, call.callee, other)):
            request = party.expect("X-Own")
            fits(request, side)
            same("CSeq", request.cseq, before.cseq + 1)
            same("body", request.body, "")
            party.reply(request, 501)
        same("results", results(server),
             {"caller": "1", "callee": "1", "all": "1"})
        a.never(lambda m: not m.is_reply, seconds=0.2)
        call.caller.cseq = other.cseq + 1
        still_up(server, call)


@parley_only(NEW)
def test_within_parts(env):
    """Headers, content type and body, and variables in each parameter."""
    code = '$var(m) = "INFO"; $var(h) = "X-One: 1\\r\\nX-Two: " + $fU;' + \
        '$var(t) = "text/plain"; $var(b) = "line 1\\r\\nline 2";' + \
        step("h", 'dlg_req_within("callee", "$var(m)", "$var(h)")') + \
        step("b", 'dlg_req_within("callee", "$var(m)", "$var(t)", "$var(b)")') \
        + step("hb", 'dlg_req_within("callee", "NOTIFY", "Event: x", '
                     '"application/x", "<$rm>")')
    with in_call(env, code) as (server, a, b, call):
        ask(call)
        one, two = b.expect("INFO"), b.expect("INFO")
        three = b.expect("NOTIFY")
        for request in (one, two, three):
            fits(request, call.callee)
            b.reply(request, 200)
        same("headers", [one.get("X-One"), one.get("X-Two"), one.body,
                         one.get("Content-Type")], ["1", "a", "", ""])
        same("body", [two.get("Content-Type"), two.body, two.get("X-One")],
             ["text/plain", "line 1\r\nline 2", ""])
        same("both", [three.get("Event"), three.get("Content-Type"),
                      three.body], ["x", "application/x", "<INFO>"])
        same("CSeq", [two.cseq, three.cseq], [one.cseq + 1, one.cseq + 2])
        same("results", results(server), {"h": "1", "b": "1", "hb": "1"})


@parley_only("the packaged module adds them to BYE and OPTIONS only")
def test_within_callee_headers(env):
    """lreq_callee_headers go to the callee, and to nobody else."""
    code = 'dlg_req_within("all", "INFO", "X-Mine: 1");'
    params = [("lreq_callee_headers", "TH: dlh\\r\\n")]
    with in_call(env, code, params) as (_, a, b, call):
        ask(call)
        to_a, to_b = a.expect("INFO"), b.expect("INFO")
        same("TH", [to_a.get("TH"), to_b.get("TH")], ["", "dlh"])
        same("X-Mine", [to_a.get("X-Mine"), to_b.get("X-Mine")], ["1", "1"])


@parley_only(NEW)
def test_within_refused(env):
    """481, 408, 500 and no answer at all leave the call as it is."""
    code = "".join('dlg_req_within("callee", "X-%d");' % i for i in range(4))
    with in_call(env, code, last=FAST_TIMERS) as (server, a, b, call):
        ask(call)
        for i, code in enumerate((481, 408, 500)):
            b.reply(b.expect("X-%d" % i), code)
        silent = b.expect("X-3")
        a.never(lambda m: not m.is_reply, seconds=3)  # fr_timer is over
        same("CSeq", silent.cseq, call.caller.cseq + 3)
        call.caller.cseq = silent.cseq
        still_up(server, call)


@parley_only(NEW)
def test_within_after_mix(env):
    """CSeq and target after UPDATE, re-INVITE and authentication."""
    code = 'dlg_req_within("all", "OPTIONS");'
    with in_call(env, code) as (server, a, b, call), \
            sip.Party(server, "c") as moved:
        for side, other in ((call.caller, b), (call.callee, a)):
            side.request("UPDATE")
            other.reply(other.expect("UPDATE"), 200)
            side.party.expect(200, "UPDATE")
        call.callee.reinvite()
        a.reply(a.expect("INVITE"), 401)  # and the next one with credentials
        refused = b.expect(401, "INVITE")
        call.callee.request("ACK", cseq=refused.cseq, to_tag=refused.to_tag)
        call.callee.party = moved  # another Contact
        moved.send = b.send
        call.callee.reinvite()
        a.reply(a.expect("INVITE"), 200)
        b.expect(200, "INVITE")
        call.callee.ack()
        a.expect("ACK")
        call.callee.party = b
        ask(call)
        to_a, to_b = a.expect("OPTIONS"), b.expect("OPTIONS")
        same("CSeq to a", to_a.cseq, call.callee.cseq + 1)
        # The INFO that runs the script has the same number: it may still be
        # relayed, and must not come after a higher one.
        same("CSeq to b", to_b.cseq, call.caller.cseq)
        same("target of b", to_b.uri, moved.contact)
        same("target of a", to_a.uri, a.contact)


@parley_only(NEW)
def test_within_own_refresh(env):
    """Our own re-INVITE is acknowledged, and its 200 moves the target."""
    code = 'dlg_req_within("callee", "$hdr(X-Method)");'
    with in_call(env, code) as (_, a, b, call), sip.Party(_, "c") as moved:
        call.caller.request("INFO", [("X-Method", "INVITE")])
        a.expect(200, "INFO")
        invite = b.expect("INVITE")
        fits(invite, call.callee)
        invite.headers.append(("X", "x"))
        b.reply(invite, 200, contact=False,
                headers=[("Contact", "<%s>" % moved.contact)])
        ack = moved_or(b, moved, "ACK")
        same("ACK's CSeq", ack.cseq, invite.cseq)
        call.caller.request("INFO", [("X-Method", "UPDATE")])
        a.expect(200, "INFO")
        update = b.expect("UPDATE")
        same("target", update.uri, moved.contact)
        same("CSeq", update.cseq, invite.cseq + 1)
        b.reply(update, 200)


def moved_or(party, other, method):
    """@method, at whichever of the two it arrives."""
    found = []

    def look():
        for who in (party, other):
            for message in who.drain():
                if message.method == method and not message.is_reply:
                    found.append(message)
                else:
                    who.backlog.append(message)
        return found
    net.wait_until(look, 5, method)
    return found[0]


@parley_only(NEW)
def test_within_early(env):
    """An early dialog can be spoken in; without a To-tag there is none."""
    hooks = dict(
        initial="dlg_manage();" +
        step("none", 'dlg_req_within("callee", "INFO")') +
        step("refer_none", 'dlg_refer("callee", "sip:x@127.0.0.1")'),
        inside='if (is_method("UPDATE")) {' +
        step("callee", 'dlg_req_within("callee", "INFO")') +
        step("caller", 'dlg_req_within("caller", "INFO")') +
        step("refer", 'dlg_refer("callee", "sip:x@127.0.0.1")') + "}\n")
    with env.proxy(routes=script(**hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        ringing = b.reply(invite, 183)
        side.learn(a.expect(183))
        callee = sip.Side.of_callee(b, invite, ringing)
        side.request("UPDATE")
        to_b, to_a = b.expect("INFO"), a.expect("INFO")
        for request, end, peer in ((to_b, callee, side), (to_a, side, None)):
            same("Request-URI", request.uri, end.party.contact)
            same("tags", [request.from_tag, request.to_tag],
                 [end.remote_tag, end.local_tag])
            if peer:
                check(request.cseq > 1, "CSeq %d", request.cseq)
            end.party.reply(request, 200)
        b.reply(b.expect("UPDATE"), 200)
        a.expect(200, "UPDATE")
        same("results", results(server), {
            "none": "-1", "refer_none": "-1", "callee": "1", "caller": "1",
            "refer": "-1"})
        b.never("REFER", seconds=0.1)


@parley_only(NEW)
def test_within_prack(env):
    """From the reply route of a 183: the proxy acknowledges it itself."""
    prack = 'if (status == "183") { $var(rack) = "RAck: " + $hdr(RSeq) + ' \
        '" " + $hdr(CSeq); %s }' % step(
            "prack", 'dlg_req_within("callee", "PRACK", "$var(rack)")')
    hooks = dict(initial='dlg_manage(); t_on_reply("R");',
                 more="onreply_route[R] { %s }" % prack)
    with env.proxy(routes=script(**hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        for number, tag in enumerate(("one", "two"), 1):
            b.reply(invite, 183, tag=tag, headers=[("RSeq", number)])
            request = b.expect("PRACK")
            same("PRACK", [request.uri, request.to_tag, request.from_tag,
                           request.get("RAck"), request.cseq],
                 [b.contact, tag, side.local_tag,
                  "%d 1 INVITE" % number, 2])
            b.reply(request, 200)
            a.expect(183)
        b.reply(invite, 200, tag="two")
        side.learn(a.expect(200, "INVITE")).ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        same("results", results(server), {"prack": "1"})


@parley_only(NEW)
def test_within_leg(env):
    """Two callees have answered: the one that the message comes from."""
    code = 'dlg_req_within("callee", "OPTIONS");' \
        'dlg_req_within("caller", "MESSAGE");'
    with env.proxy(routes=script(inside=on_info(code))) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        ends = []
        for tag in ("one", "two"):
            reply = b.reply(invite, 200, tag=tag)
            got = a.expect(lambda m, t=tag: m.code == 200 and m.to_tag == t)
            mine = side.fork(got)
            mine.ack()
            b.expect("ACK")
            ends.append((mine, sip.Side.of_callee(b, invite, reply)))
        mine, theirs = ends[1]
        theirs.request("INFO")
        b.expect(200, "INFO")
        same("To-tag", b.expect("OPTIONS").to_tag, "two")
        same("From-tag", a.expect("MESSAGE").from_tag, "two")
        ends[0][0].request("INFO")
        a.expect(200, "INFO")
        same("To-tag", b.expect("OPTIONS").to_tag, "one")


BAD_REQUESTS = (
    ("blank", '"callee", "IN FO"'),
    ("empty", '"callee", "$hdr(X-None)"'),
    ("crlf", '"callee", "INFO\\r\\nX: y"'),
    ("ack", '"callee", "ACK"'),
    ("cancel", '"callee", "CANCEL"'),
    ("no_colon", '"callee", "INFO", "just text"'),
    ("lone_lf", '"callee", "INFO", "A: b\\nC: d"'),
    ("empty_line", '"callee", "INFO", "A: b\\r\\n\\r\\nbody"'),
    ("no_type", '"callee", "INFO", "$var(empty)", "body"'),
    ("type_lines", '"callee", "INFO", "a/b\\r\\nX: y", "body"'),
    ("no_body", '"callee", "INFO", "a/b", "$var(empty)"'),
    ("long", '"callee", "INFO", "X: $var(x)"'),
)


def _within_bad(env, wrong):
    fill = '$var(empty) = ""; $var(x) = "%s";' % ("x" * 9000)
    code = fill + "".join(step(name, "dlg_req_within(%s)" % bad)
                          for name, bad in wrong)
    with in_call(env, code) as (server, a, b, call):
        ask(call)
        same("results", results(server), {n: "-1" for n, _ in wrong})
        lines = [line for line in server.log().splitlines()
                 if "ERROR" in line and ("req_within" in line or
                                         "not sent" in line)]
        same("lines", len(lines), len(wrong))
        b.never(lambda m: not m.is_reply, seconds=0.2)
        still_up(server, call)


@parley_only(NEW)
def test_within_bad(env):
    """False, one line that says why, and nothing is sent. Ten lines a second
    are written, so not all at once."""
    _within_bad(env, BAD_REQUESTS[:6])
    _within_bad(env, BAD_REQUESTS[6:])


@parley_only(NEW)
def test_within_bad_start(env):
    """A side that is none stops Kamailio."""
    for call in ('dlg_req_within("nobody", "INFO")',
                 'dlg_refer("all", "sip:x@y")', 'dlg_refer("", "sip:x@y")'):
        try:
            with env.proxy(routes=script(inside=call + ";")):
                raise AssertionError("%s starts" % call)
        except proxy.StartFailed as failure:
            check("side must be" in failure.log, "%s: %s", call,
                  failure.log[-500:])


@parley_only(NEW)
def test_within_no_call(env):
    """Outside of any call all of them are false."""
    code = "".join((
        step("within", 'dlg_req_within("all", "INFO")'),
        step("refer", 'dlg_refer("callee", "sip:x@127.0.0.1")'),
        step("did", 'dlg_refer_did("1", "77", "callee", "sip:x@127.0.0.1")'),
        step("minus", 'dlg_refer_did("-1", "-7", "callee", "sip:x@y.test")'),
        step("cid", 'dlg_refer_cid("nobody", "callee", "sip:x@127.0.0.1")'),
        step("ruri", "dlg_set_ruri()")))
    routes = script(out_of_dialog='if (is_method("OPTIONS")) { %s '
                    'sl_send_reply("200", "OK"); exit; }' % code)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a:
        a.ask("OPTIONS")
        same("results", results(server), {
            "within": "-1", "refer": "-1", "did": "-1", "minus": "-1",
            "cid": "-1", "ruri": "-1"})


# ------------------------------------------------------------ dlg_refer

BRIDGE = [("bridge_controller", "sip:ctl@127.0.0.9"),
          ("bridge_contact", "sip:ctl@127.0.0.9:5077")]


def refers(request, to="sip:new@127.0.0.1"):
    """Is it a REFER to @to (RFC 3515, RFC 3892)?"""
    same("Refer-To", request.get("Refer-To"), to)
    same("Referred-By", request.get("Referred-By"), "sip:ctl@127.0.0.9")
    same("Contact", request.contact, "sip:ctl@127.0.0.9:5077")


def _refer(env, code, named, calls):
    """The party that is named gets a REFER and, as it accepts, a BYE."""
    with in_call(env, code, BRIDGE) as (server, a, b, call):
        party, other = (a, b) if named == "caller" else (b, a)
        side = getattr(call, named)
        peer = call.callee if named == "caller" else call.caller
        ask(call, "caller" if named == "callee" else "callee")
        refer = party.expect("REFER")
        fits(refer, side)
        refers(refer)
        party.reply(refer, 100)
        party.never("BYE", seconds=0.2)
        party.reply(refer, 202)
        bye = party.expect("BYE")
        fits(bye, side)
        party.reply(bye, 200)
        same("results", results(server), calls)
        other.never(lambda m: not m.is_reply, seconds=0.2)
        # The other party hangs up by itself.
        same("state", state_of(server, call.callid), 4)
        peer.cseq += 5
        peer.request("BYE")
        party.reply(party.expect("BYE"), 481)
        wait_statistic(server, "active_dialogs", 0)


@stock_differs("REFER and BYE go to the side that is not named")
def test_refer_caller(env):
    _refer(env, step("refer", 'dlg_refer("caller", "sip:new@127.0.0.1")'),
           "caller", {"refer": "1"})


@stock_differs("REFER and BYE go to the side that is not named")
def test_refer_callee(env):
    _refer(env, '$var(u) = "new";' + step(
        "refer", 'dlg_refer("callee", "sip:$var(u)@127.0.0.1")'),
        "callee", {"refer": "1"})


@parley_only("dlg_refer_did() is newer than the packaged module")
def test_refer_did(env):
    _refer(env, '$var(s) = "Caller";' + step(
        "refer", 'dlg_refer_did("$dlg(h_entry)", "$dlg(h_id)", "$var(s)", '
                 '"sip:new@127.0.0.1")'), "caller", {"refer": "1"})


@parley_only("dlg_refer_cid() is newer than the packaged module")
def test_refer_cid(env):
    _refer(env, step("refer", 'dlg_refer_cid("$ci", "callee", '
                              '"sip:new@127.0.0.1")'), "callee",
           {"refer": "1"})


@stock_differs("the BYE is sent whatever the answer to the REFER is")
def test_refer_refused(env):
    """603, 481 and no answer: the call goes on."""
    code = 'dlg_refer("callee", "sip:new@127.0.0.1");'
    with in_call(env, code, BRIDGE, last=FAST_TIMERS) as (server, a, b, call):
        for answer in (603, 481, 408):
            ask(call)
            refer = b.expect("REFER")
            b.reply(refer, answer)
            net.wait_until(lambda code=answer: "answered with %d" % code in
                           server.log(), 5, "the line about %d" % answer)
            call.caller.cseq = refer.cseq
        ask(call)
        last = b.expect("REFER")
        net.wait_until(lambda: server.log().count("answered with 408") == 2, 5,
                       "the timeout")
        b.never("BYE", seconds=0.2)
        a.never("BYE", seconds=0.1)
        call.caller.cseq = last.cseq
        still_up(server, call)


ADDRESSES = (
    ("sip:x@y.test;user=phone", "<sip:x@y.test;user=phone>"),
    ("sip:x@y.test?Replaces=1%3Bto-tag%3D2",
     "<sip:x@y.test?Replaces=1%3Bto-tag%3D2>"),
    ('\\"N\\" <sip:x@y.test;lr>', '"N" <sip:x@y.test;lr>'),
    ("sips:x@y.test", "sips:x@y.test"), ("tel:+123", "tel:+123"))


@stock_differs("an address with a parameter is not put in brackets")
def test_refer_address(env):
    """A URI with parameters or headers needs brackets (RFC 3261 20)."""
    code = "".join('$var(a) = "%s"; dlg_refer("callee", "$var(a)");' % a
                   for a, _ in ADDRESSES)
    with in_call(env, code, BRIDGE) as (_, _, b, call):
        ask(call)
        for _, want in ADDRESSES:
            refer = b.expect("REFER")
            refers(refer, want)
            b.reply(refer, 603)


@parley_only("dlg_refer_did() is newer than the packaged module")
def test_refer_bad(env):
    """An address that is no URI, a side that is none."""
    bad = ["bob", "", "<sip:x@y.test", "sip:x@y.test\\r\\nX-Evil: 1",
           "sip:x y@z.test", "<sip:x@y.test>;q=1", "sip:" + "x" * 5000 + "@y"]
    code = "".join('$var(a%d) = "%s";' % pair for pair in enumerate(bad))
    code += "".join(step("a%d" % i, 'dlg_refer("callee", "$var(a%d)")' % i)
                    for i in range(len(bad)))
    code += step("did", 'dlg_refer_did("$dlg(h_entry)", "$dlg(h_id)", '
                        '"nobody", "sip:x@y.test")')
    code += step("cid", 'dlg_refer_cid("$ci", "all", "sip:x@y.test")')
    with in_call(env, code, BRIDGE) as (server, _, b, call):
        ask(call)
        found = results(server)
        same("results", set(found.values()), {"-1"})
        same("calls", len(found), len(bad) + 2)
        lines = [line for line in server.log().splitlines()
                 if "ERROR" in line and "REFER" in line]
        same("lines", len(lines), len(bad) + 2)
        b.never("REFER", seconds=0.2)
        still_up(server, call)


# ------------------------------------------------------------ dlg_set_ruri


def test_set_ruri(env):
    """The contact of the other party, both ways."""
    hooks = dict(inside='if (is_method("UPDATE")) { dlg_set_ruri(); '
                 'xlog("L_ERR", "|$fU:$rc|\\n"); }')
    with in_call(env, "", routes=False, hooks=hooks) as (server, a, b, call):
        for side, other in ((call.caller, b), (call.callee, a)):
            side.request("UPDATE", uri="sip:wrong@127.0.0.1:9")
            got = other.expect("UPDATE")
            same("Request-URI", got.uri, other.contact)
            other.reply(got, 200)
            side.party.expect(200, "UPDATE")
        same("results", results(server), {"a": "1", "b": "1"})


def test_set_ruri_none(env):
    """A callee without Contact: false, and the Request-URI stays."""
    hooks = dict(inside='if (is_method("UPDATE")) { dlg_set_ruri(); '
                 'xlog("L_ERR", "|ruri:$rc|\\n"); }')
    with env.proxy(routes=script(**hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        b.reply(invite, 180, contact=False)
        side.learn(a.expect(180))
        side.target = b.contact
        side.request("UPDATE")
        same("Request-URI", b.expect("UPDATE").uri, b.contact)
        same("results", results(server), {"ruri": "-1"})


# ------------------------------------------------------------ parameters


def _keep(env, value, sides, ended):
    """Our BYEs pass the proxy once for each side whose route set has us."""
    count = 'if (is_method("BYE")) { xlog("L_ERR", ' \
        '"|pass $fU $var(n) is_known=$dlg(state)|\\n"); }'
    with in_call(env, ended, [("keep_proxy_rr", value)],
                 hooks=dict(inside=count)) as (server, a, b, call):
        own = "127.0.0.1:%d;" % server.port
        listed = server.rpc("dlg.dlg_list", call.callid)
        for name, party in (("caller", a), ("callee", b)):
            routes = listed[name]["route_set"].split(",")
            same("route set of the " + name,
                 [own in routes[0], routes[-1] == beside(party)],
                 [name in sides, True])
        ask(call)
        for party, side in ((a, call.caller), (b, call.callee)):
            bye = party.expect("BYE")
            fits(bye, side)
            check(b"pown" not in bye.data, "the mark goes out: %r", bye.data)
            party.reply(bye, 200)
        wait_statistic(server, "active_dialogs", 0)
        same("passes", server.log().count("|pass "), len(sides))
        return server.rpc("dlg.stats") if not env.stock else None


def _keep_and_count(env, value, sides):
    stats = _keep(env, value, sides, 'dlg_bye("all");')
    if stats:
        same("ended", [stats[n] for n in (
            "ended_by_us", "ended_by_caller", "ended_by_callee",
            "bogus_event", "bogus_no_dialog", "bogus_no_leg")],
            [1, 0, 0, 0, 0, 0])


@stock_differs("one BYE may be missing (B10)")
def test_keep_proxy_rr_0(env):
    _keep_and_count(env, 0, ())


@stock_differs("one BYE may be missing (B10)")
def test_keep_proxy_rr_1(env):
    _keep_and_count(env, 1, ("callee",))


@stock_differs("2 alone has no effect")
def test_keep_proxy_rr_2(env):
    _keep_and_count(env, 2, ("caller",))


@stock_differs("one BYE may be missing (B10)")
def test_keep_proxy_rr_3(env):
    _keep_and_count(env, 3, ("caller", "callee"))


@parley_only(NEW)
def test_keep_proxy_rr_request(env):
    """A request of ours that passes the proxy is no request of a party: it
    does not renew the lifetime, and its CSeq is not counted twice."""
    code = 'dlg_set_timeout("50"); dlg_req_within("all", "OPTIONS");'
    seen = 'if (is_method("OPTIONS")) { xlog("L_ERR", "|pass|\\n"); }'
    params = [("keep_proxy_rr", 3), ("default_timeout", 5000)]
    with in_call(env, code, params, hooks=dict(inside=seen)) as (
            server, a, b, call):
        numbers = []
        for _ in range(2):
            ask(call)
            for party, side, peer in ((a, call.caller, call.callee),
                                      (b, call.callee, call.caller)):
                request = party.expect("OPTIONS")
                fits(request, side)
                numbers.append(request.cseq)
                party.reply(request, 200)
                peer.cseq = request.cseq
        same("passes", server.log().count("|pass|"), 4)
        first = call.caller.invite.cseq
        same("CSeq", numbers, [1, first + 1, 2, first + 2])
        left = server.rpc("dlg.dlg_list", call.callid)
        check(left["timeout"] - time.time() < 60, "lifetime renewed: %r", left)


@parley_only("it has no mark")
def test_keep_proxy_rr_forged(env):
    """A party that says its BYE is ours does not hide it from us."""
    with in_call(env, "", [("keep_proxy_rr", 3)]) as (server, a, b, call):
        call.caller.routes[0] = call.caller.routes[0].replace(
            ">", ";pown=0123456789abcdef>")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        same("ended", server.rpc("dlg.stats")["ended_by_caller"], 1)


def _tracked(env, params):
    """With track_cseq_updates what the parties send next is above ours, and
    each sees its own numbers in the replies."""
    code = 'dlg_req_within("all", "X-1"); dlg_req_within("all", "X-2");'
    with in_call(env, code, params + [("track_cseq_updates", 1)]) as (
            server, a, b, call):
        ask(call)
        for party, side in ((a, call.caller), (b, call.callee)):
            for method in ("X-1", "X-2"):
                request = party.expect(method)
                fits(request, side)
                party.reply(request, 200)
        for side, other in ((call.caller, call.callee),
                            (call.callee, call.caller)):
            for method in ("UPDATE", "MESSAGE"):
                mine = side.request(method)
                request = other.party.expect(method)
                fits(request, other)
                other.party.reply(request, 200)
                same("CSeq of the reply",
                     side.party.expect(200, method).cseq, mine.cseq)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


@parley_only(NEW)
def test_within_tracked(env):
    _tracked(env, [])


@parley_only(NEW)
def test_within_tracked_and_kept(env):
    _tracked(env, [("keep_proxy_rr", 3)])


@parley_only("the packaged module does not show it")
def test_ruri_pvar(env):
    """What the dialog's Request-URI is made from."""
    for text, want in ((None, "sip:b@127.0.0.1:"),
                       ("sip:$rU@kept.test;from=$fU",
                        "sip:b@kept.test;from=a"),
                       ("$avp(none)$avp(neither)", "<null><null>")):
        params = [("ruri_pvar", text)] if text else []
        with in_call(env, "", params) as (server, _, _, call):
            got = server.rpc("dlg.dlg_list", call.callid)["req_uri"]
            check(got.startswith(want), "req_uri is %s, expected %s", got,
                  want)


@parley_only("the packaged module does not follow such a call")
def test_ruri_pvar_empty(env):
    """Without any text the Request-URI is kept."""
    with in_call(env, "", [("ruri_pvar", "$(ru{s.substr,200,0})")]) as (
            server, _, b, call):
        same("req_uri", server.rpc("dlg.dlg_list", call.callid)["req_uri"],
             b.contact)


# ------------------------------------------------------------ documentation


def example(name):
    """An example of docs/*.md, by its name."""
    found = [text for _, key, text in documentation.examples() if key == name]
    same("examples called " + name, len(found), 1)
    return found[0]


def text_with(name):
    text = example(name)
    inside = "route(IN_CALL);" if "route[IN_CALL]" in text else ""
    return script(inside=inside, more=text)


@contextlib.contextmanager
def example_call(env, name):
    """A call through the script of an example."""
    with env.proxy(name="dialog", routes=text_with(name)) as server, \
            sip.Party(server, "alice") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        yield server, a, b, call


def info(call, *headers):
    call.caller.request("INFO", headers)
    call.caller.party.expect(200, "INFO")


@parley_only("the documentation is ours")
def test_documentation(env):
    """What the examples say they do."""
    with example_call(env, "dlg_req_within") as (_, a, b, call):
        info(call, ("X-Tell", "your credit is low"))
        message = b.expect("MESSAGE")
        same("MESSAGE", [message.get("X-From"), message.get("Content-Type"),
                         message.body],
             ["alice", "text/plain", "your credit is low"])
    with example_call(env, "dlg_refer") as (_, a, b, call):
        info(call, ("X-Park", "yes"))
        same("Refer-To", a.expect("REFER").get("Refer-To"),
             "sip:park@127.0.0.1")
    with example_call(env, "dlg_refer_did") as (server, a, b, call):
        found = server.rpc("dlg.dlg_list", call.callid)
        info(call, ("X-Entry", found["h_entry"]), ("X-Id", found["h_id"]))
        for party in (a, b):
            same("Refer-To", party.expect("REFER").get("Refer-To"),
                 "sip:park@127.0.0.1")
    with example_call(env, "dlg_bridge") as (_, a, b, call):
        info(call, ("X-Dial", "sip:x@127.0.0.1"))
        same("To", a.expect("INVITE").get("To").strip("<>"), a.contact)
    with example_call(env, "dlg_set_ruri") as (server, a, b, call):
        call.caller.request("UPDATE",
                            uri="sip:wrong@127.0.0.1:%d" % server.port)
        same("Request-URI", b.expect("UPDATE").uri, b.contact)
    with example_call(env, "bridge_contact") as (_, a, b, call):
        call.caller.request("NOTIFY", uri="sip:click-to-dial@127.0.0.1:5060")
        a.expect(200, "NOTIFY")
        b.never("NOTIFY", seconds=0.1)
    with example_call(env, "bridge_controller") as (server, a, _, _):
        server.rpc("dlg.bridge_dlg", a.contact, "sip:x@127.0.0.1")
        check("<sip:click-to-dial@example.com>" in a.expect(
            "INVITE").get("From"), "From")
    with example_call(env, "lreq_callee_headers") as (server, a, b, call):
        found = server.rpc("dlg.dlg_list", call.callid)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        same("TH", [p.expect("BYE").get("TH") for p in (a, b)], ["", "dlh"])
