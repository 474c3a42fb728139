"""In-dialog requests are matched, shown to the script, and committed when they
are relayed: what is refused changes nothing."""
from lib.case import (CONTINUE, SUSPEND, check, net, same, script,
                      sip, state_of, stock_differs, suspended, wait_state,
                      wait_statistic)

RECEIPT = "it changes the dialog when the request comes in (D5)"
EVENTS = '''
event_route[dialog:end] { xlog("L_ALERT", "END $dlg(callid)\\n"); }
event_route[dialog:start] { xlog("L_ALERT", "START $dlg(callid)\\n"); }
'''


def _refuse(env, how, code):
    """A BYE that the script refuses leaves the call up; the next one ends it,
    once."""
    routes = script(inside='if (is_method("BYE") && $hdr(X-Bad) == "1") { %s }'
                           % how, more=EVENTS)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.request("BYE", [("X-Bad", "1")])
        if code:
            a.expect(code, "BYE")
        b.never("BYE", seconds=0.2)
        wait_state(server, call.callid, 4)
        same("active", server.statistics()["active_dialogs"], 1)
        check("END" not in server.log(), "dialog:end has run")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        net.wait_until(lambda: "END" in server.log(), 3, "dialog:end has run")
        same("runs of dialog:end", server.log().count("END "), 1)


@stock_differs(RECEIPT)
def test_refused_by_stateless_reply(env):
    _refuse(env, 'sl_send_reply("403", "No"); exit;', 403)


@stock_differs(RECEIPT)
def test_refused_by_reply(env):
    _refuse(env, 't_newtran(); t_reply("407", "Who"); exit;', 407)


@stock_differs(RECEIPT)
def test_refused_by_send_reply(env):
    _refuse(env, 'send_reply("481", "No"); exit;', 481)


def _accepted(env, how, relayed=True, code=200):
    """A BYE that leaves by other ways than t_relay() ends the call, too."""
    routes = script(inside='if (is_method("BYE")) { %s }' % how, more=EVENTS)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.request("BYE")
        if relayed:
            b.reply(b.expect("BYE"), 200)
        if code:
            a.expect(code, "BYE")
        wait_statistic(server, "active_dialogs", 0)
        net.wait_until(lambda: "END" in server.log(), 3, "dialog:end has run")
        same("runs of dialog:end", server.log().count("END "), 1)


def test_forward(env):
    """Stateless forward() commits at the end of the route."""
    _accepted(env, "forward(); exit;")


def test_drop(env):
    _accepted(env, "drop;", relayed=False, code=None)


def test_answered_200(env):
    _accepted(env, 'sl_send_reply("200", "OK"); exit;', relayed=False)


def test_answered_200_by_tm(env):
    _accepted(env, 't_newtran(); t_reply("200", "OK"); exit;', relayed=False)


@stock_differs(RECEIPT)
def test_callee_refuses(env):
    """The callee answers 481: the BYE was relayed, so the call is over."""
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.request("BYE")
        b.reply(b.expect("BYE"), 481)
        a.expect(481, "BYE")
        wait_statistic(server, "active_dialogs", 0)


def test_status_shown(env):
    """$DLG_status is the state that the request leads to: 5 on a BYE."""
    routes = script(inside='xlog("L_ALERT", "STATUS $rm $DLG_status '
                           '$DLG_lifetime\\n");')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        call.hang_up()
        for line in ("STATUS ACK 4", "STATUS INFO 4", "STATUS BYE 5"):
            check(line in server.log(), "%r is not in\n%s", line,
                  server.log())


@stock_differs(RECEIPT)
def test_shown_not_stored(env):
    """In the route the dialog itself is still up; dialog:end runs later."""
    routes = script(inside='xlog("L_ALERT", "STATE $rm $DLG_status '
                           '$dlg(state) $DLG_count\\n");', more=EVENTS)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        log = server.log()
        check("STATE BYE 5 4 1" in log, "%s", log)
        check(log.index("STATE BYE") < log.index("END"), "order in %s", log)


def test_suspended(env):
    """A suspended BYE stays pending and is committed when it goes on."""
    routes = script(
        inside='if (is_method("BYE")) { %s }' % SUSPEND, first=CONTINUE,
        more=EVENTS + "route[GO] { t_relay(); }")
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.caller.request("BYE")
        which = suspended(server)
        if not env.stock:
            same("state", state_of(server, call.callid), 4)
            check("END" not in server.log(), "dialog:end has run")
        a.ask("OPTIONS", which)
        b.reply(b.expect("BYE"), 200)
        a.expect(200, "BYE")
        wait_statistic(server, "active_dialogs", 0)
        same("runs of dialog:end", server.log().count("END "), 1)


def test_ack_committed_at_match(env):
    """An ACK counts even if the script then drops it."""
    routes = script(inside='if (is_method("ACK")) { exit; }')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        sip.answer(side, invite, b, ack=False)
        wait_state(server, side.callid, 3)
        side.ack()
        wait_state(server, side.callid, 4)


@stock_differs(RECEIPT)
def test_bye_retransmitted_after_refusal(env):
    """The refused BYE, sent again, still changes nothing."""
    routes = script(inside='if (is_method("BYE") && $hdr(X-Bad) == "1") {'
                           ' sl_send_reply("403", "No"); exit; }')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        bye = call.caller.request("BYE", [("X-Bad", "1")])
        a.expect(403)
        for _ in range(5):
            a.send(bye.data)
            a.expect(403)
        same("state", state_of(server, call.callid), 4)
