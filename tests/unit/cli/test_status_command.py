"""``qit status``: what the tables show."""

from rich.console import Console

from qit4n.cli.status import sites_table
from qit4n.refpoints import mc


def shown(*replicas, standbys=0):
    sites = tuple(
        mc.SiteStatus(
            site=f"site{number}",
            up=True,
            pid=4711,
            uptime_s=1.0,
            memory_bytes=0,
            unclaimed_keys=0,
            replica=replica,
            standbys=standbys,
        )
        for number, replica in enumerate(replicas)
    )
    report = mc.NetworkStatus(network="n", at=0.0, sites=sites, links=(), pools=(), alarms=())
    console = Console(width=120, color_system=None)
    with console.capture() as captured:
        console.print(sites_table(report))
    return captured.get()


def test_the_active_replica_of_each_site_is_shown():
    """Its number, with the process that serves, and how many stand by."""
    lines = [line for line in shown(2, 1, standbys=3).splitlines() if "4711" in line]
    assert "4711 (replica 2)" in lines[0]
    assert "4711 (replica 1)" in lines[1]
    assert all(line.split()[-1] == "3" for line in lines)


def test_without_replicas_nothing_is_said_of_them():
    """Most networks have one process per site."""
    assert "replica" not in shown(0, 0)
    assert "stand by" not in shown(0, 0)
