"""ETSI GS QKD 015: documents of nodes, the eleven notifications, RESTCONF, and the view of the network (018)."""

import dataclasses
import json

import msgspec
import pytest
from msgspec import structs
from yangson.exceptions import YangsonException

from qit4n.interfaces import restconf
from qit4n.interfaces.etsi015 import document, interface_id, link_id, name_uuid
from qit4n.interfaces.etsi015events import Watch, alarm, overloaded
from qit4n.interfaces.etsi015model import NODE, NOTIFICATIONS, ROOT, TYPES, Node, problems
from qit4n.interfaces.etsi015statistics import Consumption
from qit4n.interfaces.etsi018 import network_view
from qit4n.interfaces.restconf import RestconfError
from qit4n.refpoints import ck
from sdnnodes import BASE, NETWORK, PAIR, SITE, state
from yangtool import YangTool, needs_modules


@pytest.mark.checklist("8a")
@pytest.mark.parametrize("modules", ["starting", "running", "resting", "no-key", "down"])
def test_the_data_of_every_node_fit_the_model_in_every_state(modules):
    """No member is unknown, mistyped, missing or misplaced, for each site of SECOQC and each state of its modules."""
    for site in NETWORK.sites:
        asked = {frozenset(demand.between): (1.0, 2.0) for demand in NETWORK.demands}
        found = document(state(site.id, modules, asked=asked))
        assert list(problems(found)) == []
        assert len(found["qkd_interfaces"]["qkd_interface"]) == len(NETWORK.links_of(site.id))
        msgspec.json.encode(found)


def test_both_ends_of_a_link_give_it_one_name():
    """A link has the same UUID at both nodes; what is local at one is remote at the other; one transmits."""
    link = NETWORK.links[0]
    ends = [
        next(
            one for one in document(state(end))["qkd_links"]["qkd_link"] if one["qkdl_id"] == link_id(NETWORK, link.id)
        )
        for end in link.ends
    ]
    assert ends[0]["qkdl_local"] == ends[1]["qkdl_remote"]
    assert ends[0]["qkdl_remote"] == ends[1]["qkdl_local"]
    assert [end["phys_qkd_role"] for end in ends] == [f"{TYPES}:TRANSMITTER", f"{TYPES}:RECEIVER"]
    assert ends[0]["phys_channel_att"] == f"{link.medium.loss_db:.3f}"
    assert ends[0]["qkdl_performance"]["eskr"] == 4500  # a tenth goes into authentication


@pytest.mark.parametrize(
    ("modules", "stock", "disabled", "status"),
    [
        ("running", 0, False, "ACTIVE"),
        ("resting", 8, False, "PASSIVE"),
        ("down", 8, False, "PASSIVE"),
        ("down", 0, False, "PENDING"),
        ("running", 8, True, "OFF"),
    ],
)
def test_the_status_of_a_link_says_whether_key_is_made_or_left(modules, stock, disabled, status):
    """ACTIVE makes key, PASSIVE has some left, PENDING has none, OFF is switched off."""
    off = frozenset(one.id for one in NETWORK.links_of(SITE)) if disabled else frozenset()
    found = document(state(modules=modules, stock=stock, disabled=off))["qkd_links"]["qkd_link"]
    physical = [one for one in found if one["qkdl_type"] == f"{TYPES}:PHYS"]
    assert {one["qkdl_status"] for one in physical} == {f"{TYPES}:{status}"}
    assert {one["qkdl_enable"] for one in physical} == {not disabled}


def test_an_application_with_two_sites_is_at_both_nodes():
    """Its entry is there once it has asked."""
    bank = NETWORK.application(NETWORK.demands[0].between[0])
    further = next(site.id for site in NETWORK.sites if site.id not in {bank.site, SITE})
    homed = structs.replace(bank, also_at=(further,))
    applications = tuple(homed if one.id == bank.id else one for one in NETWORK.applications)
    network = structs.replace(NETWORK, applications=applications)
    for site in homed.homes:
        node = dataclasses.replace(state(site, asked={PAIR: (100.0, 1e9 - 5)}), network=network)
        entries = document(node)["qkd_applications"]["qkd_app"]
        assert [one["server_app_id"].rpartition(":")[2] for one in entries] == [bank.id]


