"""The faults of the packaged ims_dialog (docs/census.md, E): shown there, and
not here, where the module has the same name and the same configuration."""
import random
import re
import subprocess

from lib import modules, proxy as servers
from lib.case import (check, net, parley_only, same, script, sip,
                      two_parties)
from lib.census import FAILED, NEEDS, both, compared, seen
from lib.rpc import Fault

LONG = ("e1_listed_for_ever", "e2_in_reply")
FLAG = [("dlg_flag", 4)]
FLAGGED = "setflag(4);"


def served(env, stock, params=(), ours=(), **hooks):
    """Ours, with the parameters of @ours, too, or the packaged ims_dialog."""
    modules.need("ims_dialog")
    hooks.setdefault("initial", FLAGGED)
    params = FLAG + list(params) + ([] if stock else list(ours))
    return two_parties(env.proxy(params, script(**hooks), stock=stock,
                                 name="ims_dialog"))


def on_both(number, at_once=False, **options):
    return compared(number, lambda env, stock: served(env, stock, **options),
                    at_once)


def listed(server, callid):
    """The dialog in dlg2.list, or None."""
    for row in server.json("dlg2.list")["Dialogs"]:
        if row["Dialog"]["Call-ID"] == callid:
            return row["Dialog"]
    return None


def wait_listed(server, callid, text):
    """The dialog, when its state has this text; None: when it is gone."""
    def found():
        row = listed(server, callid)
        return (row["State"] if row else None) == text
    net.wait_until(found, 5, "state %s in dlg2.list" % text)
    return listed(server, callid)


def end(server, callid):
    row = listed(server, callid)
    server.rpc("dlg2.end_dlg", row["Entry"], row["Id"])


def gone(server, callid):
    """Waits until a call that was ended is not listed any more. Ours keeps it
    for 64*T1: so long a 2xx may be on its way."""
    if net.within(lambda: listed(server, callid) is None, 45, 0.2):
        return "gone"
    raise AssertionError("45 s after its end it is listed as " +
                         listed(server, callid)["State"])


def legs(row):
    return len(row["dlg_outs"] or ())


def established(server, a, b):
    call = sip.establish(a, b)
    wait_listed(server, call.callid, "Confirmed")
    return call


def bye(party, callid, seconds=5.0):
    """A BYE of the proxy, answered."""
    found = party.expect("BYE", callid=callid, seconds=seconds)
    party.reply(found, 200)
    return found


def tags(message):
    return message.from_tag, message.to_tag


def stays(server, a, b):
    """The server lives and follows the next call."""
    try:
        established(server, a, b)
    except FAILED:
        log = re.findall(r"child process \d+ (exited by a signal \d+)",
                         server.log())
        raise AssertionError("the next call is not followed: " + (
            log[0] if log else "a process hangs")) from None
    return "the next call is followed"


# ------------------------------------------------ E1: forks and legs


@on_both("E1 answered")
def test_e1_answered_leg(server, a, b):
    """A rings first, B answers: the BYEs are B's."""
    side, invite = sip.two_ring(a, b)
    call = sip.answer_fork(side, invite, b, "B")
    wait_listed(server, call.callid, "Confirmed")
    end(server, call.callid)
    text = "BYE to %s, from %s to the caller" % (
        bye(b, call.callid).to_tag, bye(a, call.callid).from_tag)
    same("the tag in the BYEs", text,
         "BYE to B, from B to the caller")
    return text


@on_both("E1 pruned", at_once=True)
def test_e1_pruned(server, a, b):
    """A and B ring, B answers: A's leg goes."""
    side, invite = sip.two_ring(a, b)
    same("legs while both ring", legs(listed(server, side.callid)), 2)
    sip.answer_fork(side, invite, b, "B")
    wait_listed(server, side.callid, "Confirmed")
    # Until tm forgets the INVITE another leg may answer.
    check(net.within(lambda: legs(listed(server, side.callid)) == 1,
                     30), "two legs are left of two")
    return "one leg of two"


@on_both("E1 second")
def test_e1_second_answer(server, a, b):
    """Two answer: both get a BYE when the call is ended."""
    side, invite = sip.two_ring(a, b)
    calls = [sip.answer_fork(side, invite, b, tag) for tag in "AB"]
    wait_listed(server, side.callid, "Confirmed")
    end(server, side.callid)
    found = {bye(b, side.callid).to_tag}
    other = b.maybe("BYE", callid=side.callid, seconds=5)
    if other is not None:
        found.add(other.to_tag)
    same("BYE to", found, {c.callee.local_tag for c in calls})
    return "BYE to A and B"


