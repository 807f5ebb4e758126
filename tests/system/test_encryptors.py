"""Real encryptors in network namespaces: their keys come from two sites and are replaced under traffic.

Each gateway is a namespace with a way to its own site's KME and a wire to the other gateway. ``make encryptors`` runs a
minute each (``ENCRYPTOR_SECONDS=n``); the long tests run less. Figures are printed with ``-s``.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SECONDS = int(os.environ.get("ENCRYPTOR_SECONDS", "15"))
EVERY_S = 2
CARRIER_PORT = 7000
SECRET = b"what nobody may read on the wire"
able = os.geteuid() == 0 and Path("/dev/net/tun").exists()
PROGRAMS = ("ip", "wireguard-go", "wg", "charon-systemd", "iperf3", "tcpdump", "sysctl")
missing = [name for name in PROGRAMS if not shutil.which(name)]
pytestmark = [
    pytest.mark.system,
    pytest.mark.long,
    pytest.mark.xdist_group("measured"),
    pytest.mark.skipif(not able, reason="tunnels need root and /dev/net/tun"),
    pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}; see .ci/run"),
]

NETWORK = """
qit4n: 1
name: gateways
sites: [{id: east, host: 10.91.1.1}, {id: west, host: 10.91.2.1}]
modules:
  near: {pulse_rate_hz: 1.0e+8, detector_efficiency: 0.4, dark_count_probability: 1.0e-7, block_bits: 50000}
links: [{id: east-west, ends: [east, west], medium: {length_km: 5, loss_db: 1}, module: near}]
applications: [{id: gateway-east, site: east}, {id: gateway-west, site: west}]
demands: [{between: [gateway-east, gateway-west], pool_bits: 262144}]
"""

SEND = """
import socket, sys, time
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
deadline, number = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < deadline:
    one.sendto(number.to_bytes(8, "big") + sys.argv[3].encode() * 8, (sys.argv[1], 9))
    number += 1
    time.sleep(0.002)
print(number)
"""
TAKE = """
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind((sys.argv[1], 9))
one.settimeout(float(sys.argv[2]))
seen = set()
print("ready", flush=True)
try:
    while True:
        seen.add(one.recv(2048)[:8])
except TimeoutError:
    print(len(seen))
"""


def do(*words, given=""):
    done = subprocess.run(list(map(str, words)), input=given, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


class Gateway:
    """A namespace with an inner address, a wire and a way to its site."""

    def __init__(self, name, number):
        self.name, self.inner = f"{name}-{os.getpid()}", f"10.93.{number}.1"
        self.site, self.wire, self.number = f"10.91.{number}.1", f"10.92.0.{number}", number
        self.processes = []

    def open(self):
        number = self.number
        do("ip", "netns", "add", self.name)
        self.do("ip", "link", "set", "dev", "lo", "up")
        do("ip", "link", "add", f"m{number}", "type", "veth", "peer", "name", "site", "netns", self.name)
        do("ip", "addr", "add", f"{self.site}/24", "dev", f"m{number}")
        do("ip", "link", "set", "dev", f"m{number}", "up")
        self.do("ip", "addr", "add", f"10.91.{number}.2/24", "dev", "site")
        self.do("ip", "link", "set", "dev", "site", "up")

    def do(self, *words, given=""):
        return do("ip", "netns", "exec", self.name, *words, given=given)

    def begin(self, *words, **options):
        """Start a process in here; it is ended with the gateway."""
        command = ["ip", "netns", "exec", self.name, *map(str, words)]
        self.processes.append(subprocess.Popen(command, text=True, **options))
        return self.processes[-1]

    def close(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()
        for words in (
            ("link", "del", f"m{self.number}"),
            ("netns", "del", self.name),
        ):  # what was not made is not there
            subprocess.run(["ip", *words], stderr=subprocess.DEVNULL, check=False)


def refused_here():
    """What keeps this machine from having network namespaces with tunnels; empty if nothing does."""
    name = f"probe-{os.getpid()}"
    try:
        for words in (("add", name), ("exec", name, "ip", "tuntap", "add", "mode", "tun", "name", "probe")):
            done = subprocess.run(["ip", "netns", *words], capture_output=True, text=True, check=False)
            if done.returncode:
                return done.stderr.strip() or "ip netns failed"
    finally:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return ""


@pytest.fixture
def gateways():
    """East and west, joined by a wire."""
    if reason := refused_here():
        pytest.skip(f"no network namespaces with TUN devices here: {reason}")
    with contextlib.ExitStack() as made:
        east, west = (made.enter_context(contextlib.closing(Gateway(*one))) for one in (("east", 1), ("west", 2)))
        for one in (east, west):
            one.open()
        east.do("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", west.name)
        for one in (east, west):
            one.do("ip", "addr", "add", f"{one.wire}/24", "dev", "wire")
            one.do("ip", "link", "set", "dev", "wire", "up")
        yield east, west


@pytest.fixture
def network(gateways, start, tmp_path):
    """Two sites that serve at the gateways' ways to them."""
    file = tmp_path / "gateways.yaml"
    file.write_text(NETWORK)
    running = start(file)
    running.wait_for(lambda status: all(pool["ready_bits"] > 65_536 for pool in status["pools"]), "keys")
    return running


