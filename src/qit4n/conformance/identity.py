"""Clause 5.1 and 5.2: the connection, who the caller is, and what Status says."""

import base64
import ssl

from qit4n.conformance.answers import BAD, OK, UNAUTHORISED, UNAVAILABLE, described, status_problem, told
from qit4n.conformance.bench import Bench
from qit4n.conformance.caller import path_of
from qit4n.conformance.check import Weight, check
from qit4n.conformance.verdict import SkipError, expect

NOT_MORE_KEYS = 128
LEAST_POOL_KEY_BYTES = 16
NOBODY = "nobody-7c1f0c52"
POOLS = (
    "/api/v1/kme/key-pool",
    "/api/v1/kme/keys",
    "/api/v1/keys",
    "/api/v1/keys/pool",
    "/api/v1/keys/{slave}",
    "/api/v1/keys/{slave}/keys",
    "/api/v1/keys/{slave}/dec_keys",
    "/key-pool",
    "/keys",
)


@check("5.1")
def connection(bench: Bench) -> None:
    """Both KMEs answer over mutual TLS, with certificates of the given authority for their host names."""
    for caller in (bench.master, bench.slave):
        path = path_of(bench.slave.party.sae_id, "status")
        answer = caller.call("GET", path)
        where = f"{caller.party.host}:{caller.party.port}"
        expect(answer.status, f"{where} as {caller.party.sae_id}: {answer.trouble}")


@check("5.1")
def client_certificate(bench: Bench) -> None:
    """Who shows no certificate gets neither Status nor keys."""
    for caller in (bench.master, bench.slave):
        bare = caller.context(certificate=False)
        for path in ("status", "enc_keys"):
            answer = caller.call("GET", path_of(bench.slave.party.sae_id, path), context=bare)
            expect(answer.status != OK, f"{path}: 200 at {caller.party.host}:{caller.party.port}")


@check("5.1")
def tls_version(bench: Bench) -> None:
    """TLS before 1.2 is not spoken."""
    try:
        context = bench.master.context(newest=ssl.TLSVersion.TLSv1_1)
    except (ValueError, ssl.SSLError) as error:
        raise SkipError("the TLS library of this machine speaks no version before 1.2") from error
    answer = bench.master.call("GET", path_of(bench.slave.party.sae_id, "status"), context=context)
    if "PROTOCOLS_AVAILABLE" in answer.trouble:
        raise SkipError("the TLS library of this machine speaks no version before 1.2")
    expect(not answer.status, f"{answer.status} over TLS 1.1 or older")


@check("5.2")
def status_parties(bench: Bench) -> None:
    """Status names the caller of the certificate as master and the SAE of the path as slave, at both KMEs."""
    for caller, other in ((bench.master, bench.slave), (bench.slave, bench.master)):
        found = bench.status(caller)
        for name, right in (("master_SAE_ID", caller), ("slave_SAE_ID", other)):
            text = f"{name} is {told(found.get(name))} when {caller.party.sae_id} asks, not {right.party.sae_id}"
            expect(found.get(name) == right.party.sae_id, text)


@check("5.1")
def identity(bench: Bench) -> None:
    """Header fields that name another SAE do not change who the caller is."""
    path, plain = path_of(bench.slave.party.sae_id, "status"), bench.status().get("master_SAE_ID")
    for name in ("x-sae-id", "Request-SAE-ID", "X-SSL-Client-CN", "X-Forwarded-User", "Authorization"):
        answer = bench.ask(bench.master, "GET", path, headers={name: bench.slave.party.sae_id})
        found = answer.object.get("master_SAE_ID")
        expect(answer.status != OK or found == plain, f"the caller becomes {told(found)} by the header field {name}")
        # credentials that are none may be refused; who believes another field refuses an SAE that asks for itself
        text = f"with the header field {name}: {described(answer)}"
        expect(answer.status not in {BAD, UNAUTHORISED} or name == "Authorization", text)


