"""Clauses 5.4 and 6.4: Get key with key IDs."""

import uuid
from typing import Any

from qit4n.conformance.answers import BAD, NOT_FOUND, OK, UNAUTHORISED, UUID, described, is_fixed
from qit4n.conformance.bench import Bench
from qit4n.conformance.caller import path_of
from qit4n.conformance.check import Weight, check
from qit4n.conformance.verdict import SkipError, expect

WRONG: tuple[Any, ...] = (
    b"{",
    {},
    {"key_IDs": []},
    {"key_IDs": "x"},
    {"key_IDs": [{"key_ID": 5}]},
    {"key_IDs": [{"x": "y"}]},
)


def _unknown(key_id: str) -> str:
    """An id that was never issued, made from one that was."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, key_id))


@check("5.4")
def equality(bench: Bench) -> None:
    """The slave gets the same bytes for the same key_ID, in both directions."""
    bench.fetched(bench.keys(), "the slave's KME")
    keys = bench.keys(caller=bench.slave)
    bench.fetched(keys, "the master's KME", caller=bench.master)


@check("5.4")
def get_form_by_id(bench: Bench) -> None:
    """A GET with the query parameter key_ID gives that key."""
    keys = bench.keys()
    path = path_of(bench.master.party.sae_id, "dec_keys")
    bench.compare(keys, bench.ask(bench.slave, "GET", f"{path}?key_ID={keys[0].key_id}"), "GET ?key_ID=")


@check("6.4")
def batch(bench: Bench) -> None:
    """Several key_IDs in one request give all of these keys."""
    keys = bench.keys() + bench.keys()
    bench.fetched(keys[::-1], "two keys of two requests")


@check("5.4")
def one_by_one(bench: Bench) -> None:
    """Keys that were got together can be fetched one by one."""
    if bench.limit("max_key_per_request") < 2:  # noqa: PLR2004
        raise SkipError("max_key_per_request is below 2")
    keys = bench.keys(2)
    for key in keys[::-1]:
        bench.fetched([key], "one key of two")


@check("6.4", Weight.OPEN)
def id_case(bench: Bench) -> None:
    """A key_ID in capital letters is the same UUID."""
    keys = bench.keys()
    if not UUID.fullmatch(keys[0].key_id):
        raise SkipError("the key_ID is no UUID")
    swapped = keys[0].key_id.upper() if keys[0].key_id.islower() else keys[0].key_id.lower()
    bench.compare(keys, bench.dec(swapped), "the same key_ID in other case")


@check("5.4")
def unknown_id(bench: Bench) -> None:
    """A key_ID that was never issued is 400 with the fixed message."""
    answer = bench.dec(_unknown(bench.keys()[0].key_id))
    expect(is_fixed(answer, NOT_FOUND), f"{described(answer)} instead of 400 '{NOT_FOUND}'")


@check("6.4")
def malformed_ids(bench: Bench) -> None:
    """A request without a list of objects with key_ID is 400."""
    path = path_of(bench.master.party.sae_id, "dec_keys")
    for body in WRONG:
        bench.refused(bench.ask(bench.slave, "POST", path, body), f"the body {body}", BAD)


@check("6.4", Weight.RECOMMENDED)
def long_key_ids(bench: Bench) -> None:
    """Key_IDs of up to 291 characters get an answer of the document."""
    path = path_of(bench.master.party.sae_id, "dec_keys")
    for length in (37, 256, 291):
        what = f"a key_ID of {length} characters"
        bench.refused(bench.dec("x" * length), what, BAD, UNAUTHORISED)
        bench.refused(bench.ask(bench.slave, "GET", f"{path}?key_ID={'x' * length}"), what, BAD, UNAUTHORISED)


@check("5.4")
def replay(bench: Bench) -> None:
    """What the slave has fetched is removed, so that asking again, by POST or GET, is 400."""
    keys = bench.keys()
    bench.fetched(keys, "the first time")
    path = path_of(bench.master.party.sae_id, "dec_keys")
    again = bench.dec(keys[0].key_id), bench.ask(bench.slave, "GET", f"{path}?key_ID={keys[0].key_id}")
    for answer in again:
        bench.refused(answer, "the second time", BAD)


@check("5.4")
def one_wrong_id(bench: Bench) -> None:
    """A list with one unknown key_ID is 400 and delivers nothing."""
    key_id = bench.keys()[0].key_id
    bench.refused(bench.dec(key_id, _unknown(key_id)), "one good and one unknown key_ID", BAD)


@check("5.4", Weight.OPEN)
def atomicity(bench: Bench) -> None:
    """A list that is refused for one key_ID leaves the other keys to be fetched."""
    keys = bench.keys()
    answer = bench.dec(keys[0].key_id, _unknown(keys[0].key_id))
    if answer.status == OK:
        raise SkipError("the list was not refused")
    bench.fetched(keys, "after the refusal")


@check("5.4")
def not_the_master(bench: Bench) -> None:
    """The master, who is no slave of its keys, cannot fetch them by id; the slave still can."""
    keys = bench.keys()
    answer = bench.dec(keys[0].key_id, caller=bench.master)
    bench.refused(answer, "the master", BAD, UNAUTHORISED)
    bench.fetched(keys, "the slave afterwards")


@check("5.4")
def stranger(bench: Bench) -> None:
    """An SAE that the master did not name gets 401 and takes nothing away."""
    if bench.stranger is None:
        raise SkipError("a third SAE is needed: --stranger URL,CERT,KEY")
    keys = bench.keys()
    answer = bench.dec(keys[0].key_id, caller=bench.stranger, master=bench.master.party.sae_id)
    bench.refused(answer, f"{bench.stranger.party.sae_id}", UNAUTHORISED)
    bench.fetched(keys, "the slave afterwards")
