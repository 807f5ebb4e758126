"""Links between satellites, from the network file to prediction and schedule."""

import math

import msgspec
import pytest

from qit4n.cli.check import _link_line
from qit4n.network.file import check, examples, load
from qit4n.network.medium import Beam, SecondOrbit
from qit4n.physics.channels.freespace import FWHM_PER_FULL_ANGLE
from qit4n.quantum.channel import channel_loss_db, losses
from qit4n.quantum.link import physics_of, predict
from qit4n.quantum.passes import Schedule, nearest_km, usable

NETWORK = load("continental")
GROUND = NETWORK.link("space-vienna")


def _medium(link, **changes):
    return msgspec.structs.replace(link, medium=msgspec.structs.replace(link.medium, **changes))


@pytest.fixture(scope="module")
def link():
    """The satellite of the example with a second one eight degrees ahead."""
    orbit = GROUND.medium.orbit
    second = SecondOrbit(
        altitude_km=500.0,
        inclination_deg=orbit.inclination_deg,
        node_deg=orbit.node_deg,
        phase_deg=orbit.phase_deg + 8.0,
    )
    medium = msgspec.structs.replace(GROUND.medium, kind="inter-satellite", second_orbit=second)
    return msgspec.structs.replace(GROUND, medium=medium)


def test_satellites_that_follow_each_other_make_key_all_day(link):
    """Some 960 km of vacuum: no air in the budget, light at any time, a key rate between none and what is sifted."""
    assert [item.name.split(",")[0] for item in losses(link.medium, range_km=960.0)] == [
        "optics and coupling",
        "diffraction",
        "pointing",
    ]
    (one,) = usable(NETWORK, link, days=0.5)
    assert one.range_km.mean() == pytest.approx(960.0, rel=0.03)
    schedule = Schedule(NETWORK, link)
    for at_s in (0.0, 5_000.0, 40_000.0):
        assert schedule.moment(at_s).loss_db == pytest.approx(channel_loss_db(link.medium, range_km=960.0), abs=0.5)
    found = predict(NETWORK, link)
    assert 0.0 < found.secret_rate_bps < found.sifted_rate_bps


@pytest.mark.parametrize(("range_km", "published_db"), [(1000.0, 36.5), (1500.0, 40.0), (2000.0, 42.5)])
def test_the_budget_is_that_of_a_published_constellation(link, range_km, published_db):
    """Zhang et al., J. Opt. Commun. Netw. 18(5) (2026), equations 6 and 7, table 1 (at second hand).

    60 cm and 0.91 of obstruction, 17.2 urad, 0.753 of optics, 0.56 of coupling, 0.912 of pointing, 0.58 of detectors:
    ``eta = (D/(theta L))^2`` of a disc of light lies between ours of a Gaussian, its angle read as that between 1/e2
    points and as full width at half maximum. At 1500 km that is the 40 dB between satellites of Liao et al., Nature
    Photonics 11, 509 (2017).
    """
    behind = -10.0 * math.log10(0.753 * 0.56 * 0.58)
    half = 17.2 / 2.0
    beam = Beam(
        divergence_urad=17.2, receiver_m=0.6 * 0.91, jitter_urad=half / 2.0 * math.sqrt(1.0 / 0.912 - 1.0), fade_s=0.0
    )
    medium = msgspec.structs.replace(link.medium, beam=beam, loss_db=0.0)
    aimed = {item.name.split(",")[0]: item.loss_db for item in losses(medium, range_km=range_km)}
    assert aimed["pointing"] == pytest.approx(-10.0 * math.log10(0.912), abs=1e-6)
    narrow = channel_loss_db(medium, range_km=range_km) + behind
    wide = narrow - 20.0 * math.log10(FWHM_PER_FULL_ANGLE)
    assert narrow < published_db < wide
    assert wide - narrow == pytest.approx(4.6, abs=0.1)


def test_budgets_are_told_where_they_meet(link):
    """The nearest of the first day, 958 km, not the difference of altitudes; a link to the ground has none."""
    assert nearest_km(NETWORK, link) == pytest.approx(958.0, abs=3.0)
    assert nearest_km(NETWORK, GROUND) is None
    behind = msgspec.structs.replace(link.medium.second_orbit, phase_deg=200.0)
    assert nearest_km(NETWORK, _medium(link, second_orbit=behind)) is None
    network = msgspec.structs.replace(NETWORK, links=(link,))
    assert "inter-satellite, 958" in _link_line(network, link)


def test_pairs_run_between_satellites_too(link):
    """BBM92 with its source on one of them."""
    module = msgspec.structs.replace(
        NETWORK.modules[link.module], protocol="bbm92", dead_time_s=0.0, afterpulse_probability=0.0
    )
    network = msgspec.structs.replace(NETWORK, modules={**NETWORK.modules, link.module: module})
    assert physics_of(network, link).through(20.0).channel_loss_db == 20.0
    assert predict(network, link).sifted_rate_bps > 0.0


def test_what_does_not_fit_is_told():
    """Without a second orbit, or with one where it has no place."""
    text = examples()["continental"]
    assert any(
        "needs 'second_orbit'" in str(one)
        for one in check(text.replace("kind: satellite", "kind: inter-satellite", 1), "x")
    )
    second = "second_orbit: {altitude_km: 550, inclination_deg: 97.4, node_deg: 150.0}"
    wrong = text.replace("kind: free-space", f"{second}\n      kind: free-space", 1)
    assert any("free-space has no second_orbit" in str(one) for one in check(wrong, "x"))
