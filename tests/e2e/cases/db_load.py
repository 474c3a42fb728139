"""What is loaded from a database, what is not, and what is said of it; rows are
written by the case."""
import os
import re
import signal
import time

from lib import callbacks, database, modules, net, stored
from lib.case import Skip, check, parley_only, same, two_parties

from . import capi_module

HASH_SIZE = 4096
NOW = int(time.time())


def core_hash(text):
    """Kamailio's hash of a Call-ID, before the modulo."""
    data, total = text.encode(), 0
    whole = len(data) - len(data) % 4
    for i in range(0, whole, 4):
        word = int.from_bytes(data[i:i + 4], "big")
        total += word ^ word >> 3
    word = int.from_bytes(data[whole:], "big")
    total = (total + (word ^ word >> 3)) & 0xffffffff
    return (total + (total >> 11) + (total >> 13) + (total >> 23)) & 0xffffffff


def row(name, number, **changes):
    """A row of `dialog` as the packaged module writes them."""
    socket = "udp:127.0.0.1:5060"
    columns = {
        "hash_entry": core_hash(name) % HASH_SIZE, "hash_id": number,
        "callid": name, "from_uri": "sip:a@from.test", "from_tag": "ft",
        "to_uri": "sip:b@to.test", "to_tag": "tt", "caller_cseq": "1",
        "callee_cseq": "0", "caller_route_set": None, "callee_route_set": None,
        "caller_contact": "sip:a@127.0.0.1", "callee_contact":
        "sip:b@127.0.0.1", "caller_sock": socket, "callee_sock": socket,
        "state": 4, "start_time": NOW - 10, "timeout": NOW + 3000,
        "sflags": 5, "iflags": 0, "toroute_name": None,
        "req_uri": "sip:b@to.test", "xdata": None}
    columns.update(changes)
    return columns


# The column, what is in it, and what the line says.
DAMAGED = [
    ("hash_entry", -1, "hash_entry is below 0"),
    ("hash_id", 0, "hash_id is 0"),
    ("hash_id", -5, "hash_id is below 0"),
    ("hash_id", 1 << 31, "hash_id is above 2147483647"),
    ("state", 2, "state is not 3 or 4"),
    ("state", 5, "state is not 3 or 4"),
    ("start_time", -1, "start_time is below 0"),
    ("timeout", 1 << 33, "timeout is above 4294967295"),
    ("callid", "", "callid is empty"),
    ("from_tag", "", "from_tag is empty"),
    ("caller_cseq", "many", "caller_cseq is no CSeq number"),
    ("hash_entry", 1 + core_hash("damaged-11") % HASH_SIZE, "is that of no hash_size")]
# Whose column may be NULL in a table that somebody else has made.
NULLS = ["callid", "from_tag", "to_tag", "from_uri", "callee_cseq", "state"]


def _log_has(server, *patterns):
    log = server.log()
    for pattern in patterns:
        check(re.search(pattern, log), "not in the log: %s\n%s", pattern, log)


def loose_tables(base):
    """The package's tables, without NOT NULL, as by hand."""
    base.create_stock_tables()
    for table in ("dialog", "dialog_vars"):
        text = base.query("SELECT sql FROM sqlite_master WHERE name = '%s'"
                          % table)[0]["sql"]
        base.execute("DROP TABLE %s;" % table)
        head, _, rest = text.partition("(")
        lines = [line.replace(" NOT NULL", "") if "KEY" not in line else line
                 for line in rest.split("\n")]
        base.execute(head + "(" + "\n".join(lines) + ";")
    return base


def fill(base):
    """One good row, and those that are not; returns what the log must say."""
    base.insert("dialog", **row("good", 1))
    expected = []
    for i, (column, value, text) in enumerate(DAMAGED):
        base.insert("dialog", **row("damaged-%d" % i, 100 + i,
                                    **{column: value}))
        expected.append(r"row %d of dialog \(.*\): .*%s" % (i + 2, text))
    for i, column in enumerate(NULLS):
        base.insert("dialog", **row("null-%d" % i, 200 + i, **{column: None}))
        expected.append(r"row %d of dialog \(.*\): %s is NULL" % (
            len(DAMAGED) + 2 + i, column))
    base.insert("dialog", **row("good", 1))
    expected.append("another row of this dialog")
    place = {"hash_entry": core_hash("good") % HASH_SIZE, "hash_id": 1}
    base.insert("dialog_vars", dialog_key="k", dialog_value="v", **place)
    for values, text in (
            ({"dialog_key": None, "dialog_value": "v"}, "key is NULL"),
            ({"dialog_key": "x", "dialog_value": None}, "value is NULL"),
            ({"dialog_key": "x", "dialog_value": "v", "hash_id": 77},
             "no such dialog"),
            ({"dialog_key": "x", "dialog_value": "v", "hash_id": 0},
             "names no dialog")):
        base.insert("dialog_vars", **dict(place, **values))
        expected.append(r"of dialog_vars \(.*\): .*" + text)
    return expected


