"""dlg.dump_file: all dialogs as lines of JSON, in files below dump_dir only."""
import json
import os

from lib import proxy, rpc
from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      wait_state)

from .commands import LEG, NEW, fault

PROFILES = [("profiles_with_value", "caller"), ("profiles_no_value", "all")]
ROUTES = script(initial='''
    dlg_setflag("3"); dlg_setflag("31");
    set_dlg_profile("caller", "$fU"); set_dlg_profile("all");
    $dlg_var(key) = "value"; $dlg_var(odd) = "a\\"b\\\\c/d\\te";
    dlg_manage();''')
DIR = "the packaged module writes into any file"


class Lines(list):
    """The objects of a file, in the order of their fields."""

    def __init__(self, path):
        with open(path, encoding="latin-1") as lines:
            super().__init__(
                json.loads(line, object_pairs_hook=rpc.Struct)
                for line in lines.read().splitlines())


def params(folder, *more):
    return PROFILES + [("dump_dir", folder)] + list(more)


def _dumped(env, stock):
    folder = proxy.scratch()
    path = os.path.join(folder, "dump.json")
    with env.proxy(PROFILES if stock else params(folder), ROUTES,
                   stock=stock) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b, callid="dumped", tag="from-tag")
        wait_state(server, call.callid, 4)
        same("answer", server.json("dlg.dump_file", path), [])
        return Lines(path), dialogs(server)[0]


@parley_only("it compares both modules by itself")
def test_fields(env):
    """The packaged module's fields, in its order, and then the new ones."""
    (mine, listed), (stock, _) = _dumped(env, False), _dumped(env, True)
    same("lines", (len(mine), len(stock)), (1, 1))
    mine, stock = mine[0], stock[0]
    same("names", mine.names(), stock.names() + NEW)
    for name in ("caller", "callee", "profiles", "variables"):
        same(name, mine[name].names(), stock[name].names())
    for name in ("profiles", "variables"):
        same(name, mine[name], stock[name])
    for name in ("call_id", "from_uri", "state", "end_ts", "lifetime",
                 "sflags", "iflags", "h_entry"):
        same(name, mine[name], stock[name])
    same("legs", [leg.names() for leg in mine["legs"]], [LEG])
    for name in mine.names():
        same(name + " is of another kind", type(mine[name]).__name__
             if name in NEW else type(stock[name]).__name__,
             type(mine[name]).__name__)
    # And the same values as in dlg.list.
    for name in ("h_id", "from_uri", "to_uri", "start_ts", "init_ts", "caller",
                 "callee", "req_uri", "legs"):
        same(name, mine[name], listed[name])
    check(abs(mine["timeout"] - listed["timeout"]) <= 1, "timeout")


@parley_only(DIR)
def test_append(env):
    """Each time the lines are put behind those that are there."""
    folder = proxy.scratch()
    os.mkdir(os.path.join(folder, "sub"))
    with env.proxy(params(folder + "/"), ROUTES) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        calls = [sip.establish(a, b) for _ in range(2)]
        for number, name in enumerate(("all.json", folder + "/all.json",
                                       "all.json")):
            same("answer", server.json("dlg.dump_file", name), [])
            same("lines", sorted(d["call_id"] for d in Lines(
                os.path.join(folder, "all.json"))),
                sorted([c.callid for c in calls] * (number + 1)))
        same("rpc", server.rpc("dlg.dump_file", "sub/x"), [])
        same("lines", len(Lines(os.path.join(folder, "sub", "x"))), 2)
        same("mode", os.stat(os.path.join(folder, "sub", "x")).st_mode & 0o7,
             0)
        for call in calls:
            call.hang_up()
        # Ended calls may still be there; without any the file is empty.
        net.wait_until(lambda: server.json("dlg.list") == [], 10, "all gone")
        same("answer", server.json("dlg.dump_file", "none"), [])
        same("lines", Lines(os.path.join(folder, "none")), [])


