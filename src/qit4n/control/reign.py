"""Which of several controllers rules.

Each table carries the epoch of its controller and a version; a site follows none that is older than what it follows
already, so two controllers with different views cannot make it go back and forth. A site reports whom it follows: a
controller that hears of a later epoch stands by while that one goes on, and when it does no more takes the next epoch.
"""

from dataclasses import dataclass

NUMBERS = 256  # controllers that take over at once differ in their number


@dataclass
class Reign:
    """One controller's place among others.

    Args:
        epoch: later starts have higher ones; the lowest eight bits are the controller's number.
        patience_s: how long it waits for a sign of another one that ruled.
    """

    epoch: int
    patience_s: float
    other: tuple[int, int] = (-1, -1)
    heard_at: float = 0.0

    def hear(self, follows: tuple[int, int], now: float) -> None:
        """A site follows this epoch and version."""
        if follows[0] > self.epoch and follows > self.other:
            self.other, self.heard_at = follows, now

    def rules(self, now: float) -> bool:
        """Whether to send tables."""
        if self.other[0] <= self.epoch:
            return True
        if now - self.heard_at <= self.patience_s:
            return False
        self.epoch = (self.other[0] // NUMBERS + 1) * NUMBERS + self.epoch % NUMBERS
        return True