def test_applications_are_there_once_they_have_asked():
    """Nothing before a request; then the first of the demand is server, ON, and DISCONNECTED when nobody asks."""
    assert document(state())["qkd_applications"]["qkd_app"] == []
    site = NETWORK.application(NETWORK.demands[0].between[0]).site
    found = document(state(site, asked={PAIR: (100.0, 1e9 - 5)}))["qkd_applications"]["qkd_app"]
    one = found[0]
    assert one["app_status"] == f"{TYPES}:ON"
    assert one["server_app_id"].endswith(NETWORK.demands[0].between[0])
    assert one["creation_time"] == "1970-01-01T00:01:40.000Z"
    later = document(state(site, asked={PAIR: (100.0, 1e9 - 5)}, now=1e9 + 600))["qkd_applications"]["qkd_app"]
    assert later[0]["app_status"] == f"{TYPES}:DISCONNECTED"


def test_what_an_application_got_is_told_by_ended_periods():
    """Counts that grow become bits of five minutes each; the twelve last are kept; who got nothing has 0."""
    consumption = Consumption()

    def supply(bits):
        one, other = NETWORK.demands[0].between
        counted = {"requests": 1, "keys_requested": 1, "keys_supplied": 1, "keys_lost": 0, "keys_fetched": 0}
        rest = {"site": "x", "delay_sum_s": 0.0, "delay_min_s": None, "delays": ()}
        return [
            ck.SupplyReport(master=master, slave=slave, bits_supplied=part, **counted, **rest)
            for master, slave, part in ((one, other, bits), (other, one, 1))
        ]

    for at, bits in ((1000.0, 100), (1100.0, 150), (1300.0, 300), (1599.0, 900), (1600.0, 1000)):
        consumption.see(supply(bits), at)
    assert [(one.start, one.end, one.bits[PAIR]) for one in consumption.periods] == [
        (1000.0, 1300.0, 200),
        (1300.0, 1600.0, 700),
    ]
    site = NETWORK.application(NETWORK.demands[0].between[0]).site
    found = document(state(site, asked={PAIR: (1.0, 2.0)}, periods=consumption.periods))
    assert list(problems(found)) == []
    assert found["qkd_applications"]["qkd_app"][0]["app_statistics"]["statistics"][1] == {
        "end_time": "1970-01-01T00:26:40.000Z",
        "start_time": "1970-01-01T00:21:40.000Z",
        "consumed_bits": 700,
    }
    for number in range(20):
        consumption.see(supply(1000), 2000.0 + 300 * number)
    assert len(consumption.periods) == 12
    assert consumption.periods[-1].bits[PAIR] == 0


def test_a_virtual_link_has_the_rate_that_the_controller_allows():
    """In whole bits per second; without a limit there is none."""
    for rate, expected in ((1500.7, {1500}), (None, {None})):
        links = document(state(pool_rate=rate))["qkd_links"]["qkd_link"]
        assert {one.get("virt_bandwidth") for one in links if one["qkdl_type"] == f"{TYPES}:VIRT"} == expected


def told(watch, found, **reasons):
    """Notifications of the next document, each checked against the model."""
    events = watch.see(found, reasons)
    for name, content in events:
        assert list(problems(content, NOTIFICATIONS[name], name)) == []
    return events


def names(events):
    return {name for name, _ in events}


