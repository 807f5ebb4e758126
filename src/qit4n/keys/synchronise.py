"""Synchronisation of pools between two key managers (ITU-T Y.3803): nothing is cut before both ends agree.

Rules it keeps:

- When the way to a peer opens, and again until it answers, the owner of a pool asks what the other end holds. Until
  then it cuts nothing from its pools with that peer.
- A slab that only one end holds, or whose digests differ, is voided at both ends.
- A head only moves forward, at both ends: to the other end's, if that is further.
- A site tells each peer a growing number now and then, which its store knows before. Each peer shows what it remembers
  with its question and with its answer. A higher number than the store knows of shows that the store is an old copy:
  what that says is unused may have been used. If the site knows its own tag on the number (``keys/witness.py``) it
  voids all that it holds, else what it shares with that peer. If the site's own mark outside the store is ahead of
  the store, it voids everything, too. In both cases the store's position leaps, so that the mark is ahead from then on
  of all copies of before, also where it came back old itself and the lost store was further.
- After a start nothing is used, nor given of what was held before, until all peers have had their say, or
  :data:`PATIENCE_S` have passed: one that has been told less would else agree before another shows what happened.
- So a copy is noticed if, after it was made, the site has told its number to one of the peers that answer in that time.
  It tells them every :data:`POSITION_INTERVAL_S`.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError
from qit4n.keys.step import Send, Step
from qit4n.keys.store import PositionRecord, Put
from qit4n.keys.witness import TAG_BYTES, Witness
from qit4n.pools.keypool import KeyPool
from qit4n.refpoints import kx

ASK_INTERVAL_S = 1.0
POSITION_INTERVAL_S = 2.0
PATIENCE_S = 1.0
MOST_TELLINGS = 1 << 62
LEAP = 1 << 40  # more than any copy can be behind: two years of 15,000 commits a second
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

    def __init__(
        self,
        site: str,
        sites: AbstractSet[str],
        positions: Iterable[PositionRecord],
        witness: Witness,
        entropy: Entropy,
    ) -> None:
        """Start with the positions of the store; ``sites`` are all, as they change.

        Under this site's id its own, under a peer's what the peer told, under that with :data:`TO` before it what the
        peer was told.
        """
        self._site = site
        self._sites = sites
        self._witness = witness
        found = {record.key: record for record in positions}
        self.position = found[site].position if site in found else 0  # one record: it is written with each commit
        self._numbers: dict[str, int] = {}
        self._tags: dict[str, bytes] = {}
        for key, record in found.items():
            name = key.removesuffix(TWIN)
            if record.position > self._numbers.get(name, -1):
                self._numbers[name], self._tags[name] = record.position, record.tag
        self._damaged = sorted(name for name in self._numbers if name != site and not {name, name + TWIN} <= {*found})
        self._entropy = entropy
        self._asked: dict[str, tuple[int, float]] = {}
        self._told_of: dict[str, int] = {}
        self._told_at = 0.0
        self._met: set[str] = set()
        self._began_at: float | None = None
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
        self.settle(now)
        session = int.from_bytes(self._entropy(7))  # random: answers to questions before a restart do not fit
        self._asked[peer] = (session, now)
        seen, tag = self.seen(peer)
        return Step(actions=[Send(peer, kx.Synchronise(session=session, seen=seen, tag=tag))])

    def close(self, peer: str) -> None:
        """The way has closed, or something does not fit: nothing is cut until both agree again."""
        self.agreed.discard(peer)
        self._met.discard(peer)
        self._asked.pop(peer, None)

    def meet(self, peer: str, now: float) -> None:
        """What both hold is worked in: they agree, as soon as all others have had their say."""
        self._met.add(peer)
        self.settle(now)

    def settle(self, now: float) -> None:
        """Agree with whom this site has met, when the others had their time; from then on also with itself."""
        self._began_at = now if self._began_at is None else self._began_at
        if self._site in self.agreed or self._sites <= self._met | {self._site} or now - self._began_at >= PATIENCE_S:
            self.agreed |= {self._site, *self._met}

    def _keep(self, key: str, number: int, tag: bytes = b"") -> Step:
        """Twice: a store that forgot what it told would be taken for an old copy, and one record may be damaged."""
        self._numbers[key], self._tags[key] = number, tag
        return Step([Put(PositionRecord(key=name, position=number, tag=tag)) for name in (key, key + TWIN)])

    def mend(self) -> Step:
        """Write again what the store had one sound record of, before the other is damaged too."""
        step = self._witness.keep()
        for name in self._damaged:
            step.extend(self._keep(name, self._numbers[name], self._tags[name]))
        return step

    def heard(self, peer: str, message: kx.Position) -> Step:
        """Remember what a peer tells.

        Raises:
            ProtocolError: nobody can have told so often, or it is no tag.
        """
        if message.position >= MOST_TELLINGS or len(message.tag) != TAG_BYTES:
            text = f"site {peer} tells {message.position}, more than it can have come to, or without its tag"
            raise ProtocolError(text)
        fresh = message.position > self._numbers.get(peer, 0)
        return self._keep(peer, message.position, message.tag) if fresh else Step()

    def seen(self, peer: str) -> tuple[int, bytes]:
        """The highest number heard from a peer, and its tag."""
        return self._numbers.get(peer, 0), self._tags.get(peer, b"")

    def expected(self, peer: str, message: kx.PoolStates) -> bool:
        """Whether a report answers the last question; then the two agree as soon as it is worked in."""
        asked = self._asked.get(peer)
        if asked is None or asked[0] != message.session:
            return False
        self.sessions[peer] = self._asked.pop(peer)[0]
        return True

    def is_outrun(self, peer: str, seen: int) -> bool:
        """Whether a peer was told what this store does not know of, as it says: the store is an old copy.

        Raises:
            ProtocolError: the peer says that it was told what it cannot have been told.
        """
        if seen >= MOST_TELLINGS // 2:  # half: one that lies cannot drive the number to where others refuse it
            raise ProtocolError(f"site {peer} claims that {self._site} has told it {seen}")
        return seen > self._numbers.get(TO + peer, 0)

    def is_proven(self, peer: str, message: kx.Synchronise | kx.PoolStates) -> bool:
        """Whether this site has indeed told that number."""
        return self._witness.made(message.tag, peer, message.seen)

    def given_up(self, *, seen: int = 0, witnessed: int = 0) -> Step:
        """All that an old copy held is given up: leap over what peers were told before, and over what the mark was.

        ``seen`` is what a peer has shown, or ``witnessed`` the mark. The position leaps from what was told, too: the
        store that was lost may have leapt already, and then its tellings have with it.
        """
        self.position = max(self.position, seen, witnessed) + LEAP
        step = Step([Put(PositionRecord(key=self._site, position=self.position))])
        for peer in sorted(self._sites - {self._site}):
            step.extend(self._keep(TO + peer, max(seen, self._numbers.get(TO + peer, 0)) + LEAP))
        return step

    def catch_up(self, peer: str, seen: int) -> Step:
        """Count on from what the peer has seen, durably with giving up what is shared with it."""
        return self._keep(TO + peer, max(seen, self._numbers.get(TO + peer, 0)))

    def timer(self, now: float) -> Step:
        """Ask again who has not answered; tell the peers now and then that the store has gone on."""
        step = Step()
        self.settle(now)
        for peer, (_, at) in list(self._asked.items()):
            if now - at > ASK_INTERVAL_S:
                step.extend(self.open(peer, now))
        if now - self._told_at > POSITION_INTERVAL_S:
            self._told_at = now
            for peer in sorted(self.agreed - {self._site}):
                if self._told_of.get(peer) != self.position:
                    self._told_of[peer] = self.position
                    number = self._numbers.get(TO + peer, 0) + 1
                    step.extend(self._keep(TO + peer, number))
                    step.actions.append(Send(peer, kx.Position(position=number, tag=self._witness.tag(peer, number))))
        return step
