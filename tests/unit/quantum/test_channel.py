"""Channels of the network file: budgets add up, neighbours make noise, and what does not fit is told."""

import itertools

import msgspec
import pytest

from qit4n.network.file import check, examine, examples, load
from qit4n.network.model import Medium, Module
from qit4n.quantum.channel import arms, changes_at_s, channel_loss_db, dark_count_probability, losses, stray_light
from qit4n.quantum.link import physics_of, predict

NETWORK = load("continental")
TEXT = examples()["continental"]


@pytest.mark.parametrize("link", NETWORK.links, ids=lambda link: link.id)
def test_the_budget_is_the_loss_of_the_physics(link):
    """Every line has a source, and together they are what the emulation and the prediction lose."""
    items = losses(link.medium)
    assert sum(item.loss_db for item in items) == pytest.approx(physics_of(NETWORK, link).channel_loss_db)
    assert all(item.loss_db >= 0 and item.source for item in items)


def test_a_plain_fibre_has_no_stray_light():
    """Then the detectors' own dark counts are all there is."""
    link = NETWORK.link("vienna-metro")
    assert stray_light(link.medium) == []
    assert physics_of(NETWORK, link).dark_count_probability == NETWORK.modules["metro"].dark_count_probability


def _lit(wavelength_nm, **neighbour):
    link = NETWORK.link("graz-metro")
    shared = link.medium.shared
    neighbours = tuple(msgspec.structs.replace(one, **neighbour) for one in shared.neighbours)
    shared = msgspec.structs.replace(shared, wavelength_nm=wavelength_nm, neighbours=neighbours)
    return msgspec.structs.replace(link, medium=msgspec.structs.replace(link.medium, shared=shared))


def test_neighbours_in_the_fibre_cost_key():
    """Beside three data channels a quantum channel in the O band works; in the C band little is left."""
    alone = predict(NETWORK, _lit(1310.0, launch_dbm=-60.0))
    o_band, c_band = predict(NETWORK, _lit(1310.0)), predict(NETWORK, _lit(1530.33))
    assert 0.85 * alone.secret_rate_bps < o_band.secret_rate_bps <= alone.secret_rate_bps
    assert c_band.secret_rate_bps < 0.2 * alone.secret_rate_bps
    assert c_band.qber > 2 * o_band.qber


def test_neighbours_light_up_one_after_the_other():
    """Before its time a neighbour makes no noise; without a time all of them count."""
    link = _lit(1530.33, lit_after_s=20.0)
    module = NETWORK.modules["metro"]
    dark, lit = (dark_count_probability(module, link.medium, at_s) for at_s in (19.0, 20.0))
    assert dark == module.dark_count_probability < lit
    assert physics_of(NETWORK, link).dark_count_probability == lit
    assert changes_at_s(link.medium) == (20.0,)


def test_the_sky_is_seen():
    """By day the free-space hop has no key, under a full moon it has."""
    link = NETWORK.link("hill")
    beam = msgspec.structs.replace(link.medium.beam, sky_radiance=15.0)
    day = msgspec.structs.replace(link, medium=msgspec.structs.replace(link.medium, beam=beam))
    assert predict(NETWORK, link).secret_rate_bps > 0.0
    assert predict(NETWORK, day).secret_rate_bps < predict(NETWORK, link).secret_rate_bps / 2


def test_turbulence_haze_and_jitter_cost_light():
    """Each of them alone adds to the loss of the level path."""
    link = NETWORK.link("hill")
    for worse in ({"cn2": 1e-13}, {"visibility_km": 5.0}, {"jitter_urad": 20.0}):
        beam = msgspec.structs.replace(link.medium.beam, **worse)
        assert channel_loss_db(msgspec.structs.replace(link.medium, beam=beam)) > channel_loss_db(link.medium) + 0.1


WORSE = [
    ("hill", "beam", "visibility_km", (100.0, 40.0, 10.0, 2.0)),
    ("hill", "beam", "cn2", (0.0, 1e-16, 1e-15, 1e-14)),
    ("hill", "beam", "jitter_urad", (0.0, 3.0, 10.0)),
    ("hill", "beam", "sky_radiance", (0.0, 1.5e-3, 1.5e-2, 1.5)),
    ("space-tenerife", "beam", "zenith_transmittance", (0.9, 0.7, 0.4)),
    ("space-tenerife", "beam", "sky_radiance", (0.0, 1.5e-3, 1.5e-1)),
]


