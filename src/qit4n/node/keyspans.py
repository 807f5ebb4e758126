"""Spans of a key's way: from the master's request over Kx to the slave's site, and to the slave's request.

All sites make the same trace of a batch without a word to each other: the ids of trace and spans are hashes of the
batch, from which nobody finds the ids of keys. Spans carry sites, SAE IDs, numbers and sizes: no key, no key id.

    ak.get_keys (master's site) -> kx.notify_supply (master's site) -> kx.hold_supply (slave's site)
                                -> ak.get_keys_by_id (slave's site)
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Protocol

from qit4n.adapters.telemetry import Span, SpanExport
from qit4n.refpoints import Message, ak, kx

Tell = Callable[[ak.Reply], None]
MOST_OPEN = 10_000
TRACE_BYTES, SPAN_BYTES = 16, 8


class Export(Protocol):
    """Takes spans that have ended."""

    def ended(self, span: Span) -> None:
        """Take one."""
        ...


def spans_of(otlp: str, site: str, network: str, now: Callable[[], float]) -> "tuple[KeySpans, SpanExport]":
    """The spans of a site and where they go."""
    export = SpanExport(otlp, "site", site, network)
    return KeySpans(site, export, now), export


class KeySpans:
    """Makes the spans of one site."""

    def __init__(self, site: str, export: Export, now: Callable[[], float]) -> None:
        """Nothing is under way."""
        self._site, self._export, self._now = site, export, now
        self._notified: dict[tuple[bytes, str], float] = {}
        self._holding: dict[tuple[bytes, str], float] = {}

    def around(self, request: ak.Request, tell: Tell) -> Tell:
        """A function that tells the reply and ends the span of a request for keys."""
        if not isinstance(request, ak.GetKeys | ak.GetKeysByID):
            return tell
        begin = self._now()

        def told(reply: ak.Reply) -> None:
            tell(reply)
            self._answered(request, reply, begin)

        return told

    def sent(self, peer: str, message: Message) -> None:
        """A message leaves for another site, durably."""
        if isinstance(message, kx.NotifySupply):
            _open(self._notified, (message.batch, peer), self._now())
        elif isinstance(message, kx.SupplyHeld | kx.SupplyRefused):
            begin = self._holding.pop((message.batch, peer), None)
            if begin is not None:
                parent = _id("notify", message.batch, self._site.encode())
                self._ended("hold", message, peer, begin, parent)

    def received(self, peer: str, message: object) -> None:
        """A message of another site is about to be taken."""
        if isinstance(message, kx.NotifySupply):
            _open(self._holding, (message.batch, peer), self._now())
        elif isinstance(message, kx.SupplyHeld | kx.SupplyRefused):
            begin = self._notified.pop((message.batch, peer), None)
            if begin is not None:
                self._ended("notify", message, peer, begin, _id("get", message.batch))

    def _answered(self, request: ak.GetKeys | ak.GetKeysByID, reply: ak.Reply, begin: float) -> None:
        refused = reply.reason if isinstance(reply, ak.Refused) else ""
        attributes: dict[str, str | int] = {"qit.site": self._site, "qit.master": request.master}
        if isinstance(request, ak.GetKeysByID):
            name, batch = "ak.get_keys_by_id", request.key_ids[0][: ak.BATCH_BYTES] if request.key_ids else b""
            attributes |= {"qit.slave": request.slave, "qit.keys": len(request.key_ids)}
            span, parent = _id("fetch", batch, request.slave.encode()), _id("get", batch)
        else:
            name, batch = "ak.get_keys", b""
            if isinstance(reply, ak.SuppliedKeys) and reply.batches:
                batch = reply.batches[0].ids[: ak.BATCH_BYTES]
                attributes["qit.key_bits"] = 8 * reply.batches[0].size
            attributes |= {"qit.slaves": ",".join(request.slaves), "qit.keys": request.number}
            batch = batch or repr((begin, request.master, self._site)).encode()  # refused: a trace of its own
            span, parent = _id("get", batch), b""
        self._export.ended(
            Span(
                name=name,
                kind="server",
                trace=_id("trace", batch, size=TRACE_BYTES),
                span=span,
                parent=parent,
                begin=begin,
                end=self._now(),
                attributes=attributes,
                error=refused,
            )
        )

    def _ended(
        self, what: str, message: kx.SupplyHeld | kx.SupplyRefused, peer: str, begin: float, parent: bytes
    ) -> None:
        """A span of Kx: at the site that told (``notify``) or that ``hold``s; its id has the site that holds."""
        at = self._site if what == "hold" else peer
        self._export.ended(
            Span(
                name=f"kx.{what}_supply",
                kind="server" if what == "hold" else "client",
                trace=_id("trace", message.batch, size=TRACE_BYTES),
                span=_id(what, message.batch, at.encode()),
                parent=parent,
                begin=begin,
                end=self._now(),
                attributes={"qit.site": self._site, "qit.peer": peer},
                error="refused" if isinstance(message, kx.SupplyRefused) else "",
            )
        )


def _open(begun: dict[tuple[bytes, str], float], key: tuple[bytes, str], now: float) -> None:
    """Note a beginning; the oldest goes where too many have no end."""
    if len(begun) >= MOST_OPEN:
        del begun[next(iter(begun))]
    begun[key] = now


def _id(what: str, batch: bytes, at: bytes = b"", size: int = SPAN_BYTES) -> bytes:
    """An id that every site makes of a batch alike."""
    return sha256(b"qit4n " + what.encode() + b"\0" + batch + b"\0" + at).digest()[:size]
