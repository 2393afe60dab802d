"""When to try again, and after how long. Pure: time and chance are arguments."""

from collections.abc import Callable
from dataclasses import dataclass

from isoproxy.kube.errors import (
    ApiError,
    BadReply,
    ClientClosed,
    KubeError,
    NotSent,
    Overloaded,
    TooManyRequests,
    UnknownOutcome,
)

_MAX_DOUBLINGS = 32  # keeps the power finite however long an outage lasts


def full_jitter(failures: int, jitter: Callable[[], float], *, initial: float = 0.1, ceiling: float = 30.0) -> float:
    """Seconds to wait after so many failures in a row (1 or more): evenly spread below a doubling bound.

    `jitter` gives a number in [0, 1). Twisted's `backoffPolicy` adds its jitter to the delay, which leaves a
    crowd of clients that failed together close together; here the whole delay is drawn.
    """
    bound = min(ceiling, initial * 2.0 ** min(max(failures, 1) - 1, _MAX_DOUBLINGS))
    return bound * jitter()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The bounds of one call: tries in all, seconds in all, and the delays in between."""

    attempts: int = 5
    total: float = 60.0
    initial: float = 0.1
    ceiling: float = 5.0
    longest_retry_after: float = 15.0  # a server may ask for an hour: then the caller decides, not we

    def delay(
        self, error: KubeError, *, read: bool, failures: int, elapsed: float, jitter: Callable[[], float]
    ) -> float | None:
        """Seconds until the next try, None when the error is final.

        `read`: the request changes nothing; `failures`: failed tries so far, this one included; `elapsed`:
        seconds since the call began. A Retry-After is a lower bound; the jitter comes on top.
        """
        if failures >= self.attempts or not self._worth_it(error, read=read):
            return None
        delay = full_jitter(failures, jitter, initial=self.initial, ceiling=self.ceiling)
        if isinstance(error, ApiError) and error.retry_after is not None:
            if error.retry_after > self.longest_retry_after:
                return None
            delay += error.retry_after
        return delay if elapsed + delay < self.total else None

    @staticmethod
    def _worth_it(error: KubeError, *, read: bool) -> bool:
        """A write is sent again only when it certainly was not carried out."""
        if isinstance(error, Overloaded | ClientClosed | BadReply):
            return False
        if isinstance(error, NotSent):
            return True
        if isinstance(error, ApiError):
            return error.refused or (read and (error.status >= 500 or isinstance(error, TooManyRequests)))
        return read and isinstance(error, UnknownOutcome)
