"""Supply of keys over ETSI GS QKD 014: two real site processes with mutual TLS, durable stores and Kx between them.

Both stores are filled with the same end-to-end chunks beforehand and the link makes next to nothing, so what is
measured is supply, not distillation. A request is answered when both sites hold it durably. "per core" is requests
in a second of the serving process's processor time, its threads included. A busy machine makes that larger too, by
half and more (shared caches and cores): the ratio to a peer of the same run is the steadier figure.
"""

import contextlib
import dataclasses
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from benchmarks import Result
from benchmarks.peers import peers
from qit4n.adapters.certificates import issue_all
from qit4n.adapters.postgresserver import PostgresServer
from qit4n.adapters.stores import open_store, share
from qit4n.cli.up import applications
from qit4n.keys.combination import combine
from qit4n.keys.spending import hold_chunk
from qit4n.keys.store import ChunkRecord, chunk_key
from qit4n.network.file import load
from qit4n.network.generate import to_yaml
from qit4n.network.model import Limits, Network, Trust
from qit4n.pools.knowledge import Knowledge

BASE_PORT = 29200
CONNECTIONS = 64
SECONDS = 4
CHUNK_BYTES = 64 * 1024
REQUESTS_PER_S = {1: 40_000, 128: 10_000}  # more than there will be: what the stock must last for
KEY_BYTES = 32


def supply(_seed: int, size: int | None) -> Iterator[Result]:
    """enc_keys and dec_keys for 1 and 128 keys a request; ``size`` is the seconds of each measurement."""
    seconds = size or SECONDS
    yield from _with_peers(seconds)
    with tempfile.TemporaryDirectory() as directory:
        server = PostgresServer(Path(directory) / "postgres")
        try:
            server.start()
            found = _measure(Path(directory) / "state", seconds, server.conninfo)[2]
        finally:
            server.stop()
            server.remove()
    for (number, call), one in zip(_cases(), found, strict=True):
        yield from (
            dataclasses.replace(result, name=f"PostgreSQL: {result.name}") for result in _results(number, call, one, [])
        )


def _measure(state: Path, seconds: int, conninfo: str = "") -> tuple[Network, Path, list[dict[str, Any]]]:
    """All cases with one store."""
    stock = (seconds + 1) * sum(KEY_BYTES * n * rate for n, rate in REQUESTS_PER_S.items())
    network = _prepare(state, stock, conninfo)
    with _sites(network, state) as processes:
        return network, state, _load([_phase(network, state, case, seconds, processes) for case in _cases()])


def _with_peers(seconds: int) -> Iterator[Result]:
    """On SQLite, beside other servers."""
    with tempfile.TemporaryDirectory() as directory:
        network, state, found = _measure(Path(directory) / "state", seconds)
        files = {name: str(state / "sites" / "east" / f"{name}.pem") for name in ("cert", "key", "ca")}
        with peers(Path(directory) / "peers", files, BASE_PORT + 20) as others:
            plan = [
                {**_phase(network, state, (n, "enc_keys"), seconds, {"peer": process}), "name": name, "port": port}
                for name, (port, process) in others.items()
                for n in REQUESTS_PER_S
            ]
            compared = _load(plan)
    for (number, call), one in zip(_cases(), found, strict=True):
        yield from _results(number, call, one, [other for other in compared if other["number"] == number])


def _cases() -> list[tuple[int, str]]:
    return [(number, call) for number in REQUESTS_PER_S for call in ("enc_keys", "dec_keys")]


def _results(number: int, call: str, found: dict[str, Any], others: list[dict[str, Any]]) -> Iterator[Result]:
    name = f"{call} of {number}"
    server, partner = ("east", "west") if call == "enc_keys" else ("west", "east")
    done = found["requests"]
    yield Result(name=f"{name}: together", value=done / found["seconds"], unit="1/s")
    per_core = done / found["processor"][server]
    for other in others if call == "enc_keys" else []:
        peer = other["requests"] / other["processor"]["peer"]
        yield Result(name=f"{name}: per core", value=per_core, unit="1/s", peer=other["name"], peer_value=peer)
    if call != "enc_keys" or not others:
        yield Result(name=f"{name}: per core", value=per_core, unit="1/s")
    if call == "enc_keys":
        yield Result(name=f"{name}: slave side per core", value=done / found["processor"][partner], unit="1/s")
    if number > 1:
        yield Result(name=f"{name}: keys per core", value=number * per_core, unit="1/s")
    yield Result(name=f"{name}: median", value=found["p50"], unit="s")
    yield Result(name=f"{name}: p99", value=found["p99"], unit="s")


