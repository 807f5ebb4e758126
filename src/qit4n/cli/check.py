"""``qit check``: is this a network file, and what is wrong with it?"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from qit4n.coordination.reading import load_for
from qit4n.errors import NetworkFileError, StandardsDataError
from qit4n.network import yamltext
from qit4n.network.devices import located
from qit4n.network.file import Examination, examine, read
from qit4n.network.model import Link, Network, Switch
from qit4n.network.resilience import SinglePoints, single_points
from qit4n.network.yamltext import Problem
from qit4n.quantum.link import channel_db, planned_shares, predict
from qit4n.quantum.passes import nearest_km
from qit4n.units import rate_text

MOST_DEMANDS = 12


def check(
    file: Annotated[str, typer.Argument(help="network file, or the name of an example")],
    json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """List all problems of a network file at once, or say what it describes and what its links will do."""
    text, name = read(file)
    found = _with_tables(examine(text, name), text, name)
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


def _with_tables(found: Examination, text: str, name: str) -> Examination:
    """With what is wrong about the folder of tables that the file names."""
    if found.network is None or not found.network.standards:
        return found
    try:
        load_for(located(found.network, Path(name).parent))
    except StandardsDataError as error:
        _, places = yamltext.read(text, name)
        right = "mend them, or name another folder; without 'standards' the shipped ones are shown"
        problem = places.problem(("standards",), str(error).removeprefix("standards: "), right)
        return Examination(network=None, problems=(problem,))
    return found


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
        "switches": {switch.id: planned_shares(network, switch) for switch in network.switches},
        "single_points": [
            {
                "between": one.between,
                "links": one.links,
                "ducts": one.ducts or (),
                "sites": one.sites,
                "own_sites": one.own,
            }
            for one in single_points(network)
        ],
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
    for switch in network.switches:
        print(f"  {switch.id}: {_switch_line(network, switch)}")
    for duct, links in network.ducts.items():
        print(f"  {duct}: duct of {', '.join(links)}")
    _describe_survival(single_points(network))


def _describe_survival(demands: tuple[SinglePoints, ...]) -> None:
    """What one failure stops: each demand, or how many there are."""
    if len(demands) <= MOST_DEMANDS:
        for one in demands:
            print(f"  {' - '.join(one.between)}: {one}")
    else:
        links, ducts, sites = (sum(not getattr(one, kind) for one in demands) for kind in ("links", "ducts", "sites"))
        duct = "" if demands[0].ducts is None else f", {ducts} any one duct"
        survive = f"{links} survive any one link{duct}, {sites} any one site but their own"
        print(f"  of {len(demands)} demands {survive} (--json)")


def _switch_line(network: Network, switch: Switch) -> str:
    shares = planned_shares(network, switch)
    given = ", ".join(f"{link} {share:.1%}" for link, share in shares.items())
    return (
        f"optical switch at {switch.site}, {switch.loss_db:g} dB, {len(switch.links)} links in rounds of "
        f"{switch.period_s:g} s; key is made {sum(shares.values()):.0%} of the time: {given}"
    )


def _link_line(network: Network, link: Link) -> str:
    device, nearest = network.device_of(link), nearest_km(network, link)
    way = f"{link.medium.length_km if nearest is None else nearest:.5g} km, {channel_db(network, link, nearest):.3g} dB"
    if link.medium.kind != "fibre":
        overhead = " overhead" if link.medium.kind == "satellite" else " at the nearest" if link.medium.orbit else ""
        way = f"{link.medium.kind}, {way}{overhead}"
    if device is not None:
        return f"device {link.module} over {device.interface}, {way}: its rate is measured, not predicted"
    found = predict(network, link)
    during = " during passes" if link.medium.orbit else ""
    note = "" if found.secret_rate_bps else "  <- no key: too lossy or noisy, or block_bits too small"
    return (
        f"{network.modules[link.module].protocol}, {way}: "
        f"{rate_text(found.secret_rate_bps)} predicted{during}, QBER {found.qber:.2%}, "
        f"a block each {found.block_duration_s:.3g} s{note}"
    )
