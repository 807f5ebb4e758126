"""Four-wave mixing of classical channels that falls into a quantum channel, and leakage through its filters.

Eraerds et al., New J. Phys. 12, 063027 (2010), section 3.3 (after Hill et al., J. Appl. Phys. 49, 5098 (1978)).
"""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np

from qit4n.physics.channels.raman import frequency_thz
from qit4n.physics.channels.sky import LIGHT_M_S, PLANCK_J_S

NONLINEARITY_PER_W_KM = 1.3
DISPERSION_PS_NM_KM = 17.0
SLOPE_PS_NM2_KM = 0.056
ZERO_DISPERSION_NM = 1310.0


def dispersion_ps_nm_km(wavelength_nm: float) -> float:
    """Of standard fibre: 17 at 1550 nm, with the slope 0.092 at its zero near 1310 nm (ITU-T G.652)."""
    ratio = (ZERO_DISPERSION_NM / wavelength_nm) ** 4
    return float(0.092 / 4.0 * wavelength_nm * (1.0 - ratio))


def mixing_photons_per_s(
    channels: Sequence[tuple[float, float]],
    signal_nm: float,
    *,
    length_km: float,
    db_per_km: float,
    filter_thz: float,
) -> float:
    """Photons per second at the receiver from all products ``f_i + f_j - f_k`` that fall into the filter.

    ``P = eta (D gamma)^2 P_i P_j P_k e^(-a L) [(1 - e^(-a L))/(3 a)]^2``, D = 3 if i = j, else 6, and ``eta`` the
    mismatch of phases. Only channels that run with the quantum signal mix into it.

    Args:
        channels: (wavelength in nm, launched power in dBm) of each co-propagating channel.
        signal_nm: the quantum channel.
        length_km: of the common fibre.
        db_per_km: its attenuation, for all of them.
        filter_thz: full width of the receiver's filter.
    """
    if len(channels) < 2:
        return 0.0
    frequencies = np.array([float(frequency_thz(wavelength)) for wavelength, _ in channels])
    powers = np.array([1e-3 * 10.0 ** (dbm / 10.0) for _, dbm in channels])
    signal, alpha = float(frequency_thz(signal_nm)), db_per_km * np.log(10.0) / 10.0
    total = 0.0
    for i, j in combinations_with_replacement(range(len(channels)), 2):
        product = frequencies[i] + frequencies[j] - frequencies
        hits = np.flatnonzero(np.abs(product - signal) < filter_thz / 2.0)
        for k in (k for k in hits if k not in {i, j}):
            degeneracy = 3.0 if i == j else 6.0
            gaps = (frequencies[i] - frequencies[k]) * (frequencies[j] - frequencies[k])
            mismatch = _mismatch(float(gaps), signal_nm)
            total += degeneracy**2 * powers[i] * powers[j] * powers[k] * _efficiency(mismatch, alpha, length_km)
    amplitude = NONLINEARITY_PER_W_KM * -np.expm1(-alpha * length_km) / (3.0 * alpha)
    power = amplitude**2 * np.exp(-alpha * length_km) * total
    return float(power / (PLANCK_J_S * signal * 1e12))


def _mismatch(gaps_thz2: float, wavelength_nm: float) -> float:
    """Mismatch of the propagation constants in rad/km: ``2 pi lambda^2/c |f_i - f_k| |f_j - f_k| D``."""
    dispersion = dispersion_ps_nm_km(wavelength_nm) * 1e-6  # s/m2
    return float(2.0 * np.pi * (wavelength_nm * 1e-9) ** 2 / LIGHT_M_S * abs(gaps_thz2) * 1e24 * dispersion * 1e3)


def _efficiency(mismatch: float, alpha: float, length_km: float) -> float:
    kept = np.exp(-alpha * length_km)
    ripple = 4.0 * kept * np.sin(mismatch * length_km / 2.0) ** 2 / (1.0 - kept) ** 2
    return float(alpha**2 / (alpha**2 + mismatch**2) * (1.0 + ripple))


def leakage_photons_per_s(received_dbm: float, isolation_db: float, wavelength_nm: float) -> float:
    """Photons per second of a classical channel that its filters let through to the quantum receiver."""
    power = 1e-3 * 10.0 ** ((received_dbm - isolation_db) / 10.0)
    return float(power / (PLANCK_J_S * float(frequency_thz(wavelength_nm)) * 1e12))
