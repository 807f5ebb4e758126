"""The accounts of the manager, in the state directory; every file is for its owner only (mode 0600).

manager/accounts.json        name, role and salted hash of each account
manager/session.key          signs the sessions of browsers
operator/passwords/NAME      the first password of an account that was made here; delete it once you know it
"""

import contextlib
import fcntl
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from qit4n.adapters.privatefiles import write_private
from qit4n.adapters.system import system_entropy
from qit4n.errors import CertificateError
from qit4n.management.access import Account, Role, account, with_operator

ACCOUNTS = Path("manager") / "accounts.json"
LOCK = Path("manager") / "accounts.lock"
SESSION_KEY = Path("manager") / "session.key"
PASSWORDS = Path("operator") / "passwords"
FIRST: Mapping[str, Role] = {"operator": "operator", "viewer": "viewer"}
PASSWORD_BYTES = 15
SESSION_KEY_BYTES = 32


def make_accounts(state: Path) -> None:
    """Make an operator's and a viewer's account, and the key of sessions, unless there are some."""
    if not (state / SESSION_KEY).exists():
        write_private(state / SESSION_KEY, secrets.token_hex(SESSION_KEY_BYTES).encode())
    if (state / ACCOUNTS).exists():
        return
    made = {}
    for name, role in FIRST.items():
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        write_private(state / PASSWORDS / name, password.encode() + b"\n")
        made[name] = account(role, password, system_entropy)
    write_accounts(state, made)


@contextlib.contextmanager
def changing_accounts(state: Path) -> Iterator[dict[str, Account]]:
    """The accounts, to be changed within the block; then they are kept. Nobody else changes them meanwhile.

    Raises:
        CertificateError: there are none yet.
    """
    read_accounts(state)
    with (state / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        accounts = read_accounts(state)
        yield accounts
        write_accounts(state, with_operator(accounts))


def forget_first_password(state: Path, name: str) -> None:
    """The password that an account was made with counts no more."""
    (state / PASSWORDS / name).unlink(missing_ok=True)


def write_accounts(state: Path, accounts: Mapping[str, Account]) -> None:
    """Keep these accounts; the manager takes them within a second."""
    write_private(state / ACCOUNTS, msgspec.json.format(msgspec.json.encode(accounts)) + b"\n")


def read_accounts(state: Path) -> dict[str, Account]:
    """All accounts by name.

    Raises:
        CertificateError: the file is missing or unreadable: nobody may log in.
    """
    file = state / ACCOUNTS
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Account])
    except (OSError, msgspec.MsgspecError) as error:
        raise CertificateError(f"{file} is not a list of accounts ({error}); move it away and start again") from error


def session_key(state: Path) -> str:
    """What signs the sessions of browsers.

    Raises:
        CertificateError: there is none.
    """
    try:
        return (state / SESSION_KEY).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise CertificateError(f"{state / SESSION_KEY} cannot be read: {error}; make it: qit pki FILE") from error
