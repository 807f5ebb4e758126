"""Beams that fade: a source emits in parts, each through another loss."""

from dataclasses import dataclass

from qit4n.kernels.sampling import Dice
from qit4n.network.medium import Medium
from qit4n.physics.bbm92 import BBM92
from qit4n.physics.channels.fading import Fading
from qit4n.physics.decoy_bb84 import BB84
from qit4n.physics.twosenders import TwinFields
from qit4n.quantum.channel import faded_db
from qit4n.quantum.emulated.light import Light, joined
from qit4n.quantum.emulated.pairs import EmulatedPairs
from qit4n.quantum.emulated.transmitter import EmulatedTransmitter
from qit4n.quantum.emulated.twinfield import EmulatedPhases

Source = EmulatedTransmitter | EmulatedPairs | EmulatedPhases
Line = BB84 | BBM92 | TwinFields


@dataclass(frozen=True, kw_only=True)
class Fades:
    """How one beam fades, and for how many pulses the transmittance stays."""

    fading: Fading
    pulses: int
    dice: Dice

    @staticmethod
    def of(fading: Fading | None, medium: Medium, pulse_rate_hz: float, dice: Dice) -> "Fades | None":
        """Those of one way of a link; None if it does not fade."""
        if fading is None or medium.beam is None:
            return None
        return Fades(fading=fading, pulses=max(1, int(medium.beam.fade_s * pulse_rate_hz)), dice=dice)

    def emit(self, source: Source, line: Line, pulses: int) -> Light:
        """The next pulses, about the loss of ``line``."""
        parts = []
        while pulses:
            part = min(pulses, self.pulses)
            [loss_db] = faded_db(line.channel_loss_db, self.fading.draw(1, self.dice))
            retune(source, line.through(loss_db))
            parts.append(source.emit(part))
            pulses -= part
        return joined(parts)


def retune(source: Source, line: Line) -> None:
    """From the next pulse on the source sends through ``line``."""
    match source, line:
        case EmulatedPairs(), BBM92():
            source.retune(line)
        case EmulatedPhases(), TwinFields():
            source.retune(line)
        case EmulatedTransmitter(), BB84():
            source.retune(line)
