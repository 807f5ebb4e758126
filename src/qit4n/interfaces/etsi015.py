"""ETSI GS QKD 015: the state of a site as the data of an SD-QKD node, and notifications from its changes. Pure.

What the document leaves open is decided so:

- Identifiers are name-based UUIDs (RFC 9562 version 5) of the names in the network file: both ends of a link, and all
  nodes, give the same link, node and application the same UUID without talking about it.
- An interface is one end of a QKD link. Its number is made of the link's name too, so that it stays the same when other
  links come and go. A physical link is a QKD link, a virtual one (key association) an end-to-end pool of which the site
  is the source.
- An application entry is a pair of applications of a demand, and is there once one of the two has asked at this site.
  Its server is the first of the demand. It is DISCONNECTED when nobody asked for ``IDLE_S``.
- ``skr`` is the rate of the last blocks, ``eskr`` the same less the share that authentication takes.
- ``virt_bandwidth`` is the rate that the network's controller allows a pool of its links.
- Rates and amounts above 2^32 - 1 are given as that.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from qit4n.interfaces.etsi015model import MOST_UINT32, TYPES
from qit4n.interfaces.etsi015statistics import Period
from qit4n.network.model import Application, Demand, Link, Medium, Network
from qit4n.physics.channels.budget import total_db
from qit4n.physics.channels.fibre import passive_items
from qit4n.refpoints import ck

IDLE_S = 600.0
INTERFACE_BITS = 31  # some tools take no more for an integer
STATUS_OF_MODULE = {"running": "ENABLED", "resting": "ENABLED", "starting": "ENABLED"}
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """What the document of a node is made of.

    ``asked`` has for each pair of applications when one of them first and last asked here; ``disabled`` the links that
    a controller has switched off, ``bounds`` what it allows pairs of applications, in bit/s; ``periods`` what they got.
    """

    network: Network
    report: ck.SiteReport
    table: ck.RelayTable
    now: float
    asked: Mapping[frozenset[str], tuple[float, float]] = field(default_factory=dict)
    disabled: frozenset[str] = frozenset()
    bounds: Mapping[frozenset[str], int] = field(default_factory=dict)
    periods: tuple[Period, ...] = ()

    @property
    def site(self) -> str:
        """Whose."""
        return self.report.site


def name_uuid(network: str, kind: str, name: str) -> str:
    """The UUID of something that has a name in the network file; ``kind`` is site, link, pool or demand."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:qit4n:{network}:{kind}:{name}"))


def document(state: NodeState) -> Json:
    """The container ``qkd_node``."""
    links = [*_physical(state), *_virtual(state)]
    return {
        "qkdn_id": _node(state, state.site),
        "qkdn_status": _of("OPERATING" if not state.report.fault else "DOWN"),
        "qkdn_version": "qit4n",
        "qkdn_location_id": _location(state.network, state.site),
        "qkdn_capabilities": {
            "link_stats_support": True,
            "application_stats_support": True,
            "key_relay_mode_enable": True,
        },
        "qkd_applications": {"qkd_app": list(_applications(state))},
        "qkd_interfaces": {"qkd_interface": list(_interfaces(state))},
        "qkd_links": {"qkd_link": links},
    }


def silent_node(network: Network, site: str) -> Json:
    """What is known of a node that does not answer."""
    return {
        "qkdn_id": name_uuid(network.name, "site", site),
        "qkdn_status": _of("FAILURE"),
        "qkdn_location_id": _location(network, site),
        "qkd_interfaces": {"qkd_interface": []},
        "qkd_links": {"qkd_link": []},
    }


def _location(network: Network, site: str) -> str:
    one = network.site(site)
    here = (one.latitude_deg, one.longitude_deg)
    return f"{here[0]:.5f},{here[1]:.5f}" if None not in here else one.name


def _of(name: str) -> str:
    return f"{TYPES}:{name}"


def _rate(bits_per_s: float) -> int:
    return min(MOST_UINT32, int(bits_per_s))


