"""SKIP, the Secure Key Integration Protocol (draft-cisco-skip-02, draft-singh-skip-00): requests to Ak, and back. Pure.

The KME is the key provider, the encryptor an application. What the drafts leave open is decided so:

- A system id is an application's id: ``localSystemID`` is the one in the caller's certificate, ``remoteSystemID`` the
  application at the other end. Capabilities list every application that a demand lets the caller share keys with.
- A ``keyId`` is the key id of ETSI GS QKD 014 without hyphens: both interfaces hand out the same keys, each copy once.
- Sizes are in bits; without one the network's default size. ``minentropy`` is in bits, 256 by default.
- Only GET; anything else is 405. An unknown, used or malformed keyId, a remote system that is not there or not allowed,
  and a bad size are 400; no key now, or no randomness, is 503.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import msgspec

from qit4n.entropy import Entropy
from qit4n.errors import EntropyError, KeyRequestError
from qit4n.interfaces.door import Told
from qit4n.refpoints import ak

METHODS = ("GET",)
ALGORITHM = "QKD"
DEFAULT_ENTROPY_BITS, MOST_ENTROPY_BITS = 256, 8192
KEY_ID = re.compile(r"[0-9A-Fa-f]{32}")
NUMBER = re.compile(r"[0-9]{1,9}")
STATUS = {"too-many-requests": 429, "no-key": 503, "not-ready": 503}


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A request as Ak knows it."""

    request: ak.Request

    def format(self, reply: ak.Reply) -> tuple[int, bytes]:
        """HTTP status and JSON body of the answer."""
        if isinstance(reply, ak.Refused):
            return STATUS.get(reply.reason, 400), msgspec.json.encode({"message": reply.text})
        if not isinstance(reply, ak.SuppliedKeys):
            raise TypeError(type(reply).__name__)
        ((key_id, value),) = reply.each()
        return 200, msgspec.json.encode({"keyId": key_id.hex(), "key": value.hex()})


def parse_request(path: str, query: str, caller: str, remotes: Iterable[str], entropy: Entropy) -> Parsed | Told:
    """What ``caller`` asks for with a GET.

    Args:
        path: undecoded path of the URL.
        query: undecoded query string.
        caller: id of the application in the certificate.
        remotes: applications that may share keys with it.
        entropy: answers ``/entropy``.

    Raises:
        KeyRequestError: with the HTTP status and message of the answer.
    """
    _, call, *rest = path.split("/")
    if call == "capabilities" and not rest:
        return _capabilities(caller, remotes)
    members = _parameters(query)
    if call == "entropy" and not rest:
        return _entropy(members, entropy)
    remote = members.get("remoteSystemID", "")
    if not remote:
        raise KeyRequestError(400, "remoteSystemID is missing: the id of the application at the other end")
    if not rest:
        size = _number(members, "size", 0)
        if size % 8:
            raise KeyRequestError(400, "size shall be a multiple of 8")
        return Parsed(request=ak.GetKeys(master=caller, slaves=(remote,), size=size))
    key_id = unquote(rest[0])
    if not KEY_ID.fullmatch(key_id):
        raise KeyRequestError(400, "a keyId has 32 hexadecimal digits")
    return Parsed(request=ak.GetKeysByID(slave=caller, master=remote, key_ids=(bytes.fromhex(key_id),)))


def is_path(path: str) -> bool:
    """Whether a path is one of SKIP's."""
    parts = path.split("/")[1:]
    return parts in (["capabilities"], ["entropy"], ["key"]) or (
        len(parts) == 2 and parts[0] == "key" and bool(parts[1])  # noqa: PLR2004 - key and its id
    )


def _capabilities(caller: str, remotes: Iterable[str]) -> Told:
    found = {
        "entropy": True,
        "key": True,
        "algorithm": ALGORITHM,
        "localSystemID": caller,
        "remoteSystemID": sorted(remotes),
    }
    return Told(200, msgspec.json.encode(found))


def _entropy(members: dict[str, str], entropy: Entropy) -> Told:
    bits = _number(members, "minentropy", DEFAULT_ENTROPY_BITS)
    if bits > MOST_ENTROPY_BITS:
        raise KeyRequestError(400, f"minentropy {bits} is not in 1..{MOST_ENTROPY_BITS}")
    try:
        drawn = entropy((bits + 7) // 8)
    except EntropyError as error:
        raise KeyRequestError(503, str(error)) from error
    return Told(200, msgspec.json.encode({"randomStr": drawn.hex(), "minentropy": bits}))


def _parameters(query: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise KeyRequestError(400, "the query is not of the form name=value&name=value") from error
    if len(dict(pairs)) != len(pairs):
        raise KeyRequestError(400, "a parameter is given twice")
    return dict(pairs)


def _number(members: dict[str, str], name: str, default: int) -> int:
    if name not in members:
        return default
    if not NUMBER.fullmatch(members[name]) or int(members[name]) < 1:
        raise KeyRequestError(400, f"{name} shall be an integer of at least 1")
    return int(members[name])
