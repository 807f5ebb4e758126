"""Skip sampling: the places of the successes of a Bernoulli process, without looking at the failures."""

import numpy as np
from numpy.typing import NDArray

Dice = np.random.Generator  # noqa: TID251 - the type; the generator itself is an argument


def successes(trials: int, probability: float, dice: Dice) -> NDArray[np.int64]:
    """Indices, ascending, of the successes among ``trials`` independent trials.

    The gaps between successes are geometric, so the work is proportional to the successes, not to the trials.
    """
    if probability <= 0.0 or trials <= 0:
        return np.empty(0, np.int64)
    if probability >= 1.0:
        return np.arange(trials, dtype=np.int64)
    found: list[NDArray[np.int64]] = []
    last = -1
    while last < trials:
        mean = (trials - last) * probability
        gaps = dice.geometric(probability, int(mean + 4.0 * np.sqrt(mean) + 8.0))
        # A gap beyond the end is as good as any other beyond it, and clipped ones cannot overflow the sum.
        found.append(last + np.cumsum(np.minimum(gaps, trials + 1)))
        last = int(found[-1][-1])
    places = np.concatenate(found) if len(found) > 1 else found[0]
    return places[: np.searchsorted(places, trials)]


def truncated_poisson(mean: NDArray[np.float64], dice: Dice) -> NDArray[np.uint8]:
    """Poissonian numbers with the given means, given that they are at least one (and at most 255).

    By inversion: one uniform number per pulse, and steps only for the pulses that need them.
    """
    probability = np.exp(-mean) * mean
    uniform = dice.random(mean.size) * -np.expm1(-mean)
    photons = np.ones(mean.size, np.uint8)
    more = np.flatnonzero(uniform > probability)
    total = probability.copy()
    while more.size:
        photons[more] += 1
        probability[more] *= mean[more] / photons[more]
        total[more] += probability[more]
        more = more[(uniform[more] > total[more]) & (photons[more] < 255)]  # noqa: PLR2004 - uint8
    return photons
