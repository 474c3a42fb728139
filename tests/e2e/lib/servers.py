"""Database servers for the tests: PostgreSQL, MariaDB and Redis in a folder of
their own, on a free port of 127.0.0.1.

A run of the tests shares one server of each kind, which is started by the first
case that wants it. A *keeper* is its parent: a process that ends the server and
removes its folder when the run ends, however it ends, which it learns from a
pipe. A case that stops or pauses a server has one of its own, which the kernel
ends with it.
"""
import atexit
import fcntl
import glob
import itertools
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from . import net, processes

USER, PASSWORD = "parley", "pa-ss.wo_rd"
_E2E = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_count = itertools.count(1)


class Missing(Exception):
    """The server is not installed; the text says which."""


def binary(*patterns):
    """The newest file that one of the patterns matches."""
    for pattern in patterns:
        found = sorted(glob.glob(pattern))
        if found:
            return found[-1]
    raise Missing("%s is not installed" % os.path.basename(patterns[0]))


class Server:
    """What the kinds have in common. @durable: commits survive a power cut, as
    they do by default; else the server leaves that to the kernel."""

    kind = None

    def __init__(self, folder, durable=False, port=None):
        self.folder = folder
        self.durable = durable
        self.port = port or net.free_port()
        self.process = None
        self.log = os.path.join(folder, "log")

    def _user(self):
        """PostgreSQL and MariaDB refuse to run as root."""
        out = ["setpriv", "--pdeathsig", "KILL"]
        if os.getuid() == 0:
            out += ["--reuid=nobody", "--regid=%d" %
                    pwd.getpwnam("nobody").pw_gid, "--clear-groups"]
        return out

    def _run(self, *command):
        with open(self.log, "a") as log:
            subprocess.run(self._user() + list(command), check=True,
                           stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                           cwd=self.folder)

    def create(self):
        """Makes folder and data; once."""
        os.makedirs(self.folder, mode=0o755)
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._create()
        return self

    def _create(self):
        """Kinds that want more than a folder have more here."""

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self._user() + self.command(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True)
        try:
            net.wait_until(self._up, 20, "%s on port %d" % (self.kind,
                                                            self.port))
        except Exception as failure:
            self.kill()
            with open(self.log, errors="replace") as log:
                raise RuntimeError("%s: %s\n%s" % (
                    self.kind, failure, log.read()[-2000:])) from None
        return self

    def _up(self):
        if self.process.poll() is not None:
            raise RuntimeError("it ended with %d" % self.process.returncode)
        return self.answers()

    def pids(self):
        """The first is the server's main process."""
        return [self.process.pid] + processes.below(self.process.pid)

    def pause(self):
        """Nothing of the server runs until resume()."""
        # The main process first: it starts no other one then.
        os.kill(self.process.pid, signal.SIGSTOP)
        for pid in self.pids()[1:]:
            os.kill(pid, signal.SIGSTOP)

    def resume(self):
        for pid in reversed(self.pids()):
            os.kill(pid, signal.SIGCONT)

    def stop(self, number=signal.SIGTERM):
        """As an operator does; what was committed is there after start()."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(20 * net.PATIENCE)
            finally:
                self.kill()

    def kill(self):
        """No process of the server is left afterwards."""
        if self.process is None:
            return
        pids = self.pids()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        net.wait_until(lambda: all(map(processes.gone, pids)), 10,
                       "end of the server")

    def remove(self):
        self.kill()
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    kind = "postgres"

    @staticmethod
    def tool(name):
        return binary("/usr/lib/postgresql/*/bin/" + name,
                      "/usr/local/pgsql/bin/" + name, "/usr/bin/" + name)

    @classmethod
    def need(cls):
        for name in ("initdb", "postgres", "psql"):
            cls.tool(name)

    def _create(self):
        password = os.path.join(self.folder, "password")
        with open(password, "w") as out:
            out.write(PASSWORD + "\n")
        self._run(self.tool("initdb"), "-D", self.folder + "/data", "-N",
                  "-U", USER, "--pwfile=" + password, "--locale=C",
                  "-E", "UTF8", "-A", "scram-sha-256")

    def command(self):
        return [self.tool("postgres"), "-D", self.folder + "/data",
                "-p", str(self.port), "-c", "listen_addresses=127.0.0.1",
                "-c", "unix_socket_directories=",
                "-c", "shared_buffers=32MB", "-c", "max_connections=200",
                "-c", "log_min_messages=error",
                # In its folder, not in /dev/shm, where a kill would leave it.
                "-c", "dynamic_shared_memory_type=mmap",
                "-c", "fsync=" + ("on" if self.durable else "off")]

    def client(self, base="postgres"):
        return [self.tool("psql"), "-X", "-q", "-h", "127.0.0.1", "-p",
                str(self.port), "-U", USER, "-d", base,
                "-v", "ON_ERROR_STOP=1"]

    @staticmethod
    def secret():
        return dict(os.environ, PGPASSWORD=PASSWORD, PGCONNECT_TIMEOUT="60",
                    PGCLIENTENCODING="UTF8")

    def answers(self):
        return subprocess.run(
            self.client() + ["-c", "SELECT 1"], env=self.secret(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0

    def stop(self, number=signal.SIGINT):
        """SIGINT ends sessions that are open; SIGTERM waits for them."""
        super().stop(number)


class Mysql(Server):
    kind = "mysql"

    @classmethod
    def need(cls):
        for names in (("mariadbd", "mysqld"), ("mariadb", "mysql"),
                      ("mariadb-install-db", "mysql_install_db")):
            cls.tool(*names)

    @staticmethod
    def tool(*names):
        return binary(*("%s/%s" % (folder, name) for name in names
                        for folder in ("/usr/sbin", "/usr/bin")))

    def _settings(self):
        out = ["--no-defaults", "--datadir=%s/data" % self.folder,
               "--innodb-log-file-size=16M", "--skip-log-bin"]
        if not self.durable:
            out += ["--innodb-flush-method=nosync",
                    "--innodb-flush-log-at-trx-commit=2"]
        return out

    def _create(self):
        self._run(self.tool("mariadb-install-db", "mysql_install_db"),
                  *self._settings(), "--skip-test-db",
                  "--auth-root-authentication-method=normal")
        with open(os.path.join(self.folder, "init.sql"), "w") as out:
            out.write("CREATE USER IF NOT EXISTS '%s'@'127.0.0.1' IDENTIFIED "
                      "BY '%s';\nGRANT ALL ON *.* TO '%s'@'127.0.0.1' "
                      "WITH GRANT OPTION;\n" % (USER, PASSWORD, USER))

    def command(self):
        return [self.tool("mariadbd", "mysqld")] + self._settings() + [
            "--bind-address=127.0.0.1", "--port=%d" % self.port,
            "--skip-name-resolve", "--socket=%s/socket" % self.folder,
            "--pid-file=%s/pid" % self.folder, "--max-connections=200",
            "--innodb-buffer-pool-size=64M", "--performance-schema=OFF",
            "--init-file=%s/init.sql" % self.folder]

    def client(self, base=""):
        return [self.tool("mariadb", "mysql"), "--no-defaults", "-h",
                "127.0.0.1", "-P", str(self.port), "-u", USER, "-B",
                "--binary-mode", "--default-character-set=utf8mb4"] + \
            [base] * bool(base)

    @staticmethod
    def secret():
        return dict(os.environ, MYSQL_PWD=PASSWORD)

    def answers(self):
        return subprocess.run(
            self.client() + ["-e", "SELECT 1"], env=self.secret(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).returncode == 0


class Redis(Server):
    kind = "redis"

    @staticmethod
    def tool():
        return binary("/usr/bin/redis-server", "/usr/local/bin/redis-server")

    @classmethod
    def need(cls):
        cls.tool()

    def command(self):
        return [self.tool(), "--port", str(self.port), "--bind", "127.0.0.1",
                "--dir", self.folder, "--databases", "10000", "--save", "",
                "--appendonly", "yes", "--appendfsync",
                "always" if self.durable else "no"]

    def answers(self):
        try:
            return resp(self.port, ["PING"]) == ["PONG"]
        except (OSError, RuntimeError):
            return False  # nobody listens, or "LOADING"


KINDS = {kind.kind: kind for kind in (Postgres, Mysql, Redis)}


# ---- what Redis speaks


def resp(port, *commands, timeout=60.0):
    """The answers to @commands, each a list of words."""
    with socket.create_connection(("127.0.0.1", port), timeout) as sock, \
            sock.makefile("rb") as answers:
        for words in commands:
            data = b"*%d\r\n" % len(words)
            for word in words:
                word = word if isinstance(word, bytes) else str(word).encode()
                data += b"$%d\r\n%s\r\n" % (len(word), word)
            sock.sendall(data)
        return [_resp_value(answers) for _ in commands]


def _resp_value(answers):
    line = answers.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server closed the connection")
    kind, rest = line[:1], line[1:-2]
    if kind == b"+":
        return rest.decode()
    if kind == b"-":
        raise RuntimeError("redis: " + rest.decode())
    if kind == b":":
        return int(rest)
    if int(rest) < 0:
        return None
    if kind == b"$":
        return answers.read(int(rest) + 2)[:-2].decode(
            errors="surrogateescape")
    return [_resp_value(answers) for _ in range(int(rest))]


# ---- one server of a kind for a whole run


class Run:
    """Owns the servers of a run, and the folder of all databases. Without
    one, a case is a run of its own."""

    NAME = "PARLEY_SERVERS"

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="parley-db-")
        os.chmod(self.folder, 0o755)
        # Nothing is ever written: the end of the other side is the message.
        self.mine, self.theirs = os.pipe()

    def environment(self):
        return {self.NAME: "%s:%d" % (self.folder, self.mine)}

    def close(self):
        """Returns when all servers are gone."""
        keepers = []
        for path in glob.glob(self.folder + "/*.json"):
            with open(path) as file:
                keepers.append(json.load(file)["keeper"])
        os.close(self.theirs)
        os.close(self.mine)
        net.wait_until(lambda: all(map(processes.gone, keepers)), 30,
                       "end of the database servers")
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)


_own = []


def run():
    """(folder, pipe) of the run that this process belongs to."""
    if Run.NAME in os.environ:
        folder, _, pipe = os.environ[Run.NAME].rpartition(":")
        return folder, int(pipe)
    if not _own:
        _own.append(Run())
        atexit.register(close_own)
    return _own[0].folder, _own[0].mine


def close_own():
    """The end of a case that was a run of its own."""
    while _own:
        _own.pop().close()


def shared(kind):
    """The server of the run, which runs: only port and client() are of use."""
    folder, pipe = run()
    path = os.path.join(folder, kind)
    with open(path + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(path + ".json"):
            _start_keeper(kind, path, pipe)
    with open(path + ".json") as file:
        return KINDS[kind](path, port=json.load(file)["port"])


def _start_keeper(kind, path, pipe):
    code = "import sys; sys.path.insert(0, %r)\n" \
        "from lib import servers; servers.keep(%r, %r)" % (_E2E, kind, path)
    # It must not keep the output of this case open.
    with open(path + ".log", "a") as log:
        keeper = subprocess.Popen([sys.executable, "-c", code], stdin=pipe,
                                  stdout=subprocess.PIPE, stderr=log,
                                  text=True, start_new_session=True)
    line = keeper.stdout.readline()
    keeper.stdout.close()
    if not line.startswith("{"):
        raise RuntimeError("%s cannot be started: %s" % (kind, line))
    with open(path + ".json.new", "w") as file:
        file.write(line)
    os.rename(path + ".json.new", path + ".json")


def keep(kind, path):
    """The life of a keeper."""
    server = KINDS[kind](path)
    try:
        try:
            server.create().start()
        except Exception as failure:
            print(str(failure).replace("\n", " | "), flush=True)
            return
        print(json.dumps({"port": server.port, "keeper": os.getpid()}),
              flush=True)
        os.close(1)
        # A keeper that was told to end ends its server as well.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        os.read(0, 1)  # returns when nobody has the other end any more
    finally:
        server.remove()
        for end in (".json", ".lock", ".log"):
            try:
                os.unlink(path + end)
            except FileNotFoundError:
                pass
        try:
            os.rmdir(os.path.dirname(path))
        except OSError:
            pass  # another keeper, or a case, removes it


def private(kind, durable=False):
    """A server of this case alone, running."""
    folder, _ = run()
    path = os.path.join(folder, "%s-%d-%d" % (kind, os.getpid(), next(_count)))
    return KINDS[kind](path, durable).create().start()
