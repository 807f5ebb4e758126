"""Credentials while a process runs: revoked certificates, whose connections close, and renewed ones."""

import asyncio
import contextlib
import os
import ssl

import pytest

from qit4n.adapters import certificates, kmeserver, tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.revocation import RevocationList
from qit4n.errors import CertificateError, RevokedError
from qit4n.interfaces.doors import Doors
from qit4n.network.file import load
from qit4n.refpoints import ak

ASK = b"GET /api/v1/keys/app-west/status HTTP/1.1\r\nHost: kme\r\n\r\n"
EAST, WEST = "applications/app-east", "applications/app-west"


@pytest.fixture(scope="module")
def network():
    return load("two-data-centres")


@pytest.fixture
def state(network, tmp_path):
    """A fresh state directory."""
    certificates.issue_all(network, tmp_path)
    return tmp_path


def listed(state, where="ca"):
    """The list in a directory."""
    return RevocationList.of(state / where / "crl.pem", certificates.read_certificate(state / "ca" / "ca.pem"))


def serial(state, who):
    return certificates.read_certificate(state / who / "cert.pem").serial_number


def client(state, who):
    context = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
    context.load_cert_chain(state / who / "cert.pem", state / who / "key.pem")
    return context


@contextlib.asynccontextmanager
async def serving(state):
    """A server that refuses every request, and its credentials."""

    def refuse(wanted, reply):
        reply(ak.Refused(reason="no-key", text="none"))

    credentials = Credentials(state / "sites" / "east")
    server = await kmeserver.serve("127.0.0.1", 0, credentials, refuse, Doors(load("two-data-centres"), os.urandom))
    try:
        yield server.port, credentials
    finally:
        await server.close()


async def answered(reader, writer):
    """Whether a request on an open connection is answered."""
    with contextlib.suppress(OSError):
        writer.write(ASK)
        return bool(await reader.read(1000))
    return False


async def connects(state, who, port, **options):
    """Whether a holder gets an answer on a new connection."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client(state, who), **options)
    except OSError:
        return False
    found = await answered(reader, writer)
    writer.transport.abort()
    return found


def test_a_revoked_serial_is_on_the_list_wherever_processes_look(state):
    """Sites, controller and operator get the list; versions have rising numbers and dates; once is enough."""
    first = listed(state)
    assert (first.number, first.serials) == (1, frozenset())
    certificates.revoke(state, "app-east")
    certificates.revoke(state, "west")
    certificates.revoke(state, "west")
    for where in ("ca", "sites/east", "sites/west", "controller", "operator"):
        found = listed(state, where)
        assert found.serials == {serial(state, EAST), serial(state, "sites/west")}
        assert found.number == 3
        assert found.dated > first.dated


@pytest.mark.parametrize("name", ["nobody", "", "../sites/east", "two-data-centres"])
def test_who_has_no_certificate_is_named_with_those_who_have(state, name):
    """No application or site of that name: nothing changes."""
    with pytest.raises(CertificateError, match="app-east, app-west, east, west have"):
        certificates.revoke(state, name)
    assert listed(state).number == 1


def test_only_where_the_authority_is_can_be_revoked(state):
    """Without the authority's key the error says what is missing."""
    (state / "ca" / "ca.key").unlink()
    with pytest.raises(CertificateError, match=r"ca\.key"):
        certificates.revoke(state, "app-east")


def test_a_revoked_certificate_is_made_anew_only_when_named(network, state):
    """A second run keeps it revoked; with its name there is a new one with a new serial, and the old stays revoked."""
    old = serial(state, EAST)
    certificates.revoke(state, "app-east")
    made = {str(one.path): one.action for one in certificates.issue_all(network, state)}
    assert made[str(state / EAST / "cert.pem")] == "revoked"
    assert serial(state, EAST) == old
    certificates.issue_all(network, state, renew=["app-east"])
    assert serial(state, EAST) != old
    assert listed(state).serials == {old}
    with pytest.raises(CertificateError, match="nobody has no certificate"):
        certificates.issue_all(network, state, renew=["nobody"])


