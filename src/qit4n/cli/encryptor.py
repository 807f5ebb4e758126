"""``qit encryptor``: the agent that puts keys from the KME into an encryptor, with the one at the other end."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from qit4n.adapters.encryptoragent import Agent, Ends
from qit4n.adapters.system import SystemClock
from qit4n.cli.key import CA, KME, As, Cert, Key, State, where
from qit4n.errors import QitError
from qit4n.node.processes import run_until_stopped
from qit4n.service.encryptors import Encryptor
from qit4n.service.encryptors.strongswan import PPK_BITS, StrongSwan, Tunnel
from qit4n.service.encryptors.wireguard import KEY_BYTES, WireGuard

app = typer.Typer(add_completion=False, help="Agents that put keys into encryptors.", no_args_is_help=True)

With = Annotated[str, typer.Option("--with", help="SAE ID of the application at the other end")]
Carrier = Annotated[str, typer.Option(help="host:port where the end with the greater SAE ID listens; the same at both")]
Every = Annotated[float, typer.Option(help="seconds from key to key", min=0.5)]
JSON = Annotated[bool, typer.Option("--json", help="each event as one JSON object a line")]


@app.command()
def wireguard(
    interfaces: Annotated[tuple[str, str], typer.Argument(help="the two interfaces of the tunnel")],
    as_: As,
    with_: With,
    carrier: Carrier,
    every: Every = 10.0,
    state: State = None,
    kme: KME = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
    json_: JSON = False,
) -> None:
    """Replace the preshared key of a WireGuard tunnel again and again, until stopped."""
    found = where(as_, state, kme, cert, key, ca)
    _run(WireGuard(*interfaces), 8 * KEY_BYTES, (as_, with_, carrier, every, json_), found)


@app.command()
def strongswan(
    local: Annotated[str, typer.Argument(help="outer address of this end")],
    remote: Annotated[str, typer.Argument(help="outer address of the other end")],
    inside: Annotated[tuple[str, str], typer.Option(help="networks behind this end and behind the other")],
    as_: As,
    with_: With,
    carrier: Carrier,
    every: Every = 10.0,
    vici: Annotated[Path, typer.Option(help="VICI socket of the daemon")] = Path("/var/run/charon.vici"),
    state: State = None,
    kme: KME = None,
    cert: Cert = None,
    key: Key = None,
    ca: CA = None,
    json_: JSON = False,
) -> None:
    """Replace the PPK (RFC 8784) of an IPsec tunnel of strongSwan again and again, until stopped."""
    found = where(as_, state, kme, cert, key, ca)
    ends = {"local": local, "remote": remote, "local_network": inside[0], "remote_network": inside[1]}
    tunnel = Tunnel(**ends, own=as_, peer=with_, cert=found[1], key=found[2], ca=found[3])
    _run(StrongSwan(tunnel, vici), PPK_BITS, (as_, with_, carrier, every, json_), found)


def _run(
    encryptor: Encryptor,
    size: int,
    wanted: tuple[str, str, str, float, bool],
    found: tuple[tuple[str, ...], Path, Path, Path],
) -> None:
    own, peer, carrier, every, json_ = wanted
    kmes, cert, key, ca = found
    host, _, port = carrier.rpartition(":")
    if not host or not port.isdecimal():
        raise QitError(f"--carrier {carrier} is not host:port, as 192.0.2.7:7000")
    files = {"cert": cert, "key": key, "ca": ca}
    ends = Ends(
        own=own, peer=peer, host=host.strip("[]"), port=int(port), kmes=kmes, key_bits=size, every_s=every, **files
    )

    def told(event: str, facts: dict[str, Any]) -> None:
        at = datetime.fromtimestamp(SystemClock().now(), UTC).isoformat(timespec="milliseconds")
        if json_:
            line = msgspec.json.encode({"at": at, "event": event, **facts}).decode()
        else:
            reason = f": {facts['reason']}" if "reason" in facts else ""
            line = f"{at} {event}, key {facts['number']}{reason}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    async def run() -> None:
        await Agent(ends, encryptor, told).run()

    run_until_stopped(run())
