"""Cqrp: QKDN controller to quantum relay point (ITU-T Y.3802): when an optical switch leads where."""

from qit4n.network.switching import Slot
from qit4n.refpoints import Message


class SwitchSchedule(Message, frozen=True, kw_only=True):
    """The slots of a switch from the round on that begins at ``from_at`` or after; both ends of each link get it."""

    switch: str
    from_at: float
    slots: tuple[Slot, ...]