class Events:
    """What an agent tells."""

    def __init__(self, gateway, file, *words):
        self._file = file
        with file.open("w") as log:
            self.process = gateway.begin(
                sys.executable, "-m", "qit4n.cli.main", "encryptor", *words, stdout=log, stderr=log
            )

    def text(self):
        return self._file.read_text()

    def all(self):
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def of(self, event):
        return [one for one in self.all() if one["event"] == event]

    def wait(self, condition, what, limit_s=40):
        deadline = time.monotonic() + limit_s
        while not condition(self):
            assert time.monotonic() < deadline, (what, self.text()[-2000:])
            time.sleep(0.05)


class Agents:
    """Both ends, begun at once; either may be killed and begun again."""

    def __init__(self, gateways, network, directory, words):
        self._gateways, self._state, self._directory, self._words = gateways, network.state, directory, words
        self.told = {gateway: self._begin(gateway) for gateway in gateways}

    def _begin(self, gateway):
        names = [f"gateway-{one.name.partition('-')[0]}" for one in self._gateways]
        own, peer = names if gateway is self._gateways[0] else names[::-1]
        ends = (
            "--as",
            own,
            "--with",
            peer,
            "--carrier",
            f"{self._gateways[1].wire}:{CARRIER_PORT}",
            "--every",
            EVERY_S,
        )
        file = self._directory / f"agent-{own}-{len(list(self._directory.glob('agent-*')))}.log"
        return Events(gateway, file, *self._words(gateway), *ends, "--state", self._state, "--json")

    def wait(self, what):
        """Until both have told of one more key in use."""
        had = {gateway: len(told.of("in use")) for gateway, told in self.told.items()}
        for gateway, told in self.told.items():
            told.wait(lambda events, least=had[gateway]: len(events.of("in use")) > least, what)

    def restart(self, gateway):
        """Kill -9, and begin again."""
        self.kill(gateway)
        self.told[gateway] = self._begin(gateway)
        self.wait("keys after a restart")

    def kill(self, gateway):
        self.told[gateway].process.kill()
        self.told[gateway].process.wait()


class Wire:
    """What passes the wire that is neither of the tunnel nor of the agents, and a sample of what is."""

    def __init__(self, gateway, tunnel, directory):
        self._files = directory / "strange.pcap", directory / "sample.pcap"
        ours = f"({tunnel}) or (tcp port {CARRIER_PORT}) or arp or icmp6"
        tcpdump = ("tcpdump", "-i", "wire", "-U", "-q", "-w")
        options = {"stderr": subprocess.DEVNULL}
        gateway.begin(*tcpdump, self._files[0], f"not ({ours})", **options)
        gateway.begin(*tcpdump, self._files[1], "-c", "2000", tunnel, **options)
        time.sleep(1)  # tcpdump tells nobody that it has begun

    def strange(self):
        """Packets that should not be there, and the bytes of those that should."""
        shown = subprocess.run(
            ["tcpdump", "-n", "-r", str(self._files[0])], capture_output=True, text=True, timeout=30, check=True
        )
        return shown.stdout.splitlines(), self._files[1].read_bytes()


