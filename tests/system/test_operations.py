"""What an operator does to a running network under load: a fibre is cut, the network file changes; keys flow on."""

import itertools
import json
import sys
import threading
import time

import pytest
import yaml

from qit4n.errors import KeyRequestError, PeerUnreachableError

pytestmark = pytest.mark.system
ENOUGH_BITS = 100_000


class Applications:
    """Pairs of applications that get and fetch keys all the time, and note every request that fails."""

    def __init__(self, network, pairs):
        self.network, self.failed, self.done = network, [], 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=pair, daemon=True) for pair in pairs]
        for pair in pairs:
            for one in pair:
                network.client(one)
        for thread in self._threads:
            thread.start()

    def _run(self, master, slave):
        while not self._stop.wait(0.3):
            try:
                got = self.network.get(master, slave)
                assert self.network.fetch(slave, master, *got) == got
            except (KeyRequestError, PeerUnreachableError, AssertionError) as error:
                self.failed.append(f"{time.time():.2f} {master} {slave}: {error}")
            self.done += 1

    def more(self, count):
        """Wait until so many more requests are done."""
        wanted = self.done + count
        while self.done < wanted:
            time.sleep(0.05)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


@pytest.mark.long
def test_no_request_fails_when_a_fibre_is_cut_and_the_file_changes(start, tmp_path, command):
    """Metro: keys flow on, one alarm with the restoration time, healed it is gone; the same with a duct of two links.

    Then a site comes, and a link goes.
    """
    network = start("metro", limit_s=300)
    enough = "stock on every link"
    network.wait_for(lambda one: all(link["stock_bits"] > ENOUGH_BITS for link in one["links"]), enough, 300)
    pairs = [("app-bank", "app-data-centre"), ("app-data-centre", "app-hospital"), ("app-east", "app-west")]
    applications = Applications(network, pairs)
    try:
        applications.more(6)
        restored_s = cut_and_heal(network, applications)
        cut_and_heal_a_duct(network, applications)
        file = tmp_path / "changed.yaml"
        file.write_text(changed(command("example", "metro").stdout), encoding="utf-8")
        applied = network.qit("apply", file, "--yes", "--json", timeout=120)
        assert applied.returncode == 0, applied.stderr
        came_and_went(network, json.loads(applied.stdout)["changes"])
        applications.more(20)
    finally:
        applications.stop()
    assert applications.failed == []
    sys.stdout.write(f"{applications.done} requests, none failed; other paths within {restored_s:.2f} s\n")
    assert network.stop() == 0


def hops(status):
    """The hops of the present paths of all pools, as often as they are used."""
    paths = (path for pool in status["pools"] for path in pool["paths"])
    return [frozenset(hop) for path in paths for hop in itertools.pairwise(path)]


def cut_and_heal(network, applications):
    """Cut the ring's most used link, see what is told, heal it; the restoration time."""
    status = network.status()
    ring = {frozenset(one["ends"]): one["link"] for one in status["links"] if "user" not in one["link"]}
    hop = max(ring, key=hops(status).count)
    cut = network.qit("fault", "cut", ring[hop], "--json")
    assert cut.returncode == 0, cut.stderr
    alarm = json.loads(cut.stdout)["alarm"]
    assert alarm["restored_s"] is not None
    status = network.wait_for(lambda one: one["alarms"], "the alarm")
    assert [(one["element"], one["kind"]) for one in status["alarms"]] == [(ring[hop], "link-down")]
    assert hop not in hops(status)
    assert json.loads(network.qit("fault", "list", "--json").stdout) == {"cut": [ring[hop]], "ducts": []}
    applications.more(20)
    assert network.qit("fault", "heal", ring[hop]).returncode == 0
    network.wait_for(lambda one: not one["alarms"], "the alarm to clear")
    applications.more(6)
    return alarm["restored_s"]


def cut_and_heal_a_duct(network, applications):
    """Cut both links of South-East at once: one alarm, which names the duct, and keys go round the other way."""
    before, links = network.status(), ["east-southeast", "southeast-south"]
    lost = {frozenset(one["ends"]) for one in before["links"] if one["link"] in links}
    cut = network.qit("fault", "cut", "river-crossing", "--json")
    assert cut.returncode == 0, cut.stderr
    alarm = json.loads(cut.stdout)["alarm"]
    assert (alarm["element"], alarm["kind"], alarm["about"]) == ("river-crossing", "common-cause", links)
    assert alarm["restored_s"] is not None
    assert alarm["affects"] or lost.isdisjoint(hops(before))
    status = network.wait_for(lambda one: one["alarms"], "the alarm")
    assert [(one["element"], one["kind"]) for one in status["alarms"]] == [("river-crossing", "common-cause")]
    assert lost.isdisjoint(hops(status))
    told = json.loads(network.qit("fault", "list", "--json").stdout)
    assert told == {"cut": links, "ducts": ["river-crossing"]}
    applications.more(20)
    assert network.qit("fault", "heal", "river-crossing").returncode == 0
    network.wait_for(lambda one: not one["alarms"], "the alarm to clear")
    applications.more(6)
    sys.stdout.write(f"duct: other paths within {alarm['restored_s']:.2f} s, {len(alarm['affects'])} pools\n")


def changed(text):
    """Metro with a museum in the first place, and without the link between North and East."""
    for after, line in (
        ("sites:", "  - {id: museum}"),
        ("links:", "  - {id: pon-museum, ends: [museum, north], medium: {length_km: 4, loss_db: 7.9}, module: access}"),
        ("applications:", "  - {id: app-museum, site: museum}"),
        ("demands:", "  - {between: [app-museum, app-data-centre], pool_bits: 16384}"),
    ):
        text = text.replace(f"\n{after}\n", f"\n{after}\n{line}\n", 1)
    return "".join(line for line in text.splitlines(True) if "id: north-east" not in line)


def came_and_went(network, told):
    """The changes are told; the new application gets keys; other sites kept their ports and processes."""
    assert (told["sites"]["added"], told["links"]["removed"]) == (["museum"], ["north-east"])
    status = network.wait_for(
        lambda one: any(pool["source"] == "museum" and pool["ready_bits"] > 256 for pool in one["pools"]),
        "key for the museum",
    )
    assert "north-east" not in {one["link"] for one in status["links"]}
    folder, ports = (
        network.state / "applications" / "app-museum",
        yaml.safe_load((network.state / "network.yaml").read_text()),
    )
    port = next(one["first_port"] for one in ports["sites"] if one["id"] == "museum")
    files = {name: str(folder / f"{name}.pem") for name in ("cert", "key", "ca")}
    network.applications["app-museum"] = {"kmes": [f"https://127.0.0.1:{port}"], **files}
    got = network.get("app-museum", "app-data-centre")
    assert network.fetch("app-data-centre", "app-museum", *got) == got


def test_only_emulated_fibre_of_the_network_is_cut(start, three_sites):
    """A link that does not exist is refused with the names of those that do; one that does is down."""
    network = start(three_sites)
    refused = network.qit("fault", "cut", "nowhere")
    assert refused.returncode == 4
    assert "its links: ab, bc" in refused.stderr
    assert network.qit("fault", "cut", "ab").returncode == 0
    assert network.qit("fault", "list").stdout.strip() == "ab"
    assert {one["link"]: one["state"] for one in network.status()["links"]}["ab"] == "down"
