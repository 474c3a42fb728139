"""What forks cost: instructions and growth of a call with eight branches, and
shared memory per early leg.

Eight phones ring, the last one answers, tm cancels the others, the caller hangs
up. The script appends seven branches; `none` is the same proxy without a dialog
module. Per branch: by eight; the bound is that of a call (instructions.py), of
what the packaged module adds to one that is not forked. Its own share of the
forked call is shown beside it.

Memory: calls that ring with one To-tag, and with nine, as behind another
proxy's fork; tm keeps the same for both. Then they are answered, and read again
when tm has forgotten the INVITEs, with which the losers go.
"""
import growth
import instructions
from setup import VARIANTS, Load, server, settled

BRANCHES = 8
FORK = """
        if ($hdr(X-Fork) != $null) {
            $ru = $ru + ";fork=1";
            %s
        }
""" % "\n            ".join(
    'append_branch("sip:b@127.0.0.1:$rp;fork=%d");' % number
    for number in range(2, BRANCHES + 1))
TAGS = 8  # more than one
LEGS = "parley"


def _held(settings, variant, tags, count):
    """Bytes in use while @count calls ring, and when they are answered."""
    params = [("end_timeout", 5)]
    running = server(settings, variant, params, shm_mb=4096)
    with running, Load(settings, running) as load:
        load.run("calls", 0, 300, 16, "full", "fix:43200")
        before = settled(running, 120)
        load.run("ring", 1000, count, 16, tags)
        ringing = running.shm()
        load.run("answer", 1000, count, 16)
        answered = settled(running, 120)
        load.run("bye", 1000, count, 16)
        after = settled(running, 120)
    return ringing - before, answered - before, after - before


def _memory(settings, out):
    count = 2000 if settings.quick else 10000
    settings.note("forks: memory")
    one = _held(settings, LEGS, 1, count)
    many = _held(settings, LEGS, 1 + TAGS, count)
    out["ringing"] = (many[0] - one[0]) / count / TAGS
    out["answered"] = (many[1] - one[1]) / count / TAGS
    out["left"] = many[2]


def _growth(settings, out):
    counts = (1000, 10000) if settings.quick else (1000, 100000, 300000)
    for count in counts:
        settings.note("forks: growth, %d dialogs" % count)
        with growth.Bed(settings, LEGS, count, fork=FORK) as bed:
            rounds = [bed.call(200, BRANCHES) for _ in range(5)]
            out["call", count] = sorted(rounds)[2]


def measure(settings, variants):
    out = {}
    for allocator in (None, "fm"):
        for variant in ("none", "dialog", "parley"):
            if variant not in variants:
                continue
            settings.note("forks: instructions, %s, %s" % (
                variant, allocator or "qm"))
            out[variant, allocator] = instructions.per_call(
                settings, variant, allocator, fork=(FORK, BRANCHES))
            if variant != "parley":
                out[variant, allocator, "plain"] = instructions.per_call(
                    settings, variant, allocator)
    if LEGS in variants:
        _memory(settings, out)
        _growth(settings, out)
    return out


def _added(result, variant, allocator, *plain):
    """Instructions that the module adds, or None."""
    with_it = result.get((variant, allocator) + plain)
    without = result.get(("none", allocator) + plain)
    return with_it - without if with_it and without else None


def _instruction_rows(result):
    for allocator, limit in ((None, 45), ("fm", 60)):
        name = "-x fm" if allocator else "default allocator"
        call = _added(result, "dialog", allocator, "plain")
        stock = _added(result, "dialog", allocator)
        for variant in ("dialog", "parley"):
            added = _added(result, variant, allocator)
            if added is None:
                continue
            text = "instructions added per branch of %d, %s, %s" % (
                BRANCHES, name, variant)
            figure, target, met = "%.0f" % (added / BRANCHES), "", None
            if VARIANTS[variant][1] and call:
                share = 100 * added / BRANCHES / call
                figure += " = %.1f %% of stock's per call, %.1f %% of its " \
                    "per branch" % (share, 100 * added / stock)
                target = "at most %d %% of stock's per call" % limit
                met = share <= limit
            yield text, figure, target, met


def rows(result):
    yield from _instruction_rows(result)
    if "ringing" in result:
        yield ("shared memory per further early leg, %s" % LEGS,
               "%.0f B" % result["ringing"], "at most 300 B",
               result["ringing"] <= 300)
        yield ("the same after the INVITE is over, %s" % LEGS,
               "%.1f B" % result["answered"], "0 (at most 1) B",
               result["answered"] <= 1)
        yield ("left after the end of all calls with %d tags, %s" % (
            1 + TAGS, LEGS), "%d B" % result["left"], "0 (at most 4096) B",
            result["left"] <= 4096)
    first = None
    for key, value in result.items():
        if key[0] != "call":
            continue
        first = first or value
        yield ("call with %d branches, %d dialogs, %s" % (
            BRANCHES, key[1], LEGS), "%.0f us (x%.2f)" % (
                value / 1000, value / first),
            "at most 1.5 times" if value != first else "",
            value <= 1.5 * first if value != first else None)
