"""One link: what it makes and holds over time, and what is claimed of its key."""

import asyncio
import itertools

from markupsafe import Markup
from nicegui import ui

from qit4n.dashboard.attention import attention
from qit4n.dashboard.elements import Chart, Live
from qit4n.dashboard.frame import Page, frame
from qit4n.dashboard.mapoption import Option
from qit4n.dashboard.markup import Cell, badge, facts, join, link, section, table
from qit4n.dashboard.plots import Numbers, over_time
from qit4n.dashboard.scene import link_look
from qit4n.dashboard.tables import or_dash, pools_table
from qit4n.errors import QitError
from qit4n.network.model import Link, Network
from qit4n.node.managerpages import Manager
from qit4n.quantum.link import channel_db
from qit4n.quantum.passes import nearest_km
from qit4n.refpoints import mc
from qit4n.refpoints.kq1 import DeviceAccount, LinkAccount, SecurityAccount
from qit4n.units import bits_text, rate_text

SPANS = {"10 min": 600.0, "1 hour": 3600.0, "6 hours": 21_600.0, "2 days": 172_800.0}
DRAWN_S = 5.0
UNKNOWN = "This network has no link of that name."


def register(manager: Manager) -> None:
    """Serve it."""

    @ui.page("/link/{ident}")
    async def one(ident: str, span: str = "10 min") -> None:
        known = next((link for link in manager.network.links if link.id == ident), None)
        with frame(manager, ident if known else "No such link", "/links") as page:
            if known is None:
                Live(Markup("<h1>No such link</h1><p>{} {}</p>").format(UNKNOWN, link("/links", "All links")))
                return
            await _show(page, known, span if span in SPANS else "10 min")


async def _show(page: Page, known: Link, span: str) -> None:
    manager = page.manager
    Live(Markup('<p class="trail"><a href="/links">Links</a></p><h1>{}</h1>').format(known.id))
    top, alarms = Live(), Live()
    _charts(page, known, span)
    below = Live()
    account = Live(classes="panel")
    Live(device(manager.network, known), classes="panel")

    def renew() -> None:
        seen = manager.overview
        status = next((one for one in seen.status.links if one.link == known.id), None) if seen.status else None
        if status is None or seen.status is None:
            return
        top.show(state(status, manager.network.policies.link_stock_bits))
        mine = [one for one in seen.alarms if known.id in {one.element, *one.about}]
        alarms.show(attention(manager.network, mine, None, manager.now()) if mine else Markup(""))
        over = [pool for pool in seen.status.pools if any(_crosses(path, known) for path in pool.paths)]
        below.show(
            section(
                "Pools that are relayed over it",
                Markup('<div class="panel">{}</div>').format(pools_table(seen.status, over)),
            )
        )

    page.renew(renew)
    account.show(await _account(manager, known.id))


def state(link: mc.LinkStatus, full_bits: float) -> Markup:
    """The link now."""
    look = link_look(link.state, link.stock_bits, full_bits)
    predicted = or_dash(link.predicted_rate_bps, rate_text)
    return Markup('<p class="lead">{} {}: {}. {}</p><div class="panel">{}</div>').format(
        badge(look),
        " – ".join(link.ends),
        link.state,
        link.detail,
        facts(
            [
                ("stock, both directions", bits_text(link.stock_bits)),
                ("key rate", rate_text(link.secret_rate_bps)),
                ("predicted rate", predicted),
                ("QBER", or_dash(link.qber, "{:.2%}".format)),
                ("predicted QBER", or_dash(link.predicted_qber, "{:.2%}".format)),
                ("blocks, failed", f"{link.blocks}, {link.failed_blocks}"),
            ]
        ),
    )


def _crosses(path: tuple[str, ...], link: Link) -> bool:
    return any(set(hop) == set(link.ends) for hop in itertools.pairwise(path))


def _charts(page: Page, known: Link, span: str) -> None:
    choices = join(
        Markup('<a href="/link/{}?span={}"{}>{}</a>').format(
            known.id, name, Markup(' aria-current="true"') if name == span else "", name
        )
        for name in SPANS
    )
    Live(Markup('<div class="spans" role="group" aria-label="Time shown">{}</div>').format(choices))
    with ui.element("div").classes("columns"):
        drawn = [(name, _panel(name, option)) for name, option in options(page.manager, known, span).items()]

    def redraw() -> None:
        fresh = options(page.manager, known, span)
        for name, chart in drawn:
            chart.replace(fresh[name])

    ui.timer(DRAWN_S, redraw)


def _panel(name: str, option: Option) -> Chart:
    with ui.element("section").classes("panel"):
        Live(Markup("<h2>{}</h2>").format(name))
        return Chart(option, f"{name} over time")