@parley_only("the packaged module loads some of them, and does not start with "
             "others")
def test_damaged(env):
    """Each damaged row is skipped with a line that names it, and stays; the
    good one is there."""
    with database.fresh("sqlite") as base:
        expected = fill(loose_tables(base))
        before = [base.rows("dialog"), base.rows("dialog_vars")]
        with stored.server(env, base, 1) as server:
            _log_has(server, *expected)
            same("dialogs", server.statistics()["active_dialogs"], 1)
            same("variables", stored.facts(server, "good")["variables"],
                 [("k", "v")])
        same("rows", [base.rows("dialog"), base.rows("dialog_vars")], before)


XDATA = ('{"profiles":[{"name":"callers","value":"a","puid":"1-2"},'
         '{"name":"none"},{"name":"all"}]}')


@parley_only("the packaged module says other words")
def test_left_out(env):
    """What is wrong in a row that is right costs only itself."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        base.insert("dialog", **row("cut", 1, xdata=XDATA[:60]))
        base.insert("dialog", **row("all", 2, xdata=XDATA, state=3,
                                    timeout=NOW - 87107362, start_time=NOW,
                                    sflags=-2147483647))
        with stored.server(env, base, 1) as server:
            _log_has(server, r"row 1 of dialog \(.*\): xdata is no JSON",
                           r"row 2 of dialog \(.*\): it is in profiles that are",
                           "4 sockets of dialogs are none",
                           "1 calls were written while they waited")
            same("profiles", stored.facts(server, "cut")["profiles"], [])
            found = stored.facts(server, "all")
            same("profiles", found["profiles"],
                 [("all", ""), ("callers", "a")])
            same("lifetime", found["lifetime"], 3600)
            same("state", found["state"], 3)
            same("flags", found["sflags"] & 0xffffffff, 0x80000001)


@parley_only("the packaged module has no RPC for it")
def test_skipped(env):
    """db_skip_load=1: nothing is loaded and nothing is lost; it is loaded when
    it is asked for."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        for i in range(3):
            base.insert("dialog", **row("call-%d" % i, 10 + i))
            base.insert("dialog_vars", hash_id=10 + i, dialog_key="n",
                        hash_entry=core_hash("call-%d" % i) % HASH_SIZE,
                        dialog_value=str(i))
        with stored.server(env, base, 1, ("db_skip_load", 1)) as server:
            same("dialogs", server.statistics()["active_dialogs"], 0)
            server.rpc("dlg.db_load_callid", "call-1")
            same("variables", stored.facts(server, "call-1")["variables"],
                 [("n", "1")])
            same("dialogs", server.statistics()["active_dialogs"], 1)
            server.rpc("dlg.db_load_callid", "nobody")
            server.rpc("dlg.db_load_extra")
            same("dialogs", server.statistics()["active_dialogs"], 3)
            same("variables", stored.facts(server, "call-2")["variables"],
                 [("n", "2")])
        same("rows", [base.count("dialog"), base.count("dialog_vars")], [3, 3])


def _ended_stays_ended(env, mode):
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        with two_parties(stored.server(
                env, base, mode, ("db_update_period", 3600),
                ("end_timeout", 1))) as (server, a, b):
            call = stored.establish(a, b)
            if mode == 2:
                server.rpc("dlg.db_flush")
                stored.wait_rows(base, "dialog", 1)
            else:
                server.stop()
                server.start()
            same("rows", base.count("dialog"), 1)
            call.hang_up()
            net.wait_until(lambda: not stored.facts(server, call.callid), 10,
                           "the dialog is forgotten")
            same("rows", base.count("dialog"), 1)
            for command in (("dlg.db_load_extra",),
                            ("dlg.db_load_callid", call.callid)):
                server.rpc(*command)
                same(command[0], stored.facts(server, call.callid), None)


@parley_only("the packaged module has no RPC for it")
def test_ended(env):
    """A call that has ended does not come back because its row is still
    there."""
    for mode in (2, 3):
        _ended_stays_ended(env, mode)


