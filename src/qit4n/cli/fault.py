"""``qit fault``: emulate a fibre cut on the running network, and heal it."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from qit4n.cli.status import alarm_text
from qit4n.errors import NetworkFileError, PeerUnreachableError, UnknownNetworkError
from qit4n.management.correlation import leads_round
from qit4n.network.model import Network
from qit4n.node.processes import network_of, state_directory
from qit4n.node.questions import ask, ask_status
from qit4n.refpoints import mc

app = typer.Typer(add_completion=False, help="Emulated fibre cuts on the running network.", no_args_is_help=True)

LinkId = Annotated[str, typer.Argument(help="link id")]
State = Annotated[Path | None, typer.Option(help="state directory of the network")]
JSON = Annotated[bool, typer.Option("--json", help="one JSON document")]

ALARM_LIMIT_S = 10.0
POLL_S = 0.2


def _change(link_id: str, state: Path | None, *, cut: bool) -> tuple[Network, Path]:
    directory = state_directory(state)
    network = network_of(directory)
    known = [link.id for link in network.links]
    if link_id not in known:
        raise UnknownNetworkError(f"network {network.name} has no link {link_id}; its links: {', '.join(known)}")
    if network.device_of(network.link(link_id)) is not None:
        raise NetworkFileError(f"behind link {link_id} are real devices: only emulated fibre can be cut; pull the plug")
    answer = asyncio.run(ask(network, directory, mc.CutFibre(link=link_id, cut=cut)))
    if not isinstance(answer, mc.CutFibres) or (link_id in answer.links) != cut:
        raise PeerUnreachableError(f"the controller did not {'cut' if cut else 'heal'} {link_id}; see its log")
    return network, directory


@app.command("cut")
def cut(link: LinkId, state: State = None, json_: JSON = False) -> None:
    """Cut the quantum and the classical channel of a link; wait for the manager's alarm, and show it."""
    network, directory = _change(link, state, cut=True)
    alarm = _alarm_of(network, directory, link)
    if json_:
        print(msgspec.json.encode({"cut": link, "alarm": alarm}).decode())
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"link {link}: quantum and classical channel are cut. The alarm of the manager:")
    console.print(alarm_text(alarm))


def _alarm_of(network: Network, state: Path, link: str) -> mc.Alarm:
    """The alarm: once its pools have other paths, at once where there are none, in any case after a while."""
    deadline, found = time.monotonic() + ALARM_LIMIT_S, None
    while time.monotonic() < deadline:
        status = asyncio.run(ask_status(network, state))
        found = next((alarm for alarm in status.alarms if alarm.element == link), found)
        if found is not None and (found.restored_s is not None or not leads_round(status, link)):
            break
        time.sleep(POLL_S)
    if found is None:
        raise PeerUnreachableError(
            f"no alarm for link {link} within {ALARM_LIMIT_S:.0f} s: is the manager up? qit status"
        )
    return found


@app.command("heal")
def heal(link: LinkId, state: State = None) -> None:
    """Let light through again."""
    _change(link, state, cut=False)
    print(f"link {link}: its fibre is whole again")


@app.command("list")
def list_(state: State = None, json_: JSON = False) -> None:
    """Show the links whose emulated fibre is cut."""
    directory = state_directory(state)
    answer = asyncio.run(ask(network_of(directory), directory, mc.CutFibre()))
    links = answer.links if isinstance(answer, mc.CutFibres) else ()
    print(msgspec.json.encode({"cut": links}).decode() if json_ else "\n".join(links) or "no fibre is cut")
