"""Mc: manager (or an operator's tool) to QKDN controller (ITU-T Y.3802): the state of the whole network.

The controller tells what the sites report; what is wrong with it is the manager's to say (ITU-T Y.3804, fault
management). The manager asks for the state by :class:`ManagerReport`, which carries the alarms that stand, and the
controller shows them to operators.
"""

from typing import Literal

from qit4n.refpoints import Message
from qit4n.refpoints.ck import EntropyReport, NeighbourReport, StreamReport, SupplyReport
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


Severity = Literal["critical", "major", "minor", "warning"]
"""Perceived severity (ITU-T X.733 clause 8.1.2.3), without "cleared", which is a time here, and "indeterminate"."""


class Alarm(Message, frozen=True, kw_only=True):
    """Something an operator must know.

    Attributes:
        element: id of the link or site, or name of the pool or duct, that it is about.
        kind: entry of the catalogue, ``management/catalogue.py``.
        severity: perceived severity, ITU-T X.733.
        cause: probable cause, by the names of ITU-T X.733 where it has one.
        text: what is wrong.
        advice: what to do about it.
        since: when it began, in seconds since the Unix epoch.
        affects: what follows from it and is no alarm of its own, one sentence each.
        about: ids of links that have no alarm of their own because this one speaks for them.
        cleared_at: when it ended, None while it stands.
        restored_s: within which time after the loss every pool that had lost its paths had others; None before.
    """

    element: str
    kind: str
    severity: Severity
    cause: str
    text: str
    advice: str
    since: float
    affects: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    cleared_at: float | None = None
    restored_s: float | None = None


class Forecast(Message, frozen=True, kw_only=True):
    """A stock of key that is likely to run out: of a link (its id) or a pool (its name), by ``kind``.

    It falls by ``net_bps``, and is empty within ``empty_s`` as likely as not, within ``early_s`` in one case of ten,
    within ``late_s`` in nine; None is beyond the horizon of the manager.
    """

    kind: Literal["link", "pool"]
    element: str
    stock_bits: int
    net_bps: float
    early_s: float | None
    empty_s: float | None
    late_s: float | None


class ManagerReport(Message, frozen=True, kw_only=True):
    """The manager asks for the state, and tells its process, the alarms that stand, and stocks that run out."""

    pid: int
    started_at: float
    memory_bytes: int
    alarms: tuple[Alarm, ...]
    forecasts: tuple[Forecast, ...] = ()


class ManagerStatus(Message, frozen=True, kw_only=True):
    """The manager's process; while it is not ``up``, nobody knows the alarms."""

    up: bool
    pid: int = 0
    uptime_s: float = 0.0
    memory_bytes: int = 0


class LinkCounts(Message, frozen=True, kw_only=True):
    """Sums over the blocks of a link that made key, since its pools began; ``duration_s`` is of light."""

    blocks: int
    duration_s: float
    sifted_bits: int
    errors_key_basis: int
    test_bits: int
    errors_test_basis: int


class LinkStatus(Message, frozen=True, kw_only=True):
    """A link: stock in bits (both directions), rate per emulated second, QBER 0..1, blocks, state.

    Behind a link with a ``device`` nothing is predicted or counted, no QBER is known, and the rate is by the clock.
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
    reason: str = ""
    device: str = ""
    counted: LinkCounts | None = None


class PoolStatus(Message, frozen=True, kw_only=True):
    """An end-to-end pool, its trust policy in a few words, its present paths and what replaces one that fails.

    ``wanted_bps`` is what would keep it full, ``rate_bps`` what the controller allows it of the links. ``shared_ducts``
    are those that two or more of its paths run through: none that share none were found.
    """

    source: str
    destination: str
    trust: str
    ready_bits: int
    target_bits: int
    paths: tuple[tuple[str, ...], ...]
    supplied_bits: int
    last_refusal: str = ""
    compared_shares: int = 0
    altered_shares: int = 0
    priority: int = 0
    wanted_bps: float = 0.0
    rate_bps: float | None = None
    backups: tuple[tuple[str, ...], ...] = ()
    shared_ducts: tuple[str, ...] = ()


class SiteStatus(Message, frozen=True, kw_only=True):
    """A site process; ``up`` is False when it has not reported for some seconds.

    ``replica`` is the number of the one that serves, 0 if there are no others; ``standbys`` is how many stand by.
    ``entropy`` is None where random bytes are the operating system's alone, ``file`` the digest of its network file.
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
    entropy: EntropyReport | None = None
    file: str = ""


