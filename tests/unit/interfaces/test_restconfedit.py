"""What controllers write over RESTCONF: what the policy allows changes leaves, the rest is an error of RFC 8040."""

import json

import pytest

from qit4n.interfaces.etsi015 import document
from qit4n.interfaces.etsi015model import TYPES
from qit4n.interfaces.restconf import RestconfError
from qit4n.interfaces.restconfedit import changes
from sdnnodes import BASE, NETWORK, PAIR, state

SITE = NETWORK.application(NETWORK.demands[0].between[0]).site
NODE = document(state(SITE, asked={PAIR: (1.0, 2.0)}))
LINK = NODE["qkd_links"]["qkd_link"][0]
APP = NODE["qkd_applications"]["qkd_app"][0]
TO_LINK = f"{BASE}/qkd_links/qkd_link={LINK['qkdl_id']}"
TO_APP = f"{BASE}/qkd_applications/qkd_app={APP['app_id']}"
OTHER = "12345678-1234-1234-1234-123456789abc"
CONFIGURED = {name: value for name, value in LINK.items() if name != "qkdl_performance"}
OFF, RENAMED = {**CONFIGURED, "qkdl_enable": False}, {**CONFIGURED, "qkdl_id": OTHER}


def asked(method, path, content, node=NODE):
    """Names and values of what a request changes."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return [("/".join(found.way[1:]), value) for found, value in changes(method, path, body, node)]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"{TO_LINK}/qkdl_enable", {"etsi-qkd-sdn-node:qkdl_enable": False}),
        (f"{TO_LINK}/qkdl_enable/", {"qkdl_enable": False}),
        (TO_LINK, {"etsi-qkd-sdn-node:qkd_link": [OFF]}),
        (f"{BASE}/qkd_links", {"qkd_links": {"qkd_link": [OFF]}}),
        (BASE, {"qkd_node": {"qkdn_id": NODE["qkdn_id"], "qkd_links": {"qkd_link": [OFF]}}}),
    ],
)  # fmt: skip
def test_a_link_is_switched_by_its_leaf_or_with_what_is_around_it(method, path, content):
    """The leaf, the entry, the container and the node, by PUT or PATCH, come to the same change."""
    assert asked(method, path, content) == [(f"qkd_links/qkd_link={LINK['qkdl_id']}/qkdl_enable", False)]


def test_put_gives_defaults_and_patch_does_not():
    """A PUT without qkdl_enable switches a link on that is off; a PATCH leaves it; DELETE of the leaf switches on."""
    node = json.loads(json.dumps(NODE))
    node["qkd_links"]["qkd_link"][0]["qkdl_enable"] = False
    content = {"qkd_link": [{"qkdl_id": LINK["qkdl_id"]}]}
    assert asked("PUT", TO_LINK, content, node) == [(f"qkd_links/qkd_link={LINK['qkdl_id']}/qkdl_enable", True)]
    assert asked("PATCH", TO_LINK, content, node) == []
    assert asked("DELETE", f"{TO_LINK}/qkdl_enable", b"", node)[0][1] is True


def test_the_rate_of_an_application_is_bounded_and_the_bound_taken_away():
    """max_bandwidth is written though it has no value yet, in its container too, and deleted once it has one."""
    leaf = f"qkd_applications/qkd_app={APP['app_id']}/app_qos/max_bandwidth"
    assert asked("PUT", f"{TO_APP}/app_qos/max_bandwidth", {"max_bandwidth": 1000}) == [(leaf, 1000)]
    assert asked("PATCH", f"{TO_APP}/app_qos", {"app_qos": {"max_bandwidth": 9}}) == [(leaf, 9)]
    assert asked("PATCH", TO_APP, {"qkd_app": [{"app_id": APP["app_id"], "app_qos": {"max_bandwidth": 9}}]})
    bound = document(state(SITE, asked={PAIR: (1.0, 2.0)}, bounds={PAIR: 9}))
    assert bound["qkd_applications"]["qkd_app"][0]["app_qos"]["max_bandwidth"] == 9
    assert asked("DELETE", f"{TO_APP}/app_qos/max_bandwidth", b"", bound) == [(leaf, None)]
    assert asked("PUT", f"{TO_APP}/app_qos", {"app_qos": {"ttl": 86400}}, bound) == [(leaf, None)]


NEW_LINK = {"qkdl_id": OTHER, "qkdl_type": f"{TYPES}:PHYS", "qkdl_local": LINK["qkdl_local"]}
NEW_APP = {"app_id": OTHER, "app_type": f"{TYPES}:CLIENT", "app_qos": {"max_bandwidth": 1}}


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "says"),
    [
        ("PUT", f"{TO_LINK}/qkdl_enable", {"qkdl_enable": "no"}, 400, "'no' is not true or false"),
        ("PUT", f"{TO_LINK}/qkdl_enable", b"{", 400, "no JSON"),
        ("PUT", f"{TO_LINK}/qkdl_enable", b"[1]", 400, "no JSON"),
        ("PUT", f"{TO_LINK}/qkdl_enable", b'{"\xff": 1}', 400, "no JSON"),
        ("PUT", f"{TO_LINK}/qkdl_enable", {"skr": 1}, 400, "the body is to be"),
        ("PUT", f"{TO_LINK}/qkdl_status", {"qkdl_status": f"{TYPES}:OFF"}, 403, "qkdl_status is not written"),
        ("PUT", TO_LINK, {"qkd_link": [{**CONFIGURED, "qkdl_id": OTHER}]}, 400, "at its own path"),
        ("PUT", TO_LINK, {"qkd_link": []}, 400, "one entry"),
        ("PUT", f"{BASE}/qkd_links/qkd_link", {"qkd_link": [CONFIGURED]}, 400, "at its own path"),
        ("PATCH", TO_LINK, {"qkd_link": [LINK]}, 400, "skr is state"),
        ("PATCH", TO_LINK, {"qkd_link": [{**CONFIGURED, "phys_channel_att": "9.000"}]}, 403, "phys_channel_att is not"),
        ("PATCH", f"{BASE}/qkd_links", {"qkd_links": {"qkd_link": [NEW_LINK]}}, 403, "qit apply"),
        ("PATCH", f"{TO_APP}/app_priority", {"app_priority": 7}, 403, "app_priority is not written"),
        ("PATCH", f"{TO_APP}/app_qos", {"app_qos": {"min_bandwidth": 7}}, 403, "min_bandwidth is not written"),
        ("PATCH", f"{BASE}/qkdn_location_id", {"qkdn_location_id": "x"}, 403, "qkdn_location_id is not written"),
        ("POST", f"{BASE}/qkd_links", {"etsi-qkd-sdn-node:qkd_link": [NEW_LINK]}, 403, "qit apply"),
        ("POST", f"{BASE}/qkd_links/", {"qkd_links": {"qkd_link": [NEW_LINK]}}, 403, "qit apply"),  # as TeraFlowSDN
        ("POST", f"{BASE}/qkd_links/", {"qkd_links": {"qkd_link": [RENAMED]}}, 409, LINK["qkdl_id"]),
        ("POST", f"{BASE}/qkd_links", {"qkd_link": [CONFIGURED]}, 409, "is there already"),
        ("POST", f"{BASE}/qkd_links", {"qkd_link": [{"qkdl_id": "x"}]}, 400, "not a UUID"),
        ("POST", f"{BASE}/qkd_links", {"qkd_link": []}, 400, "one entry"),
        ("POST", f"{BASE}/qkd_links", {}, 400, "a list is wanted"),
        ("POST", f"{BASE}/qkd_applications", {"qkd_app": [NEW_APP]}, 403, "demands"),
        ("POST", f"{BASE}/qkd_applications", {"qkd_app": [{"app_id": APP["app_id"]}]}, 409, "is there already"),
        ("POST", TO_LINK, {}, 405, "nothing is created"),
        ("DELETE", TO_LINK, b"", 403, "qit apply"),
        ("DELETE", TO_APP, b"", 403, "demands"),
        ("DELETE", f"{TO_APP}/app_qos/max_bandwidth", b"", 404, "no resource"),
        ("DELETE", f"{BASE}/qkd_links", b"", 405, "is not deleted"),
        ("DELETE", f"{BASE}/qkd_links/qkd_link={OTHER}", b"", 404, "no resource"),
        ("PUT", f"{TO_LINK}/colour", {"colour": 1}, 404, "no resource"),
    ],
)  # fmt: skip
def test_what_the_policy_does_not_allow_is_refused_and_says_why(method, path, content, status, says):
    """Status and words of each refusal."""
    with pytest.raises(RestconfError, match=says) as refused:
        asked(method, path, content)
    assert refused.value.status == status
    assert json.loads(refused.value.body())["ietf-restconf:errors"]["error"][0]["error-tag"] == refused.value.tag
