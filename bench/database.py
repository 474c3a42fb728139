"""What a database costs: instructions and system calls of a SIP worker, calls
per second, statements, and when a row can be seen.

The packaged module does the same in the same run, as far as it can within a
time limit. SQLite has a file in its default form; PostgreSQL is a server made
for the run, with the settings it comes with as far as they concern speed.
"""
import contextlib
import os
import queue
import re
import select
import sqlite3
import statistics
import subprocess
import threading
import time

import instructions
from bases import MODULES, base_of, of_dialog, stored, written
from lib import database
from setup import VARIANTS, Load, settled

KINDS = ("sqlite", "postgres")
INFLIGHT = 16
REQUESTS = 10  # in a call, when statements are counted


def worker_of(running):
    """The one SIP worker's process."""
    return [pid for pid, name in running.processes().items()
            if "udp receiver" in name][0]


# ------------------------------------------------------- instructions


def _instructions(settings, variants, out):
    for allocator in (None, "fm"):
        for variant in variants:
            for mode in (0, 1):
                settings.note("database: instructions, %s, db_mode %d, %s" % (
                    variant, mode, allocator or "qm"))
                with base_of("sqlite") as base:
                    out["instructions", variant, mode, allocator] = \
                        instructions.per_call(
                            settings, variant, allocator, only="udp receiver",
                            make=lambda **more: stored(
                                settings, variant, base, mode, **more))


def _instruction_rows(out):
    for allocator in (None, "fm"):
        for variant in MODULES:
            counts = [out.get(("instructions", variant, mode, allocator))
                      for mode in (0, 1)]
            if None in counts:
                continue
            more = 100 * (counts[1] / counts[0] - 1)
            ours = VARIANTS[variant][1]
            yield ("worker's instructions per call, db_mode 1 after 0, %s, %s"
                   % ("-x fm" if allocator else "default allocator", variant),
                   "%.0f after %.0f (%+.1f %%)" % (counts[1], counts[0], more),
                   "at most +10 %" if ours else "",
                   more <= 10 if ours else None)


# ------------------------------------------------------- system calls


@contextlib.contextmanager
def _strace(pid, path):
    """The process's system calls go to the file @path."""
    tracer = subprocess.Popen(["strace", "-yy", "-o", path, "-p", str(pid)],
                              stdin=subprocess.DEVNULL, text=True,
                              stderr=subprocess.PIPE)
    try:
        if not select.select([tracer.stderr], [], [], 20)[0] or \
                "attached" not in tracer.stderr.readline():
            raise RuntimeError("strace does not attach to the SIP worker")
        yield
    finally:
        tracer.terminate()
        tracer.wait()


def _system_calls(settings, variant, kind, count):
    """(all, those on the database's file or socket) of the worker."""
    with base_of(kind) as base:
        where = re.escape(base.path) if kind == "sqlite" else \
            r":%d\]" % base.server.port
        running = stored(settings, variant, base, 1)
        trace = os.path.join(running.folder, "trace")
        with running, Load(settings, running) as load:
            load.run("calls", 0, 100, 1, "full", "fix:3600")
            with _strace(worker_of(running), trace):
                load.run("calls", 100, count, INFLIGHT, "full", "fix:3600")
                # Stock deletes when tm has forgotten a call, in a timer.
                settled(running)
            with open(trace, errors="replace") as lines:
                calls = lines.readlines()
    return len(calls), sum(bool(re.search(where, line)) for line in calls)


def _trace(settings, variants, out):
    count = 200 if settings.quick else 1000
    for variant in variants:
        for kind in KINDS:
            settings.note("database: system calls, %s, %s" % (variant, kind))
            out["trace", variant, kind] = (count,) + _system_calls(
                settings, variant, kind, count)


def _trace_rows(out):
    for key, (count, every, on_base) in _those(out, "trace"):
        ours = VARIANTS[key[1]][1]
        yield ("worker's system calls on %s in %d calls, %s" % (
            key[2], count, key[1]), "%d of %d" % (on_base, every),
            "0" if ours else "", on_base == 0 if ours else None)


# ------------------------------------------------------- calls per second


