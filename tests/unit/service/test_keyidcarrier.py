"""Who carries the key id: two ends come together on one key, whatever fails, and lose nothing while all is well."""

import itertools
import random

import pytest

from qit4n.errors import ProtocolError, RotationError
from qit4n.service import keyidcarrier as carrier
from qit4n.service.client import SharedKey

ENDS = ("master", "slave")


class KMEs:
    """The key managers of both: each key is given once to each."""

    def __init__(self):
        self.made, self._waiting = itertools.count(1), {}

    def get(self):
        number = next(self.made)
        key = SharedKey(f"key-{number}", number.to_bytes(32))
        self._waiting[key.key_id] = key
        return key

    def fetch(self, key_id):
        if key_id not in self._waiting:
            raise RotationError("one or more keys specified are not found on KME")
        return self._waiting.pop(key_id)


class End:
    """An encryptor with two slots, as the driver of WireGuard has them, and the steps of one side."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.slots, self.number, self.installed, self.had = {}, 0, 0, set()
        self.side, self.inbox, self.result, self.failed, self.hearing = None, [], None, None, False

    def connect(self):
        master = self.name == "master"
        self.side = carrier.greet(self.number) if master else carrier.slave(self.number, self.installed)
        self.inbox, self.result, self.failed, self.hearing = [], None, None, False

    def sends_under(self):
        return self.slots[self.number % 2]

    def can_move(self):
        return self.side is not None and (not self.hearing or self.inbox)

    def move(self):
        """One step; how the side ended: None while it goes on, else the number to go on from."""
        if self.hearing:
            self.result, self.hearing = self.inbox.pop(0), False
        failed, result, self.failed, self.result = self.failed, self.result, None, None
        try:
            step = self.side.throw(failed) if failed else self.side.send(result)
        except StopIteration as ended:
            return self.number if ended.value is None else max(self.number, ended.value)
        except RotationError:
            return self.number
        try:
            self.result = self.do(step)
        except RotationError as error:
            self.failed = error
        return None

    def do(self, step):
        if isinstance(step, carrier.Hear):
            self.hearing = True
            return None
        if isinstance(step, carrier.Say):
            self.world.other(self).inbox.append(carrier.decode(carrier.encode(step.message)))
            return None
        if not isinstance(step, carrier.Drop) and self.world.dice.random() < self.world.failures:
            raise RotationError("something failed")
        match step:
            case carrier.Get():
                return self.world.kmes.get()
            case carrier.Fetch(key_id):
                return self.world.kmes.fetch(key_id)
            case carrier.Install(number, key):
                assert key.key_id not in self.had, "one key, two rotations"
                self.had.add(key.key_id)
                if not self.world.failures and self.number and self.world.other(self).number:
                    assert number % 2 != self.number % 2, "an end sends under what is replaced"
                    sent_under = self.world.other(self).sends_under()
                    assert self.slots.get(number % 2) != sent_under, "the other end sends under what is replaced"
                self.slots[number % 2], self.installed = key.value, number
            case carrier.Use(number):
                self.number, self.installed = number, 0
                self.world.check()
            case carrier.Drop(number):
                self.slots[number % 2], self.installed = None, 0
        return None


class World:
    """Both ends, and a connection that breaks at any moment."""

    def __init__(self, seed, failures=0.0, breaks=0.0):
        self.dice, self.failures, self.breaks = random.Random(seed), failures, breaks
        self.kmes, self.ends = KMEs(), [End(self, name) for name in ENDS]

    def other(self, end):
        return self.ends[1 - self.ends.index(end)]

    def check(self):
        """What each end sends under is what the other can receive under."""
        for end in self.ends:
            if end.number:
                assert end.sends_under() in self.other(end).slots.values(), (end.name, end.number)

    def connect(self):
        for end in self.ends:
            end.connect()

    def run(self, steps):
        self.connect()
        for _ in range(steps):
            able = [end for end in self.ends if end.can_move()]
            if not able or self.dice.random() < self.breaks:
                self.connect()
                continue
            end = self.dice.choice(able)
            ended = end.move()
            if ended is not None and end.name == "master":
                end.side = carrier.master(carrier.next_number(ended, 0))
            elif ended is not None:
                self.connect()


def test_keys_follow_each_other():
    """Nothing fails: each rotation ends with both ends on the same fresh key, and no traffic is ever without one."""
    world = World(1)
    world.run(2000)
    assert world.ends[0].number > 100
    assert next(world.kmes.made) - world.ends[0].number <= 2


@pytest.mark.parametrize("seed", range(200))
def test_breaks_and_failures_waste_keys_at_most(seed):
    """Connections break and steps fail at random: what one end sends under, the other can receive under."""
    world = World(seed, failures=0.03 if seed % 2 else 0.0, breaks=0.05)
    world.run(1500)
    world.failures = world.breaks = 0.0
    world.run(200)
    assert world.ends[0].number - world.ends[1].number in {0, 1}
    assert world.ends[0].number > 20


def test_one_of_two_is_master():
    """By the order of the SAE IDs, whoever starts first; an application alone is refused."""
    assert carrier.is_master("gateway-east", "gateway-west")
    assert not carrier.is_master("gateway-west", "gateway-east")
    with pytest.raises(ProtocolError, match="itself"):
        carrier.is_master("a", "a")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[1]",
        b'{"type":"Offer"}',
        b'{"type":"Hello","number":"1"}',
        b'{"type":"Hello","number":1,"x":2}',
        b"\xff",
    ],
)
def test_what_no_agent_says_is_refused(line):
    """Malformed lines, missing, wrong and unknown members."""
    with pytest.raises(ProtocolError, match="no agent says"):
        carrier.decode(line)


def test_the_next_number_is_above_both():
    """An end that was started again remembers nothing: the slots of the other one decide."""
    assert [carrier.next_number(*numbers) for numbers in ((0, 8), (8, 0), (8, 7))] == [9, 9, 9]


def test_a_withdrawn_key_is_dropped():
    """At both ends: the slave is told, the master says why."""
    slave = carrier.slave(0)
    for result in (None, carrier.Hello(number=0), None):
        slave.send(result)
    assert slave.send(carrier.Offer(number=1, key_id="k")) == carrier.Fetch("k")
    assert isinstance(slave.send(SharedKey("k", b"1")), carrier.Install)
    assert slave.send(None) == carrier.Say(carrier.Ready(number=1))
    slave.send(None)
    assert slave.send(carrier.Withdraw(number=1, reason="no handshake")) == carrier.Drop(1)
    master = carrier.master(1)
    for result in (None, SharedKey("k", b"1"), None, None):
        master.send(result)
    assert master.send(carrier.Ready(number=1)) == carrier.Use(1)
    assert master.throw(RotationError("no handshake")) == carrier.Drop(1)
    assert master.send(None) == carrier.Say(carrier.Withdraw(number=1, reason="no handshake"))


def test_messages_out_of_turn_are_refused():
    """A Switch before an Offer, a Ready for another number, an Offer in answer to an Offer."""
    slave = carrier.slave(0)
    assert slave.send(None) == carrier.Hear()
    assert slave.send(carrier.Hello(number=0)) == carrier.Say(carrier.Hello(number=0))
    assert slave.send(None) == carrier.Hear()
    with pytest.raises(ProtocolError, match="Switch"):
        slave.send(carrier.Switch(number=1))
    for told in (carrier.Ready(number=2), carrier.Offer(number=1, key_id="k"), carrier.Hello(number=1)):
        master = carrier.master(1)
        steps = [master.send(None), master.send(SharedKey("k", b"1")), master.send(None), master.send(None)]
        assert steps[-1] == carrier.Hear()
        with pytest.raises(ProtocolError, match="Ready 1 was due"):
            master.send(told)
