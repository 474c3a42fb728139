"""What callbacks are told, as the modules of tests/e2e/modules write it to the
log; and what is the same for each of the three interfaces, whoever offers it."""
import re

from . import net, sip
from .case import same, wait_state

LINE = re.compile(r"\|(\w+)\|((?:\w+=[^|]*\|)*)$")
FORGET = ("end_timeout", 1)  # an ended call is soon gone
LOOP = '''
    if ($hdr(X-Loop) == "1" && !is_present_hf("X-Second")) {
        append_hf("X-Second: 1\\r\\n");
        $du = "sip:127.0.0.1:" + $Rp;
    }'''
SETUP = [("RESPONSE_FWDED", "INVITE", "180", 2), ("EARLY", "INVITE", "180", 2),
         ("RESPONSE_FWDED", "INVITE", "200", 2),
         ("CONFIRMED_NA", "INVITE", "200", 2), ("CONFIRMED", "ACK", "-", 1)]


def lines(server, *kinds):
    """[(kind, {name: text})] of what the module has logged."""
    found = []
    for line in server.log().splitlines():
        match = LINE.search(line)
        if match and (not kinds or match.group(1) in kinds):
            found.append((match.group(1), dict(
                field.split("=", 1) for field in
                match.group(2).split("|") if field)))
    return found


def names(server, kind):
    return [line["name"] for _, line in lines(server, kind)]


def codes(server, kind):
    """What was returned."""
    return [line["rc"] for _, line in lines(server, kind)]


class Types:
    """The types of callbacks of one interface: .number by name, .name by
    number; @more are (bit, name) beside those that all have."""

    def __init__(self, *more):
        bits = ("LOADED", "CREATED", "FAILED", "CONFIRMED_NA", "CONFIRMED",
                "REQ_WITHIN", "TERMINATED", "EXPIRED", "EARLY",
                "RESPONSE_FWDED", "RESPONSE_WITHIN")
        self.number = {name: 1 << bit for bit, name in [
            *enumerate(bits), (12, "RPC_CONTEXT"), (13, "DESTROY"),
            (14, "SPIRALED"), *more]}
        self.name = {number: name for name, number in self.number.items()}

    def wish(self, name, *types, action="log"):
        """Text of a registration for each new dialog; all @types if none."""
        types = types or set(self.number) - {"LOADED", "CREATED"}
        return "%s %s %d" % (name, action, sum(self.number[t] for t in types))

    def told(self, server, name="all", kind="told"):
        """[(type, request, reply, direction)] of the callbacks of @name."""
        return [(self.name[int(line["type"])], line["req"], line["rpl"],
                 int(line["dir"])) for _, line in lines(server, kind)
                if line["name"] == name]

    def wait_told(self, server, what, name="all", count=1, seconds=15.0):
        def kinds():
            return [told[0] for told in self.told(server, name)]
        net.wait_until(lambda: kinds().count(what) >= count, seconds,
                       "%s (have %r)" % (what, kinds()))
        return self.told(server, name)

    # -------------------------------------------- the same for all of them

    def check_call(self, server, call, by, beside=(), end=()):
        """A request and the BYE of an established call by the side @by. The
        BYE's reply is told as @end, and as @beside, in any order: which of them
        is first is tm's affair."""
        way, back = (1, 2) if by == "caller" else (2, 1)
        inside(call, by)
        call.hang_up(by)
        got = self.wait_told(server, "DESTROY")
        possible = [("RESPONSE_WITHIN", "BYE", "200", back),
                    ("SPIRALED", "BYE", "200", 2)]
        same("told with the reply to the BYE",
             sorted(told for told in got if told in possible),
             [told for told in possible if told[0] in beside])
        same("told", [told for told in got if told not in possible], SETUP + [
            ("REQ_WITHIN", "INFO", "-", way),
            ("RESPONSE_WITHIN", "INFO", "200", back),
            ("TERMINATED", "BYE", "-", way), *end, ("DESTROY", "-", "-", 0)])

    def check_created(self, server, a, b):
        """Two callbacks for every dialog; the last one is told first."""
        for count in (1, 2):
            sip.ring(a, b)
            for name in ("newer", "older"):
                same(name, self.told(server, name),
                     [("CREATED", "INVITE", "-", 1)] * count)
        same("order", names(server, "told")[:2], ["newer", "older"])

    def check_refused(self, server, registered):
        """@registered and no others; CREATED or LOADED with EARLY, and EARLY
        without a dialog, are refused."""
        same("registered", list(zip(names(server, "registered"),
                                    codes(server, "registered"))),
             [(name, "0") for name in registered])
        early = self.number["EARLY"]
        same("refused", [(int(line["types"]), line["rc"]) for _, line in lines(
            server, "wrong")],
             [(self.number["CREATED"] | early, "-1"),
              (self.number["LOADED"] | early, "-1"), (early, "-1")])

    def check_order(self, server, what, order):
        same(what, [line["name"] for _, line in lines(server, "told")
                    if int(line["type"]) == self.number[what]], order)

    def check_failed(self, server, a, b):
        """A call that is refused."""
        side, invite = sip.ring(a, b)
        b.reply(invite, 486)
        side.ack_failure(a.expect(486, callid=side.callid))
        same("told", self.wait_told(server, "DESTROY"), SETUP[:2] + [
            ("FAILED", "INVITE", "486", 2), ("DESTROY", "-", "-", 0)])

    def check_spiraled(self, server, a, b):
        """An INVITE that comes again makes no second dialog."""
        sip.ring(a, b)
        same("a simple call", self.told(server), [])
        sip.ring(a, b, [("X-Loop", "1")])
        same("told", self.told(server), [("SPIRALED", "INVITE", "-", 1)])
        same("created", len(self.told(server, "newer")), 2)


def established(server, a, b, headers=()):
    call = sip.establish(a, b, headers)
    wait_state(server, call.callid, 4)
    return call


def inside(call, by="caller"):
    """An INFO from one side; the other answers."""
    side, other = call.caller, call.callee
    if by == "callee":
        side, other = other, side
    side.request("INFO")
    other.party.reply(other.party.expect("INFO"), 200)
    side.party.expect(200, "INFO")


def check_hold(call, party, destroyed):
    """@call makes one, which a request inside holds; an OPTIONS of @party gives
    the dialog back. @destroyed lists the Call-IDs of what was destroyed."""
    held = call()
    inside(held)
    held.hang_up()
    other = call()
    other.hang_up()
    net.wait_until(destroyed, 15, "the other is destroyed")
    same("destroyed", destroyed(), [other.callid])
    party.ask("OPTIONS")
    net.wait_until(lambda: len(destroyed()) == 2, 15,
                   "the one that was held is destroyed")


def check_memory_back(server, call, count):
    """After @count more calls, which @call makes, as much memory is in use as
    after the first."""
    def used():
        found = server.rpc("dlg.stats")
        return found["memory_bytes"] if not found["deleted"] else None
    call().hang_up()
    net.wait_until(used, 15, "the first dialog is gone")
    before = used()
    for one in [call() for _ in range(count)]:
        one.hang_up()
    net.wait_until(lambda: used() == before, 15, "all memory is back")
