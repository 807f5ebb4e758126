"""Links of one duct that fail at the same moment are one alarm, of the duct (``commoncause.py``).

It stands until all of them are back: a cable is spliced fibre by fibre. A link that fails at another time, or makes no
key for another reason, has its own alarm. Only ducts are looked for: a site that fails is silent, and says so itself.
"""

import math
from collections.abc import Sequence

from qit4n.management.catalogue import DUCT_CUT, DUCT_CUT_AGAIN, DUCT_FOUND_CUT, FIND_IN_DUCT, NO_WAY_ROUND_DUCT
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
        standing = [one for one in groups(since, self._ducts, TOGETHER_S) if down.intersection(one.links)]
        kept = down.union(*(group.links for group in standing))
        self._since = {link: at for link, at in since.items() if link in kept}
        by_duct: dict[str, list[Group]] = {}
        for group in standing:
            by_duct.setdefault(group.part.element, []).append(group)
        cut = [self._cut(several, down, status) for several in by_duct.values()]
        spoken_for = {link for one in cut for link in one.failed}
        return [one for one in found if one.element not in spoken_for] + cut

    def _cut(self, several: list[Group], down: set[str], status: mc.NetworkStatus) -> Symptom:
        """A duct whose links failed together, or some of them together and then others."""
        links = tuple(link for group in several for link in group.links if link in down)
        part = several[0].part
        names = several[0].names if len(several) == 1 else part.name
        seen = any(self._since[link] > self._first_at for link in links)
        no_way = [link for link in links if not leads_round(status, link)]
        text = DUCT_CUT_AGAIN if len(several) > 1 else DUCT_CUT if seen else DUCT_FOUND_CUT
        return Symptom(
            part.element,
            "common-cause",
            f"{names} looks cut: {', '.join(links)} ({len(links)} of its {len(part.links)} links)",
            (NO_WAY_ROUND_DUCT if no_way else FIND_IN_DUCT).format(names=names, links=", ".join(no_way)),
            about=links,
            like=FAILED,
            failed=links,
            text=text,
        )
