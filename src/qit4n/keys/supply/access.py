"""Who may ask for which keys (ITU-T Y.3804 access control, enforced by the KSA): everything not allowed is refused.

A pair of applications shares keys only if a demand of the network file names it. An application is served by its
own site, within its rate of requests and its quota of key; both are token buckets, a quota flows in over a day.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from qit4n.keys.directory import Directory
from qit4n.network.model import Limits
from qit4n.refpoints import ak

DAY_S = 86_400.0


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


class Access:
    """The decisions of one site."""

    def __init__(self, site: str, directory: Directory) -> None:
        """Decide for the applications of ``site``."""
        self._site = site
        self._directory = directory
        self._meters = {
            application: _meter(limits)
            for application, limits in directory.limits.items()
            if directory.sites[application] == site
        }

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
        bucket = self._meters[application].bits
        if bucket is not None:
            bucket.tokens = min(bucket.capacity, bucket.tokens + bits)

    def refuse_pair(self, master: str, slave: str) -> ak.Refused | None:
        """A refusal unless the two may share keys."""
        sites = self._directory.sites
        if slave == master:
            return ak.Refused(reason="self-pair", text="an application cannot share a key with itself")
        if slave not in sites:
            return ak.Refused(reason="unknown-application", text=f"no application {slave} in this network")
        if sites.get(master) != self._site:
            return ak.Refused(reason="not-allowed", text=f"{master} is not an application of site {self._site}")
        if not self._directory.allowed(master, slave):
            return ak.Refused(reason="not-allowed", text=f"no demand lets {master} share keys with {slave}")
        return None

    def refuse_request(self, request: ak.GetKeys, size_bits: int) -> ak.Refused | None:
        """A refusal unless the slaves, the number and the size are allowed."""
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
        """How many disjoint paths would have to be broken; without any site on the way more than anybody asks."""
        sites = self._directory.sites
        if all(sites[slave] == self._site for slave in request.slaves):
            return request.disjoint_paths
        return min(self._directory.trust(request.master, slave).shares_needed for slave in request.slaves)

    def plausible(self, peer: str, master: str, slaves: Iterable[str]) -> bool:
        """Whether another site may say that ``master`` shares keys with these slaves, who are here."""
        sites = self._directory.sites
        return sites.get(master) == peer and all(
            sites.get(slave) == self._site and self._directory.allowed(master, slave) for slave in slaves
        )


def _meter(limits: Limits) -> Meter:
    rate, bits = limits.requests_per_s, limits.key_bits_per_day
    return Meter(
        requests=Bucket(rate, max(1.0, rate)) if rate else None,
        bits=Bucket(bits / DAY_S, bits) if bits else None,
    )
