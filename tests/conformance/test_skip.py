"""SKIP (draft-cisco-skip-02, draft-singh-skip-00) against a real server with real certificates."""

import json

import pytest


def get(kme, who, path, method="GET"):
    status, answer, _ = kme.call(who, method, path)
    return status, answer


@pytest.mark.checklist("9a")
def test_skip_1_capabilities_name_the_systems_of_the_caller(kme):
    """Local is the certificate's application; remote are those that a demand allows, and no others."""
    status, found = get(kme, "bob", "/capabilities")
    assert status == 200
    assert found == {
        "entropy": True,
        "key": True,
        "algorithm": "QKD",
        "localSystemID": "bob",
        "remoteSystemID": ["alice", "carol"],
    }
    assert get(kme, "eve", "/capabilities")[1]["remoteSystemID"] == []


@pytest.mark.checklist("9a", "9c")
def test_skip_2_4_a_key_is_the_same_at_both_ends_and_each_copy_comes_once(kme):
    """New key of 256 bits for one, by its keyId for the other; a second time 400, for both."""
    status, new = get(kme, "alice", "/key?remoteSystemID=bob")
    assert status == 200
    assert (len(bytes.fromhex(new["keyId"])), len(bytes.fromhex(new["key"]))) == (16, 32)
    assert get(kme, "bob", f"/key/{new['keyId']}?remoteSystemID=alice") == (200, new)
    for who, other in (("bob", "alice"), ("alice", "bob")):
        status, refused = get(kme, who, f"/key/{new['keyId']}?remoteSystemID={other}")
        assert status == 400
        assert new["key"] not in json.dumps(refused)


@pytest.mark.checklist("9a")
def test_skip_3_size_is_honoured(kme):
    """In bits."""
    status, new = get(kme, "alice", "/key?remoteSystemID=bob&size=128")
    assert (status, len(bytes.fromhex(new["key"]))) == (200, 16)


def test_skip_and_014_hand_out_the_same_keys(kme):
    """What a master got over one interface its slave fetches over the other."""
    _, new = get(kme, "alice", "/key?remoteSystemID=bob")
    text = new["keyId"]
    key_id = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    status, found = kme.dec(key_id)
    assert status == 200
    assert found["keys"][0]["key_ID"] == key_id


@pytest.mark.checklist("9a")
def test_skip_5_6_entropy(kme):
    """256 bits, or as many as asked; never the same twice."""
    status, first = get(kme, "alice", "/entropy")
    assert (status, first["minentropy"], len(bytes.fromhex(first["randomStr"]))) == (200, 256, 32)
    status, second = get(kme, "alice", "/entropy?minentropy=129")
    assert (status, second["minentropy"], len(bytes.fromhex(second["randomStr"]))) == (200, 129, 17)
    assert first["randomStr"][:30] != second["randomStr"][:30]


@pytest.mark.parametrize(
    "path",
    [
        "/key",
        "/key?remoteSystemID=",
        "/key?remoteSystemID=nobody",
        "/key?remoteSystemID=alice",
        "/key?remoteSystemID=eve",
        "/key?remoteSystemID=bob&size=9",
        "/key?remoteSystemID=bob&size=0",
        "/key?remoteSystemID=bob&size=-8",
        "/key?remoteSystemID=bob&size=1e3",
        "/key?remoteSystemID=bob&size=65536",
        "/key?remoteSystemID=bob&remoteSystemID=carol",
        "/key?remoteSystemID",
        "/key/zz?remoteSystemID=bob",
        "/key/00000000000000000000000000000000?remoteSystemID=bob",
        "/key/00000000-0000-0000-0000-000000000000?remoteSystemID=bob",
        "/key/00000000000000000000000000000000",
        "/entropy?minentropy=0",
        "/entropy?minentropy=8193",
        "/entropy?minentropy=x",
    ],
)
def test_skip_what_cannot_be_is_400(kme, path):
    """A JSON message that says why; no key."""
    status, found = get(kme, "alice", path)
    assert status == 400
    assert set(found) == {"message"}
    assert "size=9" not in path or found["message"] == "size shall be a multiple of 8"


@pytest.mark.checklist("9b")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/capabilities", "/key?remoteSystemID=bob", "/entropy"])
def test_skip_only_get_is_taken(kme, method, path):
    """405 with the method that is."""
    status, _, headers = kme.call("alice", method, path)
    assert status == 405
    assert headers["Allow"] == "GET"


@pytest.mark.parametrize("path", ["/", "/keys", "/key/a/b", "/key/", "/entropy/1", "/capabilities/", "//key"])
def test_skip_an_unknown_path_is_404(kme, path):
    """With the paths that there are."""
    status, found = get(kme, "alice", path)
    assert status == 404
    assert "/capabilities" in found["message"]


def test_skip_a_certificate_of_no_application_is_401(kme):
    """A site has no keys to ask for."""
    assert get(kme, "A", "/capabilities")[0] == 401


def test_skip_no_key_now_is_503_with_a_hint(kme):
    """Retry-After, as for 014."""
    kme.supply.empty = True
    try:
        status, _, headers = kme.call("alice", "GET", "/key?remoteSystemID=zoe")
    finally:
        kme.supply.empty = False
    assert status == 503
    assert headers["Retry-After"]


def test_skip_curl_gets_a_key(kme):
    """No client library: certificate, key and one URL."""
    done = kme.curl("alice", "/key?remoteSystemID=bob&size=256")
    assert len(bytes.fromhex(json.loads(done.stdout)["key"])) == 32
