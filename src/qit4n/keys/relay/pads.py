"""Relay without decryption on the way: the XORs of pads are collected (ITU-T Y.3803).

For a path of hops 0..m with pads P0..Pm the source sends K XOR P0, each site between hops i-1 and i sends
P(i-1) XOR Pi, and the destination, which has Pm, takes the XOR of everything: K. Where the XORs come together:

- ``xor-at-destination``: at the destination.
- ``central``: at a central relay site that is not on the path; it forwards K XOR Pm. It learns nothing of K, since the
  m + 1 XORs have m + 2 independent uniform unknowns, and one more combination of them, K, stays uniform.

The key is never in clear at a site on the way. Such a site could compute it if it also had the XORs of the sites before
it: they cross the network on other connections.

What protects what: the order to cut pads goes along the path with a one-time tag from key of each link, as in the other
scheme, so nobody can make a site spend pads. The XORs travel on direct connections, whose sender the certificate of TLS
proves (computational); they need no secrecy. An altered XOR makes a wrong share, which its digest shows.
"""

from collections import Counter
from dataclasses import dataclass, field

from qit4n.errors import AuthenticationError, ProtocolError
from qit4n.keys.kma import KMA
from qit4n.keys.onetimepad import TAG_KEY_BYTES, authenticate, verify, xor
from qit4n.keys.relay.transit import RELAY_LIMIT_S, Arrived, Route, spans_of
from qit4n.keys.step import Send, Step
from qit4n.refpoints import kx

MOST_COLLECTIONS = 4096
MOST_OF_A_PEER = 1024
MOST_SHARE_BYTES = 1 << 17  # a share of the largest chunk and its salts, twice over


@dataclass
class Collection:
    """The XOR of what has come in for one share. ``hops`` are covered; ``pad`` when the last pad is in too."""

    since: float
    begun_by: str
    bits: bytes = b""
    hops: set[int] = field(default_factory=set)
    pad: bool = False

    def take(self, bits: bytes) -> None:
        """XOR ``bits`` in."""
        self.bits = xor(self.bits, bits) if self.bits else bits


