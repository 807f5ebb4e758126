"""The audit trail: whatever is done to it shows."""

import hashlib

import msgspec
import pytest
from msgspec.structs import replace

from qit4n.errors import AuditError
from qit4n.keys import audit

EVENT = audit.AuditEvent(at=1.5, step="held", subject="ab" * 12, bits=256, parties=("m", "s"))


def chain(length):
    rows = [audit.START]
    for number in range(length):
        rows.append(audit.following(rows[-1], [replace(EVENT, at=float(number))]))
    return rows[1:]


def changed(row, **values):
    return audit.AuditRow(**{"number": row.number, "body": row.body, "hash": row.hash} | values)


def test_the_hash_is_what_the_documentation_says():
    """SHA-256 over the hash before, the number in eight bytes and the body: anybody can check it without this code."""
    first, second = chain(2)
    assert first.hash == hashlib.sha256(bytes(32) + (1).to_bytes(8, "big") + first.body).digest()
    assert second.hash == hashlib.sha256(first.hash + (2).to_bytes(8, "big") + second.body).digest()
    assert msgspec.json.decode(first.body)[0]["subject"] == "ab" * 12


def test_a_whole_trail_passes():
    """Also an empty one."""
    rows = chain(5)
    assert audit.verify(rows, (5, rows[-1].hash)) == rows[-1]
    assert audit.verify([], (0, audit.START.hash)) == audit.START
    assert rows[2].events() == (replace(EVENT, at=2.0),)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda rows: [*rows[:2], changed(rows[2], body=rows[2].body.replace(b"256", b"512")), *rows[3:]], "row 3"),
        (lambda rows: [*rows[:2], changed(rows[2], hash=bytes(32)), *rows[3:]], "row 3"),
        (lambda rows: [*rows[:2], *rows[3:]], "row 3 of the audit trail is missing"),
        (lambda rows: [rows[1], rows[0], *rows[2:]], "row 1"),
        (lambda rows: rows[:-1], "ends with row 4; its last row was 5"),
        (lambda _: [], "ends with row 0"),
        (lambda rows: [*rows, audit.following(rows[-1], [EVENT])], "row 6"),
    ],
)
def test_every_change_names_the_first_broken_row(damage, named):
    """Changed, missing, swapped, cut short, lengthened."""
    rows = chain(5)
    with pytest.raises(AuditError, match=named):
        audit.verify(damage(rows), (5, rows[-1].hash))


def test_a_trail_that_was_made_again_as_a_whole_does_not_fit_the_head():
    """An intruder can compute all hashes anew, but not what the store's key protects."""
    rows, forged = chain(3), [audit.START]
    for _ in range(3):
        forged.append(audit.following(forged[-1], [EVENT]))
    with pytest.raises(AuditError, match="does not fit what the store's key protects"):
        audit.verify(forged[1:], (3, rows[-1].hash))


def test_a_trail_whose_protection_is_gone_does_not_pass():
    """Also an empty one; a broken row is still named first."""
    rows = chain(3)
    for trail, named in ((rows, "it has 3 rows"), ([], "it has 0 rows"), ([rows[0], rows[2]], "row 2 .* is missing")):
        with pytest.raises(AuditError, match=named):
            audit.verify(trail, None)


def test_an_unreadable_row_is_an_error_with_its_number():
    """Not a stack trace."""
    with pytest.raises(AuditError, match="row 7"):
        audit.AuditRow(7, b"{", bytes(32)).events()
