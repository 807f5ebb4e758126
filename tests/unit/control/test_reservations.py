"""The calendar: what is admitted fits, what is refused does not, and what is proposed instead would be admitted."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.control.controller import Controller, Prediction
from qit4n.control.pools import goals
from qit4n.control.reservations import LEAD_S, RESERVABLE, Calendar
from qit4n.control.topology import of_reports
from qit4n.errors import ReservationError
from qit4n.network.model import Application, Demand, Link, Medium, Module, Network, Site
from qit4n.refpoints import ck, kq1, kq2, mc

RATE = 1000.0
FREE = RESERVABLE * RATE
PAIR, LONG = ("a", "b"), ("a", "c")
NETWORK = Network(
    qit4n=1,
    name="chain",
    sites=tuple(Site(id=site) for site in "ABC"),
    modules={"m": Module(pulse_rate_hz=1e8)},
    links=tuple(
        Link(id=pair.lower(), ends=(pair[0], pair[1]), medium=Medium(length_km=1, loss_db=1), module="m")
        for pair in ("AB", "BC")
    ),
    applications=tuple(Application(id=site.lower(), site=site) for site in "ABC"),
    demands=(Demand(between=PAIR, pool_bits=8192), Demand(between=LONG, pool_bits=8192)),
)


def reports(stock=100_000):
    """Every site tells of running links that make 1000 bits per second."""
    return {
        site.id: ck.SiteReport(
            site=site.id,
            pid=1,
            started_at=0.0,
            memory_bytes=1,
            pools=(),
            links=tuple(
                ck.LinkReport(
                    link=link.id,
                    peer=link.ends[link.ends[0] == site.id],
                    sendable_bits=stock,
                    receivable_bits=stock,
                    module=kq2.ModuleState(link=link.id, role="t", state="running", secret_rate_bps=RATE),
                    account=kq1.LinkAccount(),
                )
                for link in NETWORK.links_of(site.id)
            ),
        )
        for site in NETWORK.sites
    }


TOPOLOGY = of_reports(NETWORK, reports(), ("A", "B", "C"), {})


@pytest.fixture
def calendar():
    """An empty one."""
    return Calendar(NETWORK)


def rate(bps, begin, end, between=PAIR):
    return mc.Reserve(between=between, rate_bps=bps, from_at=begin, until_at=end)


def amount(bits, begin, end, between=PAIR):
    return mc.Reserve(between=between, amount_bits=bits, from_at=begin, until_at=end)


def test_what_fits_is_admitted_and_what_does_not_gets_two_proposals(calendar):
    """Less at the wanted time, or all of it when the first is over; both are admitted when asked for."""
    assert calendar.reserve(rate(600, 100, 200), TOPOLOGY, 0.0).admitted.id == "r1"
    refused = calendar.reserve(rate(400, 150, 250), TOPOLOGY, 0.0)
    assert refused.admitted is None
    less, later = refused.proposals
    assert (less.from_at, less.until_at, less.rate_bps) == (150, 250, pytest.approx(FREE - 600, rel=2e-3))
    assert (later.from_at, later.until_at, later.rate_bps) == (200, 300, 400)
    for proposal in (less, later):
        assert Calendar(NETWORK, calendar.entries).reserve(proposal, TOPOLOGY, 0.0).admitted


def test_a_relayed_reservation_takes_from_every_link_on_its_way(calendar):
    """A to C uses A-B too, so less of that is free for A and B."""
    assert calendar.reserve(rate(500, 100, 200, LONG), TOPOLOGY, 0.0).admitted
    assert not calendar.reserve(rate(310, 100, 200), TOPOLOGY, 0.0).admitted
    assert calendar.reserve(rate(290, 100, 200), TOPOLOGY, 0.0).admitted


def test_an_amount_is_made_as_early_as_it_can_be_around_what_is_admitted(calendar):
    """100 s at what the first leaves, then at all there is; the last segment waits for the deadline."""
    calendar.reserve(rate(600, 100, 200), TOPOLOGY, 0.0)
    made = calendar.reserve(amount(60_000, 100, 400), TOPOLOGY, 0.0).admitted.segments
    assert [(part.from_at, part.rate_bps) for part in made[:2]] == [
        (100, pytest.approx(FREE - 600, rel=1e-5)),
        (200, pytest.approx(FREE, rel=1e-5)),
    ]
    assert sum((part.until_at - part.from_at) * part.rate_bps for part in made) == pytest.approx(60_000)
    assert (made[-1].rate_bps, made[-1].until_at) == (0.0, 400)


def test_an_amount_that_is_too_much_gets_less_or_a_later_deadline(calendar):
    """Both would be admitted."""
    refused = calendar.reserve(amount(100_000, 0, 100), TOPOLOGY, 0.0)
    less, later = refused.proposals
    assert (less.until_at, less.amount_bits) == (100, pytest.approx(FREE * 100, rel=2e-3))
    assert later.amount_bits == 100_000
    assert later.until_at > 100
    for proposal in refused.proposals:
        assert Calendar(NETWORK).reserve(proposal, TOPOLOGY, 0.0).admitted


WISHES = st.tuples(st.sampled_from([PAIR, LONG]), st.integers(50, 900), st.integers(0, 50), st.integers(1, 50))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(WISHES, st.booleans()), max_size=7))
def test_at_no_time_is_more_admitted_than_the_links_make(wishes):
    """Counted here second by second over both links, whatever is asked for."""
    calendar = Calendar(NETWORK)
    for (between, bps, begin, length), by_amount in wishes:
        wish = rate(bps, begin, begin + length, between)
        calendar.reserve(amount(bps * length, begin, begin + length, between) if by_amount else wish, TOPOLOGY, 0.0)
    for half_second in range(220):
        at = half_second / 2
        used = {"ab": 0.0, "bc": 0.0}
        for entry in calendar.entries:
            now = sum(part.rate_bps for part in entry.segments if part.from_at <= at < part.until_at)
            used["ab"] += now
            used["bc"] += now if entry.between == LONG else 0.0
        assert max(used.values()) <= FREE * (1 + 1e-5)


def test_a_pool_is_filled_before_its_reservation_begins_and_let_go_after(calendar):
    """Lead time before: ten seconds of the rate; after the end the reservation is forgotten."""
    calendar.reserve(rate(500, 100, 200), TOPOLOGY, 0.0)
    (pool,) = [one for one in goals(NETWORK) if one[:2] == ("A", "B")]
    assert calendar.due(TOPOLOGY, 100 - LEAD_S - 1) == {}
    assert calendar.due(TOPOLOGY, 100 - LEAD_S)[pool] == (500 * LEAD_S, 500)
    assert calendar.due(TOPOLOGY, 195)[pool] == (2500, 500)
    assert calendar.due(TOPOLOGY, 201) == {}
    assert calendar.entries == ()


def test_an_amount_is_held_until_the_deadline(calendar):
    """What should have been made so far, then all of it."""
    calendar.reserve(amount(8000, 0, 100), TOPOLOGY, 0.0)
    (held,) = calendar.due(TOPOLOGY, 99).values()
    assert held == (pytest.approx(8000, rel=1e-5), 0.0)
    assert calendar.due(TOPOLOGY, 100) == {}


def test_while_it_lasts_a_reservation_comes_before_other_pools():
    """Links without stock: the reserved pool gets its rate, the other what is left."""
    controller = Controller(NETWORK, dict.fromkeys(("ab", "bc"), Prediction(RATE, 0.01)))
    for told in reports(stock=3000).values():
        controller.receive(told, 0.0)
    assert controller.answer(rate(700, 0, 100, LONG), 0.0).admitted
    pools = {(pool.source, pool.destination): pool for pool in controller.status(0.0).pools}
    assert pools["A", "C"].rate_bps >= 700
    assert pools["A", "C"].target_bits == 8192
    assert pools["A", "B"].rate_bps < 8192
    assert controller.answer(mc.AskReservations(), 0.0).reservations[0].id == "r1"
    assert controller.answer(mc.CancelReservation(id="r1"), 0.0).reservations == ()
    assert "there is no reservation r1" in controller.answer(mc.CancelReservation(id="r1"), 0.0).text


@pytest.mark.parametrize(
    ("wish", "text"),
    [
        (rate(100, 0, 10, ("b", "c")), "no demand"),
        (mc.Reserve(between=PAIR, from_at=0, until_at=10), "either a rate"),
        (mc.Reserve(between=PAIR, from_at=0, until_at=10, rate_bps=1, amount_bits=1), "either a rate"),
        (rate(100, 20, 10), "ends after it begins"),
        (rate(float("nan"), 0, 10), "finite"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_with_the_reason(calendar, wish, text):
    """And nothing is in the calendar."""
    with pytest.raises(ReservationError, match=text):
        calendar.reserve(wish, TOPOLOGY, 0.0)
    assert calendar.entries == ()


def test_a_calendar_that_is_read_again_is_the_same_and_counts_on(calendar):
    """As after a restart of the controller."""
    calendar.reserve(rate(500, 100, 200), TOPOLOGY, 0.0)
    kept = msgspec.json.decode(msgspec.json.encode(calendar.entries), type=tuple[mc.Reservation, ...])
    again = Calendar(NETWORK, kept)
    assert again.due(TOPOLOGY, 150) == calendar.due(TOPOLOGY, 150)
    assert again.reserve(rate(100, 100, 200), TOPOLOGY, 0.0).admitted.id == "r2"


def test_where_control_is_distributed_nothing_is_reserved():
    """Nobody could keep it, so nobody promises it."""
    network = msgspec.structs.replace(NETWORK, control="distributed")
    answer = Controller(network, {}).answer(rate(100, 0, 100), 0.0)
    assert "control is distributed" in answer.text


def test_a_reservation_of_an_application_with_two_homes_takes_the_one_that_has_a_way():
    """While its first home is up that one; the other when it is gone, or when only its link makes no key."""
    network = msgspec.structs.replace(
        NETWORK, applications=(*NETWORK.applications[:1], Application(id="b", site="C", also_at=("B",)))
    )
    network = msgspec.structs.replace(network, demands=NETWORK.demands[:1])
    trust = network.demands[0].trust
    told = reports()
    cut = {
        name: msgspec.structs.replace(
            one,
            links=tuple(
                msgspec.structs.replace(
                    link, module=msgspec.structs.replace(link.module, state="down" if link.link == "bc" else "running")
                )
                for link in one.links
            ),
        )
        for name, one in told.items()
    }
    calendar = Calendar(network)
    for topology, pool in (
        (of_reports(network, told, ("A", "B", "C"), {}), ("A", "C")),
        (of_reports(network, told, ("A", "B"), {}), ("A", "B")),
        (of_reports(network, cut, ("A", "B", "C"), {}), ("A", "B")),
    ):
        answer = calendar.reserve(
            mc.Reserve(between=PAIR, rate_bps=FREE / 4, from_at=0.0, until_at=100.0), topology, 0.0
        )
        assert answer.admitted
        assert set(calendar.due(topology, 1.0)) == {(*pool, trust)}
    assert set(calendar.due(of_reports(network, told, ("B",), {}), 1.0)) == {("A", "C", trust)}
