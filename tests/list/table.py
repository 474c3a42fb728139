"""tests/list/surface.tsv: every documented name, and where it stands.

    kind        param, function, pv, rpc, statistic, event, kemi, api, mi
    name        as a user writes it
    documented  K Kamailio's dialog, I ims_dialog, N dialog_ng, O OpenSIPS'
                dialog, master: later versions of K, own: ours only
    part        from which part of the work on it is there
    sample      how it is used: a parameter's value, calls of a function
    case        an end-to-end case that fails when it is taken out
    meaning     a few words
"""
import collections
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PATH = os.path.join(HERE, "surface.tsv")
PART = 5  # what is to be there now

KINDS = ("param", "function", "pv", "rpc", "statistic", "event", "kemi", "api",
         "mi")
DOCUMENTED = {"K", "I", "N", "O", "master", "own"}

Row = collections.namedtuple(
    "Row", "kind name documented part sample case meaning")


def rows():
    """All rows; ValueError names the first bad line."""
    found, seen = [], set()
    with open(PATH, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip("\n").split("\t")
            if number == 1:
                if tuple(fields) != Row._fields:
                    raise ValueError("line 1: columns are %r" % (fields,))
                continue
            if len(fields) != len(Row._fields):
                raise ValueError("line %d has %d fields" % (number,
                                                            len(fields)))
            row = Row(*fields)._replace(part=int(fields[3]))
            if row.kind not in KINDS or not 1 <= row.part <= 5 or \
                    not set(row.documented.split()) <= DOCUMENTED or \
                    not row.documented or not row.meaning:
                raise ValueError("line %d: %r" % (number, fields))
            if row[:2] in seen:
                raise ValueError("line %d: %s %s is there twice" % (
                    (number,) + row[:2]))
            seen.add(row[:2])
            found.append(row)
    return found


def now(kind=None):
    return [r for r in rows() if r.part <= PART and kind in (None, r.kind)]


def loading(kind):
    """What is offered already: later rows with a sample load, too."""
    return [r for r in rows() if r.kind == kind and
            (r.part <= PART or r.sample)]


def calls(row):
    """The sample calls of a function."""
    return re.split(r"(?<=\)) (?=[a-z_]+\()", row.sample)
