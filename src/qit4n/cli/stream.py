"""``qit key stream``: key streams over ETSI GS QKD 004, as an application uses them."""

import base64
import hashlib
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from qit4n.errors import UnknownNetworkError
from qit4n.node.processes import network_of, state_directory
from qit4n.service.streams import PEER_NOT_CONNECTED, QoS, StreamClient

app = typer.Typer(
    add_completion=False,
    help="Key streams over ETSI GS QKD 004: equal chunks at two applications.",
    no_args_is_help=True,
)

As = Annotated[str, typer.Option("--as", help="id of the asking application")]
State = Annotated[Path | None, typer.Option(help="state directory of the network")]
Server = Annotated[str | None, typer.Option(help="host:port of the server, instead of that of the network's state")]
Cert = Annotated[Path | None, typer.Option(help="client certificate (PEM)")]
Key = Annotated[Path | None, typer.Option(help="private key of the certificate (PEM)")]
CA = Annotated[Path | None, typer.Option(help="certificate of the authority (PEM)")]
JSON = Annotated[bool, typer.Option("--json", help="JSON, one document a line")]
Stream = Annotated[str, typer.Argument(help="Key_stream_ID, as 'open' prints it")]


def _client(
    caller: str, state: Path | None, server: str | None, cert: Path | None, key: Path | None, ca: Path | None
) -> StreamClient:
    if server and cert and key and ca:
        return StreamClient(server, cert, key, ca)
    directory = state_directory(state)
    network = network_of(directory)
    application = network.application(caller)
    if application is None:
        names = ", ".join(one.id for one in network.applications)
        raise UnknownNetworkError(f"network {network.name} has no application {caller}; its applications: {names}")
    files = directory / "applications" / caller
    address = server or f"{network.site(application.site).host}:{network.key_stream_port(application.site)}"
    return StreamClient(address, cert or files / "cert.pem", key or files / "key.pem", ca or files / "ca.pem")


@app.command("open")
def open_(
    peer: Annotated[str, typer.Argument(help="id of the other application")],
    as_: As,
    stream: Annotated[str, typer.Option(help="Key_stream_ID that the other end has opened, or one agreed before")] = "",
    chunk_size: Annotated[int, typer.Option(help="bytes of a chunk; default: the key manager's")] = 0,
    min_bps: Annotated[int, typer.Option(help="least rate that is acceptable, in bit/s")] = 0,
    max_bps: Annotated[int, typer.Option(help="give no more than this, in bit/s; 0: no limit")] = 0,
    timeout: Annotated[int, typer.Option(help="milliseconds that a call may take; default: the key manager's")] = 0,
    ttl: Annotated[int, typer.Option(help="seconds that chunks wait; default: the key manager's")] = 0,
    state: State = None,
    server: Server = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
    json_: JSON = False,
) -> None:
    """Open an end of a stream (004 OPEN_CONNECT): prints its Key_stream_ID, which the other end is to be told."""
    qos = QoS(key_chunk_size=chunk_size, max_bps=max_bps, min_bps=min_bps, timeout=timeout, ttl=ttl)
    with _client(as_, state, server, cert, key, ca) as client:
        opened = client.open_connect(as_, peer, qos, stream)
    if json_:
        print(msgspec.json.encode(opened).decode())
        return
    print(opened.key_stream_id)
    if opened.status == PEER_NOT_CONNECTED:
        tell = f"qit key stream open {as_} --as {peer} --stream {opened.key_stream_id}"
        typer.echo(f"{peer} has not opened its end yet: {tell}", err=True)


@app.command()
def get(
    stream: Stream,
    as_: As,
    index: Annotated[int | None, typer.Option(help="first index; default: the next that this end has not got")] = None,
    number: Annotated[int, typer.Option(help="how many chunks")] = 1,
    digest: Annotated[bool, typer.Option("--digest", help="print SHA-256 of each chunk instead of the chunk")] = False,
    state: State = None,
    server: Server = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
    json_: JSON = False,
) -> None:
    """Get chunks (004 GET_KEY), each once: prints index and chunk in base64."""
    with _client(as_, state, server, cert, key, ca) as client:
        for place in range(number):
            chunk = client.get_key(stream, None if index is None else index + place)
            shown = hashlib.sha256(chunk.value).hexdigest() if digest else base64.b64encode(chunk.value).decode()
            if json_:
                found = {"index": chunk.index, "digest" if digest else "chunk": shown}
                print(msgspec.json.encode(found | {"age_ms": chunk.age_ms, "hops": chunk.hops}).decode())
            else:
                print(f"{chunk.index} {shown}")


@app.command()
def close(
    stream: Stream,
    as_: As,
    state: State = None,
    server: Server = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
) -> None:
    """Close an end (004 CLOSE); the other end keeps the chunks that wait for it until their TTL."""
    with _client(as_, state, server, cert, key, ca) as client:
        client.close(stream)
