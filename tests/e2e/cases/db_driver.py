"""What a database can have wrong: one readable line each. What cannot be used
ends the start, as with the packaged module; what can be used does not."""
import contextlib
import os
import re
import subprocess
import threading

from lib import database, modules, stored
from lib.case import (Skip, check, net, parley_only, proxy, same, sip,
                      two_parties)

from .db_load import row

QUIET = "the packaged module says it in other words, or not at all"
SQL = ("sqlite", "postgres", "mysql")


def _lines(log, level):
    """Ours, without the drivers' and the core's."""
    return [line for line in log.split("\n")
            if re.search(r"\) %s: dialog " % level, line)]


def _refused(env, params, words, first=""):
    """No start, and exactly one line of ours with all of @words."""
    server = env.proxy([("db_mode", 1)] + params, first=first)
    try:
        server.start()
    except proxy.StartFailed as failure:
        check(failure.code != "no answer", "hangs: %s", failure.log)
        lines = _lines(failure.log, "ERROR")
        same("error lines in\n%s\n" % failure.log, len(lines), 1)
        for word in words:
            check(word in lines[0], "%r is not in %r", word, lines[0])
    else:
        raise AssertionError("starts with %r" % (params,))
    finally:
        server.close()


def _said(server, level, *words):
    """Exactly one line has all of @words."""
    lines = [line for line in _lines(server.log(), level)
             if all(word in line for word in words)]
    same("lines with %r in\n%s\n" % (words, server.log()), len(lines), 1)


# ------------------------------------------------ no start

@parley_only(QUIET)
def test_urls(env):
    driver = modules.load("db_sqlite")
    for url, words in (
            ("nothing", ["db_url", "sqlite:///"]),
            ("oracle://u:secret@h/d", ["oracle://h/d", '"db_oracle.so"']),
            ("mysql://u:secret@h/d", ["mysql://h/d", '"db_mysql.so"']),
            ("sqlite:////no/such/folder/x", ["/no/such/folder/x", "db_url"])):
        _refused(env, [("db_url", url)], words, driver)


@database.each("postgres", "mysql")
@parley_only(QUIET)
def each_password(env, kind):
    with database.fresh(kind) as base:
        base.create_stock_tables()
        _refused(env, [("db_url", base.wrong_url())],
                 ["no connection", base.host + "/" + base.name], base.load())


@database.each(*SQL)
@parley_only(QUIET)
def each_table(env, kind):
    """Tables, versions and columns that are missing or others."""
    with database.fresh(kind) as base:
        url = [("db_url", base.url)]
        base.create("standard")
        _refused(env, url, ["no row for the table dialog:",
                            "dialog-create.sql"], base.load())
        base.create("dialog")
        for script, words in (
                ("UPDATE version SET table_version = 6 "
                 "WHERE table_name = 'dialog';",
                 ["dialog has version 6, 7 is needed"]),
                ("UPDATE version SET table_version = 7 "
                 "WHERE table_name = 'dialog';"
                 "ALTER TABLE dialog_vars DROP COLUMN dialog_value;",
                 ["dialog_vars has no column dialog_value"]),
                ("DROP TABLE dialog_vars;",
                 ["dialog_vars is not there", "dialog-create.sql"]),
                ("DROP TABLE version;", ["version cannot be read"])):
            base.execute(script)
            _refused(env, url, words, base.load())


# ------------------------------------------------ our own table

def _columns(base):
    if base.kind == "sqlite":
        return base.query("SELECT name, type, \"notnull\", pk FROM "
                          "pragma_table_info('dialog_more')")
    return base.query(
        "SELECT column_name AS n, data_type AS t, is_nullable AS u, "
        "character_maximum_length AS l FROM information_schema.columns "
        "WHERE table_name = 'dialog_more' AND (table_schema = 'public' "
        "OR table_schema = '%s') ORDER BY ordinal_position" % base.name)


@database.each(*SQL)
@parley_only("the packaged module has no such table")
def each_made(env, kind):
    """dialog_more is made when it is missing, as its SQL file makes it."""
    with database.fresh(kind) as base, database.fresh(kind) as other:
        for one in (base, other):
            one.create_stock_tables()
        with open("%s/hosts/kamailio/sql/%s/dialog_more-create.sql" % (
                modules.ROOT, kind), encoding="ascii") as text:
            other.execute(text.read())
        for _ in range(2):
            with stored.server(env, base, 1) as server:
                same("warnings", _lines(server.log(), "WARNING"), [])
        same("columns", _columns(base), _columns(other))
        for one in (base, other):
            same("version", one.query(
                "SELECT table_version FROM version "
                "WHERE table_name = 'dialog_more'"), [{"table_version": 1}])


