"""The packaged uac on our dialog: the From and To that a script replaced are
restored both ways, in every request and reply."""
from lib import modules
from lib.case import same, script, sip, wait_statistic

LAST = dict(restore_mode="auto", restore_dlg=1)
NEW = "sip:new@changed.test"


def _server(env, replace):
    return env.proxy(routes=script(initial="dlg_manage(); " + replace),
                     last=modules.load("uac", **LAST))


def _uri(message, header):
    return message.get(header).partition("<")[2].partition(">")[0] or \
        message.get(header).partition(";")[0]


def _exchange(server, a, b, at_a, at_b):
    """A call and requests both ways. @at_a: (From, To) as the caller says
    them; @at_b: as the callee is to see them. If a script replaced one of the
    two only, uac restores the other one in answers to the callee; no party
    minds, and it is not dialog's doing."""
    both = at_a[0] != at_b[0] and at_a[1] != at_b[1]

    def seen(what, message, want):
        same(what, (_uri(message, "From"), _uri(message, "To")), want)

    side = a.invite(b)
    invite = b.expect("INVITE")
    seen("INVITE's From and To at the callee", invite, at_b)
    b.reply(invite, 180)
    seen("180's at the caller", a.expect(180), at_a)
    reply = b.reply(invite, 200)
    got = a.expect(200)
    seen("200's at the caller", got, at_a)
    caller = side.learn(got)
    caller.ack()
    seen("ACK's at the callee", b.expect("ACK"), at_b)
    callee = sip.Side.of_callee(b, invite, reply)
    # What a side calls itself and the other, by what it was told.
    callee.local_uri, callee.remote_uri = at_b[1], at_b[0]
    for one, other, method in ((caller, callee, "INFO"),
                               (callee, caller, "INFO"),
                               (caller, callee, "UPDATE"),
                               (callee, caller, "UPDATE"),
                               (callee, caller, "BYE")):
        mine, theirs = (at_a, at_b) if one is caller else \
            (at_b[::-1], at_a[::-1])
        one.request(method)
        request = other.party.expect(method)
        seen("%s's where it arrives" % method, request, theirs)
        other.party.reply(request, 200)
        answer = one.party.expect(200, method)
        if one is caller or both:
            seen("its answer's", answer, mine)
    wait_statistic(server, "active_dialogs", 0)


def test_from(env):
    with _server(env, 'uac_replace_from("%s");' % NEW) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        _exchange(server, a, b, ("sip:a@from.test", "sip:b@to.test"),
                  (NEW, "sip:b@to.test"))


def test_to(env):
    with _server(env, 'uac_replace_to("%s");' % NEW) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        _exchange(server, a, b, ("sip:a@from.test", "sip:b@to.test"),
                  ("sip:a@from.test", NEW))


def test_both(env):
    replace = 'uac_replace_from("%s"); uac_replace_to("%s");' % (
        NEW, "sip:other@changed.test")
    with _server(env, replace) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        _exchange(server, a, b, ("sip:a@from.test", "sip:b@to.test"),
                  (NEW, "sip:other@changed.test"))
