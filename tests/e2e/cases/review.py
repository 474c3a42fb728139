"""What a second look has found: unusual scripts and unusual partners."""
from lib.case import (CONTINUE, SUSPEND, parley_only, same, script, sip,
                      state_of, suspended, wait_state, wait_statistic)

EARLY = "the packaged module cannot end a call that is not answered"
STARTED = 'event_route[dialog:start] { xlog("L_ALERT", "START\\n"); }'
REPLY_ROUTE = '''onreply_route[ENDS] {
    if ($rs == 200 && is_method("INVITE")) { dlg_terminate("all", "why"); }
}'''


def _ended_on_its_200(env, **hooks):
    """The script ends the call when it sees the 200: both get a BYE."""
    with env.proxy(routes=script(**hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        b.reply(invite, 200)
        final = a.expect(lambda m: m.code >= 200, "INVITE")
        same("final reply", final.code, 200)
        b.reply(b.expect("BYE"), 200)
        a.never("BYE", seconds=0.2)  # not before its ACK (RFC 3261 15)
        side.learn(final)
        side.ack()
        a.reply(a.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0)
        same("failed", server.statistics()["failed_dialogs"], 0)
        if hooks["more"].endswith(STARTED):
            same("runs of dialog:start", server.log().count("START"), 1)


@parley_only(EARLY)
def test_ended_on_its_200(env):
    _ended_on_its_200(env, reply='if ($rs == 200 && is_method("INVITE")) {'
                      ' dlg_terminate("all", "why"); }', more="")


@parley_only(EARLY)
def test_ended_on_its_200_by_tm(env):
    _ended_on_its_200(env, relay='t_on_reply("ENDS"); t_relay();',
                      more=REPLY_ROUTE)


@parley_only(EARLY)
def test_ended_on_its_200_with_listener(env):
    _ended_on_its_200(env, relay='t_on_reply("ENDS"); t_relay();',
                      more=REPLY_ROUTE + STARTED)


OVERTAKES = '''onreply_route[ENDS] {
    if ($rs == 200 && is_method("INVITE")) {
        jsonrpc_exec('{"jsonrpc": "2.0", "id": 1,
            "method": "dlg.terminate_dlg", "params": ["$ci", "$ft", "$tt"]}');
    }
}'''


def _overtaken(env, more):
    """Our 480 is sent while the 200 is in a reply route already: it gets ACK
    and BYE though nothing can keep it from the caller any more."""
    routes = script(relay='t_on_reply("ENDS"); t_relay();',
                    more=OVERTAKES + more)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        b.reply(invite, 200)
        side.ack_failure(a.expect(480, "INVITE"))
        ack, bye = b.expect("ACK"), b.expect("BYE")
        same("ACK's CSeq", ack.cseq, invite.cseq)
        b.reply(bye, 200)
        wait_statistic(server, "failed_dialogs", 1)


@parley_only(EARLY)
def test_overtaken(env):
    _overtaken(env, "")


@parley_only(EARLY)
def test_overtaken_with_listener(env):
    _overtaken(env, STARTED)


def _answered(env, tags, last):
    with env.proxy() as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side = a.invite(b)
        invite = b.expect("INVITE")
        for tag in tags:
            b.reply(invite, 183, tag=tag)
            a.expect(183)
        b.reply(invite, 200, tag=last or side.local_tag)
        side.learn(a.expect(200, "INVITE"))
        side.ack()
        b.expect("ACK")
        wait_state(server, side.callid, 4)
        found = server.rpc("dlg.dlg_list", side.callid)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        for party in (a, b):
            party.reply(party.expect("BYE"), 200)
        wait_statistic(server, "active_dialogs", 0)


@parley_only("it keeps one leg")
def test_many_ring_another_answers(env):
    """More ringing To-tags than are kept do not hide the one that answers."""
    _answered(env, ["leg%d" % i for i in range(40)], "another")


def test_callee_with_the_callers_tag(env):
    _answered(env, [], None)


BRANCHES = """branch_route[OWN] { if ($T_branch_idx == 1) { record_route(); } }
"""


def _route_sets(env, more):
    """Two 2xx, one with our Record-Route and one without: neither route set
    names this proxy."""
    routes = script(
        initial='dlg_manage(); append_branch("sip:c@127.0.0.1:'
        '$hdr(X-Second)"); t_on_branch("OWN");', more=BRANCHES + more)
    routes = routes.replace("record_route();", "", 1)
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Second", c.port)])
        invites = [(p, p.expect("INVITE")) for p in (b, c)]
        same("Record-Routes", [len(i.listed("Record-Route"))
                               for _, i in invites], [0, 1])
        for party, invite in invites:
            party.reply(invite, 180, tag="at" + party.user)
            a.expect(180)
        for party, invite in invites:
            party.reply(invite, 200, tag="at" + party.user)
            side.fork(a.expect(200, "INVITE")).ack()
        legs = server.rpc("dlg.dlg_list", side.callid)["legs"]
        same("route sets", [(leg["tag"], leg["route_set"]) for leg in legs],
             [("atb", ""), ("atc", "")])


@parley_only("it keeps one leg")
def test_route_sets_of_branches(env):
    _route_sets(env, "")


@parley_only("it keeps one leg")
def test_route_sets_of_branches_with_listener(env):
    _route_sets(env, STARTED)


RESUMED = """route[GO] {
    loose_route();
    dlg_manage();
    if ($hdr(X-Bad) == "1") { t_reply("403", "No"); exit; }
    t_relay();
}
"""


@parley_only("its lifetime is of another kind")
def test_matched_again_when_resumed(env):
    """loose_route() and dlg_manage() in both halves of a suspended request: it
    counts when it goes on, and not at all when the second half refuses it."""
    routes = script(
        first=CONTINUE, more=RESUMED,
        inside='if (is_method("INFO") || is_method("BYE")) { %s }' % SUSPEND)
    with env.proxy(routes=routes, children=2) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        for number, (method, bad) in enumerate(
                (("INFO", 0), ("BYE", 1), ("BYE", 0)), 1):
            call.caller.request(method, [("X-Bad", bad)])
            which = suspended(server, number)
            same("state", state_of(server, call.callid), 4)
            a.ask("OPTIONS", which)
            if bad:
                a.expect(403, method)
                same("state", state_of(server, call.callid), 4)
            else:
                b.reply(b.expect(method), 200)
                a.expect(200, method)
        wait_statistic(server, "active_dialogs", 0)
        same("bogus", server.rpc("dlg.stats")["bogus_event"], 0)
