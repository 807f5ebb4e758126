"""The command ``qit``: one module per verb; errors become a sentence and an exit code."""

import sys
from typing import Any

import typer

from qit4n.cli import check, controller, example, key, node, pki, schema, status, up
from qit4n.errors import QitError

app = typer.Typer(
    name="qit",
    help="Quantum networks in software. One network file: checked, run, asked for keys.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("up")(up.up)
app.command("status")(status.status)
app.add_typer(key.app, name="key")
app.command("check")(check.check)
app.command("example")(example.example)
app.command("schema")(schema.schema)
app.command("pki")(pki.pki)
app.command("node")(node.node)
app.command("controller")(controller.controller)


def run(arguments: list[str] | None = None) -> Any:
    """Run the command line; a QitError ends it with its sentence on standard error and its exit code."""
    try:
        return app(arguments)
    except QitError as error:
        print(f"qit: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    run()
