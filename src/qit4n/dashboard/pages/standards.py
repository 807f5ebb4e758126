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
from qit4n.coordination.standardpages import changes_table, gaps_table, heat_map, overlaps_table, roadmap_table
from qit4n.coordination.tables import Desk
from qit4n.coordination.termgraph import GRAPH, term_graph
from qit4n.coordination.termpages import circles, deprecated_table, words_table
from qit4n.coordination.terms import by_name, conflicts, lookup
from qit4n.coordination.trace import Place
from qit4n.coordination.tracepages import documents_table, trace_tables
from qit4n.dashboard.deskfolder import DeskFolder
from qit4n.dashboard.elements import Live
from qit4n.dashboard.frame import frame
from qit4n.dashboard.markup import join, section, table
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
TRACE, WORD = "/standards/trace?document=", "/standards/terms?word="
ROOT = Path(qit4n.__file__).resolve().parents[2]  # of the checkout that this was installed from, if it was one
WITHOUT_SOURCES = "This program was installed without its sources; qit standards trace --source reads a checkout."


@functools.cache
def _places() -> tuple[Place, ...]:
    """What of the documents the sources name, which takes a second to read."""
    return trace.places(ROOT) if trace.is_checkout(ROOT) else ()


@functools.lru_cache(maxsize=4)
def _clashes(desk: Desk) -> tuple[str, str]:
    """Table of the terms that clash, and circles, which take a second to compute."""
    found = conflicts(desk)
    return words_table(found), circles(found)


_graph = functools.lru_cache(maxsize=32)(term_graph)


def register(manager: Manager) -> None:
    """Serve it."""
    folder = DeskFolder(manager.network.standards)
    _register_trace(manager)

    @ui.page("/standards", response_timeout=20.0)
    async def matrix() -> None:
        desk = await asyncio.to_thread(folder.read)
        here = {place.document for place in await asyncio.to_thread(_places)}
        with frame(manager, "Standards", "/standards"):
            _top("", "Topic by body, in number of documents; the gaps of 2019 and what became of them.", folder)
            _panel("Who writes what", heat_map(desk, here, TRACE))
            _panel("What became of the gaps of 2019", changes_table(desk))

    @ui.page("/standards/gaps", response_timeout=20.0)
    async def gaps() -> None:
        desk = await asyncio.to_thread(folder.read)
        with frame(manager, "Gaps and overlaps", "/standards"):
            _top("/gaps", "What nobody has published or in hand, and what two bodies or more have.", folder)
            _panel("What nobody writes", gaps_table(desk))
            _panel("What several bodies write", overlaps_table(desk))

    @ui.page("/standards/roadmap", response_timeout=20.0)
    async def roadmap() -> None:
        desk = await asyncio.to_thread(folder.read)
        lead = "What is in hand, with the earliest time of its approval, and what was published when."
        with frame(manager, "Roadmap", "/standards"):
            _top("/roadmap", lead, folder)
            _panel("What comes when", roadmap_table(desk))

    @ui.page("/standards/terms", response_timeout=20.0)
    async def terms(word: str = "") -> None:
        desk = await asyncio.to_thread(folder.read)
        words, rings = await asyncio.to_thread(_clashes, desk)
        graph = await asyncio.to_thread(_graph, desk, WORD, word)
        with frame(manager, "Terms", "/standards"):
            _top("/terms", f"{GRAPH} A term that is looked up is shown with all terms that use it.", folder)
            Live(word_form(desk, word))
            if word:
                Live(definitions(desk, word), classes="panel")
            is_known = word.casefold() in by_name(desk.terms)
            _panel(f"What {word} needs, and what needs it" if is_known else "What a definition needs", graph)
            _panel("Words that clash", words)
            _panel("Definitions that lead in a circle", rings)
            _panel("Words that our own text avoids", deprecated_table(desk))

    @ui.page("/standards/positions", response_timeout=20.0)
    async def positions() -> None:
        desk = await asyncio.to_thread(folder.read)
        with frame(manager, "Positions", "/standards"):
            _top("/positions", "The last word of each delegation on each option, with the line of the record.", folder)
            _panel("Who can live with what", positions_table(desk))
            _panel("Objections that stand", objections_table(desk))
            _panel("Who might be won over", bridges_table(desk))
            _panel("Changes of mind", changes_of_mind_table(desk))
            _panel("Sentences of which two versions are on record", disputes_table(desk))


def _register_trace(manager: Manager) -> None:
    @ui.page("/standards/trace", response_timeout=20.0)
    async def traced(document: str = "") -> None:
        places = await asyncio.to_thread(_places)
        mine = [place for place in places if place.document == trace.plain(document)] if document else []
        tables = await asyncio.to_thread(trace_tables, ROOT, mine)
        lead = "From a clause to the code that implements it and the tests that prove it. Click to read."
        with frame(manager, "What runs here", "/standards"):
            _top("/trace", lead)
            if document:
                _panel(f"What of {document} runs here", tables)
            _panel("Documents that the sources name", documents_table(places, TRACE) if places else WITHOUT_SOURCES)


def _top(view: str, lead: str, folder: DeskFolder | None = None) -> None:
    items = join(
        Markup('<a href="/standards{}"{}>{}</a>').format(to, Markup(' aria-current="true"') if to == view else "", name)
        for to, name in VIEWS
    )
    told = Markup("")
    if folder and folder.path:
        told += Markup('<p class="note">Tables of <code>{}</code></p>').format(folder.path)
    if folder and folder.problem:
        told += Markup('<p class="card critical" role="alert">{}</p>').format(folder.problem)
    Live(
        Markup(
            '<h1>Coordination desk</h1><p class="lead">{}</p>'
            '<div class="spans" role="group" aria-label="Views">{}</div>{}'
        ).format(lead, items, told)
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
