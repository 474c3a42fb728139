"""In-dialog requests while a list of all dialogs is read.

The reader is a process of its own that looks only for what it needs and gives
way to all others. Where that is permitted, the SIP worker and the load generator
run with a higher priority, idle or not: otherwise the figures tell what else the
machine has to do, and not how long a worker waits for the list.
"""
import multiprocessing
import os
import re
import time

from lib import rpc
from setup import VARIANTS, Load, server, settled

RATE = 1000
PAGE = 500
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


def _prefer(pids):
    for pid in pids:
        try:
            os.setpriority(os.PRIO_PROCESS, pid, -15)
        except PermissionError:
            return


def _paced(load, dialogs, seconds):
    return load.run("inside", dialogs, RATE * seconds, 1, RATE)


def _measure_one(settings, variant, count, seconds):
    ours = VARIANTS[variant][1]
    running = server(settings, variant, shm_mb=4096, pkg_mb=2048)
    with running, Load(settings, running) as load:
        load.run("calls", 0, count, 16, "hold", "asc:3600:43200")
        _prefer([pid for pid, name in running.processes().items()
                 if "udp receiver" in name] + [load.process.pid])
        settled(running, 60 + count / 1000)  # tm frees INVITEs in bursts
        _paced(load, count, 2)
        idle = _paced(load, count, seconds)
        out = multiprocessing.Queue()
        reader = multiprocessing.Process(target=_read, args=(
            os.path.join(running.folder, "fifo"), ours,
            time.monotonic() + seconds, out))
        reader.start()
        busy = _paced(load, count, seconds)
        reader.join(1200)
        seen = [out.get() for _ in range(out.qsize())]
        running.kill()
    return idle, busy, seen


def measure(settings, variants):
    """{variant: (dialogs, idle, busy, lists)}"""
    out = {}
    for variant in variants:
        name, ours = VARIANTS[variant]
        if name != "dialog":
            continue
        # 100,000 dialogs cost the packaged module minutes per list.
        count = 10000 if settings.quick or not ours else 100000
        seconds = 5 if settings.quick else 10
        settings.note("lists: %s, %d dialogs" % (variant, count))
        out[variant] = (count,) + _measure_one(settings, variant, count,
                                               seconds)
    return out


def rows(result):
    for variant, (count, idle, busy, seen) in result.items():
        ours = variant.startswith("parley")
        good = bool(seen) and all(s == count for s in seen)
        text = "%d dialogs listed %d times%s, %s" % (
            count, len(seen), "" if good else " (%r)" % seen[:1], variant)
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
