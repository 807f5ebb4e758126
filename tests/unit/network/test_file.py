"""Reading network files: every problem at once, at its place, with what would be right."""

import json

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from qit4n.errors import NetworkFileError, UnknownNetworkError
from qit4n.network.file import MAX_FILE_BYTES, Problem, check, examples, load, parse, read
from qit4n.network.generate import SHAPES, to_yaml
from qit4n.network.model import Network
from qit4n.network.schema import schema
from qit4n.quantum.link import predict

GOOD = """\
qit4n: 1
name: small
sites:
  - {id: a}
  - {id: b}
modules:
  m: {pulse_rate_hz: 1e8}
links:
  - id: ab
    ends: [a, b]
    medium: {length_km: 20, loss_db: 4.6}
    module: m
applications:
  - {id: app-a, site: a}
  - {id: app-b, site: b}
demands:
  - {between: [app-a, app-b]}
"""


def problems(old, new):
    """What is wrong when ``old`` is replaced by ``new`` in the good file."""
    assert old in GOOD
    return check(GOOD.replace(old, new), "f.yaml")


def test_a_good_file_has_no_problems_and_keeps_its_figures():
    """1e8 is a number, units are as written, defaults are filled in."""
    network = parse(GOOD, "f.yaml")
    assert network.modules["m"].pulse_rate_hz == 1e8
    assert network.link("ab").medium.loss_db == 4.6
    assert network.policies.key_size_bits == 256
    assert [network.kme_port("b"), network.key_manager_port("b"), network.key_stream_port("b")] == [28007, 28008, 28009]
    assert [network.control_agent_port("b"), network.interworking_port("b")] == [28010, 28011]
    assert network.last_port() == network.interworking_port(network.sites[-1].id)


@pytest.mark.parametrize(
    ("old", "new", "place", "what", "right"),
    [
        ("length_km: 20", "length_km: twenty", (11, "links[0].medium.length_km"), "not a number", "length_km: 25"),
        ("loss_db: 4.6", "los_db: 4.6", (11, "links[0].medium.los_db"), "not known", "did you mean 'loss_db'?"),
        (", loss_db: 4.6", "", (11, "links[0].medium"), "'loss_db' is missing", "total loss in dB"),
        ("loss_db: 4.6", "loss_db: 1", (11, "links[0].medium.loss_db"), "cannot have a loss of 1 dB", "2.8 to 80 dB"),
        ("loss_db: 4.6", "loss_db: -1", (11, "links[0].medium.loss_db"), "less than 0", "at least 0"),
        ("ends: [a, b]", "ends: [a, c]", (10, "links[0].ends[1]"), "no site 'c'", "known: a, b"),
        ("ends: [a, b]", "ends: [a, a]", (10, "links[0].ends"), "with itself", "two different sites"),
        ("ends: [a, b]", "ends: [a]", (10, "links[0].ends"), "fewer than 2", "transmitter first"),
        ("module: m", "module: n", (12, "links[0].module"), "no module 'n'", "known: m"),
        ("{id: b}", "{id: a}", (5, "sites[1].id"), "used by sites[0]", "its own id"),
        ("{id: b}", "{id: b, latitude_deg: 91}", (5, "sites[1].latitude_deg"), "more than 90", "WGS 84"),
        ("site: b}", "site: bb}", (15, "applications[1].site"), "no site 'bb'", "did you mean 'b'?"),
        ("[app-a, app-b]", "[app-a, app-a]", (17, "demands[0].between"), "with itself", "two different"),
        ("[app-a, app-b]", "[app-a, app-x]", (17, "demands[0].between[1]"), "no application 'app-x'", "did you mean"),
        ("pulse_rate_hz: 1e8", "pulse_rate_hz: 1", (7, "modules.m.pulse_rate_hz"), "less than 1000", "at least 1000"),
        ("1e8}", "1e8, decoy_intensity: 0.5}", (7, "modules.m.decoy_intensity"), "not weaker", "usual is"),
        (
            "1e8}",
            "1e8, protocol: two-decoy-bb84, second_decoy_intensity: 0.11}",
            (7, "modules.m.second_decoy_intensity"),
            "not weaker",
            "less than 0.11",
        ),
        (
            "1e8}",
            "1e8, protocol: two-decoy-bb84, second_decoy_probability: 0.7}",
            (7, "modules.m.second_decoy_probability"),
            "no first decoys",
            "lower it",
        ),
        ("1e8}", "1e8, protocol: bbm92, dead_time_s: 1e-6}", (7, "modules.m.dead_time_s"), "without dead time", "to 0"),
        (
            "1e8}",
            "1e8, protocol: twin-field, key_intensity: 0.4}",
            (7, "modules.m.key_intensity"),
            "not weaker",
            "usual is 0.03",
        ),
        (
            "1e8}",
            "1e8, protocol: sns-twin-field, block_bits: 30000000}",
            (7, "modules.m.block_bits"),
            "do not travel in one message",
            "at most 25000000",
        ),
        (
            "1e8}",
            "1e8, protocol: sns-twin-field, signal_intensity: 1.5}",
            (7, "modules.m.signal_intensity"),
            "not random enough",
            "at most 1",
        ),
        (
            "1e8}",
            "1e8, protocol: sns-twin-field, dead_time_s: 1e-6}",
            (7, "modules.m.dead_time_s"),
            "without dead time",
            "to 0",
        ),
        ("1e8}", "1e8, protocol: bb92}", (7, "modules.m.protocol"), "", "one-decoy-bb84"),
        ("name: small", "name: a b", (2, "name"), "not allowed", "letters"),
        ("qit4n: 1", "qit4n: 2", (1, "qit4n"), "more than 1", "version of the file format"),
        ("name: small", "name: small\nbase_port: 65000", None, None, None),
        ("name: small", "name: small\nname: twice", (3, "name"), "given twice", "keep one"),
    ],
)
def test_each_mistake_is_named_with_line_path_and_remedy(old, new, place, what, right):
    """A problem stands at its line and path, with what is wrong and what would be right."""
    found = problems(old, new)
    if place is None:
        assert found == []
        return
    named = [one for one in found if (one.line, one.path) == place]
    assert len(named) == 1, found
    assert what in named[0].what
    assert right in named[0].right
    assert str(named[0]).startswith(f"f.yaml:{place[0]}:")


