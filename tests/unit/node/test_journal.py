"""The journal: durable before visible, in order, all lost together when the store fails."""

import asyncio

import pytest

from qit4n.errors import StoreFullError, StoreLostError
from qit4n.keys.step import Answer, Step
from qit4n.keys.store import Erase
from qit4n.node.journal import Journal


class Recorder:
    """A store and an actor that write down what happens in one list."""

    def __init__(self):
        self.events = []
        self.broken = False
        self.owned = True

    def load(self, _kind):
        return []

    def check(self):
        if self.broken:
            raise StoreLostError("another one owns it")
        self.events.append("check")

    def commit(self, writes):
        if self.broken:
            raise StoreFullError("full")
        self.events.append(("commit", [write.key for write in writes]))

    def committed(self, writes):
        self.events.append(("mark", [write.key for write in writes]))

    def perform(self, action):
        self.events.append(("act", action.request))


def step(number):
    return Step([Erase("kind", str(number))], [Answer(number, None)])


async def with_journal(work):
    recorder, failures = Recorder(), []
    journal = Journal(recorder, recorder.perform, failures.append, recorder.committed)
    task = asyncio.create_task(journal.run())
    try:
        await work(journal, recorder, failures)
    finally:
        task.cancel()
        journal.close()


async def test_actions_come_after_their_commit_and_in_order():
    """Nothing is carried out before its write is durable and marked; later steps never overtake earlier ones."""

    async def work(journal, recorder, _):
        await asyncio.gather(*(journal.carry_out(step(number)) for number in range(20)))
        acts = [event[1] for event in recorder.events if event[0] == "act"]
        assert acts == list(range(20))
        committed = set()
        for kind, what in recorder.events:
            if kind == "mark":
                committed |= set(what)
            elif kind == "act":
                assert str(what) in committed

    await with_journal(work)


async def test_steps_that_wait_share_a_commit():
    """Twenty steps at once are a few commits, not twenty (group commit)."""

    async def work(journal, recorder, _):
        await asyncio.gather(*(journal.carry_out(step(number)) for number in range(20)))
        assert sum(event[0] == "commit" for event in recorder.events) <= 3

    await with_journal(work)


async def test_a_step_without_writes_keeps_its_place():
    """An action without a write does not overtake one that waits for the disk."""

    async def work(journal, recorder, _):
        first = journal.carry_out(step(1))
        second = journal.carry_out(Step(actions=[Answer(2, None)]))
        await asyncio.gather(first, second)
        assert [event for event in recorder.events if event[0] == "act"] == [("act", 1), ("act", 2)]

    await with_journal(work)


async def test_a_failed_commit_loses_its_actions_and_tells():
    """A full disk: nothing of the step is said, the caller knows, and the journal goes on afterwards."""

    async def work(journal, recorder, failures):
        recorder.broken = True
        with pytest.raises(StoreFullError):
            await journal.carry_out(step(1))
        assert len(failures) == 1
        assert recorder.events == []
        assert journal.failure is failures[0]
        recorder.broken = False
        await journal.carry_out(step(2))
        assert recorder.events == [("commit", ["2"]), ("mark", ["2"]), ("act", 2)]
        assert journal.failure is None

    await with_journal(work)


async def test_who_may_not_own_the_store_any_more_asks_before_it_speaks():
    """A process that stood still says nothing, not even what needs no write, before the store has confirmed it."""

    async def work(journal, recorder, failures):
        recorder.owned = False
        await journal.carry_out(Step(actions=[Answer(1, None)]))
        assert recorder.events == ["check", ("act", 1)]
        recorder.broken = True
        with pytest.raises(StoreLostError):
            await journal.carry_out(Step(actions=[Answer(2, None)]))
        assert recorder.events == ["check", ("act", 1)]
        assert len(failures) == 1

    await with_journal(work)
