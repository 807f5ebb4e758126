"""The SDN agent of a site (ETSI GS QKD 015): shows its state, tells its changes, and takes what a controller may set.

Policy: a controller may switch a QKD link off and on (``qkdl_enable``) and bound the rate of key that two applications
get at this site by requests (``max_bandwidth``). Which applications may share key, and over which paths it is relayed,
is decided by the network file and this network's controller alone, so the rest is read.

A change of a module's state, of the network file and of what a controller sets is told at once; stocks, pools and
rates are looked at twice a second.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from qit4n.adapters.controlagent import Server
from qit4n.adapters.credentials import Credentials
from qit4n.interfaces import etsi015
from qit4n.interfaces.etsi015 import NodeState, date_and_time
from qit4n.interfaces.etsi015events import Watch, overloaded
from qit4n.interfaces.etsi015statistics import Consumption
from qit4n.interfaces.restconf import Found, RestconfError
from qit4n.interfaces.restconfedit import Change
from qit4n.network.model import Network
from qit4n.refpoints import ak, ck

LOOK_S = 0.5

Pair = frozenset[str]


@dataclass
class Allowance:
    """Bits that flow in at ``rate`` per second, up to a second's worth; who has taken too much waits."""

    rate: int
    at: float
    left: float = 0.0

    def open(self, now: float) -> bool:
        """Whether something may be taken now."""
        self.left = min(float(self.rate), self.left + self.rate * max(0.0, now - self.at))
        self.at = now
        return self.rate > 0 and self.left >= 0.0


