"""The classic FIFO as its users write and read it."""
import errno
import os
import select
import time

from . import net


class Fifo:
    """The FIFO of a server with PARAMS; replies come into its folder."""

    def __init__(self, server):
        self.path = os.path.join(server.folder, "mi")
        self.folder = server.folder
        self.count = 0

    @staticmethod
    def use(server):
        """Adds the parameters to a server that is not started."""
        server.params += [("mi_fifo", os.path.join(server.folder, "mi")),
                          ("mi_fifo_reply_dir", server.folder)]
        return server

    def name(self):
        """A name for a reply, and its FIFO."""
        self.count += 1
        name = "reply_%d_%d" % (os.getpid(), self.count)
        os.mkfifo(os.path.join(self.folder, name))
        return name

    def open(self):
        """A writing end, as soon as somebody reads."""
        def tried():
            try:
                return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as failure:
                if failure.errno not in (errno.ENXIO, errno.ENOENT):
                    raise
                return None
        fd = net.wait_until(tried, 5, "a reader of " + self.path)
        os.set_blocking(fd, True)
        return fd

    def write(self, text):
        """Writes @text at once and closes."""
        fd = self.open()
        try:
            while text:
                text = text[os.write(fd, text if isinstance(text, bytes)
                                     else text.encode("latin-1")):]
        finally:
            os.close(fd)

    def reader(self, name):
        """A reading end of the reply FIFO @name."""
        return os.open(os.path.join(self.folder, name),
                       os.O_RDONLY | os.O_NONBLOCK)

    def read(self, fd, seconds=10.0):
        """What comes up to the end of the answer, closed afterwards."""
        deadline = time.monotonic() + seconds * net.PATIENCE
        data = b""
        try:
            while not data.endswith(b"\n\n"):
                left = max(deadline - time.monotonic(), 0)
                if not select.select([fd], [], [], left)[0]:
                    raise net.Timeout("no answer but %r" % data[-200:])
                more = os.read(fd, 1 << 20)
                if not more and data:
                    break
                if not more:  # nobody has opened it yet
                    select.select([], [], [], 0.005)
                data += more
        finally:
            os.close(fd)
        return data.decode("latin-1")

    def ask(self, text, empty_line=True, seconds=10.0):
        """Sends lines with %s in place of the reply's name; the answer."""
        name = self.name()
        fd = self.reader(name)
        self.write(text.replace("%s", name) + ("\n" if empty_line else ""))
        try:
            return self.read(fd, seconds)
        finally:
            os.unlink(os.path.join(self.folder, name))

    def command(self, command, *params):
        return self.ask("".join(line + "\n" for line in (
            (":%s:%%s" % command,) + params)))


def values(answer, name):
    """All values of lines "name:: value", however deep."""
    return [line.strip().partition("::")[2].strip()
            for line in answer.splitlines()
            if line.strip().partition("::")[0] == name]
