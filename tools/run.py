#!/usr/bin/python3
"""`make run`: a proxy with Parley, sample calls, and a live view of them.

    tools/run.py --build build [--listen ADDRESS] [--seconds N]

Starts the installed Kamailio with examples/call-limit.cfg and the modules just
built, and SIPp as callers and callees. Ends all of it, by process id, when it
is interrupted, terminated or told to by --seconds.
"""

import argparse
import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import live

EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                        "examples")
SCHEMAS = "/usr/share/kamailio/db_sqlite"
LOOPBACK = "127.0.0.1"
START_SECONDS = 20
STOP_SECONDS = 10
POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """Something that the user must know, in one line or a few."""


def free_port(address, kind, wanted=0):
    """A port that nobody is bound to. Without SO_REUSEADDR the kernel refuses
    one that is in use, also where two servers would silently share it."""
    for port in (wanted, 0) if wanted else (0,):
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind((address, port))
            except OSError as error:
                if port:
                    continue
                raise Failure(f"cannot listen on {address}: "
                              f"{error.strerror}") from error
            return sock.getsockname()[1]
    raise Failure(f"no free port on {address}")


def udp_sockets(address, port):
    """How many sockets are bound to this UDP port."""
    packed = "".join(f"{byte:02X}" for byte in
                     reversed(socket.inet_aton(address)))
    local = {f"{packed}:{port:04X}", f"00000000:{port:04X}"}
    with open("/proc/net/udp", encoding="ascii") as table:
        return sum(line.split()[1] in local for line in table)


def die_with_parent():
    """In a child: no process outlives this one, even if it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Children:
    """The processes that were started, each in a group of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.running = []

    def start(self, name, command, stdin=subprocess.DEVNULL):
        log_path = os.path.join(self.folder, name + ".log")
        with open(log_path, "wb") as log:
            child = subprocess.Popen(
                command, stdin=stdin, stdout=log, stderr=subprocess.STDOUT,
                cwd=self.folder, start_new_session=True,
                preexec_fn=die_with_parent)
        self.running.append((name, child, log_path))
        return child

    def check(self):
        for name, child, log_path in self.running:
            if child.poll() is None:
                continue
            with open(log_path, encoding="utf-8", errors="replace") as log:
                lines = log.read().splitlines()
            # The first error is the cause, later ones follow from it.
            errors = [line for line in lines
                      if "ERROR" in line or "CRITICAL" in line]
            raise Failure("\n".join(
                [f"{name} ended by itself, status {child.returncode}:"] +
                (errors[:5] or lines[-15:])))

    def stop(self):
        """Ends the callers first, the proxy last."""
        for name, child, _ in reversed(self.running):
            if child.poll() is None:
                child.terminate()
            try:
                child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                print(f"{name} does not end, killing it")
            # Also workers that a killed main process left behind.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self.running.clear()


def wait_until(condition, children, stop, what):
    deadline = time.monotonic() + START_SECONDS
    while not stop.is_set():
        children.check()
        if condition():
            return
        if time.monotonic() > deadline:
            raise Failure(f"{what} within {START_SECONDS} s")
        stop.wait(POLL_SECONDS)


def make_database(folder):
    """The package's tables. Who looks into them keeps nobody from writing."""
    path = os.path.join(folder, "calls.sqlite")
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        for name in ("standard", "dialog"):
            with open(f"{SCHEMAS}/{name}-create.sql",
                      encoding="utf-8") as schema:
                connection.executescript(schema.read())
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}; "
                      "make deps installs it") from error
    finally:
        connection.close()
    return path


def start_proxy(children, ports, build, listen):
    database = make_database(children.folder)
    defines = {
        "LISTEN_SIP": f"udp:{listen}:{ports['sip']}",
        "LISTEN_HTTP": f"tcp:{LOOPBACK}:{ports['http']}",
        "DESTINATION": f'"sip:{LOOPBACK}:{ports["callee"]}"',
        "DIALOG_SO": f'"{os.path.join(build, "dialog.so")}"',
        "CTL_SOCKET": f'"unix:{children.folder}/ctl"',
        "DB_URL": f'"sqlite:///{database}"',
        "JOURNAL_DIR": f'"{children.folder}"',
    }
    command = [os.environ.get("KAMAILIO", "kamailio"), "-DD", "-E", "-Y", children.folder,
               "-P", os.path.join(children.folder, "kamailio.pid"),
               "-f", os.path.join(EXAMPLES, "call-limit.cfg")]
    for name, value in defines.items():
        command += ["-A", f"{name}={value}"]
    children.start("kamailio", command)


