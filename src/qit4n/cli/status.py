"""``qit status``: stock, rate and QBER of every link; sites, pools and alarms."""

import asyncio
import itertools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from qit4n.cli.tabletext import PIPE_COLUMNS, screen
from qit4n.management.correlation import pool_name
from qit4n.network.ducts import named
from qit4n.node.processes import network_of, state_directory
from qit4n.node.questions import ask_status
from qit4n.refpoints import mc
from qit4n.units import bits_text, rate_text, span_text

LEFT = frozenset({"link", "state", "from - to", "paths, or backup"})
COLOURS = {"running": "green", "resting": "cyan", "starting": "yellow", "no-key": "red", "down": "red"}

Columns = tuple[tuple[str, ...], ...]
"""Heads of what shares a column where the terminal is narrow."""
Cells = tuple[tuple[str | Text, ...], ...]
"""Of one row, in the same order."""


def status(
    state: Annotated[Path | None, typer.Option(help="state directory of the network")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="keep the tables up to date until Ctrl-C")] = False,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Show the state of the running network."""
    if json_:
        print(msgspec.json.encode(status_now(state)).decode())
        return
    console = screen()
    if watch and console.is_terminal:
        _keep_up_to_date(state, console)
    console.print(tables(status_now(state), console))
    while watch:  # for a program: one after the other
        time.sleep(1)
        console.print(tables(status_now(state), console))


def _keep_up_to_date(state: Path | None, console: Console) -> NoReturn:
    with Live(tables(status_now(state), console), console=console, refresh_per_second=4, screen=True) as live:
        while True:
            time.sleep(1)
            live.update(tables(status_now(state), console))


def status_now(state: Path | None) -> mc.NetworkStatus:
    """The status of the network whose state directory is meant."""
    directory = state_directory(state)
    return asyncio.run(ask_status(network_of(directory), directory))


def tables(report: mc.NetworkStatus, console: Console) -> Group:
    """The whole status for a terminal."""
    parts: list[Table | Text] = [links_table(report, console), sites_table(report), pools_table(report, console)]
    if any(site.entropy for site in report.sites):
        parts.append(entropy_table(report))
    if report.switches:
        parts.append(switches_table(report))
    if report.streams:
        parts.append(streams_table(report))
    if report.neighbours:
        parts.append(neighbours_table(report))
    if not report.manager.up:
        parts.append(Text("The manager does not answer: nobody knows the alarms.", style="bold yellow"))
    return Group(*parts, *(alarm_text(alarm) for alarm in report.alarms))


def alarm_text(alarm: mc.Alarm) -> Text:
    """An alarm, what to do, and what follows from it."""
    style = "bold red" if alarm.severity in {"critical", "major"} else "yellow"
    lines = [f"{alarm.severity.upper()} {alarm.text}. {alarm.advice}", *(f"  so {one}" for one in alarm.affects)]
    if alarm.restored_s is not None and alarm.affects:
        lines.append(f"  restored: every pool had other paths within {alarm.restored_s:.2f} s of the loss")
    return Text("\n".join(lines), style=style)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def _fitting(console: Console, title: str, columns: Columns, rows: list[Cells]) -> Table:
    """A line for each row if the terminal is wide enough; else what shares a column stands one over the other."""
    wide = _filled(title, columns, rows, stacked=False)
    needed = console.measure(wide, options=console.options.update(max_width=PIPE_COLUMNS)).maximum
    return wide if needed <= console.width else _filled(title, columns, rows, stacked=True)


def _filled(title: str, columns: Columns, rows: list[Cells], *, stacked: bool) -> Table:
    table = _table(title, ())
    for heads in columns:
        for name in ["\n".join(heads)] if stacked else heads:
            side: Literal["left", "right"] = "left" if heads[0] in LEFT else "right"
            table.add_column(name, justify=side, no_wrap=not stacked, overflow="fold")
    for row in rows:
        texts = [[cell if isinstance(cell, Text) else Text(cell) for cell in cells] for cells in row]
        table.add_row(*([Text("\n").join(cells) for cells in texts] if stacked else itertools.chain(*texts)))
    return table


def links_table(report: mc.NetworkStatus, console: Console) -> Table:
    """Links: state, stock, measured and predicted rate and QBER, blocks."""
    columns = (
        ("link", "from - to"),
        ("state", "speed or device"),
        ("stock",),
        ("secret rate", "formula"),
        ("QBER", "formula"),
        ("blocks", "failed"),
    )
    rows: list[Cells] = [
        (
            (link.link, " - ".join(link.ends)),
            (
                Text(link.state, style=COLOURS.get(link.state, "")),
                link.device or _or_dash(link.emulation_speed, "{:.2f}x".format),
            ),
            (bits_text(link.stock_bits) + _ahead(report, "link", link.link),),
            (rate_text(link.secret_rate_bps), _or_dash(link.predicted_rate_bps, rate_text)),
            (_or_dash(link.qber, "{:.2%}".format), _or_dash(link.predicted_qber, "{:.2%}".format)),
            (str(link.blocks), str(link.failed_blocks)),
        )
        for link in report.links
    ]
    return _fitting(console, f"QKD links of {report.network}", columns, rows)


def _ahead(report: mc.NetworkStatus, kind: str, element: str) -> str:
    """In which time a stock is likely to be empty, if it is."""
    found = (one.empty_s for one in report.forecasts if (one.kind, one.element) == (kind, element))
    return next((f", empty in {span_text(one)}" for one in found if one is not None), "")


def _or_dash(value: float | None, text: Callable[[float], str]) -> str:
    """What is not known of a device is a dash."""
    return "-" if value is None else text(value)


def sites_table(report: mc.NetworkStatus) -> Table:
    """Sites: process, uptime, memory, and with replicas which one serves and how many stand by."""
    table = _table("Sites", ("site", "state"))
    for name in ("process", "up for", "memory", "unclaimed keys"):
        table.add_column(name, justify="right")
    replicas = any(site.replica for site in report.sites)
    if replicas:
        table.add_column("stand by", justify="right")
    for site in report.sites:
        colour, word = ("green", "up") if site.up else ("red", "down")
        memory = f"{site.memory_bytes / 1e6:.0f} MB"
        uptime = f"{site.uptime_s:.0f} s"
        process = f"{site.pid} (replica {site.replica})" if site.replica else str(site.pid)
        row = (Text(word, style=colour), process, uptime, memory, str(site.unclaimed_keys))
        table.add_row(site.site, *row, *([str(site.standbys)] if replicas else []))
    return table


def pools_table(report: mc.NetworkStatus, console: Console) -> Table:
    """End-to-end pools: what is ready, their part of the links' key, paths, and what replaces one that fails."""
    columns = (("from - to", "trust"), ("ready", "target"), ("supplied", "fills at"), ("paths, or backup",))
    rows: list[Cells] = [
        (
            (
                f"{pool.source} - {pool.destination}",
                f"{pool.trust}, priority {pool.priority}" if pool.priority else pool.trust,
            ),
            (bits_text(pool.ready_bits) + _ahead(report, "pool", pool_name(pool)), bits_text(pool.target_bits)),
            (bits_text(pool.supplied_bits), "no limit" if pool.rate_bps is None else rate_text(pool.rate_bps)),
            (_ways(pool) if pool.paths else Text(pool.last_refusal, style="yellow"),),
        )
        for pool in report.pools
    ]
    return _fitting(console, "End-to-end pools", columns, rows)


