"""SIPp as callers: many calls of several fates through several workers."""
import os
import shutil
import subprocess

from lib.case import (Skip, check, net, same, script, wait_statistic)

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sipp")


def _sipp(server, port, scenario, *more):
    if not shutil.which("sipp"):
        raise Skip("sipp is not installed")
    return subprocess.Popen(
        ["sipp", "127.0.0.1:%d" % server.port, "-i", "127.0.0.1", "-p",
         str(port), "-sf", os.path.join(HERE, scenario), "-nostdin",
         "-skip_rlimit", "-timeout", "200s", "-timeout_error",
         "-default_behaviors", "all,-abortunexp"] + list(more),
        cwd=server.folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _run(env, count, fate, **options):
    """@count calls of one fate at 150 a second; returns the statistics."""
    with env.proxy(children=4, **options) as server:
        callee_port = net.free_port()
        callee = _sipp(server, callee_port, "callee_%s.xml" % fate,
                       "-m", str(count))
        caller = _sipp(server, net.free_port(), "caller_%s.xml" % fate,
                       "-m", str(count), "-r", "150", "-s",
                       str(callee_port), "-l", "100")
        try:
            _, errors = caller.communicate(timeout=220)
            same("SIPp's caller (%s)" % errors[-300:], caller.returncode, 0)
            _, errors = callee.communicate(timeout=60)
            same("SIPp's callee (%s)" % errors[-300:], callee.returncode, 0)
        finally:
            for sipp in (caller, callee):
                if sipp.poll() is None:
                    sipp.kill()
                    sipp.wait()
        wait_statistic(server, "active_dialogs", 0, 10)
        wait_statistic(server, "early_dialogs", 0, 10)
        check(env.stock or "CRITICAL" not in server.log(), "%s",
              server.log()[-2000:])
        return server.statistics()


ROUTES = script(initial='dlg_manage(); $du = "sip:127.0.0.1:" + $rU;')


def test_answered(env):
    stats = _run(env, 500, "answered", routes=ROUTES)
    same("processed", stats["processed_dialogs"], 500)
    same("failed", stats["failed_dialogs"], 0)


def test_busy(env):
    stats = _run(env, 300, "busy", routes=ROUTES)
    same("processed", stats["processed_dialogs"], 300)
    same("failed", stats["failed_dialogs"], 300)


def test_cancelled(env):
    stats = _run(env, 300, "cancelled", routes=ROUTES)
    same("processed", stats["processed_dialogs"], 300)
    same("failed", stats["failed_dialogs"], 300)
