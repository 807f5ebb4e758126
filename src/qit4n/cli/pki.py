"""``qit pki``: certificates and pre-shared keys of a network."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from qit4n.adapters.certificates import issue_all
from qit4n.network.file import load
from qit4n.node.processes import state_root


def pki(
    file: Annotated[str, typer.Argument(help="network file, or the name of an example")],
    state: Annotated[Path | None, typer.Option(help="state directory; default: one per network name")] = None,
    renew_psk: Annotated[
        list[str] | None, typer.Option(help="new pre-shared key for this link (network stopped)")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Make the certificates, store keys and pre-shared keys that are missing; renew what expires within 30 days."""
    network = load(file)
    directory = (state or state_root() / network.name).resolve()
    made = issue_all(network, directory, renew_psk or ())
    if json_:
        found = [
            {"path": str(one.path), "action": one.action, "expires": one.expires.isoformat() if one.expires else None}
            for one in made
        ]
        print(msgspec.json.encode({"state": str(directory), "files": found}).decode())
        return
    for one in made:
        expires = f", expires {one.expires:%Y-%m-%d}" if one.expires else ""
        print(f"{one.action} {one.path.relative_to(directory)}{expires}")
