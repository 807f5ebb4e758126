"""Key relay over trusted nodes (ITU-T Y.3803): a share of a chunk goes from source to destination over one path.

The source draws the share and sends it along a path that the controller gave, in one of three schemes:

- ``hop-by-hop``: each site decrypts under the pad of the link it came over and encrypts under the pad of the next.
- ``xor-at-destination``, ``central``: no site decrypts; see ``keys/relay/pads.py``.

A site stores nothing of what it forwards. What it costs: on each link of the path the share's length and 32 bytes for
the one-time key of a tag, in all schemes.
"""

from collections.abc import Set as AbstractSet

from qit4n.errors import AuthenticationError, OutOfKeyError, ProtocolError
from qit4n.keys.kma import KMA
from qit4n.keys.onetimepad import TAG_KEY_BYTES, seal, unseal
from qit4n.keys.relay.pads import PadRelay
from qit4n.keys.relay.transit import Arrived, Route, check_hop, refuse, spans_of
from qit4n.keys.step import Send, Step
from qit4n.refpoints import kx

Relayed = kx.RelayKey | kx.RelayPads | kx.PadXor | kx.PadsCombined


class Relay:
    """The relay function of one site; pads come from its KMA."""

    def __init__(self, kma: KMA, sites: AbstractSet[str]) -> None:
        """Relay with the pads of ``kma``, among ``sites``."""
        self._kma = kma
        self._sites = sites
        self._pads = PadRelay(kma)
        self._forwarded_bytes = 0

    @property
    def forwarded_bytes(self) -> int:
        """Bytes of shares that this site has forwarded for others."""
        return self._forwarded_bytes + self._pads.forwarded_bytes

    def sendable_bytes(self, path: tuple[str, ...]) -> int:
        """The longest share for which the first hop of ``path`` has key now."""
        try:
            stock = self._kma.link_to(path[1])
        except OutOfKeyError:
            return 0
        return stock.send.available_bytes - TAG_KEY_BYTES

    def send(self, route: Route, material: bytes) -> Step:
        """Send a share to the site after this one on its path.

        Raises:
            OutOfKeyError: no link to that site holds enough key.
        """
        if route.scheme == "hop-by-hop":
            return self._send_sealed(route, material)
        return self._pads.send(route, material)

    def _send_sealed(self, route: Route, material: bytes) -> Step:
        following = route.after(self._kma.site)
        stock = self._kma.link_to(following)
        cut, step = self._kma.pad(stock, len(material) + TAG_KEY_BYTES)
        message = kx.RelayKey(
            chunk=route.chunk,
            share=route.share,
            path=route.path,
            link=stock.link,
            spans=spans_of(cut),
            ciphertext=b"",
            tag=b"",
        )
        step.actions.append(Send(following, seal(message, material, cut.material)))
        return step.tell("relayed", route.chunk, len(material), stock.link, note=f"share {route.share}")

    def receive(self, peer: str, message: Relayed, now: float) -> tuple[Step, Arrived | None]:
        """Forward, collect, or hand over what has arrived here.

        Raises:
            ProtocolError: a path or sender that cannot be; then nothing was cut and nobody is told.
        """
        path = message.path
        if not self._sites >= set(path) or not 1 < len(path) == len(set(path)):
            raise ProtocolError(f"site {peer} relays over {'-'.join(path)}, which is no path of this network")
        if isinstance(message, kx.PadXor):
            return self._pads.collect(peer, message, now)
        if isinstance(message, kx.PadsCombined):
            return self._pads.combined(peer, message, now)
        check_hop(self._kma.site, peer, path)
        return self._hop(peer, message, now)

    def _hop(self, peer: str, message: kx.RelayKey | kx.RelayPads, now: float) -> tuple[Step, Arrived | None]:
        """One hop; the source is told when it fails."""
        site, arrived = self._kma.site, None
        try:
            cut, step = self._kma.pad_at(message.link, peer, message.spans)
        except OutOfKeyError as error:
            step = refuse(site, message, str(error))
            step.extend(self._kma.void_missing(message.link, peer, message.spans))
            return step, None
        except ProtocolError as error:  # a pad that was used
            return refuse(site, message, str(error)), None
        try:
            further, arrived = self._go_on(message, cut.material, now)
            step.extend(further)
        except (AuthenticationError, OutOfKeyError, ProtocolError) as error:
            step.extend(refuse(site, message, str(error)))
        return step, arrived

    def _go_on(self, message: kx.RelayKey | kx.RelayPads, pad: bytes, now: float) -> tuple[Step, Arrived | None]:
        if isinstance(message, kx.RelayPads):
            return self._pads.hop(message, pad, now)
        material = unseal(message, pad)
        route = Route(message.chunk, message.share, message.path, "hop-by-hop", None)
        if message.path[-1] == self._kma.site:
            return Step(), Arrived(route, material)
        step = self._send_sealed(route, material)
        self._forwarded_bytes += len(material)
        return step, None

    def expire(self, now: float) -> None:
        """Forget what was collected too long ago to become anything."""
        self._pads.expire(now)