def _prepare(state: Path, stock_bytes: int, conninfo: str = "") -> Network:
    """Two sites whose link hardly works, with the same chunks in both stores: SQLite, or PostgreSQL at ``conninfo``."""
    example = load("two-data-centres")
    modules = {name: replace(module, pulse_rate_hz=1e4) for name, module in example.modules.items()}
    policies = replace(example.policies, limits=Limits(unclaimed_key_bits=0))  # nothing is fetched while keys are got
    network = replace(example, base_port=BASE_PORT, modules=modules, policies=policies)
    state.mkdir()
    (state / "network.yaml").write_text(to_yaml(network), encoding="utf-8")
    issue_all(network, state)
    if conninfo:
        share(state, conninfo)
    stores = [open_store(state, network.name, site.id) for site in network.sites]
    for start in range(0, stock_bytes, 64 * CHUNK_BYTES):
        names = [f"{start + place:032x}" for place in range(64)]
        puts = [write for name in names for write in hold_chunk(_chunk(name))]
        for store in stores:
            store.commit(puts)
    for store in stores:
        store.close()
    return network


def _chunk(name: str) -> ChunkRecord:
    material = os.urandom(CHUNK_BYTES)
    knowledge = Knowledge(paths=(("east", "west"),), threshold=1, combined=combine.NAME)
    return ChunkRecord(
        key=chunk_key("east", name),
        chunk=name,
        source="east",
        destination="west",
        material=material,
        trust=Trust(),
        knowledge=knowledge,
        relayed_at=time.time(),
    )


@contextmanager
def _sites(network: Network, state: Path) -> Iterator[dict[str, int]]:
    """The process of each site, as soon as it serves."""
    running = {}
    try:
        for site in network.sites:
            command = [sys.executable, "-m", "qit4n.cli.main", "node", site.id, "--state", str(state)]
            running[site.id] = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: S603 - our own command
        for site in network.sites:
            _wait_for(network.kme_port(site.id))
        time.sleep(3)  # until both agree on the chunks
        yield {site: process.pid for site, process in running.items()}
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(20)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens at port {port}")


def _phase(
    network: Network, state: Path, case: tuple[int, str], seconds: int, processes: dict[str, int]
) -> dict[str, Any]:
    number, call = case
    found = applications(network, state)
    who, other = ("app-east", "app-west") if call == "enc_keys" else ("app-west", "app-east")
    return {
        "name": call,
        "port": int(found[who].kme.rpartition(":")[2]),
        "files": {name: getattr(found[who], name) for name in ("cert", "key", "ca")},
        "other": other,
        "call": call,
        "number": number,
        "seconds": seconds,
        "connections": CONNECTIONS,
        "processes": processes,
        "keep_ids": "peer" not in processes and call == "enc_keys",
    }


def _load(phases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the load generator measures, phase by phase."""
    for phase in phases:
        _wait_for(phase["port"])
    command = [sys.executable, "-m", "benchmarks.load"]
    plan = json.dumps({"phases": phases})
    done = subprocess.run(command, input=plan, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    print(done.stderr, end="", file=sys.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def first_key(_seed: int, _size: int | None) -> Iterator[Result]:
    """Seconds from ``qit up`` on a fresh state directory to keys in both directions."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "qit4n.cli.main", "up", "two-data-centres", "--json"]
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--state", state, "--base-port", "29100"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            if process.stdout and process.stdout.readline():
                yield Result(name="first-key", value=time.monotonic() - began, unit="s")
        finally:
            process.terminate()
            process.communicate(timeout=20)
