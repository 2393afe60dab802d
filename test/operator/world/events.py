"""Time, and what is to happen in it."""

import heapq
from collections.abc import Callable
from itertools import count


class Events:
    """A clock that only moves when it is run: to what is due next, in the order of time, then of asking."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._due: list[tuple[float, int, Callable[[], object]]] = []

    def after(self, delay: float, do: Callable[[], object]) -> None:
        """Call ``do`` in ``delay`` seconds."""
        heapq.heappush(self._due, (self.now + delay, next(self._order), do))

    def run(self, seconds: float) -> None:
        """Let that much time pass."""
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, do = heapq.heappop(self._due)
            do()
        self.now = end
