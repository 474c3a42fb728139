"""Wrong parameters: one readable line, no start; kamailio -c shows those that
one value tells. What the packaged module starts with starts here, too."""
import re

from lib.case import (check, parley_only, proxy, same, script, sip,
                      wait_statistic)

QUIET = "the packaged module accepts it or says less"


def _errors(log):
    """Lines of ours that an operator sees; the core's own are left out."""
    return [line for line in log.split("\n")
            if re.search(r"\) (ERROR|CRITICAL|BUG): (?!<core>)", line)]


def refused(env, params, words, early=True, routes=None, **options):
    """No start, and exactly one line of ours, with all of @words."""
    server = env.proxy(params, routes, **options)
    try:
        code, output = server.check()
        if early:
            check(code != 0, "kamailio -c accepts %r", params)
            _one_line(output, words)
        else:
            same("kamailio -c of %r\n%s" % (params, output), code, 0)
        try:
            server.start()
        except proxy.StartFailed as failure:
            check(failure.code != "no answer", "hangs: %s", failure.log)
            _one_line(failure.log, words)
        else:
            raise AssertionError("starts with %r" % (params,))
    finally:
        server.close()


def _one_line(log, words):
    lines = _errors(log)
    same("error lines in\n%s\n" % log, len(lines), 1)
    for word in words:
        check(str(word) in lines[0], "%r is not in %r", word, lines[0])


@parley_only(QUIET)
def test_hash_size(env):
    for value in (0, -1, 3, 1000, 1 << 25):
        refused(env, [("hash_size", value)],
                 ["hash_size", value, "power of two"])


@parley_only(QUIET)
def test_db_mode(env):
    """A database that cannot be used stops the start, and none is looked for
    as long as none is asked for."""
    for value in (1, 2, 3):
        for url, words in (("mysql://a:b@c/d", ["mysql://", "db_mysql.so"]),
                           ("nothing", ["db_url"])):
            refused(env, [("db_mode", value), ("db_url", url)], words,
                     early=False)
    for value in (-1, 4):
        refused(env, [("db_mode", value)], ["db_mode", value, "from 0 to 3"])
    with env.proxy([("db_mode", 0), ("db_url", "mysql://a:b@c/d")]) as server:
        check("db_" not in server.log(), "a line about the database")


@parley_only(QUIET)
def test_journal(env):
    """The parameters of the journal, and of the node."""
    for name, values, words in (
            ("journal_size", (0, -1, 65537), ["from 1 to 65536"]),
            ("journal_dir", ("", "calls", "./calls"), ["full path"]),
            ("journal_dir", ("/run", "/run/kamailio", "/var/run/x"),
             ["emptied"]),
            ("db_node", ("n" * 65,), ["at most 64"])):
        for value in values:
            refused(env, [(name, value)], [name] + words)
    with env.proxy([("journal_dir", "/nowhere"), ("journal_size", 65536),
                    ("journal_sync", 1), ("db_load_wait", 0),
                    ("db_node", "n" * 64), ("more_table_name", "m")]):
        pass


@parley_only(QUIET)
def test_default_timeout(env):
    """A plain int parameter: judged at start."""
    for value in (0, -5):
        refused(env, [("default_timeout", value)],
                 ["default_timeout", value, "from 1"], early=False)


@parley_only(QUIET)
def test_dlg_flag(env):
    refused(env, [("dlg_flag", 32)], ["dlg_flag", 32, "31"], early=False)


@parley_only(QUIET)
def test_match_mode(env):
    for value in (3, -1):
        refused(env, [("dlg_match_mode", value)],
                 ["dlg_match_mode", value, "0, 1 or 2"])


@parley_only(QUIET)
def test_switches(env):
    for name in ("detect_spirals", "timeout_noreset", "initial_cbs_inscript",
                 "early_timeout_end"):
        refused(env, [(name, 7)], [name, 7, "0 or 1"])


