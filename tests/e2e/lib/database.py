"""A database for a case, of any kind that Kamailio has a driver for:

    with database.fresh("postgres") as base:
        base.create_stock_tables()
        with env.proxy([("db_url", base.url)], first=base.load()) as server:
            ...
            base.rows("dialog")

A case for every kind is a function each_...(env, kind) marked @database.each();
one whose server or driver is not installed is skipped and says so.
"""
import contextlib
import csv
import functools
import glob
import io
import itertools
import os
import sqlite3
import subprocess
import sys

from . import modules, proxy, servers
from .case import Skip

KINDS = ("sqlite", "postgres", "mysql", "redis")
SCHEMAS = "/usr/share/kamailio/"
NUMBERS = {"id", "hash_entry", "hash_id", "state", "start_time", "timeout",
           "sflags", "iflags", "table_version"}
_count = itertools.count(1)


def need(kind):
    """Skips the case if driver, schema or server of the @kind is not there."""
    modules.need("db_" + kind)
    try:
        if kind != "sqlite":
            servers.KINDS[kind].need()
    except servers.Missing as missing:
        raise Skip(str(missing)) from None


def each(*kinds):
    """Makes a case of each kind out of each_name(env, kind): test_name_kind.
    A mark of another kind, such as parley_only, stands below this one."""
    def mark(function):
        for kind in kinds or KINDS:
            name = "test_%s_%s" % (function.__name__[len("each_"):], kind)

            @functools.wraps(function)
            def run(env, kind=kind):
                need(kind)
                return function(env, kind)
            setattr(sys.modules[function.__module__], name, run)
        return function
    return mark


def fresh(kind, private=False, durable=False):
    """An empty database; @private: on a server that no other case uses, which
    can be paused and stopped. SQLite has no server and is always private."""
    need(kind)
    if kind == "sqlite":
        return Sqlite(proxy.scratch())
    if private or durable:
        return CLASSES[kind](servers.private(kind, durable), True)
    return CLASSES[kind](servers.shared(kind))


class Database:
    """What the kinds have in common. Columns named in NUMBERS are int, all
    others str or None."""

    kind = schemas = None
    sql = True  # whether query() is there

    def load(self):
        """Configuration that loads Kamailio's driver."""
        return modules.load("db_" + self.kind)

    def create(self, *names):
        """The package's tables of these names."""
        for name in names:
            path = "%s%s/%s-create.sql" % (SCHEMAS, self.schemas, name)
            if not os.path.exists(path):
                raise Skip("the package's schema %s is not there" % path)
            with open(path) as text:
                self.execute(text.read())

    def create_stock_tables(self):
        self.create("standard", "dialog")
        return self

    def rows(self, table, where="1 = 1"):
        """The rows as dictionaries, in the order of insertion."""
        return self.query("SELECT * FROM %s WHERE %s ORDER BY id" % (table,
                                                                     where))

    def count(self, table):
        return int(self.query("SELECT count(*) AS n FROM %s" % table)[0]["n"])

    def insert(self, table, **row):
        self.execute("INSERT INTO %s (%s) VALUES (%s);" % (
            table, ", ".join(row),
            ", ".join(map(self._literal, row.values()))))

    @staticmethod
    def _literal(value):
        if value is None:
            return "NULL"
        if isinstance(value, int):
            return "%d" % value
        return "'%s'" % value.replace("'", "''")

    def update(self, table, column, number):
        """In all rows."""
        self.execute("UPDATE %s SET %s = %d;" % (table, column, number))

    def delete(self, table):
        """All rows."""
        self.execute("DELETE FROM %s;" % table)

    def close(self):
        """The end of the case."""

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.close()


def _typed(rows):
    """In place, what is a number by its column's name becomes one."""
    for row in rows:
        for name in NUMBERS.intersection(row):
            if row[name] is not None:
                row[name] = int(row[name])
    return rows


