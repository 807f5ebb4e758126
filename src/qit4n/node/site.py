"""The process of one site: key manager, QKD modules, the ETSI GS QKD 014 server, the way to the controller."""

import asyncio
import contextlib
import gc
import itertools
import logging
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from qit4n.adapters import kmeserver, streamserver, tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.device004 import Device004
from qit4n.adapters.device014 import Device014
from qit4n.adapters.frames import Frames, Hello
from qit4n.adapters.mark import Mark
from qit4n.adapters.sealedstore import SealedStore
from qit4n.adapters.system import SystemClock, memory_bytes, system_entropy
from qit4n.errors import CertificateError, ProtocolError, QitError, StoreError
from qit4n.interfaces.doors import Doors
from qit4n.keys.manager import KeyManager
from qit4n.keys.step import Action, Answer, Control, Send, Step
from qit4n.keys.store import Write, position_of
from qit4n.network.model import Link, Network
from qit4n.node.devicemaster import DeviceMaster
from qit4n.node.devices import Device
from qit4n.node.deviceslave import DeviceSlave
from qit4n.node.journal import Journal
from qit4n.node.listener import listening
from qit4n.node.modules import ModuleDriver
from qit4n.node.onetimekeys import load_keys
from qit4n.node.peers import Peer, connect
from qit4n.node.receiver import ReceiverDriver
from qit4n.node.tasks import first_of
from qit4n.node.transmitter import TransmitterDriver
from qit4n.refpoints import Message, ak, ck, kq1, kx

log = logging.getLogger(__name__)

TIMER_S = 0.2
GC_THRESHOLD = (10_000, 20, 20)
MARK_S = 1.0
PRUNE_S = 2.0
CHECK_S = 0.3
DEVICES: dict[str, type[Device014] | type[Device004]] = {"etsi-014": Device014, "etsi-004": Device004}
OLD_COPY = "the key store was an old copy of itself; key in it that may have been used was given up"
REPORT_S = 0.25
RETRY_S = 0.2


