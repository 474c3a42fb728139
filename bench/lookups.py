"""What it costs to find three calls among few and among many, by a variable and
by a profile, their JSON included. CPU time of the SIP worker, in a loop of the
script minus an empty one, under -x fm."""
import growth
from setup import VARIANTS, server

INVITE = '''$dlg_var(number) = $ci; $dlg_var(type) = "call";
    if ($ci =~ "^c[012]@") {
        $dlg_var(who) = "three"; set_dlg_profile("three");
    }'''
OPERATIONS = {
    "empty": "",
    "get_dialogs_by_val()": 'get_dialogs_by_val("who", "three", "$avp(l)", '
                            '"$var(n)"); $avp(l) = $null;',
    "get_dialogs_by_profile()": 'get_dialogs_by_profile("three", "$avp(l)", '
                                '"$var(n)"); $avp(l) = $null;',
}


class Bed(growth.Bed):
    def __init__(self, settings, variant, count):
        self.settings, self.variant, self.count = settings, variant, count
        self.ours = True
        self.server = server(
            settings, variant, [("profiles_no_value", "three")], invite=INVITE,
            random_life=True, shm_mb=3000, allocator="fm",
            operation=growth.LOOP % "".join(
                growth.ONE % pair for pair in OPERATIONS.items()))


def measure(settings, variants):
    """{(variant, count, operation): ns}"""
    out = {}
    times = 5000 if settings.quick else 20000
    for variant in variants:
        if not VARIANTS[variant][1]:
            continue
        for count in (1000, 10000 if settings.quick else 100000):
            with Bed(settings, variant, count) as bed:
                took = {name: min(bed.operation(name, times)
                                  for _ in range(5)) for name in OPERATIONS}
            for name, value in took.items():
                if name != "empty":
                    out[variant, count, name] = value - took["empty"]
    return out


def rows(result):
    for (variant, count, name), value in result.items():
        base = result[variant, 1000, name]
        # Each of the 64 shards is looked at: with many dialogs their memory is
        # in no cache, however few steps there are.
        met = None if count == 1000 else value <= max(2 * base, 30000)
        yield ("%s with 3 matches, %d dialogs, %s" % (name, count, variant),
               "%.1f us (x%.2f)" % (value / 1e3, value / base),
               "" if count == 1000 else "at most 2 times or 30 us", met)
