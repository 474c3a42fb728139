"""Dialogs that are pinged: what they cost while no ping is due, and how evenly
those that are due lie on the interval.

Two servers stand side by side, with few and with many dialogs, and their CPU time
is taken in turn, so that what else the machine does reaches both. Then nobody
answers, so that each ping is a transaction of the proxy's own, which tm counts.
"""
import statistics
import time

from setup import Load, cpu_ns, net, own_work, server

PINGED = 'create_dialog("options-ping-caller,options-ping-callee");'
NEVER = 2147483  # seconds
FEW = 1000
ROUNDS = 9
SECONDS = 6.0
INTERVAL = 20


def _pinged(settings, variant, interval, **options):
    return server(settings, variant, [
        ("options_ping_interval", interval), ("ping_lost_limit", 100)],
        invite=PINGED, shm_mb=2048,
        last='modparam("tm", "fr_timer", 1000)', **options)


def _fill(settings, running, count):
    with Load(settings, running) as load:
        load.run("calls", 0, count, 16, "hold", "fix:3600")


def _cpu_us(running):
    """CPU time per second, of all processes that work."""
    pids = list(own_work(running))
    before, start = cpu_ns(pids), time.monotonic()
    net.wait_until(lambda: time.monotonic() >= start + SECONDS, SECONDS + 5,
                   "the round is over", step=0.5)
    return (cpu_ns(pids) - before) / 1000 / (time.monotonic() - start)


def _idle(settings, variant, many):
    with _pinged(settings, variant, NEVER) as few, \
            _pinged(settings, variant, NEVER) as other:
        _fill(settings, few, FEW)
        _fill(settings, other, many)
        pairs = [(_cpu_us(few), _cpu_us(other)) for _ in range(ROUNDS)]
    return [statistics.median(values) for values in zip(*pairs)]


def _spread(settings, variant, count):
    """Pings per second, over one interval."""
    with _pinged(settings, variant, INTERVAL) as running:
        _fill(settings, running, count)
        start, seen = time.monotonic(), []
        # The first interval is over when all have had one.
        for second in range(INTERVAL + 2, 2 * INTERVAL + 3):
            net.wait_until(lambda: time.monotonic() >= start + second, 60,
                           "the next second", step=0.01)
            seen.append((time.monotonic(),
                         running.rpc("tm.stats")["total_local"]))
        return [(after[1] - before[1]) / (after[0] - before[0])
                for before, after in zip(seen, seen[1:])]


def measure(settings, variants):
    """{variant: (many, CPU with few, with many, count, pings per second)}"""
    out = {}
    for variant in variants:
        if not variant.startswith("parley"):
            continue
        many, count = (20000, 2000) if settings.quick else (100000, 10000)
        settings.note("pings: %s, %d dialogs" % (variant, many))
        few, other = _idle(settings, variant, many)
        settings.note("pings: %s, the spread of %d" % (variant, count))
        out[variant] = (many, few, other, count,
                        _spread(settings, variant, count))
    return out


def rows(result):
    for variant, (many, few, other, count, each) in result.items():
        yield ("CPU per second, %d pinged dialogs, no ping due, %s" % (
            FEW, variant), "%.2f ms" % (few / 1000), "", None)
        yield ("CPU per second, %d pinged dialogs, no ping due, %s" % (
            many, variant), "%.2f ms (x%.2f)" % (other / 1000, other / few),
            "at most x1.10", other <= 1.1 * few)
        mean = sum(each) / len(each)
        yield ("pings per second, %d dialogs, both sides each %d s, %s" % (
            count, INTERVAL, variant),
            "%.0f to %.0f, mean %.0f" % (min(each), max(each), mean),
            "within a fifth of the mean",
            min(each) >= 0.8 * mean and max(each) <= 1.2 * mean)
