"""Two networks, each run by its own ``qit up``, whose applications share keys (ETSI GS QKD 020)."""

import contextlib
import os
import signal
import threading
import time

import pytest

from qit4n.errors import KeyRequestError, PeerUnreachableError
from system.foreignkme import ForeignKME

pytestmark = [pytest.mark.system, pytest.mark.long]

OTHER = {"north": "south", "south": "north"}


def text(name, base, other_base, state):
    other = OTHER[name]
    return f"""
qit4n: 1
name: {name}
base_port: {base}
sites: [{{id: {name}-office}}, {{id: {name}-gate}}]
modules:
  near: {{pulse_rate_hz: 1.0e+8, detector_efficiency: 0.4, dark_count_probability: 1.0e-7, block_bits: 50000}}
links:
  - {{id: {name}-link, ends: [{name}-office, {name}-gate], medium: {{length_km: 5, loss_db: 1}}, module: near}}
applications: [{{id: app-{name}, site: {name}-office}}, {{id: gate-{name}, site: {name}-gate}}]
neighbours:
  {other}:
    site: {name}-gate
    url: https://127.0.0.1:{other_base + 11}
    identity: urn:qit4n:{other}:site:{other}-gate
    ca: {state / other / "ca" / "ca.pem"}
    applications: [app-{other}, gate-{other}]
demands:
  - {{between: [app-{name}, app-{other}], pool_bits: 262144}}
  - {{between: [gate-{name}, app-{other}], pool_bits: 65536}}
  - {{between: [app-{name}, gate-{other}], pool_bits: 65536}}
  - {{between: [gate-{name}, gate-{other}], pool_bits: 65536}}
"""


@pytest.fixture
def two(start, command, tmp_path, free_base_port):
    """Both networks, up and known to each other: ``{"north": ..., "south": ...}``."""
    base = free_base_port()
    bases = {"north": base, "south": base + 100}
    for name, other in OTHER.items():
        (tmp_path / f"{name}.yaml").write_text(text(name, bases[name], bases[other], tmp_path), encoding="utf-8")
    for name in OTHER:
        done = command("pki", tmp_path / f"{name}.yaml", "--state", tmp_path / name, timeout=600)
        assert done.returncode == 0, done.stderr
    networks = {
        name: start(tmp_path / f"{name}.yaml", "--base-port", str(bases[name]), state=tmp_path / name) for name in OTHER
    }
    for network in networks.values():
        network.wait_for(
            lambda status: all(one["report"]["up"] for one in status["neighbours"]), "the neighbour", limit_s=300
        )
    return networks


def network_of(two, application):
    return two[application.partition("-")[2]]


@pytest.mark.checklist("7a")
def test_applications_of_two_networks_share_keys(two):
    """A key got in one network is fetched, equal, once, in the other, whichever sites the applications are at."""
    for master, slave in [
        ("app-north", "app-south"),
        ("app-south", "app-north"),
        ("gate-north", "app-south"),
        ("app-north", "gate-south"),
        ("gate-south", "gate-north"),
    ]:
        got = network_of(two, master).get(master, slave, number=3, size=512)
        assert len(got) == 3
        assert {len(value) for value in got.values()} == {64}
        assert network_of(two, slave).fetch(slave, master, *got) == got
        with pytest.raises(KeyRequestError, match="not found"):
            network_of(two, slave).fetch(slave, master, *got)

    def counted(status):
        (report,) = [one["report"] for one in status["neighbours"]]
        return (report["network"], report["handed_keys"], report["taken_keys"]) == ("south", 9, 6)

    two["north"].wait_for(counted, "the site's next report", 30)


@pytest.mark.checklist("7a")
@pytest.mark.checklist("7b")
def test_a_key_manager_of_somebody_else_in_asynchronous_mode(start, command, tmp_path, free_base_port):
    """Both directions with a peer that knows the document alone: relayed, failed, never acknowledged, and voided."""
    base = free_base_port()
    foreign = tmp_path / "foreign.yaml"
    foreign.write_text(text("south", base + 100, base, tmp_path), encoding="utf-8")  # for its certificates only
    assert command("pki", foreign, "--state", tmp_path / "south", timeout=600).returncode == 0
    file = tmp_path / "north.yaml"
    file.write_text(text("north", base, base + 100, tmp_path), encoding="utf-8")
    assert command("pki", file, "--state", tmp_path / "north", timeout=600).returncode == 0
    certificates = tmp_path / "south" / "sites" / "south-gate"
    kme = ForeignKME(certificates / "cert.pem", certificates / "key.pem", tmp_path / "north" / "ca" / "ca.pem")
    try:
        written = file.read_text("utf-8").replace(f"https://127.0.0.1:{base + 111}", kme.url)
        file.write_text(written, encoding="utf-8")
        network = start(file, "--base-port", str(base), state=tmp_path / "north")
        network.wait_for(lambda status: status["neighbours"][0]["report"]["up"], "the other key manager", limit_s=300)
        assert network.status()["neighbours"][0]["report"]["mode"] == "asynchronous"
        _handed_to(kme, network)
        _taken_from(kme, network, f"https://127.0.0.1:{base + 11}")
    finally:
        kme.close()


