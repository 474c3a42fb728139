"""What each pseudo-variable shows, and what writing it does."""
import re
import time

from lib.case import (check, dialogs, net, proxy, same, script, sip, state_of,
                      stock_differs, wait_state, wait_statistic)


def show(**variables):
    """Script text that logs each variable under its name."""
    return "".join('xlog("L_ERR", "|%s:%s|\\n");\n' % item
                   for item in variables.items())


def results(server):
    """{name: text} of what show() has logged last."""
    return dict(re.findall(r"\|(\w+):([^|]*)\|", server.log()))


def info(call, a, b):
    """A request within the call, from the caller."""
    call.caller.request("INFO")
    b.reply(b.expect("INFO"), 200)
    a.expect(200, "INFO")


def run(env, initial, inside="", params=(), **hooks):
    """Results of an established call, and of an INFO and a BYE in it."""
    with env.proxy(params, script(initial=initial, inside=inside,
                                  **hooks)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        before = results(server)
        info(call, a, b)
        middle = results(server)
        call.hang_up()
        return before, middle, results(server)


STATUS = {"count": "$DLG_count", "status": "$DLG_status",
          "lifetime": "$DLG_lifetime"}


def test_status(env):
    """NULL on the INVITE, 4 within the call, 5 on the BYE."""
    first, middle, last = run(
        env, show(**{k + "1": v for k, v in STATUS.items()}) +
        "dlg_manage();" + show(**{k + "2": v for k, v in STATUS.items()}),
        show(**STATUS))
    same("INVITE", {k: v for k, v in first.items() if k[-1] in "12"}, {
        "count1": "0", "status1": "<null>", "lifetime1": "<null>",
        "count2": "0", "status2": "<null>", "lifetime2": "<null>"})
    same("ACK", first["status"], "4")
    same("INFO", (middle["count"], middle["status"]), ("1", "4"))
    check(int(middle["lifetime"]) <= 5, "lifetime %r", middle["lifetime"])
    same("BYE", last["status"], "5")


def test_status_of_another_request(env):
    """A request of no dialog after one of a dialog, in the same worker."""
    with env.proxy(routes=script(
            first=show(**STATUS),
            strange='sl_send_reply("404", "No"); exit;')) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        info(call, a, b)
        stranger = sip.Side(a)
        stranger.__dict__.update(call.caller.__dict__)
        stranger.callid = sip.unique()
        stranger.request("INFO", routes=[])
        a.expect(404)
        got = results(server)
        same("status", (got["status"], got["lifetime"]), ("<null>", "<null>"))


def test_no_statistics(env):
    with env.proxy([("enable_stats", 0)], script(
            inside=show(**STATUS))) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        info(call, a, b)
        same("count", results(server)["count"], "0")
        found = server.rpc("stats.get_statistics", "dialog:")
        check(not found, "statistics %r", found)


KEYS = ("ref", "h_id", "h_entry", "state", "dflags", "sflags", "lifetime",
        "start_ts", "toroute", "callid", "from_uri", "to_uri", "from_tag",
        "to_tag", "from_cseq", "to_cseq", "from_rs", "to_rs", "from_contact",
        "to_contact", "from_bindaddr", "to_bindaddr")


def test_dlg(env):
    """Every key, against RPC and the messages."""
    inside = show(**{key: "$dlg(%s)" % key for key in KEYS})
    with env.proxy([("default_timeout", 500)], script(
            initial=show(nothing="$dlg(callid)") + "dlg_manage();" +
            
            'dlg_setflag("4");', inside=inside)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        info(call, a, b)
        got = results(server)
        dialog = dialogs(server)[0]
        socket = "udp:127.0.0.1:%d" % server.port
        same("nothing", got["nothing"], "<null>")
        check(int(got["ref"]) >= 1, "ref %r", got["ref"])
        check(got["dflags"].isdigit(), "dflags %r", got["dflags"])
        same("numbers", {k: got[k] for k in (
            "h_id", "h_entry", "state", "sflags", "lifetime", "start_ts",
            "toroute")}, {
                "h_id": str(dialog["h_id"]), "h_entry": str(dialog["h_entry"]),
                "state": "4", "sflags": "16", "lifetime": "500",
                "start_ts": str(dialog["start_ts"]), "toroute": "0"})
        same("texts", {k: got[k] for k in (
            "callid", "from_uri", "to_uri", "from_tag", "to_tag",
            "from_contact", "to_contact", "from_bindaddr", "to_bindaddr")}, {
                "callid": call.callid, "from_uri": "sip:a@from.test",
                "to_uri": "sip:b@to.test", "from_tag": call.caller.local_tag,
                "to_tag": call.caller.remote_tag, "from_contact": a.contact,
                "to_contact": b.contact, "from_bindaddr": socket,
                "to_bindaddr": socket})
        for key in ("from_rs", "to_rs"):
            same(key, got[key], "<null>")
        same("to_cseq", got["to_cseq"], "0")
        check(got["from_cseq"] in ("1", "2"), "cseq %r", got["from_cseq"])
        call.hang_up()


def test_dlg_unknown_key(env):
    for variable in ("$dlg(nosuch)", "$dlg_ctx(nosuch)", "$dlg_ctx(timeou)"):
        try:
            with env.proxy(routes=script(initial='$var(x) = %s;' % variable)):
                raise AssertionError("%s: started" % variable)
        except proxy.StartFailed as failure:
            check(variable[5:].strip("(x)") or "nosuch" in failure.log, "log")


VARS = {"one": "$dlg_var(one)", "two": "$dlg_var(two)",
        "three": "$dlg_var(three)"}


def test_var(env):
    """Set before the dialog, after it, and within the call."""
    first, middle, last = run(
        env, '$dlg_var(one) = "1"; $dlg_var(two) = "before"; '
        '$dlg_var(gone) = "x"; $dlg_var(gone) = $null;' +
        show(**{k + "0": v for k, v in VARS.items()}) + "dlg_manage();" +
        show(**{k + "1": v for k, v in VARS.items()}) +
        '$dlg_var(two) = "after"; $dlg_var(three) = "3";' +
        show(gone="$dlg_var(gone)"),
        show(**VARS) + 'if (is_method("INFO")) { $dlg_var(one) = $null; '
        '$dlg_var(two) = ""; $dlg_var(three) = $dlg_var(three) + "x" + '
        '$dlg_var(three); }')
    same("INVITE", {k: v for k, v in first.items() if k not in VARS}, {
        "one0": "1", "two0": "before", "three0": "<null>", "one1": "1",
        "two1": "before", "three1": "<null>", "gone": "<null>"})
    same("INFO", {k: middle[k] for k in VARS},
         {"one": "1", "two": "after", "three": "3"})
    same("BYE", {k: last[k] for k in VARS},
         {"one": "<null>", "two": "", "three": "3x3"})


def test_var_in_rpc_and_routes(env):
    """Seen in reply and failure routes, by the other side, and in RPC."""
    with env.proxy(routes=script(
            initial='$dlg_var(k) = "v"; dlg_manage(); t_on_reply("R"); '
                    't_on_failure("F");',
            inside=show(inside="$dlg_var(r)$dlg_var(f)"),
            more='onreply_route[R] { %s $dlg_var(r) = "reply"; }\n'
                 'failure_route[F] { %s $dlg_var(f) = "failure"; '
                 '$ru = "sip:c@127.0.0.1:" + $hdr(X-Next); t_relay(); }' % (
                     show(reply="$dlg_var(k)"),
                     show(failure="$dlg_var(k)$dlg_var(r)")))
                   ) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b, sip.Party(server, "c") as c:
        side = a.invite(b, [("X-Next", str(c.port))])
        invite = b.expect("INVITE")
        b.reply(invite, 486)
        b.expect("ACK")
        call = sip.answer(side, c.expect("INVITE"), c)
        wait_state(server, call.callid, 4)
        variables = [tuple(v[0]) for v in dialogs(server)[0]["variables"]]
        same("variables", sorted(variables),
             [("f", "failure"), ("k", "v"), ("r", "reply")])
        call.hang_up("callee")
        got = results(server)
        same("routes", (got["reply"], got["failure"], got["inside"]),
             ("v", "vreply", "replyfailure"))


def test_var_number(env):
    """A number is refused, and changes nothing."""
    first, _, _ = run(env, '$dlg_var(n) = "5"; dlg_manage(); $dlg_var(n) = 6;'
                      + show(n="$dlg_var(n)"))
    same("n", first["n"], "5")


def test_var_not_mixed_up(env):
    """What is left of one message is not seen in the next."""
    routes = script(
        out_of_dialog='if ($hdr(X-Set) == "1") { $dlg_var(v) = "left"; '
        '$dlg_ctx(timeout) = 7; dlg_setflag("9"); }' +
        show(v="$dlg_var(v)", t="$dlg_ctx(timeout)") +
        'sl_send_reply("480", "No"); exit;')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a:
        a.invite(a, [("X-Set", "1")])
        a.expect(480)
        same("set", results(server), {"v": "left", "t": "7"})
        a.invite(a)
        a.expect(480)
        same("next", results(server), {"v": "<null>", "t": "0"})


CTX = {k: "$dlg_ctx(%s)" % k for k in (
    "on", "timeout", "timeout_bye", "timeout_route", "timeout_route_id", "set",
    "dir")}


@stock_differs("$dlg_ctx(timeout) has no effect, settings are lost afterwards")
def test_ctx_before(env):
    """Settings before dlg_manage() become those of the dialog."""
    with env.proxy(routes=script(
            initial=show(**{k + "0": v for k, v in CTX.items()}) +
            '$dlg_ctx(on) = 3; $dlg_ctx(timeout) = 100; '
            '$dlg_ctx(timeout_bye) = 1; $dlg_ctx(timeout_route) = "OVER"; '
            '$dlg_ctx(flags) = 5; dlg_manage();' +
            show(**{k + "1": v for k, v in CTX.items()}),
            inside=show(flags="$dlg_ctx(flags)", **CTX),
            more="route[OVER] { return; }")) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        got = results(server)
        same("nothing", {k: got[k + "0"] for k in CTX}, {
            "on": "0", "timeout": "0", "timeout_bye": "0",
            "timeout_route": "<null>", "timeout_route_id": "0", "set": "0",
            "dir": "0"})
        route = int(got["timeout_route_id1"])
        check(route > 0, "index %d", route)
        want = {"on": "3", "timeout": "100", "timeout_bye": "1",
                "timeout_route": "OVER", "timeout_route_id": str(route),
                "set": "1", "dir": "1"}
        same("INVITE", {k: got[k + "1"] for k in CTX}, want)
        same("flags", got["flags"], "5")
        dialog = dialogs(server)[0]
        same("dialog", (dialog["lifetime"], dialog["iflags"],
                        dialog["sflags"]), (100, 1, 5))
        info(call, a, b)
        got = results(server)
        same("INFO", {k: got[k] for k in CTX}, dict(want, on="0"))
        call.callee.request("INFO")
        a.reply(a.expect("INFO"), 200)
        b.expect(200, "INFO")
        same("from the callee", results(server)["dir"], "2")
        call.hang_up()


@stock_differs("it changes no existing dialog")
def test_ctx_after(env):
    """Settings on an existing call act at once."""
    with env.proxy(routes=script(
            inside='if (is_method("INFO")) { $dlg_ctx(timeout) = 60; '
            '$dlg_ctx(timeout_bye) = 1; $dlg_ctx(timeout_route) = "OVER"; '
            '$dlg_ctx(flags) = 9; } else { $dlg_ctx(timeout_bye) = 0; '
            '$dlg_ctx(timeout_route) = $null; $dlg_ctx(flags) = 0; }' +
            show(flags="$dlg_ctx(flags)", **CTX),
            more="route[OVER] { return; }")) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        info(call, a, b)
        got, dialog = results(server), dialogs(server)[0]
        same("dialog", (dialog["lifetime"], dialog["iflags"],
                        dialog["sflags"]), (60, 1, 9))
        same("script", (got["timeout"], got["timeout_bye"],
                        got["timeout_route"], got["flags"]),
             ("60", "1", "OVER", "9"))
        call.caller.request("OPTIONS")
        b.reply(b.expect("OPTIONS"), 200)
        a.expect(200, "OPTIONS")
        got, dialog = results(server), dialogs(server)[0]
        same("dialog", (dialog["lifetime"], dialog["iflags"],
                        dialog["sflags"]), (60, 0, 0))
        same("script", (got["timeout_bye"], got["timeout_route"],
                        got["timeout_route_id"]), ("0", "<null>", "0"))
        call.hang_up()


@stock_differs("timeout_route_id cannot be written")
def test_ctx_route_id(env):
    """The index of a route does what its name does."""
    with env.proxy(routes=script(
            initial='$dlg_ctx(timeout_route) = "OVER"; '
            '$var(i) = $dlg_ctx(timeout_route_id); '
            '$dlg_ctx(timeout_route) = "nosuch";' +
            show(none="$dlg_ctx(timeout_route_id)") +
            '$dlg_ctx(timeout_route_id) = $var(i);' +
            show(name="$dlg_ctx(timeout_route)") +
            '$dlg_ctx(timeout_route_id) = 9999;' +
            show(wrong="$dlg_ctx(timeout_route)"),
            relay='sl_send_reply("480", "No");',
            more="route[OVER] { return; }")) as server, \
            sip.Party(server, "a") as a:
        a.invite(a)
        a.expect(480)
        same("results", results(server),
             {"none": "0", "name": "OVER", "wrong": "<null>"})


@stock_differs("$dlg_ctx(timeout) has no effect")
def test_ctx_timeout(env):
    """The lifetime runs out, the route runs, both sides get a BYE."""
    with env.proxy(routes=script(
            initial='$dlg_ctx(timeout) = 1; $dlg_ctx(timeout_bye) = 1; '
            '$dlg_ctx(timeout_route) = "OVER"; $dlg_var(v) = "x"; '
            "dlg_manage();",
            more="route[OVER] { %s }" % show(
                over="$dlg(callid)$dlg_var(v)"))) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        start = time.monotonic()
        call = sip.establish(a, b)
        sip.confirm_byes(call.callid, a, b)
        check(0.9 < time.monotonic() - start < 40, "after %.1f s",
              time.monotonic() - start)
        same("route", results(server)["over"], call.callid + "x")
        wait_statistic(server, "active_dialogs", 0)
        net.wait_until(lambda: state_of(server, call.callid) in (0, 5), 5,
                       "end")


@stock_differs("any name is a variable of the script's")
def test_own_names(env):
    """Names with ~ are refused, before the dialog exists and after it."""
    with env.proxy(routes=script(
            initial='$dlg_var(~own) = "x";' + show(before="$dlg_var(~own)") +
            'dlg_manage();$dlg_var(~own) = "x";$dlg_var(mine) = "y";',
            inside=show(within="$dlg_var(~own)", mine="$dlg_var(mine)") +
            'if (!dlg_set_var("$ci", "$ft", "$tt", "~own", "x"))'
            '{ xlog("L_ERR", "refused\\n"); }')) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        info(call, a, b)
        got = results(server)
        same("values", (got["before"], got["within"], got["mine"]),
             ("<null>", "<null>", "y"))
        log = server.log()
        same("refused", (log.count("$dlg_var(~own): "),
                         log.count("dlg_set_var(~own): "),
                         log.count("refused\n")), (2, 2, 2))
        same("shown", [dict(item) for item in dialogs(server)[0]["variables"]],
             [{"mine": "y"}])
        call.hang_up()
