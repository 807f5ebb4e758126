"""``qit account``: accounts change, passwords stand in no command, and somebody may always act."""

import io
import stat

import msgspec
import pytest

from qit4n.adapters.accounts import ACCOUNTS, PASSWORDS, make_accounts, read_accounts
from qit4n.cli import account as command
from qit4n.cli.main import run
from qit4n.errors import AccessDeniedError
from qit4n.management.access import Access
from qit4n.network.file import load
from qit4n.node.processes import write_network

FIRST, SECOND = "first password", "second password"


@pytest.fixture
def state(tmp_path):
    """A state directory with the two accounts that a network begins with."""
    write_network(load("two-data-centres"), tmp_path)
    make_accounts(tmp_path)
    return tmp_path


@pytest.fixture
def qit(state, monkeypatch, capsys):
    """Run a command with a line on standard input; its exit code and what it says."""

    def make(*arguments, line=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(line))
        with pytest.raises(SystemExit) as ended:
            run(["account", *arguments, "--state", str(state)])
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return make


def role_at(state, name, password):
    return Access(read_accounts(state)).log_in(name, password, 0.0)


def test_an_account_is_made_changed_and_removed(qit, state):
    """From the command to who is let in; its file is for its owner only."""
    assert qit("add", "ann", line=FIRST + "\n") == (0, "ann may log in as viewer\n")
    assert role_at(state, "ann", FIRST) == "viewer"
    assert qit("role", "ann", "operator")[0] == 0
    assert role_at(state, "ann", FIRST) == "operator"
    assert qit("password", "ann", line=SECOND + "\r\n")[0] == 0
    assert role_at(state, "ann", SECOND) == "operator"
    with pytest.raises(AccessDeniedError):
        role_at(state, "ann", FIRST)
    assert msgspec.json.decode(qit("list", "--json")[1])["ann"] == "operator"
    assert "ann" in qit("list")[1]
    assert stat.S_IMODE((state / ACCOUNTS).stat().st_mode) == 0o600
    assert qit("remove", "ann")[0] == 0
    with pytest.raises(AccessDeniedError):
        role_at(state, "ann", SECOND)


def test_a_first_password_that_is_changed_is_deleted(qit, state):
    assert (state / PASSWORDS / "viewer").exists()
    qit("password", "viewer", line=FIRST + "\n")
    assert not (state / PASSWORDS / "viewer").exists()


def test_the_last_operator_stays(qit, state):
    """Neither removed nor made a viewer; with another one it may go."""
    for arguments in (("remove", "operator"), ("role", "operator", "viewer")):
        code, said = qit(*arguments)
        assert (code, "last operator" in said) == (20, True)
    assert (state / PASSWORDS / "operator").exists()
    qit("add", "ann", "--role", "operator", line=FIRST + "\n")
    assert qit("remove", "operator")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "line", "said"),
    [
        (("add", "a:b"), FIRST, "no name for an account"),
        (("add", "../x"), FIRST, "no name for an account"),
        (("add", "viewer"), FIRST, "already"),
        (("add", "ann"), "short\n", "at least 10"),
        (("password", "nobody"), FIRST, "no account nobody"),
        (("remove", "nobody"), "", "no account nobody"),
        (("role", "nobody", "viewer"), "", "no account nobody"),
    ],
)
def test_what_makes_no_sense_changes_nothing(qit, state, arguments, line, said):
    """A sentence, the exit code of the manager's refusals, and the accounts as before."""
    before = (state / ACCOUNTS).read_bytes()
    code, told = qit(*arguments, line=line)
    assert (code, said in told) == (20, True)
    assert (state / ACCOUNTS).read_bytes() == before


def test_a_person_types_it_twice(qit, state, monkeypatch):
    """If they differ nothing is changed."""
    typed = iter((FIRST, SECOND, FIRST, FIRST))
    monkeypatch.setattr(command.getpass, "getpass", lambda _: next(typed))
    monkeypatch.setattr(io, "StringIO", type("Terminal", (io.StringIO,), {"isatty": lambda _: True}))
    assert "differ" in qit("add", "ann")[1]
    assert qit("add", "ann")[0] == 0
    assert role_at(state, "ann", FIRST) == "viewer"


def test_a_session_knows_when_the_password_has_changed(qit, state):
    """Its mark is another then; a changed role is not."""
    session = Access(read_accounts(state)).session("viewer", "1")
    qit("role", "viewer", "operator")
    assert Access(read_accounts(state)).role_in_session(session) == "operator"
    qit("password", "viewer", line=FIRST + "\n")
    with pytest.raises(AccessDeniedError, match="has changed"):
        Access(read_accounts(state)).role_in_session(session)
