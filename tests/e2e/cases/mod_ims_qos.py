"""ims_qos on top: it asks for a bearer for the media of a call over Rx. The
policy server (PCRF) is a second Kamailio with the packaged
ims_diameter_server."""
import json
import re

from lib import diameter, modules
from lib.case import check, net, same, script, sip, stock_differs

LONG = ("call", "lost", "lost_forked")
AAR, STR = "265", "275"
PCRF = '''
event_route[diameter:request] {
    $var(who) = "nobody";
    if ($diameter_request =~ "sip:a@from.test") { $var(who) = "caller"; }
    if ($diameter_request =~ "sip:b@127.0.0.1") { $var(who) = "callee"; }
    xlog("L_ERR", "|rx|command=$diameter_command|subscriber=$var(who)|\\n");
    if ($diameter_command == "265") { $diameter_response = '%s'; }
    else { $diameter_response = '%s'; }
}
'''
GOOD = json.dumps([diameter.avp(268, 2001)])
BAD = json.dumps([diameter.avp(268, 5063)])
MEDIA = '''
onreply_route[MEDIA] {
    if (t_check_status("183|200") && has_body("application/sdp")) {
        if (t_is_retr_async_reply()) { drop(); }
        Rx_AAR("ASKED", "%s", "", "-1");
    }
}
route[ASKED] {
    xlog("L_ERR", "|asked|rc=$avp(s:aar_return_code)|\\n");
    %s
}
'''
RELEASED = "X-Released: yes\\r\\n"


class Scene(diameter.Scene):
    """A P-CSCF that asks a PCRF for the media of each call."""
    WORD, FIELD = "rx", "command"

    def __init__(self, env, answer=GOOD, way="orig", asked="exit;",
                 name="ims_dialog", expiry=3600, **options):
        modules.need("cdp", "cdp_avp", "ims_diameter_server", "presence",
                     "ims_usrloc_pcscf", "ims_qos")
        qos = modules.load("presence") + modules.load("ims_usrloc_pcscf") + \
            modules.load("ims_qos", rx_dest_realm=diameter.REALM,
                         rx_auth_expiry=expiry,
                         confirmed_qosrelease_headers=RELEASED,
                         early_qosrelease_reason="no bearer")
        pcrf = diameter.Server("ims_diameter_server", [diameter.RX],
                               PCRF % (answer, GOOD))
        super().__init__(env, pcrf, qos, script(
            initial="setflag(%d);" % diameter.FLAG,
            relay='t_on_reply("MEDIA"); t_relay();',
            more=MEDIA % (way, asked)), name=name, **options)

    def wait_released(self):
        """A session was ended."""
        net.wait_until(lambda: STR in self.told(), 15,
                       "a release at the PCRF, there is %r" % self.told())

    def asked(self):
        """What ims_qos has told the script of each answer."""
        return re.findall(r"\|asked\|rc=(-?\d+)\|", self.proxy.log())


def ringing(scene):
    """183 with media, for which the PCRF was asked."""
    side = scene.a.invite(scene.b, **diameter.MEDIA)
    invite = scene.b.expect("INVITE")
    scene.b.reply(invite, 183, **diameter.MEDIA)
    scene.a.expect(183, callid=side.callid)
    scene.wait_told(AAR)
    return side, invite


def test_call(env):
    """The media are authorised when they are known, and released when the call
    has ended, by either side; under each name of the module, loaded above it
    and below."""
    names = ("ims_dialog",) * 2 if env.stock else ("ims_dialog", "dialog",
                                                   "dialog_ng")
    for name, by in zip(names, ("caller", "callee", "caller")):
        with Scene(env, name=name, above=name == "dialog") as scene:
            side, invite = ringing(scene)
            call = sip.answer(side, invite, scene.b)
            same("subscriber", [s["subscriber"] for s in scene.peer.said("rx")],
                 ["caller"])
            call.hang_up(by)
            scene.wait_released()


