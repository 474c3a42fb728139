"""dlg_bridge() and dlg.bridge_dlg: the proxy brings two parties together."""
import re

from lib import rpc
from lib.case import (check, net, parley_only, same, script, sip,
                      stock_differs, two_parties, wait_state,
                      wait_statistic)

PARAMS = [("bridge_controller", "sip:ctl@127.0.0.9"),
          ("bridge_contact", "sip:ctl@127.0.0.9:5077")]


def proxy_and_two(env, params=(), routes=None, **options):
    return two_parties(env.proxy(list(PARAMS) + list(params), routes,
                                 **options))


def bridge(server, *args):
    return server.rpc("dlg.bridge_dlg", *args)


def fault(server, *args):
    """The fault that the command answers with."""
    try:
        bridge(server, *args)
    except rpc.Fault as refused:
        return str(refused)
    raise AssertionError("%r is taken" % (args,))


def is_first(invite, a, body=True):
    """The INVITE that the first party gets."""
    same("Request-URI", invite.uri, a.contact)
    check("<sip:ctl@127.0.0.9>" in invite.get("From") and invite.from_tag,
          "From: %s", invite.get("From"))
    same("To", invite.get("To").strip("<>"), a.contact)
    same("Contact", invite.contact, "sip:ctl@127.0.0.9:5077")
    if body:
        same("Content-Type", invite.get("Content-Type"), "application/sdp")
        check("c=IN IP4 0.0.0.0" in invite.body, "not on hold: %s",
              invite.body)


def answer(a, invite):
    """200 through another proxy; returns its Route value and the ACK."""
    beside = "<sip:127.0.0.1:%d;lr;here>" % a.port
    a.reply(invite, 180)
    reply = a.reply(invite, 200, headers=[("Record-Route", beside)],
                    body="v=0\r\n")
    ack = a.expect("ACK")
    same("ACK", [ack.uri, ack.cseq, ack.to_tag, ack.listed("Route")],
         [a.contact, invite.cseq, reply.to_tag, [beside]])
    return beside, reply


def is_next(request, invite, reply, beside, above):
    """A request of the proxy in the dialog of its INVITE."""
    same("Request-URI", request.uri, invite.uri)
    same("Call-ID", request.callid, invite.callid)
    same("tags", [request.from_tag, request.to_tag],
         [invite.from_tag, reply.to_tag])
    same("CSeq", request.cseq, above + 1)
    same("Route", request.listed("Route"), [beside])


def whole(server, a, b, refer_code=202):
    """From the INVITE to the BYE."""
    invite = a.expect("INVITE")
    is_first(invite, a)
    beside, reply = answer(a, invite)
    refer = a.expect("REFER")
    is_next(refer, invite, reply, beside, invite.cseq)
    same("Refer-To", refer.get("Refer-To"), b.contact)
    same("Referred-By", refer.get("Referred-By"), "sip:ctl@127.0.0.9")
    same("Contact", refer.contact, "sip:ctl@127.0.0.9:5077")
    a.reply(refer, 100)
    a.never("BYE", seconds=0.2)
    a.reply(refer, refer_code)
    bye = a.expect("BYE")
    is_next(bye, invite, reply, beside, refer.cseq)
    a.reply(bye, 200)
    b.never(lambda m: not m.is_reply, seconds=0.1)
    same("calls that are followed", server.statistics()["active_dialogs"], 0)


def test_rpc(env):
    """INVITE, ACK, REFER, BYE, by the command with two parameters."""
    with proxy_and_two(env) as (server, a, b):
        same("answer", bridge(server, a.contact, b.contact), [])
        whole(server, a, b)


def test_script(env):
    """The same from the script, with pseudo-variables."""
    code = '$var(to) = $hdr(X-To); dlg_bridge("$hdr(X-From)", "$var(to)", ""); '
    code += 'xlog("L_ERR", "|bridge:$rc|\\n");'
    with proxy_and_two(env, routes=on_options(code)) as (server, a, b):
        same("reply", a.ask("OPTIONS", [("X-From", a.contact),
                                        ("X-To", b.contact)]).code, 200)
        whole(server, a, b)
        same("result", re.findall(r"\|bridge:(.*)\|", server.log()), ["1"])


def on_options(code):
    return script(out_of_dialog='if (is_method("OPTIONS")) { %s '
                  'sl_send_reply("200", "OK"); exit; }' % code)


