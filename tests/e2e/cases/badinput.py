"""What the network may send: no effect on any dialog, no crash, a few lines."""
import time

from lib import rpc
from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      state_of, stock_differs, wait_statistic)


LONG = ("no_memory",)


def _unharmed(server, call):
    """The server answers and the call is as it was; then it is ended."""
    check(server.alive(), "the server has died:\n%s", server.log()[-2000:])
    same("state", state_of(server, call.callid), 4)
    call.hang_up()
    wait_statistic(server, "active_dialogs", 0)
    check("BUG" not in server.log(), "%s", server.log()[-2000:])


def _cookies(found):
    entry = format(found["h_entry"], "x")[::-1]
    number = format(found["h_id"], "x")[::-1]
    yield from ("", ".", "0.0", "x.y", "-1.-1", entry, entry + ".",
                "." + number, number + "." + entry, entry + "." + number + "x", "ffffffff.ffffffff",
                "f" * 4000 + "." + number, entry + "." + "1" * 8000,
                entry + ".." + number, entry + "." + number + ".1",
                "%00", "1.1", "7fffffff.7fffffff", "ffffffffffffffffff.1")


def test_cookies(env):
    """BYEs with forged, foreign, cut and huge did values."""
    with env.proxy([("dlg_match_mode", 0)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call, other = sip.establish(a, b), sip.establish(a, b)
        found = server.rpc("dlg.dlg_list", call.callid)
        right = call.caller.routes
        for cookie in _cookies(found):
            call.caller.routes = ["<sip:127.0.0.1:%d;lr;did=%s>"
                                  % (server.port, cookie)]
            call.caller.request("BYE")
        # A cookie that is right for another call.
        call.caller.routes = other.caller.routes
        call.caller.request("BYE")
        net.wait_until(lambda: server.rpc("core.uptime"), 5, "it answers")
        b.drain(0.3)
        a.drain()
        call.caller.routes = right
        other.hang_up()
        wait_statistic(server, "active_dialogs", 1)
        _unharmed(server, call)


def test_right_cookie_wrong_tags(env):
    """Cookie and Call-ID are right, a tag is not: no match."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        tag = call.caller.local_tag
        for local, remote in (("wrong", None), (tag, "wrong"),
                              (tag, ""), ("wrong", "wrong"), ("", "")):
            call.caller.local_tag = local
            call.caller.request("BYE", to_tag=call.caller.remote_tag
                                if remote is None else remote)
        call.caller.local_tag = tag
        b.drain(0.3)
        a.drain()
        _unharmed(server, call)


def _raw(party, call, lines):
    text = "\r\n".join(lines) + "\r\n\r\n"
    party.send(text.encode("latin-1"))


def test_missing_parts(env):
    """Requests without From-tag, To-tag, Call-ID, CSeq, or with empty ones."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        full = call.caller.text("BYE").decode().rstrip("\r\n").split("\r\n")
        for name in ("From", "To", "Call-ID", "CSeq", "Via", "Route"):
            _raw(a, call, [line for line in full
                           if not line.startswith(name + ":")])
            _raw(a, call, [name + ":" if line.startswith(name + ":") else line
                           for line in full])
            if name in ("From", "To"):
                _raw(a, call, [line.partition(";tag=")[0] if
                               line.startswith(name + ":") else line
                               for line in full])
                _raw(a, call, [line.partition(";tag=")[0] + ";tag=" if
                               line.startswith(name + ":") else line
                               for line in full])
        net.wait_until(lambda: server.rpc("core.uptime"), 5, "it answers")
        b.drain(0.3)
        a.drain()
        # A BYE without Route reaches nobody; one whose Route header is empty
        # is none either.
        _unharmed(server, call)


def test_huge_headers(env):
    """Headers of up to 64 KB: tags, Call-ID, contact, unknown ones."""
    with env.proxy(pkg_mb=32) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        for size in (1000, 30000, 60000):
            long = "x" * size
            call.caller.request("INFO", [("X-Long", long)])
            call.caller.request("INFO", to_tag=long)
            call.caller.request("INFO", routes=[
                "<sip:127.0.0.1:%d;lr;did=%s>" % (server.port, long)])
            side = a.invite(b, callid=long)
            a.invite(b, tag=long)
            a.invite(b, [("Contact", "<sip:%s@127.0.0.1>" % long)])
            check(side.callid == long, "call")
        net.wait_until(lambda: server.rpc("core.uptime"), 5, "it answers")
        for request in b.drain(0.5):
            if request.method == "INVITE":
                b.reply(request, 486, contact=False)
            elif not request.is_reply:
                b.reply(request, 200)
        a.drain(0.2)
        check(server.alive(), "the server has died")
        same("state", state_of(server, call.callid), 4)


def test_unknown_dialogs(env):
    """Requests for ended and unknown dialogs."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        gone, call = sip.establish(a, b), sip.establish(a, b)
        gone.hang_up()
        wait_statistic(server, "active_dialogs", 1)
        for method in ("BYE", "INFO", "UPDATE", "ACK", "PRACK", "INVITE"):
            gone.caller.request(method)
            gone.callee.request(method)
            stranger = sip.Side(a)
            stranger.routes, stranger.target = gone.caller.routes, b.contact
            stranger.remote_tag = "nobody"
            stranger.request(method)
        b.drain(0.3)
        a.drain()
        same("processed", server.statistics()["processed_dialogs"], 2)
        _unharmed(server, call)


def test_stray_replies(env):
    """Replies that nobody waits for."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        for code in (100, 180, 200, 302, 404, 487, 600):
            for method in ("INVITE", "BYE", "CANCEL", "INFO"):
                b.send(sip.build("SIP/2.0 %d Stray" % code, [
                    ("Via", "SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKabc"
                     % server.port),
                    ("Via", "SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bKdef"
                     % a.port),
                    ("From", call.caller.text("BYE").decode().partition(
                        "From: ")[2].partition("\r")[0]),
                    ("To", "<sip:b@to.test>;tag=" + call.caller.remote_tag),
                    ("Call-ID", call.callid), ("CSeq", "1 " + method)]))
        net.wait_until(lambda: server.rpc("core.uptime"), 5, "it answers")
        a.drain(0.3)
        _unharmed(server, call)


@parley_only("the packaged module writes a line for each")
def test_log_rate(env):
    """2,000 forged requests: at most ten lines a second, and then how many
    were left out."""
    with env.proxy(debug=2) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        before = len(server.log().split("\n"))
        start = time.monotonic()
        for number in range(2000):
            call.caller.request("INFO", to_tag="forged%d" % number)
            if number % 50 == 0:
                b.drain()
        net.wait_until(lambda: server.rpc("core.uptime"), 5, "it answers")
        b.drain(0.3)
        a.drain()
        seconds = time.monotonic() - start
        lines = len(server.log().split("\n")) - before
        # Ten of a cause and one about what was left out, per second begun.
        check(lines <= 11 * (int(seconds) + 2), "%d lines in %.1f s:\n%s",
              lines, seconds, server.log()[-1500:])
        _unharmed(server, call)


@stock_differs("a long profile name is no fault there")
def test_rpc_arguments(env):
    """Wrong arguments are faults; the server goes on."""
    with env.proxy([("profiles_with_value", "caller")]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        for command in ("dlg.end_dlg", "dlg.terminate_dlg",
                        "dlg.profile_get_size", "dlg.profile_list"):
            for args in ((), ("",), (-1,), (-1, -1), (0, 0), ("x" * 5000,),
                         (1 << 30, 1 << 30), ("a", "b", ""), ("", "", "")):
                try:
                    server.rpc(command, *args)
                except rpc.Fault as fault:
                    check(fault.text, "%s%r: no reason", command, args)
                else:
                    raise AssertionError("%s%r is no fault" % (command, args))
        _unharmed(server, call)


@parley_only("lists of any length, ours")
def test_rpc_list_arguments(env):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        for args in ((0,), (-1,), ("x",), (5, 1), (5, "x", "y"),
                     (5, 1 << 30, 1)):
            try:
                server.rpc("dlg.list", *args)
            except rpc.Fault as fault:
                check(fault.text, "no reason")
            else:
                raise AssertionError("dlg.list%r is no fault" % (args,))
        _unharmed(server, call)


@parley_only("lists of any length, ours")
def test_paging(env):
    """All dialogs, three at a time, each once, also while some end."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        calls = [sip.establish(a, b) for _ in range(20)]
        seen, after = [], ()
        while True:
            page = server.json("dlg.list", 3, *after)
            check(len(page) <= 3, "%d dialogs in a page", len(page))
            seen += [d["call-id"] for d in page]
            if len(page) < 3:
                break
            after = (page[-1]["h_entry"], page[-1]["h_id"])
            if len(seen) == 6:  # the one the cursor names goes away
                gone = [c for c in calls if c.callid == seen[-1]][0]
                gone.hang_up()
                wait_statistic(server, "active_dialogs", 19)
        same("dialogs", sorted(seen), sorted(c.callid for c in calls))


@parley_only("rpc_list_max is ours")
def test_list_max(env):
    """More than rpc_list_max without arguments: a fault that names it."""
    with env.proxy([("rpc_list_max", 5)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for _ in range(5):
            sip.establish(a, b)
        same("list", len(dialogs(server)), 5)
        sip.establish(a, b)
        try:
            server.json("dlg.list")
        except rpc.Fault as fault:
            check("rpc_list_max" in fault.text and "5" in fault.text, "%s",
                  fault.text)
        else:
            raise AssertionError("no fault")
        same("page", len(server.json("dlg.list", 6)), 6)


# A $dlg_var() of 32 KB fills the pool before tm needs much of it.
BIG = '''
    $var(x) = "0123456789abcdef";
    $var(i) = 0;
    while ($var(i) < 11) {
        $var(x) = $var(x) + $var(x);
        $var(i) = $var(i) + 1;
    }
    $dlg_var(big) = $var(x);
    if (!dlg_manage()) { append_hf("X-Untracked: 1\\r\\n"); }'''


def _big_call(a, b):
    """Returns the call and whether it is followed."""
    side = a.invite(b)
    invite = b.expect("INVITE", callid=side.callid, seconds=2)
    return sip.answer(side, invite, b), not invite.get("X-Untracked")


def _tm_idle(server):
    net.wait_until(lambda: server.rpc("tm.stats")["current"] == 0, 40,
                   "tm has forgotten everything")


@parley_only("the packaged module refuses the call")
def test_no_memory(env):
    """Calls until no memory is left: then calls are relayed untracked,
    dlg_manage() is false, a counter and few lines say so; when calls have
    ended, new ones are followed again."""
    with env.proxy(routes=script(initial=BIG), shm_mb=8, pkg_mb=16,
                   core="pv_buffer_size=65536",
                   last='modparam("tm", "wt_timer", 100)') as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        held, followed = [], True
        try:
            while followed and len(held) < 600:
                call, followed = _big_call(a, b)
                held.append(call)
        except net.Timeout:
            pass  # tm had no memory for the INVITE or the 200 either
        check(50 < len(held) < 600, "%d calls", len(held))
        untracked = 0
        while untracked < 15:
            _tm_idle(server)
            call, followed = _big_call(a, b)
            if followed:
                held.append(call)
                check(len(held) < 600, "there is memory left")
                continue
            untracked += 1
            call.hang_up()
        check(server.rpc("dlg.stats")["no_memory"] >= 15, "not counted")
        lines = [r for r in server.log().split("\n")
                 if "not followed" in r and ": %s [" % env.name in r]
        check(1 <= len(lines) <= 40, "%d lines\n%s", len(lines), lines[:3])
        for found in server.json("dlg.list"):
            try:
                server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
            except rpc.Fault:
                pass  # a call that tm had no memory for has ended by itself
            for message in a.drain(0.005) + b.drain():
                if message.method == "BYE" and not message.is_reply:
                    (a if message.uri == a.contact else b).reply(message, 200)
        with sip.Answerer(a), sip.Answerer(b):
            wait_statistic(server, "active_dialogs", 0, 40)
        # Ended ones are kept for 64*T1, in which late replies may come.
        net.wait_until(lambda: server.rpc("dlg.stats")["deleted"] == 0, 45,
                       "the ended dialogs are freed")
        call, followed = _big_call(a, b)
        check(followed, "calls are not followed again")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
