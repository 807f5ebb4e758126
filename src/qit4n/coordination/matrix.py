"""Topic by body: what is being written, where nobody writes, where two write the same.

Gap and overlap are queries, not opinions. A *gap* is a topic and a kind of deliverable that the record asked for, or
for which a search found nothing, and of which no body has anything published or in hand. An *overlap* is a topic and
kind that two bodies or more have in hand or published; ``overlaps.csv`` has those that were accepted, with the reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from qit4n.coordination.tables import CONFIDENCES, AcceptedOverlap, Aspect, Cell, Confidence, Desk, WorkItem

RECORD = ("terminology", "use-cases", "architecture", "roadmap")  # kinds of deliverable that the record's tables know
SPANNED = {"areas": RECORD[:3], "current-work": RECORD}  # cells that stand for several columns: M2 has no roadmap
YEAR = 2019  # of the record: what was published before closes none of its gaps
ASKED = ("todo", "none", "too-early")
OPEN = ("ongoing", "draft")
GONE = ("none", "expired")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One cell of the matrix of today: what a body has on a topic."""

    topic: str
    body: str
    status: Literal["done", "ongoing", "nothing found"]
    items: tuple[WorkItem, ...]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """A topic and kind of deliverable in which several bodies work; ``accepted`` with the reason, if it was."""

    topic: str
    aspect: Aspect
    items: dict[str, tuple[WorkItem, ...]]
    accepted: AcceptedOverlap | None


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A topic and kind of deliverable that was asked for in 2019, and what there is of it today.

    ``since`` are the cells of the record that asked; ``closed_by`` the published documents, ``in_hand`` the work under
    way, ``searched`` the searches that found nothing, ``nearby`` published documents of this kind on a topic above or
    below, or from before the record. ``confidence`` is that of the best documented of what closed it or is in hand;
    none while it is open.
    """

    topic: str
    aspect: str
    state: Literal["closed", "under way", "open"]
    confidence: Confidence | None
    since: tuple[Cell, ...]
    closed_by: tuple[WorkItem, ...]
    in_hand: tuple[WorkItem, ...]
    searched: tuple[WorkItem, ...]
    nearby: tuple[WorkItem, ...]

    @property
    def deciding(self) -> tuple[WorkItem, ...]:
        """What its state rests on, the best documented first."""
        return tuple(
            sorted(self.closed_by or self.in_hand, key=lambda item: CONFIDENCES.index(item.confidence))  # stable
        )

    @property
    def lines(self) -> tuple[int, ...]:
        """Lines of the record that ask for it."""
        return tuple(sorted({cell.record_line for cell in self.since}))


def entries(desk: Desk) -> tuple[Entry, ...]:
    """The matrix of today."""
    by_place: dict[tuple[str, str], list[WorkItem]] = defaultdict(list)
    for item in desk.work_items:
        for topic in item.topics:
            by_place[topic, item.body].append(item)
    return tuple(
        Entry(topic=topic, body=body, status=_status(items), items=tuple(items))
        for (topic, body), items in by_place.items()
    )


def _status(items: Iterable[WorkItem]) -> Literal["done", "ongoing", "nothing found"]:
    found = {item.status for item in items}
    if "published" in found:
        return "done"
    return "ongoing" if found & set(OPEN) else "nothing found"


def changes(desk: Desk) -> tuple[Gap, ...]:
    """Each gap of the record's tables, with what became of it: the diff of 2019 and today."""
    asked: dict[tuple[str, str], list[Cell]] = defaultdict(list)
    for cell in desk.cells:
        if cell.status in ASKED:
            for aspect in SPANNED.get(cell.aspect, (cell.aspect,)):
                asked[cell.topic, aspect].append(cell)
    return tuple(_gap(desk, topic, aspect, tuple(cells)) for (topic, aspect), cells in asked.items())


def unreadable(desk: Desk) -> tuple[Cell, ...]:
    """Cells where the picture of the record's table has a hole: no gaps, since nobody can say what stood there."""
    return tuple(cell for cell in desk.cells if cell.status == "unreadable")


def tally(found: Iterable[Gap]) -> Counter[str]:
    """How many gaps are closed by confidence, as ``closed high``; how many are under way and open."""
    return Counter(f"closed {gap.confidence}" if gap.state == "closed" else gap.state for gap in found)


def summary(found: tuple[Gap, ...]) -> str:
    """The tally in a sentence."""
    count = tally(found)
    closed = sum(count[f"closed {one}"] for one in CONFIDENCES)
    return (
        f"{len(found)} gaps in 2019: {closed} closed ({count['closed high']} on documents that were seen, "
        f"{count['closed medium']} on what others say, {count['closed low']} from memory alone), "
        f"{count['under way']} under way, {count['open']} open"
    )


def gaps(desk: Desk) -> tuple[Gap, ...]:
    """What is open today: of the record's gaps, and where a search found nothing."""
    asked = {(gap.topic, gap.aspect): gap for gap in changes(desk)}
    for item in desk.work_items:
        if item.status != "none":
            continue
        for topic in item.topics:
            for aspect in item.aspects:
                asked.setdefault((topic, aspect), _gap(desk, topic, aspect, ()))
    return tuple(gap for gap in asked.values() if gap.state == "open")


def _gap(desk: Desk, topic: str, aspect: str, since: tuple[Cell, ...]) -> Gap:
    items = [item for item in desk.about(topic) if aspect in item.aspects or item.status == "none"]
    published = [item for item in items if item.status == "published"]
    closed_by = tuple(item for item in published if not since or item.year is None or item.year >= YEAR)
    in_hand = tuple(item for item in items if item.status in OPEN)
    near = {one.id for one in desk.topics if one.parent == topic or one.id == desk.topic(topic).parent}
    levels = {item.confidence for item in closed_by or in_hand}
    return Gap(
        topic=topic,
        aspect=aspect,
        state="closed" if closed_by else "under way" if in_hand else "open",
        confidence=next((level for level in CONFIDENCES if level in levels), None),
        since=since,
        closed_by=closed_by,
        in_hand=in_hand,
        searched=tuple(item for item in items if item.status == "none"),
        nearby=tuple(
            item
            for item in desk.work_items
            if (item in published and item not in closed_by)
            or (item.status == "published" and aspect in item.aspects and near & set(item.topics) and item not in items)
        ),
    )


def overlaps(desk: Desk) -> tuple[Overlap, ...]:
    """Topics and kinds of deliverable that several bodies have published or in hand, most bodies first."""
    by_kind: dict[tuple[str, Aspect], dict[str, list[WorkItem]]] = defaultdict(lambda: defaultdict(list))
    for item in desk.work_items:
        if item.status in GONE:
            continue
        for topic in item.topics:
            for aspect in item.aspects:
                if aspect != "guidance":  # what is no other kind: two of it need not be about the same
                    by_kind[topic, aspect][item.body].append(item)
    accepted = {(one.topic, one.aspect): one for one in desk.overlaps}
    found = [
        Overlap(
            topic=topic,
            aspect=aspect,
            items={body: tuple(items) for body, items in bodies.items()},
            accepted=accepted.get((topic, aspect)),
        )
        for (topic, aspect), bodies in by_kind.items()
        if len(bodies) > 1
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.items), one.topic, one.aspect)))
