"""Every example of the documentation loads, and a call goes through it.

An example is a fenced block ```cfg name of docs/*.md. It may define
route[NEW_CALL], for INVITEs that start a call, and route[IN_CALL], for requests
within one.
"""
import glob
import os
import re

from lib import database, modules, proxy, stored
from lib.case import check, parley_only, same, script, sip, state_of

HOST = os.path.join(os.path.dirname(__file__), "..", "..", "..", "hosts",
                    "kamailio")
DOCS = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs")
LOAD = 'loadmodule "dialog.so"\n'
BLOCK = re.compile(r"^```cfg +(\S+)\n(.*?)^```$", re.M | re.S)


def examples():
    """[(page, name, text)]"""
    found = []
    for path in sorted(glob.glob(os.path.join(DOCS, "*.md"))):
        with open(path, encoding="utf-8") as page:
            for name, text in BLOCK.findall(page.read()):
                found.append((os.path.basename(path), name, text))
    return found


def server_of(env, text, module="dialog"):
    """A server with an example in its configuration, not started."""
    called = {"IN_CALL": "", "NEW_CALL": ""}
    for route in called:
        if "route[%s]" % route in text:
            called[route] = "route(%s);" % route
    routes = script(inside=called["IN_CALL"], initial=called["NEW_CALL"] or
                    "dlg_manage();", more=text)
    server = env.proxy(routes=routes, name=module)
    if LOAD in text:
        # What stands above this module, on the address of this server.
        above, _, text = text.partition(LOAD)
        server.first = above.replace(
            "10.0.0.1:5060", "127.0.0.1:%d" % server.port).replace(
            "10.0.0.2:5060", "127.0.0.1:9")
        server.routes = script(inside=called["IN_CALL"], more=text.replace(
            "/var/lib/kamailio", server.folder))
    server.routes = server.routes.replace("/run/kamailio", server.folder)
    return server


def run_example(env, page, name, text, module="dialog"):
    server = server_of(env, text, module)
    with server, sip.Party(server, "alice") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.request("UPDATE")
        b.reply(b.expect("UPDATE"), 200)
        a.expect(200, "UPDATE")
        call.hang_up()
        faults = [line for line in server.log().splitlines()
                  if re.search(r"ERROR|CRITICAL|BUG", line)]
        check(not faults, "%s %s: %s", page, name, faults[:1])


def _page(env, names, module="dialog"):
    found = [e for e in examples() if e[0] == names]
    check(found, "%s has no example", names)
    for page, name, text in found:
        try:
            run_example(env, page, name, text, module)
        except proxy.StartFailed as failure:
            raise AssertionError("%s %s does not start: %s" % (
                page, name, failure.log[-600:])) from failure


REASON = "the documentation is ours"


@parley_only(REASON)
def test_functions(env):
    _page(env, "functions.md")


@parley_only(REASON)
def test_variables(env):
    _page(env, "variables.md")


@parley_only(REASON)
def test_parameters(env):
    _page(env, "parameters.md")


@parley_only(REASON)
def test_rest(env):
    _page(env, "rpc.md")
    _page(env, "statistics.md")
    _page(env, "c-api.md")
    _page(env, "fifo.md")


@parley_only(REASON)
def test_ims(env):
    _page(env, "ims.md", "ims_dialog")


@parley_only(REASON)
def test_modules(env):
    """What the modules do is checked in cases of their own, mod_*."""
    modules.need("nat_traversal", "sst", "acc", "uac")
    _page(env, "modules.md")


@parley_only(REASON)
def test_database(env):
    """The example stores a call, which a crash does not end."""
    text, = (e[2] for e in examples() if e[0] == "database.md")
    server = server_of(env, text)
    base = database.Sqlite(server.folder, "dialog")
    with server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        stored.wait_rows(base, "dialog", 1)
        server.crash()
        server.start()
        same("state", state_of(server, call.callid), 4)
        call.hang_up()
        stored.no_rows(base)


@parley_only(REASON)
def test_none_forgotten(env):
    """A new page with examples needs a case here."""
    known = {"functions.md", "variables.md", "parameters.md", "rpc.md",
             "statistics.md", "modules.md", "c-api.md", "ims.md",
             "database.md", "fifo.md"}
    check({e[0] for e in examples()} == known, "pages with examples: %r",
          sorted({e[0] for e in examples()}))


# Page, files with an export table, how a name stands in it.
TABLES = (
    ("functions.md", "functions*.c", r'\{"(\w+)", FUNCTION'),
    ("parameters.md", "params*.c",
     r'\bBY_(?:INT|TEXT)\((\w+)|\{"(\w+)", PARAM_'),
    ("parameters.md", "params_db.h", r"\bX\((\w+), \w+, "),
    ("variables.md", "pv.c", r'\{STR_STATIC_INIT\("(\w+)"\), PVT'),
    ("variables.md", "pv*.c", r'\[(?:KEY|CTX)_\w+\] = "(\w+)"'),
    ("rpc.md", "rpc*.c", r'\{"((?:dlg2?\.)?\w+)", rpc_'),
    ("kemi.md", "kemi*.c", r'\bKEMI\("(\w+)"'),
    ("statistics.md", "stats.c", r'STAT\((\w+)|COUNTER\("(\w+)"'),
)


def exports(files, pattern):
    """The names in the export tables of some files."""
    found = set()
    for path in glob.glob(os.path.join(HOST, "**", files), recursive=True):
        with open(path, encoding="utf-8") as source:
            for names in re.findall(pattern, source.read()):
                found |= {names} if isinstance(names, str) else set(names)
    return found - {"", "name", "load_dlg", "load_ims_dlg",
                    "load_parley"}  # c-api.md


@parley_only(REASON)
def test_every_export(env):
    """Each name that the module exports is in its page."""
    missing = []
    for page, files, pattern in TABLES:
        names = exports(files, pattern)
        check(len(names) > 4, "only %r in %s", names, files)
        with open(os.path.join(DOCS, page), encoding="utf-8") as file:
            # As `name`, `name(`, `$name` or in a heading.
            words = set(re.findall(r"[`$( ,#]([a-zA-Z_][\w.]*)\b",
                                   file.read()))
        missing += ["%s: %s" % (page, n) for n in sorted(names - words)]
    check(not missing, "%d names are not in their page: %s", len(missing),
          ", ".join(missing))
