"""Links of one duct that fail at the same moment are one alarm, of the duct (``commoncause.py``).

It stands until all of them are back: a cable is spliced fibre by fibre. A link that fails at another time, or makes no
key for another reason, has its own alarm. Only ducts are looked for: a site that fails is silent, and says so itself.
"""

import math
from collections.abc import Sequence

from qit4n.management.catalogue import DUCT_CUT, DUCT_FOUND_CUT, FIND_IN_DUCT, NO_WAY_ROUND_DUCT
from qit4n.management.commoncause import Group, Part, groups
from qit4n.management.correlation import leads_round
from qit4n.management.symptoms import Symptom
from qit4n.refpoints import mc

FAILED = "link-down"
TOGETHER_S = 5.0  # sites tell a loss of contact within a second, busy ones later


class Failures:
    """When each link that is cut was first seen so."""

    def __init__(self, ducts: Sequence[Part]) -> None:
        """None is. What the first state shows as cut counts as failed together: when it was, nobody knows."""
        self._ducts = ducts
        self._since: dict[str, float] = {}
        self._first_at = math.inf

    def gathered(self, found: list[Symptom], status: mc.NetworkStatus) -> list[Symptom]:
        """The symptoms of a state; of links of a duct that failed together one, of the duct."""
        self._first_at = min(self._first_at, status.at)
        down = {one.element for one in found if one.kind == FAILED}
        since = dict.fromkeys(down, status.at) | self._since
        cut = {
            group: [link for link in group.links if link in down] for group in groups(since, self._ducts, TOGETHER_S)
        }
        standing = {group: links for group, links in cut.items() if links}
        kept = down.union(*(group.links for group in standing))
        self._since = {link: at for link, at in since.items() if link in kept}
        spoken_for = {link for links in standing.values() for link in links}
        alone = [one for one in found if one.element not in spoken_for]
        return alone + [self._cut(group, tuple(links), status) for group, links in standing.items()]

    def _cut(self, group: Group, links: tuple[str, ...], status: mc.NetworkStatus) -> Symptom:
        seen = any(self._since[link] > self._first_at for link in links)
        return _symptom(group, links, DUCT_CUT if seen else DUCT_FOUND_CUT, status)


def _symptom(group: Group, links: tuple[str, ...], text: str, status: mc.NetworkStatus) -> Symptom:
    no_way = [link for link in links if not leads_round(status, link)]
    return Symptom(
        group.part.element,
        "common-cause",
        f"{group.names} looks cut: {', '.join(links)} ({len(links)} of its {len(group.part.links)} links)",
        (NO_WAY_ROUND_DUCT if no_way else FIND_IN_DUCT).format(names=group.names, links=", ".join(no_way)),
        about=links,
        like=FAILED,
        failed=links,
        text=text,
    )
