"""What no protocol can beat: capacities of the lossy bosonic channel, in bits per use (mode), vectorised.

Every key rate per pulse of a point-to-point link must stay below :func:`plob`.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


def _checked(transmittance: ArrayLike) -> Array:
    eta = np.asarray(transmittance, np.float64)
    if not np.all((eta >= 0.0) & (eta <= 1.0)):
        raise ValueError("a transmittance lies between 0 and 1")
    return eta
