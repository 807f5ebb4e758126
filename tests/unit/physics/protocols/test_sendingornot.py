"""SNS with pairing in finite blocks: windows drawn one by one, spins by brute force, exact tails, the limit."""

import itertools
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from qit4n.physics.pairdecoys import chernoff_lower, chernoff_upper, draws_lower, draws_upper
from qit4n.physics.protocols import sendingornot, twinfield
from qit4n.physics.protocols.sendingornot import SNS, Choices, finite_key, predict
from qit4n.physics.rates import binary_entropy

EPSILONS = {"epsilon_secrecy": 1e-9, "epsilon_correctness": 1e-15}
TERMS = {**EPSILONS, "reconciliation_efficiency": 1.16}
CHOICES = Choices(signal=0.49, decoy=0.037, key=0.92, sending=0.28, slice_rad=0.37)
LINK = SNS(arm=6e-5, dark=1e-9, misalignment=0.03, phase_noise=0.1, choices=CHOICES)


class Windows:
    """Windows one by one: choices, phases, fields on a beam splitter, clicks; photons where one end alone sends."""

    def __init__(self, link, count, seed):
        dice, own = np.random.default_rng(seed), link.choices
        self.key = dice.random((2, count)) < own.key
        self.sends = dice.random((2, count)) < np.where(self.key, own.sending, 1.0)
        mean = np.where(self.sends, np.where(self.key, own.signal, own.decoy), 0.0)
        phase = dice.uniform(0, 2 * np.pi, (2, count))
        self.apart = (phase[0] - phase[1] + np.pi) % (2 * np.pi) - np.pi
        field = np.sqrt(link.arm * mean) * np.exp(1j * phase)
        field[1] *= np.exp(1j * dice.normal(0.0, link.phase_noise, count))
        light = [np.abs(field[0] + sign * field[1]) ** 2 / 2 for sign in (1, -1)]
        clear, e = 1 - link.misalignment, link.misalignment
        chances = [1 - np.exp(-(clear * a + e * b)) for a, b in (light, light[::-1])]
        lit = dice.random((2, count)) < np.array(chances)
        self.photons = np.full(count, -1)
        alone = self.sends[0] ^ self.sends[1]
        self.photons[alone] = dice.poisson(mean.sum(axis=0)[alone])
        arrived = dice.binomial(self.photons[alone], link.arm)
        first = dice.binomial(arrived, 0.5)
        lit[0, alone], lit[1, alone] = first > 0, arrived - first > 0
        clicks = lit | (dice.random((2, count)) < link.dark)
        self.one = clicks[0] ^ clicks[1]
        self.second = clicks[1]
        self.dice = dice

    def pairs(self):
        """Pairs after AOPP by the second end: how many are kept, with an error, and of two untagged bits."""
        both = self.one & self.key.all(axis=0)
        bits = np.stack([self.sends[0], ~self.sends[1]])[:, both]
        single = (self.photons == 1)[both]
        zeros, ones = (self.dice.permutation(np.flatnonzero(bits[1] == bit)) for bit in (0, 1))
        size = min(zeros.size, ones.size)
        zeros, ones = zeros[:size], ones[:size]
        kept = bits[0, zeros] != bits[0, ones]
        return kept.sum(), (kept & bits[0, zeros]).sum(), (single[zeros] & single[ones]).sum()


BRIGHT = SNS(
    arm=0.15,
    dark=4e-3,
    misalignment=0.03,
    phase_noise=0.2,
    choices=Choices(signal=0.45, decoy=0.1, key=0.6, sending=0.3, slice_rad=0.6),
)


