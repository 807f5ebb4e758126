"""``qit check``: is this a network file, and what is wrong with it?"""

from typing import Annotated

import msgspec
import typer

from qit4n.errors import NetworkFileError
from qit4n.network.file import check as examine
from qit4n.network.file import parse, read
from qit4n.network.model import Network
from qit4n.quantum.link import predict
from qit4n.units import rate_text


def check(
    file: Annotated[str, typer.Argument(help="network file, or the name of an example")],
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """List all problems of a network file at once, or say what it describes and what its links will do."""
    text, name = read(file)
    problems = examine(text, name)
    if json_:
        found = [
            {"line": p.line, "column": p.column, "path": p.path, "what": p.what, "right": p.right} for p in problems
        ]
        print(msgspec.json.encode({"file": name, "ok": not problems, "problems": found}).decode())
        if problems:
            raise typer.Exit(NetworkFileError.exit_code)
    elif problems:
        raise NetworkFileError(f"{len(problems)} problems\n" + "\n".join(map(str, problems)))
    else:
        _describe(parse(text, name))


def _describe(network: Network) -> None:
    length = sum(link.medium.length_km for link in network.links)
    print(
        f"{network.name}: {len(network.sites)} sites, {len(network.links)} links, {length:g} km, "
        f"{len(network.applications)} applications, {len(network.demands)} demands"
    )
    for link in network.links:
        found = predict(network, link)
        note = "" if found.secret_rate_bps else "  <- no key: too lossy, too noisy, or blocks too small"
        medium = f"{link.medium.length_km:g} km, {link.medium.loss_db:g} dB"
        rate = f"{rate_text(found.secret_rate_bps)} predicted, QBER {found.qber:.2%}"
        print(f"  {link.id}: {medium}: {rate}, a block each {found.block_duration_s:.3g} s{note}")
