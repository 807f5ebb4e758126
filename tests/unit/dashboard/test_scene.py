import json

import pytest

from qit4n.dashboard.drawing import Drawings
from qit4n.dashboard.mapoption import BADGES, map_option, map_series, summary
from qit4n.dashboard.scene import LOOKS, link_look, scene_of, width_of
from unit.dashboard.worlds import large, network, status_of

PLACES = {"a": (16.4, 48.2), "b": (15.6, 48.2), "c": (16.3, 48.1)}


def drawn(described, status):
    drawing = Drawings(described).drawing()
    return {one["id"]: one["data"] for one in map_series(drawing.plan, drawing.scene(described, status))}


@pytest.mark.parametrize(
    ("state", "stock", "name"),
    [
        ("running", 900_000, "full"),
        ("resting", 1_000_000, "full"),
        ("running", 400_000, "half"),
        ("running", 50_000, "low"),
        ("starting", 0, "starting"),
        ("no-key", 900_000, "no-key"),
        ("down", 900_000, "down"),
    ],
)
def test_a_link_looks_as_it_is(state, stock, name):
    """Its look follows its state, and while it works its stock, of which 1 Mbit is all."""
    assert link_look(state, stock, 1_000_000).name == name


def test_colour_never_stands_alone():
    """What is not well has a sign and a broken line besides its colour, and no two looks have the same word."""
    assert all(look.sign and look.line != "solid" for look in LOOKS if look.rank != "fine")
    assert len({look.word for look in LOOKS}) == len(LOOKS)


def test_wider_lines_make_more_key():
    """Width grows with the logarithm of the rate, between limits."""
    assert width_of(0.0) == width_of(100.0) < width_of(1_000.0) < width_of(10_000.0) < width_of(1e6) == width_of(1e9)


def test_the_map_shows_links_between_their_sites():
    """A link is drawn from the coordinates of one end to those of the other, and leads to its page."""
    described = network(["ab", "bc"], places=PLACES)
    links = drawn(described, status_of(described))["links"]
    assert [(one["name"], one["coords"], one["to"]) for one in links] == [
        ("ab", [[16.4, 48.2], [15.6, 48.2]], "/link/ab"),
        ("bc", [[15.6, 48.2], [16.3, 48.1]], "/link/bc"),
    ]


def test_trouble_is_named_on_the_map_and_in_words():
    """A cut link has a badge half way between its ends, a silent site at its place; the summary names both."""
    described = network(["ab", "bc"], places=PLACES)
    status = status_of(described, links={"bc": {"state": "down"}}, sites={"a": {"up": False}})
    badges = {one["name"]: one for one in drawn(described, status)["trouble"]}
    assert badges["bc"]["value"] == pytest.approx([15.95, 48.15])
    assert badges["bc"]["label"]["formatter"] == "✕ bc: no contact"
    assert badges["a"]["value"] == [16.4, 48.2]
    words = summary(scene_of(described, status))
    assert "3 sites and 2 links" in words
    assert "bc: no contact; a: does not report" in words


def test_names_cannot_bring_markup_onto_the_page():
    """A site whose name is HTML shows as text in the tip."""
    described = network(["ab"])
    named = described.sites[0].__class__(id="a", name="<img src=x>")
    changed = described.__class__(
        **{**{n: getattr(described, n) for n in described.__struct_fields__}, "sites": (named, described.sites[1])}
    )
    tips = [node.tip for node in scene_of(changed, status_of(changed)).nodes]
    assert "&lt;img src=x&gt;" in tips[0]


def test_while_a_network_starts_nothing_is_in_trouble():
    """Links of a site that was never heard of are starting, though the controller cannot but call them down."""
    described = network(["ab", "bc"])
    status = status_of(described, links={"ab": {"state": "down"}}, sites={"a": {"up": False, "pid": 0}})
    assert [edge.look.name for edge in scene_of(described, status).edges] == ["starting", "full"]


@pytest.mark.parametrize("with_places", [True, False], ids=["map", "scheme"])
def test_ten_thousand_elements_by_region(with_places):
    """10,000 elements are drawn as at most 120 regions in less than 200 kB, every site and link is counted once."""
    described = large(10_000, with_places=with_places)
    assert len(described.sites) + len(described.links) == 10_000
    status = status_of(described)
    drawing = Drawings(described).drawing()
    scene = drawing.scene(described, status)
    assert 60 < len(scene.nodes) <= 120
    assert sum(node.count for node in scene.nodes) == len(described.sites)
    assert sum(node.links for node in scene.nodes) + sum(edge.count for edge in scene.edges) == len(described.links)
    assert len(json.dumps(map_option(drawing.plan, scene, "/land.json"))) < 200_000


def test_no_trouble_is_lost_in_a_region():
    """Whatever single link of a large network fails, exactly one region or line shows it; one link in 500 is tried."""
    described = large(3_000)
    drawing = Drawings(described).drawing()
    for link in described.links[::500]:
        scene = drawing.scene(described, status_of(described, links={link.id: {"state": "down"}}))
        ill = [one for one in (*scene.nodes, *scene.edges) if one.look.rank == "critical"]
        assert len(ill) == 1


def test_a_region_opens():
    """The drawing of one region shows its sites and their neighbours one by one; an unknown region is all of them."""
    described = large(3_000)
    drawings = Drawings(described)
    whole = drawings.drawing()
    region = next(iter(whole.regions.names))
    scene = drawings.drawing(region=region).scene(described, status_of(described))
    assert all(node.count == 1 for node in scene.nodes)
    assert {site for site, one in whole.regions.of.items() if one == region} <= {node.id for node in scene.nodes}
    assert drawings.drawing(region="nowhere").region == ""


def test_badges_are_bounded():
    """When everything fails the map does not drown in badges."""
    described = network([f"a{chr(number)}" for number in range(0x100, 0x100 + 2 * BADGES)])
    status = status_of(described, links={link.id: {"state": "down"} for link in described.links})
    assert len(drawn(described, status)["trouble"]) == BADGES
