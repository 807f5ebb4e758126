"""ETSI GS QKD 020: the published shapes are read and written, everything else is a clear problem with a type."""

import base64
import contextlib
import json
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.interfaces import etsi020
from qit4n.interfaces.etsi020 import ACK, KEYS, VERSIONS, VOID
from qit4n.refpoints.interworking import (
    Accepted,
    Acknowledge,
    Acknowledgement,
    AskVersions,
    Done,
    ForeignKey,
    HandKeys,
    KeyStatus,
    Problem,
    Unclear,
    Versions,
    VoidKeys,
)

ID = uuid.UUID("550e8400-e29b-41d4-a716-446655440000")
VALUE = "wHHVxRwDJs3/bXd38GHP3oe4svTuRpZS0yCC7x4Ly+s="
CALLBACK = "https://kme1/kmapi/v1/ext_keys/ack"
CONTAINER = {  # the example of the published description, but for its mandatory extensions
    "keys": [{"key_id": str(ID), "value": VALUE, "extension": {"E32473_protocol": "BB84"}}],
    "initiator_sae_id": "encryptor1",
    "target_sae_ids": ["encryptor2"],
    "ack_callback_url": CALLBACK,
    "extension_optional": {"E32473_extension1": "text", "E32473_module_type": {"vendor": "Company ABC"}},
}
PAIR = {"initiator_sae_id": "encryptor1", "target_sae_ids": ["encryptor2"]}
ACKS = [{"key_id_container": [{"key_id": str(ID)}], "ack_status": "relayed", **PAIR, "message": "text"}]


def parse(path, body, method="POST"):
    return etsi020.parse_request(method, path, body if isinstance(body, bytes) else json.dumps(body).encode())


def refused(path, body, method="POST"):
    with pytest.raises(etsi020.RefusedError) as caught:
        parse(path, body, method)
    status, answer = etsi020.format_reply(caught.value.problem)
    found = json.loads(answer)
    assert found["status"] == status
    assert found["type"].startswith("https://qkd.etsi.org/gs020-interop-kms/")
    assert found["title"]
    assert all(isinstance(text, str) and text for text in found["details"].values())
    return status, found["type"].rpartition("/")[2], found["details"]


def test_the_published_example_of_a_key_container():
    """All members are read; unknown optional extensions end here."""
    found = parse(KEYS, CONTAINER)
    key = ForeignKey(key_id=ID.bytes, value=base64.b64decode(VALUE))
    assert found == HandKeys(keys=(key,), initiator="encryptor1", targets=("encryptor2",), callback=CALLBACK)
    assert VALUE not in repr(found)


def test_what_is_written_is_read_again():
    """Requests and answers of both directions, as another implementation of this module's reading would see them."""
    ack = Acknowledgement(
        key_ids=(ID.bytes,), status=KeyStatus.FAILED_TO_VOID, initiator="a", targets=("b", "c"), text="why"
    )
    key = ForeignKey(key_id=ID.bytes, value=b"key")
    for request in (
        HandKeys(keys=(key,), initiator="a", targets=("b",), callback=CALLBACK),
        HandKeys(keys=(key,), initiator="a", targets=("b",)),
        VoidKeys(key_ids=(ID.bytes,), initiator="a", targets=("b",), callback=CALLBACK),
        VoidKeys(key_ids=(), initiator="a", targets=("b",), all_of_them=True),
        Acknowledge(acks=(ack, ack)),
        AskVersions(),
    ):
        written = etsi020.format_request(request)
        assert etsi020.parse_request(written.method, written.path, written.body) == request
    handed = HandKeys(keys=(key,), initiator="a", targets=("b",))
    problem = Problem(status=503, kind="timeout", details={"timeout": "text"})
    for request, reply in (
        (handed, Done(acks=(ack,))),
        (handed, Accepted()),
        (handed, problem),
        (Acknowledge(acks=(ack,)), Done()),
        (AskVersions(), Versions(versions=("v1",), capabilities=("synchronous_mode",))),
    ):
        assert etsi020.parse_reply(request, *etsi020.format_reply(reply)) == reply


@pytest.mark.checklist("7g")
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"keys": None}, "missing-parameters"),
        ({"initiator_sae_id": None}, "missing-parameters"),
        ({"target_sae_ids": None}, "missing-parameters"),
        ({"keys": []}, "invalid-parameter"),
        ({"keys": "text"}, "invalid-parameter"),
        ({"keys": [{"key_id": str(ID), "value": VALUE}] * 2}, "invalid-parameter"),
        ({"keys": [{"key_id": "no uuid", "value": VALUE}]}, "invalid-parameter"),
        ({"keys": [{"key_id": str(ID), "value": "wHH*"}]}, "invalid-parameter"),
        ({"keys": [{"key_id": str(ID), "value": VALUE[:-1]}]}, "invalid-parameter"),
        ({"keys": [{"key_id": str(ID), "value": VALUE[:4] + "\n" + VALUE[4:]}]}, "invalid-parameter"),
        ({"keys": [{"key_id": str(ID), "value": VALUE + "AAAA"}]}, "invalid-parameter"),
        ({"keys": [{"key_id": str(ID), "value": "é" * 4}]}, "invalid-parameter"),
        ({"initiator_sae_id": ""}, "invalid-parameter"),
        ({"initiator_sae_id": "x" * 65}, "invalid-parameter"),
        ({"initiator_sae_id": "no uri\n"}, "invalid-parameter"),
        ({"target_sae_ids": []}, "invalid-parameter"),
        ({"target_sae_ids": ["a", "a"]}, "invalid-parameter"),
        ({"ack_callback_url": "http://kme1/ack"}, "invalid-parameter"),
        ({"ack_callback_url": "https://user@kme1/ack"}, "invalid-parameter"),
        ({"ack_callback_url": "https://kme1/" + "x" * 1024}, "invalid-parameter"),
    ],
)
def test_a_wrong_container_is_400_with_a_type(change, kind):
    """And the details name what is wrong."""
    status, found, _ = refused(KEYS, CONTAINER | change)
    assert (status, found) == (400, kind)


