"""What is different between two network files, and on which ports the changed one runs."""

import itertools
from typing import get_args, get_type_hints

import pytest
from msgspec.structs import fields, replace

from qit4n.errors import NetworkFileError
from qit4n.network.changes import changes, digest, driven, pinned
from qit4n.network.file import load
from qit4n.network.medium import Beam, Emulation, Neighbour, Orbit, Part, SecondOrbit, Shared
from qit4n.network.model import Application, Demand, Eavesdropper, Limits, Network, Site
from qit4n.network.qrng import QRNG
from qit4n.network.telemetry import Telemetry
from qit4n.node.processes import network_of, write_network


@pytest.fixture(scope="module")
def metro():
    return load("metro")


def without(network, *links):
    return replace(network, links=tuple(link for link in network.links if link.id not in links))


def test_the_same_file_changes_nothing(metro):
    assert not changes(metro, load("metro"))
    assert changes(metro, metro).lines() == []


def test_what_comes_and_goes_is_named(metro):
    """Sites, links, applications, demands, each by its sign and id; and what becomes of processes and keys."""
    after = without(metro, "north-east")
    after = replace(
        after,
        sites=(Site(id="museum"), *after.sites),
        applications=(*after.applications[1:], Application(id="new", site="museum")),
        demands=(*after.demands[1:], Demand(between=("new", "app-west"))),
    )
    found = changes(metro, after)
    assert found.lines() == [
        "+ site museum",
        "- link north-east",
        "+ application new",
        "- application app-bank",
        "+ demand app-west - new (1 path, hop-by-hop)",
        "- demand app-bank - app-data-centre (1 path, hop-by-hop)",
    ]
    told = " ".join(found.consequences())
    for said in ("site museum is started", "key of link north-east is given up", "certificate of application app-bank"):
        assert said in told


def test_a_link_changes_with_what_is_behind_it(metro):
    """Another detector: the modules of those links start anew, their key stays."""
    ring = replace(metro.modules["ring"], detector_efficiency=0.3)
    found = changes(metro, replace(metro, modules={**metro.modules, "ring": ring}))
    assert len(found.links.changed) == 6
    assert "its key stays" in " ".join(found.consequences())


def test_a_duct_is_listed_by_its_links_and_restarts_nothing(metro):
    """Another link in it, a new one, one that goes: the modules of the links do not care."""

    def with_ducts(**ducts):
        links = tuple(replace(link, ducts=ducts.get(link.id.replace("-", "_"), ())) for link in metro.links)
        return replace(metro, links=links)

    before = with_ducts(north_east=("bridge", "old"), south_west=("bridge",))
    found = changes(before, with_ducts(north_east=("bridge",), west_northwest=("bridge", "new")))
    assert found.lines() == ["+ duct new", "- duct old", "~ duct bridge"]
    assert len(found.consequences()) == 1
    link = metro.links[0]
    assert driven(metro, link) == driven(metro, replace(link, ducts=("new",)))
    assert driven(metro, link) != driven(metro, replace(link, module="access"))


def test_changed_policies_are_named_and_restart_every_site(metro):
    found = changes(metro, replace(metro, policies=replace(metro.policies, max_qber=0.05)))
    assert found.lines() == ["~ policy max_qber"]
    assert "every site restarts" in " ".join(found.consequences())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda one: replace(one, name="other"), "name changes from metro to other"),
        (lambda one: replace(one, controller_host="::1"), "controller_host"),
        (lambda one: replace(one, control="distributed"), "control changes from central to distributed"),
        (lambda one: replace(one, emulation=Emulation(speed=60.0)), "emulation of satellites"),
        (lambda one: replace(one, telemetry=Telemetry(nats="nats://127.0.0.1:4222")), "telemetry"),
        (lambda one: replace(one, sites=(replace(one.sites[0], host="::1"), *one.sites[1:])), "host of site north"),
        (
            lambda one: replace(one, links=(replace(one.links[0], ends=("east", "north")), *one.links[1:])),
            "ends of link",
        ),
        (
            lambda one: replace(one, applications=(replace(one.applications[0], site="west"), *one.applications[1:])),
            "site of application app-bank",
        ),
    ],
)
def test_what_needs_a_stopped_network_is_refused(metro, change, what):
    """With what would be right."""
    with pytest.raises(NetworkFileError, match=what) as told:
        changes(metro, change(metro))
    assert "stop the network" in str(told.value)


PORTS = {"base_port", "first_port"}  # a running network keeps its own
FORMAT = {"qit4n"}
EVERYTHING = ("metro", "continental", "vendor-device", "north", "switched-star", "trusted-ring", "dual-homed")


