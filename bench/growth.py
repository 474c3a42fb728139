"""What an operation costs as the number of dialogs grows.

Fresh servers per number of dialogs, one of each module, which are measured in
turn: what else the machine does befalls all of them. Lifetimes uniformly random over 1 to 12
hours (for the packaged modules in ascending order while the dialogs are set up,
which is what their sorted list likes best and makes the set-up possible at
all); three profiles per dialog: `few` with 10 values, `own` with a value per
call, `all` without. CPU time of the server's SIP worker and timers, from the
scheduler's statistics. Calls and in-dialog requests run under the default
allocator. Single operations run in a loop of the script, minus an empty loop,
under -x fm: the interpreter allocates for each assignment, and with the default
allocator that alone costs more than most operations.
"""
import contextlib
import statistics
import time

from lib import sip
from setup import VARIANTS, Load, cpu_ns, own_work, server, settled

PROFILES = [("profiles_with_value", "few;own"), ("profiles_no_value", "all")]
JOIN = ('set_dlg_profile("few", "$(ci{s.substr,1,1})"); set_dlg_profile("own",'
        ' "$ci"); set_dlg_profile("all");')

# The steps visit dialogs in an order without neighbours (golden ratio).
LOOP = """
    $var(what) = $(rU{s.select,0,.});
    $var(times) = $(rU{s.select,1,.}{s.int});
    $var(all) = $(rU{s.select,2,.}{s.int});
    $var(step) = $(rU{s.select,3,.}{s.int});
    $var(i) = 0;
    $var(k) = 0;
    $var(n) = 0;
    %s
"""
ONE = """
    if ($var(what) == "%s") {
        while ((int)$var(i) < (int)$var(times)) {
            $var(k) = ((int)$var(k) + (int)$var(step)) mod (int)$var(all);
            %s
            $var(i) = (int)$var(i) + 1;
        }
    }
"""
GET = 'dlg_get("c$var(k)@b", "f$var(k)", "t$var(k)");'
OPERATIONS = {
    "empty": "",
    "dlg_get": GET,
    "size_few": 'get_profile_size("few", "3", "$var(n)");',
    "size_own": 'get_profile_size("own", "c$var(k)@b", "$var(n)");',
    "in_few": 'is_in_profile("few", "3");',
    "in_own": 'is_in_profile("own", "c0@b");',
    "set_timeout": "$var(life) = 3600 + $var(k) mod 39600; " + GET +
                   ' dlg_set_timeout("$var(life)");',
}
# is_in_profile() asks about the current dialog.
FIRST = {"in_few": 'dlg_get("c0@b", "f0", "t0");',
         "in_own": 'dlg_get("c0@b", "f0", "t0");'}
# With what an operation is compared: what its loop does besides.
WITHOUT = {"set_timeout": "dlg_get"}


def _operations(variant):
    text = ""
    for name, body in _known(variant):
        if name in FIRST:
            text += 'if ($var(what) == "%s") { %s }\n' % (name, FIRST[name])
        text += ONE % (name, body)
    return LOOP % text


def _known(variant):
    """The operations that the module has."""
    return [(name, body) for name, body in OPERATIONS.items()
            if variant != "ims_dialog" or name != "set_timeout"]


class Bed:
    """A server with @count held dialogs."""

    def __init__(self, settings, variant, count, allocator=None, fork=""):
        self.settings, self.variant, self.count = settings, variant, count
        self.ours = VARIANTS[variant][1]
        self.server = server(
            settings, variant, PROFILES, invite=JOIN + fork, random_life=True,
            shm_mb=3000 if count <= 300000 else 8000,
            operation=_operations(variant), allocator=allocator)

    def __enter__(self):
        self.server.start()
        self.load = Load(self.settings, self.server)
        how = "rnd" if self.ours else "asc"
        self.load.run("calls", 0, self.count, 16, "hold",
                      how + ":3600:43200")
        settled(self.server, 60 + self.count / 1000)
        self.pids = [pid for pid, name in own_work(self.server).items()
                     if "udp receiver" in name]
        self.next_call = self.count
        return self

    def __exit__(self, *failure):
        self.load.__exit__()
        # How long an orderly end takes is measured elsewhere.
        self.server.kill()
        self.server.close()

    def cpu(self, function):
        before = cpu_ns(self.pids)
        function()
        return cpu_ns(self.pids) - before

    def call(self, times, branches=1):
        """ns of CPU per whole call with a random lifetime."""
        def go():
            self.load.run("calls", self.next_call, times, 4, "full",
                          "rnd:3600:43200", branches)
            self.next_call += times
        return self.cpu(go) / times

    def inside(self, times):
        """ns of CPU per in-dialog request that sets the lifetime anew."""
        return self.cpu(lambda: self.load.run("inside", self.count, times, 4,
                                              0)) / times

    def operation(self, name, times):
        step = max(1, int(self.count * 0.6180339)) | 1
        with sip.Party(self.server, "op") as party:
            uri = "sip:%s.%d.%d.%d@127.0.0.1:%d" % (
                name, times, self.count, step, self.server.port)
            return self.cpu(lambda: party.ask("OPTIONS", uri=uri,
                                              seconds=100)) / times

    def rpc(self, method, times=200):
        """ns of CPU per command, in the process that serves it."""
        pids = [pid for pid, name in self.server.processes().items()
                if name.startswith("ctl handler")]
        before = cpu_ns(pids)
        for _ in range(times):
            self.server.rpc(method)
        return (cpu_ns(pids) - before) / times


