"""Who may ask for what: rates, quotas, pairs."""

import pytest
from msgspec.structs import replace

from qit4n.interfaces.etsi014 import STATUS
from qit4n.keys.directory import Directory
from qit4n.keys.supply.access import DAY_S, Access, Bucket
from qit4n.network.file import load
from qit4n.network.model import Application, Demand, Limits
from qit4n.refpoints import ak


@pytest.fixture
def network():
    return load("two-data-centres")


def access(network, **limits):
    first = replace(network.applications[0], limits=Limits(**limits) if limits else None)
    network = replace(network, applications=(first, *network.applications[1:]))
    return Access(first.site, Directory.of(network)), first.id


def test_a_bucket_gives_what_flowed_in_and_no_more():
    """Capacity at once, then the rate; a clock that stands or runs back gives nothing."""
    bucket = Bucket(rate=2.0, capacity=4.0)
    assert [bucket.take(1, 10.0) for _ in range(5)] == [True] * 4 + [False]
    assert not bucket.take(1, 10.4)
    assert bucket.take(1, 10.5)
    assert not bucket.take(1, 9.0)
    assert bucket.take(4, 1000.0)
    assert not bucket.take(0.1, 1000.0)


def test_requests_above_the_rate_are_refused_until_time_has_passed(network):
    """Three at once, then one each third of a second."""
    one, application = access(network, requests_per_s=3.0)
    replies = [one.refuse_rate(application, 100.0) for _ in range(4)]
    assert replies[:3] == [None] * 3
    assert replies[3].reason == "too-many-requests"
    assert one.refuse_rate(application, 100.34) is None


def test_a_quota_of_key_flows_in_over_a_day(network):
    """What is left is told; half a day later half of it is back."""
    one, application = access(network, key_bits_per_day=1000.0)
    assert one.refuse_quota(application, 900, 5.0) is None
    refused = one.refuse_quota(application, 200, 5.0)
    assert "100 bits left of 1000" in refused.text
    assert one.refuse_quota(application, 600, 5.0 + DAY_S / 2) is None


def test_the_limits_of_the_policies_hold_where_an_application_has_none(network):
    """The default of the file limits every application."""
    policies = replace(network.policies, limits=Limits(requests_per_s=1.0))
    one, application = access(replace(network, policies=policies))
    assert one.refuse_rate(application, 1.0) is None
    assert one.refuse_rate(application, 1.0).reason == "too-many-requests"


def test_who_is_not_of_this_site_is_refused_at_once(network):
    """Deny by default: an unknown caller, and one of another site."""
    one, _ = access(network)
    for stranger in ("nobody", network.applications[1].id):
        assert one.refuse_rate(stranger, 1.0).reason == "not-allowed"


@pytest.mark.checklist("4e")
def test_where_no_additional_slave_is_allowed_one_is_400(network):
    """max_additional_slaves 0 in the file: a second slave is refused, with the status of a bad request."""
    first, second = network.applications
    network = replace(
        network,
        policies=replace(network.policies, max_additional_slaves=0),
        applications=(first, second, Application(id="third", site=second.site)),
        demands=(Demand(between=(first.id, second.id)), Demand(between=(first.id, "third"))),
    )
    one, application = access(network)
    other = second.id
    refused = one.decide(ak.GetKeys(master=application, slaves=(other, "third")))
    assert refused.reason == "too-many-slaves"
    assert STATUS[refused.reason] == 400
    assert one.decide(ak.GetKeys(master=application, slaves=(other,))).elsewhere == {second.site: (other,)}


def test_a_refused_request_costs_no_quota(network):
    """The quota is counted when everything else is right."""
    one, application = access(network, key_bits_per_day=1000.0)
    request = ak.GetKeys(master=application, slaves=("nobody",))
    assert one.decide(request).reason == "unknown-application"
    assert one.refuse_quota(application, 1000, 1.0) is None
