"""ims_usrloc_scscf on top: it remembers with each contact the calls that it is
in, and ends them when the contact goes. Contacts get there by the packaged
ims_registrar_scscf, whose HSS is a second Kamailio with ims_diameter_server."""
import json

from lib import diameter, modules
from lib.case import check, net, same, script, sip, stock_differs

HSS = '''
event_route[diameter:request] {
    if ($diameter_request =~ "sip:a@ims.test") { $diameter_response = '%s'; }
    else { $diameter_response = '%s'; }
}
'''
SUBSCRIPTION = (
    "<IMSSubscription><PrivateID>%(user)s@ims.test</PrivateID><ServiceProfile>"
    "<PublicIdentity><BarringIndication>0</BarringIndication>"
    "<Identity>sip:%(user)s@ims.test</Identity></PublicIdentity>"
    "</ServiceProfile></IMSSubscription>")
REGISTER = '''
    if (is_method("REGISTER")) { save("SAVED", "location", "0", "0"); exit; }
'''
SAVED = "route[SAVED] { exit; }\n"


def _answer(user):
    """The profile of a user, for Server-Assignment-Requests."""
    return json.dumps([
        diameter.avp(268, 2001),
        diameter.avp(606, SUBSCRIPTION % dict(user=user), diameter.VENDOR)])


class Scene(diameter.Scene):
    """A serving CSCF and its HSS."""

    def __init__(self, env, name="ims_dialog", **options):
        modules.need("cdp", "cdp_avp", "ims_diameter_server", "presence",
                     "ims_usrloc_scscf", "ims_registrar_scscf")
        hss = diameter.Server("ims_diameter_server", [diameter.CX],
                              HSS % (_answer("a"), _answer("b")))
        registrar = modules.load("presence") + \
            modules.load("ims_usrloc_scscf", timer_interval=1,
                         contact_delete_delay=0, realm=diameter.REALM) + \
            modules.load("ims_registrar_scscf", cxdx_dest_realm=diameter.REALM,
                         scscf_name="sip:proxy.ims.test", default_expires=600,
                         min_expires=1)
        super().__init__(env, hss, registrar, script(
            initial="setflag(%d);" % diameter.FLAG, out_of_dialog=REGISTER,
            more=SAVED), name=name, **options)


def register(party, expires=600):
    """The party's contact, for so many seconds; 0 takes it back."""
    side = sip.Side(party)
    side.local_uri = side.remote_uri = "sip:%s@ims.test" % party.user
    side.target = "sip:ims.test"
    side.request("REGISTER", [("Expires", str(expires))], to_tag="")
    return party.expect(lambda m: m.code >= 200, "REGISTER", side.callid)


URIS = dict(from_uri="sip:a@ims.test", to_uri="sip:b@ims.test")


def registered(scene, users="ab"):
    for party in (scene.a, scene.b):
        if party.user in users:
            same("REGISTER of " + party.user, register(party).code, 200)


def byes(scene, call):
    """Both parties' BYE; each is answered."""
    sip.confirm_byes(call.callid, scene.a, scene.b, seconds=20)


def test_contact_gone(env):
    """The contact of a party is taken back: its call is ended, on both sides;
    under each name of the module, for the caller's contact and the callee's."""
    names = ("ims_dialog",) * 2 if env.stock else ("ims_dialog", "dialog",
                                                   "dialog_ng")
    for number, name in enumerate(names):
        with Scene(env, name=name) as scene:
            registered(scene)
            call = sip.establish(scene.a, scene.b, **URIS)
            gone = scene.b if number == 1 else scene.a
            same("REGISTER", register(gone, 0).code, 200)
            byes(scene, call)
            check(scene.proxy.alive(), "the proxy has died")


def test_two_calls(env):
    """All calls of a contact are ended. The callbacks that this leads to take
    locks, and change the list that ims_usrloc_scscf is walking: they must come
    when it is done."""
    with Scene(env) as scene:
        registered(scene)
        calls = [sip.establish(scene.a, scene.b, **URIS) for _ in range(3)]
        same("REGISTER", register(scene.a, 0).code, 200)
        for call in calls:
            byes(scene, call)
        same("REGISTER", register(scene.a).code, 200)
        sip.establish(scene.a, scene.b, **URIS).hang_up()


def test_ended_before(env):
    """A call that has ended is not ended again when its contact goes."""
    with Scene(env) as scene:
        registered(scene)
        over = sip.establish(scene.a, scene.b, **URIS)
        over.hang_up()
        up = sip.establish(scene.a, scene.b, **URIS)
        same("REGISTER", register(scene.a, 0).code, 200)
        byes(scene, up)
        for party in (scene.a, scene.b):
            party.never("BYE")


def test_not_registered(env):
    """Calls of users without a contact are none of its business."""
    with Scene(env) as scene:
        registered(scene, "a")
        call = sip.establish(scene.a, scene.b, **URIS)
        same("REGISTER", register(scene.a, 0).code, 200)
        net.wait_until(lambda: "active_contacts = 0" in str(scene.proxy.rpc(
            "stats.get_statistics", "active_contacts")), 15,
                       "the contact is gone")
        call.hang_up()


@stock_differs("it looks for the leg that rang first, not the one that answered")
def test_forked(env):
    """Two devices of the callee ring, one of them answers: the call belongs to
    the contact of that one."""
    with Scene(env) as scene:
        registered(scene)
        side = scene.a.invite(scene.b, **URIS)
        invite = scene.b.expect("INVITE")
        scene.b.reply(invite, 183, tag="A", contact=False,
                      headers=[("Contact", "<sip:x@127.0.0.1:9>")])
        scene.a.expect(183)
        scene.b.reply(invite, 183, tag="B")
        scene.a.expect(183)
        sip.answer_fork(side, invite, scene.b, "B")
        same("REGISTER", register(scene.b, 0).code, 200)
        bye = scene.b.expect("BYE", seconds=20)
        same("leg", bye.to_tag, "B")
        scene.b.reply(bye, 200)
        scene.a.reply(scene.a.expect("BYE"), 200)
