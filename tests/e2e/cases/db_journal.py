"""The journal's file, the process that writes, and what an operator sees of
the two."""
import fcntl
import glob
import os
import re
import shutil
import stat
import subprocess
import tempfile

from lib import database, modules, proxy, rpc, stored
from lib.case import (Skip, check, net, parley_only, same, two_parties,
                      wait_state)

REASON = "the packaged module has no journal"
TOOL = os.path.join(modules.ROOT, "tools", "parley-journal")
DEFAULT = "/var/lib/kamailio"


def _base():
    base = database.fresh("sqlite")
    base.create_stock_tables()
    return base


def _server(env, base, mode=1, *params, **options):
    return stored.server(env, base, mode, *params, **options)


def _file(base, server):
    return "%s/parley-udp:127.0.0.1:%d.journal" % (
        stored.folder_of_journal(base), server.port)


def _refused(server, *words):
    """It does not start, and one line of ours says why."""
    try:
        server.start()
    except proxy.StartFailed as failure:
        lines = [line for line in failure.log.split("\n")
                 if re.search(r"\) (ERROR|CRITICAL): (?!<core>)", line)]
        same("error lines in\n" + failure.log, len(lines), 1)
        for word in words:
            check(str(word) in lines[0], "%r is not in %r", word, lines[0])
    else:
        server.stop()
        raise AssertionError("it starts")
    finally:
        server.close()


def _stats(server):
    return dict(server.rpc("dlg.db_stats"))


def _lines(server, text):
    return [line for line in server.log().split("\n") if text in line]


