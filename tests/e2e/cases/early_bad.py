"""Ends of calls with senseless words: sides, reasons, headers and variables
with line ends, quotes, halves of characters, or 10 KB."""
from lib.case import (check, net, parley_only, same, script, sip, state_of,
                      wait_state, wait_statistic)

from . import capi_module, early, kemi

REASON = "the packaged module cannot end a call that is not answered"
CORE = "pv_buffer_size=40000\n"
# What is given, and what goes onto the wire of it.
NASTY = (
    b"a\r\nX-Evil: 1\r\n\r\nbody", b"\n", b"\r\n.\r\n", b"tab\there",
    b'say "no"', b'"', b'";cause=200;text="', b"back\\slash", b"\\" * 300,
    b'"' * 300, b"x" * 10240, b"\xc3\xbc" * 5120, b"y" + b"\xc3\xbc" * 5120,
    b"\r\nX-Evil: 1" * 900, b"\xff\xfe", b"\x01\x02\x7f end",
)


def on_the_wire(reason, size, escape):
    """As reason.h says it."""
    text = bytes(0x20 if c < 0x20 or c == 0x7F else c for c in reason)
    pieces, at = [], 0
    while at < len(text):
        width = 1
        while width < 4 and at + width < len(text) and \
                text[at + width] & 0xC0 == 0x80:
            width += 1
        piece = text[at:at + width]
        if escape and piece[:1] in b'"\\':
            piece = b"\\" + piece
        if sum(map(len, pieces)) + len(piece) >= size:
            break
        pieces.append(piece)
        at += width
    return b"".join(pieces)


def kept(reason):
    """What the dialog keeps of it."""
    cut = reason[:1024]
    while len(reason) > len(cut) and reason[len(cut)] & 0xC0 == 0x80:
        cut = cut[:-1]
    return cut


def check_message(what, message, reason, phrase=False):
    """One Reason header that says it, and no header that it has brought."""
    want = b'SIP;cause=480;text="%s"' % on_the_wire(reason, 256, True)
    lines = message.data.split(b"\r\n\r\n")[0].split(b"\r\n")
    # Spaces at the end of a phrase, and tabs, are as they are.
    same("Reason of %s" % what,
         [l for l in lines if l.lower().startswith(b"reason:")],
         [b"Reason: " + want])
    if phrase:
        same("first line", lines[0], b"SIP/2.0 480 " +
             on_the_wire(reason, 128, False))
    check(not any(l.lower().startswith(b"x-evil") for l in lines), "%s: %r",
          what, message.data[:400])
    check(b"\n" not in message.data.replace(b"\r\n", b"") and
          b"\r" not in message.data.replace(b"\r\n", b""), "%s: %r", what,
          message.data[:400])
    same("body of %s" % what, message.body, "")


def asking(command):
    return early.asking("%s" % command)


TERMINATE = 'dlg_terminate("all", "$(hdr(X-Why){s.decode.hexa})")'


@parley_only(REASON)
def test_reasons(env):
    """Ringing: final reply, CANCEL, BYE for the 200 that crosses. Answered: both
    BYEs. The call is ended whatever the reason."""
    with env.proxy(routes=script(**asking(TERMINATE)), core=CORE) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for reason in NASTY:
            header = ("X-Why", reason.hex())
            side, invite = early.ring(a, b)
            same("ended", early.ask(a, side, header), 200)
            final = a.expect(480, "INVITE", side.callid)
            check_message("the final reply", final, reason, phrase=True)
            side.ack_failure(final)
            cancel = b.expect("CANCEL", callid=side.callid)
            check_message("the CANCEL", cancel, reason)
            b.reply(cancel, 200)
            b.reply(invite, 200)
            b.expect("ACK", callid=side.callid)
            bye = b.expect("BYE", callid=side.callid)
            check_message("the BYE", bye, reason)
            b.reply(bye, 200)
            found = server.json("dlg.dlg_list", side.callid)
            same("end_reason", found["end_reason"].encode("latin-1"),
                 kept(reason))
            call = sip.establish(a, b)
            same("ended", early.ask(a, call.caller, header), 200)
            for party in (a, b):
                bye = party.expect("BYE", callid=call.callid)
                check_message("a BYE", bye, reason)
                party.reply(bye, 200)
        wait_statistic(server, "active_dialogs", 0)


