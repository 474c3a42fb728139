"""The module under the names ims_dialog and dialog_ng: its commands, counters
and defaults, on ours under all three names and on the packaged ims_dialog."""
import itertools
import re
import threading

from lib import database, modules, proxy, stored
from lib.case import (check, net, parley_only, same, script, sip,
                      state_of, two_parties, wait_state)
from lib.rpc import Fault

LONG = ("gone_after_end", "end_all_while_calls_come_and_go")
NAMES = ("ims_dialog", "dialog_ng", "dialog")
FLAG = [("dlg_flag", 4)]
FLAGGED = script(initial="setflag(4);")

HEAD = ["Entry", "Id", "RURI", "From", "Call-ID", "Caller Contact",
        "Caller Route Set", "Dialog-ID", "From Tag", "State", "Ref",
        "dlg_outs"]
LEG = ["Entry", "Id", "To Tag", "State", "Contact"]


def names(env):
    """Under which names a case runs."""
    if not env.stock:
        return NAMES
    modules.need("ims_dialog")
    return NAMES[:1]


def listed(server):
    """The dialogs of dlg2.list: {Call-ID: fields}."""
    rows = [row["Dialog"] for row in server.json("dlg2.list")["Dialogs"]]
    return {row["Call-ID"]: row for row in rows}


def wait_text(server, callid, text, seconds=5.0):
    """Waits for a state of dlg2.list; None: it is not there any more."""
    def now():
        return listed(server).get(callid, {}).get("State")
    net.wait_until(lambda: now() == text, seconds,
                   "state %s (is %s)" % (text, now()))


def counters(server):
    return server.statistics("dialog_ng")


def wait_counters(server, seconds=5.0, **want):
    def same_now():
        found = counters(server)
        return all(found[name] == value for name, value in want.items())
    net.wait_until(same_now, seconds, "%r (%r)" % (want, counters(server)))


def each(env, play, params=(), routes=FLAGGED):
    """@play(name, server, a, b) under each name."""
    for name in names(env):
        with env.proxy(FLAG + list(params), routes, name=name) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            try:
                play(name, server, a, b)
            except AssertionError as failure:
                raise AssertionError("%s: %s" % (name, failure)) from failure


def answer_bye(party, callid, **options):
    bye = party.expect("BYE", callid=callid, **options)
    party.reply(bye, 200)
    return bye


# ------------------------------------------------ dlg2.list

def test_list(env):
    """Fields, their order and texts are those of the packaged module."""
    def play(name, server, a, b):
        empty = server.json("dlg2.list")
        same("empty", empty, [("Size", 4096), ("Dialogs", [])])
        side, invite = sip.ring(a, b)
        row = listed(server)[side.callid]
        same("fields", row.names(), HEAD)
        same("texts", [row[n] for n in ("RURI", "From", "Caller Contact",
                                        "From Tag", "State")],
             [side.target, side.local_uri, a.contact, side.local_tag,
              "Early"])
        leg = row["dlg_outs"][0]["dlg_out"]
        same("leg", leg.names(), LEG[:2] if env.stock else LEG)
        call = sip.answer(side, invite, b, ack=False)
        wait_text(server, side.callid, "Unknown")
        call.caller.ack()
        b.expect("ACK")
        wait_text(server, side.callid, "Confirmed")
        if not env.stock:
            leg = listed(server)[side.callid]["dlg_outs"][0]["dlg_out"]
            same("leg", [leg[n] for n in LEG[1:]],
                 [1, call.callee.local_tag, "confirmed", b.contact])
        call.hang_up()
        wait_counters(server, active=0)
    each(env, play)


@parley_only("there a list has no limit")
def test_list_pages(env):
    """As dlg.list: too many for one reply, a page, the page after it."""
    def play(name, server, a, b):
        calls = {sip.establish(a, b).callid for _ in range(3)}
        try:
            server.rpc("dlg2.list")
            raise AssertionError("a list above rpc_list_max")
        except Fault as fault:
            same("code", fault.code, 400)
        first = server.json("dlg2.list", 2)["Dialogs"]
        same("page", len(first), 2)
        last = first[-1]["Dialog"]
        second = server.json("dlg2.list", 2, last["Entry"], last["Id"])
        found = [row["Dialog"]["Call-ID"]
                 for row in first + second["Dialogs"]]
        same("calls", (len(found), set(found)), (3, calls))
        for bad in (("x",), (0,), (2, 1), (2, 1, 1, 1), (2, 1 << 24, 1)):
            try:
                server.rpc("dlg2.list", *bad)
                raise AssertionError("accepted %r" % (bad,))
            except Fault as fault:
                same("code of %r" % (bad,), fault.code, 400)
    each(env, play, [("rpc_list_max", 2)])


