"""``qit conformance`` itself: it passes a correct pair of KMEs, and notices each fault for which it has a check."""

import base64
import datetime
import importlib.util
import json
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from qit4n.adapters.certificates import issue_all, read_certificate
from qit4n.cli.conformance import sae_id_of
from qit4n.cli.main import run as main
from qit4n.conformance import report
from qit4n.conformance.bench import Bench, Patience
from qit4n.conformance.caller import Caller, Party
from qit4n.conformance.suite import CHECKS, run
from qit4n.network.model import Application, Network, Site


def _module(name):
    """A module beside this file."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


mockkme = _module("mockkme")
brokenkmes = _module("brokenkmes")

PATIENCE = Patience(refill_s=1.0, load_s=0.25)
LIMIT_S = 1.0


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """Certificates of a network, and those that another authority made for the same names."""
    network = Network(
        qit4n=1,
        name="mock",
        sites=(Site(id="A"), Site(id="B")),
        applications=tuple(
            Application(id=one, site=site) for one, site in (("alice", "A"), ("bob", "B"), ("carol", "B"))
        ),
    )
    made = tmp_path_factory.mktemp("own"), tmp_path_factory.mktemp("foreign")
    for directory in made:
        issue_all(network, directory)
    return made


@pytest.fixture
def examine(states):
    """Run the suite on a pair of KMEs: ``examine(kind)`` gives what was seen, by check."""
    pairs = []

    def make(kind):
        pair = kind(*states)
        pairs.append(pair)
        restarted = states[0] / "restarted"
        restarted.unlink(missing_ok=True)
        return {one.check.id: one for one in run(bench_of(pair, states[0], ["touch", str(restarted)]))}

    yield make
    for pair in pairs:
        pair.close()


def bench_of(pair, state, restart=()):
    def caller(name, server):
        files = state / "applications" / name
        port = server.server_address[1]
        party = Party("127.0.0.1", port, "", str(files / "cert.pem"), str(files / "key.pem"), name)
        return Caller(party, str(state / "ca" / "ca.pem"), LIMIT_S)

    a, b = pair.servers
    return Bench(caller("alice", a), caller("bob", b), caller("carol", b), restart, PATIENCE)


def deviations(results):
    return {name: (one.outcome.value, one.seen) for name, one in results.items() if one.outcome.value != "pass"}


def test_a_correct_pair_passes_every_check(examine):
    """No failure, no warning, nothing skipped."""
    assert deviations(examine(mockkme.Pair)) == {}


def test_there_is_a_broken_pair_for_each_check():
    """No check without a KME that fails it."""
    assert set(brokenkmes.BROKEN) == {one.id for one in CHECKS}


@pytest.mark.parametrize("check", [one.id for one in CHECKS if one.id != "connection"])
def test_each_fault_is_noticed_by_its_check_and_by_no_other(examine, check):
    """The check fails (or warns, where the document leaves it open); only those others notice that must."""
    kind, others = brokenkmes.BROKEN[check]
    weight = next(one.weight for one in CHECKS if one.id == check)
    expected = others | {check: "fail" if weight == "shall" else "warn"}
    found = deviations(examine(kind))
    assert {name: outcome for name, (outcome, _) in found.items()} == expected, found


def test_without_a_connection_the_others_are_skipped(examine):
    """A KME whose certificate is of another authority: one failure that says so, and no further tries."""
    found = deviations(examine(brokenkmes.BROKEN["connection"][0]))
    assert found.pop("connection")[0] == "fail"
    assert {outcome for outcome, _ in found.values()} == {"skipped"}
    assert len(found) == len(CHECKS) - 1


# servers that are no KME at all

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
VALUE = base64.b64encode(bytes(range(32))).decode()
KEYS = [{"key_ID": VALUE, "key": VALUE}]
NONSENSE = {
    "HTML": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>" + VALUE.encode(),
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "half an answer": HEAD + b"Content-Length: 1000\r\n\r\n{}",
    "a length that is none": HEAD + b"Content-Length: many\r\n\r\n{}",
    "broken chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "too many header fields": HEAD + b"X: y\r\n" * 200 + b"\r\n{}",
    "no text": HEAD + b"\r\n" + bytes(range(256)),
    "deep": HEAD + b"\r\n" + b"[" * 100_000,
    "large number": HEAD + b'\r\n{"key_size": 1' + b"0" * 5000 + b"}",
    **{
        f"JSON {number}": HEAD + b"\r\n" + json.dumps(document).encode()
        for number, document in enumerate(
            (
                None,
                [],
                "x",
                {"keys": {"a": 1}, "master_SAE_ID": 1},
                {"keys": [None]},
                {"keys": [{"key_ID": 5, "key": "x"}]},
                {"keys": [{"key_ID": "x", "key": "%"}]},
                {
                    "keys": KEYS,
                    "key_size": -1,
                    "max_key_size": 1e9,
                    "max_key_per_request": True,
                    "master_SAE_ID": VALUE,
                },
                {"keys": KEYS, "key_size": 1 << 30, "max_key_size": 1 << 30, "max_key_per_request": 1 << 30},
                {"keys": KEYS, "max_SAE_ID_count": 1 << 30, "message": VALUE, "details": [VALUE]},
            )
        )
    },
    "an Error that is a key": b"HTTP/1.1 400 Bad\r\n\r\n" + json.dumps({"message": f"key {VALUE}\x1b[2J"}).encode(),
    "always 503": b"HTTP/1.1 503 Later\r\nRetry-After: 100000\r\n\r\n" + json.dumps({"message": "later"}).encode(),
    "always 500": b"HTTP/1.1 500 Oops\r\n\r\n",
    "redirection to itself": b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_whatever_a_server_sends_every_check_has_a_result_without_a_key(examine, answer):
    """The suite neither breaks off nor passes the server, nor shows what could be a key or a terminal's command."""

    class Nonsense(mockkme.Pair):
        raw = answer

    results = list(examine(Nonsense).values())
    assert [one.check.id for one in results] == [one.id for one in CHECKS]
    assert any(one.outcome == "fail" for one in results)
    shown = "".join(write(results) for write in (report.as_json, report.as_junit, texts))
    assert "broke off" not in shown
    assert VALUE[:16] not in shown
    assert "\x1b" not in shown


