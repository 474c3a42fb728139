#!/usr/bin/python3
"""Runs the levels of `make test` and adds up what they print.

    tools/test.py BUILD LEVEL...

Each level is a make target that prints result lines (tools/report.py). A level
that prints none, or that fails without saying what, is itself a failure. The
last line is the sum, and the exit status is 0 only if nothing failed.
"""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time

# No level takes this long unless it hangs.
LEVEL_SECONDS = 1800

KINDS = ("ok", "not ok", "skip")


def kind_of(line):
    for kind in KINDS:
        if line.startswith(kind + " "):
            return kind
    return None


def run_level(level, build, log_path):
    """Runs one level; gives its counts by kind."""
    counts = dict.fromkeys(KINDS, 0)
    # Variables given to `make test` are for the levels, its options are not.
    given = [word for word in shlex.split(os.environ.get("MAKEFLAGS", ""))
             if "=" in word and not word.startswith(("-", "BUILD="))]
    command = ["make", "--no-print-directory", f"BUILD={build}", level] + given
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env=env, start_new_session=True)

    def stop():
        print(f"# {level} took more than {LEVEL_SECONDS} s, stopped")
        os.killpg(child.pid, signal.SIGTERM)

    watchdog = threading.Timer(LEVEL_SECONDS, stop)
    watchdog.start()
    try:
        with open(log_path, "w", encoding="utf-8") as log:
            for raw in child.stdout:
                line = raw.decode(errors="replace")
                kind = kind_of(line)
                if kind:
                    counts[kind] += 1
                log.write(line)
                sys.stdout.write(line)
                sys.stdout.flush()
        status = child.wait()
    except KeyboardInterrupt:
        os.killpg(child.pid, signal.SIGINT)
        child.wait()
        raise
    finally:
        watchdog.cancel()

    if status != 0 and counts["not ok"] == 0:
        print(f"not ok {level}: the level ended with status {status}")
        counts["not ok"] += 1
    elif sum(counts.values()) == 0:
        print(f"not ok {level}: the level printed no result")
        counts["not ok"] += 1
    return counts


def main():
    build, levels = sys.argv[1], sys.argv[2:]
    logs = os.path.join(build, "test-logs")
    os.makedirs(logs, exist_ok=True)
    total = dict.fromkeys(KINDS, 0)
    rows = []
    for level in levels:
        print(f"# {level}", flush=True)
        started = time.monotonic()
        counts = run_level(level, build, os.path.join(logs, level + ".log"))
        rows.append((level, counts, time.monotonic() - started))
        for kind in KINDS:
            total[kind] += counts[kind]
    print("#")
    for level, counts, seconds in rows:
        print(f"# {level:10} {counts['ok']:5} passed {counts['not ok']:3} "
              f"failed {counts['skip']:3} skipped {seconds:6.0f} s")
    print(f"{total['ok']} passed, {total['not ok']} failed, "
          f"{total['skip']} skipped", flush=True)
    return 1 if total["not ok"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
