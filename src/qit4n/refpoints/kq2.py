"""Kq-2 and Cq: what a QKD module tells about itself and how it is told to run or rest (ITU-T Y.3802)."""

from qit4n.refpoints import Message


class ModuleState(Message, frozen=True, kw_only=True):
    """A QKD module's view of its link, sent after each block and on each change.

    ``state`` is ``"starting"``, ``"running"``, ``"resting"`` (stock full), ``"no-key"`` (blocks fail; see
    ``reason``) or ``"down"`` (no contact with the other end, or with the device). ``secret_rate_bps`` is per emulated
    second, with a device per second, over the last blocks; ``qber`` is that of the last block (0..1).
    """

    link: str
    role: str
    state: str
    blocks: int = 0
    failed_blocks: int = 0
    secret_rate_bps: float = 0.0
    sifted_rate_bps: float = 0.0
    qber: float = 0.0
    reason: str = ""
    detail: str = ""
    emulation_speed: float = 0.0


class RunModule(Message, frozen=True, kw_only=True):
    """Produce key, or rest because the stock is full."""

    link: str
    run: bool