def test_busy(env):
    """The first party is busy: ACK, and nothing else."""
    with proxy_and_two(env) as (server, a, b):
        bridge(server, a.contact, b.contact, ".")
        invite = a.expect("INVITE")
        a.reply(invite, 486)
        same("ACK", a.expect("ACK").cseq, invite.cseq)
        a.never(lambda m: not m.is_reply and m.method != "ACK", seconds=0.3)
        b.never(lambda m: True, seconds=0.1)


def test_refer_refused(env):
    """It will not be referred: it gets its BYE all the same, for nobody would
    ever speak to it."""
    with proxy_and_two(env) as (server, a, b):
        bridge(server, a.contact, b.contact)
        whole(server, a, b, 603)


@parley_only("the packaged module waits for tm's own timeout without a word")
def test_silent(env):
    """No answer to the INVITE, and none to the REFER."""
    last = 'modparam("tm", "fr_timer", 2000)'
    with proxy_and_two(env, last=last) as (server, a, b):
        bridge(server, a.contact, b.contact)
        a.expect("INVITE")
        net.wait_until(lambda: "not answered (408)" in server.log(), 5,
                       "a line about the INVITE")
        bridge(server, a.contact, b.contact)
        invite = a.expect(lambda m: m.method == "INVITE" and
                          m.get("Call-ID") not in server.log())
        answer(a, invite)
        refer = a.expect("REFER")
        bye = a.expect("BYE")
        same("CSeq", bye.cseq, refer.cseq + 1)


def test_outbound_proxy(env):
    """The INVITE goes there, what follows goes where the answer says."""
    with proxy_and_two(env) as (server, a, b), sip.Party(server, "p") as p:
        bridge(server, a.contact, b.contact, "sip:127.0.0.1:%d" % p.port)
        invite = p.expect("INVITE")
        is_first(invite, a)
        a.never("INVITE", seconds=0.1)
        p.reply(invite, 200, contact=False, headers=[
            ("Contact", "<%s>" % a.contact)])
        a.expect("ACK")
        refer = a.expect("REFER")
        same("Route", refer.listed("Route"), [])
        a.reply(refer, 202)
        a.reply(a.expect("BYE"), 200)


def test_body(env):
    """A body of one's own, the usual one, or none."""
    with proxy_and_two(env) as (server, a, b):
        for given, want in (("v=0\r\nmine\r\n", "v=0\r\nmine\r\n"), ("_", ""),
                            (".", None)):
            bridge(server, a.contact, b.contact, ".", given)
            invite = a.expect("INVITE")
            is_first(invite, a, want is None)
            if want is not None:
                same("body", invite.body, want)
            a.reply(invite, 486)
            a.expect("ACK")


def test_defaults(env):
    """bridge_controller and bridge_contact as they are."""
    with env.proxy() as server, sip.Party(server, "a") as a:
        bridge(server, a.contact, "sip:x@127.0.0.1")
        invite = a.expect("INVITE")
        check("<sip:controller@kamailio.org>" in invite.get("From"),
              "From: %s", invite.get("From"))
        same("Contact", invite.contact, "sip:controller@kamailio.org:5060")
        a.reply(invite, 486)


@stock_differs("it takes what is no URI, and its fault names nothing")
def test_bad(env):
    """A fault with its reason, false with one line; nothing is sent."""
    good = "sip:b@127.0.0.1:9"
    code = "".join('dlg_bridge("%s", "%s", "%s"); xlog("L_ERR", "|r:$rc|\\n");'
                   % bad for bad in (("a", good, ""), (good, "b", ""),
                                     (good, good, "p"), ("", good, "")))
    with proxy_and_two(env, routes=on_options(code)) as (server, a, b):
        for args, why in (
                ((), "need from and to"), (("sip:a@b",), "need from and to"),
                (("nobody", good), "from must be a URI"),
                (("sip:a@b\r\nX: y", good), "from must be a URI"),
                ((a.contact, "b@c"), "to must be a URI"),
                ((a.contact, "<" + good), "to must be a URI"),
                ((a.contact, good, "127.0.0.1"), "outbound proxy must be"),
                ((a.contact, good, ".", ".", "more"), "Unknown parameter"),
                ((a.contact, good, "sip:127.0.0.1:9;transport=sctp"),
                 "could not be sent")):
            text = fault(server, *args)
            check(why in text, "%r: %s", args, text)
        a.ask("OPTIONS")
        same("results", re.findall(r"\|r:(.*)\|", server.log()), ["-1"] * 4)
        same("lines", server.log().count("dlg_bridge(): "), 4)
        a.never("INVITE", seconds=0.2)


