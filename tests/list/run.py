#!/usr/bin/python3
"""Every documented name is offered, under each of the module's three names.

    tests/list/run.py BUILD PROBE

Asks a running Kamailio: a configuration with all functions, parameters and
variables starts, one with misspelt ones is refused at each of them; commands,
statistics and KEMI functions are looked up. What the module offers without
being in tests/list/surface.tsv is a failure, too.
"""
import os
import re
import sys

import table

sys.path.insert(0, os.path.join(table.ROOT, "tools"))
sys.path.insert(0, os.path.join(table.ROOT, "tests", "e2e"))

import run as e2e  # noqa: E402
from lib import net, proxy, sip  # noqa: E402
from lib.case import Env, script  # noqa: E402
from report import Report  # noqa: E402

NAMES = ("dialog", "ims_dialog", "dialog_ng")
COUNTERS = "dialog_ng"  # a group that is there under every name
WRONG = "_x"  # makes a name one that nobody has

LUA = """
local function say(name, value)
	KSR.err("|kemi|" .. name .. "|" .. tostring(value) .. "|\\n")
end
function ksr_request_route()
	if KSR.is_method("INVITE") then
		KSR.dialog.dlg_manage()
	end
%s
	KSR.sl.sl_send_reply(200, "OK")
	return 1
end
"""
CONFIG = """
loadmodule "app_lua.so"
modparam("app_lua", "load", "%s")
cfgengine "lua"
"""


# ------------------------------------------------ what is used

def function_lines(misspelt):
    lines = []
    for row in table.loading("function"):
        for call in table.calls(row):
            if misspelt:
                call = call.replace("(", WRONG + "(", 1)
            lines.append((row, call + ";"))
    return lines


def pv_lines(misspelt):
    lines = []
    for row in table.loading("pv"):
        name = row.sample
        if misspelt and name.endswith("(x)"):
            name = name.replace("(x)", WRONG + "(x)")
        elif misspelt:
            name = name[:-1] + WRONG + ")" if name.endswith(")") \
                else name + WRONG
        lines.append((row, "$var(x) = %s;" % name))
    return lines


def route(misspelt=False):
    lines = function_lines(misspelt)
    if not misspelt:
        lines += pv_lines(False)
    return "route[NAMES] {\n%s\n}\n" % "\n".join(text for _, text in lines)


def params():
    """[(name, value)] for lib/proxy.py."""
    found = []
    folder = proxy.scratch() + "/"
    for row in table.loading("param"):
        value = row.sample.replace("/tmp/", folder)
        found.append((row.name, value[1:-1] if value[0] == '"'
                      else int(value)))
    return found


def write(text, suffix):
    path = os.path.join(proxy.scratch(), "script" + suffix)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def lookups():
    lines = []
    for name in NAMES:
        for row in table.loading("kemi"):
            for word in (row.name, row.name + WRONG):
                lines.append('\tsay("%s.%s", KSR.%s and KSR.%s.%s ~= nil)' % (
                    name, word, name, name, word))
    return LUA % "\n".join(lines)


# ------------------------------------------------ one name of the module

class Offer:
    """What a Kamailio with the module under @name says."""

    def __init__(self, build, probe, name):
        self.name = name
        lua = CONFIG % write(lookups(), ".lua")
        probing = 'loadmodule "%s"\nmodparam("probe", "module", "%s")\n' % (
            probe, name)
        with Env(build).proxy(params(), route(), name=name,
                              last=probing + lua) as server, \
                sip.Party(server, "a") as party:
            party.ask("OPTIONS")
            party.ask("INVITE")  # the callbacks of a call are registered
            log = server.log()
            self.methods = set(server.rpc("system.listMethods"))
            own = set(server.statistics(name))
            counters = set(server.statistics(COUNTERS))
        # Under the name dialog_ng both are in one group.
        known = {r.name for r in table.rows()}
        self.statistics = own & known | own - counters | {
            "%s:%s" % (COUNTERS, n) for n in counters - known}
        self.exports = set(re.findall(
            r"\|(function|api|param|pv)\|([^|]*)\|", log))
        self.kemi = dict(re.findall(r"\|kemi\|([^|]*)\|([^|]*)\|", log))

    def has(self, row):
        """True if the row's name is there and its misspelling is not."""
        if row.kind == "kemi":
            return all(self.kemi["%s.%s" % (n, row.name)] == "true" and
                       self.kemi["%s.%s%s" % (n, row.name, WRONG)] == "false"
                       for n in NAMES)
        if row.kind in ("rpc", "mi", "statistic"):
            there = self.statistics if row.kind == "statistic" else \
                self.methods
            return row.name in there and row.name + WRONG not in there
        name = row.name.split("(")[0]
        return (row.kind, name) in self.exports

    def strangers(self):
        """What is offered and not in the table."""
        known = {(r.kind, r.name.split("(")[0]) for r in table.rows()}
        found = {e for e in self.exports if e not in known}
        found |= {("rpc", m) for m in self.methods
                  if m.startswith(("dlg.", "dlg2.")) and
                  ("rpc", m) not in known}
        found |= {("statistic", s) for s in self.statistics
                  if ("statistic", s) not in known}
        return sorted("%s %s" % e for e in found)


