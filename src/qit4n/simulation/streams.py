"""Applications with key streams (ETSI GS QKD 004), and what these promise: equal by index, each chunk once to each end.

A Key_stream_ID is never used again here, so that an index of a stream is one chunk for good.
"""

from collections.abc import Callable
from functools import partial

from qit4n.errors import InvariantViolatedError
from qit4n.refpoints import ak
from qit4n.refpoints.ak import StreamStatus
from qit4n.simulation.part import Part
from qit4n.simulation.topology import own_pairs

MOST_OPEN = 4
RECOVERY_LIMIT_S = 90.0
Told = Callable[[ak.Reply | None], None]
Pair = tuple[str, str]


class KeyStreams(Part):
    """Pairs of applications open streams, get chunks at both ends in any order, and close them or not."""

    def setup(self) -> None:
        """Who may share keys with whom, from the demands."""
        self.interval_s = 0.5
        self._pairs = own_pairs(self.run.world.network)
        self._streams: dict[bytes, Pair] = {}
        self._got: dict[tuple[bytes, int], dict[str, bytes]] = {}
        self.number = 0
        super().setup()

    def step(self) -> None:
        """Open a stream, get a chunk at one end or at both, or close an end."""
        if not self._streams or (len(self._streams) < MOST_OPEN and self.dice.random() < 0.2):  # noqa: PLR2004
            self._open(self.dice.choice(self._pairs))
            return
        stream = self.dice.choice(tuple(self._streams))
        ends = self.dice.sample(self._streams[stream], self.dice.choice((1, 2)))
        if self.dice.random() < 0.08:  # noqa: PLR2004
            self._ask(ak.CloseStream(application=ends[0], stream=stream), lambda _: None)
            del self._streams[stream]
            return
        index = self.dice.choice((None, self.dice.randrange(12)))
        for end in ends:
            self.get(end, stream, index)

    def _ask(self, request: ak.StreamRequest, told: Told) -> None:
        self.run.world.sites[self.run.deliveries.site(request.application)].request(request, told)

    def _open(self, pair: Pair, opened: Callable[[bytes], None] | None = None) -> None:
        one, other = self.dice.sample(pair, 2)
        qos = ak.StreamQoS(timeout=2000, ttl=self.dice.choice((3, 60)))

        def told(reply: ak.Reply | None) -> None:
            if not isinstance(reply, ak.OpenedStream) or reply.status is not StreamStatus.PEER_NOT_CONNECTED:
                return
            stream = reply.stream
            self._streams[stream] = pair
            self._ask(ak.OpenStream(application=other, peer=one, stream=stream), lambda _: opened and opened(stream))

        self._ask(ak.OpenStream(application=one, peer=other, qos=qos), told)

    def get(self, end: str, stream: bytes, index: int | None) -> None:
        """Have an application get a chunk."""

        def told(reply: ak.Reply | None) -> None:
            if isinstance(reply, ak.SuppliedChunk) and reply.status is StreamStatus.SUCCESS:
                self._check(end, stream, reply)

        self._ask(ak.GetChunk(application=end, stream=stream, index=index), told)

    def _check(self, end: str, stream: bytes, reply: ak.SuppliedChunk) -> None:
        self.number += 1
        known = self._got.setdefault((stream, reply.index), {})
        where = f"chunk {reply.index} of stream {stream.hex()}"
        if end in known:
            raise InvariantViolatedError("a chunk of a stream is given once to each end", f"{end} got {where} twice")
        known[end] = reply.chunk
        if len(set(known.values())) > 1 and not self.run.ledger.chunk_through_a_liar(stream, reply.index):
            raise InvariantViolatedError("a stream is equal by index at both ends", f"{where} differs")

    def recovered(self) -> None:
        """Every pair can open a stream and get its first chunk at both ends, when the faults have stopped."""
        world, begun = self.run.world, self.run.world.now
        self._streams.clear()
        while len(done := self._served()) < len(self._pairs):
            for pair in self._pairs:
                if pair not in done:
                    self._open(pair, partial(self._get_first, pair))
            world.run(3.0)
            if world.now - begun > RECOVERY_LIMIT_S:
                missing = next(pair for pair in self._pairs if pair not in done)
                raise InvariantViolatedError("supply works again after faults", f"{missing} get no chunk of a stream")

    def _get_first(self, pair: Pair, stream: bytes) -> None:
        for end in pair:
            self.get(end, stream, 0)

    def _served(self) -> set[Pair]:
        both = [stream for (stream, index), known in self._got.items() if index == 0 and len(known) > 1]
        return {self._streams[stream] for stream in both if stream in self._streams}
