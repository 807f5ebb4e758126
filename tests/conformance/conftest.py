"""A site's real HTTPS server with certificates of a real authority; behind it one key manager for both sites."""

import asyncio
import json
import os
import ssl
import subprocess
import threading

import pytest

from qit4n.adapters import kmeserver
from qit4n.adapters.certificates import issue_all
from qit4n.adapters.credentials import Credentials
from qit4n.interfaces.doors import Doors
from qit4n.keys.manager import KeyManager
from qit4n.keys.step import Answer
from qit4n.network.model import Application, Demand, Network, Site


@pytest.fixture(scope="session")
def network():
    """Two sites; applications of A that may share keys (dave and frank with alice only), eve who may not, zoe of B."""
    return Network(
        qit4n=1,
        name="conformance",
        sites=(Site(id="A"), Site(id="B")),
        applications=(
            *(Application(id=one, site="A") for one in ("alice", "bob", "carol", "dave", "eve", "frank")),
            Application(id="zoe", site="B"),
        ),
        demands=(
            Demand(between=("alice", "bob")),
            Demand(between=("alice", "carol")),
            Demand(between=("bob", "carol")),
            Demand(between=("alice", "dave")),
            Demand(between=("alice", "frank")),
            Demand(between=("alice", "zoe")),
        ),
    )


@pytest.fixture(scope="session")
def state(network, tmp_path_factory):
    """The state directory with all certificates."""
    directory = tmp_path_factory.mktemp("state")
    issue_all(network, directory)
    return directory


class Nothing:
    """A store that is empty at the start; nobody commits to it."""

    damaged = frozenset()

    def load(self, _kind):
        return []


class Supply:
    """The real key manager of site A, whose applications are all local: no relay is needed to supply them."""

    def __init__(self, network, entropy):
        self._manager = KeyManager(network, "A", entropy, Nothing())
        self._manager.timer(0.0)  # it began long ago: other sites had the time to speak that they get after a start
        self.empty = False

    def ask(self, request, reply):
        from qit4n.refpoints import ak

        if self.empty and isinstance(request, ak.GetKeys):
            reply(ak.Refused(reason="no-key", text="insufficient key material"))
            return
        step = self._manager.request(1, request, 1000.0)
        reply(next(action.reply for action in step.actions if isinstance(action, Answer)))


class KME:
    """A running server, and a way to call it."""

    def __init__(self, state, port, supply, check_revoked):
        self.state, self.port, self.supply, self.check_revoked = state, port, supply, check_revoked
        self.url = f"https://127.0.0.1:{port}"

    def files(self, who):
        directory = self.state / ("applications" if (self.state / "applications" / who).exists() else "sites") / who
        return {name: str(directory / f"{name}.pem") for name in ("cert", "key", "ca")}

    def context(self, who):
        files = self.files(who)
        context = ssl.create_default_context(cafile=files["ca"])
        context.load_cert_chain(files["cert"], files["key"])
        return context

    def call(self, who, method, path, body=None, *, raw=None):
        """Status, JSON and headers of one request, by ``http.client``."""
        import http.client

        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.context(who), timeout=10)
        content = raw if raw is not None else None if body is None else json.dumps(body)
        target = path if path.startswith("/") else f"/api/v1/keys/{path}"
        connection.request(method, target, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, json.loads(text), dict(response.headers)

    def enc(self, who="alice", slave="bob", **wanted):
        status, answer, _ = self.call(who, "POST", f"{slave}/enc_keys", wanted)
        return status, answer

    def dec(self, *key_ids, who="bob", master="alice"):
        body = {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}
        status, answer, _ = self.call(who, "POST", f"{master}/dec_keys", body)
        return status, answer

    def curl(self, who, path, *options):
        files = self.files(who)
        return subprocess.run(
            [
                "curl",
                "-sS",
                "--cacert",
                files["ca"],
                "--cert",
                files["cert"],
                "--key",
                files["key"],
                *options,
                self.url + (path if path.startswith("/") else f"/api/v1/keys/{path}"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )


@pytest.fixture(scope="session")
def kme(network, state):
    """The server in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    supply = Supply(network, os.urandom)
    credentials = Credentials(state / "sites" / "A")

    async def begin():
        return await kmeserver.serve("127.0.0.1", 0, credentials, supply.ask, Doors(network, os.urandom))

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    yield KME(state, server.port, supply, credentials.check)
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()
