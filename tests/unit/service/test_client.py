"""The 014 client: clear errors whatever is at the other end, and no key in a repr."""

import asyncio
import contextlib
import shutil
import socket
import threading
import time

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
        (400, b'{"message": "\\u001b[2J\\n' + b"x" * 10_000 + b'"}', r"^\?\[2J\?x{495}$"),
    ],
)
def test_errors_in_any_form_keep_their_status(client, state, status, content, message):
    """Empty, HTML, odd JSON: KeyRequestError with the status and whatever message there was."""
    body = b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content)
    with server(over_tls(state, body)) as port, pytest.raises(KeyRequestError, match=message) as caught:
        client(port).status("app-west")
    assert caught.value.status == status


@pytest.mark.parametrize("how", ["endless", "dripping"])
def test_an_answer_without_end_is_given_up(client, state, monkeypatch, how):
    """A server that never stops, or sends a byte now and then: an error, in bounded memory and time."""
    monkeypatch.setattr("qit4n.service.client.MOST_BYTES", 1 << 18)
    monkeypatch.setattr("qit4n.service.client.ANSWER_S", 0.3)
    context = server_context_for_applications(state / "sites" / "east")

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
            while True:
                secure.sendall(b"x" if how == "dripping" else bytes(1 << 16))
                time.sleep(0.05 if how == "dripping" else 0)

    wanted = "more than" if how == "endless" else "no whole answer within"
    with server(answer) as port, pytest.raises(PeerUnreachableError, match=wanted):
        client(port).get_keys("app-west")


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
    assert shown[0] == shown[1] != shown[2] == shown[3]


NO = b'HTTP/1.1 %d No\r\nContent-Length: 23\r\n\r\n{"message": "answer %d"}'


class Homes:
    """KMEs that serve one application: each ``answers`` so, or is ``None`` and closes; ``asked`` counts requests."""

    def __init__(self, state, *answers):
        self.asked = [0 for _ in answers]
        self.answers = list(answers)
        self._context = server_context_for_applications(state / "sites" / "east")

    @contextlib.contextmanager
    def serving(self):
        with contextlib.ExitStack() as servers:
            ports = [servers.enter_context(server(self._home(number))) for number in range(len(self.answers))]
            yield [f"https://127.0.0.1:{port}" for port in ports]

    def _home(self, number):
        def answer(connection):
            with self._context.wrap_socket(connection, server_side=True) as secure:
                while piece := secure.recv(65536):
                    if b" HTTP/1.1\r\n" in piece:
                        self.asked[number] += 1
                        if self.answers[number] is None:
                            return
                        secure.sendall(self.answers[number])

        return answer


@pytest.fixture(params=[KMEClient, Awaited])
def homed(request, state):
    """Makes a client of an application with several KMEs."""
    files = state / "applications" / "app-east"
    with contextlib.ExitStack() as clients:
        yield lambda kmes: clients.enter_context(
            request.param(kmes, files / "cert.pem", files / "key.pem", files / "ca.pem")
        )


FOUND = ANSWER % (len(KEYS), KEYS)
REFUSED = {status: NO % (status, status % 10) for status in (400, 401, 503)}
CALLS = {
    "get": lambda client: client.get_keys("app-west"),
    "fetch": lambda client: client.get_keys_by_id("app-west", ["id-1"]),
    "status": lambda client: client.status("app-west"),
}


@pytest.mark.parametrize(
    ("call", "first", "second", "told"),
    [
        ("get", None, FOUND, ""),
        ("get", REFUSED[503], FOUND, ""),
        ("get", REFUSED[400], FOUND, "answer 0"),  # the other would say the same
        ("get", REFUSED[401], FOUND, "answer 1"),
        ("fetch", REFUSED[400], FOUND, ""),
        ("fetch", REFUSED[503], FOUND, ""),
        ("fetch", None, FOUND, ""),
        ("fetch", REFUSED[401], FOUND, "answer 1"),
        ("fetch", REFUSED[400], REFUSED[400], "answer 0"),
        ("fetch", REFUSED[400], REFUSED[503], "answer 3"),  # perhaps the keys are there: ask again
        ("fetch", None, REFUSED[400], "closed the connection"),
        ("get", None, REFUSED[503], "answer 3"),
        ("get", None, None, "closed the connection"),
        ("status", None, FOUND, ""),
        ("status", REFUSED[400], FOUND, "answer 0"),
    ],
)
def test_what_one_home_cannot_do_is_asked_of_the_next(homed, state, call, first, second, told):
    """Each is asked once at most; where none serves, the error that says most is told."""
    homes = Homes(state, first, second)
    with homes.serving() as kmes:
        client = homed(kmes)
        if told:
            with pytest.raises((KeyRequestError, PeerUnreachableError), match=told):
                CALLS[call](client)
        else:
            CALLS[call](client)
    goes_on = first is None or first is REFUSED[503] or (call == "fetch" and first is REFUSED[400])
    assert homes.asked == [1, 1 if goes_on else 0]


def test_a_home_that_did_not_answer_is_asked_last_for_a_while(homed, state, monkeypatch):
    """Not at every call again; later the first is the first once more."""
    homes, now = Homes(state, None, FOUND), [100.0]
    monkeypatch.setattr("qit4n.service.client.time.monotonic", lambda: now[0])
    with homes.serving() as kmes:
        client = homed(kmes)
        for _ in range(3):
            client.get_keys("app-west")
        assert homes.asked == [1, 3]
        now[0] += 11.0
        homes.answers[0] = FOUND
        client.get_keys("app-west")
        assert homes.asked == [2, 3]


def test_no_kme_at_all_is_an_error_at_once(homed):
    """An empty list is a mistake of the caller's configuration."""
    with pytest.raises(PeerUnreachableError, match="no KME is named"):
        homed([])
