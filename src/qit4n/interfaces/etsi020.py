"""ETSI GS QKD 020 V1.1.1: HTTP to messages between the key managers of two networks, and back. Pure functions.

What the document leaves open, or says in two ways, is decided so (B1.. are the rules; where they are enforced):

- B1 who calls comes from its certificate (``adapters/neighbours.py``), never from the request; only TLS 1.3.
- B2 after a 400 or 401 nothing of the request is kept. A refusal that comes later, or because the key id is known
  already, is 503 or an acknowledgement ``failed`` (``keys/interworking``).
- B3 the sender voids what it does not know to be relayed; it never hands the same key again (``keys/interworking``).
- B4 an acknowledgement that is not taken is told again; after a while the keys are voided, towards the sender
  (``keys/interworking/takeover.py``).
- B5 callbacks go to the addresses of the network file only, follow no redirection, and only to whoever holds the
  neighbour's certificate (``keys/interworking/takeover.py``, ``adapters/neighbourclient.py``).
- B6 problem details are sent as ``application/json``, as table 1 of the document has it, with its member ``details``;
  ``status`` is always there.
- B7 ``no_all_confirmation`` (text) and ``no_key_ids_or_confirmation`` (example) both name the missing confirmation.
- B8 no mandatory extension is known: 503. Optional ones end here, where the keys do: nobody is next.
- B9 keys are whole bytes. Base64 is read strictly.
- B10 an acknowledgement of keys that are not known here is 400 ``key-not-present``, as in the example.
"""

from dataclasses import dataclass

import msgspec

from qit4n.interfaces import containers020 as containers
from qit4n.refpoints.interworking import (
    Accepted,
    Acknowledge,
    AskVersions,
    Done,
    HandKeys,
    Outcome,
    Problem,
    Reply,
    Request,
    Unclear,
    Versions,
    VoidKeys,
)

VERSIONS, KEYS = "/kmapi/versions", "/kmapi/v1/ext_keys"
ACK, VOID = f"{KEYS}/ack", f"{KEYS}/void"
METHODS = {VERSIONS: "GET", KEYS: "POST", ACK: "POST", VOID: "POST"}
PROBLEMS = "https://qkd.etsi.org/gs020-interop-kms/"
MAX_BODY_BYTES = 1 << 20
OK, ACCEPTED, BAD_REQUEST, UNAVAILABLE, LEAST_STATUS, MOST_STATUS = 200, 202, 400, 503, 100, 599
UNREADABLE = {KEYS: "invalid-parameter", VOID: "void-request-not-understood", ACK: "ack-not-understood"}


class RefusedError(Exception):
    """The request is refused before anybody looks at its keys."""

    def __init__(self, problem: Problem) -> None:
        """Keep the answer."""
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True)
class Written:
    """A request as HTTP: method, path (below the base URL) and body."""

    method: str
    path: str
    body: bytes


# the side that is asked


def parse_request(method: str, path: str, body: bytes) -> Request:
    """What another network asks for.

    Raises:
        RefusedError: with the answer.
    """
    if path not in METHODS:
        raise RefusedError(problem(404, "not-found", path=f"there are {', '.join(METHODS)}"))
    if method != METHODS[path]:
        raise RefusedError(problem(405, "method-not-allowed", method=f"{path} takes {METHODS[path]}"))
    if path == VERSIONS:
        return AskVersions()
    try:
        return _read(path, body)
    except containers.MalformedError as error:
        kind = UNREADABLE[path] if not error.missing or path != KEYS else "missing-parameters"
        raise RefusedError(problem(BAD_REQUEST, kind, **{_topic(path, error): str(error)})) from error
    except containers.UnsupportedError as error:
        text = f"mandatory extensions {error} are not supported here"
        name = "unsupported_mandatory_extension"
        raise RefusedError(problem(UNAVAILABLE, name.replace("_", "-"), **{name: text})) from error