def texts(results):
    return "\n".join(map(report.as_line, results)) + report.summary(results)


@pytest.mark.parametrize("how", ["silent", "dripping", "endless"])
def test_a_request_ends_within_its_limit(states, how):
    """A server that says nothing, a byte now and then, or never stops: the limit holds all the same."""

    class Slow(mockkme.Pair):
        def drip(self, write):
            if how == "silent":
                time.sleep(2)
            for _ in range(100 if how == "dripping" else 100_000):
                write(b"x" if how == "dripping" else bytes(1 << 16))
                time.sleep(0.1 if how == "dripping" else 0)

    pair = Slow(*states)
    began = time.monotonic()
    answer = bench_of(pair, states[0]).master.call("GET", "/")
    assert time.monotonic() - began < 2 * LIMIT_S
    assert (answer.status, bool(answer.trouble)) == (0, True)
    pair.close()


# the command


def arguments(pair, state, *more):
    def party(name, server):
        files = state / "applications" / name
        return f"https://127.0.0.1:{server.server_address[1]},{files / 'cert.pem'},{files / 'key.pem'}"

    a, b = pair.servers
    ca = str(state / "ca" / "ca.pem")
    return [
        "conformance",
        "--master",
        party("alice", a),
        "--slave",
        party("bob", b),
        "--ca",
        ca,
        "--load",
        "0.1",
        *more,
    ]


def command(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.mark.parametrize(
    ("kind", "options", "code"),
    [
        (mockkme.Pair, (), 0),
        (brokenkmes.MayBeCached, (), 0),
        (brokenkmes.MayBeCached, ("--strict",), 1),
        (brokenkmes.SizeIgnored, (), 1),
    ],
)
def test_the_exit_code_tells_failures_and_with_strict_warnings(states, capsys, kind, options, code):
    """0 if nothing failed; 1 if something did, or warned under --strict; the lines say which and what was seen."""
    pair = kind(*states)
    assert command(arguments(pair, states[0], *options)) == code
    pair.close()
    shown = capsys.readouterr().out
    assert shown.count("\n") > len(CHECKS)
    assert "-> a third SAE is needed" in shown
    warned = "may be cached (recommended; the document does not ask for it)" in shown
    assert warned == (kind is brokenkmes.MayBeCached)


def test_json_and_junit_have_every_check(states, capsys):
    """Machines get the same results: a JSON document, or JUnit's XML with failures and skips in its own terms."""
    pair = brokenkmes.SizeIgnored(*states)
    command(arguments(pair, states[0], "--format", "json"))
    found = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in found["checks"]] == [one.id for one in CHECKS]
    assert found["counts"] == {"pass": len(CHECKS) - 4, "fail": 1, "warn": 0, "skipped": 3}
    command(arguments(pair, states[0], "--format", "junit"))
    suite = ElementTree.fromstring(capsys.readouterr().out)  # noqa: S314 - written by this program
    pair.close()
    assert [one.get("name") for one in suite] == [one.id for one in CHECKS]
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "3")
    assert [one.get("name") for one in suite if one.find("failure") is not None] == ["size"]


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--master", "https://127.0.0.1", "URL,CERT,KEY"),
        ("--master", "http://127.0.0.1,{cert},{key}", "no base URL"),
        ("--slave", "https://127.0.0.1:x,{cert},{key}", "no base URL"),
        ("--slave", "https://127.0.0.1,nowhere.pem,{key}", "nowhere.pem"),
        ("--stranger", "https://127.0.0.1,{cert},{cert}", "do not serve"),
        ("--ca", "nowhere.pem", "nowhere.pem"),
        ("--restart", "'", "quotation"),
    ],
)
def test_wrong_usage_is_2_with_a_sentence(states, capsys, option, value, said):
    """A URL that is none, files that are missing or of no use."""
    files = states[0] / "applications" / "alice"
    pair = f"https://127.0.0.1,{files / 'cert.pem'},{files / 'key.pem'}"
    value = value.format(cert=files / "cert.pem", key=files / "key.pem")
    wanted = {"--master": pair, "--slave": pair, "--ca": str(files / "ca.pem")} | {option: value}
    assert command(["conformance", *(word for one in wanted.items() for word in one)]) == 2
    assert said in " ".join(capsys.readouterr().err.replace("│", "").split())


