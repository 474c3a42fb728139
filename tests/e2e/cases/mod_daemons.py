"""The packaged call_control and mediaproxy on our dialog, with a stand-in for
their daemons: the commands that arrive there."""
import os

from lib import modules, proxy
from lib.case import check, same, script, sip, wait_statistic
from lib.modules import end_by_rpc

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n" \
    "t=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
WITH_SDP = [("Content-Type", "application/sdp")]


def _socket():
    return os.path.join(proxy.scratch(), "daemon")


def dialog_id(server, callid):
    found = server.rpc("dlg.dlg_list", callid)
    return "%d:%d" % (found["h_entry"], found["h_id"])


# ---- call_control

def _answer_control(word, fields):
    return "Limited\r\n" if word == "init" else "Ok\r\n"


def _control(env, path, dialog):
    initial = 'if (call_control() != 1) { sl_send_reply("402", "No"); exit; }'
    return env.proxy([("dlg_flag", 4)], script(initial=initial + dialog),
                     last=modules.load("call_control", socket_name=path))


def _control_run(env, dialog, end):
    path = _socket()
    with modules.Daemon(path, _answer_control) as daemon, \
            _control(env, path, dialog) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        call = sip.establish(a, b)
        init = daemon.wait("init")
        same("init's callid", init["callid"], call.callid)
        same("init's fromtag", init["fromtag"], call.caller.local_tag)
        start = daemon.wait("start")
        same("start's callid", start["callid"], call.callid)
        same("start's dialogid", start["dialogid"],
             dialog_id(server, call.callid))
        same("stops so far", daemon.count("stop"), 0)
        end(server, call, a, b)
        same("stop's callid", daemon.wait("stop")["callid"], call.callid)
        wait_statistic(server, "active_dialogs", 0)
        same("stops", daemon.count("stop"), 1)


def test_call_control(env):
    """init, start with the dialog's id, stop at the BYE. The flag alone has the
    call followed."""
    _control_run(env, "", lambda server, call, a, b: call.hang_up())


def test_call_control_managed(env):
    """The same with dlg_manage(), ended as the daemon does it: by RPC with the
    id that it was told."""
    _control_run(env, "dlg_manage();", lambda server, call, a, b:
                 end_by_rpc(server, call.callid, a, b))


def test_call_control_refused(env):
    """The callee refuses: stop, though there never was a start."""
    path = _socket()
    with modules.Daemon(path, _answer_control) as daemon, \
            _control(env, path, "") as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b)
        b.reply(invite, 486, contact=False)
        side.ack_failure(a.expect(486))
        same("stop's callid", daemon.wait("stop")["callid"], side.callid)
        same("starts", daemon.count("start"), 0)


# ---- mediaproxy

def _answer_media(word, fields):
    if word == "remove":
        return "removed\r\n"
    return "127.0.0.1 50000\r\n"


def _media_run(env, dialog, end):
    path = _socket()
    with modules.Daemon(path, _answer_media) as daemon, \
            env.proxy([("dlg_flag", 4)],
                      script(initial="engage_media_proxy();" + dialog),
                      last=modules.load("mediaproxy",
                                        mediaproxy_socket=path)) as server, \
            sip.Party(server, "a") as a, sip.Party(server, "b") as b:
        side, invite = sip.ring(a, b, WITH_SDP, body=SDP)
        ident = dialog_id(server, side.callid)
        check("m=audio 50000 RTP" in invite.body,
              "the callee's offer does not name the relay: %r", invite.body)
        reply = b.reply(invite, 200, headers=WITH_SDP, body=SDP)
        got = a.expect(200, "INVITE")
        check("m=audio 50000 RTP" in got.body,
              "the caller's answer does not name the relay: %r", got.body)
        side.learn(got).ack()
        b.expect("ACK")
        call = sip.Call(side, sip.Side.of_callee(b, invite, reply))
        for number, kind in ((1, "request"), (2, "reply")):
            update = daemon.wait("update", number)
            same("update's type", update["type"], kind)
            same("update's dialog_id", update["dialog_id"], ident)
            same("update's call_id", update["call_id"], call.callid)
            check(update["media"].startswith("audio:127.0.0.1:4000:sendrecv"),
                  "update's media is %r", update["media"])
        before = daemon.count("update")
        side.reinvite(headers=WITH_SDP, body=SDP)
        again = b.expect("INVITE")
        check("m=audio 50000 RTP" in again.body,
              "the re-INVITE does not name the relay: %r", again.body)
        same("its dialog_id", daemon.wait("update", before + 1)["dialog_id"],
             ident)
        b.reply(again, 200, headers=WITH_SDP, body=SDP)
        check("m=audio 50000 RTP" in a.expect(200, "INVITE").body,
              "the answer to the re-INVITE does not name the relay")
        side.ack()
        b.expect("ACK")
        same("removes so far", daemon.count("remove"), 0)
        end(server, call, a, b)
        remove = daemon.wait("remove")
        same("remove", (remove["call_id"], remove["from_tag"],
                        remove["to_tag"]),
             (call.callid, side.local_tag, side.remote_tag))
        wait_statistic(server, "active_dialogs", 0)
        same("removes", daemon.count("remove"), 1)


def test_mediaproxy(env):
    """update for the offer, the answer and a re-INVITE, remove at the BYE. The
    flag alone has the call followed."""
    _media_run(env, "", lambda server, call, a, b: call.hang_up())


def test_mediaproxy_managed(env):
    """The same with dlg_manage() and a call that is ended by RPC."""
    _media_run(env, "dlg_manage();", lambda server, call, a, b:
               end_by_rpc(server, call.callid, a, b))
