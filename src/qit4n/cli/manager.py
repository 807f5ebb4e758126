"""``qit manager``: run the manager of a network."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qit4n.coordination.reading import load_for
from qit4n.node.manager import ManagerProcess
from qit4n.node.processes import log_to_standard_error, network_of, run_until_stopped, state_directory

if TYPE_CHECKING:
    from qit4n.node.managerpages import Mount

NICENESS = 5  # keys before pictures of them


def manager(
    state: Annotated[Path | None, typer.Option(help="state directory of the network")] = None,
    supervised: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the QKDN manager: alarms, history, reports, the dashboard."""
    log_to_standard_error()
    directory = state_directory(state)
    network = network_of(directory)
    if not supervised:  # qit up has looked; a manager that starts anew watches alarms, whatever became of the tables
        load_for(network)
    os.nice(NICENESS)
    run_until_stopped(ManagerProcess(network, directory, pages).run(), supervised=supervised)


def pages() -> "Mount":
    """The dashboard, loaded when the first browser comes."""
    from qit4n.dashboard.app import mount  # noqa: PLC0415 - see above

    return mount
