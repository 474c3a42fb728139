"""Diameter for the cases of the IMS modules: the configuration of the packaged
module cdp, and peers, which are Kamailios of their own with it. All of them
listen on free ports of 127.0.0.1 only."""
import contextlib
import json
import os
import re

from . import modules, net, proxy, sip

REALM = "ims.test"
SERVER = "127.0.0.1"  # cdp connects to the name of a peer
NOBODY = "127.0.0.9"  # without any peer cdp forks more processes than it says
RO, CX, RX = 4, 16777216, 16777236
VENDOR = 10415  # 3GPP
FLAG = 4  # that calls are followed with
SDP = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
       "t=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")
MEDIA = dict(headers=[("Content-Type", "application/sdp")], body=SDP)

CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<DiameterPeer FQDN="%(name)s" Realm="%(realm)s" Vendor_Id="%(vendor)d"
	Product_Name="test" AcceptUnknownPeers="1" DropUnknownOnDisconnect="1"
	Tc="1" Workers="2" QueueLength="32" ConnectTimeout="2"
	TransactionTimeout="5" SessionsHashSize="16"
	DefaultAuthSessionTimeout="3600" MaxAuthSessionTimeout="3600">
	%(peer)s
	<Acceptor port="%(port)d" bind="127.0.0.1"/>
	%(applications)s
	<SupportedVendor vendor="%(vendor)d"/>
	%(route)s
</DiameterPeer>
"""


def cdp(name, applications, port=None, server=None):
    """Configuration that loads cdp as the peer @name: it accepts connections on
    @port, and connects to port @server."""
    folder = proxy.scratch("parley-cdp-")
    path = os.path.join(folder, "cdp.xml")
    with open(path, "w") as out:
        out.write(CONFIG % dict(
            name=name, realm=REALM, vendor=VENDOR,
            port=port or net.free_port(),
            peer='<Peer FQDN="%s" Realm="%s" port="%d"/>' % (
                (SERVER, REALM, server) if server else (NOBODY, REALM, 9)),
            route='<DefaultRoute FQDN="%s" metric="1"/>' % SERVER
            if server else "",
            applications="\n\t".join(
                '<Auth id="%d" vendor="%d"/>' % (number, vendor)
                for number in applications for vendor in (VENDOR, 0))))
    return modules.load("cdp", config_file=path) + modules.load("cdp_avp")


class Server(proxy.Proxy):
    """A peer that answers requests by the packaged module @module."""

    def __init__(self, module, applications, routes, **params):
        self.diameter_port = net.free_port()
        self.applications = applications
        super().__init__(None, (), "request_route { exit; }\n" + routes,
                         last=cdp(SERVER, applications, self.diameter_port) +
                         modules.load(module, **params))

    def said(self, word):
        """What its script has logged: |word|name=text|..., as dictionaries."""
        found = re.findall(r"\|%s\|((?:\w+=[^|]*\|)*)" % word, self.log())
        return [dict(field.split("=", 1) for field in line.split("|")
                     if field) for line in found]


class Scene:
    """A proxy that asks the Server @peer, both started, and the parties a and
    b. @on_top loads the modules that ask, after ours or @above it; @options
    are of Env.proxy(). WORD and FIELD: what of its log tells what the peer was
    asked."""
    WORD = FIELD = None

    def __init__(self, env, peer, on_top, routes, params=(), above=False,
                 **options):
        self.peer = peer
        on_top = cdp("proxy.ims.test", peer.applications,
                     server=peer.diameter_port) + on_top
        self.proxy = env.proxy(
            [("dlg_flag", FLAG)] + list(params), routes,
            **{"first" if above else "last": on_top}, **options)

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.peer)
            stack.enter_context(self.proxy)
            net.wait_until(lambda: re.search(r"I_Open|R_Open", str(
                self.proxy.rpc("cdp.list_peers"))), 15,
                           "the Diameter peers are connected")
            self.a, self.b = (stack.enter_context(sip.Party(self.proxy, user))
                              for user in "ab")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        self._stack.__exit__(*failure)

    def told(self):
        return [said[self.FIELD] for said in self.peer.said(self.WORD)]

    def wait_told(self, *wanted):
        net.wait_until(lambda: self.told() == list(wanted), 10,
                       "%r at the Diameter server, there is %r" % (
                           wanted, self.told()))


def avp(code, value, vendor=0):
    """An AVP as ims_diameter_server has it: a text, a number, or a list."""
    kind = {str: "string", int: "int32"}.get(type(value), "list")
    return {"avpCode": code, "vendorId": vendor, "Flags": 64, kind: value}


def text(*avps):
    """A message for a script, in quotes."""
    return json.dumps(list(avps)).replace("\\", "\\\\").replace('"', '\\"')
