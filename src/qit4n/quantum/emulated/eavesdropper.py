"""An eavesdropper on the emulated quantum channel: intercept and resend."""

import msgspec
import numpy as np

from qit4n.kernels.sampling import Dice
from qit4n.quantum.emulated.light import BASIS, BIT, Light


class InterceptResend:
    """Measures a share of the pulses in a random basis and resends what she found, at unchanged brightness.

    Where her basis is not the transmitter's (half of the time) her bit is random, so a fraction f adds f/4 to the
    error rate in both bases (Bennett and Brassard 1984; less what is random already); the gains stay as they are.
    """

    def __init__(self, fraction: float, dice: Dice) -> None:
        """Attack each pulse with probability ``fraction``."""
        self._fraction = fraction
        self._dice = dice

    def tamper(self, light: Light) -> Light:
        """The light that goes on to the receiver."""
        states = light.state_array().copy()
        attacked = np.flatnonzero(self._dice.random(states.size) < self._fraction)
        bases = self._dice.integers(0, 2, attacked.size, np.uint8)
        same = bases == (states[attacked] & BASIS) // BASIS
        guesses = self._dice.integers(0, 2, attacked.size, np.uint8)
        bits = np.where(same, states[attacked] & BIT, guesses)
        states[attacked] = bits * BIT + bases * BASIS
        return msgspec.structs.replace(light, states=states.tobytes())