def _in_own_mounts(*commands):
    """A wrapper that runs the server with mounts that nobody else sees."""
    if os.geteuid() != 0 or subprocess.run(
            ["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("no right to mount")
    return ["unshare", "-m", "sh", "-ec",
            "; ".join(commands) + '; exec "$@"', "sh"]


# ------------------------------------------------ where it is

@parley_only(REASON)
def test_file(env):
    """A file of its own per address, for its owner only; gone after a clean
    stop."""
    with _base() as base, _server(env, base) as server:
        path = _file(base, server)
        found = os.stat(path)
        same("mode", stat.S_IMODE(found.st_mode), 0o600)
        same("size", found.st_size, 64 << 20)
        stats = _stats(server)
        same("path", stats["journal"], path)
        check(60e6 > int(stats["journal_bytes"]) > 50e6 and
              0 <= int(stats["journal_used"]) < 1e6, "%r", stats)
        server.stop()
        check(not os.path.exists(path), "it is left behind")


@parley_only(REASON)
def test_no_file(env):
    """Modes 0 and 3, and kamailio -c: nothing is made."""
    with _base() as base:
        for mode in (0, 3):
            with _server(env, base, mode) as server:
                same("mode %d" % mode,
                     os.listdir(stored.folder_of_journal(base)), [])
        server = _server(env, base)
        same("kamailio -c", server.check()[0], 0)
        same("after -c", os.listdir(stored.folder_of_journal(base)), [])
        server.close()


@parley_only(REASON)
def test_owner(env):
    """It is the user's that Kamailio becomes, who removes it at the end."""
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    with _base() as base:
        folder = stored.folder_of_journal(base)
        server = _server(env, base, core='user="nobody"\ngroup="nogroup"')
        for path in (folder, server.folder, os.path.dirname(base.path)):
            os.chmod(path, 0o777)
        for path in glob.glob(base.path + "*"):
            os.chmod(path, 0o666)
        with server:
            found = os.stat(_file(base, server))
            check(found.st_uid != 0 and found.st_gid != 0, "it is root's")
            server.stop()
            same("left", os.listdir(folder), [])


@parley_only(REASON)
def test_wrong_directory(env):
    """One that was named and cannot be used stops the start."""
    with _base() as base:
        folder = proxy.scratch()
        plain = os.path.join(folder, "plain")
        with open(plain, "w"):
            pass
        for path, words in (
                (folder + "/none", ["No such file"]),
                (plain, ["is not a directory"]),
                (folder + "/plain/below", ["Not a directory"])):
            _refused(_server(env, base, 1, ("journal_dir", path)), path, *words)
        link = os.path.join(folder, "link")
        os.symlink("/run", link)
        _refused(_server(env, base, 1, ("journal_dir", link)), link, "/run",
                 "emptied")


@parley_only(REASON)
def test_no_right(env):
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    with _base() as base:
        folder = proxy.scratch()
        os.chmod(folder, 0o755)
        server = _server(env, base, 1, ("journal_dir", folder),
                         core='user="nobody"\ngroup="nogroup"')
        _refused(server, folder, "cannot write")


def _without(base, server):
    """The directory is not given."""
    server.params = [pair for pair in server.params
                     if pair[0] != "journal_dir"]
    return server


@parley_only(REASON)
def test_default_missing(env):
    """An unchanged configuration starts; one line says what a reboot costs. A
    crash is survived."""
    hide = _in_own_mounts("mount -t tmpfs none /var/lib")
    with _base() as base:
        server = _without(base, _server(env, base, wrapper=hide))
        with two_parties(server) as (server, a, b):
            lines = _lines(server, "a reboot loses")
            same("lines", len(lines), 1)
            check("WARNING" in lines[0] and DEFAULT in lines[0], "%s", lines)
            path = _stats(server)["journal"]
            check(path.startswith("/dev/shm/parley-0-"), "%s", path)
            same("mode of the folder",
                 stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700)
            call = stored.establish(a, b)
            server.crash()
            check(os.path.exists(path), "it is gone")
            # Used once more, although the directory is there by now.
            server.wrapper = _in_own_mounts("mount -t tmpfs none /var/lib",
                                            "mkdir -m 777 " + DEFAULT)
            server.start()
            same("path", _stats(server)["journal"], path)
            wait_state(server, call.callid, 4)
            server.stop()
            check(not os.path.exists(os.path.dirname(path)), "it is left")
            server.start()
            check(_stats(server)["journal"].startswith(DEFAULT),
                  "not in the default directory")
            same("lines", _lines(server, "a reboot loses"), [])


@parley_only(REASON)
def test_full_disk(env):
    """There must be room for all of it at the start."""
    with _base() as base:
        folder = stored.folder_of_journal(base)
        wrapper = _in_own_mounts("mount -t tmpfs -o size=8m none " + folder)
        _refused(_server(env, base, wrapper=wrapper), folder, "64 MB",
                 "No space")
        with _server(env, base, 1, ("journal_size", 4), wrapper=wrapper):
            pass


# ------------------------------------------------ whose it is

@parley_only(REASON)
def test_locked(env):
    """Two servers never share one; other addresses are other files."""
    with _base() as base, _server(env, base) as first:
        with _server(env, base):
            pass
        second = _server(env, base)
        second.port = net.free_port()
        with open(_file(base, second), "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            _refused(second, _file(base, second), "another server")
        check(first.alive(), "the first one has ended")


@parley_only(REASON)
def test_foreign(env):
    """What is no journal is kept, and does not keep the server from calls."""
    with _base() as base:
        server = _server(env, base)
        text = b"not a journal\n" * 1000
        with open(_file(base, server), "wb") as out:
            out.write(text)
        with two_parties(server) as (server, a, b):
            lines = _lines(server, "is no journal")
            same("lines", len(lines), 1)
            kept = glob.glob(_file(base, server) + ".unknown-*")
            same("kept", len(kept), 1)
            check(kept[0] in lines[0], "%s", lines)
            with open(kept[0], "rb") as found:
                check(found.read() == text, "it was changed")
            stored.establish(a, b).hang_up()


@parley_only(REASON)
def test_other_size(env):
    """A journal that a crash left keeps its size until the next clean stop."""
    with _base() as base, two_parties(
            _server(env, base, 2, ("journal_size", 8))) as (server, a, b):
        call = stored.establish(a, b)
        server.crash()
        server.params.append(("journal_size", 16))
        server.start()
        same("lines", len(_lines(server, "was left with 8 MB")), 1)
        wait_state(server, call.callid, 4)
        same("bytes", os.stat(_file(base, server)).st_size, 8 << 20)
        server.stop()
        server.start()
        same("bytes", os.stat(_file(base, server)).st_size, 16 << 20)
        wait_state(server, call.callid, 4)


@parley_only(REASON)
def test_password(env):
    """Another password in db_url: the same journal."""
    with _base() as base, two_parties(_server(env, base, 2)) as (server, a, b):
        call = stored.establish(a, b)
        server.crash()
        server.params.append(("db_url", base.url.replace(
            "sqlite:///", "sqlite://someone:else@x/")))
        path = _file(base, server)
        check(os.path.exists(path), "no journal")
        # SQLite takes no notice of who asks.
        server.params.append(("db_url", base.url))
        server.start()
        wait_state(server, call.callid, 4)


@parley_only(REASON)
def test_other_mode(env):
    """A journal of a crash is not read in mode 3 or 0, which is said; it is
    kept, and read in mode 2 again."""
    with _base() as base, two_parties(_server(env, base, 2)) as (server, a, b):
        call = stored.establish(a, b)
        for mode in (3, 0):
            server.crash()
            server.params.append(("db_mode", mode))
            server.start()
            lines = _lines(server, "is left of a crash")
            same("lines", len(lines), 1)
            check("WARNING" in lines[0] and _file(base, server) in lines[0],
                  "%s", lines)
            wait_state(server, call.callid, 0)
        server.stop()
        server.params.append(("db_mode", 2))
        server.start()
        wait_state(server, call.callid, 4)
        same("lines", _lines(server, "is left of a crash"), [])


@parley_only(REASON)
def test_other_address(env):
    """A crash, and then another first listen address, which makes another
    name: one line names the journal that is left, for parley-journal."""
    with _base() as base, two_parties(_server(env, base, 2)) as (server, a, b):
        call = stored.establish(a, b)
        left = _file(base, server)
        server.crash()
        server.port = net.free_port()
        server.start()
        lines = _lines(server, "is left of a crash")
        same("lines", len(lines), 1)
        check("WARNING" in lines[0] and left in lines[0], "%s", lines)
        wait_state(server, call.callid, 0)
        check(os.path.exists(left), "it is gone")


@parley_only(REASON)
def test_neighbour(env):
    """The journal of a server that is up is not left of a crash."""
    with _base() as base, _server(env, base) as one:
        with _server(env, base) as two:
            check(os.path.exists(_file(base, one)), "no journal")
            same("lines", _lines(two, "is left of a crash"), [])


@parley_only(REASON)
def test_two_left(env):
    """One crash left a journal in the directory, a later one, when that was
    not there, another in /dev/shm: the later one is read, the older one is
    kept under another name."""
    away = _in_own_mounts("mount -t tmpfs none /var/lib")
    keep = tempfile.mkdtemp(prefix="parley-", dir="/tmp")
    there = _in_own_mounts("mount -t tmpfs none /var/lib", "mkdir " + DEFAULT,
                           "mount --bind %s %s" % (keep, DEFAULT))
    try:
        with _base() as base, two_parties(
                _without(base, _server(env, base, 2, wrapper=there))) as (
                    server, a, b):
            call = stored.establish(a, b)
            server.crash()
            server.wrapper = away
            server.start()
            later = stored.establish(a, b)
            server.crash()
            server.wrapper = there
            server.start()
            wait_state(server, later.callid, 4)
            wait_state(server, call.callid, 0)
            lines = _lines(server, ".older-")
            same("lines", len(lines), 1)
            check("WARNING" in lines[0], "%s", lines)
            server.stop()
            server.start()
            wait_state(server, later.callid, 4)
            wait_state(server, call.callid, 0)
    finally:
        shutil.rmtree(keep)


# ------------------------------------------------ what is seen

@parley_only(REASON)
def test_stats(env):
    with _base() as base, two_parties(_server(env, base)) as (server, a, b):
        for name, value in (("mode", 1), ("waiting", 0), ("written", 0),
                            ("deleted", 0), ("behind", 0), ("refused", 0)):
            same(name, int(_stats(server)[name]), value)
        call = stored.establish(a, b)
        net.wait_until(lambda: int(_stats(server)["written"]) > 0 and
                       int(_stats(server)["waiting"]) == 0, 5, "a commit")
        check(int(_stats(server)["last_commit"]) > 1700000000, "no time")
        same("connected", int(_stats(server)["connected"]), 1)
        call.hang_up()
        net.wait_until(lambda: int(_stats(server)["deleted"]) == 1, 5,
                       "a deletion")
        found = server.statistics()
        for name in ("db_waiting", "db_oldest_ms", "db_unrecorded",
                     "db_refused", "db_errors"):
            same(name, found[name], 0)
        check(found["db_written"] > 0 and found["db_deleted"] == 1 and
              found["db_last_commit"] > 1700000000, "%r", found)


@parley_only(REASON)
def test_no_stats(env):
    """Without a database."""
    with env.proxy() as server:
        for command, words in (("db_stats", ()), ("db_flush", ()),
                               ("db_adopt", ("x",)), ("db_load_extra", ()),
                               ("db_load_callid", ("x",))):
            try:
                server.rpc("dlg." + command, *words)
            except rpc.Fault as fault:
                check("db_mode is 0" in str(fault), "%s: %s", command, fault)
            else:
                raise AssertionError("dlg.%s answers" % command)
        same("statistics", [name for name in server.statistics()
                            if name.startswith("db_")], [])


@parley_only(REASON)
def test_bad_commands(env):
    with _base() as base, _server(env, base) as server:
        for command, words, text in (
                ("db_stats", ("x",), "Unknown parameter"),
                ("db_flush", ("x",), "Unknown parameter"),
                ("db_adopt", (), "name of a node"),
                ("db_adopt", ("",), "name of a node"),
                ("db_load_callid", (), "Call-ID"),
                ("db_load_callid", ("x" * 1100,), "1024"),
                ("db_load_extra", ("x",), "Unknown parameter")):
            try:
                server.rpc("dlg." + command, *words)
            except rpc.Fault as fault:
                check(text in str(fault), "%s: %s", command, fault)
            else:
                raise AssertionError("dlg.%s%r answers" % (command, words))


@parley_only(REASON)
def test_flush(env):
    """Mode 2 by command."""
    with _base() as base, two_parties(_server(
            env, base, 2, ("db_update_period", 3600))) as (server, a, b):
        call = stored.establish(a, b)
        same("rows", base.count("dialog"), 0)
        check(int(_stats(server)["waiting"]) == 1, "nothing waits")
        server.rpc("dlg.db_flush")
        stored.wait_rows(base, "dialog", 1)
        call.hang_up()
        server.rpc("dlg.db_flush")
        stored.no_rows(base)


@parley_only(REASON)
def test_behind(env):
    """One line when the database begins to be late, one when it has caught up;
    calls go on."""
    with _base() as base, two_parties(_server(env, base)) as (server, a, b):
        stored.establish(a, b)
        stored.wait_rows(base, "dialog", 1)
        base.pause()
        call = stored.establish(a, b)
        net.wait_until(lambda: _lines(server, "is behind"), 10, "a line")
        # What is being written may have changed since it was taken.
        found = {name: int(_stats(server)[name])
                 for name in ("behind", "waiting", "writing")}
        check(found["behind"] == 1 and found["waiting"] <= 1 and
              1 <= found["waiting"] + found["writing"] <= 2, "%r", found)
        check(server.statistics()["db_oldest_ms"] > 1000, "not old")
        call.hang_up()
        stored.establish(a, b)
        base.resume()
        net.wait_until(lambda: _lines(server, "has caught up"), 10, "a line")
        stored.wait_rows(base, "dialog", 2)
        same("lines", (len(_lines(server, "is behind")),
                       len(_lines(server, "has caught up"))), (1, 1))


LARGE = "".join('   $dlg_var(large%d) = "%s";\n' % (number, "x" * 6000)
                for number in range(4))


@parley_only(REASON)
def test_full(env):
    """That the journal has no room is said at once, also where it was said a
    moment before that the database is behind. All is written in the end."""
    with _base() as base, two_parties(_server(
            env, base, 1, ("journal_size", 1),
            routes=stored.routes(initial=stored.INITIAL + LARGE))) as (
                server, a, b):
        base.pause()
        stored.establish(a, b)
        net.wait_until(lambda: _lines(server, "is behind"), 10, "a line")
        same("lines", _lines(server, "has no room"), [])
        for _ in range(50):
            stored.establish(a, b)
        net.wait_until(lambda: _lines(server, "has no room"), 10, "a line")
        check(int(_stats(server)["unrecorded"]) > 0, "there is room")
        base.resume()
        stored.wait_rows(base, "dialog", 51)
        net.wait_until(lambda: not int(_stats(server)["unrecorded"]), 10,
                       "none is left out")


@parley_only(REASON)
def test_stop_without_database(env):
    """What cannot be written at the end stays in the journal."""
    with _base() as base, two_parties(_server(env, base)) as (server, a, b):
        base.pause()
        call = stored.establish(a, b)
        server.stop()
        same("lines", len(_lines(server, "stay in the journal")), 1)
        base.resume()
        same("rows", base.count("dialog"), 0)
        server.start()
        wait_state(server, call.callid, 4)
        stored.wait_rows(base, "dialog", 1)


def _stop_while_database_hangs(env, core, seconds):
    with database.fresh("postgres", private=True) as base:
        base.create_stock_tables()
        with two_parties(_server(env, base, 2, core=core)) as (server, a, b):
            call = stored.establish(a, b)
            base.pause()
            same("exit code", server.stop(seconds), 0)
            same("lines", len(_lines(server, "stay in the journal")), 1)
            base.resume()
            server.start()
            wait_state(server, call.callid, 4)


@parley_only(REASON)
def test_stop_while_database_hangs(env):
    """A server that does not answer keeps the end from nothing: it comes in
    time before exit_timeout, and what waits stays in the journal."""
    _stop_while_database_hangs(env, "exit_timeout=6", 30)


@parley_only(REASON)
def test_stop_without_progress(env):
    """Nor does it for long: ten seconds after the last batch the end comes,
    however long exit_timeout (60) is."""
    _stop_while_database_hangs(env, "", 25)


@parley_only(REASON)
def test_sync(env):
    """journal_sync: a process of its own, which gives back what it has put on
    the disk."""
    with _base() as base, two_parties(
            _server(env, base, 1, ("journal_sync", 1))) as (server, a, b):
        check("dialog journal" in server.processes().values(), "no process")
        call = stored.establish(a, b)
        for number in range(20):
            stored.within(call, "INFO", headers=[("X-Info", str(number))])
        call.hang_up()
        stored.no_rows(base)
        net.wait_until(lambda: int(_stats(server)["journal_used"]) == 0, 5,
                       "an empty journal")


# ------------------------------------------------ without Parley

def _apply(env, server, base, *more):
    done = subprocess.run(
        [TOOL, "-f", server.config, *more], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, PARLEY_MODULES=os.path.abspath(env.build)),
        timeout=60)
    return done.returncode, done.stdout


def _user():
    return ["-u", "root"] if os.geteuid() == 0 else []


@parley_only(REASON)
def test_apply(env):
    """A journal that a crash has left is written by one command; the packaged
    module goes on with the call, and none that had ended is there."""
    with _base() as base:
        server = _server(env, base, 2, ("db_update_period", 3600))
        with two_parties(server) as (server, a, b):
            over = stored.establish(a, b)
            server.rpc("dlg.db_flush")
            stored.wait_rows(base, "dialog", 1)
            call = stored.establish(a, b)
            over.hang_up()
            server.crash()
            # The file loads the packaged module by now.
            server.dialog = env.module(stock=True)
            given = stored.folder_of_journal(base)
            server.params = [pair for pair in server.params
                             if pair[0] not in ("journal_dir",)]
            server.write()
            status, output = _apply(env, server, base, "-d", given, *_user())
            same("status\n" + output, status, 0)
            check("2 changes of calls written" in output, "%s", output)
            same("left", os.listdir(given), [])
            same("rows", [row["callid"] for row in base.rows("dialog")],
                 [call.callid])
            server.start()
            wait_state(server, call.callid, 4)
            call.hang_up()
            status, output = _apply(env, server, base, "-d", given, *_user())
            same("again\n" + output, status, 0)
            check("0 changes of calls" in output, "%s", output)


@parley_only(REASON)
def test_apply_fails(env):
    with _base() as base, two_parties(_server(env, base, 2)) as (server, a, b):
        stored.establish(a, b)
        status, output = _apply(env, server, base, *_user())
        check(status != 0 and "another server" in output, "%s", output)
        server.crash()
        base.pause()
        status, output = _apply(env, server, base, *_user())
        check(status != 0 and "changes" not in output, "%s", output)
        base.resume()
        check(os.path.exists(_file(base, server)), "it is gone")
        status, output = _apply(env, server, base, *_user())
        check(status == 0 and "1 changes" in output, "%s", output)


# ------------------------------------------------ mode 3

@parley_only(REASON)
def test_shutdown_mode(env):
    """Rows are written by a clean stop only; those of calls that are over by
    the next one go."""
    with _base() as base, two_parties(_server(env, base, 3)) as (server, a, b):
        call = stored.establish(a, b)
        other = stored.establish(a, b)
        with stored.kept("stop", server, call.callid, other.callid):
            same("rows", base.count("dialog"), 0)
            server.stop()
            same("rows", base.count("dialog"), 2)
            server.start()
        same("rows", base.count("dialog"), 2)
        call.hang_up()
        server.stop()
        same("rows", [row["callid"] for row in base.rows("dialog")],
             [other.callid])
        server.start()
        wait_state(server, other.callid, 4)
        server.crash()
        server.start()
        wait_state(server, other.callid, 4)

