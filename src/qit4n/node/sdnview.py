"""The network in the shape of ETSI GS QKD 018 at the manager, from what the SDN agents of its sites say."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import msgspec

from qit4n.adapters import tls
from qit4n.interfaces.etsi015 import silent_node
from qit4n.interfaces.etsi015model import ROOT
from qit4n.interfaces.etsi018 import network_view
from qit4n.interfaces.restconf import DATA
from qit4n.network.model import Network

log = logging.getLogger(__name__)

ANSWER_LIMIT_S = 3.0
AT_ONCE = 32


async def seen_network(network: Network, directory: Path) -> dict[str, Any]:
    """Ask all sites, with the certificate in ``directory``; one that does not answer is shown as ``FAILURE``."""
    places = asyncio.Semaphore(AT_ONCE)
    async with httpx.AsyncClient(
        verify=tls.client_context(directory), timeout=ANSWER_LIMIT_S, trust_env=False
    ) as client:

        async def node(site: str) -> dict[str, Any]:
            host = network.site(site).host
            literal = f"[{host}]" if ":" in host else host
            url = f"https://{literal}:{network.control_agent_port(site)}{DATA}/{ROOT}"
            async with places:
                try:
                    answer = (await client.get(url)).raise_for_status()
                    found: dict[str, Any] = msgspec.json.decode(answer.content)[ROOT]
                except (httpx.HTTPError, msgspec.MsgspecError, KeyError) as error:
                    log.info("the SDN agent of site %s does not answer: %s", site, error or type(error).__name__)
                    return silent_node(network, site)
            return found

        return network_view(await asyncio.gather(*(node(site.id) for site in network.sites)))