class Sqlite(Database):
    kind, schemas = "sqlite", "db_sqlite"

    def __init__(self, folder, *names):
        modules.need("db_sqlite")
        self.path = os.path.join(folder, "db.sqlite")
        self.url = "sqlite:///" + self.path
        self._lock = None
        # Who reads keeps nobody from writing: db_sqlite waits for no lock, and
        # loses the row.
        self.execute("PRAGMA journal_mode=WAL;")
        if names:
            self.create("standard", *names)

    def execute(self, script):
        connection = sqlite3.connect(self.path, timeout=40)
        try:
            connection.executescript(script)
        finally:
            connection.close()

    def query(self, text):
        connection = sqlite3.connect(self.path, timeout=40)
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(text)]
        finally:
            connection.close()

    @contextlib.contextmanager
    def held(self):
        """Somebody has it open. In WAL mode the first to open the file and
        the last to close it lock it for a moment: processes that begin at
        once and wait for no lock get in each other's way."""
        connection = sqlite3.connect(self.path)
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
            yield
        finally:
            connection.close()

    def pause(self):
        """Nobody else can write, and in any other journal mode than WAL
        nobody can read."""
        self._lock = sqlite3.connect(self.path, timeout=40,
                                     isolation_level=None)
        self._lock.execute("BEGIN EXCLUSIVE")

    def resume(self):
        if self._lock:
            self._lock.execute("ROLLBACK")
            self._lock.close()
            self._lock = None

    def close(self):
        self.resume()


