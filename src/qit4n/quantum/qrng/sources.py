"""Emulated entropy sources: raw samples as the optics would give them, from dice, and the min-entropy of their model.

There is no quantum randomness in them: they stand in for a device, and everything says so.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator  # noqa: TID251 - the type
from numpy.typing import NDArray

from qit4n.physics import randomness
from qit4n.quantum.qrng.tap import Claim

ADC_BITS = 8
QCNR_DB = 20.0
MEAN_PHOTONS, BINS = 0.1, 256
TRANSMITTANCE, EFFICIENCIES = 0.5, (0.20, 0.19)


@dataclass(frozen=True)
class EmulatedSource:
    """A source: its model in words, what it gives by the model, and samples (uint8, one to a byte)."""

    model: str
    claim: Claim
    draw: Callable[[Generator, int], NDArray[np.uint8]]

    def read(self, dice: Generator, size: int) -> bytes:
        """``size`` bytes of the raw stream."""
        samples = self.draw(dice, size * 8 // self.claim.sample_bits)
        return samples.tobytes() if self.claim.sample_bits == ADC_BITS else np.packbits(samples).tobytes()


HALF_RANGE = randomness.best_half_range(ADC_BITS, QCNR_DB)


def _vacuum(dice: Generator, number: int) -> NDArray[np.uint8]:
    """Quantum noise of variance 1 and classical noise QCNR below it, through the converter."""
    volts = dice.normal(0.0, np.sqrt(1.0 + 10.0 ** (-QCNR_DB / 10.0)), number)
    half = 2 ** (ADC_BITS - 1)
    return np.asarray(np.clip(np.rint(volts / HALF_RANGE * half), -half, half - 1) + half, np.uint8)


def _arrival(dice: Generator, number: int) -> NDArray[np.uint8]:
    """The bin of the first photon of a period that has one, by inverting its distribution."""
    times = -np.log1p(dice.random(number) * np.expm1(-MEAN_PHOTONS)) / MEAN_PHOTONS
    return np.asarray(np.minimum(times * BINS, BINS - 1), np.uint8)


def _beam_splitter(dice: Generator, number: int) -> NDArray[np.uint8]:
    """Which detector clicked."""
    through, reflected = TRANSMITTANCE * EFFICIENCIES[0], (1.0 - TRANSMITTANCE) * EFFICIENCIES[1]
    return np.asarray(dice.random(number) < through / (through + reflected), np.uint8)


EMULATED = {
    "vacuum-fluctuations": EmulatedSource(
        f"homodyne detection of the vacuum, {ADC_BITS} bits, classical noise {QCNR_DB:g} dB below",
        Claim(ADC_BITS, float(randomness.vacuum_fluctuations(ADC_BITS, HALF_RANGE, QCNR_DB))),
        _vacuum,
    ),
    "photon-arrival": EmulatedSource(
        f"arrival of the first photon in {BINS} bins, {MEAN_PHOTONS:g} detections per period",
        Claim(ADC_BITS, float(randomness.photon_arrival(MEAN_PHOTONS, BINS))),
        _arrival,
    ),
    "beam-splitter": EmulatedSource(
        f"photon at a beam splitter, detectors of efficiency {EFFICIENCIES[0]:g} and {EFFICIENCIES[1]:g}",
        Claim(1, float(randomness.beam_splitter(TRANSMITTANCE, *EFFICIENCIES))),
        _beam_splitter,
    ),
}
