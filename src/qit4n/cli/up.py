"""``qit up``: run a whole network on this machine, until Ctrl-C."""

import asyncio
import contextlib
import math
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from qit4n.adapters.accounts import PASSWORDS, make_accounts
from qit4n.adapters.certificates import issue_all
from qit4n.coordination.reading import load_for
from qit4n.errors import NetworkFileError, StoreError
from qit4n.network.file import examine, load
from qit4n.network.generate import to_yaml
from qit4n.network.model import Eavesdropper, Network
from qit4n.node.processes import claimed, run_until_stopped, state_root, write_network
from qit4n.node.supervisor import Supervisor
from qit4n.refpoints import mc
from qit4n.units import bits_text, rate_text

MOST_LINES = 12


def up(
    network: Annotated[str, typer.Argument(help="network file, or the name of an example")] = "two-data-centres",
    state: Annotated[Path | None, typer.Option(help="state directory; default: one per network name")] = None,
    base_port: Annotated[int | None, typer.Option(help="first TCP port, instead of the file's")] = None,
    eavesdrop: Annotated[
        list[str] | None, typer.Option(metavar="LINK=SHARE", help="emulate intercept-resend on a share of the pulses")
    ] = None,
    replicas: Annotated[
        int, typer.Option(min=1, help="processes per site, one serves and the others stand by; needs PostgreSQL")
    ] = 1,
    postgres: Annotated[
        str | None, typer.Option(metavar="CONNINFO", help="a PostgreSQL server for replicas, instead of a private one")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="one line of JSON when keys flow; then run on")] = False,
) -> None:
    """Start all processes of a network, restart what dies, stop all on Ctrl-C."""
    described = _changed(load(network), base_port, eavesdrop or [])
    load_for(described)
    directory = state or state_root() / described.name
    run_until_stopped(_up(described, directory.resolve(), replicas=replicas, postgres=postgres, json_=json_))


def _changed(network: Network, base_port: int | None, eavesdrop: list[str]) -> Network:
    if base_port is not None:
        network = msgspec.structs.replace(network, base_port=base_port)
        problems = examine(to_yaml(network), "--base-port").problems
        if problems:
            raise NetworkFileError("\n".join(f"--base-port {base_port}: {one.what}; {one.right}" for one in problems))
    emulated = {one.id for one in network.links if network.device_of(one) is None}
    for attack in eavesdrop:
        link, _, share = attack.partition("=")
        if link not in {one.id for one in network.links}:
            raise NetworkFileError(f"--eavesdrop {attack}: no link {link} in network {network.name}")
        if link not in emulated:
            raise NetworkFileError(f"--eavesdrop {attack}: behind link {link} is a device, which is no emulation")
        eavesdropper = Eavesdropper(intercept_fraction=_share(attack, share))
        links = tuple(
            msgspec.structs.replace(one, eavesdropper=eavesdropper) if one.id == link else one for one in network.links
        )
        network = msgspec.structs.replace(network, links=links)
    return network


def _share(attack: str, share: str) -> float:
    try:
        found = float(share or "1")
    except ValueError:
        found = math.nan
    if not 0.0 <= found <= 1.0:
        raise NetworkFileError(f"--eavesdrop {attack}: the share must be a number from 0 to 1, such as 0.25")
    return found


def prepare(network: Network, state: Path) -> None:
    """Make the state directory: the network file that runs there, certificates, pre-shared keys."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    issue_all(network, state)  # first: it finds out whether the directory is another network's
    make_accounts(state)
    write_network(network, state)


@contextlib.contextmanager
def _prepared(network: Network, state: Path) -> Iterator[None]:
    """The state directory is this process's own inside the block, and holds what the network needs."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(state, error) from error
    with claimed(state):
        try:
            prepare(network, state)
        except OSError as error:
            raise _unwritable(state, error) from error
        yield


def _unwritable(state: Path, error: OSError) -> StoreError:
    where = f" ({error.filename})" if error.filename and error.filename != str(state) else ""
    return StoreError(
        f"the state directory {state} cannot be written: {error.strerror or error}{where}; "
        "make room or give it to this user, or name another one with --state"
    )


async def _up(network: Network, state: Path, *, replicas: int, postgres: str | None, json_: bool) -> None:
    screen = Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)
    with _prepared(network, state):
        supervisor = Supervisor(
            network, state, lambda text: screen.print(f"  {text}"), replicas=replicas, postgres=postgres
        )
        screen.print(f"network {network.name}: {len(network.sites)} sites, {len(network.links)} links; state {state}")
        async with supervisor.running():
            with screen.status("starting the processes") as line:
                report = await supervisor.until_ready(lambda status: line.update(Text(progress(status))))
            if json_:
                print(ready_line(network, state), flush=True)
            else:
                _show_ready(screen, network, state, report)
            await asyncio.Event().wait()


