"""Who is where and who may share keys with whom: the part of the network file that a key manager needs."""

from dataclasses import dataclass

from qit4n.network.model import Limits, Network, Policies, Trust


@dataclass(frozen=True)
class Directory:
    """Applications by site, and the pairs that a demand of the file allows. Everything else is denied."""

    sites: dict[str, str]
    pairs: dict[frozenset[str], Trust]
    policies: Policies
    limits: dict[str, Limits]

    @classmethod
    def of(cls, network: Network) -> "Directory":
        """The directory of a network file."""
        return cls(
            sites={application.id: application.site for application in network.applications},
            pairs={frozenset(demand.between): demand.trust for demand in network.demands},
            policies=network.policies,
            limits={one.id: one.limits or network.policies.limits for one in network.applications},
        )

    def allowed(self, one: str, other: str) -> bool:
        """Whether these two applications may share keys."""
        return frozenset((one, other)) in self.pairs

    def trust(self, one: str, other: str) -> Trust:
        """The trust policy of two applications that may share keys."""
        return self.pairs[frozenset((one, other))]