@database.each(*SQL)
@parley_only("the packaged module has no such table")
def each_not_made(env, kind):
    """One warning names the file; calls are stored without it."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        base.execute("CREATE TABLE dialog_more (mine INTEGER);")
        with two_parties(stored.server(env, base, 1)) as (server, a, b):
            _said(server, "WARNING", "dialog_more", kind +
                  "/dialog_more-create.sql")
            call = sip.establish(a, b)
            stored.wait_rows(base, "dialog", 1)
            call.hang_up()
            stored.no_rows(base)
        same("rows", base.query("SELECT * FROM dialog_more"), [])


# ------------------------------------------------ rows that are refused

REFUSES = {
    "sqlite": "CREATE TRIGGER no_eve BEFORE INSERT ON dialog "
              "WHEN NEW.from_uri LIKE '%eve%' "
              "BEGIN SELECT RAISE(ABORT, 'no eve'); END;",
    "postgres": "ALTER TABLE dialog ADD CONSTRAINT no_eve "
                "CHECK (from_uri NOT LIKE '%eve%');",
    "mysql": "ALTER TABLE dialog ADD CONSTRAINT no_eve "
             "CHECK (from_uri NOT LIKE '%eve%');",
}


@database.each(*SQL)
@parley_only("the packaged module writes each call by itself")
def each_refused(env, kind):
    """A row that the database refuses holds no other up, and its call goes
    on. Mode 2 puts all of them into one batch."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        base.execute(REFUSES[kind])
        with two_parties(stored.server(
                env, base, 2, ("db_update_period", 3600))) as (server, a, b):
            calls = [sip.establish(a, b) for _ in range(6)]
            eve = sip.establish(a, b, from_uri="sip:eve@127.0.0.1")
            calls += [sip.establish(a, b) for _ in range(6)]
            server.stop()
            _said(server, "ERROR", "refuses", eve.callid)
            same("calls that are stored",
                 sorted(row["callid"] for row in base.rows("dialog")),
                 sorted(call.callid for call in calls))


# ------------------------------------------------ reading only

@parley_only(QUIET)
def test_read_only(env):
    """It is said at the start, and calls go on."""
    database.need("sqlite")
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        first = modules.load("db_sqlite", db_set_readonly=base.path)
        with two_parties(env.proxy(
                [("db_mode", 1), ("db_url", base.url),
                 ("journal_dir", stored.folder_of_journal(base))],
                first=first)) as (server, a, b):
            _said(server, "ERROR", "can be read only", base.path)
            call = sip.establish(a, b)
            net.wait_until(lambda: server.rpc("dlg.db_stats")["errors"] > 0, 10,
                           "a batch that fails")
            call.hang_up()
        check(os.path.exists(base.path), "the database is there")
        same("rows", base.count("dialog"), 0)


def _read_only_user(env, mode):
    if os.geteuid() != 0:
        raise Skip("only root can become somebody else")
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        base.execute("PRAGMA journal_mode=%s;" % mode)
        base.insert("dialog", **row("stored", 1))
        server = stored.server(env, base, 1, ("db_load_wait", 0),
                               core='user="nobody"\ngroup="nogroup"')
        os.chmod(base.path, 0o644)
        os.chmod(os.path.dirname(base.path), 0o755)
        for path in (stored.folder_of_journal(base), server.folder):
            os.chmod(path, 0o777)
        with two_parties(server) as (server, a, b):
            _said(server, "ERROR", "can be read only", base.path)
            net.wait_until(lambda: stored.facts(server, "stored"), 10,
                           "the call of the row")
            sip.establish(a, b).hang_up()


@parley_only(QUIET)
def test_read_only_user(env):
    """So is what only the user may not write whom root becomes."""
    _read_only_user(env, "DELETE")


@parley_only(QUIET)
def test_read_only_user_wal(env):
    """With a write-ahead log he may not even read. The packaged module loads
    as root, and starts."""
    _read_only_user(env, "WAL")


# ------------------------------------------------ values

# A quote, a backslash, what looks like SQL, and bytes that are no UTF-8.
NASTY = b"a'b\\c\"d\xe4\xff'); DROP TABLE dialog; --".decode("latin-1")
STORED = {
    # What a database in UTF-8 cannot hold becomes a question mark.
    "sqlite": NASTY.encode("latin-1"),
    "redis": NASTY.encode("latin-1"),
    "postgres": NASTY.encode("latin-1").replace(b"\xe4\xff", b"??"),
    "mysql": NASTY.encode("latin-1").replace(b"\xe4\xff", b"??"),
}


def _bytes(base):
    """The value of the only variable that is "odd"."""
    if base.kind == "sqlite":
        return bytes(base.query(
            "SELECT CAST(dialog_value AS BLOB) AS b FROM dialog_vars "
            "WHERE dialog_key = 'odd'")[0]["b"])
    rows = [row for row in base.rows("dialog_vars")
            if row["dialog_key"] == "odd"]
    same("rows", len(rows), 1)
    return rows[0]["dialog_value"].encode("utf-8", "surrogateescape")


