"""Every form of every function's and parameter's arguments, on the packaged
module and on ours: what it starts with starts here, and returns the same.

What differs is listed with its reason; a difference that is gone fails too.
"""
import itertools

from cases.functions import results, step
from lib import proxy
from lib.case import (check, parley_only, same, script, sip, wait_state)

REASON = "it compares both modules itself"
PROFILES = [("profiles_with_value", "wv;gw"), ("profiles_no_value", "nv")]

# ------------------------------------------------ forms that are run

NUMBERS = ("5", '"5"', '"31"', '"32"', '"-1"', '"007"', "$var(i)", '"$var(i)"',
           '"$(var(i))"', "$var(t)", '"$var(t)"', '"$var(word)"', '"$avp(no)"',
           "$avp(no)", "1 + 2", "$var(i) + 1", "1 << 2", '"$null"', "-1",
           '"$var(neg)"')
TEXTS = ('"x"', '"$fU"', '"x$fU-y"', '"$var(t)"', '"$avp(no)"', '"$(fU{s.len})"',
         '"$var(empty)"', '"<null>"', '" "', '"a b"', '"$$fU"')
IDS = (('"$ci"', '"$ft"', '"$tt"'),
       ('"$ci"', '"$tt"', '"$ft"'), ('"x$ci"', '"$ft"', '"$tt"'),
       ('""', '"a"', '"b"'), ('"c"', '""', '"b"'), ('"c"', '"a"', '""'),
       ('"c"', '"$avp(no)"', '"$avp(no)"'), ('"$ci"', '"$ft"', "'$tt'"),
       ('"$ci"', '"$ft"', '""'), ('"$ci"', '"$var(empty)"', '"$tt"'))
PROPERTIES = ('"ka-src"', '"ka-dst"', '"timeout-noreset"', '"KA-SRC"',
              '"ka-srcx"', '"nosuch"', '"$var(prop)"', '"ka-$si"',
              '"$var(empty)"', '"$avp(no)"', '"5"', "5", "$var(prop)")
PROFILE_CALLS = ("set_dlg_profile", "is_in_profile", "unset_dlg_profile")


def _calls():
    """Every call that is run, in order."""
    out = ["%s(%s)" % pair for pair in itertools.product(
        ("dlg_setflag", "dlg_isflagset", "dlg_resetflag"), NUMBERS)]
    out += ["dlg_set_timeout(%s)" % n for n in NUMBERS]
    out += ['dlg_set_timeout(%s, "1", "2")' % n for n in NUMBERS
            if n[0] not in "$"]
    out += ["dlg_set_timeout(50, %s, %s)" % pair for pair in (
        ('"$dlg(h_entry)"', '"$dlg(h_id)"'),
        ('"-1"', '"-1"'), ('"99999999"', '"1"'), ("0", "0"),
        ('"$avp(no)"', '"1"'))]
    for name in PROFILE_CALLS:
        out += ['%s("wv", %s)' % (name, t) for t in TEXTS]
        out += ['%s("nv", %s)' % (name, t) for t in TEXTS]
        out += ['%s("nv")' % name, '%s("wv")' % name]
    for name, prop in itertools.product(
            ("dlg_set_property", "dlg_reset_property"), PROPERTIES):
        out.append("%s(%s)" % (name, prop))
    out += ["dlg_set_ruri()", "dlg_db_load_callid($ci)", 'dlg_db_load_callid("$ci")',
            'dlg_db_load_callid("$var(empty)")',
            "dlg_db_load_extra()"]
    out += ["is_known_dlg()", "dlg_manage()"]
    for result in ('"$var(n)"', '"$avp(n)"', '"$avp(s:n)"', '"$avp(i:7)"'):
        out += ['get_profile_size("wv", %s, %s)' % (t, result) for t in TEXTS]
        out += ['get_profile_size("nv", %s, %s)' % (t, result) for t in TEXTS]
        out += ['get_profile_size("%s", %s)' % (p, result)
                for p in ("nv", "wv")]
    return out + ["dlg_get(%s, %s, %s)" % ids for ids in IDS]


