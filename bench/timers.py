"""How late timers are among many dialogs: calls with a lifetime of 5 seconds
are placed while the others have hours to go. The module itself keeps the
largest delay between the time a timer was due and the time it was acted on; the
packaged modules keep no such figure.
"""
from setup import Load, net, server

SHORT = 2000


def measure(settings, variants):
    """{variant: (dialogs, largest delay in ms)}"""
    out = {}
    for variant in variants:
        if not variant.startswith("parley"):
            continue
        count = 20000 if settings.quick else 300000
        settings.note("timers: %s, %d dialogs" % (variant, count))
        running = server(settings, variant, random_life=True, shm_mb=8192)
        with running, Load(settings, running) as load:
            load.run("calls", 0, count, 16, "hold", "rnd:3600:43200")
            load.run("calls", count, SHORT, 16, "hold", "fix:5")
            net.wait_until(
                lambda: running.rpc("dlg.stats")["expired"] == SHORT, 60,
                "the short calls have expired", step=0.2)
            out[variant] = (count, running.rpc("dlg.stats")["timer_lag_ms"])
    return out


def rows(result):
    for variant, (count, late) in result.items():
        yield ("largest delay of %d timers, %d dialogs, %s" % (SHORT, count,
                                                               variant),
               "%d ms" % late, "at most 1000 ms", late <= 1000)
