"""From the packaged module to ours and back with calls that are up, over the
tables that both have."""
from lib import database, stored
from lib.case import Skip, check, same, two_parties, wait_statistic
from lib.modules import end_by_rpc


def _both(env, base, mode):
    """The same server with the packaged module, and with ours."""
    if env.stock:
        raise Skip("it is about both modules")
    stock = stored.server(env, base, mode, stock=True)
    ours = stored.server(env, base, mode)
    ours.port = stock.port
    return stock, ours


def _end(server, calls, a, b):
    """One by the caller's BYE, one by the callee's, one by RPC."""
    calls[0].hang_up("caller")
    calls[1].hang_up("callee")
    end_by_rpc(server, calls[2].callid, a, b)
    wait_statistic(server, "active_dialogs", 0, 15)


def _goes_on(before, after, a, b):
    """Calls of the server @before, which runs, are ended on @after."""
    calls = [stored.establish(a, b) for _ in range(3)]
    for call, by in zip(calls, ("caller", "callee", "caller")):
        stored.within(call, "INFO", by, headers=[("X-Info", by)])
    facts = [stored.facts(before, call.callid) for call in calls]
    sizes = stored.sizes(before)
    before.stop()
    after.start()
    for call, old in zip(calls, facts):
        now = stored.facts(after, call.callid)
        check(now, "dialog %s is not there", call.callid)
        both = set(old) & set(now)  # ours shows more
        stored.same_facts("dialog %s" % call.callid,
                          {name: now[name] for name in both},
                          {name: old[name] for name in both})
    same("sizes of the profiles", stored.sizes(after), sizes)
    _end(after, calls, a, b)


def _switch(env, kind, mode):
    with database.fresh(kind) as base:
        stock, ours = _both(env, base.create_stock_tables(), mode)
        try:
            with two_parties(stock) as (_, a, b):
                _goes_on(stock, ours, a, b)
                _goes_on(ours, stock, a, b)
                if mode == 3:
                    stock.stop()
                stored.no_rows(base)
        finally:
            ours.close()


@database.each()
def each_realtime(env, kind):
    """db_mode 1 on both sides."""
    _switch(env, kind, 1)


@database.each("sqlite", "postgres", "mysql")
def each_shutdown(env, kind):
    """db_mode 3 on both sides; with Redis the packaged module does not start
    then, if there are rows."""
    _switch(env, kind, 3)
