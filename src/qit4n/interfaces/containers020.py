"""The JSON objects of ETSI GS QKD 020 V1.1.1, read and written. Pure functions.

What is read is checked against the published OpenAPI description: types, lengths, numbers of entries. Members that it
does not name are passed over.
"""

import binascii
import re
from typing import Any

import msgspec

from qit4n.interfaces.keycontainer import format_uuid, read_uuids
from qit4n.refpoints.interworking import (
    MOST_IDS,
    Acknowledgement,
    ForeignKey,
    HandKeys,
    KeyStatus,
    VoidKeys,
)

MOST_EXTENSIONS = 1024
MOST_URL = 1024
MOST_TEXT = 4096
MOST_TARGETS = 33  # a first slave and the most additional ones that a network file can allow
EXTENSION = re.compile(r"E[1-9][0-9]{0,9}_.+", re.DOTALL)
ETSI = "E13019_"  # reserved
APPLICATION = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}){1,64}")
CALLBACK = re.compile(r"https://[^\s/?#@\\]+(?:/[^\s#\\]*)?")


class MalformedError(ValueError):
    """``name`` is the member that is missing or wrong; ``missing`` tells which."""

    def __init__(self, name: str, text: str, *, missing: bool = False) -> None:
        """Keep what is wrong, for the problem details."""
        super().__init__(text)
        self.name = name
        self.missing = missing


class UnsupportedError(ValueError):
    """The names of mandatory extensions that are not known here."""


