"""What no protocol can beat: capacities of the lossy bosonic channel, in bits per use (mode), vectorised.

Every key rate per pulse of a point-to-point link must stay below :func:`plob`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse import lil_array

Array = NDArray[np.float64]


def plob(transmittance: ArrayLike) -> Array:
    """Secret-key capacity of the pure-loss channel, ``-log2(1 - eta)``; infinite at eta = 1.

    Pirandola, Laurenza, Ottaviani, Banchi, Nature Communications 8, 15043 (2017), equation 19.
    """
    eta = _checked(transmittance)
    with np.errstate(divide="ignore"):  # a lossless mode has no limit
        return np.asarray(-np.log1p(-eta) / np.log(2.0), np.float64)


def tgw(transmittance: ArrayLike) -> Array:
    """Upper bound by squashed entanglement, ``log2((1 + eta) / (1 - eta))``; never below :func:`plob`.

    Takeoka, Guha, Wilde, Nature Communications 5, 5235 (2014), equation 1.
    """
    eta = _checked(transmittance)
    with np.errstate(divide="ignore"):
        return np.asarray((np.log1p(eta) - np.log1p(-eta)) / np.log(2.0), np.float64)


def repeater_chain(transmittance: ArrayLike, repeaters: int) -> Array:
    """Capacity of a pure-loss line cut into equal parts by ideal repeaters, ``-log2(1 - eta^(1/(N+1)))``.

    Pirandola, Communications Physics 2, 51 (2019), equation 20. The bound for twin-field protocols has one repeater.
    """
    if repeaters < 0:
        raise ValueError(f"a chain cannot have {repeaters} repeaters")
    return plob(_checked(transmittance) ** (1.0 / (repeaters + 1)))


def thermal_upper(transmittance: ArrayLike, noise_photons: ArrayLike) -> Array:
    """Upper bound of a line that adds thermal noise: ``-log2[(1 - eta) eta^n] - g(n)``, 0 from n = eta/(1 - eta) on.

    ``noise_photons`` is n, the mean photons of the environment. Pirandola et al. 2017, equation 23.
    """
    eta, n = _checked(transmittance), np.asarray(noise_photons, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = -(np.log2(1.0 - eta) + n * np.log2(eta)) - _entropy(n)
        breaking = n * (1.0 - eta) >= eta
    return np.asarray(np.where(breaking, 0.0, np.maximum(bound, 0.0)), np.float64)


def thermal_lower(transmittance: ArrayLike, noise_photons: ArrayLike) -> Array:
    """What can be reached over it, by reverse coherent information: ``-log2(1 - eta) - g(n)`` (equation 24)."""
    reached = plob(transmittance) - _entropy(np.asarray(noise_photons, np.float64))
    return np.asarray(np.maximum(reached, 0.0), np.float64)


def widest_path(edges: Sequence[tuple[int, int]], capacities: ArrayLike, source: int, target: int) -> float:
    """Capacity of the best single path of a network: its narrowest link; 0 if there is none.

    Pirandola, Communications Physics 2, 51 (2019), equation 8.

    Args:
        edges: pairs of nodes, used in either direction.
        capacities: bits per use of each.
        source: node.
        target: node.
    """
    group: dict[int, int] = {}

    def root(node: int) -> int:
        while group.setdefault(node, node) != node:
            node = group[node]
        return node

    widths = np.asarray(capacities, np.float64)
    for place in np.argsort(-widths, kind="stable"):
        one, other = edges[place]
        group[root(one)] = root(other)
        if root(source) == root(target):
            return float(widths[place])
    return 0.0


def flooding(edges: Sequence[tuple[int, int]], capacities: ArrayLike, source: int, target: int) -> float:
    """Capacity of a network in which all paths are used at once: max-flow, which is min-cut (equation 14 there).

    With measured key rates as capacities it is what trusted nodes can relay between two of them. See
    :func:`widest_path` for the arguments.
    """
    limits = np.asarray(capacities, np.float64)
    nodes = sorted({node for edge in edges for node in edge} | {source, target})
    places = {node: number for number, node in enumerate(nodes)}
    count = len(edges)
    balance = lil_array((len(nodes), 2 * count))
    for number, (one, other) in enumerate(edges):
        for column, (tail, head) in enumerate(((one, other), (other, one))):
            balance[places[tail], number + column * count] -= 1.0
            balance[places[head], number + column * count] += 1.0
    rows = np.array([node not in {source, target} for node in nodes])
    scale = float(limits.max()) if count else 0.0
    if scale == 0.0:
        return 0.0
    found = linprog(
        -balance.tocsr()[[places[target]]].toarray().ravel(),
        A_eq=balance.tocsr()[rows] if rows.any() else None,
        b_eq=np.zeros(int(rows.sum())) if rows.any() else None,
        bounds=[(0.0, limit) for limit in np.tile(limits / scale, 2)],
        method="highs",
    )
    return float(-found.fun * scale)


def _entropy(photons: Array) -> Array:
    """g(n) in bits: entropy of a thermal mode."""
    n = np.asarray(photons, np.float64)
    return np.asarray((n + 1.0) * np.log2(n + 1.0) - n * np.log2(np.where(n > 0.0, n, 1.0)), np.float64)


def _checked(transmittance: ArrayLike) -> Array:
    eta = np.asarray(transmittance, np.float64)
    if not np.all((eta >= 0.0) & (eta <= 1.0)):
        raise ValueError("a transmittance lies between 0 and 1")
    return eta
