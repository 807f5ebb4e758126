"""Mc: manager (or an operator's tool) to QKDN controller (ITU-T Y.3802): the state of the whole network."""

from qit4n.refpoints import Message
from qit4n.refpoints.ck import StreamReport
from qit4n.refpoints.kq1 import LinkAccount


class AskStatus(Message, frozen=True, kw_only=True):
    """Tell the state of the network."""


class AskAccount(Message, frozen=True, kw_only=True):
    """Tell the security account of a link."""

    link: str


class AccountStatus(Message, frozen=True, kw_only=True):
    """Answer to :class:`AskAccount`: what the transmitter's end has counted, None while it was never heard of."""

    link: str
    ends: tuple[str, str]
    account: LinkAccount | None


class Alarm(Message, frozen=True, kw_only=True):
    """Something an operator must know. ``element`` is the id of the link or site; ``advice`` says what to do."""

    element: str
    kind: str
    text: str
    advice: str
    since: float


class LinkStatus(Message, frozen=True, kw_only=True):
    """A link: stock in bits (both directions), rate per emulated second, QBER 0..1, blocks, state.

    Behind a link with a ``device`` nothing is predicted, no QBER is known, and the rate is by the clock.
    """

    link: str
    ends: tuple[str, str]
    state: str
    stock_bits: int
    secret_rate_bps: float
    predicted_rate_bps: float | None
    qber: float | None
    predicted_qber: float | None
    blocks: int
    failed_blocks: int
    emulation_speed: float | None
    detail: str = ""
    device: str = ""


class PoolStatus(Message, frozen=True, kw_only=True):
    """An end-to-end pool, its trust policy in a few words, and its present paths."""

    source: str
    destination: str
    trust: str
    ready_bits: int
    target_bits: int
    paths: tuple[tuple[str, ...], ...]
    supplied_bits: int
    last_refusal: str = ""


class SiteStatus(Message, frozen=True, kw_only=True):
    """A site process; ``up`` is False when it has not reported for some seconds.

    ``replica`` is the number of the one that serves, 0 if there are no others; ``standbys`` is how many stand by.
    """

    site: str
    up: bool
    pid: int
    uptime_s: float
    memory_bytes: int
    unclaimed_keys: int
    fault: str = ""
    replica: int = 0
    standbys: int = 0


class NetworkStatus(Message, frozen=True, kw_only=True):
    """Answer to :class:`AskStatus`."""

    network: str
    at: float
    sites: tuple[SiteStatus, ...]
    links: tuple[LinkStatus, ...]
    pools: tuple[PoolStatus, ...]
    alarms: tuple[Alarm, ...]
    streams: tuple[StreamReport, ...] = ()


McQuestion = AskStatus | AskAccount
McAnswer = NetworkStatus | AccountStatus
