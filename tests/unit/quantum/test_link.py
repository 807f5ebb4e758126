"""From the network file to physics."""

import msgspec
import pytest

from qit4n.network.medium import Beam, Neighbour, Shared
from qit4n.network.model import Eavesdropper, Link, Medium, Module, Network, Policies, Site, Switch
from qit4n.physics import decoy_bb84
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.finite_key import LIM_2014, Intensities
from qit4n.physics.mdi import MDI
from qit4n.physics.sendingornot import SendingOrNot
from qit4n.physics.single_photons import SinglePhotonBB84, SinglePhotons
from qit4n.physics.twinfield import TwinField
from qit4n.quantum.channel import arms, channel_loss_db, dark_count_probability, stray_light
from qit4n.quantum.link import RECONCILIATION_EFFICIENCY, channel_db, physics_of, predict

MODULE = Module(
    pulse_rate_hz=2e8,
    signal_intensity=0.4,
    decoy_intensity=0.1,
    signal_probability=0.6,
    key_basis_probability=0.7,
    receiver_loss_db=1.5,
    detector_efficiency=0.25,
    dark_count_probability=2e-6,
    dead_time_s=3e-6,
    afterpulse_probability=0.02,
    misalignment=0.015,
    block_bits=500_000,
)
NETWORK = Network(
    qit4n=1,
    name="pair",
    sites=(Site(id="A"), Site(id="B")),
    modules={"m": MODULE},
    links=(Link(id="l", ends=("A", "B"), medium=Medium(length_km=25.0, loss_db=5.2), module="m"),),
    policies=Policies(epsilon_secrecy=1e-8, epsilon_correctness=1e-12),
)


def test_every_figure_of_the_file_arrives():
    """Loss of the medium and all parameters of the module are those of the file."""
    physics = physics_of(NETWORK, NETWORK.links[0])
    source = {"signal_intensity", "decoy_intensity", "signal_probability"}
    expected = msgspec.to_builtins(MODULE)
    expected = {name: value for name, value in expected.items() if name not in {"block_bits", *source}}
    assert isinstance(physics, DecoyBB84)
    assert {name: getattr(physics, name) for name in expected} == expected
    assert physics.channel_loss_db == 5.2
    assert physics.source == Intensities(means=(0.4, 0.1), probabilities=(0.6, 0.4))


def test_two_decoys_of_the_file_arrive():
    """With two decoys the weaker ones take their share of the decoys, and prediction is by their proof."""
    module = msgspec.structs.replace(
        MODULE, protocol="two-decoy-bb84", second_decoy_intensity=0.001, second_decoy_probability=0.15
    )
    network = msgspec.structs.replace(NETWORK, modules={"m": module})
    source = physics_of(network, NETWORK.links[0]).source
    assert source.means == (0.4, 0.1, 0.001)
    assert source.probabilities == pytest.approx((0.6, 0.25, 0.15), rel=1e-15)
    assert source.proof is LIM_2014
    assert 0 < predict(network, NETWORK.links[0]).secret_rate_bps != predict(NETWORK, NETWORK.links[0]).secret_rate_bps


def test_single_photons_of_the_file_arrive():
    """Brightness and g2 are those of the file, the rest as of decoys; stray light in the fibre costs key."""
    module = msgspec.structs.replace(MODULE, protocol="single-photon-bb84", brightness=0.2, g2=0.01)
    network = msgspec.structs.replace(NETWORK, modules={"m": module})
    physics, decoys = physics_of(network, network.links[0]), physics_of(NETWORK, NETWORK.links[0])
    assert isinstance(physics, SinglePhotonBB84)
    assert physics.source == SinglePhotons(brightness=0.2, g2=0.01)
    names = ("transmittance", "dead_gates", "release_probability", "dark_count_probability", "misalignment")
    assert all(getattr(physics, name) == getattr(decoys, name) for name in names)
    shared = Shared(wavelength_nm=1530.0, neighbours=(Neighbour(wavelength_nm=1550.0, launch_dbm=-10.0),))
    medium = Medium(kind="co-fibre", length_km=25.0, loss_db=5.2, shared=shared)
    noisy = predict(network, msgspec.structs.replace(network.links[0], medium=medium))
    assert noisy.secret_rate_bps < predict(network, network.links[0]).secret_rate_bps


def test_prediction_takes_block_and_policies_from_the_file():
    """Block size and epsilons are those of the file, and the plan counts on Cascade."""
    expected = decoy_bb84.predict(
        physics_of(NETWORK, NETWORK.links[0]),
        block_bits=500_000,
        epsilon_secrecy=1e-8,
        epsilon_correctness=1e-12,
        reconciliation_efficiency=RECONCILIATION_EFFICIENCY,
    )
    assert predict(NETWORK, NETWORK.links[0]) == expected
    assert expected.secret_rate_bps > 0


