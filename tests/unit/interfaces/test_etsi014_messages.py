"""ETSI GS QKD 014 as pure functions: any bytes become a message of Ak or a KeyRequestError, and replies become JSON."""

import base64
import json
import uuid

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qit4n.errors import KeyRequestError
from qit4n.interfaces import etsi014
from qit4n.pools.knowledge import Knowledge
from qit4n.refpoints import ak

ID = "5d5f9d3e-0d0f-4c1b-9a71-1f4b0d0e0f00"
RAW_ID = bytes.fromhex(ID.replace("-", ""))
REASONS = {
    "unknown-application": 400,
    "not-allowed": 401,
    "self-pair": 400,
    "bad-request": 400,
    "unknown-key": 400,
    "no-key": 503,
    "not-ready": 503,
    "too-many-slaves": 400,
    "too-few-paths": 400,
    "too-many-requests": 429,
}


def parse(call="bob/enc_keys", body=b"", query="", method="POST", caller="alice"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return etsi014.parse_request(method, etsi014.BASE + call, query, content, caller)


def refusal(**request):
    """Status, message and details with which a request is refused."""
    with pytest.raises(KeyRequestError) as caught:
        parse(**request)
    return caught.value.status, caught.value.message, caught.value.details


def test_status_is_a_get_of_the_caller_as_master():
    """GET SLAVE/status; the caller comes from outside, whatever the path says."""
    assert parse("bob/status", method="GET").request == ak.GetStatus(master="alice", slave="bob")


def test_get_key_without_members_leaves_the_size_to_the_kme():
    """A8: number 1, size 0 for the default; for no body, blanks, {} and a GET."""
    wanted = ak.GetKeys(master="alice", slaves=("bob",), number=1, size=0)
    for request in ({}, {"body": b" \r\n"}, {"body": {}}, {"method": "GET"}, {"method": "GET", "body": b"{{{"}):
        assert parse(**request).request == wanted


def test_get_key_keeps_number_size_and_slaves_in_order():
    """All members arrive; the slave of the path comes first (A17)."""
    body = {"number": 7, "size": 512, "additional_slave_SAE_IDs": ["carol", "dave"], "of_the_future": {"a": 1}}
    wanted = ak.GetKeys(master="alice", slaves=("bob", "carol", "dave"), number=7, size=512)
    assert parse(body=body).request == wanted
    assert parse(method="GET", query="number=7&size=512&x=").request == msgspec.structs.replace(wanted, slaves=("bob",))


def test_the_id_in_the_path_is_decoded_once():
    """%2F belongs to the id, %252F is a literal %2F, UTF-8 is UTF-8."""
    assert parse("a%2Fb/status", method="GET").request.slave == "a/b"
    assert parse("a%252Fb/status", method="GET").request.slave == "a%2Fb"
    assert parse("%C3%A4/status", method="GET").request.slave == "ä"
    assert refusal(call="%FF/status", method="GET")[0] == 400


@pytest.mark.parametrize("value", [True, False, 1.0, "1", [1], {}, 0, -1, 1 << 31, 1 << 70, 1e400])
@pytest.mark.parametrize("member", ["number", "size"])
def test_only_integers_of_at_least_one_are_numbers(member, value):
    """A7: a boolean, a float that is whole, text, zero and what no machine counts are 400."""
    body = json.dumps({member: value}).encode()
    status, message, _ = refusal(body=body)
    assert status == 400
    assert member in message or message == "the body is not JSON"  # 1e400 is not a number of JSON


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "0x1", "1_0", "%31%20", "%D9%A3", "9" * 10, "true"])
def test_only_plain_digits_are_numbers_in_a_query(text):
    """Of all that Python's int() takes, only ASCII digits count."""
    assert refusal(method="GET", query=f"number={text}")[:2] == (400, "number shall be an integer")


@pytest.mark.parametrize("size", [1, 7, 9, 255])
def test_a_size_that_is_not_whole_bytes_has_the_fixed_message(size):
    """Clause 6.2, byte for byte, in both forms."""
    fixed = (400, "size shall be a multiple of 8", ())
    assert refusal(body={"size": size}) == fixed
    assert refusal(method="GET", query=f"size={size}") == fixed


@pytest.mark.parametrize("form", [[{"a": 1}, {"b": None}], {"a": 1, "b": None}])
def test_extensions_are_refused_or_ignored_by_name(form):
    """Mandatory: 400, fixed message, one detail each. Optional: the request passes and remembers the names (A9)."""
    status, message, details = refusal(body={"extension_mandatory": form})
    assert (status, message) == (400, "not all extension_mandatory parameters are supported")
    assert details == ({"extension_mandatory_unsupported": "a"}, {"extension_mandatory_unsupported": "b"})
    parsed = parse(body={"extension_optional": form})
    assert parsed.ignored == ("a", "b")
    assert isinstance(parsed.request, ak.GetKeys)


