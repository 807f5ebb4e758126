"""What the processes of a network share on one machine."""

import subprocess
import sys

import pytest

from qit4n.cli.pki import pki
from qit4n.errors import NotReadyError
from qit4n.node.processes import SUPERVISOR, claimed, is_running


def test_a_state_directory_has_one_supervisor_at_a_time(tmp_path):
    """Also if both come at the same moment: the second is told the process of the first."""
    with claimed(tmp_path):
        assert is_running(tmp_path)
        with pytest.raises(NotReadyError, match=r"already \(process \d+\); stop it first"), claimed(tmp_path):
            pass
        assert is_running(tmp_path)
    assert not is_running(tmp_path)
    with claimed(tmp_path):
        pass


def test_what_a_killed_supervisor_leaves_is_no_hindrance(tmp_path):
    """Its number may belong to another process of ours by now: the lock counts, not the number."""
    killed = "import os, sys; from pathlib import Path; from qit4n.node.processes import claimed; "
    killed += "held = claimed(Path(sys.argv[1])); held.__enter__(); os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", killed, tmp_path], check=False).returncode == -9
    assert (tmp_path / SUPERVISOR).read_text("ascii").isdecimal()
    waiting = "import sys; sys.stdin.read()  # qit4n.cli.main"
    with subprocess.Popen([sys.executable, "-c", waiting, "qit"], stdin=subprocess.PIPE) as other:
        (tmp_path / SUPERVISOR).write_text(str(other.pid), "ascii")
        assert not is_running(tmp_path)
        with claimed(tmp_path):
            pass
        other.communicate()


def test_a_preshared_key_is_not_renewed_under_a_running_network(tmp_path):
    """Its two ends would go on with the old one, and the next start would find another."""
    with claimed(tmp_path), pytest.raises(NotReadyError, match="stop it first"):
        pki("two-data-centres", state=tmp_path, renew_psk=["east-west"])
    assert not (tmp_path / "ca").exists()


def test_nobody_is_at_work_where_nobody_ever_was(tmp_path):
    assert not is_running(tmp_path)
    assert not is_running(tmp_path / "nothing")
