"""What a nursery runs: import all that a site needs, then fork a process per order, which is a command of ``qit``.

An order is one packet at standard input by ``node/nursery.py``: arguments of ``qit``, the file to which output goes,
and a descriptor for the standard input of the process. The answer, a line on standard output, is its number.
"""

import contextlib
import gc
import json
import os
import socket

from setproctitle import setproctitle

from qit4n.cli import node  # noqa: F401 - what takes the time
from qit4n.cli.main import Verbs, run
from qit4n.node.nursery import COMMAND

LARGEST_ORDER = 65_536
LARGEST_NUMBER = 32


def main() -> None:
    """Fork until standard input closes; in a process that was born, be the command."""
    rehearse()
    with socket.socket(fileno=os.dup(0)) as orders:
        arguments = _serve(orders)
    if arguments:
        run(arguments)


def rehearse() -> None:
    """Have at hand what the command needs at once: typer and asyncio import the half of it when they are first used."""
    command = Verbs().get_command(None, "node")
    command.make_context("node", ["x", "--state", "/"]).close()
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: F401, PLC0415 - not on every platform
    gc.collect()
    gc.freeze()


def _serve(orders: socket.socket) -> list[str]:
    """Answer orders until there are no more (nothing is returned); in a child, return its arguments."""
    while True:
        packet, descriptors, _, _ = socket.recv_fds(orders, LARGEST_ORDER, 1)
        if not packet:
            return []
        order = json.loads(packet)
        reading, writing = os.pipe()
        middle = os.fork()
        if not middle and not _is_child(writing):
            os._exit(0)  # an orphan is adopted by the supervisor
        if not middle:
            os.close(reading)
            os.close(writing)
            _settle(order, descriptors[0])
            return list(order["arguments"])
        os.close(writing)
        os.close(descriptors[0])
        os.waitpid(middle, 0)
        os.write(1, os.read(reading, LARGEST_NUMBER) + b"\n")
        os.close(reading)


def _is_child(writing: int) -> bool:
    """Fork once more; the process in between writes the number of the child."""
    child = os.fork()
    if child:
        os.write(writing, str(child).encode())
    return not child


def _settle(order: dict[str, str], standard_input: int) -> None:
    """Have a session, input, output and a title of its own."""
    os.setsid()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, descriptor in ((0, standard_input), (1, log), (2, log)):
        os.dup2(descriptor, target)
    os.close(standard_input)
    os.close(log)
    setproctitle(" ".join((*COMMAND, *order["arguments"])))


if __name__ == "__main__":
    main()