@parley_only(QUIET)
def test_texts(env):
    for name, value, allowed in (
            ("rr_param", "", "1 to 32"),
            ("rr_param", "a;b", "1 to 32"),
            ("rr_param", "x" * 33, "1 to 32"),
            ("timeout_avp", "$nosuch", "AVP"),
            ("timeout_avp", "plain", "AVP"),
            ("dlg_extra_hdrs", "no header", "header lines"),
            ("dlg_extra_hdrs", "X-A: 1", "CRLF"),
            ("dlg_extra_hdrs", "X-A: 1\\r\\n\\r\\n", "empty line"),
            ("dlg_extra_hdrs", "X-A: 1\\nX-B: 2\\r\\n", "CR or LF"),
            ("profiles_with_value", "good;b d", "letters"),
            ("profiles_no_value", "x;x", "already")):
        refused(env, [(name, value)], [name, allowed])


@parley_only(QUIET)
def test_numbers(env):
    for name, value in (("rpc_list_max", 0), ("memory_piece", 1),
                        ("bye_early_code", 200), ("early_timeout", 3000000)):
        refused(env, [(name, value)], [name, value])


def test_unknown_parameter(env):
    server = env.proxy([("no_such_thing", 1)])
    code, output = server.check()
    check(code != 0 and "no_such_thing" in output, "%s", output)
    server.close()


@parley_only(QUIET)
def test_missing_modules(env):
    """Without tm or rr: one line that names the module."""
    for missing in ("tm", "rr"):
        modules = [m for m in proxy.MODULES if m not in (missing, "tmx")]
        refused(env, [], ["needs the module " + missing], early=False,
                 routes="request_route { exit; }", modules=modules)


@parley_only(QUIET)
def test_unknown_profile(env):
    """An unknown profile in the script names function and profile."""
    for call in ('set_dlg_profile("nobody")', 'is_in_profile("nobody")',
                 'unset_dlg_profile("nobody")',
                 'get_profile_size("nobody", "$var(x)")',
                 'dlg_join_profile("nobody", 5)'):
        refused(env, [("profiles_no_value", "all")], ["nobody"],
                 early=False, routes=script(initial="dlg_manage(); %s;" % call))


@parley_only(QUIET)
def test_two_of_ours(env):
    for one, other in (("dialog", "ims_dialog"), ("dialog", "dialog_ng"),
                       ("ims_dialog", "dialog_ng")):
        last = 'loadmodule "%s"' % env.module(other)
        _refuses_second(env, one, last, other)


@parley_only(QUIET)
def test_beside_packaged(env):
    """Before and after the packaged dialog or ims_dialog."""
    for ours, theirs in (("dialog", "ims_dialog"), ("ims_dialog", "dialog"),
                         ("dialog_ng", "dialog"), ("dialog_ng", "ims_dialog")):
        line = 'loadmodule "%s"' % env.module(theirs, stock=True)
        _refuses_second(env, ours, line, theirs)
        _refuses_second(env, ours, line, theirs, "first")


def _refuses_second(env, ours, line, other, where="last"):
    server = env.proxy([], script(initial="setflag(1);"), name=ours,
                       **{where: line})
    try:
        try:
            server.start()
        except proxy.StartFailed as failure:
            lines = [row for row in _errors(failure.log)
                     if ours in row and other in row]
            same("lines naming both in\n" + failure.log, len(lines), 1)
        else:
            raise AssertionError("starts with %s and %s" % (ours, other))
    finally:
        server.close()


def _warned(env, params, words, routes=None):
    with env.proxy(params, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        if not env.stock:
            lines = [line for line in server.log().split("\n")
                     if "WARNING" in line and
                     all(str(w) in line for w in words)]
            same("warnings in\n" + server.log(), len(lines), 1)
        call = sip.establish(a, b)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


def test_accepted_with_warning(env):
    """What the packaged module starts with starts here, with one line."""
    _warned(env, [("early_timeout", -5)], ["early_timeout", -5])
    _warned(env, [], ["dlg_setflag", "40"],
            script(initial='dlg_setflag("40"); dlg_manage();'))
    _warned(env, [("profiles_with_value", "caller")], ["caller"],
            script(initial='set_dlg_profile("caller"); dlg_manage();'))