def test_expected_counts_by_monte_carlo():
    """Every count of the estimate, the pairs kept and their errors are those of windows drawn one by one."""
    count = 3_000_000
    drawn, own = Windows(BRIGHT, count, 11), BRIGHT.choices
    silent, test = ~drawn.sends, ~drawn.key
    found = [(drawn.one & silent.all(axis=0)).sum()]
    for here, there in ((0, 1), (1, 0)):
        found += [(drawn.one & test[here] & silent[there]).sum()]
        found += [(drawn.one & drawn.key[here] & drawn.sends[here] & silent[there]).sum()]
    decoys = drawn.one & test.all(axis=0)
    near, far = (np.abs(one) <= own.slice_rad / 2 for one in (drawn.apart, np.abs(drawn.apart) - np.pi))
    found += [(decoys & ((near & drawn.second) | (far & ~drawn.second))).sum()]
    key = drawn.one & drawn.key.all(axis=0)
    found += [(key & drawn.sends[1]).sum(), (key & silent[1]).sum()]
    counts = BRIGHT.expected(count)
    expected = [counts.empty, *(n for end in (0, 1) for n in (counts.weak[end], counts.strong[end]))]
    expected += [counts.wrong, counts.zeros, counts.ones]
    for one, mean in zip(found, expected, strict=True):
        assert one == pytest.approx(mean, abs=4.5 * math.sqrt(mean))
    kept, wrong, untagged = drawn.pairs()
    pairs, qber = BRIGHT.survivors(count)
    assert kept == pytest.approx(pairs, rel=0.03)
    assert wrong / kept == pytest.approx(qber, rel=0.05)
    bounds = {
        n: finite_key(BRIGHT.expected(n), own, leaked_bits=0.0, **EPSILONS).single_photon_bound for n in (count, 1e18)
    }
    assert 0.15 * untagged < bounds[count] < untagged
    assert bounds[1e18] / 1e18 * count == pytest.approx(0.95 * untagged, rel=0.08)


def _spins(count):
    """J_z and J^2 of so many spins, as matrices."""
    half = [np.array(one) / 2 for one in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]
    total = []
    for axis in half:
        parts = (np.kron(np.kron(np.eye(2**n), axis), np.eye(2 ** (count - n - 1))) for n in range(count))
        total.append(sum(parts))
    return total[2].real, sum(one @ one for one in total).real


def _matchings(places, pairs):
    """All ways to choose so many disjoint pairs."""
    if not pairs:
        return [[]]
    return [
        [(one, other), *more]
        for one, other in itertools.combinations(places, 2)
        for more in _matchings([n for n in places if n > one and n != other], pairs - 1)
    ]


def _singlets(state, ones, pairs):
    """Chances of k singlets among pairs of a zero and a one, all choices of them alike; other spins are measured."""
    spins, found = range(state.ndim), np.zeros(pairs + 1)
    odd = np.array([[[0, 1], [-1, 0]], [[0, 1], [1, 0]]]) / math.sqrt(2)
    for matching in _matchings(spins, pairs):
        taken = [n for pair in matching for n in pair]
        parts = [(0, state.transpose(taken + [n for n in spins if n not in taken]))]
        for _ in matching:
            parts = [(k + (not kind), np.tensordot(odd[kind], one)) for k, one in parts for kind in (0, 1)]
        for k, one in parts:
            found[k] += (abs(one) ** 2).sum()
    return found / (math.comb(ones, pairs) * math.comb(len(spins) - ones, pairs) * math.factorial(pairs))


@pytest.mark.parametrize(("spin", "ones"), [(j, n) for j in range(4) for n in (1, 2, 3) if n >= 3 - j])
def test_singlets_among_random_pairs_depend_on_the_total_spin_alone(spin, ones):
    """Two random states of six spins with this J and J_z, all pairings: the same chances, below the bound's.

    As many pairs as there can be, or fewer, as other partners leave them.
    """
    count, dice = 6, np.random.default_rng(spin)
    up = count // 2 - ones
    j_z, square = _spins(count)
    values, vectors = np.linalg.eigh(square + math.pi * j_z)
    own = vectors[:, np.isclose(values, spin * (spin + 1) + math.pi * up)]
    states = own @ (dice.normal(size=(own.shape[1], 2)) + 1j * dice.normal(size=(own.shape[1], 2)))
    states /= np.linalg.norm(states, axis=0)
    one = (count**2 - 4 * spin**2) / (8 * ones * (count - ones))
    singlet = 0.25 - (spin * (spin + 1) - 0.75 * count) / (count * (count - 1))  # of a pair, from J^2 = (sum S)^2
    odd = 2 * ones * (count - ones) / (count * (count - 1))
    for pairs in range(1, ones + 1):
        chances, same = (_singlets(state.reshape([2] * count), ones, pairs) for state in states.T)
        assert chances.sum() == pytest.approx(1.0)
        assert chances == pytest.approx(same, abs=1e-9)
        for k in range(1, pairs + 1):
            assert chances[k:].sum() <= (count + 1) ** 2 * stats.binom.sf(k - 1, pairs, one) + 1e-12
        assert chances @ np.arange(pairs + 1) == pytest.approx(pairs * singlet / odd)


