"""Who could know a relayed key: the quality of an end-to-end pool that grows with each site on the way."""

import itertools
from collections.abc import Iterable

import msgspec


class Knowledge(msgspec.Struct, frozen=True, kw_only=True, cache_hash=True):
    """Over which ``paths`` the shares of a key went, and how many of them make the key.

    The two ends always know the key. A share is counted as known to every site between the ends of its path, in every
    scheme: with ``xor-at-destination`` and ``central`` these sites hold two pads, and have the XORs of the others only
    if they record what crosses the network; it is assumed that they do. The ``centre`` learns XORs alone, which tell
    nothing: it counts only if it is on a path, which no path that the controller makes is.

    ``combined`` names what the key was XORed with besides. Coalitions are counted as if that had been broken.
    """

    paths: tuple[tuple[str, ...], ...]
    threshold: int
    scheme: str = "hop-by-hop"
    centre: str | None = None
    combined: str = ""

    @property
    def ends(self) -> tuple[str, str]:
        """Source and destination."""
        return self.paths[0][0], self.paths[0][-1]

    @property
    def between(self) -> tuple[tuple[str, ...], ...]:
        """For each share the sites, other than the ends, that could know it."""
        return tuple(path[1:-1] for path in self.paths)

    def __str__(self) -> str:
        """A few words for the audit trail, as ``2 of A-B-D, A-C-D, ML-KEM-768``."""
        ways = ", ".join("-".join(path) for path in self.paths)
        return f"{self.threshold} of {ways}" + (f", {self.combined}" if self.combined else "")

    def known_to(self, coalition: Iterable[str]) -> bool:
        """Whether these sites together could know the key."""
        sites = set(coalition)
        if sites.intersection(self.ends):
            return True
        return sum(not sites.isdisjoint(share) for share in self.between) >= self.threshold

    def smallest_coalitions(self) -> tuple[frozenset[str], ...]:
        """All coalitions that could know the key and could spare nobody, the ends first."""
        ends = [frozenset([end]) for end in self.ends]
        found = {
            frozenset(one)
            for shares in itertools.combinations([share for share in self.between if share], self.threshold)
            for one in itertools.product(*shares)
        }
        least = [one for one in found if not any(other < one for other in found)]
        return (*ends, *sorted(least, key=lambda one: (len(one), sorted(one))))