@on_both("E1 no tag")
def test_e1_no_tag(server, a, b):
    """2xx without a To-tag, and once more: the server stays."""
    a.invite(b)
    invite = b.expect("INVITE")
    for _ in range(3):
        b.reply(invite, 200, tag="")
        a.drain(0.1)
    return stays(server, a, b)


@on_both("E1 wrong tag")
def test_e1_wrong_tag(server, a, b):
    """A BYE with a tag that nobody gave does not end the call."""
    call = established(server, a, b)
    call.caller.request("BYE", to_tag="ZZZ")
    stranger = b.expect("BYE")
    b.reply(stranger, 481)
    a.expect(481)
    row = listed(server, call.callid)
    text = row["State"] if row else "gone"
    same("state", text, "Confirmed")
    return text


@on_both("E1 contact")
def test_e1_contact(server, a, b):
    """The 200 has a shorter contact than the 180: the BYE goes there."""
    short = b.contact
    side = a.invite(b)
    invite = b.expect("INVITE")
    b.contact = short + ";of=the180"
    b.reply(invite, 180)
    side.learn(a.expect(180))
    b.contact = short
    sip.answer(side, invite, b)
    wait_listed(server, side.callid, "Confirmed")
    end(server, side.callid)
    found = bye(b, side.callid).uri
    same("request-URI of the BYE", found.replace(short, "contact"),
         "contact")
    return "BYE to the contact of the 200"


@on_both("E1 CSeq")
def test_e1_cseq(server, a, b):
    """The caller has sent more requests: the BYE to the callee comes after."""
    call = established(server, a, b)
    for _ in range(3):
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
    end(server, call.callid)
    found = bye(b, call.callid).cseq
    check(found > call.caller.cseq, "CSeq %d after %d", found,
          call.caller.cseq)
    return "CSeq %d after %d" % (found, call.caller.cseq)


@on_both("E1 listed", at_once=True, ours=[("end_timeout", 1)])
def test_e1_listed_for_ever(server, a, b):
    """A call that was ended by command is not listed for ever."""
    call = established(server, a, b)
    end(server, call.callid)
    for party in (a, b):
        bye(party, call.callid)
    return gone(server, call.callid)


@on_both("E1 Dialog-ID")
def test_e1_dialog_id(server, a, b):
    """dlg2.list names each dialog."""
    row = listed(server, established(server, a, b).callid)
    check(row["Dialog-ID"], "no Dialog-ID")
    return "Dialog-ID %s" % row["Dialog-ID"]


# ------------------------------------------------ E2: ending calls


@on_both("E2 PRACK")
def test_e2_after_prack(server, a, b):
    """A call that rings is ended after a PRACK."""
    side, invite = sip.ring(a, b)
    b.reply(invite, 183)
    side.learn(a.expect(183))
    side.request("PRACK", [("RAck", "1 1 INVITE")])
    b.reply(b.expect("PRACK"), 200)
    a.expect(200, "PRACK")
    end(server, side.callid)
    a.expect(488, "INVITE")
    b.expect("CANCEL")
    return "488 and CANCEL"


@on_both("E2 before ACK")
def test_e2_before_ack(server, a, b):
    """A call that waits for its ACK is ended."""
    side, invite = sip.ring(a, b)
    call = sip.answer(side, invite, b, ack=False)
    end(server, side.callid)
    bye(b, side.callid)
    call.caller.ack()
    bye(a, side.callid)
    return "BYE to both"


@on_both("E2 crossing")
def test_e2_crossing(server, a, b):
    """A 200 crosses the CANCEL: ACK and BYE, and the caller has its 488."""
    side, invite = sip.ring(a, b)
    end(server, side.callid)
    side.ack_failure(a.expect(488, "INVITE"))
    b.reply(b.expect("CANCEL"), 200)
    b.reply(invite, 200)
    b.expect("ACK")
    bye(b, side.callid)
    return "ACK and BYE"


TRUTH = """
    if (is_method("INFO")) {
        if (dlg_terminate("caller")) { sl_send_reply("200", "Ended"); }
        else { sl_send_reply("488", "Not ended"); }
        exit;
    }
"""


