"""The frame of every page: who is logged in, where to go, whether what is shown is of now."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from markupsafe import Markup
from nicegui import ui
from nicegui.storage import request_contextvar
from starlette.requests import Request

from qit4n.dashboard.elements import Live
from qit4n.dashboard.markup import clock, join
from qit4n.dashboard.styles import head
from qit4n.errors import AccessDeniedError
from qit4n.management.access import Role, Session
from qit4n.node.managerpages import Manager

REFRESH_S = 1.0
MENU = (
    ("/", "Overview"),
    ("/links", "Links"),
    ("/sites", "Sites"),
    ("/pools", "Pools"),
    ("/flow", "Key flow"),
    ("/what-if", "What if"),
    ("/playback", "Playback"),
    ("/audit", "Audit"),
    ("/standards", "Standards"),
)
SESSION = "qit4n"  # under which a browser keeps it
FOR_OPERATORS = frozenset({"/audit"})


@dataclass
class Page:
    """A page that is open in a browser."""

    manager: Manager
    session: Session
    role: Role
    drawn: int = -1
    renewals: list[Callable[[], None]] = field(default_factory=list)

    def renew(self, what: Callable[[], None]) -> None:
        """Do this now, and whenever the state of the network has changed."""
        self.renewals.append(what)
        what()

    def tick(self) -> None:
        """Renew what is shown, unless nothing is new or the account is gone."""
        try:
            self.manager.access.role_in_session(self.session)
        except AccessDeniedError:
            ui.navigate.to("/login")
            return
        if self.drawn != self.manager.overview.version:
            self.drawn = self.manager.overview.version
            for what in self.renewals:
                what()


def session_of(request: Request) -> Session:
    """What the browser keeps since somebody logged in; of nobody if nobody has."""
    kept = request.session.get(SESSION)
    return Session(**kept) if kept else Session()


@contextlib.contextmanager
def frame(manager: Manager, title: str, here: str, *, full: bool = False) -> Iterator[Page]:
    """Header and main part; what is made in the block stands in the main part."""
    request = request_contextvar.get()
    session = session_of(request) if request else Session()
    page = Page(manager=manager, session=session, role=manager.access.role_in_session(session))
    ui.page_title(f"{title} · {manager.network.name}")
    ui.add_head_html(str(head()))
    Live(Markup('<a class="skip" href="#main">Skip to the content</a>'))
    with ui.element("header").classes("bar"):
        _header(page, here)
    with ui.element("div").props('id="main" tabindex="-1"').classes("full" if full else ""):
        yield page
    page.drawn = manager.overview.version
    ui.timer(REFRESH_S, page.tick)


def _header(page: Page, here: str) -> None:
    network = page.manager.network
    Live(Markup('<a class="brand" href="/" title="{}">qit4n<span>{}</span></a>').format(network.title, network.name))
    items = join(_item(to, text, here) for to, text in MENU if page.role == "operator" or to not in FOR_OPERATORS)
    Live(Markup('<nav aria-label="Pages"><ul>{}</ul></nav>').format(items))
    ui.element("div").classes("space")
    pulse = Live(classes="pulse-place")
    who = Markup(
        '<div class="who"><button class="plain" type="button" data-theme-switch>Light/dark</button>'
        '<span>{}</span><form method="post" action="/logout"><button class="plain">Log out</button></form></div>'
    ).format(page.session.name if page.session.name == page.role else f"{page.session.name} ({page.role})")
    Live(who)
    Live(
        Markup(
            '<details class="menu"><summary>Menu</summary>'
            '<div><nav aria-label="Menu"><ul>{}</ul></nav>{}</div></details>'
        ).format(items, who)
    )

    def tell() -> None:
        pulse.show(_pulse(page.manager))

    page.renew(tell)
    ui.timer(REFRESH_S, tell)


def _item(to: str, text: str, here: str) -> Markup:
    current = Markup(' aria-current="page"') if to == here else ""
    return Markup('<li><a href="{}"{}>{}</a></li>').format(to, current, text)


def _pulse(manager: Manager) -> Markup:
    status, now = manager.overview.status, manager.now()
    if manager.overview.fresh(now):
        at = clock(status.at, now) if status else ""
        return Markup('<p class="pulse"><i></i>live {} UTC</p>').format(at)
    since = Markup(" since {} UTC").format(clock(status.at, now)) if status else ""
    return Markup('<p class="pulse stale" role="alert"><i></i>controller silent{}</p>').format(since)
