"""A key that an application shares with others."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SharedKey:
    """A key and its id. ``repr`` hides the value."""

    key_id: str
    value: bytes

    def __repr__(self) -> str:
        """Id and length."""
        return f"SharedKey({self.key_id}, <{len(self.value)} bytes>)"