def source_names():
    """KEMI functions and keys of variables, which nobody can ask for."""
    found = set()
    folder = os.path.join(table.ROOT, "hosts", "kamailio", "script")
    for file, pattern, kind, form in (
            ("kemi.c", r'KEMI\("(\w+)"', "kemi", "%s"),
            ("pv.c", r'\[KEY_\w+\] = "(\w+)"', "pv", "$dlg(%s)"),
            ("pv_ctx.c", r'\[CTX_\w+\] = "(\w+)"', "pv", "$dlg_ctx(%s)")):
        with open(os.path.join(folder, file), encoding="utf-8") as source:
            names = re.findall(pattern, source.read())
        if not names:
            raise ValueError("no name is found in " + file)
        found |= {(kind, form % n) for n in names}
    return found


def check_offer(report, build, probe, name):
    try:
        offer = Offer(build, probe, name)
    except proxy.StartFailed as failure:
        lines = [l for l in failure.log.splitlines()
                 if re.search("ERROR|CRITICAL", l)]
        report.fail(name, "does not start with all names",
                    "\n".join(lines[:40]))
        return
    for kind in ("param", "function", "pv", "rpc", "mi", "statistic", "kemi",
                 "api"):
        here = table.loading(kind)
        report.check("%s offers %d of kind %s" % (name, len(here), kind),
                     [r.name for r in here if not offer.has(r)])
    report.check("%s offers nothing that is not in the table" % name,
                 offer.strangers())


def check_misspelt(report, build, name):
    """Kamailio refuses each of the wrong names, by its line."""
    wrong = [(n + WRONG, v) for n, v in params()]
    server = Env(build).proxy(wrong, route(True), name=name)
    try:
        _, output = server.check()
        with open(server.config, encoding="utf-8") as file:
            lines = file.read().splitlines()
    finally:
        server.close()
    # After one wrong variable Kamailio does not look at the next.
    variables = [text for _, text in pv_lines(True)]
    accepted = []
    for text in variables:
        server = Env(build).proxy([], "route[X] { %s }\n" % text, name=name)
        if server.check()[0] == 0:
            accepted.append(text)
        server.close()
    refused = {int(n) for n in re.findall(r", line (\d+)", output)}
    accepted += [text for number, text in enumerate(lines, 1)
                if WRONG in text and number not in refused]
    report.check("%s refuses %d misspelt names" % (name, len(
        variables) + sum(WRONG in line for line in lines)), accepted)


# ------------------------------------------------ event routes

def check_events(report, build, name):
    words = [r.name for r in table.now("event")]
    blocks = "".join('event_route[%s] { xlog("L_ERR", "|event|%s|\\n"); }\n'
                     % (w, w) for n in words for w in (n, n + WRONG))
    with Env(build).proxy(name=name, routes=script(more=blocks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b).hang_up()
        _, invite = sip.ring(a, b)
        b.reply(invite, 486)
        a.expect(486)

        def ran():
            return set(re.findall(r"\|event\|([^|]*)\|", server.log()))
        net.within(lambda: ran() >= set(words), 20)
        report.check("%s runs %d event routes" % (name, len(words)),
                     sorted(ran() ^ set(words)))


# ------------------------------------------------ the table itself

def check_table(report):
    cases = set(e2e.discover())
    report.check("each row up to now names a case", [
        "%s %s: %s" % (r.kind, r.name, r.case or "none") for r in table.now()
        if r.case not in cases])
    known = {r[:2] for r in table.rows()}
    report.check("each name in the sources is in the table", sorted(
        "%s %s" % n for n in source_names() if n not in known))


def main():
    build, probe = (os.path.abspath(a) for a in sys.argv[1:3])
    report = Report("list")
    check_table(report)
    for name in NAMES:
        check_offer(report, build, probe, name)
        check_misspelt(report, build, name)
        check_events(report, build, name)
    for row in table.rows():
        if row.part > table.PART:
            print("# pending (part %d): %s %s" % (row.part, row.kind,
                                                  row.name))
    report.exit()


if __name__ == "__main__":
    main()
