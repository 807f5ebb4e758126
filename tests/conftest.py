"""``pytest --checklist``: each line of docs/reference/checklist.md with the tests that prove it and their result.

Each run notes in the cache of pytest how every test function ended, for ``qit standards trace``.
"""

import re
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

CHECKLIST = Path(__file__).parents[1] / "docs" / "reference" / "checklist.md"
ROW = re.compile(r"\| (\d+[a-z]) \| ([^|]+?) \| [^|]*\| (.+?) \|")


def lines():
    """Standard and sentence by line."""
    return {line: (standard, text) for line, standard, text in ROW.findall(CHECKLIST.read_text("utf-8"))}


def pytest_addoption(parser):
    parser.addoption("--checklist", action="store_true", help="run the tests of the conformance checklist and print it")


def pytest_configure(config):
    config.stash[TESTS] = defaultdict(dict)


TESTS = pytest.StashKey[dict]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Note which of the tests that will run carries which lines; with the option, drop the others."""
    known, without = lines(), []
    for item in items:
        marked = [line for mark in item.iter_markers("checklist") for line in mark.args]
        unknown = set(marked) - set(known)
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: {CHECKLIST.name} has no line {', '.join(sorted(unknown))}")
        for line in marked:
            config.stash[TESTS][line][item.nodeid] = "not run"
        if not marked:
            without.append(item)
    if config.getoption("--checklist"):
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in set(without)]


WORST = ("passed", "skipped", "failed", "error")  # of several cases of a test the last in this order counts


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    """Last results by file and function; those of tests that did not run are kept."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or getattr(session.config, "cache", None) is None or hasattr(session.config, "workerinput"):
        return
    ended, now = {}, time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    for outcome in WORST:
        for report in reporter.stats.get(outcome, []):
            ended[report.nodeid.partition("[")[0]] = {"outcome": outcome, "at": now}
    if ended:
        session.config.cache.set("qit4n/results", session.config.cache.get("qit4n/results", {}) | ended)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter, config):
    """One line each; a line is proved when all its tests passed."""
    if not config.getoption("--checklist"):
        return
    outcomes = {}
    for outcome in ("passed", "skipped", "failed", "error"):
        outcomes |= {one.nodeid: outcome for one in terminalreporter.stats.get(outcome, [])}
    terminalreporter.section("conformance checklist")
    verdicts = Counter()
    for line, (standard, text) in lines().items():
        found = {nodeid: outcomes.get(nodeid, "not run") for nodeid in config.stash[TESTS][line]}
        verdict = "no test" if not found else "proved" if set(found.values()) == {"passed"} else "NOT PROVED"
        verdicts[verdict] += 1
        terminalreporter.write_line(f"{line:4}{verdict:11}{standard}: {text}")
        for name, results in by_function(found).items():
            counts = ", ".join(f"{count} {outcome}" for outcome, count in results.items())
            terminalreporter.write_line(f"{'':15}{name} ({counts})")
    terminalreporter.write_line(", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))


def by_function(found):
    """How the cases of each test function ended."""
    grouped = defaultdict(Counter)
    for nodeid, outcome in found.items():
        grouped[nodeid.partition("[")[0]][outcome] += 1
    return grouped
