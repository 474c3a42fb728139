"""db_mode 1, 2 and 3 with each driver: what is in the tables and when, and that
all of a call is back after a clean stop and a start."""
import time

from lib import database, rpc, sip, stored
from lib.case import (check, net, parley_only, same, stock_differs,
                      two_parties, wait_state, wait_statistic)


def _states(base):
    return sorted(row["state"] for row in base.rows("dialog"))


def _wait_states(base, *states):
    net.wait_until(lambda: _states(base) == list(states), 5,
                   "rows in the states %r (are %r)" % (states, _states(base)))


def _variables(base):
    return {row["dialog_key"]: row["dialog_value"]
            for row in base.rows("dialog_vars")}


def _restart(server):
    server.stop()
    server.start()


def _ends(server, base):
    wait_statistic(server, "active_dialogs", 0)
    stored.no_rows(base)


@database.each()
@stock_differs("it deletes no variable, and writes a changed row twice")
def each_realtime(env, kind):
    """Mode 1: rows follow the call; a ringing one has none in `dialog`."""
    with database.fresh(kind) as base, two_parties(
            stored.server(env, base.create_stock_tables(), 1)) as (
                server, a, b):
        side, invite = stored.ring(a, b)
        early = stored.ring(a, b)
        call = stored.answer(side, invite, b, ack=False)
        _wait_states(base, 3)
        call.caller.ack()
        b.expect("ACK", callid=call.callid)
        _wait_states(base, 4)
        same("variables", _variables(base), {"who": "a", "odd": stored.ODD})
        stored.within(call, "INFO", headers=[("X-Info", "1")])
        net.wait_until(lambda: _variables(base).get("info") == "1", 5,
                       "the variable's row")
        stored.within(call, "MESSAGE", by="callee")
        net.wait_until(lambda: "odd" not in _variables(base), 5,
                       "the end of a variable's row")
        timeout = base.rows("dialog")[0]["timeout"]
        stored.within(call, "UPDATE", headers=[("X-Timeout", "9000")])
        net.wait_until(lambda: 5390 < base.rows("dialog")[0]["timeout"] -
                       timeout < 5490, 5, "the lifetime's row")
        same("CSeq", base.rows("dialog")[0]["caller_cseq"], "3")
        with stored.kept("restart", server, call.callid):
            _restart(server)
        call.hang_up()
        stored.answer(*early, b).hang_up("callee")
        _ends(server, base)


@database.each()
@stock_differs("it writes nothing at a stop")
def each_delayed(env, kind):
    """Mode 2: rows are there after db_update_period, and at a stop."""
    with database.fresh(kind) as base, two_parties(
            stored.server(env, base.create_stock_tables(), 2,
                          ("db_update_period", 1))) as (server, a, b):
        call = stored.establish(a, b)
        _wait_states(base, 4)
        server.params.append(("db_update_period", 3600))
        _restart(server)
        other = stored.establish(a, b)
        stored.establish(a, b).hang_up()
        stored.within(call, "INFO", headers=[("X-Info", "2")])
        same("rows before the period is over", _states(base), [4])
        with stored.kept("restart", server, call.callid, other.callid):
            server.stop()
            same("rows after the stop", _states(base), [4, 4])
            server.start()
        call.hang_up()
        other.hang_up("callee")
        server.stop()
        stored.no_rows(base)


@database.each()
@stock_differs("what it has loaded it does not write at the next stop")
def each_shutdown(env, kind):
    """Mode 3: rows are there when the server has stopped; those of calls that
    are over by the next stop go with it."""
    with database.fresh(kind) as base, two_parties(
            stored.server(env, base.create_stock_tables(), 3)) as (
                server, a, b):
        call, other = stored.establish(a, b), stored.establish(a, b)
        stored.within(call, "INFO", headers=[("X-Info", "3")])
        same("rows", _states(base), [])
        for _ in range(2):
            with stored.kept("restart", server, call.callid, other.callid):
                server.stop()
                same("rows after the stop", _states(base), [4, 4])
                server.start()
        call.hang_up()
        server.stop()
        same("rows after the last stop", _states(base), [4])
        server.start()
        other.hang_up("callee")
        server.stop()
        stored.no_rows(base)


def _cannot_be_ended(server, callid):
    """A ringing call without a transaction: there is nobody to reply to."""
    found = stored.facts(server, callid)
    same("state", found["state"], 2)
    try:
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
    except rpc.Fault as fault:
        check("has no transaction" in fault.text, "%s", fault.text)
    else:
        check(False, "the command ended it")