@pytest.mark.parametrize("damage", ["missing", "nonsense", "foreign"])
def test_without_its_list_a_process_does_not_start(network, state, damage, tmp_path_factory):
    """No list, no list at all, or that of another authority: the error names the file and what to do."""
    path = state / "sites" / "east" / "crl.pem"
    if damage == "missing":
        path.unlink()
    elif damage == "nonsense":
        path.write_bytes(b"nonsense")
    else:
        other = tmp_path_factory.mktemp("other")
        certificates.issue_all(network, other)
        path.write_bytes((other / "ca" / "crl.pem").read_bytes())
    with pytest.raises(CertificateError, match=r"crl\.pem.*(qit pki|copy)"):
        Credentials(state / "sites" / "east")


async def test_an_open_connection_closes_and_no_new_one_opens(network, state):
    """Revoked: the open connection ends, a new one fails; another application goes on; a new certificate works."""
    async with serving(state) as (port, credentials):
        mine = await asyncio.open_connection("127.0.0.1", port, ssl=client(state, EAST))
        other = await asyncio.open_connection("127.0.0.1", port, ssl=client(state, WEST))
        assert await answered(*mine)
        assert await answered(*other)
        certificates.revoke(state, "app-east")
        credentials.check()
        assert not await answered(*mine)
        assert await answered(*other)
        assert not await connects(state, EAST, port)
        assert await connects(state, WEST, port)
        certificates.issue_all(network, state, renew=["app-east"])
        assert await connects(state, EAST, port)
        certificates.revoke(state, "app-east")
        credentials.check()
        assert not await connects(state, EAST, port)
        for _, writer in (mine, other):
            writer.transport.abort()
    async with serving(state) as (port, _):
        assert not await connects(state, EAST, port)


async def test_the_list_counts_without_being_asked(state, monkeypatch):
    """The watch of a running process takes a new list by itself."""
    monkeypatch.setattr("qit4n.adapters.credentials.POLL_S", 0.01)
    async with serving(state) as (port, credentials):
        watch = asyncio.create_task(credentials.watch())
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client(state, EAST))
        assert await answered(reader, writer)
        certificates.revoke(state, "app-east")
        async with asyncio.timeout(5):
            with contextlib.suppress(OSError):
                assert await reader.read() == b""
        watch.cancel()
        writer.transport.abort()


def resumed(state, port, session=None):
    """A request over a blocking connection: the answer, the session, whether it was resumed."""
    import socket

    context = client(state, EAST) if session is None else session[0]
    plain = socket.create_connection(("127.0.0.1", port), 5)
    with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session and session[1]) as secure:
        secure.sendall(ASK)
        answer = secure.recv(1000)
        return answer, (context, secure.session), secure.session_reused


async def test_a_resumed_session_of_a_revoked_certificate_is_refused(state):
    """TLS does not look at the certificate again when a session is resumed: the server does."""
    async with serving(state) as (port, credentials):
        answer, session, _ = await asyncio.to_thread(resumed, state, port)
        assert answer
        again = await asyncio.to_thread(resumed, state, port, session)
        assert again[0]
        assert again[2]
        certificates.revoke(state, "app-east")
        credentials.check()
        with contextlib.suppress(OSError):
            assert (await asyncio.to_thread(resumed, state, port, session))[0] == b""


