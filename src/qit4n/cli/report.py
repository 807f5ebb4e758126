"""``qit report``: performance by ITU-T Y.3807, accounting, security, anomalies of the running network."""

import asyncio
import csv
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from qit4n.adapters.accesstrail import access_trail
from qit4n.adapters.certificates import read_certificate
from qit4n.adapters.historystore import HISTORY, read_history
from qit4n.adapters.managerclient import ask_manager
from qit4n.adapters.revocation import FILE_NAME, RevocationList
from qit4n.adapters.stores import open_trail
from qit4n.cli.tabletext import screen
from qit4n.errors import AuditError, UnknownNetworkError
from qit4n.keys.audit import verify
from qit4n.management.anomalies import LinkReport, replay
from qit4n.management.catalogue import UNUSUAL
from qit4n.management.performance import Delay, PerformanceReport, Usage
from qit4n.network.model import Network
from qit4n.node.processes import network_of, state_directory
from qit4n.node.questions import ask, ask_status
from qit4n.refpoints import mc
from qit4n.units import bits_text, rate_text, span_text

app = typer.Typer(
    add_completion=False, help="Performance, accounting, security and anomalies of the network.", no_args_is_help=True
)

State = Annotated[Path | None, typer.Option(help="state directory of the network")]
JSON = Annotated[bool, typer.Option("--json", help="one JSON document")]


def _show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for number, name in enumerate(columns):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    screen().print(table)


def _percent(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.4%}"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{1000 * seconds:.1f} ms"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


def _delays(delay: Delay) -> tuple[str, str, str]:
    return _ms(delay.mean_s), _ms(delay.quantile_99_s), _ms(delay.variation_s)


@app.command()
def performance(state: State = None, json_: JSON = False) -> None:
    """The QoS parameters of ITU-T Y.3807, measured at the sites since the manager began to observe."""
    directory = state_directory(state)
    report = ask_manager(network_of(directory), directory, "/api/v1/performance", PerformanceReport)
    if json_:
        print(msgspec.json.encode(report).decode())
        return
    whole = (
        ("throughput", rate_text(report.throughput_bps)),
        ("KKRD, mean / 99 %", " / ".join(_delays(report.kkrd)[:2])),
        ("KKRDV", _ms(report.kkrd.variation_s)),
        ("KKDER", _percent(report.kkder)),
        ("KKDLR", _percent(report.kkdlr)),
        ("availability", _percent(report.availability)),
        ("service restoration time, mean", _seconds(report.restoration_mean_s)),
    )
    _show(f"Y.3807, observed for {report.observed_s:.0f} s", ("parameter", "value"), whole)
    columns = ("master > slave", "throughput", "KKRD", "KKRD 99 %", "KKRDV", "KKDLR", "keys", "fetched")
    rows = [
        (
            f"{one.master} > {one.slave}",
            rate_text(one.throughput_bps),
            *_delays(one.kkrd),
            _percent(one.kkdlr),
            str(one.keys_supplied),
            str(one.keys_fetched),
        )
        for one in report.pairs
    ]
    _show("Applications", columns, rows)
    pools = [
        (
            one.pool,
            _percent(one.availability),
            str(one.outages),
            _seconds(one.restoration_mean_s),
            _seconds(one.restoration_max_s),
        )
        for one in report.pools
    ]
    _show("Pools", ("pool", "availability", "outages", "restored, mean", "longest"), pools)


@app.command()
def accounting(
    state: State = None,
    json_: JSON = False,
    csv_: Annotated[bool, typer.Option("--csv", help="comma-separated values")] = False,
) -> None:
    """Key supplied to each pair of applications, and the links over which their pool went meanwhile."""
    directory = state_directory(state)
    usage = ask_manager(network_of(directory), directory, "/api/v1/accounting", tuple[Usage, ...])
    if json_:
        print(msgspec.json.encode(usage).decode())
    elif csv_:
        writer = csv.writer(sys.stdout)
        writer.writerow(("master", "slave", "link", "bits"))
        writer.writerows((one.master, one.slave, one.link, one.bits) for one in usage)
    else:
        rows = [(f"{one.master} > {one.slave}", one.link or "(none)", bits_text(one.bits)) for one in usage]
        _show("Key by application and link", ("master > slave", "link", "key"), rows)


@app.command()
def anomalies(
    state: State = None,
    hours: Annotated[float, typer.Option(min=0.0, help="of the history on the disk; 48 are kept")] = 48,
    accept: Annotated[str, typer.Option(metavar="LINK", help="the state of this link now is well: learn it anew")] = "",
    json_: JSON = False,
) -> None:
    """What is or was unusual about QBER and rate of each link, by charts over the manager's history."""
    directory = state_directory(state)
    network = network_of(directory)
    if accept:
        if accept not in {link.id for link in network.links}:
            raise UnknownNetworkError(f"{network.name} has no link {accept}; see qit status")
        ask_manager(network, directory, f"/api/v1/anomalies/{accept}/accept", tuple[LinkReport, ...], act=True)
    since = datetime.now(UTC).timestamp() - 3600 * hours  # noqa: TID251 - a command has a clock
    rows = read_history(directory / HISTORY)
    found = replay(network, [row for row in rows if row.at >= since])
    if json_:
        print(msgspec.json.encode(found).decode())
        return
    columns = ("link", "samples", "QBER", "test basis", "sifted rate", "now")
    usual = [
        (
            one.link,
            f"{one.samples} of {one.needed}" if one.samples < one.needed else str(one.samples),
            "-" if one.qber is None else f"{one.qber:.2%}",
            "-" if one.test_qber is None else f"{one.test_qber:.2%}",
            "-" if one.rate_bps is None else rate_text(one.rate_bps),
            one.anomaly.kind if one.anomaly else "learning" if one.samples < one.needed else "as usual",
        )
        for one in found
    ]
    _show("What is usual, as learned from blocks", columns, usual)
    unusual = [(one.link, it) for one in found for it in (*one.past, one.anomaly) if it]
    for link, it in sorted(unusual, key=lambda pair: pair[1].since):
        times = [f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}" if at else "now" for at in (it.since, it.ended_at)]
        print(f"{link}, {times[0]} to {times[1]} UTC, {it.kind}: {it.detail}")
        print(f"  {UNUSUAL[it.kind].advice.format(element=link)}")


