"""What goes wrong in the background: a loop that catches everything would hide it from a test."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import LogEvent, formatEvent, globalLogPublisher

LONGEST_LINE = 4000
"""Characters of what is told at once."""


@contextmanager
def told_in_lines() -> Iterator[None]:
    """Fail if anything is logged meanwhile that is a traceback, or more than a line."""
    wrong: list[str] = []

    def note(event: LogEvent) -> None:
        if "log_failure" in event:
            wrong.append(f"{formatEvent(event)}: {event['log_failure'].getTraceback()}")
        elif not is_line(formatEvent(event)):
            wrong.append(f"{formatEvent(event)!r} is more than a line")

    observer: Any = note
    globalLogPublisher.addObserver(observer)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observer)
    if wrong:
        raise AssertionError(wrong[0])


def is_line(text: str) -> bool:
    """Whether it is one line that a terminal shows as it is, and not too much of it."""
    return text.isprintable() and len(text) <= LONGEST_LINE


def check_line(text: str) -> None:
    """Fail unless ``text`` is a line."""
    assert is_line(text), f"{text!r} is more than a line"
