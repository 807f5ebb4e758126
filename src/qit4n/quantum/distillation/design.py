"""Design of the codes in ``codes.json``: degree profiles by density evolution, base graphs edge by edge.

``python -m qit4n.quantum.distillation.design`` writes the file anew (minutes); :mod:`.codes` reads it.

A profile gives the share of the bits of each degree; the checks have two neighbouring degrees. The profile of a code
is the one that needs the least work, edges per bit times iterations, a quarter above the Shannon limit.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.ldpc import CAP, CERTAIN
from qit4n.quantum.distillation.codes import BASE_COLUMNS, FILE, LIFTINGS, PRIOR, difference, normalisation

Floats = NDArray[np.float64]
DEGREES = np.array([2, 3, 4, 5, 6, 8, 10, 12, 16, 20])
ROWS = (13, 15, 17, 19, 22, 25, 29, 33, 38, 44, 52, 60, 69, 79, 90, 104, 120, 138)
SPECTRUM = 4096  # points of the FFT: more than twice the largest sum of messages
CONVERGED = 1e-5
Dice = np.random.Generator  # noqa: TID251 - the type


def binary_entropy(q: float) -> float:
    """Shannon entropy of a bit, in bits."""
    return -q * math.log2(q) - (1.0 - q) * math.log2(1.0 - q)


def qber_at(entropy: float) -> float:
    """The error rate below one half with the given entropy, by bisection."""
    low, high = 0.0, 0.5
    for _ in range(50):
        middle = (low + high) / 2.0
        low, high = (middle, high) if binary_entropy(middle) < entropy else (low, middle)
    return low


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """Codes with the given shares of bits by degree and checks per bit.

    Attributes:
        degrees: degrees of the bits.
        shares: share of the bits of each degree, sum 1.
        leak: checks per bit.
    """

    degrees: NDArray[np.int64]
    shares: Floats
    leak: float

    @property
    def edges(self) -> float:
        """Edges per bit."""
        return float(self.degrees @ self.shares)

    @property
    def check_degree(self) -> float:
        """Mean degree of the checks."""
        return self.edges / self.leak

    def checks(self) -> dict[int, float]:
        """Share of the edges by the degree of their check; degrees are the two next to the mean."""
        mean = self.check_degree
        low = math.floor(mean)
        return {low: low * (low + 1.0 - mean) / mean, low + 1: (low + 1) * (mean - low) / mean}


def evolve(ensemble: Ensemble, qber: float, scales: NDArray[np.uint8], iterations: int) -> Floats:
    """Error probability of a message to a check after each iteration, until it has converged or stands still.

    Density evolution (Richardson and Urbanke 2001) of the messages as the decoder has them: integers, min-sum with
    the normalisation of :mod:`qit4n.kernels.ldpc`, all checks at once (layers converge in about 4/7 of the
    iterations). The all-zero error is assumed to be sent, which symmetry allows.

    Args:
        ensemble: the code.
        qber: error rate of the binary symmetric channel.
        scales: normalisation in sixteenths by share of unmet checks, as in :class:`qit4n.kernels.ldpc.Code`.
        iterations: how many at most.
    """
    lam = ensemble.degrees * ensemble.shares / ensemble.edges
    channel = np.zeros(SPECTRUM)
    channel[[PRIOR, -PRIOR]] = 1.0 - qber, qber
    spectrum = np.fft.rfft(channel)
    beliefs = _saturated(channel)
    found: list[float] = []
    error = qber
    for _ in range(iterations):
        unmet = (1.0 - (1.0 - 2.0 * error) ** ensemble.check_degree) / 2.0  # Gallager 1963
        said = np.fft.rfft(_checked(beliefs, ensemble.checks(), int(scales[int(unmet * (scales.size - 1))])))
        powers = sum(share * said ** (degree - 1) for degree, share in zip(ensemble.degrees, lam, strict=True) if share)
        beliefs = _saturated(np.maximum(np.fft.irfft(powers * spectrum, SPECTRUM), 0.0))
        error = float(beliefs[:CERTAIN].sum() + beliefs[CERTAIN] / 2.0)
        found.append(error)
        if error < CONVERGED or (len(found) > STUCK and error > 0.99 * found[-STUCK]):
            break
    return np.array(found)


STUCK = 10


def _saturated(sums: Floats) -> Floats:
    """Probabilities of -127..127 from those of sums in the order of the FFT."""
    half = SPECTRUM // 2
    beliefs = np.concatenate([sums[-CERTAIN:], sums[: CERTAIN + 1]])
    beliefs[0] += sums[half:-CERTAIN].sum()
    beliefs[-1] += sums[CERTAIN + 1 : half].sum()
    return beliefs / beliefs.sum()


def _checked(beliefs: Floats, checks: dict[int, float], scale: int) -> Floats:
    """Probabilities, in the order of the FFT, of the messages of checks that hear ``beliefs``.

    The least magnitude of k messages is at least m with probability A^k, where A is the probability for one; with
    the sign counted, B^k, where B = P(x >= m) - P(x <= -m).
    """
    above = np.cumsum(beliefs[:CERTAIN:-1])[::-1]
    below = np.cumsum(beliefs[:CERTAIN])[::-1]
    size = sum(share * (above + below) ** (degree - 1) for degree, share in checks.items())
    sign = sum(share * (above - below) ** (degree - 1) for degree, share in checks.items())
    values = np.minimum(np.arange(1, CERTAIN + 1), CAP) * scale >> 4
    messages = np.zeros(SPECTRUM)
    np.add.at(messages, values, -np.diff((size + sign) / 2.0, append=0.0))
    np.add.at(messages, -values, -np.diff((size - sign) / 2.0, append=0.0))
    messages[0] += 1.0 - messages.sum()
    return messages


def work(ensemble: Ensemble) -> float:
    """Edges per bit times iterations at f = 1.25, plus a fifth of those at 1.2, for frames with more errors.

    Where it does not converge, a large number that falls with the error left.
    """
    total = 0.0
    for f, weight in ((1.25, 1.0), (1.2, 0.2)):
        errors = evolve(ensemble, qber_at(ensemble.leak / f), normalisation(), 150)
        if errors[-1] >= CONVERGED:
            return total + 1e4 * weight * (1.0 + 10.0 * float(errors.min()))
        before, last = math.log(errors[-2]), math.log(errors[-1])
        total += weight * ensemble.edges * (errors.size - (math.log(CONVERGED) - last) / (before - last))
    return total


def profile(leak: float, start: Floats, dice: Dice, trials: int = 1000) -> Ensemble:
    """The best ensemble that a random walk from ``start`` (shares of ``DEGREES``) finds."""
    best = Ensemble(degrees=DEGREES, shares=start, leak=leak)
    least, step = work(best), 0.05
    for _ in range(trials):
        shares = best.shares.copy()
        for _ in range(dice.integers(1, 3)):
            source, sink = dice.choice(DEGREES.size, 2, replace=False)
            moved = min(shares[source], abs(dice.normal()) * step) if dice.random() < 0.9 else shares[source]
            shares[source] -= moved
            shares[sink] += moved
        shares[shares < 1.0 / BASE_COLUMNS] = 0.0
        shares /= shares.sum()
        # Chains of bits of degree two must not close.
        if shares[0] > 0.8 * leak:
            continue
        trial = Ensemble(degrees=DEGREES, shares=shares, leak=leak)
        cost = work(trial)
        step = max(step * 0.99, 0.003)
        if cost < least:
            best, least, step = trial, cost, min(step * 1.5, 0.1)
    return best


def base_graph(shares: Floats, rows: int, dice: Dice) -> list[list[int]]:
    """Columns of a base graph: ``row * LIFTINGS[-1] + shift`` of each edge.

    Column by column, as progressive edge growth does (Hu, Eleftheriou and Arnold 2005): the rows with the fewest
    edges, the shift with the fewest cycles of length four, first at the largest lifting. Degrees are spread evenly,
    so that the first columns alone are a code of the same profile.
    """
    counts = np.floor(shares * BASE_COLUMNS + 0.5).astype(int)
    counts[np.argmax(counts)] += BASE_COLUMNS - counts.sum()
    degrees = np.repeat(DEGREES, counts)
    ranks = np.concatenate([(np.arange(count) + 0.5) / count for count in counts if count])
    order = np.argsort(ranks, kind="stable")
    top = LIFTINGS[-1]
    shifts = np.arange(top)
    used = {size: np.zeros((rows, rows, size), np.int64) for size in LIFTINGS}
    load = np.zeros(rows)
    chain = dice.permutation(rows)
    columns, links = [], 0
    for degree in degrees[order].tolist():
        if degree == DEGREES[0]:
            chosen = chain[links : links + 2]
            links += 1
        else:
            chosen = np.lexsort((dice.random(rows), load))[:degree]
        load[chosen] += 1
        column: list[tuple[int, int]] = []
        for row in chosen.tolist():
            cycles = np.zeros(top)
            for other, shift in column:
                for size in LIFTINGS:
                    cycles += used[size][row, other, difference(shifts, shift, size)] * float(size) ** 2
            best = int(dice.choice(np.flatnonzero(cycles == cycles.min())))
            for other, shift in column:
                for size in LIFTINGS:
                    used[size][row, other, int(difference(best, shift, size))] += 1
                    used[size][other, row, int(difference(shift, best, size))] += 1
            column.append((row, best))
        columns.append([row * top + shift for row, shift in column])
    return columns


def main() -> None:
    """Write the codes."""
    dice = np.random.default_rng(1)  # noqa: TID251 - a design is public, and kept
    shares = np.where(DEGREES == 3, 0.7, np.where(DEGREES == 12, 0.3, 0.0))  # noqa: PLR2004
    found = {}
    for rows in sorted(ROWS, reverse=True):
        shares = profile(rows / BASE_COLUMNS, shares, dice).shares
        found[rows] = base_graph(shares, rows, dice)
    lines = [f'"{rows}": {json.dumps(columns, separators=(",", ":"))}' for rows, columns in sorted(found.items())]
    Path(str(FILE)).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