def test_above_the_qber_of_the_policy_there_is_no_key():
    """A link whose blocks will be refused for their error rate is predicted without key, and with that error rate."""
    free = predict(NETWORK, NETWORK.links[0])
    strict = msgspec.structs.replace(
        NETWORK, policies=msgspec.structs.replace(NETWORK.policies, max_qber=free.qber * 0.9)
    )
    found = predict(strict, strict.links[0])
    assert free.key_bits_per_block > 0
    assert (found.secret_rate_bps, found.key_bits_per_block) == (0.0, 0.0)
    assert (found.qber, found.sifted_rate_bps) == (free.qber, free.sifted_rate_bps)


def test_a_middle_halves_the_way():
    """Of mdi each arm has half of a fibre; a beam over half the way loses less, but has optics in either arm."""
    module = msgspec.structs.replace(
        MODULE,
        protocol="mdi",
        second_decoy_probability=0.15,
        dead_time_s=0.0,
        afterpulse_probability=0.0,
        block_bits=50_000_000,
        detector_efficiency=0.9,
        dark_count_probability=1e-8,
    )
    network = msgspec.structs.replace(NETWORK, modules={"m": module})
    physics = physics_of(network, network.links[0])
    assert isinstance(physics, MDI)
    assert physics.channel_losses_db == (2.6, 2.6)
    assert physics.transmittances == pytest.approx((0.9 * 10 ** (-(2.6 + 1.5) / 10),) * 2)
    assert predict(network, network.links[0]).secret_rate_bps > 0
    beam = Beam(divergence_urad=30.0, receiver_m=0.2)
    way = Medium(kind="free-space", length_km=20.0, loss_db=3.0, beam=beam)
    half = msgspec.structs.replace(way, length_km=10.0)
    through = physics_of(network, msgspec.structs.replace(network.links[0], medium=way))
    assert through.channel_loss_db == pytest.approx(2 * channel_loss_db(half))


def test_twin_fields_halve_the_way_too():
    """Every figure of the file arrives; what is strange in either arm falls on two detectors, not on four."""
    module = msgspec.structs.replace(
        MODULE, protocol="twin-field", key_intensity=0.02, second_decoy_probability=0.15, dead_time_s=0.0
    )
    network = msgspec.structs.replace(NETWORK, modules={"m": module})
    physics = physics_of(network, network.links[0])
    assert isinstance(physics, TwinField)
    assert physics.transmittances == pytest.approx((0.25 * 10 ** (-(2.6 + 1.5) / 10),) * 2)
    assert (physics.key_intensity, physics.source.means) == (0.02, (0.4, 0.1, 0.0))
    shared = Shared(wavelength_nm=1310.0, neighbours=(Neighbour(wavelength_nm=1550.0, launch_dbm=0.0),))
    medium = Medium(kind="co-fibre", length_km=20.0, loss_db=8.0, shared=shared)
    quiet = msgspec.structs.replace(module, dark_count_probability=0.0)
    four = dark_count_probability(msgspec.structs.replace(quiet, protocol="mdi"), medium)
    assert dark_count_probability(quiet, medium) == pytest.approx(2.0 * four, rel=1e-4)


def test_sending_or_not_is_made_of_the_same_figures():
    """Signals and nothing share the key windows, decoys have the rest; the second arm is the longer one."""
    module = msgspec.structs.replace(
        MODULE, protocol="sns-twin-field", key_basis_probability=0.8, signal_probability=0.25, dead_time_s=0.0
    )
    medium = msgspec.structs.replace(NETWORK.links[0].medium, middle_km=NETWORK.links[0].medium.length_km / 4)
    link = msgspec.structs.replace(NETWORK.links[0], medium=medium)
    physics = physics_of(msgspec.structs.replace(NETWORK, modules={"m": module}), link)
    assert isinstance(physics, SendingOrNot)
    assert physics.source.means == (0.4, 0.1, 0.0)
    assert physics.source.probabilities == pytest.approx((0.2, 0.2, 0.6))
    choices = physics.choices
    assert (choices.key, choices.sending, choices.signal, choices.decoy) == pytest.approx((0.8, 0.25, 0.4, 0.1))
    assert physics.channel_losses_db == pytest.approx((1.3, 3.9))


def _senders(**changes):
    """The network with a pair of senders of mdi."""
    still = {"dead_time_s": 0.0, "afterpulse_probability": 0.0}
    module = msgspec.structs.replace(MODULE, protocol="mdi", second_decoy_probability=0.15, **{**still, **changes})
    return msgspec.structs.replace(NETWORK, modules={"m": module})