@parley_only(DIR)
def test_many(env):
    """More than one buffer; every dialog once."""
    folder = proxy.scratch()
    with env.proxy(params(folder), ROUTES, shm_mb=128) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        for first in range(0, 300, 50):
            sides = [a.invite(b, [("Contact", "<sip:a@127.0.0.1:%d;x=%s>" % (
                a.port, "y" * 400))], callid="many-%d" % number)
                for number in range(first, first + 50)]

            def complete():
                if server.rpc("dlg.stats_active")["all"] == first + 50:
                    return True
                for side in sides:
                    a.send(side.invite.data)
                return False
            net.wait_until(complete, 10, "%d calls" % (first + 50), step=0.1)
            a.drain()
            b.drain()
        same("answer", server.json("dlg.dump_file", "many"), [])
        path = os.path.join(folder, "many")
        check(os.path.getsize(path) > 2 * 64 * 1024, "size %d",
              os.path.getsize(path))
        same("calls", sorted(d["call_id"] for d in Lines(path)),
             sorted("many-%d" % n for n in range(300)))


def _traps(folder, outside):
    """Names that lead out of the folder, or to what is no ordinary file."""
    secret = os.path.join(outside, "secret")
    with open(secret, "w") as out:
        out.write("as it was")
    os.symlink(secret, os.path.join(folder, "link"))
    os.symlink(outside, os.path.join(folder, "out"))
    os.symlink("nowhere", os.path.join(folder, "dangling"))
    os.link(secret, os.path.join(folder, "hard"))
    os.mkfifo(os.path.join(folder, "fifo"))
    os.mkdir(os.path.join(folder, "sub"))
    os.symlink("..", os.path.join(folder, "sub", "up"))
    return secret, (
        (400, "../secret"), (400, "sub/../../secret"), (400, ".."),
        (400, "."), (400, "./x"), (400, "sub/./x"), (400, ""),
        (400, "/"), (400, "sub/"), (400, "sub//x"), (400, "//x"),
        (400, secret), (400, "/etc/passwd"), (400, folder),
        (400, folder + "/"), (400, folder + "/../x"),
        (400, folder + "x/y"[:0] + "-other/x"),
        (500, "link"), (500, "dangling"), (500, "out/secret"),
        (500, "out/new"), (500, "hard"), (500, "fifo"), (500, "sub"),
        (500, "sub/up/link"), (500, "none/x"), (500, "x" * 300),
        (400, "x/" * 3000 + "x"))


@parley_only(DIR)
def test_paths(env):
    """No name and no link leads out of dump_dir."""
    folder, outside = proxy.scratch(), proxy.scratch()
    secret, traps = _traps(folder, outside)
    with env.proxy(params(folder), ROUTES) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b)
        for code, name in traps:
            for call in (server.rpc, server.json):
                try:
                    answer = call("dlg.dump_file", name)
                except rpc.Fault as failure:
                    same("%.60s" % name, failure.code, code)
                else:
                    raise AssertionError("%.60s: no fault but %r" % (
                        name, answer))
        with open(secret) as text:
            same("the file outside", text.read(), "as it was")
        same("outside", os.listdir(outside), ["secret"])
        check(not os.path.exists(os.path.join(folder, "nowhere")),
              "a dangling link was followed")
        check(server.alive(), "the server has died")
        same("answer", server.json("dlg.dump_file", "good"), [])


@parley_only(DIR)
def test_no_folder(env):
    """Without dump_dir nothing may be written; nor if it is not there."""
    with env.proxy(PROFILES, ROUTES) as server:
        fault(server, 500, ["dump_dir is not set"], "dlg.dump_file", "x")
    folder = proxy.scratch()
    missing = os.path.join(folder, "missing")
    with env.proxy(params(missing), ROUTES) as server:
        fault(server, 500, ["No such file"], "dlg.dump_file", "x")
        fault(server, 400, ["name of a file"], "dlg.dump_file")
        fault(server, 400, ["Unknown parameter"], "dlg.dump_file", "x", "y")
        os.mkdir(missing)
        same("answer", server.json("dlg.dump_file", "x"), [])
        same("lines", Lines(os.path.join(missing, "x")), [])