class NeighbourStatus(Message, frozen=True, kw_only=True):
    """Another network, as the ``site`` in the interworking node with it sees it."""

    site: str
    report: NeighbourReport


class SwitchStatus(Message, frozen=True, kw_only=True):
    """An optical switch: which share of the time the schedule gives each link, retuning and re-locking taken off."""

    switch: str
    site: str
    period_s: float
    lit_shares: dict[str, float]


class NetworkStatus(Message, frozen=True, kw_only=True):
    """Answer to :class:`AskStatus` and :class:`ManagerReport`; ``file`` is the digest of the controller's file."""

    network: str
    at: float
    sites: tuple[SiteStatus, ...]
    links: tuple[LinkStatus, ...]
    pools: tuple[PoolStatus, ...]
    alarms: tuple[Alarm, ...]
    manager: ManagerStatus = ManagerStatus(up=False)
    streams: tuple[StreamReport, ...] = ()
    supply: tuple[SupplyReport, ...] = ()
    neighbours: tuple[NeighbourStatus, ...] = ()
    switches: tuple[SwitchStatus, ...] = ()
    forecasts: tuple[Forecast, ...] = ()
    file: str = ""


class CutFibre(Message, frozen=True, kw_only=True):
    """Emulate a cut of the fibre of a link, or of all links in a duct, or heal it; without an element only tell."""

    element: str = ""
    cut: bool = True


class CutFibres(Message, frozen=True, kw_only=True):
    """Answer to :class:`CutFibre`: the links whose emulated fibre is cut."""

    links: tuple[str, ...]


class Reserve(Message, frozen=True, kw_only=True):
    """Reserve key for two applications, the first as master: a rate over a window, or an amount by a deadline.

    Times are seconds of the epoch; either ``rate_bps`` or ``amount_bits`` is given.
    """

    between: tuple[str, str]
    from_at: float
    until_at: float
    rate_bps: float = 0.0
    amount_bits: float = 0.0


class Segment(Message, frozen=True, kw_only=True):
    """A part of a reservation in which its key is made at one rate."""

    from_at: float
    until_at: float
    rate_bps: float


class Reservation(Message, frozen=True, kw_only=True):
    """A reservation that was admitted; an amount ends with a segment of rate 0 that lasts until the deadline."""

    id: str
    between: tuple[str, str]
    segments: tuple[Segment, ...]


class ReserveAnswer(Message, frozen=True, kw_only=True):
    """Answer to :class:`Reserve`: what was admitted, or what would be instead."""

    admitted: Reservation | None = None
    proposals: tuple[Reserve, ...] = ()


class AskReservations(Message, frozen=True, kw_only=True):
    """Tell all reservations."""


class CancelReservation(Message, frozen=True, kw_only=True):
    """Take a reservation back."""

    id: str


class Reservations(Message, frozen=True, kw_only=True):
    """Answer to :class:`AskReservations` and :class:`CancelReservation`: those that are left."""

    reservations: tuple[Reservation, ...]


class NotPossible(Message, frozen=True, kw_only=True):
    """A question or wish that makes no sense, and why."""

    text: str


McQuestion = AskStatus | AskAccount | ManagerReport | CutFibre | Reserve | AskReservations | CancelReservation
McAnswer = NetworkStatus | AccountStatus | CutFibres | ReserveAnswer | Reservations | NotPossible
