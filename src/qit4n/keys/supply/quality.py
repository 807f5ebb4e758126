"""QoS of key streams (ETSI GS QKD 004 V2.1.1): what can be met, and how fast pools fill.

What an application asks is completed with defaults and compared with what can be met; if they differ, that is the
counter-proposal of status 7. ``min_bps`` is met from what its pool has gained per second while it was below its
target, and its stock spread over a minute, less what other streams of the pool were promised. ``max_bps`` is a limit
that the leading site keeps. ``jitter`` and ``priority`` are told back and not acted on.
"""

import math
from dataclasses import dataclass

from qit4n.keys.relay.endtoend import EndToEndPools
from qit4n.network.model import Policies, Trust
from qit4n.refpoints.ak import StreamQoS

MIMETYPE = "application/json"
DEFAULT_TIMEOUT_MS, MOST_TIMEOUT_MS = 5_000, 60_000
STOCK_S = 60.0
MEMORY_S = 60.0
LEAST_S = 1.0
LONGEST_TICK_S = 1.0


def completed(asked: StreamQoS, policies: Policies) -> StreamQoS:
    """The QoS with what the application left to the key manager."""
    return StreamQoS(
        key_chunk_size=asked.key_chunk_size or policies.key_size_bits // 8,
        max_bps=asked.max_bps,
        min_bps=asked.min_bps,
        jitter=asked.jitter,
        priority=asked.priority,
        timeout=asked.timeout or DEFAULT_TIMEOUT_MS,
        ttl=asked.ttl or longest_ttl(policies),
        metadata_mimetype=asked.metadata_mimetype or MIMETYPE,
    )


def longest_ttl(policies: Policies) -> int:
    """Seconds that a chunk may wait for its application."""
    period = policies.crypto_period_s or policies.unclaimed_key_lifetime_s
    return max(1, int(min(policies.unclaimed_key_lifetime_s, period)))


def possible(wanted: StreamQoS, policies: Policies, rate_bps: float) -> StreamQoS:
    """The nearest QoS that can be met; the same if all of it can. ``rate_bps`` is what the pool gives."""
    least, most = policies.min_key_size_bits // 8, policies.max_key_size_bits // 8
    rate = int(min(rate_bps, wanted.max_bps or math.inf, 2**32 - 1))
    return StreamQoS(
        key_chunk_size=min(max(wanted.key_chunk_size, least), most),
        max_bps=wanted.max_bps,
        min_bps=min(wanted.min_bps, rate),
        jitter=wanted.jitter,
        priority=wanted.priority,
        timeout=min(wanted.timeout, MOST_TIMEOUT_MS),
        ttl=min(wanted.ttl, longest_ttl(policies)),
        metadata_mimetype=MIMETYPE,
    )


def fits(asked: StreamQoS, agreed: StreamQoS) -> bool:
    """Whether the QoS of an open stream is one that its second application can take."""
    return (
        asked.key_chunk_size in {0, agreed.key_chunk_size}
        and asked.min_bps <= agreed.min_bps
        and asked.metadata_mimetype in {"", agreed.metadata_mimetype}
        and not (asked.ttl and asked.ttl > agreed.ttl)
    )


@dataclass
class Gain:
    """What a pool has gained while it was below its target, and over how long; both fade."""

    counted: int
    gained_bytes: float = 0.0
    seconds: float = 0.0

    def note(self, relayed_bytes: int, elapsed_s: float) -> None:
        """``elapsed_s`` is 0 while the pool is full."""
        fading = math.exp(-elapsed_s / MEMORY_S)
        self.gained_bytes = self.gained_bytes * fading + relayed_bytes - self.counted
        self.seconds = self.seconds * fading + elapsed_s
        self.counted = relayed_bytes

    @property
    def bps(self) -> float:
        """Bits per second."""
        return 8 * self.gained_bytes / max(self.seconds, LEAST_S)


class FillRates:
    """How fast the pools of a site fill."""

    def __init__(self, pools: EndToEndPools) -> None:
        """Nothing is known yet."""
        self._pools = pools
        self._gains: dict[tuple[str, Trust], Gain] = {}
        self._at = math.inf

    def sample(self, now: float) -> None:
        """Look at the pools; to be called a few times a second."""
        elapsed = min(max(now - self._at, 0.0), LONGEST_TICK_S)
        self._at = now
        for key, pool in self._pools.outgoing.items():
            gain = self._gains.setdefault(key, Gain(0))
            gain.note(pool.relayed_bytes, elapsed if pool.ready.available_bytes < pool.target_bytes else 0.0)

    def bps(self, peer: str, trust: Trust) -> float:
        """What the pool gives per second: what it gains, and its stock over a minute."""
        gain = self._gains.get((peer, trust))
        return (gain.bps if gain else 0.0) + 8 * self._pools.available_bytes(peer, trust) / STOCK_S
