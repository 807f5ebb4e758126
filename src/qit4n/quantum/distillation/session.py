"""What the sessions of both ends share: settings, actions, accounts.

A session is a machine: :meth:`receive` takes a message and the time and returns actions, which the driver carries
out in order, each durable before the next. The table of a machine says which message is allowed in which state;
anything else raises ProtocolError. A block without key ends the session at both ends (:class:`Abort`): what was
sifted but not yet authenticated is discarded with it, and a new session starts.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from qit4n.errors import AuthenticationError, BlockRefusedError, ProtocolError
from qit4n.kernels.toeplitz import toeplitz_hash
from qit4n.physics.finite_key import Counts, FiniteKey
from qit4n.physics.links import Physics
from qit4n.physics.sendingornot import SendingOrNot
from qit4n.quantum.distillation import messages, reconcile
from qit4n.quantum.distillation.authenticate import ONE_TIME_KEY_BYTES, RECEIVER, OneTimeKeys, Transcript
from qit4n.quantum.distillation.cascade import Packed
from qit4n.quantum.distillation.reconcile import Correction
from qit4n.quantum.distillation.sift import Block, SiftedBuffer
from qit4n.quantum.distillation.verify import VALUE_BITS, collision_probability, unpaid_bits
from qit4n.refpoints import kq1

AUTHENTICATION = "Wegman-Carter, one-time Poly1305, key from a pre-shared secret and then from the link itself"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What both ends agree on beforehand (the network file)."""

    link: str
    block_bits: int
    epsilon_secrecy: float
    epsilon_correctness: float
    max_qber: float
    physics: Physics


@dataclass(frozen=True)
class Send:
    """Send a message to the other end."""

    message: messages.ClassicalMessage


@dataclass(frozen=True)
class SpendKey:
    """Erase a one-time key, and all before it, for good."""

    name: str


