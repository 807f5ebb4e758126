"""Real networks: ``qit up`` in its own process, real sockets, TLS, disks and signals."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from qit4n.service.client import KMEClient

THREE_SITES = """
qit4n: 1
name: three-sites
sites: [{id: a}, {id: b}, {id: c}]
modules:
  near: {pulse_rate_hz: 1.0e+8, detector_efficiency: 0.4, dark_count_probability: 1.0e-7, block_bits: 50000}
links:
  - {id: ab, ends: [a, b], medium: {length_km: 5, loss_db: 1}, module: near}
  - {id: bc, ends: [b, c], medium: {length_km: 5, loss_db: 1}, module: near}
applications: [{id: app-a, site: a}, {id: app-b, site: b}, {id: app-c, site: c}]
demands:
  - {between: [app-a, app-c], pool_bits: 262144}
  - {between: [app-a, app-b], pool_bits: 262144}
"""


def free_base_port(count):
    """A base port below the ephemeral range with ``count`` free ports after it."""
    start = 20000 + (os.getpid() * 131) % 8000
    for base in range(start, 32000, 97):
        with contextlib.ExitStack() as sockets:
            try:
                for port in range(base, base + count):
                    one = sockets.enter_context(socket.socket())
                    one.bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
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

    def qit(self, *arguments, timeout=60):
        return qit(*arguments, "--state", self.state, timeout=timeout)

    def client(self, application):
        """A client of this application at its own KME."""
        files = self.applications[application]
        return KMEClient(files["kme"], files["cert"], files["key"], files["ca"])

    def status(self):
        done = self.qit("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def get(self, master, slave, **wanted):
        """Keys by id, as the master gets them."""
        return {key.key_id: key.value for key in self.client(master).get_keys(slave, **wanted)}

    def fetch(self, slave, master, *key_ids):
        """Keys by id, as the slave gets them."""
        return {key.key_id: key.value for key in self.client(slave).get_keys_by_id(master, list(key_ids))}

    def wait_for(self, condition, what, limit_s=90):
        """Poll the status until ``condition(status)``."""
        deadline = time.monotonic() + limit_s
        while True:
            status = self.status()
            if condition(status):
                return status
            assert time.monotonic() < deadline, f"waited {limit_s} s for {what}: {json.dumps(status)[:3000]}"
            time.sleep(0.3)

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
def start(tmp_path):
    """Start networks: ``start("secoqc", "--eavesdrop", ...)``; all are stopped at the end."""
    running = []

    def make(network, *options, ports=80, limit_s=120, state=None, wait=True):
        state = state or tmp_path / f"state-{len(running)}"
        command = [sys.executable, "-m", "qit4n.cli.main", "up", str(network), "--json", "--state", str(state)]
        if "--base-port" not in options:
            command += ["--base-port", str(free_base_port(ports))]
        began = time.monotonic()
        with (tmp_path / f"up-{len(running)}.log").open("w") as log:
            process = subprocess.Popen(
                [*command, *options], stdout=subprocess.PIPE, stderr=log if not wait else subprocess.PIPE, text=True
            )
        running.append(process)
        applications = json.loads(read_line(process, limit_s))["applications"] if wait else {}
        return Running(process, state, applications, time.monotonic() - began)

    yield make
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
