"""Accounts of the manager: the right password has its role, everything else is refused."""

import hashlib

import pytest

from qit4n.errors import AccessDeniedError, RoleError
from qit4n.management.access import SESSION_S, Access, Session, account, check
from qit4n.management.attempts import FREE_ATTEMPTS, FREE_OF_ADDRESS, FREE_OF_NAME, WAIT_S

PASSWORD = "correct horse"  # noqa: S105 - a test's


@pytest.fixture
def told():
    """What was told of who came and went."""
    return []


@pytest.fixture
def access(told):
    """One operator and one viewer."""
    salt = iter((b"1" * 16, b"2" * 16))
    made = {role: account(role, f"{PASSWORD} {role}", lambda _: next(salt)) for role in ("operator", "viewer")}
    return Access(made, told.append)


@pytest.fixture
def quick(monkeypatch):
    """A hash that takes no time, for many guesses."""
    monkeypatch.setattr("qit4n.management.access._hash", lambda password, salt: password.encode() + salt)


def refused(access, name, password, now=0.0, source="192.0.2.1"):
    with pytest.raises(AccessDeniedError) as said:
        access.log_in(name, password, now, source=source)
    return str(said.value)


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_the_right_password_gives_the_role(access, role):
    assert access.log_in(role, f"{PASSWORD} {role}", 0.0) == role


def test_a_stranger_and_a_wrong_password_hear_the_same(access):
    """The answer does not tell which names exist."""
    assert refused(access, "operator", "wrong") == refused(access, "nobody", "wrong")
    assert refused(access, "nobody", "") == "name or password is wrong"


def test_guessing_has_to_wait(access):
    """After some wrong passwords even the right one is refused for a while, for this name only."""
    for _ in range(FREE_ATTEMPTS):
        refused(access, "operator", "wrong")
    assert "wait" in refused(access, "operator", f"{PASSWORD} operator", 1.0)
    assert access.log_in("viewer", f"{PASSWORD} viewer", 1.0, source="192.0.2.1") == "viewer"
    assert access.log_in("operator", f"{PASSWORD} operator", WAIT_S + 1.0, source="192.0.2.1") == "operator"


@pytest.mark.parametrize("elsewhere", ["192.0.2.2", "2001:db8:0:2::1"])
def test_who_guesses_keeps_nobody_out_elsewhere(access, elsewhere):
    """The owner logs in from another address while the guesser waits; a network of IPv6 is one address."""
    for host in range(FREE_ATTEMPTS):
        refused(access, "operator", "wrong", source="192.0.2.1")
        refused(access, "operator", "wrong", source=f"2001:db8:0:1::{host}")
    assert "wait" in refused(access, "operator", f"{PASSWORD} operator", 1.0)
    assert "wait" in refused(access, "operator", f"{PASSWORD} operator", 1.0, "2001:db8:0:1::ffff")
    assert access.log_in("operator", f"{PASSWORD} operator", 1.0, source=elsewhere) == "operator"


@pytest.mark.usefixtures("quick")
def test_an_address_that_tries_many_names_waits(access):
    for number in range(FREE_OF_ADDRESS):
        assert "wrong" in refused(access, f"name-{number}", "wrong")
    assert "wait" in refused(access, "viewer", "wrong")
    assert "wrong" in refused(access, "viewer", "wrong", source="192.0.2.2")


@pytest.mark.usefixtures("quick")
def test_guesses_from_all_over_wait_but_not_where_the_owner_was_before(access):
    """A hundred addresses with one guess each; also a right password at another name gives no new guesses."""
    kept = {name: account(name, f"{PASSWORD} {name}", lambda _: b"1" * 16) for name in ("operator", "viewer")}
    access.replace(kept)
    assert access.log_in("operator", f"{PASSWORD} operator", 0.0, source="198.51.100.1") == "operator"
    for number in range(FREE_OF_NAME):
        assert "wrong" in refused(access, "operator", "wrong", source=f"192.0.2.{number}")
    assert access.log_in("viewer", f"{PASSWORD} viewer", 1.0, source="192.0.2.200") == "viewer"
    assert "wait" in refused(access, "operator", f"{PASSWORD} operator", 1.0, "192.0.2.200")
    assert access.log_in("operator", f"{PASSWORD} operator", 1.0, source="198.51.100.1") == "operator"


def test_who_comes_and_goes_is_told_and_no_password(access, told):
    """What is refused while somebody waits is not: a guesser does not fill the trail."""
    access.log_in("operator", f"{PASSWORD} operator", 0.0, source="192.0.2.1", session="17")
    access.log_out(access.session("operator", "17"), 1.0, source="192.0.2.1")
    for _ in range(FREE_ATTEMPTS + 3):
        refused(access, "viewer", "wrong guess")
    assert [one.step for one in told] == [
        "logged-in",
        "logged-out",
        *["refused"] * (FREE_ATTEMPTS - 1),
        "waits",
    ]
    assert {(one.name, one.source, one.session) for one in told} == {
        ("operator", "192.0.2.1", "17"),
        ("viewer", "192.0.2.1", ""),
    }
    assert PASSWORD not in str(told)
    assert "guess" not in str(told)


def test_a_program_that_asks_again_and_again_is_told_of_once(access, told):
    for now in range(3):
        access.log_in("viewer", f"{PASSWORD} viewer", float(now), source="192.0.2.1")
    assert [one.step for one in told] == ["logged-in"]


def test_passwords_are_kept_as_salted_hashes():
    """Equal passwords have different hashes, which are scrypt's (RFC 7914) and not the password."""
    first, second = (account("viewer", PASSWORD, lambda size, salt=salt: salt * size) for salt in (b"a", b"b"))
    assert first.hash != second.hash
    assert first.hash == hashlib.scrypt(PASSWORD.encode(), salt=b"a" * 16, n=16384, r=8, p=1)


def test_a_short_password_is_refused():
    with pytest.raises(AccessDeniedError, match="at least 10"):
        account("viewer", "short", bytes)


def test_a_viewer_sees_and_an_operator_acts():
    """What is not allowed is refused, also to a role that nobody knows."""
    check("viewer", "see")
    check("operator", "act")
    for role in ("viewer", "guest"):
        with pytest.raises(RoleError, match=f"takes the role operator; yours is {role}"):
            check(role, "act")
    with pytest.raises(RoleError, match="viewer"):
        check("guest", "see")


def test_an_account_that_is_taken_away_is_gone(access):
    """A session of before asks for its role again, and is refused."""
    session = access.session("viewer", "1")
    assert access.role_in_session(session) == "viewer"
    access.replace({})
    with pytest.raises(AccessDeniedError, match="no account viewer"):
        access.role_in_session(session)


def test_a_session_is_over_when_somebody_has_logged_out(access, told):
    """Also for who knows it from the trail, and for a session without a number; other sessions go on."""
    session, other = access.session("viewer", "1"), access.session("viewer", "2")
    access.log_out(session, 0.0)
    access.log_out(session, 1.0)
    for over in (session, Session("viewer", session.mark)):
        with pytest.raises(AccessDeniedError, match="over"):
            access.role_in_session(over)
    assert access.role_in_session(other) == "viewer"
    access.log_out(other, SESSION_S + 1.0)
    with pytest.raises(AccessDeniedError, match="over"):
        access.role_in_session(other)
    assert [one.session for one in told] == ["1", "2"]
