"""After how long what failed is tried again. Pure: chance is an argument."""

from collections.abc import Callable

from isoproxy.kube.errors import NotSent, UnknownOutcome
from isoproxy.kube.retry import full_jitter

MOST_BACKOFF = 30.0
MOST_BACKOFF_UNREACHED = 5.0
"""Where the API server did not hear of it, or was not heard: a server that is back is not to be waited for."""


def backoff(failures: int, error: Exception, jitter: Callable[[], float]) -> float:
    """Return in how many seconds to try again what failed so many times in a row, the last time with ``error``."""
    unreached = isinstance(error, NotSent | UnknownOutcome)
    return full_jitter(failures, jitter, ceiling=MOST_BACKOFF_UNREACHED if unreached else MOST_BACKOFF)
