"""The receiver's session: it announces detections, corrects its key, and asks for everything it needs.

    sifting --block full--> starting --StartBlock--> correcting --(nothing left to ask)--> verifying --Verify-->
    amplifying --Amplify--> checking --Tag--> sifting

Sifted is taken in any state, so that the next block fills while one is distilled.
"""

from collections import deque
from collections.abc import Mapping

from qit4n.entropy import Entropy
from qit4n.errors import ProtocolError
from qit4n.kernels.toeplitz import seed_bits, toeplitz_hash
from qit4n.quantum.distillation import messages, verify
from qit4n.quantum.distillation.authenticate import RECEIVER, TRANSMITTER
from qit4n.quantum.distillation.messages import pack, unpack
from qit4n.quantum.distillation.reconcile import CascadeCorrector, Plan
from qit4n.quantum.distillation.session import ANY, Action, Handler, Progress, Session, Settings, SpendKey
from qit4n.quantum.distillation.sift import by_intensity, keep
from qit4n.quantum.emulated.light import Detections


class ReceiverSession(Session):
    """One session at the receiver."""

    role, outgoing, incoming = RECEIVER, "backward", "forward"

    def __init__(self, settings: Settings, entropy: Entropy, keys: list[tuple[str, bytes]]) -> None:
        """``keys`` are the one-time keys of this end in order."""
        super().__init__(settings, keys)
        self._entropy = entropy
        self._announced: deque[tuple[int, Detections]] = deque()
        self._cascade: CascadeCorrector | None = None
        self._amplified = (0, 0)

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
            slots=(detections.slots - first_slot).astype("<u4").tobytes(),
            bases=pack(detections.bases),
        )
        return [self.say(announce)]

    def _on_sifted(self, message: messages.Sifted, _now: float) -> list[Action]:
        if not self._announced or self._announced[0][0] != message.first_slot:
            raise ProtocolError(f"sifting of a segment at slot {message.first_slot} that is not the next one")
        _, detections = self._announced.popleft()
        self.sifted.add(keep(detections, message))
        return self._begin() if self.state == "sifting" else []

    def _begin(self) -> list[Action]:
        block = self.sifted.cut(self.settings.block_bits)
        if block is None:
            return []
        self.progress = Progress(block=block, test_errors=block.test_errors)
        self.state = "starting"
        return [self.say(messages.ReportErrors(signal=block.test_errors[0], decoy=block.test_errors[1]))]

    def _on_start(self, message: messages.StartBlock, _now: float) -> list[Action]:
        if message.one_time_key not in self.keys:
            return [self.say(messages.RefuseKey(one_time_key=message.one_time_key))]
        if message.block <= self.last_block or not 0.0 <= message.qber <= 1.0:
            raise ProtocolError(f"block {message.block} after {self.last_block}, error rate {message.qber}")
        progress = self.working()
        self.last_block = progress.number = message.block
        progress.one_time_key = message.one_time_key
        plan = Plan.of(progress.block.key.size, message.seed, message.qber)
        self._cascade = CascadeCorrector(progress.block.key, plan)
        self.state = "correcting"
        return self._ask()

    def _corrector(self) -> CascadeCorrector:
        if self._cascade is None:
            raise ProtocolError("no correction is under way")
        return self._cascade

    def _ask(self) -> list[Action]:
        nodes = self._corrector().question()
        if nodes is None:
            self.state = "verifying"
            return [self.say(messages.Corrected())]
        ask = messages.Ask(
            passes=nodes.passes.tobytes(), levels=nodes.levels.tobytes(), indices=nodes.indices.astype("<u4").tobytes()
        )
        return [self.say(ask)]

    def _on_parities(self, message: messages.Parities, _now: float) -> list[Action]:
        self._corrector().learn(unpack(message.bits, message.count))
        return self._ask()

    def _on_verify(self, message: messages.Verify, _now: float) -> list[Action]:
        progress, cascade = self.working(), self._corrector()
        verify.check(message.function, message.value, pack(cascade.key))
        wrong = cascade.key != progress.block.key
        progress.key = cascade.key
        progress.key_errors = by_intensity(progress.block.key_intensities[wrong])
        progress.leaked_bits = progress.replies_bits = cascade.asked_bits
        self.state = "amplifying"
        key, _ = self.counts()
        self.check_qber(key.error_rate, "key")
        return [self.say(messages.Verified(signal=progress.key_errors[0], decoy=progress.key_errors[1]))]

    def _on_amplify(self, message: messages.Amplify, _now: float) -> list[Action]:
        progress = self.working()
        most = self.length().length_bits + 1
        if message.length > most or message.length % 8:
            raise ProtocolError(f"a key of {message.length} bits is announced, {most} are secret")
        seed = unpack(message.seed, seed_bits(progress.key.size, message.length))
        progress.final = toeplitz_hash(progress.key, seed, message.length)
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
