#!/usr/bin/python3
"""Runs clang-format and clang-tidy over all C code.

    tools/style.py BUILD KAMAILIO_SRC [FILE...]

A file that the two found clean is remembered by the checksum of everything it
was judged by, so that a second run costs only what has changed.
"""

import concurrent.futures
import glob
import hashlib
import os
import shlex
import sys

from report import Report, cpus, run

HOST_FOLDERS = ["hosts/kamailio"] + sorted(
    {os.path.dirname(path) for path in glob.glob("hosts/kamailio/*/*.c")})
HOST_INCLUDES = ["-I" + folder for folder in HOST_FOLDERS]
FOLDERS = ["include", "src", *HOST_FOLDERS, "tests/unit", "tests/sim",
           "tests/cluster", "tests/fuzz", "bench"]
TIDY_SECONDS = 300


def c_files(suffix):
    return sorted(path for folder in FOLDERS
                  for path in glob.glob(f"{folder}/*{suffix}"))


def check_format(report):
    faults = []
    examples = sorted(glob.glob("examples/*/*.c"))
    for path in c_files(".c") + c_files(".h") + examples:
        status, output = run(["clang-format", "--dry-run", "-Werror", path], 60)
        if status != 0:
            faults.append(output.splitlines()[0] if output else path)
    report.check("clang-format", faults)


def tidy_flags(path, build, kamailio_src):
    flags = ["-Iinclude"]
    if path.startswith("hosts/"):
        with open(f"{build}/kamailio.flags", encoding="utf-8") as file:
            flags += shlex.split(file.read())
        return flags + HOST_INCLUDES + ["-std=gnu17", "-isystem", f"{kamailio_src}/src"]
    flags += ["-std=c17", "-Isrc"]
    if path.startswith("tests/"):
        # The adapter has headers of the same name as the simulator's.
        flags += ["-I" + os.path.dirname(path)]
        if path.startswith("tests/cluster/"):
            flags += ["-Itests/sim"]
        flags += ["-Itests", *HOST_INCLUDES, "-Itests/fuzz"]
    return flags


def clean_mark(path, flags, build):
    """The name of the file that says that @path was found clean."""
    digest = hashlib.sha256(repr((path, flags)).encode())
    for name in [".clang-tidy", path] + c_files(".h"):
        with open(name, "rb") as file:
            digest.update(file.read())
    return f"{build}/tidy/{digest.hexdigest()}"


def tidy(path, build, kamailio_src):
    """Gives the complaints about one file, or nothing."""
    flags = tidy_flags(path, build, kamailio_src)
    mark = clean_mark(path, flags, build)
    if os.path.exists(mark):
        return ""
    status, output = run(["clang-tidy", "--quiet", path, "--"] + flags,
                         TIDY_SECONDS)
    if status == 0:
        with open(mark, "w", encoding="utf-8"):
            return ""
    return output or f"{path}: clang-tidy did not end in time"


def check_tidy(report, build, kamailio_src, paths):
    os.makedirs(f"{build}/tidy", exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(cpus()) as pool:
        outputs = pool.map(lambda path: tidy(path, build, kamailio_src), paths)
        for path, output in zip(paths, outputs):
            if output:
                lines = [line for line in output.splitlines()
                         if "warnings generated" not in line]
                report.fail(f"clang-tidy {path}", "see below",
                            "\n".join(lines[:60]))
            else:
                report.ok(f"clang-tidy {path}")


def main():
    build, kamailio_src = sys.argv[1], sys.argv[2]
    report = Report("style")
    check_format(report)
    check_tidy(report, build, kamailio_src, sys.argv[3:] or c_files(".c"))
    report.exit()


if __name__ == "__main__":
    main()
