"""Min-entropy of the entropy sources of quantum random number generators: what nature gives per raw sample.

All functions answer bits per sample, given everything classical about the device (its noise, its bias); shapes follow
NumPy's rules. The leftover after extraction is in ``qit4n.quantum.qrng.tap``.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
CLASSICAL_EXCURSION = 5.0  # standard deviations within which the classical noise is taken to stay (Haw et al.)


def beam_splitter(
    transmittance: ArrayLike = 0.5,
    efficiency_transmitted: ArrayLike = 1.0,
    efficiency_reflected: ArrayLike = 1.0,
) -> Array:
    """One photon at a beam splitter; the detector that clicks is the bit, events without a click are dropped.

    The likelier of two outcomes of Born's rule with detectors of unequal efficiency: Jennewein et al., Rev. Sci.
    Instrum. 71, 1675 (2000), and Ma et al., npj Quantum Inf. 2, 16021 (2016), section II.
    """
    share = np.asarray(transmittance, np.float64)
    through = share * np.asarray(efficiency_transmitted, np.float64)
    reflected = (1.0 - share) * np.asarray(efficiency_reflected, np.float64)
    return np.asarray(-np.log2(np.maximum(through, reflected) / (through + reflected)), np.float64)


def photon_arrival(mean_photons: ArrayLike, bins: ArrayLike) -> Array:
    """The bin in which the first photon of a period arrives; periods without a photon are dropped.

    Arrivals are a Poisson process of ``mean_photons`` detections per period, so the first of equal ``bins`` is the
    likeliest: (1 - exp(-m/n)) / (1 - exp(-m)). Nie et al., Appl. Phys. Lett. 104, 051110 (2014).
    """
    mean = np.asarray(mean_photons, np.float64)
    return np.asarray(-np.log2(np.expm1(-mean / np.asarray(bins, np.float64)) / np.expm1(-mean)), np.float64)


def vacuum_fluctuations(adc_bits: int, half_range: ArrayLike, quantum_to_classical_db: ArrayLike) -> Array:
    """Homodyne detection of the vacuum, digitised; the adversary knows the classical noise, at its worst.

    Worst-case conditional min-entropy of Haw et al., Phys. Rev. Applied 3, 054004 (2015): the larger of the mass of
    the outer bin, with the classical noise at ``CLASSICAL_EXCURSION`` standard deviations, and of the middle bin.

    Args:
        adc_bits: of the converter, which has 2^bits bins.
        half_range: R, of the converter's range [-R, R), in standard deviations of the quantum noise.
        quantum_to_classical_db: ratio of the variances of quantum and classical noise (QCNR); infinity for none.
    """
    from scipy.special import erf  # noqa: PLC0415 - slow to import, and few sites need it

    half = np.asarray(half_range, np.float64)
    width = half / 2.0 ** (adc_bits - 1)
    excursion = CLASSICAL_EXCURSION * 10.0 ** (-np.asarray(quantum_to_classical_db, np.float64) / 20.0)
    outer = 0.5 * (erf((excursion - half + 1.5 * width) / np.sqrt(2.0)) + 1.0)
    return np.asarray(-np.log2(np.maximum(outer, erf(width / (2.0 * np.sqrt(2.0))))), np.float64)


def best_half_range(adc_bits: int, quantum_to_classical_db: float) -> float:
    """The half range of the converter at which most can be extracted: outer and middle bin weigh the same."""
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to import, and few sites need it
    from scipy.special import erf  # noqa: PLC0415

    excursion = CLASSICAL_EXCURSION * 10.0 ** (-quantum_to_classical_db / 20.0)

    def excess(half: float) -> float:
        width = half / 2.0 ** (adc_bits - 1)
        outer = 0.5 * (erf((excursion - half + 1.5 * width) / np.sqrt(2.0)) + 1.0)
        return float(outer - erf(width / (2.0 * np.sqrt(2.0))))

    return float(brentq(excess, 1e-3, excursion + 20.0))