@app.command()
def forecast(state: State = None, json_: JSON = False) -> None:
    """Which stocks of key are likely to run out within six hours, when, and what helps."""
    directory = state_directory(state)
    report = asyncio.run(ask_status(network_of(directory), directory))
    if json_:
        print(msgspec.json.encode(report.forecasts).decode())
        return
    rows = [
        (f"{one.kind} {one.element}", bits_text(one.stock_bits), rate_text(one.net_bps), *map(_span, _band(one)))
        for one in report.forecasts
    ]
    columns = ("stock", "left", "falls by", "empty in", "at the earliest (1 in 10)", "at the latest (9 in 10)")
    _show("Stocks that run out", columns, rows)
    for alarm in report.alarms:
        if alarm.kind == "starvation-ahead":
            print(f"{alarm.text}. {alarm.advice}")


def _band(one: mc.Forecast) -> tuple[float | None, float | None, float | None]:
    return one.empty_s, one.early_s, one.late_s


def _span(seconds: float | None) -> str:
    return "later" if seconds is None else span_text(seconds)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate of the network."""

    holder: str
    expires: str
    days: int
    revoked: bool


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """The audit trail of a site, or of the manager (no site): its rows, or what is wrong with it."""

    site: str = ""
    rows: int
    fault: str = ""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What the blocks of a link have spent of epsilon; None if nothing is known, or a device makes its key."""

    link: str
    blocks: int
    epsilon: float | None


class SecurityReport(msgspec.Struct, frozen=True, kw_only=True):
    """``qit report security``."""

    certificates: tuple[Holder, ...]
    trails: tuple[Trail, ...]
    links: tuple[Spent, ...]


@app.command()
def security(state: State = None, json_: JSON = False) -> None:
    """Certificates and when they expire, whether the audit trails are whole, the epsilon spent by each link."""
    directory = state_directory(state)
    network = network_of(directory)
    report = SecurityReport(
        certificates=tuple(_certificates(directory)),
        trails=(*(_trail(directory, network, site.id) for site in network.sites), access_of(directory)),
        links=tuple(asyncio.run(_spent(network, directory))),
    )
    if json_:
        print(msgspec.json.encode(report).decode())
        return
    held = [(one.holder, one.expires, str(one.days), "revoked" if one.revoked else "") for one in report.certificates]
    _show("Certificates", ("holder", "expires", "days", ""), held)
    _show(
        "Audit trails",
        ("site", "rows", "state"),
        [(one.site or "(manager)", str(one.rows), one.fault or "whole") for one in report.trails],
    )
    spent = [(one.link, str(one.blocks), "-" if one.epsilon is None else f"{one.epsilon:.2e}") for one in report.links]
    _show("Epsilon spent", ("link", "blocks", "epsilon"), spent)


def _certificates(state: Path) -> list[Holder]:
    authority = read_certificate(state / "ca" / "ca.pem")
    now = datetime.now(UTC)  # noqa: TID251 - a command has a clock
    revoked = RevocationList.of(state / "ca" / FILE_NAME, authority).serials
    files = sorted((*state.glob("*/cert.pem"), *state.glob("*/*/cert.pem"), state / "ca" / "ca.pem"))
    found = []
    for file in files:
        certificate = read_certificate(file)
        until = certificate.not_valid_after_utc
        holder = str(file.parent.relative_to(state))
        gone = certificate.serial_number in revoked
        found.append(Holder(holder=holder, expires=f"{until:%Y-%m-%d}", days=(until - now).days, revoked=gone))
    return found


def _trail(state: Path, network: Network, site: str) -> Trail:
    with open_trail(state, network.name, site) as (rows, head, origin):
        try:
            last = verify(rows, head, origin)
        except AuditError as error:
            return Trail(site=site, rows=0, fault=str(error))
        return Trail(site=site, rows=last.number - (origin[0] if origin else 0))


def access_of(state: Path) -> Trail:
    """Who logged in at the manager: whether the trail of it is whole."""
    with access_trail(state) as (rows, head):
        try:
            return Trail(rows=verify(rows, head).number)
        except AuditError as error:
            return Trail(rows=0, fault=str(error))


async def _spent(network: Network, state: Path) -> list[Spent]:
    found = []
    for link in network.links:
        answer = await ask(network, state, mc.AskAccount(link=link.id))
        account = answer.account if isinstance(answer, mc.AccountStatus) else None
        known = account is not None and network.device_of(link) is None
        epsilon = account.epsilon if account is not None and known else None
        found.append(Spent(link=link.id, blocks=account.blocks if account else 0, epsilon=epsilon))
    return found
