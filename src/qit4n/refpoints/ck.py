"""Ck: QKDN controller to key manager (ITU-T Y.3802, Q.4164): what there is, and over which path to relay."""

from qit4n.network.model import Trust
from qit4n.refpoints import Message
from qit4n.refpoints.cqrp import SwitchSchedule
from qit4n.refpoints.kq1 import LinkAccount
from qit4n.refpoints.kq2 import ModuleState


class LinkReport(Message, frozen=True, kw_only=True):
    """Stock of one link at one site, in bits; ``sendable_bits`` is what this site may encrypt with."""

    link: str
    peer: str
    sendable_bits: int
    receivable_bits: int
    module: ModuleState
    account: LinkAccount


class PoolReport(Message, frozen=True, kw_only=True):
    """An end-to-end pool of which the reporting site is the source; bits ready at both ends."""

    peer: str
    trust: Trust
    ready_bits: int
    target_bits: int
    relayed_bits: int
    supplied_bits: int
    last_refusal: str = ""
    compared_shares: int = 0
    altered_shares: int = 0


class StreamReport(Message, frozen=True, kw_only=True):
    """A key stream that the reporting site leads: whose ends are ``open``, and how many chunks have been cut."""

    stream: str
    applications: tuple[str, str]
    open: tuple[str, ...]
    chunk_bytes: int
    chunks: int


class SupplyReport(Message, frozen=True, kw_only=True):
    """What a site counted at Ak since it began, of one master and one slave, one of whom is there.

    ``keys_lost`` were asked for and not supplied for want of key or of the other site. Bin n of ``delays`` holds the
    requests answered within 0.1 ms times 2 to the n, from the complete request to the complete answer.
    """

    site: str
    master: str
    slave: str
    requests: int
    keys_requested: int
    keys_supplied: int
    bits_supplied: int
    keys_lost: int
    keys_fetched: int
    delay_sum_s: float
    delay_min_s: float | None
    delays: tuple[int, ...]


class NeighbourReport(Message, frozen=True, kw_only=True):
    """Another network with which the reporting site hands keys over; counts of keys since the site has started.

    ``refused`` counts those that one side did not take, ``voided`` those that were taken back; ``detail`` says why it
    is not ``up``.
    """

    network: str
    up: bool
    mode: str
    applications: tuple[str, ...]
    handed_keys: int
    taken_keys: int
    refused_keys: int
    voided_keys: int
    detail: str = ""


class EntropyReport(Message, frozen=True, kw_only=True):
    """The quantum random number generator of a site; ``min_entropy`` in bits per raw sample, as claimed.

    ``state`` is starting, open or closed; ``epsilon`` the sum over all extracted blocks.
    """

    source: str
    emulated: bool
    state: str
    detail: str
    sample_bits: int
    min_entropy: float
    raw_bits: int
    extracted_bits: int
    used_bits: int
    epsilon: float
    failures: int


class SiteReport(Message, frozen=True, kw_only=True):
    """What a site tells the controller every second.

    ``follows`` is epoch and version of its table, ``file`` the digest of its network file.
    """

    site: str
    pid: int
    started_at: float
    memory_bytes: int
    links: tuple[LinkReport, ...]
    pools: tuple[PoolReport, ...]
    streams: tuple[StreamReport, ...] = ()
    neighbours: tuple[NeighbourReport, ...] = ()
    unclaimed_keys: int = 0
    relayed_bits_for_others: int = 0
    fault: str = ""
    replica: int = 0
    standbys: int = 0
    follows: tuple[int, int] = (0, 0)
    cut_links: tuple[str, ...] = ()
    supply: tuple[SupplyReport, ...] = ()
    entropy: EntropyReport | None = None
    file: str = ""


class PoolOrder(Message, frozen=True, kw_only=True):
    """Keep ``target_bits`` ready between this site and ``peer`` under a trust policy; one share over each of ``paths``.

    Without paths ``reason`` says what is missing. ``most_bits`` is what the links of the paths can give at once,
    ``rate_bps`` the pool's part of their key per second (None: no limit). A path that fails is replaced by one of
    ``backups`` without asking.
    """

    peer: str
    paths: tuple[tuple[str, ...], ...]
    target_bits: int
    trust: Trust = Trust()
    reason: str = ""
    most_bits: int = 1 << 20
    rate_bps: float | None = None
    backups: tuple[tuple[str, ...], ...] = ()


class RelayTable(Message, frozen=True, kw_only=True):
    """All orders of one site. A site goes on with its last table while the controller is away.

    It follows no table of an earlier ``epoch``, or of an earlier ``version`` in the same, than the last one.
    """

    version: int
    pools: tuple[PoolOrder, ...]
    switches: tuple[SwitchSchedule, ...] = ()
    epoch: int = 0


class CutLinks(Message, frozen=True, kw_only=True):
    """The links whose emulated fibre is cut: nothing crosses their two channels. All others are whole."""

    links: tuple[str, ...]


Order = RelayTable | CutLinks
CkMessage = SiteReport | Order
