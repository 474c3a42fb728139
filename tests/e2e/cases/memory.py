"""Shared memory that the module takes when nobody has called yet."""
from lib.case import check, script
from lib.proxy import Proxy

LIMIT = 2 * 1024 * 1024


def test_at_start(env):
    """With default parameters far less than the server has: 64 MB."""
    without = script(initial="$var(nothing) = 0;")
    with Proxy(None, (), without) as server:
        before = server.shm()
    with env.proxy() as server:
        taken = server.shm() - before
    check(0 < taken < LIMIT, "%d bytes of shared memory at start", taken)
