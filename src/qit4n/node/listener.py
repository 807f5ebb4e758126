"""Incoming TLS connections between processes of the network: check who it is, read the Hello, hand over."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from qit4n.adapters import tls
from qit4n.adapters.credentials import Credentials
from qit4n.adapters.frames import Frames, Hello
from qit4n.errors import AddressInUseError, QitError
from qit4n.refpoints import Message

log = logging.getLogger(__name__)

HELLO_LIMIT_S = 5.0

Serve = Callable[[tls.Identity, Hello, Frames[Message]], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(host: str, port: int, credentials: Credentials, serve: Serve, *, who: str) -> AsyncIterator[None]:
    """Serve connections at ``host``:``port`` inside the block; ``who`` names the process in errors.

    At the end it stops listening and does not wait for connections that are open: they end with the process.

    Raises:
        AddressInUseError: somebody else listens there.
    """

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames: Frames[Message] = Frames(reader, writer, Hello)
        try:
            identity = credentials.admit(writer.transport)
            async with asyncio.timeout(HELLO_LIMIT_S):
                hello = await frames.receive()
            if isinstance(hello, Hello):
                await serve(identity, hello, frames)
        except asyncio.CancelledError:
            log.debug("a connection to %s ends with the process", who)
        except (OSError, EOFError, TimeoutError) as error:
            log.debug("a connection to %s ended: %s", who, error or type(error).__name__)
        except QitError as error:
            log.warning("a connection to %s was refused: %s", who, error)
        finally:
            with contextlib.suppress(asyncio.CancelledError):  # asyncio's streams log a task that ends so as an error
                await frames.close()

    try:
        server = await asyncio.start_server(accept, host, port, ssl=credentials.server, backlog=128)
    except OSError as error:
        raise AddressInUseError(
            f"{who} cannot listen at {host}:{port}: {error.strerror or error}; "
            "another network may be running there: stop it, or change base_port in the network file"
        ) from error
    try:
        yield
    finally:
        server.close()
