"""Coarse timers of many connections, at no cost for each.

Not txaio's batched timers: they know no reactor but the global one, fire early, and are the slower to cancel the more
there are.
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import txaio
from twisted.internet.interfaces import IDelayedCall

from isoproxy.timesource import TimeSource

log = txaio.make_logger()

T = TypeVar("T")


class Aging(Generic[T]):
    """Hands over each item when it is ``seconds`` old. With one age for all they come due in order: one timer does."""

    def __init__(self, *, time: TimeSource, seconds: float, due: Callable[[T], None]) -> None:
        """``due`` must find out itself whether an item still matters: none is ever taken back."""
        self._time = time
        self._seconds = seconds
        self._due = due
        self._items: deque[tuple[float, T]] = deque()
        self._timer: IDelayedCall | None = None

    def add(self, item: T) -> None:
        """An item is new."""
        at = self._time.monotonic() + self._seconds
        self._items.append((at, item))
        if self._timer is None:
            self._timer = self._time.call_later(self._seconds, self._wake)

    def stop(self) -> None:
        """Forget all items; idempotent."""
        self._items.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        self._timer = None
        now = self._time.monotonic()
        while self._items and self._items[0][0] <= now:
            self._due(self._items.popleft()[1])
        if self._items and self._timer is None:
            self._timer = self._time.call_later(self._items[0][0] - now, self._wake)


class Sweep:
    """Calls a function every so often, whatever it raises.

    A sweep that is late by more than its interval is left out, and the next is not: the process stood still, and timers
    come before sockets. What has come meanwhile is to be heard before anybody is held to have said nothing.
    """

    def __init__(self, *, time: TimeSource, function: Callable[[float], None]) -> None:
        """``function`` is given the time."""
        self._time = time
        self._function = function
        self._timer: IDelayedCall | None = None
        self._was_late = False

    def every(self, seconds: float) -> None:
        """Sweep with this interval from now on."""
        self.stop()
        self._was_late = False
        self._set_timer(seconds)

    def stop(self) -> None:
        """Sweep no more; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, seconds: float) -> None:
        due = self._time.monotonic() + seconds
        self._timer = self._time.call_later(seconds, self._wake, seconds, due)

    def _wake(self, seconds: float, due: float) -> None:
        now = self._time.monotonic()
        self._set_timer(seconds)
        self._was_late = now - due > seconds and not self._was_late
        if self._was_late:
            return
        try:
            self._function(now)
        except Exception:
            log.failure("a sweep failed")
