"""Dead time and afterpulses of gated detectors that are dead together: exact long-run figures.

The model, gate by gate. A live gate clicks when light or a dark count fires a detector, or when a trap releases a
carrier. After a click all detectors are dead for ``dead_gates`` gates; with probability ``afterpulse_probability``
it filled one trap, which releases its carrier a geometric number of gates after that dead time (at least one). A
release in a dead gate is lost; releases in the same gate count as one.

Traps outlive later clicks, so clicks alone are no renewal process; clicks together with the number of filled traps
are a Markov chain, solved here as one: no mean-field guess enters.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_TRAPS = 250


@dataclass(frozen=True, kw_only=True)
class Duty:
    """Long-run shares: of gates that are live, and of live gates in which a trap releases a carrier."""

    live: float
    release: float


def whole_gates(seconds: float, gates_per_s: float) -> int:
    """Gates that a dead time covers."""
    return math.ceil(seconds * gates_per_s - 1e-9)


def duty(
    candidate_probability: float, *, dead_gates: int, afterpulse_probability: float, release_probability: float
) -> Duty:
    """Solve the chain of filled traps.

    Between clicks the number k of filled traps stays, since a release is a click. From k, a live gate clicks with
    probability ``c_k = 1 - (1 - p)(1 - g)^k``; then each trap that was not released survives the dead time with
    probability ``(1 - g)^dead_gates``, and one may be filled. The live gates spent at k are geometric, mean 1/c_k.

    Exact while fewer than about ``MOST_TRAPS`` traps are filled, which takes a click rate of that many per trap
    lifetime and afterpulse. Beyond, the lifetime is shortened to stay there: below 0.2 % of the releases.

    Args:
        candidate_probability: p > 0, that light or dark counts fire a detector in a gate.
        dead_gates: gates lost after a click.
        afterpulse_probability: a < 1, that a click fills a trap.
        release_probability: g in (0, 1], that a filled trap releases in a gate; 1: always in the first live gate.
    """
    p, a = candidate_probability, afterpulse_probability
    if a == 0.0:
        return Duty(live=1.0 / (1.0 + p * dead_gates), release=0.0)
    most_clicks = min(1.0, p / (1.0 - a))
    g = max(release_probability, min(1.0, a * most_clicks / MOST_TRAPS))
    kept = (1.0 - g) ** dead_gates
    mean = a * min(most_clicks / g, 1.0 / (1.0 - kept) if kept < 1.0 else np.inf)
    traps = np.arange(int(mean + 8.0 * np.sqrt(mean)) + 16)
    quiet = (1.0 - g) ** traps
    clicks = p * quiet + (1.0 - quiet)
    live_gates = _after_clicks(_step(traps, p, g, kept, a)) / clicks
    share = live_gates / live_gates.sum()
    return Duty(live=1.0 / (1.0 + float(share @ clicks) * dead_gates), release=float(share @ (1.0 - quiet)))


def _step(traps: NDArray[np.int64], p: float, g: float, kept: float, a: float) -> NDArray[np.float64]:
    """Transition matrix of the number of filled traps from click to click (seen at the first live gate)."""
    left = _binomial(traps, 1.0 - g)
    left[traps, traps] *= p  # no release: the click is a candidate's
    left /= left.sum(axis=1, keepdims=True)
    survived = left @ _binomial(traps, kept)
    filled = np.roll(survived, 1, axis=1)
    filled[:, 0] = 0.0
    step = (1.0 - a) * survived + a * filled
    return np.asarray(step / step.sum(axis=1, keepdims=True), np.float64)


def _binomial(counts: NDArray[np.int64], probability: float) -> NDArray[np.float64]:
    """Chance that k of n stay: matrix over n (rows) and k (columns)."""
    n, k = counts[:, np.newaxis], counts[np.newaxis, :]
    lost = np.maximum(n - k, 0)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, counts[-1] + 1)))])
    ways = np.where(k <= n, np.exp(factorials[n] - factorials[k] - factorials[lost]), 0.0)
    return np.asarray(ways * probability**k * (1.0 - probability) ** lost, np.float64)


def _after_clicks(step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stationary distribution of a transition matrix."""
    size = len(step)
    balance = step.T - np.eye(size)
    balance[-1] = 1.0
    right = np.zeros(size)
    right[-1] = 1.0
    # Rounding may leave a share of -1e-17.
    return np.asarray(np.maximum(np.linalg.solve(balance, right), 0.0), np.float64)
