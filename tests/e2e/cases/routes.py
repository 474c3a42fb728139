"""Route sets: which proxies a request of ours passes on its way."""
from lib.case import check, same, script, sip, wait_state

BEFORE = "<sip:127.0.0.9:5999;lr>"  # between the caller and us
BEHIND = "<sip:127.0.0.8:5998;lr>"  # between us and the callee
STARTED = "event_route[dialog:start] { $var(nothing) = 1; }"


def _establish(server, a, b, rings):
    """A call whose INVITE and 2xx show a proxy before and one behind us."""
    side = a.invite(b, headers=[("Record-Route", BEFORE)])
    invite = b.expect("INVITE")
    mine = invite.listed("Record-Route")[0]
    check("127.0.0.1" in mine, "no Record-Route of ours: %r", mine)
    shown = invite.listed("Record-Route")
    invite.headers = [h for h in invite.headers if h[0] != "Record-Route"]
    invite.headers.insert(1, ("Record-Route", BEHIND + ", " +
                              ", ".join(shown)))
    if rings:
        b.reply(invite, 180)
        a.expect(180)
    b.reply(invite, 200)
    a.expect(200)
    wait_state(server, side.callid, 3)
    return server.rpc("dlg.dlg_list", side.callid)


def _route_sets(env, rings, more=""):
    with env.proxy(routes=script(more=more)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        found = _establish(server, a, b, rings)
        same("the caller's", found["caller"]["route_set"], BEFORE)
        same("the callee's", found["callee"]["route_set"], BEHIND)


def test_ringing(env):
    _route_sets(env, True)


def test_at_once(env):
    """A 2xx without a 1xx: tm does not know yet where it will come from."""
    _route_sets(env, False)


def test_at_once_with_listener(env):
    _route_sets(env, False, STARTED)