def entropy_table(report: mc.NetworkStatus) -> Table:
    """Where the random bytes of each site come from; all are XORed with those of the operating system."""
    table = _table("Entropy sources", ("site", "source", "state"))
    for name in ("bits/sample", "raw", "used", "epsilon", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for site in report.sites:
        found = site.entropy
        if found is None:
            table.add_row(site.site, "operating system", *["-"] * 6)
            continue
        table.add_row(
            site.site,
            found.source,
            Text(found.state, style={"open": "green", "closed": "red"}.get(found.state, "yellow")),
            f"{found.min_entropy:.2f} of {found.sample_bits}",
            bits_text(found.raw_bits),
            bits_text(found.used_bits),
            f"{found.epsilon:.1e}",
            str(found.failures),
        )
    return table


def _ways(pool: mc.PoolStatus) -> str:
    ways = ", or ".join(", ".join("-".join(path) for path in paths) for paths in (pool.paths, pool.backups) if paths)
    return f"{ways} (share {named('duct', pool.shared_ducts)})" if pool.shared_ducts else ways


def switches_table(report: mc.NetworkStatus) -> Table:
    """Optical switches: which part of the time the schedule gives each link."""
    table = _table("Optical switches", ("switch", "site"))
    table.add_column("round", justify="right")
    table.add_column("light for")
    for switch in report.switches:
        shares = ", ".join(f"{link} {share:.1%}" for link, share in switch.lit_shares.items())
        table.add_row(switch.switch, switch.site, f"{switch.period_s:g} s", shares or "the file's schedule")
    return table


def streams_table(report: mc.NetworkStatus) -> Table:
    """Key streams (ETSI GS QKD 004): whose ends are open, and how many chunks they have had."""
    table = _table("Key streams", ())
    table.add_column("Key_stream_ID", no_wrap=True)  # to be copied
    table.add_column("applications", overflow="fold")
    for name in ("open ends", "chunks", "bytes each"):
        table.add_column(name, justify="right")
    for stream in report.streams:
        ends = " - ".join(stream.applications)
        table.add_row(stream.stream, ends, str(len(stream.open)), str(stream.chunks), str(stream.chunk_bytes))
    return table


def neighbours_table(report: mc.NetworkStatus) -> Table:
    """Other networks (ETSI GS QKD 020): whether they answer, and how many keys went over and came."""
    table = _table("Neighbour networks", ("network", "at site", "state", "mode"))
    for name in ("handed over", "taken", "refused", "voided"):
        table.add_column(name, justify="right")
    table.add_column("applications")
    for neighbour in report.neighbours:
        one = neighbour.report
        state = Text("up", style="green") if one.up else Text(one.detail or "down", style="red")
        counts = (one.handed_keys, one.taken_keys, one.refused_keys, one.voided_keys)
        applications = ", ".join(one.applications)
        table.add_row(one.network, neighbour.site, state, one.mode, *map(str, counts), applications)
    return table
