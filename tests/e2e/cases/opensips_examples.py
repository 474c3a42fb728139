"""Every example of OpenSIPS' document of its dialog module, as it stands there,
under each of the three names: it loads, and does what its text says.

What Kamailio's language spells differently, and what is a slip of the document,
stands in docs/opensips.md.
"""
import itertools

from lib import database, modules, stored
from lib.case import check, net, parley_only, same, script, sip, wait_state

from .badparams import refused

NAMES = ("dialog", "ims_dialog", "dialog_ng")
OURS = "the packaged module has no such names"

# Examples 1.1 to 1.10, 1.33 and 1.34. Those of the database stand below.
PARAMETERS = {
    "1.1": 'modparam("dialog", "enable_stats", 0)',
    "1.2": 'modparam("dialog", "hash_size", 1024)',
    "1.3": 'modparam("dialog", "log_profile_hash_size", 5) '
           '#set a table size of 32',
    "1.4": 'modparam("dialog", "rr_param", "xyz")',
    "1.5": 'modparam("dialog", "dlg_flag", 4)',
    "1.6": 'modparam("dialog", "bye_on_timeout_flag", 6)',
    "1.7": 'modparam("dialog", "timeout_avp", "$avp(i:10)")',
    "1.8": 'modparam("dialog", "default_timeout", 21600)',
    "1.9": r'modparam("dialog", "dlg_extra_hdrs", "Hint: credit expired\r\n")',
    "1.10": 'modparam("dialog", "dlg_match_mode", 1)',
    "1.33": 'modparam("dialog", "profiles_with_value", "caller ; my_profile")',
    "1.34": 'modparam("dialog", "profiles_no_value", "inbound ; outbound")',
}
# The profile that the examples of functions use.
USED = 'modparam("dialog", "profiles_no_value", "inbound_call")\n'
DATABASE = {
    "1.11": 'modparam("dialog", "db_url", '
            '"dbdriver://username:password@dbhost/dbname")',
    "1.12": 'modparam("dialog", "db_mode", 1)',
    "1.13": 'modparam("dialog", "db_update_period", 120)',
    "1.14": 'modparam("dialog", "table_name", "my_dialog")',
}
# Example, parameter, value of the document, column of Kamailio's table.
COLUMNS = [
    ("1.15", "callid_column", "callid_c_name", "callid"),
    ("1.16", "from_uri_column", "from_uri_c_name", "from_uri"),
    ("1.17", "from_tag_column", "from_tag_c_name", "from_tag"),
    ("1.18", "to_uri_column", "to_uri_c_name", "to_uri"),
    ("1.19", "to_tag_column", "to_tag_c_name", "to_tag"),
    ("1.20", "caller_cseq_column", "column_name", "caller_cseq"),
    ("1.21", "callee_cseq_column", "column_name", "callee_cseq"),
    ("1.22", "caller_route_column", "column_name", "caller_route_set"),
    ("1.23", "to_route_column", "column_name", "callee_route_set"),
    ("1.24", "caller_contact_column", "column_name", "caller_contact"),
    ("1.25", "callee_contact_column", "column_name", "callee_contact"),
    ("1.26", "caller_sock_column", "column_name", "caller_sock"),
    ("1.27", "callee_sock_column", "column_name", "callee_sock"),
    ("1.28", "h_id_column", "hash_id_c_name", "hash_id"),
    ("1.29", "h_entry_column", "h_entry_c_name", "hash_entry"),
    ("1.30", "state_column", "state_c_name", "state"),
    ("1.31", "start_time_column", "start_time_c_name", "start_time"),
    ("1.32", "timeout_column", "timeout_c_name", "timeout"),
]

CREATE = "create_dialog();\n"
VALIDATE = r"""
    if (has_totag()) {
        loose_route();
        if ($DLG_status!=$null && !validate_dialog() ) {
            xlog(" in-dialog bogus request \n");
        } else {
            xlog(" in-dialog valid request - $DLG_dir !\n");
        }
    }
"""
SET_PROFILE = """
set_dlg_profile("inbound_call");
set_dlg_profile("caller","$fu");
"""
UNSET_PROFILE = """
unset_dlg_profile("inbound_call");
unset_dlg_profile("caller","$fu");
"""
IS_IN = r"""
if (is_in_profile("inbound_call")) {
        log("this request belongs to a inbound call\n");
}
if (is_in_profile("caller","XX")) {
        log("this request belongs to a call of user XX\n");
}
"""
SIZE = r"""
get_profile_size("inbound_call","$avp(size)");
xlog("currently there are $avp(size) inbound calls\n");
get_profile_size("caller","$fu","$avp(size)");
xlog("currently, the user $fu has $avp(size) active outgoing calls\n");
"""
SET_FLAG = 'set_dlg_flag("3");\n'
RESET_FLAG = 'reset_dlg_flag("16");\n'
IS_SET = r"""
if (is_dlg_flag_set("16")) {
        xlog("dialog flag 16 is set\n");
}
"""
STORE = """
store_dlg_value("inv_src_ip","$si");
store_dlg_value("account type","prepaid");
# or
$dlg_val("account_type") = "prepaid";
"""
FETCH = """
fetch_dlg_value("inv_src_ip","$avp(i:2)");
fetch_dlg_value("account type","$var(account)");
# or
$var(account) = $dlg_val("account_type");
"""