@on_both("E2 truth", inside=TRUTH)
def test_e2_truth(server, a, b):
    """dlg_terminate() of one side of a call that rings ends nothing, and says
    so."""
    side, invite = sip.ring(a, b)
    b.reply(invite, 183)
    side.learn(a.expect(183))
    side.request("INFO")
    final = a.expect(lambda m: m.code >= 200, "INFO")
    wait_listed(server, side.callid, "Early")
    same("reply", final.code, 488)
    return "false"


ENDING = 'if (is_method("INFO")) { dlg_terminate("all", "No money"); }'


@on_both("E2 reason", inside=ENDING)
def test_e2_reason(server, a, b):
    """dlg_terminate("all", reason): the reason is in the BYEs."""
    call = established(server, a, b)
    call.caller.request("INFO")
    for party in (a, b):
        reason = bye(party, call.callid).get("Reason")
        check("No money" in (reason or ""), "Reason: %s", reason)
    return "Reason: " + reason


SIDE = """
    if (is_method("INFO")) {
        $var(side) = "callee";
        $var(why) = "because";
        dlg_terminate("$var(side)", "$var(why)");
    }
"""


@parley_only(NEEDS)
def test_e2_variables(env):
    """Variables as parameters of dlg_terminate()."""
    def trial(env, stock):
        with served(env, stock, inside=SIDE) as (server, a, b):
            call = established(server, a, b)
            call.caller.request("INFO")
            bye(b, call.callid)
            return "BYE to the callee"
    try:
        both("E2 variables", trial, env)
    except servers.StartFailed as failure:
        check("unknown token" in failure.log or "dlg_terminate" in failure.log
              or "fix" in failure.log, "%s", failure.log[-2000:])
        seen("E2 variables", "BYE to the callee", "does not start")


PRACK = """
    if (is_method("PRACK")) {
        dlg_terminate("all", "No money");
        sl_send_reply("200", "Seen");
        exit;
    }
"""


@on_both("E2 in PRACK", inside=PRACK)
def test_e2_in_prack(server, a, b):
    """dlg_terminate() in the route of a PRACK ends the INVITE."""
    side, invite = sip.ring(a, b)
    b.reply(invite, 183)
    side.learn(a.expect(183))
    side.request("PRACK", [("RAck", "1 1 INVITE")])
    final = a.expect(488, "INVITE")
    b.expect("CANCEL")
    return "%d %s, CANCEL" % (final.code, final.reason)


IN_REPLY = '''
onreply_route[ENDING] {
    if (status == "183") { dlg_terminate("all", "No money"); }
}
'''


@on_both("E2 in reply", at_once=True, ours=[("end_timeout", 1)],
         relay='t_on_reply("ENDING"); t_relay();', more=IN_REPLY)
def test_e2_in_reply(server, a, b):
    """A call that the reply route has ended is not listed for ever."""
    side = a.invite(b)
    invite = b.expect("INVITE")
    b.reply(invite, 183)
    side.ack_failure(a.expect(488, "INVITE"))
    b.reply(b.expect("CANCEL"), 200)
    b.reply(invite, 487)
    b.expect("ACK")
    return gone(server, side.callid)


# ------------------------------------------------ E3: what is documented


def _starts(env, stock, params, routes="", flag=True):
    server = env.proxy((FLAG if flag else []) + params, script(
        initial="setflag(4);", more=routes), stock=stock, name="ims_dialog")
    try:
        code, output = server.check()
    finally:
        server.close()
    lines = [line.split("ERROR: ")[-1] for line in output.splitlines()
             if "ERROR" in line or "CRITICAL" in line]
    check(code == 0, "it does not start: %s", "; ".join(lines)[:100])
    return "it starts"


@parley_only(NEEDS)
def test_e3_no_flag(env):
    """Without dlg_flag it starts."""
    modules.need("ims_dialog")

    def trial(env, stock):
        with env.proxy([], script(initial="setflag(4);"), stock=stock,
                       name="ims_dialog"):
            return "it starts"
    try:
        both("E3 flag", trial, env)
    except servers.StartFailed as failure:
        check("dlg flag" in failure.log, "%s", failure.log[-2000:])
        seen("E3 flag", "it starts", "no start without dlg_flag")


