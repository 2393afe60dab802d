"""What happened: who did what, when, in the order in which it did; and what was wrong with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer


@implementer(ILogObserver)
class History:
    """Lines of (seconds, who, what), and the first thing that was wrong."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._actor = "world"
        self.lines: list[tuple[float, str, str]] = []
        self.wrongs: list[str] = []

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """Ascribe to ``actor`` what is noted meanwhile."""
        before, self._actor = self._actor, actor
        try:
            yield
        finally:
            self._actor = before

    def note(self, what: str) -> None:
        """Write a line."""
        self.lines.append((self._now(), self._actor, what))

    def wrong(self, what: str) -> None:
        """Note that a promise is broken; the run ends at this step."""
        self.note(f"WRONG: {what}")
        self.wrongs.append(what)

    def __call__(self, event: LogEvent) -> None:
        """Take in what the product logs; a failure it did not expect is always wrong."""
        level = event.get("log_level", LogLevel.info)
        if "log_failure" in event:
            failure = event["log_failure"]
            self.wrong(f"unexpected failure: {formatEvent(event)}\n{failure.getTraceback()}")
        elif level >= LogLevel.info:
            self.note(f"log: {formatEvent(event)}")

    def closed(self) -> "History":
        """Return it without anything of the world that it is about."""
        done = History(lambda: 0.0)
        done.lines, done.wrongs = self.lines, self.wrongs
        return done

    def text(self, last: int | None = None) -> str:
        """Return the lines (or the last of them) for people."""
        lines = self.lines if last is None else self.lines[-last:]
        return "\n".join(f"{when:10.4f} {actor:12} {what}" for when, actor, what in lines)
