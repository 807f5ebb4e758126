"""The agent of an encryptor: replaces its key again and again, together with the agent at the other end.

The slave listens at the carrier's address, the master connects to it (``service/keyidcarrier.py``). Both show their
application's certificate, under TLS 1.3, and each wants that of the other application. One connection is served at a
time. Whatever fails, the tunnel goes on under the key it has, and the agents try again.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qit4n.adapters import tls
from qit4n.errors import CertificateError, KeyRequestError, PeerUnreachableError, QitError, RotationError
from qit4n.service import keyidcarrier as carrier
from qit4n.service.client import AsyncKMEClient
from qit4n.service.encryptors import Encryptor
from qit4n.service.sharedkey import SharedKey

log = logging.getLogger(__name__)

RETRY_S = 1.0
HEAR_S = 20.0  # longest silence in the middle of a rotation
IDLE = 3  # rotations that may be missed before a silent master is given up

Told = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The two applications, where the slave listens; files and KMEs of this one; how large a key, and how often."""

    own: str
    peer: str
    host: str
    port: int
    cert: Path
    key: Path
    ca: Path
    kmes: tuple[str, ...]
    key_bits: int
    every_s: float


class Agent:
    """One end."""

    def __init__(self, ends: Ends, encryptor: Encryptor, told: Told) -> None:
        """``told`` gets each event for people.

        Raises:
            CertificateError: a file is missing or does not fit.
            PeerUnreachableError: the KME's address is none.
        """
        self._ends, self._encryptor, self._told = ends, encryptor, told
        self._kme = AsyncKMEClient(ends.kmes, ends.cert, ends.key, ends.ca)
        self._number = self._installed = 0
        self._first = carrier.is_master(ends.own, ends.peer)

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            QitError: it cannot begin: a file is missing, the tunnel is not as it has to be, the address is taken.
        """
        self._number = await self._encryptor.start()
        try:
            await (self._run_master() if self._first else self._run_slave())
        finally:
            await self._kme.close()

    async def _run_master(self) -> None:
        while True:
            with self._failures():
                async with self._connected() as line:
                    peer_number = await line.perform(carrier.greet(self._number))
                    while True:
                        began = asyncio.get_running_loop().time()
                        with self._rotation_failures():
                            await line.perform(carrier.master(carrier.next_number(self._number, peer_number)))
                        took = asyncio.get_running_loop().time() - began
                        await asyncio.sleep(max(0.0, self._ends.every_s - took))
            await asyncio.sleep(RETRY_S)

    async def _run_slave(self) -> None:
        context = tls.context_of(ssl.PROTOCOL_TLS_SERVER, *self._files(), ssl.TLSVersion.TLSv1_3)
        busy = asyncio.Lock()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                with self._failures():
                    self._check(writer)
                    async with busy:
                        line = _Line(self, reader, writer)
                        await line.perform(carrier.slave(self._number, self._installed))
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(
            serve, self._ends.host, self._ends.port, ssl=context, limit=carrier.MOST_BYTES
        )
        async with server:
            await server.serve_forever()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator["_Line"]:
        context = tls.context_of(ssl.PROTOCOL_TLS_CLIENT, *self._files(), ssl.TLSVersion.TLSv1_3)
        context.check_hostname = False  # certificates of applications name no host; who it is is checked below
        reader, writer = await asyncio.open_connection(
            self._ends.host, self._ends.port, ssl=context, limit=carrier.MOST_BYTES
        )
        try:
            self._check(writer)
            yield _Line(self, reader, writer)
        finally:
            writer.transport.abort()

    def _files(self) -> tuple[Path, Path, Path]:
        return self._ends.cert, self._ends.key, self._ends.ca

    def _check(self, writer: asyncio.StreamWriter) -> None:
        found = tls.peer_identity(writer.get_extra_info("ssl_object"))
        if (found.role, found.id) != ("sae", self._ends.peer):
            raise CertificateError(f"at the other end is {found.role} {found.id}, not application {self._ends.peer}")

    @contextlib.contextmanager
    def _rotation_failures(self) -> Any:
        try:
            yield
        except RotationError as error:
            self._told("kept", {"number": self._number, "reason": str(error)})

    @contextlib.contextmanager
    def _failures(self) -> Any:
        try:
            yield
        except (QitError, OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
            reason = str(error) or type(error).__name__
            self._told("parted", {"number": self._number, "reason": reason})

    # what a side does

    async def step(self, step: carrier.Step, line: "_Line") -> Any:
        """Do one step; gives its result.

        Raises:
            RotationError: it failed, and the connection is whole.
        """
        match step:
            case carrier.Get():
                return (await self._asked(self._kme.get_keys(self._ends.peer, size=self._ends.key_bits)))[0]
            case carrier.Fetch(key_id):
                return (await self._asked(self._kme.get_keys_by_id(self._ends.peer, [key_id])))[0]
            case carrier.Install(number, key):
                await self._encryptor.install(number, key.key_id, key.value)
                self._installed = number
            case carrier.Use(number):
                await self._encryptor.use(number, first=self._first)
                self._number, self._installed = number, 0
                self._told("in use", {"number": number})
            case carrier.Drop(number):
                self._installed = 0
                await self._encryptor.drop(number)
            case carrier.Say(message):
                await line.say(message)
            case carrier.Hear():
                return await line.hear(HEAR_S if self._first else max(HEAR_S, IDLE * self._ends.every_s))
        return None

    async def _asked(self, keys: Any) -> list[SharedKey]:
        try:
            found: list[SharedKey] = await keys
        except (KeyRequestError, PeerUnreachableError, CertificateError) as error:
            raise RotationError(str(error)) from error
        if len(found) != 1:
            raise RotationError(f"the KME gave {len(found)} keys where one was asked for")
        return found


class _Line:
    """One connection with the other end."""

    def __init__(self, agent: Agent, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._agent, self._reader, self._writer = agent, reader, writer

    async def say(self, message: carrier.Message) -> None:
        self._writer.write(carrier.encode(message))
        async with asyncio.timeout(HEAR_S):
            await self._writer.drain()

    async def hear(self, limit_s: float) -> carrier.Message:
        async with asyncio.timeout(limit_s):
            return carrier.decode(await self._reader.readuntil(b"\n"))

    async def perform(self, side: carrier.Side) -> Any:
        """Do the steps of a side to its end, and give what it gives; what breaks the connection ends it."""
        result, failed = None, None
        try:
            while True:
                step = side.throw(failed) if failed is not None else side.send(result)
                result, failed = None, None
                try:
                    result = await self._agent.step(step, self)
                except RotationError as error:
                    failed = error
        except StopIteration as ended:
            return ended.value
        finally:
            side.close()
