"""The same calls through the packaged module and ours: functions, pseudo-
variables, RPC fields, statistics and event routes must tell the same.

Every case collects facts from both and lists what differs on purpose.
"""
import re

from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      wait_state, wait_statistic)
from lib.rpc import Fault

NEEDS = "it compares both modules by itself"
PROFILES = [("profiles_with_value", "caller;own"),
            ("profiles_no_value", "all;none")]
ENDS = ('event_route[dialog:start] { route(SHOW); }\n'
        'event_route[dialog:end] { route(SHOW); }\n'
        'event_route[dialog:failed] { route(SHOW); }\n')

DLG_KEYS = ("state", "sflags", "lifetime", "toroute", "callid", "from_uri",
            "to_uri", "from_tag", "to_tag", "from_cseq", "to_cseq", "from_rs",
            "to_rs", "from_contact", "to_contact", "from_bindaddr",
            "to_bindaddr", "h_entry")


class Fixed:
    """Two parties whose calls have the same ids in every run."""

    def __init__(self, server):
        self.a, self.b = sip.Party(server, "a"), sip.Party(server, "b")
        self.names = {self.a.port: "PA", self.b.port: "PB",
                      server.port: "PROXY"}

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.a.close()
        self.b.close()

    def ring(self, number, headers=()):
        side = self.a.invite(self.b, headers, callid="call-%d" % number,
                             tag="from-%d" % number)
        invite = self.b.expect("INVITE")
        self.b.reply(invite, 180, tag="to-%d" % number)
        side.learn(self.a.expect(180))
        return side, invite

    def answer(self, side, invite):
        tag = "to-" + side.callid[5:]
        self.b.reply(invite, 200, tag=tag)
        ok = self.a.expect(200, "INVITE")
        side.learn(ok)
        side.ack()
        self.b.expect("ACK")
        callee = sip.Side.of_callee(self.b, invite, ok)
        return sip.Call(side, callee)

    def normal(self, text):
        """@text without what differs from run to run."""
        for port, name in self.names.items():
            text = text.replace(":%d" % port, ":" + name)
        text = re.sub(r"did=([0-9a-f]+)\.[0-9a-f]+", r"did=\1.ID", text)
        return re.sub(r"\b1[6-9]\d{8}\b", "TIME", text)


def _shown(server, fixed):
    """{phase: {name: value}} from the lines that route(SHOW) wrote."""
    out = {}
    for line in server.log().split("\n"):
        found = re.search(r"SHOW (\S+) (.*)", line)
        if found:
            fields = dict(part.split("=", 1) for part in
                          fixed.normal(found.group(2)).split("|"))
            out.setdefault(found.group(1), fields)
    return out


def _differences(mine, stock, expected):
    """Fails for each difference that is not in @expected: {(phase, name)}
    with None for any phase."""
    wrong = []
    for phase in sorted(set(mine) | set(stock)):
        left, right = mine.get(phase, {}), stock.get(phase, {})
        for name in sorted(set(left) | set(right)):
            if left.get(name) == right.get(name) or \
                    (phase, name) in expected or (None, name) in expected:
                continue
            wrong.append("%s %s: ours %r, packaged %r" % (
                phase, name, left.get(name), right.get(name)))
    check(not wrong, "%d differences\n%s", len(wrong), "\n".join(wrong))


def _show(names, phase="$var(phase)"):
    body = "|".join("%s=%s" % (re.sub(r"[$()]", "", n), n) for n in names)
    return 'route[SHOW] { xlog("L_ALERT", "SHOW %s %s\\n"); }\n' % (phase, body)


PVS = (["$DLG_count", "$DLG_status", "$dlg_ctx(on)", "$dlg_ctx(timeout_bye)",
        "$dlg_ctx(timeout_route)", "$dlg_ctx(set)", "$dlg_ctx(dir)",
        "$dlg_var(one)", "$dlg_var(two)"] +
       ["$dlg(%s)" % key for key in DLG_KEYS])


def _pv_routes():
    phase = '$var(phase) = "%s"; route(SHOW);'
    more = _show(PVS)
    for event in ("start", "end", "failed"):
        more += 'event_route[dialog:%s] { %s }\n' % (event,
                                                     phase % ("event-" + event))
    more += 'route[LATE] { $var(x) = 1; }\n'
    return script(
        initial=phase % "before" + '''
            $dlg_var(one) = "1st";
            $dlg_ctx(timeout_route) = "LATE";
            $dlg_ctx(timeout_bye) = 1;
            dlg_setflag("2");
        ''' + phase % "set" + "dlg_manage(); $dlg_var(two) = \"2nd\";" +
        phase % "managed",
        inside='$var(phase) = "within-" + $rm; route(SHOW);',
        reply='$var(phase) = "reply-" + $rs + "-" + $rm; route(SHOW);',
        more=more)