def _refused(number, env, params=(), routes=""):
    modules.need("ims_dialog")
    both(number, lambda env, stock: _starts(env, stock, list(params), routes),
         env)


@parley_only(NEEDS)
def test_e3_params(env):
    """Parameters that the document lists, or that dialog has."""
    for name, value in (("enable_stats", 1), ("table_name", "dialog"),
                        ("initial_cbs_inscript", 1), ("send_bye", 1),
                        ("early_timeout", 30), ("noack_timeout", 30)):
        _refused("E3 " + name, env, [(name, value)])


@parley_only(NEEDS)
def test_e3_functions(env):
    """Functions that the document promises or uses in its examples."""
    for call in ("dlg_manage()", 'dlg_bye("all")', 'dlg_refer("caller", "sip:m")',
                 'dlg_bridge("sip:a@h", "sip:b@h", "sip:h:5060")',
                 'unset_dlg_profile("p")'):
        _refused("E3 " + call, env, [("profiles_no_value", "p")],
                 "route[X] { %s; }" % call)


@on_both("E3 commands")
def test_e3_commands(server, a, b):
    """The commands that dialog has are there."""
    methods = set(server.rpc("system.listMethods"))
    missing = [m for m in ("dlg.list", "dlg.list_ctx", "dlg.dlg_list",
                           "dlg.end_dlg", "dlg.profile_get_size",
                           "dlg.profile_list", "dlg.bridge_dlg")
               if m not in methods]
    same("missing", missing, [])
    return "none is missing"


STUBS = """
    if (is_method("INFO")) {
        dlg_get("$ci", "$ft", "$tt");
        append_hf("X-Seen: $dlg(callid)|$dlg(from_uri)|$dlg(h_entry)\r\n");
    }
"""


@on_both("E3 $dlg", inside=STUBS)
def test_e3_variables(server, a, b):
    """$dlg(name) is what its name says."""
    call = established(server, a, b)
    call.caller.request("INFO")
    got = b.expect("INFO").get("X-Seen").split("|")
    entry = listed(server, call.callid)["Entry"]
    same("callid, from_uri, h_entry", got, [
        call.callid, call.caller.local_uri, str(entry)])
    return "callid, from_uri, h_entry"


SHORT = 'setflag(4); $dlg_ctx(timeout) = 1;'


@on_both("E3 timeout", at_once=True, initial=SHORT)
def test_e3_timeout(server, a, b):
    """$dlg_ctx(timeout) is the lifetime."""
    side = sip.establish(a, b)
    bye(b, side.callid, 6)
    return "BYE after its second"


GET = """
    if (is_method("OPTIONS")) {
        if (dlg_get("$hdr(X-Call)", "$hdr(X-From)", "$hdr(X-To)"))
            dlg_terminate("all");
        sl_send_reply("200", "OK");
        exit;
    }
"""


@on_both("E3 dlg_get", out_of_dialog=GET)
def test_e3_get(server, a, b):
    """dlg_get() makes a dialog the one that dlg_terminate() ends."""
    call = established(server, a, b)
    a.ask("OPTIONS", [("X-Call", call.callid),
                      ("X-From", call.caller.local_tag),
                      ("X-To", call.callee.local_tag)])
    bye(b, call.callid)
    return "BYE"


@on_both("E3 failed")
def test_e3_failed(server, a, b):
    """Calls that failed are counted."""
    side, invite = sip.ring(a, b)
    b.reply(invite, 486)
    side.ack_failure(a.expect(486))

    def failed():
        return [n for group in ("dialog_ng", "ims_dialog")
                for name, n in _group(server, group).items()
                if name.startswith("failed")]
    net.wait_until(lambda: failed() == [1], 5,
                   "one has failed (%r)" % failed())
    return "1"


def _group(server, name):
    try:
        return server.statistics(name)
    except (Fault, ValueError, IndexError):
        return {}


# ------------------------------------------------ E8: crashes


@parley_only(NEEDS)
def test_e8_shutdown(env):
    """The server ends while tm still has the BYE's transaction."""
    def trial(env, stock):
        for _ in range(4):
            with served(env, stock) as (server, a, b):
                established(server, a, b).hang_up()
                try:
                    same("exit code", server.stop(), 0)
                    return "exit code 0"
                except subprocess.TimeoutExpired:
                    pass  # tm's own fault: see Proxy.close()
        raise AssertionError("it does not end")
    both("E8 shutdown", trial, env)


