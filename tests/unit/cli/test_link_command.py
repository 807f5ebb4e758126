"""``qit link`` and ``qit satellite``: curves, budgets, places, capacities, passes, as text, JSON and pictures."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from qit4n.cli import link, satellite
from qit4n.errors import NetworkFileError, UnknownNetworkError


def run(app, *arguments):
    """Output of the command; its QitError is raised."""
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception:
        raise result.exception
    return result.stdout


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_plot_is_a_picture_and_a_table(tmp_path, ending):
    """The picture is of its kind, the table has the distances and the bound."""
    file = tmp_path / f"link.{ending}"
    output = run(link.app, "plot", "--protocols", "decoy-bb84,mdi", "--to-km", 100, "--out", file)
    assert file.read_bytes()[:4] in {b"\x89PNG", b"<?xm"}
    assert "PLOB, one" in output
    assert str(file) in output


def test_a_picture_of_no_kind_is_refused_before_anything_is_computed(tmp_path):
    """By the end of its name."""
    with pytest.raises(NetworkFileError, match=r"link.txt: its name ends in .png or .svg"):
        run(link.app, "plot", "--out", tmp_path / "link.txt")


def test_a_plot_as_json_stays_below_its_bound():
    """Every rate is at most the bound of its kind at that distance; the arrays fit together."""
    found = json.loads(run(link.app, "plot", "--protocols", "decoy-bb84,tf-npp", "--to-km", 300, "--json"))
    assert len(found["distance_km"]) == len(found["loss_db"]) == len(found["rate_bps"]["decoy-bb84"])
    bounds = zip(found["rate_bps"]["decoy-bb84"], found["bound_bps"]["PLOB"], strict=True)
    assert all(rate <= bound for rate, bound in bounds)
    assert max(found["rate_bps"]["tf-npp"][-20:]) > 0


def test_a_plot_of_blocks_stays_below_that_of_infinitely_many_pulses(monkeypatch):
    """With --pulses the protocols whose finite key is drawn, each below its asymptotic curve; others are refused."""
    monkeypatch.setattr(link, "POINTS", 11)
    arguments = ("plot", "--to-km", 300, "--json", "--gate-s", 1e-10)
    names = ("--protocols", "bbm92,tf-sns")
    found = json.loads(run(link.app, *arguments, *names, "--pulses", 1e12))["rate_bps"]
    asymptotic = json.loads(run(link.app, *arguments, *names))["rate_bps"]
    for name, rates in found.items():
        assert all(0.0 < rate < most for rate, most in zip(rates, asymptotic[name], strict=True)), name
    with pytest.raises(UnknownNetworkError, match="no finite key of dps is drawn"):
        run(link.app, "plot", "--protocols", "dps", "--pulses", 1e12)


@pytest.mark.parametrize("pulses", [(), ("--pulses", 1e12)])
def test_a_plot_of_single_photons_knows_their_source(monkeypatch, pulses):
    """Of a dimmer source there is less, of two photons in a pulse less again: a tenth at most, and an earlier end."""
    monkeypatch.setattr(link, "POINTS", 11)
    arguments = ("plot", "--protocols", "bb84", "--to-km", 200, "--json", "--gate-s", 1e-10, *pulses)
    perfect, dim, several = (
        np.array(json.loads(run(link.app, *arguments, *source))["rate_bps"]["bb84"])
        for source in ((), ("--brightness", 0.1), ("--brightness", 0.1, "--g2", 0.05))
    )
    assert np.all((several < dim) & (dim < 0.11 * perfect))
    assert dim[-1] > 10.0 * several[-1]


@pytest.mark.parametrize(("option", "value"), [("--protocols", "decoy-bb48"), ("--detector", "snpsd")])
def test_an_unknown_name_gets_a_hint(option, value):
    """A misspelt protocol or detector is answered with the nearest known one."""
    with pytest.raises(UnknownNetworkError, match="did you mean"):
        run(link.app, "plot", option, value)


def test_the_budget_adds_up():
    """Lines of the free-space hop sum to its total, with the stray light and the rates beside it."""
    found = json.loads(run(link.app, "explain", "continental", "hill", "--json"))
    assert sum(line["loss_db"] for line in found["budget"]) == pytest.approx(found["total_db"])
    assert {"pointing", "turbulence"} <= {line["name"] for line in found["budget"]}
    assert found["stray"][0]["photons_per_s"] > 0
    assert found["secret_rate_bps"] > 0


def test_the_budget_of_a_satellite_lists_its_passes():
    """When, how long, how high, and the range of the loss."""
    text = run(link.app, "explain", "continental", "space-vienna")
    assert "diffraction, 500 km at 90 degrees" in text
    assert "2026-03-20 20:0" in text
    assert "degrees, 18." in text


def test_how_a_beam_fades_is_told():
    """Of a downlink overhead and at its lowest, of a level path once; a fibre does not fade."""
    space, hill = (
        run(link.app, "explain", "continental", "space-vienna"),
        run(link.app, "explain", "continental", "hill"),
    )
    assert "fading at 90 degrees, anew every 0.05 s: index 0.037, of pointing 0.036 and turbulence 0.00028" in space
    assert "fading at 15 degrees, anew every 0.05 s: index 0.045, of pointing 0.036 and turbulence 0.0084" in space
    assert hill.count("fading, anew") == 1
    assert "fading" not in run(link.app, "explain", "continental", "vienna-metro")


def test_a_device_has_no_budget():
    """What stands behind a vendor's link is not known here."""
    with pytest.raises(UnknownNetworkError, match="device behind it"):
        run(link.app, "explain", "vendor-device", json.loads(_links("vendor-device"))[0])


