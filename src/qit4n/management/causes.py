"""What a change of a link looks like: what moved together tells causes apart.

===================== ======================== ==========================================================
kind                  sifted rate              errors
===================== ======================== ==========================================================
loss-rise             falls                    no more of them per second: light is lost, nothing is added
loss-with-errors      falls                    more per second: loss alone does not do that
error-rate-jump       as before                more in both bases, at once: intercept-resend, misalignment
error-rate-drift      as before                more in both bases, little by little: drift
one-basis-errors      as before                more in one basis
extra-light           rises                    a quarter of the new clicks or more is wrong: noise
rate-rise             rises                    the new clicks are as good as the old
===================== ======================== ==========================================================

An intercept-resend attack on a share p of the pulses adds p/4 to the QBER (H. Bechmann-Pasquinucci and N. Gisin, Phys.
Rev. A 59, 1999, p. 4238, section on intercept-resend). Of the clicks that noise makes half are wrong.
"""

import math
from dataclasses import dataclass

from qit4n.units import rate_text

QBER_LEAST = 0.002
RATE_LEAST = 0.03  # relative
SURE = 3.0  # standard deviations
NOISE_SHARE = 0.25
ONE_BASIS = 1 / 3


@dataclass(frozen=True, kw_only=True)
class Level:
    """QBERs of both bases and sifted rate over some time, each with a standard deviation (of the rate: relative)."""

    qber: float
    qber_sd: float
    test_qber: float
    test_qber_sd: float
    rate_bps: float
    rate_sd: float

    @property
    def errors_per_s(self) -> float:
        """Wrong bits per second, at the QBER of the key basis."""
        return self.qber * self.rate_bps


def cause(usual: Level, now: Level, *, slow: bool) -> tuple[str, str] | None:
    """Kind of the change and a sentence about it; None if it is an improvement, or too small to matter.

    The standard deviations of ``now`` are those of the differences. ``slow`` says that it came little by little.
    """
    moved = math.log(now.rate_bps / usual.rate_bps)
    worse, test_worse = now.qber - usual.qber, now.test_qber - usual.test_qber
    risen = worse > max(QBER_LEAST / 2.0, SURE * now.qber_sd)
    test_risen = test_worse > max(QBER_LEAST / 2.0, SURE * now.test_qber_sd)
    if abs(moved) > max(RATE_LEAST / 2.0, SURE * now.rate_sd):
        kind = _with_rate(usual, now)
    elif not (risen or test_risen):
        return None
    elif _unlike(worse, test_worse, math.hypot(now.qber_sd, now.test_qber_sd)):
        kind = "one-basis-errors"
    else:
        kind = "error-rate-drift" if slow else "error-rate-jump"
    return kind, _sentence(kind, usual, now, slow=slow)


def _unlike(worse: float, test_worse: float, sd: float) -> bool:
    """Whether one basis has become worse, and the other surely by less than a part of that."""
    return ONE_BASIS * max(worse, test_worse) - min(worse, test_worse) > SURE * sd


def _with_rate(usual: Level, now: Level) -> str:
    added, more = now.rate_bps - usual.rate_bps, now.errors_per_s - usual.errors_per_s
    if added > 0:
        return "extra-light" if more / added > NOISE_SHARE else "rate-rise"
    spread = usual.errors_per_s * math.hypot(now.rate_sd, now.qber_sd / max(usual.qber, 1e-9))
    return "loss-with-errors" if more > max(SURE * spread, QBER_LEAST * now.rate_bps) else "loss-rise"


def _sentence(kind: str, usual: Level, now: Level, *, slow: bool) -> str:
    found = [
        f"QBER {usual.qber:.2%} -> {now.qber:.2%}",
        f"of the test basis {usual.test_qber:.2%} -> {now.test_qber:.2%}",
        f"sifted {rate_text(usual.rate_bps)} -> {rate_text(now.rate_bps)}",
    ]
    if kind == "error-rate-jump":
        share = 4.0 * max(now.qber - usual.qber, now.test_qber - usual.test_qber)
        found.append(f"as if {min(1.0, share):.0%} of the pulses were intercepted")
    if kind.startswith("loss"):
        found.append(f"{10.0 * math.log10(usual.rate_bps / now.rate_bps):.2g} dB more loss")
    return ", ".join(found) + (", little by little" if slow else ", at once")
