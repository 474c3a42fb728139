"""dlg.list_ctx and dlg.dlg_list_ctx with modules that write into the answer,
over every RPC transport: right every time, and never the server's end."""
import http.client
import shutil
import subprocess

from lib import modules, net, rpc
from lib.case import (Skip, check, parley_only, same, script, sip,
                      stock_differs, wait_state)

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" \
    "m=audio 4000 RTP/AVP 8\r\nc=IN IP4 127.0.0.1\r\na=rtpmap:8 PCMA/8000\r\n"
SDP_HEADER = [("Content-Type", "application/sdp"), ("Supported", "timer"),
              ("Session-Expires", "1234")]
TEXTS = {"sst": ("sst_requester_flags: 1", "sst_supported_flags: 1",
                 "sst_interval: 1234"),
         "qos": ("qos:negotiated_sdp",
                 "callee: cnt_disp= bw_type= bw_width=",
                 "caller: cnt_disp= bw_type= bw_width="),
         "acc": (), "uac": ()}
LOADS = {"sst": lambda: modules.load("sst", sst_flag=5, min_se=90,
                                     timeout_avp="$avp(life)"),
         "qos": lambda: modules.load("qos", qos_flag=6),
         "acc": lambda: modules.load("acc", cdr_enable=1),
         "uac": lambda: modules.load("uac", restore_mode="auto",
                                     restore_dlg=1)}
HTTP = "event_route[xhttp:request] { jsonrpc_dispatch(); }"


def _server(env, names, **options):
    """A server with the modules @names; .http is the port of its HTTP."""
    port = net.free_port()
    last = "".join(LOADS[name]() for name in names) + modules.load("xhttp") \
        + 'modparam("jsonrpcs", "transport", 7)\n'
    params = [("timeout_avp", "$avp(life)")] if "sst" in names else []
    initial = "setflag(5); setflag(6); dlg_manage();"
    if "uac" in names:
        initial += ' uac_replace_from("", "sip:x@y.test");'
    server = env.proxy(params, script(initial=initial, more=HTTP), last=last,
                       core="listen=tcp:127.0.0.1:%d" % port, tcp=True,
                       **options)
    server.http = port
    return server


def _strings(value):
    """Every string of an answer, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _strings(item)]
    return []


def _kamcmd(server, *words):
    if not shutil.which("kamcmd"):
        raise Skip("kamcmd is not installed")
    done = subprocess.run(["kamcmd", "-s", "unixs:%s/ctl" % server.folder]
                          + list(words), capture_output=True, text=True,
                          errors="replace", timeout=40)
    return done.stdout


TRANSPORTS = {
    "ctl": lambda server, *words: server.rpc(*words),
    "kamcmd": _kamcmd,
    "fifo": lambda server, *words: server.json(*words, timeout=20),
    "datagram": lambda server, *words: server.datagram(*words, timeout=20),
    "http": lambda server, *words: rpc.json_http(server.http, *words,
                                                 timeout=20),
}


def _list(server, names, transport, callids):
    """All lists of the calls @callids by @transport, with their texts."""
    wanted = [text for name in names for text in TEXTS[name]]
    for words, calls in ((("dlg.list_ctx",), callids),
                         (("dlg.dlg_list_ctx", callids[0]), callids[:1])):
        answer = "\n".join(_strings(TRANSPORTS[transport](server, *words)))
        for callid in calls:
            check(callid in answer, "%s by %s does not have the call %s: %s",
                  words[0], transport, callid, answer[:300])
        if "qos" in names:
            media = "media=audio IP:port=127.0.0.1:4000 trans=RTP/AVP"
            check(answer.count(media) == 2 * len(calls),
                  "%s by %s does not have both sides' media: %s", words[0],
                  transport, answer[:2000])
        for text in wanted:
            same("%r in %s by %s" % (text, words[0], transport),
                 answer.count(text), len(calls))


def _calls(a, b, count=3):
    """Call-IDs of @count calls with session timers and media."""
    callids = []
    for _ in range(count):
        side, invite = sip.ring(a, b, SDP_HEADER, body=SDP)
        b.reply(invite, 200, headers=SDP_HEADER, body=SDP)
        side.learn(a.expect(200, "INVITE", side.callid)).ack()
        b.expect("ACK", callid=side.callid)
        callids.append(side.callid)
    return callids


def _run(env, names, rounds=3):
    with _server(env, names) as server, sip.Party(server, "a") as a, \
            sip.Party(server, "b") as b:
        callids = _calls(a, b)
        wait_state(server, callids[-1], 4)
        for _ in range(rounds):
            for transport in TRANSPORTS:
                _list(server, names, transport, callids)
        check(server.alive(), "the server is gone")
        same("processes that ended", server.log().count("child process"), 0)


DIES = "the server dies of it"


@stock_differs(DIES)
def test_sst(env):
    _run(env, ["sst"])


@stock_differs(DIES)
def test_qos(env):
    _run(env, ["qos"])


@stock_differs(DIES)
def test_all(env):
    _run(env, ["acc", "sst", "uac", "qos"])


def test_none(env):
    """No module that writes: the lists are the same as ever."""
    _run(env, [])


@parley_only("it shows a fault of the packaged module beside ours")
def test_stock_dies(env):
    """The packaged dialog gives such a module a structure where its RPC wants
    the answer. The least that must happen there is that no answer comes."""
    dead = 0
    for transport in TRANSPORTS:
        with _server(env, ["sst"], stock=True) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            callids = _calls(a, b)
            wait_state(server, callids[0], 4)
            failed = "nothing wrong"
            try:
                _list(server, ["sst"], transport, callids)
            except (OSError, AssertionError, http.client.HTTPException,
                    rpc.Fault) as failure:
                failed = str(failure).split("\n")[0][:90]
            if net.within(lambda: not server.alive(), 5):
                dead += 1
                failed += "; it died"
        print("# the packaged module with sst, dlg.list_ctx by %s: %s" % (
            transport, failed))
    check(dead, "the packaged module died of none of %r", list(TRANSPORTS))
