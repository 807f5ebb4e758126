"""What the two ends of a link with a device say to each other: which of its keys make a block, never the keys.

Who altered an id on the way would make the two blocks differ, and a pair of blocks that differ is voided by the
key managers (digests, at Kx).
"""

from qit4n.refpoints import Message

Batches = tuple[tuple[str, ...], ...]


class FetchBlock(Message, frozen=True, kw_only=True):
    """First end: fetch these keys, request by request, in this order; they took ``duration_s`` to come."""

    block: int
    batches: Batches
    duration_s: float


class BlockHeld(Message, frozen=True, kw_only=True):
    """Second end: the block is durable here."""

    block: int


class BlockLost(Message, frozen=True, kw_only=True):
    """Second end: the block is not to be had here, and why; both ends forget it."""

    block: int
    state: str
    reason: str
    detail: str


class Condition(Message, frozen=True, kw_only=True):
    """First end: the state of its module has changed (``refpoints/kq2.py``)."""

    state: str
    reason: str = ""
    detail: str = ""


DeviceMessage = FetchBlock | BlockHeld | BlockLost | Condition