@parley_only(REASON)
def test_sides(env):
    """A side that is none of the four, in a variable: false, a line in the log
    that says what is allowed, and the call goes on."""
    hooks = asking('dlg_terminate("$(hdr(X-Side){s.decode.hexa})", "why")')
    sides = (b"", b"nobody", b"all ", b" all", b"caller,callee", b"both\r\n",
             b"al", b"ALLL", b"1", b"3", b'"all"', b"x" * 10240)
    with env.proxy(routes=script(**hooks), core=CORE) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = early.ring(a, b)
        for word in sides:
            same(repr(word), early.ask(a, side, ("X-Side", word.hex())), 500)
        same("state", state_of(server, side.callid), 2)
        lines = [l for l in server.log().splitlines()
                 if "must be caller, callee, all or both" in l]
        check(lines and max(map(len, lines)) < 400, "lines %r", lines)
        check(any('"nobody"' in l for l in lines), "lines %r", lines)
        call = sip.answer(side, invite, b)
        for word in sides:
            same(repr(word), early.ask(a, side, ("X-Side", word.hex())), 500)
        wait_state(server, side.callid, 4)
        call.hang_up()


@parley_only(REASON)
def test_kemi(env):
    """The same from Lua; dlg_terminate() knows no other side."""
    text = kemi.functions("\td.dlg_manage()", '''
	if KSR.is_OPTIONS() then
		d.dlg_get(KSR.pv.get("$hdr(X-C)"), KSR.pv.get("$hdr(X-F)"),
			KSR.pv.get("$hdr(X-T)"))
		local why = "a\\r\\nX-Evil: \\"1\\"\\r\\n\\r\\n" .. ("x"):rep(10240)
		KSR.sl.sl_send_reply(300 +
			d.dlg_terminate(KSR.pv.get("$hdr(X-Side)"), why),
			"Result")
		return 1
	end''')
    reason = b'a\r\nX-Evil: "1"\r\n\r\n' + b"x" * 10240
    with kemi.lua_proxy(env, text) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = early.ring(a, b)
        for word in ("nobody", "all.", "x" * 5000):
            same(word, early.ask(a, side, ("X-Side", word)), 299)
        same("all", early.ask(a, side, ("X-Side", "All")), 301)
        final = a.expect(480, "INVITE")
        check_message("the final reply", final, reason, phrase=True)
        side.ack_failure(final)
        check_message("the CANCEL", b.expect("CANCEL"), reason)
        b.reply(invite, 487)


HEADERS = (
    ("X-A: 1\r\nX-B 2\r\n", "Name: value"), ("X-A: 1\r\n\r\nbody", "empty"),
    ("X-A: 1\nX-Evil: 1\r\n", "CR or LF"), ("X-A: 1\rX-Evil: 1", "CR or LF"),
    ("\r\n", "empty"), (": 1\r\n", "Name: value"), ("\"q\"\r\n", "Name: value"),
    ("X-A: %s\r\n" % ("x" * 10240), "4096"), ("X-A: 1\r\n" * 1280, "4096"),
)


def _headers_by_rpc(server, call, *headers):
    found = server.rpc("dlg.dlg_list", call)
    server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"], *headers)


