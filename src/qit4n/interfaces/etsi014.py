"""ETSI GS QKD 014 V1.1.1: HTTP requests to messages of Ak, and back. Pure functions on bytes.

What the document leaves open is decided so (the number is that of the rule; where it is enforced):

- A1 who the caller is comes from its certificate, never from the request (``adapters/kmeserver.py``).
- A2, A17 each key once to the master, once to each slave, then erased; a repeat is not found (``keys/supply/ksa.py``).
- A3 several key ids: all or none, also when one is wrong (``keys/supply/ksa.py``).
- A4 Get key is not idempotent: a client must not repeat it blindly; unclaimed copies expire (``keys/supply/ksa.py``).
- A5 not enough key is 503; a number or size out of range is 400; never a short list (``STATUS`` below).
- A6 ``stored_key_count`` is whole keys of ``key_size`` in the ready bits (``keys/supply/ksa.py``).
- A7 wrong types and values below 1 are 400; ``true`` and ``1.0`` are no integers; ``null`` is as if the member were
  absent; unknown members are ignored.
- A8 a POST without a body asks for the defaults; the body of a GET is ignored.
- A9 optional extensions are ignored and named in ``key_container_extension`` of a 200, but for ``trusted_sites: true``:
  over which sites the keys went then stands there. The mandatory extension that is met, or refused with the fixed
  message, is ``disjoint_paths: k``: sites of k disjoint paths would have to conspire.
- A10 ``details`` of an Error is an array of objects.
- A11 a 401 carries an Error too.
- A12 an unknown slave is 400, a pair that is not allowed 401.
- A13 the status is given from the caller's point of view, as master.
- A14 a key that was handed out can be fetched at once at the other site (``keys/supply/ksa.py``).
- A15 key ids are compared as UUID values and written in lower case (``keycontainer.py``).
- A16 SAE ids have 1 to 64 characters (``network/model.py``).
- A18 there is no call to void or list keys. A19 the size of an answer is capped by ``number`` and ``size``.
- A20 an application cannot ask for keys with itself: 400.
- A21 no answer may be cached (``adapters/kmeserver.py``).

The example of clause 6.4 puts the slave into the path of Get key with key IDs; table 2 and this module want the
master there, and the error says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from qit4n.errors import KeyRequestError, ProtocolError
from qit4n.interfaces.keycontainer import format_keys, format_uuid, read_uuids
from qit4n.refpoints import ak

BASE = "/api/v1/keys/"
MAX_BODY_BYTES = 1 << 20
MAX_KEY_IDS = 4096
MAX_ADDITIONAL, MAX_SAE_ID = 32, 64  # what a network file can allow; so nobody fills the memory with made-up ids

METHODS = {"status": ("GET",), "enc_keys": ("GET", "POST"), "dec_keys": ("GET", "POST")}

SIZE_MESSAGE = "size shall be a multiple of 8"
MANDATORY_MESSAGE = "not all extension_mandatory parameters are supported"
UNMET_MESSAGE = "not all extension_mandatory request options could be met"
OPTIONAL_MESSAGE = "not all extension_optional request options handled"
NOT_FOUND_MESSAGE = "one or more keys specified are not found on KME"

FIXED_MESSAGES = {"unknown-key": NOT_FOUND_MESSAGE, "too-few-paths": UNMET_MESSAGE}
TRUSTED, DISJOINT = "trusted_sites", "disjoint_paths"
MANDATORY = (DISJOINT,)

STATUS = {
    "unknown-application": 400,
    "self-pair": 400,
    "bad-request": 400,
    "unknown-key": 400,
    "too-few-paths": 400,
    "too-many-slaves": 400,
    "not-allowed": 401,
    "too-many-requests": 429,
    "no-key": 503,
    "not-ready": 503,
}


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A request as Ak knows it, and the optional extensions that will not be handled."""

    request: ak.Request
    ignored: tuple[str, ...] = ()

    def format(self, reply: ak.Reply) -> tuple[int, bytes]:
        """HTTP status and JSON body of an answer."""
        return format_reply(reply, self.ignored)


def parse_request(method: str, path: str, query: str, body: bytes, caller: str) -> Parsed:
    """What ``caller`` asks for.

    Args:
        method: GET or POST.
        path: undecoded path of the URL.
        query: undecoded query string.
        body: of a POST.
        caller: SAE id from the certificate.

    Raises:
        KeyRequestError: with the HTTP status and message of the answer.
    """
    other, call = _split(path)
    if method not in METHODS[call]:
        raise KeyRequestError(405, f"{method} is not a method of {call}")
    if not query.isascii():
        raise KeyRequestError(400, "the query of a URL is ASCII (RFC 3986); other characters are percent-encoded")
    if call == "status":
        return Parsed(request=ak.GetStatus(master=caller, slave=other))
    members = _json(body) if method == "POST" else _parameters(query)
    if call == "enc_keys":
        return _get_key(caller, other, members)
    return Parsed(request=_get_key_with_ids(caller, other, members, single=method == "GET"))