@pytest.mark.checklist("8b")
def test_each_of_the_eleven_notifications_comes_from_its_event():
    """Each event in the life of a node causes its notification, and all eleven are seen."""
    watch, seen = Watch(), set()
    site = NETWORK.application(NETWORK.demands[0].between[0]).site
    asked = {PAIR: (100.0, 1e9)}

    def after(expected, found):
        events = told(watch, found)
        assert names(events) == expected
        seen.update(names(events))
        return events

    after({"sdqkdn_interface_new", "sdqkdn_link_perf_update"}, document(state(site)))
    after(set(), document(state(site)))
    after({"sdqkdn_link_perf_update"}, document(state(site, rate=9000.0)))
    after(set(), document(state(site, rate=9100.0)))
    after({"sdqkdn_application_new"}, document(state(site, rate=9000.0, asked=asked)))
    changed = document(state(site, rate=9000.0, asked=asked))
    changed["qkd_applications"]["qkd_app"][0]["app_qos"]["ttl"] = 7
    after({"sdqkdn_application_qos_update"}, changed)
    after({"event"}, document(state(site, "resting", rate=9000.0, asked=asked)) | {
        "qkd_applications": changed["qkd_applications"]
    })  # fmt: skip
    down = document(state(site, "down", stock=0, rate=9000.0, asked=asked))
    down["qkd_applications"] = changed["qkd_applications"]
    after({"sdqkdn_link_down", "sdqkdn_interface_down", "alarm"}, down)
    up = document(state(site, rate=9000.0, asked=asked, now=1e9 + 700))
    assert "event" in names(told(watch, up))
    seen.update(names(told(watch, document(state(site, rate=9000.0)))))
    links = frozenset(one.id for one in NETWORK.links_of(site))
    off = told(watch, document(state(site, rate=9000.0, disabled=links)), x="")
    assert {"sdqkdn_interface_out", "sdqkdn_link_down"} <= names(off)
    seen.update(names(off))
    name, content = overloaded(document(state(site))["qkd_links"]["qkd_link"][0])
    assert list(problems(content, NOTIFICATIONS[name], name)) == []
    seen.add(name)
    assert seen == set(NOTIFICATIONS)


def test_an_application_that_is_silent_is_told_as_disconnected():
    """A status that turns to DISCONNECTED is a notification with the application's id."""
    watch = Watch()
    site = NETWORK.application(NETWORK.demands[0].between[0]).site
    told(watch, document(state(site, asked={PAIR: (1.0, 1e9)})))
    (event,) = told(watch, document(state(site, asked={PAIR: (1.0, 1e9)}, now=1e9 + 601)))
    assert event[0] == "sdqkdn_application_disconnected"


def test_reasons_are_told():
    """The words for a link that is down are in the notification and in the alarm."""
    watch, one = Watch(), link_id(NETWORK, NETWORK.links_of(SITE)[0].id)
    told(watch, document(state()))
    events = told(watch, document(state(modules="no-key", stock=0)), **{one: "QBER of 25 %"})
    assert ("sdqkdn_link_down", {"qkd_link": {"qkdl_id": one, "reason": "QBER of 25 %"}}) in events
    assert alarm("link", {"qkdl_id": one, "qkdl_status": f"{TYPES}:PENDING"}, "QBER of 25 %") in events


def physical(node):
    """The first QKD link of a node."""
    return next(link for link in node["qkd_links"]["qkd_link"] if link["qkdl_type"] == f"{TYPES}:PHYS")


SPOILT = [
    (lambda node: node.pop("qkdn_id"), "qkdn_id is missing"),
    (lambda node: node.update(qkdn_id="x"), "'x' is not a UUID"),
    (lambda node: node.update(colour=1), "there is no colour"),
    (lambda node: node.update(qkdn_status="OPERATING"), "is not one of"),
    (lambda node: node["qkd_links"].update(qkd_link={}), "a list is wanted"),
    (lambda node: node["qkd_links"]["qkd_link"].append(node["qkd_links"]["qkd_link"][0]), "comes twice"),
    (lambda node: node["qkd_links"]["qkd_link"][0].update(virt_bandwidth=1), "virt_bandwidth is not for"),
    (lambda node: node["qkd_links"]["qkd_link"][0]["qkdl_performance"].update(skr=-1), "-1 is not a whole number"),
    (lambda node: node["qkd_interfaces"]["qkd_interface"][0].update(qkdi_id=True), "True is not a whole"),
    (lambda node: node["qkd_interfaces"]["qkd_interface"][0].pop("qkdi_id"), "qkdi_id is missing"),
    (lambda node: physical(node).update(phys_wavelength=34), "34 is not a WDM channel"),
    (lambda node: physical(node).update(phys_wavelength="0"), "'0' is not a WDM channel"),
    (
        lambda node: node["qkd_interfaces"]["qkd_interface"][0]["qkdi_capabilities"].update(wavelength_range="1550 nm"),
        "'1550 nm' is not a list of WDM channels",
    ),
    (lambda node: physical(node).update(phys_channel_att="3,000"), "'3,000' is not a decimal"),
]