@dataclass(frozen=True)
class Deliver:
    """Hand a block over at Kq-1; ``harvest`` is the next one-time key (name, 64 bytes)."""

    key: kq1.QKDKey
    harvest: tuple[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class Abort:
    """The block yields no key, and the session is over. ``qber`` is None where it is not known."""

    reason: str
    text: str
    qber: float | None = None
    block: int = 0


Action = Send | SpendKey | Deliver | Abort
Handler = Callable[[Any, float], list[Action]]
ANY = "any"


def _no_bits() -> Packed:
    return np.empty(0, np.uint8)


@dataclass(kw_only=True)
class Progress:
    """The block at work."""

    block: Block
    number: int = 0
    one_time_key: str = ""
    test_errors: tuple[int, ...]
    key_errors: tuple[int, ...]
    correction: Correction | None = field(default=None, repr=False)
    reason: str = ""
    key: Packed = field(default_factory=_no_bits, repr=False)
    final: Packed = field(default_factory=_no_bits, repr=False)
    leaked_bits: int = 0
    replies_bits: int = 0
    covered_bytes: int = 0


class Session(ABC):
    """Base of both ends."""

    role: ClassVar[str] = ""
    outgoing: ClassVar[str] = ""
    incoming: ClassVar[str] = ""

    def __init__(self, settings: Settings, keys: list[tuple[str, bytes]]) -> None:
        """A session that has heard nothing yet; ``keys`` are the one-time keys of this end in order."""
        self.settings = settings
        self.state = "sifting"
        self.intensities = settings.physics.kinds
        self.pairs = isinstance(settings.physics, SendingOrNot)
        self.sifted = SiftedBuffer(self.intensities, by_clicks=self.pairs)
        self.transcript = Transcript()
        self.keys = OneTimeKeys(keys)
        self.last_block = 0
        self.progress: Progress | None = None

    @abstractmethod
    def table(self) -> Mapping[tuple[str, type[messages.ClassicalMessage]], Handler]:
        """Which message is handled how in which state (``any`` state, or one)."""

    def receive(self, message: messages.ClassicalMessage, now: float) -> list[Action]:
        """Take a message of the other end."""
        table = self.table()
        handler = table.get((self.state, type(message))) or table.get((ANY, type(message)))
        if handler is None:
            raise ProtocolError(f"{type(message).__name__} came to the {self.role} while {self.state}")
        if not isinstance(message, messages.Tag | messages.AbortBlock):
            self.transcript.add(self.incoming, message)
        try:
            return self.guarded(lambda: handler(message, now))
        except (ValueError, IndexError, OverflowError) as error:  # arrays in a message that do not fit together
            raise ProtocolError(f"a malformed {type(message).__name__} came to the {self.role}") from error

    def guarded(self, work: Callable[[], list[Action]]) -> list[Action]:
        """Run a handler; a block that fails becomes an abort at both ends."""
        try:
            return work()
        except BlockRefusedError as error:
            return self.abort(error.reason, str(error))
        except AuthenticationError as error:
            return self.abort("authentication-failed", str(error))

    def say(self, message: messages.ClassicalMessage) -> Send:
        """An action that sends, noted in the transcript."""
        if not isinstance(message, messages.Tag | messages.AbortBlock):
            self.transcript.add(self.outgoing, message)
        return Send(message)

    def abort(self, reason: str, text: str) -> list[Action]:
        """End the session here and there."""
        qber = self._known_qber()
        self.state = "over"
        told = messages.AbortBlock(reason=reason, text=text, qber=-1.0 if qber is None else qber)
        return [Send(told), Abort(reason, text, qber, self.last_block)]

    def on_abort(self, message: messages.AbortBlock, _now: float) -> list[Action]:
        """The other end gave up."""
        self.state = "over"
        qber = message.qber if 0.0 <= message.qber <= 1.0 else None
        return [Abort(message.reason, message.text, qber, self.last_block)]

    def _known_qber(self) -> float | None:
        if self.progress is None:
            return None
        counts = self.counts()
        return counts.key.error_rate if counts.key.errors else counts.test.error_rate

    def counts(self) -> Counts:
        """Counts of the block at work."""
        progress = self.working()
        return progress.block.counts(progress.key_errors, progress.test_errors)

    def working(self) -> Progress:
        """The block at work."""
        if self.progress is None:
            raise ProtocolError(f"no block is at work at the {self.role}")
        return self.progress

    def correction(self) -> Correction:
        """The correction that is under way."""
        found = self.working().correction
        if found is None:
            raise ProtocolError(f"no correction is under way at the {self.role}")
        return found

    def correct(self, message: messages.StartBlock) -> Correction:
        """Begin the correction of the block at work."""
        progress = self.working()
        if message.plan.size != progress.block.size:
            raise ProtocolError(f"a plan for {message.plan.size} bits, a block of {progress.block.size}")
        progress.correction = reconcile.begin(progress.block.key, message.plan, corrects=self.role == RECEIVER)
        progress.reason = message.reason
        return progress.correction

    def amplify(self, length: int, seed: bytes) -> None:
        """Hash the corrected key to ``length`` bits."""
        progress = self.working()
        diagonals = np.frombuffer(seed, np.uint8)
        progress.final = toeplitz_hash(progress.key, progress.block.size, diagonals, length)

    def check_qber(self, rate: float, basis: str) -> None:
        """Refuse a block above the policy's error rate."""
        if rate > self.settings.max_qber:
            raise BlockRefusedError(
                "high-qber",
                f"QBER {rate:.2%} in the {basis} basis, {self.settings.max_qber:.2%} allowed by the policy",
            )

    def length(self) -> FiniteKey:
        """The finite-key length of the block at work, in whole bytes.

        Raises:
            BlockRefusedError: no key is left, or too little for the next one-time key.
        """
        progress = self.working()
        counts = self.counts()
        settings = self.settings
        found = settings.physics.key_length(
            counts,
            leaked_bits=progress.leaked_bits + unpaid_bits(settings.epsilon_correctness),
            epsilon_secrecy=settings.epsilon_secrecy,
            epsilon_correctness=settings.epsilon_correctness,
        )
        if found.length_bits < 8 * (ONE_TIME_KEY_BYTES + 1):
            few = found.single_photon_bound <= 0.0 or counts.test.total == 0
            raise BlockRefusedError(
                "too-little-statistics" if few else "no-key",
                f"no key is left of {progress.block.size} sifted bits: QBER {counts.key.error_rate:.2%}, "
                f"phase error up to {found.phase_error_bound:.2%}, {found.single_photon_bound:.0f} single photons, "
                f"{progress.leaked_bits} bits leaked, {counts.test.total:.0f} test bits",
            )
        return found

    def delivery(self) -> Deliver:
        """The finished block: the first 64 bytes become the next one-time key, the rest goes to Kq-1."""
        progress = self.working()
        material = progress.final.tobytes()
        name = f"block/{progress.number:015}"
        harvest, rest = material[:ONE_TIME_KEY_BYTES], material[ONE_TIME_KEY_BYTES:]
        self.keys.add(name, harvest)
        key = kq1.QKDKey(link=self.settings.link, block=progress.number, material=rest, account=self.account(len(rest)))
        return Deliver(key, (name, harvest))

    def account(self, material_bytes: int) -> kq1.SecurityAccount:
        """What is claimed of the block at work."""
        progress, settings = self.working(), self.settings
        found = self.length()
        counts = self.counts()
        return kq1.SecurityAccount(
            protocol=found.proof.protocol,
            proof=f"{found.proof.name}: {found.proof.reference}",
            concentration=found.proof.concentration,
            reconciliation=progress.reason,
            abort_rules=(
                f"QBER above {settings.max_qber:.1%} in {settings.physics.qber_of}",
                "finite-key length below that of the next one-time key",
                "verification value differs",
                "a tag does not fit",
            ),
            epsilon_secrecy=settings.epsilon_secrecy,
            epsilon_correctness=settings.epsilon_correctness,
            epsilon_authentication=2.0 * collision_probability(progress.covered_bytes),
            authentication=AUTHENTICATION,
            pulses=progress.block.pulses,
            duration_s=progress.block.pulses / settings.physics.pulse_rate_hz,
            sifted_bits=int(counts.key.total),
            test_bits=int(counts.test.total),
            errors_key_basis=int(counts.key.errors),
            errors_test_basis=int(counts.test.errors),
            leaked_bits=progress.leaked_bits,
            replies_bits=progress.replies_bits,
            verification_bits=VALUE_BITS,
            phase_error_bound=found.phase_error_bound,
            single_photon_bound=found.single_photon_bound,
            key_bits=8 * material_bytes,
            authentication_bits=8 * ONE_TIME_KEY_BYTES,
        )
