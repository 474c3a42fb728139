#!/usr/bin/python3
"""Looks for what no compiler sees: the house rules of CONTRIBUTING.md.

    tools/check.py

Exceptions stand in tools/check-allow.txt as "rule path:function reason"; the
list may only get shorter.
"""

import glob
import os
import re

from report import Report

FUNCTION_LINES = 70
FILE_LINES = 800
HEADER_LINES = 250
# The engine's public interface is one header on purpose.
LONG_HEADERS = {"include/parley.h"}

C_FOLDERS = ("include", "src", "hosts/kamailio", "hosts/kamailio/*", "tests/unit",
             "tests/sim", "tests/cluster", "tests/fuzz", "bench")
SCRIPT_FOLDERS = ("tools", "tests", "bench", "examples")

# The function that may write a dialog's state, because it keeps the counters.
STATE_WRITERS = {"dialog_set_state"}

CLOCK_OR_HEAP = re.compile(
    r"(?<![\w>.])(time|clock|gettimeofday|clock_gettime|localtime\w*|gmtime\w*|"
    r"malloc|calloc|realloc|free|aligned_alloc|rand\w*|srand\w*|getenv|"
    r"v?f?printf|puts|putchar|fopen|exit|sleep|usleep|nanosleep)\s*\(")
HOST_HEADER = re.compile(r'^\s*#\s*include\s*[<"](\.\./)*(core|modules|lib)/')
# Polling every few milliseconds is waiting for a condition.
SLEEP = re.compile(r"\b(usleep|nanosleep|sleep)\s*\(\s*(0\.[1-9]|[1-9])")
STATE_WRITE = re.compile(r"\bdialog->state\s*=[^=]")
POSITIVE_RETURN = re.compile(r"\breturn\s+\(?[1-9]\d*\)?\s*;")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def without_comments(text):
    """Blanks comments and literals, keeping every line where it was."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                  r"'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


def functions(text):
    """Gives (name, return type, first line, body lines) of every function;
    @text has no comments. The style puts braces of functions in column 0."""
    lines = text.splitlines()
    found = []
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            head = []
            above = start - 1
            while above >= 0 and not re.search(r"[;}]\s*$|^#|^\s*$",
                                               lines[above]):
                head.insert(0, lines[above].strip())
                above -= 1
            match = re.match(r"(.*?)(\w+)\s*\(", " ".join(head))
            if match:
                found.append((match.group(2), match.group(1).strip(),
                              start + 1, lines[start + 1:number]))
            start = None
    return found


class Allowed:
    """The exceptions, each of which must still be needed."""

    def __init__(self, path):
        self.rows = {}
        if os.path.exists(path):
            for line in read(path).splitlines():
                if line and not line.startswith("#"):
                    rule, place, _ = line.split(None, 2)
                    self.rows[(rule, place)] = False

    def permits(self, rule, place):
        if (rule, place) in self.rows:
            self.rows[(rule, place)] = True
            return True
        return False

    def unused(self):
        return [f"{rule} {place}" for (rule, place), used in self.rows.items()
                if not used]


def c_files():
    return sorted(path for folder in C_FOLDERS for suffix in ("c", "h")
                  for path in glob.glob(f"{folder}/*.{suffix}"))


def grep(paths, pattern):
    """Gives "path:line: text" where @pattern is in code, not in comments."""
    found = []
    for path in paths:
        text = read(path)
        bare = text if pattern is HOST_HEADER else without_comments(text)
        for number, line in enumerate(bare.splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path}:{number}: {line.strip()}")
    return found


def check_lengths(report, paths, allowed):
    long_functions, long_files = [], []
    for path in paths:
        text = read(path)
        count = text.count("\n")
        limit = HEADER_LINES if path.endswith(".h") else FILE_LINES
        if count > limit and path not in LONG_HEADERS:
            long_files.append(f"{path}: {count} lines, {limit} allowed")
        for name, _, line, body in functions(without_comments(text)):
            if len(body) > FUNCTION_LINES and not allowed.permits(
                    "length", f"{path}:{name}"):
                long_functions.append(f"{path}:{line}: {name}: {len(body)} "
                                      f"lines, {FUNCTION_LINES} allowed")
    report.check("functions are short", long_functions)
    report.check("files are short", long_files)


def check_states(report, paths, allowed):
    faults = []
    for path in paths:
        for name, _, line, body in functions(without_comments(read(path))):
            if name in STATE_WRITERS or allowed.permits("state",
                                                        f"{path}:{name}"):
                continue
            faults += [f"{path}:{line + offset}: {name}: {text.strip()}"
                       for offset, text in enumerate(body, 1)
                       if STATE_WRITE.search(text)]
    report.check("a state has one writer", faults)


def check_returns(report, paths, allowed):
    """A function that gives an error code gives 0 or a negative one."""
    faults = []
    for path in paths:
        for name, kind, line, body in functions(without_comments(read(path))):
            if not re.search(r"\bint$", kind) or allowed.permits(
                    "return", f"{path}:{name}"):
                continue
            faults += [f"{path}:{line + offset}: {name}: {text.strip()}"
                       for offset, text in enumerate(body, 1)
                       if POSITIVE_RETURN.search(text)]
    report.check("an error code is 0 or negative", faults)


def check_scripts(report):
    faults = []
    for folder in SCRIPT_FOLDERS:
        for path in sorted(glob.glob(f"{folder}/**/*.py", recursive=True)):
            try:
                compile(read(path), path, "exec")
            except SyntaxError as error:
                faults.append(f"{path}:{error.lineno}: {error.msg}")
    report.check("scripts can be parsed", faults)


def check_links(report):
    """Relative links in the documentation lead to something."""
    faults = []
    for path in sorted(glob.glob("*.md") + glob.glob("docs/**/*.md",
                                                     recursive=True)):
        for number, line in enumerate(read(path).splitlines(), 1):
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", line):
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not os.path.exists(os.path.join(os.path.dirname(path),
                                                   target)):
                    faults.append(f"{path}:{number}: {target}")
    report.check("links in the documentation lead somewhere", faults)


def check_sleeps(report):
    paths = [path for path in glob.glob("tests/**/*", recursive=True) +
             glob.glob("bench/**/*", recursive=True)
             if path.endswith((".c", ".py", ".sh"))]
    faults = []
    for path in sorted(paths):
        for number, line in enumerate(read(path).splitlines(), 1):
            if SLEEP.search(line):
                faults.append(f"{path}:{number}: {line.strip()}")
    report.check("tests wait for conditions, not for time", faults)


def main():
    report = Report("style")
    allowed = Allowed("tools/check-allow.txt")
    everything = c_files()
    engine = [path for path in everything
              if path.startswith(("src/", "include/"))]
    sources = [path for path in everything if path.endswith(".c")]

    report.check("src/ calls no clock, heap or output",
                 grep(engine, CLOCK_OR_HEAP))
    report.check("host headers only in hosts/",
                 grep([path for path in everything
                       if not path.startswith("hosts/")], HOST_HEADER))
    report.check("no extern in a .c file",
                 grep(sources, re.compile(r"^\s*extern\b")))
    check_states(report, [path for path in engine if path.endswith(".c")],
                 allowed)
    check_returns(report, [path for path in engine if path.endswith(".c")],
                  allowed)
    check_lengths(report, everything, allowed)
    check_scripts(report)
    check_links(report)
    check_sleeps(report)
    report.check("tools/check-allow.txt holds only what is needed",
                 allowed.unused())
    report.exit()


if __name__ == "__main__":
    main()
