#!/usr/bin/python3
"""Runs libFuzzer programs for a bounded time each, as many as there are CPUs.

    tools/fuzz.py SECONDS RUNS PROGRAM...

Each ends after RUNS inputs or SECONDS seconds, whichever comes first. Inputs in
tests/fuzz/corpus/NAME/ are tried first, so everything that was ever found stays
found; new ones go to a scratch folder beside the program.
"""

import concurrent.futures
import glob
import os
import re
import sys

from report import Report, cpus, run

DONE = re.compile(r"Done (\d+) runs in (\d+) second")
# Beyond the limit given to libFuzzer, which counts only fuzzing itself.
MARGIN_SECONDS = 300


def fuzz(path, seconds, runs):
    name = os.path.basename(path)
    scratch = path + ".corpus"
    os.makedirs(scratch, exist_ok=True)
    command = [path, f"-max_total_time={seconds}", f"-runs={runs}",
               "-rss_limit_mb=2048", "-timeout=60", "-print_final_stats=1",
               f"-artifact_prefix={path}-"]
    dictionary = f"tests/fuzz/{name}.dict"
    if os.path.exists(dictionary):
        command.append(f"-dict={dictionary}")
    command.append(scratch)
    corpus = f"tests/fuzz/corpus/{name.removeprefix('fuzz_')}"
    if os.path.isdir(corpus):
        command.append(corpus)
    return run(command, seconds + MARGIN_SECONDS)


def judge(report, path, result, seconds, runs):
    name = os.path.basename(path)
    status, output = result
    tail = "\n".join(output.splitlines()[-40:])
    done = DONE.findall(output)
    if status is None:
        report.fail(name, "did not end in time", tail)
    elif status != 0 or not done:
        kept = " ".join(glob.glob(path + "-*"))
        report.fail(name, f"status {status}, input in {kept or 'nothing'}",
                    tail)
    else:
        count, took = int(done[-1][0]), int(done[-1][1])
        if count < runs and took < seconds:
            report.fail(name, f"only {count} inputs in {took} s", tail)
        else:
            report.ok(f"{name} ({count} inputs in {took} s)")


def main():
    seconds, runs, paths = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    report = Report("fuzz")
    for path in paths:
        for old in glob.glob(path + "-*"):
            os.remove(old)
    with concurrent.futures.ThreadPoolExecutor(cpus()) as pool:
        results = pool.map(lambda path: fuzz(path, seconds, runs), paths)
        for path, result in zip(paths, results):
            judge(report, path, result, seconds, runs)
    report.exit()


if __name__ == "__main__":
    main()
