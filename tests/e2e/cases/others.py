"""Functions for a call that is named, for its two ends, and on a CANCEL."""
from cases.functions import results, show, step, steps
from lib.case import (check, dialogs, net, parley_only, same, script, sip,
                      stock_differs, wait_state, wait_statistic)

NEW = "it is in later versions of it"
# An OPTIONS names a call in X-Call, its caller's tag in X-From, X-To.
NAMED = '"$hdr(X-Call)", "$hdr(X-From)", "$hdr(X-To)"'
ANSWER = 'sl_send_reply("200", "OK"); exit;'


def _ask(party, call, tag_from, tag_to=""):
    party.ask("OPTIONS", [("X-Call", call), ("X-From", tag_from),
                          ("X-To", tag_to)])


@parley_only(NEW)
def test_get_var(env):
    """Early by Call-ID and From-tag, later with both tags."""
    asked = step("get", "dlg_get_var(%s, \"acc\", \"$var(v)\")" % NAMED) + \
        show("v", "$var(v)") + 'if ($var(v) != $null) { %s }' % \
        step("set", 'dlg_set_var(%s, "more", "$var(v)-2")' %
                                 NAMED.replace('"', "")) + ANSWER
    routes = script(out_of_dialog=asked.join(
        ['if (is_method("OPTIONS")) {', "}"]),
        initial='$dlg_var(acc) = "one"; dlg_manage();')
    with env.proxy(routes=routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        _ask(a, side.callid, side.local_tag)
        same("early", results(server), {"get": "1", "v": "one", "set": "1"})
        call = sip.answer(side, invite, b)
        wait_state(server, call.callid, 4)
        for tags in ((side.local_tag, side.remote_tag),
                     (side.remote_tag, side.local_tag)):
            _ask(a, side.callid, *tags)
            same("up", results(server),
                 {"get": "1", "v": "one", "set": "1"})
        same("variables", sorted(tuple(v[0]) for v in server.rpc(
            "dlg.dlg_list", call.callid)["variables"]),
            [("acc", "one"), ("more", "one-2")])
        call.hang_up()


@parley_only(NEW)
def test_get_var_of_nothing(env):
    """$null and true as there; -1 for a wrong dlg_set_var()."""
    asked = '$var(v) = "old";' + \
        step("get", 'dlg_get_var(%s, "acc", "$avp(v)")' % NAMED) + \
        show("v", "$avp(v)") + \
        step("none", 'dlg_get_var("", "x", "", "acc", "$avp(w)")') + \
        step("set", 'dlg_set_var(%s, "acc", "v")' % NAMED) + \
        step("set_none", 'dlg_set_var("c", "", "", "acc", "v")') + \
        step("constant", 'dlg_get_var(%s, "acc", "$ci")' % NAMED) + ANSWER
    with env.proxy(routes=script(first=asked)) as server, \
            sip.Party(server, "a") as a:
        _ask(a, "nobody", "tag")
        same("results", results(server),
             {"get": "1", "v": "<null>", "none": "1", "set": "-1",
              "set_none": "-1", "constant": "1"})


MOVED = "<sip:moved@127.0.0.1:5999>"
UPDATE = steps(("contact", "dlg_update_contact()"),
               ("socket", "dlg_update_socket()"))


@parley_only(NEW)
def test_update_contact(env):
    """INFO refreshes no target by itself; the function does."""
    for by in ("caller", "callee"):
        with env.proxy(routes=script(inside=UPDATE, reply=UPDATE)) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            side = getattr(call, by)
            other = b if by == "caller" else a
            data = side.text("INFO").replace(
                ("<%s>" % side.party.contact).encode(), MOVED.encode())
            side.party.send(data)
            info = other.expect("INFO")
            same(by, results(server)["contact"], "1")
            same("socket", results(server)["socket"], "1")
            contact = server.rpc("dlg.dlg_list", call.callid)[by]["contact"]
            same("contact", contact, MOVED.strip("<>"))
            other.reply(info, 200, headers=[
                ("Contact", "<sip:me@127.0.0.1:5998>"),
                ("Contact", "<sip:two@127.0.0.1:5998>")])
            side.party.expect(200, "INFO")
            same("two contacts", results(server)["contact"], "-1")
            found = server.rpc("dlg.dlg_list", call.callid)
            same("stays", found["caller" if by == "callee" else "callee"][
                "contact"], other.contact.strip("<>"))


@parley_only(NEW)
def test_update_socket(env):
    """The caller comes back by another socket of the proxy."""
    port = net.free_port()
    with env.proxy(routes=script(inside=UPDATE),
                   core="listen=udp:127.0.0.1:%d" % port) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        first = server.rpc("dlg.dlg_list", call.callid)["caller"]["socket"]
        a.server = ("127.0.0.1", port)
        call.caller.request("INFO")
        b.reply(b.expect("INFO"), 200)
        a.expect(200, "INFO")
        found = server.rpc("dlg.dlg_list", call.callid)["caller"]["socket"]
        same("before", first, "udp:127.0.0.1:%d" % server.port)
        same("after", found, "udp:127.0.0.1:%d" % port)


@parley_only(NEW)
def test_update_nothing(env):
    with env.proxy(routes=script(first=UPDATE + ANSWER)) as server, \
            sip.Party(server, "a") as a:
        a.ask("OPTIONS")
        same("results", results(server), {"contact": "-1", "socket": "-1"})


def _cancel(env, params):
    on_cancel = 'if (is_method("CANCEL")) {' + show("set", "$dlg_ctx(set)") + \
        show("var", "$dlg_var(acc)") + step("bye", 'dlg_bye("all")') + "}"
    routes = script(first=on_cancel,
                    initial='$dlg_var(acc) = "one"; dlg_manage();')
    with env.proxy(params, routes) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        side.cancel()
        a.expect(200, "CANCEL")
        b.reply(b.expect("CANCEL"), 200)
        b.reply(invite, 487)
        code = a.expect(lambda m: m.code >= 300, "INVITE").code
        wait_statistic(server, "failed_dialogs", 1)
        return results(server), code


@stock_differs("its variables need the dialog's own tags on a CANCEL")
def test_cancel(env):
    """Its dialog can be read, but is not the one that functions end."""
    got, code = _cancel(env, [])
    same("results", got, {"set": "0", "var": "one", "bye": "-1"})
    same("reply", code, 487)


@parley_only(NEW)
def test_cancel_ctxiuid_mode(env):
    got, code = _cancel(env, [("dlg_ctxiuid_mode", 1)])
    same("results", got, {"set": "1", "var": "one", "bye": "1"})
    same("reply", code, 480)


@parley_only(NEW)
def test_debug_variables(env):
    """All variables in the log, at the debug level and only if asked for."""
    for on in (0, 1):
        with env.proxy([("debug_variables", on)], script(
                initial='dlg_manage(); $dlg_var(a) = "one";'
                        '$dlg_var(b) = "two";'),
                debug=3) as server, sip.Party(server, "a") as a, \
                sip.Party(server, "b") as b:
            sip.ring(a, b)
            log = server.log()
            same("a", log.count(": a=one"), 2 * on)
            same("b", log.count(": b=two"), on)


@parley_only("the packaged module has no such keys")
def test_more_keys(env):
    """iflags, init_ts, end_ts, req_uri, timeout_left."""
    keys = ("iflags", "init_ts", "end_ts", "req_uri", "timeout_left")
    shown = "".join(show(k, "$dlg(%s)" % k) for k in keys)
    routes = script(initial="$dlg_ctx(timeout_bye) = 1; dlg_manage();",
                    inside=shown)
    for params, uri in (([], None), ([("ruri_pvar", "x:$rU")], "x:b")):
        with env.proxy(params + [("default_timeout", 500)], routes) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            call.caller.request("UPDATE")
            b.reply(b.expect("UPDATE"), 200)
            a.expect(200, "UPDATE")
            got, rpc = results(server), dialogs(server)[0]
            same("iflags", got["iflags"], "1")
            same("init_ts", got["init_ts"], str(rpc["init_ts"]))
            same("end_ts", got["end_ts"], "0")
            same("req_uri", got["req_uri"],
                 uri or "sip:b@127.0.0.1:%d" % b.port)
            check(480 <= int(got["timeout_left"]) <= 500, "left %s",
                  got["timeout_left"])
            call.hang_up()


@parley_only("the packaged module asks no variable")
def test_id_of_server(env):
    """h_id_start and h_id_step give each proxy numbers of its own."""
    for params, core, want in (
            ([("h_id_start", 3), ("h_id_step", 8)], "", 3),
            ([("h_id_start", -1), ("h_id_step", 16)], "server_id=5", 5)):
        with env.proxy(params, core=core) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            step_by = dict(params)["h_id_step"]
            for _ in range(3):
                sip.ring(a, b)
            for dialog in dialogs(server):
                same("h_id", dialog["h_id"] % step_by, want)