VALUES = ('$var(i) = 6; $var(t) = "7"; $var(word) = "abc"; $var(neg) = -3; '
          '$var(empty) = ""; $var(prop) = "ka-dst"; ')
NO_VALUE = ("a value for a profile without values is ignored, as the "
            "documents say")
ANY_VALUE = "without a value any of the profile's is meant, as documented"
REQUEST = "it also works in the request route, as documented"
PENDING = "what waits for the dialog can be asked for, too"
DIGITS = "a variable with digits is a number, as without the quotes"
ANY_TAG = "there any To-tag fits a call that nobody has answered"


def differs(phase, call):
    """Why the results of this call differ, or None."""
    if call.startswith("unset_dlg_profile"):
        return REQUEST
    if phase == "initial" and call.startswith("is_in_profile") and \
            call != 'is_in_profile("wv", "$var(empty)")':
        return PENDING
    if '"nv", "$var(empty)"' in call:
        return NO_VALUE
    if call == 'is_in_profile("wv")' or \
            call.startswith('get_profile_size("wv", "$') and \
            call.count(",") == 1:
        return ANY_VALUE
    if call in ('dlg_setflag("$var(t)")', 'dlg_resetflag("$var(t)")',
                'dlg_isflagset("$var(t)")') or \
            phase != "initial" and call == 'dlg_set_timeout("$var(t)")':
        return DIGITS
    if phase == "after" and call.startswith("dlg_get(\"$ci\"") and \
            "$avp" not in call and "empty" not in call and '""' not in call:
        return ANY_TAG
    return None


def _run(env, stock, phases):
    """{(phase, call): result}"""
    calls = _calls()
    text = dict.fromkeys(("initial", "after", "inside"), "")
    for phase in phases:
        text[phase] = VALUES + "".join(
            step("%s_%d" % (phase, i), call) for i, call in enumerate(calls)
            if phase != "initial" or call != "dlg_manage()")
    routes = script(
        initial=text["initial"] + "dlg_manage(); " + text["after"],
        inside='if (is_method("UPDATE")) { $var(z) = 1; %s }' % text["inside"])
    with env.proxy(PROFILES, routes, stock=stock) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        call.caller.request("UPDATE")
        b.reply(b.expect("UPDATE"), 200)
        a.expect(200, "UPDATE")
        found = {}
        for name, value in results(server).items():
            phase, _, number = name.rpartition("_")
            found[phase, calls[int(number)]] = value
        return found


def _compare(env, phase):
    theirs, ours = (_run(env, stock, [phase]) for stock in (True, False))
    same("calls", sorted(ours), sorted(theirs))
    check(len(ours) > 200, "only %d calls", len(ours))
    wrong = ["%s: %s there, %s here" % (call, theirs[_, call], ours[_, call])
             for _, call in sorted(ours)
             if ours[_, call] != theirs[_, call] and not differs(phase, call)]
    check(not wrong, "%d calls differ:\n%s", len(wrong), "\n".join(wrong))
    reasons = {differs(phase, call) for _, call in ours
               if ours[_, call] != theirs[_, call]}
    listed = {differs(phase, call) for _, call in ours} - {None}
    same("reasons that hold", sorted(reasons), sorted(listed))


@parley_only(REASON)
def test_before_the_dialog(env):
    _compare(env, "initial")


@parley_only(REASON)
def test_after_dlg_manage(env):
    _compare(env, "after")


@parley_only(REASON)
def test_in_the_call(env):
    _compare(env, "inside")


# ------------------------------------------------ forms that do not start