class Runner:
    """A server whose calls per second are measured."""

    def __init__(self, settings, variant, base, mode, children):
        self.running = stored(settings, variant, base, mode, children=children,
                              shm_mb=512)
        self.settings, self.next_call = settings, 0

    def __enter__(self):
        self.running.start()
        self.load = Load(self.settings, self.running)
        return self

    def __exit__(self, *failure):
        self.load.__exit__()
        self.running.kill()
        self.running.close()

    def per_second(self, how, count):
        first, self.next_call = self.next_call, self.next_call + count
        took = self.load.run("calls", first, count, INFLIGHT, how,
                             "fix:3600")["seconds"]
        if how == "hold":
            self.load.run("bye", first, count, INFLIGHT)
        # What is still to be done is not the next one's burden.
        written(self.running)
        return count / took

    def locked(self):
        return self.running.log().count("database is locked")


def _in_turn(runners, how, settings):
    """{key: median of the calls per second}; one round of each after the
    other, for what else the machine does befalls all of them."""
    rounds, count = (2, 500) if settings.quick else (3, 3000)
    found = {key: [] for key in runners}
    for _ in range(rounds):
        for key, runner in runners.items():
            found[key].append(runner.per_second(how, count))
    return {key: statistics.median(rates) for key, rates in found.items()}


def _rate(settings, variants, kind, children, out):
    settings.note("database: calls per second, %s, %d worker%s" % (
        kind, children, "s" * (children > 1)))
    with contextlib.ExitStack() as stack:
        runners, bases = {}, {}
        for variant in variants:
            for mode in (0, 1):
                key = variant, kind, children, mode
                bases[key] = stack.enter_context(base_of(kind))
                runners[key] = stack.enter_context(Runner(
                    settings, variant, bases[key], mode, children))
        for how in ("full", "hold") if children == 1 else ("full",):
            for key, value in _in_turn(runners, how, settings).items():
                out[("rate", how) + key] = value
        for key, runner in runners.items():
            if key[3]:
                out[("after",) + key] = (runner.locked(),
                                         bases[key].count("dialog"))


def _rates(settings, variants, out):
    for kind in KINDS:
        _rate(settings, variants, kind, 1, out)
    _rate(settings, variants, "sqlite", 4, out)


HOW = {"full": "that end at once", "hold": "that stay"}


def _workers(number):
    return "%d worker%s" % (number, "s" * (number > 1))


def _rate_rows(out):
    for key, value in _those(out, "rate"):
        _, how, variant, kind, children, mode = key
        if mode == 0:
            continue
        base, ours = out[key[:5] + (0,)], VARIANTS[variant][1]
        share = 100 * value / base
        bound = ours and children == 1
        yield ("calls per second %s, %s, %s, db_mode 1 after 0, %s" % (
            HOW[how], _workers(children), kind, variant),
            "%.0f after %.0f (%.0f %%)" % (value, base, share),
            "at least 80 %" if bound else "", share >= 80 if bound else None)
    for key, (locked, left) in _those(out, "after"):
        _, variant, kind, children, _ = key
        ours = VARIANTS[variant][1]
        yield ("after these, %s, %s, %s" % (_workers(children), kind, variant),
               "%d times \"database is locked\", %d rows left" % (locked,
                                                                  left),
               "none, none" if ours else "",
               locked == left == 0 if ours else None)


# ------------------------------------------------------- statements


class Counter:
    """Statements that change the tables, as the database's server sees
    them."""

    PATTERN = re.compile(r"(?:statement|execute [^:]*): *"
                         r"(INSERT|UPDATE|DELETE)\b", re.I)

    def __init__(self, settings, base):
        self.log = base.server.log
        base.execute("ALTER DATABASE %s SET log_statement = 'all';"
                     % base.name)
        self.seen = 0
        self.take()

    def take(self):
        """How many since the last time."""
        with open(self.log, errors="replace") as log:
            log.seek(self.seen)
            text = log.read()
            self.seen = log.tell()
        return len(self.PATTERN.findall(text))


def _count(settings, variant, mode, commands):
    """How many statements each of the commands of the load generator costs,
    with what comes of it afterwards."""
    with database.fresh("postgres", private=True) as base:
        base.create_stock_tables()
        counter = Counter(settings, base)
        running = stored(settings, variant, base, mode,
                         [("db_update_period", 3600)])
        with running, Load(settings, running) as load:
            counter.take()
            for command in commands:
                load.run(*command)
                if running.stores and mode == 2:
                    settled(running)
                    running.rpc("dlg.db_flush")
                written(running)
                yield counter.take()


