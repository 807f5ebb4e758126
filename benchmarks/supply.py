"""A running network: time to the first key, and keys supplied per second over ETSI GS QKD 014."""

import http.client
import json
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import Result

REQUESTS = 500


@contextmanager
def network() -> Iterator[tuple[dict[str, dict[str, str]], float]]:
    """Two data centres: what the applications need, and the seconds until keys flowed."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "qit4n.cli.main", "up", "two-data-centres", "--json"]
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*command, "--state", state, "--base-port", "29100"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield json.loads(line)["applications"], time.monotonic() - began
        finally:
            process.terminate()
            process.wait(20)


def first_key(_seed: int, _size: int | None) -> Iterator[Result]:
    """Seconds from ``qit up`` on a fresh state directory to keys in both directions."""
    with network() as (_, seconds):
        yield Result(name="first-key", value=seconds, unit="s")


def supply(_seed: int, size: int | None) -> Iterator[Result]:
    """Durable enc_keys requests per second, one client with keep-alive, one 256-bit key each; median and p99."""
    count = size or REQUESTS
    with network() as (applications, _):
        master, slave = applications
        files = applications[master]
        context = ssl.create_default_context(cafile=files["ca"])
        context.load_cert_chain(files["cert"], files["key"])
        host, port = files["kme"].removeprefix("https://").split(":")
        connection = http.client.HTTPSConnection(host, int(port), context=context)
        times = []
        time.sleep(5)
        while len(times) < count:
            start = time.perf_counter()
            connection.request("GET", f"/api/v1/keys/{slave}/enc_keys")
            response = connection.getresponse()
            response.read()
            if response.status == 200:
                times.append(time.perf_counter() - start)
            else:
                time.sleep(0.2)
        connection.close()
    times.sort()
    yield Result(name="supply: requests, one client", value=len(times) / sum(times), unit="1/s")
    yield Result(name="supply: median", value=times[len(times) // 2], unit="s")
    yield Result(name="supply: p99", value=times[int(len(times) * 0.99)], unit="s")
