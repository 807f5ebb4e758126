"""Who may ask for which keys (ITU-T Y.3804 access control, enforced by the KSA): everything not allowed is refused.

A pair of applications shares keys only if a demand of the network file names it. An application is served by its
homes, at each of them within its rate of requests and its quota of key; both are token buckets, a quota flows in
over a day. A slave that does not fetch gets no more of that master's key: what waits would fill its site.

Each request is decided. What the network file alone decides is remembered with the request, which names the caller;
rates, quotas, stocks and what waits are looked at each time.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from qit4n.keys.directory import Directory
from qit4n.network.model import Limits, Trust
from qit4n.refpoints import ak

DAY_S = 86_400.0
MOST_SHOWN = 64  # characters of an id; ids of this network have no more
REMEMBERED = 1024
FULL_PAUSE_S = 2.0
Waiting = Callable[[str, str], int]


@dataclass
class Bucket:
    """Tokens that flow in at ``rate`` per second up to ``capacity``."""

    rate: float
    capacity: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        """Full at the start."""
        self.tokens = self.capacity

    def take(self, amount: float, now: float) -> bool:
        """Take tokens if there are enough."""
        self.tokens = min(self.capacity, self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = now
        if amount > self.tokens:
            return False
        self.tokens -= amount
        return True


@dataclass
class Meter:
    """What one application may still ask."""

    requests: Bucket | None
    bits: Bucket | None


@dataclass(frozen=True)
class Grant:
    """What an allowed request comes to.

    Bytes of a key; the slaves of this site, those of others by site; how far the ways there are trusted; the slaves of
    other networks to which this very site hands keys over; the sites that were avoided, homes of slaves or not.
    """

    size: int
    here: tuple[str, ...]
    elsewhere: dict[str, tuple[str, ...]]
    trust: Trust
    abroad: tuple[str, ...] = ()
    avoided: frozenset[str] = frozenset()


class Access:
    """The decisions of one site."""

    def __init__(self, site: str, directory: Directory) -> None:
        """Decide for the applications of ``site``."""
        self._site = site
        self._directory = directory
        self._known: dict[str, Limits] = {}
        self._meters: dict[str, Meter] = {}
        self._decided = lru_cache(REMEMBERED)(self._decide)
        self._plausible = lru_cache(REMEMBERED)(self._is_plausible)
        self.adopt()
        self._full_until: dict[tuple[str, str], float] = {}

    def adopt(self) -> None:
        """Take what has changed in the directory; who has the same limits as before keeps what is left of them."""
        limits, here = self._directory.limits, self._directory.of_site(self._site)
        mine = {application: allowed for application, allowed in limits.items() if application in here}
        self._meters = {
            application: self._meters[application] if self._known.get(application) == allowed else _meter(allowed)
            for application, allowed in mine.items()
        }
        self._known = mine
        self._decided.cache_clear()
        self._plausible.cache_clear()

    def refuse_rate(self, application: str, now: float) -> ak.Refused | None:
        """Count a request; a refusal if there were too many."""
        meter = self._meters.get(application)
        if meter is None:
            text = f"{application} is not an application of site {self._site}"
            return ak.Refused(reason="not-allowed", text=text)
        if meter.requests is None or meter.requests.take(1, now):
            return None
        text = f"{application} may ask {meter.requests.rate:g} times per second"
        return ak.Refused(reason="too-many-requests", text=text)

    def refuse_quota(self, application: str, bits: int, now: float) -> ak.Refused | None:
        """Count ``bits`` of key; a refusal if they are more than is left."""
        meter = self._meters[application]
        if meter.bits is None or meter.bits.take(bits, now):
            return None
        text = f"{application} has {int(meter.bits.tokens)} bits left of {int(meter.bits.capacity)} bits a day"
        return ak.Refused(reason="too-many-requests", text=text)

    def give_back(self, application: str, bits: int) -> None:
        """What was counted of the quota was not given."""
        meter = self._meters.get(application)
        bucket = meter.bits if meter else None
        if bucket is not None:
            bucket.tokens = min(bucket.capacity, bucket.tokens + bits)

    def full(self, master: str, slaves: Iterable[str], bits: int, waiting: Waiting) -> tuple[str, ...]:
        """Those of the slaves, who are here, for whom ``bits`` more would be too much; ``waiting`` tells what waits."""
        limits = self._directory.limits
        most = {slave: limits[slave].unclaimed_key_bits for slave in slaves if slave in limits}
        return tuple(slave for slave, limit in most.items() if limit and waiting(master, slave) + bits > limit)

    def note_full(self, master: str, slaves: Iterable[str], now: float) -> None:
        """The site of these slaves takes no more for them: cut no key for them for a moment."""
        self._full_until |= {(master, slave): now + FULL_PAUSE_S for slave in slaves}

    def refuse_full(self, master: str, slaves: Iterable[str], full: Iterable[str], now: float) -> ak.Refused | None:
        """A refusal if one of the slaves is ``full``, or was said to be a moment ago."""
        known = list(full)
        if self._full_until:
            known += [slave for slave in slaves if self._full_until.get((master, slave), now) > now]
        if not known:
            return None
        text = f"{', '.join(dict.fromkeys(known))} has to fetch keys of {master} first: too many wait"
        return ak.Refused(reason="too-many-requests", text=text)

    def refuse_pair(self, master: str, slave: str) -> ak.Refused | None:
        """A refusal unless the two may share keys."""
        homes = self._directory.homes
        if slave == master:
            return ak.Refused(reason="self-pair", text="an application cannot share a key with itself")
        if slave not in homes:
            return ak.Refused(reason="unknown-application", text=f"no application {_shown(slave)} in this network")
        if self._site not in homes.get(master, ()):
            return ak.Refused(reason="not-allowed", text=f"{master} is not an application of site {self._site}")
        if not self._directory.allowed(master, slave):
            return ak.Refused(reason="not-allowed", text=f"no demand lets {master} share keys with {slave}")
        return None

    def decide(self, request: ak.GetKeys) -> Grant | ak.Refused:
        """What the network file says to a request: a refusal unless the slaves, the number and the size are allowed."""
        return self._decided(request)

    def decide_without(self, request: ak.GetKeys, avoided: frozenset[str]) -> Grant | None:
        """The same for an allowed request, without some sites; None if all homes of a slave are among them."""
        if any(avoided.issuperset(self._directory.homes.get(slave, ())) for slave in request.slaves):
            return None
        found = self._decided(request, avoided)
        return found if isinstance(found, Grant) else None

    def _decide(self, request: ak.GetKeys, avoided: frozenset[str] = frozenset()) -> Grant | ak.Refused:
        size_bits = request.size or self._directory.policies.key_size_bits
        refused = self._refuse_request(request, size_bits)
        if refused:
            return refused
        return self.grant(request.master, request.slaves, size_bits // 8, avoided)

    def grant(self, master: str, slaves: Iterable[str], size: int, avoided: frozenset[str] = frozenset()) -> Grant:
        """Where the keys of ``size`` bytes go that ``master`` may share with ``slaves``: to the first homes of these.

        A site that is ``avoided`` counts for none; no slave has all its homes there.
        """
        by_site: dict[str, tuple[str, ...]] = {}
        unique = tuple(dict.fromkeys(slaves))
        for slave in unique:
            site = next(home for home in self._directory.homes[slave] if home not in avoided)
            by_site[site] = (*by_site.get(site, ()), slave)
        here, abroad = self.split(by_site.pop(self._site, ()))
        return Grant(size, here, by_site, self._directory.trust(master, unique[0]), abroad, avoided)

    def split(self, slaves: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Of slaves at this site, those that are here and those of other networks."""
        if not self._directory.abroad:
            return slaves, ()
        abroad = tuple(slave for slave in slaves if slave in self._directory.abroad)
        return (tuple(slave for slave in slaves if slave not in abroad), abroad) if abroad else (slaves, ())

    def _refuse_request(self, request: ak.GetKeys, size_bits: int) -> ak.Refused | None:
        policies = self._directory.policies
        for slave in request.slaves:
            refused = self.refuse_pair(request.master, slave)
            if refused:
                return refused
        additional = len(set(request.slaves)) - 1
        if additional > policies.max_additional_slaves:
            text = f"{additional} additional slaves, {policies.max_additional_slaves} allowed"
            return ak.Refused(reason="too-many-slaves", text=text)
        if not 1 <= request.number <= policies.max_keys_per_request:
            text = f"number {request.number} is not in 1..{policies.max_keys_per_request}"
            return ak.Refused(reason="bad-request", text=text)
        if size_bits % 8 or not policies.min_key_size_bits <= size_bits <= policies.max_key_size_bits:
            text = f"size {size_bits} is not in {policies.min_key_size_bits}..{policies.max_key_size_bits}"
            return ak.Refused(reason="bad-request", text=text)
        return self._refuse_trust(request)

    def _refuse_trust(self, request: ak.GetKeys) -> ak.Refused | None:
        """A refusal if a key for all slaves would be known to more sites than one of the demands allows."""
        trusts = {self._directory.trust(request.master, slave) for slave in request.slaves}
        if len(trusts) > 1:
            told = "; ".join(sorted(map(str, trusts)))
            text = f"the demands of these slaves differ in trust ({told}); ask for each alone"
            return ak.Refused(reason="bad-request", text=text)
        provided = self._paths_provided(request)
        if provided < request.disjoint_paths:
            text = f"{request.disjoint_paths} disjoint paths asked, the demand provides {provided}"
            return ak.Refused(reason="too-few-paths", text=text)
        return None

    def _paths_provided(self, request: ak.GetKeys) -> int:
        """How many disjoint paths would have to be broken; without any site on the way more than anybody asks.

        Keys for another network all pass through its interworking node.
        """
        if any(slave in self._directory.abroad for slave in request.slaves):
            return 1
        if all(self._directory.homes[slave] == (self._site,) for slave in request.slaves):
            return request.disjoint_paths
        return min(self._directory.trust(request.master, slave).shares_needed for slave in request.slaves)

    def plausible(self, peer: str, master: str, slaves: tuple[str, ...]) -> bool:
        """Whether another site may say that ``master`` shares keys with these slaves, who are here."""
        return self._plausible(peer, master, slaves)

    def _is_plausible(self, peer: str, master: str, slaves: tuple[str, ...]) -> bool:
        homes = self._directory.homes
        return peer in homes.get(master, ()) and all(
            self._site in homes.get(slave, ()) and self._directory.allowed(master, slave) for slave in slaves
        )


def _shown(application: str) -> str:
    """An id that somebody made up, fit for an answer."""
    plain = "".join(one if one.isprintable() else "?" for one in application[: MOST_SHOWN + 1])
    return plain if len(plain) <= MOST_SHOWN else f"{plain[:MOST_SHOWN]}..."


def _meter(limits: Limits) -> Meter:
    rate, bits = limits.requests_per_s, limits.key_bits_per_day
    return Meter(
        requests=Bucket(rate, max(1.0, rate)) if rate else None,
        bits=Bucket(bits / DAY_S, bits) if bits else None,
    )
