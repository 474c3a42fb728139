#!/usr/bin/python3
"""Builds everything with each compiler and looks at what came out.

    tools/compilers.py BUILD COMPILER...
"""

import os
import re
import shutil
import subprocess
import sys

from report import Report, cpus, run

MODULES = ("dialog.so", "ims_dialog.so", "dialog_ng.so")
# What Kamailio looks up in a module; everything else stays hidden, because a
# name that the server has too would be bound to the server's.
WANTED = {"_dialog_exports", "_ims_dialog_exports", "_dialog_ng_exports",
          "module_version", "module_flags"}
ALLOWED = WANTED | {"module_interface_ver", "mod_register"}
BUILD_SECONDS = 900


def symbols(path, which):
    output = subprocess.run(["nm", "-D", which, path], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return {line.split()[-1] for line in output.splitlines()
            if line.split()[-2] != "w"}


def libraries(path):
    """Files of the libraries that are loaded with a module."""
    output = subprocess.run(["ldd", path], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return re.findall(r"=> (/\S+)", output)


def unresolved(path):
    """What neither Kamailio and its libraries nor, by its version mark, a C
    library defines."""
    defined = set()
    for file in [shutil.which("kamailio"), *libraries(path)]:
        defined |= symbols(file, "--defined-only")
    return {name for name in symbols(path, "--undefined-only")
            if "@" not in name} - defined


def mutable_data(path):
    """Names of the objects in .data and .bss: one copy per worker process."""
    output = subprocess.run(["objdump", "-t", path], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    names = []
    for line in output.splitlines():
        words = line.split()
        if " O " in line and len(words) >= 4 and any(
                word == section or word.startswith(section + ".local")
                for word in words for section in (".data", ".bss")):
            names.append(f"{os.path.basename(path)}: {words[-1]}")
    return names


def look(report, compiler, folder):
    objects = os.path.join(folder, "obj/src")
    faults = []
    for name in sorted(os.listdir(objects)) if os.path.isdir(objects) else []:
        if name.endswith(".o"):
            faults += mutable_data(os.path.join(objects, name))
    report.check(f"{compiler}: no mutable variable outlives a function in src/",
                 faults)

    paths = [os.path.join(folder, name) for name in MODULES]
    inodes = {os.stat(path).st_ino for path in paths}
    report.check(f"{compiler}: the three modules are three files",
                 [] if len(inodes) == 3 else ["they share an inode"])
    report.check(f"{compiler}: Kamailio has all that modules need of it",
                 sorted(unresolved(paths[0])))
    names = symbols(paths[0], "--defined-only")
    report.check(f"{compiler}: modules export what Kamailio needs, no more",
                 [f"missing: {name}" for name in sorted(WANTED - names)] +
                 [f"too much: {name}" for name in sorted(names - ALLOWED)])


def main():
    build, compilers = sys.argv[1], sys.argv[2:]
    report = Report("compilers")
    for compiler in compilers:
        folder = os.path.join(build, "with-" + os.path.basename(compiler))
        status, output = run(
            ["make", "--no-print-directory", "-s", "-k", f"-j{cpus()}",
             f"BUILD={folder}", f"CC={compiler}", "all"], BUILD_SECONDS)
        if status == 0:
            report.ok(f"{compiler}: builds without a warning")
            look(report, compiler, folder)
        else:
            report.fail(f"{compiler}: builds without a warning",
                        f"status {status}",
                        "\n".join(output.splitlines()[-60:]))
    report.exit()


if __name__ == "__main__":
    main()
