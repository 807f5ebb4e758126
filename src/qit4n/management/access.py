"""Who may do what at the manager: accounts with a role, everything else is refused (ITU-T X.1717, access control).

A ``viewer`` sees; an ``operator`` also acts. Passwords are kept as salted scrypt hashes (RFC 7914). Who comes, who is
refused and who goes is told to whoever keeps the trail.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from qit4n.entropy import Entropy
from qit4n.errors import AccessDeniedError, RoleError
from qit4n.management.attempts import WAIT_S, Attempts

Role = Literal["viewer", "operator"]
Action = Literal["see", "act"]
ALLOWED: Mapping[Role, frozenset[Action]] = {"viewer": frozenset({"see"}), "operator": frozenset({"see", "act"})}

SALT_BYTES = 16
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1  # 16 MiB and some tens of ms for each attempt
LEAST_PASSWORD_LETTERS = 10
NAME_LETTERS = 64
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
SESSION_S = 86_400.0  # what a browser keeps is good for so long


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person or program that may log in."""

    role: Role
    salt: bytes
    hash: bytes


def account(role: Role, password: str, entropy: Entropy) -> Account:
    """A new account.

    Raises:
        AccessDeniedError: the password is too short.
    """
    if len(password) < LEAST_PASSWORD_LETTERS:
        raise AccessDeniedError(f"a password has at least {LEAST_PASSWORD_LETTERS} characters")
    salt = entropy(SALT_BYTES)
    return Account(role=role, salt=salt, hash=_hash(password, salt))


def _hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P)


def named(name: str) -> str:
    """A name that an account may have.

    Raises:
        AccessDeniedError: it may not.
    """
    if not re.fullmatch(NAME, name):
        raise AccessDeniedError(f"{name!r} is no name for an account: 1 to 64 letters, digits, '.', '_' or '-'")
    return name


def with_operator(accounts: Mapping[str, Account]) -> Mapping[str, Account]:
    """Accounts one of which is an operator's.

    Raises:
        AccessDeniedError: none is: nobody could act any more.
    """
    if all(one.role != "operator" for one in accounts.values()):
        raise AccessDeniedError("this is the last operator's account; give another one that role first")
    return accounts


NOBODY = Account(role="viewer", salt=bytes(SALT_BYTES), hash=bytes(64))


class AccessEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody came, was refused or went.

    Attributes:
        at: seconds since the Unix epoch.
        step: ``waits`` is a refusal after which whoever asks has to wait; what is refused meanwhile is not told.
        name: as it was given; there may be no such account.
        source: the address.
        session: which session of a browser; a program has none and is told of once for each address.
    """

    at: float
    step: Literal["logged-in", "refused", "waits", "logged-out"]
    name: str
    source: str = ""
    session: str = ""


@dataclass(frozen=True)
class Session:
    """What a browser keeps: ``mark`` belongs to the password with which ``number`` was opened."""

    name: str = ""
    mark: str = ""
    number: str = ""


def _untold(event: AccessEvent) -> None:
    """Keep no trail."""


class Access:
    """The accounts, who has failed lately, and which sessions are over."""

    def __init__(
        self,
        accounts: Mapping[str, Account],
        tell: Callable[[AccessEvent], None] = _untold,
        ended: Mapping[str, float] | None = None,
    ) -> None:
        """Know these accounts by name; ``ended`` are sessions that are over, and since when."""
        self._accounts = dict(accounts)
        self._tell = tell
        self._ended = dict(ended or {})
        self._attempts = Attempts()

    def replace(self, accounts: Mapping[str, Account]) -> None:
        """Know these accounts from now on."""
        self._accounts = dict(accounts)

    def log_in(self, name: str, password: str, now: float, *, source: str = "", session: str = "") -> Role:
        """The role of who says this password. An unknown name takes as long as a wrong password.

        One call at a time: several at once would count as one attempt.

        Args:
            name: of the account.
            password: what is said.
            now: the time.
            source: the address of who asks.
            session: the number of the session that a browser opens; none for a single request.

        Raises:
            AccessDeniedError: wrong, or too many attempts.
        """
        if self._attempts.waits(name, source, now):
            raise AccessDeniedError(f"too many wrong passwords for {name}, or from where you are: wait {WAIT_S:.0f} s")
        known = self._accounts.get(name, NOBODY)
        told = name[:NAME_LETTERS]
        if not hmac.compare_digest(_hash(password, known.salt), known.hash) or name not in self._accounts:
            self._attempts.wrong(name, source, now)
            step: Literal["waits", "refused"] = "waits" if self._attempts.waits(name, source, now) else "refused"
            self._tell(AccessEvent(at=now, step=step, name=told, source=source))
            raise AccessDeniedError("name or password is wrong")
        if self._attempts.right(name, source) or session:
            self._tell(AccessEvent(at=now, step="logged-in", name=told, source=source, session=session))
        return known.role

    def session(self, name: str, number: str) -> Session:
        """A session under the present password, which somebody has just said.

        Raises:
            AccessDeniedError: the account is gone.
        """
        return Session(name, self._mark(name), number)

    def role_in_session(self, session: Session) -> Role:
        """The present role of the account.

        Raises:
            AccessDeniedError: the account is gone, its password has changed, or the session is over.
        """
        if self._mark(session.name) != session.mark:
            raise AccessDeniedError(f"the password of {session.name} has changed")
        if not session.number or session.number in self._ended:
            raise AccessDeniedError("this session is over")
        return self._accounts[session.name].role

    def log_out(self, session: Session, now: float, *, source: str = "") -> None:
        """The session is over, also for whoever has a copy of what the browser kept; nothing if it was before."""
        try:
            self.role_in_session(session)
        except AccessDeniedError:
            return
        self._ended = {number: at for number, at in self._ended.items() if now - at < SESSION_S}
        self._ended[session.number] = now
        told = AccessEvent(at=now, step="logged-out", name=session.name, source=source, session=session.number)
        self._tell(told)

    def _mark(self, name: str) -> str:
        """What a session keeps of the present password: with another password it ends. Tells nothing of either."""
        if name not in self._accounts:
            raise AccessDeniedError(f"there is no account {name}")
        return hashlib.sha256(b"session " + self._accounts[name].salt).hexdigest()


def check(role: Role, action: Action) -> None:
    """Check that a role may do this.

    Raises:
        RoleError: it may not.
    """
    if action not in ALLOWED.get(role, frozenset()):
        needed = next(one for one, actions in ALLOWED.items() if action in actions)
        raise RoleError(f"this takes the role {needed}; yours is {role}")