def _node(state: NodeState, site: str) -> str:
    return name_uuid(state.network.name, "site", site)


def link_id(network: Network, link: str) -> str:
    """The UUID of a physical link."""
    return name_uuid(network.name, "link", link)


def pool_id(state: NodeState, pool: ck.PoolReport) -> str:
    """The UUID of a virtual link."""
    return name_uuid(state.network.name, "pool", f"{state.site} {pool.peer} {pool.trust}")


def interface_id(network: Network, site: str, link: Link) -> int:
    """The number of a link's interface at a site: bits of its UUID; where two are alike, the later takes the next."""
    taken: dict[int, str] = {}
    for one in network.links_of(site):
        number = uuid.UUID(link_id(network, one.id)).int >> (128 - INTERFACE_BITS)
        while number in taken:
            number = (number + 1) % (1 << INTERFACE_BITS)
        taken[number] = one.id
        if one.id == link.id:
            return number
    raise KeyError(link.id)


def _reports(state: NodeState) -> Iterator[tuple[Link, ck.LinkReport]]:
    known = {report.link: report for report in state.report.links}
    yield from ((link, known[link.id]) for link in state.network.links_of(state.site) if link.id in known)


def _role(state: NodeState, link: Link) -> str:
    return _of("TRANSMITTER" if link.ends[0] == state.site else "RECEIVER")


def _interfaces(state: NodeState) -> Iterator[Json]:
    for link, report in _reports(state):
        number = interface_id(state.network, state.site, link)
        device = state.network.device_of(link)
        protocol = "" if device else state.network.modules[link.module].protocol
        status = "DISABLED" if link.id in state.disabled else STATUS_OF_MODULE.get(report.module.state, "FAILED")
        found = {
            "qkdi_id": number,
            "qkdi_model": f"device {link.module}" if device else f"emulated {protocol}, {link.module}",
            "qkdi_att_point": {"device": state.site, "port": number},
            "qkdi_capabilities": {"role_support": _role(state, link)},
            "qkdi_status": _of(status),
        }
        if device is None:  # what a device speaks is not known here
            found["qkdi_type"] = _of("DV-QKD")
        yield found


def _physical(state: NodeState) -> Iterator[Json]:
    for link, report in _reports(state):
        far = link.ends[link.ends[0] == state.site]
        module = report.module
        performance: Json = {"skr": _rate(module.secret_rate_bps), "eskr": _rate(_effective(report))}
        if state.network.device_of(link) is None and module.blocks:
            performance["phys_perf"] = [{"perf_type": _of("QBER"), "value": f"{module.qber:.3f}"}]
        yield {
            "qkdl_id": link_id(state.network, link.id),
            "qkdl_status": _of(_link_status(state, link.id, report)),
            "qkdl_enable": link.id not in state.disabled,
            "qkdl_local": {
                "qkdn_id": _node(state, state.site),
                "qkdi_id": interface_id(state.network, state.site, link),
            },
            "qkdl_remote": {"qkdn_id": _node(state, far), "qkdi_id": interface_id(state.network, far, link)},
            "qkdl_type": _of("PHYS"),
            **({} if link.medium.beam else {"phys_channel_att": f"{_fibre_db(link.medium):.3f}"}),
            "phys_qkd_role": _role(state, link),
            "qkdl_performance": performance,
        }


def _fibre_db(medium: Medium) -> float:
    return medium.loss_db + total_db(passive_items(medium.splitters, medium.bypasses))


def _effective(report: ck.LinkReport) -> float:
    account, rate = report.account, report.module.secret_rate_bps
    made = account.key_bits + account.authentication_bits
    return rate * account.key_bits / made if made else rate


def _link_status(state: NodeState, link: str, report: ck.LinkReport) -> str:
    if link in state.disabled:
        return "OFF"
    if report.module.state == "running":
        return "ACTIVE"
    return "PASSIVE" if report.sendable_bits + report.receivable_bits else "PENDING"


