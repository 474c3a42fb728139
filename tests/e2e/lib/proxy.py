"""A Kamailio of our own: configuration, start, RPC, log, end.

Everything lives in a folder that is removed at the end; nothing is killed that
was not started here.
"""
import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading

from . import net, processes, rpc

KAMAILIO = os.environ.get("KAMAILIO", "kamailio")

_running = set()
_scratch = set()


def scratch(prefix="parley-"):
    """A folder that is removed when this process ends."""
    path = tempfile.mkdtemp(prefix=prefix)
    _scratch.add(path)
    return path


def forget(path):
    if path in _scratch and not os.environ.get("KEEP"):
        _scratch.discard(path)
        # A process that was just killed may have been making a file.
        net.within(lambda: shutil.rmtree(path, ignore_errors=True) or
                   not os.path.exists(path), 5)


@atexit.register
def _at_exit():
    for proxy in list(_running):
        proxy.kill()
    for path in list(_scratch):
        forget(path)


def _ended(number, frame):
    """Being told to end is no reason to leave servers behind."""
    raise SystemExit(128 + number)


if threading.current_thread() is threading.main_thread() and \
        signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
    signal.signal(signal.SIGTERM, _ended)


@contextlib.contextmanager
def undisturbed():
    """Who is told to end meanwhile does so afterwards: else a process that was
    just started might be one that nobody knows."""
    told = []
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda number, _: told.append(
        number)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in told[:1]:
            signal.raise_signal(number)


def module_path(name, build=None):
    """Argument of loadmodule: ours from @build, else the packaged one."""
    if build is None:
        return name + ".so"
    return os.path.join(os.path.abspath(build), name + ".so")


HEAD = """#!KAMAILIO
debug={debug}
log_stderror=yes
log_prefix="{log_prefix}"
memlog=5
memdbg=5
children={children}
listen=udp:127.0.0.1:{port}
disable_tcp={no_tcp}
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
use_dns_cache=off
disable_core_dump=yes
server_header="Server: t"
user_agent_header="User-Agent: t"
max_while_loops=1000000000
{core}
"""

MODULES = ("kex", "tm", "tmx", "sl", "rr", "pv", "xlog", "textops",
           "siputils", "maxfwd", "ctl", "cfgutils", "corex", "jsonrpcs")


class StartFailed(Exception):
    """The server did not start; .log says why."""

    def __init__(self, log, code):
        super().__init__("kamailio ended with %s:\n%s" % (code, log[-3000:]))
        self.log = log
        self.code = code