class SDNAgent:
    """The agent of one site."""

    def __init__(
        self,
        network: Network,
        credentials: Credentials,
        observe: Callable[[], tuple[ck.SiteReport, ck.RelayTable, float]],
        switch: Callable[[str, bool], None],
    ) -> None:
        """``observe`` gives report, relay table and time; ``switch`` turns a link on or off."""
        self.network = network.name
        self.disabled: frozenset[str] = frozenset()
        self._network = network
        self._observe = observe
        self._switch = switch
        self._pairs: dict[Pair, tuple[float, float] | None] = dict(_demanded(network))
        self._allowances: dict[Pair, Allowance] = {}
        self._watch = Watch()
        self._consumption = Consumption()
        self._lost: dict[tuple[str, str], int] = {}
        self._overloaded: set[str] = set()
        self._server = Server(credentials, self)

    def adopt(self, network: Network) -> None:
        """Follow a changed network file, and tell what comes and goes."""
        self._network = network
        self.disabled &= {link.id for link in network.links}
        self._pairs = {pair: self._pairs.get(pair) for pair in _demanded(network)}
        self._allowances = {pair: one for pair, one in self._allowances.items() if pair in self._pairs}
        self.look()

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled."""
        await self._server.listen(host, port)
        try:
            while True:
                self.look()
                await asyncio.sleep(LOOK_S)
        finally:
            self._server.close()

    def asked(self, request: ak.Request, now: float) -> ak.Refused | None:
        """An application has asked for key here; a refusal if it has had more than a controller allows."""
        news = False
        for pair in _pairs(request):
            if pair in self._pairs:
                times = self._pairs[pair]
                news |= times is None
                self._pairs[pair] = (times[0] if times else now), now
        if news:
            asyncio.get_running_loop().call_soon(self.look)
        for pair, allowance in self._bounding(request):
            if not allowance.open(now):
                text = f"an SDN controller allows {' and '.join(sorted(pair))} {allowance.rate} bit/s at this site"
                return ak.Refused(reason="too-many-requests", text=text)
        return None

    def _bounding(self, request: ak.Request) -> list[tuple[Pair, Allowance]]:
        if not self._allowances or not isinstance(request, ak.GetKeys):
            return []
        return [(pair, self._allowances[pair]) for pair in _pairs(request) if pair in self._allowances]

    def around(self, request: ak.Request, reply: Callable[[ak.Reply], None]) -> Callable[[ak.Reply], None]:
        """``reply``, which counts what is supplied where a controller bounds it."""
        bounding = self._bounding(request)
        if not bounding:
            return reply

        def answered(answer: ak.Reply) -> None:
            if isinstance(answer, ak.SuppliedKeys):
                for _, allowance in bounding:
                    allowance.left -= sum(8 * len(batch.values) for batch in answer.batches)
            reply(answer)

        return answered

    def document(self) -> dict[str, Any]:
        """The data of the node now."""
        return etsi015.document(self._state())

    def write(self, changes: Iterable[Change]) -> None:
        """Take all of the changes, or none.

        Raises:
            RestconfError: one is of a virtual link.
        """
        for act in [self._change(found, value) for found, value in changes]:
            act()
        self.look()

    def _change(self, found: Found, value: Any) -> Callable[[], None]:
        if found.name == "qkdl_enable":
            wanted = _key(found, "qkd_link")
            for link in self._network.links:
                if etsi015.link_id(self._network, link.id) == wanted:
                    return lambda: self._enable(link.id, bool(value))
            raise RestconfError(403, "access-denied", "key association links follow the demands of the network file")
        wanted = _key(found, "qkd_app")
        demand = next(one for one in self._network.demands if etsi015.app_id(self._network, one) == wanted)
        return lambda: self._bound(frozenset(demand.between), value)

    def _enable(self, link: str, on: bool) -> None:
        self.disabled = self.disabled - {link} if on else self.disabled | {link}
        self._switch(link, on)

    def _bound(self, pair: Pair, rate: int | None) -> None:
        self._allowances.pop(pair, None)
        if rate is not None:
            self._allowances[pair] = Allowance(rate, self._observe()[2])

    def look(self) -> None:
        """Tell what has changed since the last look."""
        state = self._state()
        self._consumption.see(state.report.supply, state.now)
        now, at = etsi015.document(state), date_and_time(state.now)
        for name, content in self._watch.see(now, self._reasons(state)):
            self._server.tell(at, name, content)
        self._tell_overloaded(state, now, at)

    def _tell_overloaded(self, state: NodeState, now: dict[str, Any], at: str) -> None:
        """Applications asked of a pool what it did not have: told once, until it serves again."""
        lost = {(one.master, one.slave): one.keys_lost for one in state.report.supply}
        more = {frozenset(pair) for pair, count in lost.items() if count > self._lost.get(pair, 0)}
        self._lost = lost
        links = {link["qkdl_id"]: link for link in now["qkd_links"]["qkd_link"]}
        for pool in state.report.pools:
            name = etsi015.pool_id(state, pool)
            if any(frozenset(demand.between) in more for demand in etsi015.demands_of(state, pool)):
                if name not in self._overloaded:
                    self._server.tell(at, *overloaded(links[name]))
                self._overloaded.add(name)
            elif pool.ready_bits >= self._network.policies.key_size_bits:
                self._overloaded.discard(name)

    def _state(self) -> NodeState:
        report, table, now = self._observe()
        return NodeState(
            network=self._network,
            report=report,
            table=table,
            now=now,
            asked={pair: times for pair, times in self._pairs.items() if times},
            disabled=self.disabled,
            periods=self._consumption.periods,
            bounds={pair: allowance.rate for pair, allowance in self._allowances.items()},
        )

    def _reasons(self, state: NodeState) -> dict[str, str]:
        reasons = {}
        for link in self._network.links_of(state.site):
            module = next((one.module for one in state.report.links if one.link == link.id), None)
            text = (module.detail or module.reason or f"module is {module.state}") if module else ""
            if link.id in self.disabled:
                text = "switched off by an SDN controller"
            number = str(etsi015.interface_id(self._network, state.site, link))
            reasons[etsi015.link_id(self._network, link.id)] = reasons[number] = text
        for pool in state.report.pools:
            reasons[etsi015.pool_id(state, pool)] = pool.last_refusal
        return reasons


def _demanded(network: Network) -> dict[Pair, None]:
    return dict.fromkeys(frozenset(demand.between) for demand in network.demands)


def _key(found: Found, name: str) -> str:
    return next((step.partition("=")[2] for step in found.way if step.startswith(f"{name}=")), "")


def _pairs(request: ak.Request) -> list[Pair]:
    match request:
        case ak.GetKeys(master=master, slaves=slaves):
            return [frozenset((master, slave)) for slave in slaves]
        case ak.GetKeysByID(slave=slave, master=master):
            return [frozenset((master, slave))]
        case ak.OpenStream(application=application, peer=peer):
            return [frozenset((application, peer))]
        case _:
            return []