def _statements(settings, variant, count):
    """Per call: that ends before the next batch; set-up, requests, end; that
    ends at once."""
    found = list(_count(settings, variant, 2, [
        ("calls", 0, count, INFLIGHT, "full", "fix:3600")]))
    found += _count(settings, variant, 1, [
        ("calls", 0, count, INFLIGHT, "hold", "fix:3600"),
        ("inside", count, REQUESTS * count, INFLIGHT, 0),
        ("bye", 0, count, INFLIGHT),
        ("calls", count, count, INFLIGHT, "full", "fix:3600")])
    return [value / count for value in found]


PHASES = ("a call that ends before the next batch (db_mode 2)",
          "the set-up of a call (db_mode 1)",
          "%d requests in a call" % REQUESTS, "the end of a call",
          "a call that ends at once (db_mode 1)")


def _statement_rows(out):
    for key, counts in _those(out, "statements"):
        ours = VARIANTS[key[1]][1]
        for number, (phase, value) in enumerate(zip(PHASES, counts)):
            bound = 1 if number else 0
            yield ("statements for %s, %s" % (phase, key[1]), "%.3f" % value,
                   ("at most %d" % bound if bound else "0") if ours else "",
                   value <= bound if ours else None)


# ------------------------------------------------------- how soon


class Looker(threading.Thread):
    """Notes how long after look(n) the row of call n is seen."""

    def __init__(self, base):
        super().__init__(daemon=True)
        self.base, self.asked, self.took = base, queue.Queue(), []
        if base.kind == "sqlite":
            # Who reads keeps nobody from writing.
            base.execute("PRAGMA journal_mode=WAL;")
            self.there = self._in_sqlite(sqlite3.connect(
                base.path, timeout=10, check_same_thread=False))
        else:
            self.there = self._in_postgres()
        self.start()

    @staticmethod
    def _in_sqlite(connection):
        return lambda call: connection.execute(
            "SELECT count(*) FROM dialog WHERE callid = ?",
            (call,)).fetchone()[0]

    def _in_postgres(self):
        client = subprocess.Popen(
            self.base.server.client(self.base.name) + ["-A", "-t"], text=True,
            env=self.base.server.secret(), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)

        def there(call):
            client.stdin.write("SELECT count(*) FROM dialog WHERE callid = "
                               "'%s';\n" % call)
            client.stdin.flush()
            return int(client.stdout.readline())
        return there

    def look(self, number):
        self.asked.put(("c%d@b" % number, time.monotonic()))

    def run(self):
        for call, since in iter(self.asked.get, None):
            while not self.there(call):
                time.sleep(0.001)
            self.took.append(time.monotonic() - since)


def _delay(settings, variant, kind, seconds):
    """[seconds until a row is seen], at 100 calls per second."""
    with base_of(kind) as base:
        running = stored(settings, variant, base, 1)
        with running, Load(settings, running) as load:
            looker = Looker(base)
            start = time.monotonic()
            for number in range(100 * seconds):
                time.sleep(max(0, start + number / 100 - time.monotonic()))
                load.run("calls", number, 1, 1, "hold", "fix:3600")
                if number % 20 == 19:
                    looker.look(number)
            looker.asked.put(None)
            looker.join(60)
            return sorted(looker.took)


def _delays(settings, variants, out):
    for variant in variants:
        for kind in KINDS:
            settings.note("database: delay, %s, %s" % (variant, kind))
            out["delay", variant, kind] = _delay(
                settings, variant, kind, 5 if settings.quick else 20)


def _delay_rows(out):
    for key, took in _those(out, "delay"):
        ours, worst = VARIANTS[key[1]][1], took[-1 - len(took) // 100]
        yield ("from the ACK to the row, 100 calls per second, %s, %s" % (
            key[2], key[1]), "p50 %.0f ms, p99 %.0f ms" % (
                1000 * took[len(took) // 2], 1000 * worst),
            "p99 at most 100 ms" if ours else "",
            worst <= 0.1 if ours else None)


# ------------------------------------------------------- all of it


def _those(out, what):
    return [(key, value) for key, value in out.items() if key[0] == what]


def measure(settings, variants):
    """{(what, variant, ...): figures}"""
    variants, out = of_dialog(variants), {}
    _instructions(settings, variants, out)
    _trace(settings, variants, out)
    _rates(settings, variants, out)
    for variant in variants:
        settings.note("database: statements, %s" % variant)
        out["statements", variant] = _statements(
            settings, variant, 100 if settings.quick else 1000)
    _delays(settings, variants, out)
    return out


def rows(out):
    yield from _instruction_rows(out)
    yield from _trace_rows(out)
    yield from _rate_rows(out)
    yield from _statement_rows(out)
    yield from _delay_rows(out)
