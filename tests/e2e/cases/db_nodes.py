"""Several proxies with one database: what belongs to another node is neither
loaded nor ended nor deleted, unless that is asked for."""
import contextlib
import time

from lib import database, sip, stored
from lib.case import check, net, parley_only, same, wait_statistic


def _node(env, base, number, mode=1, *params):
    return stored.server(env, base, mode, *params,
                         core="server_id=%d" % number if number else "")


@contextlib.contextmanager
def _two(env, kind, mode=1):
    """Two nodes that run, each with two parties."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with _node(env, base, 1, mode) as one, \
                _node(env, base, 2, mode) as two, \
                sip.Party(one, "a") as a, sip.Party(one, "b") as b, \
                sip.Party(two, "c") as c, sip.Party(two, "d") as d:
            yield base, one, two, (a, b), (c, d)


def _callids(base):
    return sorted(row["callid"] for row in base.rows("dialog"))


def _wait_rows(base, *calls):
    want = sorted(call.callid for call in calls)
    net.wait_until(lambda: _callids(base) == want, 10,
                   "rows of all calls (have %r)" % _callids(base))


def _has(server, there, gone):
    for call in there:
        check(stored.facts(server, call.callid), "%s is not there",
              call.callid)
    for call in gone:
        same("another node's call", stored.facts(server, call.callid), None)


@database.each()
@parley_only("the packaged module loads all rows")
def each_own(env, kind):
    """Each loads, ends and deletes its own."""
    with _two(env, kind) as (base, one, two, ab, cd):
        mine = [stored.establish(*ab) for _ in range(2)]
        other = stored.establish(*cd)
        _wait_rows(base, other, *mine)
        with stored.kept("restart", one, *(call.callid for call in mine)):
            one.stop()
            one.start()
        _has(one, mine, [other])
        _has(two, [other], mine)
        mine[0].hang_up()
        _wait_rows(base, other, mine[1])
        other.hang_up()
        _wait_rows(base, mine[1])
        two.stop()
        _wait_rows(base, mine[1])
        mine[1].hang_up()
        stored.no_rows(base)


@database.each()
@parley_only("the packaged module deletes all rows")
def each_shutdown(env, kind):
    """The same in mode 3, where a start and a stop delete rows."""
    with _two(env, kind, mode=3) as (base, one, two, ab, cd):
        mine, other = stored.establish(*ab), stored.establish(*cd)
        two.stop()
        _wait_rows(base, other)
        one.stop()
        _wait_rows(base, other, mine)
        one.start()
        _has(one, [mine], [other])
        check(other.callid in _callids(base), "the other's row was deleted")
        mine.hang_up()
        one.stop()
        _wait_rows(base, other)
        two.start()
        _has(two, [other], [mine])
        other.hang_up()


@database.each()
@parley_only("the packaged module knows no nodes")
def each_lifetime(env, kind):
    """A lifetime that has ended while its node is down is that node's affair."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with _node(env, base, 1) as one, \
                sip.Party(one, "a") as a, sip.Party(one, "b") as b:
            call = stored.establish(a, b)
            _wait_rows(base, call)
            one.stop()
            stored.set_end(base, int(time.time()) - 60)
            with _node(env, base, 2) as two:
                _has(two, [], [call])
                two.stop()
            _wait_rows(base, call)
            one.start()
            net.wait_until(lambda: "timeout route of %s a" % call.callid
                           in one.log(), 10, "the timeout route")
            stored.no_rows(base)


@database.each()
@parley_only("the packaged module knows no nodes")
def each_renamed(env, kind):
    """A node that has got another name adopts what it had, by RPC."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with _node(env, base, 1) as one, sip.Party(one, "a") as a, \
                sip.Party(one, "b") as b:
            calls = [stored.establish(a, b) for _ in range(3)]
            _wait_rows(base, *calls)
            with stored.kept("renamed", one, *(c.callid for c in calls)):
                one.stop()
                one.core = "server_id=7"
                one.start()
                _has(one, [], calls)
                same("adopted", int(one.rpc("dlg.db_adopt", "1")["loaded"]), 3)
            calls.pop().hang_up()
            with stored.kept("restart", one, *(c.callid for c in calls)):
                one.stop()
                one.start()
            for call in calls:
                call.hang_up("callee")
            wait_statistic(one, "active_dialogs", 0)
            stored.no_rows(base)


@database.each()
@parley_only("the packaged module knows no nodes")
def each_unowned(env, kind):
    """Rows of nobody, such as the packaged module's, belong to who loads them;
    a database with one node needs no name."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with stored.server(env, base, 1, stock=True) as stock, \
                sip.Party(stock, "a") as a, sip.Party(stock, "b") as b:
            call = stored.establish(a, b)
            stored.wait_rows(base, "dialog", 1)
            stock.stop()
            ours = _node(env, base, 5)
            ours.port = stock.port
            with ours:
                _has(ours, [call], [])
                with _node(env, base, 6) as other:
                    _has(other, [], [call])
                with stored.kept("restart", ours, call.callid):
                    ours.stop()
                    ours.start()
                call.hang_up()
                stored.no_rows(base)