def _in_turn(beds, rounds, measure):
    """[(bed, [measure(bed), ...])], the beds one after the other in each
    round."""
    found = [(bed, []) for bed in beds]
    for _ in range(rounds):
        for bed, results in found:
            results.append(measure(bed))
    return found


TEXTS = {"call": "whole call", "inside": "in-dialog request with reset",
         "dlg_get": "dlg_get()",
         "set_timeout": "dlg_set_timeout()",
         "size_few": "get_profile_size(), few values",
         "size_own": "get_profile_size(), a value per call",
         "in_few": "is_in_profile(), few values",
         "in_own": "is_in_profile(), a value per call",
         "stats_active": "dlg.stats_active"}


def _times(bed, name):
    """How often: enough to be measured, few enough for a slow module."""
    slow = not bed.ours and bed.count > 2000
    if bed.settings.quick and not slow:
        return 1000 if name in ("call", "inside") else 30000
    if name in ("call", "inside"):
        return max(20, 2000000 // bed.count) if slow else 3000
    if slow and name.startswith(("size", "set_timeout")):
        return max(50, 3000000 // bed.count)
    return 100000 if bed.ours or bed.count <= 2000 else 20000


def _measure_traffic(beds, out):
    # With 1,000 dialogs the modules are compared with each other.
    rounds = 7 if beds[0].count <= 1000 else 3
    for name in ("call", "inside"):
        for bed, found in _in_turn(beds, rounds, lambda bed: getattr(
                bed, name)(_times(bed, name))):
            out[bed.variant][name] = statistics.median(found)
    have = [bed for bed in beds if bed.variant != "ims_dialog"]
    # What disturbs a loop only ever makes it slower: the least counts.
    for bed, found in _in_turn(have, 7, lambda bed: (
            bed.rpc("core.version"), bed.rpc("dlg.stats_active"))):
        base, value = (min(column) for column in zip(*found))
        out[bed.variant]["stats_active"] = max(value - base, 0)


def _measure_operations(beds, out):
    rounds = 3 if beds[0].settings.quick else 7
    took = {bed: {} for bed in beds}
    for name in OPERATIONS:
        have = [bed for bed in beds if name in dict(_known(bed.variant))]
        for bed, found in _in_turn(have, rounds, lambda bed: bed.operation(
                name, _times(bed, name))):
            took[bed][name] = min(found)
    for bed, values in took.items():
        for name, value in values.items():
            if name != "empty":
                out[bed.variant][name] = max(
                    value - values[WITHOUT.get(name, "empty")], 0)


def _measure_size(settings, variants, count):
    """{variant: {operation: ns}}"""
    out = {variant: {} for variant in variants}
    for allocator, part in ((None, _measure_traffic),
                            ("fm", _measure_operations)):
        with contextlib.ExitStack() as stack:
            part([stack.enter_context(Bed(settings, variant, count,
                                          allocator))
                  for variant in variants], out)
    return out


def sizes(settings, variant):
    ours = VARIANTS[variant][1]
    out = [1000, 10000]
    if not settings.quick:
        out.append(100000)
        if variant != "ims_dialog":
            out.append(300000)
        if settings.full and ours:
            out.append(1000000)
    return out


def measure(settings, variants):
    """{(variant, count): {operation: ns}}"""
    wanted = {variant: sizes(settings, variant) for variant in variants
              if VARIANTS[variant][0]}
    found = {}
    for count in sorted(set().union(*wanted.values())):
        start = time.monotonic()
        found[count] = _measure_size(
            settings, [v for v in wanted if count in wanted[v]], count)
        settings.note("growth: %d dialogs, took %.0f s" % (
            count, time.monotonic() - start))
    return {(variant, count): found[count][variant]
            for variant in wanted for count in wanted[variant]}


def _text(ns):
    if ns < 10000:
        return "%.2f us" % (ns / 1e3)
    return "%.1f us" % (ns / 1e3) if ns < 1e6 else "%.2f ms" % (ns / 1e6)


def _target(name, count, base, value):
    """What is allowed: (text, met)."""
    if count <= 1000:
        return "", None
    far = count > 300000
    if name in ("call", "inside"):
        factor = 3 if far else 1.5
        return "at most %.1f times" % factor, value <= factor * base
    factor, least = (3, 2500) if far else (2, 1500)
    return ("at most %d times or %.1f us" % (factor, least / 1e3),
            value <= max(factor * base, least))


def rows(result):
    order = ["call", "inside"] + [n for n in OPERATIONS if n != "empty"]
    for name in order + ["stats_active"]:
        for (variant, count), values in result.items():
            if name not in values:
                continue
            value, ours = values[name], variant.startswith("parley")
            base = result[variant, 1000][name]
            target, met = _target(name, count, base, value) if ours \
                else ("", None)
            stock = result.get(("dialog", 1000), {}).get(name)
            if ours and stock is not None and count == 1000 and \
                    name not in OPERATIONS:
                # Not slower than the packaged module, within 15 %, which is
                # how far medians of one program lie apart, even in turn. Of
                # operations the instructions are compared (operations.py).
                target += ("; " if target else "") + \
                    "stock at 1,000: " + _text(stock)
                met = met is not False and value <= 1.15 * stock + 100
            yield ("%s, %d dialogs, %s" % (TEXTS[name],
                                           count, variant),
                   "%s (x%.2f)" % (_text(value), value / base if base else 1),
                   target, met)
