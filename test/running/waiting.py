"""Waiting for what other processes do: each wait has a bound, and says what it waited for."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

BOUND = 40.0
"""Seconds that anything may take that takes a moment on an idle machine: patience costs nothing where all is well."""
_POLL = 0.05


class TooLate(AssertionError):
    """What was waited for did not happen."""


def eventually(look: Callable[[], T | None], what: str, *, within: float = BOUND) -> T:
    """Return the first true thing that ``look`` returns; an AssertionError in it means not yet."""
    deadline = time.monotonic() + within
    while True:
        last: object
        try:
            last = found = look()
            if found:
                return found
        except AssertionError as error:
            last = error
        if time.monotonic() >= deadline:
            raise TooLate(f"not in {within:g} s: {what}; last seen: {last!r}")
        time.sleep(_POLL)  # other processes tell nobody when they are done: looking again is all there is


def settled(look: Callable[[], T], what: str, *, still: float = 0.5, within: float = BOUND) -> T:
    """Return what ``look`` returns once that has not changed for ``still`` seconds."""
    last, since = look(), time.monotonic()

    def unchanged() -> bool:
        nonlocal last, since
        if (found := look()) != last:
            last, since = found, time.monotonic()
        return time.monotonic() - since >= still

    eventually(unchanged, what, within=within)
    return last


def throughout(look: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Fail as soon as ``look`` returns something false, and return after ``seconds`` of true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert look(), f"no longer so: {what}"
        time.sleep(_POLL)
