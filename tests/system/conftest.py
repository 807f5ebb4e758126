"""Real networks: ``qit up`` in its own process, real sockets, TLS, disks and signals."""

import asyncio
import contextlib
import fcntl
import json
import random
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from qit4n.errors import KeyRequestError, PeerUnreachableError
from qit4n.node.processes import network_of
from qit4n.node.questions import ask, ask_status
from qit4n.refpoints import mc
from qit4n.service.client import KMEClient

PORTS = 200  # of one network: five a site, one each for its controller and its manager

THREE_SITES = """
qit4n: 1
name: three-sites
sites: [{id: a}, {id: b}, {id: c}]
modules:
  near: {pulse_rate_hz: 1.0e+8, detector_efficiency: 0.4, dark_count_probability: 1.0e-7, block_bits: 400000}
links:
  - {id: ab, ends: [a, b], medium: {length_km: 5, loss_db: 1}, module: near}
  - {id: bc, ends: [b, c], medium: {length_km: 5, loss_db: 1}, module: near}
applications: [{id: app-a, site: a}, {id: app-b, site: b}, {id: app-c, site: c}]
demands:
  - {between: [app-a, app-c], pool_bits: 262144}
  - {between: [app-a, app-b], pool_bits: 262144}
"""


@contextlib.contextmanager
def base_port():
    """A base port below the ephemeral range with ``PORTS`` free ports, which no other test process takes meanwhile."""
    for base in random.sample(range(20_000, 32_000, PORTS), 12_000 // PORTS):
        with contextlib.ExitStack() as held:
            try:
                reserved = held.enter_context((Path(tempfile.gettempdir()) / f"qit4n-ports-{base}").open("w"))
                fcntl.flock(reserved, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for port in range(base, base + PORTS):
                    with socket.socket() as one:
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                        one.bind(("127.0.0.1", port))
            except OSError:
                continue
            yield base
            return
    raise RuntimeError("no free ports")


def qit(*arguments, timeout=60):
    """Run one command of qit and return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "qit4n.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass
class Running:
    """A network that runs under ``qit up --json``."""

    process: subprocess.Popen
    state: Path
    applications: dict
    ready_after_s: float
    clients: dict = field(default_factory=dict)

    def qit(self, *arguments, timeout=60):
        return qit(*arguments, "--state", self.state, timeout=timeout)

    def client(self, application):
        """The client of this application at its own KMEs, over connections that stay open."""
        files = self.applications[application]
        if application not in self.clients:
            self.clients[application] = KMEClient(files["kmes"], files["cert"], files["key"], files["ca"])
        return self.clients[application]

    def status(self):
        """What ``qit status --json`` prints, without a process for each look."""
        network = network_of(self.state)
        return json.loads(msgspec.json.encode(asyncio.run(ask_status(network, self.state))))

    def account(self, link):
        """The security account of the last block of a link, or None."""
        network = network_of(self.state)
        found = asyncio.run(ask(network, self.state, mc.AskAccount(link=link))).account
        return found.last if found else None

    def reconciliation(self, link):
        """How the errors of the last block of a link were corrected, and why so."""
        last = self.account(link)
        return last.reconciliation if last else ""

    def get(self, master, slave, **wanted):
        """Keys by id, as the master gets them."""
        return {key.key_id: key.value for key in self.client(master).get_keys(slave, **wanted)}

    def fetch(self, slave, master, *key_ids):
        """Keys by id, as the slave gets them."""
        return {key.key_id: key.value for key in self.client(slave).get_keys_by_id(master, list(key_ids))}

    def wait_for(self, condition, what, limit_s=90):
        """Poll the status until ``condition(status)``; the controller may start again meanwhile."""
        deadline, status = time.monotonic() + limit_s, {}
        while True:
            with contextlib.suppress(PeerUnreachableError):
                status = self.status()
                if condition(status):
                    return status
            assert time.monotonic() < deadline, f"waited {limit_s} s for {what}: {json.dumps(status)[-6000:]}"
            time.sleep(0.3)

    def processes(self):
        """Process ids by name, as the supervisor started them: sites or replicas, controller, manager, postgres."""
        found = {}
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(OSError):  # threads and processes end while they are listed
                for pid in (task / "children").read_text().split():
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
                    if site := re.search(r" node (\S+) --(?:replica (\d+) )?", words):
                        found["".join(part for part in site.groups() if part)] = int(pid)
                    elif " manager --" in words:
                        found["manager"] = int(pid)
                    elif " controller --" in words or words.split(" ")[0].endswith("/postgres"):
                        found["controller" if "controller" in words else "postgres"] = int(pid)
        return found

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=20)
        finally:
            if self.process.poll() is None:
                self.process.kill()


def read_line(process, limit_s):
    """The first line on standard output, or an error with what was said on standard error."""
    ready, _, _ = select.select([process.stdout], [], [], limit_s)
    line = process.stdout.readline() if ready else ""
    if not line:
        process.kill()
        raise AssertionError(f"no line within {limit_s} s: {process.stderr.read()[-3000:]}")
    return line


@pytest.fixture
def free_base_port():
    """Reserve base ports: ``free_base_port()``; they are given back at the end."""
    with contextlib.ExitStack() as held:
        yield lambda: held.enter_context(base_port())


@contextlib.contextmanager
def starting(tmp_path):
    """Start networks: ``start("secoqc", "--eavesdrop", ...)``; all are stopped at the end."""
    running, states, networks, ports = [], [], [], contextlib.ExitStack()

    def make(network, *options, limit_s=120, state=None, wait=True):
        state = state or tmp_path / f"state-{len(running)}"
        command = [sys.executable, "-m", "qit4n.cli.main", "up", str(network), "--json", "--state", str(state)]
        if "--base-port" not in options:
            command += ["--base-port", str(ports.enter_context(base_port()))]
        began = time.monotonic()
        with (tmp_path / f"up-{len(running)}.log").open("w") as log:
            process = subprocess.Popen(
                [*command, *options], stdout=subprocess.PIPE, stderr=log if not wait else subprocess.PIPE, text=True
            )
        running.append(process)
        states.append(state)
        applications = json.loads(read_line(process, limit_s))["applications"] if wait else {}
        networks.append(Running(process, state, applications, time.monotonic() - began))
        return networks[-1]

    try:
        yield make
    finally:
        _stop(networks, running, states)
        ports.close()


def _stop(networks, running, states):
    for client in (client for network in networks for client in network.clients.values()):
        client.close()
    for process in running:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    for state in states:  # as root the data of PostgreSQL are not below the state directory
        shutil.rmtree((state / "postgres" / "data").resolve(), ignore_errors=True)


@pytest.fixture
def start(tmp_path):
    """Start networks: ``start("secoqc", "--eavesdrop", ...)``; all are stopped at the end of the test."""
    with starting(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def start_once(tmp_path_factory):
    """As ``start``, for a network at which all tests of a module look."""
    with starting(tmp_path_factory.mktemp("networks")) as make:
        yield make


@pytest.fixture(scope="session")
def _data_centres(tmp_path_factory):
    with starting(tmp_path_factory.mktemp("data-centres")) as make:
        yield make("two-data-centres")


@pytest.fixture
def data_centres(_data_centres):
    """The smallest example, running and well: one for all tests that leave it so, in the xdist group of this name."""
    _data_centres.wait_for(lambda status: all(site["up"] for site in status["sites"]), "both sites")
    return _data_centres


class _Traffic:
    """One thread that gets keys as a master; some are fetched at once, some twice, the rest is left for the end."""

    def __init__(self, network, master, slave, seed):
        self.master, self.slave = master, slave
        self.supplied, self.left, self.wrong = {}, {}, []
        self.begun_at, self.short = 0.0, 0
        self._values = set()
        self._dice = random.Random(seed)
        self._get, self._fetch = network.client(master), network.client(slave)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)  # a test that fails does not stop it
        self._thread.start()

    def _run(self):
        while not self._stop.wait(0.1):
            begun = time.monotonic()
            try:
                got = {key.key_id: key.value for key in self._get.get_keys(self.slave, number=2)}
            except (KeyRequestError, PeerUnreachableError) as error:
                if "insufficient key material" in str(error):  # it serves; the links have not made enough yet
                    self.begun_at, self.short = begun, self.short + 1
                continue
            new_values = set(got.values()) - self._values
            if self.supplied.keys() & got.keys() or len(new_values) < len(got):
                self.wrong.append("a key was given twice")
            self.supplied |= got
            self._values |= new_values
            self.begun_at = begun
            if self._dice.random() < 0.5:
                self.left |= got
            elif self.fetch(got) and self._dice.random() < 0.2 and self.fetch(got):
                self.wrong.append("a slave got its copy twice")

    def fetch(self, wanted):
        """Whether the slave got its copies; when the answer is lost on the way they are wasted."""
        try:
            found = {key.key_id: key.value for key in self._fetch.get_keys_by_id(self.master, list(wanted))}
        except (KeyRequestError, PeerUnreachableError):
            return False
        if found != wanted:
            self.wrong.append("two copies differ")
        return True

    def stop(self):
        self._stop.set()
        self._thread.join(30)


class Load:
    """Traffic over one and two hops, both ways, and how long it takes until keys flow again after what was done."""

    def __init__(self, network, seed):
        pairs = (("app-a", "app-c"), ("app-c", "app-a"), ("app-a", "app-b"), ("app-b", "app-a"))
        self._traffic = [_Traffic(network, *pair, seed + number) for number, pair in enumerate(pairs)]
        self.times = {}

    def wait(self, what, limit_s=30.0):
        """Wait until keys flow in every direction; the seconds are kept under ``what`` was done."""
        since = time.monotonic()
        while any(one.begun_at < since for one in self._traffic):
            assert time.monotonic() - since < limit_s, f"no keys after {what}"
            time.sleep(0.02)
        self.times.setdefault(what, []).append(time.monotonic() - since)

    def tell(self):
        """Print the figures, and forget the times."""
        supplied, short = sum(len(one.supplied) for one in self._traffic), sum(one.short for one in self._traffic)
        for what, found in self.times.items():
            times = sorted(found)
            sys.stdout.write(
                f"{len(times)} {what}; keys again after {statistics.median(times):.2f} s (median), "
                f"{times[int(len(times) * 0.99)]:.2f} s (99 %), {times[-1]:.2f} s (at most)\n"
            )
        sys.stdout.write(f"{supplied} keys so far, {short} times short of key\n")
        sys.stdout.flush()

    def end(self):
        """Stop; every key that was acknowledged is there, no key was given twice, no two copies differ."""
        self.stop()
        assert sum(len(one.left) for one in self._traffic) > 5
        for one in self._traffic:
            assert one.wrong == []
            for key_id, value in one.left.items():
                text = f"{one.master} was supplied with {key_id}, {one.slave} cannot fetch it"
                assert one.fetch({key_id: value}), text
            assert one.wrong == []

    def stop(self):
        for one in self._traffic:
            one.stop()


@pytest.fixture
def load():
    """Put a network of three sites under load: ``load(network, seed)``."""
    loads = []

    def make(network, seed):
        loads.append(Load(network, seed))
        return loads[-1]

    yield make
    for one in loads:
        one.stop()


@pytest.fixture
def command():
    """Run one command of qit: ``command("check", "file.yaml")``."""
    return qit


@pytest.fixture
def three_sites(tmp_path):
    """File of a chain a-b-c of short links with an application at each site; keys between a and c are relayed by b."""
    file = tmp_path / "three-sites.yaml"
    file.write_text(THREE_SITES, encoding="utf-8")
    return file
