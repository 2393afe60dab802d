"""Calls that must get through, however long the API server is away."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from isoproxy.kube.errors import ApiError, KubeError, TooManyRequests
from isoproxy.kube.retry import full_jitter

T = TypeVar("T")
_CEILING = 10.0  # seconds between tries at most


def is_final(error: KubeError) -> bool:
    """Whether asking again would get the same answer."""
    return isinstance(error, ApiError) and error.status < 500 and not isinstance(error, TooManyRequests)


def pause(error: KubeError, failures: int, jitter: Callable[[], float]) -> float:
    """Seconds until the next try, after so many failures in a row."""
    asked = error.retry_after if isinstance(error, ApiError) else None
    return full_jitter(failures, jitter, ceiling=_CEILING) + min(asked or 0.0, _CEILING)


async def persist(call: Callable[[], Awaitable[T]], clock: IReactorTime, jitter: Callable[[], float]) -> T:
    """Call until it gets through, with back-off; ends by an answer (also a final ApiError) or by being cancelled.

    For calls only that may be made twice.
    """
    failures = 0
    while True:
        try:
            return await call()
        except KubeError as error:
            if is_final(error):
                raise
            failures += 1
            delay = pause(error, failures, jitter)
        await deferLater(clock, delay)
