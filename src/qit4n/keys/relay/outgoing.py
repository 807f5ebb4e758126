"""An end-to-end pool as its source sees it: what is ready, what is on its way, how much to send next."""

from dataclasses import dataclass, field

from qit4n.network.model import Trust
from qit4n.pools.digest import SALT_BYTES
from qit4n.pools.keypool import KeyPool
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import ck

SMALLEST_CHUNK_BYTES, LARGEST_CHUNK_BYTES = 128, 65_536
CHUNKS_IN_FLIGHT = 8
MOST_REASON = 200
BACK_OFF_S = 0.5
REFILL_SHARE = 4
STOCK_SHARE = 4
SALTS_BYTES = 2 * SALT_BYTES  # of the chunk and of the share

Path = tuple[str, ...]


@dataclass
class Flight:
    """A chunk on its way in shares; ``digests`` are those that the shares have if nobody alters them."""

    material: bytes
    digests: dict[int, bytes]
    knowledge: Knowledge
    epoch: str
    sent_at: float
    good: list[int] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    asked: bool = False

    def __repr__(self) -> str:
        """Without the material."""
        return f"Flight(<{len(self.material)} bytes>, {self.knowledge}, good={self.good}, failed={self.failed})"

    @property
    def key_bytes(self) -> int:
        """What the chunk adds to the pool."""
        return len(self.material) - SALT_BYTES

    @property
    def hopeless(self) -> bool:
        """Whether too many shares have failed."""
        return len(self.knowledge.paths) - len(self.failed) < self.knowledge.threshold


@dataclass
class OutgoingPool:
    """A pool of which this site is the source, with ``peer`` and under ``trust``."""

    peer: str
    trust: Trust
    ready: KeyPool = field(default_factory=KeyPool)
    in_flight: dict[str, Flight] = field(default_factory=dict)
    knowledge: dict[str, Knowledge] = field(default_factory=dict)
    paths: tuple[Path, ...] = ()
    target_bytes: int = 0
    most_bytes: int = LARGEST_CHUNK_BYTES
    grown_bytes: int = SMALLEST_CHUNK_BYTES
    not_before: float = 0.0
    reason: str = ""
    altered: dict[Path, int] = field(default_factory=dict)
    relayed_bytes: int = 0
    supplied_bytes: int = 0

    def order(self, order: ck.PoolOrder | None, site: str) -> None:
        """Take paths and target of the controller; without an order, or with paths that break the trust, none is sent.

        ``site`` is the source. It trusts the controller with amounts, not with who may know a key.
        """
        self.paths, self.target_bytes = (order.paths, order.target_bits // 8) if order else ((), 0)
        if order:
            self.most_bytes = order.most_bits // 8
            broken = _breach(order.paths, site, self.peer, self.trust)
            if broken:
                self.paths = ()
            self.reason = broken or order.reason or self.reason

    @property
    def last_refusal(self) -> str:
        """Why no more key is ready, and which paths have altered shares since the start."""
        altered = [f"path {'-'.join(path)} altered {times} shares" for path, times in self.altered.items()]
        return "; ".join(([self.reason] if self.reason else []) + altered)

    @property
    def coming_bytes(self) -> int:
        """Bytes that are ready or on their way."""
        return self.ready.available_bytes + sum(flight.key_bytes for flight in self.in_flight.values())

    @property
    def wants_more(self) -> bool:
        """Whether to send another chunk."""
        return self.coming_bytes < self.target_bytes and len(self.in_flight) < CHUNKS_IN_FLIGHT

    def chunk_bytes(self, stock_bytes: int) -> int:
        """Size of the next chunk.

        What is missing, but not less than a quarter of the target, so that a pool from which little keys are taken
        sends no little chunks; not more than has lately got through, and not more than a quarter of what the first
        hops hold, or than the controller allows, so that others find key too.
        """
        wanted = max(self.target_bytes - self.coming_bytes, self.target_bytes // REFILL_SHARE)
        most = min(self.grown_bytes, self.most_bytes, stock_bytes // STOCK_SHARE, LARGEST_CHUNK_BYTES)
        return max(min(wanted, most), SMALLEST_CHUNK_BYTES) // 32 * 32

    def succeed(self) -> None:
        """A chunk got through: the next may be twice as big."""
        self.grown_bytes = min(2 * self.grown_bytes, LARGEST_CHUNK_BYTES)
        self.reason = ""

    def back_off(self, reason: str, now: float) -> None:
        """A chunk did not get through: wait a little, then send half as much."""
        self.grown_bytes = max(self.grown_bytes // 2, SMALLEST_CHUNK_BYTES)
        said = "".join(one if one.isprintable() else "?" for one in reason[:MOST_REASON])  # others may have said it
        self.reason, self.not_before = said, now + BACK_OFF_S


def _breach(paths: tuple[Path, ...], source: str, destination: str, trust: Trust) -> str:
    """How paths break what a trust policy promises; empty if they do not."""
    seen: set[str] = set()
    for path in paths:
        told = "-".join(path)
        if len(path) < 2 or (path[0], path[-1]) != (source, destination) or len(set(path)) < len(path):  # noqa: PLR2004
            return f"the controller's path {told} does not lead from {source} to {destination}"
        if trust.centre in path:
            return f"the controller's path {told} meets the centre {trust.centre}"
        met = sorted(seen.intersection(path[1:-1]))
        if met:
            return f"the controller's paths are not disjoint: they meet at {', '.join(met)}"
        seen.update(path[1:-1])
    if len(set(paths)) < len(paths):
        return "the controller names a path twice"
    return ""
