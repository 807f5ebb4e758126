"""The receiver's session: it announces detections, corrects its key, and asks for everything it needs.

    sifting --block full--> starting --StartBlock--> correcting --(nothing left to ask)--> verifying --Verify-->
    amplifying --Amplify--> checking --Tag--> sifting

Sifted is taken in any state, so that the next block fills while one is distilled.
"""

from collections import deque
from collections.abc import Mapping

import numpy as np

from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError
from qit4n.kernels.sift import BIT, ERROR
from qit4n.kernels.toeplitz import seed_bits
from qit4n.quantum.distillation import messages, pairing, verify
from qit4n.quantum.distillation.authenticate import RECEIVER, TRANSMITTER
from qit4n.quantum.distillation.messages import pack, unpack
from qit4n.quantum.distillation.session import ANY, Action, Handler, Progress, Session, Settings, SpendKey
from qit4n.quantum.distillation.sift import in_basis, states
from qit4n.quantum.emulated.light import TEST_BASIS, Detections


class ReceiverSession(Session):
    """One session at the receiver."""

    role, outgoing, incoming = RECEIVER, "backward", "forward"

    def __init__(self, settings: Settings, entropy: Entropy, keys: list[tuple[str, bytes]]) -> None:
        """``keys`` are the one-time keys of this end in order."""
        super().__init__(settings, keys)
        self._entropy = entropy
        self._announced: deque[tuple[int, Detections]] = deque()
        self._amplified = (0, 0)
        self._pairing: pairing.Pairing | None = None

    def table(self) -> Mapping[tuple[str, type[messages.ClassicalMessage]], Handler]:
        """Which message is handled how in which state."""
        return {
            (ANY, messages.Sifted): self._on_sifted,
            (ANY, messages.AbortBlock): self.on_abort,
            ("starting", messages.StartBlock): self._on_start,
            ("correcting", messages.Parities): self._on_parities,
            ("verifying", messages.Verify): self._on_verify,
            ("amplifying", messages.Amplify): self._on_amplify,
            ("checking", messages.Tag): self._on_tag,
        }

    def detected(self, detections: Detections, first_slot: int, pulses: int, _now: float) -> list[Action]:
        """The module has detected one segment."""
        if self.state == "over":
            return []
        self._announced.append((first_slot, detections))
        announce = messages.Announce(
            first_slot=first_slot,
            pulses=pulses,
            clicks=detections.slots.size,
            gaps=messages.pack_slots(detections.slots, first_slot),
            bases=pack(detections.bases),
            intensities=messages.pack_intensities(detections.intensities, self.settings.physics.receiver_kinds),
        )
        return [self.say(announce)]

    def _on_sifted(self, message: messages.Sifted, _now: float) -> list[Action]:
        if not self._announced or self._announced[0][0] != message.first_slot:
            raise ProtocolError(f"sifting of a segment at slot {message.first_slot} that is not the next one")
        _, detections = self._announced.popleft()
        equal = unpack(message.kept, detections.slots.size).view(np.bool_)
        intensities = messages.unpack_intensities(message.intensities, int(np.count_nonzero(equal)), self.intensities)
        if self.pairs:
            kept = pairing.choices_of_receiver(detections, intensities)
        else:
            kept = states(detections.bits[equal], detections.bases[equal], intensities)
        test = np.flatnonzero(in_basis(kept, TEST_BASIS))
        kept[test] ^= (kept[test] & np.uint8(BIT) ^ unpack(message.test_bits, test.size)) * np.uint8(ERROR)
        self.sifted.add(detections.slots[equal], kept)
        return self._begin() if self.state == "sifting" else []

    def _begin(self) -> list[Action]:
        block = self.sifted.cut(self.settings.block_bits)
        if block is None:
            return []
        self.progress = Progress(block=block, test_errors=block.test_errors, key_errors=())
        self.state = "starting"
        if not self.pairs:
            return [self.say(messages.ReportErrors(errors=block.test_errors))]
        self._pairing = pairing.Pairing.drawn(np.unpackbits(block.key, count=block.size), self._entropy)
        pairs, left = self._pairing.packed(block.size)
        return [
            self.say(
                messages.ReportErrors(errors=block.test_errors, pairs=pairs, left=left, left_bit=self._pairing.left_bit)
            )
        ]

    def _on_start(self, message: messages.StartBlock, _now: float) -> list[Action]:
        if message.one_time_key not in self.keys:
            return [self.say(messages.RefuseKey(one_time_key=message.one_time_key))]
        if message.block <= self.last_block:
            raise ProtocolError(f"block {message.block} after {self.last_block}")
        progress = self.working()
        self.last_block = progress.number = message.block
        progress.one_time_key = message.one_time_key
        if self._pairing is not None:
            progress.block = pairing.paired(progress.block, self._pairing, message.parities, message.told)
        self.state = "correcting"
        said = self.correct(message).begin()
        return [self.say(messages.Parities(group=group, bits=bits)) for group, bits in said]

    def _on_parities(self, message: messages.Parities, _now: float) -> list[Action]:
        correction = self.correction()
        own = correction.take(message.group, message.bits)
        if own is not None:
            return [self.say(messages.Parities(group=message.group, bits=own))]
        if not correction.done:
            return []
        self.state = "verifying"
        return [self.say(messages.Corrected())]

    def _on_verify(self, message: messages.Verify, _now: float) -> list[Action]:
        progress, correction = self.working(), self.correction()
        progress.key = correction.key()
        verify.check(message.function, message.value, progress.key.tobytes())
        progress.key_errors = progress.block.key_errors(progress.key)
        progress.leaked_bits, progress.replies_bits = correction.leaked_bits, correction.replies_bits
        self.state = "amplifying"
        self.check_qber(self.counts().key.error_rate, "key")
        return [self.say(messages.Verified(errors=progress.key_errors))]

    def _on_amplify(self, message: messages.Amplify, _now: float) -> list[Action]:
        progress = self.working()
        most = self.length().length_bits + 1
        if message.length > most or message.length % 8:
            raise ProtocolError(f"a key of {message.length} bits is announced, {most} are secret")
        if len(message.seed) != (seed_bits(progress.block.size, message.length) + 7) // 8:
            raise ProtocolError(f"{len(message.seed)} bytes of seed do not fit a key of {message.length} bits")
        self.amplify(message.length, message.seed)
        self._amplified = self.transcript.numbers()
        self.state = "checking"
        return []

    def _on_tag(self, message: messages.Tag, _now: float) -> list[Action]:
        progress = self.working()
        one_time = self.keys.take(progress.one_time_key)
        least = (self._amplified[0], 0)
        progress.covered_bytes = self.transcript.check(TRANSMITTER, progress.number, one_time, message, at_least=least)
        tag, covered = self.transcript.tag(self.role, progress.number, one_time)
        progress.covered_bytes = max(progress.covered_bytes, covered)
        self.state = "sifting"
        delivery = self.delivery()
        return [SpendKey(progress.one_time_key), delivery, self.say(tag), *self._begin()]
