"""Shared memory per confirmed dialog, membership and variable, and what is
left after the calls have ended and the end timers have run.

real_used of core.shmmem under the default allocator: what disappears from the
pool, fragment headers included. Measured when tm has forgotten all INVITEs,
above the level after a warm-up of 300 calls.

What the packaged acc and sst make the dialog module keep, views of dialogs and
registered callbacks: a proxy with both, registered for each call, less one
without either, whose script sets the three variables and the lifetime that they
set. The piece that sst allocates for itself is taken off, as mod.stats has it.
"""
from setup import VARIANTS, Load, server, settled

# As in the growth figures: a profile with ten values, one with a value of its
# own for each dialog, one without values.
PROFILES = [("profiles_with_value", "few;own"), ("profiles_no_value", "all")]

SHAPES = {
    "plain": ("", 0),
    "3 memberships": ('set_dlg_profile("few", "$(ci{s.substr,-1,0})"); '
                      'set_dlg_profile("own", "$ci"); '
                      'set_dlg_profile("all");', 3),
    "3 variables": ('$dlg_var(variab_1) = "value__1"; $dlg_var(variab_2) = '
                    '"value__2"; $dlg_var(variab_3) = "value__3";', 3),
}

# {registered: (configuration, script)}
ACC_AND_SST = "acc and sst"
REGISTERED = {
    True: ("""loadmodule "acc.so"
loadmodule "sst.so"
modparam("acc", "cdr_enable", 1)
modparam("sst", "sst_flag", 5)
modparam("sst", "min_se", 43200)
modparam("sst", "timeout_avp", "$avp(life)")
""", "setflag(5);"),
    False: ("", '$avp(life) = 43200; $dlg_var(start_time) = '
            '"1700000000.000"; $dlg_var(end_time) = "1700000000.000"; '
            '$dlg_var(duration) = "0";'),
}
FRAGMENT = 88  # what a piece costs above its size, in the default allocator
MODULE_VARIANTS = ("dialog", "parley")


def _level(running, count):
    return settled(running, 60 + count / 1000)


def _measure_one(settings, variant, shape, count):
    script, _ = SHAPES[shape]
    params = list(PROFILES) if VARIANTS[variant][0] else []
    if variant != "ims_dialog":  # the packaged one has no such parameter
        params.append(("end_timeout", 5))
    running = server(settings, variant, params, shm_mb=4096,
                     invite=script if VARIANTS[variant][0] else "")
    return _measure_server(settings, running, count)[:2]


def _measure_registered(settings, variant, registered, count):
    last, script = REGISTERED[registered]
    params = list(PROFILES) + [("end_timeout", 5),
                               ("timeout_avp", "$avp(life)")]
    running = server(settings, variant, params, shm_mb=4096, invite=script,
                     last=last)
    return _measure_server(settings, running, count)


def _measure_modules(settings, variant, count):
    """(bytes per dialog that the registrations cost, bytes left)"""
    with_them, left, own = _measure_registered(settings, variant, True, count)
    without, _, _ = _measure_registered(settings, variant, False, count)
    return with_them - without - own, left


def _own_of_sst(running, count):
    """Bytes per dialog that sst keeps for itself, in one piece each."""
    for lines in running.rpc("mod.stats", "sst", "shm"):
        if isinstance(lines, list) and "Total" in dict(lines):
            total = dict(lines)["Total"]
            return total / count + FRAGMENT if total else 0
    return 0


def _measure_server(settings, running, count):
    with running, Load(settings, running) as load:
        # Warm: once as many at once as tm will hold, so that its own growth
        # is not taken for the dialogs'.
        load.run("calls", 0, 300, 16, "full", "fix:43200")
        before = _level(running, 300)
        load.run("calls", 1000, count, 16, "hold", "fix:43200")
        held = _level(running, count)
        own = _own_of_sst(running, count)
        load.run("bye", 1000, count, 16)
        after = _level(running, count)
    return (held - before) / count, after - before, own


def measure(settings, variants):
    """{(variant, shape): (bytes per dialog, bytes left at the end)}"""
    count = 5000 if settings.quick else 50000
    out = {}
    for variant in variants:
        if not VARIANTS[variant][0]:
            continue
        for shape in SHAPES:
            if variant == "ims_dialog" and shape != "plain" and settings.quick:
                continue
            settings.note("memory: %s, %s" % (variant, shape))
            out[variant, shape] = _measure_one(settings, variant, shape, count)
        if variant in MODULE_VARIANTS:
            settings.note("memory: %s, %s" % (variant, ACC_AND_SST))
            out[variant, ACC_AND_SST] = _measure_modules(settings, variant,
                                                         count)
    return out


def rows(result):
    limits = {"plain": 900, "3 memberships": 64, "3 variables": 96}
    for shape, (_, parts) in SHAPES.items():
        for (variant, which), (each, _) in result.items():
            if which != shape:
                continue
            if parts:
                each = (each - result[variant, "plain"][0]) / parts
                text = "shared memory per %s" % shape[2:-1].replace(
                    "membership", "profile membership")
            else:
                text = "shared memory per confirmed dialog"
            ours = variant.startswith("parley")
            yield ("%s, %s" % (text, variant), "%.0f B" % each,
                   "at most %d B" % limits[shape] if ours else "",
                   each <= limits[shape] if ours else None)
    for (variant, which), (each, _) in result.items():
        if which == ACC_AND_SST:
            ours = variant.startswith("parley")
            yield ("views and registrations for acc and sst per dialog, %s"
                   % variant, "%.0f B" % each,
                   "at most 750 B" if ours else "",
                   each <= 750 if ours else None)
    for (variant, shape), (_, left) in result.items():
        ours = variant.startswith("parley")
        # A fragment's header may come and go with the order of frees.
        yield ("left after the end of all calls, %s, %s" % (variant, shape),
               "%d B" % left, "0 (at most 4096) B" if ours else "",
               left <= 4096 if ours else None)
