"""What uses the network: blocks from QKD modules, the controller, applications that get and fetch keys."""

from collections.abc import Callable

import msgspec

from qit4n.control.controller import Controller
from qit4n.network.model import Link
from qit4n.refpoints import ak, ck, kq2
from qit4n.simulation import seam
from qit4n.simulation.part import Part
from qit4n.simulation.site import SimulatedSite
from qit4n.simulation.topology import own_pairs


class Blocks(Part):
    """QKD modules hand a block to both ends of a link, unless the stock is full."""

    def setup(self) -> None:
        """A first block on each link, then one every now and then."""
        links = self.run.world.network.links
        self.interval_s = 2.5 / len(links)
        self.sizes = self.dice.choice(((1024,), (2048, 2049), (512, 1024, 4096), (3000,)))
        for link in links:
            for _ in range(2):
                self._deliver(link.id)
        super().setup()

    def step(self) -> None:
        """One block on a link; in the calm more, so that a pair without a key is no pair of a starved link."""
        for _ in range(4 if self.run.calm else 1):
            self._one(self.dice.choice(self.run.world.network.links))

    def _one(self, link: Link) -> None:
        if link.id not in self.run.world.sites[link.ends[0]].resting:
            self._deliver(link.id)

    def _deliver(self, link: str) -> None:
        world = self.run.world
        ends = list(world.network.link(link).ends)
        if any(not world.sites[end].up for end in ends):
            return  # the two modules need each other
        key = world.block(link, self.dice.choice(self.sizes))
        self.dice.shuffle(ends)
        if self.run.losing_blocks and self.dice.random() < 0.2:  # noqa: PLR2004
            self.note(ends.pop(), "block lost", link, key.block)
        for end in ends:
            world.after(0.2 * self.dice.random(), world.sites[end].distilled, key)


class Tables(Part):
    """The real controller: hears reports and sends tables; it may be silent, or say again what it said before."""

    def setup(self) -> None:
        """Start the controller."""
        self._controller = Controller(self.run.world.network, {})
        self._past: list[dict[str, ck.RelayTable]] = []
        self._other: Controller | None = None
        super().setup()

    def step(self) -> None:
        """A round of reports and tables."""
        world = self.run.world
        if self.run.silent_controller:
            self._controller = Controller(world.network, {}, epoch=int(1000 * world.now) + 1)
            return
        for site in world.sites.values():
            if site.up:
                self._controller.receive(report(site), world.now)
        self._past.append(self._controller.tables(world.now))
        tables = self.dice.choice(self._past) if self.run.stale_controller else self._past[-1]
        if self.run.split_controllers:
            tables = {**tables, **self._other_tables()} if self.dice.random() < 0.5 else tables  # noqa: PLR2004
        for name, table in tables.items():
            world.after(0.05 * self.dice.random(), world.sites[name].order, table)

    def _other_tables(self) -> dict[str, ck.RelayTable]:
        """What a second controller orders, which hears some sites only and does not know of the first."""
        world = self.run.world
        if self._other is None:
            self._other = Controller(world.network, {}, epoch=self.dice.randrange(2) * int(1000 * world.now))
        for site in world.sites.values():
            if site.up and self.dice.random() < 0.6:  # noqa: PLR2004
                self._other.receive(report(site), world.now)
        return self._other.tables(world.now)


def report(site: SimulatedSite) -> ck.SiteReport:
    """What a site tells the controller: its stock; the rest is for people."""
    return ck.SiteReport(
        site=site.id,
        pid=0,
        started_at=0.0,
        memory_bytes=0,
        follows=site.manager.pools.follows,
        links=tuple(
            ck.LinkReport(
                link=stock.link,
                peer=stock.peer,
                sendable_bits=8 * stock.send.available_bytes,
                receivable_bits=8 * stock.receive.available_bytes,
                module=kq2.ModuleState(link=stock.link, role="", state="running"),
                account=stock.account,
            )
            for stock in site.manager.kma.stocks.values()
        ),
        pools=(),
    )


