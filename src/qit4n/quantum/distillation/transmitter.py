"""The transmitter's session: it holds the reference key, answers, and sets the pace of each block.

    sifting --ReportErrors--> correcting --Corrected--> verifying --Verified--> tagging --Tag--> sifting

Announce is answered in any state, so that the next block fills while one is distilled.
"""

import statistics
from collections.abc import Callable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from qit4n.entropy import Entropy
from qit4n.errors import BlockRefusedError, OutOfKeyError, ProtocolError
from qit4n.kernels.sift import BIT, INTENSITY_SHIFT
from qit4n.kernels.toeplitz import seed_bits
from qit4n.quantum.distillation import messages, pairing, reconcile, verify
from qit4n.quantum.distillation.authenticate import RECEIVER, TRANSMITTER
from qit4n.quantum.distillation.messages import pack, unpack
from qit4n.quantum.distillation.session import ANY, Action, Handler, Progress, Session, Settings, SpendKey
from qit4n.quantum.distillation.sift import in_basis, states
from qit4n.quantum.emulated.light import TEST_BASIS, Prepared

PreparedIn = Callable[[NDArray[np.int64]], Prepared]
SEED_BYTES = 6


class TransmitterSession(Session):
    """One session at the transmitter."""

    role, outgoing, incoming = TRANSMITTER, "forward", "backward"

    def __init__(
        self, settings: Settings, entropy: Entropy, keys: list[tuple[str, bytes]], prepared: PreparedIn
    ) -> None:
        """``prepared`` tells what the module sent in given slots."""
        super().__init__(settings, keys)
        self._entropy = entropy
        self._prepared = prepared
        self._round_trip_s: float | None = None
        self._round_trips_s: list[float] = []
        self._spoke_s: dict[int, float] = {}
        self._answered = (0, 0)

    def table(self) -> Mapping[tuple[str, type[messages.ClassicalMessage]], Handler]:
        """Which message is handled how in which state."""
        return {
            (ANY, messages.Announce): self._on_announce,
            (ANY, messages.AbortBlock): self.on_abort,
            ("sifting", messages.ReportErrors): self._on_errors,
            ("correcting", messages.RefuseKey): self._on_refused_key,
            ("correcting", messages.Parities): self._on_parities,
            ("correcting", messages.Corrected): self._on_corrected,
            ("verifying", messages.Verified): self._on_verified,
            ("tagging", messages.Tag): self._on_tag,
        }

    def _on_announce(self, message: messages.Announce, _now: float) -> list[Action]:
        slots = messages.unpack_slots(message.gaps, message.clicks, message.first_slot, message.pulses)
        theirs = unpack(message.bases, slots.size)
        prepared = self._prepared(slots)
        others = self.settings.physics.receiver_kinds
        sent = messages.unpack_intensities(message.intensities, slots.size, others)
        if self.pairs:
            equal = prepared.known
            kept = pairing.choices_of_transmitter(prepared, theirs, sent)
        else:
            equal = (prepared.bases == theirs) & prepared.known
            kept = states(prepared.bits, prepared.bases, prepared.intensities * np.uint8(others) + sent)[equal]
        self.sifted.add(slots[equal], kept)
        sifted = messages.Sifted(
            first_slot=message.first_slot,
            kept=pack(equal),
            intensities=messages.pack_intensities(kept >> np.uint8(INTENSITY_SHIFT), self.intensities),
            test_bits=pack(kept[in_basis(kept, TEST_BASIS)] & np.uint8(BIT)),
        )
        return [self.say(sifted)]

    def _on_errors(self, message: messages.ReportErrors, now: float) -> list[Action]:
        block = self.sifted.cut(self.settings.block_bits)
        if block is None:
            raise ProtocolError("the receiver reports a block that is not full")
        if any(not 0 <= wrong <= found for wrong, found in zip(message.errors, block.test_counts, strict=True)):
            raise ProtocolError("more errors reported than bits tested")
        parities = told = b""
        if self.pairs:
            pairs = pairing.Pairing.unpacked(message.pairs, message.left, message.left_bit, block.size)
            parities, told = pairing.told_by_transmitter(block, pairs)
            block = pairing.paired(block, pairs, parities, told)
        self.last_block = max(self.last_block + 1, int(now * 1000))
        self.progress = Progress(block=block, number=self.last_block, test_errors=message.errors, key_errors=())
        rate = self.settings.physics.key_error_rate(self.counts().test)
        self.check_qber(rate, "test")
        self.state = "correcting"
        seed = int.from_bytes(self._entropy(SEED_BYTES))
        plan, reason = reconcile.choose(
            block.size,
            seed,
            rate,
            round_trip_s=self._round_trip_s,
            fill_s=block.pulses / self.settings.physics.pulse_rate_hz,
        )
        self._start = messages.StartBlock(
            block=self.last_block,
            plan=plan,
            reason=reason,
            one_time_key=self._next_key(),
            parities=parities,
            told=told,
        )
        self.correct(self._start)
        return [self.say(self._start)]

    def _next_key(self) -> str:
        try:
            self.working().one_time_key = self.keys.first()
        except OutOfKeyError as error:
            raise BlockRefusedError("no-authentication-key", str(error)) from error
        return self.working().one_time_key

    def _on_refused_key(self, message: messages.RefuseKey, _now: float) -> list[Action]:
        self.keys.drop(message.one_time_key)
        return [self.say(msgspec.structs.replace(self._start, one_time_key=self._next_key()))]

    def _on_parities(self, message: messages.Parities, now: float) -> list[Action]:
        if message.group in self._spoke_s:
            self._round_trips_s.append(now - self._spoke_s[message.group])
        self._spoke_s[message.group] = now
        own = self.correction().take(message.group, message.bits)
        return [] if own is None else [self.say(messages.Parities(group=message.group, bits=own))]

    def _on_corrected(self, _message: messages.Corrected, _now: float) -> list[Action]:
        progress = self.working()
        correction = self.correction()
        correction.finish()
        if self._round_trips_s:
            self._round_trip_s = statistics.median(self._round_trips_s)
        self._spoke_s.clear()
        self._round_trips_s.clear()
        progress.key = correction.key()
        progress.leaked_bits, progress.replies_bits = correction.leaked_bits, correction.replies_bits
        self.state = "verifying"
        function, value = verify.draw(self._entropy, progress.key.tobytes())
        return [self.say(messages.Verify(function=function, value=value))]

    def _on_verified(self, message: messages.Verified, _now: float) -> list[Action]:
        progress = self.working()
        if any(not 0 <= wrong <= found for wrong, found in zip(message.errors, progress.block.key_counts, strict=True)):
            raise ProtocolError("more errors reported than bits corrected")
        progress.key_errors = message.errors
        self.check_qber(self.counts().key.error_rate, "key")
        length = self.length().length_bits // 8 * 8
        seed = self._entropy((seed_bits(progress.block.size, length) + 7) // 8)
        self.amplify(length, seed)
        amplify = self.say(messages.Amplify(length=length, seed=seed))
        self._one_time = self.keys.take(progress.one_time_key)
        tag, covered = self.transcript.tag(self.role, progress.number, self._one_time)
        progress.covered_bytes = covered
        self._answered = self.transcript.numbers()
        self.state = "tagging"
        return [amplify, SpendKey(progress.one_time_key), self.say(tag)]

    def _on_tag(self, message: messages.Tag, _now: float) -> list[Action]:
        progress = self.working()
        covered = self.transcript.check(RECEIVER, progress.number, self._one_time, message, at_least=self._answered)
        progress.covered_bytes = max(progress.covered_bytes, covered)
        self.state = "sifting"
        return [self.delivery()]