def _read(path: str, body: bytes) -> Request:
    if path == KEYS:
        return containers.read_handed(body)
    if path == ACK:
        return Acknowledge(acks=containers.read_acks(body))
    request = containers.read_void(body)
    if not request.key_ids and not request.all_of_them:
        text = "without key_ids all keys of these applications are voided; all_confirmation: true confirms that"
        names = {"no_all_confirmation": text, "no_key_ids_or_confirmation": text}
        raise RefusedError(problem(BAD_REQUEST, "no-key-ids-or-confirmation", **names))
    return request


def _topic(path: str, error: containers.MalformedError) -> str:
    if path == VOID:
        return "key_voiding_error"
    if path == ACK:
        return "ack_not_understood"
    return "missing_parameters" if error.missing else "malformed_property"


def problem(status: int, kind: str, **details: str) -> Problem:
    """Problem details with one of the types that the document names (404, 405 and others have none there)."""
    return Problem(status=status, kind=kind, details=details)


def format_reply(reply: Reply) -> tuple[int, bytes]:
    """HTTP status and body of an answer."""
    match reply:
        case Accepted():
            return ACCEPTED, b""
        case Done(acks=acks):
            return OK, containers.write_acks(acks) if acks else b""
        case Versions():
            return OK, msgspec.json.encode({"versions": reply.versions, "capabilities": reply.capabilities})
        case Problem(status=status, kind=kind, details=details):
            title = kind.replace("-", " ")
            found = {"type": PROBLEMS + kind, "status": status, "title": title, "details": details or {"error": title}}
            return status, msgspec.json.encode(found)


# the side that asks


def format_request(request: Request) -> Written:
    """The request as HTTP."""
    match request:
        case HandKeys():
            return Written("POST", KEYS, containers.write_handed(request))
        case VoidKeys():
            return Written("POST", VOID, containers.write_void(request))
        case Acknowledge(acks=acks):
            return Written("POST", ACK, containers.write_acks(acks))
        case AskVersions():
            return Written("GET", VERSIONS, b"")


def parse_reply(request: Request, status: int, body: bytes) -> Outcome:
    """What an answer says; what makes no sense is :class:`Unclear`."""
    try:
        if status == OK:
            return _finished(request, body)
        if status == ACCEPTED and isinstance(request, HandKeys | VoidKeys):
            return Accepted()
    except containers.MalformedError as error:
        return Unclear(text=f"the answer is not understood: {error}")
    if LEAST_STATUS <= status <= MOST_STATUS and status // 100 >= 4:  # noqa: PLR2004
        return _problem(status, body)
    return Unclear(text=f"the answer has status {status}")


def _finished(request: Request, body: bytes) -> Outcome:
    if isinstance(request, AskVersions):
        found = containers.loads(body)
        lists = [found.get("versions"), found.get("capabilities") or []] if isinstance(found, dict) else [None]
        if not all(isinstance(one, list) and all(isinstance(text, str) for text in one) for one in lists):
            return Unclear(text="the answer has no versions")
        return Versions(versions=tuple(lists[0] or ()), capabilities=tuple(lists[1] or ()))
    if isinstance(request, Acknowledge):
        return Done()
    return Done(acks=containers.read_acks(body))


def _problem(status: int, body: bytes) -> Problem:
    """Problem details; RFC 9457 calls ``detail`` what this document has as ``details``: both are taken."""
    try:
        found = containers.loads(body) if body else {}
    except containers.MalformedError:
        found = {}
    found = found if isinstance(found, dict) else {}
    kind = found.get("type")
    details = found.get("details")
    details = details if isinstance(details, dict) else {"detail": found.get("detail")}
    return Problem(
        status=status,
        kind=kind.removeprefix(PROBLEMS)[:128] if isinstance(kind, str) else "about:blank",
        details={str(name)[:128]: text[:1024] for name, text in details.items() if isinstance(text, str)},
    )
