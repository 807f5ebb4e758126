"""A spare process of a network: it has imported what a site needs and waits to be told which process it is.

Most of the time that a restart takes is the start of the interpreter and its imports; with a spare they are done
before anything has died. It is a process like any other, not a fork of one: it shares nothing with the one it replaces.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from setproctitle import setproctitle

COMMAND = (sys.executable, "-m", "qit4n.cli.main")


async def begin() -> asyncio.subprocess.Process:
    """Start a spare. It ends when its standard input closes."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "qit4n.node.spare",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )


def become(spare: asyncio.subprocess.Process, arguments: tuple[str, ...], log_file: Path) -> bool:
    """Tell a spare which command of ``qit`` it is, and where its output goes; False if it has died."""
    if spare.returncode is not None or spare.stdin is None:
        return False
    order = json.dumps({"arguments": arguments, "log": str(log_file)})
    spare.stdin.write(order.encode() + b"\n")
    return True


def main() -> None:
    """Import, wait for the order, carry it out."""
    from qit4n.cli import controller, node  # noqa: F401, PLC0415 - what takes the time
    from qit4n.cli.main import run  # noqa: PLC0415

    line = b""
    while not line.endswith(b"\n"):  # no more than the line: the rest of standard input is for the command
        piece = os.read(0, 1)
        if not piece:
            return
        line += piece
    order = json.loads(line)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for output in (1, 2):
        os.dup2(log, output)
    os.close(log)
    setproctitle(" ".join((*COMMAND, *order["arguments"])))
    run(order["arguments"])


if __name__ == "__main__":
    main()
