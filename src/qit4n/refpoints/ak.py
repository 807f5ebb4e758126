"""Ak: cryptographic application to key supply agent (ITU-T Y.3802, Q.4161); realised by ETSI GS QKD 014.

Names are those of the ITU side: an application (its id is an SAE id) asks for KSA-keys for itself as *master*
and for the *slaves*; each slave then fetches its copies by key id.
"""

from qit4n.refpoints import Message, Sensitive


class GetStatus(Message, frozen=True, kw_only=True):
    """How much key can ``master`` get now for itself and ``slave``?"""

    master: str
    slave: str


class SupplyStatus(Message, frozen=True, kw_only=True):
    """Answer to :class:`GetStatus`; sizes in bits, counts in keys of ``key_size``."""

    source_site: str
    target_site: str
    master: str
    slave: str
    key_size: int
    stored_key_count: int
    max_key_count: int
    max_key_per_request: int
    max_key_size: int
    min_key_size: int
    max_slaves: int


class GetKeys(Message, frozen=True, kw_only=True):
    """``master`` asks for ``number`` fresh keys of ``size`` bits, to be shared with ``slaves``.

    ``size`` 0 means the default size. ``slaves`` holds at least the slave of the 014 path.
    """

    master: str
    slaves: tuple[str, ...]
    number: int = 1
    size: int = 0


class GetKeysByID(Message, frozen=True, kw_only=True):
    """``slave`` fetches its copies of the keys that ``master`` was supplied with. All or none."""

    slave: str
    master: str
    key_ids: tuple[str, ...]


class KSAKey(Sensitive, frozen=True, kw_only=True):
    """One supplied key: the same value for the master and each slave."""

    key_id: str
    value: bytes


class SuppliedKeys(Message, frozen=True, kw_only=True):
    """Answer to :class:`GetKeys` and :class:`GetKeysByID`, in the order asked for."""

    keys: tuple[KSAKey, ...]


class Refused(Message, frozen=True, kw_only=True):
    """The request was not met and nothing was consumed.

    ``reason`` is one of: ``"unknown-application"``, ``"not-allowed"``, ``"self-pair"``, ``"bad-request"``,
    ``"unknown-key"``, ``"no-key"``, ``"not-ready"``, ``"too-many-slaves"``.
    """

    reason: str
    text: str
    key_ids: tuple[str, ...] = ()


Request = GetStatus | GetKeys | GetKeysByID
Reply = SupplyStatus | SuppliedKeys | Refused
