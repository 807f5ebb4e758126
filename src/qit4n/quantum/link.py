"""A QKD link of the network file as physics: the parameters, and what they predict."""

from dataclasses import replace

from qit4n.network.model import Link, Module, Network
from qit4n.physics import bbm92, decoy_bb84
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.decoy_bb84 import DecoyBB84, Prediction
from qit4n.physics.finite_key import Intensities

RECONCILIATION_EFFICIENCY = 1.05


def physics_of(network: Network, link: Link) -> DecoyBB84 | BBM92:
    """The physical parameters of a link. A source of pairs stands at the transmitter's end."""
    module = network.modules[link.module]
    if module.protocol == "bbm92":
        return BBM92(
            pulse_rate_hz=module.pulse_rate_hz,
            pairs_per_pulse=module.pairs_per_pulse,
            losses_db=(module.receiver_loss_db, link.medium.loss_db + module.receiver_loss_db),
            detector_efficiency=module.detector_efficiency,
            dark_count_probability=module.dark_count_probability,
            misalignment=module.misalignment,
            key_basis_probability=module.key_basis_probability,
        )
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
    physics = physics_of(network, link)
    found = (bbm92.predict if isinstance(physics, BBM92) else decoy_bb84.predict)(
        physics,  # type: ignore[arg-type]
        block_bits=network.modules[link.module].block_bits,
        epsilon_secrecy=network.policies.epsilon_secrecy,
        epsilon_correctness=network.policies.epsilon_correctness,
        reconciliation_efficiency=RECONCILIATION_EFFICIENCY,
    )
    if found.qber > network.policies.max_qber:
        return replace(found, secret_rate_bps=0.0, key_bits_per_block=0.0)
    return found