def lines(name, *examples):
    """Examples of parameters for the module under @name."""
    return "\n".join(PARAMETERS[e] for e in examples).replace(
        '"dialog"', '"%s"' % name) + "\n"


class Bed:
    """A server under one name with examples of parameters, and two parties."""

    def __init__(self, env, name, examples=("1.33", "1.34"), **hooks):
        text = lines(name, *examples) + USED.replace('"dialog"',
                                                     '"%s"' % name)
        self.name = name
        self.server = env.proxy(routes=script(**hooks), name=name, debug=4,
                                last=text)
        self.server.start()
        self.a = sip.Party(self.server, "a")
        self.b = sip.Party(self.server, "b")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.a.close()
        self.b.close()
        self.server.__exit__(*failure)

    def said(self, text):
        return self.server.log().count(text)

    def within(self, call, method="UPDATE"):
        call.caller.request(method)
        self.b.reply(self.b.expect(method, callid=call.callid), 200)
        self.a.expect(200, method, callid=call.callid)


def each(env, play, *examples, **hooks):
    hooks.setdefault("initial", CREATE)
    for name in NAMES:
        with Bed(env, name, examples or ("1.33", "1.34"), **hooks) as bed:
            try:
                play(bed)
            except AssertionError as failure:
                raise AssertionError("%s: %s" % (name, failure)) from failure


# ------------------------------------------------------------- parameters

@parley_only(OURS)
def test_enable_stats(env):
    """1.1: no statistics."""
    def play(bed):
        sip.establish(bed.a, bed.b)
        check("active_dialogs" not in bed.server.statistics(bed.name),
              "there are statistics")
        same("$DLG_count", bed.said("COUNT 0"), 1)
    each(env, play, "1.1", initial=CREATE +
         'xlog("COUNT $DLG_count\\n");')


@parley_only(OURS)
def test_sizes(env):
    """1.2, 1.3: as many entries, and profiles that count."""
    def play(bed):
        sip.establish(bed.a, bed.b)
        same("entries", bed.server.json("dlg2.list")["Size"], 1024)
        same("size", bed.server.rpc("dlg.profile_get_size", "inbound_call"), 1)
    each(env, play, "1.2", "1.3", "1.33", initial=CREATE + SET_PROFILE)


@parley_only(OURS)
def test_timeout(env):
    """1.4 to 1.9: the cookie's name, which INVITEs make a dialog, BYE when the
    time is over, its headers, and whose time is longer."""
    def play(bed):
        side, invite = sip.ring(bed.a, bed.b)
        check(";xyz=" in invite.get("Record-Route"), "%r", invite.data)
        call = sip.answer(side, invite, bed.b)
        other = sip.establish(bed.a, bed.b, headers=[("X-Other", "1")])
        third = sip.establish(bed.a, bed.b, headers=[("X-None", "1")])
        found = bed.server.rpc("dlg.dlg_list", other.callid)
        same("default_timeout", found["lifetime"], 21600)
        check(not bed.server.rpc("dlg.dlg_list", third.callid),
              "an INVITE without the flag makes a dialog")
        for party in (bed.a, bed.b):
            bye = party.expect("BYE", callid=call.callid, seconds=8)
            party.reply(bye, 200)
            same("header", bye.get("Hint"), "credit expired")
    each(env, play, "1.4", "1.5", "1.6", "1.7", "1.8", "1.9",
         initial="if (!is_present_hf(\"X-None\")) { setflag(4); }"
         "if (!is_present_hf(\"X-Other\")) { setflag(6); $avp(i:10) = 2; }")


@parley_only(OURS)
def test_match_mode(env):
    """1.10: without the cookie, by the SIP elements."""
    def play(bed):
        call = sip.establish(bed.a, bed.b)
        for side in (call.caller, call.callee):
            side.routes = ["<sip:127.0.0.1:%d;lr>" % bed.server.port]
        call.hang_up()
        same("matched", bed.said("MATCHED 5"), 1)
    each(env, play, "1.10",
         inside='if (is_method("BYE")) { xlog("MATCHED $DLG_status\\n"); }')


