"""Whether this process lives, and whether it can do its work."""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from isoproxy.timesource import TimeSource

BEAT_SECONDS = 1.0
STALE_SECONDS = 30.0


class Health:
    """Alive while the reactor's timers run; ready while every registered check says so."""

    def __init__(self, time: TimeSource) -> None:
        self._time = time
        self._checks: dict[str, Callable[[], bool]] = {}
        self._last_beat: float | None = None
        self._loop = LoopingCall(self._beat)
        self._loop.clock = time.reactor

    def start(self) -> None:
        """Begin to watch the reactor."""
        self._loop.start(BEAT_SECONDS).addErrback(lambda _: None)

    def stop(self) -> None:
        """Stop watching; idempotent."""
        if self._loop.running:
            self._loop.stop()

    def add(self, name: str, check: Callable[[], bool]) -> None:
        """Make readiness depend on ``check``, a cheap function, under a name that people will read."""
        self._checks[name] = check

    def remove(self, name: str) -> None:
        """Forget a check; one that is not there is no error."""
        self._checks.pop(name, None)

    @property
    def alive(self) -> bool:
        """Whether the reactor ran its timers recently."""
        return self._last_beat is not None and self._time.monotonic() - self._last_beat < STALE_SECONDS

    def missing(self) -> list[str]:
        """Return the names of the checks that do not hold, sorted; a check that raises does not hold."""
        return sorted(name for name, check in self._checks.items() if not _holds(check))

    def _beat(self) -> Deferred[None] | None:
        self._last_beat = self._time.monotonic()
        return None


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except Exception:
        return False
