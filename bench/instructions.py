"""User-space instructions per whole call, counted by callgrind.

The slope between a short and a long run of the same server: start-up, warm-up
and shutdown cancel out. Counted are the SIP worker, the main process and all
timer processes, for tm and the dialog modules free memory in timers.
"""
import functools
import glob
import os
import re
import subprocess

from setup import Load, own_work, server, settled

WARM_UP = 100


def _count(settings, variant, allocator, calls, keep=None, fork=(), only="",
           make=None):
    """@fork: script and number of branches. @only: of processes whose name has
    that in it. @make: makes the server."""
    invite, branches = fork or ("", 1)
    make = make or functools.partial(server, settings, variant)
    running = make(allocator=allocator, patience=120, invite=invite)
    out = os.path.join(running.folder, "callgrind.out.%p")
    running.wrapper = ["valgrind", "--tool=callgrind", "--log-file=/dev/null",
                       "--callgrind-out-file=" + out]
    with running:
        with Load(settings, running) as load:
            for first, count in ((0, WARM_UP), (WARM_UP, calls)):
                # One after another: the same allocations in the same order.
                load.run("calls", first, count, 1, "full", "fix:3600",
                         branches)
            settled(running, 120)
        counted = {pid: name for pid, name in own_work(running).items()
                   if only in name}
        running.stop(120)
        total = 0
        for pid in counted:
            name = out.replace("%p", str(pid))
            with open(name) as dump:
                total += int(re.search(r"^(?:totals|summary): (\d+)",
                                       dump.read(), re.M).group(1))
        if keep:
            for name in glob.glob(out.replace("%p", "*")):
                pid = int(name.rsplit(".", 1)[1])
                if "udp receiver" in counted.get(pid, ""):
                    subprocess.run(["cp", name, keep], check=True)
    return total


def per_call(settings, variant, allocator, keep=None, **options):
    """Instructions per call of one variant under one allocator."""
    short, long = (50, 250) if settings.quick else (100, 500)
    low = _count(settings, variant, allocator, short, **options)
    high = _count(settings, variant, allocator, long, keep, **options)
    return (high - low) / (long - short)


def measure(settings, variants, allocators=(None, "fm"), keep=None):
    """{(variant, allocator): instructions per call}; @keep is a folder for
    the SIP workers' callgrind files."""
    out = {}
    for allocator in allocators:
        for variant in variants:
            settings.note("instructions: %s, %s" % (variant,
                                                    allocator or "qm"))
            name = keep and os.path.join(keep, "callgrind.%s.%s" % (
                variant, allocator or "qm"))
            out[variant, allocator] = per_call(settings, variant, allocator,
                                               name)
    return out


def rows(result):
    """Lines of the table: text, figure, target, met."""
    limits = {None: 45, "fm": 60}
    for allocator in (None, "fm"):
        name = "default allocator" if allocator is None else "-x fm"
        base = result.get(("none", allocator))
        stock = result.get(("dialog", allocator))
        for (variant, which), value in result.items():
            if which != allocator:
                continue
            text = "instructions per call, %s, %s" % (name, variant)
            if variant == "none" or base is None:
                yield text, "%.0f" % value, "", None
                continue
            added = value - base
            figure = "%.0f (+%.0f)" % (value, added)
            if variant.startswith("parley") and stock:
                share = 100 * added / (stock - base)
                figure += " = %.1f %% of stock's" % share
                yield (text, figure, "at most %d %%" % limits[allocator],
                       share <= limits[allocator])
            else:
                yield text, figure, "", None
