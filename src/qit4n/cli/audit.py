"""``qit audit``: what became of each key at a site, who came to the manager, and whether the trails of it are whole."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from qit4n.adapters.accesstrail import access_trail, events_of
from qit4n.adapters.sealedstore import Trail
from qit4n.adapters.stores import open_trail
from qit4n.cli.tabletext import plain, screen
from qit4n.errors import AuditError, UnknownNetworkError
from qit4n.keys.audit import AuditEvent
from qit4n.keys.audit import verify as verify_rows
from qit4n.node.processes import network_of, state_directory

app = typer.Typer(
    add_completion=False, help="The audit trails of the sites' key managers and of the manager.", no_args_is_help=True
)
State = Annotated[Path | None, typer.Option(help="state directory of the network")]


@contextmanager
def _trail(state: Path, site: str) -> Iterator[Trail]:
    network = network_of(state)
    names = [one.id for one in network.sites]
    if site not in names:
        raise UnknownNetworkError(f"the network has no site {site}; its sites: {', '.join(names)}")
    with open_trail(state, network.name, site) as found:
        yield found


@app.command()
def verify(
    sites: Annotated[list[str] | None, typer.Argument(help="site ids; all if none is given")] = None,
    state: State = None,
) -> None:
    """Check the chain of hashes of each trail (all: the manager's too); an error names the first broken row."""
    directory = state_directory(state)
    for site in sites or [one.id for one in network_of(directory).sites]:
        with _trail(directory, site) as (rows, head, origin):
            try:
                last = verify_rows(rows, head, origin)
            except AuditError as error:
                raise AuditError(f"site {site}: {error}") from error
        gone = origin[0] if origin else 0
        before = f" (those up to {gone} were let go by the policy)" if gone else ""
        print(f"site {site}: {last.number - gone} rows{before}, whole; last hash {last.hash.hex()}")
    if not sites:
        _verify_access(directory)


def _verify_access(state: Path) -> None:
    with access_trail(state) as (rows, head):
        try:
            last = verify_rows(rows, head)
        except AuditError as error:
            raise AuditError(f"manager: {error}") from error
    print(f"manager: {last.number} rows, whole; last hash {last.hash.hex()}")


@app.command()
def access(
    last: Annotated[int, typer.Option(help="how many events, the last ones")] = 30,
    state: State = None,
    json_: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Show who logged in at the manager, was refused, had to wait, and logged out."""
    with access_trail(state_directory(state)) as (rows, _):
        found = deque((event for row in rows for event in events_of(row)), maxlen=last)
    if json_:
        for event in found:
            print(msgspec.json.encode(event).decode())
        return
    table = _table("time (UTC)", "step", "name", "address", "session")
    for event in found:
        table.add_row(_time(event.at), event.step, plain(event.name), event.source, event.session)
    screen().print(table)


@app.command()
def show(
    site: Annotated[str, typer.Argument(help="site id")],
    key: Annotated[
        str | None, typer.Option(help="key id, batch, slab, chunk or Key_stream_ID: only what became of it")
    ] = None,
    last: Annotated[int, typer.Option(help="how many events, the last ones")] = 30,
    state: State = None,
    json_: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Show what became of keys at a site."""
    with _trail(state_directory(state), site) as (rows, _, _):
        events = (event for row in rows for event in row.events())
        found = deque((event for event in events if key is None or _concerns(event, key)), maxlen=last)
    if json_:
        for event in found:
            print(msgspec.json.encode(event).decode())
        return
    table = _table("time (UTC)", "step", "subject", "bits", "parties", "note")
    for event in found:
        table.add_row(
            _time(event.at), event.step, event.subject, f"{event.bits:,}", " ".join(event.parties), event.note
        )
    screen().print(table)


def _table(*names: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold", justify="right" if name == "bits" else "left")
    return table


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")


def _concerns(event: AuditEvent, key: str) -> bool:
    """Whether an event is about a slab or chunk, a batch or that of a key id, a key stream or a chunk of it."""
    wanted = key.lower().replace("-", "")
    subject = event.subject.partition("/")[0] if "/" not in wanted else event.subject
    return event.subject == key or subject == wanted or (len(wanted) >= 24 and event.subject == wanted[:24])  # noqa: PLR2004