def _pvs(env, stock):
    with env.proxy(PROFILES, _pv_routes(), stock=stock) as server, \
            Fixed(server) as fixed:
        side, invite = fixed.ring(1)
        call = fixed.answer(side, invite)
        wait_state(server, side.callid, 4)
        side.request("INFO")
        fixed.b.reply(fixed.b.expect("INFO"), 200)
        fixed.a.expect(200, "INFO")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        side, invite = fixed.ring(2)
        fixed.b.reply(invite, 486, contact=False)
        side.ack_failure(fixed.a.expect(486))
        wait_statistic(server, "failed_dialogs", 1)
        return _shown(server, fixed)


# What is told on purpose in another way; why.
PV_DIFFERENT = {
    # These show the dialog's settings at every message of the call, not only
    # what this very script run has set.
    (None, "dlg_ctxtimeout_bye"), (None, "dlg_ctxtimeout_route"),
    (None, "dlg_ctxdir"), (None, "dlg_ctxset"),
    # A request changes the dialog when it is relayed, after the route; events
    # run when the change is complete, counts included.
    ("within-BYE", "dlgstate"), ("within-BYE", "DLG_count"),
    ("within-INFO", "dlgfrom_cseq"), ("event-end", "dlgfrom_cseq"),
    ("reply-200-BYE", "dlgfrom_cseq"),  # the BYE's
    ("event-start", "DLG_count"), ("event-end", "DLG_count"),
    # The packaged module learns the callee's side from the first 2xx only,
    # and starts its CSeq at "0" (D1, D4).
    (None, "dlgto_cseq"), (None, "dlgto_tag"), (None, "dlgto_contact"),
    (None, "dlgto_rs"), (None, "dlgto_bindaddr"),
}


@parley_only(NEEDS)
def test_pseudo_variables(env):
    """Every pseudo-variable at every stage of two calls."""
    mine, stock = _pvs(env, False), _pvs(env, True)
    check(len(stock) >= 10, "stages %r", sorted(stock))
    _differences(mine, stock, PV_DIFFERENT)


CALLS = (
    'set_dlg_profile("all")', 'set_dlg_profile("caller", "x")',
    'set_dlg_profile("caller", "$fU")', 'is_in_profile("all")',
    'is_in_profile("none")', 'is_in_profile("caller")',
    'is_in_profile("caller", "x")', 'is_in_profile("caller", "y")',
    'is_in_profile("caller", "$fU")', 'get_profile_size("all", "$var(n)")',
    'get_profile_size("caller", "$var(n)")',
    'get_profile_size("caller", "x", "$var(n)")',
    'get_profile_size("caller", "$hdr(None)", "$avp(n)")',
    'dlg_setflag("7")', 'dlg_isflagset("7")', 'dlg_isflagset("8")',
    'dlg_resetflag("7")', 'dlg_isflagset("7")', 'is_known_dlg()',
    'dlg_set_timeout("500")', 'dlg_get("call-1", "from-1", "to-1")',
    'dlg_get("call-1", "to-1", "from-1")',
    'dlg_get("call-1", "from-1", "other")', 'dlg_get("none", "x", "y")',
)


def _function_routes(calls):
    """Runs each call in each stage and shows its code and the counts."""
    body = ""
    for number, call in enumerate(calls):
        body += '''$var(n) = -7; %s; $var(rc) = $rc;
            xlog("L_ALERT", "SHOW $var(phase) %d %s:rc=$var(rc)|n=$var(n)\\n");
        ''' % (call, number, re.sub(r'[$"\s]', "", call))
    more = "route[ALL] { %s }\n" % body
    phase = '$var(phase) = "%s"; route(ALL);'
    for event in ("start", "end"):
        more += 'event_route[dialog:%s] { %s }\n' % (event, phase % event)
    return script(initial=phase % "before" + "dlg_manage();" +
                  phase % "managed",
                  inside='$var(phase) = "within-" + $rm; route(ALL);',
                  reply='$var(phase) = "reply-" + $rs; route(ALL);', more=more)


def _functions(env, stock):
    with env.proxy(PROFILES, _function_routes(CALLS), stock=stock) as \
            server, Fixed(server) as fixed:
        side, invite = fixed.ring(1)
        call = fixed.answer(side, invite)
        side.request("INFO")
        fixed.b.reply(fixed.b.expect("INFO"), 200)
        fixed.a.expect(200, "INFO")
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        out = {}
        for line in server.log().split("\n"):
            found = re.search(r"SHOW (\S+) (\d+ \S+):(rc=\S+)", line)
            if found:
                out.setdefault(found.group(1), {}).setdefault(
                    found.group(2), found.group(3))
        return out


