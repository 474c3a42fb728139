"""ims_charging on top: online charging over Ro. The charging server is a second
Kamailio with the packaged ims_ocs."""
from lib import diameter, modules
from lib.case import check, same, script, sip, stock_differs

OCS = '''
event_route[ocs:ccr-orig] {
    xlog("L_ERR", "|ccr|method=$rm|from=$fu|to=$ru|requested=$hdr(P-Requested-Units)|used=$hdr(P-Used-Units)|\\n");
    %s
}
'''
GRANT = 'ccr_result("2001", "%d", "0");'
CHARGE = 'setflag(%d); t_newtran(); Ro_CCR("CHARGED", "orig", "%d", "", ""); exit;'
CHARGED = '''
route[CHARGED] {
    if ($avp(s:cca_return_code) == 1) { t_relay(); }
    else { t_reply("402", "Payment required"); }
    exit;
}
'''


class Scene(diameter.Scene):
    """A proxy that asks a charging server for each call."""
    WORD, FIELD = "ccr", "method"

    def __init__(self, env, answer=GRANT % 600, name="ims_dialog", **options):
        modules.need("cdp", "cdp_avp", "ims_ocs", "ims_charging")
        charging = modules.load(
            "ims_charging", origin_host="proxy.ims.test",
            origin_realm=diameter.REALM, destination_realm=diameter.REALM,
            destination_host=diameter.SERVER)
        super().__init__(
            env, diameter.Server("ims_ocs", [diameter.RO], OCS % answer),
            charging, script(initial=CHARGE % (diameter.FLAG, 30),
                             more=CHARGED), name=name, **options)


def established(scene):
    """A call that was charged for, and whose ACK was seen."""
    side, invite = sip.ring(scene.a, scene.b, **diameter.MEDIA)
    scene.wait_told("INVITE")
    return sip.answer(side, invite, scene.b)


def end_of_ours(scene, call, reason=None):
    """Both parties answer the proxy's BYE."""
    for bye in sip.confirm_byes(call.callid, scene.a, scene.b, seconds=15):
        check(reason in (None, bye.get("Reason")), "Reason: %s",
              bye.get("Reason"))


def test_call(env):
    """A start before the call goes out, a stop when it has ended, with the units
    that were used; under each name of the module, loaded above it and below,
    whoever ends the call."""
    names = ("ims_dialog",) if env.stock else ("ims_dialog", "dialog_ng",
                                               "dialog")
    for name, by in zip(names, ("caller", "callee", "caller")):
        with Scene(env, name=name, above=name == "dialog_ng") as scene:
            call = established(scene)
            first = scene.peer.said("ccr")[0]
            same("from", first["from"], "sip:a@from.test")
            same("requested", first["requested"], "30")
            call.hang_up(by)
            scene.wait_told("INVITE", "BYE")
            used = int(scene.peer.said("ccr")[1]["used"])
            check(0 <= used <= 10, "used units: %d", used)


def test_denied(env):
    """The charging server refuses: no call."""
    with Scene(env, 'ccr_result("4012", "0", "0");') as scene:
        side = scene.a.invite(scene.b, **diameter.MEDIA)
        side.ack_failure(scene.a.expect(402, callid=side.callid))
        scene.b.never("INVITE")
        # ims_charging asks to be told of the end of the call after it has sent
        # its question; the answer may be there first, and then there is no
        # stop.
        check(scene.told() in (["INVITE"], ["INVITE", "BYE"]), "told %r",
              scene.told())


def test_failed(env):
    """A call that nobody answers is stopped."""
    with Scene(env) as scene:
        side, invite = sip.ring(scene.a, scene.b, **diameter.MEDIA)
        scene.b.reply(invite, 486)
        side.ack_failure(scene.a.expect(486, callid=side.callid))
        scene.wait_told("INVITE", "BYE")


def test_last_units(env):
    """The last units are used up: ims_charging ends the call by the numbers of
    its dialog, with a header of its own, and stops once."""
    with Scene(env, 'ccr_result("2001", "1", "1");') as scene:
        call = established(scene)
        end_of_ours(scene, call, "outofcredit")
        scene.wait_told("INVITE", "BYE")


MORE = '''
    if (is_method("UPDATE")) { %s } else { ccr_result("2001", "1", "0"); }
'''


def test_interim(env):
    """More units are asked for while the call is up."""
    with Scene(env, MORE % (GRANT % 600)) as scene:
        call = established(scene)
        scene.wait_told("INVITE", "UPDATE")
        call.hang_up()
        scene.wait_told("INVITE", "UPDATE", "BYE")


def test_no_more(env):
    """They are refused: the call is ended from the process that got the
    answer, under no lock of ims_charging, and stopped once."""
    with Scene(env, MORE % 'ccr_result("4012", "0", "0");') as scene:
        call = established(scene)
        end_of_ours(scene, call)
        scene.wait_told("INVITE", "UPDATE", "BYE")
        check(scene.proxy.alive(), "the proxy has died")


def test_expired(env):
    """A call whose lifetime is over is stopped, when it is over, and once."""
    params = [] if env.stock else [("send_bye", 1)]
    with Scene(env, params=params + [("default_timeout", 3)]) as scene:
        call = established(scene)
        scene.wait_told("INVITE", "BYE")
        end_of_ours(scene, call)
        scene.proxy.stop()  # what it still has to say is said
        same("told", scene.told(), ["INVITE", "BYE"])


@stock_differs("the BYE goes to the leg that rang first")
def test_forked(env):
    """Two legs ring, the second one answers: it is the one that is ended."""
    with Scene(env, 'ccr_result("2001", "1", "1");') as scene:
        side, invite = sip.two_ring(scene.a, scene.b, **diameter.MEDIA)
        sip.answer_fork(side, invite, scene.b, "B")
        bye = scene.b.expect("BYE", seconds=15)
        same("leg", bye.to_tag, "B")
        scene.b.reply(bye, 200)
        bye = scene.a.expect("BYE")
        same("leg of the caller", bye.from_tag, "B")
        scene.a.reply(bye, 200)
        scene.wait_told("INVITE", "BYE")
