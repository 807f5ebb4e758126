"""Ck: QKDN controller to key manager (ITU-T Y.3802, Q.4164): what there is, and over which path to relay."""

from qit4n.network.model import Trust
from qit4n.refpoints import Message
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


class StreamReport(Message, frozen=True, kw_only=True):
    """A key stream that the reporting site leads: whose ends are ``open``, and how many chunks have been cut."""

    stream: str
    applications: tuple[str, str]
    open: tuple[str, ...]
    chunk_bytes: int
    chunks: int


class SiteReport(Message, frozen=True, kw_only=True):
    """What a site tells the controller every second."""

    site: str
    pid: int
    started_at: float
    memory_bytes: int
    links: tuple[LinkReport, ...]
    pools: tuple[PoolReport, ...]
    streams: tuple[StreamReport, ...] = ()
    unclaimed_keys: int = 0
    relayed_bits_for_others: int = 0
    fault: str = ""
    replica: int = 0
    standbys: int = 0


class PoolOrder(Message, frozen=True, kw_only=True):
    """Keep ``target_bits`` ready between this site and ``peer`` under a trust policy; one share over each of ``paths``.

    Without paths ``reason`` says what is missing. ``most_bits`` is what the links of the paths can give at once.
    """

    peer: str
    paths: tuple[tuple[str, ...], ...]
    target_bits: int
    trust: Trust = Trust()
    reason: str = ""
    most_bits: int = 1 << 20


class RelayTable(Message, frozen=True, kw_only=True):
    """All orders of one site. A site goes on with its last table while the controller is away."""

    version: int
    pools: tuple[PoolOrder, ...]


CkMessage = SiteReport | RelayTable
