"""Who is where and who may share keys with whom: the part of the network file that a key manager needs."""

from dataclasses import dataclass

from qit4n.network.model import Limits, Network, Policies


@dataclass(frozen=True)
class Directory:
    """Applications by site, and the pairs that a demand of the file allows. Everything else is denied."""

    sites: dict[str, str]
    pairs: frozenset[frozenset[str]]
    policies: Policies
    limits: dict[str, Limits]

    @classmethod
    def of(cls, network: Network) -> "Directory":
        """The directory of a network file."""
        return cls(
            sites={application.id: application.site for application in network.applications},
            pairs=frozenset(frozenset(demand.between) for demand in network.demands),
            policies=network.policies,
            limits={one.id: one.limits or network.policies.limits for one in network.applications},
        )

    def allowed(self, one: str, other: str) -> bool:
        """Whether these two applications may share keys."""
        return frozenset((one, other)) in self.pairs
