"""The classic FIFO: the examples of the documents as they are written there, and
everything that somebody may write instead."""
import os
import pwd
import re
import signal
import stat

from lib import net, rpc
from lib.case import (Skip, check, parley_only, same, script, sip,
                      two_parties, wait_state)
from lib.fifo import Fifo, values
from lib.proxy import StartFailed

from .commands import PROFILES

REASON = "the packaged module has no FIFO"
INITIAL = 'set_dlg_profile("caller", "$fU"); set_dlg_profile("all"); ' \
    'set_dlg_profile("inbound_calls"); dlg_manage();'
PROFILES = [PROFILES[0], ("profiles_no_value", "all; inbound_calls")]
CALLID = "abcdrssfrs122444@192.168.1.1"


def started(env, *params, **options):
    """(server, a, b) with the FIFO."""
    options.setdefault("routes", script(initial=INITIAL))
    return two_parties(Fifo.use(env.proxy(PROFILES + list(params), **options)))


def good(answer):
    check(answer.startswith("200 OK\n") and answer.endswith("\n\n"),
          "answer %r", answer[:300])
    return answer[7:-1]


def process(server):
    """The pid of the FIFO's process."""
    pid, = (p for p, name in server.processes().items()
            if name == "dialog fifo")
    return pid


def refused(answer, code, *words):
    check(answer.startswith("%d " % code) and answer.endswith("\n\n") and
          answer.count("\n") == 2, "answer %r", answer[:300])
    for word in words:
        check(word in answer, "no %r in %r", word, answer)


def still_works(fifo):
    same("size", good(fifo.command("profile_get_size", "all")), "0\n")


def ends(call, *parties):
    for party in parties:
        bye = party.expect("BYE")
        same("Call-ID", bye.callid, call.callid)
        party.reply(bye, 200)


# ------------------------------------------------ the documents' examples

def _list_example(env, command):
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        same("none", good(fifo.ask(":%s:%%s\n" % command)), "")
        one = sip.establish(a, b, callid=CALLID)
        two = sip.establish(a, b)
        for call in (one, two):
            wait_state(server, call.callid, 4)
        found = good(fifo.ask(":%s:%%s\n" % command))
        same("all", sorted(values(found, "call-id")),
             sorted([CALLID, two.callid]))
        same("state", values(found, "state")[0], "4")
        same("lines", found.splitlines()[0], "dialog::")
        # The documents' second example has no empty line at its end.
        tag = one.caller.local_tag
        for end in (False, True):
            found = good(fifo.ask(":%s:%%s\n%s\n%s\n" % (command, CALLID, tag),
                                  end))
            same("one", values(found, "call-id"), [CALLID])
            same("caller", values(found, "tag")[0], tag)
            same("profiles", [values(found, "caller")[-1],
                              "\t\tall\n" in found], ["a", True])
            shown = server.rpc("dlg.dlg_list", CALLID)
            for name in ("h_entry", "h_id", "start_ts", "lifetime",
                         "from_uri", "req_uri"):
                same(name, values(found, name)[0], str(shown[name]))
        same("without a tag", values(good(fifo.command(command, CALLID)),
                                     "call-id"), [CALLID])
        refused(fifo.command(command, CALLID, "AAdfeEFF33"), 404,
                "No such dialog")


@parley_only(REASON)
def test_dlg_list(env):
    _list_example(env, "dlg_list")


@parley_only(REASON)
def test_dlg_list_ctx(env):
    _list_example(env, "dlg_list_ctx")