def _virtual(state: NodeState) -> Iterator[Json]:
    orders = {(order.peer, order.trust): order for order in state.table.pools}
    for pool in state.report.pools:
        order = orders.get((pool.peer, pool.trust))
        paths = order.paths if order else ()
        working = bool(paths) and not pool.last_refusal
        status = "ACTIVE" if working else "PASSIVE" if pool.ready_bits else "PENDING"
        found: Json = {
            "qkdl_id": pool_id(state, pool),
            "qkdl_status": _of(status),
            "qkdl_enable": True,
            "qkdl_local": {"qkdn_id": _node(state, state.site)},
            "qkdl_remote": {"qkdn_id": _node(state, pool.peer)},
            "qkdl_type": _of("VIRT"),
        }
        applications = [app_id(state.network, demand) for demand in demands_of(state, pool) if _times(state, demand)]
        if applications:
            found["qkdl_applications"] = applications
        hops = list(dict.fromkeys(_node(state, path[1]) for path in paths if len(path) > 1))
        if hops:
            found["virt_next_hop"] = hops
        if order is not None and order.rate_bps is not None:
            found["virt_bandwidth"] = _rate(order.rate_bps)
        yield found


def _ends(state: NodeState, demand: Demand) -> tuple[Application, Application] | None:
    """Those of a demand, the one at this site first; None if none of them is here."""
    one, other = (state.network.application(name) for name in demand.between)
    if one is None or other is None or state.site not in {*one.homes, *other.homes}:
        return None
    return (one, other) if state.site in one.homes else (other, one)


def demands_of(state: NodeState, pool: ck.PoolReport) -> Iterator[Demand]:
    """Those that a pool serves."""
    for demand in state.network.demands:
        ends = _ends(state, demand)
        if ends and pool.peer in ends[1].homes and demand.trust == pool.trust:
            yield demand


def app_id(network: Network, demand: Demand) -> str:
    """The UUID of the application that a demand is."""
    return name_uuid(network.name, "demand", f"{demand.between[0]} {demand.between[1]} {demand.trust}")


def _times(state: NodeState, demand: Demand) -> tuple[float, float] | None:
    return state.asked.get(frozenset(demand.between))


def _applications(state: NodeState) -> Iterator[Json]:
    for demand in state.network.demands:
        ends, times = _ends(state, demand), _times(state, demand)
        if ends is None or times is None:
            continue
        first, last = times
        server, client = (f"urn:qit4n:{state.network.name}:sae:{name}" for name in demand.between)
        backing = [
            pool_id(state, pool)
            for pool in state.report.pools
            if pool.peer in ends[1].homes and pool.trust == demand.trust
        ]
        yield {
            "app_id": app_id(state.network, demand),
            "app_status": _of("ON" if state.now - last < IDLE_S else "DISCONNECTED"),
            "app_type": _of("CLIENT"),
            "server_app_id": server,
            "client_app_id": [client],
            "app_priority": demand.priority,
            "creation_time": date_and_time(first),
            "app_statistics": {"statistics": list(_statistics(state, demand))},
            "app_qos": _qos(state, demand),
            **({"backing_qkdl_id": backing} if backing else {}),
            "local_qkdn_id": _node(state, state.site),
            "remote_qkdn_id": _node(state, ends[1].site),
        }


def _statistics(state: NodeState, demand: Demand) -> Iterator[Json]:
    for period in state.periods:
        yield {
            "end_time": date_and_time(period.end),
            "start_time": date_and_time(period.start),
            "consumed_bits": _rate(period.bits.get(frozenset(demand.between), 0)),
        }


def _qos(state: NodeState, demand: Demand) -> Json:
    bound = state.bounds.get(frozenset(demand.between))
    most = {} if bound is None else {"max_bandwidth": bound}
    return {**most, "ttl": _rate(state.network.policies.unclaimed_key_lifetime_s)}


def date_and_time(at: float) -> str:
    """Seconds since the Unix epoch as in RFC 3339."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
