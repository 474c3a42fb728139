"""Changes of one call that come while the writer puts a batch together."""
import os
import signal

from lib import database, stored
from lib.case import net, parley_only, same, two_parties

CALLS, ROUNDS = 150, 40
REASON = "its workers write by themselves"


def _waits(server):
    """(dialogs that wait, dialogs in the batch); None: nobody can tell, for
    the writer was stopped with the journal's lock."""
    try:
        stats = server.rpc("dlg.db_stats", timeout=2)
    except OSError:
        return None
    return stats["waiting"], stats["writing"]


def _stop_between(server, writer):
    """Stops the writer when it has taken some of those that wait, and not all.
    False: it was too quick."""
    def begun():
        found = _waits(server)
        return found and (found[1] > 0 or found == (0, 0))
    os.kill(writer, signal.SIGCONT)
    net.wait_until(begun, 5, "the batch", step=0)
    os.kill(writer, signal.SIGSTOP)
    found = _waits(server)
    return found is not None and min(found) > 0


def _round(server, base, parties, writer):
    """Calls whose end is recorded while their beginning is in the batch that is
    being made; False: the moment was missed."""
    os.kill(writer, signal.SIGSTOP)
    try:
        calls = [stored.establish(*parties) for _ in range(CALLS)]
        caught = _stop_between(server, writer)
        if caught:
            for call in calls:
                call.hang_up()
    finally:
        os.kill(writer, signal.SIGCONT)
    if not caught:
        for call in calls:
            call.hang_up()
    net.wait_until(lambda: _waits(server) == (0, 0), 20, "all is written")
    for table in ("dialog", "dialog_vars", "dialog_more"):
        same("rows of " + table, base.count(table), 0)
    return caught


@database.each("sqlite", "postgres", "mysql")
@parley_only(REASON)
def each_same_batch(env, kind):
    """Beginning and end of a call in one batch leave no row."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with two_parties(stored.server(env, base, 1)) as (server, a, b):
            writer = [pid for pid, name in server.processes().items()
                      if "dialog writer" in name][0]
            rounds = (_round(server, base, (a, b), writer)
                      for _ in range(ROUNDS))
            same("caught the writer between two calls", any(rounds), True)
