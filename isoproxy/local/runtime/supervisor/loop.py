"""A minimal event loop: readable descriptors and timers. One thread, because forks want that."""

import heapq
import itertools
import selectors
import time
from collections.abc import Callable

_TIDY = 1000  # timers
_LONGEST = 3600.0  # seconds of one wait; epoll takes no more than 24 days


class Timer:
    """A call to come; `cancel` keeps it from coming, at any time."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop:
    """Calls back, one at a time, what was asked for; the caller turns it."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._tidy_at = _TIDY

    def when_readable(self, fd: int, callback: Callable[[], object]) -> None:
        """Call back whenever there is something to read, until `forget(fd)`."""
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def when_writable(self, fd: int, callback: Callable[[], object]) -> None:
        """Call back whenever there is room to write, until `forget(fd)`."""
        self._selector.register(fd, selectors.EVENT_WRITE, callback)

    def forget(self, fd: int) -> None:
        """Before it is closed. Idempotent."""
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back once, in so many seconds."""
        if len(self._timers) >= self._tidy_at:  # most are cancelled long before their time
            self._timers = [entry for entry in self._timers if entry[2].callback is not None]
            heapq.heapify(self._timers)
            self._tidy_at = max(_TIDY, 2 * len(self._timers))
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + delay, next(self._order), timer))
        return timer

    def turn(self, longest: float | None) -> None:
        """Wait for what is next, for `longest` seconds at most (None: no bound), and call it back."""
        for key, _events in self._selector.select(self._wait(longest)):
            if key.fd in self._selector.get_map():  # an earlier callback of this turn may have forgotten it
                key.data()
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _when, _order, timer = heapq.heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                callback()

    def _wait(self, longest: float | None) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return longest
        next_timer = max(0.0, min(_LONGEST, self._timers[0][0] - time.monotonic()))
        return next_timer if longest is None else min(next_timer, longest)
