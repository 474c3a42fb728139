"""The packaged module and its tables, with each driver: what our module has to
take over, and to leave behind. All cases run the packaged module."""
from lib import database, sip, stored
from lib.case import check, net, same, two_parties, wait_statistic


def _server(env, base, mode):
    return stored.server(env, base, mode, stock=True)


def row_of(call, server):
    """The columns of `dialog` that follow from what was on the wire."""
    caller, callee = call.caller, call.callee
    socket = "udp:127.0.0.1:%d" % server.port
    return {
        "callid": call.callid, "from_uri": caller.local_uri,
        "from_tag": caller.local_tag, "to_uri": caller.remote_uri,
        "to_tag": callee.local_tag, "req_uri": caller.invite.uri,
        "caller_cseq": "1", "callee_cseq": "0",
        "caller_route_set": "<%s;lr=on>" % caller.party.contact,
        "callee_route_set": "<%s;lr=on>" % callee.party.contact,
        "caller_contact": caller.party.contact,
        "callee_contact": callee.party.contact,
        "caller_sock": socket, "callee_sock": socket,
        "state": 4, "sflags": 16, "iflags": 0, "toroute_name": "ends"}


@database.each()
def each_rows(env, kind):
    """Mode 1: what is in the tables of a call that is up, and that nothing is
    there after its end."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with two_parties(_server(env, base, 1)) as (server, a, b):
            call = stored.establish(a, b)
            net.wait_until(lambda: [row["state"] for row in base.rows("dialog")]
                           == [4], 5, "a row in state 4")
            row, found = base.rows("dialog")[0], row_of(call, server)
            same("row", {name: row[name] for name in found}, found)
            lifetime = row["timeout"] - row["start_time"]
            # The two may be of different seconds.
            check(3599 <= lifetime <= 3602, "lifetime is %d", lifetime)
            same("variables", sorted((v["dialog_key"], v["dialog_value"])
                                     for v in base.rows("dialog_vars")),
                 [("odd", stored.ODD), ("who", "a")])
            call.hang_up()
            stored.no_rows(base)


@database.each()
def each_restart(env, kind):
    """Mode 1, a clean stop, and a crash while nothing happens: the call is
    back, and its end takes it out of the tables."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with two_parties(_server(env, base, 1)) as (server, a, b):
            call = stored.establish(a, b)
            stored.within(call, "INFO", headers=[("X-Info", "a=1;b='2'")])
            for end in (server.stop, server.crash):
                with stored.kept(end.__name__, server, call.callid):
                    end()
                    server.start()
            call.hang_up("callee")
            wait_statistic(server, "active_dialogs", 0)
            stored.no_rows(base)


@database.each("postgres", "mysql", "redis")
def each_server(env, kind):
    """A server of the case's own keeps its rows when it is paused, stopped and
    started."""
    with database.fresh(kind, private=True) as base:
        base.create_stock_tables()
        with two_parties(_server(env, base, 1)) as (server, a, b):
            call = stored.establish(a, b)
            stored.wait_rows(base, "dialog", 1)
            server.stop()
            base.pause()
            base.resume()
            base.stop()
            base.start()
            server.start()
            same("state", stored.facts(server, call.callid)["state"], 4)
            call.hang_up()


def test_locked(env):
    """A database that is locked: nothing is written into it."""
    database.need("sqlite")
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        with two_parties(_server(env, base, 1)) as (server, a, b):
            base.pause()
            call = sip.establish(a, b)
            net.wait_until(lambda: "database is locked" in server.log(), 5,
                           "the driver's message")
            call.hang_up()
            base.resume()
            same("rows", base.count("dialog"), 0)
