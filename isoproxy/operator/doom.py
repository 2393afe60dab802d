"""The word of an API server that a namespace is being deleted: gone by for a while, then put to the test again. Pure.

Nobody can take a deletion back, but an API server that lags behind may speak of the namespace that was there before.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from isoproxy.kube.errors import NamespaceTerminating

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 300.0
_MOST_DOUBLINGS = 16


@dataclass(frozen=True, slots=True)
class Doom:
    """What is known of the end of one service's namespace: refused so often in a row, and believed ``until`` then.

    Times are monotonic seconds.
    """

    refusals: int = 0
    until: float = 0.0

    def stands(self, now: float) -> bool:
        """Whether the namespace is taken to be as good as deleted."""
        return self.left(now) > 0

    def left(self, now: float) -> float:
        """Return in how many seconds something new is to be tried there again."""
        return self.until - now if self.refusals else 0.0

    def after(
        self, failures: Collection[Exception], now: float, jitter: Callable[[], float], *, made: bool = False
    ) -> "Doom":
        """Return what is known after a try that met ``failures``: other ones prove nothing.

        ``made`` is whether it made something new all the same, which a namespace that goes does not take. ``jitter``
        gives a number in [0, 1), which spreads the services that were refused together.
        """
        if made:
            return Doom()
        if not any(isinstance(failure, NamespaceTerminating) for failure in failures):
            return self if failures else Doom()
        pause = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(self.refusals, _MOST_DOUBLINGS))
        return Doom(self.refusals + 1, now + pause * (0.5 + jitter() / 2))
