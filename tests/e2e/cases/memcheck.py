"""A basic mix of calls under valgrind: no error in a frame of our module."""
import glob
import os
import re
import shutil

from lib import database, modules, stored
from lib.case import (Skip, check, parley_only, same, script, sip,
                      wait_state, wait_statistic)

from . import db_load

LONG = ("calls", "modules", "ims", "database")
# A path of our sources in a line of a stack.
OURS = re.compile(r"(/hosts/kamailio/|/dialog\.so|\b(?:parley|dialog|profile|"
                  r"leg|wheel|index|mem|feed|sip|ctx|rpc|op|capi|api|area|db|"
                  r"pass|late|json|journal|store|writer)_\w+ \()")


def _errors(folder):
    """Error blocks of all processes that have a frame of ours."""
    out = []
    for name in glob.glob(os.path.join(folder, "memcheck.*")):
        with open(name, errors="replace") as log:
            text = re.sub(r"^==\d+== ?", "", log.read(), flags=re.M)
        for block in text.split("\n\n"):
            if re.search(r"^(Invalid|Conditional jump|Use of uninit|Syscall|"
                         r"Source and dest|Mismatched|Process terminating|"
                         r"Jump to)", block, re.M) and OURS.search(block):
                out.append(block.strip())
    return out


def _under_valgrind(server):
    if not shutil.which("valgrind"):
        raise Skip("valgrind is not installed")
    server.wrapper = ["valgrind", "--trace-children=yes", "--fullpath-after=",
                      "--track-origins=no", "--log-file=%s/memcheck.%%p"
                      % server.folder]
    return server


def _stop_and_check(server):
    same("exit code", server.stop(60), 0)
    logs = glob.glob(os.path.join(server.folder, "memcheck.*"))
    check(len(logs) > 5, "valgrind wrote %d logs", len(logs))
    errors = _errors(server.folder)
    check(not errors, "%d errors\n%s", len(errors), "\n\n".join(errors[:3]))


REASON = "the packaged module is not what is tested"


@parley_only(REASON)
def test_database(env):
    """Good rows and damaged ones are read, a call is written and read."""
    with database.fresh("sqlite") as base:
        db_load.fill(db_load.loose_tables(base))
        server = _under_valgrind(stored.server(env, base, 1, patience=90))
        with server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            side, invite = stored.ring(a, b)
            stored.wait_rows(base, "dialog_more", 1, 30)
            _stop_and_check(server)
            server.start()
            stored.answer(side, invite, b).hang_up()
            stored.wait_rows(base, "dialog_more", 0, 30)
            server.rpc("dlg.db_load_extra")
            _stop_and_check(server)


@parley_only(REASON)
def test_modules(env):
    """acc, sst, uac and qos on top: views, registrations, RPC."""
    last = modules.load("acc", cdr_enable=1, cdr_extra="x=$dlg_var(x)") + \
        modules.load("sst", sst_flag=5, timeout_avp="$avp(life)") + \
        modules.load("uac", restore_mode="auto", restore_dlg=1) + \
        modules.load("qos", qos_flag=6)
    routes = script(initial='''
        setflag(5); setflag(6); $dlg_var(x) = "y"; dlg_manage();
        uac_replace_from("sip:x@y.test");''')
    server = _under_valgrind(env.proxy(
        [("timeout_avp", "$avp(life)"), ("end_timeout", 1)], routes,
        last=last, children=2, patience=90))
    timer = [("Supported", "timer"), ("Session-Expires", "1800")]
    with server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for number in range(4):
            call = sip.establish(a, b, timer)
            for transport in (server.rpc, server.json):
                transport("dlg.list_ctx")
                transport("dlg.dlg_list_ctx", call.callid)
            call.caller.request("UPDATE", timer)
            b.reply(b.expect("UPDATE"), 200, headers=timer)
            a.expect(200, "UPDATE")
            if number % 2:
                call.hang_up("callee")
            else:
                modules.end_by_rpc(server, call.callid, a, b)
        side, invite = sip.ring(a, b, timer)
        b.reply(invite, 486, contact=False)
        side.ack_failure(a.expect(486))
        wait_statistic(server, "active_dialogs", 0, 10)
        sip.establish(a, b, timer)  # one is left at shutdown
        _stop_and_check(server)


@parley_only(REASON)
def test_ims(env):
    """A module on load_ims_dlg(), and one on load_dlg(): views of forked calls,
    legs that have lost, calls that are ended by tags and by numbers."""
    last = modules.own(env, "ims_caller", wishes="all log %d" % 0x77fc) + \
        modules.own(env, "caller", wishes="dlg log %d" % 0xf7fc)
    routes = script(inside='if (is_method("INFO")) { ims_end(""); }'
                    'if (is_method("UPDATE")) { ims_end_number(); }')
    server = _under_valgrind(env.proxy([("end_timeout", 1)], routes, last=last,
                                       children=2, patience=90))
    with server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for method in ("INFO", "UPDATE"):
            side = a.invite(b)
            invite = b.expect("INVITE")
            for tag in ("A", "B", "C"):
                b.reply(invite, 183, tag=tag)
                a.expect(183)
            leg = sip.answer_fork(side, invite, b, "B").caller
            wait_state(server, side.callid, 4)
            leg.request(method)
            sip.confirm_byes(side.callid, a, b)
        side, invite = sip.ring(a, b)
        b.reply(invite, 486, contact=False)
        side.ack_failure(a.expect(486))
        wait_statistic(server, "active_dialogs", 0, 10)
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        server.rpc("dlg2.end_all_active_dlg")
        for party in (a, b):
            party.reply(party.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0, 10)
        sip.establish(a, b)  # one is left at shutdown
        _stop_and_check(server)


@parley_only(REASON)
def test_calls(env):
    routes = script(initial='''
        $dlg_var(one) = "1st"; dlg_setflag("1");
        if ($hdr(X-Full) == "1") { dlg_join_profile("caller", "$fU", 0); }
        if (!dlg_join_profile("caller", "$fU", 9)) {
            sl_send_reply("486", "Full"); exit;
        }
        dlg_manage();''', more='''
        event_route[dialog:start] { xlog("$dlg(callid) $dlg_var(one)\\n"); }
        event_route[dialog:end] { xlog("$dlg(callid) $dlg_var(one)\\n"); }''')
    server = env.proxy([("profiles_with_value", "caller"),
                        ("end_timeout", 1)], routes, children=2, patience=90)
    _under_valgrind(server)
    with server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for number in range(6):
            call = sip.establish(a, b)
            call.hang_up("caller" if number % 2 else "callee")
        side, invite = sip.ring(a, b)
        b.reply(invite, 486, contact=False)
        side.ack_failure(a.expect(486))
        side, invite = sip.ring(a, b)
        server.json("dlg.list")
        server.json("dlg2.list")
        server.rpc("dlg.briefing")
        found = server.rpc("dlg.dlg_list", side.callid)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        side.ack_failure(a.expect(480, "INVITE"))
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 200)
        b.reply(b.expect("BYE"), 200)
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        found = server.rpc("dlg.dlg_list", call.callid)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        for party in (a, b):
            party.reply(party.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0, 10)
        sip.establish(a, b)  # one is left at shutdown
        _stop_and_check(server)


