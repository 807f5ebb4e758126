"""What must hold for every protocol of the registry: no rate exceeds its capacity, and worse is never better."""

import math
from typing import get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.network.model import Module
from qit4n.physics import bounds
from qit4n.physics.devices import detectors
from qit4n.physics.protocols import deviceindependent
from qit4n.physics.protocols.record import Setup
from qit4n.physics.protocols.registry import PROTOCOLS, RECORDS

LOSSES = np.array([0.0, 0.5, 3.0, 12.0, 30.0, 55.0, 85.0, 120.0])
fixed = settings(derandomize=True, deadline=None, max_examples=12)
cheap = [record.name for record in RECORDS if record.name not in {"cv-qpsk", "tf-npp", "tf-sns"}]

setups = st.builds(
    Setup,
    efficiency=st.floats(0.05, 1.0),
    dark=st.floats(0.0, 1e-4).map(lambda p: max(p, 1e-12)),
    misalignment=st.floats(0.0, 0.1),
    receiver_loss_db=st.floats(0.0, 3.0),
    reconciliation=st.floats(1.0, 1.3),
    phase_noise=st.floats(0.0, 0.5),
    excess=st.floats(1e-4, 0.1),
    electronic=st.floats(0.0, 0.3),
    coherent_efficiency=st.floats(0.3, 1.0),
    beta=st.floats(0.8, 1.0),
)


@pytest.mark.parametrize("name", PROTOCOLS)
@settings(derandomize=True, deadline=None, max_examples=3)
@given(setup=setups)
def test_no_rate_exceeds_its_capacity(name, setup):
    """Whatever the devices: 0 <= rate <= PLOB, or the capacity with one repeater if there is a relay."""
    record = PROTOCOLS[name]
    curve = record.curve(LOSSES, setup)
    assert np.all(curve.rate >= 0.0)
    assert np.all(curve.rate <= record.bound(LOSSES))
    if record.secret:
        assert np.all(curve.rate <= bounds.repeater_chain(10 ** (-LOSSES / 10), record.repeater))
    known = curve.qber[~np.isnan(curve.qber)]
    assert np.all((known >= 0.0) & (known <= 0.5 + 1e-9))


@pytest.mark.parametrize("name", cheap)
@pytest.mark.parametrize("field", ["dark", "misalignment", "receiver_loss_db", "excess", "electronic"])
@settings(derandomize=True, deadline=None, max_examples=3)
@given(setup=setups, more=st.floats(1e-3, 1.0))
def test_worse_devices_never_help(name, field, setup, more):
    """More dark counts, misalignment, loss or noise: no more key at any distance, intensities at their best."""
    scale = {"dark": 1e-4, "misalignment": 0.1, "receiver_loss_db": 10.0, "excess": 0.1, "electronic": 0.3}[field]
    import dataclasses

    worse = dataclasses.replace(setup, **{field: getattr(setup, field) + more * scale})
    before, after = (PROTOCOLS[name].curve(LOSSES, one).rate for one in (setup, worse))
    assert np.all(after <= before * (1.0 + 1e-6) + 1e-15)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_loss_never_helps(name):
    """Every curve falls with distance."""
    rate = PROTOCOLS[name].curve(np.linspace(0.0, 60.0, 25), Setup()).rate
    assert np.all(np.diff(rate) <= rate[:-1] * 1e-9)


@pytest.mark.parametrize("record", [one for one in RECORDS if one.test_values], ids=lambda one: one.name)
def test_records_prove_themselves(record):
    """Each record reproduces its test values; an optimum of ours may be better than theirs by 2 in 10,000."""
    for loss_db, setup, value, _ in record.test_values:
        assert float(record.curve(np.array([loss_db]), setup).rate[0]) == pytest.approx(value, rel=2e-4)


def test_what_runs_live_is_what_the_network_file_takes():
    """Each protocol of a module is named by one record, and a record that runs names protocols of modules only."""
    modules = set(get_args(get_type_hints(Module)["protocol"]))
    named = [name.strip() for record in RECORDS for name in record.live.split(", ") if name.strip() in modules]
    assert sorted(named) == sorted(modules)
    assert all(record.live.startswith(("no: ", *modules)) for record in RECORDS)


def test_records_are_complete():
    """Each has formula, source and security model; what is not proved says so; each appears once."""
    assert len(PROTOCOLS) == len(RECORDS) == 11
    for record in RECORDS:
        assert record.formula
        assert record.source[0].isupper()
        assert record.security
        assert record.finite_key
        assert record.live
    assert "none" in PROTOCOLS["cow"].security
    assert "individual attacks only" in PROTOCOLS["dps"].security


@fixed
@given(st.floats(0.0, 40.0), st.floats(0.0, 40.0))
def test_a_relay_in_the_middle_never_lowers_the_capacity(one, other):
    """The worse half of a line, with a node between, carries at least what the whole does; repeaters only help."""
    whole = float(bounds.plob(10 ** (-(one + other) / 10)))
    halves = min(float(bounds.plob(10 ** (-loss / 10))) for loss in (one, other))
    assert halves >= whole
    eta = 10 ** (-(one + other) / 10)
    assert float(bounds.repeater_chain(eta, 1)) >= whole


@pytest.mark.parametrize("name", ["bb84", "decoy-bb84", "bbm92", "cv-gg02"])
def test_a_trusted_node_in_the_middle_never_lowers_the_rate(name):
    """The rate over half the loss is at least that over all of it."""
    losses = np.linspace(1.0, 60.0, 20)
    whole, half = (PROTOCOLS[name].curve(one, Setup()).rate for one in (losses, losses / 2))
    assert np.all(half >= whole)


def test_twin_field_beats_the_repeaterless_bound():
    """At 60 dB with good detectors both twin-field protocols exceed PLOB, and nothing else does."""
    setup, losses = Setup(efficiency=0.8, dark=1e-10, phase_noise=0.1), np.array([60.0])
    plob = float(bounds.plob(1e-6))
    above = {one.name for one in RECORDS if one.curve(losses, setup).rate[0] > plob}
    assert above == {"tf-npp", "tf-sns"}


def test_device_independence_wants_nearly_all_photons():
    """Perfect pairs: the quantum limit gives one bit; the known threshold is 7.1 % errors; loss kills it."""
    assert deviceindependent.rate(2 * math.sqrt(2), 0.0) == pytest.approx(1.0)
    q = 0.071
    assert deviceindependent.rate(2 * math.sqrt(2) * (1 - 2 * q), q) == pytest.approx(0.0, abs=0.01)
    assert deviceindependent.rate(*deviceindependent.observed(0.8, 1.0)) < 0
    with pytest.raises(ValueError, match="2 sqrt"):
        deviceindependent.rate(3.0, 0.0)


def test_detectors_have_sources_and_sense():
    """Each row of the table has a source, an efficiency up to one and a dark count probability per gate."""
    assert len(detectors()) >= 7
    for name, one in detectors().items():
        assert one.name == name
        assert 0 < one.efficiency <= 1
        assert one.source
        assert one.dark_count_probability(1e-9) == pytest.approx(one.dark_counts_hz * 1e-9)