@pytest.mark.parametrize(("spoil", "problem"), SPOILT)
def test_what_does_not_fit_the_model_is_found(spoil, problem):
    """Missing, unknown, mistyped, doubled and misplaced members are each named with their place."""
    found = document(state())
    spoil(found)
    assert any(problem in one for one in problems(found)), list(problems(found))


def test_restconf_finds_the_resources_of_the_document():
    """Root, data, node, list entry and leaf are found by path; the answer carries the module's name."""
    found = document(state())
    link = found["qkd_links"]["qkd_link"][0]
    base = BASE
    assert json.loads(restconf.read("/restconf", found))["ietf-restconf:restconf"]["yang-library-version"]
    assert json.loads(restconf.read("/restconf/data", found)) == {"ietf-restconf:data": {ROOT: found}}
    assert json.loads(restconf.read(base, found)) == {ROOT: found}
    entry = f"{base}/qkd_links/qkd_link={link['qkdl_id']}"
    assert json.loads(restconf.read(entry, found)) == {"etsi-qkd-sdn-node:qkd_link": [link]}
    assert json.loads(restconf.read(f"{entry}/qkdl_enable", found)) == {"etsi-qkd-sdn-node:qkdl_enable": True}
    assert b"/streams/NETCONF" in restconf.read("/restconf/data/ietf-restconf-monitoring:restconf-state", found)


def test_an_interface_keeps_its_number_when_another_link_goes():
    """Without the first link of a site the others have the numbers they had, alike at both ends."""
    site = max(NETWORK.sites, key=lambda one: len(NETWORK.links_of(one.id))).id
    first, *others = NETWORK.links_of(site)
    fewer = structs.replace(NETWORK, links=tuple(one for one in NETWORK.links if one != first))
    numbers = [interface_id(NETWORK, site, one) for one in others]
    assert [interface_id(fewer, site, one) for one in others] == numbers
    assert len({interface_id(NETWORK, site, first), *numbers}) == 1 + len(others) > 2


@pytest.mark.parametrize("path", ["/", "/restconf/data/other:x", f"/restconf/data/{ROOT}/qkd_links/qkd_link=1", "/x"])
def test_what_is_not_there_is_404(path):
    """An unknown resource is 404 with the error-tag of RFC 8040."""
    with pytest.raises(RestconfError) as refused:
        restconf.read(path, document(state()))
    assert (refused.value.status, refused.value.tag) == (404, "invalid-value")
    assert json.loads(refused.value.body())["ietf-restconf:errors"]["error"][0]["error-tag"] == "invalid-value"


def test_the_network_view_has_each_node_and_link_once():
    """The view in the shape of 018 has all sites, each QKD link once, as its transmitter sees it, and virtual links."""
    view = network_view([document(state(site.id)) for site in NETWORK.sites])["etsi-qkd-sdn-topology:qkd_network"]
    assert [node["qkdn_id"] for node in view["sdqkd_nodes"]] == [
        name_uuid(NETWORK.name, "site", site.id) for site in NETWORK.sites
    ]
    physical = view["qkd_links"]["qkd_phys_links"]
    assert sorted(link["qkdl_id"] for link in physical) == sorted(link_id(NETWORK, one.id) for one in NETWORK.links)
    first = next(one for one in physical if one["qkdl_id"] == link_id(NETWORK, NETWORK.links[0].id))
    assert first["qkdl_local"]["qkdn_id"] == name_uuid(NETWORK.name, "site", NETWORK.links[0].ends[0])
    assert len(view["qkd_links"]["qkd_svc_links"]) == 2 * len(NETWORK.sites)


