"""The transmitter's session: it holds the reference key, answers, and sets the pace of each block.

    sifting --ReportErrors--> correcting --Corrected--> verifying --Verified--> tagging --Tag--> sifting

Announce is answered in any state, so that the next block fills while one is distilled.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from qit4n.entropy import Entropy
from qit4n.errors import BlockRefusedError, OutOfKeyError, ProtocolError
from qit4n.kernels.toeplitz import seed_bits, toeplitz_hash
from qit4n.quantum.distillation import messages, verify
from qit4n.quantum.distillation.authenticate import RECEIVER, TRANSMITTER
from qit4n.quantum.distillation.messages import pack, packed_bits
from qit4n.quantum.distillation.reconcile import CascadeReference, Nodes, Plan
from qit4n.quantum.distillation.session import ANY, Action, Handler, Progress, Session, Settings, SpendKey
from qit4n.quantum.distillation.sift import compare
from qit4n.quantum.emulated.light import Prepared

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
        self._cascade: CascadeReference | None = None
        self._answered = (0, 0)

    def table(self) -> Mapping[tuple[str, type[messages.ClassicalMessage]], Handler]:
        """Which message is handled how in which state."""
        return {
            (ANY, messages.Announce): self._on_announce,
            (ANY, messages.AbortBlock): self.on_abort,
            ("sifting", messages.ReportErrors): self._on_errors,
            ("correcting", messages.RefuseKey): self._on_refused_key,
            ("correcting", messages.Ask): self._on_ask,
            ("correcting", messages.Corrected): self._on_corrected,
            ("verifying", messages.Verified): self._on_verified,
            ("tagging", messages.Tag): self._on_tag,
        }

    def _on_announce(self, message: messages.Announce, _now: float) -> list[Action]:
        slots = message.first_slot + np.frombuffer(message.slots, "<u4").astype(np.int64)
        if slots.size and (np.any(np.diff(slots) <= 0) or slots[-1] >= message.first_slot + message.pulses):
            raise ProtocolError("announced slots are not ascending within their segment")
        theirs = packed_bits(message.bases, slots.size)
        kept, sifted = compare(message.first_slot, slots, self._prepared(slots), theirs)
        self.sifted.add(kept)
        return [self.say(sifted)]

    def _on_errors(self, message: messages.ReportErrors, now: float) -> list[Action]:
        block = self.sifted.cut(self.settings.block_bits)
        if block is None:
            raise ProtocolError("the receiver reports a block that is not full")
        errors = (message.signal, message.decoy)
        if any(not 0 <= wrong <= found for wrong, found in zip(errors, block.test_counts, strict=True)):
            raise ProtocolError("more errors reported than bits tested")
        self.last_block = max(self.last_block + 1, int(now * 1000))
        self.progress = Progress(block=block, number=self.last_block, test_errors=errors, key=block.key)
        _, test = self.counts()
        self.check_qber(test.error_rate, "test")
        self.state = "correcting"
        seed = int.from_bytes(self._entropy(SEED_BYTES))
        plan = Plan.of(block.key.size, seed, test.error_rate)
        self._cascade = CascadeReference(block.key, plan)
        self._start = messages.StartBlock(
            block=self.last_block, seed=seed, qber=test.error_rate, one_time_key=self._next_key()
        )
        return [self.say(self._start)]

    def _next_key(self) -> str:
        try:
            self.working().one_time_key = self.keys.first()
        except OutOfKeyError as error:
            raise BlockRefusedError("no-authentication-key", str(error)) from error
        return self.working().one_time_key

    def _on_refused_key(self, message: messages.RefuseKey, _now: float) -> list[Action]:
        self.keys.drop(message.one_time_key)
        again = messages.StartBlock(
            block=self._start.block, seed=self._start.seed, qber=self._start.qber, one_time_key=self._next_key()
        )
        return [self.say(again)]

    def _reference(self) -> CascadeReference:
        if self._cascade is None:
            raise ProtocolError("no correction is under way")
        return self._cascade

    def _on_ask(self, message: messages.Ask, _now: float) -> list[Action]:
        passes = np.frombuffer(message.passes, np.uint8)
        levels = np.frombuffer(message.levels, np.uint8)
        indices = np.frombuffer(message.indices, "<u4").astype(np.int64)
        if not passes.size == levels.size == indices.size:
            raise ProtocolError("a question whose parts differ in length")
        parities = self._reference().answer(Nodes(passes=passes, levels=levels, indices=indices))
        return [self.say(messages.Parities(count=parities.size, bits=pack(parities)))]

    def _on_corrected(self, _message: messages.Corrected, _now: float) -> list[Action]:
        progress = self.working()
        progress.leaked_bits = self._reference().leaked_bits
        progress.replies_bits = self._reference().leaked_bits
        self.state = "verifying"
        function, value = verify.draw(self._entropy, pack(progress.key))
        return [self.say(messages.Verify(function=function, value=value))]

    def _on_verified(self, message: messages.Verified, _now: float) -> list[Action]:
        progress = self.working()
        errors = (message.signal, message.decoy)
        if any(not 0 <= wrong <= found for wrong, found in zip(errors, progress.block.key_counts(), strict=True)):
            raise ProtocolError("more errors reported than bits corrected")
        progress.key_errors = errors
        key, _ = self.counts()
        self.check_qber(key.error_rate, "key")
        length = self.length().length_bits // 8 * 8
        seed = np.frombuffer(self._entropy((seed_bits(progress.key.size, length) + 7) // 8), np.uint8)
        bits = np.unpackbits(seed)[: seed_bits(progress.key.size, length)]
        progress.final = toeplitz_hash(progress.key, bits, length)
        amplify = self.say(messages.Amplify(length=length, seed=pack(bits)))
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