def test_disjoint_paths_and_trusted_sites_are_known_extensions():
    """The first is mandatory, a number of at least 1, the larger of two counts; the second optional, true."""
    body = {"extension_mandatory": [{"disjoint_paths": 2}], "extension_optional": [{"trusted_sites": True}]}
    parsed = parse(body=body)
    assert (parsed.request.disjoint_paths, parsed.request.tell_trusted, parsed.ignored) == (2, True, ())
    for value in (0, "2", True, 1.5):
        assert refusal(body={"extension_mandatory": [{"disjoint_paths": value}]})[0] == 400
    parsed = parse(body={"extension_optional": [{"trusted_sites": 1}, {"disjoint_paths": 2}]})
    assert parsed.ignored == ("trusted_sites", "disjoint_paths")
    assert (parsed.request.disjoint_paths, parsed.request.tell_trusted) == (1, False)


@pytest.mark.checklist("3c")
def test_too_few_paths_have_the_fixed_message():
    """Clause 6.2: 400, byte for byte, for an extension that is known but cannot be met, and which it was."""
    status, body = etsi014.format_reply(ak.Refused(reason="too-few-paths", text="1 path"))
    assert (status, json.loads(body)) == (
        400,
        {
            "message": "not all extension_mandatory request options could be met",
            "details": [{"extension_mandatory_unmet": "disjoint_paths"}],
        },
    )


def test_the_answer_says_who_could_know_the_keys_if_asked():
    """Per way of the key: the sites of each share, how many shares are needed, what it was combined with."""
    known = Knowledge(paths=(("A", "B", "D"), ("A", "C", "E", "D")), threshold=2, combined="ML-KEM-768")
    _, body = etsi014.format_reply(ak.SuppliedKeys(batches=(), knowledge=(known,)))
    assert json.loads(body) == {
        "keys": [],
        "key_container_extension": {
            "trusted_sites": [{"shares": [["B"], ["C", "E"]], "needed": 2, "combined": "ML-KEM-768"}]
        },
    }


@pytest.mark.parametrize("member", ["additional_slave_SAE_IDs", "extension_mandatory", "extension_optional"])
@pytest.mark.parametrize("value", ["x", 5, True, [5], [None], [["x"]]])
def test_arrays_of_the_wrong_kind_are_400(member, value):
    """Neither text nor numbers pass for an array, nor for its entries."""
    status, message, _ = refusal(body={member: value})
    assert status == 400
    assert member in message


@pytest.mark.parametrize("additional", [["bob"], ["carol", "carol"]])
def test_a_slave_named_twice_is_400(additional):
    """Also when the first time was in the path."""
    assert refusal(body={"additional_slave_SAE_IDs": additional})[:2] == (400, "a slave SAE ID is given twice")


def test_key_ids_are_compared_as_uuids():
    """A15: upper case is the same id, so twice in two cases is a double."""
    wanted = ak.GetKeysByID(slave="bob", master="alice", key_ids=(RAW_ID,))
    assert parse("alice/dec_keys", {"key_IDs": [{"key_ID": ID.upper()}]}, caller="bob").request == wanted
    assert parse("alice/dec_keys", method="GET", query=f"key_ID={ID.upper()}", caller="bob").request == wanted
    twice = {"key_IDs": [{"key_ID": ID}, {"key_ID": ID.upper()}]}
    assert refusal(call="alice/dec_keys", body=twice, caller="bob")[:2] == (400, "a key_ID is given twice")


@pytest.mark.parametrize(
    "text",
    [
        *("", ID[:-1], ID + "0", ID + "\n", ID[:-1] + "g", " " + ID[1:], "٣" + ID[1:]),
        *(ID.replace("-", ""), "{" + ID[1:-1] + "}", "1_2_3_4_" + ID[8:], f"urn:uuid:{ID}"),
    ],
)
def test_what_merely_looks_like_a_uuid_is_400(text):
    """Only 8-4-4-4-12 ASCII hexadecimal digits are an id; ``uuid.UUID`` would take some of these."""
    body = {"key_IDs": [{"key_ID": text}]}
    assert refusal(call="alice/dec_keys", body=body, caller="bob")[:2] == (400, "a key_ID shall be a UUID")