class SiteProcess:
    """Everything of one site, run until cancelled."""

    def __init__(self, network: Network, site: str, state: Path, store: SealedStore, replica: int = 0) -> None:
        """Load ``store``, which this process owns, and the certificates of the site; bind nothing yet."""
        self._network = network
        self._site = site
        self._state = state
        self._directory = state / "sites" / site
        self._clock = SystemClock()
        self._started_at = self._clock.now()
        self._credentials = Credentials(self._directory)
        self._mark = Mark(self._directory / "store.mark")
        self._store = store
        self._replica = replica
        self._journal = Journal(self._store, self._perform, self._store_failed, self._committed)
        self._damage = ""
        self._table = ck.RelayTable(version=0, pools=())
        self._manager = self._load()
        self._requests: dict[int, Callable[[ak.Reply], None]] = {}
        self._numbers = itertools.count()
        others = [other.id for other in network.sites if other.id != site]
        self._peers = {
            other: Peer(network, other, self._credentials, self._connected, self._disconnected) for other in others
        }
        self._modules: dict[str, ModuleDriver] = {}

    def _load(self) -> KeyManager:
        manager = KeyManager(self._network, self._site, system_entropy, self._store, witnessed=self._mark.read())
        for record in sorted(self._store.damaged):
            log.error("a record of the key store failed authentication and is left out: %s %s", *record)
        if self._store.damaged:
            self._damage = f"{len(self._store.damaged)} records of the key store are damaged and left out"
        return manager

    async def run(self) -> None:
        """Serve until cancelled."""
        gc.collect()
        gc.freeze()  # what was loaded stays: it need not be looked through again and again
        gc.set_threshold(*GC_THRESHOLD)
        host, site = self._network.site(self._site).host, self._site
        self._modules = self._drivers()
        kme = await kmeserver.serve(
            host,
            self._network.kme_port(site),
            self._credentials,
            self.ask,
            Doors(self._network, system_entropy),
        )
        try:
            port = self._network.key_manager_port(site)
            streams = (host, self._network.key_stream_port(site), self._credentials, self.ask)
            async with (
                streamserver.serving(*streams, network=self._network.name),
                listening(host, port, self._credentials, self._serve, who=f"site {site}"),
            ):
                await first_of(
                    self._journal.run(),
                    self._timer(),
                    self._credentials.watch(),
                    self._keep_mark(),
                    self._keep_trail(),
                    self._keep_store(),
                    self._report_for_ever(),
                    *(peer.run() for peer in self._peers.values()),
                    *(module.run() for module in self._modules.values()),
                )
        finally:
            await kme.close()
            self._journal.close()
            self._mark.close()
            self._store.close()

    def _drivers(self) -> dict[str, ModuleDriver]:
        return {link.id: self._driver(link) for link in self._network.links_of(self._site)}

    def _driver(self, link: Link) -> ModuleDriver:
        first, far = link.ends[0] == self._site, link.ends[link.ends[0] == self._site]
        device = self._network.device_of(link)
        if device is not None:
            kind = DEVICES[device.interface]
            own: Device = kind(device.ends[self._site], device.ends[far].sae, self._state)
            with_device = (self._network, link, own, self._deliver, self._site)
            return DeviceMaster(*with_device, self._credentials) if first else DeviceSlave(*with_device)
        keys = load_keys(self._store, link.id, self._directory / "psk" / f"{link.id}.key")
        emulated = (self._network, link, keys, self._journal, self._deliver)
        return TransmitterDriver(*emulated, self._credentials) if first else ReceiverDriver(*emulated)

    # inputs of the key manager

    def _submit(self, step: Step) -> None:
        self._journal.submit(step)

    def _connected(self, peer: str) -> None:
        self._submit(self._manager.connected(peer, self._clock.now()))

    def _disconnected(self, peer: str) -> None:
        self._submit(self._manager.disconnected(peer))

    async def _deliver(self, key: kq1.QKDKey, extra: Step) -> None:
        """Kq-1: durable when this returns, together with ``extra``."""
        step = self._manager.receive_qkd_key(key, self._clock.now())
        step.writes += extra.writes
        await self._journal.carry_out(step)

    def ask(self, request: ak.Request, reply: Callable[[ak.Reply], None]) -> None:
        """Ak: ask the key manager; ``reply`` is called once, when the answer is durable."""
        number = next(self._numbers)
        step = self._manager.request(number, request, self._clock.now())
        self._requests[number] = reply  # only now: if the key manager raised, nobody would ever answer
        self._submit(step)

    async def _timer(self) -> None:
        while True:
            await asyncio.sleep(TIMER_S)
            self._submit(self._manager.timer(self._clock.now()))

    async def _keep_store(self) -> None:
        """End this process when another one owns the store."""
        while True:
            await asyncio.sleep(CHECK_S)
            await self._journal.check()

    def _committed(self, writes: list[Write]) -> None:
        position = position_of(writes, self._site)
        if position:
            self._mark.write(position)

    async def _keep_trail(self) -> None:
        """Let go of what the policy does not keep of the audit trail."""
        retention_s = self._network.policies.audit_retention_s
        while True:
            await asyncio.sleep(PRUNE_S)
            if retention_s:
                with contextlib.suppress(StoreError):  # told by the next commit
                    await self._journal.prune(self._clock.now() - retention_s)

    async def _keep_mark(self) -> None:
        """Have the mark on the disk every second; a power failure loses no more."""
        while True:
            await asyncio.sleep(MARK_S)
            await asyncio.to_thread(self._mark.sync)

    async def _serve(self, identity: tls.Identity, hello: Hello, frames: Frames[Message]) -> None:
        if (identity.network, identity.role) != (self._network.name, "site") or identity.id not in self._peers:
            raise CertificateError(
                f"{identity.role} {identity.id} of network {identity.network} may not connect to site {self._site}"
            )
        if hello.purpose == "kx":
            await self._serve_peer(identity.id, frames.retype(kx.KxMessage))
        elif hello.link in self._modules:
            await self._modules[hello.link].accept(identity.id, hello.purpose, hello.session, frames)
        else:
            raise ProtocolError(f"site {identity.id} asks for {hello.purpose} of link {hello.link!r}")

    async def _serve_peer(self, peer: str, frames: Frames[Message]) -> None:
        while True:
            message = await frames.receive()
            try:
                self._submit(self._manager.receive(peer, message, self._clock.now()))  # type: ignore[arg-type]
            except QitError as error:
                log.warning("%s of site %s refused: %s", type(message).__name__, peer, error)

    # actions of the key manager

    def _perform(self, action: Action) -> None:
        match action:
            case Send(site, message) if site in self._peers:
                self._peers[site].send(message)
            case Send(site, message):
                log.warning("no site %s to send a %s to", site, type(message).__name__)
            case Answer(number, reply):
                tell = self._requests.pop(number, None)
                if tell is not None:
                    tell(reply)
            case Control(order):
                self._modules[order.link].control(order)

    def _store_failed(self, error: StoreError) -> None:
        """Nothing that was not written was said; start again from what is on the disk."""
        self._manager = self._load()
        self._submit(self._manager.order(self._table, self._clock.now()))
        for site, peer in self._peers.items():
            if peer.up:
                self._connected(site)
        refused = ak.Refused(reason="not-ready", text=f"the key store of this site does not take writes: {error}")
        waiting, self._requests = self._requests, {}
        for tell in waiting.values():  # last: who is told may ask again at once, and asks the new key manager
            tell(refused)

    # Ck

    async def _report_for_ever(self) -> None:
        while True:
            try:
                await self._report()
            except (OSError, EOFError, TimeoutError, QitError) as error:
                log.info("no way to the controller: %s", error or type(error).__name__)
            await asyncio.sleep(RETRY_S)

    async def _report(self) -> None:
        frames = await connect(
            self._network.controller_host,
            self._network.controller_port(),
            self._credentials,
            role="controller",
            name=self._network.name,
            hello=Hello(purpose="ck"),
        )
        try:
            await first_of(self._send_reports(frames), self._take_tables(frames.retype(ck.RelayTable)))
        finally:
            await frames.close()

    async def _send_reports(self, frames: Frames[Message]) -> None:
        while True:
            await frames.send(self._site_report())
            await asyncio.sleep(REPORT_S)

    async def _take_tables(self, frames: Frames[Message]) -> None:
        while True:
            table = await frames.receive()
            if isinstance(table, ck.RelayTable):
                self._table = table
                self._submit(self._manager.order(table, self._clock.now()))

    def _site_report(self) -> ck.SiteReport:
        manager = self._manager
        return ck.SiteReport(
            site=self._site,
            pid=os.getpid(),
            replica=self._replica,
            standbys=self._store.standbys,
            started_at=self._started_at,
            memory_bytes=memory_bytes(),
            links=tuple(
                ck.LinkReport(
                    link=stock.link,
                    peer=stock.peer,
                    sendable_bits=8 * stock.send.available_bytes,
                    receivable_bits=8 * stock.receive.available_bytes,
                    module=self._modules[stock.link].state,
                    account=stock.account,
                )
                for stock in manager.kma.stocks.values()
            ),
            pools=tuple(
                ck.PoolReport(
                    peer=pool.peer,
                    trust=pool.trust,
                    ready_bits=8 * pool.ready.available_bytes if manager.agrees_with(pool.peer) else 0,
                    target_bits=8 * pool.target_bytes,
                    relayed_bits=8 * pool.relayed_bytes,
                    supplied_bits=8 * pool.supplied_bytes,
                    last_refusal=pool.last_refusal,
                )
                for pool in manager.pools.outgoing.values()
            ),
            streams=tuple(
                ck.StreamReport(
                    stream=str(uuid.UUID(bytes=stream.id)),
                    applications=stream.applications,
                    open=tuple(sorted(stream.open)),
                    chunk_bytes=stream.qos.key_chunk_size,
                    chunks=stream.number,
                )
                for stream in manager.streams.led
            ),
            unclaimed_keys=manager.ksa.held.unclaimed_keys,
            relayed_bits_for_others=8 * manager.relay.forwarded_bytes,
            fault=str(self._journal.failure or self._damage or (OLD_COPY if manager.is_old_copy else "")),
        )