class Proxy:
    """One server. `dialog` is a loadmodule argument or None; `params` are
    (name, value) of it; `routes` is script text; `first` and `last` are
    configuration put before and after the dialog module."""

    def __init__(self, dialog=None, params=(), routes="", **options):
        self.dialog = dialog
        self.params = list(params)
        self.routes = routes
        self.children = options.pop("children", 1)
        self.shm_mb = options.pop("shm_mb", 64)
        self.pkg_mb = options.pop("pkg_mb", 8)
        self.allocator = options.pop("allocator", None)
        self.wrapper = list(options.pop("wrapper", ()))
        self.core = options.pop("core", "")
        self.debug = options.pop("debug", 1)
        self.first = options.pop("first", "")
        self.last = options.pop("last", "")
        self.tcp = options.pop("tcp", False)
        self.modules = tuple(options.pop("modules", MODULES))
        self.patience = options.pop("patience", 15)
        if options:
            raise TypeError("unknown options %r" % sorted(options))
        self.port = net.free_port()
        self.folder = scratch()
        self.config = os.path.join(self.folder, "kamailio.cfg")
        self.process = None
        self.starts = 0  # earlier ones; their logs are log.1, log.2, ...
        self.log_path = os.path.join(self.folder, "log")

    # ---- configuration

    def name(self):
        return os.path.basename(self.dialog)[:-3] if self.dialog else None

    def text(self):
        lines = [HEAD.format(debug=self.debug, children=self.children,
                             port=self.port, core=self.core, log_prefix="",
                             no_tcp="no" if self.tcp else "yes")]
        lines += ['loadmodule "%s.so"' % m for m in self.modules]
        if "ctl" in self.modules:
            lines.append('modparam("ctl", "binrpc", "unixs:%s/ctl")'
                         % self.folder)
        if "jsonrpcs" in self.modules:
            lines += ['modparam("jsonrpcs", "transport", 6)',
                      'modparam("jsonrpcs", "fifo_name", "%s/fifo")'
                      % self.folder,
                      'modparam("jsonrpcs", "fifo_reply_dir", "%s/")'
                      % self.folder,
                      'modparam("jsonrpcs", "dgram_socket", "%s/dgram")'
                      % self.folder]
        lines.append(self.first)
        if self.dialog:
            lines.append('loadmodule "%s"' % self.dialog)
            name = self.name()
            for key, value in self.params:
                if isinstance(value, int):
                    lines.append('modparam("%s", "%s", %d)'
                                 % (name, key, value))
                else:
                    lines.append('modparam("%s", "%s", "%s")'
                                 % (name, key, value))
        lines += [self.last, self.routes]
        return "\n".join(lines) + "\n"

    def write(self):
        with open(self.config, "w") as out:
            out.write(self.text())

    def command(self, *more):
        out = self.wrapper + [KAMAILIO, "-f", self.config]
        out += ["-m", str(self.shm_mb), "-M", str(self.pkg_mb)]
        out += ["-Y", self.folder, "-w", self.folder]
        if self.allocator:
            out += ["-x", self.allocator]
        return out + list(more)

    def check(self):
        """kamailio -c: (exit code, output)."""
        self.write()
        done = subprocess.run(self.command("-c", "-E"), text=True,
                              errors="replace", stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              timeout=net.PATIENCE * self.patience)
        return done.returncode, done.stdout

    # ---- life

    def start(self):
        """May be called again after stop() or crash(): with the same port and
        folder, and a new log."""
        self.write()
        if os.path.exists(self.log_path):
            self.starts += 1
            os.rename(self.log_path, "%s.%d" % (self.log_path, self.starts))
        with open(self.log_path, "w") as log, undisturbed():
            self.process = subprocess.Popen(
                self.command("-DD", "-E"), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                cwd=self.folder)
            _running.add(self)
        try:
            net.wait_until(self._up, self.patience, "the server's RPC answers")
        except net.Timeout:
            self.kill()
            raise StartFailed(self.log(), "no answer") from None
        return self

    def _up(self):
        code = self.process.poll()
        if code is not None:
            self.kill()
            raise StartFailed(self.log(), code)
        # The RPC answers before the last processes run; Kamailio loses a
        # SIGTERM that reaches one of them too early.
        try:
            found = self.rpc("core.psa")
        except (OSError, ConnectionError):
            return None
        return all(process["status"] for process in
                   (found if isinstance(found, list) else [found]))

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, seconds=30):
        """Ends the server as an operator does; returns the exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self.kill()
        return self.process.returncode

    def kill(self):
        """No process of this server is left afterwards."""
        if self.process is None:
            return
        _running.discard(self)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def crash(self):
        """kill -9 of all processes at once, as when the plug is pulled; start()
        is possible afterwards. Nothing of what parties have is lost."""
        pids = [self.process.pid] + processes.below(self.process.pid)
        self.kill()
        net.wait_until(lambda: all(map(processes.gone, pids)), 10,
                       "end of all processes")

    def close(self):
        """The end of a case. Once in some hundred times tm waits for ever in
        its shutdown for a lock that its timer process held when it was told to
        end; that also happens without any dialog module, and says nothing
        about the case."""
        try:
            if self.alive():
                self.stop(10)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()
            forget(self.folder)

    def __enter__(self):
        return self.start()

    def __exit__(self, *failure):
        if failure[0] and os.environ.get("SHOWLOG"):
            print(self.log()[-8000:])
        if failure[0]:
            self.kill()
        self.close()

    # ---- looking inside

    def log(self):
        try:
            with open(self.log_path, errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def rpc(self, method, *args, timeout=40.0):
        """BINRPC; returns a single result itself, several as a list."""
        values = rpc.binrpc(os.path.join(self.folder, "ctl"), method, *args,
                            timeout=timeout)
        return values[0] if len(values) == 1 else values

    def json(self, method, *args, timeout=60.0):
        """JSON-RPC through the FIFO."""
        return rpc.json_fifo(os.path.join(self.folder, "fifo"), method, *args,
                             timeout=timeout)

    def datagram(self, method, *args, timeout=40.0):
        return rpc.json_datagram(os.path.join(self.folder, "dgram"), method,
                                 *args, timeout=timeout)

    def processes(self):
        """{pid: description} of all processes of this server."""
        found = self.rpc("core.psx")
        found = found if isinstance(found, list) else [found]
        return {p["PID"]: p["DSC"] for p in found}

    def shm(self, field="real_used"):
        return int(self.rpc("core.shmmem")[field])

    def statistics(self, group=None):
        """{name: number} of a group of statistics, by default the module's."""
        group = group or self.name() or "dialog"
        lines = self.rpc("stats.get_statistics", group + ":")
        lines = lines if isinstance(lines, list) else [lines]
        out = {}
        for line in lines:
            name, value = line.split("=")
            out[name.split(":")[1].strip()] = int(value)
        return out
