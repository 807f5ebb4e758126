"""What an operator asks the running controller over Mc. Apart from the controller itself, which is slow to import."""

import asyncio
from pathlib import Path
from typing import cast

from qit4n.adapters import tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Hello
from qit4n.errors import PeerUnreachableError, QitError
from qit4n.network.model import Network
from qit4n.node.peers import connect
from qit4n.refpoints import mc


async def ask_status(network: Network, state: Path) -> mc.NetworkStatus:
    """Ask the running controller for the state of the network; errors as :func:`ask`."""
    answer = await ask(network, state, mc.AskStatus())
    if not isinstance(answer, mc.NetworkStatus):
        raise QitError("the controller answered something else than a status")
    return answer


async def ask(network: Network, state: Path, question: mc.McQuestion, role: str = "operator") -> mc.McAnswer:
    """Ask the running controller, with the certificate of the operator or the manager.

    Raises:
        PeerUnreachableError: no controller answers.
    """
    credentials = Credentials(state / role)
    host, port = network.controller_host, network.controller_port()
    try:
        expected = tls.Identity(network.name, "controller", network.name)
        frames = await connect(host, port, credentials, expected=expected, hello=Hello(purpose="mc"))
        answers = frames.retype(mc.McAnswer)
        try:
            await answers.send(question)
            async with asyncio.timeout(5):
                return cast("mc.McAnswer", await answers.receive())
        finally:
            await answers.close()
    except (OSError, EOFError, TimeoutError) as error:
        raise PeerUnreachableError(
            f"no controller of network {network.name} answers at {host}:{port}; start it: qit up"
        ) from error
