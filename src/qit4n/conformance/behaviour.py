"""What a pair does under load and over time, and what was observed in all answers before. Run after all others."""

import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from qit4n.conformance.answers import BAD, OK, UNAUTHORISED, UNAVAILABLE, described
from qit4n.conformance.bench import PAUSE_S, Bench, key_ids_of
from qit4n.conformance.caller import Caller, path_of
from qit4n.conformance.check import Weight, check
from qit4n.conformance.verdict import DeviationError, SkipError, expect

MANY = 16
STARTS = 5
WORKERS = 4
PACE_S = 0.2  # between two keys of a worker: a load, not a benchmark that empties the stock
EXHAUSTING, EXHAUSTING_BITS = 16, 1 << 26  # requests, and what an answer may weigh
RESTART_S = 120.0


@check("5.3")
def many_before_dec(bench: Bench) -> None:
    """Sixteen requests are answered before the slave fetches any; all can be fetched, the last first."""
    keys = [bench.keys()[0] for _ in range(MANY)]
    for number, key in reversed(list(enumerate(keys, 1))):
        bench.fetched([key], f"key {number} of {MANY}")


@check("5.3")
def simultaneous_start(bench: Bench) -> None:
    """Both SAEs ask in the same moment: both get keys, and both keys can be fetched."""
    for _ in range(STARTS):
        gate = threading.Barrier(2)
        _together(partial(_round, bench, one, gate) for one in (bench.master, bench.slave))


@check("5.3")
def both_directions(bench: Bench) -> None:
    """Four applications at each side get and fetch for seconds: every answer comes, every key is equal."""
    until, before = time.monotonic() + bench.patience.load_s, bench.delivered
    _together(partial(_rounds, bench, one, until) for one in (bench.master, bench.slave) for _ in range(WORKERS))
    if bench.delivered == before:
        raise SkipError(f"the KMEs had no key for {bench.patience.refill_s:g} s (503)")


def _rounds(bench: Bench, caller: Caller, until: float) -> None:
    with suppress(SkipError):  # the stock is empty: the others go on with what comes
        while time.monotonic() < until:
            begun = time.monotonic()
            _round(bench, caller)
            time.sleep(max(0.0, min(begun + PACE_S, until) - time.monotonic()))


def _round(bench: Bench, caller: Caller, gate: threading.Barrier | None = None) -> None:
    other = bench.slave if caller is bench.master else bench.master
    if gate is not None:
        gate.wait(timeout=bench.master.limit_s)
    keys = bench.keys(caller=caller)
    bench.fetched(keys, f"{other.party.sae_id} fetches", caller=other)


