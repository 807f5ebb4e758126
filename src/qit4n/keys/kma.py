"""KMA, the key management agent of a site (ITU-T Y.3802, Y.3803): receives QKD-keys and keeps KMA-keys.

Rules it keeps:

- A block that arrives at Kq-1 is durable here before anybody hears of it.
- It becomes a slab of the link's pools only when both ends hold it durably: the leading end (the transmitter's)
  offers, the other accepts if its digest is the same. Until then it serves nobody; after a while it is voided.
- Nothing is cut before both ends have agreed on what they hold (``keys/synchronise.py``).
- Each slab has one owner, the only site that may encrypt with it, so that the two directions of a link can
  never use the same bytes. The leading end gives it to the site that can send less.
- Each byte leaves a pool once (``pools.keypool``); the head is durable before what it paid for is sent.
- Key that is older than the policy allows is voided by its owner.
- When each direction holds its half of the stock that the policy asks for, the QKD module rests: key of one direction
  is of no use to the other.

Links to one peer are independent of each other; nothing here knows a path.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import msgspec

from qit4n.errors import OutOfKeyError, ProtocolError
from qit4n.keys.step import Control, Send, Step
from qit4n.keys.store import Erase, HeadRecord, LinkAccountRecord, Put, SlabRecord, Write
from qit4n.keys.synchronise import compare, states
from qit4n.pools.digest import SALT_BYTES, digest
from qit4n.pools.keypool import Cut, KeyPool
from qit4n.refpoints import kq1, kq2, kx

OFFER_INTERVAL_S = 2.0
AGREEMENT_LIMIT_S = 60.0
MOST_OFFERS = 256
RUN_AGAIN_SHARE = 0.8


@dataclass(kw_only=True)
class LinkStock:
    """The pools of one link at one end. ``pending`` slabs wait for the agreement of both ends.

    ``running`` is what the QKD module was told last: None after a start, when it may still follow an order of before.
    """

    link: str
    peer: str
    leads: bool
    send: KeyPool = field(default_factory=KeyPool)
    receive: KeyPool = field(default_factory=KeyPool)
    pending: dict[str, SlabRecord] = field(default_factory=dict)
    offered: dict[str, kx.OfferSlab] = field(default_factory=dict)
    account: kq1.LinkAccount = field(default_factory=kq1.LinkAccount)
    running: bool | None = None
    offered_at: float = 0.0

    @property
    def scarcer_bytes(self) -> int:
        """Key of the direction that holds less, when what waits for the agreement has been given to it first."""
        waiting = sum(len(slab.material) for slab in self.pending.values())
        less, more = sorted((self.send.available_bytes, self.receive.available_bytes))
        return min(less + waiting, (less + more + waiting) // 2)

    def pending_bytes(self, owner: str) -> int:
        """Pending key that will belong to ``owner``."""
        return sum(len(slab.material) for slab in self.pending.values() if slab.owner == owner)


def record_key(link: str, slab: str) -> str:
    """Key of a slab's records in the store."""
    return f"{link}/{slab}"


