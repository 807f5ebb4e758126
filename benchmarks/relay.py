"""Key relay: 256-bit keys per second, hop and core.

Real key managers with large stocks: in memory, with every message encoded and decoded as on the wire, and as two
processes over TLS 1.3 with a durable store each. Chunks are combined with ML-KEM secrets, as by default.

The peer is AES-256-GCM, encrypted and decrypted, of the same bytes: what a hop without the one-time pad would cost.
The limit is memory: a hop moves each byte at least eight times (cut and XOR at each end, two encodings for tag and
frame, the tag over it at each end), at the rate of copies measured in the same run.
"""

import asyncio
import hashlib
import itertools
import multiprocessing
import os
import ssl
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks import Result, processor_seconds
from qit4n.adapters import tls
from qit4n.adapters.certificates import issue_all
from qit4n.adapters.frames import Frames
from qit4n.adapters.mark import Mark
from qit4n.adapters.sqlite import SQLiteStore
from qit4n.errors import StoreError
from qit4n.keys.manager import KeyManager
from qit4n.keys.step import Action, Send, Step
from qit4n.keys.store import Write, position_of, settle
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Site
from qit4n.node.journal import Journal
from qit4n.refpoints import ck, kq1, kx

KEYS = 262_144
KEY_BYTES = 32
BLOCK_BYTES = 1 << 20
MOVES = 8
CHUNK_BYTES = 65_536
ACCOUNT = kq1.SecurityAccount(
    protocol="-", proof="-", concentration="-", reconciliation="-", abort_rules=(), epsilon_secrecy=0.0,
    epsilon_correctness=0.0, epsilon_authentication=0.0, authentication="-", pulses=0, duration_s=1.0, sifted_bits=0,
    test_bits=0, errors_key_basis=0, errors_test_basis=0, leaked_bits=0, replies_bits=0, verification_bits=0,
    phase_error_bound=0.0, single_photon_bound=0.0, key_bits=8 * BLOCK_BYTES, authentication_bits=0,
)  # fmt: skip


def chain(hops: int) -> Network:
    """A chain of sites with an application at each end."""
    names = [f"s{number}" for number in range(hops + 1)]
    return Network(
        qit4n=1,
        name="relay",
        sites=tuple(Site(id=name) for name in names),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=tuple(
            Link(id=f"l{number}", ends=(one, other), medium=Medium(length_km=10, loss_db=2.5), module="m")
            for number, (one, other) in enumerate(itertools.pairwise(names))
        ),
        applications=(Application(id="first", site=names[0]), Application(id="last", site=names[-1])),
        demands=(Demand(between=("first", "last")),),
    )


def block(link: str, number: int) -> kq1.QKDKey:
    """The same block at both ends of a link."""
    material = hashlib.shake_256(f"{link} {number}".encode()).digest(BLOCK_BYTES)
    return kq1.QKDKey(link=link, block=number, material=material, account=ACCOUNT)


def table(network: Network, keys: int) -> ck.RelayTable:
    """The order to fill the pool from the first site to the last."""
    path = tuple(site.id for site in network.sites)
    order = ck.PoolOrder(peer=path[-1], paths=(path,), target_bits=8 * KEY_BYTES * keys)
    return ck.RelayTable(version=1, pools=(order,))


class MemoryStore:
    """Records in memory."""

    def __init__(self) -> None:
        """Empty."""
        self.records: dict[tuple[str, str], object] = {}
        self.damaged: set[tuple[str, str]] = set()

    def load(self, _kind: object) -> tuple[()]:
        """Nothing: it was never closed."""
        return ()

    def commit(self, writes: Iterable[Write]) -> None:
        """Keep what is written."""
        records, _ = settle(writes)
        self.records |= {key: record for key, record in records.items() if record is not None}
        for key in [key for key, record in records.items() if record is None]:
            self.records.pop(key, None)


