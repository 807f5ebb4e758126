"""Best intensities and probabilities: for whole arrays of links in closed form, for one link with finite key."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from qit4n.physics.decoy_bb84 import DecoyBB84, predict
from qit4n.physics.finite_key import Intensities
from qit4n.physics.rates import Array

COARSE, GOLDEN_STEPS = 24, 40
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0
STARTS = 3


def best(rate: Callable[[Array], Array], low: float, high: float, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Where in ``low``..``high`` each element of ``rate`` is largest, and how large.

    A coarse logarithmic search, then golden sections around its best point: right for a function with one maximum.

    Args:
        rate: takes an array of this shape, gives one of it.
        low: least value, more than 0.
        high: greatest value.
        shape: of the links.
    """
    grid = np.geomspace(low, high, COARSE)
    values = np.stack([rate(np.full(shape, point)) for point in grid])
    peak = values.argmax(axis=0)
    left, right = grid[np.maximum(peak - 1, 0)], grid[np.minimum(peak + 1, COARSE - 1)]
    left, right = np.broadcast_to(left, shape).copy(), np.broadcast_to(right, shape).copy()
    for _ in range(GOLDEN_STEPS):
        one, other = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
        higher = rate(one) >= rate(other)
        left, right = np.where(higher, left, one), np.where(higher, other, right)
    found = (left + right) / 2.0
    return np.asarray(found, np.float64), np.asarray(rate(found), np.float64)


def finite_decoy(
    link: DecoyBB84,
    *,
    block_bits: int,
    epsilon_secrecy: float,
    epsilon_correctness: float,
    reconciliation_efficiency: float,
) -> DecoyBB84:
    """The link with the intensities, their probabilities and the basis probability that yield most key per second.

    Nelder and Mead from the link's own values and from a few others; empty second decoys stay empty.
    """
    two = link.kinds > 2

    def tuned(x: Array) -> DecoyBB84 | None:
        signal = float(np.exp(x[0]))
        ratio, share, basis = (float(one) for one in 1.0 / (1.0 + np.exp(-x[1:4])))
        rest = 1.0 - share
        second = float(rest / (1.0 + np.exp(-x[4]))) if two else 0.0
        if signal > 1.5 or min(ratio, share, basis) < 1e-3 or max(share, basis) > 0.9999:
            return None
        means: tuple[float, ...] = (signal, signal * ratio)
        chances: tuple[float, ...] = (share, rest - second)
        if two:
            means, chances = (*means, link.source.means[2]), (*chances, second)
        return replace(
            link,
            source=Intensities(means=means, probabilities=chances),
            key_basis_probability=basis,
        )

    def loss(x: Array) -> float:
        candidate = tuned(x)
        if candidate is None:
            return 0.0
        found = predict(
            candidate,
            block_bits=block_bits,
            epsilon_secrecy=epsilon_secrecy,
            epsilon_correctness=epsilon_correctness,
            reconciliation_efficiency=reconciliation_efficiency,
        )
        return -found.secret_rate_bps

    best_x, best_loss = _start(link, 0), 0.0
    for number in range(STARTS):
        found = minimize(loss, _start(link, number), method="Nelder-Mead", options={"maxiter": 400, "xatol": 1e-3})
        if found.fun < best_loss:
            best_x, best_loss = found.x, found.fun
    return tuned(best_x) or link


def _start(link: DecoyBB84, number: int) -> Array:
    if number == 0:
        signal, decoy, share = link.source.means[0], link.source.means[1], link.source.probabilities[0]
        basis = link.key_basis_probability
    else:
        signal, decoy, share, basis = ((0.5, 0.15, 0.6, 0.9), (0.45, 0.15, 0.3, 0.7))[number - 1]
    odds = [np.log(p / (1.0 - p)) for p in (decoy / signal, share, basis, 0.4)]
    return np.array([np.log(signal), *odds])