@pytest.mark.parametrize("body", [b"", {}, {"key_IDs": []}, {"key_IDs": None}, {"key_ID": ID}])
def test_no_key_id_is_400(body):
    """An empty request for given keys is a mistake, not a request for nothing."""
    assert refusal(call="alice/dec_keys", body=body, caller="bob")[:2] == (400, "no key_ID is given")


def test_more_ids_than_the_limit_are_400():
    """4096 pass, 4097 do not."""
    entries = [{"key_ID": f"{number:08x}{ID[8:]}"} for number in range(etsi014.MAX_KEY_IDS + 1)]
    passed = parse("alice/dec_keys", {"key_IDs": entries[1:]}, caller="bob")
    assert len(passed.request.key_ids) == etsi014.MAX_KEY_IDS
    assert refusal(call="alice/dec_keys", body={"key_IDs": entries}, caller="bob")[0] == 400


def test_the_path_of_dec_keys_names_the_master():
    """The misprint of the example in clause 6.4 is explained."""
    body = {"key_IDs": [{"key_ID": ID}]}
    assert "names the master" in refusal(call="bob/dec_keys", body=body, caller="bob")[1]


def test_the_body_may_have_one_mebibyte():
    """At the limit it is read, one byte above it is 413."""
    filler = b" " * (etsi014.MAX_BODY_BYTES - 2)
    assert parse(body=filler + b"{}").request.number == 1
    assert refusal(body=filler + b" {}")[0] == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v2/keys/bob/status", 404),
        ("GET", "/api/v1/keys/bob/status/", 404),
        ("GET", "/api/v1/keys/bob/more/status", 404),
        ("GET", "/api/v1/keys//status", 404),
        ("GET", "/api/v1/keys/bob/STATUS", 404),
        ("GET", "/api/v1/keys/b\udcff/status", 400),
        ("PUT", "/api/v1/keys/bob/enc_keys", 405),
        ("HEAD", "/api/v1/keys/bob/status", 405),
        ("POST", "/api/v1/keys/bob/status", 405),
    ],
)
def test_other_paths_and_methods(method, path, status):
    """Not of table 1: 404; of table 1 by another method: 405."""
    with pytest.raises(KeyRequestError) as caught:
        etsi014.parse_request(method, path, "", b"", "alice")
    assert caught.value.status == status


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("call", ["status", "enc_keys", "dec_keys"])
def test_the_methods_of_a_path_are_those_that_are_taken(call, method):
    """What an Allow header lists is exactly what does not give 405."""
    path = f"{etsi014.BASE}bob/{call}"
    if method not in etsi014.methods_of(path):
        assert refusal(call=f"bob/{call}", method=method)[0] == 405
    elif call == "dec_keys":
        assert refusal(call=f"bob/{call}", method=method)[0] == 400
    else:
        assert parse(f"bob/{call}", method=method).request.master == "alice"


def test_a_path_that_is_not_of_014_has_no_methods():
    """So nothing is listed for it."""
    assert etsi014.methods_of("/elsewhere") == ()


@pytest.mark.parametrize("query", ["number=3&number=3", "=&=", "number", "number=%FF", "&&", "n\udcff=1"])
def test_a_query_that_is_ambiguous_or_broken_is_400(query):
    """Doubled names, no '=', not UTF-8, not ASCII."""
    assert refusal(method="GET", query=query)[0] == 400


