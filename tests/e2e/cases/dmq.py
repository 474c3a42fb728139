"""Two proxies on one bus: what one knows of a call the other knows, too."""
import contextlib

from lib import database, proxy, stored
from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      state_of, wait_state, wait_statistic)

from . import kemi

ROUTES = dict(
    first='if (is_method("KDMQ")) { dmq_handle_message(); exit; }',
    more="""
event_route[dialog:start] { xlog("L_NOTICE", "TOLD start $ci\\n"); }
event_route[dialog:end] { xlog("L_NOTICE", "TOLD end $dlg(callid)\\n"); }
event_route[dialog:failed] { xlog("L_NOTICE", "TOLD failed $dlg(callid)\\n"); }
""")
PARAMS = [("enable_dmq", 1), ("default_timeout", 60),
          ("profiles_with_value", "out;in"), ("profiles_no_value", "all")]
REASON = "the packaged module replicates a part of a call only"


def node(env, other=None, params=(), stock=None, **hooks):
    """A proxy on the bus that it shares with @other."""
    routes = dict(ROUTES)
    routes["more"] += hooks.pop("more", "")
    last, debug = hooks.pop("last", ""), hooks.pop("debug", 2)
    server = env.proxy(PARAMS + list(params), script(**dict(routes, **hooks)),
                       stock=stock, debug=debug, last=last)
    server.first = "\n".join([
        'loadmodule "dmq.so"',
        'modparam("dmq", "server_address", "sip:127.0.0.1:%d")' % server.port,
        'modparam("dmq", "ping_interval", 5)',
        'modparam("tm", "fr_timer", 3000)'] + ([
            'modparam("dmq", "notification_address", "sip:127.0.0.1:%d")'
            % other.port] if other else []))
    return server


def name(server):
    return "sip:127.0.0.1:%d" % server.port


def joined(first, second):
    """Each is active in the other's list."""
    def active(server):
        found = server.rpc("dmq.list_nodes")
        if hasattr(found, "names"):
            return False  # itself only
        return len(found) > 1 and all(n["status"] == "active" for n in found)
    net.wait_until(lambda: active(first) and active(second), 20,
                   "both nodes are active")


@contextlib.contextmanager
def pair(env, params=(), **hooks):
    """Two nodes and two parties, both parties on the first."""
    with node(env, None, params, **hooks) as one, \
            node(env, one, params, **hooks) as two:
        joined(one, two)
        with sip.Party(one, "a") as a, sip.Party(one, "b") as b:
            yield one, two, a, b


def dialog_of(server, callid):
    return server.rpc("dlg.dlg_list", callid)


def told(server, what):
    return server.log().count("TOLD " + what)


@parley_only(REASON)
def test_states(env):
    """1, 2, 3, 4, 5 reach the peer; only the owner's script is told."""
    with pair(env) as (one, two, a, b):
        side = a.invite(b)
        invite = b.expect("INVITE")
        wait_state(two, side.callid, 1)
        b.reply(invite, 180)
        a.expect(180)
        wait_state(two, side.callid, 2)
        call = sip.answer(side, invite, b, ack=False)
        wait_state(two, side.callid, 3)
        side.ack()
        b.expect("ACK")
        wait_state(two, side.callid, 4)
        same("owner", dialog_of(two, side.callid)["owner"], name(one))
        same("owner", dialog_of(one, side.callid)["owner"], name(one))
        same("statistics", two.statistics()["active_dialogs"], 1)
        same("processed", two.statistics()["processed_dialogs"], 0)
        call.hang_up()
        wait_state(two, side.callid, 5)
        wait_statistic(two, "active_dialogs", 0)
        net.wait_until(lambda: told(one, "end"), 5, "the owner is told")
        same("told there", two.log().count("TOLD"), 0)
        same("start", told(one, "start"), 1)
        same("end", told(one, "end"), 1)


@parley_only(REASON)
def test_failed(env):
    with pair(env) as (one, two, a, b):
        side, invite = sip.ring(a, b)
        wait_state(two, side.callid, 2)
        b.reply(invite, 486, contact=False)
        side.ack_failure(a.expect(486))
        wait_state(two, side.callid, 5)
        net.wait_until(lambda: told(one, "failed"), 5, "the owner is told")
        same("told there", two.log().count("TOLD"), 0)


