"""The packaged cnxcc on our dialog, without redis: it cuts a call when its time
is up."""
import time

from lib import modules
from lib.case import check, net, same, script, sip, wait_statistic


def test_max_time(env):
    initial = 'setflag(29); if (cnxcc_set_max_time("$fU", 2) < 0) { ' \
        'sl_send_reply("500", "No"); exit; } dlg_manage();'
    with env.proxy(routes=script(initial=initial),
                   last=modules.load("cnxcc", dlg_flag=29,
                                     credit_check_period=1)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call, began = sip.establish(a, b), time.time()
        same("active", server.rpc("cnxcc.stats")["active"], 1)
        for party, side in ((a, call.caller), (b, call.callee)):
            bye = party.expect("BYE", seconds=10)
            same("BYE's tags", (bye.from_tag, bye.to_tag),
                 (side.remote_tag, side.local_tag))
            party.reply(bye, 200)
        took = time.time() - began
        check(1 <= took <= 40, "it was cut after %.1f s", took)
        wait_statistic(server, "active_dialogs", 0)
        net.wait_until(lambda: server.rpc("cnxcc.stats")["active"] == 0, 5,
                       "cnxcc has forgotten the call")
        same("dropped", server.rpc("cnxcc.stats")["dropped"], 1)


def test_hang_up(env):
    """A call that ends before its time is forgotten, and no BYE comes."""
    initial = 'setflag(29); cnxcc_set_max_time("$fU", 2); dlg_manage();'
    with env.proxy(routes=script(initial=initial),
                   last=modules.load("cnxcc", dlg_flag=29,
                                     credit_check_period=1)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b).hang_up()
        wait_statistic(server, "active_dialogs", 0)
        net.wait_until(lambda: server.rpc("cnxcc.stats")["active"] == 0, 5,
                       "cnxcc has forgotten the call")
        a.never("BYE", seconds=3.5)
