"""The command ``qit``: one module per verb, imported when it is used; errors become a sentence and an exit code."""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from qit4n.errors import QitError

VERBS = (
    "up",
    "status",
    "key",
    "encryptor",
    "fault",
    "apply",
    "report",
    "account",
    "reserve",
    "rng",
    "sdn",
    "audit",
    "check",
    "elements",
    "example",
    "link",
    "satellite",
    "schema",
    "pki",
    "conformance",
    "standards",
    "terms",
    "consensus",
    "node",
    "controller",
    "manager",
)


class Verbs(TyperGroup):
    """The verbs; each is the function of its name in the module of its name, or that module's ``app``."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's interface
        """All verbs, in the order of the help text."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        module = import_module(f"qit4n.cli.{cmd_name}")
        app = getattr(module, "app", None)
        if app is None:
            app = typer.Typer(add_completion=False)
            app.command(cmd_name)(getattr(module, cmd_name))
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command


app = typer.Typer(
    cls=Verbs,
    help="Quantum networks in software. One network file: checked, run, asked for keys.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def main() -> None:
    """Quantum networks in software. One network file: checked, run, asked for keys."""


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; a QitError ends it with its sentence on standard error and its exit code."""
    try:
        app(arguments)
    except QitError as error:
        print(f"qit: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    run()
