"""``qit satellite``: the key of one pass, and of a year of passes over ground stations."""

from dataclasses import replace
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from qit4n.cli.tabletext import screen
from qit4n.errors import NetworkFileError
from qit4n.physics.channels.orbits import (
    Orbit,
    Pass,
    Station,
    sun_synchronous_inclination_deg,
    sun_synchronous_node_deg,
)
from qit4n.physics.channels.satellite import Optics
from qit4n.quantum.passes import julian
from qit4n.quantum.skies import MICIUS, MICIUS_OPTICS, Sky, year
from qit4n.units import bits_text, rate_text

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Key from a satellite in a sun-synchronous orbit, pass by pass."
)

XINGLONG, GRAZ = "Xinglong:40.39:117.58", "Graz:47.07:15.49"
PUBLISHED = (
    (
        "Liao et al., Nature 549, 43 (2017): a pass of 273 s over Xinglong, nearest at 645 km; in both bases 1.67 Mbit "
        "sifted (6.1 kbit/s), QBER 1.1 %, 301 kbit of key (1.1 kbit/s)"
    ),
    "Liao et al., PRL 120, 030501 (2018): sifted 3 kbit/s at 1000 km to 9 kbit/s at 600 km",
    (
        "Chen et al., Nature 589, 214 (2021): 47.8 kbit/s as average of a pass, with a better source, telescope "
        "and tracking"
    ),
)
"""Published averages: the first at second hand, the second recalled."""
SECONDS_A_DAY = 86_400.0

