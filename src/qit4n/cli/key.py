"""``qit key``: get keys over ETSI GS QKD 014, as an application does, and see what is claimed of them."""

import asyncio
import base64
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from qit4n.cli import stream
from qit4n.cli.tabletext import screen
from qit4n.errors import KeyRequestError, QitError, UnknownNetworkError
from qit4n.node.processes import network_of, state_directory
from qit4n.node.questions import ask
from qit4n.refpoints import kq1, mc
from qit4n.service.client import KMEClient
from qit4n.service.sharedkey import SharedKey

app = typer.Typer(
    add_completion=False, help="Get keys over ETSI GS QKD 014, and see what is claimed of them.", no_args_is_help=True
)

app.add_typer(stream.app, name="stream")

As = Annotated[str, typer.Option("--as", help="SAE ID of the asking application")]
State = Annotated[Path | None, typer.Option(help="state directory of the network")]
KME = Annotated[str | None, typer.Option(help="base URL of the KME, instead of those of the network's state")]
Cert = Annotated[Path | None, typer.Option(help="client certificate (PEM)")]
Key = Annotated[Path | None, typer.Option(help="private key of the certificate (PEM)")]
CA = Annotated[Path | None, typer.Option(help="certificate of the authority (PEM)")]
JSON = Annotated[bool, typer.Option("--json", help="one JSON document, as the KME answers")]


def where(
    caller: str, state: Path | None, kme: str | None, cert: Path | None, key: Path | None, ca: Path | None
) -> tuple[tuple[str, ...], Path, Path, Path]:
    """Base URLs of the KMEs of an application, and its files: as given, or as the network's state has them."""
    if kme and cert and key and ca:
        return (kme,), cert, key, ca
    directory = state_directory(state)
    network = network_of(directory)
    application = network.application(caller)
    if application is None:
        names = ", ".join(one.id for one in network.applications)
        raise UnknownNetworkError(f"network {network.name} has no application {caller}; its applications: {names}")
    files = directory / "applications" / caller
    urls = (kme,) if kme else tuple(map(network.kme_url, application.homes))
    return urls, cert or files / "cert.pem", key or files / "key.pem", ca or files / "ca.pem"


def _print(keys: list[SharedKey], json_: bool) -> None:
    found = [{"key_ID": key.key_id, "key": base64.b64encode(key.value).decode()} for key in keys]
    if json_:
        print(msgspec.json.encode({"keys": found}).decode())
    else:
        for key in found:
            print(f"{key['key_ID']} {key['key']}")


@app.command()
def get(
    slave: Annotated[str, typer.Argument(help="SAE ID of the application to share with")],
    as_: As,
    number: Annotated[int, typer.Option(help="how many keys")] = 1,
    size: Annotated[int | None, typer.Option(help="bits per key; default: the KME's")] = None,
    also: Annotated[list[str] | None, typer.Option(help="additional slave SAE ID (may be repeated)")] = None,
    state: State = None,
    kme: KME = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
    json_: JSON = False,
) -> None:
    """Get fresh keys (014 'Get key'): prints key id and key in base64."""
    with KMEClient(*where(as_, state, kme, cert, key, ca)) as client:
        found = client.get_keys(slave, number=number, size=size, additional_slaves=also or ())
    _print(found, json_)


@app.command()
def dec(
    master: Annotated[str, typer.Argument(help="SAE ID of the application that got the keys")],
    key_ids: Annotated[list[str], typer.Argument(help="key ids")],
    as_: As,
    state: State = None,
    kme: KME = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
    json_: JSON = False,
) -> None:
    """Get the same keys by their ids (014 'Get key with key IDs'), each once."""
    with KMEClient(*where(as_, state, kme, cert, key, ca)) as client:
        found = client.get_keys_by_id(master, key_ids)
    _print(found, json_)


@app.command()
def status(
    slave: Annotated[str, typer.Argument(help="SAE ID of the application to share with")],
    as_: As,
    state: State = None,
    kme: KME = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
    json_: JSON = False,
) -> None:
    """Show how many keys can be had now (014 'Get status')."""
    with KMEClient(*where(as_, state, kme, cert, key, ca)) as client:
        found = client.status(slave)
    if json_:
        print(msgspec.json.encode(found).decode())
        return
    try:
        print(
            f"{found['stored_key_count']} keys of {found['key_size']} bits are ready for {found['master_SAE_ID']} "
            f"({found['source_KME_ID']}) and {found['slave_SAE_ID']} ({found['target_KME_ID']})"
        )
    except KeyError as error:
        raise KeyRequestError(200, f"the KME's Status lacks {error}") from error


