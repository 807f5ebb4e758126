"""What a protocol of the registry is: devices it is evaluated with, its curve, its record."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from qit4n.physics import bounds
from qit4n.physics.devices import Detector
from qit4n.physics.rates import Array

EFFICIENCY = 1.16
EPSILON_SECRECY, EPSILON_CORRECTNESS = 1e-9, 1e-15


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Devices at the ends of a line (and at its relay): what a protocol is evaluated with.

    Attributes:
        efficiency: of the detectors.
        dark: counts per detector and gate.
        misalignment: share of light at the wrong detector.
        receiver_loss_db: in front of the detectors.
        reconciliation: f >= 1 of discrete variables.
        phase_noise: rad, of twin fields.
        excess: xi of continuous variables, at the channel's input.
        electronic: v_el of continuous variables.
        coherent_efficiency: of a homodyne detector.
        beta: of reverse reconciliation.
        brightness: mean photons per pulse of a single-photon source; it is attenuated where that yields more.
        g2: g2(0) of that source.
    """

    efficiency: float = 0.8
    dark: float = 1e-8
    misalignment: float = 0.01
    receiver_loss_db: float = 0.0
    reconciliation: float = EFFICIENCY
    phase_noise: float = 0.2
    excess: float = 0.01
    electronic: float = 0.1
    coherent_efficiency: float = 0.6
    beta: float = 0.95
    brightness: float = 1.0
    g2: float = 0.0

    @classmethod
    def of(cls, detector: Detector, gate_s: float, **others: float) -> "Setup":
        """With the detectors of a row of the table."""
        dark = detector.dark_count_probability(gate_s)
        return cls(efficiency=detector.efficiency, dark=dark, **others)

    def received(self, loss_db: ArrayLike) -> Array:
        """Chance that a photon is detected behind a line of this loss."""
        total = np.asarray(loss_db, np.float64) + self.receiver_loss_db
        return np.asarray(10.0 ** (-total / 10.0) * self.efficiency, np.float64)

    def arm(self, loss_db: ArrayLike) -> Array:
        """The same for a relay in the middle."""
        return self.received(np.asarray(loss_db, np.float64) / 2.0)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """What a protocol yields over an array of losses: bits per pulse (0: no key), and error rate (nan: has none)."""

    rate: Array
    qber: Array


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One record.

    Attributes:
        name: as the command line takes it.
        title: as people call it.
        formula: of the asymptotic rate.
        source: whose formula.
        security: against what, under which assumptions.
        finite_key: whose proof for blocks is implemented, or that there is none here.
        live: as what it runs in ``qit up``, or why it does not.
        repeater: relays in the middle that nobody trusts: which capacity bounds the rate.
        curve: rate and error rate, intensities at their best.
        test_values: (loss in dB, setup, bits per pulse, where the value is from).
    """

    name: str
    title: str
    formula: str
    source: str
    security: str
    finite_key: str
    live: str
    curve: Callable[[Array, Setup], Curve]
    repeater: int = 0
    secret: bool = True
    test_values: tuple[tuple[float, Setup, float, str], ...] = ()

    def bound(self, loss_db: ArrayLike) -> Array:
        """The capacity that no rate of this kind exceeds, per use of the line."""
        eta = 10.0 ** (-np.asarray(loss_db, np.float64) / 10.0)
        return bounds.repeater_chain(eta, self.repeater)
