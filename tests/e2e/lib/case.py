"""What a case sees: which module it tests, and servers made for it."""
import contextlib
import functools
import re

from . import net, proxy, sip

# The usual script of a proxy that follows calls; %s are hooks.
SCRIPT = """
request_route {
    %(first)s
    if (has_totag()) {
        if (!loose_route()) {
            %(strange)s
        }
        %(inside)s
        if (is_method("ACK")) {
            if (!t_check_trans()) { t_relay(); }
            exit;
        }
        t_relay();
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) { t_relay(); }
        exit;
    }
    %(out_of_dialog)s
    record_route();
    if (is_method("INVITE")) {
        %(initial)s
    }
    %(relay)s
}
onreply_route {
    %(reply)s
}
%(more)s
"""

# A request is suspended; an OPTIONS, for the hook first, lets it go on at GO.
SUSPEND = '''
    t_suspend();
    xlog("L_ALERT", "WAITS $T(id_index) $T(id_label)\\n");
    exit;'''
CONTINUE = '''
    if (is_method("OPTIONS")) {
        t_continue("$(hdr(X-Index){s.int})", "$(hdr(X-Label){s.int})", "GO");
        sl_send_reply("200", "OK");
        exit;
    }'''
STRANGE = 'sl_send_reply("404", "Not here"); exit;'


def script(**hooks):
    """The usual script; hooks: first, inside, strange, out_of_dialog, initial,
    relay, reply, more."""
    nothing = "$var(nothing) = 0;"  # a block may not be empty
    parts = dict(first="", inside="", strange=nothing, out_of_dialog="",
                 initial="dlg_manage();", relay="t_relay();", reply=nothing,
                 more="")
    unknown = set(hooks) - set(parts)
    if unknown:
        raise TypeError("unknown hooks %r" % unknown)
    parts.update(hooks)
    return SCRIPT % parts


class Skip(Exception):
    """The case does not apply; the reason is printed."""


# What the module's other names change (docs/ims.md), set back.
AS_DIALOG = [("bye_early_code", 480), ("send_bye", 0)]


class Env:
    """What is tested: ours from @build, or the packaged module; as @name,
    unless a case asks for another one."""

    def __init__(self, build, stock=False, name="dialog"):
        self.build = build
        self.stock = stock
        self.name = name

    def module(self, name=None, stock=None):
        """A case that asks for the packaged module means dialog."""
        name = name or ("dialog" if stock else self.name)
        stock = self.stock if stock is None else stock
        return proxy.module_path(name, None if stock else self.build)

    def proxy(self, params=(), routes=None, **options):
        """A server with the tested module, not yet started."""
        name = options.pop("name", None)
        stock = options.pop("stock", None)
        if not (name or stock or self.stock) and self.name != "dialog":
            params = AS_DIALOG + list(params)
        routes = script() if routes is None else routes
        return proxy.Proxy(self.module(name, stock), params, routes, **options)


@contextlib.contextmanager
def two_parties(server):
    """@server, which is started, with the Parties a and b."""
    with server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        yield server, a, b


def parley_only(reason):
    """Marks a case of what the packaged module does not have."""
    def mark(function):
        @functools.wraps(function)
        def run(env, *more):
            if env.stock:
                raise Skip(reason)
            return function(env, *more)
        return run
    return mark


def stock_differs(reason):
    """Marks a case in which the packaged module is known to fail."""
    return parley_only("the packaged module differs: " + reason)


def same(what, got, want):
    if got != want:
        raise AssertionError("%s is %r, expected %r" % (what, got, want))


def check(condition, text, *args):
    if not condition:
        raise AssertionError(text % args if args else text)


def suspended(server, count=1):
    """The headers that let the request go on that was suspended last, of
    @count since the start."""
    def found():
        return re.findall(r"WAITS (\d+) (\d+)", server.log())[count - 1:]
    net.wait_until(found, 3, "a request is suspended")
    return list(zip(("X-Index", "X-Label"), found()[0]))


def dialogs(server):
    """dlg.list as a list, whatever its length."""
    found = server.json("dlg.list")
    return found if isinstance(found, list) and not hasattr(found, "names") \
        else [found]


def state_of(server, callid):
    """State of a call as RPC shows it, 0 if it is not there."""
    found = server.rpc("dlg.dlg_list", callid)
    return found["state"] if found else 0


def wait_state(server, callid, state, seconds=5.0):
    net.wait_until(lambda: state_of(server, callid) == state, seconds,
                   "state %d of %s (is %d)" % (
                       state, callid, state_of(server, callid)))


def wait_statistic(server, name, value, seconds=5.0):
    net.wait_until(lambda: server.statistics()[name] == value, seconds,
                   "%s = %d (%r)" % (name, value, server.statistics()))


__all__ = ["CONTINUE", "Env", "SUSPEND", "Skip", "check", "dialogs", "net",
           "parley_only", "proxy", "same", "script", "sip", "state_of",
           "stock_differs", "suspended", "two_parties", "wait_state", "wait_statistic"]