@pytest.mark.parametrize(("untagged", "pairs"), [((5e5, 5e5), 2e5), ((9e5, 3e5), 1e5)])
def test_phase_errors_of_pairs_within_the_exact_tail(untagged, pairs):
    """``(N + 1)^2`` times the exact binomial tail is below epsilon at the bound, and not 3 % under it."""
    errors, bits, epsilon = 6e4, sum(untagged), 1e-20
    bound = sendingornot.singlets_upper(errors, untagged, pairs, bits=bits, epsilon=epsilon)
    spin = bits / 2 - errors  # at least, and J_z half the difference of zeros and ones
    long, up = 2 * spin / bits, (untagged[0] - untagged[1]) / bits
    draws = stats.binom(int(pairs), (1 - long**2) / (2 * (1 - up**2)))  # |r| and r_z of the Bloch vector
    price = (bits + 1) ** 2
    assert price * draws.sf(math.floor(bound)) <= epsilon < price * draws.sf(math.floor(0.97 * bound))


def test_the_decoy_estimate_is_exact_for_up_to_two_photons():
    """Yields of none, one and two photons, as an attacker may choose them, give back that of one; more lower it."""
    own, windows = replace(CHOICES, signal=0.6, decoy=0.2), 1e24
    for triples, exact in ((0.0, True), (0.5, False)):
        yields = [3e-3, 2e-3, 0.4, triples]

        def seen(mean, chance, yields=yields):
            return (
                windows * chance * math.exp(-mean) * sum(y * mean**n / math.factorial(n) for n, y in enumerate(yields))
            )

        strong = seen(own.signal, own.strong)
        counts = sendingornot.SNSCounts(
            empty=seen(0.0, own.empty),
            weak=(seen(own.decoy, own.weak),) * 2,
            strong=(strong, strong),
            wrong=0.0,
            zeros=strong,
            ones=strong,
        )
        found = finite_key(counts, own, leaked_bits=0.0, **EPSILONS).single_photon_bound
        share = math.sqrt(found / strong) / (own.untagged * windows * yields[1] / strong)
        assert share == pytest.approx(1.0, rel=1e-4) if exact else share < 0.9


class Attack:
    """One block with a relay that counts the photons of both ends and may know whether two fields of one are in phase.

    It clicks with a chance by their number (the last: more), and lies on every so many-th single photon.
    """

    def __init__(self, own, windows, yields, every, dice):
        key = dice.random((2, windows)) < own.key
        sends = dice.random((2, windows)) < np.where(key, own.sending, 1.0)
        photons = dice.poisson(np.where(sends, np.where(key, own.signal, own.decoy), 0.0))
        number = photons.sum(axis=0)
        clicks = dice.random(windows) < np.take(yields, np.minimum(number, len(yields) - 1))
        lies, single = np.zeros(windows, bool), clicks & (number == 1)
        lies[np.flatnonzero(single)[::every]] = True
        wrong = np.where(number == 0, dice.random(windows) < 0.5, lies)
        apart = np.abs(dice.uniform(-np.pi, np.pi, windows))
        sliced = np.minimum(apart, np.pi - apart) <= own.slice_rad / 2
        both, alone = clicks & key.all(axis=0), sends & ~sends[::-1]
        zeros, ones = both & sends[1], both & ~sends[1]
        self.counts = sendingornot.SNSCounts(
            empty=float((both & ~sends.any(axis=0)).sum()),
            weak=tuple((clicks & alone[end] & ~key[end] & key[1 - end]).sum() for end in (0, 1)),
            strong=tuple((both & alone[end]).sum() for end in (0, 1)),
            wrong=float((clicks & ~key.any(axis=0) & sliced & wrong).sum()),
            zeros=float(zeros.sum()),
            ones=float(ones.sum()),
        )
        untagged = both & alone.any(axis=0) & (number == 1)
        size = int(min(self.counts.zeros, self.counts.ones))
        one, other = (dice.permutation(np.flatnonzero(bits))[:size] for bits in (zeros, ones))
        pure = untagged[one] & untagged[other]
        self.pairs, self.singlets = pure.sum(), (pure & (lies[one] ^ lies[other])).sum()


