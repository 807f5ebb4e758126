"""ETSI GS QKD 014 V1.1.1, clause by clause, against the real server over mutual TLS."""

import base64
import json
import ssl
import urllib.parse
import uuid

import pytest
from etsi_qkd_014_client import QKD014Client

from qit4n.adapters.certificates import issue_all


def ids(container):
    return [key["key_ID"] for key in container["keys"]]


@pytest.mark.checklist("1c")
def test_014_5_1_without_a_client_certificate_there_is_no_connection(kme):
    """A client that shows no certificate gets no answer at all."""
    import http.client

    context = ssl.create_default_context(cafile=kme.files("alice")["ca"])
    connection = http.client.HTTPSConnection("127.0.0.1", kme.port, context=context, timeout=10)
    with pytest.raises((ssl.SSLError, OSError)):
        connection.request("GET", "/api/v1/keys/bob/status")
        connection.getresponse()
    connection.close()


def test_014_5_1_a_certificate_of_another_authority_is_refused(kme, network, tmp_path):
    """The same names signed by somebody else do not connect."""
    import http.client

    issue_all(network, tmp_path)
    stranger = tmp_path / "applications" / "alice"
    context = ssl.create_default_context(cafile=kme.files("alice")["ca"])
    context.load_cert_chain(stranger / "cert.pem", stranger / "key.pem")
    connection = http.client.HTTPSConnection("127.0.0.1", kme.port, context=context, timeout=10)
    with pytest.raises((ssl.SSLError, OSError)):
        connection.request("GET", "/api/v1/keys/bob/status")
        connection.getresponse()
    connection.close()


@pytest.mark.checklist("1b")
@pytest.mark.parametrize(("version", "works"), [("TLSv1_3", True), ("TLSv1_2", True), ("TLSv1_1", False)])
def test_014_5_1_tls_1_2_or_higher(kme, version, works):
    """TLS 1.2 and 1.3 are spoken, 1.1 is not."""
    done = kme.curl("alice", "bob/status", "--tls-max", version[-3:].replace("_", "."), "--tlsv1.1")
    assert (done.returncode == 0) is works


def test_014_5_1_the_identity_is_that_of_the_certificate(kme):
    """Headers and members that claim another identity change nothing; a site's certificate is 401."""
    done = kme.curl("alice", "bob/status", "-H", "x-sae-id: carol", "-H", "Request-SAE-ID: carol")
    assert json.loads(done.stdout)["master_SAE_ID"] == "alice"
    status, answer, _ = kme.call("B", "GET", "bob/status")
    assert status == 401
    assert "site" in answer["message"]


@pytest.mark.checklist("1a", "2a")
def test_014_5_2_status_has_its_eleven_members(kme):
    """Names byte for byte, integers as integers, the caller as master."""
    status, answer, _ = kme.call("alice", "GET", "bob/status")
    assert status == 200
    texts = {"source_KME_ID": "A", "target_KME_ID": "A", "master_SAE_ID": "alice", "slave_SAE_ID": "bob"}
    assert {name: answer[name] for name in texts} == texts
    numbers = {name: value for name, value in answer.items() if name not in texts}
    assert set(numbers) == {
        "key_size",
        "stored_key_count",
        "max_key_count",
        "max_key_per_request",
        "max_key_size",
        "min_key_size",
        "max_SAE_ID_count",
    }
    assert all(type(value) is int for value in numbers.values())
    assert numbers["min_key_size"] <= numbers["key_size"] <= numbers["max_key_size"]
    assert 0 < numbers["stored_key_count"] <= numbers["max_key_count"]


@pytest.mark.checklist("1a", "2c")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "bob/enc_keys", None),
        ("POST", "bob/enc_keys", {}),
        ("GET", "bob/enc_keys", None),
        ("GET", "bob/enc_keys", {"number": 7}),
        ("POST", "bob/enc_keys", {"number": None, "size": None}),
        ("POST", "bob/enc_keys", {"unknown_member": [1, 2], "number": 1}),
    ],
)
def test_014_6_2_defaults_are_one_key_of_the_default_size(kme, method, path, body):
    """No body, an empty one, a GET, the ignored body of a GET, nulls, unknown members: one key of 256 bits (A7, A8)."""
    status, answer, _ = kme.call("alice", method, path, body)
    assert status == 200
    assert [len(base64.b64decode(key["key"], validate=True)) for key in answer["keys"]] == [32]
    assert str(uuid.UUID(ids(answer)[0])) == ids(answer)[0]


