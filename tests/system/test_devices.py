"""Devices behind a link: one network of ours serves as the boxes of another one."""

import contextlib
import json
import os
import shutil
import signal
import time

import pytest
import yaml

from qit4n.adapters.certificates import issue_all
from qit4n.errors import KeyRequestError
from qit4n.network.file import load

pytestmark = pytest.mark.system

INNER = """
qit4n: 1
name: boxes
sites: [{id: box1}, {id: box2}]
modules:
  near: {pulse_rate_hz: 1.0e+8, detector_efficiency: 0.4, dark_count_probability: 1.0e-7, block_bits: 400000}
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


def end(boxes, application, files, interface):
    """What a site of the outer network knows of its box; the files are copied to ``files``, beside the network file."""
    found = boxes.applications[application]
    shutil.copytree(boxes.state / "applications" / application, files, dirs_exist_ok=True)
    plain = {name: f"{files.name}/{name}.pem" for name in ("cert", "key", "ca")}
    kme = found["kme"] if interface == "etsi-014" else f"tls://{found['key_streams']}"
    return json.dumps({"kme": kme, "sae": application} | plain)


@pytest.fixture
def interface():
    """What the boxes speak."""
    return "etsi-014"


@pytest.fixture
def boxes(start, tmp_path):
    """The inner network: two boxes with their key managers."""
    file = tmp_path / "boxes.yaml"
    file.write_text(INNER)
    return start(file)


@pytest.fixture
def outer_file(boxes, tmp_path, interface):
    """The network file of the outer network, with certificates by paths relative to it."""
    file = tmp_path / "outer" / "outer.yaml"
    file.parent.mkdir()
    text = OUTER.replace("interface: etsi-014", f"interface: {interface}")
    text = text.replace("{END_A}", end(boxes, "kms-a", file.parent / "box-a", interface))
    file.write_text(text.replace("{END_B}", end(boxes, "kms-b", file.parent / "box-b", interface)))
    return file


def wait_until_it_answers(network, limit_s=60):
    """Its status can be asked for, though it may have no key."""
    deadline = time.monotonic() + limit_s
    while network.qit("status").returncode:
        assert time.monotonic() < deadline
        time.sleep(0.3)


def kinds(status):
    return {alarm["kind"] for alarm in status["alarms"]}


def equal_keys(network, number=8):
    """Keys got at one end are the same at the other, in both directions, as soon as there are so many."""
    bits = number * 256
    network.wait_for(lambda one: all(pool["ready_bits"] >= bits for pool in one["pools"]), f"{bits} bits of key")
    for master, slave in (("app-a", "app-b"), ("app-b", "app-a")):
        got = network.get(master, slave, number=number)
        assert len(set(got.values())) == number
        assert network.fetch(slave, master, *got) == got


@pytest.mark.long
@pytest.mark.parametrize("interface", ["etsi-004"])
def test_a_link_takes_its_key_from_a_stream(boxes, outer_file, start):
    """ETSI GS QKD 004 in the place of 014: equal keys at both ends; boxes killed and started again: keys again."""
    outer = start(outer_file)
    outer.wait_for(lambda one: all(pool["ready_bits"] > 40_000 for pool in one["pools"]), "keys from the stream")
    equal_keys(outer)
    account = json.loads(outer.qit("key", "account", "ab", "--json").stdout)["account"]
    assert account["last"]["interface"] == "ETSI GS QKD 004"
    outer.wait_for(lambda one: one["links"][0]["state"] == "resting", "a full stock")
    for process in boxes.processes().values():
        os.kill(process, signal.SIGKILL)
    had = outer.status()["links"][0]["blocks"]
    for _ in range(3):
        outer.get("app-a", "app-b", number=64)
    outer.wait_for(lambda one: one["links"][0]["blocks"] > had + 1, "more key from the stream")
    equal_keys(outer)


def test_a_link_takes_its_key_from_boxes_and_recovers_when_they_were_gone(boxes, outer_file, start):
    """Equal keys at both ends; the account says whose claim it is; boxes killed: link down; restarted: keys again."""
    outer = start(outer_file)
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

    outer.wait_for(lambda one: one["links"][0]["state"] == "resting", "a full stock")
    boxes.stop()
    status = outer.wait_for(lambda one: one["links"][0]["state"] == "down", "the link to be down", 30)
    outer.wait_for(lambda one: "device-away" in kinds(one), "the alarm", 10)
    assert all(site["up"] for site in status["sites"])
    file = boxes.state / "network.yaml"
    start(file, "--base-port", str(yaml.safe_load(file.read_text())["base_port"]), state=boxes.state)
    outer.wait_for(lambda one: one["links"][0]["state"] in {"running", "resting"} and not kinds(one), "recovery", 60)
    before = outer.status()["links"][0]["blocks"]
    with contextlib.suppress(KeyRequestError):  # insufficient key material: more than what waits is asked
        while True:
            outer.get("app-a", "app-b", number=8)
    outer.wait_for(lambda one: one["links"][0]["blocks"] > before, "new blocks", 60)
    deadline = time.monotonic() + 60
    while (
        time.monotonic() < deadline
    ):  # what the controller has heard of the pools may be from before they were used up
        with contextlib.suppress(KeyRequestError):
            equal_keys(outer)
            break
        time.sleep(0.2)
    else:
        equal_keys(outer)


@pytest.mark.long
@pytest.mark.parametrize(("wrong", "says"), [("stranger", "401"), ("other", "certificate")])
def test_a_wrong_certificate_is_an_alarm_that_says_so(boxes, outer_file, start, tmp_path, wrong, says):
    """A certificate of another application, or of another authority: the link names the device and its answer."""
    files = boxes.state / "applications" / "stranger" if wrong == "stranger" else tmp_path / "other"
    if wrong == "other":
        issue_all(load("two-data-centres"), tmp_path / "pki")
        files = tmp_path / "pki" / "applications" / "app-east"
    for name in ("cert.pem", "key.pem"):
        shutil.copy(files / name, outer_file.parent / "box-b" / name)
    outer = start(outer_file, wait=False)
    wait_until_it_answers(outer)
    status = outer.wait_for(lambda one: "device-refused" in kinds(one), "the alarm", 60)
    text = next(alarm["text"] for alarm in status["alarms"] if alarm["kind"] == "device-refused")
    assert "site b" in text
    assert says in text
    for name in ("cert.pem", "key.pem"):
        shutil.copy(boxes.state / "applications" / "kms-b" / name, outer_file.parent / "box-b" / name)
    outer.wait_for(lambda one: one["links"][0]["blocks"] > 0 and not kinds(one), "key, with the right certificate", 60)