def _table(base, renamed):
    """The stock table as my_dialog, with other names of columns."""
    base.create_stock_tables()
    base.execute("ALTER TABLE dialog RENAME TO my_dialog")
    base.execute("UPDATE version SET table_name = 'my_dialog' "
                 "WHERE table_name = 'dialog'")
    for old, new in renamed:
        base.execute("ALTER TABLE my_dialog RENAME COLUMN %s TO %s"
                     % (old, new))


def _stored(env, name, columns):
    """A call is stored under these names of columns, and comes back."""
    with database.fresh("sqlite") as base:
        _table(base, [(old, new) for _, _, new, old in columns])
        text = [DATABASE["1.11"].replace(
            "dbdriver://username:password@dbhost/dbname", base.url)]
        text += [DATABASE[e] for e in ("1.12", "1.13", "1.14")]
        text += ['modparam("dialog", "%s", "%s")' % (param, value)
                 for _, param, value, _ in columns]
        server = env.proxy(
            [("journal_dir", stored.folder_of_journal(base))],
            script(initial=CREATE), name=name, first=base.load(),
            last="\n".join(text).replace('"dialog"', '"%s"' % name))
        with server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = stored.establish(a, b)
            net.wait_until(lambda: len(base.rows("my_dialog")) == 1, 5,
                           "the call is stored")
            row = base.rows("my_dialog")[0]
            for _, _, new, _ in columns:
                check(row[new] not in (None, ""), "%s is empty: %r", new, row)
            server.stop()
            server.start()
            wait_state(server, call.callid, 4)
            call.hang_up()
            net.wait_until(lambda: not base.rows("my_dialog"), 5,
                           "the row goes")


@parley_only(OURS)
def test_database(env):
    """1.11 to 1.19, 1.28 to 1.32: a call is stored, and comes back."""
    own = [c for c in COLUMNS if c[2] != "column_name"]
    for name in NAMES:
        _stored(env, name, own)


@parley_only(OURS)
def test_columns(env):
    """1.20 to 1.27: they all name one column, so each for itself."""
    shared = [c for c in COLUMNS if c[2] == "column_name"]
    for column, name in zip(shared, itertools.cycle(NAMES)):
        _stored(env, name, [column])


# ------------------------------------------------------------- functions

@parley_only(OURS)
def test_create(env):
    """1.35"""
    def play(bed):
        call = sip.establish(bed.a, bed.b)
        wait_state(bed.server, call.callid, 4)
        call.hang_up()
    each(env, play)


@parley_only(OURS)
def test_validate(env):
    """1.36: what the parties send is valid in both directions, a BYE with an
    old number is bogus, and the call stays."""
    def play(bed):
        call = sip.establish(bed.a, bed.b)
        bed.within(call)
        call.callee.request("INFO")
        bed.a.reply(bed.a.expect("INFO"), 200)
        bed.b.expect(200, "INFO")
        same("down", bed.said("in-dialog valid request - DOWNSTREAM !"), 2)
        same("up", bed.said("in-dialog valid request - UPSTREAM !"), 1)
        same("bogus", bed.said("in-dialog bogus request"), 0)
        call.caller.request("OPTIONS", cseq=1)
        bed.b.reply(bed.b.expect("OPTIONS"), 500)
        bed.a.expect(500, "OPTIONS")
        same("bogus", bed.said("in-dialog bogus request"), 1)
        wait_state(bed.server, call.callid, 4)
    each(env, play, inside=VALIDATE.replace("loose_route();", ""))


@parley_only(OURS)
def test_profiles(env):
    """1.37, 1.39, 1.40: set, asked for, counted."""
    def play(bed):
        call = sip.establish(bed.a, bed.b)
        bed.within(call)
        same("said", {t: bed.said(t) for t in (
            "this request belongs to a inbound call",
            "this request belongs to a call of user XX",
            "currently there are 1 inbound calls",
            "currently, the user sip:a@from.test has 1 active")},
            {"this request belongs to a inbound call": 1,
             "this request belongs to a call of user XX": 0,
             "currently there are 1 inbound calls": 1,
             "currently, the user sip:a@from.test has 1 active": 1})
        other = sip.establish(bed.a, bed.b, from_uri="sip:x@y.test",
                              headers=[("X-User", "XX")])
        bed.within(other)
        for text in ("this request belongs to a call of user XX",
                     "currently there are 2 inbound calls",
                     "currently, the user sip:x@y.test has 1 active"):
            same(text, bed.said(text), 1)
    each(env, play, initial=CREATE + SET_PROFILE +
         'if (is_present_hf("X-User")) { '
         'set_dlg_profile("caller", "$hdr(X-User)"); }',
         inside='if (is_method("UPDATE")) {%s%s}' % (IS_IN, SIZE))