@parley_only("the packaged module knows no nodes")
def test_foreign(env):
    """A row of another node is not loaded by its Call-ID either; one of
    nobody is this node's from then on."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        with stored.server(env, base, 1, ("db_skip_load", 1),
                           ("db_node", "one")) as server:
            for callid, number in (("theirs", 1), ("nobodys", 2)):
                base.insert("dialog", **row(callid, number))
            base.insert("dialog_more", node="two", callid="theirs", hash_id=1,
                        hash_entry=core_hash("theirs") % HASH_SIZE, state=4)
            server.rpc("dlg.db_load_callid", "theirs")
            server.rpc("dlg.db_load_extra")
            same("dialogs", server.statistics()["active_dialogs"], 1)
            same("another node's", stored.facts(server, "theirs"), None)
            same("owners", {found["callid"]: found["node"]
                            for found in base.rows("dialog_more")},
                 {"theirs": "two", "nobodys": "one"})
            server.rpc("dlg.db_adopt", "two")
            check(stored.facts(server, "theirs"), "it is not adopted")
            same("owners", {found["node"]
                            for found in base.rows("dialog_more")}, {"one"})


@parley_only("the packaged module refuses to start")
def test_small_hash_size(env):
    """A dialog from a time with very few entries gets another identity, and its
    parties find it all the same."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        with two_parties(stored.server(env, base, 1, ("hash_size", 2))) as (
                server, a, b):
            calls = [stored.establish(a, b) for _ in range(4)]
            stored.wait_rows(base, "dialog", 4)
            server.params = [param for param in server.params
                             if param[0] != "hash_size"]
            for _ in range(2):
                server.stop()
                server.start()
                same("dialogs", server.statistics()["active_dialogs"], 4)
                for call in calls:
                    stored.within(call, "INFO")
                    same("CSeq", str(stored.facts(
                        server, call.callid)["caller"]["cseq"]),
                         str(call.caller.cseq))
            for call in calls:
                call.hang_up()
            stored.no_rows(base)


def test_loaded(env):
    """Modules on top, which are loaded after this one, are told of each call,
    and see it as it was."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        caller = modules.own(env, "caller", wishes=capi_module.wish(
            "all", "TERMINATED"), loaded=1)
        with two_parties(stored.server(env, base, 1, last=caller)) as (
                server, a, b):
            calls = [stored.establish(a, b) for _ in range(2)]
            stored.wait_rows(base, "dialog", 2)
            server.stop()
            server.start()
            told = capi_module.wait_told(server, "LOADED", "loaded", 2)
            same("told", told, [("LOADED", "-", "-", 0)] * 2)
            cells = {line["callid"]: line
                     for kind, line in callbacks.lines(server, "cell")
                     if line["name"] == "loaded"}
            same("calls", set(cells), {call.callid for call in calls})
            for call in calls:
                cell = cells[call.callid]
                same("cell", [cell[name] for name in (
                    "state", "lifetime", "caller_tag", "callee_tag",
                    "caller_contact", "callee_contact")],
                     ["4", "3600", call.caller.local_tag,
                      call.callee.local_tag, a.contact, b.contact])
                call.hang_up()
            stored.no_rows(base)


@parley_only("the packaged module keeps no rows of ours")
def test_orphan(env):
    """The packaged module has ended a call of ours: what is left of it in our
    table goes, and the call does not come back."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        with two_parties(stored.server(env, base, 1, ("db_node", "n"))) as (
                server, a, b):
            stored.establish(a, b)
            stored.wait_rows(base, "dialog_more", 1)
            server.stop()
            base.delete("dialog")
            base.delete("dialog_vars")
            server.start()
            same("dialogs", server.statistics()["active_dialogs"], 0)
            stored.wait_rows(base, "dialog_more", 0)


LIMITED = stored.routes(initial="""
        dlg_manage();
        if (!dlg_join_profile("all", 2)) {
            sl_send_reply("486", "Enough");
            exit;
        }
""")


@database.each("sqlite", "postgres", "mysql")
@parley_only("the packaged module has no limit")
def each_limit(env, kind):
    """The limit of a profile is as exact after a crash as before: the calls
    that came back count, and no others do."""
    with database.fresh(kind) as base:
        base.create_stock_tables()
        with two_parties(stored.server(env, base, 1, routes=LIMITED)) as (
                server, a, b):
            calls = [stored.establish(a, b) for _ in range(2)]
            for _ in range(2):
                stored.wait_rows(base, "dialog", 2)
                server.crash()
                server.start()
                refused = a.invite(b)
                refused.ack_failure(a.expect(486, callid=refused.callid))
                calls.pop().hang_up()
                calls.append(stored.establish(a, b))
            same("size", int(server.rpc("dlg.profile_get_size", "all")), 2)


# ------------------------------------------------ more than there is room for

ROWS = 24000


@parley_only("the packaged module does not start then")
def test_no_room(env):
    """What does not fit into the shared memory stays in the database, one line
    says how much, and new calls are followed. With more memory all are there.
    """
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        _fillers(base, 1, ROWS)
        with two_parties(stored.server(env, base, 1, shm_mb=16)) as (
                server, a, b):
            same("lines", server.log().count("dialogs are not loaded"), 1)
            loaded = server.statistics()["active_dialogs"]
            check(0 < loaded < ROWS, "%d are loaded", loaded)
            call = stored.establish(a, b)
            same("state", stored.facts(server, call.callid)["state"], 4)
            answer = dict(server.rpc("dlg.db_load_extra"))
            check(answer["no_room"] > 0, "%r", answer)
            stored.establish(a, b).hang_up()
            stored.wait_rows(base, "dialog", ROWS + 1)
            server.stop()
            server.shm_mb = 128
            server.start()
            same("calls", server.statistics()["active_dialogs"], ROWS + 1)
            same("lines", server.log().count("are not loaded"), 0)