@pytest.mark.parametrize("yields", [[0.1, 0.3, 0.5, 0.0], [0.01, 0.3, 0.0]])
def test_a_relay_that_counts_photons_is_found_out(yields, monkeypatch):
    """If each bound may fail in one of five blocks, pairs and phase errors do in fewer; in large ones, not by far.

    Three photons never click and two never err, so no slack of the estimates hides a mistake.
    """
    monkeypatch.setattr(sendingornot, "TOLD", 1.0)  # this relay does not look at choices
    own = Choices(signal=0.6, decoy=0.2, key=0.6, sending=0.35, slice_rad=1.5)
    dice, epsilon = np.random.default_rng(5), 0.2
    terms = {"epsilon_secrecy": 3.0 * math.sqrt(sendingornot.BOUNDS * epsilon), "epsilon_correctness": 0.1}

    def reached(windows):
        """Pairs promised of those there are, phase errors there are of those promised: above 1 a bound failed."""
        block = Attack(own, windows, yields, 8, dice)
        found = finite_key(block.counts, own, leaked_bits=0.0, **terms)
        return found.single_photon_bound / block.pairs, block.singlets / block.pairs / found.phase_error_bound

    small = np.array([reached(30_000) for _ in range(100)])
    assert np.all(np.mean(small > 1.0, axis=0) <= epsilon)
    assert small.max() > 0.5
    for share in reached(5_000_000):
        assert 0.7 < share < 1.0


def test_the_parts_of_secrecy_add_up(monkeypatch):
    """Twice the root of what all bounds that were used may fail with, and what hashing leaves: epsilon."""
    paid, secrecy = {}, EPSILONS["epsilon_secrecy"]
    for bound in (chernoff_lower, chernoff_upper, draws_lower, draws_upper):

        def counted(value, chance, bound=bound):
            paid[bound, value] = chance
            return bound(value, chance)

        monkeypatch.setattr(sendingornot, bound.__name__, counted)
    counts = LINK.expected(1e13)
    (weak, _), (strong, _) = counts.weak, counts.strong
    counts = replace(counts, weak=(weak, 1.01 * weak), strong=(strong, 1.01 * strong))
    found = finite_key(counts, CHOICES, leaked_bits=1000.0, **EPSILONS)
    (told, times), *_ = Counter(paid.values()).most_common()
    tails = min(paid.values()) * (counts.zeros + counts.ones + 1.0) ** 2
    failure = sum(paid.values()) - min(paid.values()) + tails + times * told * (sendingornot.TOLD - 1.0)
    assert (len(paid), times) == (sendingornot.BOUNDS, 10)
    entropy = found.single_photon_bound * (1.0 - float(binary_entropy(found.phase_error_bound))) - 1000.0
    left = 0.5 * 2.0 ** (-0.5 * (entropy - math.log2(2.0 / EPSILONS["epsilon_correctness"]) - found.length_bits))
    assert 0.9 * secrecy < 2.0 * math.sqrt(failure) + left <= secrecy * (1.0 + 1e-9)