@database.each()
@parley_only("the packaged module loses the row")
def each_bytes(env, kind):
    """No value loses a row, or says anything else to the database."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with two_parties(stored.server(env, base, 1)) as (server, a, b):
            call = sip.establish(a, b, headers=[("X-Odd", NASTY)],
                                 callid="\xe4\xff-odd-call")
            net.wait_until(lambda: base.count("dialog") == 1, 10, "its row")
            same("value", _bytes(base), STORED[kind])
            same("refused", server.rpc("dlg.db_stats")["refused"], 0)
            same("variable", dict(stored.facts(server, call.callid)[
                "variables"])["odd"], NASTY)
            with stored.kept("restart", server, call.callid):
                server.stop()
                server.start()
            stored.within(call, "INFO")
            call.hang_up()
            stored.no_rows(base)


# ------------------------------------------------ a full disk

@contextlib.contextmanager
def _small_disk():
    """A file system of 600 kB in memory, which takes a right to mount."""
    folder = proxy.scratch()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k,mode=777",
                           "none", folder], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        raise Skip("no disk can be mounted: " +
                   done.stdout.decode(errors="replace").strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def _fill(folder):
    path = os.path.join(folder, "filler")
    with open(path, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    return path


@parley_only(QUIET)
def test_full(env):
    """A disk that is full is said; calls begin, change and end meanwhile,
    and are written when there is room."""
    database.need("sqlite")
    with _small_disk() as folder:
        base = database.Sqlite(folder)
        base.execute("PRAGMA journal_mode=DELETE;")
        base.create_stock_tables()
        base.journal = proxy.scratch()
        with two_parties(stored.server(env, base, 1)) as (server, a, b):
            old = [sip.establish(a, b) for _ in range(3)]
            stored.wait_rows(base, "dialog", 3)
            filler = _fill(folder)
            old[0].hang_up()
            calls = old[1:] + [sip.establish(a, b) for _ in range(20)]
            net.wait_until(
                lambda: server.rpc("dlg.db_stats")["errors"] > 3, 10,
                "batches that fail")
            said = server.log().count("disk is full")
            check(1 <= said <= 4, "%d lines in\n%s\n", said, server.log())
            same("refused", server.rpc("dlg.db_stats")["refused"], 0)
            os.unlink(filler)
            net.wait_until(
                lambda: sorted(row["callid"] for row in base.rows("dialog")) ==
                sorted(call.callid for call in calls), 15, "rows of all calls")
            for call in calls:
                call.hang_up()
            stored.no_rows(base)


# ------------------------------------------------ statements

def _flush(server):
    """How many statements have been sent when everything is written."""
    server.rpc("dlg.db_flush")

    def idle():
        found = server.rpc("dlg.db_stats")
        return not found["waiting"] and not found["writing"]
    net.wait_until(idle, 10, "nothing waits")
    return server.rpc("dlg.db_stats")["statements"]


@database.each(*SQL)
@parley_only("the packaged module sends some for each request")
def each_statements(env, kind):
    """One statement for each table and batch, however many requests have
    passed; none for calls that begin and end in between."""
    tables = 3
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with two_parties(stored.server(
                env, base, 2, ("db_update_period", 3600))) as (server, a, b):
            calls = [stored.establish(a, b) for _ in range(5)]
            last = 0
            for number in range(2):
                for call in calls * 3:
                    stored.within(call, "INFO",
                                  headers=[("X-Info", "%d" % number)])
                sent = _flush(server)
                check(0 < sent - last <= tables, "%d statements", sent - last)
                last = sent
                same("rows", base.count("dialog"), len(calls))
            for _ in range(3):
                stored.establish(a, b).hang_up()
            same("statements", _flush(server), last)
            for call in calls:
                call.hang_up()
            sent = _flush(server) - last
            check(0 < sent <= tables, "%d statements to delete", sent)
            stored.no_rows(base)


# ------------------------------------------------ a lock at the start

def _opened(server, path):
    """Whether the server, which is starting, has the file open."""
    try:
        folder = "/proc/%d/fd/" % server.process.pid
        return any(os.path.realpath(folder + name) == path
                   for name in os.listdir(folder))
    except (AttributeError, FileNotFoundError):
        return False


def _pauses(server):
    """How often it has slept."""
    with open("/proc/%d/status" % server.process.pid) as status:
        return int(re.search(r"\nvoluntary_ctxt_switches:\s*(\d+)",
                             status.read()).group(1))


@parley_only("the packaged module does not start then")
def test_locked_at_the_start(env):
    """Who writes into the file while the server starts only delays it: the
    driver of SQLite waits for nobody."""
    database.need("sqlite")
    with database.fresh("sqlite") as base:
        base.execute("PRAGMA journal_mode=DELETE;")
        base.create_stock_tables()
        server = stored.server(env, base, 1)
        try:
            base.pause()
            starting = threading.Thread(target=server.start)
            starting.start()
            net.wait_until(lambda: _opened(server, base.path), 10,
                           "the server opens the database")
            before = _pauses(server)
            net.wait_until(lambda: _pauses(server) > before + 40, 10,
                           "the server waits for the lock")
            base.resume()
            starting.join()
            check(server.alive(), "it is running:\n%s", server.log())
            same("errors", _lines(server.log(), "ERROR"), [])
        finally:
            server.close()
