"""The packaged snmpstats on our dialog: an snmpd of our own, a child with its
own configuration, sockets and port, is asked for the numbers of dialogs."""
import os
import shutil
import subprocess

from lib import modules, net, proxy
from lib.case import Skip, same, sip

# kamailioCurNumDialogs, ...InProgress, ...InSetup, TotalNumFailedDialogSetups
BASE = ".1.3.6.1.4.1.34352.3.1.3.1.3.2.%d.0"


class Snmpd:
    """An agent on 127.0.0.1:.port; sub-agents connect at .socket."""

    def __init__(self):
        self.program = shutil.which("snmpd", path="/usr/sbin:" +
                                    os.environ.get("PATH", ""))
        if not self.program or not shutil.which("snmpget"):
            raise Skip("snmpd and snmpget are not installed")
        self.folder, self.port = proxy.scratch(), net.free_port()
        self.socket = os.path.join(self.folder, "agentx")
        config = os.path.join(self.folder, "own.conf")
        with open(config, "w") as out:
            out.write("agentaddress udp:127.0.0.1:%d\nrocommunity public "
                      "127.0.0.1\nmaster agentx\nagentXSocket %s\n"
                      % (self.port, self.socket))
        # What the sub-agent of snmpstats reads.
        with open(os.path.join(self.folder, "snmpstats.conf"), "w") as out:
            out.write("agentXSocket %s\n" % self.socket)
        self.environment = ["SNMPCONFPATH=" + self.folder,
                            "SNMP_PERSISTENT_DIR=" + self.folder,
                            "MIBS=", "MIBDIRS=" + self.folder]
        log = os.path.join(self.folder, "snmpd.log")
        self.process = subprocess.Popen(
            ["env"] + self.environment +
            [self.program, "-f", "-C", "-c", config, "-Lf", log,
             "-I", "-smux"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.log = log

    def get(self, number):
        """Value of a scalar; None if nobody serves it (yet)."""
        done = subprocess.run(
            ["env"] + self.environment +
            ["snmpget", "-v2c", "-cpublic", "-Oqv", "-t1", "-r0",
             "127.0.0.1:%d" % self.port, BASE % number],
            capture_output=True, text=True, timeout=40)
        value = done.stdout.strip()
        return int(value) if value.isdigit() else None

    def wait(self, number, value, what):
        net.wait_until(lambda: self.get(number) == value, 10,
                       "%s is %d by SNMP (%r)" % (what, value,
                                                  self.get(number)))

    def __enter__(self):
        net.wait_until(lambda: os.path.exists(self.socket), 10,
                       "snmpd's socket")
        return self

    def __exit__(self, *failure):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def test_values(env):
    modules.need("snmpstats")
    with Snmpd() as snmpd:
        last = modules.load("snmpstats", snmpgetPath="/usr/bin/",
                            snmpVersion="2c", snmpCommunity="public")
        wrapper = ["env"] + snmpd.environment
        with env.proxy(last=last, wrapper=wrapper) as server, \
                sip.Party(server, "a") as a, sip.Party(server, "b") as b:
            snmpd.wait(1, 0, "the number of dialogs")
            side, invite = sip.ring(a, b)
            sip.establish(a, b)
            side2, invite2 = sip.ring(a, b)
            statistics = server.statistics()
            active, early = (statistics["active_dialogs"],
                             statistics["early_dialogs"])
            same("early", early, 2)
            snmpd.wait(1, active, "active_dialogs")
            snmpd.wait(3, 2, "early_dialogs")
            # active_dialogs has no early ones in it; snmpstats believes so.
            snmpd.wait(2, (active - 2) % (1 << 32), "active less early")
            b.reply(invite2, 486, contact=False)
            side2.ack_failure(a.expect(486))
            snmpd.wait(3, 1, "early_dialogs")
            snmpd.wait(4, 1, "failed_dialogs")
            sip.answer(side, invite, b).hang_up()
            snmpd.wait(3, 0, "early_dialogs at the end")
            snmpd.wait(1, 1, "active_dialogs at the end")
