"""A QKD link of the network file as physics: the parameters, and what they predict.

A link that crosses an optical switch loses its loss too, and makes key only in its slots.
"""

import itertools
import math
from dataclasses import replace
from typing import Any

from qit4n.network.model import Link, Module, Network, Switch
from qit4n.network.switching import Slot, lit_shares, slots
from qit4n.physics import links
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.channels.fading import Fading
from qit4n.physics.decoy_bb84 import DecoyBB84, Prediction
from qit4n.physics.finite_key import Intensities
from qit4n.physics.links import Physics
from qit4n.physics.mdi import MDI
from qit4n.physics.sendingornot import SendingOrNot
from qit4n.physics.single_photons import SinglePhotonBB84, SinglePhotons
from qit4n.physics.twinfield import TwinField
from qit4n.quantum.channel import arms, channel_loss_db, dark_count_probability, faded_db, fading
from qit4n.quantum.passes import predict_fading, predict_passes

RECONCILIATION_EFFICIENCY = 1.05
FADES = 256


def physics_of(network: Network, link: Link, at_s: float = math.inf) -> Physics:
    """The physical parameters of a link; of a satellite's when it stands overhead.

    A source of pairs stands at the transmitter's end. Neighbours in the fibre are those that are lit ``at_s`` after the
    start, all of them if it is not given.
    """
    module, switch = network.modules[link.module], network.switch_of(link)
    ways = arms(module, link.medium)
    lost_db = [channel_loss_db(way) for way in ways]
    if switch is not None:
        lost_db[0 if switch.site == link.ends[0] else -1] += switch.loss_db
    dark = dark_count_probability(module, link.medium, at_s)
    if module.protocol == "mdi":
        one_db, other_db = lost_db
        return MDI(
            pulse_rate_hz=module.pulse_rate_hz,
            source=_source(module),
            key_basis_probability=module.key_basis_probability,
            channel_losses_db=(one_db, other_db),
            receiver_loss_db=module.receiver_loss_db,
            detector_efficiency=module.detector_efficiency,
            dark_count_probability=dark,
            misalignment=module.misalignment,
            dead_time_s=module.dead_time_s,
        )
    if module.protocol == "twin-field":
        one_db, other_db = lost_db
        return TwinField(
            pulse_rate_hz=module.pulse_rate_hz,
            source=_source(module),
            key_intensity=module.key_intensity,
            key_basis_probability=module.key_basis_probability,
            channel_losses_db=(one_db, other_db),
            receiver_loss_db=module.receiver_loss_db,
            detector_efficiency=module.detector_efficiency,
            dark_count_probability=dark,
            misalignment=module.misalignment,
        )
    if module.protocol == "sns-twin-field":
        one_db, other_db = lost_db
        return SendingOrNot(
            pulse_rate_hz=module.pulse_rate_hz,
            source=_windows(module),
            key_basis_probability=module.key_basis_probability,
            channel_losses_db=(one_db, other_db),
            receiver_loss_db=module.receiver_loss_db,
            detector_efficiency=module.detector_efficiency,
            dark_count_probability=dark,
            misalignment=module.misalignment,
        )
    [lost] = lost_db
    if module.protocol == "bbm92":
        return BBM92(
            pulse_rate_hz=module.pulse_rate_hz,
            pairs_per_pulse=module.pairs_per_pulse,
            losses_db=(module.receiver_loss_db, lost + module.receiver_loss_db),
            detector_efficiency=module.detector_efficiency,
            dark_count_probability=module.dark_count_probability,
            misalignment=module.misalignment,
            key_basis_probability=module.key_basis_probability,
            stray_probability=1.0 - (1.0 - dark) / (1.0 - module.dark_count_probability),
        )
    line: dict[str, Any] = {
        "pulse_rate_hz": module.pulse_rate_hz,
        "key_basis_probability": module.key_basis_probability,
        "channel_loss_db": lost,
        "receiver_loss_db": module.receiver_loss_db,
        "detector_efficiency": module.detector_efficiency,
        "dark_count_probability": dark,
        "misalignment": module.misalignment,
        "dead_time_s": module.dead_time_s,
        "afterpulse_probability": module.afterpulse_probability,
        "trap_lifetime_s": module.trap_lifetime_s,
    }
    if module.protocol == "single-photon-bb84":
        return SinglePhotonBB84(source=SinglePhotons(brightness=module.brightness, g2=module.g2), **line)
    return DecoyBB84(source=_source(module), **line)


