"""Bugs planted on purpose: the simulation finds each of them.

The first four are those that a key management layer must never have: an action before its commit, a byte that is cut
twice, a copy that can be fetched again, a receipt for what is not stored.
"""

import importlib.util
from pathlib import Path

import pytest

from qit4n.simulation.run import simulate
from qit4n.simulation.sweep import told

SPEC = importlib.util.spec_from_file_location("bugs", Path(__file__).with_name("bugs.py"))
MOST_SEEDS = 2000


def bugs():
    import sys

    module = importlib.util.module_from_spec(SPEC)
    sys.modules["bugs"] = module
    SPEC.loader.exec_module(module)
    return module.BUGS


def cases():
    """One case a bug; those that took many seeds belong to the long tests."""
    for bug in bugs():
        yield pytest.param(bug, id=bug.name.replace(" ", "-"), marks=[pytest.mark.long] if bug.seeds > 30 else [])


@pytest.mark.parametrize("bug", list(cases()))
def test_a_planted_bug_is_found(bug, monkeypatch):
    """With one line of a machine wrong, a seed violates an invariant, and the report says how to see it again."""
    bug.plant(monkeypatch)
    outcome = next(found for found in map(simulate, range(MOST_SEEDS)) if found.violated)
    report = told(outcome, 40, ())
    assert "VIOLATED" in report
    assert f"--seed {outcome.seed} --trace" in report
    assert len(report.splitlines()) > 40
