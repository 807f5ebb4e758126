"""``qit audit``: whether each site's trail is whole, and what became of a key."""

import json
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

from qit4n.adapters.accesstrail import TRAIL, AccessTrail
from qit4n.adapters.accounts import session_key
from qit4n.adapters.stores import open_store
from qit4n.cli.audit import app
from qit4n.cli.report import Trail, access_of
from qit4n.cli.up import prepare
from qit4n.errors import AuditError, StoreError, UnknownNetworkError
from qit4n.keys.audit import AuditEvent
from qit4n.keys.store import Append
from qit4n.management.access import AccessEvent
from qit4n.network.file import load

BATCH = "ab" * 12

NAME = "two-data-centres"


def run(state, *arguments):
    """Output of the command; its QitError is raised."""
    result = CliRunner().invoke(app, [*arguments, "--state", str(state)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


@pytest.fixture
def state(tmp_path):
    """Two sites in use, with three rows in the trail of east and none in that of west."""
    directory = tmp_path / "state"
    prepare(load("two-data-centres"), directory)
    with closing(open_store(directory, NAME, "east")) as east, closing(open_store(directory, NAME, "west")):
        for number, step in enumerate(("supplied", "held", "fetched")):
            event = AuditEvent(at=float(number), step=step, subject=BATCH, bits=256, parties=("app-east",))
            east.commit([Append(event), Append(AuditEvent(at=0.0, step="received", subject=f"slab-{number}"))])
        yield directory


def touch(state, statement):
    with closing(sqlite3.connect(state / "sites" / "east" / "store.db")) as raw, raw:
        raw.execute(statement)


def test_whole_trails_pass_while_the_sites_run(state):
    """All sites by default; rows and last hash of each, so that they can be written down elsewhere."""
    east, west, manager = run(state, "verify").splitlines()
    assert east.startswith("site east: 3 rows, whole; last hash ")
    assert west == f"site west: 0 rows, whole; last hash {bytes(32).hex()}"
    assert manager == f"manager: 0 rows, whole; last hash {bytes(32).hex()}"
    assert run(state, "verify", "east").splitlines() == [east]


def test_who_came_to_the_manager_is_shown_and_verified(state):
    """The last ones, in order; a row that was changed is found with the sites' trails."""
    with closing(AccessTrail(state, session_key(state))) as trail:
        for at, step in enumerate(("logged-in", "refused", "logged-out")):
            trail.append(AccessEvent(at=float(at), step=step, name="ann", source="192.0.2.1", session="5e551011"))
    found = [json.loads(line) for line in run(state, "access", "--last", "2", "--json").splitlines()]
    assert [(one["step"], one["name"], one["session"]) for one in found] == [
        ("refused", "ann", "5e551011"),
        ("logged-out", "ann", "5e551011"),
    ]
    assert "192.0.2.1" in run(state, "access")
    assert "manager: 3 rows, whole" in run(state, "verify")
    assert access_of(state) == Trail(rows=3)
    with closing(sqlite3.connect(state / TRAIL)) as raw, raw:
        raw.execute("UPDATE audit SET body = replace(body, 'ann', 'bob') WHERE number = 2")
    with pytest.raises(AuditError, match=r"manager: row 2 .* was changed"):
        run(state, "verify")
    assert "row 2" in access_of(state).fault


@pytest.mark.parametrize("name", ["[/b]x", "[red]x", ":smile:", "a\x1b[2J\rb", "x" * 64])
def test_a_name_that_a_stranger_says_is_text_and_no_line_is_cut_for_a_pipe(state, name, monkeypatch):
    """Who tries to log in says any name: it neither ends the command, nor writes to the terminal but what is seen."""
    monkeypatch.delenv("COLUMNS", raising=False)
    with closing(AccessTrail(state, session_key(state))) as trail:
        trail.append(AccessEvent(at=0.0, step="refused", name=name, source="192.0.2.1", session="5e551011" * 2))
    told = run(state, "access")
    (line,) = [line for line in told.splitlines() if "refused" in line]
    assert name.replace("\x1b", "?").replace("\r", "?") in line
    assert "1970-01-01 00:00:00.000" in line
    assert "5e551011" * 2 in line
    assert "\x1b" not in told


def test_a_changed_row_is_named_with_its_site_and_exit_code_13(state):
    """The first broken row, in the sentence; other sites can still be checked by name."""
    touch(state, "UPDATE audit SET body = replace(body, '256', '512') WHERE number = 2")
    with pytest.raises(AuditError, match=r"site east: row 2 of the audit trail was changed") as raised:
        run(state, "verify")
    assert raised.value.exit_code == 13
    assert "site west: 0 rows, whole" in run(state, "verify", "west")


def test_a_trail_without_its_protection_does_not_pass_but_can_be_read(state):
    """Who examines what happened still sees the events."""
    touch(state, "DELETE FROM record WHERE kind = 'audit-head' AND key = 'head'")
    with pytest.raises(AuditError, match=r"site east: .* is gone or was altered; it has 3 rows"):
        run(state, "verify")
    assert "fetched" in run(state, "show", "east")


def test_the_life_of_one_key_is_shown_in_order(state):
    """By key id, with and without dashes and capitals; only its events."""
    for key in (f"{BATCH}00000000", "ABABABAB-abab-abab-abab-abab00000001"):
        events = [json.loads(line) for line in run(state, "show", "east", "--key", key, "--json").splitlines()]
        assert [one["step"] for one in events] == ["supplied", "held", "fetched"]
        assert all(one["subject"] == BATCH for one in events)
    assert run(state, "show", "east", "--key", "slab-1", "--json").count("\n") == 1


def test_only_the_last_events_are_shown_when_so_asked(state):
    """The table for people, the newest at the end."""
    shown = run(state, "show", "east", "--last", "2")
    assert "fetched" in shown
    assert "slab-2" in shown
    assert "slab-1" not in shown


def test_unknown_sites_and_sites_without_a_store_are_named(state, tmp_path):
    """A typing error gives the names that there are; a site that never ran has no trail."""
    with pytest.raises(UnknownNetworkError, match="no site north; its sites: east, west"):
        run(state, "verify", "north")
    fresh = tmp_path / "fresh"
    prepare(load("two-data-centres"), fresh)
    with pytest.raises(StoreError, match=r"store\.db"):
        run(fresh, "show", "east")
