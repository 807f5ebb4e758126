"""What a live network runs and connects is what ``qit elements`` says (ITU-T Y.3802)."""

import json
from pathlib import Path

import pytest

from system.conftest import qit

pytestmark = pytest.mark.system


@pytest.mark.checklist("10a")
def test_every_process_is_an_element_and_every_connection_a_reference_point(start, three_sites):
    """Seen from the kernel: its processes and its TCP connections, in ten looks while keys are asked for."""
    network = start(three_sites)
    said = json.loads(qit("elements", network.state / "network.yaml", "--json").stdout)
    assert set(network.processes()) == {one["process"] for one in said["elements"] if "app-" not in one["process"]}
    ports = {one["number"]: one for one in said["ports"]}
    crossed, names = set(), {pid: name for name, pid in network.processes().items()}
    for _ in range(10):
        network.get("app-a", "app-c")
        for client, number in connections(names):
            port = ports[number]
            assert port["points"].get(client), f"{client} has a connection to {port['process']}, {port['interface']}"
            crossed.update((client, port["process"], point) for point in port["points"][client])
    assert {("a", "controller", "Ck"), ("manager", "controller", "Mc"), ("a", "c", "Kx")} <= crossed
    assert {("a", "b", "quantum channel"), ("b", "c", "classical channel")} <= crossed


def connections(names):
    """(client, port of the server) of every established TCP connection between two processes of ``names``."""
    owners, ends = {}, []
    for pid, name in names.items():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                target = str(descriptor.readlink())
            except FileNotFoundError:  # closed meanwhile
                continue
            if target.startswith("socket:["):
                owners[target[8:-1]] = name
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        local, remote, state = (int(words[n].partition(":")[2] or words[n], 16) for n in (1, 2, 3))
        if state == 1 and words[9] in owners:
            ends.append((owners[words[9]], local, remote))
    listening = {local for name, local, remote in ends for other, far, near in ends if (far, near) == (remote, local)}
    return [(name, remote) for name, local, remote in ends if remote in listening and remote < 32_000 <= local]
