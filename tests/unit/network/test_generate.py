"""Networks by rule: their shape, their key, and their way through YAML."""

import subprocess
import sys

import msgspec
import pytest

from qit4n.errors import NetworkFileError
from qit4n.network.file import examine, examples, load, parse
from qit4n.network.generate import MOST_SITES, SHAPES, generate, mesh, to_yaml
from qit4n.quantum.link import predict


def degrees(network):
    """How many links end at each site, sorted."""
    return sorted(len(network.links_of(site.id)) for site in network.sites)


@pytest.mark.parametrize(
    ("shape", "size", "sites", "links", "ends"),
    [
        ("chain", 5, 5, 4, [1, 1, 2, 2, 2]),
        ("ring", 5, 5, 5, [2] * 5),
        ("ring-of-rings", 3, 9, 12, [2] * 6 + [4] * 3),
        ("star", 4, 5, 4, [1, 1, 1, 1, 4]),
    ],
)
def test_a_shape_has_the_links_of_its_name(shape, size, sites, links, ends):
    """Sites, links and the number of links at each site are those of the shape."""
    network = generate(shape, size, 10.0)
    assert (len(network.sites), len(network.links), degrees(network)) == (sites, links, ends)


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize(("size", "length_km"), [(3, 20.0), (6, 60.0), (12, 5.0)])
def test_every_link_of_a_generated_network_makes_key_within_the_means_of_two_cores(shape, size, length_km):
    """Positive finite key on each link, at most 3e5 sifted bits/s in all, no problem and no warning."""
    network = generate(shape, size, length_km)
    found = [predict(network, link) for link in network.links]
    assert all(one.key_bits_per_block > 0 for one in found)
    assert sum(one.sifted_rate_bps for one in found) < 3e5
    examined = examine(to_yaml(network), shape)
    assert (examined.problems, examined.warnings) == ((), ())


@pytest.mark.parametrize("seed", range(8))
def test_a_mesh_hangs_together_and_has_the_mean_length(seed):
    """Every site is reached from the first one; lengths average what was asked for."""
    network = mesh(15, 30.0, seed)
    reached = {"s1"}
    for _ in network.sites:
        reached |= {end for link in network.links if reached & set(link.ends) for end in link.ends}
    assert reached == {site.id for site in network.sites}
    mean = sum(link.medium.length_km for link in network.links) / len(network.links)
    assert mean == pytest.approx(30.0, abs=1e-3)


def test_the_seed_decides_the_mesh():
    """Same seed, same network, in another process with other hashes too; another seed, another network."""
    assert mesh(9, 20.0, 4) != mesh(9, 20.0, 5)
    program = "from qit4n.network.generate import mesh, to_yaml; print(to_yaml(mesh(9, 20.0, 4)), end='')"
    run = [sys.executable, "-c", program]
    for hashes in ("1", "2"):
        found = subprocess.run(run, env={"PYTHONHASHSEED": hashes}, capture_output=True, text=True, check=True)
        assert found.stdout == to_yaml(mesh(9, 20.0, 4))


@pytest.mark.parametrize(
    ("shape", "size", "length_km", "text"),
    [
        ("ring", 2, 20.0, "at least 3"),
        ("chain", 5, 0.0, "0 km"),
        ("chain", 5, float("nan"), "nan km"),
        ("chain", 5, 1e6, "at most 300 km"),
        ("chain", 10**9, 20.0, f"at most {MOST_SITES}"),
        ("ring-of-rings", 40, 20.0, "1600 sites"),
        ("mesh", 30, 290.0, "give shorter links"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_limit(shape, size, length_km, text):
    """Sizes and lengths out of range get a sentence with the number that is possible."""
    with pytest.raises(NetworkFileError, match=text):
        generate(shape, size, length_km)


@pytest.mark.parametrize("name", list(examples()))
def test_each_example_survives_its_way_through_to_yaml(name):
    """Reading what ``to_yaml`` wrote gives an equal network."""
    assert parse(to_yaml(load(name)), name) == load(name)


def test_words_that_look_like_something_else_come_back_as_words():
    """Ids and texts like 1e8, no, 010 or 12:30 are written so that any YAML reader takes them for words."""
    words = ("1e8", "no", "010", "12.30", "true", "null", "0o7", "1.5", "2024-01-02")
    network = load("two-data-centres")
    for word in words:
        changed = msgspec.structs.replace(network, name=word, title=word, notes=f"{word}\n: # {word}\n")
        assert parse(to_yaml(changed), "f") == changed