@pytest.mark.checklist("1a", "2b")
def test_014_6_2_number_and_size_are_honoured(kme):
    """By POST and by the query of a GET: that many keys, each of exactly that many bits, all different."""
    _, posted = kme.enc(number=5, size=1024)
    _, got, _ = kme.call("alice", "GET", "bob/enc_keys?number=5&size=1024")
    for container in (posted, got):
        values = [base64.b64decode(key["key"]) for key in container["keys"]]
        assert [len(value) for value in values] == [128] * 5
        assert len(set(values)) == 5


@pytest.mark.checklist("3a")
@pytest.mark.parametrize("size", [9, 255, 257])
def test_014_6_2_size_that_is_not_a_multiple_of_8(kme, size):
    """400 with the fixed message."""
    assert kme.enc(size=size) == (400, {"message": "size shall be a multiple of 8"})
    status, answer, _ = kme.call("alice", "GET", f"bob/enc_keys?size={size}")
    assert (status, answer["message"]) == (400, "size shall be a multiple of 8")


@pytest.mark.checklist("3f")
@pytest.mark.parametrize(
    "wanted",
    [
        {"number": 0},
        {"number": -1},
        {"number": 129},
        {"number": "3"},
        {"number": 1.0},
        {"number": True},
        {"number": [1]},
        {"number": 1 << 40},
        {"size": 0},
        {"size": -8},
        {"size": 8},
        {"size": 4104},
        {"size": "256"},
        {"size": 256.0},
        {"additional_slave_SAE_IDs": "carol"},
        {"additional_slave_SAE_IDs": [1]},
        {"additional_slave_SAE_IDs": ["carol", "carol"]},
        {"additional_slave_SAE_IDs": ["bob"]},
        {"additional_slave_SAE_IDs": ["alice"]},
        {"additional_slave_SAE_IDs": ["nobody"]},
        {"extension_mandatory": "x"},
        {"extension_mandatory": [1]},
    ],
)
def test_014_6_2_what_is_out_of_range_or_of_the_wrong_type_is_400(kme, wanted):
    """400 with an Error object, never a key, never a 500 (A5, A7, A20)."""
    status, answer = kme.enc(**wanted)
    assert status == 400
    assert set(answer) <= {"message", "details"}
    assert answer["message"]


@pytest.mark.parametrize("made_up", [["x" * 65], ["x" * 1_000_000], [f"x{number}" for number in range(33)]])
def test_014_6_2_made_up_ids_are_refused_before_anybody_remembers_them(kme, made_up):
    """Decisions on requests are kept: with ids of any length one application could fill the memory of the KME."""
    status, answer = kme.enc(additional_slave_SAE_IDs=made_up)
    assert (status, "at most 32 entries of at most 64 characters" in answer["message"]) == (400, True)


@pytest.mark.parametrize("raw", [b"{", b"[]", b"1", b'"x"', b"\xff\xfe", b"{" * 100_000, b"[" * 100_000, b"null"])
def test_014_6_2_a_body_that_is_no_json_object_is_400(kme, raw):
    """Malformed bodies: 400, and the connection lives on."""
    status, answer, _ = kme.call("alice", "POST", "bob/enc_keys", raw=raw)
    assert status == 400
    assert answer["message"].startswith("the body is not")


def test_014_6_2_a_body_beyond_the_limit_is_413(kme):
    """More than 1 MiB is refused without being parsed."""
    status, answer, _ = kme.call("alice", "POST", "bob/enc_keys", raw=b" " * (1 << 20) + b"{}")
    assert status == 413
    assert "1048576 allowed" in answer["message"]


@pytest.mark.parametrize("query", ["number=3&number=4", "number=x", "number=", "size=256.0", "number", "number=%ff"])
def test_014_6_2_bad_query_parameters_are_400(kme, query):
    """Doubled, empty or non-numeric parameters of the GET form."""
    status, answer, _ = kme.call("alice", "GET", f"bob/enc_keys?{query}")
    assert status == 400
    assert answer["message"]


