"""``qit status``: what the tables show."""

import pytest
from msgspec.structs import replace
from rich.console import Console

from qit4n.cli import status as command
from qit4n.cli.status import _ways, sites_table, tables
from qit4n.cli.tabletext import screen
from qit4n.dashboard.tables import paths_text
from qit4n.network.file import load
from qit4n.refpoints import mc
from unit.dashboard.worlds import pool_status, status_of


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


@pytest.fixture
def metro():
    """All that a link and a pool of the metropolitan ring may have to say."""
    network = load("metro")
    known = status_of(network)
    one = {"stock_bits": 987_654, "secret_rate_bps": 12_345.6, "predicted_rate_bps": 14_321.0, "failed_blocks": 12}
    links = tuple(replace(link, qber=0.0182, predicted_qber=0.0179, blocks=12_345, **one) for link in known.links)
    pool = mc.PoolStatus(
        source="south-east",
        destination="north-west",
        paths=(("south-east", "east", "north", "north-west"),),
        backups=(("south-east", "south", "west", "north-west"),),
        trust="2 of 3 paths, xor-at-destination",
        ready_bits=987_654,
        target_bits=1_000_000,
        supplied_bits=123_456_789,
        rate_bps=12_345.0,
        priority=2,
    )
    ahead = mc.Forecast(
        kind="link", element="south-west", stock_bits=1, net_bps=-1.0, early_s=1.0, empty_s=7200.0, late_s=None
    )
    return replace(known, links=links, pools=(pool,), forecasts=(ahead,))


def lines(status, width):
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(tables(status, console))
    return captured.get().splitlines()


def test_eighty_columns_cut_nothing_off(metro):
    """Every word of the tables is there, ids of links and numbers in one piece; no line is longer."""
    shown = lines(metro, 80)
    assert max(map(len, shown)) <= 80
    text = "\n".join(shown)
    assert "…" not in text
    words = text.split()
    assert {link.link for link in metro.links} <= set(words)
    assert words.count("1.79%") == words.count("12345") == len(metro.links)
    assert "empty in 2 h" in text
    assert {"xor-at-destination,", "priority", "14.3"} <= set(words)
    (head,) = [line for line in shown if "paths, or backup" in line]
    ways = [line[head.index("paths, or") :] for line in shown[shown.index(head) + 2 :]]
    assert (
        "".join(ways).replace(" ", "").startswith("south-east-east-north-north-west,orsouth-east-south-west-north-west")
    )


def test_a_wide_terminal_has_a_line_for_each_link(metro):
    (line,) = [line for line in lines(metro, 200) if line.startswith(" south-west ")]
    for cell in ("south - west", "running", "988 kbit, empty in 2 h", "12.3 kbit/s", "14.3 kbit/s", "1.79%", "12345"):
        assert cell in line


def test_a_pipe_is_as_wide_as_it_takes(metro, monkeypatch):
    """For grep; with COLUMNS it is as wide as that says."""
    monkeypatch.delenv("COLUMNS", raising=False)
    assert len([line for line in lines(metro, screen().width) if "xor-at-destination" in line and "west" in line]) == 1
    monkeypatch.setenv("COLUMNS", "90")
    assert screen().width == 90


def test_a_program_that_watches_gets_one_status_after_the_other(metro, monkeypatch, capsys):
    """In a pipe there is no screen to keep up to date: it got nothing until the end."""
    seen = []

    def sleep(_):
        seen.append(capsys.readouterr().out)
        if len(seen) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(command, "status_now", lambda _: metro)
    monkeypatch.setattr(command.time, "sleep", sleep)
    with pytest.raises(KeyboardInterrupt):
        command.status(watch=True)
    assert all("south-west" in one for one in seen)


def test_paths_that_share_a_duct_say_so():
    """On the terminal and on the dashboard; of others nothing is said."""
    ways = (("a", "b", "d"), ("a", "c", "d"))
    plain = pool_status("a", "d", ways)
    shared = replace(plain, shared_ducts=("bridge", "trench"))
    assert _ways(shared) == "a-b-d, a-c-d (share ducts bridge, trench)"
    assert _ways(plain) == "a-b-d, a-c-d"
    assert "▾ share ducts bridge, trench" in paths_text(shared)
    assert "share" not in paths_text(plain)
