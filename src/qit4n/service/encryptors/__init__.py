"""Drivers of encryptors: each puts keys from the own KME into one kind of tunnel, without losing what is under way."""

from typing import Protocol


class Encryptor(Protocol):
    """One end of a tunnel, as the agent drives it; numbers are those of ``service/keyidcarrier.py``.

    Each method may raise :class:`~qit4n.errors.RotationError`: then the tunnel goes on with the key that it uses.
    """

    async def start(self) -> int:
        """Look at what is there; a number of the parity of what carries traffic now."""
        ...

    async def install(self, number: int, key_id: str, key: bytes) -> None:
        """Be able to receive under a key, beside the one in use."""
        ...

    async def use(self, number: int, *, first: bool) -> None:
        """Prove that traffic under the key is possible, then send under it; ``first`` is the end that does so first."""
        ...

    async def drop(self, number: int) -> None:
        """Forget a key that was installed and not used."""
        ...
