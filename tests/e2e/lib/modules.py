"""What the cases of the packaged modules that sit on dialog share: whether a
module is there, a stand-in for the daemon it asks.

These modules are the packaged ones, as they are; only the dialog module under
them is changed.
"""
import fcntl
import glob
import math
import os
import socket
import subprocess
import threading

from . import net, sip
from .case import Skip

FOLDERS = ("/usr/lib/*/kamailio/modules", "/usr/lib/kamailio/modules",
           "/usr/lib64/kamailio/modules")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))


def need(*names):
    """Skips the case if one of the packaged modules is not installed."""
    for name in names:
        if not any(glob.glob("%s/%s.so" % (folder, name))
                   for folder in FOLDERS):
            raise Skip("the packaged module %s is not installed" % name)


def _params(name, params):
    lines = []
    for key, values in params.items():
        for value in values if isinstance(values, list) else [values]:
            lines.append('modparam("%s", "%s", %s)' % (
                name, key,
                value if isinstance(value, int) else '"%s"' % value))
    return lines


def load(*names, **params):
    """Configuration that loads the modules @names in this order; the
    parameters are those of the last one. A list gives a parameter twice."""
    need(*names)
    lines = ['loadmodule "%s.so"' % name for name in names]
    return "\n".join(lines + _params(names[-1], params)) + "\n"


def make(env, *words):
    """Runs make on the tree for the build of @env; gives its output. Cases
    that run side by side wait for each other."""
    folder = os.path.join(env.build, "e2e")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "-s", "-C", ROOT, "BUILD=" + env.build] + list(words),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError("make %s:\n%s" % (" ".join(words), done.stdout))
    return done.stdout


def own(env, name, **params):
    """Configuration that loads a module of our own, tests/e2e/modules, which
    is built for it; parameters as above."""
    path = os.path.join(env.build, "e2e", name + ".so")
    make(env, path)
    return "\n".join(['loadmodule "%s"' % path] + _params(name, params)) + "\n"


def seconds_of(value):
    """Seconds since 1970 of a time as a CDR has it: the same in the log, the
    Julian day in SQLite, which has whole seconds, and lacks half a one."""
    if isinstance(value, float):
        return math.ceil((value - 2440587.5) * 86400 - 0.01)
    return float(value)


class Daemon(threading.Thread):
    """Stands in for the daemon of call_control or mediaproxy: accepts any
    number of connections on the unix socket @path and answers each command.
    @answer is called with its first word and its other lines as a dictionary.
    .commands: [(word, {name: value})] in the order of arrival."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.commands = []
        self._answer = answer
        self._open = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(16)

    def run(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        data = b""
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                return
            if not more:
                return
            data += more
            while b"\r\n\r\n" in data:
                text, _, data = data.partition(b"\r\n\r\n")
                self._command(connection, text.decode("latin-1"))

    def _command(self, connection, text):
        word, *lines = text.split("\r\n")
        fields = dict(line.split(": ", 1) if ": " in line else
                      (line.rstrip(":"), "") for line in lines)
        self.commands.append((word, fields))
        connection.sendall(self._answer(word, fields).encode("latin-1"))

    def wait(self, word, count=1, seconds=5.0):
        """The fields of the command @word that came as number @count."""
        def found():
            return [fields for name, fields in self.commands
                    if name == word][count - 1:]
        net.wait_until(found, seconds, "command %s number %d (have %r)" % (
            word, count, self.commands))
        return found()[0]

    def count(self, word):
        return sum(name == word for name, _ in self.commands)

    def close(self):
        for sock in [self._listener] + self._open:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it was closed by the other side
            sock.close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *failure):
        self.close()
        self.join(5)


def end_by_rpc(server, callid, a, b):
    """dlg.end_dlg; both parties confirm their BYE."""
    found = server.rpc("dlg.dlg_list", callid)
    server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
    sip.confirm_byes(callid, a, b)
