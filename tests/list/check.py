#!/usr/bin/python3
"""Takes each export out of its table, once, in a copy of the tree, and sees
that the end-to-end case which its row names notices.

    tests/list/check.py [--slice] [--jobs N] [NAME...]

--slice: a few rows, one of each kind. NAME: rows with this name only.
"""
import argparse
import concurrent.futures
import glob
import os
import queue
import re
import subprocess
import sys
import tempfile

import table

sys.path.insert(0, os.path.join(table.ROOT, "tools"))
sys.path.insert(0, os.path.join(table.ROOT, "tests", "mutants"))

from report import Report, run  # noqa: E402
import run as mutants  # noqa: E402

HOST = "hosts/kamailio"
GONE = "_gone"
# Spellings of types that only parley_api.h has: what they stand for there.
SPELLINGS = {"DLGCB_MI_CONTEXT": "RPC_CONTEXT", "DLG_CREATED": "CREATED",
             "DLG_FAILED": "FAILED", "DLG_CONFIRMED": "CONFIRMED_NA",
             "DLG_REQ_WITHIN": "REQ_WITHIN", "DLG_TERMINATED": "TERMINATED",
             "DLG_EXPIRED": "EXPIRED", "DLGCB_SAVED": "SAVED"}


# ------------------------------------------------ what is taken out

def _renamed(pattern):
    """@pattern's group 1 is the name, which gets a tail."""
    return lambda text: re.subn(pattern, lambda m: m.group(0).replace(
        '"%s"' % m.group(1), '"%s%s"' % (m.group(1), GONE), 1), text)


def edits(row):
    """[(glob of files, function of a text that gives text and count)]"""
    name = re.escape(row.name)
    if row.kind == "param":
        return [("params.c", lambda text: re.subn(
            r"\n\t(BY_INT\(%s\)|BY_TEXT\(%s, \w+\)|\{\"%s\",[^}]*\}),"
            % (name, name, name), "", text)),
            ("params_db.h", lambda text: re.subn(
                r"\tX\(%s, [^\n]*\n" % name, "", text))]
    if row.kind == "api" and row.name.startswith("dlg_binds."):
        member = re.escape(row.name.partition(".")[2])
        return [("capi.c", lambda text: re.subn(
            r"\n\t\t\.%s = \w+," % member, "", text))]
    if row.kind == "api" and "(" in row.name:
        member = re.escape(row.name.partition("(")[0])
        return [("api.c", lambda text: re.subn(
            r"\n\t\t\.%s = \w+," % member, "", text))]
    if row.kind == "api" and row.name in SPELLINGS:
        return [("api.c", lambda text: re.subn(
            r"([(|][\s\\]*)PARLEY_CB_%s(?=\s*[|)])" % SPELLINGS[row.name],
            r"\g<1>0", text))]
    if row.kind == "api" and row.name.startswith("DLGCB_"):
        # From what may be registered: A | B | C.
        return [("capi.c", lambda text: re.subn(
            r"([(|][\s\\]*)%s(?=\s*[|)])" % name, r"\g<1>0", text))]
    if row.kind in ("function", "api"):
        return [("*.c", _renamed(r'\{"(%s)",' % name))]
    if row.kind in ("rpc", "mi"):
        return [("rpc*.c", _renamed(r'\{"(%s)",' % name))]
    if row.kind == "kemi":
        return [("kemi*.c", _renamed(r'KEMI\("(%s)",' % name))]
    if row.kind == "statistic":
        name = re.escape(row.name.rpartition(":")[2])
        return [("stats.c", _renamed(r'"(%s)"' % name)),
                ("stats.c", lambda text: re.subn(
                    r"\n\t\tSTAT\(%s, \w+\)," % name, "", text))]
    if row.kind == "event":
        return [("events.c", _renamed(r'"(%s)"' % name))]
    word, _, key = row.name[1:].rstrip(")").partition("(")
    if word in ("dlg", "dlg_ctx"):
        return [("pv*.c", _renamed(r'\[%s_\w+\] = "(%s)"' % (
            "KEY" if word == "dlg" else "CTX", key)))]
    return [("pv*.c", _renamed(r'STR_STATIC_INIT\("(%s)"\)' % word))]


def take_out(tree, row):
    """Edits the files below @tree; {path: old text}. LookupError: not there."""
    old = {}
    for pattern, edit in edits(row):
        for path in sorted(glob.glob(os.path.join(tree, HOST, "**", pattern),
                                     recursive=True)):
            with open(path, encoding="utf-8") as file:
                text = file.read()
            changed, count = edit(text)
            if count:
                old[path] = text
                with open(path, "w", encoding="utf-8") as file:
                    file.write(changed)
    if not old:
        raise LookupError("it is in no table of %s" % HOST)
    return old


def put_back(old):
    for path, text in old.items():
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


# ------------------------------------------------ one row after the other

def judge(report, adapter, tree, row):
    label = "%s %s" % (row.kind, row.name)
    try:
        old = take_out(tree, row)
    except LookupError as error:
        return report.fail(label, str(error))
    try:
        status, output = adapter.make(tree)
        if status != 0:
            return report.fail(label, "it does not build without", output)
        if not adapter.cases(tree, [row.case]):
            return report.fail(label, "%s does not notice" % row.case)
        return report.ok("%s: %s" % (label, row.case))
    finally:
        put_back(old)


def worker(report, adapter, tree, work):
    while True:
        try:
            row = work.get_nowait()
        except queue.Empty:
            return
        judge(report, adapter, tree, row)


def selected(options):
    found = [r for r in table.rows() if r.case]
    if options.names:
        return [r for r in found if r.name in options.names]
    if options.slice:
        seen = set()
        return [r for r in found
                if r.kind not in seen and not seen.add(r.kind)]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--slice", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    os.chdir(table.ROOT)
    rows = selected(options)
    report = Report("list")
    if not rows:
        report.fail("check", "no row has this name")
    work = queue.Queue()
    for row in rows:
        work.put(row)
    with tempfile.TemporaryDirectory(prefix="parley-list-") as folder:
        adapter = mutants.Adapter(folder)
        adapter.build()
        found = adapter.cases(adapter.folder, sorted({r.case for r in rows}))
        if found:
            report.fail("nothing taken out", "%s fails" % found,
                        adapter.output)
            report.exit()
        trees = [os.path.join(folder, "tree%d" % n)
                 for n in range(min(options.jobs, len(rows)))]
        for tree in trees:
            subprocess.run(["cp", "-a", adapter.folder, tree], check=True)
        with concurrent.futures.ThreadPoolExecutor(len(trees) or 1) as pool:
            list(pool.map(lambda t: worker(report, adapter, t, work), trees))
    report.exit()


if __name__ == "__main__":
    main()