def _early_dialog(env, kind, mode):
    with database.fresh(kind) as base, two_parties(
            stored.server(env, base.create_stock_tables(), mode)) as (
                server, a, b):
        side, invite = stored.ring(a, b)
        with stored.kept("restart", server, side.callid):
            _restart(server)
        _cannot_be_ended(server, side.callid)
        call = stored.answer(side, invite, b, ack=False)
        wait_state(server, call.callid, 3)
        call.caller.ack()
        b.expect("ACK", callid=call.callid)
        wait_state(server, call.callid, 4)
        same("route set", stored.facts(server, call.callid)["callee"]
             ["route_set"], "<%s;lr=on>" % b.contact)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        server.stop()
        stored.no_rows(base)


@database.each()
@parley_only("the packaged module keeps no early dialogs")
def each_early(env, kind):
    """A call that rang before the restart is answered and hung up after it;
    `dialog` never has it while it rings."""
    for mode in (1, 2, 3):
        _early_dialog(env, kind, mode)


def _early_again(env, base, *params):
    """A server, and parties of a call that rings since before its restart."""
    return two_parties(stored.server(env, base.create_stock_tables(), 1,
                                     *params))


@database.each("sqlite")
@parley_only("the packaged module keeps no early dialogs")
def each_early_refused(env, kind):
    """It is refused after the restart: the caller is told, and it is over."""
    with database.fresh(kind) as base, _early_again(env, base) as (
            server, a, b):
        side, invite = stored.ring(a, b)
        _restart(server)
        wait_statistic(server, "early_dialogs", 1)
        b.reply(invite, 486, contact=False)
        side.ack_failure(a.expect(486, callid=side.callid))
        wait_statistic(server, "early_dialogs", 0)
        stored.wait_rows(base, "dialog_more", 0)


@database.each("sqlite")
@parley_only("the packaged module keeps no early dialogs")
def each_early_timeout(env, kind):
    """Nobody hears of it any more: it leaves at early_timeout, which counts
    from its INVITE."""
    with database.fresh(kind) as base, _early_again(
            env, base, ("early_timeout", 6)) as (server, a, b):
        stored.ring(a, b)
        stored.wait_rows(base, "dialog_more", 1)
        _restart(server)
        wait_statistic(server, "early_dialogs", 0, 10)
        stored.wait_rows(base, "dialog_more", 0)


@database.each()
@parley_only("the packaged module keeps one leg")
def each_legs(env, kind):
    """A call with two legs up has both of them after a restart: it is over
    with the second BYE."""
    with database.fresh(kind) as base, two_parties(
            stored.server(env, base.create_stock_tables(), 1)) as (
                server, a, b):
        one, two = sip.two_answer(a, b)
        with stored.kept("restart", server, one.callid):
            _restart(server)
        two.hang_up()
        same("state after the first BYE",
             stored.facts(server, one.callid)["state"], 4)
        one.hang_up("callee")
        _ends(server, base)


def _lifetime_ends(env, kind, seconds):
    """The lifetime of a call that is stored ends @seconds from its stop on."""
    with database.fresh(kind) as base, two_parties(
            stored.server(env, base.create_stock_tables(), 1)) as (
                server, a, b):
        call = stored.establish(a, b)
        _wait_states(base, 4)
        server.stop()
        end = int(time.time()) + seconds
        stored.set_end(base, end)
        server.start()
        line = "timeout route of %s a" % call.callid
        net.wait_until(lambda: line in server.log(), 15, "the timeout route")
        check(time.time() > end - 2, "it ran %.1f s too early",
              end - time.time())
        _ends(server, base)


@database.each()
def each_timeout_route(env, kind):
    """A lifetime that ends after the restart: its timeout route runs, with the
    variables of before."""
    _lifetime_ends(env, kind, 4)


@database.each()
def each_over(env, kind):
    """A lifetime that ended while the server was down ends at once."""
    _lifetime_ends(env, kind, -60)


class _Second:
    """The second address of a proxy, for parties that speak to it."""

    def __init__(self):
        self.port = net.free_port()
        self.name = "udp:127.0.0.1:%d" % self.port


