"""Playback: the map at any time of the history, with a slider."""

from markupsafe import Markup
from nicegui import ui
from nicegui.events import GenericEventArguments

from qit4n.dashboard.attention import attention
from qit4n.dashboard.drawing import Drawing, Drawings
from qit4n.dashboard.elements import Chart, Live
from qit4n.dashboard.frame import Page, frame
from qit4n.dashboard.mapoption import map_option, map_series, summary
from qit4n.dashboard.markup import clock
from qit4n.dashboard.pages.overview import legend
from qit4n.dashboard.playback import events_before, standing, status_at
from qit4n.node.managerpages import Manager
from qit4n.refpoints import mc

STEPS = 1000
PLAY, PAUSE = Markup("Play"), Markup("Pause")
PLAY_S = 30.0  # the whole span takes so long
TICK_S = 0.25
SPANS = {"10 min": 600.0, "1 hour": 3600.0, "6 hours": 21_600.0, "2 days": 172_800.0}


def register(manager: Manager, drawings: Drawings) -> None:
    """Serve it."""

    @ui.page("/playback")
    def playback(span: str = "10 min") -> None:
        with frame(manager, "Playback", "/playback", full=True) as page:
            seen = manager.overview
            known = seen.history.span()
            if seen.status is None or known is None:
                Live(Markup('<p class="lead">Nothing is recorded yet.</p>'))
                return
            wanted = SPANS.get(span, 600.0)
            last = known[1]
            first = max(known[0], last - wanted)
            _Playback(page, drawings, seen.status, first, last).show(span if span in SPANS else "10 min")


class _Playback:
    """One page of it."""

    def __init__(self, page: Page, drawings: Drawings, status: mc.NetworkStatus, first: float, last: float) -> None:
        self._manager, self._drawings, self._status = page.manager, drawings, status
        self._first, self._last = first, last
        self._at = last
        self._playing = False

    def show(self, span: str) -> None:
        drawing = self._drawings.drawing()
        with ui.element("div").classes("stage"):
            with ui.element("div").classes(f"canvas {drawing.view}"):
                self._map(drawing)
                self._controls(span)
            with ui.element("aside").classes("side").props('aria-label="What stood then"'):
                self._time = Live(announces=True)
                Live(Markup("<h2>Stood then</h2>"))
                self._alarms = Live()
                Live(Markup("<h2>Before that</h2>"))
                self._events = Live()
        self._go(STEPS)
        self._move(STEPS)

    def _move(self, step: int) -> None:
        """Move the slider; its value is no property of the element, which would come back with every change."""
        ui.run_javascript(f"document.querySelector('.player input').value = {step}")

    def _map(self, drawing: Drawing) -> None:
        self._drawing = drawing
        land = f"/land.json?view={drawing.view}"
        scene = drawing.scene(self._manager.network, self._then())
        self._chart = Chart(map_option(drawing.plan, scene, land), summary(scene), land=land, classes="map")
        Live(legend(), classes="over legend")

    def _controls(self, span: str) -> None:
        choices = Markup("").join(
            Markup('<a href="/playback?span={}"{}>{}</a>').format(
                name, Markup(' aria-current="true"') if name == span else "", name
            )
            for name in SPANS
        )
        with ui.element("div").classes("over player"):
            Live(Markup('<div class="switch-row" role="group" aria-label="Time shown">{}</div>').format(choices))
            self._button = ui.element("button").classes("main").props('type="button"')
            with self._button:
                self._word = Live(PLAY)
            self._button.on("click", self._toggle)
            self._slider = ui.element("input").props(f'type="range" min="0" max="{STEPS}" step="1" aria-label="Time"')
            self._slider.on("input", self._slid, js_handler="(event) => emit(event.target.value)", throttle=0.1)
        ui.timer(TICK_S, self._tick)

    def _slid(self, event: GenericEventArguments) -> None:
        self._playing = False
        self._word.show(PLAY)
        self._go(int(event.args))

    def _toggle(self) -> None:
        self._playing = not self._playing
        self._word.show(PAUSE if self._playing else PLAY)
        if self._playing and self._step() >= STEPS:
            self._go(0)

    def _tick(self) -> None:
        if not self._playing:
            return
        step = min(STEPS, self._step() + round(STEPS * TICK_S / PLAY_S))
        self._go(step)
        self._move(step)
        if step >= STEPS:
            self._toggle()

    def _step(self) -> int:
        return round(STEPS * (self._at - self._first) / max(self._last - self._first, 1e-9))

    def _then(self) -> mc.NetworkStatus:
        seen = self._manager.overview
        return status_at(
            self._status, self._at, seen.history.at("link", self._at), standing(seen.alarms, seen.past, self._at)
        )

    def _go(self, step: int) -> None:
        self._at = self._first + (self._last - self._first) * min(max(step, 0), STEPS) / STEPS
        seen, manager = self._manager.overview, self._manager
        scene = self._drawing.scene(manager.network, self._then())
        self._chart.renew(map_series(self._drawing.plan, scene), summary(scene))
        self._time.show(Markup('<h1 class="then">{} UTC</h1>').format(clock(self._at, manager.now())))
        self._alarms.show(attention(manager.network, standing(seen.alarms, seen.past, self._at), None, manager.now()))
        self._events.show(events_before(seen.events, self._at))
