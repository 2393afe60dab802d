"""The Authorization header of the next request: kept fresh, and read off the reactor's thread."""

import txaio
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorThreads, IReactorTime
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from isoproxy.kube.config import TokenSource
from isoproxy.kube.errors import NotSent

log = txaio.make_logger()

FRESH = 60.0  # seconds until the source is asked again; a mounted token rotates within the hour
PATIENCE = 60.0  # seconds until a source that does not answer is asked again; what it says later is too late
MOST_ASKED = 5  # at once: one that hangs keeps its thread, and others need theirs
SPACING = 10.0  # seconds at least after a failure or a forced renewal: a credential plugin may be a slow program


class Authorization:
    """Holds the header and renews it in a thread: one at a time, however many requests wait for it.

    A renewal that takes too long has failed, and keeps no later one waiting until as many hang as threads can be had.
    A header that is merely old is used on while it is renewed, and when that fails; one that the server refused is not.
    """

    def __init__(self, reactor: IReactorTime, source: TokenSource | None) -> None:
        self._reactor = reactor
        self._source = source
        self._value: bytes | None = None
        self._usable = source is None
        self._renew_at = 0.0 if source is not None else float("inf")
        self._refused_at = float("-inf")
        self._renewing = False
        self._asked = 0  # threads that the source has not given back
        self._error: BaseException | None = None  # of the last renewal
        self._waiting: list[Deferred[None]] = []

    async def header(self) -> bytes | None:
        """The header's value, None for none. Raises NotSent when it cannot be had; waits for a minute at most."""
        if self._reactor.seconds() >= self._renew_at:
            self._renew()
        if not self._usable:
            if self._renewing:
                waiting: Deferred[None] = Deferred()
                self._waiting.append(waiting)
                await waiting
            if not self._usable:
                raise NotSent(f"no credentials: {self._error}") from self._error
        return self._value

    def refused(self, value: bytes | None) -> bool:
        """Take note of a 401 for a request that carried `value`; whether sending it again may help."""
        if self._source is None:
            return False
        if self._usable and value == self._value:
            now = self._reactor.seconds()
            if now - self._refused_at < SPACING:
                return False
            self._refused_at = self._renew_at = now
            self._usable = False
        return True

    def _renew(self) -> None:
        if self._renewing or self._asked >= MOST_ASKED:
            return
        self._renewing = True
        self._asked += 1
        threads = IReactorThreads(self._reactor)
        renew = self._refused_at == self._renew_at
        renewal = deferToThreadPool(threads, threads.getThreadPool(), self._ask, threads, renew=renew)
        renewal.addTimeout(PATIENCE, self._reactor, _too_late)
        renewal.addCallback(self._renewed).addErrback(self._failed).addCallback(self._wake)

    def _ask(self, threads: IReactorThreads, *, renew: bool) -> str | None:
        assert self._source is not None
        try:
            return self._source.header(renew=renew)
        finally:
            threads.callFromThread(self._answered)

    def _answered(self) -> None:
        self._asked -= 1

    def _renewed(self, header: str | None) -> None:
        if header is not None and not (header.isascii() and header.isprintable()):
            raise ValueError("what was given is no header")  # its text is a secret
        self._value = header.encode() if header is not None else None
        self._usable, self._error = True, None
        self._renew_at = self._reactor.seconds() + FRESH

    def _failed(self, failure: Failure) -> None:
        self._error = failure.value
        self._renew_at = self._reactor.seconds() + SPACING
        log.warn("credentials cannot be renewed: {error}", error=failure.value)

    def _wake(self, _: None) -> None:
        self._renewing = False
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:  # cancelled meanwhile
                each.callback(None)


def _too_late(_: object, seconds: float) -> None:
    raise TimeoutError(f"they did not come in {seconds:g} s")
