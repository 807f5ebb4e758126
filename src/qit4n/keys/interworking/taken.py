"""Keys of one request of another network: what a taking site knows and stores of them, and how they make batches."""

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qit4n.keys.interworking.calls import Retry
from qit4n.keys.interworking.table import Taking
from qit4n.keys.store import Put, TakeoverRecord
from qit4n.pools.digest import digest
from qit4n.refpoints import ak
from qit4n.refpoints.interworking import Acknowledgement, ForeignKey, HandKeys, KeyStatus


@dataclass
class Takeover:
    """Keys of one request.

    Attributes:
        asked: the requests that wait for the result (synchronous mode).
        unclear: the giver may have heard that they were relayed, and its master may have them: the copies stay until it
            voids them.
    """

    name: str
    neighbour: str
    ids: tuple[bytes, ...]
    batches: tuple[bytes, ...]
    salt: bytes
    digest: bytes
    initiator: str
    targets: tuple[str, ...]
    callback: str
    state: Taking
    result: KeyStatus
    at: float
    text: str = ""
    asked: list[int] = field(default_factory=list)
    left: set[bytes] = field(default_factory=set)
    retry: Retry = field(default_factory=Retry)
    unclear: bool = False

    @property
    def acks(self) -> tuple[Acknowledgement, ...]:
        """What became of it."""
        ack = Acknowledgement(
            key_ids=self.ids, status=self.result, initiator=self.initiator, targets=self.targets, text=self.text
        )
        return (ack,)

    def same(self, keys: Iterable[ForeignKey], request: HandKeys) -> bool:
        """Whether a request hands over these very keys again."""
        found = digest(self.name, self.salt + values_of(keys))
        pair = (request.initiator, request.targets) == (self.initiator, self.targets)
        return pair and hmac.compare_digest(found, self.digest)

    def record(self) -> Put:
        """What the store keeps."""
        return Put(
            TakeoverRecord(
                key=self.name,
                neighbour=self.neighbour,
                ids=b"".join(self.ids),
                batches=self.batches,
                salt=self.salt,
                digest=self.digest,
                initiator=self.initiator,
                targets=self.targets,
                callback=self.callback,
                state=self.state.value,
                result=self.result.value,
                text=self.text,
                at=self.at,
            )
        )


def loaded(one: TakeoverRecord) -> Takeover:
    """The takeover of a record."""
    return Takeover(
        name=one.key,
        neighbour=one.neighbour,
        ids=ak.split_ids(one.ids),
        batches=one.batches,
        salt=one.salt,
        digest=one.digest,
        initiator=one.initiator,
        targets=one.targets,
        callback=one.callback,
        state=Taking(one.state),
        result=KeyStatus(one.result),
        at=one.at,
        text=one.text,
        unclear=one.state == Taking.TELLING,  # the process before may have told it
    )


def batches_of(keys: tuple[ForeignKey, ...]) -> Iterator[tuple[bytes, list[ForeignKey]]]:
    """A batch of ours stays one; of other keys each is a batch that its id names."""
    name, size = keys[0].key_id[: ak.BATCH_BYTES], len(keys[0].value)
    ours = ak.key_ids(name, len(keys)) == b"".join(key.key_id for key in keys)
    if ours and all(len(key.value) == size for key in keys):
        yield name, list(keys)
        return
    for key in keys:
        yield key.key_id, [key]


def values_of(keys: Iterable[ForeignKey]) -> bytes:
    """Ids and values, each with its length: what a digest knows them by."""
    return b"".join(key.key_id + len(key.value).to_bytes(4) + key.value for key in keys)