def channel_db(network: Network, link: Link, range_km: float | None = None) -> float:
    """What is lost between the two ends of a link, receivers and an optical switch aside."""
    ways = (link.medium,) if network.device_of(link) else arms(network.modules[link.module], link.medium)
    return sum(channel_loss_db(way, range_km=range_km) for way in ways)


def _source(module: Module) -> Intensities:
    signal, decoy, share = module.signal_intensity, module.decoy_intensity, module.signal_probability
    if module.protocol == "one-decoy-bb84":
        return Intensities(means=(signal, decoy), probabilities=(share, 1.0 - share))
    second = module.second_decoy_probability
    return Intensities(
        means=(signal, decoy, module.second_decoy_intensity), probabilities=(share, 1.0 - share - second, second)
    )


def _windows(module: Module) -> Intensities:
    """Signals and nothing in key windows, decoys in test windows."""
    key, sent = module.key_basis_probability, module.key_basis_probability * module.signal_probability
    return Intensities(
        means=(module.signal_intensity, module.decoy_intensity, 0.0), probabilities=(sent, 1.0 - key, key - sent)
    )


def predict(network: Network, link: Link) -> Prediction:
    """What the link will do, under the policies of the file. An eavesdropper is not predicted.

    Behind an optical switch: while no link of it has enough key, so that all need alike.
    """
    found, switch = predict_lit(network, link), network.switch_of(link)
    if switch is None:
        return found
    share = planned_shares(network, switch).get(link.id, 0.0)
    return replace(
        found,
        secret_rate_bps=found.secret_rate_bps * share,
        sifted_rate_bps=found.sifted_rate_bps * share,
        block_duration_s=found.block_duration_s / share if share else math.inf,
    )


def planned_shares(network: Network, switch: Switch) -> dict[str, float]:
    """The share of the time in which each link of a switch makes key, when all need alike."""
    rates = {name: predict_lit(network, network.link(name)).secret_rate_bps for name in switch.links}
    return lit_shares(switch, rates, dict.fromkeys(switch.links, 1.0))


def planned_slots(network: Network, switch: Switch) -> tuple[Slot, ...]:
    """The round with which a switch begins, before a controller says otherwise."""
    return slots(switch, planned_shares(network, switch))


def predict_lit(network: Network, link: Link) -> Prediction:
    """What the link does while its light passes: always, but behind an optical switch.

    A satellite's rates are per second of its passes. Above ``max_qber`` every block is refused, so the secret rate is
    0, whatever the finite-key length says.
    """
    physics = physics_of(network, link)
    if link.medium.orbit is not None:
        return _allowed(network, predict_passes(network, link, physics, RECONCILIATION_EFFICIENCY))
    given = {
        "block_bits": network.modules[link.module].block_bits,
        "epsilon_secrecy": network.policies.epsilon_secrecy,
        "epsilon_correctness": network.policies.epsilon_correctness,
        "reconciliation_efficiency": RECONCILIATION_EFFICIENCY,
    }
    flickers = [fading(way) for way in arms(network.modules[link.module], link.medium)]
    if any(flickers):
        each = round(FADES ** (1 / len(flickers)))
        factors = [(one or Fading()).nodes(each) for one in flickers]
        losses = itertools.product(*map(faded_db, links.losses_db(physics), factors))
        return _allowed(network, predict_fading([physics.through(*one) for one in losses], **given))
    found = links.predict(physics, **given)  # type: ignore[arg-type]
    return _allowed(network, found)


def _allowed(network: Network, found: Prediction) -> Prediction:
    if found.qber > network.policies.max_qber:
        return replace(found, secret_rate_bps=0.0, key_bits_per_block=0.0)
    return found
