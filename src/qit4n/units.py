"""Units. Quantities carry theirs in the name (``loss_db``, ``rate_bps``, ``length_km``); here are the conversions."""

import math


def transmittance(loss_db: float) -> float:
    """Power transmittance (0..1) of a loss in dB."""
    return float(10.0 ** (-loss_db / 10.0))


def loss_db(transmittance_: float) -> float:
    """Loss in dB of a power transmittance (0..1]."""
    return -10.0 * math.log10(transmittance_)


def bits_text(bits: float) -> str:
    """An amount of key for people: ``'1.2 Mbit'``."""
    return f"{_scaled(bits)}bit"


def rate_text(rate_bps: float) -> str:
    """A key rate for people: ``'3.1 kbit/s'``."""
    return f"{_scaled(rate_bps)}bit/s"


def span_text(seconds: float) -> str:
    """A span of time for people: ``'45 s'``, ``'12 min'``, ``'2 h 10 min'``."""
    if seconds < 90:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    parts = [f"{hours} h"] if hours else []
    return " ".join([*parts, f"{minutes} min"] if minutes else parts)


def _scaled(value: float) -> str:
    for limit, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {prefix}"
    return f"{value:.3g} "
