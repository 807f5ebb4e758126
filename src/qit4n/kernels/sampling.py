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
    mean = trials * probability
    found = []
    last = -1
    while last < trials:
        chunk = int(mean + 6.0 * np.sqrt(mean) + 16.0)
        places = last + np.cumsum(dice.geometric(probability, chunk))
        found.append(places)
        last = int(places[-1])
        mean = max((trials - last) * probability, 1.0)
    places = np.concatenate(found)
    return places[: np.searchsorted(places, trials)]


def truncated_poisson(mean: NDArray[np.float64], dice: Dice) -> NDArray[np.uint8]:
    """Photon numbers, at least one, of Poissonian pulses with the given means (at most 255)."""
    probability = np.exp(-mean) * mean
    uniform = dice.random(mean.size) * -np.expm1(-mean)
    photons = np.ones(mean.size, np.uint8)
    open_ = np.flatnonzero(uniform > probability)
    total = probability.copy()
    while open_.size:
        photons[open_] += 1
        probability[open_] *= mean[open_] / photons[open_]
        total[open_] += probability[open_]
        open_ = open_[(uniform[open_] > total[open_]) & (photons[open_] < 255)]  # noqa: PLR2004 - uint8
    return photons
