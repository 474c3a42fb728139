"""What every measurement needs: the variants, their configuration, a proxy
with the load generator beside it, CPU time and instructions of processes.
"""
import json
import os
import select
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from lib import net, proxy  # noqa: E402

# Name of a variant: (module name, is it ours).
VARIANTS = {
    "none": (None, False),
    "dialog": ("dialog", False),
    "ims_dialog": ("ims_dialog", False),
    "parley": ("dialog", True),
    "parley_ims": ("ims_dialog", True),
}

ROUTES = """
request_route {{
    if (is_method("OPTIONS")) {{
        route(OPERATION);
        exit;
    }}
    if (has_totag()) {{
        {noreset}
        loose_route();
        if (is_method("MESSAGE")) {{
            sl_send_reply("200", "OK");
            exit;
        }}
        t_relay();
        exit;
    }}
    if (is_method("INVITE")) {{
        {invite}
        record_route();
    }}
    t_relay();
}}
route[OPERATION] {{
    {operation}
    sl_send_reply("200", "OK");
}}
"""


class Settings:
    """What is measured, from the command line."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.quick = bool(os.environ.get("BENCH_QUICK"))
        self.full = bool(os.environ.get("BENCH_FULL"))
        self.load = os.path.join(self.build, "load")

    def note(self, text):
        print("# " + text, file=sys.stderr, flush=True)


def server(settings, variant, params=(), **options):
    """A proxy with the module of @variant, not yet started."""
    name, ours = VARIANTS[variant]
    where = proxy.module_path(name, settings.build if ours else None) \
        if name else None
    invite = options.pop("invite", "")
    operation = options.pop("operation", "")
    noreset = options.pop("noreset", "")
    params = list(params)
    if name == "ims_dialog":
        params.append(("dlg_flag", 4))
        manage = "setflag(4);"
    else:
        manage = "dlg_manage();" if name else ""
    if name and options.pop("random_life", False):
        params.append(("timeout_avp", "$avp(life)"))
        manage = "$avp(life) = $(rU{s.int}); " + manage
    options.pop("random_life", None)
    routes = ROUTES.format(invite=invite + "\n" + manage, noreset=noreset,
                           operation=operation)
    options.setdefault("patience", 60)
    return proxy.Proxy(where, params, routes, **options)


class Load:
    """bench/load.c beside @server."""

    def __init__(self, settings, server):
        self.caller, self.callee = net.free_port(), net.free_port()
        self.process = subprocess.Popen(
            [settings.load, str(server.port), str(self.caller),
             str(self.callee)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()

    def answer(self, seconds=3600):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else ""
        if not line:
            raise RuntimeError("the load generator does not answer")
        reply = json.loads(line)
        if reply.get("error") or reply.get("failed"):
            raise RuntimeError("load generator: %s" % line.strip())
        return reply

    def run(self, *words):
        self.send(*words)
        return self.answer()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.process.kill()
        self.process.wait()


def own_work(server):
    """{pid: name} of the processes whose work is counted: not those that only
    serve the measurement."""
    skip = ("ctl handler", "JSONRPCS")
    return {pid: name for pid, name in server.processes().items()
            if not name.startswith(skip)}


def cpu_ns(pids):
    """CPU time, user and system, of processes."""
    total = 0
    for pid in pids:
        for task in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as stat:
                total += int(stat.read().split()[0])
    return total


def settled(server, seconds=60, slack=0):
    """Waits until tm has no transaction left and shared memory then stays the
    same for 1.5 s: transactions and dialogs that have ended are gone."""
    net.wait_until(lambda: server.rpc("tm.stats")["current"] == 0, seconds,
                   "tm's transactions are gone", step=0.3)
    seen = []

    def steady():
        seen.append(server.shm())
        last = seen[-6:]
        return len(last) == 6 and max(last) - min(last) <= slack
    net.wait_until(steady, seconds, "shared memory settles", step=0.3)
    return seen[-1]
