"""The command ``qit``: one module per verb, imported when it is used; errors become a sentence and an exit code."""

import io
import sys
from importlib import import_module, metadata
from typing import Annotated, Any

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

INTERRUPTED = 130  # 128 + SIGINT, as of shells


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


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"qit4n {metadata.version('qit4n')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Quantum networks in software. One network file: checked, run, asked for keys."""


def run(arguments: list[str] | None = None) -> None:
    """Run the command line; an error ends it with its sentence on standard error and its exit code."""
    if sys.stdout is None:  # closed by who started it
        sys.stdout = io.StringIO()
    try:
        app(arguments)
    except QitError as error:
        _end(str(error), error.exit_code)
    except OSError as error:  # of a file or of standard output; what a command expects has a sentence of its own
        _end(": ".join(str(one) for one in (error.filename, error.strerror or error) if one is not None), 1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _end(sentence: str, code: int) -> None:
    print(f"qit: {sentence}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:  # full: what is left is lost, and the interpreter need not say so again
        sys.stdout = None
    sys.exit(code)


if __name__ == "__main__":
    run()