class Applications(Part):
    """Applications that get keys for themselves and others, and fetch theirs: at once, late, twice, wrongly."""

    def setup(self) -> None:
        """Who may share keys with whom, from the demands."""
        self.interval_s = 0.4
        self.partners: dict[str, list[str]] = {}
        for pair in own_pairs(self.run.world.network):
            for one, other in (pair, pair[::-1]):
                self.partners.setdefault(one, []).append(other)
        self._under_way: set[tuple[seam.KeyId, str]] = set()
        self.served: set[tuple[str, str]] = set()
        super().setup()

    def step(self) -> None:
        """One request."""
        master = self.dice.choice(tuple(self.partners))
        partners = self.partners[master]
        slaves = tuple(self.dice.sample(partners, self.dice.randint(1, len(partners))))
        if self.dice.random() < 0.1:  # noqa: PLR2004
            self._ask_status(master, slaves[0])
        else:
            size = self.dice.choice((0, 0, 64, 128, 1024))
            self.get(master, slaves, self.dice.choice((1, 1, 2, 5)), size)

    def _ask_status(self, master: str, slave: str) -> None:
        self.run.world.sites[self._home(master)].request(ak.GetStatus(master=master, slave=slave), lambda _: None)

    def _home(self, application: str) -> str:
        """One of the sites that serve it."""
        homes = self.run.deliveries.homes(application)
        return homes[0] if len(homes) == 1 else self.dice.choice(homes)

    def get(
        self,
        master: str,
        slaves: tuple[str, ...],
        number: int = 1,
        size: int = 0,
        got: Callable[[dict[seam.KeyId, bytes]], None] | None = None,
    ) -> None:
        """Have ``master`` get keys; ``got`` is called with them instead of fetching by chance."""
        request = ak.GetKeys(master=master, slaves=slaves, number=number, size=size)

        def answered(reply: ak.Reply | None) -> None:
            if isinstance(reply, ak.SuppliedKeys):
                keys = self.run.deliveries.supplied(request, reply)
                (got or (lambda keys: self._fetch_sometime(request, tuple(keys))))(keys)

        self.run.world.sites[self._home(master)].request(request, answered)

    def _fetch_sometime(self, request: ak.GetKeys, key_ids: tuple[seam.KeyId, ...]) -> None:
        for slave in request.slaves:
            kind = self.dice.choice(("now", "now", "late", "late", "never", "twice", "each", "wrong"))
            self.note(self.run.deliveries.site(slave), f"fetch {kind}", slave)
            delay = self.dice.uniform(2.0, 15.0) if kind == "late" else 0.1 * self.dice.random()
            groups = [key_ids[:1], key_ids[1:]] if kind == "each" and len(key_ids) > 1 else [key_ids]
            for group in groups * (2 if kind == "twice" else 1):
                if kind == "wrong":
                    self._fetch_wrongly(slave, request, group, delay)
                elif kind != "never":
                    self.run.world.after(delay, self.fetch, slave, request.master, group)

    def fetch(self, slave: str, master: str, key_ids: tuple[seam.KeyId, ...]) -> None:
        """Have ``slave`` fetch its copies of keys that it was named for, from its homes one after the other."""
        request, ours = seam.fetch(slave, master, key_ids), {(key_id, slave) for key_id in key_ids}
        homes = list(self.run.deliveries.homes(slave))
        contested = not self._under_way.isdisjoint(ours)
        self._under_way |= ours
        self._fetch_from(homes, request, [] if not contested else [None])

    def _fetch_from(self, homes: list[str], request: ak.GetKeysByID, refusals: list[ak.Refused | None]) -> None:
        """Ask the first of ``homes``; with each one's refusal, or None where nothing can be said, the next."""
        deliveries, ours = self.run.deliveries, {(key_id, request.slave) for key_id in request.key_ids}

        def answered(reply: ak.Reply | None) -> None:
            if isinstance(reply, ak.SuppliedKeys):
                self._under_way.difference_update(ours)
                deliveries.fetched(request, reply)
                return
            if reply is None:
                deliveries.fetch_lost(request)
            self._fetch_from(homes[1:], request, [*refusals, reply if isinstance(reply, ak.Refused) else None])

        if homes:
            if not self.run.world.sites[homes[0]].request(request, answered):
                self._fetch_from(homes[1:], request, [*refusals, None])
            return
        self._under_way.difference_update(ours)
        said = [one for one in refusals if one is not None and one.reason != "not-ready"]
        nowhere = set(request.key_ids).intersection(*(one.key_ids or request.key_ids for one in said))
        if len(said) == len(refusals) and nowhere:
            ids = tuple(one for one in request.key_ids if one in nowhere)
            deliveries.fetch_refused(request, msgspec.structs.replace(said[-1], key_ids=ids))

    def _fetch_wrongly(self, slave: str, right: ak.GetKeys, key_ids: tuple[seam.KeyId, ...], delay: float) -> None:
        """Another application, another master, or an unknown id among the right ones; then the slave itself."""
        stranger, master = self.dice.choice(tuple(self.partners)), self.dice.choice(tuple(self.partners))
        wrong = self.dice.choice(
            (
                seam.fetch(stranger, right.master, key_ids),
                seam.fetch(slave, master, key_ids),
                seam.fetch(slave, right.master, (*key_ids, seam.STRAY)),
            )
        )
        at_fault = wrong.slave not in (right.master, *right.slaves) or wrong.master != right.master
        if at_fault or seam.STRAY in wrong.key_ids:
            self.run.world.after(delay, self.ask_in_vain, wrong, self._home(slave))
        self.run.world.after(delay + 3.0, self.fetch, slave, right.master, key_ids)

    def ask_in_vain(self, request: ak.GetKeysByID, site: str) -> None:
        """Put a request at a site that must refuse it, or keep its promises all the same."""
        deliveries = self.run.deliveries

        def answered(reply: ak.Reply | None) -> None:
            if isinstance(reply, ak.SuppliedKeys):
                deliveries.fetched(request, reply)

        self.run.world.sites[site].request(request, answered)
