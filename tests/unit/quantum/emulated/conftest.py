"""A whole emulated link: light, detections, and what was prepared."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.random import default_rng

from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.finite_key import Intensities
from qit4n.physics.single_photons import SinglePhotonBB84, SinglePhotons
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter


@dataclass
class Run:
    """All detections of a run, as columns."""

    slots: np.ndarray
    bases: np.ndarray
    bits: np.ndarray
    prepared_bases: np.ndarray
    prepared_bits: np.ndarray
    intensities: np.ndarray
    pulses: int

    def sifted(self, basis, intensity=None):
        """Detections in which both ends chose ``basis``, and those of them with different bits."""
        mask = (self.bases == basis) & (self.prepared_bases == basis)
        if intensity is not None:
            mask &= self.intensities == intensity
        return int(mask.sum()), int((mask & (self.bits != self.prepared_bits)).sum())


@pytest.fixture
def link():
    """Makes a link of 10 dB with ideal detectors, and whatever is asked to be different."""

    def make(**changes):
        values = {
            "pulse_rate_hz": 1e8,
            "source": Intensities(means=(0.5, 0.15), probabilities=(0.6, 0.4)),
            "key_basis_probability": 0.7,
            "channel_loss_db": 10.0,
            "receiver_loss_db": 1.0,
            "detector_efficiency": 0.2,
            "dark_count_probability": 0.0,
            "misalignment": 0.02,
            "dead_time_s": 0.0,
            "afterpulse_probability": 0.0,
        }
        values |= changes
        made = SinglePhotonBB84 if isinstance(values["source"], SinglePhotons) else DecoyBB84
        return made(**values)

    return make


@pytest.fixture
def emulate():
    """Runs a link for some pulses, in segments, with an eavesdropper if there is one."""

    def run(link, pulses, *, seed, segments=4, attack=None):
        # Each end has dice of its own, as in two processes.
        transmitter = EmulatedTransmitter(link, default_rng([seed, 1]))
        receiver = EmulatedReceiver(link, default_rng([seed, 2]))
        found, known = [], []
        for _ in range(segments):
            light = transmitter.emit(pulses // segments)
            detections = receiver.detect(attack.tamper(light) if attack else light)
            found.append(detections)
            known.append(transmitter.prepared(detections.slots))
        return Run(
            slots=np.concatenate([one.slots for one in found]),
            bases=np.concatenate([one.bases for one in found]),
            bits=np.concatenate([one.bits for one in found]),
            prepared_bases=np.concatenate([one.bases for one in known]),
            prepared_bits=np.concatenate([one.bits for one in known]),
            intensities=np.concatenate([one.intensities for one in known]),
            pulses=pulses // segments * segments,
        )

    return run
