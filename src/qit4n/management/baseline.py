"""What a quantity is while all is well, learned while it is watched.

Values y have a variance of s^2/w with known weights w (counted bits) and unknown mean and s. Each is compared with all
before it; the result is N(0, 1) and independent of the others, so that a chart keeps its run length however few values
were seen (self-starting CUSUM: D. M. Hawkins, The Statistician 36, 1987, p. 299; recursive residuals with weights:
R. L. Brown, J. Durbin and J. M. Evans, J. R. Statist. Soc. B 37, 1975, p. 149).
"""

import math
from dataclasses import dataclass

UNUSUAL = 4.0  # values so far off are watched but not learned: one of them would hide the next


@dataclass
class Baseline:
    """Mean and spread of what was learned; ``least_s`` is what counting alone makes of the spread."""

    least_s: float
    values: int = 0
    weight: float = 0.0
    mean: float = 0.0
    squares: float = 0.0

    @property
    def s(self) -> float:
        """Standard deviation of a value of weight 1."""
        spread = math.sqrt(self.squares / (self.values - 1)) if self.values > 1 else 0.0
        return max(spread, self.least_s)

    def deviation(self, weight: float) -> float:
        """Standard deviation of the difference between a value of this weight and the mean."""
        return self.s * math.sqrt(1.0 / weight + 1.0 / self.weight)

    def score(self, y: float, weight: float) -> float:
        """How far a new value is off, as a value of N(0, 1) while all is well; 0 before the third value."""
        if self.values <= 1:
            return 0.0
        return normal_score((y - self.mean) / self.deviation(weight), self.values - 1)

    def learn(self, y: float, weight: float) -> None:
        """Count a value among those that are well."""
        self.values += 1
        self.weight += weight
        off = y - self.mean
        self.mean += off * weight / self.weight
        self.squares += weight * off * (y - self.mean)


def normal_score(t: float, freedom: int) -> float:
    """The value of N(0, 1) that is as rare as ``t`` is for Student's distribution.

    D. L. Wallace, Ann. Math. Statist. 30, 1959, p. 1121; within some hundredths from 5 degrees of freedom on.
    """
    factor = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return math.copysign(factor * math.sqrt(freedom * math.log1p(t * t / freedom)), t)