@pytest.mark.checklist("7g")
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"null"])
@pytest.mark.parametrize(
    ("path", "kind"), [(KEYS, "invalid-parameter"), (ACK, "ack-not-understood"), (VOID, "void-request-not-understood")]
)
def test_what_is_no_container_is_400_with_the_type_of_its_path(path, kind, body):
    """Whatever the bytes are."""
    status, found, _ = refused(path, body)
    assert (status, found) == (400, kind)


@pytest.mark.checklist("7d")
@pytest.mark.parametrize("name", ["extension1", "E_x", "E032473_x", "e32473_x", "E32473", "E32473_", "E13019_etsi"])
@pytest.mark.parametrize("member", ["extension_mandatory", "extension_optional"])
def test_names_of_extensions_begin_with_a_private_enterprise_number(name, member):
    """Any other name, and the reserved number of ETSI, is 400."""
    status, kind, details = refused(KEYS, CONTAINER | {member: {name: 1}})
    assert (status, kind) == (400, "invalid-parameter")
    assert "private enterprise number" in str(details)


@pytest.mark.checklist("7d")
def test_a_mandatory_extension_is_not_supported():
    """503 with the entry that the document wants; an optional one is passed over, an empty object is 400."""
    status, kind, details = refused(KEYS, CONTAINER | {"extension_mandatory": {"E32473_route_type": "direct"}})
    assert (status, kind) == (503, "unsupported-mandatory-extension")
    assert "E32473_route_type" in details["unsupported_mandatory_extension"]
    assert refused(KEYS, CONTAINER | {"extension_optional": {}})[0] == 400


@pytest.mark.checklist("7c")
@pytest.mark.parametrize("confirmation", [{}, {"all_confirmation": False}])
def test_all_keys_are_voided_only_if_that_is_confirmed(confirmation):
    """Without key ids and confirmation 400, with the entries of the text and of the example; else it is asked for."""
    status, kind, details = refused(VOID, {"key_ids": [], **PAIR} | confirmation)
    assert (status, kind) == (400, "no-key-ids-or-confirmation")
    assert {"no_all_confirmation", "no_key_ids_or_confirmation"} <= set(details)
    assert parse(VOID, {"key_ids": [], **PAIR, "all_confirmation": True}).all_of_them
    assert not parse(VOID, {"key_ids": [str(ID)], **PAIR, "all_confirmation": True}).all_of_them
    assert refused(VOID, {"key_ids": [], **PAIR, "all_confirmation": "true"})[0] == 400


def test_acknowledgements_are_read_in_both_spellings():
    """An array, as the document has it, or a single container; a status that is none is 400."""
    ack = Acknowledgement(
        key_ids=(ID.bytes,), status=KeyStatus.RELAYED, initiator="encryptor1", targets=("encryptor2",), text="text"
    )
    assert parse(ACK, ACKS) == parse(ACK, ACKS[0]) == Acknowledge(acks=(ack,))
    assert refused(ACK, [ACKS[0] | {"ack_status": "done"}])[:2] == (400, "ack-not-understood")
    assert refused(ACK, [])[0] == 400


def test_other_paths_and_methods():
    """404 and 405, with a type too."""
    assert refused("/kmapi/v2/ext_keys", b"")[0] == 404
    assert refused(KEYS, b"", "GET")[0] == 405
    assert parse(VERSIONS, b"", "GET") == AskVersions()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"[]"), (200, b"{}"), (200, b"\xff"), (200, b'[{"ack_status": "relayed"}]'), (302, b""), (204, b"")],
)
def test_an_answer_that_makes_no_sense_is_unclear(status, body):
    """It is not taken for success, nor for a refusal that leaves nothing."""
    request = HandKeys(keys=(ForeignKey(key_id=ID.bytes, value=b"k"),), initiator="a", targets=("b",))
    assert isinstance(etsi020.parse_reply(request, status, body), Unclear)


def test_problem_details_of_others_are_read_in_both_spellings():
    """``details`` of the document, ``detail`` of RFC 9457, or no JSON at all."""
    request = AskVersions()
    ours = etsi020.parse_reply(
        request, 503, b'{"type": "https://qkd.etsi.org/gs020-interop-kms/timeout", "details": {"a": "b"}}'
    )
    assert ours == Problem(status=503, kind="timeout", details={"a": "b"})
    theirs = etsi020.parse_reply(request, 400, b'{"type": "about:blank", "detail": "text"}')
    assert str(theirs) == "400: text"
    assert etsi020.parse_reply(request, 502, b"<html>") == Problem(status=502, kind="about:blank", details={})


@settings(max_examples=200, deadline=None)
@given(
    path=st.sampled_from([KEYS, ACK, VOID]),
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from([*CONTAINER, "key_ids", "key_id", "value"]), inner)
        ),
        max_leaves=12,
    ),
)
def test_any_json_is_understood_or_refused(path, body):
    """Nothing but RefusedError leaves the parser."""
    with contextlib.suppress(etsi020.RefusedError):
        parse(path, body)