@database.each()
def each_sockets(env, kind):
    """A call that came in at the proxy's second address, and left by its
    first, keeps to them."""
    second = _Second()
    with database.fresh(kind) as base, sip.Party(second, "c") as c, \
            two_parties(stored.server(
                env, base.create_stock_tables(), 1,
                core="listen=" + second.name)) as (server, _, b):
        call = stored.establish(c, b)
        stored.wait_rows(base, "dialog", 1)
        with stored.kept("restart", server, call.callid):
            _restart(server)
        found = stored.facts(server, call.callid)
        same("sockets", [found[side]["socket"] for side in
                         ("caller", "callee")],
             [second.name, "udp:127.0.0.1:%d" % server.port])
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        for party, port in ((c, second.port), (b, server.port)):
            bye = party.expect("BYE", callid=call.callid)
            same("port of the BYE to " + party.user, bye.source[1], port)
            party.reply(bye, 200)
        _ends(server, base)


@database.each()
@stock_differs("it refuses to start")
def each_hash_size(env, kind):
    """Rows of any hash_size."""
    with database.fresh(kind) as base, two_parties(
            stored.server(env, base.create_stock_tables(), 1)) as (
                server, a, b):
        calls = [stored.establish(a, b) for _ in range(5)]
        params = list(server.params)
        for size in (16, 65536):
            with stored.kept("hash_size %d" % size, server,
                             *(call.callid for call in calls)):
                server.params = params + [("hash_size", size)]
                _restart(server)
        for call in calls:
            call.hang_up()
        _ends(server, base)


# Parameter and the column that it names.
COLUMNS = {
    "call_id": "callid", "from_uri": "from_uri", "from_tag": "from_tag",
    "to_uri": "to_uri", "to_tag": "to_tag", "h_id": "hash_id",
    "h_entry": "hash_entry", "state": "state", "start_time": "start_time",
    "timeout": "timeout", "to_cseq": "callee_cseq",
    "from_cseq": "caller_cseq", "to_route": "callee_route_set",
    "from_route": "caller_route_set", "to_contact": "callee_contact",
    "from_contact": "caller_contact", "to_sock": "callee_sock",
    "from_sock": "caller_sock", "sflags": "sflags",
    "toroute_name": "toroute_name"}
VARS_COLUMNS = {"vars_h_id": "hash_id", "vars_h_entry": "hash_entry",
                "vars_key": "dialog_key", "vars_value": "dialog_value"}
# The other spelling of some.
AGAIN = {"call_id": "callid", "from_cseq": "caller_cseq",
         "to_cseq": "callee_cseq", "from_route": "caller_route",
         "to_route": "callee_route", "from_contact": "caller_contact",
         "to_contact": "callee_contact", "from_sock": "caller_sock",
         "to_sock": "callee_sock"}


def _respelt(params):
    names = {old + "_column": new + "_column" for old, new in AGAIN.items()}
    return [(names.get(name, name), value) for name, value in params]


def _rename(base):
    """Other names for all that has a parameter; returns the parameters."""
    params = [("table_name", "calls"), ("vars_table_name", "call_vars")]
    for table, columns in (("dialog", COLUMNS), ("dialog_vars", VARS_COLUMNS)):
        for name, column in columns.items():
            base.execute("ALTER TABLE %s RENAME COLUMN %s TO x_%s;" % (
                table, column, column))
            params.append((name + "_column", "x_" + column))
    base.execute("ALTER TABLE dialog RENAME TO calls;"
                 "ALTER TABLE dialog_vars RENAME TO call_vars;"
                 "UPDATE version SET table_name = 'calls' "
                 "WHERE table_name = 'dialog';"
                 "UPDATE version SET table_name = 'call_vars' "
                 "WHERE table_name = 'dialog_vars';")
    return params


@database.each("sqlite", "postgres", "mysql")
def each_names(env, kind):
    """Every name of a table or column that has a parameter, changed."""
    with database.fresh(kind) as base:
        params = _rename(base.create_stock_tables())
        with two_parties(stored.server(env, base, 1, *params)) as (
                server, a, b):
            call = stored.establish(a, b)
            net.wait_until(lambda: [int(row["x_state"]) for row in
                                    base.rows("calls")] == [4], 5, "a row")
            row = base.rows("calls")[0]
            same("Call-ID", row["x_callid"], call.callid)
            same("variables", sorted(v["x_dialog_key"] for v in
                                     base.rows("call_vars")), ["odd", "who"])
            with stored.kept("restart", server, call.callid):
                _restart(server)
            if not env.stock:
                with stored.kept("other spelling", server, call.callid):
                    server.params = _respelt(server.params)
                    _restart(server)
            call.hang_up()
            for table in ("calls", "call_vars"):
                stored.wait_rows(base, table, 0, 15)