class PadRelay:
    """The part of one site in both schemes: source, site on the way, centre, destination."""

    def __init__(self, kma: KMA) -> None:
        """Relay with the pads of ``kma``."""
        self._kma = kma
        self._collections: dict[Route, Collection] = {}
        self._begun = Counter[str]()
        self.forwarded_bytes = 0

    def send(self, route: Route, material: bytes) -> Step:
        """Hop 0.

        Raises:
            OutOfKeyError: no link to the next site holds enough key.
        """
        step, pad = self._order(route, len(material))
        step.actions.append(_hop_xor(route, 0, xor(material, pad)))
        return step

    def _order(self, route: Route, size: int) -> tuple[Step, bytes]:
        """Cut a pad for the next hop and order the following sites to do the same."""
        following = route.after(self._kma.site)
        stock = self._kma.link_to(following)
        cut, step = self._kma.pad(stock, size + TAG_KEY_BYTES)
        message = kx.RelayPads(
            chunk=route.chunk,
            share=route.share,
            path=route.path,
            centre=route.centre,
            link=stock.link,
            spans=spans_of(cut),
            tag=b"",
        )
        step.actions.append(Send(following, authenticate(message, cut.material[size:])))
        step.tell("relayed", route.chunk, size, stock.link, note=f"share {route.share}")
        return step, cut.material[:size]

    def hop(self, message: kx.RelayPads, key: bytes, now: float) -> tuple[Step, Arrived | None]:
        """The order has come with ``key``, a pad and a tag key: go on with it, or finish here.

        Raises:
            AuthenticationError: it is not what the owner of the key sent.
            OutOfKeyError: no link to the next site holds enough key.
            ProtocolError: the centre is on the path, or too much is collected here.
        """
        _check_centre(message)
        if len(key) <= TAG_KEY_BYTES:
            raise AuthenticationError(f"relay with {len(key)} bytes of pad and tag key")
        pad = key[:-TAG_KEY_BYTES]
        verify(message, key[-TAG_KEY_BYTES:])
        route = _route(message)
        peer = message.path[message.path.index(self._kma.site) - 1]
        if message.path[-1] == self._kma.site:
            return Step(), self._add(peer, route, (), pad, now)
        step, following = self._order(route, len(pad))
        number = message.path.index(self._kma.site)
        step.actions.append(_hop_xor(route, number, xor(pad, following)))
        self.forwarded_bytes += len(pad)
        return step, None

    def collect(self, peer: str, message: kx.PadXor, now: float) -> tuple[Step, Arrived | None]:
        """The XOR of a hop has come to where XORs are collected.

        Raises:
            ProtocolError: this is not the place, or ``peer`` not the one to send it.
        """
        _check_centre(message)
        route, path, last = _route(message), message.path, len(message.path) - 2
        place = message.centre or path[-1]
        if not 0 <= message.hop <= last or path[message.hop] != peer or place != self._kma.site:
            raise ProtocolError(
                f"{peer} sends {place} pads of hop {message.hop} of {'-'.join(path)} at {self._kma.site}"
            )
        if not message.centre:
            return Step(), self._add(peer, route, (message.hop,), message.bits, now)
        self._add(peer, route, (message.hop,), message.bits, now)
        collection = self._collections[route]
        if len(collection.hops) <= last:
            return Step(), None
        self._forget(route)
        combined = kx.PadsCombined(
            chunk=message.chunk, share=message.share, path=path, centre=message.centre, bits=collection.bits
        )
        return Step(actions=[Send(path[-1], combined)]), None

    def combined(self, peer: str, message: kx.PadsCombined, now: float) -> tuple[Step, Arrived | None]:
        """The XOR of all hops has come from the centre.

        Raises:
            ProtocolError: not from the centre, or this is not the destination.
        """
        if message.centre != peer or message.path[-1] != self._kma.site:
            raise ProtocolError(f"{peer} sends combined pads of {'-'.join(message.path)} to {self._kma.site}")
        hops = tuple(range(len(message.path) - 1))
        return Step(), self._add(peer, _route(message), hops, message.bits, now)

    def _add(self, peer: str, route: Route, hops: tuple[int, ...], bits: bytes, now: float) -> Arrived | None:
        """XOR in the bits of hops, or with no hops the destination's pad; the share once all of it is there."""
        if len(bits) > MOST_SHARE_BYTES:
            raise ProtocolError(f"{peer} sends pads of {len(bits)} bytes, {MOST_SHARE_BYTES} allowed")
        collection = self._collections.get(route) or self._begin(peer, route, now)
        if collection.hops.intersection(hops) or (not hops and collection.pad):
            raise ProtocolError(f"the same pads of chunk {route.chunk} come to {self._kma.site} twice")
        collection.take(bits)
        collection.hops.update(hops)
        collection.pad = collection.pad or not hops
        if not collection.pad or len(collection.hops) < len(route.path) - 1:
            return None
        self._forget(route)
        return Arrived(route, collection.bits)

    def expire(self, now: float) -> None:
        """Forget what was begun too long ago to become anything."""
        late = [route for route, one in self._collections.items() if now - one.since > RELAY_LIMIT_S]
        for route in late:
            self._forget(route)

    def _begin(self, peer: str, route: Route, now: float) -> Collection:
        """A new collection; each neighbour has a part of the room, so that one cannot shut the others out."""
        if len(self._collections) >= MOST_COLLECTIONS:
            raise ProtocolError(f"{MOST_COLLECTIONS} relays are collected at {self._kma.site} already")
        if self._begun[peer] >= MOST_OF_A_PEER:
            raise ProtocolError(f"{peer} has {MOST_OF_A_PEER} relays begun at {self._kma.site} already")
        self._begun[peer] += 1
        collection = self._collections[route] = Collection(now, peer)
        return collection

    def _forget(self, route: Route) -> None:
        peer = self._collections.pop(route).begun_by
        self._begun[peer] -= 1
        if not self._begun[peer]:
            del self._begun[peer]


def _check_centre(message: kx.RelayPads | kx.PadXor) -> None:
    if message.centre in message.path:
        raise ProtocolError(f"the centre {message.centre} is on the path {'-'.join(message.path)}")


def _route(message: kx.RelayPads | kx.PadXor | kx.PadsCombined) -> Route:
    """Without a centre the scheme is ``xor-at-destination``."""
    scheme = "central" if message.centre else "xor-at-destination"
    return Route(message.chunk, message.share, message.path, scheme, message.centre)


def _hop_xor(route: Route, hop: int, bits: bytes) -> Send:
    message = kx.PadXor(chunk=route.chunk, share=route.share, path=route.path, centre=route.centre, hop=hop, bits=bits)
    return Send(route.centre or route.path[-1], message)
