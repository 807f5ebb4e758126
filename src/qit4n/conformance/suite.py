"""The table of checks, in the order in which they run, and the run itself."""

import time
from collections.abc import Callable, Iterator

from qit4n.conformance import behaviour, getkey, getkeywithids, identity
from qit4n.conformance.bench import Bench
from qit4n.conformance.check import Check, Outcome, Result, Weight
from qit4n.conformance.verdict import DeviationError, SkipError

CHECKS: tuple[Check, ...] = tuple(
    one
    for module in (identity, getkey, getkeywithids, behaviour)
    for one in vars(module).values()
    if isinstance(one, Check)
)


def run(bench: Bench, tell: Callable[[Check], None] = lambda _: None) -> Iterator[Result]:
    """All checks; when there is no connection the others are skipped. ``tell`` hears of each before it runs."""
    connected = True
    for check in CHECKS:
        tell(check)
        began = time.monotonic()
        outcome, seen = _outcome(check, bench) if connected else (Outcome.SKIPPED, "there is no connection")
        yield Result(check, outcome, seen, time.monotonic() - began)
        connected = connected and (check is not identity.connection or outcome is Outcome.PASS)


def _outcome(check: Check, bench: Bench) -> tuple[Outcome, str]:
    try:
        check.function(bench)
    except SkipError as error:
        return Outcome.SKIPPED, str(error)
    except DeviationError as error:
        return Outcome.FAIL if check.weight is Weight.SHALL else Outcome.WARN, str(error)
    except Exception as error:  # noqa: BLE001 - whatever a server sends, the others shall run; the text stays unsaid
        return Outcome.FAIL, f"the check broke off with {type(error).__name__}; please report this"
    return Outcome.PASS, ""
