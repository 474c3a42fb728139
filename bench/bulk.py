"""Many calls at once into SQLite and out of it: the flush of db_mode 2, the
clean stop of db_mode 3, and a start that loads calls with random lifetimes.

Flush: from the moment the process that writes leaves its idle ways until the
file changes for the last time. A second process that read the rows meanwhile
would lock the packaged module out, so the file is only looked at.
"""
import os
import re
import sqlite3
import subprocess
import threading
import time

from bases import base_of, of_dialog, stored
from lib import net, proxy
from setup import VARIANTS, Load, cpu_ns

LIMIT = 60  # seconds: how long the packaged module is waited for
INFLIGHT = 16
SHORT = 1000  # calls whose lifetime ends while others are written


# ------------------------------------------------------- flush


class Watch(threading.Thread):
    """What a process and a file do, every 2 ms."""

    def __init__(self, pid, path):
        super().__init__(daemon=True)
        self.pid, self.paths = pid, (path, path + "-journal")
        self.samples, self.ended = [], threading.Event()

    def _sign(self):
        out = []
        for path in self.paths:
            try:
                stat = os.stat(path)
                out.append((stat.st_size, stat.st_mtime_ns))
            except FileNotFoundError:
                out.append(None)
        return tuple(out)

    def run(self):
        while not self.ended.is_set():
            self.samples.append((time.monotonic(), cpu_ns([self.pid]),
                                 self._sign()))
            time.sleep(0.002)

    def changes(self):
        return [i for i in range(1, len(self.samples))
                if self.samples[i][2] != self.samples[i - 1][2]]

    def quiet(self, seconds):
        """The file has changed, and not for so long."""
        changed = self.changes()
        return changed and time.monotonic() > \
            self.samples[changed[-1]][0] + seconds

    def took(self):
        """Seconds from the beginning of the work to the last change."""
        changed = self.changes()
        first = changed[0]
        # Back to where it used less than a twentieth of its time.
        while first > 10 and self.samples[first][1] - \
                self.samples[first - 10][1] > 50000 * 20:
            first -= 1
        return self.samples[changed[-1]][0] - self.samples[first][0]


def _in_mode_2(settings, variant, base, **options):
    period = 12 if settings.quick else 40
    return period, stored(settings, variant, base, 2,
                          [("db_update_period", period)], shm_mb=1024,
                          **options)


def _flush(settings, variant, base, count):
    """(seconds, rows)"""
    period, running = _in_mode_2(settings, variant, base)
    with running, Load(settings, running) as load:
        load.run("calls", 0, count, INFLIGHT, "hold", "fix:3600")
        if base.count("dialog"):
            raise RuntimeError("the flush came too early")
        name = "dialog writer" if VARIANTS[variant][1] else "slow timer"
        watch = Watch([pid for pid, found in running.processes().items()
                       if name in found][0], base.path)
        watch.start()
        net.wait_until(lambda: watch.quiet(3), period + LIMIT, "the flush",
                       step=0.2)
        watch.ended.set()
        watch.join()
        return watch.took(), base.count("dialog")


def _pause(settings, variant, base, count):
    """The longest time without an expiry, while some end in each second and
    the others are written."""
    period, running = _in_mode_2(settings, variant, base, random_life=True)
    with running, Load(settings, running) as load:
        load.run("calls", count, SHORT, INFLIGHT, "hold",
                 "rnd:3:%d" % (2 * period))
        load.run("calls", 0, count, INFLIGHT, "hold", "fix:3600")
        seen, when, longest = -1, time.monotonic(), 0
        deadline = when + 2 * period + LIMIT
        while seen < SHORT and when < deadline:
            expired = running.statistics()["expired_dialogs"]
            now = time.monotonic()
            longest = max(longest, now - when)
            if expired != seen:
                seen, when = expired, now
            time.sleep(0.05)
        return (longest,)


# ------------------------------------------------------- stop


def _stop(settings, variant, base, count):
    """(seconds or None, rows)"""
    running = stored(settings, variant, base, 3, shm_mb=2048)
    with running, Load(settings, running) as load:
        load.run("calls", 0, count, INFLIGHT, "hold", "fix:43200")
        start = time.monotonic()
        try:
            running.stop(LIMIT)
            took = time.monotonic() - start
        except subprocess.TimeoutExpired:
            took = None
    return took, base.count("dialog")


# ------------------------------------------------------- load


def _hash(text, size):
    """Kamailio's core_hash(): the packaged module wants to find each row
    where it belongs."""
    out, data = 0, text.encode()
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        v = int.from_bytes(data[i:i + 4], "big")
        out += v ^ (v >> 3)
    v = int.from_bytes(data[whole:], "big")
    out = (out + (v ^ (v >> 3))) & 0xffffffff
    out = (out + (out >> 11) + (out >> 13) + (out >> 23)) & 0xffffffff
    return out & (size - 1)


def _scatter(number):
    """Lifetimes without order."""
    return 3600 + number * 2654435761 % (1 << 32) % 39600


