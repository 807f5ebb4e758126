"""Who is where and who may share keys with whom: the part of the network file that a key manager needs."""

from dataclasses import dataclass

from qit4n.network.model import Limits, Network, Policies, Trust


@dataclass
class Directory:
    """Applications by site, and the pairs that a demand of the file allows. Everything else is denied.

    The parts of a key manager share one, so that a changed file counts for all of them at once. Applications of other
    networks are at the site that hands keys over to their network; ``abroad`` says which that is.

    ``homes`` are all sites that serve an application, ``sites`` the first of them: where its key streams, and keys
    of other networks, go.
    """

    sites: dict[str, str]
    homes: dict[str, tuple[str, ...]]
    pairs: dict[frozenset[str], Trust]
    policies: Policies
    limits: dict[str, Limits]
    abroad: dict[str, str]

    @classmethod
    def of(cls, network: Network) -> "Directory":
        """The directory of a network file."""
        neighbours = network.neighbours.items()
        homes = {
            **{one: (neighbour.site,) for _, neighbour in neighbours for one in neighbour.applications},
            **{application.id: application.homes for application in network.applications},
        }
        return cls(
            sites={one: sites[0] for one, sites in homes.items()},
            homes=homes,
            pairs={frozenset(demand.between): demand.trust for demand in network.demands},
            policies=network.policies,
            limits={one.id: one.limits or network.policies.limits for one in network.applications},
            abroad={one: name for name, neighbour in neighbours for one in neighbour.applications},
        )

    def adopt(self, network: Network) -> None:
        """Take a changed file."""
        fresh = Directory.of(network)
        self.sites, self.pairs, self.policies, self.limits = fresh.sites, fresh.pairs, fresh.policies, fresh.limits
        self.homes, self.abroad = fresh.homes, fresh.abroad

    def allowed(self, one: str, other: str) -> bool:
        """Whether these two applications may share keys."""
        return frozenset((one, other)) in self.pairs

    def of_site(self, site: str) -> set[str]:
        """The applications that a site serves, those of other networks that it stands for among them."""
        return {application for application, homes in self.homes.items() if site in homes}

    def trust(self, one: str, other: str) -> Trust:
        """The trust policy of two applications that may share keys."""
        return self.pairs[frozenset((one, other))]
