"""User-space instructions of single operations, counted by callgrind.

With 1,000 dialogs, under -x fm. A server runs one operation in a loop of the
script and nothing else; what a server with an empty loop took is subtracted.
Times of fractions of a microsecond differ by as much from run to run on a
machine with other guests; instructions differ by a few in a hundred.
"""
import os
import re

import growth

COUNT = 1000
TIMES = 100000  # beside them, the calls' own instructions are noise
REPEAT = 2  # waiting for the start costs some; the least counts


def _instructions(settings, variant, name):
    bed = growth.Bed(settings, variant, COUNT, "fm")
    out = os.path.join(bed.server.folder, "callgrind.out.%p")
    bed.server.wrapper = ["valgrind", "--tool=callgrind",
                          "--log-file=/dev/null",
                          "--callgrind-out-file=" + out]
    with bed:
        worker = bed.pids[0]
        bed.operation(name, TIMES)
        bed.server.stop(120)
        with open(out.replace("%p", str(worker))) as dump:
            found = re.search(r"^(?:totals|summary): (\d+)", dump.read(),
                              re.M)
    return int(found.group(1)) / TIMES


def measure(settings, variants):
    """{(variant, operation): instructions}"""
    out = {}
    for variant in variants:
        if growth.VARIANTS[variant][0] != "dialog":
            continue
        settings.note("operations: %s" % variant)
        took = {name: min(_instructions(settings, variant, name)
                          for _ in range(REPEAT))
                for name in growth.OPERATIONS}
        for name in growth.OPERATIONS:
            if name != "empty":
                base = growth.WITHOUT.get(name, "empty")
                out[variant, name] = took[name] - took[base]
    return out


def rows(result):
    """Lines of the table: text, figure, target, met."""
    for (variant, name), value in result.items():
        text = "instructions of %s, %d dialogs, %s" % (
            growth.TEXTS[name], COUNT, variant)
        stock = result.get(("dialog", name))
        if variant.startswith("parley") and stock:
            yield (text, "%.0f = %.0f %% of stock's" % (
                value, 100 * value / stock), "not above stock's",
                   value <= stock)
        else:
            yield text, "%.0f" % value, "", None
