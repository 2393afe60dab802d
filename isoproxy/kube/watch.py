"""One watch: a reply that goes on for minutes, a JSON event on each line."""

from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, cast, get_args

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IResponse

from isoproxy.kube.api import EventType, WatchEvent
from isoproxy.kube.deadline import with_deadline
from isoproxy.kube.errors import Gone, KubeError, WatchBroken, WatchEnded, WatchExpired, error_from_object
from isoproxy.kube.limits import Limits
from isoproxy.kube.shape import fault
from isoproxy.model.jsontext import parse_json

_TYPES = frozenset(get_args(EventType))


class HttpWatch:
    """See `isoproxy.kube.api.Watch`."""

    def __init__(
        self,
        clock: IReactorTime,
        request: Callable[[], Coroutine[Deferred[Any], Any, IResponse]],
        *,
        limits: Limits,
        closed: Callable[["HttpWatch"], None],
    ) -> None:
        """`request` sends the request and raises unless a stream was granted; `closed` is told once of the end."""
        self._clock = clock
        self._request = request
        self._limits = limits
        self._closed = closed
        self._error: KubeError | None = None  # why it ended
        self._opening: Deferred[IResponse] | None = None
        self._stream: EventStream | None = None

    async def next(self) -> WatchEvent:
        while self._error is None:
            try:
                if self._stream is None:
                    self._stream = await self._open()
                event = parse_event(await self._stream.line())
            except CancelledError:
                if self._error is None:
                    raise  # by the caller, who may come again
            except Gone as error:
                self._end(WatchExpired(str(error)))
            except KubeError as error:
                self._end(error)
            else:
                if event is not None:
                    return event
        raise self._error

    def close(self) -> None:
        self._end(WatchEnded("closed"))

    async def _open(self) -> "EventStream":
        self._opening = with_deadline(self._clock, self._limits.request, Deferred.fromCoroutine(self._request()))
        try:
            response = await self._opening
        finally:
            self._opening = None
        stream = EventStream(self._clock, self._limits)
        response.deliverBody(stream)
        return stream

    def _end(self, error: KubeError) -> None:
        if self._error is not None:
            return
        self._error = error
        if self._opening is not None:
            self._opening.cancel()
        if self._stream is not None:
            self._stream.drop(error)
        self._closed(self)


class EventStream(Protocol):
    """Cuts the body into lines, and keeps a bounded number of bytes of them for whoever takes them.

    When more than that waits, the connection is not read from. When nothing at all comes for the time allowed, though
    it is read from, the connection is taken for dead.
    """

    def __init__(self, clock: IReactorTime, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._lines: deque[bytes] = deque()
        self._queued = 0  # bytes in them
        self._partial: list[bytes] = []  # of a line whose end has not come
        self._partial_size = 0
        self._paused = False
        self._error: KubeError | None = None  # raised once the lines are taken
        self._taker: Deferred[None] | None = None
        self._silence: IDelayedCall | None = None

    async def line(self) -> bytes:
        """The next line. Raises why there will be no more, when all have been taken; one call at a time."""
        while not self._lines:
            if self._error is not None:
                raise self._error
            self._taker = Deferred()
            try:
                await self._taker
            finally:
                self._taker = None
        line = self._lines.popleft()
        self._queued -= len(line)
        if self._paused and self._queued <= self._limits.queue // 2:
            self._resume()
        return line

    def drop(self, error: KubeError) -> None:
        """Close the connection; what has not been taken is lost."""
        self._lines.clear()
        self._queued = 0
        self._finish(error)

    def connectionMade(self) -> None:
        self._silence = self._clock.callLater(self._limits.silence, self._silent)

    def dataReceived(self, data: bytes) -> None:
        if self._error is not None:
            return
        first, *others = data.split(b"\n")
        self._partial.append(first)
        self._partial_size += len(first)
        if others:
            self._put(b"".join(self._partial))
            *whole, rest = others
            for line in whole:
                self._put(line)
            self._partial, self._partial_size = [rest], len(rest)
        if self._partial_size > self._limits.event:
            self._finish(WatchBroken(f"an event of more than {self._limits.event} bytes"))
        elif self._queued > self._limits.queue:
            self._pause()
        elif self._silence is not None:
            self._silence.reset(self._limits.silence)
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not reason.check(ResponseDone, PotentialDataLoss) or self._partial_size:
            self._finish(WatchBroken("the watch was cut off"))
        else:
            self._finish(WatchEnded("the server ended the watch"))

    def _put(self, line: bytes) -> None:
        if line:
            self._lines.append(line)
            self._queued += len(line)

    def _pause(self) -> None:
        # Said each time: Twisted's HTTP client lets the connection run once more after the first bytes.
        IPushProducer(self.transport).pauseProducing()
        self._paused = True
        self._stop_clock()  # silence would be ours now

    def _resume(self) -> None:
        self._paused = False
        if self._error is None:
            self._silence = self._clock.callLater(self._limits.silence, self._silent)
            IPushProducer(self.transport).resumeProducing()

    def _silent(self) -> None:
        self._silence = None
        self._finish(WatchBroken(f"nothing came for {self._limits.silence:g} s"))

    def _stop_clock(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _finish(self, error: KubeError) -> None:
        if self._error is None:
            self._error = error
            self._partial.clear()
            self._stop_clock()
            if self.transport is not None:
                self.transport.loseConnection()
        self._wake()

    def _wake(self) -> None:
        if self._taker is not None and not self._taker.called:
            self._taker.callback(None)


def parse_event(line: bytes) -> WatchEvent | None:
    """The event of one line, None for one of a type unknown to us.

    Raises WatchExpired or another KubeError when it tells of an error, and WatchBroken when it is no event.
    """
    try:
        event = parse_json(line)
        kind, item = event["type"], event["object"]
    except (ValueError, KeyError, TypeError) as error:
        raise WatchBroken("a line that is no event") from error
    if not isinstance(kind, str) or not isinstance(item, dict):
        raise WatchBroken("an event without a type or an object")
    if kind == "ERROR":
        failure = error_from_object(item)
        raise WatchExpired(str(failure)) if isinstance(failure, Gone) else failure
    if kind not in _TYPES:
        return None
    if problem := fault(item, bookmark=kind == "BOOKMARK"):
        raise WatchBroken(f"an event with object{problem}")
    return WatchEvent(cast(EventType, kind), item)
