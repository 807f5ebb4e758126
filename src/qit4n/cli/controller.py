"""``qit controller``: run the controller of a network."""

from pathlib import Path
from typing import Annotated

import typer

from qit4n.node.controller import ControllerProcess
from qit4n.node.processes import log_to_standard_error, network_of, run_until_stopped, state_directory


def controller(
    state: Annotated[Path | None, typer.Option(help="state directory of the network")] = None,
    supervised: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the QKDN controller: it hears the sites and gives them their relay paths."""
    log_to_standard_error()
    directory = state_directory(state)
    run_until_stopped(ControllerProcess(network_of(directory), directory).run(), supervised=supervised)