# Not run; each is started alone. True: it starts there.
START = (
    ('dlg_setflag("abc")', False), ('dlg_setflag("")', True),
    ('dlg_setflag("5x")', False), ('dlg_setflag()', False),
    ('dlg_setflag("$nosuch(x)")', False), ('dlg_setflag("$rU-x")', True),
    ('dlg_set_timeout("abc")', False), ('dlg_set_timeout("")', True),
    ('dlg_set_timeout($var(x), 1, 2)', False), ('dlg_get($ci, "a", "b")', False),
    ('dlg_set_timeout("1", "2")', False),
    ('dlg_set_timeout("0")', True), ('dlg_set_timeout(-5)', True),
    ('set_dlg_profile("nosuch")', False), ('set_dlg_profile("")', False),
    ('set_dlg_profile("wv", "")', False), ('set_dlg_profile("WV", "x")', False),
    ('set_dlg_profile("wv", "$nosuch(x)")', False),
    ('set_dlg_profile("wv", $fU)', False), ('set_dlg_profile($fU)', False),
    ('set_dlg_profile("$fU")', False), ('set_dlg_profile(" wv", "x")', False),
    ('set_dlg_profile("wv", 5)', True), ('is_in_profile("nv", 5)', True),
    ('get_profile_size("wv", "$ru")', False),
    ('get_profile_size("wv", "x", "$dlg_var(n)")', False),
    ('get_profile_size("wv", "x", "n")', False),
    ('get_profile_size("wv", "x", $var(n))', False),
    ('get_profile_size("wv", "x", "$xavp(n)")', False),
    ('get_profile_size("wv", "$var(n)", "")', False),
    ('get_profile_size("nosuch", "$var(n)")', False),
    ('dlg_bye("all")', True), ('dlg_bye("ALL")', True),
    ('dlg_bye("Caller")', True), ('dlg_bye("callee")', True),
    ('dlg_bye("")', False), ('dlg_bye("nobody")', False),
    ('dlg_bye()', False), ('dlg_get("a", "b")', False),
    ('dlg_get("$nosuch(x)", "a", "b")', False),
    ('dlg_get(1, 2, 3)', True), ('is_known_dlg("x")', False),
    ('dlg_manage("x")', False),
    ('dlg_refer("caller", "sip:x@y")', True),
    ('dlg_refer("CALLEE", "$var(x)")', True),
    ('dlg_refer("all", "sip:x@y")', False), ('dlg_refer("caller", "")', True),
    ('dlg_refer("caller", $var(x))', False), ('dlg_refer("caller")', False),
    ('dlg_bridge("sip:a@b", "sip:c@d", "")', True),
    ('dlg_bridge("$fu", "$tu", "$var(x)")', True),
    ('dlg_bridge("sip:a@b", "sip:c@d")', False),
    ('dlg_bridge("", "", "")', True), ('dlg_bridge($fu, $tu, "")', False),
    ('dlg_set_property($var(x))', True), ('dlg_db_load_callid($ci)', True),
    ('dlg_set_property("")', True), ('dlg_set_property()', False),
    ('dlg_set_timeout_by_profile("nv", "5")', True),
    ('dlg_set_timeout_by_profile("nv", 5)', True),
    ('dlg_set_timeout_by_profile("wv", "x$fU", "5")', True),
    ('dlg_set_timeout_by_profile("nosuch", "5")', False),
    ('dlg_set_timeout_by_profile("wv", "", "5")', False),
    ('dlg_set_timeout_by_profile("wv", "$nosuch(x)", "5")', False),
    ('dlg_set_timeout_by_profile("wv", "x", $var(x))', False),
    ('dlg_remote_profile("add", "wv", "x", "u", "5")', True),
    ('dlg_remote_profile("rm", "nv", "", "$ci", "$var(x)")', True),
    ('dlg_remote_profile("$var(x)", "$fU", "$rU", "$ci", "$TS")', True),
    ('dlg_remote_profile("add", "wv", "x", "u", $var(x))', False),
    ('dlg_remote_profile("add", "wv", "x", "u", 5)', True),
    ('dlg_remote_profile("add", "wv", "x", "u", "")', True),
    ('dlg_remote_profile("add", "wv", "x", "u")', False),
    ('dlg_set_ruri("x")', False), ('dlg_db_load_callid()', False),
    ('dlg_db_load_extra("x")', False),
    ('$dlg_ctx(timeout) = "x"', True), ('$dlg_ctx(set) = 1', True),
    ('$dlg_ctx(nosuch) = 1', False), ('$dlg(state) = 1', False),
    ('$dlg(nosuch) == 1', False), ('$var(x) = $dlg()', False),
    ('$dlg_var(x) = 5', True), ('$dlg_var(a.b-c) = "x"', True),
    ('$dlg_var() = "x"', False), ('$DLG_count = 1', False),
    ('$var(x) = $DLG_status + $DLG_lifetime', True),
)
# What only we start with, and why.
MORE = {
    'dlg_bye("both")': "the documents of ims_dialog and dialog_ng have both",
    "dlg_bye($var(x))": "the side may be in a variable",
    'dlg_bye("$var(x)")': "the side may be in a variable",
    "$dlg_ctx(flags) = 5": "there the name can never be read",
    "$var(x) = $dlg(timeout_left)": "a key of ours",
    'dlg_get_var($ci, $ft, "", "x", "$var(x)")': "later versions take it",
    'dlg_set_var($ci, $ft, $tt, $fU, $ru)': "later versions take it",
    "dlg_set_state($var(x))": "later versions take it",
    'dlg_refer_cid($ci, "caller", $ru)': "later versions take it",
    'dlg_refer_did($var(x), 5, "caller", $ru)': "later versions take it",
}