def lost(gateways, seconds):
    """Numbered datagrams from east to west through the tunnel: sent, and lost."""
    east, west = gateways
    taker = west.begin(sys.executable, "-c", TAKE, west.inner, 2, stdout=subprocess.PIPE)
    assert taker.stdout.readline() == "ready\n"
    sent = int(do("ip", "netns", "exec", east.name, sys.executable, "-c", SEND, west.inner, seconds, SECRET.decode()))
    return sent, sent - int(taker.stdout.readline())


def throughput(gateways, seconds):
    """Mbit/s of one TCP connection through the tunnel."""
    east, west = gateways
    west.begin("iperf3", "-s", "-1", "-B", west.inner, stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    found = json.loads(east.do("iperf3", "-c", west.inner, "-B", east.inner, "-t", seconds, "-J"))
    return found["end"]["sum_received"]["bits_per_second"] / 1e6


def under_rotation(what, gateways, agents, wire, lost_back=0.0):
    """Traffic while keys change: what it took, what was lost (back: at most a share), what was seen on the wire."""
    agents.wait("the first key")
    sent, gone = lost(gateways, SECONDS / 3)
    back, gone_back = lost(gateways[::-1], SECONDS / 3)
    rate = throughput(gateways, SECONDS // 3)
    told = list(agents.told.values())
    rotations = len(told[0].of("in use"))
    strange, sample = wire.strange()
    sys.stdout.write(
        f"{what}: {rotations} keys, {gone} of {sent} datagrams lost, back {gone_back} of {back}, {rate:.0f} Mbit/s, "
        f"{len(strange)} packets in clear\n"
    )
    assert not told[0].of("kept"), told[0].all()
    assert gone == 0
    assert gone_back <= lost_back * back
    assert not strange
    assert len(sample) > 10_000
    assert SECRET not in sample
    assert rotations > SECONDS / EVERY_S / 2
    for one in told:
        assert not re.search("PresharedKey|[A-Za-z0-9+/]{43}=", one.text())


def refused(gateways, drivers):
    """What the first end is told when the two have different keys of one id; traffic goes on under the key before."""
    east, west = gateways
    other, own = (
        gateway.begin(
            sys.executable, "-c", DRIVE, drivers(gateway), key, use, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for gateway, key, use in ((west, "other", ""), (east, "one", "use"))
    )
    assert other.wait(30) == 0, other.stderr.read()
    assert own.wait(30) == 0, own.stderr.read()
    assert lost(gateways, 1)[1] == 0
    return own.stdout.read()


DRIVE = """
import asyncio, hashlib, sys
from pathlib import Path
from qit4n.errors import RotationError
from qit4n.service.encryptors.strongswan import StrongSwan, Tunnel
from qit4n.service.encryptors.wireguard import WireGuard

async def run():
    driver = eval(sys.argv[1])
    number = await driver.start() + 1
    await driver.install(number, "key-1", hashlib.sha256(sys.argv[2].encode()).digest())
    if sys.argv[3]:
        try:
            await driver.use(number, first=True)
        except RotationError as error:
            await driver.drop(number)
            print(error)

asyncio.run(run())
"""


def wireguard(gateways):
    """Two interfaces at each gateway, with the other one as their peer; no routes through them yet."""
    keys = {one.name: do("wg", "genkey").strip() for one in gateways}
    public = {name: do("wg", "pubkey", given=key).strip() for name, key in keys.items()}
    for one, other in (gateways, gateways[::-1]):
        for which in (0, 1):
            name = f"qw{one.number}{which}"
            one.begin("wireguard-go", "-f", name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 10
            while not Path(f"/var/run/wireguard/{name}.sock").exists():
                assert time.monotonic() < deadline
                time.sleep(0.02)
            peer = f"[Peer]\nPublicKey = {public[other.name]}\nAllowedIPs = {other.inner}/32\n"
            peer += f"Endpoint = {other.wire}:{51_820 + which}\n"
            text = f"[Interface]\nPrivateKey = {keys[one.name]}\nListenPort = {51_820 + which}\n{peer}"
            one.do("wg", "setconf", name, "/dev/stdin", given=text)
            one.do("ip", "addr", "add", f"{one.inner}/32", "dev", name)
            one.do("ip", "link", "set", "dev", name, "up", "mtu", 1420)
            one.do("sysctl", "-q", "-w", f"net.ipv4.conf.{name}.rp_filter=2")


def interfaces(gateway):
    return "wireguard", f"qw{gateway.number}0", f"qw{gateway.number}1"


def test_wireguard_under_rotation(gateways, network, tmp_path):
    """Every two seconds another key: no datagram lost, none in clear; agents are killed; a wrong key is refused."""
    wireguard(gateways)
    wire = Wire(gateways[0], "udp portrange 51820-51821", tmp_path)
    agents = Agents(gateways, network, tmp_path, interfaces)
    under_rotation("WireGuard", gateways, agents, wire)
    for gateway in gateways:
        agents.restart(gateway)
    for gateway in gateways:
        agents.kill(gateway)
    assert "no handshake" in refused(gateways, lambda gateway: f"WireGuard{interfaces(gateway)[1:]}")


PLUGINS = "random nonce openssl pem pkcs1 pkcs8 x509 revocation constraints pubkey kdf gcm"
PLUGINS += " kernel-libipsec kernel-netlink socket-default vici"
DAEMON = """
charon-systemd {{
  load = {plugins}
  retransmit_tries = 2
  reuse_ikesa = no
  syslog {{ daemon {{ default = -1 }} }}
  filelog {{ main {{ path = {log}, default = 1, flush_line = yes }} }}
  plugins {{ vici {{ socket = unix://{socket} }} kernel-libipsec {{ allow_peer_ts = yes }} }}
}}
"""


def strongswan(gateways, directory):
    """A daemon at each gateway, and an inner address."""
    sockets = {}
    for one in gateways:
        one.do("ip", "addr", "add", f"{one.inner}/32", "dev", "lo")
        sockets[one.name] = directory / f"vici-{one.number}"
        settings = directory / f"strongswan-{one.number}.conf"
        settings.write_text(
            DAEMON.format(plugins=PLUGINS, log=directory / f"charon-{one.number}.log", socket=sockets[one.name])
        )
        begin = f"mount -t tmpfs none /run; STRONGSWAN_CONF={settings} exec charon-systemd"
        one.begin("unshare", "-m", "sh", "-c", begin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not sockets[one.name].exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
    return sockets


def test_strongswan_under_rotation(gateways, network, tmp_path):
    """Each key makes an IKE SA of its own every two seconds: hardly a datagram lost, none in clear; else as above."""
    east, west = gateways
    sockets = strongswan(gateways, tmp_path)
    wire = Wire(east, "udp port 500 or udp port 4500", tmp_path)

    def words(gateway):
        other = west if gateway is east else east
        inside = ("--inside", f"{gateway.inner}/32", f"{other.inner}/32")
        return "strongswan", gateway.wire, other.wire, *inside, "--vici", sockets[gateway.name]

    def driver(gateway):
        other, files = (west if gateway is east else east), network.state / "applications"
        outer = f"local='{gateway.wire}', remote='{other.wire}', local_network='{gateway.inner}/32'"
        names = [f"gateway-{one.name.partition('-')[0]}" for one in (gateway, other)]
        own = ", ".join(f"{name}=Path('{files / names[0] / name}.pem')" for name in ("cert", "key", "ca"))
        inner = f"remote_network='{other.inner}/32', own='{names[0]}', peer='{names[1]}'"
        return f"StrongSwan(Tunnel({outer}, {inner}, {own}), Path('{sockets[gateway.name]}'))"

    agents = Agents(gateways, network, tmp_path, words)
    # The responder uses the new SA when it answers, a moment before the initiator can: what it sends then is lost.
    under_rotation("strongSwan", gateways, agents, wire, lost_back=0.01)
    for gateway in gateways:
        agents.restart(gateway)
    for gateway in gateways:
        agents.kill(gateway)
    assert "failed" in refused(gateways, driver)