@parley_only(REASON)
def test_dlg_end_dlg(env):
    """h_entry and h_id of dlg_list, with and without a header."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        for more in ((), ("X-Why: credit",)):
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            found = good(fifo.command("dlg_list", call.callid))
            same("answer", good(fifo.command(
                "dlg_end_dlg", values(found, "h_entry")[0],
                values(found, "h_id")[0], *more)), "")
            for party in (a, b):
                bye = party.expect("BYE")
                same("header", bye.get("X-Why"), "credit" if more else "")
                party.reply(bye, 200)
            wait_state(server, call.callid, 5)
        refused(fifo.command("dlg_end_dlg", "342", "56"), 404, "not found")


@parley_only(REASON)
def test_dlg_terminate_dlg(env):
    """As in the documents of ims_dialog and dialog_ng: tags in one line, of
    which the first is one too many. Confirmed and early calls."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        for number, shape in enumerate(("AAdfeEFF33 %s %s\n", "%s %s\n",
                                        "%s\n%s\n")):
            callid = "%d%s" % (number, CALLID)
            call = sip.establish(a, b, callid=callid)
            wait_state(server, callid, 4)
            tags = (call.caller.local_tag, call.caller.remote_tag)
            refused(fifo.ask(":dlg_terminate_dlg:%%s\n%s\n%s x\n" % (
                callid, tags[0])), 404, "not found")
            same("answer", good(fifo.ask(":dlg_terminate_dlg:%%s\n%s\n%s" % (
                callid, shape % tags), False)), "")
            ends(call, a, b)
            wait_state(server, callid, 5)
        side, _ = sip.ring(a, b)
        wait_state(server, side.callid, 2)
        tag = server.rpc("dlg.dlg_list", side.callid)["callee"]["tag"]
        good(fifo.command("dlg_terminate_dlg", side.callid, side.local_tag,
                          tag))
        b.reply(b.expect("CANCEL"), 200)
        a.expect(480)


@parley_only(REASON)
def test_profiles(env):
    """profile_get_size, profile_list_dlgs, profile_get_values."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        held = [sip.establish(a, b, from_uri="sip:%s@x.test" % user)
                for user in ("ann", "ann", "bob")]
        for name, size in (("inbound_calls", 3), ("caller", 3)):
            same("size", good(fifo.command("profile_get_size", name)),
                 "%d\n" % size)
            same("dialogs", sorted(values(good(fifo.command(
                "profile_list_dlgs", name)), "call-id")),
                sorted(c.callid for c in held))
        same("size", good(fifo.command("profile_get_size", "caller", "ann")),
             "2\n")
        same("dialogs", values(good(fifo.command(
            "profile_list_dlgs", "caller", "bob")), "call-id"),
            [held[2].callid])
        same("total", good(fifo.command("profile_get_values",
                                        "inbound_calls")),
             "value::\n\tcount:: 3\n")
        same("values", sorted(good(fifo.command(
            "profile_get_values", "caller")).split("value::\n")),
            ["", "\tvalue:: ann\n\tcount:: 2\n",
             "\tvalue:: bob\n\tcount:: 1\n"])
        same("names", values(good(fifo.command("list_all_profiles")), "name"),
             ["caller", "all", "inbound_calls"])
        for name in ("profile_get_size", "profile_list_dlgs",
                     "profile_get_values"):
            refused(fifo.command(name, "nobody"), 404, "nobody")


@parley_only(REASON)
def test_dlg_bridge(env):
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        for op in ((), (a.contact,)):
            same("answer", good(fifo.command("dlg_bridge", a.contact,
                                             b.contact, *op)), "")
            a.reply(a.expect("INVITE"), 200, body="v=0\r\n")
            a.expect("ACK")
            refer = a.expect("REFER")
            same("Refer-To", refer.get("Refer-To"), b.contact)
            a.reply(refer, 202)
            a.reply(a.expect("BYE"), 200)


@parley_only(REASON)
def test_any_command(env):
    """Those with other names, too; without a name there is no answer."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        same("stats", values(good(fifo.command("dlg.stats")), "confirmed"),
             ["1"])
        fifo.write(":push_var:\nkey\na \\ b\n%s\n\n" % call.callid)
        net.wait_until(lambda: server.rpc("dlg.dlg_list", call.callid)[
            "variables"], 5, "the variable")
        same("escaped", values(good(fifo.command("dlg_list")), "key"),
             ["a \\\\ b"])
        good(fifo.command("set_profile", call.callid, "caller", '""'))
        same("an empty value", sorted(
            line for line in fifo.command("profile_get_values",
                                          "caller").splitlines()
            if line.startswith("\tvalue::")), ["\tvalue::", "\tvalue:: a"])
        same("many", values(good(fifo.command(
            "push_var", "n", "1", *(["x"] * 5000 + [call.callid]))), "set"),
            ["1"])
        answer = fifo.ask(":dlg_end_dlg:%%s\r\n%s\r\n\r\n" % call.callid)
        same("answer", good(answer), "")
        ends(call, a, b)


@parley_only(REASON)
def test_documented(env):
    """Each request of the documentation is understood."""
    page = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs",
                        "fifo.md")
    with open(page, encoding="utf-8") as file:
        examples = re.findall("^```fifo\n(.*?)^```", file.read(),
                              re.M | re.S)
    check(len(examples) > 4, "%d examples", len(examples))
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        sip.establish(a, b, callid="1-2345@127.0.0.1")
        for example in examples:
            answer = fifo.ask(example.replace("answer", "%s"), False)
            check(answer.startswith(("200 OK\n", "404 ")), "%s gives %s",
                  example, answer)