@pytest.mark.checklist("3b")
def test_014_6_2_mandatory_extensions_are_refused_with_the_fixed_message(kme):
    """Nothing is supported, so any mandatory extension is 400 and named in the details."""
    status, answer = kme.enc(extension_mandatory=[{"abc_route": "direct"}, {"abc_time": 1}])
    assert status == 400
    assert answer["message"] == "not all extension_mandatory parameters are supported"
    assert answer["details"] == [
        {"extension_mandatory_unsupported": "abc_route"},
        {"extension_mandatory_unsupported": "abc_time"},
    ]


@pytest.mark.checklist("3d")
def test_014_6_2_optional_extensions_are_ignored_and_named(kme):
    """A9: 200 with keys, and a key_container_extension that says what was not handled."""
    status, answer = kme.enc(extension_optional=[{"abc_hops": 1}])
    assert status == 200
    assert len(answer["keys"]) == 1
    assert "extension_optional" in answer["key_container_extension"]["message"]


@pytest.mark.checklist("1a", "3e", "4b")
def test_014_6_3_the_slave_gets_the_same_keys_once(kme):
    """Equal bytes for equal ids, in the order asked for; the second time 400 with the fixed message (A2)."""
    _, got = kme.enc(number=3)
    wanted = ids(got)[::-1]
    status, same = kme.dec(*wanted)
    assert status == 200
    assert same["keys"] == got["keys"][::-1]
    status, answer = kme.dec(*wanted)
    assert status == 400
    assert answer["message"] == "one or more keys specified are not found on KME"
    assert {"key_ID": wanted[0]} in answer["details"]


def test_014_5_4_get_key_with_key_ids_gives_the_bytes_of_the_master_and_erases_them(kme):
    """By POST and by GET the slave gets what Get key gave the master, each id once and in no other name."""
    _, got = kme.enc(number=2)
    posted, fetched = ids(got)
    status, same = kme.dec(posted)
    assert (status, same["keys"]) == (200, got["keys"][:1])
    status, same, _ = kme.call("bob", "GET", f"alice/dec_keys?key_ID={fetched}")
    assert (status, same["keys"]) == (200, got["keys"][1:])
    assert kme.dec(posted)[0] == kme.dec(fetched)[0] == 400


@pytest.mark.checklist("1a")
def test_014_6_4_get_form_is_for_one_key(kme):
    """GET dec_keys?key_ID=... works; an id in upper case is the same id (A15)."""
    _, got = kme.enc()
    status, same, _ = kme.call("bob", "GET", f"alice/dec_keys?key_ID={ids(got)[0].upper()}")
    assert status == 200
    assert same["keys"] == got["keys"]


@pytest.mark.checklist("4c")
def test_014_6_4_a_batch_with_one_wrong_id_consumes_nothing(kme):
    """A3: all or none."""
    _, got = kme.enc(number=2)
    status, _ = kme.dec(*ids(got), str(uuid.uuid4()))
    assert status == 400
    assert kme.dec(*ids(got))[1]["keys"] == got["keys"]


@pytest.mark.checklist("4a")
def test_014_6_4_another_sae_is_401_and_consumes_nothing(kme):
    """Who was not named by the master gets 401 with an Error (A11), and the slave still gets its key."""
    _, got = kme.enc()
    status, answer = kme.dec(*ids(got), who="carol")
    assert status == 401
    assert answer["message"]
    assert kme.dec(*ids(got))[0] == 200


def test_014_6_4_the_master_in_the_path_must_be_the_one_who_got_the_key(kme):
    """With another master in the path the key is not found."""
    _, got = kme.enc()
    assert kme.dec(*ids(got), master="carol")[0] == 400
    assert kme.dec(*ids(got))[0] == 200


def test_014_6_4_the_callers_own_id_in_the_path_is_explained(kme):
    """The misprint of the example in clause 6.4: the error tells that the path names the master."""
    _, got = kme.enc()
    status, answer = kme.dec(*ids(got), who="bob", master="bob")
    assert status == 400
    assert "names the master" in answer["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"key_IDs": []},
        {"key_IDs": "x"},
        {"key_IDs": ["5d5f9d3e-0d0f-4c1b-9a71-1f4b0d0e0f00"]},
        {"key_IDs": [{"key_ID": 5}]},
        {"key_IDs": [{"key_ID": "no-uuid"}]},
        {"key_IDs": [{"key_ID": "x" * 291}]},
        {"key_IDs": [{"key_ID": "{5d5f9d3e-0d0f-4c1b-9a71-1f4b0d0e0f00}"}]},
        {"key_IDs": [{"key_ID": "5d5f9d3e-0d0f-4c1b-9a71-1f4b0d0e0f00"}] * 2},
    ],
)
def test_014_6_4_malformed_key_ids_are_400(kme, body):
    """Missing, empty, strings instead of objects, no UUIDs, doubles."""
    status, answer, _ = kme.call("bob", "POST", "alice/dec_keys", body)
    assert status == 400
    assert answer["message"]