class Chain:
    """Key managers in memory; messages cross as bytes, in order."""

    def __init__(self, hops: int, blocks: int) -> None:
        """Stock every link and let all agree."""
        self.network = chain(hops)
        self._encode, self._decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(kx.KxMessage).decode
        self._wire: deque[tuple[str, str, bytes]] = deque()
        self._stores = {site.id: MemoryStore() for site in self.network.sites}
        self.managers = {
            name: KeyManager(self.network, name, os.urandom, store) for name, store in self._stores.items()
        }
        for link in self.network.links:
            for number in range(blocks):
                for end in link.ends:
                    self._do(end, self.managers[end].receive_qkd_key(block(link.id, number), 0.0))
        self.settle()
        for one in self.managers:
            for other in self.managers:
                if one != other:
                    self._do(one, self.managers[one].connected(other, 0.0))
        self.settle()

    def _do(self, site: str, step: Step) -> None:
        self._stores[site].commit(step.writes)
        for action in step.actions:
            if isinstance(action, Send):
                self._wire.append((site, action.site, self._encode(action.message)))

    def settle(self) -> None:
        """Deliver until nothing is on the wire."""
        while self._wire:
            source, site, body = self._wire.popleft()
            self._do(site, self.managers[site].receive(source, self._decode(body), 0.0))

    def fill(self, keys: int) -> int:
        """Fill the pool from end to end; the keys that came."""
        first = self.network.sites[0].id
        self._do(first, self.managers[first].order(table(self.network, keys), 0.0))
        self.settle()
        return relayed_keys(self.managers[first])


def relayed_keys(manager: KeyManager) -> int:
    """Keys that are ready at both ends."""
    return sum(pool.relayed_bytes for pool in manager.pools.outgoing.values()) // KEY_BYTES


def blocks_for(keys: int) -> int:
    """Blocks of which a quarter stays: half of each is for the other direction."""
    return 3 * keys * KEY_BYTES // BLOCK_BYTES + 2


def in_memory(hops: int, keys: int) -> tuple[int, float]:
    """Keys relayed over so many hops, and processor seconds."""
    net = Chain(hops, blocks_for(keys))
    done: list[int] = []
    seconds = processor_seconds(lambda: done.append(net.fill(keys)))
    return done[0], seconds


class End:
    """One end of a TLS connection: a key manager with a durable store."""

    def __init__(self, site: str, state: Path, network: Network, keys: int) -> None:
        """Stock the link."""
        directory = state / "sites" / site
        self.network, self.site = network, site
        self._store = SQLiteStore(directory / "store.db", (directory / "store.key").read_bytes())
        self.manager = KeyManager(network, site, os.urandom, self._store)
        self._frames: Frames[kx.KxMessage] | None = None
        mark = Mark(directory / "store.mark")
        self._journal = Journal(
            self._store, self._perform, self._failed, lambda writes: mark.write(position_of(writes, site))
        )
        self._early: list[kx.KxMessage] = []
        self._keys = keys
        self._stocked, self._filled = asyncio.Event(), asyncio.Event()
        for number in range(blocks_for(keys)):
            step = self.manager.receive_qkd_key(block("l0", number), 0.0)
            self._store.commit(step.writes)
            self._early += [action.message for action in step.actions if isinstance(action, Send)]

    def _perform(self, action: Action) -> None:
        if isinstance(action, Send) and self._frames is not None:
            self._frames.write(action.message)

    @staticmethod
    def _failed(error: StoreError) -> None:
        raise error

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """Speak until the peer goes."""
        self._frames = Frames(reader, writer, kx.KxMessage)
        journal = asyncio.create_task(self._journal.run())
        for message in self._early:
            self._frames.write(message)
        self._journal.submit(self.manager.connected(peer, 0.0))
        try:
            while True:
                message = await self._frames.receive()
                self._journal.submit(self.manager.receive(peer, message, 0.0))
                if self._agreed():
                    self._stocked.set()
                if relayed_keys(self.manager) >= self._keys:
                    self._filled.set()
        except (EOFError, OSError):
            pass
        finally:
            journal.cancel()
            self._journal.close()
            writer.close()

    async def fill(self) -> tuple[int, float, float]:
        """Keys, wall seconds and processor seconds of this process."""
        await self._stocked.wait()
        wall, cpu = time.perf_counter(), time.process_time()
        self._journal.submit(self.manager.order(table(self.network, self._keys), 0.0))
        await self._filled.wait()
        return relayed_keys(self.manager), time.perf_counter() - wall, time.process_time() - cpu

    def _agreed(self) -> bool:
        return not self.manager.kma.stocks["l0"].pending and self.manager.relay.sendable_bytes(("s0", "s1")) > 0


