"""``qit link``: what a link yields, and why: curves against distance, budgets line by line, where to put a channel."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from qit4n.cli.linkchart import Array, Series, draw
from qit4n.cli.tabletext import screen
from qit4n.errors import NetworkFileError, UnknownNetworkError
from qit4n.network.explain import nearest
from qit4n.network.file import load
from qit4n.network.model import Link, Medium, Network
from qit4n.physics import bounds
from qit4n.physics.blocks import FINITE_CURVES
from qit4n.physics.channels import coexistence
from qit4n.physics.channels.budget import Item, total_db
from qit4n.physics.channels.fibre import CONNECTOR_DB, attenuation_db_per_km
from qit4n.physics.devices import detectors
from qit4n.physics.protocols.record import Protocol, Setup
from qit4n.physics.protocols.registry import PROTOCOLS
from qit4n.quantum.channel import Stray, arms, fading, losses, stray_light
from qit4n.quantum.link import predict
from qit4n.quantum.passes import moment_text, moments, nearest_km, usable
from qit4n.quantum.placing import Place, places
from qit4n.units import rate_text

app = typer.Typer(add_completion=False, no_args_is_help=True, help="What a link yields, and why.")

POINTS = 251
PASSES_SHOWN = 6
PLACES_SHOWN = 8
DEFAULT = "decoy-bb84,bbm92,tf-sns,cv-gg02"

Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
File = Annotated[str, typer.Argument(help="network file, or the name of an example")]
LinkId = Annotated[str, typer.Argument(help="link of the network")]


PICTURES = (".png", ".svg")


@app.command()
def plot(
    protocols: Annotated[
        str | None, typer.Option(help=f"names, with commas, or 'all': qit link protocols; else {DEFAULT}")
    ] = None,
    detector: Annotated[str, typer.Option(help="a detector: qit link detectors")] = "snspd",
    clock_hz: Annotated[float, typer.Option(min=1.0, help="pulses per second")] = 1e9,
    gate_s: Annotated[float, typer.Option(min=1e-13, help="width of a detection gate, at most a pulse's time")] = 1e-9,
    to_km: Annotated[float, typer.Option(min=1.0, max=5000.0, help="longest distance")] = 500.0,
    wavelength_nm: Annotated[float, typer.Option(min=1260.0, max=1625.0, help="of the fibre's light")] = 1550.0,
    misalignment: Annotated[float, typer.Option(min=0.0, max=0.5, help="light at the wrong detector")] = 0.01,
    brightness: Annotated[float, typer.Option(min=1e-6, max=1.0, help="of bb84: mean photons per pulse")] = 1.0,
    g2: Annotated[float, typer.Option(min=0.0, max=1.0, help="of bb84: g2(0) of its source")] = 0.0,
    pulses: Annotated[float | None, typer.Option(min=1.0, max=1e24, help="finite key of blocks of so many")] = None,
    out: Annotated[Path | None, typer.Option(help="picture: .png or .svg")] = None,
    json_: Json = False,
) -> None:
    """Rate, error rate and bound against distance of fibre; intensities at their best.

    Asymptotic, or with --pulses for blocks of so many of them, where that is drawn: secret to 1e-9, correct to 1e-15.
    """
    if out is not None and out.suffix not in PICTURES:
        raise NetworkFileError(f"--out {out}: its name ends in {' or '.join(PICTURES)}")
    device = _known(detector, detectors(), "detector")
    gate_s = min(gate_s, 1.0 / clock_hz)
    setup = Setup.of(device, gate_s, misalignment=misalignment, brightness=brightness, g2=g2)
    records = _records(protocols, finite=pulses is not None)
    km = np.linspace(0.0, to_km, POINTS)
    loss_db = km * float(attenuation_db_per_km(wavelength_nm)) + 2 * CONNECTOR_DB
    series = []
    for record in records:
        curve = record.curve(loss_db, setup) if pulses is None else FINITE_CURVES[record.name](loss_db, setup, pulses)
        series.append(Series(name=record.name, title=record.title, rate=curve.rate * clock_hz, qber=curve.qber))
    eta = 10.0 ** (-loss_db / 10.0)
    capacity = {"PLOB": bounds.plob(eta) * clock_hz}
    if any(record.repeater for record in records):
        capacity["PLOB, one repeater"] = bounds.repeater_chain(eta, 1) * clock_hz
    blocks = "" if pulses is None else f", blocks of {pulses:g} pulses"
    title = f"{device.title}, {clock_hz:g} Hz, {wavelength_nm:g} nm{blocks}"
    if out is not None:
        draw(out, km, series, capacity, title)
    if json_:
        print(msgspec.json.encode(_plot_document(km, loss_db, series, capacity)).decode())
    else:
        _plot_table(km, loss_db, series, capacity, title)
        if out is not None:
            print(f"written to {out}")


def _records(names: str | None, *, finite: bool) -> list[Protocol]:
    """The protocols asked for: by default or with 'all', of blocks those of which blocks are drawn."""
    drawn = {name: one for name, one in PROTOCOLS.items() if name in FINITE_CURVES or not finite}
    if names == "all" or (names is None and finite):
        return list(drawn.values())
    records = [_known(name.strip(), PROTOCOLS, "protocol") for name in (names or DEFAULT).split(",")]
    for record in records:
        if record.name not in drawn:
            raise UnknownNetworkError(f"no finite key of {record.name} is drawn; --pulses takes {', '.join(drawn)}")
    return records


def _known(name: str, table: dict[str, Any], what: str) -> Any:
    if name not in table:
        raise UnknownNetworkError(f"there is no {what} {name}; {nearest(name, table, 'known')}")
    return table[name]


def _plot_document(km: Array, loss_db: Array, series: list[Series], capacity: dict[str, Array]) -> dict[str, Any]:
    return {
        "distance_km": km.tolist(),
        "loss_db": loss_db.tolist(),
        "rate_bps": {one.name: one.rate.tolist() for one in series},
        "qber": {one.name: [None if math.isnan(q) else q for q in one.qber.tolist()] for one in series},
        "bound_bps": {name: values.tolist() for name, values in capacity.items()},
    }


def _plot_table(km: Array, loss_db: Array, series: list[Series], capacity: dict[str, Array], title: str) -> None:
    table = Table(title=title, title_justify="left", box=None)
    for name in ("km", "dB", *(one.name for one in series), *capacity):
        table.add_column(name, justify="right")
    for place in range(0, POINTS, (POINTS - 1) // 10):
        rates = [one.rate[place] for one in series] + [values[place] for values in capacity.values()]
        cells = [rate_text(rate) if rate > 0 else "-" for rate in rates]
        table.add_row(f"{km[place]:.0f}", f"{loss_db[place]:.1f}", *cells)
    Console(width=max(80, 14 * len(table.columns))).print(table)


@app.command()
def explain(file: File, link: LinkId, json_: Json = False) -> None:
    """Budget of a link of a network file line by line, what is not its light, and what comes of it."""
    network = load(file)
    found = _link(network, link)
    if network.device_of(found) is not None:
        raise UnknownNetworkError(f"link {link} has a device behind it; only links of emulated modules are explained")
    ways = arms(network.modules[found.module], found.medium)
    line = (item for way in ways for item in losses(way, range_km=nearest_km(network, found)))
    items = [*line, *_switch(network, found), *_receiver(network, found)]
    prediction = predict(network, found)
    views = list(_views(network, found)) if found.medium.orbit is not None else []
    if json_:
        document = {
            "link": link,
            "budget": [{"name": one.name, "loss_db": one.loss_db, "source": one.source} for one in items],
            "total_db": total_db(items),
            "stray": [{"name": one.name, "photons_per_s": one.photons_per_s} for one in _stray(ways)],
            "secret_rate_bps": prediction.secret_rate_bps,
            "sifted_rate_bps": prediction.sifted_rate_bps,
            "qber": prediction.qber,
            "passes": views,
        }
        print(msgspec.json.encode(document).decode())
        return
    _budget(network, found, items, _stray(ways))
    for fade in (fade for way in ways for fade in _fades(way)):
        print(f"  {fade}")
    during = " while a pass lasts" if views else ""
    print(
        f"sifted {rate_text(prediction.sifted_rate_bps)}, QBER {prediction.qber:.2%}, "
        f"secret {rate_text(prediction.secret_rate_bps)}{during}"
    )
    if not views:
        best = min(float(bounds.plob(10.0 ** (-total_db(losses(way)) / 10.0))) for way in ways)
        most = best * network.modules[found.module].pulse_rate_hz
        middle = ", one middle" if len(ways) > 1 else ""
        print(f"no protocol of this clock could exceed {rate_text(most)} (PLOB{middle})")
    for view in views:
        print(
            f"  {view['begins']}: {view['seconds']:.0f} s, {_seen(found.medium, view)}, "
            f"{view['least_db']:.1f} to {view['most_db']:.1f} dB"
        )


def _seen(medium: Medium, view: dict[str, Any]) -> str:
    if medium.second_orbit is not None:
        return f"{view['nearest_km']:.0f} km at the nearest"
    return f"up to {view['highest_deg']:.0f} degrees"


def _link(network: Network, name: str) -> Link:
    found: Link = _known(name, {one.id: one for one in network.links}, f"link of {network.name}")
    return found


def _stray(ways: tuple[Medium, ...]) -> list[Stray]:
    return [one for way in ways for one in stray_light(way)]


def _switch(network: Network, link: Link) -> list[Item]:
    switch = network.switch_of(link)
    if switch is None:
        return []
    return [Item(name=f"optical switch {switch.id}", loss_db=switch.loss_db, source="the network file")]


def _receiver(network: Network, link: Link) -> list[Item]:
    """What is lost behind the channel: of mdi by either pulse, of the pairs by the photon that travels."""
    module = network.modules[link.module]
    efficiency = -10.0 * math.log10(module.detector_efficiency)
    return [
        Item(name="receiver", loss_db=module.receiver_loss_db, source=f"module {link.module}"),
        Item(name=f"detectors of {module.detector_efficiency:.0%}", loss_db=efficiency, source=f"module {link.module}"),
    ]


def _views(network: Network, link: Link) -> list[dict[str, Any]]:
    views = []
    for one in usable(network, link, days=3.0, step_s=5.0):
        samples = moments(network, link, one)
        views.append(
            {
                "begins": moment_text(network, samples[0].at_s),
                "seconds": one.duration_s,
                "highest_deg": one.highest_deg,
                "nearest_km": float(one.range_km.min()),
                "least_db": min(sample.loss_db for sample in samples),
                "most_db": max(sample.loss_db for sample in samples),
            }
        )
    return views[:PASSES_SHOWN]


def _budget(network: Network, link: Link, items: list[Item], strays: list[Stray]) -> None:
    where = f"{link.ends[0]} to {link.ends[1]}, {link.medium.kind}, {network.modules[link.module].protocol}"
    table = Table(title=f"{link.id}: {where}", title_justify="left", box=None, show_footer=True)
    table.add_column("what", footer="total")
    table.add_column("dB", justify="right", footer=f"{total_db(items):.2f}")
    table.add_column("by")
    for item in items:
        table.add_row(item.name, f"{item.loss_db:.2f}", item.source)
    screen().print(table)
    for stray in strays:
        if stray.photons_per_s:
            print(f"  {stray.name}: {stray.photons_per_s:.3g} photons/s at the receiver ({stray.source})")


def _fades(medium: Medium) -> Iterator[str]:
    """How the beam flickers, index by index: of a satellite overhead and where it is lowest."""
    orbit = medium.orbit if medium.kind == "satellite" else None
    for elevation in (90.0, orbit.least_elevation_deg) if orbit else (90.0,):
        found = fading(medium, elevation_deg=elevation)
        if found is None or medium.beam is None:
            return
        parts = [f"pointing {found.jitter_index:.2g}"] if found.jitter_index else []
        if found.rytov:
            how = f"Rytov variance {found.rytov:.2g}, averaged by the aperture to {found.averaging:.2g} of it"
            parts.append(f"turbulence {found.scintillation:.2g} ({how})")
        where = f" at {elevation:.0f} degrees" if orbit else ""
        yield f"fading{where}, anew every {medium.beam.fade_s:g} s: index {found.index:.2g}, of {' and '.join(parts)}"


@app.command()
def place(
    file: File,
    link: LinkId,
    rate_bps: Annotated[float, typer.Option(min=0.0, help="key rate that the link must still have at its reach")] = 1e3,
    json_: Json = False,
) -> None:
    """Where to put the quantum channel among the classical ones of a co-fibre link, and how far it reaches there."""
    network = load(file)
    found = _link(network, link)
    if found.medium.shared is None:
        raise UnknownNetworkError(f"link {link} is not of kind co-fibre: it has no neighbours to be placed among")
    ranked = places(network, found, rate_bps)
    if json_:
        print(msgspec.json.encode({"link": link, "places": ranked}).decode())
        return
    table = Table(title=f"{link}: best places of the quantum channel", title_justify="left", box=None)
    for name in ("nm", "band", "noise photons/s", "loss dB", "QBER", "key rate", f"reach at {rate_text(rate_bps)}"):
        table.add_column(name, justify="right")
    for one in _shown(ranked):
        table.add_row(
            f"{one.wavelength_nm:.2f}",
            coexistence.band_of(one.wavelength_nm),
            f"{one.noise_photons_per_s:.3g}",
            f"{one.loss_db:.2f}",
            f"{one.qber:.2%}",
            rate_text(one.secret_rate_bps),
            f"{one.reach_km:.0f} km" if one.reach_km else "-",
        )
    screen().print(table)


def _shown(ranked: list[Place]) -> list[Place]:
    """The best, and the best of the other band."""
    first = ranked[:PLACES_SHOWN]
    bands = {coexistence.band_of(one.wavelength_nm) for one in first}
    others = [one for one in ranked if coexistence.band_of(one.wavelength_nm) not in bands]
    return first + others[:1]


@app.command()
def capacity(
    file: File,
    one: Annotated[str, typer.Argument(help="site")],
    other: Annotated[str, typer.Argument(help="site")],
    json_: Json = False,
) -> None:
    """What two sites could share at most: over the best path and over all of them, by nature and by predicted links."""
    network = load(file)
    places_ = {site.id: number for number, site in enumerate(network.sites)}
    ends = [_known(site, places_, f"site of {network.name}") for site in (one, other)]
    links = [link for link in network.links if network.device_of(link) is None]
    edges = [(places_[link.ends[0]], places_[link.ends[1]]) for link in links]
    by_nature = [float(bounds.plob(10.0 ** (-total_db(losses(link.medium)) / 10.0))) for link in links]
    by_links = [predict(network, link).secret_rate_bps for link in links]
    found = {
        "best_path_bits_per_use": bounds.widest_path(edges, by_nature, *ends),
        "all_paths_bits_per_use": bounds.flooding(edges, by_nature, *ends),
        "best_path_bps": bounds.widest_path(edges, by_links, *ends),
        "all_paths_bps": bounds.flooding(edges, by_links, *ends),
    }
    if json_:
        print(msgspec.json.encode(found).decode())
        return
    print(
        f"capacity with repeaters at all sites: {found['best_path_bits_per_use']:.3g} bits per use over the best path, "
        f"{found['all_paths_bits_per_use']:.3g} over all paths (PLOB)"
    )
    best, everything = (rate_text(found[name]) for name in ("best_path_bps", "all_paths_bps"))
    print(f"key relayed over trusted sites, links as predicted: {best} over the best path, {everything} over all paths")


@app.command()
def protocols(json_: Json = False) -> None:
    """The protocols: formula, source, what is proved of them, and as what they run live."""
    if json_:
        fields = ("name", "title", "formula", "source", "security", "finite_key", "live")
        rows = [{field: getattr(one, field) for field in fields} for one in PROTOCOLS.values()]
        print(msgspec.json.encode({"protocols": rows}).decode())
        return
    for one in PROTOCOLS.values():
        print(f"{one.name}: {one.title}\n  R = {one.formula}\n  {one.source}")
        print(f"  {one.security}; finite key: {one.finite_key}\n  live: {one.live}")


@app.command(name="detectors")
def detectors_(json_: Json = False) -> None:
    """The detectors of the table, each with its source."""
    if json_:
        print(msgspec.json.encode({"detectors": list(detectors().values())}).decode())
        return
    for one in detectors().values():
        print(
            f"{one.name}: {one.title}, {one.efficiency:.0%}, {one.dark_counts_hz:g} Hz dark, "
            f"dead {one.dead_time_s:g} s, afterpulse {one.afterpulse_probability:.1%}\n  {one.source}"
        )
