"""Each benchmark with little work: a change under one of them is found before somebody measures with it."""

import json
import math
import sys
from pathlib import Path

import pytest
from benchmarks.__main__ import ALL, main

pytestmark = pytest.mark.system

SMALL = {
    "amplify": 10_000,
    "cascade": 65_536,
    "cascade-distant": 1_000_000,
    "detections": 1_000_000,
    "distil": 20_000,
    "ldpc": 1,
    "rates": 10_000,
    "relay": 1_024,
}
LONG = {"anomalies": 1_000, "control": 1, "first-key": 1, "stores": 1, "supply": 1, "truth": 1}
RESULTS = {"relay": 5, "first-key": 1}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def measure(monkeypatch, capsys):
    """Results of one benchmark, as ``python -m benchmarks NAME --size SIZE --json`` prints them."""

    def run(name, size):
        monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{ROOT}")  # of the load generator
        monkeypatch.setattr(sys, "argv", ["benchmarks", name, "--size", str(size), "--json"])
        main()
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


def check(name, results):
    """It says something, every figure is a number, and what was measured took time."""
    assert len(results) == RESULTS.get(name, len(results)) > 0
    assert not [one["name"] for one in results if not math.isfinite(one["value"])]
    measured = [one for one in results if one["unit"] in {"bit/s", "1/s", "s"} and one["peer"] != "published"]
    assert not [one["name"] for one in measured if one["value"] <= 0.0]


@pytest.mark.parametrize("name", SMALL)
def test_it_runs(name, measure):
    """Machines in memory; for relay two processes over TLS as well."""
    check(name, measure(name, SMALL[name]))


@pytest.mark.long
@pytest.mark.xdist_group("measured")  # all live sites listen at the same ports
@pytest.mark.parametrize("name", LONG)
def test_it_runs_with_live_sites_or_much_to_simulate(name, measure):
    """The smallest size."""
    check(name, measure(name, LONG[name]))


def test_each_benchmark_is_tried():
    """Nobody adds one that nothing runs: soak is a step of its own of continuous integration."""
    assert SMALL.keys() | LONG.keys() | {"soak"} == ALL.keys()
