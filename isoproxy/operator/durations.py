"""For how long facts have held: some decisions wait until what is seen has lasted."""

import math
from collections.abc import Hashable, Mapping

Fact = Hashable


class Durations:
    """Answers whether facts that hold in this pass have lasted, and remembers what was asked for the next pass.

    ``since`` tells when (monotonic seconds) each fact of the last pass was first seen; what a pass does not ask about
    no longer holds, and is forgotten.
    """

    def __init__(self, since: Mapping[Fact, float], now: float) -> None:
        self._before = since
        self._now = now
        self.since: dict[Fact, float] = {}
        self.wake_after = math.inf

    def began(self, fact: Fact) -> float:
        """Return since when ``fact``, which holds now, has held."""
        return self.since.setdefault(fact, self._before.get(fact, self._now))

    def lasted(self, fact: Fact, seconds: float) -> bool:
        """Whether ``fact``, which holds now, has held for ``seconds``; if not, asks to be woken when it will have."""
        remaining = self.began(fact) + seconds - self._now
        if remaining <= 0:
            return True
        self.wake_after = min(self.wake_after, remaining)
        return False

    def least(self, fact: Fact, count: int, seconds: float) -> int:
        """Return the least that ``count``, which is what it is now, has been in the last ``seconds``."""
        return sum(self.lasted((fact, number), seconds) for number in range(1, count + 1))
