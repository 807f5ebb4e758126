"""The random number generator of a site in the network file."""

import pytest

from qit4n.network.qrng import QRNG, qrng_findings


@pytest.mark.parametrize(
    ("qrng", "advice"),
    [
        (QRNG(), "name one of device and emulate"),
        (QRNG(device="/dev/q", emulate="beam-splitter", min_entropy=1.0), "name one of device and emulate"),
        (QRNG(device="/dev/q"), "add min_entropy, in bits per sample; qit rng test estimates it"),
        (QRNG(device="/dev/q", sample_bits=2, min_entropy=2.5), "lower it, or mend sample_bits"),
    ],
)
def test_what_does_not_fit_is_found_with_advice(qrng, advice):
    """Neither, both, a device without a claim, and a claim above the size of a sample are findings at that site."""
    (found,) = qrng_findings([None, qrng])
    assert found.at[:3] == ("sites", 1, "qrng")
    assert found.right == advice


@pytest.mark.parametrize(
    "qrng", [QRNG(emulate="photon-arrival"), QRNG(device="/dev/q", sample_bits=1, min_entropy=0.9), None]
)
def test_what_fits_is_not_found(qrng):
    """An emulated source, a device with a claim, and none at all are fine."""
    assert list(qrng_findings([qrng])) == []
