"""Topic by body: what is being written, where nobody writes, where two write the same.

Gap and overlap are queries, not opinions. A *gap* is a topic and a kind of deliverable that the record asked for, or
for which a search found nothing, and of which no body has anything published or in hand. An *overlap* is a topic and
kind that two bodies or more have in hand or published; one that was accepted is listed in ``ACCEPTED`` with its reason.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from qit4n.coordination.tables import Aspect, Cell, Desk, WorkItem

RECORD = ("terminology", "use-cases", "architecture", "roadmap")  # kinds of deliverable that the record's tables know
ASKED = ("todo", "none", "too-early")
OPEN = ("ongoing", "draft")

ACCEPTED: dict[tuple[str, str], str] = {
    (
        "qkdn-protocols",
        "protocol",
    ): "Q.4160 series realises the reference points of Y.3802; ETSI 004 and 014 realise Ak",
    ("qkdn-network", "architecture"): "ITU-T specifies the network, ETSI the SDN control of its nodes",
    ("terminology", "terminology"): "each body defines the words of its own documents; the desk compares them",
    ("coordination", "roadmap"): "a roadmap of its own is a task of each body",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One cell of the matrix of today: what a body has on a topic."""

    topic: str
    body: str
    status: Literal["done", "ongoing", "nothing found"]
    items: tuple[WorkItem, ...]


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """A topic and kind of deliverable in which several bodies work."""

    topic: str
    aspect: Aspect
    items: dict[str, tuple[WorkItem, ...]]
    accepted: str


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A topic and kind of deliverable that was asked for in 2019, and what there is of it today.

    ``since`` are the cells of the record that asked; ``closed_by`` the published documents, ``in_hand`` the work under
    way, ``searched`` the searches that found nothing.
    """

    topic: str
    aspect: str
    since: tuple[Cell, ...]
    closed_by: tuple[WorkItem, ...]
    in_hand: tuple[WorkItem, ...]
    searched: tuple[WorkItem, ...]

    @property
    def state(self) -> Literal["closed", "under way", "open"]:
        """What became of it."""
        if self.closed_by:
            return "closed"
        return "under way" if self.in_hand else "open"


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
        if cell.status not in ASKED:
            continue
        for aspect in RECORD if cell.aspect in {"areas", "current-work"} else (cell.aspect,):
            asked[cell.topic, aspect].append(cell)
    return tuple(_gap(desk, topic, aspect, tuple(cells)) for (topic, aspect), cells in asked.items())


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
    return Gap(
        topic=topic,
        aspect=aspect,
        since=since,
        closed_by=tuple(item for item in items if item.status == "published"),
        in_hand=tuple(item for item in items if item.status in OPEN),
        searched=tuple(item for item in items if item.status == "none"),
    )


def overlaps(desk: Desk) -> tuple[Overlap, ...]:
    """Topics and kinds of deliverable that several bodies have published or in hand, most bodies first."""
    by_kind: dict[tuple[str, Aspect], dict[str, list[WorkItem]]] = defaultdict(lambda: defaultdict(list))
    for item in desk.work_items:
        if item.status in {"none", "expired"}:
            continue
        for topic in item.topics:
            for aspect in item.aspects:
                if aspect != "guidance":  # what is no other kind: two of it need not be about the same
                    by_kind[topic, aspect][item.body].append(item)
    found = [
        Overlap(
            topic=topic,
            aspect=aspect,
            items={body: tuple(items) for body, items in bodies.items()},
            accepted=ACCEPTED.get((topic, aspect), ""),
        )
        for (topic, aspect), bodies in by_kind.items()
        if len(bodies) > 1
    ]
    return tuple(sorted(found, key=lambda one: (-len(one.items), one.topic, one.aspect)))
