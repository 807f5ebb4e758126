"""Is an answer in the form that clause 6 of ETSI GS QKD 014 gives it? Problems are told without a byte of a key."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from qit4n.conformance.caller import Answer
from qit4n.conformance.verdict import DeviationError, expect

SIZE = "size shall be a multiple of 8"
MANDATORY = "not all extension_mandatory parameters are supported"
OPTIONAL = "not all extension_optional request options handled"
NOT_FOUND = "one or more keys specified are not found on KME"

TEXTS = ("source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID")
NUMBERS = (
    "key_size",
    "stored_key_count",
    "max_key_count",
    "max_key_per_request",
    "max_key_size",
    "min_key_size",
    "max_SAE_ID_count",
)

OK, BAD, UNAUTHORISED, UNAVAILABLE = 200, 400, 401, 503
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
SECRET = re.compile(r"[A-Za-z0-9+/=_-]{16,}")


@dataclass(frozen=True)
class Key:
    """A key as it was delivered. ``repr`` hides the value."""

    key_id: str
    value: bytes = field(repr=False)


def told(text: Any) -> str:
    """What a server wrote, fit to be shown: short, printable, without anything that could be a key."""
    plain = "".join(one if one.isprintable() else "?" for one in str(text)[:200])
    return SECRET.sub(lambda found: found[0] if found[0].islower() and not _digits(found[0]) else "...", plain)[:100]


def _digits(text: str) -> bool:
    return any(one.isdigit() for one in text)


def described(answer: Answer) -> str:
    """An answer in a few words."""
    if not answer.status:
        return answer.trouble
    message = answer.object.get("message") if answer.status != OK else None
    return f"{answer.status}" + (f" '{told(message)}'" if isinstance(message, str) else "")


def read_keys(answer: Answer, what: str) -> list[Key]:
    """The keys of a 200, read with patience: ``container_problem`` judges the form.

    Raises:
        DeviationError: there is none to be read.
    """
    expect(answer.status == OK, f"{what}: {described(answer)} instead of 200")
    found = answer.object.get("keys")
    expect(isinstance(found, list), f"{what}: a 200 without an array 'keys'")
    return [_key(one, what) for one in found or ()]


def _key(entry: Any, what: str) -> Key:
    name, value = (entry.get("key_ID"), entry.get("key")) if isinstance(entry, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(value, str):
        raise DeviationError(f"{what}: an entry of 'keys' is no object with key_ID and key")
    try:
        plain = value.replace("-", "+").replace("_", "/").rstrip("=")
        return Key(name, base64.b64decode(plain + "=" * (-len(plain) % 4)))
    except (ValueError, binascii.Error):
        raise DeviationError(f"{what}: a key is no base64") from None  # the error would quote nothing, but be sure


def is_fixed(answer: Answer, message: str) -> bool:
    """A 400 with this fixed message; case and a final dot do not count."""
    found = answer.object.get("message")
    return answer.status == BAD and isinstance(found, str) and found.strip().rstrip(".").lower() == message.lower()


def status_problem(found: dict[str, Any]) -> str:
    """What is wrong with a Status object (clause 6.1), empty if nothing."""
    absent = [name for name in (*TEXTS, *NUMBERS) if name not in found]
    if absent:
        return f"members are missing: {', '.join(absent)}"
    texts = [name for name in TEXTS if not isinstance(found[name], str)]
    numbers = [name for name in NUMBERS if type(found[name]) is not int]
    if texts or numbers:
        return "; ".join(
            f"{name} is no {kind}" for kind, names in (("string", texts), ("integer", numbers)) for name in names
        )
    extension = found.get("status_extension", {})
    return "" if isinstance(extension, dict) else "status_extension is no object"


def container_problem(answer: Answer) -> str:
    """What is wrong with the form of a Key container (clause 6.3), empty if nothing."""
    found = answer.object.get("keys")
    if not isinstance(found, list):
        return "no JSON object with an array 'keys'"
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("key_ID"), str) or not isinstance(one.get("key"), str):
            return "an entry of 'keys' is no object with the strings key_ID and key"
        if not UUID.fullmatch(one["key_ID"]):
            return "a key_ID is no UUID of the form 8-4-4-4-12"
        try:
            base64.b64decode(one["key"], validate=True)
        except (ValueError, binascii.Error):
            return "a key is no padded base64 of the standard alphabet (RFC 4648 clause 4)"
        if not all(isinstance(one.get(name, {}), dict) for name in ("key_ID_extension", "key_extension")):
            return "an extension of a key is no object"
    extension = answer.object.get("key_container_extension", {})
    return "" if isinstance(extension, dict) else "key_container_extension is no object"


def error_problem(answer: Answer) -> str:
    """What is wrong with the form of an Error (clause 6.5), empty if nothing."""
    found = answer.object
    if not isinstance(found.get("message"), str):
        return "no JSON object with the string 'message'"
    details = found.get("details", [])
    good = isinstance(details, list) and all(isinstance(one, dict) for one in details)
    return "" if good else "'details' is no array of objects"
