"""Where a site's random bytes come from: the operating system, XORed with a quantum generator if it has one.

Either of the two suffices: the XOR of two independent strings is as random as the better one, and a device that lies,
or an emulated one, takes nothing away. Still, a site that was promised a quantum source does not go on without: when
a health test fails, or the device ends or falls silent, the tap closes, what was extracted and not yet used is thrown
away, and draws raise :class:`EntropyError`. It is opened again, through the tests of the start, every ``RETRY_S``.

A device is any stream of bytes with a path: a character device, a FIFO, a file. It is read ahead in a thread. Where
less than ``KEPT_BYTES`` are in store, new work is refused before it draws (:attr:`SiteEntropy.lacking`), and only the
event loop, which must not wait, may draw on them; threads, as those of distillation, wait for more.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from qit4n.adapters.stirred import StirredEntropy
from qit4n.adapters.system import system_entropy
from qit4n.entropy import Entropy
from qit4n.errors import EntropyError
from qit4n.network.qrng import QRNG
from qit4n.quantum.qrng.tap import BLOCK_BITS, Claim, Counts, Tap, seed_bytes
from qit4n.refpoints.ck import EntropyReport

log = logging.getLogger(__name__)

READ_BYTES = BLOCK_BITS // 8
RESERVOIR_BYTES = 1 << 20
KEPT_BYTES = 1 << 16
STIR_BYTES = 32
RETRY_S = 10.0
PATIENCE_S = 5.0
START_S = 30.0

Read = Callable[[int], bytes]


def claim_of(qrng: QRNG) -> Claim:
    """What the network file says of a source, or the model of an emulated one."""
    if qrng.emulate is not None:
        from qit4n.quantum.qrng.sources import EMULATED  # noqa: PLC0415 - slow to import, and few sites need it

        model = EMULATED[qrng.emulate].claim
        return Claim(model.sample_bits, min(model.min_entropy, qrng.min_entropy or model.min_entropy))
    return Claim(qrng.sample_bits, qrng.min_entropy or 0.0)


@contextlib.contextmanager
def opened(qrng: QRNG) -> Iterator[Read]:
    """The raw stream of a source, as a function that reads up to so many bytes."""
    if qrng.emulate is not None:
        from qit4n.quantum.qrng.sources import EMULATED  # noqa: PLC0415 - slow to import, and few sites need it

        source = EMULATED[qrng.emulate]
        dice = np.random.default_rng(int.from_bytes(system_entropy(32)))
        yield lambda size: source.read(dice, size)
        return
    with Path(qrng.device or "").open("rb", buffering=0) as stream:
        yield lambda size: stream.read(size) or b""


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class SiteEntropy:
    """The Entropy port of one site; ``sealing`` is another one, for what may never wait."""

    def __init__(self, qrng: QRNG | None) -> None:
        """Start reading; without ``qrng`` there is the operating system's generator alone."""
        self._qrng = qrng
        self._changed = threading.Condition()
        self._reservoir = bytearray()
        self._counts = Counts()
        self._used_bytes = 0
        self.sealing: Entropy = system_entropy if qrng is None else StirredEntropy()
        self._failures = 0
        self._state, self._detail = "starting", ""
        self._ended = qrng is None
        self._heard_at = time.monotonic()
        if qrng is not None:
            self._claim = claim_of(qrng)
            self._seed = system_entropy(seed_bytes(self._claim))
            threading.Thread(target=self._run, args=(qrng,), name="qrng", daemon=True).start()

    @property
    def closed(self) -> str:
        """Why the tap is closed; empty if it is not."""
        if self._qrng is None:
            return ""
        self._look()
        return self._detail if self._state == "closed" else ""

    @property
    def lacking(self) -> str:
        """Why no new work that draws should begin now; empty if all is well. The source may be closed, or too slow."""
        closed = self.closed
        if closed:
            return f"its entropy source is closed: {closed}"
        if self._qrng is not None and self._state == "open" and len(self._reservoir) < KEPT_BYTES:
            return f"its entropy source is slow: {len(self._reservoir)} bytes are in store"
        return ""

    def __call__(self, size: int, /) -> bytes:
        """Random bytes.

        Raises:
            EntropyError: the tap is closed, or the source is too slow.
        """
        own = system_entropy(size)
        if self._qrng is None:
            return own
        return (int.from_bytes(own) ^ int.from_bytes(self._take(size))).to_bytes(size)

    def spare(self, size: int, /) -> bytes:
        """Random bytes for others, who must not use up what the site needs itself.

        Raises:
            EntropyError: something is lacking.
        """
        lacking = self.lacking
        if lacking:
            raise EntropyError(f"this site gives no random bytes: {lacking}")
        return self(size)

    @property
    def _patience_s(self) -> float:
        """A process that starts on a busy machine needs a while for the tests of the start."""
        return START_S if self._state == "starting" else PATIENCE_S

    def _take(self, size: int) -> bytes:
        patience = self._patience_s
        taken, until = bytearray(), time.monotonic() + patience
        kept = 0 if _in_event_loop() else KEPT_BYTES
        with self._changed:
            while len(taken) < size:
                if self._state == "closed":
                    raise EntropyError(f"the entropy source is closed: {self._detail}")
                free = max(0, len(self._reservoir) - kept)
                if not free and not self._changed.wait(until - time.monotonic()):
                    raise EntropyError(f"the entropy source gave too few of {size} bytes in {patience:g} s")
                part = self._reservoir[: min(free, size - len(taken))]
                taken += part
                del self._reservoir[: len(part)]
                self._changed.notify_all()
            self._used_bytes += size
        return bytes(taken)

    def close(self) -> None:
        """Stop reading."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def report(self) -> EntropyReport | None:
        """State and amounts, for the controller; None for the operating system alone."""
        if self._qrng is None:
            return None
        self._look()
        return EntropyReport(
            source=self._qrng.device or f"emulated {self._qrng.emulate}",
            emulated=self._qrng.emulate is not None,
            state=self._state,
            detail=self._detail,
            sample_bits=self._claim.sample_bits,
            min_entropy=self._claim.min_entropy,
            raw_bits=self._counts.raw_bits,
            extracted_bits=self._counts.extracted_bits,
            used_bits=8 * self._used_bytes,
            epsilon=self._counts.epsilon,
            failures=self._failures,
        )

    # the thread that reads

    def _run(self, qrng: QRNG) -> None:
        while not self._ended:
            try:
                with opened(qrng) as read:
                    self._pour(read)
            except (EntropyError, OSError) as error:
                self._close(str(error))
            self._rest(RETRY_S)

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended, seconds)

    def _pour(self, read: Read) -> None:
        tap = Tap(self._claim, self._seed, self._counts)
        while not self._ended:
            raw = read(READ_BYTES)
            if not raw:
                raise EntropyError("the stream of the device ended")
            extracted = tap.feed(raw)
            with self._changed:
                self._heard_at = time.monotonic()
                if tap.started:
                    self._state, self._detail = "open", ""
                if isinstance(self.sealing, StirredEntropy) and len(extracted) > STIR_BYTES:
                    self.sealing.stir(extracted[:STIR_BYTES])
                    extracted = extracted[STIR_BYTES:]
                self._reservoir += extracted
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._ended or len(self._reservoir) < RESERVOIR_BYTES)
                self._heard_at = time.monotonic()

    def _look(self) -> None:
        """Close the tap of a device that has fallen silent."""
        with self._changed:
            silent = time.monotonic() - self._heard_at
            waiting = len(self._reservoir) < RESERVOIR_BYTES and self._state != "closed"
        patience = self._patience_s
        if self._qrng is not None and waiting and silent > patience:
            self._close(f"the device gave nothing for {patience:g} s")

    def _close(self, why: str) -> None:
        with self._changed:
            if self._ended:
                return
            log.error("the entropy source is closed: %s", why)
            self._failures += self._state != "closed"
            self._state, self._detail = "closed", why
            self._reservoir.clear()
            self._changed.notify_all()
