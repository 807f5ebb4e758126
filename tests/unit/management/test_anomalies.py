"""Anomalies of a network: samples from what the states count, alarms, rows on disk and back."""

import numpy as np
import pytest
from msgspec.structs import replace

from qit4n.management.alarms import Alarms
from qit4n.management.anomalies import ACCEPTED, BLOCKS, PERIOD_S, Anomalies, replay
from qit4n.management.history import Row
from qit4n.management.overview import Overview
from qit4n.management.symptoms import Symptom
from qit4n.network.model import Link, Medium, Network, Site
from qit4n.refpoints import mc

from .conftest import link

ZERO = mc.LinkCounts(blocks=0, duration_s=0.0, sifted_bits=0, errors_key_basis=0, test_bits=0, errors_test_basis=0)


@pytest.fixture
def network():
    sites = tuple(Site(id=name) for name in "abc")
    fibre = Medium(length_km=1, loss_db=1)
    space = Medium(kind="satellite", length_km=500, loss_db=1)
    links = tuple(Link(id=one, ends=tuple(one), medium=way, module="m") for one, way in (("ab", fibre), ("bc", space)))
    return Network(qit4n=1, name="n", sites=sites, links=links)


def counted(state, qbers, begin=0.0, before=ZERO, seed=5):
    """States every half period of a link ab that makes a block of 100,000 bits each time, with these QBERs."""
    dice = np.random.default_rng(seed)
    for number, qber in enumerate(qbers):
        before = replace(
            before,
            blocks=before.blocks + 1,
            duration_s=before.duration_s + dice.gamma(1e5) / 1e5,
            sifted_bits=before.sifted_bits + 100_000,
            errors_key_basis=before.errors_key_basis + int(dice.binomial(100_000, qber)),
            test_bits=before.test_bits + 10_000,
            errors_test_basis=before.errors_test_basis + int(dice.binomial(10_000, qber)),
        )
        yield state(begin + number * PERIOD_S / 2, links=[link("ab", counted=before), link("bc", counted=before)])


def test_a_jump_becomes_an_alarm_with_advice(network, state):
    """Through the overview: raised once, critical, with the command that accepts it; cleared when it is over."""
    overview = Overview(network)
    for status in counted(state, [0.02] * 60 + [0.06] * 10):
        overview.receive(status)
    (alarm,) = overview.alarms
    assert (alarm.element, alarm.kind, alarm.severity) == ("ab", "error-rate-jump", "critical")
    assert "--accept ab" in alarm.advice
    last = overview.status.links[0].counted
    for status in counted(state, [0.02] * 20, 400.0, last):
        overview.receive(status)
    assert overview.alarms == ()
    assert [event.kind for event in overview.events] == ["raised", "cleared"]


def test_rows_on_disk_say_the_same_again(network, state):
    """A replay finds what was found live, and what was accepted; satellites are not watched."""
    live, rows = Anomalies(network), []
    for status in counted(state, [0.02] * 60 + [0.06] * 10):
        rows += live.receive(status)
    assert {row.kind for row in rows} == {BLOCKS}
    assert replay(network, rows) == live.report()
    assert [one.link for one in live.report()] == ["ab"]
    assert live.symptoms(state())
    rows.append(live.accept("ab", 700.0))
    assert rows[-1].kind == ACCEPTED
    assert live.symptoms(state()) == []
    assert replay(network, rows) == live.report()
    with pytest.raises(KeyError):
        live.accept("bc", 700.0)


def test_a_store_that_begins_anew_costs_nothing(network, state):
    """Sums that are smaller than before are those since then."""
    live, rows = Anomalies(network), []
    for status in (*counted(state, [0.02] * 8), *counted(state, [0.02] * 4, 40.0)):
        rows += live.receive(status)
    assert all((row.values >= 0).all() for row in rows)
    assert sum(row.values[0, 1] for row in rows) <= 1_200_000


def test_a_row_that_does_not_fit_is_left_out(network):
    """A file of another version, and a link that is gone."""
    live = Anomalies(network)
    live.restore(Row(BLOCKS, 1.0, ("ab",), np.zeros((1, 9), np.float32)))
    live.restore(Row(BLOCKS, 2.0, ("gone",), np.ones((1, 5), np.float32)))
    live.restore(Row(ACCEPTED, 3.0, ("gone",), np.zeros((1, 1), np.float32)))
    assert live.report()[0].samples == 0


def test_a_link_that_makes_no_key_has_its_own_alarm_only(state):
    """What was unusual before explains nothing that its own alarm does not say."""
    alarms = Alarms()
    failing = state(links=[link("ab", "no-key", reason="high-qber"), link("bc")])
    alarms.update(failing, [Symptom("ab", "error-rate-jump")])
    assert list(alarms.standing) == [("ab", "high-qber")]
