"""Scriptable SIP parties over UDP: exact bytes out, expectations in.

A Party is one address. A Side is one party's end of a dialog and knows what a
user agent must know (RFC 3261 12): tags, CSeq, route set, remote target.
Nothing happens by itself: no retransmission, no automatic answer, unless a
test asks for it.
"""
import itertools
import os
import socket
import threading
import time

from . import net

_count = itertools.count(1)
_unique = "%x%x" % (os.getpid(), time.time_ns() & 0xFFFFFF)

SHORT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact",
         "l": "content-length", "c": "content-type"}


def unique(prefix=""):
    return "%s%s.%d" % (prefix, _unique, next(_count))


class Message:
    """A received request or reply."""

    def __init__(self, data, source=None):
        self.data = data
        self.source = source
        head, _, self.body = data.decode("latin-1").partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.first = lines[0]
        self.headers = []
        for line in lines[1:]:
            if line[:1] in " \t" and self.headers:
                name, value = self.headers[-1]
                self.headers[-1] = (name, value + " " + line.strip())
                continue
            name, _, value = line.partition(":")
            self.headers.append((name.strip(), value.strip()))
        words = self.first.split(" ", 2)
        self.is_reply = words[0] == "SIP/2.0"
        self.code = int(words[1]) if self.is_reply else 0
        self.reason = words[2] if self.is_reply else ""
        self.uri = "" if self.is_reply else words[1]
        self.method = self.get("CSeq").split()[-1] if self.is_reply \
            else words[0]

    def all(self, name):
        name = name.lower()
        return [v for n, v in self.headers
                if SHORT.get(n.lower(), n.lower()) == name]

    def get(self, name, default=""):
        found = self.all(name)
        return found[0] if found else default

    def listed(self, name):
        """Values of a header that may hold several, separated by commas."""
        return [v.strip() for line in self.all(name)
                for v in line.split(",")]

    @property
    def callid(self):
        return self.get("Call-ID")

    @property
    def cseq(self):
        return int(self.get("CSeq").split()[0])

    @staticmethod
    def tag_of(value):
        for part in value.partition(">")[2].split(";"):
            if part.strip().startswith("tag="):
                return part.strip()[4:]
        return ""

    @property
    def from_tag(self):
        return self.tag_of(self.get("From"))

    @property
    def to_tag(self):
        return self.tag_of(self.get("To"))

    @property
    def contact(self):
        value = self.get("Contact")
        return value.partition("<")[2].partition(">")[0] or value

    def __repr__(self):
        return "<%s %s>" % (self.first, self.get("CSeq"))


def build(first, headers, body=""):
    """@headers: (name, value) pairs; adds Content-Length."""
    lines = [first] + ["%s: %s" % pair for pair in headers]
    lines.append("Content-Length: %d" % len(body))
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


