"""The parameters of ITU-T Y.3807 from what sites count: checked against figures worked out by hand."""

import pytest
from msgspec.structs import replace

from qit4n.keys.supply.meter import LEAST_S, Meter, bin_of
from qit4n.management.performance import Performance, quantile_s
from qit4n.network.file import load
from qit4n.refpoints import ak

from .conftest import pool

KEYS = ak.KSAKeys(ids=bytes(32), values=bytes(64), size=32)
GET = ak.GetKeys(master="app-east", slaves=("app-west",), number=2)
TRUST = "1 path, hop-by-hop"


@pytest.fixture
def counted():
    """A meter, and how to let a request take some time and end with an answer."""
    clock = [0.0]
    meter = Meter("east", lambda: clock[0])

    def make(request, answer, takes_s=0.004):
        told = []
        reply = meter.around(request, told.append)
        clock[0] += takes_s
        reply(answer)
        assert told == [answer]

    return meter, make


def test_what_is_supplied_lost_and_fetched_is_counted(counted):
    """Two keys of 256 bits supplied, two lost for want of key, two fetched; a refusal that is the asker's is not."""
    meter, ask = counted
    ask(GET, ak.SuppliedKeys(batches=(KEYS,)))
    ask(GET, ak.Refused(reason="no-key", text=""))
    ask(GET, ak.Refused(reason="not-allowed", text=""))
    ask(ak.GetKeysByID(slave="app-west", master="app-east", key_ids=(bytes(16),) * 2), ak.SuppliedKeys(batches=(KEYS,)))
    (report,) = meter.reports()
    assert (report.requests, report.keys_requested, report.keys_supplied, report.bits_supplied) == (2, 4, 2, 512)
    assert (report.keys_lost, report.keys_fetched, report.delay_min_s) == (2, 2, pytest.approx(0.004))


def test_delays_fall_into_bins_that_double():
    """Each bin holds what its bound holds; quantiles are the bound of the bin."""
    assert [bin_of(LEAST_S * factor) for factor in (0.1, 1, 1.01, 2, 4.1)] == [0, 0, 1, 1, 3]
    assert quantile_s([98, 1, 0, 1], 0.99) == pytest.approx(2 * LEAST_S)
    assert quantile_s([98, 1, 0, 1], 0.999) == pytest.approx(8 * LEAST_S)
    assert quantile_s([], 0.99) is None


@pytest.mark.checklist("10b")
def test_the_parameters_are_those_of_the_counts(counted, state):
    """Ten seconds, 512 bits: 51.2 bit/s; two of four keys lost; the pool was out for 3 of 10 s and restored once."""
    meter, ask = counted
    performance = Performance(load("two-data-centres"))
    ready = pool("east", "west", (("east", "west"),), trust=TRUST, compared_shares=0)
    performance.receive(state(0.0, pools=[ready]))
    ask(GET, ak.SuppliedKeys(batches=(KEYS,)))
    ask(GET, ak.Refused(reason="not-ready", text=""))
    for at in range(1, 11):
        now = replace(ready, ready_bits=0 if at in {4, 5, 6} else 5000, compared_shares=8, altered_shares=2)
        performance.receive(replace(state(float(at), pools=[now]), supply=meter.reports()))
    report = performance.report()
    assert report.throughput_bps == pytest.approx(51.2)
    assert (report.kkdlr, report.kkder) == (0.5, 0.25)
    assert report.availability == pytest.approx(0.7)
    assert report.restoration_mean_s == pytest.approx(3.0)
    assert report.kkrd.mean_s == pytest.approx(0.004)
    (usage,) = performance.accounting()
    assert (usage.master, usage.link, usage.bits) == ("app-east", "east-west", 512)


def test_a_restart_of_site_or_manager_counts_nothing_twice(counted, state):
    """The manager goes on from what it had counted; a site that starts anew counts from zero."""
    meter, ask = counted
    ask(GET, ak.SuppliedKeys(batches=(KEYS,)))
    first = Performance(load("two-data-centres"))
    first.receive(replace(state(0.0, pools=[]), supply=meter.reports()))
    second = Performance(load("two-data-centres"), first.state)
    second.receive(replace(state(1.0, pools=[]), supply=meter.reports()))
    ask(GET, ak.SuppliedKeys(batches=(KEYS,)))
    second.receive(replace(state(2.0, pools=[]), supply=meter.reports()))
    assert second.state.pairs["app-east>app-west"].keys_supplied == 4
    fresh = Meter("east", lambda: 0.0)
    fresh.around(GET, lambda _: None)(ak.SuppliedKeys(batches=(KEYS,)))
    second.receive(replace(state(3.0, pools=[]), supply=fresh.reports()))
    assert second.state.pairs["app-east>app-west"].keys_supplied == 6