@app.command()
def account(
    link: Annotated[str, typer.Argument(help="id of a QKD link")],
    state: State = None,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Show the security account of a link: what is claimed of its key, and from which figures."""
    directory = state_directory(state)
    network = network_of(directory)
    if link not in {one.id for one in network.links}:
        names = ", ".join(one.id for one in network.links)
        raise UnknownNetworkError(f"network {network.name} has no link {link}; its links: {names}")
    found = asyncio.run(ask(network, directory, mc.AskAccount(link=link)))
    if not isinstance(found, mc.AccountStatus):
        raise QitError("the controller answered something else than an account")
    if json_:
        print(msgspec.json.encode(found).decode())
    elif found.account is None or found.account.last is None:
        print(f"link {link} ({' - '.join(found.ends)}) has made no key yet")
    elif isinstance(found.account.last, kq1.DeviceAccount):
        screen().print(device_table(found.link, found.account, found.account.last))
    else:
        screen().print(account_tables(found.link, found.account, found.account.last))


def device_table(link: str, total: kq1.LinkAccount, last: kq1.DeviceAccount) -> Table:
    """The account of a link that gets finished key: whose claim it is, and how much came."""
    shown = Table(title=f"Security account of link {link}", title_justify="left", box=None, show_header=False)
    shown.add_column(style="dim", no_wrap=True)
    shown.add_column()
    before = f"{total.key_bits:,} bits in {total.blocks} blocks, epsilon {total.epsilon:.2e}; not in the figures above"
    for name, text in (
        ("security claim", "that of the device: how its key is made is not seen here, and no epsilon is stated"),
        ("device", last.device),
        ("interface", last.interface),
        ("last block", f"{last.key_bits:,} bits of {last.keys} keys in {last.duration_s:.3g} s"),
        ("from devices in all", f"{total.device_bits:,} bits in {total.device_blocks} blocks"),
        *((("distilled here", before),) if total.blocks else ()),
    ):
        shown.add_row(name, text)
    return shown


def account_tables(link: str, total: kq1.LinkAccount, last: kq1.SecurityAccount) -> Group:
    """The account for a terminal: the claim, then the figures of the last block and of all."""
    claim = Table(title=f"Security account of link {link}", title_justify="left", box=None, show_header=False)
    claim.add_column(style="dim", no_wrap=True)
    claim.add_column()
    for name, text in (
        ("protocol", last.protocol),
        ("proof", last.proof),
        ("concentration bound", last.concentration),
        ("error correction", last.reconciliation),
        ("verification", f"{last.verification_bits}-bit polynomial hash, drawn after correction (Poly1305)"),
        ("authentication", last.authentication),
        ("refused", "; ".join(last.abort_rules)),
        ("attacks covered", "coherent; the key is composable"),
        *((("besides", f"{total.device_bits:,} bits from a device: its claim"),) if total.device_bits else ()),
    ):
        claim.add_row(name, text)
    figures = Table(box=SIMPLE_HEAD, pad_edge=False)
    figures.add_column("")
    for name in ("last block", f"all {total.blocks} blocks"):
        figures.add_column(name, justify="right", no_wrap=True)
    for name, each, all_ in (
        ("emulated time", f"{last.duration_s:.3g} s", f"{total.duration_s:.4g} s"),
        ("sifted bits, key basis", f"{last.sifted_bits:,}", f"{total.sifted_bits:,}"),
        ("test bits", f"{last.test_bits:,}", ""),
        ("QBER, key basis", f"{last.qber:.3%}", ""),
        ("phase error, at most", f"{last.phase_error_bound:.3%}", ""),
        ("single photons, at least", f"{last.single_photon_bound:,.0f}", ""),
        ("leaked by the reference", f"{last.leaked_bits:,}", f"{total.leaked_bits:,}"),
        ("said by the corrector", f"{last.replies_bits:,}", f"{total.replies_bits:,}"),
        ("verification value", f"{last.verification_bits:,}", f"{total.verification_bits:,}"),
        ("secret bits handed over", f"{last.key_bits:,}", f"{total.key_bits:,}"),
        ("secret bits for authentication", f"{last.authentication_bits:,}", f"{total.authentication_bits:,}"),
        ("epsilon secrecy", f"{last.epsilon_secrecy:.2e}", f"{total.epsilon_secrecy:.2e}"),
        ("epsilon correctness", f"{last.epsilon_correctness:.2e}", f"{total.epsilon_correctness:.2e}"),
        ("epsilon authentication", f"{last.epsilon_authentication:.2e}", f"{total.epsilon_authentication:.2e}"),
        ("epsilon, sum", f"{last.epsilon:.2e}", f"{total.epsilon:.2e}"),
    ):
        figures.add_row(name, each, all_)
    return Group(claim, figures)