# ------------------------------------------------ dlg2.end_dlg

def end(server, callid, *headers):
    row = listed(server)[callid]
    server.rpc("dlg2.end_dlg", row["Entry"], row["Id"], *headers)


def test_end_early(env):
    """488 and CANCEL, under dialog's own name 480; a reason in both."""
    def play(name, server, a, b):
        side, invite = sip.ring(a, b)
        end(server, side.callid)
        final = a.expect(480 if name == "dialog" else 488, "INVITE")
        same("text", final.reason, "mi_terminated")
        side.ack_failure(final)
        cancel = b.expect("CANCEL")
        check("Reason: SIP;cause=%d" % final.code in cancel.data.decode(),
              "CANCEL: %r", cancel.data)
        b.reply(cancel, 200)
        b.reply(invite, 487)
        b.expect("ACK")
        wait_counters(server, early=0, active=0)
    each(env, play)


def test_end_confirmed(env):
    """BYE to both, with a reason, or with the headers of the command."""
    def play(name, server, a, b):
        call = sip.establish(a, b)
        wait_text(server, call.callid, "Confirmed")
        end(server, call.callid)
        for party in (a, b):
            bye = answer_bye(party, call.callid)
            check("mi_terminated" in bye.get("Reason"), "%r", bye.data)
        other = sip.establish(a, b)
        wait_text(server, other.callid, "Confirmed")
        end(server, other.callid, "X-Why: credit\r\n")
        for party in (a, b):
            same("header", answer_bye(party, other.callid).get("X-Why"),
                 "credit")
        third = sip.establish(a, b)
        wait_text(server, third.callid, "Confirmed")
        end(server, third.callid, "X-Why: a\r\nreason : Q.850;cause=16\r\n")
        for party in (a, b):
            same("Reason", answer_bye(party, third.callid).all("Reason"),
                 ["Q.850;cause=16"])
        wait_counters(server, active=0)
        for wrong, code in (((1, 2), 404), ((1,), 500)):
            try:
                server.rpc("dlg2.end_dlg", *wrong)
                raise AssertionError("accepted %r" % (wrong,))
            except Fault as fault:
                same("code of %r" % (wrong,), fault.code, code)
    each(env, play)


@parley_only("there the dialog stays in the list as Deleted")
def test_gone_after_end(env):
    """A call that the command has ended leaves the list: not before a second
    2xx is impossible, 64*T1 after the first (RFC 3261 13.2.2.4)."""
    with env.proxy(FLAG, FLAGGED, name="ims_dialog") as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        end(server, call.callid)
        for party in (a, b):
            answer_bye(party, call.callid)
        wait_text(server, call.callid, None, 45)


@parley_only("there a header may hold anything")
def test_end_bad_headers(env):
    def play(name, server, a, b):
        call = sip.establish(a, b)
        for bad in ("no header", "X: 1\r\n\r\nbody", "X: 1\nY"):
            try:
                end(server, call.callid, bad)
                raise AssertionError("accepted %r" % bad)
            except Fault as fault:
                same("code of %r" % bad, fault.code, 400)
        wait_text(server, call.callid, "Confirmed")
        call.hang_up()
    each(env, play)


# ------------------------------------------------ dlg2.end_all_active_dlg

def test_end_all(env):
    """What is confirmed is ended, what rings goes on."""
    def play(name, server, a, b):
        same("none", server.json("dlg2.end_all_active_dlg"),
             [] if env.stock else [("Ended", 0), ("Failed", 0)])
        # There each further call is one reference too many given back.
        calls = [sip.establish(a, b) for _ in range(1 if env.stock else 3)]
        for call in calls:
            wait_text(server, call.callid, "Confirmed")
        ringing, invite = sip.ring(a, b)
        result = server.json("dlg2.end_all_active_dlg")
        if not env.stock:
            same("result", result, [("Ended", 3), ("Failed", 0)])
        for call in calls:
            for party in (a, b):
                answer_bye(party, call.callid)
        wait_counters(server, active=0, early=1)
        same("ringing", listed(server)[ringing.callid]["State"], "Early")
        sip.answer(ringing, invite, b).hang_up()
        wait_counters(server, active=0)
    each(env, play)


