"""Load on a KME: connections with mutual TLS and keep-alive that repeat prebuilt requests. A process of its own.

    python -m benchmarks.load < plan.json      one JSON object per phase on standard output

A phase asks enc_keys for ``number`` keys again and again, or dec_keys for all that an earlier phase was given. Each
connection sends its next request when the last one is answered (closed loop), or when its turn at ``rate`` requests a
second has come; the time of an answer counts from then (open loop). What a phase cost the processes under load is
their processor time between its begin and end.
"""

import asyncio
import contextlib
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import uvloop

HEAD = "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\nContent-Length: {length}\r\n\r\n"
WARM_UP_S = 0.5
ID_AT = len(b'{"key_ID":"')
ID_LENGTH = 36


class Phase(msgspec.Struct):
    """What to ask of whom: ``files`` are cert, key and ca of the application ``who``; ``other`` is its partner."""

    name: str
    port: int
    files: dict[str, str]
    other: str
    call: str
    number: int
    seconds: float
    connections: int
    processes: dict[str, int]
    keep_ids: bool = False
    rate: float = 0.0


class Plan(msgspec.Struct):
    """Phases, one after the other."""

    phases: list[Phase]


class Connection(asyncio.Protocol):
    """Sends what ``run.next_request`` gives until that gives nothing."""

    def __init__(self, run: "Run") -> None:
        """A connection of one phase."""
        self._run = run
        self._transport: Any = None
        self._answer = b""
        self._length = 0
        self._sent_at = 0.0
        self._turn = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Open: begin."""
        self._transport = transport

    def begin(self) -> None:
        """Send the next request, now or when its turn has come."""
        loop = asyncio.get_running_loop()
        self._turn = max(self._turn + self._run.interval_s, 0.0) if self._turn else loop.time()
        if self._run.interval_s and self._turn > loop.time():
            loop.call_at(self._turn, self._send)
        else:
            self._send()

    def _send(self) -> None:
        """Send the next request, or close."""
        if self._transport.is_closing():
            return
        request = self._run.next_request()
        if not request:
            self._transport.close()
            return
        late = asyncio.get_running_loop().time() - self._turn if self._run.interval_s else 0.0
        self._sent_at = time.perf_counter() - late
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        if not self._length:
            head, length = data.find(b"\r\n\r\n"), data.find(b"Content-Length: ")
            length = length if length >= 0 else data.lower().find(b"content-length: ")
            self._length = head + 4 + int(data[length + 16 : data.index(b"\r", length)])
        self._answer = self._answer + data if self._answer else data
        if len(self._answer) < self._length:
            return
        self._run.answered(self._answer, time.perf_counter() - self._sent_at)
        self._answer, self._length = b"", 0
        self.begin()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's interface
        """Closed."""
        self._run.closed(self)


class Run:
    """One phase at work."""

    def __init__(self, phase: Phase, ids: list[str]) -> None:
        """``ids`` is what a dec_keys phase fetches, and where an enc_keys phase puts what it is given."""
        self._phase = phase
        self._ids = ids
        self.open: set[Connection] = set()
        self._until = float("inf")
        self.interval_s = phase.connections / phase.rate if phase.rate else 0.0
        self._times: list[float] = []
        self._bodies: list[bytes] = []
        self._refused = 0
        self._ended = asyncio.Event()
        path = f"/api/v1/keys/{phase.other}/{phase.call}"
        self._head = HEAD.replace("{host}", f"127.0.0.1:{phase.port}").replace("{path}", path)
        self._same = self._head.format(method="GET", length=0).encode()
        if phase.call == "enc_keys":
            path = f"{path}?number={phase.number}"
            self._same = self._same.replace(b"/enc_keys", f"/enc_keys?number={phase.number}".encode())

    def next_request(self) -> bytes:
        """What to send now; nothing at the end."""
        if time.perf_counter() > self._until:
            return b""
        if self._phase.call != "dec_keys":
            return self._same
        wanted = self._ids[-self._phase.number :]
        del self._ids[-self._phase.number :]
        if not wanted:
            return b""
        body = '{"key_IDs":[' + ",".join([f'{{"key_ID":"{key_id}"}}' for key_id in wanted]) + "]}"
        return (self._head.format(method="POST", length=len(body)) + body).encode()

    def answered(self, answer: bytes, seconds: float) -> None:
        """Count an answer."""
        if answer.startswith(b"HTTP/1.1 200"):
            self._times.append(seconds)
            if self._phase.keep_ids:
                self._bodies.append(answer)
        else:
            self._refused += 1
            if self._refused == 1:
                print(answer.decode(errors="replace"), file=sys.stderr)

    def closed(self, connection: Connection) -> None:
        """A connection has ended."""
        self.open.discard(connection)
        if not self.open:
            self._ended.set()

    async def measure(self) -> dict[str, Any]:
        """Warm up, measure, end."""
        phase, loop = self._phase, asyncio.get_running_loop()
        context = ssl.create_default_context(cafile=phase.files["ca"])
        context.load_cert_chain(phase.files["cert"], phase.files["key"])
        for _ in range(phase.connections):
            _, connection = await loop.create_connection(lambda: Connection(self), "127.0.0.1", phase.port, ssl=context)
            self.open.add(connection)
        connections = tuple(self.open)
        for connection in connections:
            connection.begin()
        await asyncio.sleep(WARM_UP_S)
        first, before, began = len(self._times), _processor(phase.processes), time.perf_counter()
        self._until = began + phase.seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(phase.seconds):
                await self._ended.wait()
        times, after = self._times[first:], _processor(phase.processes)
        seconds = time.perf_counter() - began
        await self._ended.wait()
        if phase.keep_ids:
            self._ids += [key_id for body in self._bodies for key_id in _ids(body)]
        times.sort()
        return {
            "name": phase.name,
            "number": phase.number,
            "requests": len(times),
            "refused": self._refused,
            "seconds": seconds,
            "p50": times[len(times) // 2] if times else 0.0,
            "p99": times[int(len(times) * 0.99)] if times else 0.0,
            "processor": {name: after[name] - before[name] for name in before},
        }


def _ids(answer: bytes) -> list[str]:
    keys = json.loads(answer[answer.index(b"\r\n\r\n") + 4 :])["keys"]
    return [key["key_ID"] for key in keys]


def _processor(processes: dict[str, int]) -> dict[str, float]:
    """User and system seconds of each process, with its threads and children that it has waited for."""
    found = {}
    for name, number in processes.items():
        fields = Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        found[name] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


async def main() -> None:
    """Run the phases of the plan on standard input."""
    ids: list[str] = []
    for phase in msgspec.json.decode(sys.stdin.buffer.read(), type=Plan).phases:
        print(json.dumps(await Run(phase, ids).measure()), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
