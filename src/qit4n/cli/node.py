"""``qit node``: run one site of a network."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from qit4n.adapters.system import protect_memory
from qit4n.errors import UnknownNetworkError
from qit4n.node.processes import log_to_standard_error, network_of, run_until_stopped, state_directory
from qit4n.node.site import SiteProcess

log = logging.getLogger(__name__)


def node(
    site: Annotated[str, typer.Argument(help="id of the site in the network file")],
    state: Annotated[Path | None, typer.Option(help="state directory of the network")] = None,
    supervised: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run one site: its key manager, its QKD modules and its ETSI GS QKD 014 server."""
    log_to_standard_error()
    directory = state_directory(state)
    network = network_of(directory)
    if site not in {one.id for one in network.sites}:
        names = ", ".join(one.id for one in network.sites)
        raise UnknownNetworkError(f"network {network.name} has no site {site}; its sites: {names}")
    log.info("%s", protect_memory())
    run_until_stopped(_run(SiteProcess(network, site, directory)), supervised=supervised)


async def _run(process: SiteProcess) -> None:
    await process.run()
