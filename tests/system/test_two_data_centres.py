"""The main job, end to end: from emulated photons to two applications holding the same key."""

import base64
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from etsi_qkd_014_client import QKD014Client

from qit4n.errors import KeyRequestError, PeerUnreachableError

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("data-centres")]


@pytest.fixture
def network(data_centres):
    """The smallest example, running, with its two applications."""
    return data_centres


@pytest.fixture
def pair(network):
    """Ids of the two applications."""
    master, slave = network.applications
    return master, slave


@pytest.mark.checklist("5a")
def test_a_key_got_at_one_site_is_the_same_at_the_other(network, pair):
    """``qit key get`` and ``qit key dec`` give the same key once; ``qit status`` shows a healthy link."""
    master, slave = pair
    done = network.qit("key", "get", slave, "--as", master, "--number", "2", "--json")
    assert done.returncode == 0, done.stderr
    got = {key["key_ID"]: key["key"] for key in json.loads(done.stdout)["keys"]}
    assert len(got) == 2
    assert all(len(base64.b64decode(value)) == 32 for value in got.values())
    same = network.qit("key", "dec", master, *got, "--as", slave, "--json")
    assert {key["key_ID"]: key["key"] for key in json.loads(same.stdout)["keys"]} == got
    again = network.qit("key", "dec", master, *got, "--as", slave)
    assert again.returncode == 11
    assert "one or more keys specified are not found on KME" in again.stderr

    status = network.status()
    assert [site["up"] for site in status["sites"]] == [True, True]
    link = status["links"][0]
    assert link["blocks"] >= 1
    assert 0 < link["qber"] < 0.05
    assert link["secret_rate_bps"] > 0


def test_the_security_account_of_a_link_is_shown(network):
    """The claim in words; and in JSON sums that are those of the blocks, with both directions of what was said."""
    shown = network.qit("key", "account", "east-west")
    for word in ("one-decoy BB84", "Wiesemann", "Hoeffding", "Cascade", "QBER above", "epsilon, sum"):
        assert word in shown.stdout
    found = json.loads(network.qit("key", "account", "east-west", "--json").stdout)
    total, last = found["account"], found["account"]["last"]
    assert total["blocks"] >= 1
    assert total["epsilon_secrecy"] == pytest.approx(total["blocks"] * last["epsilon_secrecy"])
    assert last["leaked_bits"] > 0
    if "LDPC" not in shown.stdout:  # a slow machine looks like a distant peer
        assert last["leaked_bits"] == last["replies_bits"]
    assert total["key_bits"] >= last["key_bits"] > 0
    refused = network.qit("key", "account", "nowhere")
    assert refused.returncode != 0
    assert "its links: east-west" in refused.stderr


