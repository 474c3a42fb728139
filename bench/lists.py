"""In-dialog requests while a list of all dialogs is read."""
import threading

from lib import rpc
from setup import VARIANTS, Load, server

RATE = 1000
PAGE = 1000


def _read_pages(running):
    """Reads everything page by page; returns how many dialogs."""
    seen, after = 0, ()
    while True:
        page = running.json("dlg.list", PAGE, *after, timeout=60)
        seen += len(page)
        if len(page) < PAGE:
            return seen
        after = (page[-1]["h_entry"], page[-1]["h_id"])


def _read_all(running):
    return len(running.json("dlg.list", timeout=1200))


def _paced(load, dialogs, seconds):
    return load.run("inside", dialogs, RATE * seconds, 1, RATE)


def _measure_one(settings, variant, count, seconds):
    ours = VARIANTS[variant][1]
    running = server(settings, variant, shm_mb=4096, pkg_mb=2048,
                     children=2)
    with running, Load(settings, running) as load:
        load.run("calls", 0, count, 16, "hold", "asc:3600:43200")
        _paced(load, count, 2)
        idle = _paced(load, count, seconds)
        done, seen = threading.Event(), []

        def read():
            while not done.is_set():
                try:
                    seen.append((_read_pages if ours else _read_all)(running))
                except (OSError, rpc.Fault) as failure:
                    seen.append(failure)
                    return
        thread = threading.Thread(target=read)
        thread.start()
        busy = _paced(load, count, seconds)
        done.set()
        thread.join(1200)
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
