"""Continuous variables: Gaussian and discrete modulation against an independent package, limits, and by hand."""

import math

import numpy as np
import pytest

from qit4n.physics.protocols import discrete, gaussian

# qosst-skr 0.10.0 (GPL-3), classes of a trusted detector: V_A 4, xi 0.01, eta 0.6, v_el 0.1, beta 0.95, 0.2 dB/km.
QOSST = [
    ("heterodyne", 0, 0.8923210958186254),
    ("heterodyne", 10, 0.25260902667332924),
    ("heterodyne", 25, 0.08537906580608456),
    ("heterodyne", 80, 0.0047038244214090835),
    ("homodyne", 0, 0.7110917807091538),
    ("homodyne", 10, 0.23594262999552473),
    ("homodyne", 25, 0.08448335783532457),
    ("homodyne", 80, 0.004715218723259043),
]
DEVICES = {"variance": 4.0, "excess": 0.01, "efficiency": 0.6, "electronic": 0.1, "reconciliation": 0.95}


@pytest.mark.parametrize(("detection", "km", "rate"), QOSST)
def test_trusted_detectors_against_qosst(detection, km, rate):
    """Bits per symbol to 1e-9."""
    assert gaussian.rate(10 ** (-0.02 * km), detection=detection, **DEVICES) == pytest.approx(rate, rel=1e-9)


def test_symplectic_eigenvalues_of_the_covariance_matrix():
    """The entropy of Alice's and Bob's modes is that of the numerical eigenvalues of i Omega gamma."""
    v, t, excess = 5.0, 0.4, 0.03
    line = 1 / t - 1 + excess
    z = math.sqrt(t * (v**2 - 1))
    block = np.array([[v, z], [z, t * (v + line)]])
    gamma = np.kron(block, np.diag([1.0, 0.0])) + np.kron(block * [[1, -1], [-1, 1]], np.diag([0.0, 1.0]))
    omega = np.kron(np.eye(2), [[0, 1], [-1, 0]])
    values = np.sort(np.abs(np.linalg.eigvals(1j * omega @ gamma).real))[::2]
    total = sum(float(gaussian.bosonic_entropy(one)) for one in values)
    a = v**2 * (1 - 2 * t) + 2 * t + t**2 * (v + line) ** 2
    assert float(gaussian._pair_entropy(np.array(a), np.array((t * (v * line + 1)) ** 2))) == pytest.approx(total)


@pytest.mark.parametrize("detection", ["homodyne", "heterodyne"])
def test_finite_blocks_yield_less_and_tend_to_the_limit(detection):
    """Of 1e5 symbols nothing at 20 km; of 1e14 nearly the share of symbols that makes key."""
    limit = float(gaussian.rate(0.4, detection=detection, **DEVICES))
    rates = [
        float(gaussian.finite_rate(0.4, symbols=n, detection=detection, **DEVICES)) for n in (1e5, 1e8, 1e10, 1e14)
    ]
    assert rates == sorted(rates)
    assert rates[0] < 0 < rates[2] < limit / 2
    assert rates[3] == pytest.approx(limit / 2, rel=0.01)


def test_many_states_are_nearly_gaussian():
    """The moments of 64 shaped states are those of a Gaussian modulation: sqrt(n (n + 1)), and w = 0."""
    overlap, spread = discrete.moments(discrete.shaped_qam(8, 1.0))
    assert overlap == pytest.approx(math.sqrt(2.0), rel=1e-3)
    assert spread < 1e-3


@pytest.mark.parametrize("t", [0.8, 0.3])
def test_discrete_modulation_stays_below_gaussian_and_tends_to_it(t):
    """The bound for 64 states is within a fifth of Gaussian modulation, that for four is far below."""
    best = max(
        float(gaussian.rate(t, variance=2 * n, excess=0.01, efficiency=1, electronic=0, reconciliation=0.95))
        for n in (1, 2, 3)
    )
    many = max(discrete.rate(discrete.shaped_qam(8, n), t, excess=0.01, reconciliation=0.95) for n in (1, 2))
    few = max(
        discrete.rate(discrete.phase_shift_keying(4, n), t, excess=0.01, reconciliation=0.95)
        for n in (0.05, 0.1, 0.2, 0.3)
    )
    assert 0.8 * best < many <= best * 1.001
    assert few < 0.1 * many + 0.02


def test_moments_of_two_states_by_hand():
    """Two coherent states: tau has the even and the odd state for eigenvectors, so the trace is known."""
    n = 0.3
    overlap, _ = discrete.moments(discrete.phase_shift_keying(2, n))
    even, odd = (1 + math.exp(-2 * n)) / 2, (1 - math.exp(-2 * n)) / 2
    # a|even> = alpha sqrt(odd/even)|odd>, a|odd> = alpha sqrt(even/odd)|even>; tau = even|e><e| + odd|o><o|
    expected = math.sqrt(even * odd) * n * (odd / even + even / odd)
    assert overlap == pytest.approx(expected, rel=1e-9)


def test_mutual_information_of_states_far_apart():
    """Bright states are all told apart: two bits; faint ones carry what a Gaussian modulation of that power does."""
    assert discrete.mutual_information(discrete.phase_shift_keying(4, 40.0), 1.0, 0.0) == pytest.approx(2.0, abs=1e-6)
    faint = discrete.mutual_information(discrete.phase_shift_keying(4, 0.02), 1.0, 0.0)
    assert faint == pytest.approx(math.log2(1 + 0.02), rel=0.01)


def test_noise_of_a_trusted_detector_costs_information_only():
    """Less key than without, more than if the noise were the channel's."""
    states = discrete.shaped_qam(4, 1.0)
    free, trusted, untrusted = (
        discrete.rate(states, 0.5, excess=excess, electronic=noise, reconciliation=0.95)
        for excess, noise in ((0.01, 0.0), (0.01, 0.02), (0.01 + 0.08, 0.0))
    )
    assert untrusted < trusted < free
