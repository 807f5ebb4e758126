"""Two pulses meet at a beam splitter with four threshold detectors: what clicks, and which Bell state that means.

Either pulse is in one of the four states of BB84 over two modes (early and late, or two polarisations), with a random
phase. Detectors are numbered port 0 mode 0, port 0 mode 1, port 1 mode 0, port 1 mode 1; bit j of a mask is detector j.
A set S of detectors stays silent with the chance ``<:exp(-n_S):>`` of normally ordered photon numbers (Mandel and Wolf,
Optical Coherence and Quantum Optics (1995), 12.10 and 14.9), which is closed for coherent and for Fock states; what
clicks follows by inclusion and exclusion. Success, and what it says: Lo, Curty, Qi, PRL 108, 130503 (2012).
"""

from functools import cache
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qit4n.physics.rates import Array

MASKS = 16
PLUS, MINUS = (0b0011, 0b1100), (0b1001, 0b0110)
"""Clicks of psi+ (both modes of one port) and of psi- (one mode of either port)."""

_R = 2.0**-0.5
STATES: Array = np.array([[1.0, 0.0], [0.0, 1.0], [_R, _R], [_R, -_R]])
"""Amplitudes in both modes, by bit + 2 basis (0 key, 1 test)."""


@cache
def overlaps() -> tuple[Array, Array, Array]:
    """``A, B, C`` by (state here, state there, set of detectors): shares of either pulse in the set, and their overlap.

    The mean photons of a set are ``x A + y B + 2 sqrt(xy) C cos(phase)``.
    """
    here = np.concatenate([STATES, STATES], axis=1) * _R
    there = np.concatenate([STATES, -STATES], axis=1) * _R
    chosen = (np.arange(MASKS)[:, np.newaxis] >> np.arange(4) & 1).astype(np.float64)
    a = np.broadcast_to((here**2 @ chosen.T)[:, np.newaxis], (4, 4, MASKS))
    b = np.broadcast_to((there**2 @ chosen.T)[np.newaxis], (4, 4, MASKS))
    c = np.einsum("ij,kj,mj->ikm", here, there, chosen)
    return a, b, c


def clicked(silent: Array) -> Array:
    """Chance of exactly the clicks of each mask (last axis), from that of silence of each set (last axis)."""
    return np.asarray(np.maximum(silent @ _inclusion(), 0.0), np.float64)


@cache
def _inclusion() -> Array:
    """Signs by set of silent detectors and mask of clicks: all others are in the set, those of the mask count off."""
    signs = np.zeros((MASKS, MASKS))
    for mask in range(MASKS):
        for part in range(MASKS):
            if part & ~mask == 0:
                signs[(MASKS - 1) & ~mask | part, mask] = (-1) ** part.bit_count()
    return signs


def bell(clicks: Array) -> tuple[Array, Array]:
    """Chance of psi+ and of psi-, from that of each mask (last axis)."""
    plus, minus = (clicks[..., list(masks)].sum(axis=-1) for masks in (PLUS, MINUS))
    return plus, minus


def coherent_clicks(here: ArrayLike, there: ArrayLike, dark: ArrayLike) -> Array:
    """Chance of each mask for pulses of so many mean photons at the detectors: (..., 4 states, 4 states, 16 masks)."""
    from scipy.special import i0e  # noqa: PLC0415 - slow to import, and few sites need it

    x, y, d = (np.asarray(value, np.float64)[..., np.newaxis, np.newaxis, np.newaxis] for value in (here, there, dark))
    a, b, c = overlaps()
    cross = 2.0 * np.sqrt(x * y) * np.abs(c)
    lights = np.exp(cross - x * a - y * b) * i0e(cross)
    return clicked(_live(d) * lights)


def fock_clicks(most: int) -> Array:
    """Chance of each mask for 0 to ``most`` photons on either side, no dark counts.

    Shape (photons here, photons there, 4 states, 4 states, 16 masks). A set is silent with
    ``sum_k C(n,k) C(m,k) (1-A)^(n-k) (1-B)^(m-k) C^(2k)``.
    """
    a, b, c = overlaps()
    silent = np.zeros((most + 1, most + 1, *a.shape))
    for n in range(most + 1):
        for m in range(most + 1):
            for k in range(min(n, m) + 1):
                silent[n, m] += comb(n, k) * comb(m, k) * (1.0 - a) ** (n - k) * (1.0 - b) ** (m - k) * c ** (2 * k)
    return clicked(silent)


def _live(dark: Array) -> Array:
    sizes = np.array([mask.bit_count() for mask in range(MASKS)])
    return np.asarray((1.0 - dark) ** sizes, np.float64)


def wrong_bits() -> NDArray[np.bool_]:
    """Whether the bits of psi+ and psi- (first axis) are wrong, by the states here and there.

    In the key basis bits should differ, in the test basis too for psi-, but be equal for psi+.
    """
    bits, bases = np.arange(4) & 1, np.arange(4) >> 1
    equal = bits[:, np.newaxis] == bits
    test = np.broadcast_to((bases == 1)[:, np.newaxis], (4, 4))
    return np.stack([np.where(test, ~equal, equal), equal])


def gain_and_errors(
    here: ArrayLike, there: ArrayLike, dark: ArrayLike, misalignment: ArrayLike, *, key: bool
) -> tuple[Array, Array]:
    """Q and E Q of one basis, chosen by both: of successful Bell measurements, bits at random.

    Misalignment is the chance that the pulse from here comes in the opposite state of its basis.
    """
    both = slice(0, 2) if key else slice(2, 4)
    clicks = coherent_clicks(here, there, dark)[..., both, both, :]
    found = np.stack(bell(clicks))
    errors = np.where(_shaped(wrong_bits()[:, both, both], found.ndim), found, 0.0)
    q, wrong = (np.asarray(one.sum(axis=(0, -2, -1)) / 4.0, np.float64) for one in (found, errors))
    e = np.asarray(misalignment, np.float64)
    return q, np.asarray((1.0 - e) * wrong + e * (q - wrong), np.float64)


def _shaped(wrong: NDArray[np.bool_], dimensions: int) -> NDArray[np.bool_]:
    return wrong.reshape(wrong.shape[0], *(1,) * (dimensions - wrong.ndim), *wrong.shape[1:])