def _handed_to(kme, network):
    got = network.get("app-north", "app-south", number=3)
    assert {key_id: kme.keys[key_id] for key_id in got} == got
    for behaviour, words in (("failed", "failed"), ("silent", "no acknowledgement")):
        kme.behaviour = behaviour
        before = set(kme.keys)
        with pytest.raises(KeyRequestError, match=words) as caught:
            network.get("app-north", "app-south")
        assert caught.value.status == 503
        deadline = time.monotonic() + 60
        while set(kme.keys) != before:
            assert time.monotonic() < deadline, "a key that nobody may use was not voided"
            time.sleep(0.1)
    kme.behaviour = "relayed"


def _taken_from(kme, network, url):
    values = [bytes([number]) * 32 for number in range(1, 4)]
    container = kme.container("app-south", "app-north", values)
    assert kme.post(f"{url}/kmapi/v1/ext_keys", container) == (202, None)
    assert kme.heard.wait(30)
    (ack,) = kme.acks
    ids = [key["key_id"] for key in container["keys"]]
    assert (ack["ack_status"], [one["key_id"] for one in ack["key_id_container"]]) == ("relayed", ids)
    assert network.fetch("app-north", "app-south", *ids[:2]) == dict(zip(ids, values[:2], strict=False))
    pair = {"initiator_sae_id": "app-south", "target_sae_ids": ["app-north"]}
    status, acks = kme.post(f"{url}/kmapi/v1/ext_keys/void", {"key_ids": ids, **pair})
    assert status == 200
    found = {one["ack_status"]: {key["key_id"] for key in one["key_id_container"]} for one in acks}
    assert found == {"failed to void": set(ids[:2]), "voided": {ids[2]}}
    with pytest.raises(KeyRequestError, match="not found"):
        network.fetch("app-north", "app-south", ids[2])
    elsewhere = kme.container("app-south", "app-north", values) | {"ack_callback_url": "https://127.0.0.1:1/ack"}
    status, problem = kme.post(f"{url}/kmapi/v1/ext_keys", elsewhere)
    assert (status, problem["type"].rpartition("/")[2]) == (400, "invalid-parameter")


@pytest.mark.checklist("7b")
def test_killed_gates_cost_keys_that_were_on_their_way_and_no_others(two):
    """Kill -9 of either gate under load: every key that a master got is at its slave, equal, once; keys flow again."""
    stop, wrong, got = threading.Event(), [], {name: {} for name in OTHER}

    def ask(name):
        while not stop.wait(0.05):
            with contextlib.suppress(KeyRequestError, PeerUnreachableError):
                keys = two[name].get(f"app-{name}", f"app-{OTHER[name]}", number=2)
                if keys.keys() & got[name].keys() or set(keys.values()) & set(got[name].values()):
                    wrong.append("a key was given twice")
                got[name] |= keys

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in OTHER]
    for thread in threads:
        thread.start()
    try:
        for kill in range(4):
            victim = tuple(OTHER)[kill % 2]
            before = {name: len(keys) for name, keys in got.items()}
            os.kill(two[victim].processes()[f"{victim}-gate"], signal.SIGKILL)
            deadline = time.monotonic() + 300
            while any(len(got[name]) < before[name] + 20 for name in OTHER):
                assert time.monotonic() < deadline, f"no keys after {victim}-gate was killed"
                time.sleep(0.05)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert wrong == []
    for name, keys in got.items():
        ids = list(keys)
        for at in range(0, len(ids), 64):
            some = ids[at : at + 64]
            found = two[OTHER[name]].fetch(f"app-{OTHER[name]}", f"app-{name}", *some)
            assert found == {key_id: keys[key_id] for key_id in some}
