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

    One that is due lets the reactor look at its sockets first: timers come before them, and the process may have stood
    still. What has come meanwhile is to be heard before anybody is held to have said nothing.
    """

    def __init__(self, *, time: TimeSource, function: Callable[[float], None]) -> None:
        """``function`` is given the time."""
        self._time = time
        self._function = function
        self._interval: float | None = None
        self._timer: IDelayedCall | None = None

    def every(self, seconds: float) -> None:
        """Sweep with this interval from now on; nothing happens if that is so already."""
        if seconds == self._interval:
            return  # begun anew each time, one that is told more often than it sweeps would never sweep
        self.stop()
        self._interval = seconds
        self._timer = self._time.call_later(seconds, self._wake, seconds)

    def stop(self) -> None:
        """Sweep no more; idempotent."""
        self._interval = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self, seconds: float) -> None:
        self._timer = self._time.call_later(0, self._sweep, seconds)

    def _sweep(self, seconds: float) -> None:
        self._timer = self._time.call_later(seconds, self._wake, seconds)
        try:
            self._function(self._time.monotonic())
        except Exception:
            log.failure("a sweep failed")