# ------------------------------------------------ what is wrong

BAD = (
    # lines, code or None for silence
    (":nothing:%s\n\n", 500), (":dlg_list%s:%s\n\n", 500),
    ("::%s\n\n", 500), (":dlg_end_dlg:%s\n\n", 400),
    (":dlg_end_dlg:%s\nx\ny\nz\n\n", 404),
    (":dlg_list:%s\na\0b\n\n", 400), (":profile_get_size:%s\n\n", 400),
    (":dlg_list:%s\n" + "x" * 65536 + "\n\n", 400),
    (":dlg_list:%s\n" + "x\n" * 40000 + "\n", 400),
    (":" + "x" * 300 + ":%s\n\n", 500),
    (":dlg_list\n\n", None), ("dlg_list:%s\n\n", None), (":\n\n", None),
    (":" + "y" * 70000 + ":%s\n\n", None), ("x" * 300000 + "\n", None),
    ("\n\n\r\n\n", None), ("\0\n" * 50, None), (":\0:\0\n\n", None),
    (":dlg_list:../%s\n\n", None), (":dlg_list:/tmp/%s\n\n", None),
    (":dlg_list:..\n\n", None), (":dlg_list:.\n\n", None),
    (":dlg_list:%s/x\n\n", None), (":dlg_list:no_such\n\n", None),
    (":dlg_list:" + "z" * 129 + "\n\n", None), (":dlg_list:mi\n\n", None),
    (":dlg_list:kamailio.cfg\n\n", None), (":dlg_list:link\n\n", None),
)


def _memory(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1])


@parley_only(REASON)
def test_bad(env):
    """An error or silence; the next command is understood, nothing grows, and
    calls are made meanwhile."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        os.symlink(server.config, os.path.join(server.folder, "link"))
        with open(server.config) as file:
            before = file.read()
        pid, private, most = process(server), [], 0
        for turn in range(4):
            for text, code in BAD:
                if code:
                    refused(fifo.ask(text, False), code)
                else:
                    name = fifo.name()
                    fifo.write(text.replace("%s", name))
                    still_works(fifo)
                    os.unlink(os.path.join(fifo.folder, name))
            sip.establish(a, b).hang_up()
            net.wait_until(lambda: server.rpc("profile_get_size", "all") == 0,
                           5, "the end")
            most = most or _memory(pid)
        same("process", process(server), pid)
        check(_memory(pid) <= most + 64, "%d pages after %d", _memory(pid),
              most)
        with open(server.config) as file:
            same("configuration", file.read(), before)


@parley_only(REASON)
def test_shared_memory(env):
    """Thousands of requests, good and bad, leave nothing behind."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        good(fifo.ask(":dlg_list:%s\n"))
        used = None
        for turn in range(3):
            fifo.write((":dlg_list:\nx\n\n" + ":nothing:\n\n" + "x\n" +
                        ":profile_get_values:\ncaller\n\n") * 500)
            good(fifo.ask(":dlg_list:%s\n"))
            used = used or server.shm()
        same("shared memory", server.shm(), used)


@parley_only(REASON)
def test_two_writers(env):
    """Whole commands that come mixed, while one writer never closes."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        names = [fifo.name() for _ in range(6)]
        readers = [fifo.reader(name) for name in names]
        open_one, other = fifo.open(), fifo.open()
        for i, name in enumerate(names):
            os.write((open_one, other)[i % 2], (
                ":profile_get_size:%s\nall\n\n" % name).encode())
        for fd in readers:
            same("size", good(fifo.read(fd)), "0\n")
        os.close(other)
        still_works(fifo)
        os.close(open_one)


@parley_only(REASON)
def test_half(env):
    """A command whose end does not come is dropped and answered; the next one,
    of another writer, is understood."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        name = fifo.name()
        reader, writer = fifo.reader(name), fifo.open()
        os.write(writer, (":profile_get_size:%s\nall\n" % name).encode())
        refused(fifo.read(reader), 400, "in time")
        still_works(fifo)
        # Half of its first line, and what is too long.
        for text in (":dlg_li", ":dlg_list:rep", "noise", ":a:\n" + "x" * 99):
            os.write(writer, text.encode())
            refused_lines = server.log().count("in time")
            if text.startswith(":"):
                net.wait_until(lambda: server.log().count("in time") >
                               refused_lines, 10, "%r is dropped" % text)
                still_works(fifo)
            else:
                os.write(writer, b"\n")
                still_works(fifo)
        os.close(writer)
        # The end of all writers is the end of a command.
        same("size", good(fifo.ask(":profile_get_size:%s\nall", False)), "0\n")


