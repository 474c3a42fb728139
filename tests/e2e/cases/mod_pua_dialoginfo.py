"""The packaged pua_dialoginfo on our dialog: PUBLISH for both parties, with the
state of the call."""
import re

from lib import database, modules, net, proxy
from lib.case import check, same, script, sip, wait_statistic
from lib.modules import end_by_rpc


class _Nowhere:
    """A party's proxy that is never spoken to."""
    port = 9


def _server(env, watcher):
    base = database.Sqlite(proxy.scratch(), "presence")
    last = modules.load("db_sqlite") + \
        modules.load("pua", db_url=base.url, db_mode=0,
                     outbound_proxy="sip:127.0.0.1:%d" % watcher.port) + \
        modules.load("pua_dialoginfo", override_lifetime=300,
                     include_callid=1, include_tags=1)
    # The PUBLISH leaves through this server.
    routes = script(out_of_dialog='if (is_method("PUBLISH")) '
                    '{ t_relay(); exit; }', initial="dlg_manage();")
    return env.proxy(routes=routes, last=last,
                     core="alias=from.test\nalias=to.test")


def _published(watcher, state, entity, callid):
    """The PUBLISH of @state for @entity; answers all that come before, each
    with an entity tag of its own."""
    def wanted():
        message = watcher.expect("PUBLISH", seconds=5)
        watcher.server = message.source
        watcher.reply(message, 200, headers=[
            ("SIP-ETag", sip.unique("e")), ("Expires", "300")], contact=False)
        found = re.search(r"<state>(\w+)</state>", message.body)
        check(found, "a PUBLISH has no state: %r", message.body)
        return message if found.group(1).lower() == state and \
            'entity="%s"' % entity in message.body else None
    message = net.wait_until(wanted, 10, "PUBLISH of %s for %s" % (
        state, entity))
    same("its Event", message.get("Event"), "dialog")
    check('call-id="%s"' % callid in message.body,
          "PUBLISH without the call's Call-ID: %r", message.body)
    return message


def _run(env, end):
    with sip.Party(_Nowhere, "watcher") as watcher, \
            _server(env, watcher) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        _published(watcher, "trying", "sip:a@from.test", side.callid)
        _published(watcher, "early", "sip:b@to.test", side.callid)
        call = sip.answer(side, invite, b)
        _published(watcher, "confirmed", "sip:a@from.test", side.callid)
        end(server, call, a, b)
        _published(watcher, "terminated", "sip:a@from.test", side.callid)
        wait_statistic(server, "active_dialogs", 0)


def test_hang_up(env):
    _run(env, lambda server, call, a, b: call.hang_up())


def test_ended_by_rpc(env):
    _run(env, lambda server, call, a, b:
         end_by_rpc(server, call.callid, a, b))
