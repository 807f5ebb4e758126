"""The data model of ETSI GS QKD 015 V2.1.1 as a table, and the check of a document against it. Our own words, no YANG.

JSON by RFC 7951: members of the top level carry the module's name, identities their module's, decimals are strings.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

MODULE, TYPES = "etsi-qkd-sdn-node", "etsi-qkd-node-types"
ROOT = f"{MODULE}:qkd_node"
MOST_UINT32 = (1 << 32) - 1
STATE = {
    "qkdn_status", "app_status", "creation_time", "statistics", "qkdi_status", "expected_consumption", "skr", "eskr",
    "phys_perf",
}  # what the tree marks as state: nobody writes it  # fmt: skip
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
DECIMAL = re.compile(r"-?\d+\.\d{1,3}")
CHANNEL = re.compile(r"[1-9]\d{0,3}")
CHANNELS = re.compile(r"[1-9]\d{0,3}(-[1-9]\d{0,3})?(,[1-9]\d{0,3}(-[1-9]\d{0,3})?)*")
URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+|[^\s:]+")


@dataclass(frozen=True)
class Leaf:
    """A value: what it is in words, the test, whether a list of them; whether a controller writes it, its default."""

    kind: str
    fits: Callable[[Any], bool]
    many: bool = False
    writable: bool = False
    default: Any = None


@dataclass(frozen=True)
class Node:
    """A container, or with ``key`` a list of entries told apart by that leaf."""

    members: Mapping[str, "Leaf | Node"]
    key: str = ""
    required: tuple[str, ...] = ()


def _text(kind: str, pattern: re.Pattern[str], **more: bool) -> Leaf:
    return Leaf(kind, lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)), **more)


def _identity(*names: str) -> Leaf:
    values = {f"{TYPES}:{name}" for name in names}
    return Leaf(f"one of {', '.join(sorted(values))}", values.__contains__)


STRING = Leaf("a string", lambda value: isinstance(value, str))
BOOLEAN = Leaf("true or false", lambda value: isinstance(value, bool))
UINT32 = Leaf(
    "a whole number below 2^32", lambda value: type(value) is int and 0 <= value <= MOST_UINT32
)  # a bool is no number
ID, TIME = _text("a UUID", UUID), _text("a date and time", DATE)
URIS, IDS = _text("a URI", URI, many=True), _text("a UUID", UUID, many=True)
DECIMAL3 = _text("a decimal with three places, as a string", DECIMAL)
APP_STATUS = _identity("ON", "DISCONNECTED", "OUT-OF-TIME", "ZOMBIE")
LINK_STATUS = _identity("ACTIVE", "PASSIVE", "PENDING", "OFF")
IFACE_STATUS = _identity("ENABLED", "DISABLED", "FAILED")
ROLE = _identity("TRANSMITTER", "RECEIVER", "TRANSCEIVER")
SEVERITY = _identity("MAJOR", "MINOR")
WAVELENGTH = _text("a WDM channel from 1 to 9999, as a string", CHANNEL)
WAVELENGTHS = _text("a list of WDM channels, as 1,12-20,40", CHANNELS)

QOS = Node({
    "max_bandwidth": replace(UINT32, writable=True),
    "min_bandwidth": UINT32,
    "jitter": UINT32,
    "ttl": UINT32,
    "clients_shared_path_enable": BOOLEAN,
    "clients_shared_keys_required": BOOLEAN,
})  # fmt: skip
APPLICATION: dict[str, Leaf | Node] = {
    "app_id": ID,
    "app_status": APP_STATUS,
    "app_type": _identity("CLIENT", "INTERNAL"),
    "server_app_id": _text("a URI", URI),
    "client_app_id": URIS,
    "app_priority": UINT32,
    "creation_time": TIME,
    "expiration_time": TIME,
    "app_statistics": Node({
        "statistics": Node({"end_time": TIME, "start_time": TIME, "consumed_bits": UINT32}, key="end_time")
    }),
    "app_qos": QOS,
    "backing_qkdl_id": IDS,
    "local_qkdn_id": ID,
    "remote_qkdn_id": ID,
}  # fmt: skip
INTERFACE: dict[str, Leaf | Node] = {
    "qkdi_id": UINT32,
    "qkdi_model": STRING,
    "qkdi_type": _identity("CV-QKD", "DV-QKD", "DV-QKD-COW", "DV-QKD-2Ws"),
    "qkdi_att_point": Node({"device": STRING, "port": UINT32}),
    "qkdi_capabilities": Node({"role_support": ROLE, "wavelength_range": WAVELENGTHS, "max_absorption": DECIMAL3}),
    "qkdi_status": IFACE_STATUS,
}
RATES: dict[str, Leaf | Node] = {"expected_consumption": UINT32, "skr": UINT32, "eskr": UINT32}
PHYSICAL = Node({"perf_type": _identity("QBER", "SNR"), "value": DECIMAL3}, key="perf_type")
LINK: dict[str, Leaf | Node] = {
    "qkdl_id": ID,
    "qkdl_status": LINK_STATUS,
    "qkdl_enable": replace(BOOLEAN, writable=True, default=True),
    "qkdl_local": Node({"qkdn_id": ID, "qkdi_id": UINT32}),
    "qkdl_remote": Node({"qkdn_id": ID, "qkdi_id": UINT32}),
    "qkdl_type": _identity("VIRT", "PHYS"),
    "qkdl_applications": IDS,
    "virt_prev_hop": ID,
    "virt_next_hop": IDS,
    "virt_bandwidth": UINT32,
    "phys_channel_att": DECIMAL3,
    "phys_wavelength": WAVELENGTH,
    "phys_qkd_role": ROLE,
    "qkdl_performance": Node({**RATES, "phys_perf": PHYSICAL}),
}
NODE = Node(
    {
        "qkdn_id": ID,
        "qkdn_status": _identity("NEW", "OPERATING", "DOWN", "FAILURE", "OUT"),
        "qkdn_version": STRING,
        "qkdn_location_id": STRING,
        "qkdn_capabilities": Node({
            "link_stats_support": BOOLEAN,
            "application_stats_support": BOOLEAN,
            "key_relay_mode_enable": BOOLEAN,
        }),
        "qkd_applications": Node({"qkd_app": Node(APPLICATION, key="app_id")}),
        "qkd_interfaces": Node({"qkd_interface": Node(INTERFACE, key="qkdi_id")}),
        "qkd_links": Node({"qkd_link": Node(LINK, key="qkdl_id")}),
    },
    required=("qkdn_id",),
)  # fmt: skip


def _some(members: Mapping[str, Leaf | Node], *names: str) -> dict[str, Leaf | Node]:
    return {name: members[name] for name in names}


def _told(what: str, members: Mapping[str, Leaf | Node]) -> Node:
    return Node({what: Node(members)}, required=(what,))


_SAID: dict[str, Leaf | Node] = {"message": STRING, "severity": SEVERITY}
_SAYING = Node({
    "link": Node({"qkdl_id": ID, "qkdl_status": LINK_STATUS, **_SAID}),
    "interface": Node({"qkdi_id": UINT32, "qkdi_status": IFACE_STATUS, **_SAID}),
    "application": Node({"app_id": ID, "app_status": APP_STATUS, **_SAID}),
})  # fmt: skip
NOTIFICATIONS = {
    "sdqkdn_application_new": _told(
        "qkd_application",
        _some(APPLICATION, "app_type", "server_app_id", "client_app_id", "app_priority", "local_qkdn_id", "app_qos"),
    ),
    "sdqkdn_application_qos_update": _told("qkd_application", _some(APPLICATION, "app_id", "app_qos", "app_priority")),
    "sdqkdn_application_disconnected": _told("qkd_application", {"app_id": ID}),
    "sdqkdn_interface_new": _told(
        "qkd_interface",
        _some(INTERFACE, "qkdi_id", "qkdi_model", "qkdi_type", "qkdi_att_point", "qkdi_capabilities"),
    ),
    "sdqkdn_interface_down": _told("qkd_interface", {"qkdi_id": UINT32, "reason": STRING}),
    "sdqkdn_interface_out": _told("qkd_interface", {"qkdi_id": UINT32}),
    "sdqkdn_link_down": _told("qkd_link", {"qkdl_id": ID, "reason": STRING}),
    "sdqkdn_link_perf_update": _told(
        "qkd_link", {"qkdl_id": ID, "performance": Node({**RATES, "phys_perf": PHYSICAL})}
    ),
    "sdqkdn_link_overloaded": _told("qkd_link", {"qkdl_id": ID, "performance": Node(RATES)}),
    "alarm": _SAYING,
    "event": _SAYING,
}


def problems(document: Any, node: Node = NODE, at: str = ROOT) -> Iterator[str]:
    """What in a document does not fit the model: where, what there is, what there should be."""
    if not isinstance(document, dict):
        yield f"{at}: an object is wanted, not {document!r}"
        return
    for name in (*node.required, *((node.key,) if node.key else ())):
        if name not in document:
            yield f"{at}: {name} is missing"
    for name, value in document.items():
        kind = node.members.get(name)
        if kind is None:
            yield f"{at}: there is no {name}; there are {', '.join(node.members)}"
        elif isinstance(kind, Leaf):
            yield from _leaf_problems(value, kind, f"{at}/{name}")
        elif kind.key:
            yield from _list_problems(value, kind, f"{at}/{name}")
        else:
            yield from problems(value, kind, f"{at}/{name}")
    if "qkdl_type" in document:
        yield from _kept_apart(document, at)


def _leaf_problems(value: Any, leaf: Leaf, at: str) -> Iterator[str]:
    values = value if leaf.many and isinstance(value, list) else [value]
    yield from (f"{at}: {one!r} is not {leaf.kind}" for one in values if not leaf.fits(one))
    if leaf.many and not isinstance(value, list):
        yield f"{at}: a list is wanted"


def _list_problems(value: Any, node: Node, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at}: a list is wanted"
        return
    seen = set()
    for entry in value:
        key = entry.get(node.key) if isinstance(entry, dict) else None
        yield from problems(entry, node, f"{at}={key}")
        if key in seen:
            yield f"{at}={key}: the key comes twice"
        seen.add(key)


def _kept_apart(link: dict[str, Any], at: str) -> Iterator[str]:
    """virt_* belong to VIRT, phys_* to PHYS (the conditions that the published module means)."""
    other = "phys_" if link["qkdl_type"] == f"{TYPES}:VIRT" else "virt_"
    yield from (f"{at}: {name} is not for {link['qkdl_type']}" for name in link if name.startswith(other))