def start_sipp(children, name, scenario, port, *more):
    samples = os.path.join(EXAMPLES, "sample-calls")
    children.start(name, [
        "sipp", "-sf", os.path.join(samples, scenario), "-i", LOOPBACK,
        "-ci", LOOPBACK, "-p", str(port), "-nostdin", *more])


def start_callers(children, ports, listen):
    samples = os.path.join(EXAMPLES, "sample-calls")
    proxy = f"{listen}:{ports['sip']}"
    start_sipp(children, "callers", "caller.xml", ports["callers"],
               "-inf", os.path.join(samples, "calls.csv"),
               "-r", "1", "-l", "100", proxy)
    start_sipp(children, "cancellers", "canceller.xml", ports["cancellers"],
               "-inf", os.path.join(samples, "cancels.csv"),
               "-r", "1", "-rp", "5000", "-l", "10", proxy)


def make_hints(children, ports, listen):
    ctl = shlex.quote(f"unix:{children.folder}/ctl")
    kamcmd = shutil.which("kamcmd") or "kamcmd"
    request = '{"jsonrpc":"2.0","id":1,"method":"dlg.stats_active"}'
    names = "anna answers; busy, decline, ring and hangup do what they say"
    hints = [
        f"Phone      sip:{listen}:{ports['sip']} over UDP, no password; {names}",
        f"List       {kamcmd} -s {ctl} dlg.list",
        f"End        {kamcmd} -s {ctl} dlg.end_dlg <h_entry> <h_id>",
        f"JSON-RPC   curl -s http://{LOOPBACK}:{ports['http']}/RPC "
        f"-d '{request}'",
        f"Database   {children.folder}/calls.sqlite, SQLite; "
        "kamcmd ... dlg.db_stats",
        f"Log        {children.folder}/kamailio.log",
        "Ctrl-C ends it",
    ]
    if listen == LOOPBACK:
        hints.insert(1, "           from this machine only; let the network in "
                     "with: make run LISTEN=<address of this machine>")
    return hints


def serve(children, options, stop):
    build = os.path.abspath(options.build)
    module = os.path.join(build, "dialog.so")
    if not os.path.exists(module):
        raise Failure(f"{module} is not there: make")
    listen = options.listen
    udp, tcp = socket.SOCK_DGRAM, socket.SOCK_STREAM
    ports = {"sip": free_port(listen, udp, 5060),
             "http": free_port(LOOPBACK, tcp),
             "callee": free_port(LOOPBACK, udp),
             "callers": free_port(LOOPBACK, udp),
             "cancellers": free_port(LOOPBACK, udp)}
    rpc = live.Rpc(f"http://{LOOPBACK}:{ports['http']}/RPC")

    def answers():
        try:
            return bool(rpc.call("core.uptime"))
        except live.RpcError:
            return False

    start_proxy(children, ports, build, listen)
    wait_until(answers, children, stop, "kamailio did not answer")
    if udp_sockets(listen, ports["sip"]) > 1:
        raise Failure(f"another server shares UDP port {ports['sip']}")
    start_sipp(children, "callee", "callee.xml", ports["callee"])
    wait_until(lambda: udp_sockets(LOOPBACK, ports["callee"]), children, stop,
               "the callee did not listen")
    start_callers(children, ports, listen)

    title = "Parley: calls through a stock Kamailio with our dialog.so"
    live.show(rpc, title, make_hints(children, ports, listen), stop,
              children.check)


def parse_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--listen", default=LOOPBACK)
    parser.add_argument("--seconds", type=float, default=0)
    options = parser.parse_args()
    try:
        if socket.inet_aton(options.listen) == bytes(4):
            raise OSError
    except OSError:
        sys.exit(f"parley: LISTEN={options.listen} must be one IPv4 address "
                 "of this machine")
    return options


def main():
    options = parse_options()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    if options.seconds:
        timer = threading.Timer(options.seconds, stop.set)
        timer.daemon = True
        timer.start()
    folder = tempfile.mkdtemp(prefix="parley-")
    children = Children(folder)
    try:
        serve(children, options, stop)
        return 0
    except Failure as failure:
        print(f"parley: {failure}", file=sys.stderr)
        return 1
    finally:
        children.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
