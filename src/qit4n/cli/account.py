"""``qit account``: who may log in at the manager. Passwords are asked for, or read from standard input."""

import getpass
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace
from rich.box import SIMPLE_HEAD
from rich.table import Table

from qit4n.adapters.accounts import changing_accounts, forget_first_password, read_accounts
from qit4n.adapters.system import system_entropy
from qit4n.cli.tabletext import screen
from qit4n.errors import AccessDeniedError
from qit4n.management.access import Account, Role, account, named
from qit4n.node.processes import state_directory

app = typer.Typer(add_completion=False, help="Accounts of the manager: who may see, who may act.", no_args_is_help=True)

State = Annotated[Path | None, typer.Option(help="state directory of the network")]
Name = Annotated[str, typer.Argument(help="of the account")]


@app.command("list")
def list_(
    state: State = None, json_: Annotated[bool, typer.Option("--json", help="one JSON document")] = False
) -> None:
    """All accounts and their roles."""
    accounts = read_accounts(state_directory(state))
    if json_:
        print(msgspec.json.encode({name: one.role for name, one in accounts.items()}).decode())
        return
    table = Table("account", "role", box=SIMPLE_HEAD, pad_edge=False)
    for name, one in sorted(accounts.items()):
        table.add_row(name, one.role)
    screen().print(table)


@app.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option(help="a viewer sees, an operator also acts")] = "viewer",
    state: State = None,
) -> None:
    """Make an account; its password is asked for, or the first line of standard input."""
    named(name)
    directory = state_directory(state)
    if name in read_accounts(directory):
        raise AccessDeniedError(f"there is an account {name} already; see qit account password")
    made = account(role, _password(name), system_entropy)
    with changing_accounts(directory) as accounts:
        accounts[name] = made
    print(f"{name} may log in as {role}")


@app.command()
def password(name: Name, state: State = None) -> None:
    """Change a password, and end the sessions of the account."""
    directory = state_directory(state)
    role = _known(read_accounts(directory), name).role
    made = account(role, _password(name), system_entropy)
    with changing_accounts(directory) as accounts:
        accounts[name] = replace(made, role=_known(accounts, name).role)
    forget_first_password(directory, name)
    print(f"{name} has a new password")


@app.command()
def role(name: Name, role: Annotated[Role, typer.Argument(help="viewer or operator")], state: State = None) -> None:
    """Change what an account may do."""
    with changing_accounts(state_directory(state)) as accounts:
        accounts[name] = replace(_known(accounts, name), role=role)
    print(f"{name} is {role} now")


@app.command()
def remove(name: Name, state: State = None) -> None:
    """Remove an account, and end its sessions."""
    directory = state_directory(state)
    with changing_accounts(directory) as accounts:
        _known(accounts, name)
        del accounts[name]
    forget_first_password(directory, name)
    print(f"{name} may not log in any more")


def _known(accounts: dict[str, Account], name: str) -> Account:
    if name not in accounts:
        raise AccessDeniedError(f"there is no account {name}; see qit account list")
    return accounts[name]


def _password(name: str) -> str:
    """What a person types twice, or the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("Once more: ") != first:
        raise AccessDeniedError("the two passwords differ; nothing was changed")
    return first
