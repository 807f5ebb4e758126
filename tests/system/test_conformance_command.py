"""``qit conformance`` on two live KMEs of ours: no failure, no warning, nothing skipped."""

import json

import pytest

pytestmark = pytest.mark.system

NETWORK = """
qit4n: 1
name: conformance
sites: [{id: a}, {id: b}]
modules:
  near: {pulse_rate_hz: 1.0e+8, detector_efficiency: 0.4, dark_count_probability: 1.0e-7, block_bits: 400000}
links:
  - {id: ab, ends: [a, b], medium: {length_km: 5, loss_db: 1}, module: near}
applications: [{id: app-a, site: a}, {id: app-b, site: b}, {id: app-x, site: b}]
demands:
  - {between: [app-a, app-b], pool_bits: 262144}
  - {between: [app-a, app-x], pool_bits: 65536}
"""


@pytest.fixture
def network(start, tmp_path):
    """Two sites and three applications, running; the pool is full enough for every check."""
    file = tmp_path / "conformance.yaml"
    file.write_text(NETWORK, encoding="utf-8")
    running = start(file)
    running.wait_for(lambda status: all(pool["ready_bits"] > 100_000 for pool in status["pools"]), "full pools")
    return running


@pytest.mark.checklist("1a", "1b", "1c", "2a", "2b", "2c", "3a", "3b", "3e", "3f", "3g", "4a", "4b", "4c", "4d", "5a")
@pytest.mark.checklist("12a", "12b", "12c", "12d", "12e", "12f", "12g", "12j")
@pytest.mark.parametrize("load_s", [3, pytest.param(150, marks=pytest.mark.long)])
def test_two_live_kmes_pass_every_check(network, command, load_s):
    """With both directions at once (for minutes in the long tests), a stranger, SIGKILL of both between enc and dec."""

    def party(name):
        files = network.applications[name]
        return ",".join((files["kme"], files["cert"], files["key"]))

    done = command(
        "conformance",
        "--strict",
        *("--master", party("app-a"), "--slave", party("app-b"), "--stranger", party("app-x")),
        *("--ca", network.applications["app-a"]["ca"], "--load", load_s, "--format", "json"),
        *("--restart", f"kill -9 {network.processes()['a']} {network.processes()['b']}"),
        timeout=load_s + 120,
    )
    found = json.loads(done.stdout)
    assert [one for one in found["checks"] if one["outcome"] != "pass"] == []
    assert done.returncode == 0
    assert len(found["checks"]) > 50