def options(manager: Manager, known: Link, span: str) -> dict[str, Option]:
    """The three charts: QBER, key rate, stock."""
    history, policies = manager.overview.history, manager.network.policies
    status = (
        next((one for one in manager.overview.status.links if one.link == known.id), None)
        if manager.overview.status
        else None
    )
    since = manager.now() - SPANS[span]

    def line(name: str, quantity: str) -> tuple[str, Numbers, Numbers]:
        return (name, *history.series("link", known.id, quantity, since))

    rate = [] if status is None or status.predicted_rate_bps is None else [("predicted", status.predicted_rate_bps)]
    qber = [("no key above this", policies.max_qber)]
    if status is not None and status.predicted_qber is not None:
        qber.append(("predicted", status.predicted_qber))
    return {
        "QBER": over_time([line("QBER", "qber")], "", marks=qber, percent=True),
        "Key rate": over_time([line("key rate", "rate_bps")], "bit/s", marks=rate),
        "Stock": over_time([line("stock", "stock_bits")], "bit", marks=[("rests when full", policies.link_stock_bits)]),
    }


async def _account(manager: Manager, ident: str) -> Markup:
    try:
        async with asyncio.timeout(5):
            account = await manager.account(ident)
    except (QitError, OSError, TimeoutError):
        return Markup("<h2>Security account</h2><p>The controller does not answer.</p>")
    return account_table(account)


def account_table(account: LinkAccount | None) -> Markup:
    """What is claimed of all key of a link, and of its last block."""
    if account is None or not (account.blocks or account.device_blocks):
        return Markup("<h2>Security account</h2><p>No block has been made yet.</p>")
    total = [
        ("secrecy", f"{account.epsilon_secrecy:.3g}"),
        ("correctness", f"{account.epsilon_correctness:.3g}"),
        ("authentication", f"{account.epsilon_authentication:.3g}"),
        ("all together", f"{account.epsilon:.3g}"),
        ("over blocks", f"{account.blocks}"),
        ("key", bits_text(account.key_bits)),
    ]
    note = (
        "Composable epsilons, summed over all blocks distilled here: how far the key may be from an ideal one. "
        "Nothing is claimed of key that came finished from a device."
    )
    last = account.last
    rows: list[tuple[str, str]] = []
    if isinstance(last, SecurityAccount):
        rows = [
            ("protocol", last.protocol),
            ("proof", last.proof),
            ("concentration bound", last.concentration),
            ("reconciliation", last.reconciliation),
            ("authentication", last.authentication),
            ("sifted bits", f"{last.sifted_bits:,}"),
            ("QBER of the block", f"{last.qber:.3%}"),
            ("phase error, at most", f"{last.phase_error_bound:.3%}"),
            ("revealed for error correction", f"{last.leaked_bits:,} bit"),
            ("key", f"{last.key_bits:,} bit"),
        ]
    elif isinstance(last, DeviceAccount):
        rows = [("interface", last.interface), ("device", last.device), ("key", f"{last.key_bits:,} bit")]
    return section("Security account", facts(total), note) + Markup("<h3>Last block</h3>{}").format(
        table("Last block", ("what", "value"), rows)
    )


def device(network: Network, known: Link) -> Markup:
    """Channel and modules, as the network file has them."""
    medium, nearest = known.medium, nearest_km(network, known)
    km = medium.length_km if nearest is None else nearest
    lost_db = channel_db(network, known, nearest)
    rows: list[tuple[str, Cell]] = [("channel", f"{medium.kind}, {km:.5g} km, {lost_db:.3g} dB")]
    for duct in known.ducts:
        others = [one for one in network.ducts[duct] if one != known.id]
        beside = f" beside {', '.join(others)}" if others else ""
        rows.append(("duct", Markup("{}{}").format(link(f"/what-if?cut={duct}", duct), beside)))
    box = network.device_of(known)
    if box is not None:
        rows += [("device", known.module), ("interface", box.interface)]
        rows += [(f"key manager at {site}", end.kme) for site, end in box.ends.items() if site in known.ends]
    else:
        module = network.modules[known.module]
        rows += [
            ("modules", f"{known.module} (emulated)"),
            ("protocol", module.protocol),
            ("pulse rate", f"{module.pulse_rate_hz:.3g} Hz"),
            ("detector efficiency", f"{module.detector_efficiency:.0%}"),
            ("dark counts per gate", f"{module.dark_count_probability:.2g}"),
            ("dead time", f"{module.dead_time_s * 1e6:g} µs"),
            ("block", bits_text(module.block_bits)),
        ]
    return section("Channel and device", table("Channel and device", ("what", "value"), rows))
