"""Design of the codes in ``codes.json``: degree profiles by density evolution, base graphs edge by edge.

``python -m qit4n.quantum.distillation.design`` writes the file anew (minutes); :mod:`.codes` reads it.

A profile gives the share of the bits of each degree; the checks have two neighbouring degrees. The profile of a code
is the one that needs the least work, edges per bit times iterations, at the lowest efficiency f of ``TARGETS`` that
it reaches. No bit has degree two: such bits decode well in the mean but close short cycles that stay wrong.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qit4n.kernels.ldpc import CAP, CERTAIN
from qit4n.physics.rates import binary_entropy
from qit4n.quantum.distillation.ldpc import BASE_COLUMNS, FILE, LIFTINGS, PRIOR, difference

Floats = NDArray[np.float64]
DEGREES = np.array([3, 4, 5, 6, 8, 10, 12, 16, 20, 24])
ROWS = (26, 29, 33, 38, 44, 50, 58, 66, 76, 88, 104, 120, 138, 158, 180, 208, 240, 276, 310)
TARGETS = (1.3, 1.2, 1.16)
SPECTRUM = 4096  # points of the FFT: more than twice the largest sum of messages
SCALES = (3, 13)  # least and largest normalisation
CONVERGED = 1e-5
MOST_ITERATIONS = 200
NEVER = 1e4  # work of a code that does not converge
TRIALS = 200
WHOLE = 0.9  # of the steps move part of a share, the others all of it
STUCK = 10  # iterations without progress
Dice = np.random.Generator  # noqa: TID251 - the type


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


def evolve(ensemble: Ensemble, qber: float, iterations: int) -> Floats:
    """Error probability of a message to a check after each iteration, until it has converged or stands still.

    Density evolution (Richardson and Urbanke 2001) of the messages as the decoder has them, integers. The all-zero
    error is assumed to be sent, which symmetry allows. All checks are updated at once (layers converge in about half
    of the iterations), and each iteration has the normalisation that is best for it.

    Args:
        ensemble: the code.
        qber: error rate of the binary symmetric channel.
        iterations: how many at most.
    """
    by_edges = ensemble.degrees * ensemble.shares / ensemble.edges
    channel = np.zeros(SPECTRUM)
    channel[[PRIOR, -PRIOR]] = 1.0 - qber, qber
    spectrum = np.fft.rfft(channel)
    heard = _saturated(channel)
    scale = SCALES[0]
    found: list[float] = []
    for _ in range(iterations):
        least = _least(heard, ensemble)
        trials = []
        for trial in range(max(scale - 1, SCALES[0]), min(scale + 3, SCALES[1]) + 1):
            said = np.fft.rfft(_scaled(least, trial))
            powers = sum(
                share * said ** (degree - 1) for degree, share in zip(ensemble.degrees, by_edges, strict=True) if share
            )
            beliefs = _saturated(np.fft.irfft(spectrum * powers, SPECTRUM))
            trials.append((float(beliefs[:CERTAIN].sum() + beliefs[CERTAIN] / 2.0), trial, beliefs))
        error, scale, heard = min(trials, key=lambda found: found[:2])
        found.append(error)
        if error < CONVERGED or (len(found) > STUCK and error > 0.98 * found[-STUCK]):
            break
    return np.array(found)


def _saturated(sums: Floats) -> Floats:
    """Probabilities of -127..127 from those of sums in the order of the FFT, less its noise."""
    sums = np.maximum(sums, 0.0)
    half = SPECTRUM // 2
    beliefs: Floats = np.concatenate([sums[-CERTAIN:], sums[: CERTAIN + 1]])
    beliefs[0] += sums[half:-CERTAIN].sum()
    beliefs[-1] += sums[CERTAIN + 1 : half].sum()
    beliefs /= beliefs.sum()
    return beliefs


def _least(heard: Floats, ensemble: Ensemble) -> tuple[Floats, Floats]:
    """Probabilities that the least magnitude at a check is 1, 2, .. and that the product of the signs is + or -.

    The least of k magnitudes is at least m with probability A^k, where A is the probability for one; with the sign
    counted, B^k, where B = P(x >= m) - P(x <= -m) (Chen and Fossorier 2002).
    """
    above = np.cumsum(heard[:CERTAIN:-1])[::-1]
    below = np.cumsum(heard[:CERTAIN])[::-1]
    size, sign = np.zeros(CERTAIN), np.zeros(CERTAIN)
    for degree, share in ensemble.checks().items():
        size += share * (above + below) ** (degree - 1)
        sign += share * (above - below) ** (degree - 1)
    return -np.diff((size + sign) / 2.0, append=0.0), -np.diff((size - sign) / 2.0, append=0.0)


def _scaled(least: tuple[Floats, Floats], scale: int) -> Floats:
    """Probabilities of what checks say, in the order of the FFT."""
    values = np.minimum(np.arange(1, CERTAIN + 1), CAP) * scale >> 4
    said = np.zeros(SPECTRUM)
    said[: CAP + 1] = np.bincount(values, least[0], CAP + 1)
    said[-CAP:] = np.bincount(values, least[1], CAP + 1)[:0:-1]
    said[0] = 1.0 - said[1:].sum()
    return said


def work(ensemble: Ensemble, f: float) -> float:
    """Edges per bit times iterations at efficiency ``f``; where it does not converge, more the more errors are left."""
    errors = evolve(ensemble, qber_at(ensemble.leak / f), MOST_ITERATIONS)
    if errors[-1] >= CONVERGED:
        return NEVER * (1.0 + 10.0 * float(errors.min()))
    before, last = math.log(errors[-2]), math.log(errors[-1])
    return ensemble.edges * (errors.size - (math.log(CONVERGED) - last) / (before - last))


def profile(leak: float, start: Floats, f: float, dice: Dice) -> Floats:
    """Shares of ``DEGREES``: the best that a random walk from ``start`` finds for ``f``."""
    best, step = start, 0.05
    least = work(Ensemble(degrees=DEGREES, shares=start, leak=leak), f)
    for _ in range(TRIALS):
        shares = best.copy()
        for _ in range(dice.integers(1, 3)):
            source, sink = dice.choice(DEGREES.size, 2, replace=False)
            moved = min(shares[source], abs(dice.normal()) * step) if dice.random() < WHOLE else shares[source]
            shares[source] -= moved
            shares[sink] += moved
        shares[shares < 1.0 / BASE_COLUMNS] = 0.0
        shares /= shares.sum()
        cost = work(Ensemble(degrees=DEGREES, shares=shares, leak=leak), f)
        step = max(step * 0.98, 0.003 if cost < NEVER else 0.02)
        if cost < least:
            best, least, step = shares, cost, min(step * 1.5, 0.1)
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
    columns = []
    for degree in degrees[order].tolist():
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
    shares = np.where(DEGREES == 3, 0.8, np.where(DEGREES == 12, 0.2, 0.0))  # noqa: PLR2004 - a place to start
    found = {}
    for rows in sorted(ROWS, reverse=True):
        walked = shares
        for f in TARGETS:
            walked = profile(rows / BASE_COLUMNS, walked, f, dice)
            if work(Ensemble(degrees=DEGREES, shares=walked, leak=rows / BASE_COLUMNS), f) < NEVER:
                shares = walked
        found[rows] = base_graph(shares, rows, dice)
    lines = [f'"{rows}": {json.dumps(columns, separators=(",", ":"))}' for rows, columns in sorted(found.items())]
    Path(str(FILE)).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
