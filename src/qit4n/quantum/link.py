"""A QKD link of the network file as physics: the parameters, and what they predict."""

from dataclasses import replace

from qit4n.network.model import Link, Module, Network
from qit4n.physics import decoy_bb84
from qit4n.physics.decoy_bb84 import DecoyBB84, Prediction
from qit4n.physics.finite_key import Intensities

RECONCILIATION_EFFICIENCY = 1.05


def physics_of(network: Network, link: Link) -> DecoyBB84:
    """The physical parameters of a link."""
    module = network.modules[link.module]
    return DecoyBB84(
        pulse_rate_hz=module.pulse_rate_hz,
        source=_source(module),
        key_basis_probability=module.key_basis_probability,
        channel_loss_db=link.medium.loss_db,
        receiver_loss_db=module.receiver_loss_db,
        detector_efficiency=module.detector_efficiency,
        dark_count_probability=module.dark_count_probability,
        misalignment=module.misalignment,
        dead_time_s=module.dead_time_s,
        afterpulse_probability=module.afterpulse_probability,
        trap_lifetime_s=module.trap_lifetime_s,
    )


def _source(module: Module) -> Intensities:
    signal, decoy, share = module.signal_intensity, module.decoy_intensity, module.signal_probability
    if module.protocol == "one-decoy-bb84":
        return Intensities(means=(signal, decoy), probabilities=(share, 1.0 - share))
    second = module.second_decoy_probability
    return Intensities(
        means=(signal, decoy, module.second_decoy_intensity), probabilities=(share, 1.0 - share - second, second)
    )


def predict(network: Network, link: Link) -> Prediction:
    """What the link will do, under the policies of the file. An eavesdropper is not predicted.

    Above ``max_qber`` every block is refused, so the secret rate is 0, whatever the finite-key length says.
    """
    found = decoy_bb84.predict(
        physics_of(network, link),
        block_bits=network.modules[link.module].block_bits,
        epsilon_secrecy=network.policies.epsilon_secrecy,
        epsilon_correctness=network.policies.epsilon_correctness,
        reconciliation_efficiency=RECONCILIATION_EFFICIENCY,
    )
    if found.qber > network.policies.max_qber:
        return replace(found, secret_rate_bps=0.0, key_bits_per_block=0.0)
    return found
