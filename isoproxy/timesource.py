"""The clocks: one that never jumps to measure and decide by, one for people, and one to be called by."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime


def _boottime() -> float:
    # Twisted's own clock is the time of day, which jumps when it is set. CLOCK_MONOTONIC stands still while the machine
    # is suspended, and so would let a proxy that slept believe in pods that were given away meanwhile.
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def go_by_boottime(reactor: Any) -> None:
    """Have a reactor's timers go by a clock that nobody sets; raises RuntimeError where some are set already.

    By the time of day, no timer runs for an hour when that is set back by an hour: a proxy renews no Lease, and is held
    to be dead with all its connections. When it is set forward, whatever has a limit is over at once. From then on
    ``reactor.seconds()`` is no time of day.
    """
    if reactor.getDelayedCalls():
        raise RuntimeError("there are timers that go by another clock")
    reactor.seconds = _boottime


@dataclass(frozen=True, slots=True)
class TimeSource:
    """Where the time comes from."""

    reactor: IReactorTime
    monotonic: Callable[[], float]
    """Seconds; only differences mean something."""
    utcnow: Callable[[], datetime]

    @classmethod
    def real(cls, reactor: IReactorTime) -> "TimeSource":
        """Return the machine's clocks."""
        return cls(reactor, _boottime, lambda: datetime.now(UTC))

    @classmethod
    def simulated(cls, clock: IReactorTime) -> "TimeSource":
        """Return a time that passes only as ``clock`` is advanced."""
        return cls(clock, clock.seconds, lambda: datetime.fromtimestamp(clock.seconds(), UTC))

    def call_later(self, delay: float, function: Callable[..., object], *args: Any) -> IDelayedCall:
        """Call ``function`` after ``delay`` seconds, or at once if that has passed."""
        return self.reactor.callLater(max(0.0, delay), function, *args)

    def sleep(self, delay: float) -> Deferred[None]:
        """Return a Deferred that fires after ``delay`` seconds; it may be cancelled."""
        timer: IDelayedCall
        sleeping: Deferred[None] = Deferred(lambda _: timer.cancel())
        timer = self.call_later(delay, sleeping.callback, None)
        return sleeping
