#!/usr/bin/python3
"""End to end on the packaged Kamailio: python3 tests/e2e/run.py [name...]

  --build DIR   where our modules lie (default: build)
  --stock       tests the packaged module instead, to compare
  --name NAME   loads it as NAME where a case does not say: dialog (default),
                ims_dialog, dialog_ng
  --jobs N      cases at once (default 3)
  --list        prints the names

A name is a file of tests/e2e/cases (basic) or one case of it (basic.call).
Prints a line per case as `make test` counts them: ok, not ok, skip. KEEP=1
leaves the servers' folders in /tmp.
"""
import argparse
import importlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from lib import case, servers  # noqa: E402

CASE_SECONDS = 300


def discover():
    """[(name, seconds)] of all cases; long ones first, they bound the time."""
    found = []
    for file in sorted(os.listdir(os.path.join(HERE, "cases"))):
        if not file.endswith(".py") or file.startswith("_"):
            continue
        topic = file[:-3]
        module = importlib.import_module("cases." + topic)
        for name, function in vars(module).items():
            if name.startswith("test_") and \
                    function.__module__ == module.__name__:
                found.append(("%s.%s" % (topic, name[5:]),
                              getattr(module, "LONG", ())))
    found.sort(key=lambda f: f[0].split(".")[1] not in f[1])
    return [name for name, _ in found]


def run_one(name, env):
    """Runs a case in this process; prints its line."""
    topic, _, function = name.partition(".")
    module = importlib.import_module("cases." + topic)
    try:
        getattr(module, "test_" + function)(env)
    except case.Skip as reason:
        print("skip e2e %s: %s" % (name, reason))
        return 0
    except Exception as failure:
        text = str(failure).split("\n")[0] or type(failure).__name__
        print("not ok e2e %s: %s" % (name, text[:300]))
        for frame in traceback.extract_tb(failure.__traceback__):
            print("    %s:%d: %s" % (os.path.relpath(frame.filename, HERE),
                                     frame.lineno, frame.line))
        for line in str(failure).split("\n")[1:12]:
            print("    " + line)
        return 1
    print("ok e2e %s" % name)
    return 0


children = set()


def spawn(name, options, databases):
    """Runs a case in a process of its own, which bounds what it can break; it
    may use the servers of @databases."""
    command = [sys.executable, os.path.abspath(__file__), "--one", name,
               "--build", options.build] + ["--stock"] * options.stock + \
        ["--name", options.name]
    child = subprocess.Popen(command, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True,
                             errors="replace", stdin=subprocess.DEVNULL,
                             env=dict(os.environ, **databases.environment()),
                             pass_fds=(databases.mine,))
    children.add(child)
    try:
        output, _ = child.communicate(timeout=CASE_SECONDS)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGINT)  # lets it end its servers
        try:
            output, _ = child.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
        output = "not ok e2e %s: not finished within %d s\n%s" % (
            name, CASE_SECONDS, "".join(
                "    " + line + "\n" for line in output.split("\n")))
    children.discard(child)
    if not any(line.startswith(("ok ", "not ok ", "skip "))
               for line in output.split("\n")):
        output = "not ok e2e %s: no result\n    %s" % (
            name, output.replace("\n", "\n    "))
    return output.rstrip("\n")


def run_all(names, options):
    """Runs cases @options.jobs at a time; returns counts."""
    work, counts = queue.Queue(), {"ok": 0, "not ok": 0, "skip": 0}
    lock, databases = threading.Lock(), servers.Run()
    for name in names:
        work.put(name)

    def worker():
        while True:
            try:
                name = work.get_nowait()
            except queue.Empty:
                return
            output = spawn(name, options, databases)
            with lock:
                print(output, flush=True)
                for line in output.split("\n"):
                    for kind in counts:
                        counts[kind] += line.startswith(kind + " ")
    threads = [threading.Thread(target=worker) for _ in range(options.jobs)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:  # told to end: so are the cases, and their servers
        work.queue.clear()
        for child in list(children):
            child.send_signal(signal.SIGINT)
        for thread in threads:
            thread.join()
        raise
    finally:
        databases.close()
    return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--build", default=os.environ.get(
        "PARLEY_BUILD", os.path.join(HERE, "..", "..", "build")))
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--name", default="dialog",
                        choices=("dialog", "ims_dialog", "dialog_ng"))
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if options.one:
        return run_one(options.one, case.Env(options.build, options.stock,
                                              options.name))
    names = discover()
    if options.names:
        names = [n for n in names
                 if n in options.names or n.split(".")[0] in options.names]
    if options.list:
        print("\n".join(names))
        return 0
    if not names:
        print("not ok e2e selection: no case has this name")
        return 1
    started = time.monotonic()
    counts = run_all(names, options)
    print("# e2e: %d ok, %d not ok, %d skipped in %.0f s" % (
        counts["ok"], counts["not ok"], counts["skip"],
        time.monotonic() - started))
    return 1 if counts["not ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