def progress(status: mc.NetworkStatus) -> str:
    """One line: how far the network is from supplying keys."""
    up_now = sum(site.up for site in status.sites)
    with_key = sum(link.stock_bits > 0 for link in status.links)
    ready = sum(pool.ready_bits > 0 for pool in status.pools)
    stock = bits_text(sum(link.stock_bits for link in status.links))
    alarms = f"; {len(status.alarms)} alarms: {status.alarms[0].text}" if status.alarms else ""
    return (
        f"sites up {up_now}/{len(status.sites)}, links with key {with_key}/{len(status.links)} ({stock}), "
        f"pools with key {ready}/{len(status.pools)}{alarms}"
    )


class Access(msgspec.Struct, kw_only=True):
    """What an application needs to get keys: base URLs of its KMEs, the first again as ``kme``, and its three files.

    Key streams are at its first site.
    """

    kme: str
    kmes: tuple[str, ...]
    key_streams: str
    cert: str
    key: str
    ca: str
    site: str


def applications(network: Network, state: Path) -> dict[str, Access]:
    """Of each application."""
    found = {}
    for application in network.applications:
        files = state / "applications" / application.id
        host = network.site(application.site).host
        kmes = tuple(map(network.kme_url, application.homes))
        found[application.id] = Access(
            kme=kmes[0],
            kmes=kmes,
            key_streams=f"{host}:{network.key_stream_port(application.site)}",
            cert=str(files / "cert.pem"),
            key=str(files / "key.pem"),
            ca=str(files / "ca.pem"),
            site=application.site,
        )
    return found


def ready_line(network: Network, state: Path) -> str:
    """The line for scripts, see ``qit up --json``."""
    return msgspec.json.encode(
        {"ready": True, "dashboard": dashboard(network), "applications": applications(network, state)}
    ).decode()


def dashboard(network: Network) -> str:
    """The address of the dashboard."""
    host = network.controller_host
    return f"https://{f'[{host}]' if ':' in host else host}:{network.manager_port()}/"


def link_line(link: mc.LinkStatus) -> str:
    """One link in one line, measured beside predicted."""
    if link.predicted_rate_bps is None or link.qber is None or link.predicted_qber is None:
        return f"{link.link}: {link.state}, {rate_text(link.secret_rate_bps)} from device {link.device}"
    rate = f"{rate_text(link.secret_rate_bps)} ({rate_text(link.predicted_rate_bps)} predicted)"
    return f"{link.link}: {link.state}, {rate}, QBER {link.qber:.2%} ({link.predicted_qber:.2%} predicted)"


def _show_ready(screen: Console, network: Network, state: Path, report: mc.NetworkStatus) -> None:
    for link in report.links if len(report.links) <= MOST_LINES else ():
        screen.print(f"  {link_line(link)}")
    memory = [site.memory_bytes for site in report.sites]
    rate = sum(link.secret_rate_bps for link in report.links)
    screen.print(f"memory per site: {max(memory) / 1e6:.0f} MB at most, {sum(memory) / 1e9:.2f} GB in all")
    flow = f"keys flow: {rate_text(rate)} of secret key over all links" if rate else "keys are ready, from stock"
    screen.print(f"{flow}. Ctrl-C stops the network.\n")
    screen.print(f"Dashboard: {dashboard(network)}; log in as operator, with the password in")
    screen.print(f"{state / PASSWORDS / 'operator'}\n")
    if network.demands:
        screen.print("Get a key at one site, and the same key by its id at the other:\n")
        screen.print(two_requests(network, state))


def two_requests(network: Network, state: Path) -> str:
    """Two ready-to-paste requests with curl, and the same with qit; the second perhaps at a neighbour."""
    found = applications(network, state)
    pair = network.demands[0].between
    master, slave = pair if pair[0] in found else pair[::-1]
    here = slave in found
    abroad = next((name for name, one in network.neighbours.items() if slave in one.applications), "")

    def curl(who: str, path: str) -> str:
        files = found[who]
        return f"curl --cacert {files.ca} --cert {files.cert} --key {files.key} \\\n  '{files.kme}/api/v1/keys/{path}'"

    qit = Path(sys.argv[0]) if Path(sys.argv[0]).name == "qit" and shutil.which("qit") is None else "qit"
    there = "" if here else f"(in network {abroad}) "
    get = f"{qit} key get {slave} --as {master} --state {state}"
    dec = f"{qit} key dec {master} KEY_ID --as {slave} --state {state if here else 'STATE'}"
    status = f"{qit} status --state {state}"
    requests = [curl(master, f"{slave}/enc_keys")]
    if here:
        requests.append(curl(slave, f"{master}/dec_keys?key_ID=KEY_ID"))
    return "\n".join([*requests, "", get, there + dec, status])
