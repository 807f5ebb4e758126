"""``qit check``: is this a network file, and what is wrong with it?"""

from typing import Annotated, Any

import msgspec
import typer

from qit4n.errors import NetworkFileError
from qit4n.network.file import Examination, examine, read
from qit4n.network.model import Link, Network
from qit4n.network.yamltext import Problem
from qit4n.quantum.link import predict
from qit4n.units import rate_text


def check(
    file: Annotated[str, typer.Argument(help="network file, or the name of an example")],
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """List all problems of a network file at once, or say what it describes and what its links will do."""
    text, name = read(file)
    found = examine(text, name)
    if json_:
        print(msgspec.json.encode(_document(name, found)).decode())
        if found.problems:
            raise typer.Exit(NetworkFileError.exit_code)
    elif found.network is None:
        count = len(found.problems)
        title = f"{name} has {count} problem{'s' if count > 1 else ''}"
        raise NetworkFileError("\n".join([title, *map(str, found.problems)]))
    else:
        _describe(found.network)
        for warning in found.warnings:
            print(f"warning: {warning}")


def _document(name: str, found: Examination) -> dict[str, Any]:
    document: dict[str, Any] = {
        "file": name,
        "ok": not found.problems,
        "problems": [_plain(one) for one in found.problems],
        "warnings": [_plain(one) for one in found.warnings],
    }
    return document | ({"network": _summary(found.network)} if found.network else {})


def _plain(one: Problem) -> dict[str, str | int]:
    return {"line": one.line, "column": one.column, "path": one.path, "what": one.what, "right": one.right}


def _summary(network: Network) -> dict[str, Any]:
    return {
        "name": network.name,
        "sites": len(network.sites),
        "length_km": sum(link.medium.length_km for link in network.links),
        "applications": len(network.applications),
        "demands": len(network.demands),
        "links": {link.id: _link_summary(network, link) for link in network.links},
    }


def _link_summary(network: Network, link: Link) -> dict[str, Any]:
    device = network.device_of(link)
    if device is not None:
        return {"device": link.module, "interface": device.interface}
    found = predict(network, link)
    return {
        "protocol": network.modules[link.module].protocol,
        "secret_rate_bps": found.secret_rate_bps,
        "qber": found.qber,
        "sifted_rate_bps": found.sifted_rate_bps,
        "key_bits_per_block": found.key_bits_per_block,
        "block_duration_s": found.block_duration_s,
    }


def _describe(network: Network) -> None:
    length = sum(link.medium.length_km for link in network.links)
    print(
        f"{network.name}: {len(network.sites)} sites, {len(network.links)} links, {length:g} km, "
        f"{len(network.applications)} applications, {len(network.demands)} demands"
    )
    for link in network.links:
        print(f"  {link.id}: {_link_line(network, link)}")


def _link_line(network: Network, link: Link) -> str:
    device, way = network.device_of(link), f"{link.medium.length_km:g} km, {link.medium.loss_db:g} dB"
    if device is not None:
        return f"device {link.module} over {device.interface}, {way}: its rate is measured, not predicted"
    found = predict(network, link)
    note = "" if found.secret_rate_bps else "  <- no key: too lossy or noisy, or block_bits too small"
    return (
        f"{network.modules[link.module].protocol}, {way}: "
        f"{rate_text(found.secret_rate_bps)} predicted, QBER {found.qber:.2%}, "
        f"a block each {found.block_duration_s:.3g} s{note}"
    )