class _OnServer(Database):
    """A database of its own on a server, which may be the whole run's."""

    def __init__(self, server, private=False):
        self.server = server
        self.private = private
        self.name = self._new_name()
        self.host = "127.0.0.1:%d" % server.port
        self.url = self._url()

    def _new_name(self):
        name = "c%d_%d" % (os.getpid(), next(_count))
        self._admin("CREATE DATABASE %s" % name)
        return name

    def _url(self, password=servers.PASSWORD):
        return "%s://%s:%s@%s/%s" % (self.kind, servers.USER, password,
                                     self.host, self.name)

    def wrong_url(self):
        """The same with a password that is not the user's."""
        return self._url("wrong")

    def _client(self, base, text, *options):
        done = subprocess.run(
            self.server.client(*base) + list(options), input=text.encode(),
            env=self.server.secret(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError("%s: %s" % (
                self.kind, done.stderr.decode(errors="replace")))
        return done.stdout.decode(errors="surrogateescape")

    def _admin(self, text):
        self._client((), text + ";\n")

    def execute(self, script):
        self._client((self.name,), script)

    def _of_its_own(self):
        if not self.private:
            raise RuntimeError("this server belongs to all cases of the run")
        return self.server

    def pause(self):
        self._of_its_own().pause()

    def resume(self):
        self._of_its_own().resume()

    def stop(self):
        self._of_its_own().stop()

    def start(self):
        self._of_its_own().start()

    def close(self):
        if self.private:
            self.server.remove()
        else:
            self._drop()

    def _drop(self):
        self._admin("DROP DATABASE %s" % self.name)


class Postgres(_OnServer):
    kind = schemas = "postgres"

    def query(self, text):
        found = self._client((self.name,), text, "--csv", "-P", r"null=\N")
        return _typed([
            {name: None if value == r"\N" else value
             for name, value in row.items()}
            for row in csv.DictReader(io.StringIO(found, newline=""))])

    def _drop(self):
        self._admin("DROP DATABASE %s WITH (FORCE)" % self.name)


class Mysql(_OnServer):
    kind = schemas = "mysql"

    ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}

    @staticmethod
    def _literal(value):
        out = Database._literal(value)
        return out if isinstance(value, int) else out.replace("\\", r"\\")

    @classmethod
    def _value(cls, text):
        """A text that is NULL looks like one that is "NULL" here."""
        if text == "NULL":
            return None
        parts = text.split("\\")
        out = [parts.pop(0)]
        while parts:
            part = parts.pop(0)
            if part:
                out.append(cls.ESCAPES.get(part[0], part[0]) + part[1:])
            else:  # an escaped backslash; what follows it is plain
                out.append("\\" + (parts.pop(0) if parts else ""))
        return "".join(out)

    def query(self, text):
        lines = self._client((self.name,), text).split("\n")[:-1]
        names = lines[0].split("\t") if lines else []
        return _typed([dict(zip(names, map(self._value, line.split("\t"))))
                       for line in lines[1:]])


class Redis(_OnServer):
    """Tables are what the driver makes of them: a hash per row, and sets of
    their names."""

    kind = schemas = "redis"
    sql = False

    # Table, columns of the key, and a further way to find rows.
    KEYS = {"version": (("table_name",), None),
            "dialog": (("hash_entry", "hash_id"), None),
            "dialog_vars": (("hash_entry", "hash_id", "dialog_key"),
                            ("dialog", ("hash_entry", "hash_id"))),
            "dialog_more": (("hash_entry", "hash_id"),
                            ("cid", ("callid",)))}

    def _new_name(self):
        # A number of its own per case, counted on the server.
        return str(servers.resp(self.server.port,
                                ["INCR", "parley:last"])[0])

    def _url(self, password=None):
        return "redis://%s/%s" % (self.host, self.name)

    def load(self):
        folder = self.schema()
        keys = []
        for table in sorted(os.listdir(folder)):
            entry, further = self.KEYS[table]
            keys.append("%s=entry:%s" % (table, ",".join(entry)))
            if further:
                keys[-1] += "&%s:%s" % (further[0], ",".join(further[1]))
        return modules.load("db_redis", schema_path=folder, keys=keys,
                            verbosity=0)

    def schema(self):
        """A folder with the package's description of each table, and ours."""
        folder = proxy.scratch()
        for path in glob.glob(SCHEMAS + "db_redis/kamailio/*") + glob.glob(
                modules.ROOT + "/hosts/**/dialog_more", recursive=True):
            if os.path.basename(path) in self.KEYS:
                os.symlink(path, os.path.join(folder, os.path.basename(path)))
        return folder

    def create_stock_tables(self):
        """Rows need no table here."""
        return self

    def command(self, *words):
        return self.commands(list(words))[0]

    def commands(self, *commands):
        return servers.resp(self.server.port, ["SELECT", self.name],
                            *commands)[1:]

    def rows(self, table, where=None):
        names = sorted(self.command("KEYS", table + ":entry::*"))
        found = self.commands(*(["HGETALL", name] for name in names))
        return _typed([dict(zip(row[::2], row[1::2])) for row in found if row])

    def count(self, table):
        return len(self.command("KEYS", table + ":entry::*"))

    def insert(self, table, **row):
        row = {name: value for name, value in row.items() if value is not None}
        entry, further = self.KEYS[table]
        name = "%s:entry::%s" % (table, ":".join(str(row[k]) for k in entry))
        words = [["HSET", name] + [x for pair in row.items() for x in pair]]
        if further:
            found = "%s:%s::%s" % (table, further[0], ":".join(
                str(row[k]) for k in further[1]))
            words += [["SADD", found, name],
                      ["SADD", "%s::index::%s" % (table, further[0]), found]]
        self.commands(*words)

    def update(self, table, column, number):
        for name in self.command("KEYS", table + ":entry::*"):
            self.command("HSET", name, column, number)

    def delete(self, table):
        names = self.command("KEYS", table + ":*")
        if names:
            self.command("DEL", *names)

    def _drop(self):
        self.command("FLUSHDB")


CLASSES = {kind.kind: kind for kind in (Postgres, Mysql, Redis)}

__all__ = ["Database", "KINDS", "Sqlite", "each", "fresh", "need"]
