"""A COMMIT that a dead process has sent may reach the database when the next one
has read its rows, and has written others."""
from lib import database, net, stored, wire
from lib.case import check, parley_only, same, two_parties

ON_SERVERS = ("postgres", "mysql")


def _idle(server):
    found = server.rpc("dlg.db_stats")
    return found["waiting"] == 0 and found["writing"] == 0


def _wait_idle(server):
    net.wait_until(lambda: _idle(server), 10, "all of it is written")


def _info(server, call):
    return dict(stored.facts(server, call.callid)["variables"]).get("info")


@database.each(*ON_SERVERS)
@parley_only("the packaged module has no transactions")
def each_commit(env, kind):
    """One call changes, one ends, one comes in the batch whose COMMIT is on its
    way while all processes are killed. The one that came ends, too, before it
    is carried out."""
    with database.fresh(kind) as base, wire.Wire(base) as line:
        base.create_stock_tables()
        with two_parties(stored.server(
                env, base, 2, ("db_update_period", 3600),
                ("db_url", line.url))) as (server, a, b):
            goes_on, ended = [stored.establish(a, b) for _ in range(2)]
            server.rpc("dlg.db_flush")
            _wait_idle(server)
            same("rows", base.count("dialog"), 2)
            stored.within(goes_on, "INFO", headers=[("X-Info", "batch")])
            ended.hang_up()
            came = stored.establish(a, b)
            line.hold()
            server.rpc("dlg.db_flush")
            line.wait_held()
            # The newest is in the journal only.
            stored.within(goes_on, "INFO", headers=[("X-Info", "journal")])
            server.crash()
            server.start()
            same("variable", _info(server, goes_on), "journal")
            same("calls", [stored.facts(server, call.callid) is not None
                           for call in (goes_on, ended, came)],
                 [True, False, True])
            came.hang_up()
            server.rpc("dlg.db_flush")
            # What is written before the COMMIT would be joined by its rows.
            check(not net.within(lambda: _idle(server), 1),
                  "it is written while the COMMIT is on its way")
            line.release()
            _wait_idle(server)
            same("rows", [row["callid"] for row in base.rows("dialog")],
                 [goes_on.callid])
            same("rows of variables", sorted(
                row["dialog_value"] for row in base.rows("dialog_vars")
                if row["dialog_key"] == "info"), ["journal"])
            with stored.kept("restart", server, goes_on.callid):
                server.stop()
                server.start()
            same("calls", server.statistics()["active_dialogs"], 1)


@parley_only("the packaged module has no transactions")
def test_stuck(env):
    """PostgreSQL: a COMMIT that never comes is not waited for for ever; one
    line says so."""
    with database.fresh("postgres") as base, wire.Wire(base) as line:
        base.create_stock_tables()
        with two_parties(stored.server(env, base, 1, (
                "db_url", line.url))) as (server, a, b):
            line.hold()
            call = stored.establish(a, b)
            line.wait_held()
            server.crash()
            server.start()
            net.wait_until(lambda: _idle(server), 20, "all of it is written")
            same("lines", server.log().count("a transaction of a process"), 1)
            same("rows", base.count("dialog"), 1)
            same("call", stored.facts(server, call.callid)["state"], 4)
