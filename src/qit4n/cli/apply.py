"""``qit apply``: change the running network to a changed file, after a look at what that means."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from qit4n.adapters.certificates import issue_all, revoke
from qit4n.coordination.reading import load_for
from qit4n.errors import NotReadyError, PeerUnreachableError, ProtocolError
from qit4n.network.changes import Changes, changes, digest, pinned
from qit4n.network.file import load
from qit4n.network.model import Network
from qit4n.node.processes import is_running, network_of, state_directory, write_network
from qit4n.node.questions import ask_status

LIMIT_S = 60.0
POLL_S = 0.3


def apply(
    file: Annotated[str, typer.Argument(help="the changed network file")],
    state: Annotated[Path | None, typer.Option(help="state directory of the network")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="show what would change, and change nothing")] = False,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Change the running network to a changed file. Keys flow on; ports of sites that stay do not change."""
    directory = state_directory(state)
    before = network_of(directory)
    after = pinned(before, load(file))
    load_for(after)
    found = changes(before, after)
    screen = Console(stderr=json_, highlight=False, soft_wrap=True)
    for line in (*found.lines(), *(f"  {one}" for one in found.consequences() if found)):
        screen.print(line, markup=False)
    if not found:
        screen.print("nothing changes")
    if found and not preview:
        if not is_running(directory):
            raise NotReadyError(f"no network runs with state {directory}: start it with the file, qit up {file}")
        if not yes:
            typer.confirm("Apply this?", abort=True, err=json_)
        took_s = _apply(after, found, directory)
        screen.print(f"applied in {took_s:.1f} s")
    if json_:
        print(msgspec.json.encode({"applied": bool(found) and not preview, "changes": found}).decode())


def _apply(after: Network, found: Changes, state: Path) -> float:
    """Give the running processes the new file; seconds until controller and sites have it."""
    began = time.monotonic()
    issue_all(after, state, renew=(*found.sites.added, *found.applications.added))
    write_network(after, state)
    deadline = began + LIMIT_S
    while not _is_applied(after, state):
        if time.monotonic() > deadline:
            raise NotReadyError(f"not applied after {LIMIT_S:.0f} s; see qit status, and the logs in {state / 'logs'}")
        time.sleep(POLL_S)
    for gone in (*found.sites.removed, *found.applications.removed):
        revoke(state, gone)
    return time.monotonic() - began


def _is_applied(network: Network, state: Path) -> bool:
    """Whether controller and all sites have the file."""
    try:
        status = asyncio.run(ask_status(network, state))
    except (PeerUnreachableError, ProtocolError):  # the controller starts anew
        return False
    return {status.file, *(site.file for site in status.sites if site.up)} == {digest(network)} and all(
        site.up for site in status.sites
    )