def test_all_problems_come_at_once():
    """Three mistakes in different parts are three problems, in the order of the file."""
    text = GOOD.replace("{id: a}", "{id: a, longitude_deg: 400}").replace("20", "x").replace("site: b}", "sit: b}")
    assert [one.line for one in check(text, "f")] == [4, 11, 15, 15]
    with pytest.raises(NetworkFileError, match=r"(?s)sites\[0\].*links\[0\].*applications\[1\]"):
        parse(text, "f")


def test_a_demand_between_unlinked_sites_is_a_contradiction():
    """Keys cannot be relayed where no links lead."""
    text = GOOD.replace("  - {id: b}", "  - {id: b}\n  - {id: c}").replace("site: b}", "site: c}")
    assert [one.what for one in check(text, "f")] == ["no links lead from site a to site c"]


def test_the_same_pair_is_demanded_once():
    """A demand serves both directions; the second one is named."""
    found = check(GOOD + "  - {between: [app-b, app-a]}\n", "f")
    assert [one.path for one in found] == ["demands[1].between"]


def test_what_just_fits_is_right():
    """The limits themselves are allowed: last port, smallest pool, best fibre; equal intensities are not."""
    sites = "".join(f"  - {{id: s{number}}}\n" for number in range(179))
    assert check(f"qit4n: 1\nname: big\nbase_port: 64639\nsites:\n{sites}", "f") == []
    assert len(check(f"qit4n: 1\nname: big\nbase_port: 64640\nsites:\n{sites}", "f")) == 1
    assert problems("[app-a, app-b]}", "[app-a, app-b], pool_bits: 4096}") == []
    assert len(problems("[app-a, app-b]}", "[app-a, app-b], pool_bits: 4095}")) == 1
    assert problems("loss_db: 4.6", "loss_db: 2.81") == []
    assert len(problems("1e8}", "1e8, signal_intensity: 0.2, decoy_intensity: 0.2}")) == 1


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("name: small", 'name: "small\\n"', "name"),
        ("{id: b}", '{id: b, host: "h\\n"}', "sites[1].host"),
        ("{id: b}", "{id: b, host: a b}", "sites[1].host"),
        ("  m: {", '  "m\\n": {', r"modules.'m\n'"),
    ],
)
def test_no_name_carries_a_line_break_or_a_space(old, new, path):
    """Names go into certificates, addresses and logs: a line break at the end is seen too."""
    assert path in [one.path for one in problems(old, new)]


def test_a_value_that_cannot_be_read_is_one_problem():
    """What is no value at all is not also told to be of the wrong kind."""
    assert [one.path for one in problems("length_km: 20", "length_km: 1e999")] == ["links[0].medium.length_km"]


def test_files_that_are_too_large_are_refused(tmp_path):
    """Before the text is looked at; also one that never ends."""
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    for name in (path, "/dev/zero"):
        with pytest.raises(NetworkFileError, match="at most 4194304 bytes are read"):
            load(str(name))
    path.write_text("#" * 1000 + "\n" + GOOD)
    assert load(str(path)).name == "small"


@pytest.mark.parametrize("name", ["x" * 5000, "a\x00b", "."])
def test_strange_file_names_get_a_sentence(name):
    """Too long, with a null character, or a directory: no bare exception of the system."""
    with pytest.raises(NetworkFileError):
        load(name)


def test_ports_must_fit():
    """A base port too high for the number of sites is named with the highest that fits."""
    sites = "".join(f"  - {{id: s{number}}}\n" for number in range(400))
    found = check(f"qit4n: 1\nname: big\nbase_port: 65000\nsites:\n{sites}", "f")
    assert [(one.path, one.right) for one in found] == [("base_port", "at most 63534")]