def otherwise(value):
    """Another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, tuple | dict) and value:
        return type(value)()
    return {"x": None} if value == {} else ("x",)


def varied(part, seen):
    """What is changed, and the part with it: each field of it and of the parts below it, one at a time."""
    seen.add(type(part))
    for field in fields(part):
        if field.name in PORTS | FORMAT:
            continue
        value = getattr(part, field.name)
        if not isinstance(value, Part):
            yield field.name, replace(part, **{field.name: otherwise(value)})
        below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, tuple) else ()
        for place, one in below:
            if isinstance(one, Part):
                for name, other in varied(one, seen):
                    fresh = dict(below) | {place: other}
                    whole = fresh if isinstance(value, dict) else tuple(fresh.values())
                    yield f"{field.name}.{place}.{name}", replace(part, **{field.name: whole})
        if isinstance(value, Part):
            for name, other in varied(value, seen):
                yield f"{field.name}.{name}", replace(part, **{field.name: other})


def parts_of(kind, found):
    """All parts of the model below a kind."""
    for one in (kind, *get_args(kind)):
        if isinstance(one, type) and issubclass(one, Part) and one not in found:
            found.add(one)
            for hint in get_type_hints(one).values():
                parts_of(hint, found)
        elif one is not kind:
            parts_of(one, found)
    return found


def test_each_difference_between_two_files_is_listed_or_refused():
    """Every field of every part of the model in turn, in files that together have all parts."""
    seen = set()
    for network in (*map(load, EVERYTHING), rare()):
        for what, after in varied(network, seen):
            assert after != network, what
            assert digest(after) != digest(network), what
            try:
                found = changes(network, after)
            except NetworkFileError:
                continue
            assert found.lines(), f"{network.name}: {what}"
    assert seen == parts_of(Network, set())


def test_a_file_has_the_same_digest_however_it_is_written(tmp_path):
    """Names of modules in another order, and the file of a state directory read again, change nothing."""
    for network in map(load, EVERYTHING):
        again = replace(network, modules=dict(reversed(network.modules.items())))
        assert digest(network) == digest(again)
        write_network(network, tmp_path)
        assert digest(network_of(tmp_path)) == digest(network)


def rare():
    """What no shipped example has."""
    network = load("metro")
    medium = replace(
        network.links[0].medium,
        shared=Shared(wavelength_nm=1310.0, neighbours=(Neighbour(wavelength_nm=1550.0, launch_dbm=0.0),)),
        beam=Beam(divergence_urad=10.0, receiver_m=1.0),
        orbit=Orbit(inclination_deg=97.0, node_deg=0.0),
        second_orbit=SecondOrbit(altitude_km=500.0, inclination_deg=97.0, node_deg=0.0),
    )
    return replace(
        network,
        sites=(replace(network.sites[0], qrng=QRNG(emulate="photon-arrival")), *network.sites[1:]),
        links=(replace(network.links[0], medium=medium, eavesdropper=Eavesdropper(intercept_fraction=0.1)),),
        applications=(replace(network.applications[0], limits=Limits()), *network.applications[1:]),
    )


def ports(network):
    return {site.id: network.kme_port(site.id) for site in network.sites}


def test_sites_that_stay_keep_their_ports(metro):
    """One put in the first place, one taken out: nobody moves, the new one has five free ports."""
    running = replace(metro, base_port=24_000)
    after = pinned(running, replace(metro, sites=(Site(id="museum"), *metro.sites[:3], *metro.sites[4:])))
    kept = {name: port for name, port in ports(after).items() if name != "museum"}
    assert kept == {name: port for name, port in ports(running).items() if name != "south"}
    assert (
        ports(after)["museum"] == running.kme_port("south")
        or min(abs(ports(after)["museum"] - port) for port in kept.values()) >= 5
    )
    assert after.base_port == 24_000


def test_a_site_may_come_at_any_place(metro):
    """Everybody keeps his ports, and the new one has five of its own."""
    for place in range(len(metro.sites) + 1):
        after = pinned(metro, replace(metro, sites=(*metro.sites[:place], Site(id="museum"), *metro.sites[place:])))
        assert {name: port for name, port in ports(after).items() if name != "museum"} == ports(metro)
        assert all(later - earlier >= 5 for earlier, later in itertools.pairwise(sorted(ports(after).values())))


def test_a_file_that_moves_nobody_gets_no_port_numbers(metro):
    """A site at the end has its ports by its place."""
    after = pinned(metro, replace(metro, sites=(*metro.sites, Site(id="museum"))))
    assert {site.first_port for site in after.sites} == {None}
    assert after.last_port() == metro.last_port() + 5


def test_ports_stay_pinned_through_several_changes(metro):
    """Taking the first site out and putting another in moves nobody, twice over."""
    first = pinned(metro, replace(metro, sites=metro.sites[1:]))
    second = pinned(first, replace(metro, sites=(Site(id="x"), *metro.sites[1:], Site(id="y"))))
    assert {name: ports(second)[name] for name in ports(first)} == ports(first)
    taken = sorted(ports(second).values())
    assert all(later - earlier >= 5 for earlier, later in itertools.pairwise(taken))
