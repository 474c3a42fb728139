"""kill -9 of all processes at any moment under load, and a start: by the record
of callers and callees nothing is lost and nothing is back that had ended.

`make crash` does that many times; CRASHES=n and CRASH_SEED=n as well.
"""
import os
import random
import shutil
import signal
import threading
import time

from lib import database, load, processes, sip, stored
from lib.case import (Skip, check, dialogs, net, same, script, stock_differs,
                      two_parties, wait_state, wait_statistic)

CRASHES = int(os.environ.get("CRASHES") or 1)
SEED = int(os.environ.get("CRASH_SEED") or time.time_ns() % 1000000)
LONG = tuple("mode%d_%s" % (mode, kind) for mode in (1, 2)
             for kind in database.KINDS)


def _kill_at_a_moment(server, rng, calls):
    """Kills all processes while @calls go on."""
    pids = [server.process.pid] + processes.below(server.process.pid)
    killer = threading.Timer(rng.uniform(0.02, 0.5), os.killpg,
                             (server.process.pid, signal.SIGKILL))
    killer.start()
    try:
        calls.until(lambda: all(map(processes.gone, pids)), 20,
                    "end of all processes")
    finally:
        killer.join()
    server.crash()
    calls.freeze()


def _profiles(server, shown):
    """The sizes of the profile are what its dialogs say."""
    wrong = []
    for user in ("u0", "u1", "u2", "u3"):
        size = int(server.rpc("dlg.profile_get_size", "callers", user))
        count = sum(("callers", user) in stored.pairs(call["profiles"])
                    for call in shown)
        if size != count:
            wrong.append("profile callers of %s has %d places for %d dialogs"
                         % (user, size, count))
    return wrong


def _crash(env, base, mode):
    rng = random.Random("%d %s %d" % (SEED, base.kind, mode))
    print("# seed %d, %d crashes" % (SEED, CRASHES), flush=True)
    params = [("db_update_period", rng.choice((1, 2, 60)))]
    wrong = []
    server = stored.server(env, base, mode, *params, children=2, shm_mb=256,
                           routes=script(**load.ROUTES))
    with server, load.Load(server, rng.random()) as calls:
        for number in range(CRASHES):
            _kill_at_a_moment(server, rng, calls)
            server.start()
            shown = [d for d in dialogs(server) if d and d["state"] != 5]
            found = calls.compare(shown) + _profiles(server, shown)
            wrong += found
            check(env.stock or not found, "seed %d, crash %d: %s", SEED,
                  number + 1, "\n".join(found[:10]))
            calls.thaw()
        calls.finish()
        print("# %d calls" % calls.made)
        _ends(server, base, calls, env)
    if env.stock:
        raise Skip("the packaged module, %d crashes with %d calls: %d wrong, "
                   "such as %s" % (CRASHES, calls.made, len(wrong), wrong[:2]))


def _ends(server, base, calls, env):
    """All calls have ended: nothing is left of them."""
    if env.stock:
        return
    check("database is locked" not in server.log(), "the database was locked")
    net.wait_until(lambda: all(
        d["call-id"] in calls.lost for d in dialogs(server)
        if d and d["state"] != 5), 10, "end of all dialogs")
    server.rpc("dlg.db_flush")
    if not calls.lost:
        stored.no_rows(base)


@database.each()
def each_mode1(env, kind):
    """Every change goes to the database at once."""
    with database.fresh(kind) as base:
        _crash(env, base.create_stock_tables(), 1)


@database.each("sqlite", "postgres")
def each_mode2(env, kind):
    """Changes go to the database every db_update_period."""
    with database.fresh(kind) as base:
        _crash(env, base.create_stock_tables(), 2)


HELD = stored.INITIAL + """
        while ($shv(held) == 1) {
            usleep("1000");
        }
"""


@stock_differs("it keeps no early dialogs")
def test_invite_again(env):
    """A crash after the dialog was made and before its INVITE was sent on. The
    caller repeats it: it is the same call, in each profile once, and in-dialog
    requests belong to it."""
    with database.fresh("sqlite") as base, two_parties(stored.server(
            env, base.create_stock_tables(), 1,
            routes=stored.routes(initial=HELD))) as (server, a, b):
        server.rpc("pv.shvSet", "held", "int", 1)
        side = a.invite(b, [("X-Odd", stored.ODD)])
        net.wait_until(lambda: stored.sizes(server) == [1, 1, 1], 5,
                       "the dialog is in its profiles")
        server.crash()
        server.start()
        a.send(side.invite.data)
        invite = b.expect("INVITE", callid=side.callid)
        same("sizes of the profiles", stored.sizes(server), [1, 1, 1])
        call = sip.answer(side, invite, b)
        wait_state(server, call.callid, 4)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        b.never("INVITE", seconds=0.1)
        stored.no_rows(base)


@stock_differs("it has no journal")
def test_commit_not_noted(env):
    """A crash between a commit and its note in the journal: the row is there,
    and the journal does not know. When the call ends, the row goes."""
    with database.fresh("sqlite") as base, two_parties(stored.server(
            env, base.create_stock_tables(), 2,
            ("db_update_period", 3600))) as (server, a, b):
        call = stored.establish(a, b)
        wait_state(server, call.callid, 4)
        folder = stored.folder_of_journal(base)
        before = shutil.copytree(folder, os.path.join(server.folder, "before"))
        server.rpc("dlg.db_flush")
        stored.wait_rows(base, "dialog", 1)
        server.crash()
        shutil.copytree(before, folder, dirs_exist_ok=True)
        server.start()
        wait_state(server, call.callid, 4)
        call.hang_up()
        wait_state(server, call.callid, 0, 15)
        server.stop()
        same("rows", base.count("dialog"), 0)