def destination(state: Path, keys: int, pipe: Connection) -> None:
    """The other process: listen, tell the port, tell the processor time at the end."""

    async def run() -> None:
        end, done = End("s1", state, chain(1), keys), asyncio.Event()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await end.serve(reader, writer, "s0")
            done.set()

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls.server_context(state / "sites" / "s1"))
        cpu = time.process_time()
        pipe.send(server.sockets[0].getsockname()[1])
        await done.wait()
        pipe.send(time.process_time() - cpu)
        server.close()

    asyncio.run(run())


async def source(state: Path, keys: int, port: int) -> tuple[int, float, float]:
    """This process: connect and fill."""
    end = End("s0", state, chain(1), keys)
    context: ssl.SSLContext = tls.client_context(state / "sites" / "s0")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="127.0.0.1")
    serving = asyncio.create_task(end.serve(reader, writer, "s1"))
    try:
        return await end.fill()
    finally:
        writer.close()
        await serving


def over_tls(keys: int) -> tuple[int, float, float]:
    """Keys, wall seconds, and processor seconds of the busier process."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        issue_all(chain(1), state)
        spawn = multiprocessing.get_context("spawn")
        here, there = spawn.Pipe()
        process = spawn.Process(target=destination, args=(state, keys, there))
        process.start()
        try:
            count, wall, cpu = asyncio.run(source(state, keys, here.recv()))
            other = float(here.recv())
        finally:
            process.join(20)
            if process.is_alive():
                process.terminate()
    return count, wall, max(cpu, other)


def aes_keys_per_s(keys: int) -> float:
    """AES-256-GCM, encrypted and decrypted, of chunks of the same size."""
    cipher, chunk = AESGCM(os.urandom(32)), os.urandom(CHUNK_BYTES)
    chunks = max(1, keys * KEY_BYTES // CHUNK_BYTES)

    def work() -> None:
        for number in range(chunks):
            nonce = number.to_bytes(12)
            cipher.decrypt(nonce, cipher.encrypt(nonce, chunk, None), None)

    return chunks * CHUNK_BYTES / KEY_BYTES / processor_seconds(work)


def limit_keys_per_s() -> float:
    """What copying alone allows."""
    ground = np.frombuffer(os.urandom(1 << 24), np.uint8)
    target = np.empty_like(ground)
    seconds = min(processor_seconds(lambda: np.copyto(target, ground)) for _ in range(5))
    return len(ground) / seconds / MOVES / KEY_BYTES


def relay(_seed: int, size: int | None) -> Iterator[Result]:
    """One hop in memory, one hop over TLS, 32 hops in memory: keys per second, hop and core."""
    keys = size or KEYS
    peer: dict[str, Any] = {
        "peer": "AES-256-GCM, both ways",
        "peer_value": aes_keys_per_s(keys),
        "limit": limit_keys_per_s(),
    }
    count, seconds = in_memory(1, keys)
    yield Result(name="relay: 1 hop in memory", value=count / seconds, unit="1/s", **peer)
    count, wall, cpu = over_tls(keys)
    yield Result(name="relay: 1 hop, TLS, durable", value=count / cpu, unit="1/s", **peer)
    yield Result(name="relay: 1 hop, TLS, by the clock", value=count / wall, unit="1/s")
    count, seconds = in_memory(32, max(1, keys // 8))
    yield Result(name="relay: 32 hops, per hop", value=32 * count / seconds, unit="1/s", **peer)
    yield Result(name="relay: 32 hops, end to end", value=count / seconds, unit="1/s")
