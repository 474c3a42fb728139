"""Callers and callees that keep calling while the proxy is killed and started
again, and keep their own record of what the network has told them.

A call follows a plan drawn from a seed: it rings, is answered, refused or
cancelled, talks, is held for a while, is hung up. Requests and final replies are
repeated until they are answered (RFC 3261 17). Nothing is sent while the load is
frozen; what arrives then is recorded and answered later.
"""
import random
import select
import socket
import time

from . import net, sip, stored

REPEAT = 0.5  # T1


class Call:
    """One call, as its parties know it. What was *seen* had been passed on by
    the proxy; what was *sent* may have been."""

    def __init__(self, load, rng, callid):
        self.load = load
        self.user = "u%d" % rng.randrange(4)
        self.plan = self._plan(rng)
        self.seen, self.sent = set(), set()
        self.info_seen = self.info_sent = 0
        self.cseq_seen = 1
        self.held = self.over = False
        self.repeated = {}  # what: [when, send()]
        self.round = load.round
        side = self.a = sip.Side(load.a)
        side.callid, side.local_tag = callid, "f" + callid
        side.local_uri = "sip:%s@from.test" % self.user
        side.remote_uri = "sip:b@to.test"
        side.target = load.b.contact
        self.b = self.invite = None

    @staticmethod
    def _plan(rng):
        end = rng.choices(("answer", "refuse", "cancel"), (10, 1, 1))[0]
        plan = ["hold"] * (rng.random() < 0.2) + [end]
        if end == "answer":
            plan += [rng.choice(("info a", "info b"))
                     for _ in range(rng.randrange(4))]
            plan += ["hold"] * (rng.random() < 0.5)
            plan += [rng.choice(("info a", "info b"))
                     for _ in range(rng.randrange(2))]
            plan.append(rng.choice(("bye a", "bye b")))
        return plan

    # ---- sending

    def say(self, what, send, repeat=True):
        self.sent.add(what)
        send()
        if repeat:
            self.repeated[what] = [time.monotonic() + REPEAT, send]

    def start(self):
        self.a.invite = sip.Message(self.a.text("INVITE"))
        self.say("INVITE", lambda: self.load.a.send(self.a.invite.data))

    def _request(self, side, what, method, headers=()):
        data = side.text(method, headers)
        self.say(what, lambda: side.party.send(data))

    def _reply(self, what, code):
        self.say(what, lambda: self.load.b.reply(
            self.invite, code, contact=code < 300))

    def step(self):
        """The next act of the plan, unless an answer is still to come."""
        if self.repeated or self.held or self.over or not self.plan or \
                "180" not in self.seen:
            return
        act = self.plan.pop(0)
        if act == "hold":
            self.held = True
        elif act == "answer":
            self._reply("200", 200)
        elif act == "refuse":
            self._reply("486", 486)
        elif act == "cancel" and self.round == self.load.round:
            data = self.cancel_text()
            self.say("CANCEL", lambda: self.load.a.send(data))
        elif act == "cancel":  # the transaction died with the proxy
            self.plan = ["answer", "bye a"]
            self.step()
        elif act.startswith("info"):
            self.info_sent += 1
            self._request(self.a if act == "info a" else self.b,
                          "INFO", "INFO", [("X-Info", str(self.info_sent))])
        else:
            self._request(self.a if act == "bye a" else self.b, "BYE", "BYE")

    def cancel_text(self):
        branch = self.a.invite.get("Via").partition("branch=")[2]
        return self.a.text("CANCEL", cseq=self.a.invite.cseq, to_tag="",
                           routes=[], branch=branch.partition(";")[0],
                           uri=self.a.invite.uri)

    # ---- what is seen; this much also happens while the load is frozen

    def note(self, message, at_a):
        if not message.is_reply:
            self.seen.add(message.method)
            if message.method == "INFO":
                self.info_seen = max(self.info_seen,
                                     int(message.get("X-Info")))
            if not at_a and message.method != "ACK":
                self.cseq_seen = max(self.cseq_seen, message.cseq)
        elif message.method == "INVITE":
            self.seen.add(str(message.code))

    # ---- what is done about it

    def act(self, message, at_a):
        party = self.load.a if at_a else self.load.b
        if message.is_reply:
            self._act_on_reply(message)
        elif message.method == "INVITE":
            self._act_on_invite(message)
        elif message.method == "ACK":
            self.repeated.pop("200", None)
            for code in ("486", "487"):
                if self.repeated.pop(code, None):
                    self.over = True
        elif message.method == "CANCEL":
            party.reply(message, 200, contact=False)
            if not self.sent & {"486", "487", "200"}:
                self._reply("487", 487)
        else:
            party.reply(message, 200)
            if message.method == "BYE":
                self._hung_up()
        self.step()

    def _hung_up(self):
        """BYE was seen: whatever else was to be repeated is void, but a BYE of
        our own gets its answer."""
        self.plan = []
        for what in set(self.repeated) - {"BYE"}:
            del self.repeated[what]
        self.over = not self.repeated

    def _act_on_invite(self, message):
        if self.b is None:
            self.invite = message
            reply = self.load.b.reply(message, 180)
            self.b = sip.Side.of_callee(self.load.b, message, reply)
            self.say("180", lambda: self.load.b.send(reply.data))

    def _act_on_reply(self, message):
        if message.method == "INVITE":
            self.repeated.pop("INVITE", None)
            if message.code == 180:
                self.repeated.pop("180", None)
            elif 200 <= message.code < 300:
                self.repeated.pop("180", None)
                self.a.learn(message)
                self.say("ACK", self.a.ack, repeat=False)
            elif message.code >= 300:
                self.repeated.pop("180", None)
                self.repeated.pop("CANCEL", None)
                self.a.ack_failure(message)
                # Its transaction lives only as long as the proxy.
                if self.round != self.load.round:
                    self.repeated.clear()
                self.over = not self.repeated
        elif message.code >= 200 and message.method != "CANCEL":
            self.repeated.pop(message.method, None)
            if message.method == "BYE":
                self.over = True
        elif message.method == "CANCEL":
            self.repeated.pop("CANCEL", None)

    def restarted(self):
        """The proxy was killed, and with it its transactions."""
        if "CANCEL" in self.sent and not self.seen & {"CANCEL", "487"}:
            # Nobody will ever pass it on.
            self.repeated.pop("CANCEL", None)
            self.sent.discard("CANCEL")
            self.plan = ["answer", "bye a"]
        if "100" in self.seen and "INVITE" not in self.seen:
            # So with the INVITE; a caller would wait for minutes.
            self.over = True
            self.load.lost.add(self.a.callid)

    # ---- what the proxy must know

    def expected(self):
        """(must it be there: True, False, None for either; possible states)"""
        seen, sent = self.seen, self.sent
        if seen & {"BYE", "486", "487"}:
            return False, set()
        if "BYE" in sent:
            return None, {3, 4}
        if "ACK" in seen and "200" in sent:  # and not that of a failure
            return True, {4}
        if "200" in seen:
            return True, {3, 4} if "ACK" in sent else {3}
        if sent & {"486", "CANCEL", "487"} or "180" not in seen:
            return None, {1, 2, 3} if "200" in sent else {1, 2}
        return True, {2, 3} if "200" in sent else {2}

    def compare(self, dialog):
        """@dialog: what RPC shows, or None; returns what is wrong."""
        must, states = self.expected()
        if dialog is None:
            return ["is not there, %r" % self] if must else []
        if must is False:
            return ["is there again, %r" % self]
        wrong = []
        if dialog["state"] not in states:
            wrong.append("has state %d, not one of %r, %r" % (
                dialog["state"], states, self))
        variables = dict(stored.pairs(dialog["variables"]))
        if must and variables.get("who") != self.user:
            wrong.append("has variables %r, %r" % (variables, self))
        info = int(variables.get("info", 0))
        if not self.info_seen <= info <= self.info_sent:
            wrong.append("has info %d, %r" % (info, self))
        cseq = int(dialog["caller"]["cseq"])
        if not self.cseq_seen <= cseq <= max(self.a.cseq, 1) and must:
            wrong.append("has the CSeq %d, not %d to %d, %r" % (
                cseq, self.cseq_seen, self.a.cseq, self))
        return wrong

    def __repr__(self):
        return "Call(%s, seen %s, sent %s, info %d of %d)" % (
            self.a.callid, "+".join(sorted(self.seen)),
            "+".join(sorted(self.sent)), self.info_seen, self.info_sent)


