"""From the network file to physics."""

import msgspec
import pytest

from qit4n.network.model import Eavesdropper, Link, Medium, Module, Network, Policies, Site
from qit4n.physics import decoy_bb84
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.finite_key import LIM_2014, Intensities
from qit4n.quantum.link import RECONCILIATION_EFFICIENCY, physics_of, predict

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


def test_an_eavesdropper_is_not_predicted():
    """The prediction is that of the undisturbed link: measured against it, an attack shows."""
    attacked = msgspec.structs.replace(NETWORK.links[0], eavesdropper=Eavesdropper(intercept_fraction=1.0))
    assert predict(NETWORK, attacked) == predict(NETWORK, NETWORK.links[0])


def test_unknown_module():
    """A link whose module is not in the file has no physics."""
    with pytest.raises(KeyError, match="other"):
        physics_of(NETWORK, msgspec.structs.replace(NETWORK.links[0], module="other"))
