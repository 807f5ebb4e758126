"""``qit elements``: which functional element runs where, and what crosses which port (ITU-T Y.3802)."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from qit4n.cli.tabletext import screen
from qit4n.network.elements import Port, functional_elements, ports
from qit4n.network.file import load


def elements(
    file: Annotated[str, typer.Argument(help="network file, or the name of an example")],
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Show the functional elements and reference points of ITU-T Y.3802 in a network file."""
    network = load(file)
    found, open_ports = list(functional_elements(network)), list(ports(network))
    if json_:
        document = {"elements": list(map(asdict, found)), "ports": list(map(asdict, open_ports))}
        print(msgspec.json.encode(document).decode())
        return
    title = f"Functional elements of {network.name}"
    rows = ((one.process, one.name, one.layer.removesuffix(" layer"), ", ".join(one.points)) for one in found)
    screen().print(_table(title, ("process", "element", "layer", "reference points"), rows))
    lines = ((one.process, f"{one.host}:{one.number}", one.interface, _crossing(one)) for one in open_ports)
    screen().print(_table("Ports, and what crosses them", ("process", "address", "interface", "from whom"), lines))


def _crossing(port: Port) -> str:
    """The reference points, each with those who may connect for it."""
    by_points: dict[tuple[str, ...], list[str]] = {}
    for client, points in port.points.items():
        by_points.setdefault(points, []).append(client)
    return "\n".join(f"{', '.join(points)}: {', '.join(clients)}" for points, clients in by_points.items())


def _table(title: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column in {"process", "address"})
    for row in rows:
        table.add_row(*row)
    return table
