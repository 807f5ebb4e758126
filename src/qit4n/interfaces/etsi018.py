"""A view of the whole network in the shape of ETSI GS QKD 018 V1.1.1, projected from the 015 data of its nodes. Pure.

The YANG text of 018 was not at hand: the names of the upper levels (``qkd_network``, ``sdqkd_nodes``, ``qkd_links``
with ``qkd_phys_links`` and ``qkd_svc_links``) are those that implementations use, the leaves those of 015. A link that
two nodes describe is there once; what they say differently of it is taken from its transmitter.
"""

from collections.abc import Iterable
from typing import Any

from qit4n.interfaces.etsi015model import TYPES

MODULE = "etsi-qkd-sdn-topology"
VIEW = f"/restconf/data/{MODULE}:qkd_network"
Json = dict[str, Any]
OF_NODE = ("qkdn_id", "qkdn_status", "qkdn_location_id")
OF_PHYSICAL = (
    "qkdl_id", "qkdl_status", "qkdl_enable", "qkdl_local", "qkdl_remote", "qkdl_type", "phys_channel_att",
    "qkdl_performance",
)  # fmt: skip
OF_SERVICE = (
    "qkdl_id", "qkdl_status", "qkdl_local", "qkdl_remote", "qkdl_type", "qkdl_applications", "virt_next_hop",
    "qkdl_performance",
)  # fmt: skip


def network_view(nodes: Iterable[Json]) -> Json:
    """One document of the ``qkd_node`` containers of all nodes that answered."""
    physical: dict[str, Json] = {}
    services, seen = [], []
    for node in nodes:
        interfaces = node["qkd_interfaces"]["qkd_interface"]
        seen.append({**_only(node, OF_NODE), "qkd_interfaces": interfaces})
        for link in node["qkd_links"]["qkd_link"]:
            if link["qkdl_type"] == f"{TYPES}:VIRT":
                services.append(_only(link, OF_SERVICE))
            elif link["qkdl_id"] not in physical or link["phys_qkd_role"] == f"{TYPES}:TRANSMITTER":
                physical[link["qkdl_id"]] = _only(link, OF_PHYSICAL)
    links = {"qkd_phys_links": list(physical.values()), "qkd_svc_links": services}
    return {f"{MODULE}:qkd_network": {"sdqkd_nodes": seen, "qkd_links": links}}


def _only(entry: Json, names: tuple[str, ...]) -> Json:
    return {name: entry[name] for name in names if name in entry}
