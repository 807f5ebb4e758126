"""Eavesdroppers on the emulated quantum channel, and detectors in their hands."""

import math
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.sampling import Dice
from qit4n.physics.attacks import splitting_shares
from qit4n.physics.decoy_bb84 import DecoyBB84
from qit4n.physics.sendingornot import PHASES
from qit4n.quantum.emulated.light import BASIS, BIT, KEY_BASIS, TEST_BASIS, Detections, Light
from qit4n.quantum.emulated.receiver import EmulatedReceiver
from qit4n.units import transmittance


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


class GuessedPhase:
    """Measures the phase of a share of the first end's pulses in twin fields, and resends what she found.

    Two coherent states of mean photons mu and opposite phases are told apart with an error of at least
    ``(1 - sqrt(1 - e^(-4 mu)))/2`` (Helstrom 1976), which her share adds to the errors of the key basis. Brightness
    stays as it is, which is more than she could do: she does not know a pulse of the test basis from one of the key.
    """

    def __init__(self, fraction: float, key_intensity: float, dice: Dice) -> None:
        """Attack each pulse with probability ``fraction``."""
        self._turned = fraction * (1.0 - math.sqrt(-math.expm1(-4.0 * key_intensity))) / 2.0
        self._dice = dice

    def tamper(self, light: Light) -> Light:
        """The light that goes on to the middle: some phases are opposite."""
        states = light.state_array()
        turned = self._dice.random(states.size) < self._turned
        return msgspec.structs.replace(light, states=(states ^ turned * np.uint8(PHASES // 2)).tobytes())


class CountedPhotons:
    """Counts the photons of a share of the first end's pulses in twin fields, and passes them on.

    So she knows whether it sent or not, which is its bit, and errs nowhere in the key. But a pulse of known photon
    number has no phase: it comes to the middle with any, and of the decoys in the slices half are wrong.
    """

    def __init__(self, fraction: float, dice: Dice) -> None:
        """Attack each pulse with probability ``fraction``."""
        self._fraction = fraction
        self._dice = dice

    def tamper(self, light: Light) -> Light:
        """The light that goes on to the middle: some phases are any."""
        states = light.state_array()
        counted = self._dice.random(states.size) < self._fraction
        turns = counted * self._dice.integers(0, PHASES, states.size, np.uint8)
        phases = states + turns & np.uint8(PHASES - 1)
        return msgspec.structs.replace(light, states=(states & ~np.uint8(PHASES - 1) | phases).tobytes())


class PhotonNumberSplitting:
    """Keeps one photon of each pulse of several and blocks single photons, so that the signal's gain stays as it was.

    The bits of what she keeps are hers once the bases are told; nothing is disturbed. The decoys show it: fewer of
    them arrive (Hwang, PRL 91, 057901 (2003); shares in :func:`qit4n.physics.attacks.splitting_shares`).
    """

    def __init__(self, link: DecoyBB84, dice: Dice) -> None:
        """Attack all pulses of ``link``."""
        self._shares = np.array(splitting_shares(link))
        self._receiver = transmittance(link.receiver_loss_db) * link.detector_efficiency
        self._dice = dice

    @staticmethod
    def at_source(link: DecoyBB84) -> DecoyBB84:
        """The link that the transmitter is emulated with: all its photons come to the eavesdropper."""
        return replace(link, channel_loss_db=0.0, receiver_loss_db=0.0, detector_efficiency=1.0)

    def tamper(self, light: Light) -> Light:
        """Of all photons that the transmitter sent, those that the receiver would detect."""
        photons = light.photon_array().astype(np.int64)
        several = photons > 1
        passed = self._dice.random(photons.size) < self._shares[several.astype(np.intp)]
        arrived = self._dice.binomial(np.where(passed, photons - several, 0), self._receiver)
        return _only(light, arrived)


class FakedStates:
    """Measures each pulse and sends what she found as bright light to blinded detectors (:class:`BlindedReceiver`).

    Where her basis is not the receiver's nothing clicks, so errors never come of it; half of the detections are lost,
    which she makes up for near the transmitter (Lydersen et al., Nature Photonics 4, 686 (2010)).
    """

    PHOTONS = 255

    def __init__(self, dice: Dice) -> None:
        """Attack all pulses; a pulse of photons in both of her detectors gives a random bit."""
        self._resend = InterceptResend(1.0, dice)

    def tamper(self, light: Light) -> Light:
        """Bright pulses in her states."""
        resent = self._resend.tamper(light)
        return msgspec.structs.replace(resent, photons=bytes([self.PHOTONS]) * len(resent.photons))


class BlindedReceiver:
    """Two detectors under bright light: no avalanches, so no dark counts, afterpulses or dead time.

    A faked state fires one detector in its own basis; in the other it is split, and below the threshold of both.
    """

    def __init__(self, link: DecoyBB84, dice: Dice) -> None:
        """The receiver of ``link``; it goes on choosing its bases."""
        self._link = link
        self._dice = dice

    def detect(self, light: Light) -> Detections:
        """The detections of one segment of faked states."""
        states = light.state_array()
        test = self._dice.random(states.size) >= self._link.key_basis_probability
        bases = np.where(test, TEST_BASIS, KEY_BASIS).astype(np.uint8)
        fires = bases == (states & BASIS) // BASIS
        return Detections(
            slots=light.slot_array()[fires], bases=bases[fires], bits=states[fires] & BIT, double_clicks=0
        )


class TimeShift:
    """A receiver whose pulses she moves early or late, where detector 0 or detector 1 is the better one.

    It acts on the clicks, which is exact but for the few of dark counts, of double clicks and in dead times that a lost
    click leaves unused. ``early`` is her record: where she moved the pulses that clicked.
    """

    def __init__(self, receiver: EmulatedReceiver, efficiency_ratio: float, early_share: float, dice: Dice) -> None:
        """The worse detector has ``efficiency_ratio`` of the better one's efficiency, that of ``receiver``'s link."""
        self._receiver = receiver
        self._ratio = efficiency_ratio
        self._early_share = early_share
        self._dice = dice
        self.early: NDArray[np.bool_] = np.empty(0, np.bool_)

    def detect(self, light: Light) -> Detections:
        """The detections of one segment."""
        found = self._receiver.detect(light)
        early = self._dice.random(found.slots.size) < self._early_share
        worse = early == (found.bits == 1)
        kept = ~worse | (self._dice.random(found.slots.size) < self._ratio)
        self.early = early[kept]
        return replace(found, slots=found.slots[kept], bases=found.bases[kept], bits=found.bits[kept])


def _only(light: Light, photons: NDArray[np.int64]) -> Light:
    """The pulses of which photons are left, with so many of them."""
    lit = photons > 0
    offsets = np.frombuffer(light.slots, "<u4")
    return msgspec.structs.replace(
        light,
        slots=offsets[lit].tobytes(),
        photons=photons[lit].astype(np.uint8).tobytes(),
        states=light.state_array()[lit].tobytes(),
    )
