#!/usr/bin/python3
"""Parley beside the packaged modules: python3 bench/run.py [what...]

  what            instructions, operations, memory, forks, growth, timers,
                  pings, lists, lookups, shutdown, ending, database, bulk; all
                  of them if none is named
  --build DIR     where the modules and the load generator lie (build)
  --modules A,B   of none, dialog, ims_dialog, parley, parley_ims
  --allocators    of default,fm (instructions)
  --keep DIR      keeps the SIP workers' callgrind files there
  --json FILE     writes the rows there as well

BENCH_QUICK=1 takes smaller numbers, BENCH_FULL=1 goes up to 1,000,000 dialogs.
The exit code is 1 if a target is missed. docs/performance.md explains the
table.
"""
import argparse
import json
import os
import platform
import subprocess
import sys
import time

import setup

ALL = ("instructions", "operations", "memory", "forks", "growth", "timers",
       "pings", "lists", "lookups", "shutdown", "ending", "database", "bulk")
FLAGS = ("-std=c17 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion "
         "-Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror").split()


def build_load(settings):
    source = os.path.join(setup.HERE, "load.c")
    newest = max(os.path.getmtime(path) for path in (
        source, os.path.join(setup.HERE, "packet.h")))
    if os.path.exists(settings.load) and \
            os.path.getmtime(settings.load) >= newest:
        return
    os.makedirs(settings.build, exist_ok=True)
    subprocess.run([os.environ.get("CC", "gcc")] + FLAGS +
                   ["-o", settings.load, source], check=True)


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return "%d x %s, %d GB, Linux %s" % (os.cpu_count(), model,
                                         memory >> 30, platform.release())


def show(rows):
    """Prints the table as Markdown; returns how many targets were missed."""
    missed = 0
    print("| figure | value | target | met |")
    print("|---|---|---|---|")
    for text, value, target, met in rows:
        word = "" if met is None else "yes" if met else "**no**"
        missed += met is False
        print("| %s | %s | %s | %s |" % (text, value, target, word),
              flush=True)
    return missed


def collect(settings, what, options):
    module = __import__(what)
    if what == "instructions":
        pick = {"default": None, "fm": "fm"}
        allocators = [pick[a] for a in options.allocators.split(",")]
        return list(module.rows(module.measure(
            settings, options.modules, allocators, options.keep)))
    return list(module.rows(module.measure(settings, options.modules)))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", default=ALL, metavar="what",
                        help=", ".join(ALL))
    parser.add_argument("--build", default=os.environ.get(
        "PARLEY_BUILD", os.path.join(setup.ROOT, "build")))
    parser.add_argument("--modules", default="none,dialog,ims_dialog,parley")
    parser.add_argument("--allocators", default="default,fm")
    parser.add_argument("--keep")
    parser.add_argument("--json")
    options = parser.parse_args()
    for what in options.what:
        if what not in ALL:
            parser.error("%s is none of %s" % (what, ", ".join(ALL)))
    options.modules = options.modules.split(",")
    for name in options.modules:
        if name not in setup.VARIANTS:
            parser.error("%s is none of %s" % (name,
                                               ", ".join(setup.VARIANTS)))
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    return options


def keep_rows(path, rows):
    """After each part: a run of hours may not reach its end."""
    if path:
        with open(path, "w") as out:
            json.dump(rows, out, indent=1)


def main():
    options = arguments()
    settings = setup.Settings(options.build)
    build_load(settings)
    started, rows = time.monotonic(), []
    for what in ALL:
        if what in options.what:
            rows += collect(settings, what, options)
            keep_rows(options.json, rows)
    print("Machine: " + machine())
    print("Took %.0f s.\n" % (time.monotonic() - started))
    missed = show(rows)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
