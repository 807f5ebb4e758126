"""A module behind an optical switch: how much of each round it has light."""

from collections import deque

ROUNDS = 20


class LitShare:
    """Measures which share of whole rounds had light, from the light itself."""

    def __init__(self, period_s: float) -> None:
        """Nothing seen yet."""
        self._period_s = period_s
        self._rounds: deque[tuple[int, float]] = deque(maxlen=ROUNDS + 1)

    def lit(self, at: float, seconds: float) -> None:
        """Light from ``at`` on."""
        number = int((at + seconds / 2) // self._period_s)
        if self._rounds and self._rounds[-1][0] == number:
            self._rounds[-1] = (number, self._rounds[-1][1] + seconds)
        else:
            self._rounds.append((number, seconds))

    @property
    def share(self) -> float | None:
        """Of the last whole rounds in which light was seen; None before the first one ended.

        The first round and the one under way are cut short, so they do not count.
        """
        whole = list(self._rounds)[1:-1]
        return sum(seconds for _, seconds in whole) / (self._period_s * len(whole)) if whole else None
