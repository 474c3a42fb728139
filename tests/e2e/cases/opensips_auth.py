"""The proxy authenticates with uac_auth() what an end challenges with 401: the
CSeqs that each end sends and sees, as OpenSIPS's own tests have them (uac-auth 16
to 27). A step is a request of one end: its own number, and those that the other
end sees, of which all but the last are challenged."""
from cases.cseq import (answered, authenticated, call_of, challenge, clean,
                        proxy_of)
from lib.case import (check, same, stock_differs, two_parties,
                      wait_state, wait_statistic)

ONE_WAY = "it follows requests of the caller only"
AGAIN = "a second challenge leaves P-K-CSeq-Refresh in the request, and the " \
    "ACK of a re-INVITE's challenge is another one's"


def _step(call, by, method, own, *seen):
    side = getattr(call, by)
    other = (call.callee if by == "caller" else call.caller).party
    invite = method == "INVITE"
    sent = side.reinvite() if invite else side.request(method)
    same("own CSeq of %s" % method, sent.cseq, own)
    for i, cseq in enumerate(seen):
        request = authenticated(other, method, cseq, i > 0)
        if i + 1 < len(seen):
            challenge(other, request, 401)
    other.reply(request, 200)
    answered(side.party, 200, method, own)
    if not invite:
        return
    side.ack()
    ack = other.expect("ACK")
    clean(ack)
    same("CSeq of the ACK", ack.cseq, seen[-1])
    # Nothing of the challenge reaches who has sent the request.
    check(not side.party.maybe(lambda m: m.code == 401), "a 401 was relayed")


def _run(env, challenged, *steps):
    with two_parties(proxy_of(env)) as (server, a, b):
        call = call_of(a, b, (401,) if challenged else ())
        wait_state(server, call.callid, 4)
        call.callee.cseq = 0
        for step in steps:
            _step(call, *step)
        wait_statistic(server, "active_dialogs", 0)


A, B = "caller", "callee"
FROM_A, FROM_B = (A, "INVITE", 2, 2, 3), (B, "INVITE", 1, 1, 2)


def test_16_invite(env):
    _run(env, True, (A, "BYE", 2, 3))


def test_17_reinvite(env):
    _run(env, False, FROM_A, (A, "BYE", 3, 4))


def test_18_bye(env):
    _run(env, False, (A, "BYE", 2, 2, 3))


@stock_differs(AGAIN)
def test_19_invite_and_bye(env):
    _run(env, True, (A, "BYE", 2, 3, 4))


@stock_differs(AGAIN)
def test_20_invite_reinvite_bye(env):
    _run(env, True, (A, "INVITE", 2, 3, 4), (A, "BYE", 3, 5, 6))


@stock_differs(ONE_WAY)
def test_21_bye_of_callee(env):
    _run(env, False, (B, "BYE", 1, 1, 2))


@stock_differs(ONE_WAY)
def test_22_reinvite_of_callee(env):
    _run(env, False, FROM_B, (A, "BYE", 2, 2))


@stock_differs(ONE_WAY)
def test_23_reinvite_and_bye_of_callee(env):
    _run(env, False, FROM_B, (B, "BYE", 2, 3, 4))


@stock_differs(ONE_WAY)
def test_24_reinvites_of_both(env):
    _run(env, False, FROM_A, FROM_B, (A, "BYE", 3, 4))


@stock_differs(ONE_WAY)
def test_25_reinvites_of_both_callee_first(env):
    _run(env, False, FROM_B, FROM_A, (A, "BYE", 3, 4))


@stock_differs(ONE_WAY)
def test_26_reinvites_and_bye(env):
    _run(env, False, FROM_A, FROM_B, (A, "BYE", 3, 4, 5))


@stock_differs(ONE_WAY)
def test_27_reinvites_and_bye_of_callee(env):
    _run(env, False, FROM_A, FROM_B, (B, "BYE", 2, 3, 4))
