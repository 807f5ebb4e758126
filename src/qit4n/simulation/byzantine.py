"""A site that says anything, and an attacker below TLS who alters relays.

A Byzantine site's machine works as it should; its mouth does not: what it sends is dropped, repeated, kept back,
altered, or made up from words it has heard. It speaks under its own identity, as its certificate makes it. An
attacker who has broken TLS may do the same with :class:`~qit4n.refpoints.kx.RelayKey`, which has tags of its own.
"""

import random
from collections.abc import Callable
from typing import Any, get_args

import msgspec

from qit4n.refpoints import kx
from qit4n.simulation.part import Part
from qit4n.simulation.watcher import Watcher

Said = list[tuple[str, kx.KxMessage]]
MEMORY = 60
LEAST, MOST = -(2**63), 2**64 - 1  # what fits on the wire


class Forger:
    """Alters and makes up messages from values it has seen in others."""

    def __init__(self, dice: random.Random) -> None:
        """Without any words yet."""
        self._dice = dice
        self._words: dict[type, list[Any]] = {
            str: ["", "x"],
            bytes: [b"", b"\0"],
            int: [-1, 0, 1, 2**63 - 1, LEAST, MOST],
        }
        self.messages: list[kx.KxMessage] = []

    def hear(self, message: kx.KxMessage) -> None:
        """Remember a message and its words."""
        self.messages = [*self.messages[-MEMORY:], message]
        self._learn(message)

    def _learn(self, value: Any) -> None:
        if isinstance(value, msgspec.Struct):
            for field in value.__struct_fields__:
                self._learn(getattr(value, field))
        elif isinstance(value, tuple | dict):
            for item in value.values() if isinstance(value, dict) else value:
                self._learn(item)
        else:
            words = self._words.setdefault(type(value), [])
            if len(words) < 5 * MEMORY:
                words.append(value)
            else:
                words[self._dice.randrange(6, len(words))] = value

    def altered(self, message: kx.KxMessage) -> kx.KxMessage:
        """The message with one field changed."""
        field = self._dice.choice(message.__struct_fields__)
        return msgspec.structs.replace(message, **{field: self._change(getattr(message, field))})

    def _change(self, value: Any) -> Any:
        if isinstance(value, msgspec.Struct):
            field = self._dice.choice(value.__struct_fields__)
            return msgspec.structs.replace(value, **{field: self._change(getattr(value, field))})
        if isinstance(value, tuple):
            return self._change_tuple(value)
        if isinstance(value, dict):
            key = self._dice.choice((*value, "x"))
            return {**value, key: self._change(value.get(key, ()))} if self._dice.randrange(4) else {}
        if isinstance(value, bytes) and value and self._dice.random() < 0.7:  # noqa: PLR2004
            place = self._dice.randrange(len(value))
            return value[:place] + bytes([value[place] ^ 1 << self._dice.randrange(8)]) + value[place + 1 :]
        if isinstance(value, int) and self._dice.random() < 0.5:  # noqa: PLR2004
            return min(max(value + self._dice.choice((-32, -1, 1, 32)), LEAST), MOST)
        return self._dice.choice(self._words[type(value)])

    def _change_tuple(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        items = list(value)
        kind = self._dice.choice(("drop", "double", "shuffle", "change", "change", "empty"))
        if not items or kind == "empty":
            return ()
        place = self._dice.randrange(len(items))
        if kind == "drop":
            del items[place]
        elif kind == "double":
            items.insert(place, items[place])
        elif kind == "shuffle":
            self._dice.shuffle(items)
        else:
            items[place] = self._change(items[place])
        return tuple(items)

    def invented(self) -> kx.KxMessage | None:
        """A message of a kind it has heard, with several fields changed; None if it has heard none."""
        if not self.messages:
            return None
        message = self._dice.choice(self.messages)
        for _ in range(self._dice.randint(1, 3)):
            message = self.altered(message)
        return self._as(self._dice.choice(get_args(kx.KxMessage)), message)

    def _as(self, kind: type[kx.KxMessage], message: kx.KxMessage) -> kx.KxMessage:
        """The same fields under another name, if it has them all."""
        fields = {name: getattr(message, name) for name in message.__struct_fields__}
        if self._dice.random() < 0.5 and set(kind.__struct_fields__) == set(fields):  # noqa: PLR2004
            return kind(**fields)
        return message


class Byzantine(Part, Watcher):
    """One site says anything while the fault lasts, with words that it has said or heard."""

    interval_s = 0.7

    def setup(self) -> None:
        """Take the mouth of the site that the ledger knows as a liar."""
        self.forger = Forger(self.dice)
        self.kept: Said = []
        for name in self.run.ledger.liars:
            self.run.world.sites[name].mouth = self.say
            self.name = name
            self.note(name, "Byzantine")
        self.run.world.watchers.append(self)
        super().setup()

    def received(self, site: str, peer: str, message: kx.KxMessage) -> None:
        """Remember what it is told."""
        del peer
        if site == self.name:
            self.forger.hear(message)

    def say(self, peer: str, message: kx.KxMessage) -> Said:
        """What is sent instead of a message."""
        self.forger.hear(message)
        tricks: tuple[tuple[float, Callable[[str, kx.KxMessage], Said]], ...] = (
            (0.05, lambda *_: []),
            (0.10, lambda to, said: [(to, said)] * 2),
            (0.20, lambda to, said: [(to, self.forger.altered(said))]),
            (0.25, self._keep),
            (0.30, lambda to, said: [(to, said), (to, self.dice.choice(self.forger.messages))]),
            (0.33, lambda _, said: [(self._anybody(), said)]),
        )
        chance = self.dice.random()
        trick = next((trick for limit, trick in tricks if chance < limit), None)
        if trick is None:
            return [(peer, message)]
        self.note(self.name, "lie", type(message).__name__, "to", peer)
        return trick(peer, message)

    def _keep(self, peer: str, message: kx.KxMessage) -> Said:
        """Say it later, after something else."""
        said, self.kept = self.kept, [(peer, message)]
        return said

    def _anybody(self) -> str:
        return self.dice.choice([name for name in self.run.world.sites if name != self.name])

    def step(self) -> None:
        """Say something unasked."""
        message = self.forger.invented()
        if message is not None and self.run.world.sites[self.name].up:
            peer = self._anybody()
            self.note(self.name, "invents", "to", peer, message)
            self.run.world.way(self.name, peer).send(message)

    def stop(self) -> None:
        """Speak the truth again."""
        super().stop()
        self.run.world.sites[self.name].mouth = None


class Tampering(Part):
    """An attacker below TLS alters, repeats and delays relays between honest sites; their tags must show it."""

    def setup(self) -> None:
        """Listen at every site."""
        self.forger = Forger(self.dice)
        self.said: Said = []
        for site in self.run.world.sites.values():
            if site.mouth is None:
                site.mouth = self.tamper
                self.note(site.id, "tampering")

    def tamper(self, peer: str, message: kx.KxMessage) -> Said:
        """What arrives instead of a message."""
        if not isinstance(message, kx.RelayKey):
            return [(peer, message)]
        self.forger.hear(message)
        chance = self.dice.random()
        if chance < 0.1:  # noqa: PLR2004
            altered = self.forger.altered(message)
            self.note("-", "altered relay", message.chunk)
            return [(peer, altered)]
        if chance < 0.2:  # noqa: PLR2004
            self.note("-", "repeated relay", message.chunk)
            return [(peer, message), (peer, message)]
        return [(peer, message)]

    def stop(self) -> None:
        """Leave all sites alone."""
        super().stop()
        for site in self.run.world.sites.values():
            if site.mouth == self.tamper:
                site.mouth = None
