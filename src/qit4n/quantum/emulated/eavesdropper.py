"""An eavesdropper on the emulated quantum channel: intercept and resend."""

import msgspec
import numpy as np

from qit4n.kernels.sampling import Dice
from qit4n.quantum.emulated.light import BASIS, BIT, Light


class InterceptResend:
    """Measures a share of the pulses in a random basis and resends what she found, at unchanged brightness.

    Where her basis differs from the transmitter's (half of the time) the bit is random, so a share f adds f/4 to
    the error rate in both bases (Bennett and Brassard 1984); the gains stay as they are.
    """

    def __init__(self, share: float, dice: Dice) -> None:
        """Attack each pulse with probability ``share``."""
        self._share = share
        self._dice = dice

    def tamper(self, light: Light) -> Light:
        """The light that goes on to the receiver."""
        states = light.state_array().copy()
        attacked = np.flatnonzero(self._dice.random(states.size) < self._share)
        bases = self._dice.integers(0, 2, attacked.size, np.uint8)
        same = bases == (states[attacked] & BASIS) // BASIS
        random_bits = self._dice.integers(0, 2, attacked.size, np.uint8)
        bits = np.where(same, states[attacked] & BIT, random_bits)
        states[attacked] = bits * BIT + bases * BASIS
        return msgspec.structs.replace(light, states=states.astype(np.uint8).tobytes())
