"""event_callback: a KEMI function instead of event routes."""
import os

from cases.kemi import lua_proxy, results
from lib import proxy
from lib.case import (check, dialogs, net, parley_only, same, sip, wait_state,
                      wait_statistic)

LUA = """
local function say(name, value)
	KSR.err("|" .. name .. ":" .. tostring(value) .. "|\\n")
end
function on_dialog(event)
	say(event:gsub(":", "_"), KSR.pv.get("$dlg(callid)") .. " " ..
	    KSR.pv.gete("$dlg_var(v)") .. " " ..
	    KSR.pv.gete("$dlg_ctx(timeout_route)"))
	return 1
end
function ksr_request_route()
	if KSR.is_method_in("I") and KSR.pv.is_null("$tt") then
		KSR.pv.sets("$dlg_var(v)", "text")
		%s
		KSR.dialog.dlg_manage()
		KSR.rr.record_route()
	else
		KSR.rr.loose_route()
	end
	KSR.tm.t_relay()
	return 1
end
"""
CALLBACK = [("event_callback", "on_dialog")]
# None of these may run instead.
ROUTES = "".join('event_route[dialog:%s] { xlog("L_ERR", "|route:%s|\\n"); }\n'
                 % (e, e) for e in ("start", "end", "failed"))


def _proxy(env, initial="", params=(), lua=LUA):
    server = lua_proxy(env, lua % initial)
    server.params += CALLBACK + list(params)
    server.routes = ROUTES
    return server


def test_events(env):
    with _proxy(env) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        wait_state(server, call.callid, 4)
        same("start", results(server).get("dialog_start"),
             call.callid + " text ")
        same("end", results(server).get("dialog_end"), None)
        call.hang_up()
        net.wait_until(lambda: "dialog_end" in results(server), 5, "the end")
        same("end", results(server)["dialog_end"], call.callid + " text ")
        side, invite = sip.ring(a, b)
        b.reply(invite, 486)
        a.expect(486)
        wait_statistic(server, "failed_dialogs", 1)
        net.wait_until(lambda: "dialog_failed" in results(server), 5, "failed")
        same("failed", results(server)["dialog_failed"],
             side.callid + " text ")
        check("|route:" not in server.log(), "an event route has run")


@parley_only("it calls the function also with \"unknown\", when a call rings "
             "and when it is acknowledged")
def test_only_what_is_documented(env):
    with _proxy(env) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        sip.establish(a, b).hang_up()
        net.wait_until(lambda: "dialog_end" in results(server), 5, "the end")
        same("events", sorted(results(server)), ["dialog_end", "dialog_start"])


@parley_only("$dlg_ctx(timeout_route) cannot be read there")
def test_timeout(env):
    """A timeout route that only the script knows."""
    initial = 'KSR.pv.sets("$dlg_ctx(timeout_route)", "too_long")'
    with _proxy(env, initial, [("default_timeout", 3)]) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        net.wait_until(lambda: "dialog_end" in results(server), 8, "the end")
        same("timeout", results(server)["dialog_timeout"],
             call.callid + " text too_long")
        same("expired", server.statistics()["expired_dialogs"], 1)


@parley_only("it says nothing")
def test_no_script(env):
    """Without cfgengine: one warning, and no event routes, as there."""
    routes = "request_route { exit; }\n" + ROUTES
    with env.proxy(CALLBACK, routes) as server:
        check('event_callback="on_dialog": is never called' in server.log(),
              "no warning")


def test_no_function(env):
    """A function that the script does not have: calls go on."""
    lua = LUA.replace("function on_dialog", "function other")
    with _proxy(env, lua=lua) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        sip.establish(a, b).hang_up()
        net.wait_until(lambda: dialogs(server) == [], 15, "the end")


PYTHON = """
import KSR
def mod_init():
    return Script()
class Script:
    def child_init(self, rank):
        return 0
    # Kamailio calls them, there or not.
    def ksr_reply_route(self, msg):
        return 1
    def ksr_onsend_route(self, msg):
        return 1
    def on_dialog(self, msg, event):
        KSR.err("|%s:%s|\\n" % (event.replace(":", "_"),
                KSR.pv.get("$dlg(callid)")))
        return 1
    def ksr_request_route(self, msg):
        if KSR.is_method_in("I") and KSR.pv.is_null("$tt") > 0:
            KSR.dialog.dlg_manage()
            KSR.rr.record_route()
        else:
            KSR.rr.loose_route()
        KSR.tm.t_relay()
        return 1
"""


def test_python(env):
    module = "/usr/lib/x86_64-linux-gnu/kamailio/modules/app_python3.so"
    check(os.path.exists(module), "app_python3 is not installed: make deps")
    path = os.path.join(proxy.scratch(), "script.py")
    with open(path, "w") as out:
        out.write(PYTHON)
    config = ('loadmodule "app_python3.so"\n'
              'modparam("app_python3", "load", "%s")\n'
              'cfgengine "python"\n' % path)
    with env.proxy(CALLBACK, "", first=config) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        call.hang_up()
        net.wait_until(lambda: "dialog_end" in results(server), 5, "the end")
        same("start", results(server)["dialog_start"], call.callid)
        same("end", results(server)["dialog_end"], call.callid)


@parley_only("it has no such functions")
def test_routes_of_a_call(env):
    """Names of dlg_on_answer() and its like are events of the function; changes
    of state are with event_states only."""
    initial = ('say("set", KSR.dialog.dlg_on_answer("mine:answer"))\n'
               'say("time", KSR.dialog.dlg_on_timeout("mine:time"))\n'
               'say("taken", KSR.dialog.dlg_on_answer(""))\n'
               'say("hangup", KSR.dialog.dlg_on_hangup("mine:hangup"))\n'
               'KSR.dialog.dlg_on_answer("mine:other")\n')
    for states in (0, 1):
        with _proxy(env, initial, [("event_states", states)]) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            call = sip.establish(a, b)
            wait_state(server, call.callid, 4)
            call.hang_up()
            net.wait_until(lambda: "mine_hangup" in results(server), 5,
                           "the route of the end")
            got = results(server)
            same("events", sorted(got), sorted(
                ["dialog_end", "dialog_start", "hangup", "mine_hangup",
                 "mine_other", "set", "taken", "time"] +
                ["dialog_state-changed"] * states))
            same("in it", got["mine_other"], call.callid + " text mine:time")
            same("results", [got[name] for name in (
                "set", "time", "taken", "hangup")], ["1"] * 4)