def _function_different(stages):
    """What functions tell on purpose in another way; why."""
    out = set()
    for stage, calls in stages.items():
        for name in calls:
            # Without value: any membership, and all of them.
            if "is_in_profile(caller)" in name or \
                    "get_profile_size(caller,var(n))" in name:
                out.add((stage, name))
            # No tag of a callee fits that nobody has sent yet.
            if "dlg_get" in name and ("other" in name or stage in (
                    "managed", "reply-180")):
                out.add((stage, name))
            # Places count from the moment they are asked for.
            if stage == "before" and "profile" in name:
                out.add((stage, name))
            # An ended call joins nothing and has no lifetime; at the BYE, the
            # packaged module has already taken it out of its profiles.
            if stage in ("start", "within-BYE") and "timeout" in name:
                out.add((stage, name))  # here it can be set
            if stage == "end" and ("profile" in name or "timeout" in name) \
                    or stage == "within-BYE" and "size" in name:
                out.add((stage, name))
    return out


@parley_only(NEEDS)
def test_functions(env):
    """The code of every function in every stage of a call."""
    mine, stock = _functions(env, False), _functions(env, True)
    check(len(stock) >= 8, "stages %r", sorted(stock))
    _differences(mine, stock, _function_different(stock))


def _shape(value):
    """Field names, their order and types; volatile values are left out."""
    if hasattr(value, "names"):
        return [(name, _shape(v)) for name, v in value]
    if isinstance(value, list):
        return [_shape(v) for v in value]
    return type(value).__name__


VOLATILE = ("h_id", "ref", "start_ts", "init_ts", "end_ts", "duration",
            "timeout", "dflags")
# The packaged module: "0" as callee's CSeq, no callee before the 2xx.
BETTER = ("callee",)


def _flat(value, fixed, path=""):
    """{path: value} of an RPC result, without what differs by nature."""
    if hasattr(value, "names"):
        pairs = list(value)
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    else:
        return {path: fixed.normal(str(value))}
    out = {}
    for name, item in pairs:
        if name not in VOLATILE and name not in BETTER:
            out.update(_flat(item, fixed, "%s/%s" % (path, name)))
    return out


COMMANDS = (
    ("dlg.list",), ("dlg.list_ctx",), ("dlg.dlg_list", "call-1"),
    ("dlg.dlg_list", "call-1", "from-1"), ("dlg.dlg_list_ctx", "call-1"),
    ("dlg.dlg_list_ctx", "call-1", "from-1"), ("dlg.briefing",),
    ("dlg.briefing", "ftcFTISEs"), ("dlg.profile_get_size", "all"),
    ("dlg.profile_get_size", "caller"), ("dlg.profile_get_size", "caller", "a"),
    ("dlg.profile_get_size", "caller", "zzz"), ("dlg.profile_list", "all"),
    ("dlg.profile_list", "caller", "a"), ("dlg.stats_active",),
    ("dlg.stats_active", 1), ("dlg.is_alive", "call-1", "from-1", "to-1"),
    ("dlg.list_match", "callid", "eq", "call-1"),
    ("dlg.list_match", "furi", "sw", "sip:a@", 1),
    ("dlg.list_match", "ruri", "re", "SIP:B@"),
    ("dlg.list_match_ctx", "start_ts", "gt", "5"),
)
FAULTS = (
    ("dlg.profile_get_size",), ("dlg.profile_get_size", "nobody"),
    ("dlg.profile_list",), ("dlg.profile_list", "nobody"),
    ("dlg.end_dlg",), ("dlg.end_dlg", 1), ("dlg.end_dlg", 1, 1),
    ("dlg.end_dlg", 99999999, 1), ("dlg.end_dlg", "x", "y"),
    ("dlg.terminate_dlg",), ("dlg.terminate_dlg", "x"),
    ("dlg.terminate_dlg", "x", "y", "z"),
    ("dlg.is_alive", "call-1", "from-1", "other"),
    ("dlg.list_match", "callid", "eq", "call-2"),
    ("dlg.set_state", "call-1", "from-1", "other", 5),
    ("dlg.set_state", "call-1", "from-1", "to-1", 0),
)


def _rpc(env, stock):
    routes = script(initial='''
        dlg_setflag("3"); $dlg_var(one) = "1st"; $dlg_var(two) = "2nd";
        set_dlg_profile("own", "x"); set_dlg_profile("none"); dlg_manage();
        $dlg_var(three) = "3rd"; $dlg_var(one) = "again";
        set_dlg_profile("caller", "$fU"); set_dlg_profile("all");''')
    with env.proxy(PROFILES, routes, stock=stock) as server, \
            Fixed(server) as fixed:
        fixed.answer(*fixed.ring(1))
        wait_state(server, "call-1", 4)
        results, faults = {}, {}
        for command in COMMANDS:
            for way in ("json", "rpc"):
                result = getattr(server, way)(*command)
                results[way, command] = (_shape(result),
                                         _flat(result, fixed))
        for command in FAULTS:
            for way in ("json", "rpc"):
                try:
                    faults[way, command] = getattr(server, way)(*command)
                except Fault as fault:
                    faults[way, command] = fault.code
        return results, faults


