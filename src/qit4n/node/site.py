"""The process of one site: key manager, QKD modules, the ETSI GS QKD 014 server, the way to the controller."""

import asyncio
import contextlib
import gc
import itertools
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from qit4n.adapters import kmeserver, streamserver, tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.adapters.mark import Mark
from qit4n.adapters.qrng import SiteEntropy
from qit4n.adapters.sealedstore import SealedStore
from qit4n.adapters.system import SystemClock, memory_bytes, system_entropy
from qit4n.errors import CertificateError, EntropyError, ProtocolError, QitError, StoreError
from qit4n.interfaces.doors import Doors
from qit4n.keys.manager import KeyManager
from qit4n.keys.step import Action, Answer, AnswerNeighbour, CallNeighbour, Control, Step
from qit4n.keys.store import Write, position_of
from qit4n.keys.supply.meter import Meter
from qit4n.network.changes import changes, driven, needs_start
from qit4n.network.model import Network
from qit4n.node.drivers import ModuleDrivers
from qit4n.node.interworking import Interworking
from qit4n.node.journal import Journal
from qit4n.node.listener import listening
from qit4n.node.modules import ModuleDriver
from qit4n.node.peers import Peer
from qit4n.node.processes import changed_network
from qit4n.node.sdnagent import SDNAgent
from qit4n.node.sitecontrol import ControlledSite
from qit4n.node.sitereport import link_reports, pool_reports, stream_reports
from qit4n.node.tasks import first_of
from qit4n.node.tracing import tracing
from qit4n.refpoints import Message, ak, ck, cx, interworking, kq1, kq2, kx

if TYPE_CHECKING:
    from qit4n.node.keyspans import KeySpans

log = logging.getLogger(__name__)