def _split(path: str) -> tuple[str, str]:
    parts = path.removeprefix(BASE).split("/")
    if not path.startswith(BASE) or len(parts) != 2 or parts[1] not in METHODS or not parts[0]:  # noqa: PLR2004
        raise KeyRequestError(404, f"unknown path; there are {BASE}SAE_ID/status, enc_keys and dec_keys")
    if not parts[0].isascii():
        raise KeyRequestError(400, "the path of a URL is ASCII (RFC 3986); other characters are percent-encoded")
    try:
        return unquote(parts[0], errors="strict"), parts[1]
    except UnicodeDecodeError as error:
        raise KeyRequestError(400, "the SAE ID in the path is not UTF-8") from error


def _json(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BODY_BYTES:
        raise KeyRequestError(413, f"the body has {len(body)} bytes, {MAX_BODY_BYTES} allowed")
    if not body.strip():
        return {}
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KeyRequestError(400, "the body is not JSON") from error
    if not isinstance(found, dict):
        raise KeyRequestError(400, "the body is not a JSON object")
    return found


def _parameters(query: str) -> dict[str, Any]:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise KeyRequestError(400, "the query is not of the form name=value&name=value") from error
    found: dict[str, Any] = dict(pairs)
    if len(found) != len(pairs):
        raise KeyRequestError(400, "a parameter is given twice")
    for name in ("number", "size"):
        if name in found:
            found[name] = _number(found[name], name)
    return found


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004 - far above every limit
        raise KeyRequestError(400, f"{name} shall be an integer")
    return int(text)


def _get_key(caller: str, slave: str, members: dict[str, Any]) -> Parsed:
    """Get key (014 clause 5.3): the Key request object, from a body or from query parameters."""
    number, size = _integer(members, "number", 1), _integer(members, "size", 0)
    if size % 8:
        raise KeyRequestError(400, SIZE_MESSAGE)
    additional = _texts(members, "additional_slave_SAE_IDs")
    if len(additional) > MAX_ADDITIONAL or any(len(one) > MAX_SAE_ID for one in additional):
        text = f"additional_slave_SAE_IDs has at most {MAX_ADDITIONAL} entries of at most {MAX_SAE_ID} characters"
        raise KeyRequestError(400, text)
    slaves = (slave, *additional)
    if len(set(slaves)) != len(slaves):
        raise KeyRequestError(400, "a slave SAE ID is given twice")
    mandatory = _extensions(members, "extension_mandatory")
    unsupported = [(name, value) for name, value in mandatory if name not in MANDATORY]
    if unsupported:
        raise KeyRequestError(400, MANDATORY_MESSAGE, _unsupported(name for name, _ in unsupported))
    optional = _extensions(members, "extension_optional")
    request = ak.GetKeys(
        master=caller,
        slaves=slaves,
        number=number,
        size=size,
        disjoint_paths=max((_integer({name: value}, name, 1) for name, value in mandatory), default=1),
        tell_trusted=any(name == TRUSTED and value is True for name, value in optional),
    )
    ignored = tuple(name for name, value in optional if name != TRUSTED or value is not True)
    return Parsed(request=request, ignored=ignored)


def _unsupported(names: Iterable[str]) -> tuple[dict[str, str], ...]:
    return tuple({"extension_mandatory_unsupported": name} for name in names)


def _integer(members: dict[str, Any], name: str, default: int) -> int:
    value = members.get(name)
    if value is None:
        return default
    if type(value) is not int or not 1 <= value < 1 << 31:
        raise KeyRequestError(400, f"{name} shall be an integer of at least 1")
    return value


def _list(members: dict[str, Any], name: str) -> Sequence[Any]:
    value = members.get(name)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise KeyRequestError(400, f"{name} shall be an array")
    return value


def _texts(members: dict[str, Any], name: str) -> tuple[str, ...]:
    found = _list(members, name)
    if not all(isinstance(one, str) for one in found):
        raise KeyRequestError(400, f"{name} shall be an array of strings")
    return tuple(found)


def _extensions(members: dict[str, Any], name: str) -> tuple[tuple[str, Any], ...]:
    value = members.get(name)
    found = [value] if isinstance(value, dict) else _list(members, name)
    if not all(isinstance(one, dict) for one in found):
        raise KeyRequestError(400, f"{name} shall be an array of objects")
    return tuple(pair for one in found for pair in one.items())


def _get_key_with_ids(caller: str, master: str, members: dict[str, Any], *, single: bool) -> ak.GetKeysByID:
    """Get key with key IDs (014 clause 5.4): the Key IDs object, or one key_ID in the query."""
    if master == caller:
        raise KeyRequestError(400, "the path of dec_keys names the master SAE, not the caller (014 table 2)")
    if single:
        ids: list[Any] = [members["key_ID"]] if "key_ID" in members else []
    else:
        ids = [_id_of(one) for one in _list(members, "key_IDs")]
    if not ids:
        raise KeyRequestError(400, "no key_ID is given")
    if len(ids) > MAX_KEY_IDS:
        raise KeyRequestError(400, f"{len(ids)} key_IDs, at most {MAX_KEY_IDS} allowed")
    key_ids = read_uuids(ids) if all(isinstance(one, str) for one in ids) else None
    if key_ids is None:
        raise KeyRequestError(400, "a key_ID shall be a UUID")
    if len(set(key_ids)) != len(key_ids):
        raise KeyRequestError(400, "a key_ID is given twice")
    return ak.GetKeysByID(slave=caller, master=master, key_ids=key_ids)


def _id_of(entry: Any) -> Any:
    if not isinstance(entry, dict) or "key_ID" not in entry:
        raise KeyRequestError(400, "key_IDs shall be an array of objects with a key_ID")
    return entry["key_ID"]


def format_reply(reply: ak.Reply, ignored: tuple[str, ...] = ()) -> tuple[int, bytes]:
    """HTTP status and JSON body of an answer."""
    if isinstance(reply, ak.Refused):
        return format_refusal(reply)
    if isinstance(reply, ak.SupplyStatus):
        return 200, msgspec.json.encode(_status(reply))
    if not isinstance(reply, ak.SuppliedKeys):
        raise ProtocolError(f"{type(reply).__name__} is no answer of ETSI GS QKD 014")
    keys, extension = format_keys(reply.batches), _container_extension(reply, ignored)
    if not extension:
        return 200, b'{"keys":%b}' % keys
    return 200, b'{"keys":%b,"key_container_extension":%b}' % (keys, msgspec.json.encode(extension))


def _container_extension(reply: ak.SuppliedKeys, ignored: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if ignored:
        found["message"] = OPTIONAL_MESSAGE
        found["details"] = [{"extension_optional_unhandled": name} for name in ignored]
    if reply.knowledge is not None:
        found[TRUSTED] = [
            {"shares": one.between, "needed": one.threshold, "combined": one.combined} for one in reply.knowledge
        ]
    return found


def _status(reply: ak.SupplyStatus) -> dict[str, Any]:
    """The Status object (014 clause 6.1), which answers Get status (014 clause 5.2)."""
    return {
        "source_KME_ID": reply.source_site,
        "target_KME_ID": reply.target_site,
        "master_SAE_ID": reply.master,
        "slave_SAE_ID": reply.slave,
        "key_size": reply.key_size,
        "stored_key_count": reply.stored_key_count,
        "max_key_count": reply.max_key_count,
        "max_key_per_request": reply.max_key_per_request,
        "max_key_size": reply.max_key_size,
        "min_key_size": reply.min_key_size,
        "max_SAE_ID_count": reply.max_slaves,
    }


def methods_of(path: str) -> tuple[str, ...]:
    """What the Allow header of a 405 lists (RFC 9110 15.5.6 wants one); nothing for a path that is not of 014."""
    return METHODS.get(path.rpartition("/")[2], ())


def format_refusal(refused: ak.Refused) -> tuple[int, bytes]:
    """Status and Error object of a refusal by the key manager."""
    message = FIXED_MESSAGES.get(refused.reason, refused.text)
    if refused.reason == "too-few-paths":
        return format_error(KeyRequestError(400, message, ({"extension_mandatory_unmet": DISJOINT},)))
    details = tuple({"key_ID": format_uuid(key_id)} for key_id in refused.key_ids)
    return format_error(KeyRequestError(STATUS[refused.reason], message, details))


def format_error(error: KeyRequestError) -> tuple[int, bytes]:
    """Status and Error object (clause 6.5)."""
    body: dict[str, Any] = {"message": error.message}
    if error.details:
        body["details"] = list(error.details)
    return error.status, msgspec.json.encode(body)