@parley_only("no parameter is looked at there")
def test_end_all_takes_nothing(env):
    def play(name, server, a, b):
        call = sip.establish(a, b)
        try:
            server.rpc("dlg2.end_all_active_dlg", "x")
            raise AssertionError("a parameter is accepted")
        except Fault as fault:
            same("code", fault.code, 400)
        wait_text(server, call.callid, "Confirmed")
        call.hang_up()
    each(env, play)


class Caller(threading.Thread):
    """Makes one call after the other. Every second one it ends itself, while
    the command may end it too; the others it leaves to the command."""

    def __init__(self, server, number):
        super().__init__(daemon=True)
        self.parties = [sip.Party(server, "%s%d" % (u, number)) for u in "ab"]
        self.own = self.theirs = 0
        self.ended = False
        self.failure = None

    def run(self):
        try:
            while not self.ended:
                call = sip.establish(*self.parties)
                if self.own <= self.theirs:
                    self._hang_up(call)
                    self.own += 1
                else:
                    self._wait(call)
                    self.theirs += 1
        except (AssertionError, net.Timeout, OSError) as failure:
            self.failure = failure

    def answer(self):
        """Answers every BYE that has come; [(user, message)] of all."""
        came = []
        for party in self.parties:
            for message in party.drain(0.002):
                came.append((party, message))
                if message.method == "BYE" and not message.is_reply:
                    party.reply(message, 200)
        return came

    def _until(self, done):
        def step():
            return any([done(*item) for item in self.answer()])
        net.wait_until(step, 20, "the end of a call")

    def _hang_up(self, call):
        call.caller.request("BYE")
        self._until(lambda party, m: party is self.parties[0] and
                    m.code >= 200 and m.callid == call.callid)

    def _wait(self, call):
        waits = {party.user for party in self.parties}

        def done(party, m):
            if m.method == "BYE" and m.callid == call.callid:
                waits.discard(party.user)
            return not waits
        self._until(done)

    def close(self):
        for party in self.parties:
            party.close()


@parley_only("there it walks a list that others change")
def test_end_all_while_calls_come_and_go(env):
    """Eight workers, six callers, the command all the time: each call ends,
    and nothing is left over."""
    with env.proxy(routes=script(initial="dlg_manage();"), children=8,
                   name="ims_dialog") as server:
        callers = [Caller(server, number) for number in range(6)]
        ended = 0
        for caller in callers:
            caller.start()

        def enough():
            return all(c.own >= 10 and c.theirs >= 10 for c in callers)
        try:
            while not enough() and not any(c.failure for c in callers):
                result = server.rpc("dlg2.end_all_active_dlg")
                same("failed", result["Failed"], 0)
                ended += result["Ended"]
        finally:
            for caller in callers:
                caller.ended = True

        def settled():
            server.rpc("dlg2.end_all_active_dlg")
            for caller in callers:
                if not caller.is_alive():
                    caller.answer()
            return not any(c.is_alive() for c in callers) and \
                counters(server)["active"] == 0
        net.wait_until(settled, 40, "all calls have ended")
        for caller in callers:
            check(caller.failure is None, "%s: %s", caller, caller.failure)
            caller.close()
        check(ended >= 60, "the command has ended %d calls", ended)
        stats = server.rpc("dlg.stats")
        same("early", stats["early"], 0)
        check(stats["processed"] >= 120, "%r", stats)
        lines = [l for l in server.log().splitlines()
                 if "CRITICAL" in l or "BUG" in l]
        same("log", lines, [])


# ------------------------------------------------ statistics

def test_counters(env):
    """The group dialog_ng under every name."""
    def play(name, server, a, b):
        same("names", sorted(set(counters(server)) - OF_DIALOG),
             ["active", "early", "expired", "processed"])
        side, invite = sip.ring(a, b)
        wait_counters(server, active=0, early=1, processed=1, expired=0)
        sip.answer(side, invite, b).hang_up()
        wait_counters(server, active=0, early=0, processed=1, expired=0)
        sip.establish(a, b)
        wait_counters(server, active=1, processed=2)
        for party in (a, b):
            answer_bye(party, None, seconds=8)
        wait_counters(server, active=0, expired=1)
    params = [("default_timeout", 4)]
    each(env, play, params if env.stock else params + [("send_bye", 1)])