@check("6.1")
def status_members(bench: Bench) -> None:
    """Status has its eleven members, strings as strings and integers as integers."""
    for caller in (bench.master, bench.slave):
        problem = status_problem(bench.status(caller))
        expect(not problem, problem)


@check("6.1")
def status_limits(bench: Bench) -> None:
    """The numbers of Status do not contradict each other."""
    found = bench.status()
    one, least, most = (bench.limit(name) for name in ("key_size", "min_key_size", "max_key_size"))
    expect(0 < least <= one <= most, f"min_key_size {least}, key_size {one}, max_key_size {most}")
    expect(one % 8 == 0, f"key_size {one} is no multiple of 8")
    expect(bench.limit("max_key_per_request") > 0, "max_key_per_request is 0")
    stored, capacity = found.get("stored_key_count"), found.get("max_key_count")
    if type(stored) is int and type(capacity) is int:
        expect(0 <= stored <= capacity, f"stored_key_count {stored}, max_key_count {capacity}")


@check("6.1")
def stored_key_count(bench: Bench) -> None:
    """As many keys as stored_key_count says are delivered, at once."""
    stored = bench.status().get("stored_key_count")
    if type(stored) is not int or stored < 1:
        raise SkipError("stored_key_count is not above 0")
    wanted, most, got = min(stored, NOT_MORE_KEYS), max(1, bench.limit("max_key_per_request")), 0
    while got < wanted:
        number = min(most, wanted - got)
        answer = bench.ask(bench.master, "POST", path_of(bench.slave.party.sae_id, "enc_keys"), {"number": number})
        text = f"stored_key_count was {stored}; after {got} keys {number} more were refused: {described(answer)}"
        expect(answer.status != UNAVAILABLE, text)
        got += len(bench.taken(answer, "Get key", number))


@check("5.3")
def unknown_slave(bench: Bench) -> None:
    """For a slave that does not exist there are no keys, but a 400 or 401."""
    bench.refused(bench.enc({}, slave=NOBODY), "Get key", BAD, UNAUTHORISED)


@check("5.3", Weight.OPEN)
def self_pair(bench: Bench) -> None:
    """An SAE cannot ask for keys with itself: 400 or 401."""
    bench.refused(bench.enc({}, slave=bench.master.party.sae_id), "Get key", BAD, UNAUTHORISED)


@check("5.3", Weight.RECOMMENDED)
def long_ids(bench: Bench) -> None:
    """SAE IDs of up to 291 characters are refused or taken with an answer of the document."""
    for length in (65, 256, 291):
        answer = bench.enc({}, slave="x" * length)
        bench.refused(answer, f"an SAE ID of {length} characters", OK, BAD, UNAUTHORISED)


@check("5.1", Weight.RECOMMENDED)
def pool_private(bench: Bench) -> None:
    """No other address of the KME hands out keys to an SAE."""
    for caller, other in ((bench.master, bench.slave), (bench.slave, bench.master)):
        for path in POOLS:
            answer = caller.call("GET", path.replace("{slave}", other.party.sae_id))
            expect(not (answer.status == OK and _holds_keys(answer.json)), f"GET {path} lists keys")


def _holds_keys(found: object) -> bool:
    """Whether there is a member ``key``, or a text in a list that looks like a key in base64."""
    if isinstance(found, dict):
        return isinstance(found.get("key"), str) or any(_holds_keys(one) for one in found.values())
    return isinstance(found, list) and any(_looks_like_a_key(one) or _holds_keys(one) for one in found)


def _looks_like_a_key(text: object) -> bool:
    kinds = (str.isupper, str.islower, str.isdecimal)
    if not isinstance(text, str) or not all(any(kind(one) for one in text) for kind in kinds):
        return False
    try:
        return len(base64.b64decode(text, validate=True)) >= LEAST_POOL_KEY_BYTES
    except ValueError:
        return False