def fill(base, port, count):
    """@count answered calls, as load.c makes them, with random lifetimes."""
    now = int(time.time())
    names = ("hash_entry", "hash_id", "callid", "from_uri", "from_tag",
             "to_uri", "to_tag", "caller_cseq", "callee_cseq",
             "caller_route_set", "callee_route_set", "caller_contact",
             "callee_contact", "caller_sock", "callee_sock", "state",
             "start_time", "timeout", "sflags", "iflags", "toroute_name",
             "req_uri", "xdata")
    sock = "udp:127.0.0.1:%d" % port

    def row(number):
        callid = "c%d@b" % number
        return (_hash(callid, 4096), number + 1, callid, "sip:a@b.c",
                "f%d" % number, "sip:7@b.c", "t%d" % number, "1", "0", "", "",
                "sip:a@127.0.0.1:9", "sip:b@127.0.0.1:9", sock, sock, 4, now,
                now + _scatter(number), 0, 0, None, "sip:7@127.0.0.1:9", None)
    connection = sqlite3.connect(base.path)
    with connection:
        connection.executemany(
            "INSERT INTO dialog (%s) VALUES (%s)" % (
                ", ".join(names), ", ".join("?" * len(names))),
            (row(number) for number in range(count)))
    connection.close()


def _said(running):
    """Seconds of loading and of these those of reading, as ours says."""
    found = re.findall(r"dialogs loaded in (\d+) ms, (\d+) ms of them for "
                       r"reading", running.log())
    return tuple(sum(map(int, column)) / 1000 for column in zip(*found))


def _start(settings, variant, base, count):
    """(seconds until all are there or None, (loading, reading) if known)"""
    ours = VARIANTS[variant][1]
    # The packaged module has all rows of SQLite at once in private memory.
    pkg_mb = 8 if ours else 16 + count // 50
    running = stored(settings, variant, base, 1, pkg_mb=pkg_mb,
                     shm_mb=1024 + count // 200, patience=LIMIT / net.PATIENCE)
    fill(base, running.port, count)
    start = time.monotonic()
    try:
        running.start()
        net.wait_until(lambda: running.statistics()["active_dialogs"] == count,
                       LIMIT, "all calls are loaded", step=0.01)
        took = time.monotonic() - start
        if ours:
            net.wait_until(lambda: not running.rpc("dlg.db_stats")["loading"],
                           LIMIT, "the load has ended", step=0.01)
        return took, _said(running)
    except proxy.StartFailed as failure:
        if failure.code != "no answer":
            raise
    except net.Timeout:
        pass
    finally:
        running.kill()
        running.close()
    return None, ()


# ------------------------------------------------------- all of it


def measure(settings, variants):
    """{(what, variant, ...): (calls, ...)}"""
    variants, out = of_dialog(variants), {}
    calls = {"flush": 2000 if settings.quick else 10000,
             "stop": 5000 if settings.quick else 100000}
    calls["pause"] = calls["flush"]
    for what, function in (("flush", _flush), ("pause", _pause),
                           ("stop", _stop)):
        for variant in variants:
            settings.note("database: %s, %s" % (what, variant))
            with base_of("sqlite") as base:
                out[what, variant] = (calls[what],) + function(
                    settings, variant, base, calls[what])
    counts = [10000] if settings.quick else [100000]
    for count in counts + [1000000] * settings.full:
        for variant in variants:
            if count > 100000 and not VARIANTS[variant][1]:
                continue
            settings.note("database: load %d, %s" % (count, variant))
            with base_of("sqlite") as base:
                out["load", variant, count] = _start(settings, variant, base,
                                                     count)
    return out


def _time(seconds):
    return "over %d s" % LIMIT if seconds is None else "%.2f s" % seconds


def rows(out):
    for key, found in out.items():
        ours = VARIANTS[key[1]][1]
        if key[0] == "flush":
            count, took, rows_there = found
            met = took <= 0.5 and rows_there == count
            yield ("flush of %d calls in db_mode 2, sqlite, %s" % (
                count, key[1]), "%s, %d rows" % (_time(took), rows_there),
                "at most 0.5 s" if ours else "", met if ours else None)
        elif key[0] == "pause":
            yield ("longest time without an expiry meanwhile, %s" % key[1],
                   _time(found[1]), "at most 2 s" if ours else "",
                   found[1] <= 2 if ours else None)
        elif key[0] == "stop":
            count, took, rows_there = found
            met = took is not None and took <= 3 and rows_there == count
            yield ("clean stop with %d calls in db_mode 3, sqlite, %s" % (
                count, key[1]), "%s, %d rows" % (_time(took), rows_there),
                "at most 3 s" if ours else "", met if ours else None)
        elif key[0] == "load":
            took, said = found
            text, target, met = _time(took), "", None
            if ours:
                limit = 1 if key[2] <= 100000 else 15
                target = "at most %d s without reading" % limit
                met = took is not None and said[0] - said[1] <= limit
            if said:
                text += ", loading %.2f s, of it reading %.2f s" % said
            yield ("start with %d rows, random lifetimes, sqlite, %s" % (
                key[2], key[1]), text, target, met)
