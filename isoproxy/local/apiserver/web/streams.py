"""Answers that go on: watches and followed logs, each as fast as its reader reads."""

from collections.abc import Callable, Sequence

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime, ITCPTransport
from twisted.web.http import Request
from zope.interface import implementer

from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.logs import LogLine
from isoproxy.local.apiserver.store import encode
from isoproxy.local.apiserver.watch import Watch
from isoproxy.local.apiserver.web.render import Renderer

MAX_PENDING_LOG = 1 << 20  # bytes of log kept for a reader that does not read


class Streams:
    """The answers that are under way."""

    def __init__(self) -> None:
        self._open: set[_Stream] = set()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, stream: "_Stream") -> None:
        self._open.add(stream)

    def discard(self, stream: "_Stream") -> None:
        self._open.discard(stream)

    def end(self) -> None:
        """End every one, in order."""
        for stream in tuple(self._open):
            stream.end()


@implementer(IPushProducer)
class _Stream:
    """What both kinds share: back-pressure, and an end that comes once."""

    def __init__(self, request: Request, streams: Streams) -> None:
        self._request = request
        self._streams = streams
        self._paused = False
        self.done = False

    def _begin(self, content_type: str) -> None:
        self._streams.add(self)
        self._request.notifyFinish().addBoth(lambda _: self._cleanup())
        self._request.setHeader(b"Content-Type", content_type.encode())
        self._request.setHeader(b"Cache-Control", b"no-cache, private")
        self._request.registerProducer(self, True)
        # The headers go now: a client waits for them before it waits for events.
        self._request.write(b"")

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._pump()

    def stopProducing(self) -> None:
        self._cleanup()

    def end(self) -> None:
        """End it in order; harmless when repeated."""
        if not self.done:
            self._cleanup()
            self._request.unregisterProducer()
            self._request.finish()

    def _drop(self) -> None:
        """Cut off a reader that does not read: in order, its connection would never end."""
        if not self.done:
            self._cleanup()
            ITCPTransport(self._request.channel.transport).abortConnection()

    def _cleanup(self) -> None:
        if not self.done:
            self.done = True
            self._streams.discard(self)
            self._release()

    def _pump(self) -> None:
        """Send what there is, unless paused."""

    def _release(self) -> None:
        """Let go of what the stream is fed by."""


class WatchStream(_Stream):
    """A watch as lines of JSON. It ends after `seconds`, or when the reader fell out of the history."""

    def __init__(
        self,
        request: Request,
        clock: IReactorTime,
        renderer: Renderer,
        *,
        now: Callable[[], float],
        seconds: float,
        bookmark_seconds: float | None,
        jitter: Callable[[], float],
        version: Callable[[], int],
        streams: Streams,
    ) -> None:
        """`now` gives seconds since the epoch; `bookmark_seconds` None sends none; `version` is the newest there is."""
        super().__init__(request, streams)
        self._clock = clock
        self._renderer = renderer
        self._now = now
        self._version = version
        self._seconds = seconds
        self._bookmark_seconds = bookmark_seconds
        self._jitter = jitter
        self._watch: Watch | None = None
        self._pumping = False
        self._calls: list[IDelayedCall] = []

    def start(self, content_type: str, watch: Watch) -> None:
        self._watch = watch
        self._begin(content_type)
        self._calls = [self._clock.callLater(self._seconds, self._time_out)]
        if self._bookmark_seconds is not None:
            self._calls.append(self._clock.callLater(self._next_bookmark(), self._bookmark))
        self._pump()

    def refuse(self, content_type: str, refusal: StatusError) -> None:
        """Answer a watch that cannot begin as a real server does: with an event, under a 200."""
        self._begin(content_type)
        self._error(refusal)

    def wake(self) -> None:
        """There may be more to send."""
        if self._watch is None or self.done:
            return
        if not self._paused:
            self._pump()
        elif self._watch.lost:
            self._drop()

    def _pump(self) -> None:
        if self._pumping or self._watch is None:
            return
        self._pumping = True
        try:
            while not self._paused and not self.done:
                events = self._watch.take()
                if events:
                    now = self._now()
                    self._request.write(b"".join(self._renderer.event(*event, now) for event in events))
                elif self._watch.caught_up:
                    return
        except StatusError as refusal:
            self._error(refusal)
        finally:
            self._pumping = False

    def _error(self, refusal: StatusError) -> None:
        self._request.write(encode({"type": "ERROR", "object": refusal.status()}) + b"\n")
        self.end()

    def _next_bookmark(self) -> float:
        # Watches that began together need not be told together.
        assert self._bookmark_seconds is not None
        return self._bookmark_seconds * (1 - self._jitter() / 5)

    def _bookmark(self) -> None:
        self._calls[1] = self._clock.callLater(self._next_bookmark(), self._bookmark)
        self._send_bookmark()

    def _send_bookmark(self) -> None:
        if self._watch is not None and not self._paused and self._watch.caught_up:
            self._request.write(self._renderer.bookmark(self._version()))

    def _time_out(self) -> None:
        if self._bookmark_seconds is not None:
            self._send_bookmark()
        self.end()

    def _release(self) -> None:
        if self._watch is not None:
            self._watch.close()
        for call in self._calls:
            if call.active():
                call.cancel()


class LogStream(_Stream):
    """A followed log. `form` makes the bytes of a line."""

    Follow = Callable[[Callable[[LogLine], None], Callable[[], None]], Callable[[], None]]

    def __init__(self, request: Request, form: Callable[[LogLine], bytes], most: int | None, streams: Streams) -> None:
        """`most`: bytes after which it ends, None for no limit."""
        super().__init__(request, streams)
        self._form = form
        self._left = most
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._no_more = False
        self._stop: Callable[[], None] | None = None

    def start(self, content_type: str, lines: Sequence[LogLine], follow: Follow) -> None:
        """Send what there is, then what `follow` tells of; it returns what stops it."""
        self._begin(content_type)
        for line in lines:
            self.line(line)
        if self.done:
            return
        stop = follow(self.line, self._source_ended)
        if self.done:
            stop()
        else:
            self._stop = stop

    def line(self, line: LogLine) -> None:
        """Send one line, as soon as the reader reads."""
        if self.done or self._no_more:
            return
        text = self._form(line)
        if self._left is not None:
            text = text[: self._left]
            self._left -= len(text)
            self._no_more = self._left <= 0
        self._pending.append(text)
        self._pending_size += len(text)
        if self._pending_size > MAX_PENDING_LOG:
            self._drop()
        else:
            self._pump()

    def _source_ended(self) -> None:
        self._no_more = True
        self._pump()

    def _pump(self) -> None:
        if self._paused or self.done:
            return
        if self._pending:
            pending, self._pending, self._pending_size = self._pending, [], 0
            self._request.write(b"".join(pending))
        if self._no_more and not self._paused:
            self.end()

    def _release(self) -> None:
        if self._stop is not None:
            self._stop()