def _many(server, a, b, count=60):
    long = [("X-Long", "x" * 1500)]
    for _ in range(count):
        sip.establish(a, b, long)


LONG = script(initial=INITIAL + ' $dlg_var(long) = $hdr(X-Long);')


@parley_only(REASON)
def test_no_reader(env):
    """Readers that never come, or stop in the middle: their answers are dropped,
    others get theirs meanwhile."""
    with started(env, routes=LONG) as (server, a, b):
        fifo = Fifo(server)
        _many(server, a, b)
        wanted = good(fifo.ask(":dlg_list:%s\n"))
        check(len(wanted) > 2 * 65536, "only %d bytes", len(wanted))
        slow = fifo.name()
        reader = fifo.reader(slow)
        for name in [fifo.name() for _ in range(4)]:
            fifo.write(":dlg_list:%s\n\n" % name)
        fifo.write(":dlg_list:%s\n\n" % slow)
        for _ in range(3):
            same("size", good(fifo.command("profile_get_size", "all")),
                 "60\n")
        net.wait_until(lambda: "nobody reads there" in server.log() and
                       "it is not read on" in server.log(), 15,
                       "the answers are dropped")
        os.close(reader)
        same("size", good(fifo.command("profile_get_size", "all")), "60\n")


@parley_only(REASON)
def test_all_readers_dead(env):
    """More dead readers than there is room for: requests wait, none is lost."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        for name in [fifo.name() for _ in range(20)]:
            fifo.write(":dlg_list:%s\n\n" % name)
        same("size", good(fifo.ask(":profile_get_size:%s\nall\n",
                                   seconds=15)), "0\n")


@parley_only(REASON)
def test_one_name_twice(env):
    """Two long answers for one FIFO are not mixed."""
    with started(env, routes=LONG) as (server, a, b):
        fifo = Fifo(server)
        _many(server, a, b)
        wanted = fifo.ask(":dlg_list:%s\n")
        name = fifo.name()
        with open(os.open(os.path.join(fifo.folder, name), os.O_RDWR),
                  "rb", buffering=0) as reader:
            fifo.write((":dlg_list:%s\n\n" % name) * 2)
            data = b""
            while data.count(b"\n\n") < 2:
                data += reader.read(1 << 20)
        first, second, _ = data.split(b"\n\n")
        same("answers", [len(first), len(second)], [len(wanted) - 2] * 2)


@parley_only(REASON)
def test_reader_goes(env):
    """Who closes in the middle of his answer harms nobody."""
    with started(env, routes=LONG) as (server, a, b):
        fifo = Fifo(server)
        _many(server, a, b)
        for _ in range(5):
            name = fifo.name()
            fd = fifo.reader(name)
            fifo.write(":dlg_list:%s\n\n" % name)
            net.wait_until(lambda: _some(fd), 5, "the beginning")
            os.close(fd)
            same("size", good(fifo.command("profile_get_size", "all")),
                 "60\n")


def _some(fd):
    try:
        return os.read(fd, 10)
    except BlockingIOError:
        return b""


@parley_only(REASON)
def test_list_max(env):
    with started(env, ("rpc_list_max", 2)) as (server, a, b):
        fifo = Fifo(server)
        for _ in range(3):
            sip.establish(a, b)
        refused(fifo.ask(":dlg_list:%s\n"), 400, "rpc_list_max")


# ------------------------------------------------ the file

@parley_only(REASON)
def test_file(env):
    """Mode and owner; gone at the end, taken over after a crash."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        found = os.stat(fifo.path)
        same("mode", (stat.S_ISFIFO(found.st_mode),
                      stat.S_IMODE(found.st_mode), found.st_uid),
             (True, 0o660, os.getuid()))
        server.crash()
        check(os.path.exists(fifo.path), "it is gone")
        server.start()
        still_works(fifo)
        server.stop()
        check(not os.path.exists(fifo.path), "it is there")
        server.start()
        still_works(fifo)
        os.rename(fifo.path, fifo.path + ".old")
        os.mkfifo(fifo.path)
        server.stop()
        check(os.path.exists(fifo.path), "one of somebody else is gone")


