"""Synchronisation of pools between two key managers (ITU-T Y.3803): nothing is cut before both ends agree.

Rules it keeps:

- When the way to a peer opens, and again until it answers, the owner of a pool asks what the other end holds. Until
  then it cuts nothing from its pools with that peer.
- A slab that only one end holds, or whose digests differ, is voided at both ends.
- A head only moves forward: to the other end's, if that is further.
- A site that a peer remembers with a higher position than its store has, has got an old copy back. It voids all
  that it shares with that peer: what an old copy says is unused may have been used. If its own mark outside the
  store is ahead of the store, it voids everything. Positions are told now and then: a copy that is older than
  :data:`POSITION_INTERVAL_S` is noticed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError
from qit4n.keys.step import Send, Step
from qit4n.keys.store import PositionRecord, Put
from qit4n.pools.keypool import KeyPool
from qit4n.refpoints import kx

ASK_INTERVAL_S = 1.0
POSITION_INTERVAL_S = 5.0
MOST_COMMITS = 1 << 62


@dataclass(frozen=True)
class Differences:
    """What an owner finds when it compares its pool with the other end's report."""

    void_here: tuple[str, ...]
    void_there: tuple[str, ...]
    moved: tuple[str, ...]


def states(pool: KeyPool) -> tuple[kx.SlabState, ...]:
    """What is held of a pool."""
    return tuple(kx.SlabState(slab=slab, head=pool.head(slab), digest=pool.digest(slab)) for slab in pool.slabs)


def compare(pools: Iterable[KeyPool], theirs: tuple[kx.SlabState, ...]) -> Differences:
    """Move the heads of ``pools`` to the other end's, and find what one end must void.

    A slab with head 0 waits at the other end for an agreement: it is not voided there.
    """
    there = {state.slab: state for state in theirs}
    here: list[str] = []
    moved: list[str] = []
    for pool in pools:
        for slab in pool.slabs:
            state = there.get(slab)
            if state is None or state.digest != pool.digest(slab):
                here.append(slab)
                continue
            if state.head > pool.head(slab):
                pool.skip(slab, state.head)
                moved.append(slab)
            del there[slab]
    return Differences(tuple(here), tuple(slab for slab, state in there.items() if state.head), tuple(moved))


class Synchroniser:
    """With whom this site agrees, and how far its own store and those of its peers are."""

    def __init__(self, site: str, positions: Mapping[str, int], entropy: Entropy) -> None:
        """Start with the positions of the store: this site's and those that peers have told."""
        self._site = site
        self.position = positions.get(site, 0)
        self._seen = {peer: position for peer, position in positions.items() if peer != site}
        self._entropy = entropy
        self._asked: dict[str, tuple[int, float]] = {}
        self._told: dict[str, int] = {}
        self._told_at = 0.0
        self.agreed: set[str] = set()

    def count(self, step: Step) -> Step:
        """Count the commit of a step that writes more than what a peer's position is."""
        if any(not isinstance(write, Put) or not isinstance(write.record, PositionRecord) for write in step.writes):
            self.position += 1
            step.writes.append(Put(PositionRecord(key=self._site, position=self.position)))
        return step

    def open(self, peer: str, now: float) -> Step:
        """The way to ``peer`` has opened: ask."""
        self.close(peer)
        session = int.from_bytes(self._entropy(7))  # random: answers to questions before a restart do not fit
        self._asked[peer] = (session, now)
        return Step(actions=[Send(peer, kx.Synchronise(session=session, position=self.position))])

    def close(self, peer: str) -> None:
        """The way has closed, or something does not fit: nothing is cut until both agree again."""
        self.agreed.discard(peer)
        self._asked.pop(peer, None)

    def heard(self, peer: str, position: int) -> Step:
        """Remember how far a peer's store is.

        Raises:
            ProtocolError: no store is that far.
        """
        if position >= MOST_COMMITS:
            raise ProtocolError(f"site {peer} claims {position} commits, more than any store has seen")
        if position <= self._seen.get(peer, 0):
            return Step()
        self._seen[peer] = position
        return Step([Put(PositionRecord(key=peer, position=position))])

    def outrun(self, position: int) -> Step:
        """Somebody has seen this store further: go on beyond that, durably before anything refers to it."""
        self.position = max(self.position, position)
        return Step([Put(PositionRecord(key=self._site, position=self.position))])

    def seen(self, peer: str) -> int:
        """The highest position heard from a peer."""
        return self._seen.get(peer, 0)

    def expected(self, peer: str, message: kx.PoolStates) -> bool:
        """Whether a report answers the last question; then the two agree as soon as it is worked in.

        Raises:
            ProtocolError: the peer says that it has seen this store further than any store can be. The limit is half
                of what others take, so that one who lies about it cannot drive this store to where they refuse it.
        """
        if message.seen >= MOST_COMMITS // 2:
            raise ProtocolError(f"site {peer} claims to have seen {message.seen} commits of {self._site}")
        asked = self._asked.get(peer)
        if asked is None or asked[0] != message.session:
            return False
        del self._asked[peer]
        return True

    def timer(self, now: float) -> Step:
        """Ask again who has not answered; tell the peers the position now and then."""
        step = Step()
        for peer, (_, at) in list(self._asked.items()):
            if now - at > ASK_INTERVAL_S:
                step.extend(self.open(peer, now))
        if now - self._told_at > POSITION_INTERVAL_S:
            self._told_at = now
            for peer in sorted(self.agreed):
                if self._told.get(peer) != self.position:
                    self._told[peer] = self.position
                    step.actions.append(Send(peer, kx.Position(position=self.position)))
        return step
