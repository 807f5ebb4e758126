"""What a RESTCONF request (RFC 8040 4.4 to 4.7) wants changed in the document of a node, as values of leaves. Pure.

The model marks the leaves that may be written. PUT and PATCH take such a leaf, or a container or entry of a list above
it in which all other configuration is as it is; DELETE gives a leaf its default. What is in a list is decided by the
network file alone: an entry is neither created nor deleted here, and the answer says how it comes and goes.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from qit4n.interfaces.etsi015model import MODULE, STATE, Leaf, Node, problems
from qit4n.interfaces.restconf import Found, RestconfError, find, missing

Change = tuple[Found, Any]
POLICY = {
    "qkd_link": "links follow the network file and the demands in it: change it with qit apply",
    "qkd_app": "applications follow the demands of the network file: change it with qit apply",
    "qkd_interface": "an interface is the end of a link of the network file: change it with qit apply",
}


def changes(method: str, path: str, body: bytes, document: dict[str, Any]) -> list[Change]:
    """The leaves that change, each with its new value; None is none.

    Raises:
        RestconfError: there is no such resource, the body does not fit it, or the policy of the network forbids it.
    """
    found = find(path, document)
    if method == "POST":
        raise _refused_creation(found, path, body)
    if method == "DELETE":
        return _deleted(found, path)
    value, model = _given(body, found), found.model
    if isinstance(model, Node) and method == "PATCH":
        model = replace(model, required=())
    wrong = list(problems({found.name: value}, Node({found.name: model}), path))
    if wrong:
        raise RestconfError(400, "invalid-value", wrong[0])
    if isinstance(model, Node) and model.key:
        value = _entry(value, found, model.key)
    return list(_differences(found, value, whole=method == "PUT"))


def _given(body: bytes, found: Found) -> Any:
    given = _json(body)
    if set(given) - {found.name, f"{MODULE}:{found.name}"} or len(given) != 1:
        raise RestconfError(400, "invalid-value", f'the body is to be {{"{MODULE}:{found.name}": ...}}')
    return next(iter(given.values()))


def _json(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RestconfError(400, "malformed-message", "the body is no JSON object") from error


def _entry(value: list[Any], found: Found, leaf: str) -> Any:
    """The one entry that a list's resource is written with; ``leaf`` is the list's key."""
    _, _, key = found.way[-1].partition("=")
    if not key or len(value) != 1 or str(value[0][leaf]) != key:
        raise RestconfError(400, "invalid-value", f"one entry of {found.name} is written at a time, at its own path")
    return value[0]


def _differences(found: Found, value: Any, *, whole: bool) -> Iterator[Change]:
    """What is given and is otherwise; with ``whole``, also the defaults of what is not given."""
    if isinstance(found.model, Leaf):
        yield from _new_value(found, found.model, value)
        return
    for name, model in found.model.members.items():
        there = found.value.get(name)
        if name in value and name in STATE:
            raise RestconfError(400, "invalid-value", f"{name} is state: it is read, not written")
        if isinstance(model, Node) and model.key:
            for entry in value.get(name, ()):
                yield from _differences(_same(found, name, model, entry), entry, whole=whole)
        elif isinstance(model, Node):
            yield from _differences(found.below(name, there or {}, model), value.get(name, {}), whole=whole)
        elif name in value:
            yield from _differences(found.below(name, there, model), value[name], whole=whole)
        elif whole and model.writable and there != model.default:
            yield found.below(name, there, model), model.default


def _new_value(found: Found, leaf: Leaf, value: Any) -> Iterator[Change]:
    if value == found.value:
        return
    if not leaf.writable:
        raise RestconfError(403, "access-denied", f"{'/'.join(found.way)} is not written over this interface")
    yield found, value


def _same(found: Found, name: str, model: Node, given: dict[str, Any]) -> Found:
    """The entry of a list that has the key of the given one."""
    key = given[model.key]
    for entry in found.value.get(name, ()):
        if entry[model.key] == key:
            return found.below(name, entry, model, str(key))
    raise _access_denied(name, f"there is no {name} {key}")


def _deleted(found: Found, path: str) -> list[Change]:
    if isinstance(found.model, Leaf) and found.model.writable:
        if found.value is None:
            raise missing(path)
        return [(found, found.model.default)]
    if "=" in found.way[-1]:
        raise _access_denied(found.name, f"{found.way[-1]} is not deleted")
    raise RestconfError(405, "operation-not-supported", f"{path} is not deleted over this interface")


def _refused_creation(found: Found, path: str, body: bytes) -> RestconfError:
    """Why an entry is not created: 400 if it does not fit, 409 if it is there, 403 if it is not in the file."""
    members = found.model.members if isinstance(found.model, Node) else {}
    name = next((one for one in POLICY if one in members), "")
    model = members.get(name)
    if not isinstance(model, Node):
        return RestconfError(405, "operation-not-supported", f"nothing is created at {path}")
    given = _json(body)
    within = given.get(found.name, given.get(f"{MODULE}:{found.name}"))  # some clients send the container around it
    given = within if isinstance(within, dict) else given
    entries = given.get(name, given.get(f"{MODULE}:{name}"))
    wrong = list(problems({name: entries}, Node({name: model}), path))
    if wrong:
        return RestconfError(400, "invalid-value", wrong[0])
    if not entries or len(given) != 1 or len(entries) != 1:
        return RestconfError(400, "invalid-value", f'the body is to be {{"{MODULE}:{name}": [one entry]}}')
    (new,) = entries
    for entry in found.value.get(name, ()):
        if entry[model.key] == new[model.key]:
            text = f"{name} {new[model.key]} is there already: write to it by PUT or PATCH"
            return RestconfError(409, "resource-denied", text)
        if name == "qkd_link" and all(entry[end] == new.get(end) for end in ("qkdl_local", "qkdl_remote")):
            return RestconfError(409, "resource-denied", f"this link is there already as {entry['qkdl_id']}")
    return _access_denied(name, f"{name} {new[model.key]} is not created")


def _access_denied(name: str, text: str) -> RestconfError:
    return RestconfError(403, "access-denied", f"{text}: {POLICY[name]}")
