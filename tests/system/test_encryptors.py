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
pytestmark = [
    pytest.mark.system,
    pytest.mark.long,
    pytest.mark.xdist_group("encryptors"),
    pytest.mark.skipif(not able, reason="tunnels need root and /dev/net/tun"),
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
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL, check=False)


@pytest.fixture
def gateways():
    """East and west, joined by a wire."""
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

    def all(self):
        return [json.loads(line) for line in self._file.read_text().splitlines() if line.startswith("{")]

    def of(self, event):
        return [one for one in self.all() if one["event"] == event]

    def wait(self, condition, what, limit_s=40):
        deadline = time.monotonic() + limit_s
        while not condition(self):
            assert time.monotonic() < deadline, (what, self._file.read_text()[-2000:])
            time.sleep(0.05)


def agents(gateways, network, tmp_path, words):
    """Both, begun at once."""
    found = []
    for gateway, (own, peer) in zip(
        gateways, (("gateway-east", "gateway-west"), ("gateway-west", "gateway-east")), strict=True
    ):
        ends = ("--as", own, "--with", peer, "--carrier", f"{gateways[1].wire}:{CARRIER_PORT}", "--every", EVERY_S)
        file = tmp_path / f"agent-{own}-{len(list(tmp_path.iterdir()))}.log"
        found.append(Events(gateway, file, *words(gateway), *ends, "--state", network.state, "--json"))
    return found


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


def names(gateway):
    return "wireguard", f"qw{gateway.number}0", f"qw{gateway.number}1"


def test_wireguard_under_rotation(gateways, network, tmp_path):
    """Keys change every two seconds: no datagram is lost, none passes in clear."""
    if not all(map(shutil.which, ("wireguard-go", "wg", "iperf3", "tcpdump"))):
        pytest.skip("needs wireguard-go, wireguard-tools, iperf3 and tcpdump")
    wireguard(gateways)
    wire = Wire(gateways[0], "udp portrange 51820-51821", tmp_path)
    east, west = agents(gateways, network, tmp_path, names)
    for one in (east, west):
        one.wait(lambda events: events.of("in use"), "the first key")
    sent, gone = lost(gateways, SECONDS / 2)
    rate = throughput(gateways, SECONDS // 2)
    rotations = len(east.of("in use"))
    assert not east.of("kept"), east.all()
    strange, sample = wire.strange()
    sys.stdout.write(
        f"WireGuard: {rotations} keys, {gone} of {sent} datagrams lost, {rate:.0f} Mbit/s, "
        f"{len(strange)} packets in clear\n"
    )
    assert gone == 0
    assert not strange
    assert len(sample) > 10_000
    assert SECRET not in sample
    assert rotations > SECONDS / EVERY_S / 2
    for one in (east, west):
        assert not re.search("PresharedKey|[A-Za-z0-9+/]{43}=", one._file.read_text())
