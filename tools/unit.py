#!/usr/bin/python3
"""Runs unit test programs and prints one line for each of their tests.

    tools/unit.py BUILD/VARIANT/unit/test_x...

The programs are made with cmocka and speak TAP. A program that stops half-way,
or whose exit status does not fit what it printed, is a failure of its own.
"""

import concurrent.futures
import os
import re
import subprocess
import sys

from report import Report, cpus, run

PROGRAM_SECONDS = 600
RESULT = re.compile(r"^(ok|not ok) \d+ (?:- |# (SKIP) ?)?(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)$")

ENV = {
    "CMOCKA_MESSAGE_OUTPUT": "TAP",
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1",
}


def fixed_addresses():
    """clang 14's thread sanitizer cannot use the more random address layout
    of newer kernels, so it is switched off where that is allowed."""
    command = ["setarch", os.uname().machine, "-R"]
    try:
        done = subprocess.run(command + ["true"], check=False,
                              stderr=subprocess.DEVNULL)
    except OSError:
        return []
    return command if done.returncode == 0 else []


def judge(report, name, status, output):
    """Turns the output of one program into result lines."""
    planned = found = failed = 0
    why = []
    for line in output.splitlines():
        plan = PLAN.match(line)
        result = RESULT.match(line)
        if plan:
            planned += int(plan.group(1))
        elif result:
            found += 1
            label = f"{name}: {result.group(3)}"
            if result.group(2):
                report.skip(label, "skipped by the test")
            elif result.group(1) == "ok":
                report.ok(label)
            else:
                failed += 1
                report.fail(label, "see below", "\n".join(why))
            why = []
        elif not line.startswith("TAP version"):
            why.append(line)
    tail = "\n".join(output.splitlines()[-40:])
    if status is None:
        report.fail(name, f"no result within {PROGRAM_SECONDS} s", tail)
    elif found == 0 or found != planned:
        report.fail(name, f"{found} results of {planned}, status {status}",
                    tail)
    elif (status != 0) != (failed != 0):
        report.fail(name, f"status {status} with {failed} failed tests", tail)
    elif failed and why:
        print("\n".join("    " + line for line in why), flush=True)


def main():
    report = Report("unit")
    layout = fixed_addresses()

    def start(path):
        if not os.path.exists(path):
            return None, "it could not be built\n"
        tsan = "/tsan/" in path
        return run((layout if tsan else []) + [path], PROGRAM_SECONDS, ENV)

    with concurrent.futures.ThreadPoolExecutor(cpus()) as pool:
        for path, (status, output) in zip(sys.argv[1:],
                                          pool.map(start, sys.argv[1:])):
            variant = path.split("/")[-3]
            judge(report, f"{variant} {os.path.basename(path)}", status, output)
    report.exit()


if __name__ == "__main__":
    main()