# any value of JSON, with the members of 014 more often than others
names = st.sampled_from(
    ["number", "size", "additional_slave_SAE_IDs", "extension_mandatory", "extension_optional", "key_IDs", "key_ID"]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([ID, "bob", 8, 256])
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names | st.text(), inner, max_size=4)
)
bodies = st.dictionaries(names | st.text(), values).map(lambda one: json.dumps(one).encode()) | st.binary()
calls = st.sampled_from(["bob/status", "bob/enc_keys", "bob/dec_keys", "alice/dec_keys", "%ff/enc_keys"]) | st.text()
queries = st.text() | st.lists(
    st.tuples(names | st.text(), st.integers().map(str) | st.text() | st.just(ID)), max_size=4
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.sampled_from(["GET", "POST", "HEAD"]), calls, queries, bodies, st.sampled_from(["alice", "bob"]))
@example("POST", "bob/enc_keys", "", b'{"extension_optional":[{"\\ud800":1}]}', "alice")
@example("POST", "bob/enc_keys", "", b'{"a":' * 50_000, "alice")
def test_anything_is_a_message_or_a_refusal_that_can_be_sent(method, call, query, body, caller):
    """No input gives another exception, and each refusal and each message can be encoded."""
    try:
        parsed = parse(call, body, query, method, caller)
    except KeyRequestError as error:
        status, answer = etsi014.format_error(error)
        assert status in {400, 404, 405, 413}
        assert json.loads(answer)["message"]
        return
    request = parsed.request
    assert caller == (request.slave if isinstance(request, ak.GetKeysByID) else request.master)
    msgspec.json.encode(request)
    if isinstance(request, ak.GetKeys):
        assert 1 <= request.number < 1 << 31
        assert request.size % 8 == 0
        assert len(set(request.slaves)) == len(request.slaves)
    etsi014.format_reply(ak.SuppliedKeys(batches=()), parsed.ignored)


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.uuids(), st.binary(min_size=1, max_size=64)), max_size=5))
def test_key_values_survive_the_container(keys):
    """Clause 6.3: ids as they are, values in padded base64 that decodes to the same bytes, in order."""
    reply = ak.SuppliedKeys(
        batches=tuple(ak.KSAKeys(ids=one.bytes, values=value, size=len(value)) for one, value in keys)
    )
    status, body = etsi014.format_reply(reply)
    found = json.loads(body)
    assert (status, set(found)) == (200, {"keys"})
    assert [(one["key_ID"], base64.b64decode(one["key"], validate=True)) for one in found["keys"]] == [
        (str(one), value) for one, value in keys
    ]


@settings(derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 70)), min_size=1, max_size=3), st.randoms())
def test_containers_of_many_keys_read_as_those_of_one(batches, dice):
    """However many keys a batch has and however long they are: the ids and values, in order, as JSON."""
    made = tuple(
        ak.KSAKeys(ids=dice.randbytes(16 * number), values=dice.randbytes(size * number), size=size)
        for number, size in batches
    )
    found = json.loads(etsi014.format_reply(ak.SuppliedKeys(batches=made))[1])["keys"]
    wanted = [pair for batch in made for pair in batch.each()]
    assert [uuid.UUID(one["key_ID"]).bytes for one in found] == [key_id for key_id, _ in wanted]
    assert [base64.b64decode(one["key"], validate=True) for one in found] == [value for _, value in wanted]


@pytest.mark.parametrize(
    "pair",
    [
        (ID[:-1], ID + "0"),
        (ID + ID[0], ID[1:]),
        (ID[:-2] + "  ", ID),
        (ID[:-2] + " 0", ID),
        (ID[:-3] + "  " + ID[0], ID),
        (ID[:8] + ID[9:18] + "--" + ID[19:], ID),
        (ID, ID[:9] + "-" + ID[9:13] + ID[14:]),
    ],
)
def test_errors_in_two_ids_do_not_make_up_for_each_other(pair):
    """Each id is of the form by itself: one too short beside one too long, a hyphen too early, a blank."""
    body = {"key_IDs": [{"key_ID": text} for text in pair]}
    assert refusal(call="alice/dec_keys", body=body, caller="bob")[:2] == (400, "a key_ID shall be a UUID")


def test_ignored_options_are_named_beside_the_keys():
    """A9: details are an array of objects (A10)."""
    _, body = etsi014.format_reply(ak.SuppliedKeys(batches=()), ("a", "b"))
    assert json.loads(body)["key_container_extension"] == {
        "message": "not all extension_optional request options handled",
        "details": [{"extension_optional_unhandled": "a"}, {"extension_optional_unhandled": "b"}],
    }


@pytest.mark.parametrize(("reason", "status"), REASONS.items())
def test_each_reason_of_ak_has_its_status(reason, status):
    """Tables 4, 6 and 8; the text of the key manager is the message."""
    found, body = etsi014.format_reply(ak.Refused(reason=reason, text="because"))
    assert found == status
    if reason not in {"unknown-key", "too-few-paths"}:
        assert json.loads(body) == {"message": "because"}


def test_every_reason_that_ak_lists_is_in_the_table():
    """The docstring of Refused is the list; a reason without a status would be a 500."""
    listed = set(ak.Refused.__doc__.split('"')[1::2])
    assert listed == set(etsi014.STATUS) == set(REASONS)


def test_unknown_keys_have_the_fixed_message_and_name_the_ids():
    """Clause 6.4: 400, byte for byte, whatever the key manager says."""
    status, body = etsi014.format_reply(ak.Refused(reason="unknown-key", text="other", key_ids=(RAW_ID,)))
    assert status == 400
    message = "one or more keys specified are not found on KME"
    assert json.loads(body) == {"message": message, "details": [{"key_ID": ID}]}