# Under the name dialog_ng these are in the same group.
OF_DIALOG = {"%s_dialogs" % word for word in (
    "active", "early", "processed", "expired", "failed")}


@parley_only("there is no such parameter")
def test_no_counters(env):
    """enable_stats 0: no group at all."""
    for name in NAMES:
        with env.proxy([("enable_stats", 0)], name=name) as server:
            lines = server.rpc("stats.get_statistics", "all")
            same(name, [line for line in lines if "dialog" in line], [])


# ------------------------------------------------ expiry

def test_expiry_sends_bye(env):
    """BYE to both, without a parameter or a variable that asks for it; under
    dialog's own name there is none."""
    def play(name, server, a, b):
        call = sip.establish(a, b)
        if name == "dialog":
            wait_counters(server, seconds=8, active=0, expired=1)
            # What is sent, is sent before that is counted.
            same("sent", [m for p in (a, b) for m in p.drain()
                          if m.method == "BYE"], [])
            return
        for party in (a, b):
            answer_bye(party, call.callid, seconds=8)
        wait_counters(server, active=0, expired=1)
    each(env, play, [("default_timeout", 4)])


def test_expiry_without_ack(env):
    """A call whose ACK was not seen is forgotten, and nothing is sent."""
    def play(name, server, a, b):
        side, invite = sip.ring(a, b)
        sip.answer(side, invite, b, ack=False)
        wait_counters(server, seconds=8, active=0, expired=1)
        same("sent", [m for p in (a, b) for m in p.drain()
                      if m.method == "BYE"], [])
    each(env, play, [("default_timeout", 4)])


@parley_only("there is no such parameter")
def test_expiry_as_asked(env):
    """send_bye is stronger than the name; 0 sends nothing."""
    for name in NAMES:
        for send in (0, 1):
            with env.proxy([("default_timeout", 4), ("send_bye", send)],
                           name=name) as server, \
                    sip.Party(server, "a") as a, sip.Party(server, "b") as b:
                call = sip.establish(a, b)
                for party in (a, b) if send else ():
                    answer_bye(party, call.callid, seconds=8)
                wait_counters(server, seconds=8, active=0, expired=1)
                same("%s: sent" % name, [m for p in (a, b) for m in p.drain()
                                         if m.method == "BYE"], [])


# ------------------------------------------------ creation, states

def test_flag(env):
    """dlg_flag makes a dialog, and its absence none."""
    def play(name, server, a, b):
        sip.establish(a, b, [("X-Not", "1")]).hang_up()
        same("not flagged", counters(server)["processed"], 0)
        sip.establish(a, b).hang_up()
        same("flagged", counters(server)["processed"], 1)
    each(env, play, routes=script(
        initial="if (!is_present_hf(\"X-Not\")) { setflag(4); }"))


@parley_only("there dlg_flag is mandatory, and dlg_manage() does not exist")
def test_without_flag(env):
    for name in NAMES:
        with env.proxy(name=name) as server, sip.Party(server, "a") as a, \
                sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            wait_text(server, call.callid, "Confirmed")
            call.hang_up()


@parley_only("there the numbers are others")
def test_states(env):
    """1 to 5, in lists, commands and variables."""
    routes = script(initial="setflag(4);",
                    inside='xlog("L_ERR", "STATUS $rm $DLG_status '
                           '$dlg(state)\\n");')

    def play(name, server, a, b):
        side = a.invite(b)
        invite = b.expect("INVITE")
        same("state", state_of(server, side.callid), 1)
        b.reply(invite, 180)
        a.expect(180)
        wait_state(server, side.callid, 2)
        call = sip.answer(side, invite, b, ack=False)
        wait_state(server, side.callid, 3)
        call.caller.request("UPDATE")
        b.reply(b.expect("UPDATE"), 200)
        a.expect(200, "UPDATE")
        call.caller.ack()
        b.expect("ACK")
        same("state", state_of(server, side.callid), 4)
        call.hang_up()
        same("state", state_of(server, side.callid), 5)
        for line in ("UPDATE 3 3", "ACK 4 4", "BYE 5 4"):
            check("STATUS " + line in server.log(), "no %s: %s", line,
                  [l[-40:] for l in server.log().splitlines()
                   if "STATUS" in l])
    each(env, play, routes=routes)


# ------------------------------------------------ parameters

DATABASE = [("db_url", "mysql://kamailio:kamailiorw@localhost/kamailio"),
            ("db_mode", 0), ("db_update_period", 60), ("db_fetch_rows", 200)]


