"""What happened in a run, for people: time, site, event, identifiers and amounts; never key material."""

import hashlib
from collections import Counter
from typing import Any

import msgspec

from qit4n.simulation.seam import IDENTIFIERS

SHORT = 8


class Trace:
    """A list of events, and how often each happened; the sentences are made only if somebody reads them."""

    def __init__(self) -> None:
        """Nothing has happened."""
        self.events: list[tuple[float, str, str, tuple[Any, ...]]] = []
        self.counts: Counter[str] = Counter()

    def add(self, now: float, site: str, event: str, *details: Any) -> None:
        """Note an event at a site; ``details`` are texts, numbers or messages."""
        self.events.append((now, site, event, details))
        self.counts[event] += 1

    def text(self, last: int = 0) -> str:
        """The last events (0: all), one a line."""
        return "\n".join(
            f"{now:9.3f}  {site:<8} {event:<22} {' '.join(described(detail) for detail in details)}".rstrip()
            for now, site, event, details in self.events[-last:]
        )

    def digest(self) -> str:
        """A fingerprint of the whole text."""
        return hashlib.sha256(self.text().encode()).hexdigest()


def described(value: Any, name: str = "") -> str:
    """A value for people: messages by their fields, bytes by their number, long identifiers by their beginning."""
    if isinstance(value, msgspec.Struct):
        fields = (f"{field}={described(getattr(value, field), field)}" for field in value.__struct_fields__)
        return f"{type(value).__name__}({', '.join(fields)})"
    if isinstance(value, bytes):
        return value.hex()[:SHORT] if name in IDENTIFIERS else f"<{len(value)} bytes>"
    if isinstance(value, dict):
        return f"{{{' '.join(f'{key}: {described(item)}' for key, item in value.items())}}}"
    if isinstance(value, tuple):
        return f"[{' '.join(described(item, name) for item in value)}]"
    text = str(value)
    return text[:SHORT] if len(text) == 36 and text.count("-") == 4 else text  # noqa: PLR2004 - a UUID