@parley_only(REASON)
def test_everything(env):
    """Variables and their end, profiles, flags, lifetime, timeout route."""
    with pair(env, initial="""
            dlg_manage();
            $dlg_var(first) = "1";
            $dlg_var(second) = "a \\"b\\" \\\\c";
            set_dlg_profile("out", "x");
            set_dlg_profile("all");
            dlg_setflag("3");
            $dlg_ctx(timeout_route) = "LATE";
            dlg_set_timeout("50");""",
              inside="""
            if (is_method("INFO")) {
                $dlg_var(first) = $null;
                $dlg_var(third) = "3";
                unset_dlg_profile("out", "x");
                set_dlg_profile("in", "y");
                dlg_resetflag("3");
                dlg_setflag("4");
                dlg_set_timeout("40");
            }""", more="route[LATE] { xlog(\"late\\n\"); }") \
            as (one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)

        differs = []

        def agree():
            here, there = (dict(dialog_of(s, call.callid))
                           for s in (one, two))
            near = abs(here.pop("timeout") - there.pop("timeout")) <= 1
            for each in (here, there):
                for volatile in ("ref", "duration", "dflags"):
                    each.pop(volatile)
                # The other node has no such socket.
                each["caller"] = dict(each["caller"], socket="")
                each["callee"] = dict(each["callee"], socket="")
                each["legs"] = [dict(leg, socket="")
                                for leg in each["legs"]]
            differs[:] = [(k, here[k], there.get(k)) for k in here
                          if here[k] != there.get(k)]
            return near and not differs
        net.wait_until(agree, 5, differs)
        there = dialog_of(two, call.callid)
        same("sflags", there["sflags"], 1 << 3)
        same("lifetime", there["lifetime"], 50)
        same("timeout_route", there["timeout_route"], "LATE")
        same("profile", two.rpc("dlg.profile_get_size", "out", "x"), 1)
        same("profile", two.rpc("dlg.profile_get_size", "all"), 1)
        same("variable", two.rpc("dlg.dlg_list", call.callid)["variables"],
             one.rpc("dlg.dlg_list", call.callid)["variables"])
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        net.wait_until(lambda: dialog_of(two, call.callid)["sflags"] == 16, 5,
                       "the change of flags")
        net.wait_until(agree, 5, differs)
        same("profile", two.rpc("dlg.profile_get_size", "out", "x"), 0)
        same("profile", two.rpc("dlg.profile_get_size", "in", "y"), 1)
        same("lifetime", dialog_of(two, call.callid)["lifetime"], 40)
        call.hang_up()
        wait_state(two, call.callid, 5)
        same("profile", two.rpc("dlg.profile_get_size", "in", "y"), 0)


def _move(call, one, two):
    """From now on the parties send to the other node."""
    for side in (call.caller, call.callee):
        side.party.server = ("127.0.0.1", two.port)
        side.routes = [r.replace(":%d" % one.port, ":%d" % two.port)
                       for r in side.routes]


