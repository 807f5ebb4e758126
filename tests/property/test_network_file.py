"""Any network goes through YAML and comes back; no text, value or mutation makes the check fail in any other way."""

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.network.file import Problem, check, examples, parse
from qit4n.network.generate import SHAPES, generate, to_yaml
from qit4n.network.model import Module, Network, Site
from qit4n.physics.decoy_bb84 import Prediction
from qit4n.quantum.link import predict

identifiers = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,63}", fullmatch=True) | st.sampled_from(
    ["no", "true", "null", "1e8", "010", "1.5", "2024-01-02", "0x1F", "1e", "0"]
)
texts = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]) | st.sampled_from("\n\t "), max_size=30)
sites = st.builds(
    Site,
    id=identifiers,
    name=texts,
    latitude_deg=st.none() | st.floats(-90, 90),
    longitude_deg=st.none() | st.floats(-180, 180),
    trust_domain=identifiers,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(sites, min_size=1, max_size=4, unique_by=lambda site: site.id), identifiers, texts, texts)
def test_every_network_comes_back_from_its_yaml(found, name, title, notes):
    """Ids, texts and floats of any kind are read as they were written, by the same rules."""
    network = Network(qit4n=1, name=name, title=title, notes=notes, sites=tuple(found))
    assert parse(to_yaml(network), "f") == network


open_probability = st.floats(1e-6, 1 - 1e-6)
modules = st.builds(
    Module,
    protocol=st.sampled_from(["one-decoy-bb84", "two-decoy-bb84"]),
    second_decoy_intensity=st.just(0.0) | st.floats(0, 0.2),
    second_decoy_probability=open_probability,
    pulse_rate_hz=st.floats(1e-3, 1e11),
    signal_intensity=st.floats(1e-6, 2),
    decoy_intensity=st.floats(1e-9, 2),
    signal_probability=open_probability,
    key_basis_probability=open_probability,
    receiver_loss_db=st.floats(0, 50),
    detector_efficiency=st.floats(1e-6, 1),
    dark_count_probability=st.floats(1e-12, 0.999),
    dead_time_s=st.just(0.0) | st.floats(0, 1),
    afterpulse_probability=st.floats(0, 0.999),
    trap_lifetime_s=st.floats(0, 1e-3),
    misalignment=st.floats(0, 0.5),
    block_bits=st.integers(10_000, 100_000_000),
)


@settings(max_examples=200, deadline=None)
@given(modules, st.floats(0.01, 300))
def test_what_the_check_accepts_can_be_predicted(module, length_km):
    """Every module within the limits of the file has a prediction: finite, never negative."""
    network = msgspec.structs.replace(generate("chain", 2, length_km), modules={"bb84": module})
    if check(to_yaml(network), "f"):
        return
    found = predict(network, network.links[0])
    assert isinstance(found, Prediction)
    assert 0 <= found.secret_rate_bps < 1e11
    assert 0 <= found.qber <= 1
    assert found.block_duration_s > 0


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


def _walk(data, part):
    """A place somewhere in ``part``: a container and a key of it."""
    key = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
    inner = part[key]
    return _walk(data, inner) if isinstance(inner, dict | list) and inner and data.draw(st.booleans()) else (part, key)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_mutation_of_an_example_makes_the_check_fail(data):
    """Some parts replaced, dropped or copied elsewhere: a list of problems, each with a place and a remedy."""
    plain = yaml.safe_load(examples()["two-data-centres"])
    for _ in range(data.draw(st.integers(1, 4))):
        container, key = _walk(data, plain)
        what = data.draw(st.sampled_from(["replace", "drop", "copy"]))
        if what == "drop":
            del container[key]
        else:
            other, place = _walk(data, plain)
            container[key] = data.draw(junk) if what == "replace" else yaml.safe_load(yaml.safe_dump(other[place]))
        if not plain:
            break
    for one in check(yaml.safe_dump(plain, allow_unicode=True, sort_keys=False), "f"):
        assert isinstance(one, Problem)
        assert one.line >= 1
        assert one.what
        assert one.right


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_to_the_text_of_an_example_makes_the_check_fail(data):
    """Characters cut out, put in, or doubled: problems, or still a network."""
    text = examples()["two-data-centres"]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 40))
        put = data.draw(
            st.text(max_size=5) | st.sampled_from(["- ", ": ", "&a ", "*a", "{", "]", "\n", "? ", "!!int "])
        )
        text = text[:start] + put + text[end:]
    assert all(isinstance(one, Problem) for one in check(text, "f"))


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(list(SHAPES)), st.integers(3, 9), st.floats(0.1, 60), st.integers(0, 1000))
def test_every_generated_network_is_a_network_file(shape, size, length_km, seed):
    """Any shape, size, length and seed within the limits: no problem, and equal when read again."""
    network = generate(shape, size, length_km, seed)
    assert parse(to_yaml(network), "f") == network
