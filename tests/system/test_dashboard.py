"""The dashboard in Chromium, against networks that run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from system.conftest import base_port, read_line

pytestmark = pytest.mark.system

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking",
    "--disable-component-update --disable-sync",
)
SLOW_S = 120  # a busy machine
PICTURES = os.environ.get("PICTURES")  # a folder: the pictures of the documents are made there

# what Chromium says when a page is left that had something to say, or was not connected yet
LEAVING = ("WebSocket is already in CLOSING", "WebSocket is closed before the connection is established")


class Browser:
    """One person's browser at the dashboard of one network; it notes what pages ask for and complain about."""

    def __init__(self, context, network):
        self.address = f"https://127.0.0.1:{manager_port(network)}"
        self.network = network
        self.asked, self.complaints = [], []
        self.page = context.new_page()
        self.page.set_default_timeout(1000 * SLOW_S)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._said)

    def _said(self, message):
        leaving = any(text in message.text for text in LEAVING)
        if message.type in {"error", "warning"} and not leaving:
            self.complaints.append(message.text)

    def open(self, path="/"):
        self.page.goto(self.address + path)
        return self.page

    def log_in(self, name="operator", password=None, to="/"):
        self.open(to)
        self.page.fill("input[name=name]", name)
        kept = self.network.state / "operator" / "passwords" / name
        self.page.fill("input[name=password]", password or kept.read_text().strip())
        self.page.click("button.main")
        self.page.wait_for_load_state()

    def text(self):
        return self.page.inner_text("#main")

    def wait_for_text(self, text, selector="#main"):
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.innerText.includes(text)", arg=[selector, text]
        )

    def wait_for_map(self, text):
        """Until the map says this of itself; it is drawn a moment after the lists."""
        self.page.wait_for_function("text => document.querySelector('[role=img]')?.ariaLabel.includes(text)", arg=text)

    def outside(self):
        """Addresses beyond this machine that were asked for."""
        return [url for url in self.asked if urlsplit(url).hostname not in {"127.0.0.1", None}]


def manager_port(network):
    import yaml

    return yaml.safe_load((network.state / "network.yaml").read_text())["base_port"] + 1


@pytest.fixture
def chromium():
    if not Path(CHROMIUM).exists():
        pytest.skip("needs Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=" ".join(FLAGS).split())
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium):
    """Open the dashboard of a network: ``browse(network, width=390, scheme="dark")``."""
    contexts, browsers = [], []

    def make(network, *, width=1440, height=900, scheme="light"):
        contexts.append(
            chromium.new_context(
                ignore_https_errors=True, viewport={"width": width, "height": height}, color_scheme=scheme
            )
        )
        browsers.append(Browser(contexts[-1], network))
        return browsers[-1]

    yield make
    for context in contexts:
        context.close()
    for one in browsers:
        assert one.outside() == []
        assert one.complaints == []


