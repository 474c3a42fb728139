"""Calls that have something of all that a database holds, and what is compared
of them before and after a restart."""
import contextlib

from . import net, sip
from .case import check, same, script

ODD = """it's "1"; a\\b, 100%"""
PARAMS = [("profiles_with_value", "callers"), ("profiles_no_value", "all"),
          ("default_timeout", 3600)]
INITIAL = """
        $dlg_var(who) = $fU;
        $dlg_var(odd) = $hdr(X-Odd);
        dlg_setflag(4);
        $dlg_ctx(timeout_route) = "ends";
        dlg_manage();
        set_dlg_profile("callers", "$fU");
        set_dlg_profile("all");
"""
# INFO sets a variable, MESSAGE takes one away, UPDATE changes the lifetime.
INSIDE = """
        if (is_method("INFO")) { $dlg_var(info) = $hdr(X-Info); }
        if (is_method("MESSAGE")) { $dlg_var(odd) = $null; }
        if (is_method("UPDATE")) { dlg_set_timeout("$hdr(X-Timeout)"); }
"""
MORE = """
route[ends] {
    xlog("L_ALERT", "timeout route of $dlg(callid) $dlg_var(who)\\n");
}
"""
# What the packaged module does not keep, or counts anew.
VOLATILE = {"ref", "duration", "dflags", "init_ts"}


def routes(**hooks):
    return script(**dict(dict(initial=INITIAL, inside=INSIDE, more=MORE),
                         **hooks))


def server(env, base, mode, *params, **options):
    """A proxy with the database @base, not started."""
    options.setdefault("routes", routes())
    journal = [] if env.stock or options.get("stock") else [
        ("journal_dir", folder_of_journal(base))]
    return env.proxy(PARAMS + [("db_url", base.url), ("db_mode", mode)] +
                     journal + list(params), first=base.load(), **options)


def folder_of_journal(base):
    """One folder as long as the database is the same, whoever uses it."""
    if not hasattr(base, "journal"):
        from . import proxy
        base.journal = proxy.scratch()
    return base.journal


def ring(a, b):
    """INVITE and 180 through one more proxy on either side, of which only its
    name is there: it stands for the party's own address."""
    names = [("Record-Route", "<%s;lr=on>" % party.contact) for party in (a, b)]
    side = a.invite(b, [names[0], ("X-Odd", ODD)])
    invite = b.expect("INVITE", callid=side.callid)
    invite.headers.insert(0, names[1])
    _learn(side, b.reply(invite, 180), a.expect(180, callid=side.callid))
    return side, invite


def _learn(side, sent, got):
    same("tag", got.to_tag, sent.to_tag)
    side.learn(got)
    side.routes.pop(0)  # the proxy on our side takes its name away


def answer(side, invite, b, ack=True):
    reply = b.reply(invite, 200)
    _learn(side, reply, side.party.expect(200, "INVITE", callid=side.callid))
    call = sip.Call(side, sip.Side.of_callee(b, invite, reply))
    call.callee.routes.pop(0)
    if ack:
        side.ack()
        b.expect("ACK", callid=side.callid)
    return call


def establish(a, b):
    return answer(*ring(a, b), b)


def within(call, method, by="caller", **options):
    """A request inside the call, and its 200."""
    side = getattr(call, by)
    other = call.callee if by == "caller" else call.caller
    side.request(method, **options)
    request = other.party.expect(method, callid=call.callid)
    other.party.reply(request, 200)
    side.party.expect(200, method, callid=call.callid)


def facts(proxy, callid, *without):
    """What RPC shows of a dialog, as far as it must survive; None: no such
    dialog."""
    found = proxy.rpc("dlg.dlg_list", callid)
    if not found:
        return None
    out = {name: dict(value) if name in ("caller", "callee") else value
           for name, value in found
           if name not in VOLATILE and name not in without}
    for name in ("profiles", "variables"):
        out[name] = pairs(out[name])
    return out


def pairs(found):
    """Profiles or variables as RPC shows them, which are lists of names and of
    structures with one member each, in any order."""
    flat = []
    for item in found:
        flat += item if isinstance(item, list) else [item]
    return sorted((x, "") if isinstance(x, str) else tuple(x) for x in flat)


def sizes(proxy):
    """The profiles' sizes: all, callers, callers with the value a."""
    return [int(proxy.rpc("dlg.profile_get_size", *words)) for words in
            (("all",), ("callers",), ("callers", "a"))]


def same_facts(what, now, old):
    # Kamailio's clock of ticks is not the one on the wall.
    for name in ("timeout", "lifetime"):
        if now and abs(now[name] - old[name]) <= 2:
            now[name] = old[name]
    same(what, now, old)


@contextlib.contextmanager
def kept(what, proxy, *callids, without=()):
    """After what is done inside, all of the dialogs is as it was."""
    before = [facts(proxy, callid, *without) for callid in callids]
    counts = sizes(proxy)
    yield
    for callid, old in zip(callids, before):
        same_facts("%s: dialog %s" % (what, callid),
                   facts(proxy, callid, *without), old)
    same(what + ": sizes of the profiles", sizes(proxy), counts)


def wait_rows(base, table, count, seconds=5.0):
    net.wait_until(lambda: base.count(table) == count, seconds,
                   "%d rows in %s (are %d)" % (count, table,
                                               base.count(table)))
    return base.rows(table)


def set_end(base, seconds):
    """The lifetime of all calls in the table ends then."""
    base.update("dialog", "start_time", seconds - 3600)
    base.update("dialog", "timeout", seconds)


def no_rows(base):
    for table in ("dialog", "dialog_vars"):
        wait_rows(base, table, 0, 15)


__all__ = ["check", "establish", "facts", "kept", "no_rows", "pairs", "routes",
           "same_facts", "server", "set_end", "sizes", "wait_rows", "within"]
