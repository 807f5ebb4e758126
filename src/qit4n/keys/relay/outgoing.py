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
BURST_S = 2.0
AVOID_S = 5.0
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
    ordered: tuple[Path, ...] = ()
    backups: tuple[Path, ...] = ()
    target_bytes: int = 0
    rate_bytes: float | None = None
    most_bytes: int = LARGEST_CHUNK_BYTES
    grown_bytes: int = SMALLEST_CHUNK_BYTES
    not_before: float = 0.0
    reason: str = ""
    avoided: dict[Path, float] = field(default_factory=dict)
    allowance: float = 0.0
    counted_at: float = 0.0
    altered: dict[Path, int] = field(default_factory=dict)
    compared_shares: int = 0
    relayed_bytes: int = 0
    supplied_bytes: int = 0

    def order(self, order: ck.PoolOrder | None, site: str) -> None:
        """Take paths and target of the controller; without an order, or with paths that break the trust, none is sent.

        ``site`` is the source. It trusts the controller with amounts, not with who may know a key.
        """
        self.ordered, self.backups, self.target_bytes, self.rate_bytes = (), (), 0, None
        if order:
            self.target_bytes, self.most_bytes = order.target_bits // 8, order.most_bits // 8
            self.rate_bytes = None if order.rate_bps is None else max(order.rate_bps, 0.0) / 8
            broken = _breach(order.paths, site, self.peer, self.trust)
            if not broken:
                self.ordered = order.paths
                self.backups = tuple(one for one in order.backups if not _breach((one,), site, self.peer, self.trust))
            self.reason = broken or order.reason or self.reason

    def paths(self, now: float) -> tuple[Path, ...]:
        """The paths to send over: those that were ordered, one that failed lately replaced by a backup.

        A backup that would meet another path is not taken: shares never meet.
        """
        chosen = list(self.ordered)
        good = [path for path in self.backups if not self._avoids(path, now)]
        for place, path in enumerate(self.ordered):
            if not self._avoids(path, now):
                continue
            for backup in good:
                changed = (*chosen[:place], backup, *chosen[place + 1 :])
                if not _breach(changed, path[0], self.peer, self.trust):
                    chosen[place] = backup
                    break
        return tuple(chosen)

    def _avoids(self, path: Path, now: float) -> bool:
        return self.avoided.get(path, now) > now

    def avoid(self, paths: tuple[Path, ...], now: float) -> None:
        """Paths have failed: take backups for them for a while."""
        self.avoided = {path: until for path, until in self.avoided.items() if until > now}
        self.avoided |= dict.fromkeys(paths, now + AVOID_S)

    def within_rate(self, size: int, now: float) -> int:
        """How much of ``size`` bytes the order's rate lets go now: all, what has gathered in a second, or nothing yet.

        Unused rate is kept for some seconds.
        """
        if self.rate_bytes is None:
            return size
        most = max(BURST_S * self.rate_bytes, 2.0 * SMALLEST_CHUNK_BYTES)
        self.allowance = min(most, self.allowance + self.rate_bytes * max(0.0, now - self.counted_at))
        self.counted_at = now
        if size <= self.allowance:
            return size
        return int(self.allowance) // 32 * 32 if self.allowance >= most / 2 else 0

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
        shut = [one for one in trust.excluded if one in path]
        if shut:
            return f"the controller's path {told} meets {', '.join(shut)}, which the trust policy excludes"
        met = sorted(seen.intersection(path[1:-1]))
        if met:
            return f"the controller's paths are not disjoint: they meet at {', '.join(met)}"
        seen.update(path[1:-1])
    if len(set(paths)) < len(paths):
        return "the controller names a path twice"
    return ""