ROUTES = dict(
    initial='$dlg_var(who) = $fU; dlg_manage(); '
    'set_dlg_profile("callers", "$fU");',
    inside='if (is_method("INFO")) { $dlg_var(info) = $hdr(X-Info); }')


class Load:
    """@width: calls that are being made at once; held ones come on top."""

    def __init__(self, server, seed, width=12, most=60):
        self.server = server
        self.rng = random.Random(seed)
        self.width, self.most = width, most
        self.a, self.b = sip.Party(server, "a"), sip.Party(server, "b")
        self.calls = {}
        self.frozen = False
        self.later = []
        self.lost = set()  # INVITEs that nobody will answer
        self.round = 0
        self.made = 0
        self.growing = True

    def close(self):
        self.a.close()
        self.b.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    # ---- life

    def _grow(self):
        busy = sum(not c.held and not c.over for c in self.calls.values())
        while self.growing and busy < self.width:
            self.made += 1
            call = Call(self, self.rng, sip.unique("l"))
            self.calls[call.a.callid] = call
            call.start()
            busy += 1

    def _receive(self, at_a):
        party = self.a if at_a else self.b
        while True:
            try:
                data = party.sock.recv(65535, socket.MSG_DONTWAIT)
            except (BlockingIOError, ConnectionRefusedError):
                return
            if len(data) < 8:
                continue
            message = sip.Message(data)
            call = self.calls.get(message.callid)
            if call is None:
                continue  # late repetitions of a call that is over
            call.note(message, at_a)
            if self.frozen:
                self.later.append((call, message, at_a))
            else:
                call.act(message, at_a)

    def pump(self, seconds=0.02):
        """Lets calls go on for a moment."""
        if not self.frozen:
            self._grow()
            now = time.monotonic()
            for call in list(self.calls.values()):
                for entry in list(call.repeated.values()):
                    if entry[0] <= now:
                        entry[0] = now + REPEAT
                        entry[1]()
        found, _, _ = select.select([self.a.sock, self.b.sock], [], [],
                                    seconds)
        for sock in found:
            self._receive(sock is self.a.sock)

    def until(self, condition, seconds, what):
        deadline = time.monotonic() + seconds * net.PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise net.Timeout("%s: %r" % (what, [
                    c for c in self.calls.values() if not c.over][:3]))
            self.pump()

    def freeze(self):
        """The proxy is dead: takes in what it has sent."""
        self.frozen = True
        self.pump(0)

    def thaw(self):
        """The proxy is there again."""
        self.frozen = False
        self.round += 1
        self.calls = {i: c for i, c in self.calls.items() if not c.over}
        later, self.later = self.later, []
        for call in self.calls.values():
            call.restarted()
        for call, message, at_a in later:
            call.act(message, at_a)
        held = [c for c in self.calls.values() if c.held]
        for call in held:
            if len(held) > self.most or self.rng.random() < 0.3:
                call.held = False
        for call in list(self.calls.values()):
            call.step()

    def finish(self):
        """All calls come to their end."""
        self.growing = False
        for call in list(self.calls.values()):
            call.plan = [act for act in call.plan if act != "hold"]
            call.held = False
            call.step()
        self.until(lambda: all(c.over for c in self.calls.values()), 20,
                   "calls that do not end")

    # ---- comparison

    def compare(self, dialogs):
        """@dialogs: all that RPC shows; returns what is wrong."""
        shown, wrong = {}, []
        for dialog in dialogs:
            if dialog["state"] == 5:
                continue
            if dialog["call-id"] in shown:
                wrong.append("%s is there twice" % dialog["call-id"])
            shown[dialog["call-id"]] = dialog
        for callid in set(shown) - set(self.calls) - self.lost:
            wrong.append("%s is there again, it ended in an earlier round"
                         % callid)
        for callid, call in self.calls.items():
            if callid in self.lost:
                continue
            wrong += ["%s %s" % (callid, text)
                      for text in call.compare(shown.get(callid))]
        return wrong
