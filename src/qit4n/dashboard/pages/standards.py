"""The coordination desk: who writes what and when, what runs here, words and definitions, who can live with what."""

import asyncio
import functools
from pathlib import Path

from markupsafe import Markup
from nicegui import ui

import qit4n
from qit4n.coordination import trace
from qit4n.coordination.positionpages import (
    bridges_table,
    changes_of_mind_table,
    disputes_table,
    objections_table,
    positions_table,
)
from qit4n.coordination.reading import load
from qit4n.coordination.standardpages import changes_table, gaps_table, heat_map, overlaps_table, roadmap_table
from qit4n.coordination.tables import Desk
from qit4n.coordination.termpages import circles, deprecated_table, words_table
from qit4n.coordination.terms import conflicts, lookup
from qit4n.coordination.trace import Place
from qit4n.coordination.tracepages import documents_table, trace_tables
from qit4n.dashboard.elements import Chart, Live
from qit4n.dashboard.frame import frame
from qit4n.dashboard.mapoption import Option
from qit4n.dashboard.markup import join, section, table
from qit4n.dashboard.termgraph import term_option
from qit4n.errors import StandardsDataError
from qit4n.node.managerpages import Manager

VIEWS = (
    ("", "Who writes what"),
    ("/gaps", "Gaps and overlaps"),
    ("/roadmap", "Roadmap"),
    ("/trace", "What runs here"),
    ("/terms", "Terms"),
    ("/positions", "Positions"),
)
TERM_LEAD = (
    "An arrow leads from a term to each term that its definition uses. Larger: used by more definitions. "
    "Orange with a dotted ring: the sources mean different things by it."
)
TRACE = "/standards/trace?document="
ROOT = Path(qit4n.__file__).resolve().parents[2]  # of the checkout that this was installed from, if it was one
WITHOUT_SOURCES = "This program was installed without its sources; qit standards trace --source reads a checkout."


@functools.cache
def desk() -> Desk:
    """The tables that are shipped."""
    return load()


@functools.cache
def _places() -> tuple[Place, ...]:
    """What of the documents the sources name, which takes a second to read."""
    return trace.places(ROOT) if trace.is_checkout(ROOT) else ()


@functools.cache
def _terms() -> tuple[Option, str, str]:
    """Graph of the terms, table of those that clash, and circles, which take a second to compute."""
    found = conflicts(desk())
    return term_option(desk()), words_table(found), circles(found)


def register(manager: Manager) -> None:
    """Serve it."""

    @ui.page("/standards", response_timeout=20.0)
    async def matrix() -> None:
        here = {place.document for place in await asyncio.to_thread(_places)}
        with frame(manager, "Standards", "/standards"):
            _top("", "Topic by body, in number of documents; the gaps of 2019 and what became of them.")
            _panel("Who writes what", heat_map(desk(), here, TRACE))
            _panel("What became of the gaps of 2019", changes_table(desk()))

    @ui.page("/standards/gaps")
    def gaps() -> None:
        with frame(manager, "Gaps and overlaps", "/standards"):
            _top("/gaps", "What nobody has published or in hand, and what two bodies or more have.")
            _panel("What nobody writes", gaps_table(desk()))
            _panel("What several bodies write", overlaps_table(desk()))

    @ui.page("/standards/roadmap")
    def roadmap() -> None:
        with frame(manager, "Roadmap", "/standards"):
            _top("/roadmap", "What is in hand, with the earliest time of its approval, and what was published when.")
            _panel("What comes when", roadmap_table(desk()))

    @ui.page("/standards/trace", response_timeout=20.0)
    async def traced(document: str = "") -> None:
        places = await asyncio.to_thread(_places)
        mine = [place for place in places if place.document == trace.plain(document)] if document else []
        tables = await asyncio.to_thread(trace_tables, ROOT, mine)
        with frame(manager, "What runs here", "/standards"):
            _top("/trace", "From a clause to the code that implements it and the tests that prove it. Click to read.")
            if document:
                _panel(f"What of {document} runs here", tables)
            _panel("Documents that the sources name", documents_table(places, TRACE) if places else WITHOUT_SOURCES)

    @ui.page("/standards/terms", response_timeout=20.0)
    async def terms(word: str = "") -> None:
        option, words, rings = await asyncio.to_thread(_terms)
        with frame(manager, "Terms", "/standards"):
            _top("/terms", TERM_LEAD)
            Live(word_form(desk(), word))
            if word:
                Live(definitions(desk(), word), classes="panel")
            with ui.element("div").classes("panel"):
                Chart(option, TERM_LEAD, classes="chart tall")
            _panel("Words that clash", words)
            _panel("Definitions that lead in a circle", rings)
            _panel("Words that our own text avoids", deprecated_table(desk()))

    @ui.page("/standards/positions")
    def positions() -> None:
        with frame(manager, "Positions", "/standards"):
            _top("/positions", "The last word of each delegation on each option, with the line of the record.")
            _panel("Who can live with what", positions_table(desk()))
            _panel("Objections that stand", objections_table(desk()))
            _panel("Who might be won over", bridges_table(desk()))
            _panel("Changes of mind", changes_of_mind_table(desk()))
            _panel("Sentences of which two versions are on record", disputes_table(desk()))


def _top(view: str, lead: str) -> None:
    items = join(
        Markup('<a href="/standards{}"{}>{}</a>').format(to, Markup(' aria-current="true"') if to == view else "", name)
        for to, name in VIEWS
    )
    Live(
        Markup(
            '<h1>Coordination desk</h1><p class="lead">{}</p>'
            '<div class="spans" role="group" aria-label="Views">{}</div>'
        ).format(lead, items)
    )


def _panel(title: str, body: str) -> None:
    made = Markup(body)  # noqa: S704 - coordination/markup.py and the pages beside it escape
    scroll = Markup('<div class="scroll desk" role="region" aria-label="{}" tabindex="0">{}</div>').format(title, made)
    Live(section(title, scroll), classes="panel")


def word_form(tables: Desk, word: str) -> Markup:
    """A term to look up."""
    offered = join(
        Markup("<option>{}</option>").format(label) for label in sorted({term.label for term in tables.terms})
    )
    return Markup(
        '<form class="form" action="/standards/terms"><label>Term<input name="word" value="{}" list="words" '
        'autocomplete="off"></label><datalist id="words">{}</datalist><button class="main">Look up</button></form>'
    ).format(word, offered)


def definitions(tables: Desk, word: str) -> Markup:
    """Every definition of a word."""
    try:
        found = lookup(tables, word)
        rows = [(term.label, term.definition, term.document, term.confidence, term.note) for term in found]
    except StandardsDataError as error:
        return Markup("<p>{}.</p>").format(str(error)[:1].upper() + str(error)[1:])
    return section(word, table(f"Definitions of {word}", ("term", "definition", "source", "confidence", "note"), rows))
