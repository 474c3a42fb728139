"""load_parley() as modules of our own see it: tests/e2e/modules/watcher.c uses
every function and type, examples/module shows how it is meant."""
import os
import re
import shutil
import subprocess

from lib import database, modules, proxy as servers, stored
from lib.callbacks import (FORGET, LOOP, SETUP, established, inside, lines,
                           names)
from lib.case import (check, net, parley_only, same, script, sip, two_parties,
                      wait_state, wait_statistic)

from . import dmq
from .capi_module import TYPES

OURS = parley_only("the packaged module has no load_parley()")
ARGUMENT, VERSION, TYPE, LATE, GONE, STATE, ABSENT = range(-1, -8, -1)
SPELLINGS = ["DLGCB_" + n for n in TYPES.number
             if n not in ("LOADED", "CREATED")] + [
    "DLGCB_MI_CONTEXT", "DLGCB_SAVED", "DLG_FAILED", "DLG_CONFIRMED",
    "DLG_REQ_WITHIN", "DLG_TERMINATED", "DLG_EXPIRED"]


def proxy(env, action="-", params=(), **hooks):
    """A server with the module on top."""
    watcher = modules.own(env, "watcher", action=action)
    return env.proxy(list(params) or [FORGET], script(**hooks), last=watcher)


def tested(env, *action, **options):
    """The server, started, and two parties."""
    return two_parties(proxy(env, *action, **options))


def told(server, name="all"):
    """[(type, request, reply, direction)] of the callbacks."""
    same("spoilt", lines(server, "spoilt"), [])
    return TYPES.told(server, name)


def wait_told(server, what):
    TYPES.wait_told(server, what)
    return told(server)


def results(server, kind):
    """[(name, what was returned)]"""
    return [(l["name"], int(l["rc"])) for _, l in lines(server, kind)]


# ------------------------------------------------ callbacks

@OURS
def test_types(env):
    """Every documented type can be registered, in both spellings."""
    with tested(env) as (server, a, b):
        sip.ring(a, b)
        same("registered", dict(results(server, "register")), dict.fromkeys(
            SPELLINGS + ["DLGCB_LOADED", "DLG_CREATED", "all", "saved"], 0))


def _whole_call(env, by, back):
    with tested(env) as (server, a, b):
        TYPES.check_call(server, established(server, a, b), by,
                         ["RESPONSE_WITHIN"],
                         [("TERMINATED_CONFIRMED", "BYE", "200", back)])
        same("for all", told(server, "any"),
             [("CREATED", "INVITE", "-", 1)])
        net.wait_until(lambda: len(lines(server, "free")) == 2, 5,
                       "what was registered is given back")
        same("told without a database", told(server, "saved"), [])


@OURS
def test_call(env):
    """From the INVITE to the end, the caller ends it."""
    _whole_call(env, "caller", 2)


@OURS
def test_call_upstream(env):
    """The same, the callee ends it."""
    _whole_call(env, "callee", 1)


@OURS
def test_states(env):
    """old_state and new_state are those of dlg.list; the name is that of
    dlg.list, too."""
    with tested(env) as (server, a, b):
        call = established(server, a, b)
        found = server.rpc("dlg.dlg_list", call.callid)
        call.hang_up()
        wait_told(server, "DESTROY")
        same("names", {(int(l["h_entry"]), int(l["h_id"]))
                       for _, l in lines(server, "told")}, {(found["h_entry"], found["h_id"])})
        steps = [(TYPES.name[int(l["type"])], int(l["old"]), int(l["new"]))
                 for _, l in lines(server, "told")]
        for step in (("CREATED", 0, 1), ("EARLY", 1, 2),
                     ("CONFIRMED_NA", 2, 3), ("CONFIRMED", 3, 4),
                     ("TERMINATED", 4, 5)):
            check(step in steps, "%r is not in %r", step, steps)


@OURS
def test_failed(env):
    """FAILED: no 2xx came."""
    with tested(env) as (server, a, b):
        TYPES.check_failed(server, a, b)


@OURS
def test_expired(env):
    """EXPIRED: the lifetime is over, and no BYE is sent."""
    with tested(env, params=[FORGET, ("default_timeout", 3)]) \
            as (server, a, b):
        established(server, a, b)
        same("told", wait_told(server, "DESTROY")[len(SETUP):], [
            ("EXPIRED", "-", "-", 0), ("DESTROY", "-", "-", 0)])


