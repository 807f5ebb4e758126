"""Fault simulation of the key management layer: many seeds, and that a seed is all there is to a run."""

import os
import subprocess
import sys

import pytest

from qit4n.simulation.run import simulate
from qit4n.simulation.sweep import told


@pytest.mark.parametrize("first", range(0, 200, 25))
def test_every_invariant_holds_under_faults(first):
    """Two hundred seeds of workloads and faults violate no invariant; without a fault no byte is wasted."""
    for seed in range(first, first + 25):
        outcome = simulate(seed)
        assert not outcome.violated, told(outcome, 40, ())
        assert outcome.faults or (outcome.books["waste"] == 0 and outcome.books["used"] > 0), seed


def test_two_hundred_seeds_exercise_every_fault_and_answer():
    """Each fault, each message and each kind of answer occurs in the seeds of `make test`, and keys arrive."""
    events, faults, keys = {}, set(), 0
    for seed in range(60):
        outcome = simulate(seed)
        faults.update(outcome.faults)
        keys += outcome.fetched
        for event, number in outcome.trace.counts.items():
            events[event] = events.get(event, 0) + number
    from typing import get_args

    from qit4n.refpoints import kx
    from qit4n.simulation.faults import FAULTS

    assert faults == {kind.__name__ for kind in FAULTS}
    assert all(events.get(f"< {kind.__name__}", 0) > 0 for kind in get_args(kx.KxMessage)), events
    for event in ("crash", "bit rot", "restored backup", "store full", "partition", "standstill", "lie", "! Refused"):
        assert events[event] > 3, event
    assert keys > 2000


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_a_seed_replays_byte_for_byte(hash_seed):
    """The whole trace of a seed is the same in another process, whatever order Python gives to its sets."""
    seed = 11
    command = [sys.executable, "-m", "qit4n.simulation", "--seed", str(seed), "--trace"]
    found = subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": hash_seed}, capture_output=True, check=True)
    assert found.stdout.decode().rstrip() == told(simulate(seed), 0, ()).rstrip()


def test_a_trace_has_no_key_in_it():
    """Identifiers and amounts only: no delivered key stands in a trace, neither raw nor in hexadecimal."""
    from qit4n.simulation import run as module

    seen = {}
    original = module._play

    def play(run, *arguments):
        seen["run"] = run
        original(run, *arguments)

    module._play = play
    try:
        text = simulate(3).trace.text()
    finally:
        module._play = original
    keys = seen["run"].deliveries.keys
    assert len(keys) > 20
    assert not any(known.value.hex()[:16] in text for known in keys.values())