@parley_only(OURS)
def test_unset_profile(env):
    """1.38, in the routes that the text names, and in the request route."""
    def gone(bed):
        sizes = [bed.server.rpc("dlg.profile_get_size", *profile) for profile
                 in (("inbound_call",), ("caller", "sip:a@from.test"))]
        same("sizes", sizes, [0, 0])

    def answered(bed):
        side, invite = sip.ring(bed.a, bed.b)
        gone(bed)
        sip.answer(side, invite, bed.b)

    def failed(bed):
        side, invite = sip.ring(bed.a, bed.b)
        same("before", bed.server.rpc("dlg.profile_get_size", "inbound_call"),
             1)
        bed.b.reply(invite, 486)
        side.ack_failure(bed.a.expect(486, "INVITE"))
        same("after", bed.said("0 inbound, 0 of the caller"), 1)
    size = ('get_profile_size("inbound_call", "$avp(n)");'
            'get_profile_size("caller", "$fu", "$avp(m)");'
            'xlog("$avp(n) inbound, $avp(m) of the caller\\n");')
    initial = CREATE + SET_PROFILE
    each(env, answered, initial=initial + UNSET_PROFILE)
    each(env, answered, initial=initial + 't_on_branch("B");',
         more="branch_route[B] {%s}" % UNSET_PROFILE)
    each(env, answered, initial=initial + 't_on_reply("R");',
         more="onreply_route[R] {%s}" % UNSET_PROFILE)
    each(env, failed, initial=initial + 't_on_failure("F");',
         more="failure_route[F] {%s %s}" % (UNSET_PROFILE, size))


@parley_only(OURS)
def test_flags(env):
    """1.41 to 1.43: a flag is seen in later requests until it is reset."""
    def play(bed):
        call = sip.establish(bed.a, bed.b)
        found = bed.server.rpc("dlg.dlg_list", call.callid)
        same("flags", found["sflags"], 1 << 3 | 1 << 16)
        bed.within(call)
        same("set", bed.said("dialog flag 16 is set"), 1)
        bed.within(call, "INFO")
        bed.within(call)
        same("reset", bed.said("dialog flag 16 is set"), 1)
        found = bed.server.rpc("dlg.dlg_list", call.callid)
        same("flags", found["sflags"], 1 << 3)
    each(env, play, initial=CREATE + SET_FLAG + 'set_dlg_flag("16");',
         inside='if (is_method("INFO")) {%s}\nif (is_method("UPDATE")) {%s}'
         % (RESET_FLAG, IS_SET))


@parley_only(OURS)
def test_values(env):
    """1.44, 1.45: stored with the INVITE, fetched in a later request."""
    def play(bed):
        call = sip.establish(bed.a, bed.b)
        bed.within(call)
        same("values", bed.said("FETCHED 127.0.0.1 prepaid prepaid"), 1)
        found = bed.server.rpc("dlg.dlg_list", call.callid)
        same("listed", sorted(pair for v in found["variables"] for pair in v),
             [("account type", "prepaid"), ("account_type", "prepaid"),
              ("inv_src_ip", "127.0.0.1")])
    first, after = FETCH.split("# or")
    each(env, play, initial=CREATE + STORE,
         inside='if (is_method("UPDATE")) {%s $var(first) = $var(account);'
         '# or%s xlog("FETCHED $avp(i:2) $var(first) $var(account)\\n"); }'
         % (first, after))


# ------------------------------------------------------------- slips

@parley_only("it is about our page")
def test_slips_are_listed(env):
    """docs/opensips.md names them, and the 45 are all here."""
    with open("%s/docs/opensips.md" % modules.ROOT, encoding="utf-8") as page:
        text = page.read()
    for word in ("`NULL`", "`$null`", "| 1.23 |", "| 1.40 |", "`%fu`",
                 'get_profile_size("caller", "$fu", "$avp(size)")'):
        check(word in text, "%s is not in docs/opensips.md", word)
    known = set(PARAMETERS) | set(DATABASE) | {c[0] for c in COLUMNS}
    known |= {"1.%d" % n for n in range(35, 46)}
    same("examples", known, {"1.%d" % n for n in range(1, 46)})


@parley_only(OURS)
def test_slip_1_40(env):
    """As it stands it stops the start, with a line that says why."""
    for name in NAMES:
        refused(env, [("profiles_with_value", "caller")],
                ("get_profile_size", '"$fu"', "$avp(...)"), early=False,
                name=name, routes=script(
                    more='route[X] { get_profile_size("caller","$fu"); }'))
