"""ML-KEM secrets between the two ends of end-to-end pools, to combine chunks with (``keys/combination/combine.py``).

The source of a pool offers a fresh encapsulation key over the direct connection, whose ends their certificates prove;
the destination answers with the encapsulated secret. A secret serves chunks in one direction for one period of the
network's policy and never outlives the connection, so breaking one of them opens no other. Nothing of it is stored: a
chunk is combined before it is.
"""

from dataclasses import dataclass

from qit4n.entropy import Entropy, new_id
from qit4n.errors import ProtocolError
from qit4n.keys.combination.combine import check_value, root_key
from qit4n.keys.combination.encapsulation import Encapsulation
from qit4n.keys.step import Send, Step
from qit4n.refpoints import kx

OFFER_LIMIT_S = 5.0
EPOCHS_KEPT = 2  # the present one, and the one of which chunks may still be on their way


@dataclass(frozen=True)
class Offer:
    """An encapsulation key that the peer has not answered yet."""

    epoch: str
    seed: bytes
    public_key: bytes
    offered_at: float

    def __repr__(self) -> str:
        """Without the seed."""
        return f"Offer({self.epoch}, offered_at={self.offered_at})"


@dataclass(frozen=True)
class Epoch:
    """A secret that both ends have."""

    name: str
    root: bytes
    begun_at: float

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Epoch({self.name}, begun_at={self.begun_at})"


class Epochs:
    """The secrets of one site with all others."""

    def __init__(self, site: str, encapsulation: Encapsulation, entropy: Entropy, period_s: float) -> None:
        """Renew a secret when it is ``period_s`` old."""
        self._site = site
        self._encapsulation = encapsulation
        self._entropy = entropy
        self._period_s = period_s
        self._offers: dict[str, Offer] = {}
        self._sending: dict[str, Epoch] = {}
        self._receiving: dict[str, dict[str, bytes]] = {}

    def sending(self, peer: str, now: float) -> Epoch | None:
        """The secret for chunks to ``peer``; none before it is agreed, and none that is too old."""
        epoch = self._sending.get(peer)
        return epoch if epoch and now - epoch.begun_at <= self._period_s else None

    def receiving(self, peer: str, epoch: str) -> bytes:
        """The secret for chunks from ``peer``.

        Raises:
            ProtocolError: there is none of this name, any more or yet.
        """
        try:
            return self._receiving[peer][epoch]
        except KeyError:
            raise ProtocolError(f"site {self._site} has no secret {epoch} with {peer} (any more)") from None

    def want(self, peer: str, now: float) -> Step:
        """Offer a key to ``peer``, unless an offer is open."""
        open_ = self._offers.get(peer)
        if open_ and now - open_.offered_at <= OFFER_LIMIT_S:
            return Step()
        seed, public_key = self._encapsulation.key_pair()
        offer = self._offers[peer] = Offer(new_id(self._entropy), seed, public_key, now)
        return Step(actions=[Send(peer, kx.OfferSecret(epoch=offer.epoch, public_key=public_key))])

    def forget(self, peer: str) -> None:
        """The connection to ``peer`` is new: what was agreed on the old one goes on for chunks on their way only."""
        self._offers.pop(peer, None)
        self._sending.pop(peer, None)

    def offered(self, peer: str, message: kx.OfferSecret) -> Step:
        """Encapsulate a secret for ``peer``.

        Raises:
            ProtocolError: not an encapsulation key, or one of a name that was used.
        """
        if message.epoch in self._receiving.get(peer, {}):
            raise ProtocolError(f"site {peer} offers secret {message.epoch} twice")
        secret, ciphertext = self._encapsulation.encapsulate(message.public_key)
        exchange = message.public_key + ciphertext
        root = root_key(secret, source=peer, destination=self._site, epoch=message.epoch, exchange=exchange)
        kept = self._receiving.setdefault(peer, {})
        kept[message.epoch] = root
        while len(kept) > EPOCHS_KEPT:
            del kept[next(iter(kept))]
        answer = kx.SecretCapsule(epoch=message.epoch, ciphertext=ciphertext, check=check_value(root))
        return Step(actions=[Send(peer, answer)])

    def answered(self, peer: str, message: kx.SecretCapsule, now: float) -> Step:
        """Take the secret that ``peer`` has encapsulated.

        Raises:
            ProtocolError: the two ends have not the same secret.
        """
        offer = self._offers.get(peer)
        if offer is None or offer.epoch != message.epoch:
            return Step()  # of an offer before the connection broke
        secret = self._encapsulation.decapsulate(offer.seed, message.ciphertext)
        exchange = offer.public_key + message.ciphertext
        root = root_key(secret, source=self._site, destination=peer, epoch=offer.epoch, exchange=exchange)
        del self._offers[peer]
        if check_value(root) != message.check:
            raise ProtocolError(f"site {peer} and {self._site} have agreed on different secrets; a new offer follows")
        self._sending[peer] = Epoch(offer.epoch, root, now)
        return Step()
