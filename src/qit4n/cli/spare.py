"""What a spare process runs: import all that a site needs, wait for an order on standard input, be that command.

The order is one line of JSON by ``node/spare.py``: arguments of ``qit``, and the file to which output goes.
"""

import json
import os

from setproctitle import setproctitle

from qit4n.cli import controller, node  # noqa: F401 - what takes the time
from qit4n.cli.main import run
from qit4n.node.spare import COMMAND


def main() -> None:
    """Wait for the order, carry it out."""
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
