"""Spans of a key's way: one trace over two sites, without a key or a key id in it."""

import pytest

from qit4n.adapters.telemetry import SpanExport
from qit4n.node.keyspans import MOST_OPEN, KeySpans
from qit4n.refpoints import ak, kx
from receivers import otlp_receiver, plain

BATCH = bytes(range(12))
SECRET = b"\xaa\xbb" * 16
ASKED = ak.GetKeys(master="app-a", slaves=("app-c",), number=1)
FETCHED = ak.GetKeysByID(slave="app-c", master="app-a", key_ids=(ak.key_ids(BATCH, 1),))
KEYS = ak.SuppliedKeys(batches=(ak.KSAKeys(ids=ak.key_ids(BATCH, 1), values=SECRET, size=32),))
NOTIFY = kx.NotifySupply(batch=BATCH, master="app-a", slaves=("app-c",), size=32, spans=(), mask=SECRET)


class Clock:
    """Half a second passes with each look."""

    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        self.at += 0.5
        return self.at


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER"):
        monkeypatch.delenv(name, raising=False)


def way(a, c, told=None):
    """A key goes from app-a at site a to app-c at site c."""
    told = told if told is not None else []
    answer = a.around(ASKED, told.append)
    a.sent("c", NOTIFY)
    c.received("a", NOTIFY)
    c.sent("a", kx.SupplyHeld(batch=BATCH))
    a.received("c", kx.SupplyHeld(batch=BATCH))
    answer(KEYS)
    c.around(FETCHED, told.append)(KEYS)
    return told


def test_a_receiver_gets_one_trace_of_the_way_of_a_key():
    """Over OTLP/HTTP: four spans of two services, each below the one that caused it, with times and outcome."""
    clock, told = Clock(), []
    with otlp_receiver() as (receiver, url):
        exports = [SpanExport(url, "site", site, "net") for site in "ac"]
        way(*(KeySpans(site, export, clock) for site, export in zip("ac", exports, strict=True)), told)
        for export in exports:
            export.close()
    assert told == [KEYS, KEYS]  # every reply is passed on
    spans = {span.name: span for _, span in receiver.spans}
    assert set(spans) == {"ak.get_keys", "kx.notify_supply", "kx.hold_supply", "ak.get_keys_by_id"}
    assert len({span.trace_id for span in spans.values()}) == 1
    root = spans["ak.get_keys"]
    assert root.parent_span_id == b""
    assert spans["kx.notify_supply"].parent_span_id == root.span_id
    assert spans["kx.hold_supply"].parent_span_id == spans["kx.notify_supply"].span_id
    assert spans["ak.get_keys_by_id"].parent_span_id == root.span_id
    assert plain(root.attributes) == {
        "qit.site": "a",
        "qit.master": "app-a",
        "qit.slaves": "app-c",
        "qit.keys": 1,
        "qit.key_bits": 256,
    }
    assert root.end_time_unix_nano - root.start_time_unix_nano == 2_500_000_000
    services = {span.name: resource["service.instance.id"] for resource, span in receiver.spans}
    assert (services["ak.get_keys"], services["kx.hold_supply"]) == ("a", "c")


def test_no_key_and_no_id_of_one_leaves():
    """Neither as bytes nor as text: ids of traces are hashes."""
    clock = Clock()
    with otlp_receiver() as (receiver, url):
        export = SpanExport(url, "site", "a", "net")
        way(KeySpans("a", export, clock), KeySpans("c", export, clock))
        export.close()
    body = b"".join(receiver.raw)
    assert body
    for secret in (SECRET, BATCH):
        assert secret not in body
        assert secret.hex().encode() not in body


def test_refusals_end_spans_with_their_reason():
    """At Ak, and at the other site."""
    ended = []
    spans = KeySpans("a", type("Kept", (), {"ended": staticmethod(ended.append)}), Clock())
    spans.around(ASKED, lambda _: None)(ak.Refused(reason="no-key", text="nothing is left"))
    spans.sent("c", NOTIFY)
    spans.received("c", kx.SupplyRefused(batch=BATCH, chunks=()))
    assert [(one.name, one.error) for one in ended] == [("ak.get_keys", "no-key"), ("kx.notify_supply", "refused")]
    assert ended[0].trace != ended[1].trace
    status = ak.GetStatus(master="app-a", slave="app-c")
    assert spans.around(status, print) is print  # no request for keys


def test_what_never_ends_is_bounded():
    spans = KeySpans("a", None, Clock())
    for number in range(MOST_OPEN + 10):
        spans.sent("c", kx.NotifySupply(
            batch=number.to_bytes(12), master="m", slaves=("s",), size=32, spans=(), mask=b""
        ))  # fmt: skip
    assert len(spans._notified) == MOST_OPEN


def test_a_share_of_the_traces_is_sampled_alike_at_both_sites(monkeypatch):
    """By the standard environment: a trace is whole or not there."""
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    clock = Clock()
    with otlp_receiver() as (receiver, url):
        exports = [SpanExport(url, "site", site, "net") for site in "ac"]
        a, c = (KeySpans(site, export, clock) for site, export in zip("ac", exports, strict=True))
        for number in range(64):
            batch = number.to_bytes(12)
            answer = a.around(ASKED, lambda _: None)
            keys = ak.KSAKeys(ids=ak.key_ids(batch, 1), values=SECRET, size=32)
            answer(ak.SuppliedKeys(batches=(keys,)))
            fetched = ak.GetKeysByID(slave="app-c", master="app-a", key_ids=(ak.key_ids(batch, 1),))
            c.around(fetched, lambda _: None)(KEYS)
        for export in exports:
            export.close()
    traces = [span.trace_id for _, span in receiver.spans]
    assert 10 < len(set(traces)) < 54
    assert all(traces.count(one) == 2 for one in traces)
