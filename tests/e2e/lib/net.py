"""Free UDP and TCP ports, and waiting for conditions.

Kamailio opens its sockets with SO_REUSEPORT: two servers on one port share
its traffic and nobody notices. So a port is handed out only if nobody is bound
to it, and a lock file keeps it ours until this process ends.
"""
import fcntl
import os
import random
import socket
import tempfile
import time

_FIRST, _LAST = 20000, 32000  # below the kernel's range for outgoing ports
_held = {}

# A machine that does other things as well needs so many times as long.
PATIENCE = 4


class Timeout(Exception):
    """A condition did not come true before its deadline."""


def _bindable(port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        sock = socket.socket(socket.AF_INET, kind)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        finally:
            sock.close()
    return True


def free_port():
    """A port that nobody uses; ours until this process ends."""
    # A user cannot open what another one has made.
    folder = os.path.join(tempfile.gettempdir(),
                          "parley-ports-%d" % os.getuid())
    os.makedirs(folder, exist_ok=True)
    for _ in range(1000):
        port = random.randrange(_FIRST, _LAST)
        if port in _held:
            continue
        lock = open(os.path.join(folder, str(port)), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if _bindable(port):
            _held[port] = lock
            return port
        lock.close()
    raise RuntimeError("no free port between %d and %d" % (_FIRST, _LAST))


def within(condition, seconds, step=0.02):
    """The first true value of condition(), or its last one after @seconds. For
    what need not come; what must come has wait_until()."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= deadline:
            return value
        time.sleep(step)


def wait_until(condition, seconds=10.0, what=None, step=0.02):
    """Returns the first true value of condition(), or raises Timeout if there
    is none after PATIENCE times @seconds."""
    seconds *= PATIENCE
    value = within(condition, seconds, step)
    if not value:
        name = what or getattr(condition, "__doc__", None) or "condition"
        raise Timeout("not within %.1f s: %s" % (seconds, name))
    return value