def _starts(env, stock, text, params=PROFILES):
    """(started, log)"""
    body = 'if (%s) { $var(nothing) = 1; }' % text \
        if "==" in text else text + ";"
    routes = script(more="route[FORM] { %s }" % body)
    server = env.proxy(params, routes, stock=stock)
    try:
        server.start()
    except proxy.StartFailed as failure:
        return False, failure.log
    server.stop()
    return True, ""


@parley_only(REASON)
def test_start(env):
    wrong = []
    for text, there in START + tuple((text, False) for text in MORE):
        here = there or text in MORE
        found = tuple(_starts(env, s, text)[0] for s in (True, False))
        if found != (there, here):
            wrong.append("%s: starts there %s, here %s" % ((text,) + found))
    check(not wrong, "%d forms are not as listed:\n%s", len(wrong),
          "\n".join(wrong))


# ------------------------------------------------ routes

BLOCKS = {
    "request": "route[FORM] { %s; }",
    "branch": "branch_route[FORM] { %s; }",
    "failure": "failure_route[FORM] { %s; }",
    "reply": "onreply_route[FORM] { %s; }",
    "core reply": "reply_route { %s; }",
    "event": "event_route[dialog:start] { %s; }",
    "onsend": "onsend_route { %s; }",
}
# The same for each form of a function, so one of each.
CALLS = (
    "dlg_manage()", 'set_dlg_profile("nv")', 'unset_dlg_profile("nv")',
    'is_in_profile("nv")', 'get_profile_size("nv", "$var(n)")',
    "dlg_setflag(1)", "dlg_resetflag(1)", "dlg_isflagset(1)",
    'dlg_bye("all")', 'dlg_get("a", "b", "c")', "is_known_dlg()",
    "dlg_set_timeout(5)", 'dlg_set_timeout("5", "1", "2")',
    'dlg_refer("caller", "sip:x@y")', 'dlg_bridge("sip:a@b", "sip:c@d", "")',
    'dlg_set_timeout_by_profile("nv", "5")',
    'dlg_set_timeout_by_profile("wv", "x", "5")',
    'dlg_set_property("ka-src")', 'dlg_reset_property("ka-src")',
    'dlg_remote_profile("add", "nv", "", "x", "5")', "dlg_set_ruri()",
    'dlg_db_load_callid("x")', "dlg_db_load_extra()")


@parley_only(REASON)
def test_routes(env):
    """A function loads in each route in which it loads there."""
    wrong, refused = [], 0
    for call, (name, block) in itertools.product(CALLS, BLOCKS.items()):
        codes = [env.proxy(PROFILES, "request_route { exit; }\n" + block % call,
                           stock=stock).check()[0] for stock in (True, False)]
        refused += codes[0] != 0
        if codes[0] == 0 and codes[1] != 0:
            wrong.append("%s in %s" % (call, name))
    check(refused > 5, "only %d are refused there", refused)
    check(not wrong, "%d are refused here: %s", len(wrong), ", ".join(wrong))


# ------------------------------------------------ parameters