@pytest.mark.parametrize(("name", "part", "what", "values"), WORSE, ids=[f"{one[0]} {one[2]}" for one in WORSE])
def test_worse_weather_never_gives_more_key(name, part, what, values):
    """From fair to foul each step costs key, until there is none."""
    link = NETWORK.link(name)
    rates = []
    for value in values:
        changed = msgspec.structs.replace(getattr(link.medium, part), **{what: value})
        medium = msgspec.structs.replace(link.medium, **{part: changed})
        rates.append(predict(NETWORK, msgspec.structs.replace(link, medium=medium)).secret_rate_bps)
    assert all(worse < better or worse == better == 0.0 for better, worse in itertools.pairwise(rates))


def test_days_under_the_sky_of_a_night_are_asked_about():
    """Passes that count in daylight want the radiance of a day; with it, or without daylight, nothing is said."""
    day = TEXT.replace("least_elevation_deg: 15", "least_elevation_deg: 15, daylight: true")
    told = [str(one) for one in examine(day, "x").warnings if "that of a night" in str(one)]
    assert len(told) == 1 + TEXT.count("*downlink")
    bright = day.replace("sky_radiance: 1.5e-5", "sky_radiance: 1.5")
    assert not [one for text in (TEXT, bright) for one in examine(text, "x").warnings if "that of a night" in str(one)]


def test_splitters_and_bypassed_sites_are_lines_of_the_budget():
    """A 1:32 splitter costs 15.05 dB and half a dB per stage, a bypassed site its switch and two connectors."""
    medium = Medium(length_km=10.0, loss_db=2.5, splitters=(32, 2), bypasses=2)
    found = {item.name: item.loss_db for item in losses(medium)}
    assert found == pytest.approx(
        {"10 km, fibre": 2.5, "splitter 1:32": 17.55, "splitter 1:2": 3.51, "2 bypassed sites": 3.2}, abs=0.01
    )
    assert channel_loss_db(medium) == pytest.approx(sum(found.values()))
    middle = Module(protocol="mdi", pulse_rate_hz=1e8)
    assert sum(channel_loss_db(way) for way in arms(middle, medium)) == pytest.approx(sum(found.values()))


WRONG = [
    ("kind: free-space", "splitters: [8]\n      kind: free-space", "free-space has no splitters"),
    ("kind: free-space", "kind: fibre", "fibre has no beam"),
    ("kind: satellite", "kind: free-space", "free-space has no orbit"),
    ("kind: co-fibre", "kind: satellite", "needs 'orbit'"),
    ("length_km: 500", "length_km: 50", "does not fly at 50 km"),
    ("latitude_deg: 28.30, longitude_deg: -16.51", "latitude_deg: 28.30", "has no place on Earth"),
    ("protocol: two-decoy-bb84", "protocol: mdi", "mdi is not modelled over satellite"),
    ("protocol: two-decoy-bb84", "protocol: twin-field", "twin-field is not modelled over satellite"),
    ("  telescope:", "  telescope:\n    protocol: twin-field", "twin-field is not modelled over free-space"),
    ("protocol: two-decoy-bb84", "protocol: sns-twin-field", "sns-twin-field is not modelled over satellite"),
    ("length_km: 14,", "length_km: 14, middle_km: 5,", "only light of mdi and twin fields meets in a middle"),
    ("length_km: 98,", "length_km: 98, middle_km: 0,", "middle_km"),
    ("2026-03-20T20:00:00Z", "2026-13-20T20:00:00Z", "is no time"),
]


@pytest.mark.parametrize(("before", "after", "told"), WRONG)
def test_what_does_not_fit_is_told(before, after, told):
    """Wrong or missing parts, an impossible orbit, a station nowhere, a protocol without model, no time."""
    assert before in TEXT
    assert any(told in str(one) for one in check(TEXT.replace(before, after, 1), "x"))


def test_a_middle_is_between_the_ends():
    """Neither at the second end nor beyond; where it fits, nothing is told."""
    text = examples()["untrusted-middle"]
    for middle_km, told in (("5", "not between the ends, 5 km apart"), ("7", "less than 5"), ("2", "")):
        found = [
            str(one) for one in check(text.replace("length_km: 5,", f"length_km: 5, middle_km: {middle_km},"), "x")
        ]
        assert any(told in one for one in found) if told else not found
