"""Key relay over trusted nodes, hop by hop (ITU-T Y.3803).

The source draws a chunk of random key and sends it along the path that the controller gave. Every hop decrypts
under the pad of the link it came over and encrypts under the pad of the next, so each site on the way has seen
the chunk in clear: the path is recorded with it. A node stores nothing of what it forwards.
"""

from dataclasses import dataclass

from qit4n.errors import OutOfKeyError, ProtocolError
from qit4n.keys.kma import KMA
from qit4n.keys.onetimepad import TAG_KEY_BYTES, seal, unseal
from qit4n.keys.step import Send, Step
from qit4n.refpoints import kx


@dataclass(frozen=True)
class Arrived:
    """A chunk reached its destination, this site."""

    chunk: str
    path: tuple[str, ...]
    material: bytes

    def __repr__(self) -> str:
        """Without the material."""
        return f"Arrived({self.chunk}, {self.path}, <{len(self.material)} bytes>)"


class Relay:
    """The relay function of one site; pads come from its KMA."""

    def __init__(self, kma: KMA) -> None:
        """Relay with the pads of ``kma``."""
        self._kma = kma
        self.forwarded_bytes = 0

    def send(self, chunk: str, path: tuple[str, ...], material: bytes) -> Step:
        """Send ``material`` to the site after this one on ``path``.

        Raises:
            OutOfKeyError: no link to that site holds enough key.
        """
        following = path[path.index(self._kma.site) + 1]
        stock = self._kma.link_to(following)
        cut, step = self._kma.pad(stock, len(material) + TAG_KEY_BYTES)
        spans = tuple(kx.Span(slab=slab, offset=offset, length=length) for slab, offset, length in cut.spans)
        message = kx.RelayKey(chunk=chunk, path=path, link=stock.link, spans=spans, ciphertext=b"", tag=b"")
        step.actions.append(Send(following, seal(message, material, cut.material)))
        return step

    def receive(self, peer: str, message: kx.RelayKey) -> tuple[Step, Arrived | None]:
        """Forward one hop, or hand over what has arrived here; the path was checked before."""
        cut, step = self._kma.pad_at(message.link, peer, message.spans)
        material = unseal(message, cut.material)
        if message.path[-1] == self._kma.site:
            return step, Arrived(message.chunk, message.path, material)
        try:
            step.extend(self.send(message.chunk, message.path, material))
            self.forwarded_bytes += len(material)
        except OutOfKeyError as error:
            step.actions.append(Send(message.path[0], self._refusal(message.chunk, str(error))))
        return step, None

    def refuse(self, message: kx.RelayKey, reason: str) -> Step:
        """Tell the source that this message leads to nothing."""
        return Step(actions=[Send(message.path[0], self._refusal(message.chunk, reason))])

    def _refusal(self, chunk: str, reason: str) -> kx.RelayRefused:
        return kx.RelayRefused(chunk=chunk, at=self._kma.site, reason=reason)

    def check_path(self, peer: str, message: kx.RelayKey) -> None:
        """Refuse a path that does not lead from ``peer`` to this site, or that meets a site twice.

        Raises:
            ProtocolError: then nothing was cut and nobody is told.
        """
        path, site = message.path, self._kma.site
        if len(set(path)) != len(path) or site not in path[1:] or path[path.index(site) - 1] != peer:
            raise ProtocolError(f"relay over path {'-'.join(path)} came to {site} from {peer}")
