#!/usr/bin/python3
"""Plants faults, one at a time in a copy, and sees that the tests find each.

    tests/mutants/run.py [--jobs N] [--list] [NAME...]

A fault of the engine must be found by the unit tests or by the simulator; both
run, and the table shows which did. A fault of the adapter names the cases of
the end-to-end tests that must find it. The run fails if a fault survives, if
its text is no longer there exactly once, or if the tests fail without it.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from faults import FAULTS  # noqa: E402
from report import Report, cpus, run  # noqa: E402

FLAGS = ["-std=c17", "-O1", "-g", "-w", "-Iinclude", "-Isrc", "-Itests",
         "-Itests/unit", "-Itests/sim", "-Itests/fuzz", "-Ihosts/kamailio",
         "-Ihosts/kamailio/db", "-Ihosts/kamailio/dmq",
         "-Ihosts/kamailio/rpc"]
SIM_SEEDS = 3000
SIM_SECONDS = 120
UNIT_SECONDS = 60
E2E_SECONDS = 400
OBJECTS = re.compile(r"/\* objects:(.*?)\*/", re.S)


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def planted(fault):
    """The file with the fault in it, or None if it does not fit any more."""
    text = text_of(fault.file)
    if text.count(fault.old) != 1:
        return None
    return text.replace(fault.old, fault.new)


class Engine:
    """The engine, the unit tests and the simulator, compiled once; a fault
    costs one more file and new links."""

    def __init__(self, folder):
        self.folder = folder
        self.objects = {}
        self.units = {}

    def compile(self, source, target):
        status, output = run(["gcc", *FLAGS, "-c", "-o", target, source], 120)
        if status != 0:
            raise RuntimeError(f"{source} does not compile:\n{output}")
        return target

    def build(self, pool):
        for path in sorted(glob.glob("tests/unit/test_*.c")):
            words = OBJECTS.search(text_of(path)).group(1).split()
            # Threads are the business of the thread sanitizer's own run.
            if "/* threads */" not in text_of(path):
                self.units[path] = [path, *glob.glob("tests/unit/support*.c"),
                                    *self.named(words)]
        sources = {s for unit in self.units.values() for s in unit}
        sources = sorted(sources.union(glob.glob("src/*.c"),
                                       glob.glob("tests/sim/*.c")))
        targets = [os.path.join(self.folder, s.replace("/", "_") + ".o")
                   for s in sources]
        self.objects = dict(zip(sources,
                                pool.map(self.compile, sources, targets)))

    @staticmethod
    def named(words):
        """The sources of "objects:", as mk/tests.mk reads it."""
        whole = []
        if "all" in words:
            whole = [*glob.glob("src/*.c"), "tests/unit/call.c"]
        return whole + [next(path for path in (
            w.replace("hosts/", "hosts/kamailio/")[:-2] + ".c",
            "tests/unit/" + w[:-2] + ".c", "tests/fuzz/" + w[:-2] + ".c",
            "src/" + w[:-2] + ".c")
            if os.path.exists(path)) for w in words if w.endswith(".o")]

    def link(self, target, sources, swap):
        objects = [swap.get(s, self.objects[s]) for s in sources]
        status, output = run(["gcc", "-g", "-o", target, *objects, "-lcmocka",
                              "-lpthread"], 120)
        if status != 0:
            raise RuntimeError(f"{target} does not link:\n{output}")
        return target

    def unit(self, folder, changed, swap):
        """Name of the first unit test that fails, or None."""
        for path, sources in self.units.items():
            if changed and changed not in sources:
                continue
            name = os.path.basename(path)[:-2]
            program = self.link(os.path.join(folder, name), sources, swap)
            if run([program], UNIT_SECONDS)[0] != 0:
                return name
        return None

    def sim(self, folder, swap):
        """Where the simulator fails, or None."""
        program = self.link(os.path.join(folder, "sim"), [
            s for s in self.objects
            if s.startswith("src/") or s.startswith("tests/sim/")], swap)
        status, output = run([program, "--seeds", str(SIM_SEEDS)], SIM_SECONDS)
        if status is None:
            return "no end"
        if status == 0:
            return None
        seed = re.search(r"(?:^# |, )seed (\d+)", output, re.M)
        return f"seed {seed.group(1)}" if seed else f"status {status}"

    def find(self, fault):
        """(found by the unit tests, found by the simulator)."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            source = os.path.join(folder, os.path.basename(fault.file))
            with open(source, "w", encoding="utf-8") as file:
                file.write(planted(fault))
            # Headers beside the original are found by -Isrc.
            swap = {fault.file: self.compile(source, source + ".o")}
            return (self.unit(folder, fault.file, swap),
                    self.sim(folder, swap))


