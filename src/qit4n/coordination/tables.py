"""The tables of the desk: one kind of row each, and all of them together. A table may be YAML as well.

=================  ====================================================================
``bodies.csv``     who writes standards, and the body that a group belongs to
``topics.csv``     what is written about, as a tree
``work_items.csv`` documents and work in hand; a row with status ``none`` says that a search found nothing
``overlaps.csv``   overlaps that were accepted, each with the reason
``cells.csv``      the tables of the record of 2019: a topic, a body, what it does or should do
``terms.csv``      one definition a row; several rows for a word that several bodies define
``options.csv``    what delegations spoke for or against
``statements.csv`` what a delegation said about an option, with the line of the record
=================  ====================================================================

Confidence is about the source of the row. *high*: the body's own text, page or registry, or the record, was read;
*medium*: a page or catalogue of somebody else names it, or a picture was read whose row is clear; *low*: from memory,
or a picture that is hard to read.
"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

import msgspec

from qit4n.errors import StandardsDataError

MOST_LINES = 100_000
Text = Annotated[str, msgspec.Meta(min_length=1)]
Line = Annotated[int, msgspec.Meta(ge=1, le=MOST_LINES)]
Year = Annotated[int, msgspec.Meta(ge=1900, le=2100)]
Confidence = Literal["high", "medium", "low"]
CONFIDENCES: tuple[Confidence, ...] = ("high", "medium", "low")
Aspect = Literal[
    "terminology", "use-cases", "architecture", "roadmap", "protocol", "test", "guidance"
]  # kinds of deliverable
Column = Literal["current-work", "potential-benefit", "areas", "terminology", "use-cases", "architecture", "roadmap"]
Stance = Literal["support", "oppose", "conditional", "question", "neutral", "unclear"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a table."""

    id: Text


class Topic(Row, frozen=True, kw_only=True):
    """What is written about."""

    parent: str
    label: Text


class Body(Row, frozen=True, kw_only=True):
    """A standards body or a group of one."""

    parent: str
    name: Text


class WorkItem(Row, frozen=True, kw_only=True):
    """A document, work in hand, or (status ``none``) the note that nothing was found.

    ``process``, ``step`` and ``since`` say how it is approved, what has been reached of that and when: ``clocks.csv``
    knows the processes and their steps.
    """

    body: Text
    group: str
    document: Text
    title: Text
    topics: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    aspects: Annotated[tuple[Aspect, ...], msgspec.Meta(min_length=1)]
    status: Literal["published", "ongoing", "draft", "expired", "none"]
    year: Year | None
    process: str
    step: str
    since: date | None
    source: Text
    confidence: Confidence


class AcceptedOverlap(Row, frozen=True, kw_only=True):
    """A topic and kind of deliverable in which several bodies may work, and why."""

    topic: Text
    aspect: Aspect
    reason: Text
    source: Text
    confidence: Confidence


class Cell(Row, frozen=True, kw_only=True):
    """One cell of a table of the record; ``unreadable`` where the picture of the table has a hole."""

    topic: Text
    body: Text
    aspect: Column
    status: Literal["todo", "ongoing", "none", "too-early", "not-needed", "considered", "noted", "unreadable"]
    value: Text
    table: Text
    record_line: Line
    confidence: Confidence


class Term(Row, frozen=True, kw_only=True):
    """One definition of a word by one source; ``deprecated`` are words for the same thing that our text avoids."""

    label: Text
    definition: Text
    body: Text
    document: Text
    record_line: Line | None
    same_as: str
    deprecated: tuple[str, ...]
    note: str
    confidence: Confidence


class OptionRow(Row, frozen=True, kw_only=True):
    """What delegations can speak for or against; ``none`` if a statement is about no option."""

    label: Text


class Statement(Row, frozen=True, kw_only=True):
    """What a delegation said about an option; ``version_of`` names the row of which it is another wording."""

    record_line: Line
    agenda_item: str
    delegation: Text
    kind: str
    option: Text
    stance: Stance
    gist: str
    fragment: str
    version_of: str
    confidence: Confidence


class Desk(msgspec.Struct, frozen=True, kw_only=True):
    """All tables."""

    topics: tuple[Topic, ...]
    bodies: tuple[Body, ...]
    work_items: tuple[WorkItem, ...]
    overlaps: tuple[AcceptedOverlap, ...]
    cells: tuple[Cell, ...]
    terms: tuple[Term, ...]
    options: tuple[OptionRow, ...]
    statements: tuple[Statement, ...]

    def topic(self, topic_id: str) -> Topic:
        """The topic of an id or label, whatever its case.

        Raises:
            StandardsDataError: there is none.
        """
        wanted = topic_id.casefold()
        found = next((one for one in self.topics if wanted in (one.id.casefold(), one.label.casefold())), None)
        if found is None:
            raise StandardsDataError(
                f"there is no topic {topic_id}; topics: {', '.join(one.id for one in self.topics)}"
            )
        return found

    def about(self, topic_id: str) -> Iterator[WorkItem]:
        """Work items of a topic."""
        return (item for item in self.work_items if topic_id in item.topics)


TABLES: dict[str, type[Row]] = {
    "topics": Topic,
    "bodies": Body,
    "work_items": WorkItem,
    "overlaps": AcceptedOverlap,
    "cells": Cell,
    "terms": Term,
    "options": OptionRow,
    "statements": Statement,
}
