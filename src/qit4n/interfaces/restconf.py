"""RESTCONF (RFC 8040) over one document: which resource a path means, answers and errors as JSON (RFC 7951). Pure."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from qit4n.errors import QitError
from qit4n.interfaces.etsi015model import MODULE, NODE, ROOT, Leaf, Node

API, DATA = "/restconf", "/restconf/data"
STREAM = "/streams/NETCONF"
MONITORING = "ietf-restconf-monitoring:restconf-state"
HOST_META = b'<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0"><Link rel="restconf" href="/restconf"/></XRD>'


class RestconfError(QitError):
    """A request that cannot be met: HTTP status, and error-tag of RFC 8040 section 7."""

    def __init__(self, status: int, tag: str, message: str) -> None:
        """Keep status and tag."""
        super().__init__(message)
        self.status, self.tag = status, tag

    def body(self) -> bytes:
        """The errors container."""
        error = {"error-type": "application", "error-tag": self.tag, "error-message": str(self)}
        return msgspec.json.encode({"ietf-restconf:errors": {"error": [error]}})


@dataclass(frozen=True)
class Found:
    """A resource: its value (None: a leaf that has none), its model, and the way to it: names, and keys of lists."""

    value: Any
    model: Leaf | Node
    way: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the leaf, container or list."""
        return self.way[-1].partition("=")[0]

    def below(self, name: str, value: Any, model: Leaf | Node, key: str = "") -> "Found":
        """A member, or an entry of a list."""
        return Found(value, model, (*self.way, f"{name}={key}" if key else name))


def missing(path: str) -> RestconfError:
    """404."""
    return RestconfError(404, "invalid-value", f"there is no resource {path}")


def read(path: str, document: dict[str, Any]) -> bytes:
    """The body of a GET.

    Raises:
        RestconfError: there is no such resource.
    """
    if path in {API, API + "/"}:
        root = {"data": {}, "operations": {}, "yang-library-version": "2019-01-04"}
        return msgspec.json.encode({"ietf-restconf:restconf": root})
    if path in {DATA, DATA + "/"}:
        return msgspec.json.encode({"ietf-restconf:data": {ROOT: document}})
    if path.startswith(f"{DATA}/{MONITORING}"):
        access = [{"encoding": "json", "location": STREAM}]
        stream = {"name": "NETCONF", "description": "the notifications of ETSI GS QKD 015", "access": access}
        return msgspec.json.encode({MONITORING: {"streams": {"stream": [stream]}}})
    found = find(path, document)
    if found.value is None:
        raise missing(path)
    name = found.name
    of_list = "=" in found.way[-1]
    return msgspec.json.encode({f"{MODULE}:{name}": [found.value] if of_list else found.value})


def find(path: str, document: dict[str, Any]) -> Found:
    """The resource at a path below the data resource. A leaf that the model has and the document not has no value.

    Raises:
        RestconfError: 404, there is no such resource.
    """
    first, *steps = path.removeprefix(DATA + "/").rstrip("/").split("/")
    if not path.startswith(DATA + "/") or first != ROOT:
        raise missing(path)
    found = Found(document, NODE, (ROOT.split(":")[1],))
    for step in steps:
        name, _, key = unquote(step).removeprefix(f"{MODULE}:").partition("=")
        model = found.model.members.get(name) if isinstance(found.model, Node) else None
        value = found.value.get(name) if isinstance(found.value, dict) else None
        if model is None or (value is None and isinstance(model, Node)):
            raise missing(path)
        if key:
            entries = value if isinstance(model, Node) and model.key else ()
            value = next((one for one in entries if str(one[model.key]) == key), None)  # type: ignore[union-attr]
            if value is None:
                raise missing(path)
        found = found.below(name, value, model, key)
    return found


def notification(at: str, name: str, content: dict[str, Any]) -> bytes:
    """One server-sent event (RFC 8040 6.4)."""
    return b"data: " + msgspec.json.encode({
        "ietf-restconf:notification": {"eventTime": at, f"{MODULE}:{name}": content}
    }) + b"\n\n"  # fmt: skip
