"""What was and will be written when."""

from collections import defaultdict

from qit4n.coordination.matrix import GONE, OPEN
from qit4n.coordination.tables import Desk, WorkItem


def timeline(desk: Desk, topic: str = "") -> dict[str, tuple[WorkItem, ...]]:
    """Documents by year, oldest first; then what is in hand, with the year in which it is due or was last seen."""
    latest = max((item.year or 0 for item in desk.work_items if item.status == "published"), default=0)
    by_year: dict[str, list[WorkItem]] = defaultdict(list)
    for item in desk.work_items:
        if item.status in GONE or (topic and topic not in item.topics):
            continue
        if item.status in OPEN:
            when = "due" if (item.year or 0) > latest else "seen"
            by_year[f"in hand, {when} {item.year}" if item.year else "in hand"].append(item)
        else:
            by_year[str(item.year or "no year known")].append(item)
    return {year: tuple(by_year[year]) for year in sorted(by_year)}
