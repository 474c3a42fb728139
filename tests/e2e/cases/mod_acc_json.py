"""The packaged acc_json on our dialog: the CDR as JSON."""
import json
import time

from lib import modules
from lib.case import check, net, same, script, sip, wait_statistic
from lib.modules import end_by_rpc


def _config():
    return modules.load("acc", cdr_enable=1, cdr_log_enable=0,
                        cdr_expired_dlg_enable=1) + \
        modules.load("mqueue", mqueue="name=cdrs") + \
        modules.load("acc_json", cdr_enable=1, cdr_expired_dlg_enable=1,
                     cdr_extra="who=$dlg_var(who);extra=$dlg_var(extra)",
                     cdr_output_mqueue="cdrs")


def _size(server):
    return server.rpc("mqueue.get_size", "cdrs")["size"]


def _next(server):
    net.wait_until(lambda: _size(server) > 0, 5, "a CDR in the queue")
    return json.loads(server.rpc("mqueue.fetch", "cdrs")["val"])


def _check(cdr, began):
    same("names", list(cdr), ["start_time", "end_time", "duration", "who",
                              "extra"])
    same("extras", (cdr["who"], cdr["extra"]), ("a", '"q"'))
    start, end = float(cdr["start_time"]), float(cdr["end_time"])
    check(began - 0.01 <= start <= end <= time.time(), "times %r", cdr)
    check(abs(end - start - float(cdr["duration"])) < 0.002,
          "%r: end - start is not the duration", cdr)


def test_cdr(env):
    """A call that was ended by its caller, and one by RPC."""
    initial = "$dlg_var(who) = $fU; $dlg_var(extra) = '\"q\"'; dlg_manage();"
    began = time.time()
    with env.proxy(routes=script(initial=initial), last=_config()) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        sip.establish(a, b).hang_up()
        _check(_next(server), began)
        end_by_rpc(server, sip.establish(a, b).callid, a, b)
        _check(_next(server), began)
        wait_statistic(server, "active_dialogs", 0)
        same("CDRs left", _size(server), 0)
