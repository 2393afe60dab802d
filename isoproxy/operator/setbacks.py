"""When pods are made again that the API server failed to make: nobody knows whether it will. Pure."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from isoproxy.operator.backoff import backoff


@dataclass(frozen=True, slots=True)
class Setbacks:
    """How many batches in a row failed, and until when nothing is made then, in monotonic seconds."""

    count: int = 0
    until: float = 0.0

    def left(self, now: float) -> float:
        """Return in how many seconds pods may be made again; 0: now."""
        return max(0.0, self.until - now)

    def after(
        self, failures: Collection[Exception], now: float, jitter: Callable[[], float], *, taken: bool
    ) -> "Setbacks":
        """Return what is known after some more met ``failures``, or were ``taken``, or both."""
        if now < self.until:  # those are of the batch that failed last
            return self
        if not failures:
            return Setbacks() if taken else self
        return Setbacks(self.count + 1, now + backoff(self.count + 1, next(iter(failures)), jitter))