@pytest.mark.parametrize("mean", [3.0, 200.0, 1e5])
def test_draws_stay_within_their_bounds(mean):
    """Exact tails of binomial and hypergeometric draws are below epsilon, and above its third power."""
    epsilon = 1e-8
    size = int(10 * mean)
    draws = (stats.binom(size, 0.1), stats.hypergeom(4 * size, 2 * size // 5, size))
    low, high = draws_lower(mean, epsilon), draws_upper(mean, epsilon)
    for one in draws:
        assert one.cdf(math.ceil(low) - 1) <= epsilon
        assert one.sf(math.floor(high)) <= epsilon
    assert draws[0].sf(math.floor(high)) >= epsilon**3


def test_more_windows_never_cost_and_the_limit_is_the_asymptotic_rate():
    """Bits per window grow with the block, stay below the asymptotic rate, and reach 95 % of it."""
    means, sending = np.meshgrid(np.linspace(0.1, 0.8, 36), np.linspace(0.05, 0.5, 46))
    given = {"dark": LINK.dark, "misalignment": LINK.misalignment, "phase_noise": LINK.phase_noise}
    most = float(twinfield.sns_rate(LINK.arm, mean_photons=means, sending=sending, efficiency=1.16, **given).max())
    rates, link = [], LINK
    for windows in (1e13, 1e14, 1e16, 1e18, 1e22):
        link = sendingornot.best(link, windows, **TERMS)
        rates.append(predict(link, windows, **TERMS).length_bits / windows)
    assert 0 < rates[0] < rates[1] < rates[2] < rates[3] < rates[4] < most
    assert rates[0] == pytest.approx(0.66 * most, rel=0.1)
    assert rates[-1] > 0.95 * most


def test_the_choices_found_are_better_than_their_start():
    """From poor choices, and from choices without any key, the search comes to where it comes from good ones."""
    best = predict(sendingornot.best(LINK, 1e13, **TERMS), 1e13, **TERMS).length_bits
    poor = replace(LINK, choices=replace(CHOICES, decoy=0.4, key=0.3, slice_rad=2.4))
    assert predict(poor, 1e13, **TERMS).length_bits == 0
    found = predict(sendingornot.best(poor, 1e13, **TERMS), 1e13, **TERMS).length_bits
    assert found == pytest.approx(best, rel=0.02)


@pytest.mark.parametrize(
    "change",
    [
        {"wrong": 1.3},
        {"empty": 30.0},
        {"strong": (1.05, 1.05)},
        {"weak": (0.9, 0.9)},
        {"weak": (1.0, 0.8)},
    ],
)
def test_what_an_attack_leaves_behind_costs_key(change):
    """More wrong, empty or multi-photon clicks, and fewer single photons of one end or both, cost bits."""
    counts = LINK.expected(1e13)
    honest = finite_key(counts, CHOICES, leaked_bits=0.0, **EPSILONS)
    ((name, factor),) = change.items()
    scaled = np.multiply(getattr(counts, name), factor).tolist()
    attacked = finite_key(replace(counts, **{name: scaled}), CHOICES, leaked_bits=0.0, **EPSILONS)
    assert attacked.length_bits < 0.999 * honest.length_bits


def test_nothing_seen_is_no_key():
    """Without clicks there is none, and a block too short for its own costs has none either."""
    dark = replace(LINK, arm=1e-12, dark=1e-15)
    assert predict(dark, 1e6, **TERMS).length_bits == 0
    assert predict(LINK, 1e9, **TERMS).length_bits == 0


@pytest.mark.parametrize(
    ("change", "words"), [({"decoy": 0.6}, "decoy"), ({"key": 1.0}, "chances"), ({"slice_rad": 4.0}, "slices")]
)
def test_choices_from_which_nothing_follows_are_refused(change, words):
    """A decoy as bright as the signal, a chance of one, a slice beyond pi."""
    with pytest.raises(ValueError, match=words):
        replace(CHOICES, **change)
