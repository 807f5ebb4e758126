"""Anomaly detection on simulated histories: how often it is wrong, how soon it is right, and about what.

A link like those of the example ``metro``: samples of 200 to 400 thousand key-basis bits at a QBER of 1.5 %, a tenth as
many test bits at 1.8 %. Errors are binomial, the light that a number of bits takes has a gamma distribution.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks import Result
from qit4n.management.anomalies import PERIOD_S
from qit4n.management.linkwatch import LinkWatch, Sample

TEST_SHARE = 0.1
SAMPLES = 100_000
SHORT = 2_000.0  # a mean run length whose false alarms can be counted
PRODUCTION = 1e7
WARM = 60
LONGEST = 1_000
PER_TRIAL = 1_000


@dataclass(frozen=True)
class World:
    """What a link is like: QBERs and sifted rate of the key basis."""

    qber: float = 0.015
    test_qber: float = 0.018
    rate_bps: float = 1e5


WELL = World()


def sample(number: int, world: World, dice: np.random.Generator) -> Sample:
    """What is counted in one period."""
    bits = int(dice.integers(2, 5)) * 100_000
    test_bits = dice.binomial(bits, TEST_SHARE)
    return Sample(
        at=number * PERIOD_S,
        duration_s=dice.gamma(bits) / world.rate_bps,
        sifted_bits=bits,
        errors=dice.binomial(bits, world.qber),
        test_bits=test_bits,
        test_errors=dice.binomial(test_bits, world.test_qber),
    )


def intercepted(share: float) -> World:
    """Intercept-resend of a share of the pulses: a quarter of them is wrong then (and half of the errors stay)."""
    return World(WELL.qber + share * (0.25 - WELL.qber / 2), WELL.test_qber + share * (0.25 - WELL.test_qber / 2))


def lossy(decibels: float, noise: float = 0.1) -> World:
    """More loss; ``noise`` is the share of the errors that dark counts make, which do not become fewer."""
    left = 10 ** (-decibels / 10)
    more = ((1 - noise) * left + noise) / left
    return World(more * WELL.qber, more * WELL.test_qber, WELL.rate_bps * left)


def lit(share: float) -> World:
    """Noise that makes so many clicks more, half of them wrong."""
    clicks = 1 + share
    return World((WELL.qber + share / 2) / clicks, (WELL.test_qber + share / 2) / clicks, clicks * WELL.rate_bps)


def drifting(per_hour: float) -> Callable[[int], World]:
    """Both QBERs rise by so much each hour."""

    def then(number: int) -> World:
        risen = per_hour * number * PERIOD_S / 3600
        return World(WELL.qber + risen, WELL.test_qber + risen)

    return then


ATTACKS: dict[str, tuple[str, Callable[[int], World]]] = {
    "intercept 0.5 %": ("error-rate-jump", lambda _: intercepted(0.005)),  # about half of what matters
    "intercept 1 %": ("error-rate-jump", lambda _: intercepted(0.01)),
    "intercept 10 %": ("error-rate-jump", lambda _: intercepted(0.1)),
    "loss 0.1 dB": ("loss-rise", lambda _: lossy(0.1)),
    "loss 1 dB": ("loss-rise", lambda _: lossy(1.0)),
    "drift 0.2 %/h": ("error-rate-drift", drifting(0.002)),
    "drift 2 %/h": ("error-rate-drift", drifting(0.02)),
    "noise 3 % of clicks": ("extra-light", lambda _: lit(0.03)),
    "source 5 % brighter": ("rate-rise", lambda _: World(rate_bps=1.05 * WELL.rate_bps)),
    "one basis + 1 %": ("one-basis-errors", lambda _: World(test_qber=WELL.test_qber + 0.01)),
    "tap 1 dB, resent 5 %": (
        "loss-with-errors",
        lambda _: World(intercepted(0.05).qber, intercepted(0.05).test_qber, lossy(1.0).rate_bps),
    ),
}


def false_alarms(arl: float, samples: int, dice: np.random.Generator) -> int:
    """How many a link that is well has in so many samples; after each it is told that all is well."""
    watch, found = LinkWatch(arl), 0
    for number in range(samples):
        watch.take(sample(number, WELL, dice))
        if watch.anomaly is not None:
            found += 1
            watch.accept(number * PERIOD_S)
    return found


@dataclass(frozen=True)
class Trial:
    """Samples until an attack was found (None: not), what it was taken for at once, and ten samples later."""

    delay: int | None
    first: str
    later: str


def trial(world: Callable[[int], World], dice: np.random.Generator, arl: float = PRODUCTION) -> Trial:
    """One attack on a link that was well before."""
    watch = LinkWatch(arl)
    for number in range(WARM):
        watch.take(sample(number, WELL, dice))
    for number in range(LONGEST):
        watch.take(sample(WARM + number, world(number), dice))
        if watch.anomaly is not None:
            first, begin = watch.anomaly.kind, number + 1
            break
    else:
        return Trial(None, "", "")
    for number in range(begin, begin + 9):
        watch.take(sample(WARM + number, world(number), dice))
    return Trial(begin, first, watch.anomaly.kind if watch.anomaly else "")


def interval(count: int, exposure: float) -> tuple[float, float]:
    """The exact 95 % interval of a Poisson rate (F. Garwood, Biometrika 28, 1936, p. 437)."""
    from scipy.stats import chi2  # noqa: PLC0415 - tests take the simulation only

    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    return low / exposure, chi2.ppf(0.975, 2 * count + 2) / 2 / exposure


def anomalies(seed: int, size: int | None) -> Iterator[Result]:
    """False alarms per million samples and delays in samples of ten seconds; ``size`` is samples without trouble.

    Of each attack there is a trial for a thousand of them.
    """
    dice, samples = np.random.default_rng(seed), size or SAMPLES
    most = max(1, samples // PER_TRIAL)
    for arl in (SHORT, PRODUCTION):
        count = false_alarms(arl, samples, dice)
        for what, rate in zip(("", ", 95 % from", ", to"), (count / samples, *interval(count, samples)), strict=True):
            name = f"false alarms at 1 in {arl:.0e}{what}"
            yield Result(name=name, value=1e6 * rate, unit="/1e6", limit=1e6 / arl)
    for name, (kind, world) in ATTACKS.items():
        trials = [trial(world, dice) for _ in range(most)]
        delays = [one.delay for one in trials if one.delay is not None]
        right = Counter(one.later for one in trials)[kind] / most
        median = float(np.median(delays)) if delays else float("nan")
        yield Result(name=f"{name}: found", value=100 * len(delays) / most, unit="%")
        yield Result(name=f"{name}: median delay", value=median, unit="samples")
        yield Result(name=f"{name}: {kind}", value=100 * right, unit="%")
