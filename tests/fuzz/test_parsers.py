"""Every parser and every frame under bent input: an error of its own kind or a result, and never anything else.

``make fuzz`` gives them, and the live doors of ``tests/system/test_fuzz.py``, a million requests and frames in all
(``FUZZ=n``).
"""

import asyncio
import contextlib
import os

import msgspec
import pytest

from qit4n.adapters.certificates import issue_all, read_certificate
from qit4n.adapters.frames import Frames, Hello
from qit4n.adapters.httprequests import RequestReader
from qit4n.adapters.revocation import RevocationList
from qit4n.errors import CertificateError, KeyRequestError, NetworkFileError, ProtocolError
from qit4n.interfaces import etsi020
from qit4n.interfaces.door import Told
from qit4n.interfaces.doors import Doors
from qit4n.interfaces.etsi004 import JSONLines
from qit4n.network import file
from qit4n.network.generate import to_yaml
from qit4n.network.model import Network
from qit4n.quantum.distillation import messages
from qit4n.quantum.emulated.light import Light
from qit4n.quantum.keyids import DeviceMessage
from qit4n.refpoints import ak, ck, kx, mc
from qit4n.refpoints.interworking import Acknowledge, AskVersions, ForeignKey, HandKeys, Outcome, VoidKeys

FUZZ = int(os.environ.get("FUZZ", "20000"))


@pytest.fixture(scope="module")
def network():
    return file.load("two-data-centres")


def error_of(kind, work, *inputs):
    """What ``work`` gives, or the error of this kind; any other error is a fault."""
    try:
        return work(*inputs)
    except kind as error:
        return error


