"""One process: a clock of its own, which may run apart from the others', and a life that may end at any time."""

from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from isoproxy.timesource import TimeSource
from test.coreapi import EPOCH
from test.simulation.history import History
from test.simulation.timeline import Timeline

_SLACK = 1e-9


@implementer(IReactorTime)
class Machine:
    """The reactor's clock of one process. ``rate``: its seconds in one of ours; ``offset``: what it began at."""

    def __init__(
        self, name: str, timeline: Timeline, history: History, *, rate: float = 1.0, offset: float = 0.0
    ) -> None:
        self.name = name
        self.alive = True
        self._timeline = timeline
        self._history = history
        self._rate = rate
        self._offset = offset
        self._stopped = False
        self.resumed_at = 0.0
        """When it went on last, by the timeline."""
        self._overdue: deque[Callable[[], object]] = deque()
        self._held: deque[Callable[[], object]] = deque()
        self.time = TimeSource(self, self.seconds, self._utcnow)

    def seconds(self) -> float:
        """The process's own time."""
        return self._offset + self._timeline.now * self._rate

    @property
    def now(self) -> float:
        """The timeline's time."""
        return self._timeline.now

    def _utcnow(self) -> datetime:
        return datetime.fromtimestamp(EPOCH + self.seconds(), UTC)

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object) -> IDelayedCall:
        """See IReactorTime."""
        call = DelayedCall(self.seconds() + delay, callable, args, kwargs, lambda _: None, self._schedule, self.seconds)
        self._schedule(call)
        return call

    def getDelayedCalls(self) -> tuple[IDelayedCall, ...]:
        """See IReactorTime; nothing of ours asks."""
        raise NotImplementedError

    def enter(self, function: Callable[..., object], *args: Any) -> None:
        """Have something from outside happen in the process, once it gets to it; nothing does in one that is dead."""
        if not self.alive:
            return
        if self._stopped:
            self._held.append(lambda: self._perform(function, *args))
        else:
            self._perform(function, *args)

    def sleep(self, delay: float) -> Deferred[None]:
        """A Deferred that fires after so many of the process's seconds."""
        return self.time.sleep(delay)

    def stop(self) -> None:
        """Let nothing happen in it until it goes on, as by SIGSTOP."""
        self._stopped = True

    def go_on(self) -> None:
        """Let happen what should have happened meanwhile: as a reactor does, first all calls that are due, then all
        that has come in."""
        self._stopped = False
        self.resumed_at = self.now
        for held in (self._overdue, self._held):
            while held and self.alive and not self._stopped:
                held.popleft()()

    @property
    def stopped(self) -> bool:
        """Whether it was stopped, and has not gone on."""
        return self._stopped

    def kill(self) -> None:
        """Let nothing happen in it any more."""
        self.alive = False

    def _schedule(self, call: DelayedCall) -> None:
        self._timeline.after((call.getTime() - self.seconds()) / self._rate, self._due, call)

    def _due(self, call: DelayedCall) -> None:
        if call.called or call.cancelled or not self.alive:
            return
        if self._stopped:
            self._overdue.append(lambda: self._due(call))
        elif call.getTime() > self.seconds() + _SLACK:
            self._schedule(call)  # it was put off
        else:
            call.called = 1
            self._perform(call.func, *call.args, **call.kw)

    def _perform(self, function: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        with self._history.acting(self.name):
            try:
                function(*args, **kwargs)
            except Exception:
                self._history.wrong(f"an exception was left to the reactor:\n{Failure().getTraceback()}")
