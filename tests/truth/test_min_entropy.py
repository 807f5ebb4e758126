"""Min-entropy estimation against NIST's own tool, and against sources whose min-entropy is known.

``data/sp800_90b.csv``: what the C++ code of NIST (usnistgov/SP800-90B_EntropyAssessment, as packaged in ``sp800_90b``
0.1.1) answers for the sequences of ``entropysamples.py``.
"""

import csv
import itertools
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from qit4n.kernels import prediction
from qit4n.quantum.qrng import counting, tuples
from qit4n.quantum.qrng.assessment import assess, predicted
from truth.entropysamples import NAMES, samples

TABLE = list(csv.DictReader((Path(__file__).parent / "data" / "sp800_90b.csv").read_text("utf-8").splitlines()))


@cache
def assessed(name):
    return assess(*samples(name))


@pytest.mark.parametrize("name", NAMES)
def test_each_estimator_gives_what_nists_tool_gives(name):
    """All ten estimators, on samples and on bits, agree with NIST's tool to 1e-9 of a bit."""
    rows = [row for row in TABLE if row["sequence"] == name]
    assert len(rows) == (10 if samples(name)[1] == 1 else 17)
    found = {row.clause: row for row in assessed(name).estimates}
    for row in rows:
        here = found[row["clause"]]
        value = here.of_samples if row["scope"] == "samples" else here.of_bits
        assert value == pytest.approx(float(row["min_entropy"]), abs=1e-9), row


def test_the_assessment_is_the_least_of_all():
    """Min-entropy per sample is the least of the estimates on samples, and of those on bits times bits per sample."""
    rows = [row for row in TABLE if row["sequence"] == "bell"]
    least = min(float(row["min_entropy"]) * (8 if row["scope"] == "bits" else 1) for row in rows)
    assert assessed("bell").min_entropy == pytest.approx(least, abs=1e-9)


@pytest.mark.parametrize("name", ["biased", "nibbles"])
def test_the_twins_in_python_predict_as_the_compiled_kernels(name):
    """Predictions, correct ones and longest run are the same by plain Python."""
    sequence = np.ascontiguousarray(samples(name)[0][:4400])
    alphabet = int(sequence.max()) + 1
    assert prediction.most_common_in_window(sequence, alphabet) == prediction.most_common_twin(sequence)
    assert prediction.lag(sequence) == prediction.lag_twin(sequence)
    assert prediction.markov(sequence, alphabet) == prediction.markov_twin(sequence)
    assert prediction.lz78y(sequence, alphabet) == prediction.lz78y_twin(sequence)


@pytest.mark.parametrize("name", ["bits", "biased", "nibbles", "bell", "bytes"])
def test_no_estimate_exceeds_the_truth(name):
    """For independent samples of known distribution the assessment is at most the true min-entropy."""
    bell = np.convolve(np.convolve(np.ones(256), np.ones(256)), np.convolve(np.ones(256), np.ones(256))) / 256.0**4
    likeliest = {"bits": 1 / 2, "biased": 179 / 256, "nibbles": 1 / 16, "bytes": 1 / 256}
    likeliest["bell"] = bell[: bell.size // 4 * 4].reshape(-1, 4).sum(axis=1).max()
    assert 0.0 < assessed(name).min_entropy < -math.log2(likeliest[name])


def test_common_prefixes_are_those_of_the_sorted_suffixes():
    """The array of common prefixes equals that of suffixes sorted by Python, also with long repeats."""
    for text in (b"\x00\x01" * 90 + b"\x00\x00\x01", b"\x02" * 70, bytes(samples("nibbles")[0][:400]) * 2):
        suffixes = sorted(text[start:] for start in range(len(text)))
        wanted = []
        for one, other in itertools.pairwise(suffixes):
            same = [a == b for a, b in zip(one, other, strict=False)]
            wanted.append(same.index(False) if False in same else len(same))
        assert tuples.common_prefixes(np.frombuffer(text, np.uint8)).tolist() == wanted


def test_long_repeats_are_counted_as_short_ones(monkeypatch):
    """Counting interval by interval gives the numbers that counting length by length gives."""
    sequence = np.frombuffer(bytes(samples("nibbles")[0][:500]) * 3, np.uint8)
    by_interval = tuples._occurrences(sequence)
    monkeypatch.setattr(tuples, "BY_LEVEL", 10_000)
    by_level = tuples._occurrences(sequence)
    assert by_interval[0].size == 1000
    for one, other in zip(by_interval, by_level, strict=True):
        assert one.tolist() == other.tolist()


def test_a_predictor_that_is_always_right_leaves_nothing():
    """A sequence that a predictor knows wholly has no entropy; one that it never hits is bounded by its alphabet."""
    assert predicted(prediction.Score(10_000, 10_000, 10_000), 4) == 0.0
    assert predicted(prediction.Score(10_000, 0, 0), 4) == 2.0


@pytest.mark.parametrize(
    ("sequence", "bits", "why"),
    [
        (np.zeros(20_000, np.uint8), 8, "all samples are 0"),
        (np.arange(2_000, dtype=np.uint8), 8, "at least"),
        (np.arange(20_000).astype(np.uint8), 4, "below 16"),
        (np.zeros(20_000, np.uint8), 9, "1 to 8 bits"),
    ],
)
def test_what_cannot_be_assessed_is_refused_with_the_reason(sequence, bits, why):
    """Constant, short and too large samples are errors that say what would be right."""
    with pytest.raises(ValueError, match=why):
        assess(sequence, bits)


def test_too_few_groups_of_bits_are_refused():
    """The compression estimate says how many bits it needs."""
    with pytest.raises(ValueError, match="6006 bits"):
        counting.compression(np.zeros(5000, np.uint8))