@pytest.mark.parametrize("again", [str.lower, str.upper])
def test_014_6_4_a_key_that_is_asked_for_twice_in_one_request_is_400(kme, again):
    """Nothing is given, nothing consumed, however the id is written; then once is once."""
    _, got, _ = kme.call("alice", "POST", "bob/enc_keys", {"number": 2})
    one, other = ids(got)
    status, answer = kme.dec(one, other, again(one))
    assert (status, answer["message"]) == (400, "a key_ID is given twice")
    assert kme.dec(one, other)[1]["keys"] == got["keys"]


@pytest.mark.checklist("4d")
def test_014_6_2_additional_slaves_get_the_same_key_each_once(kme):
    """A17: multicast; every named SAE fetches its copy once."""
    _, got = kme.enc(additional_slave_SAE_IDs=["carol"])
    for who in ("bob", "carol"):
        assert kme.dec(*ids(got), who=who)[1]["keys"] == got["keys"]
        assert kme.dec(*ids(got), who=who)[0] == 400


def test_014_5_3_unknown_slave_is_400_and_a_pair_without_demand_401(kme):
    """A12, A20: an id that does not exist, oneself, and a pair that no demand names."""
    assert kme.enc(slave="nobody")[0] == 400
    assert kme.enc(slave="alice")[0] == 400
    assert kme.enc(slave="eve")[0] == 401
    assert kme.call("eve", "GET", "alice/status")[0] == 401
    long = "x" * 291
    assert kme.enc(slave=long)[0] == 400
    assert kme.enc(slave=urllib.parse.quote("äöü/?#", safe=""))[0] == 400


@pytest.mark.checklist("3g")
def test_014_5_3_an_empty_store_is_503_with_a_hint_when_to_come_back(kme):
    """A5: 503 with an Error and Retry-After; afterwards keys flow again."""
    kme.supply.empty = True
    status, answer, headers = kme.call("alice", "POST", "bob/enc_keys", {})
    kme.supply.empty = False
    assert status == 503
    assert "insufficient key material" in answer["message"]
    assert int(headers["Retry-After"]) >= 1
    assert kme.enc()[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "bob", 404),
        ("GET", "bob/other", 404),
        ("GET", "/enc_keys", 404),
        ("PUT", "bob/enc_keys", 405),
        ("DELETE", "bob/enc_keys", 405),
        ("POST", "bob/status", 405),
        ("GET", "%ff/status", 400),
    ],
)
def test_014_table_1_other_paths_and_methods_are_refused(kme, method, path, code):
    """404, 405 or 400 with an Error object."""
    status, answer, _ = kme.call("alice", method, path, {} if method == "POST" else None)
    assert status == code
    assert answer["message"]


def test_014_every_answer_forbids_caching(kme):
    """A21: no-store on keys and on errors."""
    for path in ("bob/status", "bob/enc_keys", "nobody/enc_keys"):
        _, _, headers = kme.call("alice", "GET", path)
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Type"].startswith("application/json")


@pytest.fixture
def public_client(kme):
    """PyPI etsi-qkd-014-client of an application."""

    def make(who):
        files = kme.files(who)
        return QKD014Client(f"127.0.0.1:{kme.port}", files["cert"], files["key"], files["ca"])

    return make


def test_014_the_public_python_client_works_unchanged(public_client):
    """PyPI etsi-qkd-014-client: status, keys, keys by id, and its view of an error."""
    client = public_client
    code, status = client("alice").get_status("bob")
    assert (code, status.key_size) == (200, 256)
    code, container = client("alice").get_key("bob", number=2, size=128)
    assert code == 200
    wanted = [key.key_id for key in container.keys]
    code, same = client("bob").get_key_with_key_IDs("alice", wanted)
    assert code == 200
    assert [key.key for key in same.keys] == [key.key for key in container.keys]
    code, error = client("bob").get_key_with_key_IDs("alice", wanted)
    assert code == 400
    assert "not found" in error.message