# ------------------------------------------------ while it loads

LATE = stored.routes(inside=stored.INSIDE + """
        if (is_method("BYE") && $hdr(X-Refuse) != $null) {
            sl_send_reply("403", "Not now");
            exit;
        }
""")


def _fillers(base, first, count):
    """Rows in front of those of the calls, so that loading takes a while."""
    base.execute("BEGIN;" + "".join(
        "INSERT INTO dialog (%s) VALUES (%s);" % (
            ", ".join(columns), ", ".join(map(base._literal,
                                              columns.values())))
        for columns in (row("filler-%d" % i, i, id=i)
                        for i in range(first, first + count))) + "COMMIT;")


def _writer(server):
    return next(pid for pid, name in server.processes().items()
                if "dialog writer" in name)


def _start_loading(server, base, calls):
    """Starts, and stops the writer before it has come to the calls' rows."""
    count, rows = 1, 4000
    while rows <= 64000:
        server.stop()
        _fillers(base, count, rows)
        count += rows
        rows *= 2
        server.start()
        writer = _writer(server)
        os.kill(writer, signal.SIGSTOP)
        if not any(stored.facts(server, call.callid) for call in calls):
            return writer
        os.kill(writer, signal.SIGCONT)
    raise Skip("loading is too quick here to be interrupted")


def _loads(server):
    """(loaded, known, damaged) of each part of the load."""
    return [tuple(map(int, found)) for found in re.findall(
        r"database: (\d+) dialogs loaded in .*\((\d+) known, .* (\d+) damaged",
        server.log())]


@database.each("sqlite", "postgres", "mysql")
@parley_only("the packaged module loads before it answers")
def each_goes_on(env, kind):
    """The writer goes on where the start has stopped, in whichever table, and
    nothing is read twice."""
    for variables in (False, True):
        with database.fresh(kind) as base:
            base.create_stock_tables()
            _fillers(base, 1, 60)
            for i in range(1, 61 if variables else 1):
                base.insert("dialog_vars", hash_id=i, dialog_key="n",
                            hash_entry=core_hash("filler-%d" % i) % HASH_SIZE,
                            dialog_value=str(i))
            with stored.server(env, base, 1, ("db_load_wait", 0),
                               ("db_fetch_rows", 7)) as server:
                net.wait_until(lambda: len(_loads(server)) == 2, 10,
                               "the end of the load")
                before = 0 if variables else 1
                same("parts", _loads(server), [(before, 0, 0), (60 - before, 0, 0)])
                same("calls", server.statistics()["active_dialogs"], 60)
                for i in (1, 2, 8, 60):
                    found = stored.facts(server, "filler-%d" % i)
                    same("variables", found["variables"],
                         [("n", str(i))] if variables else [])


@parley_only("the packaged module loads before it answers")
def test_late(env):
    """While the writer still loads, requests of calls that are not there yet
    are relayed, and count when they are."""
    with database.fresh("sqlite") as base:
        base.create_stock_tables()
        with two_parties(stored.server(env, base, 1, ("db_load_wait", 0),
                                       routes=LATE, shm_mb=512)) as (
                server, a, b):
            ended, goes_on, refused = [stored.establish(a, b)
                                       for _ in range(3)]
            stored.wait_rows(base, "dialog", 3)
            server.stop()
            base.execute("UPDATE dialog SET id = id + 1000000;")
            writer = _start_loading(server, base, [ended, goes_on, refused])
            try:
                ended.hang_up()
                stored.within(goes_on, "INFO")
                refused.caller.request("BYE", [("X-Refuse", "1")])
                a.expect(403, "BYE", callid=refused.callid)
                same("the call's dialog",
                     stored.facts(server, ended.callid), None)
            finally:
                os.kill(writer, signal.SIGCONT)
            net.wait_until(lambda: stored.facts(server, refused.callid), 30,
                           "the last row")
            net.wait_until(
                lambda: not base.rows("dialog", "callid = '%s'"
                                      % ended.callid), 10, "no row")
            found = stored.facts(server, goes_on.callid)
            same("state", found["state"], 4)
            same("CSeq", str(found["caller"]["cseq"]),
                 str(goes_on.caller.cseq))
            for call in (goes_on, refused):
                call.hang_up()
                net.wait_until(
                    lambda: not base.rows("dialog", "callid = '%s'"
                                          % call.callid), 10, "no row")

