"""Places for the work of many: so many in all, so many for one of them, and who has the fewest is next."""

from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred


class Slots:
    """At most ``total`` works at once and ``each`` of one key; the last ``spare`` places are for keys that have none.

    So whoever has works that take long waits for them alone.
    """

    def __init__(self, *, total: int, each: int, spare: int) -> None:
        self._free = total
        self._each = each
        self._spare = spare
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, deque[Deferred[bool]]] = {}  # who has had a turn goes to the end
        self._filling = False

    def run(self, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None]:
        """Do ``work`` when there is a place for it; fires when it is done, or was dropped before."""
        turn: Deferred[bool] = Deferred()
        self._waiting.setdefault(key, deque()).append(turn)
        done = turn.addCallback(self._begin, key, work)
        self._fill()
        return done

    def drop(self, key: str) -> None:
        """Do nothing of what waits for a place for ``key``."""
        for turn in self._waiting.pop(key, ()):
            turn.callback(False)

    def _begin(self, has_turn: bool, key: str, work: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None] | None:
        return Deferred.fromCoroutine(work()).addBoth(self._ended, key) if has_turn else None

    def _ended(self, result: None, key: str) -> None:
        self._free += 1
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]
        self._fill()
        return result

    def _fill(self) -> None:
        if self._filling:
            return  # a work that ended at once: whoever began it goes on here
        self._filling = True
        while (key := self._next()) is not None:
            waiting = self._waiting.pop(key)
            turn = waiting.popleft()
            if waiting:
                self._waiting[key] = waiting
            self._free -= 1
            self._running[key] += 1
            turn.callback(True)
        self._filling = False

    def _next(self) -> str | None:
        if not self._free:
            return None
        most = self._each if self._free > self._spare else 1
        able = (key for key in self._waiting if self._running[key] < most)
        return min(able, key=lambda key: self._running[key], default=None)
