"""Networks of running links, and what their sites report, for tests of the controller."""

import itertools

from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Site
from qit4n.refpoints import ck, kq1, kq2

RATE = 1000.0
STOCK_BITS = 1_000_000


def network_of(*pairs):
    """Sites of one letter, a link for each pair of letters, an application at each and a demand between all."""
    sites = sorted({site for pair in pairs for site in pair})
    return Network(
        qit4n=1,
        name="letters",
        sites=tuple(Site(id=site) for site in sites),
        modules={"m": Module(pulse_rate_hz=1e8)},
        links=tuple(
            Link(id=pair.lower(), ends=(pair[0], pair[1]), medium=Medium(length_km=1, loss_db=1), module="m")
            for pair in pairs
        ),
        applications=tuple(Application(id=site.lower(), site=site) for site in sites),
        demands=tuple(Demand(between=pair) for pair in itertools.combinations([site.lower() for site in sites], 2)),
    )


def report(network, site, stock, follows=(0, 0)):
    """What a site tells: its links run at ``RATE`` with the given stock, or plenty."""
    links = tuple(
        ck.LinkReport(
            link=link.id,
            peer=link.ends[link.ends[0] == site],
            sendable_bits=stock.get(link.id, STOCK_BITS),
            receivable_bits=stock.get(link.id, STOCK_BITS),
            module=kq2.ModuleState(link=link.id, role="transmitter", state="running", secret_rate_bps=RATE),
            account=kq1.LinkAccount(),
        )
        for link in network.links_of(site)
    )
    return ck.SiteReport(site=site, pid=1, started_at=0.0, memory_bytes=1, links=links, pools=(), follows=follows)