def test_http_requests(mutation):
    """A stream of bytes is requests or one refusal, the same ones however it is cut into pieces."""
    whole = (
        b"POST /api/v1/keys/app-west/enc_keys HTTP/1.1\r\nHost: kme\r\nContent-Length: 13\r\n\r\n" + b'{"number": 2}',
        b"GET /api/v1/keys/app-west/status HTTP/1.1\r\nHost: kme\r\nConnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    )
    dice = mutation.dice
    for _ in range(FUZZ * 15 // 100):
        content = mutation.bent(b"".join(dice.choices(whole, k=2)))
        found = []
        for pieces in ([content], cut(content, dice)):
            reader = RequestReader(1 << 20)
            for piece in pieces:
                if not reader.ended:
                    reader.feed(piece)
            found.append([one.refusal or one for one in reader.found])
        assert found[0] == found[1], content


def cut(content, dice):
    ends = sorted(dice.randrange(len(content) + 1) for _ in range(dice.randint(1, 5)))
    return [content[one:other] for one, other in zip([0, *ends], [*ends, len(content)], strict=True) if one < other]


def test_requests_of_014_and_skip(mutation, network):
    """A message of Ak, or a refusal with a status and a sentence."""
    doors = Doors(network, os.urandom)
    for _ in range(FUZZ * 10 // 100):
        method, path, query, body = mutation.request()
        found = error_of(KeyRequestError, doors.parse, method, path, query, body, "app-east")
        if isinstance(found, KeyRequestError):
            assert 400 <= found.status < 500, (method, path, query, body)
            assert str(found)
        else:
            assert isinstance(found, Told) or isinstance(found.request, ak.Request), (method, path, query, body)


def test_lines_of_004(mutation):
    """A message of Ak, or a ProtocolError."""
    codec = JSONLines()
    for _ in range(FUZZ * 5 // 100):
        line = mutation.stream_line()
        with contextlib.suppress(ProtocolError):
            assert isinstance(codec.parse(line, "app-east"), ak.StreamRequest), line


PAIR = {"initiator_sae_id": "one", "target_sae_ids": ["two", "three"]}
ID = "550e8400-e29b-41d4-a716-446655440000"
KEY = {"key_id": ID, "value": "wHHVxRwDJs3/bXd38GHP3oe4svTuRpZS0yCC7x4Ly+s=", "extension": {"E32473_a": [1, {}]}}
CALLBACK = {"ack_callback_url": "https://kme1/kmapi/v1/ext_keys/ack"}
CONTAINERS = [
    msgspec.json.encode(one)
    for one in (
        {"keys": [KEY], "extension_optional": {"E32473_b": None}} | PAIR | CALLBACK,
        [{"key_id_container": [{"key_id": ID}], "ack_status": "failed to void", "message": "text"} | PAIR],
        {"key_ids": [ID], "all_confirmation": True, "extension": {"E1_x": 2.5e3}} | PAIR,
        {"versions": ["v1"], "capabilities": ["synchronous_mode"]},
        {"type": "https://qkd.etsi.org/gs020-interop-kms/timeout", "status": 408, "details": {"timeout": "late"}},
    )
]
REQUESTS = (
    HandKeys(keys=(ForeignKey(key_id=bytes(16), value=b"k"),), initiator="one", targets=("two",)),
    VoidKeys(key_ids=(bytes(16),), initiator="one", targets=("two",)),
    Acknowledge(acks=()),
    AskVersions(),
)


def test_requests_and_answers_of_020(mutation):
    """A message between networks, or problem details that can be written; of an answer an outcome, whatever it is."""
    dice = mutation.dice
    for _ in range(FUZZ * 10 // 100):
        body = mutation.bent(dice.choice(CONTAINERS))
        method, path = dice.choice(("GET", "POST", "PUT")), dice.choice([*etsi020.METHODS, "/kmapi", "/"])
        found = error_of(etsi020.RefusedError, etsi020.parse_request, method, path, body)
        if isinstance(found, etsi020.RefusedError):
            assert etsi020.format_reply(found.problem)[0] in {400, 404, 405, 503}, (method, path, body)
        else:
            etsi020.format_request(found)
        outcome = etsi020.parse_reply(
            dice.choice(REQUESTS), dice.choice((200, 202, 204, 302, 400, 401, 503, 999)), body
        )
        assert isinstance(outcome, Outcome), body


UNIONS = {
    "Kx": kx.KxMessage,
    "classical channel": messages.ClassicalMessage,
    "Ck": ck.RelayTable,
    "reports": ck.SiteReport,
    "Mc": mc.McQuestion | mc.McAnswer,
    "light": Light,
    "devices": DeviceMessage,
    "hello": Hello,
}


@pytest.mark.parametrize("name", UNIONS)
async def test_frames(name, mutation):
    """A message of the union, the end of the connection, or a ProtocolError."""
    types, dice = UNIONS[name], mutation.dice
    for _ in range(FUZZ * 20 // 100 // len(UNIONS)):
        whole = msgspec.msgpack.encode(mutation.message(types))
        body = mutation.bent(whole) if dice.random() < 0.7 else whole
        head = len(body).to_bytes(4)
        reader = asyncio.StreamReader()
        reader.feed_data((mutation.bent(head) if dice.random() < 0.05 else head) + body)
        reader.feed_eof()
        with contextlib.suppress(ProtocolError, EOFError):
            assert isinstance(await Frames(reader, None, types).receive(), types), body


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # a bent one may be negative; OpenSSL still takes it
def test_certificates_and_lists(mutation, network, tmp_path):
    """A certificate or a list, or a CertificateError."""
    issue_all(network, tmp_path)
    authority = read_certificate(tmp_path / "ca" / "ca.pem")
    bent = tmp_path / "bent.pem"
    for _ in range(FUZZ * 4 // 200):
        for name, read in (("ca.pem", read_certificate), ("crl.pem", lambda path: RevocationList.of(path, authority))):
            bent.write_bytes(mutation.bent((tmp_path / "ca" / name).read_bytes()))
            with contextlib.suppress(CertificateError):
                read(bent)


def test_network_files(mutation, network):
    """A network, or every problem with its line."""
    texts = (to_yaml(network).encode(), to_yaml(file.load("north")).encode())
    for number in range(FUZZ // 100):
        content = mutation.bent(texts[number % 2]).decode(errors="replace")
        found = error_of(NetworkFileError, file.parse, content, "bent.yaml")
        assert isinstance(found, Network) or str(found).startswith("bent.yaml:"), str(found)