INTS = ("enable_stats", "hash_size", "dlg_flag", "default_timeout",
        "dlg_match_mode", "detect_spirals", "db_update_period",
        "db_fetch_rows", "db_skip_load", "initial_cbs_inscript", "send_bye",
        "wait_ack", "ka_timer", "ka_interval", "ka_failed_limit",
        "timeout_noreset", "timer_procs", "track_cseq_updates",
        "early_timeout", "noack_timeout", "end_timeout", "h_id_start",
        "h_id_step", "keep_proxy_rr", "dlg_filter_mode")
INT_VALUES = (0, 1, 2, 3, 30, 65537, -1, -2, "1", "x")
TEXTUAL = ("rr_param", "timeout_avp", "dlg_extra_hdrs", "db_url", "table_name",
           "vars_value_column", "bridge_controller", "bridge_contact",
           "ruri_pvar", "xavp_cfg", "lreq_callee_headers", "event_callback",
           "profiles_with_value", "profiles_no_value")
TEXT_VALUES = ("x", "", "a b", "$ru", "sip:a@b.test", "X: y\\r\\n", "a;a", 5)
COLUMNS = ("call_id", "from_uri", "from_tag", "to_uri", "to_tag", "h_id",
           "h_entry", "state", "start_time", "timeout", "to_cseq", "from_cseq",
           "to_route", "from_route", "to_contact", "from_contact", "to_sock",
           "from_sock", "sflags", "toroute_name", "vars_h_id", "vars_h_entry",
           "vars_key", "vars_value")
# The other spellings, of ours only.
ALSO = ("callid", "caller_cseq", "callee_cseq", "caller_route", "callee_route",
        "caller_contact", "callee_contact", "caller_sock", "callee_sock")
HEADERS = "a line that is no header would be in each request of ours"
# Parameter: (values that only the packaged module starts with, why)
STRICT = {
    "hash_size": ((0, 3, 30, 65537, -1, -2),
                  "must be a power of two, as documented"),
    "rr_param": (("a b", "$ru", "sip:a@b.test", "X: y\\r\\n", "a;a"),
                 "no name of a parameter in a SIP URI: no request would be "
                 "found by it"),
    "dlg_extra_hdrs": (("x", "a b", "$ru", "sip:a@b.test", "a;a"), HEADERS),
    "bridge_controller": (("X: y\\r\\n",), HEADERS),
    "bridge_contact": (("X: y\\r\\n",), HEADERS),
}


def _values(env, names, values):
    wrong = []
    for name, value in itertools.product(names, values):
        there, here = (_starts(env, s, "exit", [(name, value)])[0]
                       for s in (True, False))
        want = there and value not in STRICT.get(name, ((), ""))[0]
        if here < want or (here and not there and name != "dlg_flag") or \
                (there and not want and here):
            wrong.append("%s=%r: starts there %s, here %s" % (
                name, value, there, here))
    check(not wrong, "%d values are not as listed:\n%s", len(wrong),
          "\n".join(wrong))


@parley_only(REASON)
def test_numbers(env):
    _values(env, INTS, INT_VALUES)


@parley_only(REASON)
def test_texts(env):
    _values(env, TEXTUAL, TEXT_VALUES)


@parley_only(REASON)
def test_names_of_columns(env):
    """All at once: each loads, and none makes the other fail."""
    params = [("%s_column" % name, name) for name in COLUMNS] + \
        [("table_name", "t"), ("vars_table_name", "v"), ("db_url", "x://y")]
    also = [("%s_column" % name, name) for name in ALSO]
    for stock, given in ((True, params), (False, params + also)):
        started, log = _starts(env, stock, "exit", given)
        check(started, "stock %s: %s", stock, log[-300:])


@parley_only(REASON)
def test_names_of_later_versions(env):
    """Parameters that the packaged module refuses load, in both spellings."""
    for name, value in (("dmq_peer_id", "calls"), ("dmq_ka_iflags_sync", 1),
                        ("enable_dmq_ka_iflags_sync", 1),
                        ("enable_dmq_load_callbacks", 1),
                        ("bye_early_code", 486), ("bye_early_reason", "Bye"),
                        ("dlg_mode", 1), ("dlg_ctxiuid_mode", 1),
                        ("debug_variables", 1)):
        found = tuple(_starts(env, stock, "exit", [(name, value)])[0]
                      for stock in (True, False))
        same(name, found, (False, True))
