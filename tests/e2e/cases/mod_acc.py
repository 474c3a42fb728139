"""The packaged acc on our dialog: what stands in a CDR, however the call
ended."""
import re
import time

from lib import database, modules, proxy
from lib.case import (check, net, parley_only, same, script, sip,
                      stock_differs, wait_statistic)
from lib.modules import end_by_rpc, seconds_of

EXTRA = "who=$dlg_var(who);extra=$dlg_var(extra);none=$dlg_var(none)"
INITIAL = '$dlg_var(who) = $fU; $dlg_var(extra) = "a b=c"; dlg_manage();'
COLUMNS = "".join("ALTER TABLE acc_cdrs ADD COLUMN %s VARCHAR(64);" % name
                  for name in ("who", "extra", "none"))
LINE = re.compile(r"(start_time=.*)$", re.M)


def _config(**params):
    params = dict(dict(cdr_enable=1, cdr_extra=EXTRA, cdr_log_enable=1),
                  **params)
    return modules.load("acc", **params)


def in_log(server):
    """The CDRs in the log, as [(name, value)] each."""
    return [[tuple(part.split("=", 1)) for part in line.split("; ")]
            for line in LINE.findall(server.log())]


def one_in_log(server, seconds=6.0):
    found = net.wait_until(lambda: in_log(server), seconds, "a CDR in the log")
    same("CDRs in the log", len(found), 1)
    same("names of a CDR", [name for name, _ in found[0]],
         ["start_time", "end_time", "duration", "who", "extra", "none"])
    return dict(found[0])


def check_times(cdr, began, ended, least):
    """@began, @ended: seconds between which all of it happened."""
    start, end = seconds_of(cdr["start_time"]), seconds_of(cdr["end_time"])
    duration = float(cdr["duration"])
    # The database has whole seconds.
    check(int(began) <= start <= end <= ended,
          "times of the CDR: %r, the call was from %r to %r", cdr, began, ended)
    check(least <= duration <= ended - began,
          "duration %r, expected %r to %r", duration, least, ended - began)
    return start, end, duration


def check_cdr(cdr, began, least, who="a"):
    start, end, duration = check_times(cdr, began, time.time(), least)
    check(abs(end - start - duration) < 0.002, "%r: end - start is not "
          "the duration", cdr)
    same("extras", (cdr["who"], cdr["extra"]), (who, "a b=c"))


def _talk(a, b, seconds=0.3):
    """A call that lasted at least @seconds by the clock."""
    call, until = sip.establish(a, b), time.time() + seconds
    net.wait_until(lambda: time.time() >= until, seconds + 5, "call lasts")
    return call


def test_log(env):
    """A call ended by the caller, and one by the callee: one CDR each."""
    for by in ("caller", "callee"):
        began = time.time()
        with env.proxy(routes=script(initial=INITIAL),
                       last=_config()) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            _talk(a, b).hang_up(by)
            check_cdr(one_in_log(server), began, 0.3)
            wait_statistic(server, "active_dialogs", 0)
            same("CDRs at the end", len(in_log(server)), 1)


def test_before_dialog(env):
    """acc that is loaded before dialog does the same."""
    began = time.time()
    with env.proxy(routes=script(initial=INITIAL),
                   first=_config()) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        _talk(a, b).hang_up()
        check_cdr(one_in_log(server), began, 0.3)


def test_database(env):
    """A row in SQLite through db_sqlite."""
    folder = proxy.scratch()
    base = database.Sqlite(folder, "acc")
    base.execute(COLUMNS)
    last = modules.load("db_sqlite") + _config(
        db_url=base.url, cdrs_table="acc_cdrs", cdr_log_enable=0,
        cdr_expired_dlg_enable=1)
    began = time.time()
    with env.proxy(routes=script(initial=INITIAL), last=last) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        _talk(a, b).hang_up()
        rows = net.wait_until(lambda: base.rows("acc_cdrs"), 5, "a row")
        same("rows", len(rows), 1)
        check_times(rows[0], began, time.time(), 0.3)
        same("extras", (rows[0]["who"], rows[0]["extra"]), ("a", "a b=c"))
        end_by_rpc(server, _talk(a, b).callid, a, b)
        rows = net.wait_until(lambda: base.rows("acc_cdrs")[1:], 5,
                              "a row of the call ended by RPC")
        same("rows", len(rows), 1)
        check_times(rows[0], began, time.time(), 0.3)
        same("who", rows[0]["who"], "a")
        wait_statistic(server, "active_dialogs", 0)
        same("rows at the end", len(base.rows("acc_cdrs")), 2)
        same("CDRs in the log", in_log(server), [])