def test_the_sae_id_is_read_from_a_certificate_or_given(states, capsys):
    """The end of a URI ...:sae:ID; the common name where there is none; what follows the key file wins."""
    assert sae_id_of(read_certificate(states[0] / "applications" / "alice" / "cert.pem")) == "alice"
    key, day = ec.generate_private_key(ec.SECP256R1()), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "SAE-1")])
    plain = x509.CertificateBuilder(name, name, key.public_key(), 1, day, day + datetime.timedelta(days=1))
    assert sae_id_of(plain.sign(key, hashes.SHA256())) == "SAE-1"
    pair = mockkme.Pair(*states)
    words = arguments(pair, states[0])
    assert command([f"{word},rose" if "alice" in word and "," in word else word for word in words]) == 1
    pair.close()
    assert "master_SAE_ID is alice when rose asks, not rose" in capsys.readouterr().out


def test_what_the_document_allows_is_no_fault(examine):
    """Sizes that are no multiple of 8 may be served, and optional extensions refused with the fixed message."""

    class Lenient(mockkme.Pair):
        """Both of what clause 6.2 allows beside the usual."""

        def size(self, members):
            odd = members.get("size") == mockkme.KEY_SIZE + 1
            return mockkme.KEY_SIZE + 8 if odd else super().size(members)

        def extensions(self, members):
            super().extensions(members)
            if "extension_optional" in members:
                raise mockkme.RefusalError(400, "Not all extension_optional request options handled.")

    assert deviations(examine(Lenient)) == {}


@pytest.mark.parametrize("field", ["x-sae-id", "Request-SAE-ID", "Authorization"])
def test_an_identity_by_header_is_noticed_whether_or_not_status_checks_the_pair(examine, field):
    """Also where the SAE of the field is simply told its status with itself."""

    class Believing(mockkme.Pair):
        """The header field says who asks."""

        def caller(self, certificate, headers):
            return headers.get(field) or super().caller(certificate, headers)

    found = deviations(examine(Believing))
    assert found == {"identity": ("fail", f"the caller becomes bob by the header field {field}")}


@pytest.mark.parametrize(
    ("path", "listed", "noticed"),
    [
        ("/key-pool", {"pool": [base64.b64encode(bytes(range(32))).decode()]}, True),
        ("/keys", [[{"id": 1, "key": "x"}]], True),
        ("/keys", {"saes": ["sae-1234567890abcdefABCD", "6ba7b810-9dad-41d1-80b4-00c04fd430c8", "A" * 32]}, False),
        ("/elsewhere", {"pool": [base64.b64encode(bytes(range(32))).decode()]}, False),
    ],
)
def test_a_pool_is_noticed_however_it_is_listed(examine, path, listed, noticed):
    """Also where only the slave's KME lists bare values; names and ids are no keys."""

    class Listing(mockkme.Pair):
        """An address lists something, at the KME of bob."""

        def respond(self, site, caller, request):
            return (200, listed) if (site, request.path) == ("B", path) else super().respond(site, caller, request)

    found = deviations(examine(Listing))
    assert found == ({"pool-private": ("warn", f"GET {path} lists keys")} if noticed else {})


def test_a_key_that_is_given_twice_in_one_answer_is_noticed(examine):
    """The right key_IDs and values, but one of them twice."""

    class Twice(mockkme.Pair):
        """The last key of an answer stands there once more."""

        def get_by_id(self, caller, master, ids):
            found = super().get_by_id(caller, master, ids)["keys"]
            return {"keys": found + found[-1:] if len(found) > 1 else found}

    assert deviations(examine(Twice)) == {"batch": ("fail", "two keys of two requests: 3 keys instead of 2")}


def test_without_status_the_other_methods_are_checked_all_the_same(examine):
    """Get status answers 503 for ever: its own checks say so, those of the keys go on with typical limits."""

    class NoStatus(mockkme.Pair):
        """Get status is not there."""

        def status(self, site, caller, slave):
            raise mockkme.RefusalError(503, "later")

    found = {name: outcome for name, (outcome, _) in deviations(examine(NoStatus)).items()}
    limits = ("size-range", "number-limit", "multicast-limit", "multicast", "one-by-one", "refill", "stock-told")
    own = ("status-parties", "identity", "status-members", "status-limits", "stored-key-count")
    assert found == dict.fromkeys(own, "fail") | dict.fromkeys(limits, "skipped")


def test_the_reference_page_lists_every_check():
    """docs/reference/kme-checks.md has a row for each, in order: id, clause, weight, sentence."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "kme-checks.md"
    rows = [line for line in page.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert rows == [f"| `{one.id}` | {one.clause} | {one.weight} | {one.sentence} |" for one in CHECKS]