@parley_only(REASON)
def test_requests_through_the_peer(env):
    """re-INVITE and BYE through the other node work and are known here; a number
    of the call is one there, too."""
    with pair(env, initial="dlg_manage(); $dlg_val(number) = 5;",
              inside='$var(sum) = $dlg_val(number) + 1;'
              'xlog("L_NOTICE", "SUM of $rm $var(sum)\\n");') \
            as (one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        _move(call, one, two)
        b.contact += ";moved=1"  # a target refresh
        call.caller.reinvite()
        b.reply(b.expect("INVITE"), 200)
        a.expect(200, "INVITE")
        call.caller.ack()
        b.expect("ACK")
        net.wait_until(
            lambda: dialog_of(one, call.callid)["callee"]["contact"] ==
            b.contact, 5, "the new contact at the owner")
        same("cseq", dialog_of(one, call.callid)["caller"]["cseq"], "2")
        same("state", state_of(one, call.callid), 4)
        check("SUM of INVITE 6\n" in two.log(), "the number is none: %s",
              two.log()[-2000:])
        call.hang_up()
        wait_state(one, call.callid, 5)
        wait_state(two, call.callid, 5)
        net.wait_until(lambda: told(one, "end"), 5, "the owner is told")
        same("told there", two.log().count("TOLD"), 0)
        same("end", told(one, "end"), 1)


@parley_only(REASON)
def test_timer_on_the_owner_only(env):
    with pair(env, [("default_timeout", 6), ("send_bye", 1)]) \
            as (one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        with sip.Answerer(a) as at_a, sip.Answerer(b) as at_b:
            wait_state(two, call.callid, 5, 10)
            wait_state(one, call.callid, 5)
            net.wait_until(lambda: at_a.byes and at_b.byes, 5, "both BYEs")
        net.wait_until(lambda: told(one, "end"), 5, "the owner is told")
        same("BYEs", (len(at_a.byes[call.callid]),
                      len(at_b.byes[call.callid])), (1, 1))
        same("expired", one.statistics()["expired_dialogs"], 1)
        same("expired there", two.statistics()["expired_dialogs"], 0)
        same("told there", two.log().count("TOLD"), 0)


@parley_only(REASON)
def test_survivor(env):
    """The owner dies: the other one ends the call at its time, once."""
    with pair(env, [("default_timeout", 25), ("send_bye", 1)], last=ACC) \
            as (one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        one.kill()
        net.wait_until(
            lambda: dialog_of(two, call.callid)["owner"] == name(two), 30,
            "the survivor takes over")
        for party in (a, b):
            party.server = ("127.0.0.1", two.port)
        with sip.Answerer(a) as at_a, sip.Answerer(b) as at_b:
            wait_state(two, call.callid, 5, 40)
            net.wait_until(lambda: told(two, "end"), 5, "it tells the end")
            net.wait_until(lambda: at_a.byes and at_b.byes, 5, "both BYEs")
            same("BYEs", (len(at_a.byes[call.callid]),
                          len(at_b.byes[call.callid])), (1, 1))
        same("expired", two.statistics()["expired_dialogs"], 1)
        same("end", told(two, "end"), 1)
        net.wait_until(lambda: _cdrs(two, call.callid), 5, "the CDR")
        same("CDRs", (_cdrs(one, call.callid), _cdrs(two, call.callid)),
             (0, 1))


def _ping(party, call, server):
    """The next ping, which is answered and was sent by @server; its CSeq."""
    ping = party.expect("OPTIONS", callid=call.callid)
    party.reply(ping, 200)
    check("127.0.0.1:%d;" % server.port in ping.get("Via"),
          "the ping is from %s, not from %d", ping.get("Via"), server.port)
    return ping.cseq


@parley_only(REASON)
def test_pings(env):
    """The owner pings, and nobody else; a survivor is the owner, and goes on with
    the numbers."""
    with pair(env, [("options_ping_interval", 2)],
              initial='create_dialog("options-ping-caller");') \
            as (one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        # Time for three pings of each node.
        numbers = [_ping(a, call, one) for _ in range(3)]
        net.wait_until(
            lambda: dialog_of(two, call.callid)["callee"]["cseq"] ==
            str(numbers[-1]), 2, "the last number there")
        one.kill()
        a.drain()
        for party in (a, b):
            party.server = ("127.0.0.1", two.port)
        net.wait_until(
            lambda: dialog_of(two, call.callid)["owner"] == name(two), 30,
            "the survivor takes over")
        numbers += [_ping(a, call, two) for _ in range(2)]
        same("numbers", numbers, sorted(set(numbers)))
        same("pings of the callee", b.maybe("OPTIONS"), None)
        _move(call, one, two)
        call.hang_up()
        wait_state(two, call.callid, 5)


ROUTE_OF_CALL = dict(
    initial='dlg_on_hangup("OVER"); dlg_manage();', more="""
route[OVER] {
    xlog("L_NOTICE", "TOLD over $dlg(callid)\\n");
}
""")


@parley_only(REASON)
def test_route_of_a_call(env):
    """The owner runs it, whoever sees the BYE; a survivor is the owner."""
    with pair(env, **ROUTE_OF_CALL) as (one, two, a, b):
        call = sip.establish(a, b)
        last = sip.establish(a, b)
        for callid in (call.callid, last.callid):
            wait_state(two, callid, 4)
        _move(call, one, two)
        call.hang_up()
        net.wait_until(lambda: told(one, "over"), 5, "the owner's route")
        same("there", told(two, "over"), 0)
        one.kill()
        net.wait_until(
            lambda: dialog_of(two, last.callid)["owner"] == name(two), 30,
            "the survivor takes over")
        _move(last, one, two)
        last.hang_up()
        net.wait_until(lambda: told(two, "over"), 5, "the survivor's route")
        same("routes", (told(one, "over"), told(two, "over")), (1, 1))


def _with_database(env, base, other=None):
    server = node(env, other, [
        ("db_url", base.url), ("db_mode", 1),
        ("journal_dir", stored.folder_of_journal(base))])
    server.first = base.load() + "\n" + server.first
    return server


@parley_only(REASON)
def test_databases(env):
    """Each node has a database of its own. The owner dies, its calls go on and
    end elsewhere: none of them comes back by the rows of the first one."""
    with database.fresh("sqlite") as first, database.fresh("sqlite") as second:
        bases = [first.create_stock_tables(), second.create_stock_tables()]
        with _with_database(env, first) as one, \
                _with_database(env, second, one) as two:
            joined(one, two)
            with sip.Party(one, "a") as a, sip.Party(one, "b") as b:
                ended, goes_on = sip.establish(a, b), sip.establish(a, b)
                for call in (ended, goes_on):
                    wait_state(two, call.callid, 4)
                stored.wait_rows(first, "dialog", 2)
                same("rows of copies", second.count("dialog"), 0)
                one.crash()
                net.wait_until(
                    lambda: dialog_of(two, ended.callid)["owner"] == name(two),
                    30, "the survivor takes over")
                stored.wait_rows(second, "dialog", 2)
                for call in (ended, goes_on):
                    _move(call, one, two)
                ended.hang_up()
                stored.wait_rows(second, "dialog", 1)
                one.start()
                joined(one, two)
                for base in bases:
                    same("rows", [row["callid"] for row in stored.wait_rows(
                        base, "dialog", 1, 20)], [goes_on.callid])
                goes_on.hang_up()
                for base in bases:
                    stored.no_rows(base)


@parley_only(REASON)
def test_late_node(env):
    """Who joins later gets all calls; who starts anew gets its own back."""
    with node(env) as one, sip.Party(one, "a") as a, \
            sip.Party(one, "b") as b:
        calls = [sip.establish(a, b) for _ in range(60)]
        two = node(env, one)
        with two:
            joined(one, two)
            wait_statistic(two, "active_dialogs", 60, 15)
            same("owners", {d["owner"] for d in dialogs(two)}, {name(one)})
            one.kill()
            one.start()
            wait_statistic(one, "active_dialogs", 60, 40)
            calls[0].hang_up()
            wait_state(two, calls[0].callid, 5)
            wait_statistic(two, "active_dialogs", 59)


@parley_only(REASON)
def test_remove_dialogs_from_node(env):
    with pair(env, out_of_dialog="""
            if (is_method("OPTIONS")) {
                if (dlg_remove_dialogs_from_node("$hdr(Node)")) {
                    sl_send_reply("200", "Removed");
                } else {
                    sl_send_reply("404", "None");
                }
                exit;
            }""") as (one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        with sip.Party(two, "c") as c:
            for other in ("", "127", "sip:127.0.0.1:9", name(two)):
                same("code for %r" % other,
                     c.ask("OPTIONS", [("Node", other)]).code, 404)
            same("still there", state_of(two, call.callid), 4)
            same("removed",
                 c.ask("OPTIONS", [("Node", name(one))]).code, 200)
            same("gone", state_of(two, call.callid), 0)
            same("again",
                 c.ask("OPTIONS", [("Node", name(one))]).code, 404)
        same("the owner's", state_of(one, call.callid), 4)
        same("told", two.log().count("TOLD"), 0)
        call.hang_up()


@parley_only(REASON)
def test_remove_dialogs_by_kemi(env):
    lua = kemi.functions("""
	local remove = d.dlg_remove_dialogs_from_node""" + kemi.say(
        ("nonsense", 'remove("127")'), ("none", 'remove("sip:127.0.0.1:9")'),
        ("empty", 'remove("")')) + "\td.dlg_manage()\n")
    with kemi.lua_proxy(env, lua) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        same("results", kemi.results(server),
             {"nonsense": "-1", "none": "-1", "empty": "-1"})
        same("its own", state_of(server, call.callid), 4)
        call.hang_up()


@parley_only(REASON)
def test_peer_id(env):
    """Those with another name share the bus, but no calls."""
    east = [("dmq_peer_id", "dialog_east")]
    with pair(env, east) as (one, two, a, b), node(env, one) as other:
        joined(one, other)
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        same("at the other", other.statistics()["active_dialogs"], 0)
        call.hang_up()
        wait_state(two, call.callid, 5)


def _keepalives(env, param):
    with pair(env, [(param, 1)] if param else [],
              initial='dlg_manage(); dlg_set_property("ka-src");') \
            as (one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        same("iflags", dialog_of(one, call.callid)["iflags"], 2)
        same("iflags there", dialog_of(two, call.callid)["iflags"],
             2 if param else 0)
        call.hang_up()


@parley_only(REASON)
def test_keepalive_flags(env):
    for param in (None, "dmq_ka_iflags_sync", "enable_dmq_ka_iflags_sync"):
        _keepalives(env, param)


ACC = """
loadmodule "acc.so"
modparam("acc", "cdr_enable", 1)
modparam("acc", "cdr_expired_dlg_enable", 1)
modparam("acc", "cdr_extra", "ci=$dlg(callid)")
"""


def _cdrs(server, callid):
    return len([line for line in server.log().splitlines()
                if "ci=" + callid in line and "duration=" in line])


@parley_only(REASON)
def test_one_cdr(env):
    """A call that ends through the peer, a module that hears of all."""
    for load in (0, 1):
        with pair(env, [("enable_dmq_load_callbacks", load)], last=ACC,
                  debug=3) as (one, two, a, b):
            call = sip.establish(a, b)
            wait_state(two, call.callid, 4)
            # What acc says when a call is loaded.
            same("loaded", "cdr_on_load()" in two.log(), bool(load))
            _move(call, one, two)
            call.hang_up()
            wait_state(one, call.callid, 5)
            wait_state(two, call.callid, 5)
            net.wait_until(lambda: _cdrs(one, call.callid), 5, "the CDR")
            same("CDRs", (_cdrs(one, call.callid), _cdrs(two, call.callid)),
                 (1, 0))


@parley_only(REASON)
def test_bad_messages(env):
    """Refused with one line each, and nothing is lost."""
    with pair(env) as (one, two, a, b):
        call = sip.establish(a, b)
        wait_state(two, call.callid, 4)
        good = name(one)

        def say(body, peer="dialog.parley", from_=good):
            with sip.Party(two, "x") as x:
                side = sip.Side(x)
                side.local_uri = from_.replace("sip:", "sip:" + peer + "@")
                side.remote_uri = "sip:%s@127.0.0.1:%d" % (peer, two.port)
                side.target = side.remote_uri
                side.request("KDMQ", [("Content-Type", "application/json")],
                             body=body, to_tag="")
                return x.expect(lambda m: m.code >= 200, "KDMQ").code
        same("no JSON", say("{"), 400)
        same("deep", say("[" * 30000), 400)
        same("a list", say("[]"), 400)
        same("foreign", say("{}", from_="sip:127.0.0.1:9"), 403)
        same("nothing of ours", say("{}"), 400)
        same("a later version", say('{"parley":99}'), 400)
        same("no list", say('{"parley":1,"dialogs":{}}'), 400)
        same("no dialog", say('{"parley":1,"dialogs":[7]}'), 400)
        same("wrong type", say('{"parley":1,"dialogs":[{"h_id":"x"}]}'), 400)
        same("hash", say('{"parley":1,"dialogs":[{"h_entry":1,"h_id":1,'
                         '"callid":"q","state":1}]}'), 400)
        same("bad action", say('{"action":9}', "dialog"), 400)
        same("no action", say("{}", "dialog"), 400)
        same("state", state_of(two, call.callid), 4)
        lines = [l for l in two.log().splitlines() if " dmq: " in l and
                 "refused" in l]
        check(len(lines) >= 8, "too few lines: %r", lines)
        check(two.alive(), "it has died")
        call.hang_up()
        wait_state(two, call.callid, 5)


@parley_only(REASON)
def test_stock_node(env):
    """A packaged module on the bus: neither crashes, calls cross."""
    with node(env) as ours, node(env, ours, stock=True,
                                 params=[]) as stock:
        joined(ours, stock)
        with sip.Party(ours, "a") as a, sip.Party(ours, "b") as b:
            side, invite = sip.ring(a, b)
            wait_state(stock, side.callid, 2, 20)
            call = sip.answer(side, invite, b)
            wait_state(stock, call.callid, 4)
            there = dialog_of(stock, call.callid)
            same("callee", there["callee"]["tag"],
                 dialog_of(ours, call.callid)["callee"]["tag"])
            call.hang_up()
            net.wait_until(lambda: state_of(stock, call.callid) in (0, 5), 5,
                           "the end of the call there")
        with sip.Party(stock, "c") as c, sip.Party(stock, "d") as d:
            call = sip.establish(c, d)
            wait_state(ours, call.callid, 4)
            same("owner", dialog_of(ours, call.callid)["owner"], name(stock))
            call.hang_up()
            wait_state(ours, call.callid, 5)
            same("told", told(ours, "end") + told(ours, "failed"), 1)
        check(ours.alive() and stock.alive(), "one has died")
        for server in (ours, stock):
            faults = [line for line in server.log().splitlines()
                      if "CRITICAL" in line or " BUG" in line or
                      "ERROR: %s [" % server.name() in line]
            check(not faults, "%s: %s", server.dialog, faults[:2])


@parley_only(REASON)
def test_needs_dmq(env):
    """What is missing is named at the start."""
    server = env.proxy(PARAMS)
    try:
        with server:
            raise AssertionError("it has started")
    except proxy.StartFailed as failure:
        check('loadmodule "dmq.so" above %s.so' % env.name in
              failure.log.replace("\\", ""), "it says %r", failure.log)
