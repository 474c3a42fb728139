"""In-dialog requests while a list of all dialogs is read.

The reader is a process of its own that looks only for what it needs and gives
way to all others. Idle and busy rounds take turns. A round in which the host of
a virtual machine took processor time away (steal in /proc/stat) is left out: it
tells of pauses that no program of ours made. Of the rest the table has the
medians, and the slowest request of all. The SIP worker and the load
generator run with a real-time priority where that is permitted, idle or not:
otherwise the figures tell how the system shares two processors among five
programs, and not how long a worker waits for the list. A process that asks
for nothing but spare time keeps each processor awake: a virtual one that
sleeps is woken late by its host.
"""
import multiprocessing
import os
import queue
import re
import statistics
import time

from lib import rpc
from setup import VARIANTS, Load, server, settled

RATE = 1000
PAGE = 500
ROUNDS = 7  # of each kind that count
TRIES = 60
STOLEN = 1  # ticks of 10 ms that may be missing in a round of a second
LAST = re.compile(rb'"h_entry":\s*(\d+),\s*"h_id":\s*(\d+)')


def _page(fifo, *args):
    """Number of dialogs, and the ids of the last one."""
    text = rpc.json_fifo_text(fifo, "dlg.list", *args, timeout=1200)
    ids = LAST.findall(text)
    if b'"error"' in text[:200] or not ids and b"[" not in text:
        raise RuntimeError(text[:200].decode())
    return len(ids), tuple(int(i) for i in ids[-1]) if ids else ()


def _read(fifo, paged, until, out):
    """Reads whole lists until the time is over; tells how many dialogs each
    had."""
    os.nice(19)
    while time.monotonic() < until:
        seen, after = 0, ()
        while True:
            count, last = _page(fifo, *((PAGE,) + after if paged else ()))
            seen += count
            if not paged or count < PAGE:
                break
            after = last
        out.put(seen)


class Awake:
    """Keeps each processor busy with what gives way to everything."""

    def __init__(self):
        self.spinners = [multiprocessing.Process(target=self._spin)
                         for _ in range(os.cpu_count())]

    @staticmethod
    def _spin():
        parent = os.getppid()
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        while os.getppid() == parent:
            pass

    def __enter__(self):
        for spinner in self.spinners:
            spinner.start()

    def __exit__(self, *failure):
        for spinner in self.spinners:
            spinner.kill()
            spinner.join()


def _prefer(pids):
    for pid in pids:
        try:
            os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(1))
        except PermissionError:
            return


def _paced(load, dialogs, seconds):
    return load.run("inside", dialogs, RATE * seconds, 1, RATE)


def _stolen():
    with open("/proc/stat") as stat:
        return int(stat.readline().split()[8])


def _busy(running, load, count, paged, seconds):
    """The same while lists are read; also how many dialogs each had."""
    out = multiprocessing.Queue()
    reader = multiprocessing.Process(target=_read, args=(
        os.path.join(running.folder, "fifo"), paged,
        time.monotonic() + seconds, out))
    reader.start()
    busy = _paced(load, count, seconds)
    seen = []
    while reader.is_alive() or not out.empty():
        try:
            seen.append(out.get(timeout=0.2))
        except queue.Empty:
            pass
    return busy, seen


def _rounds(running, load, count, paged):
    """Rounds that nobody disturbed, idle and busy, and the lists."""
    idle, busy, seen = [], [], []
    for _ in range(TRIES):
        before = _stolen()
        one = _paced(load, count, 1)
        if _stolen() - before <= STOLEN:
            idle.append(one)
        before = _stolen()
        one, lists = _busy(running, load, count, paged, 1)
        if _stolen() - before <= STOLEN:
            busy.append(one)
        seen += lists
        if min(len(idle), len(busy)) >= ROUNDS:
            break
    return idle, busy, seen


def _summary(rounds):
    """None if the machine was never left alone."""
    if len(rounds) < ROUNDS:
        return None
    return {"p99_us": statistics.median(r["p99_us"] for r in rounds),
            "max_us": max(r["max_us"] for r in rounds)}


def _measure_one(settings, variant, count):
    ours = VARIANTS[variant][1]
    running = server(settings, variant, shm_mb=4096, pkg_mb=2048)
    with running, Load(settings, running) as load:
        load.run("calls", 0, count, 16, "hold", "asc:3600:43200")
        settled(running, 60 + count / 1000)  # tm frees INVITEs in bursts
        _prefer([pid for pid, name in running.processes().items()
                 if "udp receiver" in name] + [load.process.pid])
        with Awake():
            _paced(load, count, 2)
            idle, busy, seen = _rounds(running, load, count, ours)
        running.kill()
    return _summary(idle), _summary(busy), seen


def measure(settings, variants):
    """{variant: (dialogs, idle, busy, lists)}"""
    out = {}
    for variant in variants:
        name, ours = VARIANTS[variant]
        if name != "dialog":
            continue
        # 100,000 dialogs cost the packaged module minutes per list.
        count = 10000 if settings.quick or not ours else 100000
        settings.note("lists: %s, %d dialogs" % (variant, count))
        out[variant] = (count,) + _measure_one(settings, variant, count)
    return out


def rows(result):
    for variant, (count, idle, busy, seen) in result.items():
        ours = variant.startswith("parley")
        good = bool(seen) and all(s == count for s in seen)
        text = "%d dialogs listed %d times%s, %s" % (
            count, len(seen), "" if good else " (%r)" % seen[:1], variant)
        if not idle or not busy:
            yield ("in-dialog requests, %s" % text, "not measured: the host "
                   "took time away in too many rounds", "", None)
            continue
        yield ("p99 of in-dialog requests, %s" % text,
               "%.0f us, idle %.0f us" % (busy["p99_us"], idle["p99_us"]),
               "below twice the idle one" if ours else "",
               (good and busy["p99_us"] < 2 * idle["p99_us"])
               if ours else None)
        yield ("slowest in-dialog request, %s" % text,
               "%.2f ms, idle %.2f ms" % (busy["max_us"] / 1e3,
                                          idle["max_us"] / 1e3),
               "at most 10 ms" if ours else "",
               busy["max_us"] <= 10000 if ours else None)
