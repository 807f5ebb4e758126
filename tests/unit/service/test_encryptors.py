"""Drivers of encryptors: what they leave in the daemon, and what they repeat of what programs say."""

import socket

import pytest

from qit4n.errors import RotationError
from qit4n.service.encryptors import strongswan
from qit4n.service.encryptors.command import run


class Daemon:
    """The shared keys that strongSwan holds, by the names that it was given, and what it was asked to do."""

    def __init__(self):
        self.shared = {b"operator": b"own"}

    def get_shared(self):
        return {"keys": list(self.shared)} if self.shared else {}

    def load_shared(self, message):
        self.shared[message["id"].encode()] = message["data"]
        self.owners = message["owners"]

    def unload_shared(self, message):
        name = message["id"]
        del self.shared[name if isinstance(name, bytes) else name.encode()]

    def list_sas(self, _):
        return []

    def load_cert(self, _):
        pass

    load_key = load_conn = load_cert


@pytest.fixture
def daemon(monkeypatch, tmp_path):
    """A daemon behind a VICI socket, and what makes an agent's driver of it."""
    made = Daemon()
    monkeypatch.setattr(strongswan.vici, "Session", lambda _: made)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "vici"))
    listener.listen()
    file = tmp_path / "file.pem"
    file.write_bytes(b"")
    ends = {"local": "a", "remote": "b", "local_network": "c", "remote_network": "d", "own": "e", "peer": "f"}
    tunnel = strongswan.Tunnel(**ends, cert=file, key=file, ca=file)
    yield made, lambda: strongswan.StrongSwan(tunnel, tmp_path / "vici")
    listener.close()


async def test_keys_of_an_agent_that_was_killed_do_not_stay_in_the_daemon(daemon):
    """The next agent takes them away when it starts, and no key that is not an agent's."""
    held, agent = daemon
    killed = agent()
    await killed.start()
    await killed.install(1, "6ba7b810", b"x" * 32)
    assert b"x" * 32 in held.shared.values()
    assert held.owners == ["6ba7b810"]
    await agent().start()
    assert held.shared == {b"operator": b"own"}


async def test_a_dropped_key_is_unloaded(daemon):
    """As is one that two later keys have followed."""
    held, agent = daemon
    one = agent()
    for number in (1, 2, 3):
        await one.install(number, f"id-{number}", bytes([number]) * 32)
    assert sorted(held.shared.values()) == [b"\2" * 32, b"\3" * 32, b"own"]
    await one.drop(3)
    assert sorted(held.shared.values()) == [b"\2" * 32, b"own"]


async def test_a_program_that_quotes_its_input_does_not_bring_a_key_into_a_message():
    """``wg setconf`` quotes lines that it does not take; what else it says is told."""
    given = b"[Peer]\nPresharedKey = c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=\n"
    with pytest.raises(RotationError, match=r"Line unrecognized: PresharedKey=\.\.\.") as caught:
        await run(
            "sh", "-c", "tail -1 /dev/stdin | tr -d ' ' | sed 's/^/Line unrecognized: /' >&2; exit 1", given=given
        )
    assert "c2VjcmV0" not in str(caught.value)
