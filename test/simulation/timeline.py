"""The one order of everything that happens in a simulated world."""

import heapq
from collections.abc import Callable
from random import Random
from typing import Any


class Timeline:
    """Calls that are due at some time; those due at the same time come in any order, which the seed decides."""

    def __init__(self, random: Random) -> None:
        self.now = 0.0
        self.steps = 0
        self._random = random
        self._heap: list[tuple[float, float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._added = 0

    def after(self, delay: float, function: Callable[..., object], *args: Any) -> None:
        """Have ``function`` called in ``delay`` seconds. It cannot be taken back."""
        self._added += 1
        when = self.now + max(0.0, delay)
        heapq.heappush(self._heap, (when, self._random.random(), self._added, function, args))

    def step(self, until: float) -> bool:
        """Make the next call; False, and the time is ``until``, if none is due by then."""
        if not self._heap or self._heap[0][0] > until:
            self.now = max(self.now, until)
            return False
        self.now, _, _, function, args = heapq.heappop(self._heap)
        self.steps += 1
        function(*args)
        return True
