"""One published figure beside our model."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One published figure and our model of it. ``factor`` is how far apart they may be."""

    name: str
    what: str
    published: float
    unit: str
    factor: float
    model: Callable[[], float]
    inputs: str
    reference: str
    comment: str = ""

    def inside(self, found: float) -> bool:
        """Whether the model is within the factor of what was published."""
        return self.published / self.factor <= found <= self.published * self.factor
