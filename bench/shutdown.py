"""How long a server takes to end, with held dialogs in three profiles each."""
import subprocess
import time

from setup import VARIANTS, Load, server

PROFILES = [("profiles_with_value", "few;own"), ("profiles_no_value", "all")]
JOIN = ('set_dlg_profile("few", "$(ci{s.substr,1,1})"); set_dlg_profile("own",'
        ' "$ci"); set_dlg_profile("all");')


def measure(settings, variants):
    """{variant: (dialogs, seconds or None if it was killed)}"""
    out = {}
    for variant in variants:
        name, ours = VARIANTS[variant]
        if not name or (name == "ims_dialog" and not ours):
            continue
        count = 20000 if settings.quick else 300000
        settings.note("shutdown: %s, %d dialogs" % (variant, count))
        running = server(settings, variant, PROFILES, invite=JOIN,
                         shm_mb=8192)
        with running, Load(settings, running) as load:
            load.run("calls", 0, count, 16, "hold", "fix:43200")
            start = time.monotonic()
            try:
                running.stop(120)
                out[variant] = (count, time.monotonic() - start)
            except subprocess.TimeoutExpired:
                out[variant] = (count, None)
    return out


def rows(result):
    for variant, (count, seconds) in result.items():
        ours = variant.startswith("parley")
        yield ("shutdown with %d dialogs in 3 profiles each, %s" % (count,
                                                                    variant),
               "%.2f s" % seconds if seconds is not None else "over 120 s",
               "at most 2 s" if ours else "",
               (seconds is not None and seconds <= 2) if ours else None)
