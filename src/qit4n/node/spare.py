"""A spare process of a network (``cli/spare.py``): started before anything has died, told what it is when it has.

Most of the time that a restart takes is the start of the interpreter and its imports. The spare is a process like any
other, not a fork of one: it shares nothing with the one that it replaces.
"""

import asyncio
import json
import sys
from pathlib import Path

COMMAND = (sys.executable, "-m", "qit4n.cli.main")


async def begin() -> asyncio.subprocess.Process:
    """Start a spare. It ends when its standard input closes."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "qit4n.cli.spare",
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
