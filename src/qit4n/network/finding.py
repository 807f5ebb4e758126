"""A finding about a network file, and what it rests on.

Every finding names the places that it rests on: one of them unreadable, and the finding is not worth telling. In
such a place ``EVERY`` stands for any part.
"""

from typing import NamedTuple

from qit4n.network.yamltext import At

EVERY = "*"


class Finding(NamedTuple):
    """Something that does not fit: where, what, what would be right, and the places that this rests on."""

    at: At
    what: str
    right: str
    rests_on: tuple[At, ...] = ()

    def doubtful(self, unreadable: list[At]) -> bool:
        """Whether a place that it rests on, or a part or the whole of one, is unreadable."""
        return any(_overlap(place, bad) for place in (self.at, *self.rests_on) for bad in unreadable)


def _overlap(one: At, other: At) -> bool:
    return all(a == b or EVERY in {a, b} for a, b in zip(one, other, strict=False))
