"""What was and will be written when, and how long approval takes."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta

from qit4n.coordination.matrix import OPEN
from qit4n.coordination.tables import Desk, WorkItem

LAST_CALL = timedelta(weeks=4)
ADDITIONAL_REVIEW = timedelta(weeks=3)


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The earliest dates of the alternative approval process (ITU-T Rec. A.8) after a consent.

    ``if_quiet``: no comment in the last call. ``if_reviewed``: comments were resolved on the day and reviewed again.
    """

    consented: date
    if_quiet: date
    if_reviewed: date


def clock(consented: date) -> Clock:
    """When a Recommendation that is consented on a day can be approved at the earliest."""
    quiet = consented + LAST_CALL
    return Clock(consented=consented, if_quiet=quiet, if_reviewed=quiet + ADDITIONAL_REVIEW)


def timeline(desk: Desk, topic: str = "") -> dict[str, tuple[WorkItem, ...]]:
    """Documents by year of publication, oldest first; then what is in hand, under the year it is due or ``in hand``."""
    by_year: dict[str, list[WorkItem]] = defaultdict(list)
    for item in desk.work_items:
        if item.status in {"none", "expired"} or (topic and topic not in item.topics):
            continue
        if item.status in OPEN:
            by_year[f"in hand, {item.year}" if item.year else "in hand"].append(item)
        else:
            by_year[str(item.year or "no year")].append(item)
    return {year: tuple(by_year[year]) for year in sorted(by_year)}