class Adapter:
    """The module in a copy of the tree, and end-to-end cases."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "tree")
        self.output = ""  # of the last cases that failed

    def make(self, tree):
        headers = glob.glob(os.path.join(ROOT, "build", "kamailio-src-*"))
        # A fault may leave something unused. What this make was told is not
        # meant for the copy.
        command = ["make", "-s", "-C", tree, "BUILD=build", "WARNINGS=-w",
                   "all"]
        if headers:
            command.append("KAMAILIO_SRC=" + headers[0])
        return run(command, 600, {"MAKEFLAGS": "", "MAKEOVERRIDES": ""})

    def build(self):
        for part in ("Makefile", "mk", "src", "include", "hosts", "tools"):
            source, target = os.path.join(ROOT, part), os.path.join(
                self.folder, part)
            if os.path.isdir(source):
                shutil.copytree(source, target)
            else:
                os.makedirs(self.folder, exist_ok=True)
                shutil.copy2(source, target)
        status, output = self.make(self.folder)
        if status != 0:
            raise RuntimeError(f"the module does not build:\n{output}")

    def cases(self, tree, names):
        """Name of the first case that fails, or None."""
        status, output = run(
            [sys.executable, "tests/e2e/run.py", "--build",
             os.path.join(tree, "build"), *names], E2E_SECONDS)
        failed = re.search(r"^not ok e2e ([^:\n]*)", output or "", re.M)
        if status != 0:
            self.output = output
        if failed:
            return failed.group(1)
        if status == 0 and output.count("ok e2e ") < len(names):
            return None
        return None if status == 0 else "end to end"

    def find(self, fault):
        with tempfile.TemporaryDirectory(dir=os.path.dirname(
                self.folder)) as folder:
            tree = os.path.join(folder, "tree")
            # Times are kept, so that only what has changed is built.
            subprocess.run(["cp", "-a", self.folder, tree], check=True)
            path = os.path.join(tree, fault.file)
            with open(path, "w", encoding="utf-8") as file:
                file.write(planted(fault))
            status, output = self.make(tree)
            if status != 0:
                raise RuntimeError(f"it does not build:\n{output}")
            return self.cases(tree, fault.e2e)


def judge(report, fault, engine, adapter):
    if planted(fault) is None:
        count = text_of(fault.file).count(fault.old)
        return report.fail(fault.name, f"its text is {count} times in "
                           f"{fault.file}")
    try:
        if fault.e2e:
            case = adapter.find(fault)
            found, where = case, f"{case}"
        else:
            unit, sim = engine.find(fault)
            found = unit or sim
            where = f"{unit or '-'}, sim: {sim or '-'}"
    except RuntimeError as error:
        text = str(error).split("\n", 1)
        return report.fail(fault.name, text[0], text[1] if text[1:] else "")
    if not found:
        return report.fail(fault.name, f"survives in {fault.file}")
    return report.ok(f"{fault.name:32} {fault.file:26} {where}")


def baseline(report, faults, engine, adapter, pool):
    """Without a fault nothing may be found."""
    found = None
    if any(not f.e2e for f in faults):
        engine.build(pool)
        found = engine.unit(engine.folder, None, {}) or engine.sim(
            engine.folder, {})
    if not found and any(f.e2e for f in faults):
        adapter.build()
        found = adapter.cases(adapter.folder, sorted(
            {name for f in faults for name in f.e2e}))
    if found:
        report.fail("none", f"{found} fails without a fault", adapter.output)
    return not found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=cpus())
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    faults = [f for f in FAULTS if not options.names or
              f.name in options.names]
    if options.list:
        print("\n".join(f.name for f in faults))
        return
    os.chdir(ROOT)
    report = Report("mutants")
    with tempfile.TemporaryDirectory(prefix="parley-mutants-") as folder, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        engine, adapter = Engine(folder), Adapter(folder)
        if baseline(report, faults, engine, adapter, pool):
            # The adapter's take longest, so they go first.
            order = sorted(faults, key=lambda f: not f.e2e)
            list(pool.map(lambda f: judge(report, f, engine, adapter), order))
    report.exit()


if __name__ == "__main__":
    main()