@parley_only("it takes any text")
def test_headers(env):
    """dlg.end_dlg and dlg.terminate_dlg: a fault that says what is wrong, and
    the call, ringing or answered, goes on."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = early.ring(a, b)

        def refused(state):
            key = (side.callid, side.local_tag, side.remote_tag)
            for text, words in HEADERS:
                for end in (lambda t=text: _headers_by_rpc(
                        server, side.callid, t),
                        lambda t=text: server.rpc("dlg.terminate_dlg",
                                                  *key, t)):
                    try:
                        end()
                    except Exception as fault:
                        same("code", fault.code, 400)
                        check(words in str(fault), "%r: %s", text[:40], fault)
                    else:
                        raise AssertionError("%r: no fault" % text[:40])
            same("state", state_of(server, side.callid), state)
        refused(2)
        sip.answer(side, invite, b)
        wait_state(server, side.callid, 4)
        refused(4)
        long = "X-Long: %s" % ("x" * (4096 - 8))
        _headers_by_rpc(server, side.callid, long)
        for party in (a, b):
            bye = party.expect("BYE")
            same("X-Long", len(bye.get("X-Long")), 4088)
            party.reply(bye, 200)
        wait_statistic(server, "active_dialogs", 0)


@parley_only("it takes any text")
def test_headers_of_a_module(env):
    """terminate_dlg() of load_dlg(): -1, and the call goes on."""
    bad = ("X-A: 1\\nX-Evil: 1\\r\\n", "X-A: 1\\r\\n\\r\\n", "nonsense",
           "X-A: " + "x" * 10240)
    cases = "".join('if ($hdr(X-Which) == "%d") { caller_end("%s"); }\n'
                    % pair for pair in enumerate(bad))
    with capi_module.proxy(env, inside='if (is_method("INFO")) { %s }'
                           % cases) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = capi_module.established(server, a, b)
        for number in range(len(bad)):
            call.caller.request("INFO", [("X-Which", number)])
            b.reply(b.expect("INFO"), 200)
            a.expect(200, "INFO")
        same("results", [line["rc"] for _, line in
                         capi_module.lines(server, "end")], ["-1"] * len(bad))
        same("state", state_of(server, call.callid), 4)
        b.never("BYE", seconds=0.1)
        call.hang_up()


@parley_only("a long dlg_extra_hdrs is our affair")
def test_too_many_headers(env):
    """What does not fit into a BYE is left out; the BYE is sent."""
    params = [("dlg_extra_hdrs", "X-Param: %s\\r\\n" % ("x" * 9000))]
    with env.proxy(params) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        _headers_by_rpc(server, call.callid, "X-Given: 1")
        for party in (a, b):
            bye = party.expect("BYE")
            same("headers", (bye.get("X-Param"), bye.get("X-Given")), ("", ""))
            party.reply(bye, 200)
        wait_statistic(server, "active_dialogs", 0)
        check("BYE goes without dlg_extra_hdrs" in server.log(), "no line")


@parley_only(REASON)
def test_variables(env):
    """$dlg_var() keeps any text as it is; as a reason it is one line."""
    hooks = asking('$dlg_var(v) == $(hdr(X-Why){s.decode.hexa}) && '
                   'dlg_terminate("all", "$dlg_var(v)")')
    initial = '$dlg_var(v) = $(hdr(X-Why){s.decode.hexa}); dlg_manage();'
    with env.proxy(routes=script(initial=initial, **hooks), core=CORE) as \
            server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for value in NASTY:
            header = ("X-Why", value.hex())
            side = a.invite(b, [header])
            invite = b.expect("INVITE", callid=side.callid)
            b.reply(invite, 180)
            side.learn(a.expect(180, callid=side.callid))
            listed = server.json("dlg.dlg_list", side.callid)["variables"]
            same("by RPC", [list(pair) for pair in listed],
                 [[("v", value.decode("latin-1"))]])
            same("ended", early.ask(a, side, header), 200)
            final = a.expect(480, "INVITE", side.callid)
            check_message("the final reply", final, value, phrase=True)
            side.ack_failure(final)
            check_message("the CANCEL", b.expect("CANCEL", callid=side.callid),
                          value)
            b.reply(invite, 487)
        net.wait_until(lambda: server.rpc("dlg.stats")["early"] == 0, 5,
                       "all have ended")
