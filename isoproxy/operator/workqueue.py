"""Keyed work, coalesced: any number of wake-ups make one run, and a key's runs never overlap."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import txaio
from twisted.internet.defer import Deferred, DeferredList, DeferredSemaphore
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from isoproxy.kube.errors import KubeError
from isoproxy.model.parsing import InvalidObject
from isoproxy.operator.backoff import backoff

log = txaio.make_logger()

CONCURRENCY = 64
"""Bounds who observes and plans, and waits for answers; how much is asked at once, bounds whoever asks."""


@dataclass(slots=True)
class _Key:
    running: bool = False
    again: bool = False
    failures: int = 0
    not_before: float = -math.inf
    call: IDelayedCall | None = None


class Workqueue:
    """Runs ``work(key)`` after each wake-up, at most ``CONCURRENCY`` keys at once.

    ``work`` returns in how many seconds it wants to run again at the latest (infinity: not by itself). If it raises,
    it is run again after a back-off with jitter, which wake-ups do not shorten; it never ends the queue.
    """

    def __init__(
        self,
        *,
        clock: IReactorTime,
        work: Callable[[str], Awaitable[float]],
        jitter: Callable[[], float],
        called: Callable[[str], str] = str,
    ) -> None:
        """``called`` says what a key is called in the log."""
        self._clock = clock
        self._work = work
        self._jitter = jitter
        self._called = called
        self._keys: dict[str, _Key] = {}
        self._slots = DeferredSemaphore(CONCURRENCY)
        self._runs: set[Deferred[Any]] = set()
        self._stopped = False

    def wake(self, key: str, delay: float = 0.0) -> None:
        """Ask for a run in ``delay`` seconds; an earlier wake-up stands."""
        if self._stopped:
            return
        entry = self._keys.setdefault(key, _Key())
        if entry.running:
            entry.again = entry.again or delay == 0.0
            return
        when = max(self._clock.seconds() + delay, entry.not_before)
        if entry.call is not None:
            if entry.call.getTime() <= when:
                return
            entry.call.cancel()
        entry.call = self._clock.callLater(max(0.0, when - self._clock.seconds()), self._begin, key, entry)

    def forget(self, key: str) -> bool:
        """Drop a key unless it is just running; returns whether it is gone."""
        entry = self._keys.get(key)
        if entry is None:
            return True
        if entry.running:
            return False
        if entry.call is not None:
            entry.call.cancel()
        del self._keys[key]
        return True

    def stop(self) -> Deferred[Any]:
        """Begin nothing more; fires when the runs under way have ended."""
        self._stopped = True
        for entry in self._keys.values():
            if entry.call is not None:
                entry.call.cancel()
                entry.call = None
        return DeferredList(list(self._runs), consumeErrors=True)

    def _begin(self, key: str, entry: _Key) -> None:
        entry.call = None
        entry.running = True
        run = self._slots.run(lambda: Deferred.fromCoroutine(self._run(key, entry)))
        self._runs.add(run)
        run.addCallback(self._ended, key, entry, run)

    async def _run(self, key: str, entry: _Key) -> float:
        try:
            wanted = await self._work(key) if not self._stopped else math.inf
        except Exception as error:
            called = self._called(key)
            entry.failures += 1
            delay = backoff(entry.failures, error, self._jitter)
            entry.not_before = self._clock.seconds() + delay
            if isinstance(error, KubeError | InvalidObject):  # what an API server said; the rest is a fault of ours
                log.warn("{called}: {error}; trying again in {delay:.1f} s", called=called, error=error, delay=delay)
            else:
                log.failure("{called}: failed; trying again in {delay:.1f} s", called=called, delay=delay)
            return delay
        entry.failures = 0
        entry.not_before = -math.inf
        return wanted

    def _ended(self, wanted: float, key: str, entry: _Key, run: Deferred[Any]) -> None:
        self._runs.discard(run)
        entry.running = False
        again, entry.again = entry.again, False
        if again or wanted < math.inf:
            self.wake(key, 0.0 if again else wanted)
