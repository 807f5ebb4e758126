"""The budget of a link, line by line: what is lost where, and by which formula."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Item:
    """One line of a budget: a loss in dB, and whose formula or figure it is."""

    name: str
    loss_db: float
    source: str


def total_db(items: Iterable[Item]) -> float:
    """Losses in a row add up in dB."""
    return float(sum(item.loss_db for item in items))