def test_014_the_public_python_client_reads_every_refusal(kme, public_client):
    """It takes the body of each error for JSON: 400, 401 and 503 have one, with a message; also to a long id."""
    kme.supply.empty = True
    refusals = [public_client("alice").get_key("bob")]
    kme.supply.empty = False
    refusals += [
        public_client("eve").get_status("alice"),
        public_client("alice").get_key("eve"),
        public_client("alice").get_key("x" * 291),
        public_client("alice").get_key("bob", extension_mandatory=[{"abc_route": 1}]),
        public_client("bob").get_key_with_key_IDs("alice", ["x" * 291]),
    ]
    assert [code for code, _ in refusals] == [503, 401, 401, 400, 400, 400]
    assert all(error.message for _, error in refusals)


def test_014_the_public_python_client_names_additional_slaves(public_client):
    """A multicast request as that client writes it, optional extensions with it; both slaves get the key."""
    code, container = public_client("alice").get_key(
        "bob", additional_slave_sae_ids=["carol"], extension_optional=[{"abc_hops": 1}]
    )
    assert code == 200
    for who in ("bob", "carol"):
        code, same = public_client(who).get_key_with_key_IDs("alice", [container.keys[0].key_id])
        assert (code, same.keys[0].key) == (200, container.keys[0].key)


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ((), ""),
        ((), "?"),
        ((), "?size=256&number=1"),
        ((), "?number=1"),
        (("-H", "Accept: */*", "-H", "Content-Type: application/json"), "?number=1&size=256"),
        (("-G", "-d", "number=1", "--data-urlencode", "size=256"), ""),
        (("--http1.0",), "?number=1"),
        (("--tls-max", "1.2"), "?number=1"),
        (("-X", "POST", "-d", "{}"), ""),
        (("-d", '{"number":1}', "-H", "Content-Type: application/json; charset=utf-8"), ""),
        (("-d", '{"number":1}', "-H", "Transfer-Encoding: chunked"), ""),
        (("-d", '{"number":1}', "-H", "Expect: 100-continue"), ""),
        (("-X", "POST", "-H", "Content-Length: 0"), ""),
    ],
)
def test_014_6_2_the_forms_in_which_devices_ask_give_one_key(kme, options, query):
    """GET with and without query, in any order, by HTTP/1.0 and TLS 1.2; POST with curl's own content type, chunked."""
    done = kme.curl("alice", f"bob/enc_keys{query}", *options)
    assert done.returncode == 0, done.stderr
    keys = json.loads(done.stdout)["keys"]
    assert [len(base64.b64decode(key["key"])) for key in keys] == [32]


@pytest.mark.parametrize("length", [65, 255, 256, 291])
def test_014_ids_that_are_too_long_get_a_clear_answer(kme, length):
    """SAE IDs and key_IDs by every form of request: 400 with a message, and nothing is consumed."""
    _, got = kme.enc()
    long = "x" * length
    answers = [
        kme.call("alice", "GET", f"{long}/status"),
        kme.call("alice", "GET", f"{long}/enc_keys?number=1"),
        kme.call("alice", "POST", f"{long}/enc_keys", {}),
        kme.call("alice", "POST", "bob/enc_keys", {"additional_slave_SAE_IDs": [long]}),
        kme.call("bob", "GET", f"alice/dec_keys?key_ID={long}"),
        kme.call("bob", "POST", "alice/dec_keys", {"key_IDs": [{"key_ID": long}]}),
        kme.call("bob", "POST", f"{long}/dec_keys", {"key_IDs": [{"key_ID": ids(got)[0]}]}),
    ]
    assert [status for status, _, _ in answers] == [400] * 7
    assert all(0 < len(answer["message"]) < 200 for _, answer, _ in answers)
    assert kme.dec(*ids(got))[1]["keys"] == got["keys"]


def test_014_curl_works(kme):
    """With the options of the how-to, whose own lines ``tests/system/test_two_data_centres.py`` runs."""
    got = json.loads(kme.curl("alice", "bob/enc_keys?number=1&size=256").stdout)
    same = json.loads(kme.curl("bob", f"alice/dec_keys?key_ID={ids(got)[0]}").stdout)
    assert same["keys"] == got["keys"]
