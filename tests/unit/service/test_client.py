"""The 014 client: clear errors whatever is at the other end, and no key in a repr."""

import asyncio
import contextlib
import shutil
import socket
import threading

import pytest

from qit4n.adapters.certificates import issue_all
from qit4n.adapters.tls import server_context_for_applications
from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError
from qit4n.network.file import load
from qit4n.service.client import AsyncKMEClient, KMEClient, SharedKey


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Certificates of the smallest example."""
    directory = tmp_path_factory.mktemp("state")
    issue_all(load("two-data-centres"), directory)
    return directory


class Awaited:
    """The asynchronous client with the methods of the other one, so that each test is of both."""

    def __init__(self, *where):
        self._runner = asyncio.Runner()
        self._client = AsyncKMEClient(*where)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._runner.run(self._client.close())
        self._runner.close()

    def __getattr__(self, name):
        return lambda *values, **wanted: self._runner.run(getattr(self._client, name)(*values, **wanted))


@pytest.fixture(params=[KMEClient, Awaited])
def client(request, state):
    """Makes a client of an application, by its port."""
    with contextlib.ExitStack() as clients:

        def make(port, files=state / "applications" / "app-east"):
            made = request.param(f"https://127.0.0.1:{port}", files / "cert.pem", files / "key.pem", files / "ca.pem")
            return clients.enter_context(made)

        yield make


@contextlib.contextmanager
def server(answer):
    """A socket whose connections are given to ``answer``; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve(connection):
            with connection, contextlib.suppress(OSError):
                answer(connection)

        def run():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=listening.accept()[:1], daemon=True).start()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def over_tls(state, body):
    """An answer over TLS with the certificate of site east."""
    context = server_context_for_applications(state / "sites" / "east")

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            while piece := secure.recv(65536):
                if b" HTTP/1.1\r\n" in piece:  # a head; what is sent after it may come in a piece of its own
                    secure.sendall(body)

    return answer


def test_nobody_there_and_a_connection_that_closes_are_unreachable(client):
    """No listener, or one that dies during the handshake: PeerUnreachableError with the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(PeerUnreachableError, match=str(port)):
        client(port).status("app-west")
    with server(lambda _: None) as port, pytest.raises(PeerUnreachableError, match=r"127\.0\.0\.1"):
        client(port).status("app-west")


def test_a_server_of_another_authority_is_a_certificate_error(client, tmp_path):
    """The right names under another authority: refused before anything is said."""
    issue_all(load("two-data-centres"), tmp_path)
    with server(over_tls(tmp_path, b"")) as port, pytest.raises(CertificateError, match="no TLS connection"):
        client(port).get_keys("app-west")


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (401, b"", "answered 401 without a message"),
        (503, b"<html>no</html>", "answered 503 without a message"),
        (400, b'{"message": "m", "details": {}}', "m"),
        (400, b"[{}]", "answered 400 without a message"),
    ],
)
def test_errors_in_any_form_keep_their_status(client, state, status, content, message):
    """Empty, HTML, odd JSON: KeyRequestError with the status and whatever message there was."""
    body = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)
    with server(over_tls(state, body)) as port, pytest.raises(KeyRequestError, match=message) as caught:
        client(port).status("app-west")
    assert caught.value.status == status


def test_missing_files_are_named(tmp_path):
    """A certificate that is not there is named with the command that makes it."""
    with pytest.raises(CertificateError, match=r"c\.pem is missing.*qit pki"):
        KMEClient("https://127.0.0.1:1", tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "ca.pem")


def test_a_key_hides_its_value():
    """The repr has the id and the length."""
    text = repr(SharedKey("id-1", b"topsecret"))
    assert "id-1" in text
    assert "topsecret" not in text


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
KEYS = b'{"keys": [{"key_ID": "id-1", "key": "c2VjcmV0"}, {"key_ID": "id-2", "key": "b3RoZXI="}]}'


def test_calls_share_one_connection(client, state):
    """What 014 answers comes out typed, call after call over the same connection."""
    seen = []
    answer = over_tls(state, ANSWER % (len(KEYS), KEYS))
    with server(lambda connection: (seen.append(connection), answer(connection))) as port:
        one = client(port)
        assert one.get_keys("app-west", number=2) == [SharedKey("id-1", b"secret"), SharedKey("id-2", b"other")]
        assert one.get_keys_by_id("app-west", ["id-1", "id-2"])[0].value == b"secret"
        assert "keys" in one.status("app-west")
        assert len(seen) == 1


def test_a_request_whose_answer_is_lost_is_not_sent_again(client, state):
    """The KME may have used keys for it (014 rule A4): one request comes in, the caller is told."""
    context, seen = server_context_for_applications(state / "sites" / "east"), []

    def take_and_close(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            seen.append(secure.recv(65536))

    with server(take_and_close) as port, pytest.raises(PeerUnreachableError, match="closed the connection"):
        client(port).get_keys("app-west")
    assert len([one for one in seen if one]) == 1


def test_renewed_files_count_from_the_next_call(client, state, tmp_path):
    """A long-lived application shows its new certificate without being told to."""
    files = tmp_path / "app-east"
    shutil.copytree(state / "applications" / "app-east", files)
    context, shown = server_context_for_applications(state / "sites" / "east"), []

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            while secure.recv(65536):  # no bodies in this test
                shown.append(secure.getpeercert()["serialNumber"])
                secure.sendall(ANSWER % (2, b"{}"))

    with server(answer) as port:
        one = client(port, files)
        one.status("app-west")
        for name in ("key.pem", "cert.pem"):
            shutil.copy(state / "applications" / "app-west" / name, files / f"new-{name}")
            (files / f"new-{name}").rename(files / name)
        one.status("app-west")
        one.status("app-west")
    assert shown[0] != shown[1] == shown[2]