def _together(jobs: Iterable[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(2 * WORKERS) as pool:
        for one in [pool.submit(job) for job in jobs]:
            one.result()


@check("5.4", Weight.OPEN)
def restart(bench: Bench) -> None:
    """A key that the master got before a restart can be fetched after it."""
    if not bench.restart:
        raise SkipError("a command that restarts the KMEs is needed: --restart COMMAND")
    keys = bench.keys()
    try:
        done = subprocess.run(bench.restart, capture_output=True, timeout=RESTART_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SkipError(f"the command to restart failed: {type(error).__name__}") from error
    if done.returncode:
        raise SkipError(f"the command to restart ended with {done.returncode}")
    until = time.monotonic() + bench.patience.refill_s
    request = ("POST", path_of(bench.master.party.sae_id, "dec_keys"), key_ids_of(keys[0].key_id))
    while (answer := bench.slave.call(*request)).status in {0, UNAVAILABLE} and time.monotonic() < until:
        time.sleep(PAUSE_S)  # not recorded: it may be down for a while
    bench.compare(keys, answer, "after the restart")


@check("5.3", Weight.RECOMMENDED)
def refill(bench: Bench) -> None:
    """A stock that was asked for more than it has answers 503, and gives keys again later."""
    size = min(bench.limit("max_key_size"), EXHAUSTING_BITS)
    wanted = {"number": max(1, min(bench.limit("max_key_per_request"), EXHAUSTING_BITS // max(1, size))), "size": size}
    path = path_of(bench.slave.party.sae_id, "enc_keys")
    for _ in range(EXHAUSTING):
        told = _stock_told(bench)
        answer = bench.ask(bench.master, "POST", path, wanted)
        if answer.status == UNAVAILABLE:
            bench.told_when_short = None if told is None else (told, wanted["number"] * wanted["size"])
            break
        expect(answer.status == OK, f"{wanted}: {described(answer)} instead of 200 or 503")
    else:
        raise SkipError(f"the stock outlasts {EXHAUSTING} requests of {wanted['number']} keys of {wanted['size']} bits")
    again = bench.enc({})
    text = f"no key for {bench.patience.refill_s:g} s after the first 503: {described(again)}"
    expect(again.status == OK, text)
    bench.taken(again, "after 503", 1)


def _stock_told(bench: Bench) -> int | None:
    """Bits in stock, as Status says."""
    with suppress(DeviationError):
        stored = bench.status().get("stored_key_count")
        return stored * bench.limit("key_size") if type(stored) is int else None
    return None


# what was observed


@check("6.1")
def stock_told(bench: Bench) -> None:
    """Keys that stored_key_count counts can be had: no 503 for a request that is within them."""
    if bench.told_when_short is None:
        raise SkipError("no request was 503 after a Status with stored_key_count")
    told, asked = bench.told_when_short
    expect(told < asked, f"a request for {asked} bits was 503 when stored_key_count had just said {told} bits")


@check("6.3")
def container_form(bench: Bench) -> None:
    """Every Key container has keys with UUIDs and padded base64, as the tables of clause 6.3 say."""
    _none(bench, "200", lambda status: status == OK)


@check("6.5")
def error_form(bench: Bench) -> None:
    """Every 400 and 503 has an Error: a string 'message', 'details' an array of objects."""
    _none(bench, "400 or 503", lambda status: status in {BAD, UNAVAILABLE})


def _none(bench: Bench, kind: str, wanted: Callable[[int], bool]) -> None:
    seen = [one for one in bench.seen if wanted(one.status)]
    if not seen:
        raise SkipError(f"no answer was {kind}")
    bad = [one for one in seen if one.problem]
    if bad:
        raise DeviationError(f"{len(bad)} of {len(seen)}, such as {bad[0].what}: {bad[0].problem}")


@check("5.1")
def content_type(bench: Bench) -> None:
    """Every 200, 400 and 503 is application/json."""
    seen = [one for one in bench.seen if one.status in {OK, BAD, UNAVAILABLE}]
    bad = [one for one in seen if one.content_type.partition(";")[0].strip().lower() != "application/json"]
    expect(not bad, f"{len(bad)} of {len(seen)}, such as the {bad[0].status} to {bad[0].what}" if bad else "")


@check("5.2", Weight.OPEN)
def status_codes(bench: Bench) -> None:
    """Every answer is one of 200, 400, 401 and 503."""
    others = [one for one in bench.seen if one.status not in {0, OK, BAD, UNAUTHORISED, UNAVAILABLE}]
    expect(not others, f"{len(others)} others, such as {others[0].status} to {others[0].what}" if others else "")


@check("5.1", Weight.RECOMMENDED)
def no_store(bench: Bench) -> None:
    """Every answer with keys forbids caching (Cache-Control: no-store)."""
    keys = [one for one in bench.seen if one.status == OK and not one.what.endswith("status")]
    bad = sum("no-store" not in one.cache.lower() for one in keys)
    expect(not bad, f"{bad} of {len(keys)} answers with keys may be cached")


@check("5.3", Weight.RECOMMENDED)
def bounded_wait(bench: Bench) -> None:
    """Every request gets a whole answer, in bounded time."""
    silent = [one for one in bench.seen if not one.status]
    text = f"{len(silent)} of {len(bench.seen)} do not, such as "
    expect(not silent, text + f"{silent[0].what}: {silent[0].problem}" if silent else "")


@check("6.3")
def fresh_keys(bench: Bench) -> None:
    """No key and no key_ID is delivered to a master twice."""
    expect(not bench.repeated, f"{bench.repeated} of {bench.delivered} keys or ids came before")


@check("6.3")
def secret_keys(bench: Bench) -> None:
    """No key is constant, or a hash of its key_ID."""
    expect(not bench.guessed, f"{bench.guessed} of {bench.delivered} keys can be computed by everybody")
