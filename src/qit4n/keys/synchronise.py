"""Synchronisation of pools between two key managers (ITU-T Y.3803): nothing is cut before both ends agree.

Rules it keeps:

- When the way to a peer opens, and again until it answers, the owner of a pool asks what the other end holds. Until
  then it cuts nothing from its pools with that peer.
- A slab that only one end holds, or whose digests differ, is voided at both ends.
- A head only moves forward, at both ends: to the other end's, if that is further.
- A site tells each peer a growing number now and then, which its store knows before. A peer that remembers a higher
  number than the store shows that the store is an old copy: the site voids all that it shares with that peer, since
  what an old copy says is unused may have been used. Each peer shows it by itself, however far the copy has come since.
  If the site's own mark outside the store is ahead of the store, it voids everything.
- A copy that is older than :data:`POSITION_INTERVAL_S` is noticed.
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
MOST_TELLINGS = 1 << 62
TO, TWIN = "to ", " again"  # no site id has a space


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
    """With whom this site agrees, how far its own store is, and what it has told its peers and they have told it."""

    def __init__(self, site: str, positions: Mapping[str, int], entropy: Entropy) -> None:
        """Start with the positions of the store.

        Under this site's id its own, under a peer's what the peer told, under that with :data:`TO` before it what the
        peer was told.
        """
        self._site = site
        self.position = positions.get(site, 0)  # one record: it is written with each commit
        self._numbers: dict[str, int] = {}
        for key, number in positions.items():
            name = key.removesuffix(TWIN)
            self._numbers[name] = max(number, self._numbers.get(name, 0))
        self._damaged = sorted(
            name for name in self._numbers if name != site and not {name, name + TWIN} <= {*positions}
        )
        self._entropy = entropy
        self._asked: dict[str, tuple[int, float]] = {}
        self._told_of: dict[str, int] = {}
        self._told_at = 0.0
        self.agreed: set[str] = set()
        self.sessions: dict[str, int] = {}

    def count(self, step: Step) -> Step:
        """Count the commit of a step that writes more than numbers."""
        for write in step.writes:
            if type(write) is not Put or type(write.record) is not PositionRecord:
                self.position += 1
                step.writes.append(Put(PositionRecord(key=self._site, position=self.position)))
                break
        return step

    def open(self, peer: str, now: float) -> Step:
        """The way to ``peer`` has opened: ask."""
        self.close(peer)
        session = int.from_bytes(self._entropy(7))  # random: answers to questions before a restart do not fit
        self._asked[peer] = (session, now)
        return Step(actions=[Send(peer, kx.Synchronise(session=session))])

    def close(self, peer: str) -> None:
        """The way has closed, or something does not fit: nothing is cut until both agree again."""
        self.agreed.discard(peer)
        self._asked.pop(peer, None)

    def _keep(self, key: str, number: int) -> Step:
        """Twice: a store that forgot what it told would be taken for an old copy, and one record may be damaged."""
        self._numbers[key] = number
        return Step([Put(PositionRecord(key=name, position=number)) for name in (key, key + TWIN)])

    def mend(self) -> Step:
        """Write again what the store had one sound record of, before the other is damaged too."""
        step = Step()
        for name in self._damaged:
            step.extend(self._keep(name, self._numbers[name]))
        return step

    def heard(self, peer: str, number: int) -> Step:
        """Remember what a peer tells.

        Raises:
            ProtocolError: nobody can have told so often.
        """
        if number >= MOST_TELLINGS:
            raise ProtocolError(f"site {peer} tells {number}, more than it can have come to")
        return self._keep(peer, number) if number > self.seen(peer) else Step()

    def seen(self, peer: str) -> int:
        """The highest number heard from a peer."""
        return self._numbers.get(peer, 0)

    def expected(self, peer: str, message: kx.PoolStates) -> bool:
        """Whether a report answers the last question; then the two agree as soon as it is worked in.

        Raises:
            ProtocolError: the peer says that it was told what it cannot have been told.
        """
        if message.seen >= MOST_TELLINGS // 2:  # half: one that lies cannot drive the number to where others refuse it
            raise ProtocolError(f"site {peer} claims that {self._site} has told it {message.seen}")
        asked = self._asked.get(peer)
        if asked is None or asked[0] != message.session:
            return False
        self.sessions[peer] = self._asked.pop(peer)[0]
        return True

    def is_outrun(self, peer: str, seen: int) -> bool:
        """Whether a peer was told what this store does not know of: the store is an old copy."""
        return seen > self._numbers.get(TO + peer, 0)

    def catch_up(self, peer: str, seen: int) -> Step:
        """Count on from what the peer has seen, durably with giving up what is shared with it."""
        return self._keep(TO + peer, seen)

    def outrun(self, position: int) -> Step:
        """The mark has seen this store further: go on beyond that, durably before anything refers to it."""
        self.position = max(self.position, position)
        return Step([Put(PositionRecord(key=self._site, position=self.position))])

    def timer(self, now: float) -> Step:
        """Ask again who has not answered; tell the peers now and then that the store has gone on."""
        step = Step()
        for peer, (_, at) in list(self._asked.items()):
            if now - at > ASK_INTERVAL_S:
                step.extend(self.open(peer, now))
        if now - self._told_at > POSITION_INTERVAL_S:
            self._told_at = now
            for peer in sorted(self.agreed):
                if self._told_of.get(peer) != self.position:
                    self._told_of[peer] = self.position
                    number = self._numbers.get(TO + peer, 0) + 1
                    step.extend(self._keep(TO + peer, number))
                    step.actions.append(Send(peer, kx.Position(position=number)))
        return step
