"""What goes wrong at the command line: a sentence a person can act on, and a distinct exit code."""

import socket
import subprocess
import sys

import pytest
from msgspec.structs import replace

from qit4n.adapters import certificates
from qit4n.network.file import load
from qit4n.network.generate import to_yaml

pytestmark = pytest.mark.system


@pytest.fixture
def state(tmp_path, free_base_port):
    """The state directory of two data centres, prepared but not running; no other test listens at its ports."""
    network = replace(load("two-data-centres"), base_port=free_base_port())
    certificates.issue_all(network, tmp_path)
    (tmp_path / "network.yaml").write_text(to_yaml(network), encoding="utf-8")
    return tmp_path


def refused(done, code, *texts):
    """Exit code and sentence, without a traceback."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    for text in texts:
        assert text in done.stderr


def test_unknown_networks_are_explained(command):
    """A misspelt example is answered with the nearest one."""
    refused(command("up", "secocq"), 4, "did you mean secoqc")
    refused(command("example", "nothing"), 4, "shapes: chain")


def test_a_bad_file_is_refused_with_every_problem(command, tmp_path):
    """``qit check`` and ``qit up`` list the problems with line numbers."""
    file = tmp_path / "bad.yaml"
    file.write_text("qit4n: 1\nname: x\nsites: [{id: a}]\nlinks: [{id: l, ends: [a, q]}]\n", encoding="utf-8")
    for verb in ("check", "up"):
        refused(command(verb, file), 3, "bad.yaml:4:", "'medium' is missing", "'module' is missing")
    refused(command("up", "two-data-centres", "--eavesdrop", "nolink=1"), 3, "no link nolink")


@pytest.mark.parametrize("port", [-1, 0, 80, 65_001, 99_999])
def test_ports_that_cannot_be_are_refused_before_anything_is_written(command, tmp_path, port):
    """As ``base_port`` of a file would be; the state directory is left alone."""
    state = tmp_path / "state"
    done = command("up", "two-data-centres", "--base-port", port, "--state", state)
    refused(done, 3, f"--base-port {port}", "at least 1024, at most 65000")
    assert not state.exists()


@pytest.mark.parametrize("share", ["nan", "-0.1", "7", "much"])
def test_shares_that_cannot_be_are_refused(command, share):
    """An attack on more than all pulses is none that was meant."""
    refused(command("up", "two-data-centres", "--eavesdrop", f"east-west={share}"), 3, "a number from 0 to 1")


def test_a_state_directory_that_cannot_be_is_named(command, tmp_path):
    """A file stands there, or the place takes no directories."""
    file = tmp_path / "file"
    file.touch()
    for state in (file, "/proc/nothing"):
        refused(command("up", "two-data-centres", "--state", state), 7, f"state directory {state}", "--state")


def test_output_that_cannot_be_written_is_said(state):
    """To a full disk; with standard output closed nothing is said at all."""
    for arguments in (["example"], ["status", "--state", str(state)]):
        line = [sys.executable, "-m", "qit4n.cli.main", *arguments]
        with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
            done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert "Traceback" not in done.stderr
        assert done.returncode in {1, 10}
        closed = subprocess.run(["sh", "-c", 'exec "$@" >&-', "sh", *line], capture_output=True, text=True, check=False)
        assert "Traceback" not in closed.stderr


def test_the_version_is_said(command):
    """For who reports a fault."""
    assert command("--version").stdout.startswith("qit4n ")


def test_a_port_in_use_is_named(command, tmp_path):
    """Before anything starts: who wants which port, and what to do."""
    # The network's first port is the one taken: any other might belong to another test, which would be named first.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = command("up", "two-data-centres", "--base-port", port, "--state", tmp_path)
    refused(done, 6, f"127.0.0.1:{port}", "--base-port")


def test_no_running_network_is_said(command, state, tmp_path_factory):
    """Status and key without a network: nobody answers, or no state directory."""
    refused(command("status", "--state", state), 10, "no controller of network two-data-centres answers", "qit up")
    refused(command("key", "get", "app-west", "--as", "app-east", "--state", state), 10, "does not answer")
    refused(command("status", "--state", tmp_path_factory.mktemp("empty")), 4, "holds no network.yaml")
    refused(command("key", "get", "x", "--as", "nobody", "--state", state), 4, "app-east, app-west")


def test_a_site_that_cannot_start_says_why(command, state):
    """Unknown site, missing certificate, damaged store, lost store key: each its own code and sentence."""
    refused(command("node", "north", "--state", state), 4, "its sites: east, west")
    east = state / "sites" / "east"
    (east / "store.db").write_bytes(b"garbage" * 1000)
    refused(command("node", "east", "--state", state), 8, "store.db is damaged", "move it away")
    (east / "store.key").write_bytes(b"short")
    refused(command("node", "east", "--state", state), 7, "store.key holds 5 bytes")
    (east / "key.pem").unlink()
    refused(command("node", "east", "--state", state), 5, "key.pem is missing", "qit pki")


def test_every_verb_speaks_json(command):
    """One JSON document on standard output."""
    import json

    assert json.loads(command("check", "secoqc", "--json").stdout)["ok"] is True
    assert "secoqc" in json.loads(command("example", "--json").stdout)["examples"]
    assert json.loads(command("example", "ring", "--size", "4", "--json").stdout)["name"] == "ring-4"
    assert json.loads(command("schema").stdout)["$schema"].endswith("2020-12/schema")


@pytest.mark.xdist_group("data-centres")
def test_a_running_network_cannot_be_started_twice(data_centres, command):
    """The second ``qit up`` on the same state says that one is at work."""
    refused(command("up", "two-data-centres", "--state", data_centres.state), 12, "runs with state")
