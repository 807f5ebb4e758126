"""``qit sdn``: a small SDN controller's client: ETSI GS QKD 015 data and notifications of sites, 018 of the network."""

from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer

from qit4n.adapters import tls
from qit4n.adapters.managerclient import ask_manager
from qit4n.cli.key import State
from qit4n.errors import PeerUnreachableError, QitError, UnknownNetworkError
from qit4n.interfaces.etsi015model import MODULE, ROOT
from qit4n.interfaces.etsi018 import VIEW
from qit4n.interfaces.restconf import DATA, STREAM
from qit4n.network.model import Network
from qit4n.node.processes import network_of, state_directory

app = typer.Typer(
    add_completion=False, help="ETSI GS QKD 015 at every site (RESTCONF), and 018 of the network.", no_args_is_help=True
)

SiteName = Annotated[str, typer.Argument(help="id of a site")]
TIMEOUT_S = 10.0


def _client(state: Path, network: Network, site: str, *, follow: bool = False) -> httpx.Client:
    if site not in {one.id for one in network.sites}:
        names = ", ".join(one.id for one in network.sites)
        raise UnknownNetworkError(f"network {network.name} has no site {site}; its sites: {names}")
    host = network.site(site).host
    literal = f"[{host}]" if ":" in host else host
    return httpx.Client(
        base_url=f"https://{literal}:{network.control_agent_port(site)}",
        verify=tls.client_context(state / "operator"),
        timeout=None if follow else TIMEOUT_S,
    )


def _call(state: Path, network: Network, site: str, method: str, path: str, body: bytes = b"") -> Any:
    try:
        with _client(state, network, site) as client:
            answer = client.request(method, path, content=body)
    except httpx.TransportError as failure:
        raise PeerUnreachableError(f"the SDN agent of site {site} does not answer: {failure}") from failure
    found: Any = msgspec.json.decode(answer.content) if answer.content else None
    if answer.is_error and found is not None:
        (error,) = found["ietf-restconf:errors"]["error"]
        raise QitError(f"site {site}: {answer.status_code} {error['error-message']}")
    return found


def _print(document: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(document)).decode())


@app.command()
def get(
    site: SiteName,
    path: Annotated[str, typer.Argument(help="below qkd_node, as qkd_links/qkd_link=UUID")] = "",
    state: State = None,
) -> None:
    """Read the data of a site, or a part of them."""
    directory = state_directory(state)
    _print(_call(directory, network_of(directory), site, "GET", f"{DATA}/{ROOT}/{path}".rstrip("/")))


@app.command()
def enable(
    site: SiteName,
    link: Annotated[str, typer.Argument(help="UUID of a physical link (qkdl_id)")],
    off: Annotated[bool, typer.Option("--off", help="switch it off")] = False,
    state: State = None,
) -> None:
    """Switch a QKD link on, or off: then it makes no key. The transmitter's site decides."""
    directory = state_directory(state)
    path = f"{DATA}/{ROOT}/qkd_links/qkd_link={link}/qkdl_enable"
    body = msgspec.json.encode({f"{MODULE}:qkdl_enable": not off})
    _call(directory, network_of(directory), site, "PUT", path, body)


@app.command()
def bound(
    site: SiteName,
    application: Annotated[str, typer.Argument(help="UUID of an application (app_id)")],
    rate: Annotated[int | None, typer.Argument(help="bit/s; 0 for none; without it the bound is taken away")] = None,
    state: State = None,
) -> None:
    """Bound the key that two applications get at a site by requests (max_bandwidth of the application's QoS)."""
    directory = state_directory(state)
    path = f"{DATA}/{ROOT}/qkd_applications/qkd_app={application}/app_qos/max_bandwidth"
    body = b"" if rate is None else msgspec.json.encode({f"{MODULE}:max_bandwidth": rate})
    _call(directory, network_of(directory), site, "DELETE" if rate is None else "PUT", path, body)


@app.command()
def watch(site: SiteName, state: State = None) -> None:
    """Print each notification of a site as one line of JSON, until Ctrl-C."""
    directory = state_directory(state)
    network = network_of(directory)
    try:
        with _client(directory, network, site, follow=True) as client, client.stream("GET", STREAM) as events:
            for line in events.iter_lines():
                if line.startswith("data: "):
                    print(line.removeprefix("data: "), flush=True)
    except httpx.TransportError as error:
        raise PeerUnreachableError(f"the SDN agent of site {site} does not answer: {error}") from error


@app.command()
def network(state: State = None) -> None:
    """Print the whole network in the shape of ETSI GS QKD 018, as the manager has it of the sites."""
    directory = state_directory(state)
    _print(ask_manager(network_of(directory), directory, VIEW, dict[str, Any]))
