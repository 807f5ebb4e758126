"""Stand-ins for what is wrong let the rest of a file be examined in the same run."""

import pytest
import yaml
from jsonschema import Draft202012Validator

from qit4n.network.file import check, examples
from qit4n.network.mend import mended
from qit4n.network.schema import schema

GOOD = yaml.safe_load(examples()["metro"])


def test_data_that_fit_are_left_as_they_are():
    """No violation, no stand-in."""
    assert mended(GOOD) == (GOOD, [])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda data: data["sites"][1].update(latitude_deg="x"), ("sites", 1, "latitude_deg")),
        (lambda data: data["sites"][1].pop("id"), ("sites", 1, "id")),
        (lambda data: data["sites"].__setitem__(1, 5), ("sites", 1)),
        (lambda data: data["links"][0].update(ends=["north"]), ("links", 0, "ends")),
        (lambda data: data["links"][0].update(ends=["north", 3]), ("links", 0, "ends", 1)),
        (lambda data: data["links"][0]["medium"].update(kind="copper"), ("links", 0, "medium", "kind")),
        (lambda data: data["links"][0].update(medium=None), ("links", 0, "medium")),
        (lambda data: data["modules"].update({"a b": {"pulse_rate_hz": 1}}), ("modules",)),
        (lambda data: data.update(sites=[]), ("sites",)),
        (lambda data: data.update(policies=[]), ("policies",)),
        (lambda data: data.pop("qit4n"), ("qit4n",)),
        (lambda data: data.update(sitez=1), ("sitez",)),
    ],
)
def test_the_copy_fits_and_the_original_is_untouched(change, place):
    """Whatever is wrong: the copy is valid by the schema, and the place of the stand-in is told."""
    data = yaml.safe_load(examples()["metro"])
    change(data)
    before = yaml.safe_dump(data)
    found = mended(data)
    assert found is not None
    Draft202012Validator(schema()).validate(found[0])
    assert place in found[1]
    assert yaml.safe_dump(data) == before


def paths(text):
    """The paths of all problems."""
    return [one.path for one in check(text, "f")]


METRO = examples()["metro"]


def test_what_violates_the_schema_and_what_contradicts_come_in_one_run():
    """A word for a number on one link, an unknown module on another, a bad pool: three problems at once."""
    text = METRO.replace("length_km: 14,", "length_km: x,").replace(
        "{length_km: 12, loss_db: 3.0}, module: ring", "{length_km: 12, loss_db: 3.0}, module: rink"
    )
    text = text.replace("pool_bits: 16384", "pool_bits: 2048", 1)
    assert paths(text) == ["links[0].medium.length_km", "links[1].module", "demands[3].pool_bits"]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("{id: south, name", "{id: 5, name", "sites[3].id"),  # two links and an application name 'south'
        ("modules:\n", "modules: 3\nnotes:\n", "modules"),
        ("{id: app-bank, site: user1}", "{id: app-bank, site: 1}", "applications[0].site"),
        ("ends: [user1, north]", "ends: [user1]", "links[6].ends"),  # no other link leads to user1
        ("decoy_intensity: 0.1\n", "decoy_intensity: x\n", "modules.ring.decoy_intensity"),
    ],
)
def test_what_rests_on_something_unreadable_is_not_told(old, new, path):
    """One mistake does not bring forth others that vanish with it."""
    assert old in METRO
    found = paths(METRO.replace(old, new, 1))
    assert path in found
    assert all(one == path or one.startswith("notes") for one in found), found
