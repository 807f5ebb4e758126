"""The relay benchmark with little work: real machines in memory, over TLS between two processes, over 32 hops."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system


def test_every_line_of_the_relay_benchmark_is_measured():
    """One hop in memory, one over TLS with durable stores, 32 hops: each relays keys."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "relay", "--size", "1024", "--json"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == 5
    assert all(result["value"] > 0 for result in results)