def test_the_model_has_every_member_of_the_tree():
    """The tree of V2.1.1 has 56 leaves and 11 notifications, counted in the published tree."""

    def leaves(node):
        return sum(leaves(one) if isinstance(one, Node) else 1 for one in node.members.values())

    assert leaves(NODE) == 56
    assert len(NOTIFICATIONS) == 11


def whole():
    """A node with every member of the tree."""
    asked = {frozenset(demand.between): (1.0, 2.0) for demand in NETWORK.demands}
    found = document(state(NETWORK.application(NETWORK.demands[0].between[0]).site, asked=asked))
    rates = {"expected_consumption": 5, "skr": 7, "eskr": 6}
    performance = {
        **rates,
        "phys_perf": [{"perf_type": f"{TYPES}:{name}", "value": "1.500"} for name in ("QBER", "SNR")],
    }
    for link in found["qkd_links"]["qkd_link"]:
        virtual = link["qkdl_type"] == f"{TYPES}:VIRT"
        link["qkdl_applications"] = [name_uuid("n", "demand", "x")]
        link["qkdl_performance"] = rates if virtual else performance
        far = {"virt_prev_hop": found["qkdn_id"], "virt_next_hop": [found["qkdn_id"]], "virt_bandwidth": 9}
        link.update(far if virtual else {"phys_wavelength": "34", "phys_channel_att": "3.000"})
    for interface in found["qkd_interfaces"]["qkd_interface"]:
        interface["qkdi_capabilities"].update(wavelength_range="1,12-20,40", max_absorption="20.000")
    qos = {"max_bandwidth": 1, "min_bandwidth": 2, "jitter": 3, "ttl": 4}
    qos |= {"clients_shared_path_enable": True, "clients_shared_keys_required": False}
    time = "2026-01-01T00:00:00.000Z"
    statistics = {"statistics": [{"end_time": time, "start_time": time, "consumed_bits": 8}]}
    for application in found["qkd_applications"]["qkd_app"]:
        application.update(expiration_time=time, app_statistics=statistics, app_qos=qos)
    return found


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    """The independent validator."""
    return YangTool(tmp_path_factory.mktemp("yang"))


@needs_modules("8a")
@pytest.mark.parametrize("modules", ["starting", "running", "no-key"])
def test_an_independent_tool_validates_the_data(tool, modules):
    """Yangson accepts the data of every node against ETSI's modules, in the directory that QIT4N_YANG names."""
    for site in NETWORK.sites:
        asked = {frozenset(demand.between): (1.0, 2.0) for demand in NETWORK.demands}
        tool.node(document(state(site.id, modules, asked=asked)))


def test_a_node_with_every_member_fits_the_model():
    """All 56 leaves at once, each with a value, have no problem."""
    assert list(problems(whole())) == []


@needs_modules("8a")
def test_an_independent_tool_agrees_with_the_model_on_every_member(tool):
    """Yangson accepts the node that has every member, and a value that our table refuses it refuses too."""
    tool.node(whole())
    for spoil, _ in SPOILT:
        found = whole()
        spoil(found)
        with pytest.raises(YangsonException):
            tool.node(found)


@needs_modules("8b")
def test_an_independent_tool_validates_the_notifications(tool):
    """Yangson accepts what a node tells from its start over its changes to its end, each of the eleven among it."""
    watch, seen = Watch(), set()
    site = NETWORK.application(NETWORK.demands[0].between[0]).site
    links = frozenset(one.id for one in NETWORK.links_of(site))
    changed, down = whole(), document(state(site, "down", stock=0))
    changed["qkd_applications"]["qkd_app"][0]["app_priority"] = 5
    off = document(state(site, disabled=links))
    for found in (document(state(site)), whole(), changed, down, document(state(site, "resting")), off, {}):
        for name, content in watch.see(found, {}):
            tool.notification(name, content)
            seen.add(name)
    name, content = overloaded(whole()["qkd_links"]["qkd_link"][0])
    tool.notification(name, content)
    assert seen | {name} == set(NOTIFICATIONS)