@OURS
def test_rpc_context(env):
    """RPC_CONTEXT: what a callback prints is in the reply."""
    with tested(env) as (server, a, b):
        established(server, a, b)
        found = server.rpc("dlg.list_ctx")
        check("seen by watcher" in str(found), "not in %r", found)
        same("told", told(server)[-1], ("RPC_CONTEXT", "-", "-", 0))


@OURS
def test_spiraled(env):
    """SPIRALED: the INVITE comes again."""
    with tested(env, initial="dlg_manage();" + LOOP) as (server, a, b):
        sip.ring(a, b, [("X-Loop", "1")])
        check(("SPIRALED", "INVITE", "-", 1) in told(server),
              "not in %r", told(server))


@OURS
def test_loaded(env):
    """LOADED: a call came from another proxy."""
    watcher = modules.own(env, "watcher")
    with dmq.pair(env, [("enable_dmq_load_callbacks", 1)], last=watcher) as (
            one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        net.wait_until(lambda: told(two, "any"), 5, "LOADED")
        same("told", told(two, "any"), [("LOADED", "-", "-", 0)])
        same("told at its owner", told(one, "any"),
             [("CREATED", "INVITE", "-", 1)])


def _saved(server):
    """[(process, states)] of each time that SAVED was told."""
    told_ = [line for line in server.log().splitlines()
             if "|told|name=saved|" in line]
    same("types", {re.search(r"\|type=(\d+)\|", line).group(1)
                   for line in told_} - {"65536"}, set())
    return [(int(re.match(r"\s*\d+\((\d+)\)", line).group(1)),
             re.search(r"\|old=(\d)\|new=(\d)\|", line).groups())
            for line in told_]


@OURS
def test_saved(env):
    """SAVED: after each commit that stores the call, in no SIP worker; not
    for its deletion, and not without a database that answers."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        watcher = modules.own(env, "watcher")
        with two_parties(stored.server(
                env, base, 2, ("db_update_period", 3600), FORGET,
                last=watcher)) as (server, a, b):
            call = stored.establish(a, b)
            base.pause()
            server.rpc("dlg.db_flush")
            net.wait_until(lambda: server.rpc("dlg.db_stats")["errors"] > 0,
                           10, "a batch that fails")
            same("told without a commit", _saved(server), [])
            base.resume()
            server.rpc("dlg.db_flush")
            net.wait_until(lambda: _saved(server), 10, "SAVED")
            same("rows", base.count("dialog"), 1)
            stored.within(call, "INFO", headers=[("X-Info", "1")])
            server.rpc("dlg.db_flush")
            net.wait_until(lambda: len(_saved(server)) == 2, 10,
                           "SAVED again")
            processes = server.processes()
            same("told by", {processes[pid] for pid, _ in _saved(server)},
                 {"dialog actions"})
            same("states", [states for _, states in _saved(server)],
                 [("4", "4")] * 2)
            call.hang_up()
            server.rpc("dlg.db_flush")
            stored.no_rows(base)
            net.wait_until(lambda: "all" in [l["name"] for _, l in lines(
                server, "free")], 10, "the dialog is gone")
            same("told", len(_saved(server)), 2)


# ------------------------------------------------ what callbacks may do

@OURS
def test_set_in_callback(env):
    """set_dlg_var() in a callback is what the script reads."""
    inside_ = 'xlog("L_ERR", "|script|name=told|rc=0|value=$dlg_var(told)|\\n");'
    with tested(env, "set CONFIRMED", inside=inside_) as (server, a, b):
        inside(established(server, a, b))
        same("returned", results(server, "act"), [("set", 0)])
        check("yes" in [l["value"] for _, l in lines(server, "script")],
              "%r", lines(server, "script"))


@OURS
def test_end_in_callback(env):
    """A callback ends its own dialog: what it leads to is told inside of it,
    once, and headers and reason are in the BYEs."""
    with tested(env, "end REQ_WITHIN") as (server, a, b):
        call = established(server, a, b)
        inside(call)
        for bye in sip.confirm_byes(call.callid, a, b):
            same("header", bye.get("X-Ended"), "callback")
        got = wait_told(server, "TERMINATED_CONFIRMED")
        same("returned", results(server, "act"), [("end", 0)])
        same("TERMINATED", [t for t in got if t[0] == "TERMINATED"],
             [("TERMINATED", "-", "-", 0)])
        # Of the party that has answered last.
        same("the reply to our BYE", [t[:3] for t in got if t[
            0] == "TERMINATED_CONFIRMED"],
            [("TERMINATED_CONFIRMED", "BYE", "200")])


@OURS
def test_nested(env):
    """A callback ends another dialog: its callbacks run inside, and afterwards
    get_current_dialog() gives the outer one again."""
    with tested(env, "other REQ_WITHIN") as (server, a, b):
        other = established(server, a, b)
        call = established(server, a, b)
        inside(call)
        sip.confirm_byes(other.callid, a, b)
        wait_told(server, "TERMINATED_CONFIRMED")
        same("returned", results(server, "act"), [("other", 0)])
        ended = server.rpc("dlg.dlg_list", other.callid)
        inner = [(int(l["h_entry"]), int(l["h_id"]))
                 for _, l in lines(server, "told")
                 if TYPES.name[int(l["type"])] == "TERMINATED"]
        same("TERMINATED", inner, [(ended["h_entry"], ended["h_id"])])
        wait_state(server, call.callid, 4)


@OURS
def test_drop(env):
    """Who frees what was registered sets it to NULL."""
    with tested(env, "drop DESTROY") as (server, a, b):
        established(server, a, b).hang_up()
        net.wait_until(lambda: lines(server, "free"), 15, "the other")
        same("freed", names(server, "free"), ["saved"])


# ------------------------------------------------ functions

VARIABLES = '''
    watcher_get("before");
    dlg_manage();
    watcher_get("initial");
    watcher_set("colour", "red");
    watcher_read("colour");
    if ($dlg_var(colour) != "red") { xlog("L_ERR", "|script|name=1|\\n"); }
    $dlg_var(shape) = "round";
    watcher_read("shape");
    watcher_set("colour");
    watcher_read("colour");
    if ($dlg_var(colour) != $null) { xlog("L_ERR", "|script|name=2|\\n"); }
'''


@OURS
def test_variables(env):
    """set_dlg_var() and get_dlg_var(), with the script's own."""
    with tested(env, initial=VARIABLES) as (server, a, b):
        sip.ring(a, b)
        same("set", results(server, "set"), [("colour", 0)] * 2)
        same("in the script", lines(server, "script"), [])
        same("read", [(l["name"], int(l["rc"]), l["value"])
                      for _, l in lines(server, "value")],
             [("colour", 0, "red"), ("shape", 0, "round"),
              ("colour", ABSENT, "")])


GET = dict(
    initial='watcher_get("before"); dlg_manage(); watcher_get("initial");',
    inside='watcher_get("inside");', reply='watcher_get("reply");',
    out_of_dialog='if (is_method("OPTIONS")) { watcher_get("stranger"); '
                  'sl_send_reply("200", "OK"); exit; }')


@OURS
def test_current(env):
    """get_current_dialog(): in each route; nobody's message has none."""
    with tested(env, **GET) as (server, a, b):
        call = established(server, a, b)
        inside(call, "callee")
        a.ask("OPTIONS")
        listed = server.rpc("dlg.dlg_list", call.callid)
        here = (0, listed["h_entry"], listed["h_id"])
        got = {l["name"]: (int(l["rc"]), int(l["h_entry"]), int(l["h_id"]))
               for _, l in lines(server, "get")}
        none = (GONE, 0, 0)
        same("found", got, {"before": none, "stranger": none,
                            "initial": here, "inside": here,
                            "reply": here})


def _end(server, call, ttag="", headers="", reason="over"):
    return server.rpc("watcher.end", call.callid, call.caller.local_tag, ttag,
                      headers, reason)


@OURS
def test_terminate(env):
    """terminate_dlg(): by Call-ID and tags; BYEs with the headers."""
    with tested(env) as (server, a, b):
        for ttag in (True, False):
            call = established(server, a, b)
            same("with another tag", _end(server, call, "bogus"), GONE)
            same("returned", _end(server, call, call.callee.local_tag
                                  if ttag else "", "X-Why: yes\r\n"), 0)
            for bye in sip.confirm_byes(call.callid, a, b):
                same("header", bye.get("X-Why"), "yes")
        wait_statistic(server, "active_dialogs", 0)


@OURS
def test_terminate_early(env):
    """A call that rings: a final reply with the reason, and a CANCEL."""
    with tested(env) as (server, a, b):
        side, invite = sip.ring(a, b)
        same("returned", server.rpc("watcher.end", side.callid, side.local_tag,
                                    "", "", "No credit"), 0)
        final = a.expect(480, callid=side.callid)
        same("phrase", final.reason, "No credit")
        side.ack_failure(final)
        cancel = b.expect("CANCEL", callid=side.callid)
        b.reply(cancel, 200)
        b.reply(invite, 487)
        same("FAILED", [t[0] for t in wait_told(server, "FAILED")].count(
            "FAILED"), 1)


@OURS
def test_terminate_twice(env):
    """One whose end is on its way is ended; one that is over says so."""
    with tested(env, params=[("end_timeout", 60)]) as (server, a, b):
        call = established(server, a, b)
        found = server.rpc("dlg.dlg_list", call.callid)
        name = (found["h_entry"], found["h_id"])
        for _ in range(2):
            same("returned", server.rpc("watcher.end_id", *name), 0)
        sip.confirm_byes(call.callid, a, b)
        call = established(server, a, b)
        found = server.rpc("dlg.dlg_list", call.callid)
        call.hang_up()
        same("over", server.rpc("watcher.end_id", found["h_entry"],
                                found["h_id"]), STATE)
        same("by tags", _end(server, call, call.callee.local_tag), STATE)


@OURS
def test_gone(env):
    """Every function, with the name of a dialog that is gone."""
    with tested(env) as (server, a, b):
        call = established(server, a, b)
        found = server.rpc("dlg.dlg_list", call.callid)
        call.hang_up()
        wait_told(server, "DESTROY")
        server.rpc("watcher.gone", found["h_entry"], found["h_id"])
        same("returned", results(server, "gone"), [(name, GONE) for name in (
            "set", "delete", "get", "register", "end", "current")])


# ------------------------------------------------ mistakes

MISTYPED = {
    "no type": TYPE, "unknown": TYPE, "known and unknown": TYPE,
    "CREATED and EARLY": TYPE, "CREATED and LOADED": TYPE,
    "CREATED of one": TYPE, "CREATED and free": ARGUMENT,
    "EARLY of none": ARGUMENT, "EARLY of nobody": GONE,
    "no function": ARGUMENT}
START = {
    "load NULL": ARGUMENT, "load smaller": VERSION, "load larger": VERSION,
    "load newer": VERSION, "load nothing": VERSION,
    "filled after an error": 0}
SCRIPT = {
    "CREATED late": LATE, "load late": LATE, "set no dlg": ARGUMENT,
    "set no key": ARGUMENT, "set empty key": ARGUMENT,
    "set key NULL": ARGUMENT, "set key below 0": ARGUMENT,
    "set long key": ARGUMENT, "delete absent": 0, "get no dlg": ARGUMENT,
    "get no key": ARGUMENT, "get no value": ARGUMENT, "get absent": ABSENT,
    "empty after an error": 0, "end no Call-ID": ARGUMENT,
    "end empty Call-ID": ARGUMENT, "end no tag": ARGUMENT,
    "end unknown": GONE, "end headers": ARGUMENT, "current no dlg": ARGUMENT}
SAYS = (
    r"load_parley\(\): a module wants version 2 of parley_api.h with \d+ bytes;"
    r" this is version 1 with \d+",
    r"load_parley\(\): the struct is NULL",
    r"types 0x100000: 0x100000 is no type of parley_api.h, 0x1f7ff are",
    r"CREATED and LOADED are registered alone, not as types 0x102",
    r"dlg must be NULL, not 1.2",
    r"the callback is NULL",
    r"types 0x100 belong to a dialog, dlg is NULL")


@OURS
def test_mistakes(env):
    """Whatever is wrong gets its code and a line in the log, and does
    nothing."""
    with tested(env, initial="dlg_manage(); watcher_bad();") as (server, a, b):
        call = established(server, a, b)
        wanted = dict(START, **SCRIPT)
        for when in ("start", "script"):
            wanted.update({"%s: %s" % (when, name): code
                           for name, code in MISTYPED.items()})
        same("returned", dict(results(server, "bad")), wanted)
        same("state", server.rpc("dlg.dlg_list", call.callid)["state"], 4)
        log = server.log()
        for text in SAYS:
            check(re.search(text, log), "the log does not say %s", text)


@OURS
def test_no_parley(env):
    """Without our module nobody is found, and nothing crashes."""
    watcher = modules.own(env, "watcher")
    with env.proxy([], script(), stock=True, last=watcher) as server:
        same("returned", results(server, "load"), [("load", ABSENT)])


# ------------------------------------------------ the installed header

def _installed(env, folder):
    """`make install` into @folder; gives the folder of the header."""
    modules.make(env, "install", "DESTDIR=" + folder, "MODDIR=/opt/parley")
    return folder + "/opt/parley/include"


def _kamailio_source(env):
    """The folder of Kamailio's headers that the build uses."""
    return os.path.join(modules.ROOT, modules.make(
        env, "print-kamailio-src").strip())


def _make(folder, *settings):
    return subprocess.run(
        ["make", "-s", "-C", folder, *settings], text=True,
        env={name: value for name, value in os.environ.items()
             if not name.startswith(("MAKE", "MFLAGS"))},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL)


@OURS
def test_example(env):
    """examples/module is built with nothing but the installed header and
    Kamailio's, without a warning, by both compilers; and it works."""
    folder = servers.scratch()
    header = _installed(env, folder)
    shutil.copytree(os.path.join(modules.ROOT, "examples", "module"),
                    folder + "/module")
    for compiler in ("clang", "gcc"):
        done = _make(folder + "/module", "clean", "talktime.so",
                     "PARLEY=" + header, "CC=" + compiler,
                     "KAMAILIO_SRC=" + _kamailio_source(env))
        same("output of " + compiler, (done.returncode, done.stdout), (0, ""))
    last = 'loadmodule "%s/module/talktime.so"\n' % folder
    with two_parties(env.proxy([FORGET], script(
            initial='dlg_manage(); talktime_account("$fU");'),
            last=last)) as (server, a, b):
        _example_calls(server, a, b)


def _example_calls(server, a, b):
    def ended(count):
        net.wait_until(lambda: len(re.findall(
            r"talktime.*call \d+\.\d+ of a: \d+ s", server.log())) == count, 15,
            "line %d of talktime" % count)
    established(server, a, b).hang_up()
    ended(1)
    call = established(server, a, b)
    server.rpc("talktime.end", call.callid, call.caller.local_tag, "over")
    sip.confirm_byes(call.callid, a, b)
    ended(2)
    call = established(server, a, b)
    found = server.rpc("dlg.dlg_list", call.callid)
    server.rpc("talktime.end_id", found["h_entry"], found["h_id"])
    for bye in sip.confirm_byes(call.callid, a, b):
        same("header", bye.get("X-Ended-By"), "talktime")
    ended(3)


INCLUDES = {
    "alone": (0, '#include "parley_api.h"'),
    "before": (0, '#include "parley_api.h"\n'
               '#include "core/sr_module.h"\n'
               '#include "modules/dialog/dlg_load.h"\n'
               '#include "modules/tm/dlg.h"'),
    "after": (0, '#include "modules/dialog/dlg_load.h"\n'
              '#include "parley_api.h"'),
    "of ims_dialog": (1, '#include "modules/ims_dialog/dlg_load.h"\n'
                      '#include "parley_api.h"'),
    "own names": (0, '#define PARLEY_API_OWN_NAMES\n'
                  '#include "modules/ims_dialog/dlg_load.h"\n'
                  '#include "parley_api.h"'),
}


@OURS
def test_header(env):
    """It stands alone, before or after the host's, and says so where it
    cannot."""
    folder = servers.scratch()
    header = _installed(env, folder)
    for name, (wanted, text) in INCLUDES.items():
        path = folder + "/x.c"
        with open(path, "w", encoding="ascii") as out:
            # Macros of the host's headers with another text are warnings.
            out.write(text + "\n")
        command = ["gcc", "-std=gnu17", "-Wall", "-Werror", "-Wno-unused",
                   "-fsyntax-only", "-I" + header,
                   "@" + os.path.join(env.build, "kamailio.flags")]
        if name != "alone":
            command.append("-I" + _kamailio_source(env) + "/src")
        done = subprocess.run(command + [path], text=True, cwd=modules.ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL)
        same(name, bool(done.returncode), bool(wanted))
        check(not wanted or "PARLEY_API_OWN_NAMES" in done.stdout, "%s",
              done.stdout)
