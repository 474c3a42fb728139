"""Both BYEs when the proxy ends a call, and how many calls get them."""
import time

from lib import rpc
from setup import VARIANTS, Load, server

COUNT = 600


def _ids(running, variant):
    """h_entry and h_id of all dialogs, and the command that ends one. The
    packaged ims_dialog has names of its own for all of them."""
    if variant == "ims_dialog":
        listed = running.json("dlg2.list", timeout=120)
        listed = [item["Dialog"] for item in listed["Dialogs"]]
        return [(d["Entry"], d["Id"]) for d in listed], "dlg2.end_dlg"
    listed = running.json("dlg.list", timeout=120)
    return [(d["h_entry"], d["h_id"]) for d in listed], "dlg.end_dlg"


def _measure_one(settings, variant):
    running = server(settings, variant, children=4, shm_mb=256, tcp=True)
    with running, Load(settings, running) as load:
        load.run("calls", 0, COUNT, 16, "hold", "fix:3600")
        listed, ender = _ids(running, variant)
        start = time.monotonic()
        both = 0
        for ids in listed:
            try:
                running.rpc(ender, *ids)
            except rpc.Fault:
                pass  # counted by the BYEs that are missing
            # One at a time: then an answer can overtake the second BYE.
            both = load.run("ended", 0, COUNT, 20, both + 1)["both"]
        seconds = time.monotonic() - start
        both = load.run("ended", 0, COUNT, 5000, COUNT)["both"]
    return both, len(listed), seconds


def measure(settings, variants):
    out = {}
    for variant in variants:
        if VARIANTS[variant][0]:
            settings.note("ending: %s" % variant)
            out[variant] = _measure_one(settings, variant)
    return out


def rows(result):
    for variant, (both, listed, seconds) in result.items():
        ours = variant.startswith("parley")
        yield ("end_dlg of %d calls: both sides got a BYE, %s" % (listed,
                                                                  variant),
               "%d (%.2f s)" % (both, seconds),
               "%d" % COUNT if ours else "", both == COUNT if ours else None)
