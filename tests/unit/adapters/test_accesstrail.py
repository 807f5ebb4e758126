"""The manager's trail of who came and went: durable, chained, and its end is protected."""

import sqlite3

import pytest

from qit4n.adapters.accesstrail import TRAIL, AccessTrail, access_trail, events_of
from qit4n.adapters.accounts import make_accounts, session_key
from qit4n.errors import AuditError
from qit4n.keys import audit
from qit4n.management.access import AccessEvent


@pytest.fixture
def state(tmp_path):
    make_accounts(tmp_path)
    return tmp_path


def keep(state, *steps):
    """A manager that keeps these steps of session 1 and ends."""
    trail = AccessTrail(state, session_key(state))
    for at, step in enumerate(steps):
        trail.append(AccessEvent(at=float(at), step=step, name="ann", source="192.0.2.1", session=str(len(step))))
    trail.close()


def verified(state):
    with access_trail(state) as (rows, head):
        return audit.verify(rows, head).number


def test_it_goes_on_after_a_restart_and_verifies(state):
    """Before the first event, too; nobody but the owner reads it."""
    assert verified(state) == 0
    keep(state, "logged-in", "logged-out")
    keep(state, "refused")
    assert verified(state) == 3
    with access_trail(state) as (rows, _):
        events = [event for row in rows for event in events_of(row)]
    assert [(one.at, one.step, one.name) for one in events] == [
        (0.0, "logged-in", "ann"),
        (1.0, "logged-out", "ann"),
        (0.0, "refused", "ann"),
    ]
    assert (state / TRAIL).stat().st_mode & 0o777 == 0o600


def test_sessions_that_are_over_are_known_after_a_restart(state):
    keep(state, "logged-in", "logged-out")
    trail = AccessTrail(state, session_key(state))
    assert trail.ended_after(0.5) == {"10": 1.0}
    assert trail.ended_after(1.0) == {}
    trail.close()


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM audit WHERE number = 2",
        "DELETE FROM audit WHERE number = 3",
        "DELETE FROM audit WHERE number = 3; UPDATE head SET number = 2",
        "UPDATE audit SET body = '[]' WHERE number = 2",
        "DELETE FROM audit; DELETE FROM head; INSERT INTO audit VALUES (1, '[]', x'00')",
        "DELETE FROM head",
    ],
)
def test_what_was_changed_is_found_also_after_the_next_row(state, change):
    keep(state, "logged-in", "refused", "logged-out")
    with sqlite3.connect(state / TRAIL) as database:
        database.executescript(change)
    database.close()
    with pytest.raises(AuditError):
        verified(state)
    keep(state, "logged-in")
    with pytest.raises(AuditError):
        verified(state)
