"""Who may do what with which key: identity x endpoint x key, one expected answer for each cell. Deny by default."""

import http.client
import itertools
import json
import ssl
import uuid

import pytest

from qit4n.adapters.certificates import issue_all, revoke

CLOSED = 0  # no answer at all: the TLS handshake, or the first read, fails

# Keys are supplied to alice with bob as slave and carol as additional slave. dave is of the same site and may share
# keys with alice, but was not named; zoe's site is B. Each key is asked for with alice as the master.
IDENTITIES = {
    "master": "applications/alice",
    "named slave": "applications/bob",
    "additional slave": "applications/carol",
    "not named": "applications/dave",
    "other site": "applications/zoe",
    "revoked": "applications/frank",
    "other authority": "applications/bob",
    "site": "sites/A",
    "other site's site": "sites/B",
    "operator": "operator",
    "none": None,
}
SUPPLIED, NOT_FOUND, NOT_ALLOWED, BAD = 200, 400, 401, 400
EVERYTHING = ("own", "other's", "unknown", "fetched")


def everywhere(status):
    """The same answer to every request."""
    return {("status", ""): status, ("enc_keys", ""): status, **{("dec_keys", key): status for key in EVERYTHING}}


def slave():
    """Own keys once; nothing of others; nothing twice."""
    return {
        ("status", ""): 200,
        ("enc_keys", ""): SUPPLIED,
        ("dec_keys", "own"): SUPPLIED,
        ("dec_keys", "other's"): NOT_ALLOWED,
        ("dec_keys", "unknown"): NOT_FOUND,
        ("dec_keys", "fetched"): NOT_FOUND,
    }


# "own" is a key the caller was named for and has yet to fetch; "other's" one it was not named for; "fetched" one
# that all who were named have fetched.
EXPECTED = {
    "master": {**everywhere(BAD), ("status", ""): 200, ("enc_keys", ""): SUPPLIED},
    "named slave": slave(),
    "additional slave": slave(),
    "not named": {**slave(), ("dec_keys", "own"): NOT_ALLOWED},
    "other site": everywhere(NOT_ALLOWED),
    "revoked": everywhere(CLOSED),
    "other authority": everywhere(CLOSED),
    "site": everywhere(NOT_ALLOWED),
    "other site's site": everywhere(NOT_ALLOWED),
    "operator": everywhere(NOT_ALLOWED),
    "none": everywhere(CLOSED),
}
CELLS = [(who, *cell) for who, cells in EXPECTED.items() for cell in cells]


@pytest.fixture(scope="module")
def strangers(network, tmp_path_factory):
    """The same names, signed by another authority."""
    directory = tmp_path_factory.mktemp("strangers")
    issue_all(network, directory)
    return directory


@pytest.fixture(scope="module")
def call(kme, state, strangers):
    """A request by an identity: its status, CLOSED if there is no answer, and its JSON."""
    revoke(state, "frank")
    kme.check_revoked()

    def ask(who, path, body=None):
        context = ssl.create_default_context(cafile=state / "ca" / "ca.pem")
        if IDENTITIES[who] is not None:
            files = (strangers if who == "other authority" else state) / IDENTITIES[who]
            context.load_cert_chain(files / "cert.pem", files / "key.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", kme.port, context=context, timeout=10)
        try:
            connection.request("GET" if body is None else "POST", f"/api/v1/keys/{path}", body and json.dumps(body))
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except OSError:
            return CLOSED, None
        finally:
            connection.close()

    return ask


def supplied(kme, slave, *additional):
    """The id of a fresh key of alice."""
    status, answer = kme.enc(slave=slave, additional_slave_SAE_IDs=list(additional))
    assert status == 200
    return answer["keys"][0]["key_ID"]


def key_for(kme, who, kind):
    """The id of a key of that kind for this identity, and who may still fetch it afterwards."""
    if kind == "unknown":
        return str(uuid.uuid4()), ()
    if kind == "other's":
        other = {"named slave": "carol", "additional slave": "dave"}.get(who, "bob")
        return supplied(kme, other), (other,)
    key_id = supplied(kme, "bob", "carol")
    if kind == "own":
        return key_id, tuple(name for name in ("bob", "carol") if not (IDENTITIES[who] or "").endswith(name))
    for name in ("bob", "carol"):
        assert kme.dec(key_id, who=name)[0] == 200
    return key_id, ()


def test_every_cell_is_expected():
    """The table has an answer for each identity, endpoint and key."""
    cells = [("status", ""), ("enc_keys", ""), *(("dec_keys", key) for key in EVERYTHING)]
    assert set(CELLS) == {(who, *cell) for who, cell in itertools.product(IDENTITIES, cells)}


@pytest.mark.checklist("1d", "4a")
@pytest.mark.parametrize(("who", "endpoint", "kind"), CELLS)
def test_an_identity_gets_what_is_its_own_and_nothing_else(kme, call, who, endpoint, kind):
    """The expected status; a refusal carries no key and takes none away from those who are named."""
    expected = EXPECTED[who][endpoint, kind]
    partner = "alice" if who not in {"master", "other authority"} else "bob"
    if endpoint == "dec_keys":
        key_id, still = key_for(kme, who, kind)
        status, answer = call(who, "alice/dec_keys", {"key_IDs": [{"key_ID": key_id}]})
        for name in still:
            assert kme.dec(key_id, who=name)[0] == 200
    else:
        status, answer = call(who, f"{partner}/{endpoint}", {} if endpoint == "enc_keys" else None)
    assert status == expected
    if status != 200 and answer is not None:
        assert set(answer) <= {"message", "details"}
