"""A database that is slow, locked or gone: calls go on, it is reported, and all
of it is written afterwards."""
from lib import database, stored
from lib.case import check, net, parley_only, same, two_parties

SERVERS = ("postgres", "mysql", "redis")


def _calls(a, b, count):
    return [stored.establish(a, b) for _ in range(count)]


def _lines(server, text):
    return server.log().count("database: " + text)


def _callids(base):
    return sorted(row["callid"] for row in base.rows("dialog")
                  if row["state"] == 4)


def _wait_rows(base, calls):
    want = sorted(call.callid for call in calls)
    net.wait_until(lambda: _callids(base) == want, 15, "rows of all calls")


def _meanwhile(server, a, b, old):
    """Calls begin, change and end while nobody writes; returns those that are
    up. At most one record waits for each dialog."""
    for call in old[:2]:
        call.hang_up()
    for call in _calls(a, b, 8):
        call.hang_up("callee")
    calls = old[2:] + _calls(a, b, 4)
    for number in range(5):
        for call in calls:
            stored.within(call, "INFO", headers=[("X-Info", str(number))])
    net.wait_until(lambda: server.rpc("dlg.db_stats")["behind"], 10,
                   "the database counts as behind")
    net.wait_until(lambda: _lines(server, "is behind") == 1, 5,
                   "a line in the log")
    found = server.rpc("dlg.db_stats")
    # 2 that have ended and those that are up; the 8 that came and went only if
    # a batch was taken in between. What is in a batch may have changed since.
    waiting, writing = found["waiting"], found["writing"]
    check(2 + len(calls) <= waiting + writing and
          max(waiting, writing) <= 2 + len(calls) + 8,
          "%d dialogs wait, %d are being written, %d are up", waiting, writing,
          len(calls))
    same("unrecorded", found["unrecorded"], 0)
    return calls


def _afterwards(server, base, calls):
    _wait_rows(base, calls)
    net.wait_until(lambda: _lines(server, "has caught up") == 1, 10,
                   "a line in the log")
    same("lines that it is behind", _lines(server, "is behind"), 1)
    for row in base.rows("dialog_vars"):
        if row["dialog_key"] == "info":
            same("variable in its row", row["dialog_value"], "4")
    with stored.kept("restart", server, *(call.callid for call in calls)):
        server.stop()
        server.start()
    for call in calls:
        call.hang_up()
    stored.no_rows(base)


def _trouble(env, kind, begin, end):
    with database.fresh(kind, private=True) as base, two_parties(
            stored.server(env, base.create_stock_tables(), 1)) as (
                server, a, b):
        old = _calls(a, b, 4)
        _wait_rows(base, old)
        begin(base)
        calls = _meanwhile(server, a, b, old)
        end(base)
        _afterwards(server, base, calls)


@database.each()
@parley_only("the packaged module's workers wait, or lose the row")
def each_paused(env, kind):
    """A server that answers nobody for a while; SQLite: a file that is
    locked."""
    _trouble(env, kind, lambda base: base.pause(), lambda base: base.resume())


@database.each(*SERVERS)
@parley_only("the packaged module loses the rows")
def each_gone(env, kind):
    """A server that is stopped and started again."""
    _trouble(env, kind, lambda base: base.stop(), lambda base: base.start())


@database.each()
@parley_only("the packaged module loses the rows")
def each_crash(env, kind):
    """The proxy crashes while the database is paused: what it had not written
    is there after the start, and gets into the tables."""
    with database.fresh(kind, private=True) as base, two_parties(
            stored.server(env, base.create_stock_tables(), 1)) as (
                server, a, b):
        old = _calls(a, b, 4)
        _wait_rows(base, old)
        base.pause()
        calls = _meanwhile(server, a, b, old)
        with stored.kept("crash", server, *(call.callid for call in calls)):
            server.crash()
            base.resume()
            server.start()
            for call in old[:2]:
                same("dialog that had ended", stored.facts(
                    server, call.callid), None)
        _wait_rows(base, calls)
        for call in calls:
            call.hang_up()
        stored.no_rows(base)
