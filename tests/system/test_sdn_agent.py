"""The SDN agents of a live network: ETSI GS QKD 015 over RESTCONF, its notifications, and the view of the network."""

import contextlib
import json
import ssl
import subprocess
import sys
import threading
import time

import httpx
import pytest

from qit4n.adapters import tls
from qit4n.errors import KeyRequestError
from qit4n.interfaces.etsi015 import app_id, link_id, name_uuid
from qit4n.interfaces.etsi015model import NOTIFICATIONS, ROOT, TYPES, problems
from qit4n.network.file import load
from yangtool import DIRECTORY, YangTool

pytestmark = [pytest.mark.system, pytest.mark.long]

BC = "{id: bc, ends: [b, c],"
DEMANDED = "  - {between: [app-a, app-c], pool_bits: 262144}\n"
PREFIX = "etsi-qkd-sdn-node:"


class Follower:
    """``qit sdn watch`` in a process: what it has printed."""

    def __init__(self, network, site):
        command = [sys.executable, "-m", "qit4n.cli.main", "sdn", "watch", site, "--state", str(network.state)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.seen = []
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            (name,) = (one for one in json.loads(line)["ietf-restconf:notification"] if one != "eventTime")
            content = json.loads(line)["ietf-restconf:notification"][name]
            self.seen.append((name.removeprefix(PREFIX), content))

    def wait_for(self, *names):
        for wanted in names:
            self.wait_until(lambda name, _: name == wanted, wanted)  # noqa: B023 - called at once

    def wait_until(self, fits, what="an event"):
        deadline = time.monotonic() + 120
        while not any(fits(*one) for one in tuple(self.seen)):
            assert time.monotonic() < deadline, (what, self.seen)
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self._thread.join()
        self.process.stdout.close()


@pytest.fixture
def tool(tmp_path):
    """The independent validator, where ETSI's modules are at hand."""
    if not DIRECTORY:
        return None
    (tmp_path / "yang").mkdir()
    return YangTool(tmp_path / "yang")


def check_nodes(network, tool):
    """The data of every node, by our model and the independent one; the file."""
    file = load(str(network.state / "network.yaml"))
    for site in file.sites:
        node = json.loads(network.qit("sdn", "get", site.id).stdout)[ROOT]
        assert list(problems(node)) == []
        assert node["qkdn_id"] == name_uuid(file.name, "site", site.id)
        if tool:
            tool.node(node)
    return file


def check_events(follower, tool):
    """Everything that was told, likewise."""
    for name, content in tuple(follower.seen):
        assert list(problems(content, NOTIFICATIONS[name], name)) == []
        if tool:
            tool.notification(name, content)


def exhaust(network, master, slave):
    """Ask for small keys until there are no more."""
    for _ in range(10_000):
        try:
            network.get(master, slave, number=128)
        except KeyRequestError:
            with contextlib.suppress(KeyRequestError):
                for _ in range(1_000):
                    network.get(master, slave)
            return
    raise AssertionError("there is always more key")


@pytest.mark.checklist("8a", "8b")
def test_a_controller_reads_follows_and_writes(start, three_sites, tool):
    """Data of every node fit the model; each of the eleven notifications is told when its cause happens."""
    network = start(three_sites)
    file = check_nodes(network, tool)
    view = json.loads(network.qit("sdn", "network").stdout)["etsi-qkd-sdn-topology:qkd_network"]
    assert len(view["sdqkd_nodes"]) == 3
    assert len(view["qkd_links"]["qkd_phys_links"]) == 2

    follower, link = Follower(network, "a"), link_id(file, "ab")
    try:
        deadline = time.monotonic() + 60
        while not follower.seen and time.monotonic() < deadline:  # the first event says that it listens
            network.qit("sdn", "enable", "a", link, "--off")
            network.qit("sdn", "enable", "a", link)
        network.get("app-a", "app-c")
        follower.wait_for("sdqkdn_application_new")
        application = app_id(file, file.demands[0])
        assert network.qit("sdn", "bound", "a", application, "0").returncode == 0
        follower.wait_for("sdqkdn_application_qos_update")
        with pytest.raises(KeyRequestError, match="0 bit/s"):
            network.get("app-a", "app-c")
        assert network.qit("sdn", "bound", "a", application).returncode == 0
        assert network.get("app-a", "app-c")
        assert network.qit("sdn", "enable", "a", link, "--off").returncode == 0
        follower.wait_for("sdqkdn_interface_out", "sdqkdn_link_down")
        status = json.loads(network.qit("sdn", "get", "a", f"qkd_links/qkd_link={link}").stdout)
        assert status[f"{PREFIX}qkd_link"][0]["qkdl_status"] == f"{TYPES}:OFF"
        network.wait_for(
            lambda found: next(one["state"] for one in found["links"] if one["link"] == "ab") == "resting", "its rest"
        )
        assert network.qit("sdn", "enable", "a", link).returncode == 0
        check_nodes(network, tool)
        assert network.qit("fault", "cut", "ab").returncode == 0
        follower.wait_for("sdqkdn_interface_down", "alarm", "event")
        exhaust(network, "app-a", "app-c")
        follower.wait_for("sdqkdn_link_overloaded")
        assert network.qit("fault", "heal", "ab").returncode == 0

        text = three_sites.read_text("utf-8").replace(BC, BC.replace("bc", "ac").replace("[b, c]", "[a, c]"))
        three_sites.write_text(text.replace(DEMANDED, ""), "utf-8")
        applied = network.qit("apply", three_sites, "--yes", timeout=120)
        assert applied.returncode == 0, applied.stderr
        follower.wait_for("sdqkdn_application_disconnected", "sdqkdn_interface_new", "sdqkdn_link_perf_update")
        added = link_id(file, "ac")
        follower.wait_until(lambda name, content: name == "event" and added in str(content))
        assert added in network.qit("sdn", "get", "a", "qkd_links").stdout
        check_nodes(network, tool)
        check_events(follower, tool)
        assert {name for name, _ in follower.seen} == set(NOTIFICATIONS)
    finally:
        follower.stop()


@pytest.mark.checklist("8a")
def test_only_the_network_itself_reads(start, three_sites):
    """An application's certificate is 403 with an error of RFC 8040, none fails the handshake; writes are refused."""
    network = start(three_sites)
    file = load(str(network.state / "network.yaml"))
    url = f"https://127.0.0.1:{file.control_agent_port('a')}"
    path = f"{url}/restconf/data/{ROOT}"
    with httpx.Client(verify=tls.client_context(network.state / "sites" / "b")) as site:
        refused = site.get(path)
        assert refused.status_code == 403
        assert refused.json()["ietf-restconf:errors"]["error"][0]["error-tag"] == "access-denied"
    with httpx.Client(verify=tls.client_context(network.state / "operator")) as operator:
        found = operator.get(path)
        assert found.headers["content-type"] == "application/yang-data+json"
        assert operator.post(path, content=b"{}").status_code == 405
        assert operator.delete(f"{path}/qkd_links/qkd_link={link_id(file, 'ab')}").status_code == 403
        assert b"/restconf" in operator.get(f"{url}/.well-known/host-meta").content
    nobody = ssl.create_default_context(cafile=network.state / "operator" / "ca.pem")
    nobody.check_hostname = False
    with httpx.Client(verify=nobody) as stranger, pytest.raises(httpx.TransportError):
        stranger.get(path)