@pytest.mark.parametrize(
    "text", ["", "[", "- 1", "a: &a [*a]", "\t", "a: !!python/object:os.system x", "a: [}", "\x00"]
)
def test_what_is_no_yaml_mapping_gets_one_sentence(text):
    """Broken or strange YAML never raises anything but a problem with a line."""
    found = check(text, "f")
    assert found
    assert all(one.line >= 1 for one in found)


def test_an_alias_bomb_is_refused_in_time():
    """Nested aliases that would unfold to millions of values are refused."""
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "too many values" in check("\n".join(lines), "f")[0].what


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_no_text_crashes_the_check(text):
    """Any text: a list of problems, or a network."""
    assert all(isinstance(one, Problem) for one in check(text, "f"))


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(values, st.data())
def test_no_mutation_of_a_good_file_crashes_the_check(value, data):
    """Any value in the place of any part: problems at a place, never an exception."""
    plain = yaml.safe_load(GOOD)
    part = plain
    while isinstance(part, dict | list) and part:
        key = data.draw(st.sampled_from(sorted(part) if isinstance(part, dict) else range(len(part))))
        if data.draw(st.booleans()) or not isinstance(part[key], dict | list) or not part[key]:
            part[key] = value
            break
        part = part[key]
    text = yaml.safe_dump(plain, allow_unicode=True)
    assert all(isinstance(one, Problem) for one in check(text, "f"))


@pytest.mark.parametrize(
    "name",
    [
        "two-data-centres",
        "secoqc",
        "metro",
        "beijing-shanghai",
        "record-links",
        "entangled-pair",
        "quantum-dot",
        "untrusted-middle",
        "twin-field",
        "sending-or-not",
        "trusted-ring",
        "dual-homed",
    ],
)
def test_each_example_is_valid_by_the_published_schema_and_makes_key(name):
    """The plain jsonschema library accepts it; every link has a positive finite key per block."""
    jsonschema.Draft202012Validator(schema()).validate(yaml.safe_load(to_yaml(load(name))))
    network = load(name)
    for link in network.links:
        assert predict(network, link).key_bits_per_block > 2000, link.id


def test_the_examples_are_what_was_published():
    """SECOQC: 6 sites, 8 links; Beijing-Shanghai: 32 trusted nodes, 2032 km within rounding."""
    assert set(examples()) == {
        "two-data-centres",
        "secoqc",
        "metro",
        "beijing-shanghai",
        "record-links",
        "entangled-pair",
        "quantum-dot",
        "untrusted-middle",
        "twin-field",
        "sending-or-not",
        "trusted-ring",
        "vendor-device",
        "north",
        "south",
        "continental",
        "germany50",
        "switched-star",
        "dual-homed",
    }
    secoqc, backbone = load("secoqc"), load("beijing-shanghai")
    assert (len(secoqc.sites), len(secoqc.links), len(secoqc.demands)) == (6, 8, 15)
    assert max(link.medium.length_km for link in secoqc.links) == 82
    assert (len(backbone.sites), len(backbone.links)) == (32, 31)
    assert sum(link.medium.length_km for link in backbone.links) == pytest.approx(2032, abs=1)


def test_links_of_record_are_predicted_within_a_factor_of_two():
    """115.8 Mbit/s over 10 km (Li et al. 2023) and 13.72 Mbit/s over 2 dB (Yuan et al. 2018)."""
    network = load("record-links")
    for link, published in zip(network.links, (115.8e6, 13.72e6), strict=True):
        assert 0.5 < predict(network, link).secret_rate_bps / published < 2.0


def test_the_schema_is_itself_valid_and_closed():
    """It is a JSON Schema 2020-12, and every object refuses unknown members."""
    jsonschema.Draft202012Validator.check_schema(schema())
    objects = [schema(), *schema()["$defs"].values()]
    assert all(one["additionalProperties"] is False for one in objects)
    assert json.dumps(schema())


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("size", [3, 7])
def test_generated_networks_are_valid_and_survive_their_yaml(shape, size):
    """Each shape: no problems, and reading its YAML gives an equal network."""
    network = SHAPES[shape](size, 18.0)
    assert isinstance(network, Network)
    assert parse(to_yaml(network), shape) == network


@pytest.mark.parametrize("shape", list(SHAPES))
def test_impossible_sizes_are_refused(shape):
    """A shape that cannot be made of so few sites says how many it needs."""
    with pytest.raises(NetworkFileError, match="at least"):
        SHAPES[shape](0, 10.0)


def test_a_star_loses_what_its_splitter_takes():
    """1:8 splitter: 9.03 dB + 0.5 dB more than the fibre."""
    link = SHAPES["star"](8, 10.0).links[0]
    assert link.medium.loss_db == pytest.approx(10 * 0.2 + 0.6 + 9.031 + 0.5, abs=1e-3)


def test_unknown_names_are_explained(tmp_path):
    """No such file or example: the nearest example is suggested; unreadable files are named."""
    with pytest.raises(UnknownNetworkError, match="did you mean secoqc"):
        read("secoq")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NetworkFileError, match="not UTF-8"):
        read(str(tmp_path / "binary.yaml"))