Altitude = Annotated[float, typer.Option(min=300.0, max=2000.0, help="altitude of the orbit in km")]
Hour = Annotated[float, typer.Option(min=0.0, max=24.0, help="local solar time at the ascending node")]
Divergence = Annotated[float, typer.Option(min=0.5, max=1000.0, help="full 1/e2 angle of the beam in urad")]
Clock = Annotated[float, typer.Option(min=1e3, help="pulses per second")]
Start = Annotated[str, typer.Option(help="UTC at which the orbit begins")]
Elevation = Annotated[float, typer.Option(min=5.0, max=80.0, help="below it there is no link, degrees")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
DIVERGENCE_URAD = round(MICIUS_OPTICS.divergence_rad * 1e6, 2)


def _sky(altitude_km: float, hour: float, divergence_urad: float, clock_hz: float, starts: str, **more: Any) -> Sky:
    try:
        epoch = julian(starts)
    except ValueError as error:
        raise NetworkFileError(f"{starts} is no time; write for example 2026-03-20T18:00:00Z") from error
    orbit = Orbit(
        altitude_km=altitude_km,
        inclination_deg=sun_synchronous_inclination_deg(altitude_km),
        node_deg=sun_synchronous_node_deg(epoch, hour),
        phase_deg=0.0,
        epoch=epoch,
    )
    optics: Optics = replace(MICIUS_OPTICS, divergence_rad=divergence_urad * 1e-6)
    return Sky(orbit=orbit, link=replace(MICIUS, pulse_rate_hz=clock_hz), optics=optics, **more)


def _station(text: str) -> tuple[str, Station]:
    try:
        name, latitude, longitude = text.split(":")
        found = Station(latitude_deg=float(latitude), longitude_deg=float(longitude))
    except ValueError:
        found = None
    if found is None or not (abs(found.latitude_deg) <= 90 and abs(found.longitude_deg) <= 180):  # noqa: PLR2004
        raise NetworkFileError(f"{text} is no station; write NAME:LATITUDE:LONGITUDE in degrees, as {XINGLONG}")
    return name, found


@app.command(name="pass")
def pass_(
    station: Annotated[str, typer.Option(help="NAME:LATITUDE:LONGITUDE")] = XINGLONG,
    least_peak_deg: Annotated[float, typer.Option(help="the first dark pass that gets so high")] = 50.0,
    altitude_km: Altitude = 500.0,
    hour: Hour = 0.0,
    divergence_urad: Divergence = DIVERGENCE_URAD,
    clock_hz: Clock = 1e8,
    starts: Start = "2026-03-20T00:00:00Z",
    least_elevation_deg: Elevation = 15.0,
    json_: Json = False,
) -> None:
    """One pass like those of Micius, in steps, with its key as one block."""
    sky = _sky(
        altitude_km, hour, divergence_urad, clock_hz, starts, least_elevation_deg=least_elevation_deg, step_s=1.0
    )
    name, place = _station(station)
    found = next((one for one in sky.passes(place, 60.0) if one.dark and one.highest_deg >= least_peak_deg), None)
    if found is None:
        raise NetworkFileError(f"no dark pass over {name} within 60 days is as high as {least_peak_deg:g} degrees")
    key = sky.key_of(found)
    if json_:
        document = {
            "station": name,
            "seconds": key.seconds,
            "highest_deg": found.highest_deg,
            "nearest_km": float(found.range_km.min()),
            "sifted_bits": key.sifted_bits,
            "secret_bits": key.secret_bits,
            "secret_rate_bps": key.secret_bits / key.seconds,
            "qber": key.qber,
        }
        print(msgspec.json.encode(document).decode())
        return
    _show_pass(sky, found, name)
    print(
        f"{key.seconds:.0f} s: sifted {bits_text(key.sifted_bits)} ({rate_text(key.sifted_bits / key.seconds)}), "
        f"QBER {key.qber:.2%}, secret {bits_text(key.secret_bits)} ({rate_text(key.secret_bits / key.seconds)})"
    )
    _show_published()


def _show_pass(sky: Sky, one: Pass, name: str) -> None:
    table = Table(title=f"{name}, up to {one.highest_deg:.0f} degrees", title_justify="left", box=None)
    for column in ("s", "elevation", "km", "loss dB", "fading"):
        table.add_column(column, justify="right")
    samples = sky.moments(one)
    for place in range(0, one.times.size, max(1, one.times.size // 12)):
        moment = samples[place]
        table.add_row(
            f"{moment.at_s:.0f}",
            f"{one.elevation_deg[place]:.1f}",
            f"{one.range_km[place]:.0f}",
            f"{moment.loss_db:.1f}",
            f"{moment.fading.index:.3f}" if moment.fading else "-",
        )
    screen().print(table)
    print("fading: variance of the normalised power, by pointing and turbulence (Hufnagel-Valley 5/7)")


def _show_published() -> None:
    print("published:")
    for line in PUBLISHED:
        print(f"  {line}")


@app.command(name="year")
def year_(
    station: Annotated[list[str] | None, typer.Option(help="NAME:LATITUDE:LONGITUDE; twice or more")] = None,
    days: Annotated[float, typer.Option(min=1.0, max=3660.0)] = 365.0,
    clear: Annotated[float, typer.Option(min=0.0, max=1.0, help="share of passes without clouds")] = 0.5,
    seed: Annotated[int, typer.Option(help="of the clouds")] = 1,
    daylight_dark: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="dark counts per gate by day; 0: nights only")
    ] = 0.0,
    altitude_km: Altitude = 500.0,
    hour: Hour = 0.0,
    divergence_urad: Divergence = DIVERGENCE_URAD,
    clock_hz: Clock = 1e8,
    starts: Start = "2026-01-01T00:00:00Z",
    least_elevation_deg: Elevation = 15.0,
    json_: Json = False,
) -> None:
    """A year of passes over ground stations: key of each, and what two of them can share through the satellite."""
    sky = _sky(
        altitude_km,
        hour,
        divergence_urad,
        clock_hz,
        starts,
        least_elevation_deg=least_elevation_deg,
        clear_share=clear,
        seed=seed,
        daylight_dark_probability=daylight_dark or None,
    )
    found = year(sky, [_station(one) for one in station or [XINGLONG, GRAZ]], days)
    shared = min(one.secret_bits for one in found)
    if json_:
        print(msgspec.json.encode({"days": days, "stations": found, "shared_bits": shared}).decode())
        return
    table = Table(title=f"{days:g} days, {clear:.0%} of the passes clear", title_justify="left", box=None)
    for column in ("station", "passes", "dark", "clear", "hours", "QBER", "sifted", "secret", "a pass", "best pass"):
        table.add_column(column, justify="left" if column == "station" else "right")
    for one in found:
        table.add_row(
            one.name,
            str(one.passes),
            str(one.dark_passes),
            str(one.clear_passes),
            f"{one.seconds / 3600:.1f}",
            f"{one.qber:.2%}",
            bits_text(one.sifted_bits),
            bits_text(one.secret_bits),
            bits_text(one.secret_bits / max(1, one.clear_passes)),
            bits_text(one.best_pass_bits),
        )
    Console(width=110).print(table)
    print(
        f"two of them can share {bits_text(shared)} through the satellite ({rate_text(shared / days / SECONDS_A_DAY)})"
    )
    _show_published()
