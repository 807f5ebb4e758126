"""The 014 client: clear errors whatever is at the other end, and no key in a repr."""

import contextlib
import socket
import threading

import pytest

from qit4n.adapters.certificates import issue_all
from qit4n.adapters.tls import server_context_for_applications
from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError
from qit4n.network.file import load
from qit4n.service.client import KMEClient, SharedKey


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """Certificates of the smallest example."""
    directory = tmp_path_factory.mktemp("state")
    issue_all(load("two-data-centres"), directory)
    return directory


def client(state, port, who="app-east"):
    files = state / "applications" / who
    return KMEClient(f"https://127.0.0.1:{port}", files / "cert.pem", files / "key.pem", files / "ca.pem")


@contextlib.contextmanager
def server(answer):
    """A socket whose connections are given to ``answer``; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, contextlib.suppress(OSError):
                        answer(connection)

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
            secure.recv(65536)
            secure.sendall(body)

    return answer


def test_nobody_there_and_a_connection_that_closes_are_unreachable(state):
    """No listener, or one that dies during the handshake: PeerUnreachableError with the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(PeerUnreachableError, match=str(port)):
        client(state, port).status("app-west")
    with server(lambda _: None) as port, pytest.raises(PeerUnreachableError, match=r"127\.0\.0\.1"):
        client(state, port).status("app-west")


def test_a_server_of_another_authority_is_a_certificate_error(state, tmp_path):
    """The right names under another authority: refused before anything is said."""
    issue_all(load("two-data-centres"), tmp_path)
    with server(over_tls(tmp_path, b"")) as port, pytest.raises(CertificateError, match="no TLS connection"):
        client(state, port).get_keys("app-west")


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (401, b"", "answered 401 without a message"),
        (503, b"<html>no</html>", "answered 503 without a message"),
        (400, b'{"message": "m", "details": {}}', "m"),
        (400, b"[{}]", "answered 400 without a message"),
    ],
)
def test_errors_in_any_form_keep_their_status(state, status, content, message):
    """Empty, HTML, odd JSON: KeyRequestError with the status and whatever message there was."""
    body = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)
    with server(over_tls(state, body)) as port, pytest.raises(KeyRequestError, match=message) as caught:
        client(state, port).status("app-west")
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