def test_public_014_client_and_curl_get_equal_keys(network, pair):
    """The PyPI client and plain curl with certificates work unchanged, in both roles."""
    master, slave = (network.applications[one] | {"id": one} for one in pair)

    def client(files):
        return QKD014Client(files["kme"].removeprefix("https://"), files["cert"], files["key"], files["ca"])

    code, container = client(master).get_key(slave["id"])
    assert code == 200
    key = container.keys[0]
    code, same = client(slave).get_key_with_key_IDs(master["id"], [key.key_id])
    assert code == 200
    assert same.keys[0].key == key.key

    def curl(files, path, *options):
        done = subprocess.run(
            [
                "curl",
                "-sS",
                "--fail-with-body",
                "--cacert",
                files["ca"],
                "--cert",
                files["cert"],
                "--key",
                files["key"],
                *options,
                f"{files['kme']}/api/v1/keys/{path}",
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
        return json.loads(done.stdout)["keys"]

    got = curl(slave, f"{master['id']}/enc_keys?number=3&size=128")
    assert [len(base64.b64decode(one["key"])) for one in got] == [16, 16, 16]
    ids = [{"key_ID": one["key_ID"]} for one in got]
    body = json.dumps({"key_IDs": ids})
    same = curl(master, f"{slave['id']}/dec_keys", "-H", "Content-Type: application/json", "-d", body)
    assert [one["key"] for one in same] == [one["key"] for one in got]


def test_the_page_on_a_first_key_runs_as_it_stands(network, pair):
    """Its commands, with this network's directory and ports in the place of the default ones; the Python too."""
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "first-key.md").read_text("utf-8")
    blocks = re.findall(r"```(sh|python)\n(.*?)```", page, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "sh", "python"]
    east, west = (network.applications[one] for one in pair)
    state = Path(east["cert"]).parents[2]

    def here(text):
        for default, own in (("https://127.0.0.1:28002", east["kme"]), ("https://127.0.0.1:28007", west["kme"])):
            text = text.replace(default, own)
        default = ".local/state/qit4n/two-data-centres"
        return text.replace(f"~/{default}", str(state)).replace(f'Path.home() / "{default}', f'Path() / "{state}')

    def shell(text):
        done = subprocess.run(["sh", "-ec", here(text)], capture_output=True, text=True, check=True, timeout=30)
        return json.loads(done.stdout)["keys"]

    got = shell(blocks[0][1])
    fetch = blocks[1][1].replace("00000000-0000-0000-0000-000000000000", got[0]["key_ID"])
    assert shell(here("S=~/.local/state/qit4n/two-data-centres\n") + fetch) == got
    found = {}
    exec(here(blocks[2][1]), found)  # noqa: S102 - the page's own text
    assert len(found["key"].value) == 32


def test_ctrl_c_stops_every_process_and_keys_survive_a_restart(start):
    """The exit code is 0, no process is left; what a master got before its slave can fetch after the next start."""
    network = start("two-data-centres")
    master, slave = network.applications
    got = network.get(master, slave, number=3)
    pids = [site["pid"] for site in network.status()["sites"]]
    assert network.stop() == 0
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    again = start("two-data-centres", state=network.state)
    assert again.fetch(slave, master, *got) == got


class Load:
    """Two threads, one per direction, that get keys all the time and fetch every second batch at once."""

    def __init__(self, network, pair):
        self.supplied, self.open, self.wrong = {}, {}, []
        self._network, self._stop = network, threading.Event()
        self._threads = [threading.Thread(target=self._run, args=ends) for ends in (pair, pair[::-1])]
        for thread in self._threads:
            thread.start()

    def _run(self, master, slave):
        batch = 0
        while not self._stop.is_set():
            try:
                got = self._network.get(master, slave, number=2)
            except (KeyRequestError, PeerUnreachableError):
                time.sleep(0.05)
                continue
            if set(got.values()) & set(self.supplied.values()):
                self.wrong.append("a key was given twice")
            self.supplied |= got
            self.open |= {key_id: (master, slave, value) for key_id, value in got.items()}
            batch += 1
            if batch % 2 == 0:
                self._fetch(master, slave, got)

    def _fetch(self, master, slave, got):
        for key_id in got:
            self.open.pop(key_id)
        try:
            if self._network.fetch(slave, master, *got) != got:
                self.wrong.append("two copies differ")
        except (KeyRequestError, PeerUnreachableError):
            pass  # the answer was lost on the way, or never given: at worst these bits are wasted

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


def pid_of(network, victim):
    """Process id of a site by its number, or of the controller."""
    if victim != "controller":
        return network.status()["sites"][int(victim)]["pid"]
    deadline = time.monotonic() + 20.0
    while time.monotonic() < deadline:  # it may be starting again
        found = subprocess.run(
            ["pgrep", "-f", f"controller --state {network.state}"], capture_output=True, text=True, check=False
        )
        if found.stdout:
            return int(found.stdout.split()[0])
        time.sleep(0.1)
    raise AssertionError("no controller runs")


@pytest.mark.checklist("12j", "12a")
@pytest.mark.parametrize("victim", ["0", pytest.param("1", marks=pytest.mark.long), "controller"])
def test_kill_9_under_load_loses_no_acknowledged_key(network, pair, victim):
    """Kill a process twice under load: acknowledged keys stay, none is given twice, the network recovers by itself."""
    load = Load(network, pair)
    for _ in range(2):
        before = len(load.supplied)
        deadline = time.monotonic() + 40
        while len(load.supplied) < before + 20:
            assert time.monotonic() < deadline, "no keys flow"
            time.sleep(0.05)
        os.kill(pid_of(network, victim), signal.SIGKILL)
    after = len(load.supplied)
    deadline = time.monotonic() + 40
    while len(load.supplied) < after + 20:
        assert time.monotonic() < deadline, "the network did not recover"
        time.sleep(0.05)
    load.stop()
    assert load.wrong == []
    assert len(load.open) > 10
    for key_id, (master, slave, value) in load.open.items():
        assert network.fetch(slave, master, key_id) == {key_id: value}


def test_the_memory_of_a_site_is_kept_off_the_disk(network):
    """No core dump of a site's process; its pages are locked where the log says so."""
    for site in network.status()["sites"]:
        process = Path(f"/proc/{site['pid']}")
        limits = (process / "limits").read_text()
        assert re.search(r"Max core file size +0 +0", limits)
        locked = int(re.search(r"VmLck:\s+(\d+)", (process / "status").read_text()).group(1))
        said = (network.state / "logs" / f"site-{site['site']}.log").read_text()
        assert ("memory is locked" in said) == (locked > 1000)
