"""``qit fault``: emulate the cut of a fibre, or of all fibres in a duct, on the running network, and heal it."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from qit4n.cli.status import alarm_text
from qit4n.errors import NetworkFileError, PeerUnreachableError, UnknownNetworkError
from qit4n.management.correlation import stranded
from qit4n.management.failures import FAILED
from qit4n.network.ducts import cut_with, named
from qit4n.network.model import Network
from qit4n.node.processes import network_of, state_directory
from qit4n.node.questions import ask, ask_status
from qit4n.refpoints import mc

app = typer.Typer(
    add_completion=False, help="Emulated cuts of fibres and ducts on the running network.", no_args_is_help=True
)

Element = Annotated[str, typer.Argument(help="link, or duct: all links in it")]
State = Annotated[Path | None, typer.Option(help="state directory of the network")]
JSON = Annotated[bool, typer.Option("--json", help="one JSON document")]

ALARM_LIMIT_S = 10.0
POLL_S = 0.2


def _change(element: str, state: Path | None, *, cut: bool) -> tuple[Network, Path, list[str]]:
    directory = state_directory(state)
    network = network_of(directory)
    links = [link.id for link in cut_with(network, element)]
    if not links:
        known = f"its links: {', '.join(link.id for link in network.links)}"
        if network.ducts:
            known += f"; its ducts: {', '.join(network.ducts)}"
        raise UnknownNetworkError(f"network {network.name} has no link or duct {element}; {known}")
    for link in links:
        if network.device_of(network.link(link)) is not None:
            raise NetworkFileError(
                f"behind link {link} are real devices: only emulated fibre can be cut; pull the plug"
            )
    answer = asyncio.run(ask(network, directory, mc.CutFibre(element=element, cut=cut)))
    if not isinstance(answer, mc.CutFibres) or any((link in answer.links) != cut for link in links):
        raise PeerUnreachableError(f"the controller did not {'cut' if cut else 'heal'} {element}; see its log")
    return network, directory, links


@app.command("cut")
def cut(element: Element, state: State = None, json_: JSON = False) -> None:
    """Cut the quantum and the classical channel of a link, or of all links in a duct; show the manager's alarm."""
    network, directory, links = _change(element, state, cut=True)
    alarm = _alarm_of(network, directory, links)
    if json_:
        print(msgspec.json.encode({"cut": element, "links": links, "alarm": alarm}).decode())
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{_named(links)}: quantum and classical channel are cut. The alarm of the manager:")
    console.print(alarm_text(alarm))


def _alarm_of(network: Network, state: Path, links: list[str]) -> mc.Alarm:
    """The alarm: once its pools have other paths, at once where there are none, in any case after a while.

    Of a duct some links may have had alarms before: the newest of those that speak for its links is shown.
    """
    deadline, found = time.monotonic() + ALARM_LIMIT_S, list[mc.Alarm]()
    while time.monotonic() < deadline:
        status = asyncio.run(ask_status(network, state))
        cuts = [alarm for alarm in status.alarms if alarm.kind in {FAILED, "common-cause"}]
        found = [alarm for alarm in cuts if not {alarm.element, *alarm.about}.isdisjoint(links)]
        told = {one for alarm in found for one in (alarm.element, *alarm.about)}
        if told.issuperset(links) and (_newest(found).restored_s is not None or stranded(status, links)):
            break
        time.sleep(POLL_S)
    if not found:
        raise PeerUnreachableError(
            f"no alarm for {_named(links)} within {ALARM_LIMIT_S:.0f} s: is the manager up? qit status"
        )
    return _newest(found)


def _newest(alarms: list[mc.Alarm]) -> mc.Alarm:
    return max(alarms, key=lambda alarm: alarm.since)


def _named(links: list[str]) -> str:
    return named("link", tuple(links))


@app.command("heal")
def heal(element: Element, state: State = None) -> None:
    """Let light through again."""
    _, _, links = _change(element, state, cut=False)
    print(f"{_named(links)}: {'their fibres are' if len(links) > 1 else 'its fibre is'} whole again")


@app.command("list")
def list_(state: State = None, json_: JSON = False) -> None:
    """Show the links whose emulated fibre is cut, and the ducts of which all links are."""
    directory = state_directory(state)
    network = network_of(directory)
    answer = asyncio.run(ask(network, directory, mc.CutFibre()))
    links = answer.links if isinstance(answer, mc.CutFibres) else ()
    ducts = {duct: of_it for duct, of_it in network.ducts.items() if set(of_it) <= set(links)}
    if json_:
        print(msgspec.json.encode({"cut": links, "ducts": tuple(ducts)}).decode())
        return
    for link in links:
        within = named("duct", tuple(duct for duct, of_it in ducts.items() if link in of_it))
        print(f"{link} ({within})" if within else link)
    if not links:
        print("no fibre is cut")
