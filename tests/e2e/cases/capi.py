"""load_dlg(): packaged modules on top. What each of them does in full is in
the cases of its own; here is what belongs to the interface itself."""
from lib.callbacks import check_memory_back, established
from lib.case import (check, net, parley_only, same, script, sip,
                      stock_differs, wait_state, wait_statistic)

ACC = '''
loadmodule "acc.so"
modparam("acc", "cdr_enable", 1)
modparam("acc", "cdr_start_on_confirmed", 1)
modparam("acc", "cdr_extra", "who=$dlg_var(who);ci=$ci")
'''
SST = '''
loadmodule "sst.so"
modparam("sst", "sst_flag", 6)
modparam("sst", "timeout_avp", "$avp(timeout)")
modparam("sst", "min_se", 100)
'''
PARAMS = [("timeout_avp", "$avp(timeout)")]
INITIAL = 'setflag(6); dlg_manage(); $dlg_var(who) = $rU;'


def _cdrs(server, callid):
    """The lines that acc has logged for a call."""
    return [line for line in server.log().splitlines()
            if "start_time=" in line and "ci=" + callid in line]


def _wait_cdr(server, call):
    net.wait_until(lambda: _cdrs(server, call.callid), 5, "a CDR is there")
    return _cdrs(server, call.callid)


def _proxy(env, modules, above=False, params=PARAMS, **options):
    """Modules on top are loaded after the dialog module, or @above it."""
    where = {"first": modules} if above else {"last": modules}
    return env.proxy(params, script(initial=INITIAL), **where, **options)


def test_cdr(env):
    """acc writes a CDR with the variables of the dialog, wherever it stands in
    the configuration."""
    for above in (False, True):
        with _proxy(env, ACC, above) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = established(server, a, b)
            call.hang_up()
            line = _wait_cdr(server, call)[0]
            check("who=b" in line, "no variable in %s", line)
            check("duration=" in line, "no duration in %s", line)
            same("CDRs", len(_cdrs(server, call.callid)), 1)


@stock_differs("its BYE callback has no request, and acc drops the CDR")
def test_cdr_end_dlg(env):
    """One CDR, with what the BYE says, for a call that is ended by RPC."""
    with _proxy(env, ACC) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = established(server, a, b)
        found = server.rpc("dlg.dlg_list", call.callid)
        server.rpc("dlg.end_dlg", found["h_entry"], found["h_id"])
        sip.confirm_byes(call.callid, a, b)
        line = _wait_cdr(server, call)[0]
        check("who=b" in line, "no variable in %s", line)
        wait_statistic(server, "active_dialogs", 0)
        same("CDRs", len(_cdrs(server, call.callid)), 1)
        check("is empty" not in server.log(), "acc complains")


@stock_differs("its lifetime is read before sst has set it")
def test_session_expires(env):
    """sst: the interval becomes the lifetime at once."""
    with _proxy(env, SST) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b, [("Session-Expires", "1234"),
                                    ("Supported", "timer")])
        wait_state(server, call.callid, 4)
        same("lifetime",
             server.rpc("dlg.dlg_list", call.callid)["lifetime"], 1234)
        call.hang_up()
        wait_statistic(server, "active_dialogs", 0)


def _context(found):
    """{name: number} of what sst has added to a dialog."""
    return dict(line.split(": ") for line in found["context"])


@stock_differs("dlg.list_ctx ends the server when sst has a dialog")
def test_list_ctx(env):
    """dlg.list_ctx: the text of modules is in the dialog, over each transport,
    and fields after it are there as well."""
    with _proxy(env, SST + ACC) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        calls = [sip.establish(a, b, [("Session-Expires", "1200"),
                                      ("Supported", "timer")])
                 for _ in range(2)]
        for call in calls:
            wait_state(server, call.callid, 4)
        for ask in (server.rpc, server.json, server.datagram):
            for found in ask("dlg.list_ctx"):
                same("sst_interval", _context(found)["sst_interval"], "1200")
                check(found["legs"], "legs are missing")
            found = ask("dlg.dlg_list_ctx", calls[0].callid)
            same("sst_interval", _context(found)["sst_interval"], "1200")
            same("call-id", found["call-id"], calls[0].callid)
        for call in calls:
            call.hang_up()
        wait_statistic(server, "active_dialogs", 0)
        for found in server.json("dlg.list_ctx"):
            check("context" not in found, "an ended call has a context")
        check(server.alive(), "the server has died")


@parley_only("the memory is ours")
def test_memory_back(env):
    """Cells and registrations are gone with their dialogs."""
    with _proxy(env, SST + ACC, params=PARAMS + [("end_timeout", 1)]) as \
            server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        check_memory_back(server, lambda: established(server, a, b), 30)


def test_failed(env):
    """acc: a call that nobody answers gets its CDR too."""
    with _proxy(env, ACC) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        b.reply(invite, 486)
        side.ack_failure(a.expect(486, callid=side.callid))
        net.wait_until(lambda: _cdrs(server, side.callid), 5, "a CDR is there")
        same("CDRs", len(_cdrs(server, side.callid)), 1)


@stock_differs("its lifetime is read before sst has set it")
def test_created_later(env):
    """initial_cbs_inscript 0: sst looks at the INVITE when tm gets it, and sees
    a flag that is set after dlg_manage()."""
    for inscript, lifetime in ((1, 43200), (0, 1200)):
        params = [("initial_cbs_inscript", inscript),
                  ("timeout_avp", "$avp(timeout)")]
        with env.proxy(params, script(initial="dlg_manage(); setflag(6);"),
                       last=SST) as server, sip.Party(server, "a") as a, \
                sip.Party(server, "b") as b:
            call = sip.establish(a, b, headers=[
                ("Session-Expires", "1200"), ("Supported", "timer")])
            wait_state(server, call.callid, 4)
            found = server.rpc("dlg.dlg_list", call.callid)
            same("lifetime with %d" % inscript, found["lifetime"], lifetime)


def _bytes_per_dialog(env, modules, calls=600):
    """What the engine takes for one confirmed call, without its variables."""
    with _proxy(env, modules, params=PARAMS + [("memory_piece", 8192)]) as \
            server, sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        def used():
            return server.rpc("dlg.stats")["memory_bytes"]
        established(server, a, b)
        before = used()
        for _ in range(calls):
            call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        found = server.rpc("dlg.dlg_list", call.callid)
        per_dialog = (used() - before) / calls
        # A pointer, two lengths and the texts, in steps of 16, and 8 for the
        # memory's own use (var.c, mem.h).
        variables = sum((12 + len(name) + len(value) + 15) // 16 * 16 + 8
                        for pair in found["variables"]
                        for name, value in pair)
        return per_dialog - variables


@parley_only("the memory is ours")
def test_memory_per_dialog(env):
    """Cell and registrations of acc and sst together: at most 750 bytes."""
    alone = _bytes_per_dialog(env, "")
    more = _bytes_per_dialog(env, ACC + SST) - alone
    print("# acc and sst on top: %.0f bytes per dialog beside %.0f"
          % (more, alone))
    check(200 < more <= 750, "%.0f bytes per dialog for cell and "
          "registrations", more)
