"""States of the nodes of an example network, as an SDN agent sees them (ETSI GS QKD 015)."""

from qit4n.interfaces.etsi015 import NodeState
from qit4n.interfaces.etsi015model import ROOT
from qit4n.network.file import load
from qit4n.network.model import Trust
from qit4n.refpoints import ck
from qit4n.refpoints.kq1 import LinkAccount
from qit4n.refpoints.kq2 import ModuleState

NETWORK = load("secoqc")
SITE = NETWORK.sites[0].id
BASE = f"/restconf/data/{ROOT}"
PAIR = frozenset(NETWORK.demands[0].between)


def state(site=SITE, modules="running", **more):
    """A node of the example network, with all modules in one state."""
    links = NETWORK.links_of(site)
    qber = more.pop("qber", 0.02)
    reports = tuple(
        ck.LinkReport(
            link=link.id,
            peer=link.ends[link.ends[0] == site],
            sendable_bits=more.get("stock", 1000),
            receivable_bits=0,
            module=ModuleState(
                link=link.id, role="x", state=modules, blocks=3, secret_rate_bps=more.get("rate", 5000.0), qber=qber
            ),
            account=LinkAccount(key_bits=900, authentication_bits=100),
        )
        for link in links
    )
    peers = [one.id for one in NETWORK.sites if one.id != site][:2]
    pools = tuple(
        ck.PoolReport(peer=peer, trust=Trust(), ready_bits=0, target_bits=9, relayed_bits=0, supplied_bits=0)
        for peer in peers
    )
    orders = tuple(
        ck.PoolOrder(peer=peer, paths=((site, "x", peer),), target_bits=9, rate_bps=more.get("pool_rate"))
        for peer in peers
    )
    report = ck.SiteReport(site=site, pid=1, started_at=0.0, memory_bytes=1, links=reports, pools=pools)
    return NodeState(
        network=NETWORK,
        report=report,
        table=ck.RelayTable(version=1, pools=orders),
        now=more.get("now", 1e9),
        asked=more.get("asked", {}),
        disabled=more.get("disabled", frozenset()),
        bounds=more.get("bounds", {}),
        periods=more.get("periods", ()),
    )
