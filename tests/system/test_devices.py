"""QKD devices behind a link: one network of ours serves as the boxes of another one."""

import json
import shutil

import pytest

pytestmark = pytest.mark.system

INNER = """
qit4n: 1
name: boxes
sites: [{id: box1}, {id: box2}]
modules:
  near: {pulse_rate_hz: 1.0e+8, detector_efficiency: 0.4, dark_count_probability: 1.0e-7, block_bits: 50000}
links: [{id: fibre, ends: [box1, box2], medium: {length_km: 5, loss_db: 1}, module: near}]
applications: [{id: kms-a, site: box1}, {id: kms-b, site: box2}, {id: stranger, site: box2}]
demands: [{between: [kms-a, kms-b], pool_bits: 262144}]
"""
OUTER = """
qit4n: 1
name: outer
sites: [{id: a}, {id: b}]
modules:
  emulated: {pulse_rate_hz: 1.0e+8}
devices:
  box:
    interface: etsi-014
    ends:
      a: {END_A}
      b: {END_B}
links: [{id: ab, ends: [a, b], medium: {length_km: 5, loss_db: 1}, module: box}]
applications: [{id: app-a, site: a}, {id: app-b, site: b}]
demands: [{between: [app-a, app-b], pool_bits: 65536}]
policies: {link_stock_bits: 100000}
"""


def end(boxes, application, files):
    """What a site of the outer network knows of its box; the files are copied to ``files``, beside the network file."""
    found = boxes.applications[application]
    shutil.copytree(boxes.state / "applications" / application, files, dirs_exist_ok=True)
    plain = {name: f"{files.name}/{name}.pem" for name in ("cert", "key", "ca")}
    return json.dumps({"kme": found["kme"], "sae": application} | plain)


@pytest.fixture
def boxes(start, tmp_path):
    """The inner network: two boxes with their key managers."""
    file = tmp_path / "boxes.yaml"
    file.write_text(INNER)
    return start(file, ports=8)


@pytest.fixture
def outer_file(boxes, tmp_path):
    """The network file of the outer network, with certificates by paths relative to it."""
    file = tmp_path / "outer" / "outer.yaml"
    file.parent.mkdir()
    text = OUTER.replace("{END_A}", end(boxes, "kms-a", file.parent / "box-a"))
    file.write_text(text.replace("{END_B}", end(boxes, "kms-b", file.parent / "box-b")))
    return file


def kinds(status):
    return {alarm["kind"] for alarm in status["alarms"]}


def equal_keys(network, number=8):
    """Keys got at one end are the same at the other, in both directions."""
    for master, slave in (("app-a", "app-b"), ("app-b", "app-a")):
        got = network.get(master, slave, number=number)
        assert len(set(got.values())) == number
        assert network.fetch(slave, master, *got) == got


def test_a_link_takes_its_key_from_boxes_and_recovers_when_they_were_gone(boxes, outer_file, start):
    """Equal keys at both ends; the account says whose claim it is; boxes killed: link down; restarted: keys again."""
    outer = start(outer_file, ports=8)
    equal_keys(outer)
    status = outer.status()
    link = status["links"][0]
    assert link["device"] == "box"
    assert link["secret_rate_bps"] > 0
    assert link["predicted_rate_bps"] is link["qber"] is None
    assert kinds(status) == set()
    shown = outer.qit("key", "account", "ab")
    assert "no epsilon is stated" in shown.stdout
    account = json.loads(outer.qit("key", "account", "ab", "--json").stdout)["account"]
    assert account["device_bits"] > 0
    assert account["blocks"] == 0 == account["epsilon_secrecy"]
    assert account["last"]["interface"] == "ETSI GS QKD 014"
    assert "from device" not in outer.qit("status").stdout