def _links(name):
    from qit4n.network.file import load

    network = load(name)
    return json.dumps([one.id for one in network.links if network.device_of(one) is not None])


def test_the_best_place_beside_the_c_band_is_in_the_o_band():
    """Ranked by key rate; the O band wins beside three channels of 0 dBm, and its reach is told."""
    found = json.loads(run(link.app, "place", "continental", "graz-metro", "--json"))["places"]
    rates = [one["secret_rate_bps"] for one in found]
    assert rates == sorted(rates, reverse=True)
    assert 1260 < found[0]["wavelength_nm"] < 1360
    assert found[0]["reach_km"] > 20
    with pytest.raises(UnknownNetworkError, match="co-fibre"):
        run(link.app, "place", "continental", "hill")


def test_capacities_are_ordered():
    """All paths carry at least what the best one does, and nature allows more per use than the links deliver."""
    found = json.loads(run(link.app, "capacity", "secoqc", *_two_sites(), "--json"))
    assert found["all_paths_bps"] >= found["best_path_bps"] > 0
    assert found["all_paths_bits_per_use"] >= found["best_path_bits_per_use"] > 0


def _two_sites():
    from qit4n.network.file import load

    return [site.id for site in load("secoqc").sites][:2]


def test_protocols_and_detectors_are_listed_with_sources():
    """Each record says what is proved; each detector where it is from."""
    text = run(link.app, "protocols")
    assert "individual attacks only" in text
    assert "Ma, Qi, Zhao, Lo" in text
    rows = json.loads(run(link.app, "detectors", "--json"))["detectors"]
    assert all(row["source"] for row in rows)


def test_a_pass_of_micius_is_of_the_published_size():
    """300 kbit in 273 s were published: within a factor of three of ours, errors within half of 1.1 %."""
    found = json.loads(run(satellite.app, "pass", "--json"))
    assert 200 < found["seconds"] < 450
    assert 300e3 / 3 < found["secret_bits"] < 300e3 * 3
    assert found["qber"] == pytest.approx(0.011, rel=0.5)


def test_stations_share_what_the_poorer_one_has():
    """Twenty nights over two stations; clouds cost passes; the shared key is the smaller of the two."""
    clear = json.loads(run(satellite.app, "year", "--days", 20, "--clear", 1.0, "--json"))
    cloudy = json.loads(run(satellite.app, "year", "--days", 20, "--clear", 0.4, "--json"))
    for one, other in zip(clear["stations"], cloudy["stations"], strict=True):
        assert one["clear_passes"] == one["dark_passes"] <= one["passes"]
        assert other["clear_passes"] < one["clear_passes"]
    assert cloudy["shared_bits"] == min(one["secret_bits"] for one in cloudy["stations"]) < clear["shared_bits"]


def test_what_is_no_station_or_time_is_told():
    """Both messages show how to write it."""
    with pytest.raises(NetworkFileError, match="NAME:LATITUDE:LONGITUDE"):
        run(satellite.app, "pass", "--station", "Vienna")
    for place in ("999:0", "48:181", "nan:16", "48:inf"):
        with pytest.raises(NetworkFileError, match="NAME:LATITUDE:LONGITUDE in degrees"):
            run(satellite.app, "pass", "--station", f"Vienna:{place}")
    with pytest.raises(NetworkFileError, match="2026-03-20T18:00:00Z"):
        run(satellite.app, "pass", "--starts", "tomorrow")