def _prefix(mine, stock, where):
    """@mine begins as @stock does; new fields come after the old ones."""
    if not isinstance(stock, list):
        same(where, mine, stock)
        return
    check(isinstance(mine, list) and len(mine) >= len(stock),
          "%s: ours %r, packaged %r", where, mine, stock)
    for i, item in enumerate(stock):
        if isinstance(item, tuple):
            same(where + " field %d" % i, mine[i][0], item[0])
            _prefix(mine[i][1], item[1], "%s/%s" % (where, item[0]))
        else:
            _prefix(mine[i], item, "%s/%d" % (where, i))


@parley_only(NEEDS)
def test_rpc_fields(env):
    """Names, order, types and values of the fields of every command."""
    (mine, _), (stock, _) = _rpc(env, False), _rpc(env, True)
    for key, (shape, values) in stock.items():
        where = "%s %s" % (key[0], " ".join(map(str, key[1])))
        _prefix(mine[key][0], shape, where)
        for path, value in values.items():
            if path.endswith("/to_tag") and "briefing" in where:
                continue  # the packaged module prints the From-tag there
            same(where + path, mine[key][1].get(path), value)


@parley_only(NEEDS)
def test_rpc_faults(env):
    """The same commands fail, with the same codes."""
    (_, mine), (_, stock) = _rpc(env, False), _rpc(env, True)
    for key, code in stock.items():
        if isinstance(code, int) and code >= 400:
            check(isinstance(mine[key], int) and 400 <= mine[key] < 600,
                  "%r: ours %r, packaged fault %r", key, mine[key], code)
            # "x" is no number: a fault of its own, not dialog 0.
            if code == 404 and "x" not in key[1]:
                same(repr(key), mine[key], code)


@parley_only(NEEDS)
def test_statistics(env):
    """The five statistics after calls of all fates."""
    def run(stock):
        with env.proxy([("default_timeout", 4)], stock=stock) as server, \
                Fixed(server) as fixed:
            fixed.answer(*fixed.ring(1)).hang_up()
            for number, code in ((2, 486), (3, 603)):
                side, invite = fixed.ring(number)
                fixed.b.reply(invite, code, contact=False)
                side.ack_failure(fixed.a.expect(code))
            fixed.answer(*fixed.ring(4))
            wait_statistic(server, "expired_dialogs", 1, 8)
            fixed.ring(5)
            wait_statistic(server, "early_dialogs", 1)
            return {name: value for name, value in
                    server.statistics().items() if name in (
                        "active_dialogs", "early_dialogs", "failed_dialogs",
                        "processed_dialogs", "expired_dialogs")}
    same("statistics", run(False), run(True))


@parley_only(NEEDS)
def test_event_routes(env):
    """Which event routes run, how often, in which state."""
    def run(stock):
        more = "".join(
            'event_route[dialog:%s] { xlog("L_ALERT", "RUN %s $dlg(callid) '
            '$dlg(state) $rm $ci $dlg_var(one)\\n"); }\n' % (e, e)
            for e in ("start", "end", "failed"))
        routes = script(initial='$dlg_var(one) = "1st"; dlg_manage();',
                        more=more)
        with env.proxy(routes=routes, stock=stock) as server, \
                Fixed(server) as fixed:
            fixed.answer(*fixed.ring(1)).hang_up()
            fixed.answer(*fixed.ring(2)).hang_up("callee")
            side, invite = fixed.ring(3)
            fixed.b.reply(invite, 486, contact=False)
            side.ack_failure(fixed.a.expect(486))
            wait_statistic(server, "failed_dialogs", 1)
            wait_statistic(server, "active_dialogs", 0)
            net.wait_until(lambda: server.log().count("RUN ") >= 5, 3,
                           "five routes have run")
            return [line.partition("RUN ")[2] for line in
                    server.log().split("\n") if "RUN " in line]
    same("routes run", run(False), run(True))


@parley_only(NEEDS)
def test_three_names(env):
    """All three modules have the same surface; dialogs() reads them alike."""
    for name in ("dialog", "ims_dialog", "dialog_ng"):
        with env.proxy(PROFILES, name=name) as server, Fixed(server) as fixed:
            call = fixed.answer(*fixed.ring(1))
            same("dialogs", len(dialogs(server)), 1)
            check(server.statistics(name)["active_dialogs"] == 1, "%s", name)
            call.hang_up()
            net.wait_until(lambda: server.statistics(name)
                           ["active_dialogs"] == 0, 5, "ended")