@parley_only(REASON)
def test_user(env):
    """It belongs to the user that the server becomes, who removes it."""
    if os.getuid() != 0:
        raise Skip("only root can start a server for another user")
    server = Fifo.use(env.proxy(PROFILES))
    command = server.command
    server.command = lambda *more: command("-u", "nobody", *more)
    os.chmod(server.folder, 0o777)
    with server:
        fifo = Fifo(server)
        found = os.stat(fifo.path)
        same("owner", found.st_uid, pwd.getpwnam("nobody").pw_uid)
        same("mode", stat.S_IMODE(found.st_mode), 0o660)
        name = fifo.name()
        os.chmod(os.path.join(fifo.folder, name), 0o666)
        reader = fifo.reader(name)
        fifo.write(":profile_get_size:%s\nall\n\n" % name)
        same("size", good(fifo.read(reader)), "0\n")
        server.stop()
        check(not os.path.exists(fifo.path), "it is there")


@parley_only(REASON)
def test_off(env):
    """Without mi_fifo there is no process and no file."""
    with env.proxy([("mi_fifo_reply_dir", "/nonexistent")]) as server:
        check("dialog fifo" not in server.processes().values(), "it is there")


@parley_only(REASON)
def test_refused_at_start(env):
    """One line says what is wrong."""
    for name, value, words in (
            ("mi_fifo", "relative", "full path"),
            ("mi_fifo", "%s/kamailio.cfg", "no FIFO"),
            ("mi_fifo", "%s/missing/mi", "No such"),
            ("mi_fifo", "%s/kamailio.cfg/mi", "ot a directory"),
            ("mi_fifo", "%s/", "full path"),
            ("mi_fifo", "%s/link", "no FIFO"),
            ("mi_fifo_reply_dir", "relative", "full path"),
            ("mi_fifo_reply_dir", "%s/missing", "No such"),
            ("mi_fifo_reply_dir", "%s/kamailio.cfg", "directory")):
        server = env.proxy()
        os.mkfifo(os.path.join(server.folder, "real"))
        os.symlink("real", os.path.join(server.folder, "link"))
        Fifo.use(server)
        server.params = [p for p in server.params if p[0] != name] + [
            (name, value.replace("%s", server.folder))]
        lines = [l for l in _start_log(server).splitlines()
                 if "ERROR" in l and "%s=" % name in l]
        same("lines about %s=%s" % (name, value), len(lines), 1)
        check(words in lines[0], "%s", lines[0])
        server.close()


def _start_log(server):
    try:
        server.start()
    except StartFailed as failure:
        return failure.log
    raise AssertionError("it starts with %r" % server.params[-1:])


@parley_only(REASON)
def test_in_use(env):
    """A FIFO that another process reads is not taken away from it."""
    server = Fifo.use(env.proxy(PROFILES))
    fifo = Fifo(server)
    os.mkfifo(fifo.path)
    reader = os.open(fifo.path, os.O_RDONLY | os.O_NONBLOCK)
    check("another process" in _start_log(server), "%s", server.log())
    os.close(reader)
    server.start()
    same("check beside it", server.check()[0], 0)
    still_works(fifo)
    server.close()


@parley_only(REASON)
def test_stopped_process(env):
    """While the FIFO's process stands still, SIP and RPC go on."""
    with started(env) as (server, a, b):
        fifo = Fifo(server)
        pid = process(server)
        os.kill(pid, signal.SIGSTOP)
        try:
            name = fifo.name()
            reader = fifo.reader(name)
            fifo.write(":profile_get_size:%s\nall\n\n" % name)
            call = sip.establish(a, b)
            same("size", server.rpc("profile_get_size", "all"), 1)
            call.hang_up()
        finally:
            os.kill(pid, signal.SIGCONT)
        same("size", good(fifo.read(reader)), "0\n")


@parley_only(REASON)
def test_other_transports(env):
    """kamcmd's and JSON's answers are the same with the FIFO on."""
    with started(env) as (server, a, b):
        same("size", [server.rpc("profile_get_size", "all"),
                      server.json("profile_get_size", "all")], [0, 0])
        try:
            server.rpc("nothing")
        except rpc.Fault as refusal:
            same("code", refusal.code, 500)