@parley_only(NEEDS)
def test_e8_route_set(env):
    """Between two other proxies: the BYE to each party goes through the proxy
    on its side, and has no Route of anybody else."""
    def trial(env, stock):
        with served(env, stock) as (server, a, b), \
                sip.Party(server, "left") as left, \
                sip.Party(server, "right") as right:
            routes = ["<sip:127.0.0.1:%d;lr>" % p.port for p in (left, right)]
            side = a.invite(b, [("Record-Route", routes[0])])
            invite = b.expect("INVITE")
            invite.headers.insert(0, ("Record-Route", routes[1]))
            b.reply(invite, 200)
            side.learn(a.expect(200))
            side.routes = [r for r in side.routes if r not in routes]
            side.ack()
            wait_listed(server, side.callid, "Confirmed")
            end(server, side.callid)
            found = [bye(p, side.callid).all("Route") for p in (left, right)]
            same("Route of the BYEs", found, [[r] for r in routes])
            return "each its own"
    seen("E8 route set", trial(env, False), trial(env, True))


@parley_only(NEEDS)
def test_e8_no_reply(env):
    """INVITEs that nobody answers, with a final reply of the proxy itself."""
    def trial(env, stock):
        with served(env, stock, relay="t_set_fr(0, 500); t_relay();") as (
                server, a, b):
            sides = [a.invite(b) for _ in range(5)]
            for side in sides:
                side.ack_failure(a.expect(lambda m: m.code >= 300, "INVITE",
                                          side.callid))
            return stays(server, a, b)
    seen("E8 no reply", trial(env, False), trial(env, True))


METHODS = ("INFO", "PRACK", "UPDATE", "INVITE", "ACK", "CANCEL", "BYE")
FIELDS = ("Via", "Route", "Max-Forwards", "From", "To", "Call-ID", "CSeq",
          "Contact")
COOKIES = ("", ".", "x.y", "f.f", "fffffffff.fffffffff", "0.0", "-1.-1", ".1")
CSEQS = ("0", "99999999999", "-5", "abc", "4294967296")


def _mutated(rand, side):
    """A request in the dialog with one thing wrong."""
    text = side.text(rand.choice(METHODS), to_tag=rand.choice(
        (side.remote_tag, "ZZZ", ""))).decode("latin-1")
    field = r"\r\n%s:[^\r]*" % rand.choice(FIELDS)
    at = rand.randrange(len(text))
    return rand.choice((
        lambda: re.sub(field, "", text, count=1),
        lambda: re.sub(field, "\r\nX: ", text, count=1),
        lambda: re.sub("did=[^;>]*", "did=" + rand.choice(COOKIES), text),
        lambda: re.sub(r"CSeq: \d+", "CSeq: " + rand.choice(CSEQS), text),
        lambda: text.replace("tag=", "tag=" + rand.choice(
            ('"', ";", "A" * 300)), 1),
        lambda: text[:at] + chr(rand.randrange(256)) + text[at + 1:],
        lambda: text[:at] + text[at + rand.randint(1, 20):],
    ))().encode("latin-1")


class Reader(sip.Party):
    """Passes over what it cannot read."""

    def _receive(self, seconds):
        try:
            return super()._receive(seconds)
        except (IndexError, ValueError):
            return None

    @staticmethod
    def _fits(*what):
        try:
            return sip.Party._fits(*what)
        except (IndexError, ValueError):
            return False


@parley_only("the packaged module takes no harm, as far as was seen")
def test_e8_mutated(env):
    """Requests in dialogs with one thing wrong, in each state of a call."""
    rand = random.Random(3261)
    with served(env, False) as (server, _, _), \
            Reader(server, "a") as a, Reader(server, "b") as b:
        for count in range(12):
            side, invite = sip.ring(a, b)
            b.reply(invite, 183)
            side.learn(a.expect(183, callid=side.callid))
            for step in range(3):
                for _ in range(20):
                    a.send(_mutated(rand, side))
                if step == 0:
                    b.reply(invite, 200)
                    a.expect(200, callid=side.callid)
                elif step == 1:
                    side.ack()
            with sip.Party(server, "c") as c, sip.Party(server, "d") as d:
                stays(server, c, d)  # it has read what came before
            check(server.alive(), "the server is gone after %d calls", count)