def shake(server, client_side):
    """A TLS handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client_side.wrap_bio(to_client, to_server, server_hostname="127.0.0.1"),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()


@pytest.mark.parametrize("context", ["applications", "server", "client"])
def test_the_handshake_itself_fails(state, context):
    """Already OpenSSL refuses a revoked certificate: with a list that comes later, and with one found at the start."""

    def hands(credentials):
        if context == "client":
            shake(Credentials(state / "sites" / "west").server, credentials.client)
        else:
            shake(getattr(credentials, context), client(state, "sites/west"))

    credentials = Credentials(state / "sites" / "east")
    hands(credentials)
    certificates.revoke(state, "west")
    credentials.check()
    for one in (credentials, Credentials(state / "sites" / "east")):
        with pytest.raises(ssl.SSLCertVerificationError, match="certificate revoked"):
            hands(one)


def test_a_name_of_two_holders_is_not_guessed_at(state):
    """An application and a site of the same id: an error that says so."""
    (state / "applications" / "app-east").rename(state / "applications" / "east")
    with pytest.raises(CertificateError, match="an application and a site"):
        certificates.revoke(state, "east")


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
async def test_a_list_that_is_older_or_none_changes_nothing(state, content, caplog):
    """What is revoked stays revoked when the file is damaged, taken away or an earlier version comes back."""
    path = state / "sites" / "east" / "crl.pem"
    earlier = path.read_bytes()
    certificates.revoke(state, "app-east")
    async with serving(state) as (port, credentials):
        for now in (content, earlier):
            path.unlink(missing_ok=True)
            if now is not None:
                path.write_bytes(now)
            credentials.check()
            assert "stays as it was" in caplog.text
            assert not await connects(state, EAST, port)
            assert await connects(state, WEST, port)
            caplog.clear()


def test_a_revoked_site_is_not_admitted(state):
    """Whatever the connection is for: the identity is refused by name."""
    certificates.revoke(state, "west")
    credentials = Credentials(state / "sites" / "east")

    class Connection:
        def get_extra_info(self, _name):
            return self

        def getpeercert(self):
            uri = "urn:qit4n:two-data-centres:site:west"
            return {"serialNumber": f"{serial(state, 'sites/west'):X}", "subjectAltName": (("URI", uri),)}

    with pytest.raises(RevokedError, match="site west is revoked"):
        credentials.admit(Connection())
    assert tls.peer_identity(Connection()).serial == serial(state, "sites/west")


def test_a_connection_ends_with_its_certificate(state, monkeypatch):
    """A certificate that expires while its connection is open closes it, like one that is revoked."""
    credentials = Credentials(state / "sites" / "east")
    identity = tls.Identity("two-data-centres", "site", "west", 1, expires=1_000.0)
    monkeypatch.setattr(tls, "peer_identity", lambda _: identity)
    now, closed = [999.0], []
    monkeypatch.setattr("qit4n.adapters.credentials.time.time", lambda: now[0])

    class Connection:
        def get_extra_info(self, _):
            return None

        def is_closing(self):
            return False

        def abort(self):
            closed.append(self)

    credentials.admit(Connection())
    credentials.check()
    assert not closed
    now[0] = 1_001.0
    credentials.check()
    assert len(closed) == 1


def test_who_is_at_the_other_end_has_an_end_of_validity():
    """As the certificate says it, in seconds since 1970."""

    class Shown:
        def getpeercert(self):
            return {"subjectAltName": (("URI", "urn:qit4n:n:site:a"),), "notAfter": "Jan  1 00:00:10 1970 GMT"}

    assert tls.peer_identity(Shown()).expires == 10.0


async def shown(state, port):
    """The serial number of the certificate that the server shows on a new connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client(state, EAST))
    found = writer.get_extra_info("ssl_object").getpeercert()["serialNumber"]
    assert await answered(reader, writer)
    writer.transport.abort()
    return int(found, 16)


async def test_a_renewed_certificate_is_shown_without_a_restart(network, state):
    """New connections see the new one; the open one goes on; a new key without its certificate changes nothing yet."""
    async with serving(state) as (port, credentials):
        old = serial(state, "sites/east")
        kept = await asyncio.open_connection("127.0.0.1", port, ssl=client(state, EAST))
        assert await answered(*kept)
        certificate = (state / "sites/east/cert.pem").read_bytes()
        certificates.issue_all(network, state, renew=["east"])
        new = (state / "sites/east/cert.pem").read_bytes()
        (state / "sites/east/cert.pem").write_bytes(certificate)
        credentials.check()
        credentials.check()
        assert await shown(state, port) == old
        (state / "sites/east/cert.pem").write_bytes(new)
        credentials.check()
        assert await shown(state, port) == serial(state, "sites/east") != old
        assert await answered(*kept)
        kept[1].transport.abort()
