"""A database, and a proxy that stores its calls there."""

from lib import database, net
from setup import VARIANTS, server, settled

MODULES = ("dialog", "parley")


def of_dialog(variants):
    """Those whose database is measured."""
    return [v for v in variants if v in MODULES]


def base_of(kind):
    """An empty database with the package's tables, as an operator makes it."""
    base = database.fresh(kind, private=True, durable=True)
    base.create_stock_tables()
    if kind == "sqlite":
        base.execute("PRAGMA journal_mode=DELETE;")
    return base


def stored(settings, variant, base, mode, params=(), **options):
    """A proxy whose calls are in @base, not started."""
    running = server(settings, variant, [("db_url", base.url),
                                         ("db_mode", mode)] + list(params),
                     first=base.load(), **options)
    running.stores = VARIANTS[variant][1] and mode in (1, 2)
    if running.stores:
        running.params.append(("journal_dir", running.folder))
    return running


def nothing_waits(running):
    stats = running.rpc("dlg.db_stats")
    return stats["waiting"] == stats["writing"] == 0


def written(running):
    """Waits until nothing is left to do: transactions are gone, and what had
    to be stored is."""
    settled(running)
    if running.stores:
        net.wait_until(lambda: nothing_waits(running),
                       60, "everything is in the database", step=0.05)
