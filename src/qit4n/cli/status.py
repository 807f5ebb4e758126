"""``qit status``: stock, rate and QBER of every link; sites, pools and alarms."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from qit4n.node.controller import ask_status
from qit4n.node.processes import network_of, state_directory
from qit4n.refpoints import mc
from qit4n.units import bits_text, rate_text

COLOURS = {"running": "green", "resting": "cyan", "starting": "yellow", "no-key": "red", "down": "red"}


def status(
    state: Annotated[Path | None, typer.Option(help="state directory of the network")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="keep the tables up to date until Ctrl-C")] = False,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Show the state of the running network."""
    directory = state_directory(state)
    network = network_of(directory)

    def now() -> mc.NetworkStatus:
        return asyncio.run(ask_status(network, directory))

    if json_:
        print(msgspec.json.encode(now()).decode())
    elif not watch:
        Console().print(tables(now()))
    else:
        with Live(tables(now()), refresh_per_second=4, screen=True) as live:
            while True:
                time.sleep(1)
                live.update(tables(now()))


def tables(report: mc.NetworkStatus) -> Group:
    """The whole status for a terminal."""
    parts: list[Table | Text] = [links_table(report), sites_table(report), pools_table(report)]
    if report.streams:
        parts.append(streams_table(report))
    parts += [Text(f"ALARM {alarm.text}. {alarm.advice}", style="bold red") for alarm in report.alarms]
    return Group(*parts)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table


def links_table(report: mc.NetworkStatus) -> Table:
    """Links: state, stock, measured and predicted rate and QBER, blocks."""
    table = _table(f"QKD links of {report.network}", ("link", "from - to", "state"))
    for name in ("stock", "secret rate", "formula", "QBER", "formula", "blocks", "failed", "speed or device"):
        table.add_column(name, justify="right", no_wrap=True)
    for link in report.links:
        table.add_row(
            link.link,
            " - ".join(link.ends),
            Text(link.state, style=COLOURS.get(link.state, "")),
            bits_text(link.stock_bits),
            rate_text(link.secret_rate_bps),
            _or_dash(link.predicted_rate_bps, rate_text),
            _or_dash(link.qber, "{:.2%}".format),
            _or_dash(link.predicted_qber, "{:.2%}".format),
            str(link.blocks),
            str(link.failed_blocks),
            link.device or _or_dash(link.emulation_speed, "{:.2f}x".format),
        )
    return table


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


def pools_table(report: mc.NetworkStatus) -> Table:
    """End-to-end pools: what is ready, over which paths, and how the key is shared over them."""
    table = _table("End-to-end pools", ("from - to",))
    for name in ("ready", "target", "supplied"):
        table.add_column(name, justify="right")
    table.add_column("paths")
    table.add_column("trust")
    for pool in report.pools:
        paths = ", ".join("-".join(path) for path in pool.paths) or Text(pool.last_refusal, style="yellow")
        ready, target = bits_text(pool.ready_bits), bits_text(pool.target_bits)
        table.add_row(
            f"{pool.source} - {pool.destination}", ready, target, bits_text(pool.supplied_bits), paths, pool.trust
        )
    return table


def streams_table(report: mc.NetworkStatus) -> Table:
    """Key streams (ETSI GS QKD 004): whose ends are open, and how many chunks they have had."""
    table = _table("Key streams", ("Key_stream_ID", "applications"))
    for name in ("open ends", "chunks", "bytes each"):
        table.add_column(name, justify="right")
    for stream in report.streams:
        ends = " - ".join(stream.applications)
        table.add_row(stream.stream, ends, str(len(stream.open)), str(stream.chunks), str(stream.chunk_bytes))
    return table
