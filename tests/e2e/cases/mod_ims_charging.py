"""ims_charging on top: online charging over Ro. The charging server is a second
Kamailio with the packaged ims_ocs."""
from lib import diameter, modules
from lib.case import check, net, same, script, sip, stock_differs

FLAG = 4
SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
       "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")
BODY = dict(headers=[("Content-Type", "application/sdp")], body=SDP)
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


class Scene:
    """A proxy that asks a charging server for each call."""

    def __init__(self, env, answer=GRANT % 600, params=(), name="ims_dialog",
                 above=False):
        modules.need("cdp", "cdp_avp", "ims_ocs", "ims_charging")
        self.ocs = diameter.Server("ims_ocs", [diameter.RO], OCS % answer)
        charging = diameter.cdp("proxy.ims.test", [diameter.RO],
                            server=self.ocs.diameter_port) + \
            modules.load("ims_charging", origin_host="proxy.ims.test",
                         origin_realm=diameter.REALM,
                         destination_realm=diameter.REALM,
                         destination_host=diameter.SERVER)
        self.proxy = env.proxy(
            [("dlg_flag", FLAG)] + list(params), script(
                initial=CHARGE % (FLAG, 30), more=CHARGED), name=name,
            **{"first" if above else "last": charging})
        self.a = self.b = None

    def __enter__(self):
        self.ocs.start()
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
        self.ocs.__exit__(*failure)

    def told(self):
        return [c["method"] for c in self.ocs.said("ccr")]

    def wait_told(self, *methods):
        net.wait_until(lambda: self.told() == list(methods), 10,
                       "%r at the charging server, there is %r" % (
                           methods, self.told()))


def established(scene):
    """A call that was charged for, and whose ACK was seen."""
    side, invite = sip.ring(scene.a, scene.b, **BODY)
    scene.wait_told("INVITE")
    return sip.answer(side, invite, scene.b)


def end_of_ours(scene, call, reason=None):
    """Both parties answer the proxy's BYE."""
    for party in (scene.a, scene.b):
        bye = party.expect("BYE", callid=call.callid, seconds=15)
        if reason:
            same("Reason", bye.get("Reason"), reason)
        party.reply(bye, 200)


def test_call(env):
    """A start before the call goes out, a stop when it has ended, with the units
    that were used; under each name of the module, loaded above it and below,
    whoever ends the call."""
    names = ("ims_dialog",) if env.stock else ("ims_dialog", "dialog_ng",
                                               "dialog")
    for name, by in zip(names, ("caller", "callee", "caller")):
        with Scene(env, name=name, above=name == "dialog_ng") as scene:
            call = established(scene)
            first = scene.ocs.said("ccr")[0]
            same("from", first["from"], "sip:a@from.test")
            same("requested", first["requested"], "30")
            call.hang_up(by)
            scene.wait_told("INVITE", "BYE")
            used = int(scene.ocs.said("ccr")[1]["used"])
            check(0 <= used <= 10, "used units: %d", used)


def test_denied(env):
    """The charging server refuses: no call."""
    with Scene(env, 'ccr_result("4012", "0", "0");') as scene:
        side = scene.a.invite(scene.b, **BODY)
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
        side, invite = sip.ring(scene.a, scene.b, **BODY)
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
        side = scene.a.invite(scene.b, **BODY)
        invite = scene.b.expect("INVITE")
        for tag in ("A", "B"):
            scene.b.reply(invite, 183, tag=tag)
            scene.a.expect(183)
        scene.b.reply(invite, 200, tag="B")
        leg = side.fork(scene.a.expect(200, "INVITE"))
        leg.ack()
        scene.b.expect("ACK")
        bye = scene.b.expect("BYE", seconds=15)
        same("leg", bye.to_tag, "B")
        scene.b.reply(bye, 200)
        bye = scene.a.expect("BYE")
        same("leg of the caller", bye.from_tag, "B")
        scene.a.reply(bye, 200)
        scene.wait_told("INVITE", "BYE")