@pytest.mark.xdist_group("data-centres")
@pytest.mark.long
def test_a_site_that_stands_still_is_seen_and_explained(data_centres, browse):
    """Who logs in sees that all is well; a site that stands still becomes a card that leads to its page.

    A wrong password is refused, and after the right one comes the page that was asked for.
    """
    network = data_centres
    seen = browse(network)
    seen.log_in(password="not the password", to="/links")  # noqa: S106
    assert "Name or password is wrong" in seen.page.inner_text("[role=alert]")
    seen.complaints.clear()  # the browser notes the 401
    seen.page.fill("input[name=name]", "operator")
    seen.page.fill("input[name=password]", (network.state / "operator/passwords/operator").read_text().strip())
    seen.page.click("button.main")
    seen.wait_for_text("east-west")
    assert urlsplit(seen.page.url).path == "/links"
    seen.open()
    seen.wait_for_text("Nothing needs attention")
    seen.wait_for_map("Map of 2 sites and 1 links; nothing needs attention")
    stopped = network.processes()["east"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        seen.wait_for_text("Site east does not report")
        seen.wait_for_map("east: does not report")
        seen.page.click("text=Site east does not report")
        seen.wait_for_text("does not report", "h1 ~ *, #main")
        assert urlsplit(seen.page.url).path == "/site/east"
    finally:
        os.kill(stopped, signal.SIGCONT)
    seen.open("/what-if?cut=east-west")
    seen.wait_for_text("Without east-west")
    assert "without any path" in seen.text() or "No pool is relayed" in seen.text()


PAGES = {
    "/": "Needs attention",
    "/links": "west-northwest",
    "/link/west-northwest": "Security account",
    "/link/nowhere": "No such link",
    "/sites": "Exchange North",
    "/site/north": "Pools that are relayed through it",
    "/pools": "1 path, hop-by-hop",
    "/flow": "app-bank",
    "/what-if?cut=northwest-north": "Without northwest-north",
    "/what-if?cut=river-crossing": "Without river-crossing (links east-southeast, southeast-south)",
    "/playback": "Stood then",
    "/audit?site=north": "agreed",
    "/standards": "quantum information network",
    "/standards/terms?word=QKD": "Words that clash",
    "/standards/positions": "nobody objects",
    "/standards/gaps": "ITU-T specifies the network, ETSI the SDN control of its nodes",
    "/standards/roadmap": "4 to 7 weeks from consent",
    "/standards/trace": "clauses",
    "/standards/trace?document=014": "test_014_5_4_get_key_with_key_ids_gives_the_bytes_of_the_master_and_erases_them",
}
NAMELESS = """() => [...document.querySelectorAll("a, button, input, select, [role=img], [role=region]")]
    .filter(one => one.offsetParent && !(one.innerText || one.labels?.length || one.getAttribute("aria-label")))
    .map(one => one.outerHTML)"""
LABELS_BESIDE_THEIR_BOX = """() => [...document.querySelectorAll("svg.terms g")].filter(one => {
    const text = one.querySelector("text").getBBox(), box = one.querySelector("rect").getBBox();
    return text.x < box.x || text.x + text.width > box.x + box.width;
}).map(one => one.textContent)"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def picture(seen, name):
    """A picture for the documents, if they are wanted."""
    if PICTURES:
        seen.page.wait_for_timeout(1500)  # the canvas is drawn after the page
        seen.page.screenshot(path=Path(PICTURES) / f"{name}.png")


@pytest.fixture(scope="module")
def tapped(start_once):
    """The metropolitan ring with an eavesdropper on one link."""
    network = start_once("metro", "--eavesdrop", "west-northwest=0.3", limit_s=200)
    network.wait_for(lambda status: status["alarms"], "the alarm of the tapped link")
    return network


@pytest.mark.long
def test_every_page_says_what_it_should(tapped, browse):
    """Each page has its text, one heading of the first rank, and a name for all that can be used.

    Labels of the term graph stand in their boxes, and lead to what uses the term.
    """
    seen = browse(tapped)
    seen.log_in()
    for path, text in PAGES.items():
        seen.open(path)
        seen.wait_for_text(text)
        assert seen.page.locator("h1").count() == 1, path
        assert seen.page.evaluate(NAMELESS) == [], path
        assert seen.page.evaluate(LABELS_BESIDE_THEIR_BOX) == [], path
    seen.open("/standards/terms")
    seen.page.click("svg.terms text >> text=QKDN manager")
    seen.wait_for_text("What QKDN manager needs, and what needs it")


@pytest.mark.long
def test_who_knows_networks_sees_which_link_and_why(tapped, browse):
    """The first card names the link, what is wrong, probable cause and advice; map and link page say the same."""
    seen = browse(tapped)
    seen.log_in()
    seen.wait_for_text("Link west-northwest yields no key: QBER")
    card = seen.page.inner_text(".card >> nth=0")
    assert "critical" in card
    assert "Probable cause: intrusion detection" in card
    assert "An eavesdropper or a misaligned module" in card
    seen.wait_for_map("west-northwest: yields no key")
    picture(seen, "dashboard")
    seen.page.click(".card h3 a >> nth=0")
    seen.wait_for_text("Security account")
    assert "yields no key" in seen.text()
    assert seen.page.locator("canvas").count() == 3
    picture(seen, "dashboard-link")


@pytest.mark.long
def test_the_keyboard_reaches_everything(tapped, browse):
    """The first Tab leads to the skip link, others to the alarm, which keeps the focus while it is renewed."""
    seen = browse(tapped)
    seen.log_in()
    seen.wait_for_text("Link west-northwest yields no key")
    focused = "() => document.activeElement.id || document.activeElement.className"
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate(focused) == "skip"
    for _ in range(40):
        seen.page.keyboard.press("Tab")
        if "alarm-west-northwest" in seen.page.evaluate(focused):
            break
    held = seen.page.evaluate("() => document.activeElement.closest('div').innerHTML")
    changed = "(held) => document.querySelector('.cards').parentElement.innerHTML !== held"
    seen.page.wait_for_function(changed, arg=held)  # the QBER of the next block stands in the text
    assert "alarm-west-northwest" in seen.page.evaluate(focused)
    seen.page.keyboard.press("Enter")
    seen.page.wait_for_url("**/link/west-northwest")


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_telephone_shows_every_page_in_its_width(tapped, browse, scheme):
    """At 390 pixels no page is wider than the screen; the ground is the scheme's, and the switch changes it."""
    seen = browse(tapped, width=390, height=844, scheme=scheme)
    seen.log_in()
    for path, text in PAGES.items():
        seen.open(path)
        seen.wait_for_text(text)
        assert seen.page.evaluate(WIDER) <= 0, path
        if (path, scheme) == ("/", "dark"):
            picture(seen, "dashboard-phone")
    ground = "() => getComputedStyle(document.body).backgroundColor"
    before = seen.page.evaluate(ground)
    assert before == {"light": "rgb(244, 246, 248)", "dark": "rgb(16, 20, 26)"}[scheme]
    seen.page.click("summary")
    seen.page.click(".menu [data-theme-switch]")
    assert seen.page.evaluate(ground) != before


@pytest.mark.long
def test_a_controller_that_is_silent_is_told_in_the_width_of_a_telephone(tapped, browse):
    """The header says since when nothing is known, and no page grows by it; then it is live again."""
    seen = browse(tapped, width=390, height=844)
    seen.log_in()
    stopped = tapped.processes()["controller"]
    os.kill(stopped, signal.SIGSTOP)
    try:
        seen.wait_for_text("controller silent since", ".bar")
        assert seen.page.evaluate(WIDER) <= 0
    finally:
        os.kill(stopped, signal.SIGCONT)
    seen.wait_for_text("live", ".bar")


@pytest.mark.long
def test_the_past_comes_back(tapped, browse):
    """At the slider's beginning the time is earlier; playing moves it on by itself."""
    seen = browse(tapped)
    seen.log_in(to="/playback")
    then = ".then time"
    seen.page.wait_for_selector(then)
    last = seen.page.get_attribute(then, "datetime")
    slider = seen.page.locator(".player input")
    slider.focus()
    slider.press("Home")
    seen.page.wait_for_function(f"(last) => document.querySelector('{then}').dateTime < last", arg=last)
    first = seen.page.get_attribute(then, "datetime")
    seen.page.click(".player button")
    seen.page.wait_for_function(f"(first) => document.querySelector('{then}').dateTime > first", arg=first)
    picture(seen, "dashboard-playback")


@pytest.mark.long
def test_a_viewer_sees_no_audit_trail(tapped, browse):
    """A viewer has no such page in the menu and is refused it; who has logged out is asked to log in."""
    seen = browse(tapped)
    seen.log_in("viewer")
    seen.wait_for_text("Needs attention")
    assert seen.page.locator("nav a[href='/audit']").count() == 0
    assert seen.open("/audit").inner_text("body").strip() == "this takes the role operator; yours is viewer"
    seen.open("/")
    seen.page.click(".bar > div .who button >> text=Log out")
    seen.page.wait_for_url("**/login")
    seen.open("/links")
    assert urlsplit(seen.page.url).path == "/login"
    seen.complaints.clear()  # the browser notes the 403


@pytest.mark.long
def test_ten_thousand_elements(chromium, tmp_path):
    """A network of 4,000 sites and 6,000 links is drawn by region, follows a change, and can be moved about.

    Prints the size of what is sent and the time it takes.
    """
    with base_port() as port:
        server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("largenetwork.py"), str(port), tmp_path],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert read_line(server, 300).strip() == "ready"
            page = chromium.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(1000 * SLOW_S)
            sent = []
            page.on("response", lambda answer: sent.append((answer.url, answer.request.sizes()["responseBodySize"])))
            frames = []
            page.on("websocket", lambda socket: socket.on("framereceived", lambda data: frames.append(len(data))))
            began = time.monotonic()
            page.goto(f"http://127.0.0.1:{port}/login")
            page.fill("input[name=name]", "operator")
            page.fill("input[name=password]", "operator-password")
            page.click("button.main")
            page.wait_for_selector("canvas")
            shown_s = time.monotonic() - began
            says = "(text) => document.querySelector('[role=img]')?.getAttribute('aria-label').includes(text)"
            page.wait_for_function(says, arg="Map of 4000 sites and 6000 links")
            page.wait_for_function(says, arg="needing attention: n76: no contact")  # the region of the link that fails
            page.mouse.move(500, 450)
            count = page.evaluate(FRAMES)
            picture_of = Path(PICTURES) / "dashboard-large.png" if PICTURES else tmp_path / "large.png"
            page.screenshot(path=picture_of)
            map_bytes = sum(size for url, size in sent if "land.json" in url)
            sys.stdout.write(
                f"10,000 elements: shown after {shown_s:.1f} s, coasts {map_bytes / 1e3:.0f} kB, largest "
                f"update {max(frames) / 1e3:.0f} kB, {count} frames in 3 s while moving\n"
            )
            sys.stdout.write((tmp_path / "figures").read_text())
            page.click("a:has-text('Menu'), .bar nav a[href='/links']")
            page.wait_for_selector("text=The first 200 of 6000")
            page.goto(f"http://127.0.0.1:{port}/?region=n0")
            page.wait_for_selector("canvas")
            page.close()
        finally:
            server.kill()
            server.wait()
            server.stdout.close()


FRAMES = """async () => {
    const canvas = document.querySelector("canvas");
    let count = 0, x = 500;
    const end = performance.now() + 3000;
    while (performance.now() < end) {
        x += 4;
        const where = { clientX: x, clientY: 450, bubbles: true };
        if (count === 0) canvas.dispatchEvent(new MouseEvent("mousedown", where));
        canvas.dispatchEvent(new MouseEvent("mousemove", where));
        await new Promise(requestAnimationFrame);
        count += 1;
    }
    canvas.dispatchEvent(new MouseEvent("mouseup", { clientX: x, clientY: 450, bubbles: true }));
    return count;
}"""