def loads(body: bytes) -> Any:
    """The JSON value of a body."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("body", "the body is not JSON") from error


def read_handed(body: bytes) -> HandKeys:
    """An ``ext_key_container``."""
    found = _object(loads(body), "body")
    keys = [_key(one, f"keys[{number}]") for number, one in enumerate(_array(found, "keys", MOST_IDS))]
    if not keys:
        raise MalformedError("keys", "keys is empty")
    if len({key.key_id for key in keys}) != len(keys):
        raise MalformedError("keys", "a key_id is given twice")
    request = HandKeys(
        keys=tuple(keys),
        initiator=_application(_required(found, "initiator_sae_id"), "initiator_sae_id"),
        targets=_targets(found),
        callback=_callback(found),
    )
    _extensions(found, "extension_optional")
    _extensions(found, "extension")  # the name of all other objects, seen here too
    mandatory = _extensions(found, "extension_mandatory")
    if mandatory:
        raise UnsupportedError(", ".join(sorted(mandatory)))
    return request


def read_void(body: bytes) -> VoidKeys:
    """A ``void_container``; whether all keys are really meant is for the caller to see."""
    found = _object(loads(body), "body")
    texts = _array(found, "key_ids", MOST_IDS)
    confirmed = found.get("all_confirmation", False)
    if type(confirmed) is not bool:
        raise MalformedError("all_confirmation", "all_confirmation shall be true or false")
    _extensions(found, "extension")
    return VoidKeys(
        key_ids=_ids(texts, "key_ids"),
        initiator=_application(_required(found, "initiator_sae_id"), "initiator_sae_id"),
        targets=_targets(found),
        callback=_callback(found),
        all_of_them=confirmed and not texts,
    )


def read_acks(body: bytes) -> tuple[Acknowledgement, ...]:
    """``ack_containers``; a single container is taken as an array of one."""
    found = loads(body)
    entries = [found] if isinstance(found, dict) else found
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_IDS:
        raise MalformedError("body", f"the body shall be an array of 1 to {MOST_IDS} ack_container")
    return tuple(_ack(one, f"[{number}]") for number, one in enumerate(entries))


def write_handed(request: HandKeys) -> bytes:
    """An ``ext_key_container``."""
    container: dict[str, Any] = {
        "keys": [
            {"key_id": format_uuid(key.key_id), "value": binascii.b2a_base64(key.value, newline=False).decode("ascii")}
            for key in request.keys
        ],
        "initiator_sae_id": request.initiator,
        "target_sae_ids": request.targets,
    }
    return msgspec.json.encode(container | _where(request.callback))


def write_void(request: VoidKeys) -> bytes:
    """A ``void_container``."""
    container: dict[str, Any] = {
        "key_ids": [format_uuid(key_id) for key_id in request.key_ids],
        "initiator_sae_id": request.initiator,
        "target_sae_ids": request.targets,
    }
    confirmed = {"all_confirmation": True} if request.all_of_them else {}
    return msgspec.json.encode(container | _where(request.callback) | confirmed)


def write_acks(acks: tuple[Acknowledgement, ...]) -> bytes:
    """``ack_containers``."""
    return msgspec.json.encode([_container(one) for one in acks])


def _container(ack: Acknowledgement) -> dict[str, Any]:
    told = {"message": ack.text[:MOST_TEXT]} if ack.text else {}
    return {
        "key_id_container": [{"key_id": format_uuid(key_id)} for key_id in ack.key_ids],
        "ack_status": ack.status.value,
        "initiator_sae_id": ack.initiator,
        "target_sae_ids": ack.targets,
        **told,
    }


def _where(callback: str) -> dict[str, str]:
    return {"ack_callback_url": callback} if callback else {}


def _object(found: Any, name: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise MalformedError(name, f"{name} shall be a JSON object")
    return found


def _required(found: dict[str, Any], name: str) -> Any:
    if found.get(name) is None:
        raise MalformedError(name, f"{name} is missing", missing=True)
    return found[name]


def _array(found: dict[str, Any], name: str, most: int) -> list[Any]:
    value = _required(found, name)
    if not isinstance(value, list):
        raise MalformedError(name, f"{name} shall be an array")
    if len(value) > most:
        raise MalformedError(name, f"{name} has {len(value)} entries, at most {most} are taken")
    return value


def _application(value: Any, name: str) -> str:
    if not isinstance(value, str) or not APPLICATION.fullmatch(value):
        raise MalformedError(name, f"{name} shall have 1 to 64 characters of a URI (RFC 3986)")
    return value


def _targets(found: dict[str, Any]) -> tuple[str, ...]:
    targets = [_application(one, "target_sae_ids") for one in _array(found, "target_sae_ids", MOST_TARGETS)]
    if not targets or len(set(targets)) != len(targets):
        raise MalformedError("target_sae_ids", "target_sae_ids shall have one entry at least, and none twice")
    return tuple(targets)


def _callback(found: dict[str, Any]) -> str:
    value = found.get("ack_callback_url")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MOST_URL or not value.isascii() or not CALLBACK.fullmatch(value):
        raise MalformedError("ack_callback_url", f"ack_callback_url shall be an https URL of at most {MOST_URL} bytes")
    return value


def _ids(texts: list[Any], name: str) -> tuple[bytes, ...]:
    found = read_uuids(texts) if all(isinstance(one, str) for one in texts) else None
    if found is None:
        raise MalformedError(name, "a key_id shall be a UUID (RFC 9562)")
    if len(set(found)) != len(found):
        raise MalformedError(name, "a key_id is given twice")
    return found


def _key(value: Any, name: str) -> ForeignKey:
    found = _object(value, name)
    (key_id,) = _ids([_required(found, "key_id")], f"{name}.key_id")
    encoded = _required(found, "value")
    if not isinstance(encoded, str) or not encoded:
        raise MalformedError(f"{name}.value", f"{name}.value shall be base64")
    try:
        material = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:  # of a text that is not ASCII, too
        raise MalformedError(f"{name}.value", f"{name}.value is not base64 (RFC 4648 table 1)") from error
    _extensions(found, "extension")
    return ForeignKey(key_id=key_id, value=material)


def _ack(value: Any, name: str) -> Acknowledgement:
    found = _object(value, name)
    entries = [_object(one, "key_id_container") for one in _array(found, "key_id_container", MOST_IDS)]
    for entry in entries:
        _extensions(entry, "extension")
    _extensions(found, "extension")
    status, text = _required(found, "ack_status"), found.get("message", "")
    if status not in set(KeyStatus):
        raise MalformedError("ack_status", f"ack_status shall be one of {', '.join(KeyStatus)}")
    if not isinstance(text, str) or len(text) > MOST_TEXT:
        raise MalformedError("message", f"message shall be a text of at most {MOST_TEXT} characters")
    return Acknowledgement(
        key_ids=_ids([_required(one, "key_id") for one in entries], "key_id_container"),
        status=KeyStatus(status),
        initiator=_application(_required(found, "initiator_sae_id"), "initiator_sae_id"),
        targets=_targets(found),
        text=text,
    )


def _extensions(found: dict[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name)
    if value is None:
        return {}
    extensions = _object(value, name)
    if not 1 <= len(extensions) <= MOST_EXTENSIONS:
        raise MalformedError(name, f"{name} shall have 1 to {MOST_EXTENSIONS} members")
    for one in extensions:
        if not EXTENSION.fullmatch(one) or one.startswith(ETSI):
            what = "E, a private enterprise number (not 13019, which is reserved), an underscore and a name"
            raise MalformedError(name, f"a name in {name} is not {what}")
    return extensions