class Party:
    """One UDP address, speaking to @proxy."""

    def __init__(self, proxy, user="u", port=None):
        self.user = user
        self.server = ("127.0.0.1", proxy.port)
        self.port = port or net.free_port()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.sock.bind(("127.0.0.1", self.port))
        self.backlog = []  # received and not yet expected
        self.repeats = False  # is told of requests that come again
        self._heard = set()
        self.contact = "sip:%s@127.0.0.1:%d" % (user, self.port)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()

    # ---- bytes

    def send(self, data):
        self.sock.sendto(data, self.server)

    def _receive(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            self.sock.settimeout(max(left, 0.0001))
            try:
                data, source = self.sock.recvfrom(65535)
            except (socket.timeout, BlockingIOError):
                return None
            if len(data) >= 8 and not self._is_repeated(data):
                return Message(data, source)
            # A keep-alive of four bytes, or what was told before.

    def _is_repeated(self, data):
        """A request that came before: who was slow to answer it gets it again,
        and has no more to do with it (RFC 3261 17.2). An ACK is always told."""
        if self.repeats or data.startswith((b"SIP/2.0", b"ACK ")):
            return False
        known = data in self._heard
        self._heard.add(data)
        return known

    @staticmethod
    def _fits(message, what, method, callid):
        if isinstance(what, int):
            if message.code != what:
                return False
        elif callable(what):
            if not what(message):
                return False
        elif message.is_reply or message.method != what:
            return False
        if method and message.method != method:
            return False
        return not callid or message.callid == callid

    def expect(self, what, method=None, callid=None, seconds=5.0):
        """The first message that fits and was not expected before: a method
        name for a request, a number for a reply, or a function. What does not
        fit is kept for later. A busy machine gets PATIENCE times @seconds."""
        seconds *= net.PATIENCE
        found = self.maybe(what, method, callid, seconds)
        if found is None:
            raise net.Timeout("%s: no %s %s within %.1f s, have %r" % (
                self.user, what, method or "", seconds, self.backlog))
        return found

    def maybe(self, what, method=None, callid=None, seconds=0.1):
        """The same for what need not come: None after @seconds."""
        for i, message in enumerate(self.backlog):
            if self._fits(message, what, method, callid):
                return self.backlog.pop(i)
        deadline = time.monotonic() + seconds
        while True:
            message = self._receive(deadline - time.monotonic())
            if message is None:
                if time.monotonic() < deadline:
                    continue
                return None
            if self._fits(message, what, method, callid):
                return message
            self.backlog.append(message)

    def drain(self, seconds=0.0):
        """Everything received so far, and within @seconds."""
        deadline = time.monotonic() + seconds
        while True:
            message = self._receive(deadline - time.monotonic())
            if message is None:
                break
            self.backlog.append(message)
        out, self.backlog = self.backlog, []
        return out

    def never(self, what, method=None, seconds=0.5):
        """Fails if a message that fits comes within @seconds."""
        found = self.maybe(what, method, seconds=seconds)
        if found is not None:
            raise AssertionError("%s got %r" % (self.user, found))

    # ---- replies

    def reply(self, request, code, text=None, tag=None, headers=(), body="",
              contact=True):
        """Answers @request; the To-tag is @tag, or one of its own."""
        out = [(n, v) for n, v in request.headers if SHORT.get(
            n.lower(), n.lower()) in ("via", "record-route", "from",
                                      "call-id", "cseq")]
        to = request.get("To")
        if not request.to_tag and code > 100 and tag != "":
            to += ";tag=" + (tag or "to." + request.callid[-12:])
        out.append(("To", to))
        if contact and code < 400:
            out.append(("Contact", "<%s>" % self.contact))
        data = build("SIP/2.0 %d %s" % (code, text or "Reply"),
                     out + list(headers), body)
        self.send(data)
        return Message(data)

    # ---- requests

    def ask(self, method, headers=(), uri=None, seconds=5.0):
        """A request outside any dialog to the proxy; returns the final reply."""
        side = Side(self)
        side.target = uri or "sip:proxy@127.0.0.1:%d" % self.server[1]
        side.request(method, headers, to_tag="")
        return self.expect(lambda m: m.code >= 200, method, side.callid,
                           seconds)

    def invite(self, to, headers=(), **options):
        """Sends an initial INVITE to the Party @to; returns our Side."""
        side = Side(self)
        side.callid = options.get("callid") or unique("c")
        side.local_tag = options.get("tag") or unique("f")
        side.local_uri = options.get("from_uri", "sip:%s@from.test" % self.user)
        side.remote_uri = options.get("to_uri", "sip:%s@to.test" % to.user)
        side.target = options.get("uri") or "sip:%s@127.0.0.1:%d" % (
            to.user, to.port)
        side.cseq = options.get("cseq", 1) - 1
        side.invite = side.request("INVITE", headers=headers,
                                   body=options.get("body", ""))
        return side


class Side:
    """One party's end of a dialog."""

    def __init__(self, party):
        self.party = party
        self.callid, self.local_tag = unique("o"), unique("f")
        self.remote_tag = self.target = ""
        self.local_uri = "sip:%s@from.test" % party.user
        self.remote_uri = "sip:proxy@to.test"
        self.routes = []
        self.cseq = 0
        self.invite = None

    @classmethod
    def of_callee(cls, party, invite, reply):
        """The callee's end, after @reply to @invite."""
        side = cls(party)
        side.callid = invite.callid
        side.local_tag, side.remote_tag = reply.to_tag, invite.from_tag
        side.local_uri = invite.get("To").partition("<")[2].partition(">")[0]
        side.remote_uri = invite.get("From").partition("<")[2] \
            .partition(">")[0]
        side.target = invite.contact
        side.routes = invite.listed("Record-Route")
        side.cseq = 100
        side.invite = invite
        return side

    def learn(self, reply):
        """Takes tag, route set and target from a 1xx or 2xx."""
        self.remote_tag = reply.to_tag
        self.routes = list(reversed(reply.listed("Record-Route")))
        if reply.contact:
            self.target = reply.contact
        return self

    def fork(self, reply):
        """Another dialog of the same INVITE (RFC 3261 12.1)."""
        other = Side(self.party)
        other.__dict__.update(self.__dict__)
        return other.learn(reply)

    def text(self, method, headers=(), body="", **options):
        """The bytes of a request and its CSeq; sends nothing."""
        cseq = options.get("cseq")
        if cseq is None:
            if method not in ("ACK", "CANCEL"):
                self.cseq += 1
            cseq = self.cseq
        branch = options.get("branch") or unique("z9hG4bK")
        party = self.party
        from_ = "<%s>;tag=%s" % (self.local_uri, self.local_tag)
        to = "<%s>" % self.remote_uri
        tag = options.get("to_tag", self.remote_tag)
        if tag:
            to += ";tag=" + tag
        lines = [("Via", "SIP/2.0/UDP 127.0.0.1:%d;branch=%s;rport"
                  % (party.port, branch))]
        lines += [("Route", r) for r in options.get("routes", self.routes)]
        lines += [("Max-Forwards", "70"), ("From", from_), ("To", to),
                  ("Call-ID", self.callid), ("CSeq", "%d %s" % (cseq, method)),
                  ("Contact", "<%s>" % party.contact)]
        uri = options.get("uri") or self.target
        return build("%s %s SIP/2.0" % (method, uri), lines + list(headers),
                     body)

    def request(self, method, headers=(), body="", **options):
        data = self.text(method, headers, body, **options)
        self.party.send(data)
        return Message(data)

    def ack(self, **options):
        """ACK for the 2xx of the last (re-)INVITE."""
        options.setdefault("cseq", self.invite_cseq())
        return self.request("ACK", **options)

    def invite_cseq(self):
        return getattr(self, "reinvite_cseq", None) or self.invite.cseq

    def cancel(self):
        """CANCEL of the initial INVITE: same branch and CSeq (9.1)."""
        return self.request(
            "CANCEL", cseq=self.invite.cseq, to_tag="", routes=[],
            branch=self.invite.get("Via").partition("branch=")[2]
            .partition(";")[0], uri=self.invite.uri)

    def ack_failure(self, reply):
        """ACK for a final reply of 300 or above (17.1.1.3)."""
        return self.request(
            "ACK", cseq=self.invite.cseq, to_tag=reply.to_tag, routes=[],
            branch=self.invite.get("Via").partition("branch=")[2]
            .partition(";")[0], uri=self.invite.uri)

    def reinvite(self, **options):
        message = self.request("INVITE", **options)
        self.reinvite_cseq = message.cseq
        return message


class Call:
    """An established call: .caller and .callee are its Sides."""

    def __init__(self, caller, callee):
        self.caller = caller
        self.callee = callee
        self.callid = caller.callid

    def hang_up(self, by="caller"):
        side = getattr(self, by)
        other = self.callee if by == "caller" else self.caller
        side.request("BYE")
        bye = other.party.expect("BYE", callid=self.callid)
        other.party.reply(bye, 200)
        return side.party.expect(200, "BYE", callid=self.callid)


def ring(caller, callee, headers=(), **options):
    """INVITE and 180; returns the caller's Side and the callee's INVITE."""
    side = caller.invite(callee, headers, **options)
    invite = callee.expect("INVITE", callid=side.callid)
    callee.reply(invite, 180)
    caller.expect(180, "INVITE", callid=side.callid)
    return side, invite


def answer(side, invite, callee, ack=True):
    """200 to @invite and the ACK; returns the Call."""
    reply = callee.reply(invite, 200)
    got = side.party.expect(200, "INVITE", callid=side.callid)
    side.learn(got)
    call = Call(side, Side.of_callee(callee, invite, reply))
    if ack:
        side.ack()
        callee.expect("ACK", callid=side.callid)
    return call


def establish(caller, callee, headers=(), **options):
    side, invite = ring(caller, callee, headers, **options)
    return answer(side, invite, callee)


def confirm_byes(callid, *parties, seconds=5.0):
    """Each of @parties gets a BYE and confirms it; the BYEs."""
    byes = [party.expect("BYE", callid=callid, seconds=seconds)
            for party in parties]
    for party, bye in zip(parties, byes):
        party.reply(bye, 200)
    return byes


def two_ring(caller, callee, headers=(), **options):
    """One INVITE that forks behind the proxy: 183 with the tags A and B."""
    side = caller.invite(callee, headers, **options)
    invite = callee.expect("INVITE", callid=side.callid)
    for tag in ("A", "B"):
        callee.reply(invite, 183, tag=tag)
        caller.expect(183, callid=side.callid)
    return side, invite


def answer_fork(side, invite, callee, tag):
    """200 with @tag, and its ACK: the Call of this leg."""
    ok = callee.reply(invite, 200, tag=tag)
    leg = side.fork(side.party.expect(200, "INVITE", callid=side.callid))
    leg.ack()
    callee.expect("ACK", callid=side.callid)
    return Call(leg, Side.of_callee(callee, invite, ok))


def two_answer(caller, callee):
    """Then 200 of B, and of A, each with its ACK: the Calls."""
    side, invite = two_ring(caller, callee)
    return [answer_fork(side, invite, callee, tag) for tag in "BA"]


class Answerer(threading.Thread):
    """Answers every BYE to a Party at once, in a thread of its own, for races
    that one thread does not show. .byes: {Call-ID: [Message]}."""

    def __init__(self, party, code=200):
        super().__init__(daemon=True)
        self.party = party
        self.code = code
        self.byes = {}
        self.ended = False

    def run(self):
        while not self.ended:
            message = self.party.maybe("BYE")
            if message is not None:
                self.party.reply(message, self.code)
                self.byes.setdefault(message.callid, []).append(message)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.ended = True
        self.join()
