"""ims_qos on top: it asks for a bearer for the media of a call over Rx. The
policy server (PCRF) is a second Kamailio with the packaged
ims_diameter_server."""
import json
import re

from lib import diameter, modules
from lib.case import check, net, same, script, sip, stock_differs

LONG = ("call", "lost", "lost_forked")
FLAG = 4
AAR, STR = "265", "275"
SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
       "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")
BODY = dict(headers=[("Content-Type", "application/sdp")], body=SDP)
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


class Scene:
    """A P-CSCF that asks a PCRF for the media of each call."""

    def __init__(self, env, answer=GOOD, way="orig", asked="exit;",
                 name="ims_dialog", expiry=3600, above=False):
        modules.need("cdp", "cdp_avp", "ims_diameter_server", "presence",
                     "ims_usrloc_pcscf", "ims_qos")
        self.pcrf = diameter.Server("ims_diameter_server", [diameter.RX],
                                    PCRF % (answer, GOOD))
        qos = diameter.cdp("proxy.ims.test", [diameter.RX],
                            server=self.pcrf.diameter_port) + \
            modules.load("presence") + modules.load("ims_usrloc_pcscf") + \
            modules.load("ims_qos", rx_dest_realm=diameter.REALM,
                         rx_auth_expiry=expiry,
                         confirmed_qosrelease_headers=RELEASED,
                         early_qosrelease_reason="no bearer")
        self.proxy = env.proxy([("dlg_flag", FLAG)], script(
            initial="setflag(%d);" % FLAG,
            relay='t_on_reply("MEDIA"); t_relay();',
            more=MEDIA % (way, asked)), name=name,
            **{"first" if above else "last": qos})
        self.a = self.b = None

    def __enter__(self):
        self.pcrf.start()
        self.proxy.start()
        diameter.connected(self.proxy)
        self.a = sip.Party(self.proxy, "a")
        self.b = sip.Party(self.proxy, "b")
        return self

    def __exit__(self, *failure):
        for one in (self.a, self.b):
            if one:
                one.close()
        self.proxy.__exit__(*failure)
        self.pcrf.__exit__(*failure)

    def told(self):
        return [c["command"] for c in self.pcrf.said("rx")]

    def wait_told(self, *commands):
        net.wait_until(lambda: self.told() == list(commands), 10,
                       "%r at the PCRF, there is %r" % (commands, self.told()))

    def wait_released(self):
        """A session was ended."""
        net.wait_until(lambda: STR in self.told(), 15,
                       "a release at the PCRF, there is %r" % self.told())

    def asked(self):
        """What ims_qos has told the script of each answer."""
        return re.findall(r"\|asked\|rc=(-?\d+)\|", self.proxy.log())


def ringing(scene):
    """183 with media, for which the PCRF was asked."""
    side = scene.a.invite(scene.b, **BODY)
    invite = scene.b.expect("INVITE")
    scene.b.reply(invite, 183, **BODY)
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
            same("subscriber", [s["subscriber"] for s in scene.pcrf.said("rx")],
                 ["caller"])
            call.hang_up(by)
            scene.wait_released()


def test_update(env):
    """The answer has media of its own: the session of the first reply is found
    by Call-ID and tags, and updated."""
    with Scene(env) as scene:
        side, invite = ringing(scene)
        reply = scene.b.reply(invite, 200, **BODY)
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
        same("subscriber", scene.pcrf.said("rx")[0]["subscriber"], "callee")
        sip.answer(side, invite, scene.b).hang_up()
        scene.wait_released()


def test_refused(env):
    """The PCRF refuses: the script ends the call that rings, with the reason."""
    asked = '''
    if ($avp(s:aar_return_code) != 1) {
        dlg_terminate("all", "Sorry no QoS available");
    }'''
    with Scene(env, BAD, asked=asked) as scene:
        side = scene.a.invite(scene.b, **BODY)
        invite = scene.b.expect("INVITE")
        scene.b.reply(invite, 183, **BODY)
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
        for party in (scene.a, scene.b):
            bye = party.expect("BYE", callid=call.callid, seconds=20)
            same("header", bye.get("X-Released"), "yes")
            party.reply(bye, 200)
        check(scene.proxy.alive(), "the proxy has died")


@stock_differs("the BYE goes to the leg that rang first")
def test_lost_forked(env):
    """The leg for whose reply the PCRF was asked has lost, another one has
    answered: the call is found by the lost tag, and the answered leg ended."""
    with Scene(env, expiry=6) as scene:
        side = scene.a.invite(scene.b, **BODY)
        invite = scene.b.expect("INVITE")
        scene.b.reply(invite, 183, tag="A", **BODY)
        scene.a.expect(183)
        scene.b.reply(invite, 183, tag="B")
        scene.a.expect(183)
        scene.b.reply(invite, 200, tag="B")
        leg = side.fork(scene.a.expect(200, "INVITE"))
        leg.ack()
        scene.b.expect("ACK")
        bye = scene.b.expect("BYE", seconds=20)
        same("leg", bye.to_tag, "B")
        scene.b.reply(bye, 200)
        scene.a.reply(scene.a.expect("BYE"), 200)