def test_a_middle_need_not_be_half_way():
    """Arms take their shares of a fibre by length, splitters lie in the first, a switch in that of its site."""
    network = _senders()
    medium = Medium(length_km=25.0, middle_km=5.0, loss_db=5.0, splitters=(2,))
    link = msgspec.structs.replace(NETWORK.links[0], medium=medium)
    plain = channel_loss_db(msgspec.structs.replace(medium, loss_db=0.0))
    assert plain > 3.0
    assert physics_of(network, link).channel_losses_db == pytest.approx((1.0 + plain, 4.0))
    for site, losses_db in (("A", (2.0 + plain, 4.0)), ("B", (1.0 + plain, 5.0))):
        switch = Switch(id="s", site=site, links=("l", "other"), loss_db=1.0, period_s=5.0)
        switched = msgspec.structs.replace(network, switches=(switch,))
        assert physics_of(switched, link).channel_losses_db == pytest.approx(losses_db)
    beam = Beam(divergence_urad=30.0, receiver_m=0.2)
    way = Medium(kind="free-space", length_km=4.0, middle_km=1.0, loss_db=1.0, beam=beam)
    near, far = (msgspec.structs.replace(way, length_km=km, middle_km=None) for km in (1.0, 3.0))
    by_air = msgspec.structs.replace(link, medium=way)
    assert physics_of(network, by_air).channel_losses_db == pytest.approx((channel_loss_db(near), channel_loss_db(far)))
    assert channel_db(network, by_air) == pytest.approx(channel_loss_db(near) + channel_loss_db(far))


def test_half_way_is_the_best_place_for_a_middle():
    """Pulses of unequal strength interfere less: off the middle of a fibre there is less key, in the end none."""
    network = _senders(detector_efficiency=0.9, dark_count_probability=1e-8, block_bits=50_000_000)

    def rate(middle_km):
        medium = Medium(length_km=25.0, middle_km=middle_km, loss_db=5.2)
        return predict(network, msgspec.structs.replace(NETWORK.links[0], medium=medium)).secret_rate_bps

    assert rate(12.5) == rate(None) > rate(10.0) > rate(5.0) > rate(0.1)
    assert rate(5.0) == pytest.approx(rate(20.0))


def test_a_dead_middle_is_predicted():
    """The dead time of the file arrives; bright light loses most of its rate by it."""
    live, dead = _senders(block_bits=1_000_000), _senders(block_bits=1_000_000, dead_time_s=2e-7)
    link = NETWORK.links[0]
    assert physics_of(dead, link).dead_gates == 40
    assert predict(dead, link).sifted_rate_bps < 0.5 * predict(live, link).sifted_rate_bps


def test_neighbours_pass_the_middle():
    """The second end sees a data channel of the first come against its light, weakened by the first arm."""
    shared = Shared(wavelength_nm=1310.0, neighbours=(Neighbour(wavelength_nm=1550.0, launch_dbm=0.0),))
    medium = Medium(kind="co-fibre", length_km=20.0, middle_km=5.0, loss_db=8.0, shared=shared)
    module = msgspec.structs.replace(MODULE, protocol="mdi")
    assert arms(MODULE, medium) == (medium,)
    first, second = arms(module, medium)
    assert (first.length_km, first.loss_db) == (5.0, 2.0)
    assert (second.length_km, second.loss_db) == (15.0, 6.0)
    assert first.shared == shared
    assert [(one.direction, one.launch_dbm) for one in second.shared.neighbours] == [("against", -2.0)]
    photons = [sum(one.photons_per_s for one in stray_light(way)) for way in (first, second)]
    alone = dark_count_probability(msgspec.structs.replace(module, dark_count_probability=0.0), medium)
    seen = 1e-9 * 10**-0.15 * 0.25 * sum(photons) / 4  # of either arm a quarter to each of four detectors
    assert alone == pytest.approx(seen, rel=1e-4)


def test_pairs_suffer_in_a_shared_fibre():
    """Stray light counts at the far receiver of bbm92 only."""
    pairs = msgspec.structs.replace(MODULE, protocol="bbm92", dead_time_s=0.0, afterpulse_probability=0.0)
    network = msgspec.structs.replace(NETWORK, modules={"m": pairs})
    shared = Shared(wavelength_nm=1530.0, neighbours=(Neighbour(wavelength_nm=1550.0, launch_dbm=0.0),))
    quiet, noisy = (
        msgspec.structs.replace(
            network.links[0], medium=Medium(kind="co-fibre", length_km=25.0, loss_db=5.2, shared=one)
        )
        for one in (Shared(wavelength_nm=1530.0), shared)
    )
    physics = physics_of(network, noisy)
    assert physics.stray_probability > 0 == physics_of(network, quiet).stray_probability
    assert physics.dark_count_probability == pairs.dark_count_probability
    assert predict(network, noisy).qber > predict(network, quiet).qber


def test_an_eavesdropper_is_not_predicted():
    """The prediction is that of the undisturbed link: measured against it, an attack shows."""
    attacked = msgspec.structs.replace(NETWORK.links[0], eavesdropper=Eavesdropper(intercept_fraction=1.0))
    assert predict(NETWORK, attacked) == predict(NETWORK, NETWORK.links[0])


def test_unknown_module():
    """A link whose module is not in the file has no physics."""
    with pytest.raises(KeyError, match="other"):
        physics_of(NETWORK, msgspec.structs.replace(NETWORK.links[0], module="other"))
