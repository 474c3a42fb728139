"""How every test tells its result: one line each, counted by tools/test.py.

    ok NAME
    not ok NAME: why
    skip NAME: reason

Further lines of an explanation are indented, so that they are never counted.
"""

import os
import subprocess
import sys


class Report:
    """Prints results under a common prefix and remembers if one was bad."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.failures = 0

    def ok(self, name):
        print(f"ok {self.prefix} {name}", flush=True)

    def skip(self, name, reason):
        print(f"skip {self.prefix} {name}: {reason}", flush=True)

    def fail(self, name, why, details=""):
        self.failures += 1
        print(f"not ok {self.prefix} {name}: {why}")
        for line in details.splitlines():
            print(f"    {line}")
        sys.stdout.flush()

    def check(self, name, faults):
        """One result from a list of faults, which are the explanation."""
        if faults:
            self.fail(name, f"{len(faults)} found", "\n".join(faults))
        else:
            self.ok(name)

    def exit(self):
        sys.exit(1 if self.failures else 0)


def run(command, seconds, env=None):
    """Runs a command to its end; gives (status, output). A command that takes
    longer than allowed is killed and gives status None."""
    merged = dict(os.environ, **(env or {}))
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=seconds, env=merged, check=False)
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")


def cpus():
    return len(os.sched_getaffinity(0))