def test_update(env):
    """The answer has media of its own: the session of the first reply is found
    by Call-ID and tags, and updated."""
    with Scene(env) as scene:
        side, invite = ringing(scene)
        reply = scene.b.reply(invite, 200, **diameter.MEDIA)
        side.learn(scene.a.expect(200, "INVITE", callid=side.callid))
        side.ack()
        scene.b.expect("ACK")
        scene.wait_told(AAR, AAR)
        same("answers", scene.asked(), ["1", "1"])
        sip.Call(side, sip.Side.of_callee(scene.b, invite, reply)).hang_up()
        scene.wait_released()


def test_callee(env):
    """For the callee's side: its identity is the request URI of the dialog."""
    with Scene(env, way="term") as scene:
        side, invite = ringing(scene)
        same("answers", scene.asked(), ["1"])
        same("subscriber", scene.peer.said("rx")[0]["subscriber"], "callee")
        sip.answer(side, invite, scene.b).hang_up()
        scene.wait_released()


def test_refused(env):
    """The PCRF refuses: the script ends the call that rings, with the reason."""
    asked = '''
    if ($avp(s:aar_return_code) != 1) {
        dlg_terminate("all", "Sorry no QoS available");
    }'''
    with Scene(env, BAD, asked=asked) as scene:
        side = scene.a.invite(scene.b, **diameter.MEDIA)
        invite = scene.b.expect("INVITE")
        scene.b.reply(invite, 183, **diameter.MEDIA)
        final = scene.a.expect(488, callid=side.callid)
        same("reason", final.reason, "Sorry no QoS available")
        side.ack_failure(final)
        # tm has not taken the 183 yet when the script ends the call.
        scene.b.reply(invite, 180)
        scene.b.reply(scene.b.expect("CANCEL"), 200)
        scene.b.reply(invite, 487)
        scene.b.expect("ACK")
        check(scene.proxy.alive(), "the proxy has died")


def test_failed(env):
    """Nobody answers: the media are released."""
    with Scene(env) as scene:
        side, invite = ringing(scene)
        scene.b.reply(invite, 486)
        side.ack_failure(scene.a.expect(486, callid=side.callid))
        scene.wait_released()


# An Abort-Session-Request of the PCRF goes the same way through ims_qos as the
# end of its session's time, which these two use.
NO_ASR = ("# no Abort-Session-Request is sent: ims_diameter_server gives each "
          "request a session of its own")


def test_lost_early(env):
    """The bearer is gone while it rings: the caller gets the reason, the callee
    is cancelled. The call is named by tags, from a process of ims_qos."""
    print(NO_ASR)
    with Scene(env, expiry=2) as scene:
        side, invite = ringing(scene)
        final = scene.a.expect(488, callid=side.callid, seconds=20)
        same("reason", final.reason, "no bearer")
        side.ack_failure(final)
        scene.b.reply(scene.b.expect("CANCEL"), 200)
        scene.b.reply(invite, 487)
        scene.b.expect("ACK")


def test_lost(env):
    """The bearer is gone while the call is up: both sides get a BYE, with the
    header of ims_qos."""
    print(NO_ASR)
    with Scene(env, expiry=6) as scene:
        side, invite = ringing(scene)
        call = sip.answer(side, invite, scene.b)
        for bye in sip.confirm_byes(call.callid, scene.a, scene.b, seconds=20):
            same("header", bye.get("X-Released"), "yes")
        check(scene.proxy.alive(), "the proxy has died")


@stock_differs("the BYE goes to the leg that rang first")
def test_lost_forked(env):
    """The leg for whose reply the PCRF was asked has lost, another one has
    answered: the call is found by the lost tag, and the answered leg ended."""
    with Scene(env, expiry=6) as scene:
        side = scene.a.invite(scene.b, **diameter.MEDIA)
        invite = scene.b.expect("INVITE")
        scene.b.reply(invite, 183, tag="A", **diameter.MEDIA)
        scene.a.expect(183)
        scene.b.reply(invite, 183, tag="B")
        scene.a.expect(183)
        sip.answer_fork(side, invite, scene.b, "B")
        bye = scene.b.expect("BYE", seconds=20)
        same("leg", bye.to_tag, "B")
        scene.b.reply(bye, 200)
        scene.a.reply(scene.a.expect("BYE"), 200)
