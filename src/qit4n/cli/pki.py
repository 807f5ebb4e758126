"""``qit pki``: certificates and pre-shared keys of a network; ``qit pki revoke`` takes a certificate back."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from typer.core import TyperGroup

from qit4n.adapters.accounts import make_accounts
from qit4n.adapters.certificates import issue_all
from qit4n.adapters.certificates import revoke as revoke_certificate
from qit4n.errors import NotReadyError
from qit4n.network.file import load
from qit4n.node.processes import is_running, state_directory, state_root


class FileFirst(TyperGroup):
    """``qit pki FILE`` is ``qit pki issue FILE``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the verb in where it was left out."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["issue", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=FileFirst,
    add_completion=False,
    no_args_is_help=True,
    help="Certificates of a network: qit pki FILE makes them.",
)


@app.command("issue")
def pki(
    file: Annotated[str, typer.Argument(help="network file, or the name of an example")],
    state: Annotated[Path | None, typer.Option(help="state directory; default: one per network name")] = None,
    renew: Annotated[
        list[str] | None, typer.Option(help="new certificate for this site or application, also if revoked")
    ] = None,
    renew_psk: Annotated[
        list[str] | None, typer.Option(help="new pre-shared key for this link (network stopped)")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """Make the certificates, store keys and pre-shared keys that are missing; renew what expires within 30 days."""
    network = load(file)
    directory = (state or state_root() / network.name).resolve()
    if renew_psk and is_running(directory):
        raise NotReadyError(f"a network runs with state {directory}: stop it first, then renew a pre-shared key")
    made = issue_all(network, directory, renew_psk or (), renew or ())
    make_accounts(directory)
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


@app.command("revoke")
def revoke(
    holder: Annotated[str, typer.Argument(help="id of the application or site")],
    state: Annotated[Path | None, typer.Option(help="state directory of the network")] = None,
) -> None:
    """Revoke the certificate of an application or site: running processes close its connections within a second."""
    directory = state.resolve() if state else state_directory(None)
    role, serial = revoke_certificate(directory, holder)
    print(f"revoked the certificate of {'application' if role == 'sae' else role} {holder}, serial {serial:x}")
