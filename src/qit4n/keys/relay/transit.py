"""What all relay schemes share: a share's way, its arrival, the check of a hop, a refusal."""

from dataclasses import dataclass

from qit4n.errors import ProtocolError
from qit4n.keys.step import Send, Step
from qit4n.pools.keypool import Cut
from qit4n.refpoints import kx

RELAY_LIMIT_S = 10.0


@dataclass(frozen=True)
class Route:
    """A share of a chunk and its way; ``path`` holds both ends."""

    chunk: str
    share: int
    path: tuple[str, ...]
    scheme: str
    centre: str | None

    def after(self, site: str) -> str:
        """The site after this one."""
        return self.path[self.path.index(site) + 1]


@dataclass(frozen=True)
class Arrived:
    """A share reached its destination, this site."""

    route: Route
    material: bytes

    def __repr__(self) -> str:
        """Without the material."""
        return f"Arrived({self.route}, <{len(self.material)} bytes>)"


def spans_of(cut: Cut) -> tuple[kx.Span, ...]:
    """Where bytes were cut, as a message says it."""
    return tuple(kx.Span(slab=slab, offset=offset, length=length) for slab, offset, length in cut.spans)


def check_hop(site: str, peer: str, path: tuple[str, ...]) -> None:
    """Refuse a path that does not lead from ``peer`` to ``site``, or that meets a site twice.

    Raises:
        ProtocolError: it does not, or does.
    """
    if len(set(path)) != len(path) or site not in path[1:] or path[path.index(site) - 1] != peer:
        raise ProtocolError(f"relay over path {'-'.join(path)} came to {site} from {peer}")


def refuse(site: str, message: kx.RelayKey | kx.RelayPads, reason: str) -> Step:
    """Tell the source that a share goes no further than ``site``."""
    refusal = kx.RelayRefused(chunk=message.chunk, share=message.share, path=message.path, at=site, reason=reason)
    return Step(actions=[Send(message.path[0], refusal)])
