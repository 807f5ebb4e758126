"""The audit trail of a site: identifiers and amounts; and who came to the manager.

That of a site is read by ``qit audit`` in a process of its own: the key that seals a store never enters the manager.
"""

import asyncio
import sys
from collections import deque
from pathlib import Path

import msgspec
from markupsafe import Markup
from nicegui import ui

from qit4n.adapters.accesstrail import access_trail, events_of
from qit4n.dashboard.elements import Live
from qit4n.dashboard.frame import frame
from qit4n.dashboard.markup import clock, join, section, table
from qit4n.errors import QitError
from qit4n.keys.audit import AuditEvent
from qit4n.management.access import AccessEvent
from qit4n.network.model import Network
from qit4n.node.managerpages import Manager

LAST, LAST_CAME = 200, 50
LIMIT_S = 20.0
LEAD = "What became of each key at a site: identifiers and amounts, the newest first."


def register(manager: Manager) -> None:
    """Serve it."""

    @ui.page("/audit", response_timeout=LIMIT_S + 5)
    async def audit(site: str = "", key: str = "") -> None:
        with frame(manager, "Audit trail", "/audit"):
            Live(Markup('<h1>Audit trail</h1><p class="lead">{}</p>{}').format(LEAD, form(manager.network, site, key)))
            if site in {one.id for one in manager.network.sites}:
                found = Live(Markup("<p>Reading the trail of {}.</p>").format(site), classes="panel")
                await ui.context.client.connected()
                found.show(await _events(manager.state, site, key))
            elif site:
                Live(Markup('<p class="error" role="alert">There is no site {}.</p>').format(site))
            came = await asyncio.to_thread(came_to, manager.state, manager.now())
            Live(section("Who came to the manager", came), classes="panel")


def form(network: Network, site: str, key: str) -> Markup:
    """Of which site, and about which key."""
    choices = join(
        Markup("<option{}>{}</option>").format(Markup(" selected") if one.id == site else "", one.id)
        for one in network.sites
    )
    return Markup(
        '<form class="form" action="/audit"><label>Site<select name="site">{}</select></label>'
        '<label>Key, slab, chunk or stream id (optional)<input name="key" value="{}" autocomplete="off"></label>'
        '<button class="main">Show</button></form>'
    ).format(choices, key)


def came_to(state: Path, now: float) -> Markup:
    """The end of the manager's own trail."""
    try:
        with access_trail(state) as (rows, _):
            found = deque((event for row in rows for event in events_of(row)), maxlen=LAST_CAME)
    except QitError as error:
        return Markup('<p class="error" role="alert">{}</p>').format(error)
    return access_table(list(found), now)


def access_table(events: list[AccessEvent], now: float) -> Markup:
    """Log-ins, refusals, waits and log-outs, the newest first."""
    rows = [(clock(one.at, now), one.step, one.name, one.source, one.session) for one in reversed(events)]
    return table("Who came to the manager", ("time (UTC)", "step", "name", "address", "session"), rows)


async def _events(state: Path, site: str, key: str) -> Markup:
    about = ("--key", key) if key else ()
    command = ("audit", "show", site, "--last", str(LAST), "--json", "--state", str(state), *about)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "qit4n.cli.main",
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return Markup("<p>The trail takes too long to read; ask for one key.</p>")
    if process.returncode:
        return Markup("<p>{}</p>").format(err.decode("utf-8", "replace").strip().rpartition("\n")[2])
    return events_table([msgspec.json.decode(line, type=AuditEvent) for line in out.splitlines()])


def events_table(events: list[AuditEvent]) -> Markup:
    """Events, the newest first."""
    now = max((event.at for event in events), default=0.0)
    rows = [
        (
            clock(event.at, now),
            event.step,
            Markup("<code>{}</code>").format(event.subject),
            f"{event.bits:,}",
            " ".join(event.parties),
            event.note,
        )
        for event in reversed(events)
    ]
    return table("Audit trail", ("time (UTC)", "step", "subject", "bits", "parties", "note"), rows, right=(3,))
