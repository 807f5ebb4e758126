"""``qit key``: get keys over ETSI GS QKD 014, as an application does."""

import base64
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from qit4n.errors import KeyRequestError, UnknownNetworkError
from qit4n.node.processes import network_of, state_directory
from qit4n.service.client import KMEClient, SharedKey

app = typer.Typer(help="Get keys over ETSI GS QKD 014.", no_args_is_help=True)

As = Annotated[str, typer.Option("--as", help="SAE ID of the asking application")]
State = Annotated[Path | None, typer.Option(help="state directory of the network")]
KME = Annotated[str | None, typer.Option(help="base URL of the KME, instead of that of the network's state")]
Cert = Annotated[Path | None, typer.Option(help="client certificate (PEM)")]
Key = Annotated[Path | None, typer.Option(help="private key of the certificate (PEM)")]
CA = Annotated[Path | None, typer.Option(help="certificate of the authority (PEM)")]
JSON = Annotated[bool, typer.Option("--json", help="one JSON document, as the KME answers")]


def _client(
    caller: str, state: Path | None, kme: str | None, cert: Path | None, key: Path | None, ca: Path | None
) -> KMEClient:
    if kme and cert and key and ca:
        return KMEClient(kme, cert, key, ca)
    directory = state_directory(state)
    network = network_of(directory)
    application = network.application(caller)
    if application is None:
        names = ", ".join(one.id for one in network.applications)
        raise UnknownNetworkError(f"network {network.name} has no application {caller}; its applications: {names}")
    files = directory / "applications" / caller
    host = network.site(application.site).host
    literal = f"[{host}]" if ":" in host else host  # an IPv6 address (RFC 3986 3.2.2)
    url = kme or f"https://{literal}:{network.kme_port(application.site)}"
    return KMEClient(url, cert or files / "cert.pem", key or files / "key.pem", ca or files / "ca.pem")


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
    client = _client(as_, state, kme, cert, key, ca)
    _print(client.get_keys(slave, number=number, size=size, additional_slaves=tuple(also or ())), json_)


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
    _print(_client(as_, state, kme, cert, key, ca).get_keys_by_id(master, key_ids), json_)


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
    found = _client(as_, state, kme, cert, key, ca).status(slave)
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