def test_database(env):
    """Parameters of a database load as long as none is asked for."""
    def play(name, server, a, b):
        sip.establish(a, b).hang_up()
    more = [] if env.stock else [("table_name", "dialog"),
                                 ("initial_cbs_inscript", 1)]
    each(env, play, DATABASE + more)


def refused(server):
    """The log of a server that must not start."""
    try:
        server.start()
    except proxy.StartFailed as failure:
        return failure.log
    server.stop()
    raise AssertionError("it starts with %r" % server.params)


@parley_only("ims_dialog stores what dialog_ng's users expect of it")
def test_rows(env):
    """Each name stores its calls."""
    for name in NAMES:
        with database.fresh("sqlite") as base:
            base.create_stock_tables()
            with two_parties(env.proxy(
                    [("db_mode", 1), ("db_url", base.url),
                     ("journal_dir", stored.folder_of_journal(base))],
                    name=name, first=base.load())) as (server, a, b):
                call = sip.establish(a, b)
                stored.wait_rows(base, "dialog", 1)
                call.hang_up()
                stored.no_rows(base)


def test_refused(env):
    """use_tight_match is no parameter any more; a flag above 31 is none."""
    for name in names(env):
        for param, value, text in (("use_tight_match", 1, "use_tight_match"),
                                   ("dlg_flag", 32, "flag[ =]32")):
            log = refused(env.proxy(FLAG + [(param, value)], FLAGGED,
                                    name=name))
            check(re.search(text, log), "%s: %s", param, log[-300:])


def test_log(env):
    """Lines of the log begin with the name that was loaded: of a parameter, and
    of the script, which is read before the module starts."""
    for name in names(env):
        for params, routes in (
                (FLAG + [("dlg_flag", 32)], FLAGGED),
                (FLAG, script(initial="$var(x) = $dlg(nobody);"))):
            log = refused(env.proxy(params, routes, name=name))
            of = set(re.findall(r"(?:ERROR|WARNING): (\w+) \[(?!core/)", log))
            check(name in of, "%s is not in %r", name, of)
            check(not of & set(NAMES) - {name}, "there is more: %r", of)


INTS = ("hash_size", "dlg_flag", "default_timeout", "dlg_match_mode",
        "detect_spirals", "db_mode", "db_update_period", "db_fetch_rows")
INT_VALUES = (0, 1, 2, 3, 1000, -1, -2)
TEXTS = ("rr_param", "timeout_avp", "dlg_extra_hdrs", "db_url",
         "profiles_with_value", "profiles_no_value", "bridge_controller",
         "ruri_pvar")
TEXT_VALUES = ("x", "", "a b", "$ru", "$avp(x)", "sip:a@b.test",
               "X: y\\r\\n", "a;a", "a_b")
HEADERS = "what is no header line would be in each request of ours"
# What starts there and not here, as under the name dialog.
STRICT = {
    "rr_param": (TEXT_VALUES[2:8], "no name of a parameter in a SIP URI"),
    "dlg_extra_hdrs": (TEXT_VALUES[:1] + TEXT_VALUES[2:6] + TEXT_VALUES[7:],
                       HEADERS),
    "bridge_controller": (TEXT_VALUES[6:7], HEADERS),
}
# What starts here only.
MORE = {("hash_size", 1), ("dlg_flag", -1), ("dlg_flag", -2),
        ("profiles_with_value", "a_b"), ("profiles_no_value", "a_b")}


def starts(env, stock, param):
    server = env.proxy(FLAG + [param], FLAGGED, name="ims_dialog", stock=stock)
    try:
        with server:
            return True
    except proxy.StartFailed:
        return False


@parley_only("it compares both modules itself")
def test_values(env):
    """What the packaged module starts with starts here, but for what is
    listed."""
    modules.need("ims_dialog")
    wrong = []
    for names_, values in ((INTS, INT_VALUES), (TEXTS, TEXT_VALUES)):
        for param in itertools.product(names_, values):
            there, here = (starts(env, stock, param) for stock in (True, False))
            strict = param[1] in STRICT.get(param[0], ((), ""))[0]
            want = (False, True) if param in MORE else \
                (True, False) if strict else (here, here)
            if (there, here) != want:
                wrong.append("%s=%r: starts there %s, here %s" % (
                    param + (there, here)))
    check(not wrong, "%d values are not as listed:\n%s", len(wrong),
          "\n".join(wrong))