TIMER_S = 0.2
GC_THRESHOLD = (10_000, 20, 20)
MARK_S = 1.0
PRUNE_S = 2.0
CHECK_S = 0.3
OLD_COPY = "the key store was an old copy of itself; key in it that may have been used was given up"
NEEDS_RANDOMNESS = (ak.GetKeys, ak.OpenStream, ak.GetChunk)


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
        self._interworking = Interworking(
            network, site, self._directory, self._credentials, asked=self._foreign, called=self._called
        )
        self._mark = Mark(self._directory / "store.mark")
        self._store = store
        self._entropy = SiteEntropy(network.site(site).qrng)
        store.draw_from(self._entropy.sealing)
        self._starved: EntropyError | None = None
        self._replica = replica
        self._journal = Journal(self._store, self._perform, self._store_failed, self._committed)
        self._damage = ""
        self._manager = self._load()
        self._requests: dict[int, Callable[[ak.Reply], None]] = {}
        self._numbers = itertools.count()
        self._meter = Meter(site, self._clock.now)
        self._spans: KeySpans | None = None
        self._doors = Doors(network, self._entropy.spare)
        self._peers: dict[str, Peer] = {}
        self._modules: dict[str, ModuleDriver] = {}
        self._control = ControlledSite(
            network, site, self._credentials, self._peers, self._site_report, self._obey, self._cut
        )
        self._running: dict[str, asyncio.Task[None]] = {}
        self._agent = SDNAgent(network, self._credentials, self._observed, self._switch_link)
        self._drivers = ModuleDrivers(
            network, site, state, self._credentials, store, self._journal, self._entropy, self._deliver
        )

    def _load(self) -> KeyManager:
        manager = KeyManager(
            self._network,
            self._site,
            self._entropy,
            self._store,
            witnessed=self._mark.read(),
            identifiers=system_entropy,
        )
        for record in sorted(self._store.damaged):
            log.error("a record of the key store failed authentication, is left out and erased: %s %s", *record)
        lost = len(self._store.damaged)
        self._damage = f"{lost} records of the key store were damaged, and are left out and erased" if lost else ""
        return manager

    async def run(self) -> None:
        """Serve until cancelled."""
        gc.collect()
        gc.freeze()  # what was loaded stays: it need not be looked through again and again
        gc.set_threshold(*GC_THRESHOLD)
        host, site = self._network.site(self._site).host, self._site
        kme = await kmeserver.serve(
            host,
            self._network.kme_port(site),
            self._credentials,
            self.ask,
            self._doors,
        )
        try:
            port = self._network.key_manager_port(site)
            streams = (host, self._network.key_stream_port(site), self._credentials, self.ask)
            async with (
                self._tracing(),
                streamserver.serving(*streams, network=self._network.name),
                listening(host, port, self._credentials, self._serve, who=f"site {site}"),
                self._interworking.running(),
            ):
                await first_of(
                    self._journal.run(),
                    self._timer(),
                    self._credentials.watch(),
                    self._keep_mark(),
                    self._keep_trail(),
                    self._keep_store(),
                    self._agent.run(host, self._network.control_agent_port(site)),
                    self._control.run(),
                    self._drive(),
                )
        finally:
            await kme.close()
            self._entropy.close()
            self._journal.close()
            self._mark.close()
            self._store.close()

    @contextlib.asynccontextmanager
    async def _tracing(self) -> AsyncIterator[None]:
        """Spans of keys' ways go to a receiver, if one is named."""
        async with tracing(self._network, self._site, self._clock.now) as self._spans:
            yield

    async def _drive(self) -> None:
        """Run the ways to other sites and the modules; take changed files, or end if one needs a new start."""
        try:
            async with asyncio.TaskGroup() as group:
                self._begin(group, self._network)
                await self._follow_file(group)
                for task in self._running.values():
                    task.cancel()
        except ExceptionGroup as several:
            raise several.exceptions[0] from several

    async def _follow_file(self, group: asyncio.TaskGroup) -> None:
        while True:
            before = self._network
            changed = await changed_network(self._state, before)
            if needs_start(before, changed, self._site):
                log.info("this site needs a new start for the changed network file")
                return
            self._end(changed)
            self._input(lambda: self._manager.adopt(changed, self._clock.now()))  # noqa: B023 - called at once
            self._network = changed
            self._doors.adopt(changed)
            self._begin(group, changed)
            self._agent.adopt(changed)
            await self._control.adopt(changed)
            log.info("the network file has changed: %s", "; ".join(changes(before, changed).lines()))

    def _begin(self, group: asyncio.TaskGroup, network: Network) -> None:
        """Begin what a file has and does not run yet."""
        for other in [one.id for one in network.sites if one.id not in {self._site, *self._peers}]:
            self._peers[other] = Peer(network, other, self._credentials, self._connected, self._disconnected)
            self._running[f"site {other}"] = group.create_task(self._peers[other].run())
        for link in network.links_of(self._site):
            if link.id not in self._modules:
                self._modules[link.id] = self._drivers.driver(network, link)
                self._modules[link.id].changed = self._agent.look
                self._running[f"link {link.id}"] = group.create_task(self._modules[link.id].run())

    def _end(self, changed: Network) -> None:
        """End what a changed file does not have any more, or has otherwise."""
        sites = {site.id for site in changed.sites}
        links = {link.id: driven(changed, link) for link in changed.links_of(self._site)}
        for other in set(self._peers) - sites:
            del self._peers[other]
            self._running.pop(f"site {other}").cancel()
        for name, module in tuple(self._modules.items()):
            if links.get(name) != driven(self._network, module.link):
                del self._modules[name]
                self._running.pop(f"link {name}").cancel()

    # inputs of the key manager

    def _submit(self, step: Step) -> None:
        self._journal.submit(step)

    def _input(self, make: Callable[[], Step]) -> None:
        """Give the key manager an input. If nothing can be drawn in the midst of it, the process ends and starts anew.

        At worst bits are wasted: what is in memory may not be what the steps before it left, what is on the disk is.
        """
        if self._starved is not None:
            return
        self._manager.pools.resting = bool(self._entropy.lacking)
        try:
            step = make()
        except EntropyError as error:
            self._starved = error
            raise
        self._submit(step)

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
        lacking = self._entropy.lacking
        if lacking and isinstance(request, NEEDS_RANDOMNESS):
            reply(ak.Refused(reason="not-ready", text=f"this site makes no new key, {lacking}"))
            return
        number, reply = next(self._numbers), self._meter.around(request, reply)
        if self._spans is not None:
            reply = self._spans.around(request, reply)
        refused = self._agent.asked(request, self._clock.now())
        if refused is not None:
            reply(refused)
            return
        reply = self._agent.around(request, reply)

        def asked() -> Step:
            step = self._manager.request(number, request, self._clock.now())
            self._requests[number] = reply  # only now: if the key manager raised, nobody would ever answer
            return step

        self._input(asked)

    def _foreign(self, number: int, neighbour: str, request: interworking.Request) -> None:
        self._input(lambda: self._manager.foreign(number, neighbour, request, self._clock.now()))

    def _called(self, call: int, outcome: interworking.Outcome) -> None:
        self._input(lambda: self._manager.called(call, outcome, self._clock.now()))

    async def _timer(self) -> None:
        while True:
            await asyncio.sleep(TIMER_S)
            if self._starved is not None:
                raise self._starved
            self._input(lambda: self._manager.timer(self._clock.now()))

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
            raise CertificateError(f"{identity} may not connect to site {self._site}")
        if hello.purpose == "kx":
            self._peers[identity.id].stir()
            await self._serve_peer(identity.id, frames.retype(kx.KxMessage | cx.LinkState))
        elif hello.link in self._modules:
            await self._modules[hello.link].accept(identity.id, hello.purpose, hello.session, frames)
        else:
            raise ProtocolError(f"site {identity.id} asks for {hello.purpose} of link {hello.link!r}")

    async def _serve_peer(self, peer: str, frames: Frames[Message]) -> None:
        while True:
            message = await frames.receive()
            if isinstance(message, cx.LinkState):
                self._control.hear(peer, message)
                continue
            if self._spans is not None:
                self._spans.received(peer, message)
            try:
                self._input(lambda: self._manager.receive(peer, message, self._clock.now()))  # type: ignore[arg-type]  # noqa: B023
            except QitError as error:
                log.warning("%s of site %s refused: %s", type(message).__name__, peer, error)

    # actions of the key manager

    def _perform(self, action: Action) -> None:
        if isinstance(action, Answer):
            tell = self._requests.pop(action.request, None)
            if tell is not None:
                tell(action.reply)
        elif isinstance(action, AnswerNeighbour):
            self._interworking.answer(action)
        elif isinstance(action, CallNeighbour):
            self._interworking.call(action)
        elif isinstance(action, Control):
            if action.order.link in self._modules and action.order.link not in self._agent.disabled:
                self._modules[action.order.link].control(action.order)
        elif action.site in self._peers:
            self._peers[action.site].send(action.message)
            if self._spans is not None:
                self._spans.sent(action.site, action.message)
        else:
            log.warning("no site %s to send a %s to", action.site, type(action.message).__name__)

    def _store_failed(self, error: StoreError) -> None:
        """Nothing that was not written was said; start again from what is on the disk."""
        self._manager = self._load()
        self._submit(self._manager.order(self._control.table, self._clock.now()))
        for site, peer in self._peers.items():
            if peer.up:
                self._connected(site)
        refused = ak.Refused(reason="not-ready", text=f"the key store of this site does not take writes: {error}")
        waiting, self._requests = self._requests, {}
        self._interworking.forget()
        for tell in waiting.values():  # last: who is told may ask again at once, and asks the new key manager
            tell(refused)

    # the SDN agent

    def _observed(self) -> tuple[ck.SiteReport, ck.RelayTable, float]:
        return self._site_report(), self._control.table, self._clock.now()

    def _switch_link(self, link: str, on: bool) -> None:
        """A link that is switched off rests, if its transmitter is here; switched on, it runs until stock is full."""
        if link in self._modules:
            self._modules[link].control(kq2.RunModule(link=link, run=on))

    # Ck, Cx

    def _obey(self, table: ck.RelayTable) -> None:
        """Follow a table."""
        self._drivers.schedule(table.switches)
        self._input(lambda: self._manager.order(table, self._clock.now()))

    def _cut(self, links: Iterable[str]) -> None:
        """These links of the whole network are cut, and no others."""
        for link, module in self._modules.items():
            module.cut_fibre(cut=link in links)

    def _site_report(self) -> ck.SiteReport:
        manager = self._manager
        return ck.SiteReport(
            site=self._site,
            pid=os.getpid(),
            replica=self._replica,
            standbys=self._store.standbys,
            supply=self._meter.reports(),
            cut_links=tuple(link for link, module in self._modules.items() if module.is_cut),
            started_at=self._started_at,
            memory_bytes=memory_bytes(),
            follows=(self._control.table.epoch, self._control.table.version),
            links=link_reports(manager, self._modules),
            pools=pool_reports(manager),
            streams=stream_reports(manager),
            neighbours=manager.gateway.reports(),
            unclaimed_keys=manager.ksa.held.unclaimed_keys,
            relayed_bits_for_others=8 * manager.relay.forwarded_bytes,
            entropy=self._entropy.report(),
            fault=str(self._journal.failure or self._damage or (OLD_COPY if manager.is_old_copy else "")),
        )
