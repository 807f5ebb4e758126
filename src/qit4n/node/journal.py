"""Durable before visible: steps of a machine are written to the store, then their actions are carried out.

One thread writes; while it does, further steps gather and share the next commit (group commit). Actions are
carried out in the order of the steps, so that nothing that was sent can overtake what was sent before. The thread
stands ready: an executor's futures, locks and callbacks cost more than handing a small commit over does.
"""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable
from functools import partial
from typing import Protocol

from qit4n.adapters.sealedstore import SealedStore
from qit4n.errors import StoreError
from qit4n.keys.step import Action, Step
from qit4n.keys.store import Write

log = logging.getLogger(__name__)

_Job = tuple[Callable[[], None], asyncio.AbstractEventLoop, "asyncio.Future[None]"]


class Perform(Protocol):
    """Carries out one action whose step is durable."""

    def __call__(self, action: Action, /) -> None:
        """Carry it out."""
        ...


class Journal:
    """Commits steps of one store in order."""

    def __init__(
        self,
        store: SealedStore,
        perform: Perform,
        failed: Callable[[StoreError], None],
        committed: Callable[[list[Write]], None],
    ) -> None:
        """``committed`` is called in the writing thread after each commit, before anybody else hears of it.

        ``failed`` is called when a commit failed: all steps of it, and those that wait, are lost.
        """
        self._store = store
        self._committed = committed
        self._perform = perform
        self._failed = failed
        self._waiting: list[tuple[Step, asyncio.Future[None] | None]] = []
        self._wake = asyncio.Event()
        self.failure: StoreError | None = None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    def submit(self, step: Step) -> None:
        """Queue a step: it becomes durable, then its actions are carried out."""
        self._waiting.append((step, None))
        self._wake.set()

    async def carry_out(self, step: Step) -> None:
        """Queue a step and wait until it is durable and its actions are carried out.

        Raises:
            StoreError: the step is lost.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        """Commit until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, []
            writes = [write for step, _ in batch for write in step.writes]
            try:
                if writes:
                    await self._commit(writes)
                    self.failure = None
                elif not self._store.owned:
                    await self.check()
            except StoreError as error:
                self._lose(batch, error)
                continue
            for step, done in batch:
                for action in step.actions:
                    self._perform(action)
                if done is not None and not done.done():
                    done.set_result(None)

    async def check(self) -> None:
        """Whether this process still owns the store.

        Raises:
            StoreError: it does not.
        """
        await self._in_thread(self._store.check)

    async def prune(self, before: float) -> None:
        """Let go of a part of the audit trail from before a time, between two commits.

        Raises:
            StoreError: the store does not take writes.
        """
        await self._in_thread(partial(self._prune, before))

    def _prune(self, before: float) -> None:
        self._store.prune(before)

    async def _commit(self, writes: list[Write]) -> None:
        await self._in_thread(lambda: self._write(writes))

    async def _in_thread(self, work: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._jobs.put((work, loop, done))
        await done

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, loop, done = job
            error: BaseException | None = None
            try:
                work()
            except BaseException as raised:  # noqa: BLE001 - it is raised again where the work is awaited
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
                loop.call_soon_threadsafe(_settle, done, error)

    def _write(self, writes: list[Write]) -> None:
        self._store.commit(writes)
        self._committed(writes)

    def _lose(self, batch: list[tuple[Step, "asyncio.Future[None] | None"]], error: StoreError) -> None:
        log.error("the key store does not take writes: %s", error)
        self.failure = error
        lost, self._waiting = batch + self._waiting, []
        for _, done in lost:
            if done is not None and not done.done():
                done.set_exception(error)
        self._failed(error)

    def close(self) -> None:
        """End the writing thread after what it was given."""
        self._jobs.put(None)
        self._thread.join()


def _settle(done: "asyncio.Future[None]", error: BaseException | None) -> None:
    if done.done():  # who waited was cancelled
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
