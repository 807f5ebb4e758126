"""What the checks work with: the SAEs, calls that wait while a stock is filled, and a record of what was seen."""

import hashlib
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from qit4n.conformance.answers import (
    BAD,
    NUMBERS,
    OK,
    UNAVAILABLE,
    Key,
    container_problem,
    described,
    error_problem,
    read_keys,
)
from qit4n.conformance.caller import Answer, Caller, path_of
from qit4n.conformance.verdict import DeviationError, SkipError, expect

TYPICAL = {"key_size": 256, "max_key_per_request": 1, "max_key_size": 256, "min_key_size": 256}
PAUSE_S = 0.2
LATER = {UNAVAILABLE, 429}  # the second is no code of the document: a KME that limits the rate
LEAST_BYTES = 8  # of a key whose value says something


@dataclass(frozen=True)
class Seen:
    """What the observing checks want to know of an answer; no key is kept.

    ``problem`` says what is wrong with its form, or why none came.
    """

    what: str
    status: int
    content_type: str
    cache: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait and to press, in seconds."""

    refill_s: float = 30.0
    load_s: float = 5.0


class Bench:
    """The pair under test. ``stranger`` is an SAE that is not named for the pair's keys."""

    def __init__(
        self,
        master: Caller,
        slave: Caller,
        stranger: Caller | None = None,
        restart: Sequence[str] = (),
        patience: Patience | None = None,
    ) -> None:
        """Nothing is sent yet."""
        self.master, self.slave, self.stranger = master, slave, stranger
        self.restart = tuple(restart)
        self.patience = patience or Patience()
        self.seen: list[Seen] = []
        self.repeated = 0
        self.delivered = 0
        self.guessed = 0
        self.told_when_short: tuple[int, int] | None = None  # bits in stock by Status, bits then asked for and refused
        self._digests: set[bytes] = set()
        self._lock = threading.Lock()
        self._status: dict[str, Any] | None = None
        self._dry = False

    # calls of which the answers are recorded

    def ask(self, caller: Caller, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """Any request on a method of 014."""
        answer = caller.call(method, path, body, **more)
        what = f"{method} {path.rpartition('/')[2].partition('?')[0]}"
        form = answer.trouble
        if answer.status in {BAD, UNAVAILABLE}:
            form = error_problem(answer)
        elif answer.status == OK and not what.endswith("status"):
            form = container_problem(answer)
        kind = answer.headers.get("content-type", "")
        seen = Seen(what, answer.status, kind, answer.headers.get("cache-control", ""), form)
        with self._lock:
            self.seen.append(seen)
        return answer

    def enc(self, body: Any = None, *, query: str = "", caller: Caller | None = None, slave: str = "") -> Answer:
        """Get key, by POST if there is a body, else GET; waits while it is 503 or 429, unless in vain before."""
        caller = caller or self.master
        path = path_of(slave or self._other(caller), "enc_keys") + query
        until = time.monotonic() + (0.0 if self._dry else self.patience.refill_s)
        while True:
            answer = self.ask(caller, "GET" if body is None else "POST", path, body)
            if answer.status not in LATER or time.monotonic() > until:
                self._dry = answer.status in LATER
                return answer
            time.sleep(PAUSE_S)

    def dec(self, *key_ids: str, caller: Caller | None = None, master: str = "") -> Answer:
        """Get key with key IDs, by POST."""
        caller = caller or self.slave
        return self.ask(caller, "POST", path_of(master or self._other(caller), "dec_keys"), key_ids_of(*key_ids))

    def _other(self, caller: Caller) -> str:
        return (self.master if caller is self.slave else self.slave).party.sae_id

    # what a check starts from

    def keys(self, number: int = 1, *, caller: Caller | None = None, **wanted: Any) -> list[Key]:
        """Fresh keys.

        Raises:
            DeviationError: no keys, or another number of them.
            SkipError: no key for as long as patience lasts.
        """
        wanted |= {"number": number} if number != 1 else {}
        return self.taken(self.enc(wanted, caller=caller), "Get key", number)

    def taken(self, answer: Answer, what: str, number: int) -> list[Key]:
        """The keys of an answer to Get key, noted as delivered.

        Raises:
            DeviationError: no keys, or another number of them.
            SkipError: a 503.
        """
        if answer.status in LATER:
            raise SkipError(f"{what}: the KME had no key for {self.patience.refill_s:g} s ({described(answer)})")
        found = read_keys(answer, what)
        with self._lock:
            for key in found:
                self._note(key)
        expect(len(found) == number, f"{what}: {len(found)} keys instead of {number}")
        return found

    def _note(self, key: Key) -> None:
        name, digest = key.key_id.lower().encode(), hashlib.sha256(key.value).digest()
        self.delivered += 1
        self.repeated += bool({name, digest} & self._digests)
        self._digests |= {name, digest}
        plain = name.replace(b"-", b"")
        raw = bytes.fromhex(plain.decode()) if len(plain) == 32 and plain.isalnum() and _is_hex(plain) else plain  # noqa: PLR2004
        guesses = [hashlib.new(kind, text).digest() for kind in ("sha256", "sha512") for text in (name, plain, raw)]
        length = len(key.value)
        same = len(set(key.value)) == 1 or any(one[:length] == key.value[: len(one)] for one in guesses)
        self.guessed += length >= LEAST_BYTES and same

    def fetched(self, keys: Sequence[Key], what: str, *, caller: Caller | None = None, master: str = "") -> None:
        """Fetch these keys as the slave and compare.

        Raises:
            DeviationError: not delivered, others, or not equal.
        """
        self.compare(keys, self.dec(*(key.key_id for key in keys), caller=caller, master=master), what)

    def compare(self, keys: Sequence[Key], answer: Answer, what: str) -> None:
        """Whether an answer delivers exactly these keys.

        Raises:
            DeviationError: it does not.
        """
        delivered = read_keys(answer, what)
        found = {key.key_id.lower(): key.value for key in delivered}
        wanted = {key.key_id.lower(): key.value for key in keys}
        expect(found.keys() == wanted.keys(), f"{what}: other key_IDs than asked for")
        expect(len(delivered) == len(wanted), f"{what}: {len(delivered)} keys instead of {len(wanted)}")
        unequal = sum(found[name] != value for name, value in wanted.items())
        expect(not unequal, f"{what}: {unequal} of {len(keys)} keys differ from those that the master got")

    def refused(self, answer: Answer, what: str, *statuses: int) -> None:
        """Whether an answer refuses with one of these statuses.

        Raises:
            DeviationError: it does not.
        """
        wanted = " or ".join(map(str, statuses))
        expect(answer.status in statuses, f"{what}: {described(answer)} instead of {wanted}")

    def status(self, caller: Caller | None = None) -> dict[str, Any]:
        """The Status object.

        Raises:
            DeviationError: none came.
        """
        caller = caller or self.master
        answer = self.ask(caller, "GET", path_of(self._other(caller), "status"))
        if answer.status != OK or not answer.object:
            raise DeviationError(f"Get status: {described(answer)} instead of 200 with a JSON object")
        return answer.object

    def limit(self, name: str) -> int:
        """A number of the master's Status, something typical if it has none: other checks judge Status."""
        found = self._number(name)
        return TYPICAL[name] if found is None else found

    def stated(self, name: str) -> int:
        """A number of the master's Status.

        Raises:
            SkipError: it has none.
        """
        found = self._number(name)
        if found is None:
            raise SkipError(f"Get status tells no {name}")
        return found

    def _number(self, name: str) -> int | None:
        if self._status is None:
            self._status = self._first_status()
        value = self._status.get(name)
        return value if type(value) is int and 0 <= value < 1 << 31 else None

    def _first_status(self) -> dict[str, Any]:
        with suppress(DeviationError):
            return {one: value for one, value in self.status().items() if one in NUMBERS}
        return {}


def key_ids_of(*key_ids: str) -> dict[str, Any]:
    """A Key IDs object (clause 6.4)."""
    return {"key_IDs": [{"key_ID": key_id} for key_id in key_ids]}


def _is_hex(text: bytes) -> bool:
    return all(one in b"0123456789abcdef" for one in text)