@stock_differs("the answer does not tell")
def test_dropped(env):
    """The script drops the INVITE, then the REFER."""
    event = 'event_route[tm:local-request] { ' \
        'if (is_method("%s")) { drop; } }'
    with proxy_and_two(env, routes=script(more=event % "INVITE")) as (
            server, a, b):
        check("has dropped" in fault(server, a.contact, b.contact), "no fault")
        a.never("INVITE", seconds=0.2)
    with proxy_and_two(env, routes=script(more=event % "REFER")) as (
            server, a, b):
        bridge(server, a.contact, b.contact)
        answer(a, a.expect("INVITE"))
        a.reply(a.expect("BYE"), 200)


def test_odd_answers(env):
    """Without a Contact or a Record-Route that can be used."""
    with proxy_and_two(env) as (server, a, b):
        for odd in (dict(contact=False),
                    dict(headers=[("Record-Route", "<nonsense")])):
            bridge(server, a.contact, b.contact)
            invite = a.expect("INVITE")
            a.reply(invite, 200, **odd)
            a.never("REFER", seconds=0.2)
            a.drain()
        check(server.alive(), "dead")
        bridge(server, a.contact, b.contact)
        whole(server, a, b)


def _bridge_once(server, a, b):
    bridge(server, a.contact, b.contact)
    answer(a, a.expect("INVITE"))
    a.reply(a.expect("REFER"), 202)
    a.reply(a.expect("BYE"), 200)
    bridge(server, a.contact, b.contact)
    a.reply(a.expect("INVITE"), 486)
    a.expect("ACK")


@stock_differs("not all of it is freed")
def test_memory(env):
    """Shared memory comes back, whatever the end is."""
    last = 'modparam("tm", "wt_timer", 500)\n' \
        'modparam("tm", "fr_timer", 2000)'
    with proxy_and_two(env, last=last) as (server, a, b):
        _bridge_once(server, a, b)
        settle(server)
        before = server.shm()
        for _ in range(20):
            _bridge_once(server, a, b)
            bridge(server, a.contact, b.contact)
            a.expect("INVITE")
        settle(server)
        net.wait_until(lambda: server.shm() <= before + 4096, 10,
                       "memory comes back: %d, was %d" % (
                           server.shm(), before))


def settle(server):
    """tm has forgotten every transaction."""
    net.wait_until(lambda: server.rpc("tm.stats")["current"] == 0, 10,
                   "no transaction is left")


def test_notify(env):
    """With bridge_contact at the proxy the script can answer NOTIFYs."""
    inside = 'if (is_method("NOTIFY") && $hdr(Event) =~ "^refer" && ' \
        'uri == myself) { sl_send_reply("200", "OK"); exit; }'
    with env.proxy((), script(inside=inside)) as server, \
            sip.Party(server, "a") as a:
        bridge(server, a.contact, "sip:x@127.0.0.1")
        invite = a.expect("INVITE")
        a.reply(invite, 200)
        a.expect("ACK")
        refer = a.expect("REFER")
        a.reply(refer, 202)
        side = sip.Side(a)
        side.callid, side.local_tag = refer.callid, refer.to_tag
        side.remote_tag = refer.from_tag
        side.target = "sip:ctl@127.0.0.1:%d" % server.port
        side.request("NOTIFY", [("Event", "refer"),
                                ("Subscription-State", "terminated")])
        a.expect(200, "NOTIFY")


@parley_only("keep_proxy_rr is another matter there")
def test_through_ourselves(env):
    """The proxy is its own outbound proxy: the call to the first party is one
    that it follows, and the bridge is a party of it like any other."""
    for keep in (0, 3):
        routes = script(relay='if (is_method("INVITE")) { $du = $null; }'
                        ' t_relay();')
        with env.proxy([("keep_proxy_rr", keep)], routes) as server, \
                sip.Party(server, "a") as a:
            bridge(server, a.contact, "sip:x@127.0.0.1",
                   "sip:127.0.0.1:%d" % server.port)
            invite = a.expect("INVITE")
            check("did=" in invite.get("Record-Route"), "not followed")
            a.reply(invite, 200)
            a.expect("ACK")
            wait_state(server, invite.callid, 4)
            a.reply(a.expect("REFER"), 202)
            a.reply(a.expect("BYE"), 200)
            wait_statistic(server, "active_dialogs", 0)
            same("ended by the caller",
                 server.rpc("dlg.stats")["ended_by_caller"], 1)
