"""How two applications come to use the same key: who asks for it, who is told its id, and when both begin to use it.

ETSI GS QKD 014 leaves open how a key id gets from the application that asks (master) to the one that fetches (slave).
Here the one with the smaller SAE ID is master, whichever of them starts first. One *rotation* replaces the key in use::

    master                                   slave
      Get key, install it
      Offer(number, key id)          ->        Get key with key IDs, install it
                                     <-      Ready(number)
      use it
      Switch(number)                 ->        use it
                                     <-      Switched(number)

*Install* means able to receive under the new key beside the old one, *use* means to send under it: so nothing that is
under way is lost. When the slave cannot, it answers ``Refused``; when the master cannot, it says ``Withdraw``. A key
that was offered is never offered again. A connection begins with a :class:`Hello` of the master, then one of the slave:
the number of what each uses. Between the two the slave follows a master that uses a key already which the slave has
installed, as after a break in the middle of a rotation: before that the master may not replace the older one. The next
number is above both.

Each side is a generator: it yields steps and is sent their results, or has what went wrong (:class:`RotationError`)
thrown in. Whoever drives it (``adapters/encryptoragent.py``) does the input and output.
"""

import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import msgspec

from qit4n.errors import ProtocolError, RotationError
from qit4n.service.sharedkey import SharedKey

MOST_BYTES = 4096


class _Said(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    number: int


class Hello(_Said, frozen=True, kw_only=True):
    """First message of each end, the master's first: the number of the key that it uses, 0 for none."""


class Offer(_Said, frozen=True, kw_only=True):
    """The master has a key with this id and can receive under it."""

    key_id: str


class Ready(_Said, frozen=True, kw_only=True):
    """The slave can receive under it too."""


class Refused(_Said, frozen=True, kw_only=True):
    """The slave cannot; ``reason`` is for people."""

    reason: str


class Switch(_Said, frozen=True, kw_only=True):
    """The master uses it."""


class Switched(_Said, frozen=True, kw_only=True):
    """The slave uses it too."""


class Withdraw(_Said, frozen=True, kw_only=True):
    """The master cannot use it."""

    reason: str


Message = Hello | Offer | Ready | Refused | Switch | Switched | Withdraw
_DECODER: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """A message as one line of JSON."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes) -> Message:
    """The message of a line.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ProtocolError("the other end said what no agent says; is it of another version?") from None


@dataclass(frozen=True)
class Get:
    """Step: a fresh key from the own KME; gives a :class:`SharedKey`."""


@dataclass(frozen=True)
class Fetch:
    """Step: the key with this id from the own KME; gives a :class:`SharedKey`."""

    key_id: str


@dataclass(frozen=True)
class Install:
    """Step: be able to receive under the key."""

    number: int
    key: SharedKey


@dataclass(frozen=True)
class Use:
    """Step: send under the key with this number; an error if traffic under it is not possible."""

    number: int


@dataclass(frozen=True)
class Drop:
    """Step: forget the key with this number, which was not used."""

    number: int


@dataclass(frozen=True)
class Say:
    """Step: send a message."""

    message: Message


@dataclass(frozen=True)
class Hear:
    """Step: the next message; gives it."""


Step = Get | Fetch | Install | Use | Drop | Say | Hear
Side = Generator[Step, Any, Any]


def is_master(own: str, peer: str) -> bool:
    """Whether the application ``own`` asks for the keys that it shares with ``peer``.

    Raises:
        ProtocolError: they are the same.
    """
    if own == peer:
        raise ProtocolError(f"{own} cannot share keys with itself; the two ends are two applications")
    return own < peer


def next_number(own: int, peer: int) -> int:
    """The number of the next rotation, by the numbers of the two hellos."""
    return max(own, peer) + 1


def greet(number: int) -> Generator[Step, Any, int]:
    """The beginning of a connection, at the master, which uses ``number``; gives that of the slave."""
    yield Say(Hello(number=number))
    return _hello((yield Hear())).number


def master(number: int) -> Side:
    """One rotation, at the master.

    Raises:
        RotationError: it was given up; the old key is in use.
    """
    key: SharedKey = yield Get()
    yield Install(number, key)
    try:
        yield Say(Offer(number=number, key_id=key.key_id))
        _expect(Ready, number, (yield Hear()))
    except RotationError:
        yield Drop(number)
        raise
    try:
        yield Use(number)
    except RotationError as error:
        yield Drop(number)
        yield Say(Withdraw(number=number, reason=str(error)))
        raise
    yield Say(Switch(number=number))
    _expect(Switched, number, (yield Hear()))


def slave(number: int, installed: int = 0) -> Side:
    """All of one connection, at the slave: ``number`` is what it uses, ``installed`` what it could use instead."""
    hello = _hello((yield Hear()))
    if installed and installed == hello.number:
        with contextlib.suppress(RotationError):  # the next key is another way to come together
            yield Use(installed)
            number = installed
    yield Say(Hello(number=number))
    while True:
        offer = yield Hear()
        if not isinstance(offer, Offer):
            raise ProtocolError(f"the master said {type(offer).__name__} where it offers a key")
        try:
            yield Install(offer.number, (yield Fetch(offer.key_id)))
        except RotationError as error:
            yield Say(Refused(number=offer.number, reason=str(error)))
            continue
        yield Say(Ready(number=offer.number))
        told = yield Hear()
        if isinstance(told, Withdraw):
            yield Drop(offer.number)
            continue
        _expect(Switch, offer.number, told)
        yield Use(offer.number)
        yield Say(Switched(number=offer.number))


def _hello(told: Message) -> Hello:
    if not isinstance(told, Hello):
        raise ProtocolError(f"the other end began with {type(told).__name__}")
    return told


def _expect(kind: type[_Said], number: int, told: Message) -> None:
    if isinstance(told, Refused):
        raise RotationError(f"the other end refused: {told.reason}")
    if not isinstance(told, kind) or told.number != number:
        raise ProtocolError(
            f"the other end said {type(told).__name__} {told.number} where {kind.__name__} {number} was due"
        )
