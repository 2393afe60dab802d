"""What may go on when the pass that began it is over: an answer that is slow to come holds up nothing else."""

from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from isoproxy.operator.slots import Slots
from isoproxy.timesource import TimeSource


class Underway:
    """Works by key. ``late`` is told the key of each that ends when nobody waited for it any more."""

    def __init__(self, *, time: TimeSource, slots: Slots, late: Callable[[str], None]) -> None:
        self._time = time
        self._slots = slots
        self._late = late
        self._runs: dict[str, set[Deferred[None]]] = {}

    def busy(self, key: str) -> bool:
        """Whether anything is under way."""
        return key in self._runs

    def begin(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None]:
        """Do ``work``, which never raises, as soon as there is a place for it; fires when it is done, or dropped."""
        run = self._slots.run(key, work)
        self._runs.setdefault(key, set()).add(run)
        return run.addCallback(self._ended, key, run)

    async def wait(self, key: str, runs: Collection[Deferred[None]], seconds: float) -> None:
        """Wait for what was begun, for so long: what has a place by then goes on, what has none is dropped."""
        runs = self._left(key, runs)
        if not runs:
            return
        patience = self._time.sleep(seconds)
        DeferredList(runs).addCallback(lambda _: patience.cancel())
        with suppress(CancelledError):
            await patience
        self._slots.drop(key)
        for run in self._left(key, runs):
            run.addCallback(lambda _: self._late(key))

    async def settled(self, key: str) -> None:
        """Wait until nothing is under way: every request ends in bounded time."""
        while self.busy(key):
            await DeferredList(list(self._runs[key]))

    def stop(self) -> Deferred[Any]:
        """Drop what waits for a place; fires when all that is under way has ended."""
        for key in list(self._runs):
            self._slots.drop(key)
        return DeferredList([DeferredList(list(runs)) for runs in self._runs.values()])

    def _left(self, key: str, runs: Collection[Deferred[None]]) -> list[Deferred[None]]:
        return [run for run in runs if run in self._runs.get(key, ())]

    def _ended(self, _: None, key: str, run: Deferred[None]) -> None:
        runs = self._runs[key]
        runs.discard(run)
        if not runs:
            del self._runs[key]
