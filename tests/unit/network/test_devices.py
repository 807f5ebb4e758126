"""Devices in the network file: whether they fit their links, and where their files are."""

from pathlib import Path

import pytest
import yaml

from qit4n.network.devices import located
from qit4n.network.file import check, examine, examples, load, parse
from qit4n.network.generate import to_yaml

GOOD = """qit4n: 1
name: small
sites: [{id: a}, {id: b}]
modules:
  m: {pulse_rate_hz: 1.0e+8}
devices:
  box:
    interface: etsi-014
    ends:
      a: {kme: "https://kme-a:443", sae: site-a, cert: a/cert.pem, key: a/key.pem, ca: /ca.pem}
      b: {kme: "https://[::1]:8443/", sae: site-b, cert: b/cert.pem, key: ~/key.pem, ca: ../ca.pem}
links:
  - {id: ab, ends: [a, b], medium: {length_km: 5, loss_db: 1}, module: box}
  - {id: ba, ends: [b, a], medium: {length_km: 5, loss_db: 1}, module: m}
"""


def test_one_line_puts_a_device_in_the_place_of_an_emulated_link():
    """``module: m`` and ``module: box`` are both right; the file survives being written and read."""
    network = parse(GOOD, "f.yaml")
    assert network.device_of(network.links[0]) == network.devices["box"]
    assert network.device_of(network.links[1]) is None
    assert parse(to_yaml(network), "again") == network
    assert check(GOOD.replace("module: m", "module: box"), "f") == []


@pytest.mark.parametrize(
    ("old", "new", "place", "what", "right"),
    [
        ("etsi-014", "etsi-015", (8, "devices.box.interface"), "not known", "etsi-014"),
        ("etsi-014", "etsi-004", (10, "devices.box.ends.a.kme"), "is not of etsi-004", "tls://host:port"),
        ("https://kme-a", "tls://kme-a", (10, "devices.box.ends.a.kme"), "is not of etsi-014", "https://host:port"),
        (" cert: a/cert.pem,", "", (10, "devices.box.ends.a"), "'cert' is missing", "box/cert.pem"),
        (" key: a/key.pem,", "", (10, "devices.box.ends.a"), "'key' is missing", "PEM file"),
        (", ca: /ca.pem", "", (10, "devices.box.ends.a"), "'ca' is missing", "PEM file"),
        (" sae: site-a,", "", (10, "devices.box.ends.a"), "'sae' is missing", "SAE ID"),
        ("https://kme-a", "http://kme-a", (10, "devices.box.ends.a.kme"), "not allowed", "https://kme-a.example"),
        ("      b: {", "      c: {", (11, "devices.box.ends.c"), "no site 'c'", "known: a, b"),
        ("      b: {", "      c: {", (13, "links[0].module"), "no end at site 'b'", "add to its ends: b: {kme"),
        ("sae: site-b", "sae: site-a", (11, "devices.box.ends.b.sae"), "both ends", "SAE ID of each end"),
        ("module: box", "module: bax", (13, "links[0].module"), "no module 'bax'", "did you mean 'box'?"),
        ("  box:", "  m:", (7, "devices.m"), "name of a module already", "own name"),
        (
            "module: box",
            "module: box, eavesdropper: {intercept_fraction: 1}",
            (13, "links[0].eavesdropper"),
            "is no emulation",
            "drop the eavesdropper",
        ),
    ],
)
def test_each_mistake_is_named_with_line_path_and_remedy(old, new, place, what, right):
    """A problem stands at its line and path, with what is wrong and what would be right."""
    text = GOOD.replace(old, new)
    assert text != GOOD
    named = [one for one in check(text, "f.yaml") if (one.line, one.path) == place]
    assert len(named) == 1, check(text, "f.yaml")
    assert what in named[0].what
    assert right in named[0].right


def test_a_device_behind_no_link_is_odd():
    """It is probably not meant so."""
    warnings = examine(GOOD.replace("module: box", "module: m"), "f").warnings
    assert [one.path for one in warnings] == ["devices.box"]


def test_relative_paths_start_at_the_network_file(tmp_path, monkeypatch):
    """Absolute ones stay, ``~`` is the home directory; what is written into a state directory is absolute."""
    monkeypatch.setenv("HOME", "/home/somebody")
    file = tmp_path / "small.yaml"
    file.write_text(f"{GOOD}\nstandards: tables\n")
    assert load(str(file)).standards == str(tmp_path / "tables")
    ends = load(str(file)).devices["box"].ends
    assert (ends["a"].cert, ends["a"].ca) == (str(tmp_path / "a/cert.pem"), "/ca.pem")
    assert (ends["b"].key, Path(ends["b"].ca).resolve()) == ("/home/somebody/key.pem", tmp_path.parent / "ca.pem")
    again = yaml.safe_load(to_yaml(load(str(file))))["devices"]["box"]["ends"]["a"]
    assert again["cert"] == str(tmp_path / "a/cert.pem")
    monkeypatch.chdir(tmp_path)
    assert load("small.yaml") == load(str(file)) == located(load(str(file)), Path("/other"))


def test_the_shipped_example_shows_a_device_beside_an_emulated_link():
    """Both kinds of link in one file, with no problem and nothing odd; what it names of the other example is there."""
    found = examine(examples()["vendor-device"], "f")
    assert found.warnings == ()
    device = found.network.devices["box"]
    assert [found.network.device_of(link) for link in found.network.links] == [device, None]
    played_by = load("two-data-centres")
    for site, end in device.ends.items():
        assert end.kme == f"https://127.0.0.1:{played_by.kme_port(site)}"
        assert played_by.application(end.sae).site == site
        assert f"two-data-centres/applications/{end.sae}/" in end.cert
