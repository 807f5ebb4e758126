"""What a site gives its peers to keep, so that they can show it later how far its store had come.

It is a number with a tag under a key that this site alone has. A peer can hold it back, but cannot make one up: the
word of a single peer is enough to know that the store is an old copy, and a lying one gains nothing by claiming it.
The tag is HMAC-SHA-256 (RFC 2104), cut to 128 bits, over the peer's name and the number.
"""

import hmac
from collections.abc import Iterable

from qit4n.entropy import Entropy
from qit4n.keys.step import Step
from qit4n.keys.store import Put, WitnessKeyRecord

KEY_BYTES, TAG_BYTES = 32, 16
PLACES = ("1", "2")  # two records: one may be damaged


class Witness:
    """Makes and knows again the tags of one site."""

    def __init__(self, records: Iterable[WitnessKeyRecord], entropy: Entropy) -> None:
        """Take the key of the store, or draw one: :meth:`keep` it then."""
        kept = {record.key: record.material for record in records}
        self._key = next(iter(kept.values()), b"") or entropy(KEY_BYTES)
        self._missing = [place for place in PLACES if kept.get(place) != self._key]

    def keep(self) -> Step:
        """Have the key durable, twice, before the first tag leaves."""
        missing, self._missing = self._missing, []
        return Step([Put(WitnessKeyRecord(key=place, material=self._key)) for place in missing])

    def tag(self, peer: str, number: int) -> bytes:
        """For ``peer`` to keep beside the number."""
        return hmac.digest(self._key, f"qit4n told {peer} {number}".encode(), "sha256")[:TAG_BYTES]

    def made(self, tag: bytes, peer: str, number: int) -> bool:
        """Whether this site has given ``peer`` this tag."""
        return hmac.compare_digest(tag, self.tag(peer, number))