def test_ended_by_rpc(env):
    """dlg.end_dlg: one CDR, with its end, duration and extras."""
    began = time.time()
    with env.proxy(routes=script(initial=INITIAL),
                   last=_config(cdr_expired_dlg_enable=1)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        end_by_rpc(server, _talk(a, b).callid, a, b)
        cdr = one_in_log(server)
        wait_statistic(server, "active_dialogs", 0)
        same("CDRs at the end", len(in_log(server)), 1)
        check_cdr(cdr, began, 0.3)


def test_silent_party(env):
    """The callee never answers its BYE: the call ended when that was asked for,
    not when the proxy gave the callee up."""
    last = _config(cdr_expired_dlg_enable=1) + \
        'modparam("tm", "fr_timer", 2000)\n'
    with env.proxy(routes=script(initial=INITIAL), last=last) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        began = time.time()
        call = _talk(a, b)
        found = server.rpc("dlg.dlg_list", call.callid)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        asked = time.time()
        a.reply(a.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0, 15)
        cdr = one_in_log(server)
        check_cdr(cdr, began, 0.3)
        check(seconds_of(cdr["end_time"]) <= asked,
              "it ended %.1f s after it was ended",
              seconds_of(cdr["end_time"]) - asked)


@stock_differs("acc gets no message and writes no CDR")
def test_message_of_rpc(env):
    """The same without cdr_expired_dlg_enable: the extras are of the BYE that
    we sent."""
    began = time.time()
    with env.proxy(routes=script(initial=INITIAL),
                   last=_config(cdr_extra=EXTRA + ";ci=$ci;method=$rm")
                   ) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = _talk(a, b)
        end_by_rpc(server, call.callid, a, b)
        cdr = dict(net.wait_until(lambda: in_log(server), 6, "a CDR")[0])
        check_cdr(cdr, began, 0.3)
        same("Call-ID and method", (cdr["ci"], cdr["method"]),
             (call.callid, "BYE"))
        wait_statistic(server, "active_dialogs", 0)
        same("CDRs at the end", len(in_log(server)), 1)


def test_timeout(env):
    """The lifetime ran out and nobody was told: cdr_expired_dlg_enable writes
    the CDR from what the dialog has."""
    began = time.time()
    with env.proxy([("default_timeout", 4)], script(initial=INITIAL),
                   last=_config(cdr_expired_dlg_enable=1)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b)
        cdr = one_in_log(server, 10)
        wait_statistic(server, "active_dialogs", 0)
        check_cdr(cdr, began, 1.0)
        a.never("BYE", seconds=0.1)


def test_timeout_send_bye(env):
    """The lifetime ran out and both were told."""
    began = time.time()
    routes = script(initial="$dlg_ctx(timeout_bye) = 1; " + INITIAL)
    with env.proxy([("default_timeout", 4)], routes,
                   last=_config(cdr_expired_dlg_enable=1)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b)
        for party in (a, b):
            party.reply(party.expect("BYE", seconds=10), 200)
        cdr = one_in_log(server)
        wait_statistic(server, "active_dialogs", 0)
        same("CDRs at the end", len(in_log(server)), 1)
        check_cdr(cdr, began, 1.0)


def test_failed(env):
    """acc_acc_cdr_on_failed: a call that was refused has a CDR as well."""
    with env.proxy(routes=script(initial=INITIAL),
                   last=_config(cdr_on_failed=1)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        b.reply(invite, 486, contact=False)
        side.ack_failure(a.expect(486))
        cdr = one_in_log(server)
        same("who", cdr["who"], "a")
        same("duration", float(cdr["duration"]), 0.0)


WHY = ';why=$dlg(end_reason);code=$dlg(end_code)'
ENDS = '''if (is_method("OPTIONS")) {
    dlg_get("$hdr(X-C)", "$hdr(X-F)", "$hdr(X-T)");
    dlg_terminate("all", "no credit");
    sl_send_reply("200", "OK");
    exit;
}'''


def _ended_by_script(env, up):
    """Returns the CDR of a call that dlg_terminate() has ended."""
    with env.proxy(routes=script(first=ENDS, initial=INITIAL),
                   last=_config(cdr_extra=EXTRA + WHY, cdr_on_failed=1)
                   ) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        side.remote_tag = "to." + side.callid[-12:]
        if up:
            sip.answer(side, invite, b)
        a.ask("OPTIONS", [("X-C", side.callid), ("X-F", side.local_tag),
                          ("X-T", side.remote_tag)])
        if up:
            for party in (a, b):
                party.reply(party.expect("BYE"), 200)
        else:
            side.ack_failure(a.expect(480, "INVITE"))
            b.reply(b.expect("CANCEL"), 200)
            b.reply(invite, 487, contact=False)
        cdr = dict(net.wait_until(lambda: in_log(server), 6, "a CDR")[0])
        wait_statistic(server, "early_dialogs", 0)
        wait_statistic(server, "active_dialogs", 0)
        same("CDRs at the end", len(in_log(server)), 1)
        return cdr


@parley_only("dlg_terminate() with a reason is ours")
def test_reason(env):
    """$dlg(end_reason) and $dlg(end_code) in the CDR of a call that the script
    has ended, before or after the answer."""
    for up in (True, False):
        cdr = _ended_by_script(env, up)
        same("end of the call that was %s" % ("up" if up else "ringing"),
             (cdr["why"], cdr["code"], cdr["who"]), ("no credit", "480", "a"))


def test_start_on_confirmed(env):
    """cdr_start_on_confirmed: the time of ringing is not counted."""
    with env.proxy(routes=script(initial=INITIAL),
                   last=_config(cdr_start_on_confirmed=1)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        until = time.time() + 0.5
        net.wait_until(lambda: time.time() >= until, 5, "it rings")
        answered = time.time()
        sip.answer(side, invite, b).hang_up()
        check_cdr(one_in_log(server), answered, 0.0)


def test_skip(env):
    """cdr_skip: a call with this dialog variable has no CDR."""
    initial = '$dlg_var(who) = $fU; $dlg_var(extra) = "a b=c"; ' \
        'if ($fU == "quiet") { $dlg_var(nocdr) = "1"; } dlg_manage();'
    with env.proxy(routes=script(initial=initial),
                   last=_config(cdr_skip="nocdr")) as server, \
            sip.Party(server, "quiet") as quiet, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        began = time.time()
        sip.establish(quiet, b).hang_up()
        wait_statistic(server, "active_dialogs", 0)
        sip.establish(a, b).hang_up()
        check_cdr(one_in_log(server), began, 0.0)
