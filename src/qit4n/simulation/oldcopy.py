"""A store that came back as an old copy: who can show it, and when nobody does.

``docs/explanation/key-store.md`` says what is promised of a copy: the mark beside the store shows it, unless it is old
itself. Then the copy gives nothing if a peer that was told the site's number after it was made shows so in time, and
the site must give everything up. If no such peer has spoken before the site goes on, nothing more is promised of the
run: it ends there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qit4n.errors import InvariantViolatedError, QitError
from qit4n.keys.store import PositionRecord, Record, WitnessKeyRecord
from qit4n.keys.synchronise import TO, TWIN
from qit4n.refpoints import kx
from qit4n.simulation.disk import Copy, Disk

PATIENCE_S = 1.0  # as promised
Said = Mapping[tuple[str, int], bytes]


class NobodyRemembersError(QitError):
    """A site goes on with an old copy of its whole disk, and no peer has shown it."""


class Past:
    """All that a site ever made durable, in stores that were lost as well: it tells which copy lacks some of it.

    ``marked`` is whether the mark must show such a copy. An old mark cannot, until the site has given everything up:
    then it is beyond all copies. It may not be if the site had done so before, in a store that was lost with it.
    """

    def __init__(self) -> None:
        """Nothing yet."""
        self.marked = True
        self._commits = 0
        self._gave_up_at = 0
        self._had_given_up = False

    def commit(self, disk: Disk, old: "OldCopy | None") -> None:
        """More than tellings has become durable; an old copy still lacks what it lacked."""
        self._commits += 1
        if old is None or old.given_up or not old.behind:
            disk.version = self._commits

    def come_back(self, copy: Copy, *, with_mark: bool) -> bool:
        """Whether this copy, which is put back now, lacks anything."""
        version = copy[2]
        if with_mark and version != self._commits:
            self._had_given_up = self._had_given_up or version < self._gave_up_at
            self.marked = False
        return version != self._commits

    def give_up(self) -> None:
        """All is given up durably, with the commit that is counted next."""
        self._gave_up_at = self._commits + 1
        self.marked = not self._had_given_up


@dataclass
class OldCopy:
    """An old copy, or a store that may be taken for one, until it has been given up and nobody can show it any more.

    Attributes:
        told: by peer the highest number that it knows of having told.
        knows_tags: whether it has the key of the tags.
        behind: whether it lacks more than numbers that were told.
        marked: whether the mark shows that.
        shown: whether a peer has shown it since the process started.
        silent: the peers that have not said since then what they remember.
        liars: those that have said what they were never told; they show nothing any more.
        given_up: whether all that it held has been given up, durably.
        owed: the peers with whom the site has not agreed since: what they show may have it give up once more.
    """

    told: Mapping[str, int]
    knows_tags: bool
    behind: bool
    marked: bool = False
    shown: bool = False
    silent: set[str] = field(default_factory=set)
    liars: set[str] = field(default_factory=set)
    given_up: bool = False
    owed: set[str] = field(default_factory=set)

    def begin(self, peers: set[str]) -> None:
        """The process has started."""
        self.shown, self.silent = False, peers

    @classmethod
    def of(cls, records: Mapping[tuple[str, str], Record], *, behind: bool, marked: bool) -> "OldCopy":
        """The copy with these records."""
        told: dict[str, int] = {}
        for record in records.values():
            if isinstance(record, PositionRecord) and record.key.startswith(TO):
                peer = record.key.removeprefix(TO).removesuffix(TWIN)
                told[peer] = max(record.position, told.get(peer, 0))
        knows_tags = any(isinstance(record, WitnessKeyRecord) for record in records.values())
        return cls(told, knows_tags, behind, marked)

    def hear(self, peer: str, message: kx.KxMessage, said: Said) -> None:
        """A message has come: does it show a number that this site has ``said``, and the copy does not know of?"""
        if isinstance(message, kx.Synchronise | kx.PoolStates):
            self.silent.discard(peer)
            if message.seen > self.told.get(peer, 0):
                if said.get((peer, message.seen)) != message.tag:
                    self.liars.add(peer)
                self.shown = self.shown or (self.knows_tags and peer not in self.liars)

    def give_up(self, peers: set[str]) -> bool:
        """It is given up now; whether copies that were supplied since it came back may go with it."""
        more = self.given_up or not self.behind
        self.given_up, self.owed = True, peers
        return more

    def check(self, site: str, waited_s: float, *, noticed: bool, goes_on: bool) -> None:
        """Whether the site, which started ``waited_s`` ago, has noticed, if it must have.

        Raises:
            InvariantViolatedError: the mark or a peer has shown it, or a peer could still have.
            NobodyRemembersError: the site goes on, and no peer has.
        """
        if noticed or self.given_up or not self.behind:
            return
        if self.marked:
            raise InvariantViolatedError("an old copy that the mark shows is given up", f"{site} keeps its store")
        if self.shown:
            raise InvariantViolatedError("an old copy that a peer shows is given up", f"{site} keeps its store")
        if goes_on and self.silent and waited_s < PATIENCE_S:
            raise InvariantViolatedError(
                "nothing is used before all peers had their say", f"{site} goes on after {waited_s:.3f} s"
            )
        if goes_on:
            raise NobodyRemembersError(f"{site} goes on with an old copy of its disk that no peer has shown")
