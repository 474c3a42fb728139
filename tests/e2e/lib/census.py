"""The same trial on our module, where it must pass, and on the packaged one,
where something must go wrong: a fault that cannot be shown there is no fault.

Prints what was seen on both, for docs/census.md.
"""
import functools
import select
import threading
import time

from . import case, net, sip
from .rpc import Fault

NEEDS = "it compares both modules by itself"
FAILED = (AssertionError, net.Timeout, OSError, Fault)


def seen(number, ours, packaged):
    print("# census %s: ours: %s; packaged: %s" % (number, ours, packaged))


def _first_line(failure):
    text = str(failure).split("\n")[0] or type(failure).__name__
    return text[:160]


class Unfit(Exception):
    """A trial was not what it should be; that is no fault of any module."""


def must(condition, text, *args):
    """For what a trial needs to show anything: the case fails without it, on
    the packaged module as well."""
    if not condition:
        raise Unfit(text % args if args else text)


def both(number, trial, env, rounds=1):
    """@trial(env, stock) returns what it saw. It fails on the packaged module,
    or the case does. A fault that needs its moment has @rounds trials there to
    show itself."""
    ours = trial(env, False)
    for _ in range(rounds):
        try:
            packaged = trial(env, True)
        except FAILED as failure:
            seen(number, ours, _first_line(failure))
            return
    raise AssertionError("the packaged module passes, too: %s" % packaged)


def together(*trials):
    """Runs functions at once, for those that take a minute of waiting each;
    returns what each has returned or raised."""
    results = [None] * len(trials)

    def run(index):
        try:
            results[index] = trials[index]()
        except Exception as failure:
            results[index] = failure
    threads = [threading.Thread(target=run, args=(i,))
               for i in range(len(trials))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def both_at_once(number, trial, env):
    """As both(), at the same time."""
    ours, packaged = together(lambda: trial(env, False),
                              lambda: trial(env, True))
    for result, expected in ((ours, ()), (packaged, FAILED)):
        if isinstance(result, Exception) and not isinstance(result, expected):
            raise result
    if not isinstance(packaged, Exception):
        raise AssertionError("the packaged module passes, too: %s" % packaged)
    seen(number, ours, _first_line(packaged))


def compared(number, servers, at_once=False):
    """Marks what is tried for a case: called with a server and the parties a
    and b, of @servers(env, stock), it returns what it saw, as for both()."""
    def mark(trial):
        @case.parley_only(NEEDS)
        @functools.wraps(trial)
        def test(env):
            def run(env, stock):
                with servers(env, stock) as (server, a, b):
                    return trial(server, a, b)
            (both_at_once if at_once else both)(number, run, env)
        return test
    return mark


def least(measures, times=7):
    """The least result of each function. They are called in turn, so that what
    else the machine does befalls all of them."""
    results = [[measure() for measure in measures] for _ in range(times)]
    return [min(found) for found in zip(*results)]


def grows(number, meter, env, small, large):
    """@meter(env, stock, size) is a context; in it a function tells the seconds
    of CPU for one. From @small to @large, a factor of hundreds, ours may not
    become three times as slow (memory that is far away is slower); the packaged
    module must become four times as slow."""
    ratios = []
    for stock in (False, True):
        with meter(env, stock, small) as of_few, \
                meter(env, stock, large) as of_many:
            few, many = least([of_few, of_many])
        ratios.append((many / few, few * 1e6, many * 1e6))
    texts = ["%.1f times (%.1f to %.1f us)" % r for r in ratios]
    seen(number, *texts)
    case.check(ratios[0][0] < 3.0, "ours takes %s", texts[0])
    case.check(ratios[1][0] > 4.0, "packaged: only %s", texts[1])


def cpu_seconds(server, work=None):
    """What all processes of @server have used so far, or for @work()."""
    if work is not None:
        before = cpu_seconds(server)
        work()
        return cpu_seconds(server) - before
    total = 0
    for pid in server.processes():
        with open("/proc/%d/schedstat" % pid) as stat:
            total += int(stat.read().split()[0])
    return total / 1e9


# Put before dlg_manage(): what a crowd's INVITE is told by the proxy itself.
CROWD = """
    if (is_present_hf("X-Crowd")) {
        dlg_manage();
        t_newtran();
        if ($hdr(X-Crowd) == "200") {
            t_reply("200", "Crowd");
        } else {
            t_reply("180", "Crowd");
            t_suspend();  # tm keeps it
        }
        exit;
    }
"""


def crowd(a, count, code=180, window=100, seconds=60):
    """@count calls of @a that the proxy answers itself with @code, 180 or 200:
    dialogs without a callee, quickly. Returns their Call-IDs."""
    side = sip.Side(a)
    side.target = a.contact
    pattern = side.text("INVITE", [("X-Crowd", str(code))], branch="BRANCH",
                        to_tag="").replace(side.callid.encode(), b"CALLID")
    first, open_calls, made = sip.unique("c").encode(), {}, 0
    wanted = b"SIP/2.0 %d " % code
    deadline = time.monotonic() + seconds
    while made < count or open_calls:
        while made < count and len(open_calls) < window:
            callid = b"%s-%d" % (first, made)
            open_calls[callid] = pattern.replace(b"CALLID", callid).replace(
                b"BRANCH", b"z9hG4bK" + callid)
            a.send(open_calls[callid])
            made += 1
        if not select.select([a.sock], [], [], 0.5)[0]:
            for invite in open_calls.values():  # the kernel has dropped some
                a.send(invite)
            continue
        data = a.sock.recv(65535)
        if data.startswith(wanted):
            open_calls.pop(data.partition(b"Call-ID: ")[2].partition(
                b"\r\n")[0], None)
        if time.monotonic() > deadline:
            raise net.Timeout("%d calls open of %d after %d s" % (
                len(open_calls), count, seconds))
    return ["%s-%d" % (first.decode(), i) for i in range(count)]


def gone(server, callid, seconds=30):
    """Nothing is left of a call after @seconds; returns how long that took."""
    start = time.monotonic()
    case.check(net.within(lambda: not server.rpc("dlg.dlg_list", callid),
                          seconds, 0.2), "not gone %d s after its call",
               seconds)
    return "gone after %.1f s" % (time.monotonic() - start)


__all__ = ["CROWD", "both", "both_at_once", "compared", "cpu_seconds", "crowd",
           "gone", "grows", "least", "must", "seen", "sip", "together", "NEEDS"]