class KMA:
    """The key pools of all links of one site."""

    def __init__(
        self,
        site: str,
        stocks: Iterable[LinkStock],
        *,
        stock_bytes: int,
        max_age_s: float = 0.0,
        agreed: AbstractSet[str],
        slabs: Iterable[SlabRecord] = (),
        heads: dict[str, int] | None = None,
    ) -> None:
        """Start with the slabs and heads of the store; ``agreed`` are the peers with whom key may be cut now."""
        self.site = site
        self._agreed = agreed
        self.stocks = {stock.link: stock for stock in stocks}
        self._stock_bytes = stock_bytes
        self._max_age_s = max_age_s
        for slab in slabs:
            stock = self.stocks.get(slab.link)
            if stock is not None and slab.confirmed:
                head = (heads or {})[slab.key]
                self._pool(stock, slab.owner).add(slab.slab, slab.material, head, slab.received_at)
            elif stock is not None:
                stock.pending[slab.slab] = slab

    def adopt(self, stocks: Iterable[LinkStock]) -> Step:
        """Take the links of a changed file: new ones begin, the key of those that are gone is given up."""
        step, wanted = Step(), {stock.link: stock for stock in stocks}
        for link, stock in tuple(self.stocks.items()):
            if link not in wanted or (wanted[link].peer, wanted[link].leads) != (stock.peer, stock.leads):
                held = [*stock.pending, *stock.send.slabs, *stock.receive.slabs]
                step.extend(self._forget(stock, held, "the link was removed"))
                del self.stocks[link]
        self.stocks |= {link: stock for link, stock in wanted.items() if link not in self.stocks}
        return step

    def _pool(self, stock: LinkStock, owner: str) -> KeyPool:
        return stock.send if owner == self.site else stock.receive

    def _stock(self, link: str, peer: str) -> LinkStock:
        stock = self.stocks.get(link)
        if stock is None or stock.peer != peer:
            raise ProtocolError(f"site {peer} speaks of link {link}, which does not join it to {self.site}")
        return stock

    # Kq-1

    def receive_qkd_key(self, key: kq1.QKDKey, now: float) -> Step:
        """Store a distilled block as two slabs, so that both directions of the link get key from each block."""
        stock = self.stocks[key.link]
        half = len(key.material) // 2
        step = Step()
        for name, material in ((f"{key.block}a", key.material[:half]), (f"{key.block}b", key.material[half:])):
            step.extend(self._receive_slab(stock, name, material, now))
        stock.account = stock.account.plus(key.account)
        step.writes.append(Put(LinkAccountRecord(key=key.link, account=stock.account)))
        step.extend(self._run_or_rest(stock))
        return step

    def _receive_slab(self, stock: LinkStock, slab: str, material: bytes, now: float) -> Step:
        """Store a slab; offer it to the other end, or answer an offer that came before it."""
        if slab in stock.pending or slab in stock.send or slab in stock.receive:
            raise ProtocolError(f"slab {slab} of link {stock.link} was delivered twice")
        record = SlabRecord(
            key=record_key(stock.link, slab),
            link=stock.link,
            slab=slab,
            material=material,
            owner=self._next_owner(stock) if stock.leads else "",
            received_at=now,
        )
        stock.pending[slab] = record
        step = Step(writes=[Put(record)]).tell("received", record.key, len(material), stock.link)
        if stock.leads:
            step.actions.append(Send(stock.peer, self._offer(record)))
        elif slab in stock.offered:
            step.extend(self._agree(stock, stock.offered.pop(slab)))
        return step

    def _next_owner(self, stock: LinkStock) -> str:
        mine = stock.send.available_bytes + stock.pending_bytes(self.site)
        theirs = stock.receive.available_bytes + stock.pending_bytes(stock.peer)
        return self.site if mine <= theirs else stock.peer

    @staticmethod
    def _offer(record: SlabRecord) -> kx.OfferSlab:
        fingerprint = digest(record.slab, record.material)
        return kx.OfferSlab(link=record.link, slab=record.slab, digest=fingerprint, owner=record.owner)

    # Kx: agreement on slabs

    def receive(self, peer: str, message: kx.OfferSlab | kx.AcceptSlab | kx.VoidSlabs | kx.SkipSlabs) -> Step:
        """Take part in the agreement on slabs."""
        stock = self._stock(message.link, peer)
        if isinstance(message, kx.OfferSlab):
            return self._receive_offer(stock, message)
        if isinstance(message, kx.AcceptSlab):
            return self._receive_accept(stock, message.slab)
        if isinstance(message, kx.SkipSlabs):
            return self._skip(stock, message.heads)
        return self._forget(stock, message.slabs, f"{stock.peer} does not hold it")

    def _receive_offer(self, stock: LinkStock, offer: kx.OfferSlab) -> Step:
        if stock.leads or offer.owner not in (self.site, stock.peer):
            raise ProtocolError(f"offer of slab {offer.slab} of link {offer.link} from the wrong end")
        accept = Send(stock.peer, kx.AcceptSlab(link=offer.link, slab=offer.slab))
        if offer.slab in stock.send or offer.slab in stock.receive:
            return Step(actions=[accept])
        if offer.slab not in stock.pending:
            if len(stock.offered) >= MOST_OFFERS:  # the leading end repeats what matters
                stock.offered.pop(next(iter(stock.offered)))
            stock.offered[offer.slab] = offer
            return Step()
        return self._agree(stock, offer)

    def _agree(self, stock: LinkStock, offer: kx.OfferSlab) -> Step:
        record = stock.pending[offer.slab]
        if digest(record.slab, record.material) != offer.digest:
            return self._void(stock, (offer.slab,))
        step = self._confirm(stock, record, offer.owner)
        step.actions.append(Send(stock.peer, kx.AcceptSlab(link=offer.link, slab=offer.slab)))
        return step

    def _receive_accept(self, stock: LinkStock, slab: str) -> Step:
        if slab in stock.send or slab in stock.receive:
            return Step()
        record = stock.pending.get(slab)
        if record is None or not stock.leads:
            return Step(actions=[Send(stock.peer, kx.VoidSlabs(link=stock.link, slabs=(slab,)))])
        return self._confirm(stock, record, record.owner)

    def _confirm(self, stock: LinkStock, record: SlabRecord, owner: str) -> Step:
        del stock.pending[record.slab]
        confirmed = msgspec.structs.replace(record, owner=owner, confirmed=True)
        self._pool(stock, owner).add(record.slab, record.material, SALT_BYTES, record.received_at)
        step = Step(writes=[Put(confirmed), Put(HeadRecord(key=record.key, position=SALT_BYTES))])
        return step.tell("agreed", record.key, len(record.material), stock.link, note=f"owner {owner}")

    def _void(self, stock: LinkStock, slabs: Iterable[str], why: str = "the two ends do not agree on it") -> Step:
        """Forget slabs, here and at the other end."""
        slabs = tuple(slabs)
        if not slabs:
            return Step()
        step = self._forget(stock, slabs, why)
        step.actions.append(Send(stock.peer, kx.VoidSlabs(link=stock.link, slabs=slabs)))
        return step

    def _forget(self, stock: LinkStock, slabs: Iterable[str], why: str) -> Step:
        step = Step()
        for slab in slabs:
            waiting = stock.pending.get(slab)
            left = len(waiting.material) if waiting else stock.send.left(slab) + stock.receive.left(slab)
            if waiting or left:
                step.tell("voided", record_key(stock.link, slab), left, stock.link, note=why)
            step.writes += self._remove(stock, slab)
        return step

    @staticmethod
    def _remove(stock: LinkStock, slab: str) -> list[Write]:
        stock.offered.pop(slab, None)
        stock.pending.pop(slab, None)
        stock.send.remove(slab)
        stock.receive.remove(slab)
        return _erase(stock.link, slab)

    # synchronisation

    def states_for(self, peer: str) -> dict[str, tuple[kx.SlabState, ...]]:
        """What is held here of the pools that ``peer`` owns; head 0 while it waits for the agreement."""
        found = {}
        for stock in self.stocks.values():
            if stock.peer == peer:
                waiting = (
                    kx.SlabState(slab=slab.slab, head=0, digest=digest(slab.slab, slab.material))
                    for slab in stock.pending.values()
                    if slab.owner == peer
                )
                found[stock.link] = (*states(stock.receive), *waiting)
        return found

    def reconcile(self, peer: str, links: dict[str, tuple[kx.SlabState, ...]]) -> Step:
        """Agree with what the other end holds of the pools that this site owns."""
        step = Step()
        for stock in self.stocks.values():
            if stock.peer == peer:
                step.extend(self._reconcile(stock, links.get(stock.link, ())))
        return step

    def _reconcile(self, stock: LinkStock, theirs: tuple[kx.SlabState, ...]) -> Step:
        step = Step()
        for state in theirs:
            record = stock.pending.get(state.slab)
            if record is not None and stock.leads and record.owner == self.site and state.head:
                step.extend(self._confirm(stock, record, record.owner))  # its acceptance was lost
        found = compare([stock.send], theirs)
        step.extend(self._void(stock, dict.fromkeys((*found.void_here, *found.void_there))))
        for slab in found.moved:
            step.writes.append(Put(HeadRecord(key=record_key(stock.link, slab), position=stock.send.head(slab))))
        behind = {
            state.slab: stock.send.head(state.slab)
            for state in theirs
            if state.slab in stock.send and 0 < state.head < stock.send.head(state.slab)
        }
        if behind:
            step.actions.append(Send(stock.peer, kx.SkipSlabs(link=stock.link, heads=behind)))
        return step

    def _skip(self, stock: LinkStock, heads: dict[str, int]) -> Step:
        """Follow the owner's heads: or the stock would count key that nobody can send any more."""
        step = Step()
        for slab, head in heads.items():
            before = stock.receive.left(slab)
            if slab not in stock.receive or head <= stock.receive.head(slab):
                continue
            stock.receive.skip(slab, head)
            left = stock.receive.left(slab)
            step.tell("voided", record_key(stock.link, slab), before - left, stock.link, note="lost on the way")
            if left:
                step.writes.append(Put(HeadRecord(key=record_key(stock.link, slab), position=stock.receive.head(slab))))
            else:
                step.writes += self._remove(stock, slab)
        return step

    def void_with(self, peer: str) -> Step:
        """Forget all key of the links to ``peer``: what this site holds of it may have been used."""
        step = Step()
        for stock in self.stocks.values():
            if stock.peer == peer:
                step.extend(self._void(stock, [*stock.pending, *stock.send.slabs, *stock.receive.slabs]))
        return step

    def timer(self, now: float) -> Step:
        """Repeat offers that were not accepted; void what was not agreed on in time."""
        step = Step()
        for stock in self.stocks.values():
            step.extend(self._timer_of(stock, now))
            step.extend(self._run_or_rest(stock))
        return step

    def _timer_of(self, stock: LinkStock, now: float) -> Step:
        step = Step()
        for record in list(stock.pending.values()):
            if record.received_at > now:  # the clock has gone back: count from now on
                stock.pending[record.slab] = msgspec.structs.replace(record, received_at=now)
            elif now - record.received_at > AGREEMENT_LIMIT_S:
                step.extend(self._void(stock, (record.slab,)))
        if self._max_age_s:
            step.extend(self._void(stock, stock.send.older(now - self._max_age_s), "it is too old"))
        if stock.leads and now - stock.offered_at > OFFER_INTERVAL_S:
            stock.offered_at = now
            late = (r for r in stock.pending.values() if now - r.received_at > OFFER_INTERVAL_S)
            step.actions += [Send(stock.peer, self._offer(record)) for record in late]
        return step

    def _run_or_rest(self, stock: LinkStock) -> Step:
        full = self._stock_bytes / 2 * (RUN_AGAIN_SHARE if stock.running is False else 1.0)
        run = stock.scarcer_bytes < full
        if run == stock.running:
            return Step()
        stock.running = run
        return Step(actions=[Control(kq2.RunModule(link=stock.link, run=run))])

    # one-time pads for the relay

    def link_to(self, peer: str) -> LinkStock:
        """The link to ``peer`` that can send most.

        Raises:
            OutOfKeyError: no link leads there, or its two ends do not agree yet on what they hold.
        """
        if peer not in self._agreed:
            raise OutOfKeyError(f"{self.site} and {peer} do not agree yet on what they hold")
        stocks = [stock for stock in self.stocks.values() if stock.peer == peer]
        if not stocks:
            raise OutOfKeyError(f"no link joins {self.site} to {peer}")
        return max(stocks, key=lambda stock: stock.send.available_bytes)

    def pad(self, stock: LinkStock, size: int) -> tuple[Cut, Step]:
        """Cut ``size`` bytes that this site may encrypt with; the step makes the cut durable."""
        cut = stock.send.cut(size)
        return cut, _spend(stock.link, stock.send, cut)

    def void_missing(self, link: str, peer: str, spans: tuple[kx.Span, ...]) -> Step:
        """Tell ``peer`` which slabs it encrypts with are not held here, so that it stops using them."""
        stock = self._stock(link, peer)
        absent = tuple(slab for slab in dict.fromkeys(span.slab for span in spans) if slab not in stock.receive)
        return Step(actions=[Send(peer, kx.VoidSlabs(link=link, slabs=absent))] if absent else [])

    def pad_at(self, link: str, peer: str, spans: tuple[kx.Span, ...]) -> tuple[Cut, Step]:
        """Cut the bytes with which ``peer`` encrypted; the step makes the cut durable."""
        stock = self._stock(link, peer)
        cut = stock.receive.cut_at((span.slab, span.offset, span.length) for span in spans)
        return cut, _spend(link, stock.receive, cut)


def _spend(link: str, pool: KeyPool, cut: Cut) -> Step:
    step = Step()
    used_up = pool.spent(cut)
    for slab in used_up:
        step.writes += _erase(link, slab)
        step.tell("erased", record_key(link, slab), 0, link, note="used up")
    for slab in dict.fromkeys(slab for slab, _, _ in cut.spans if slab not in used_up):
        step.writes.append(Put(HeadRecord(key=record_key(link, slab), position=pool.head(slab))))
    return step


def _erase(link: str, slab: str) -> list[Write]:
    key = record_key(link, slab)
    return [Erase(SlabRecord.kind, key), Erase(HeadRecord.kind, key)]
