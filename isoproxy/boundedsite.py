"""An HTTP listener that slow clients can neither fill nor keep: it bounds how many it waits for, and for how long."""

from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web import http
from twisted.web.resource import Resource
from twisted.web.server import Site

LEAST_CONNECTIONS = 200
"""Twisted accepts up to 100 connections in a turn of the reactor. With fewer places than that a request that has come
already could lose its connection to others of the same turn, before it is read."""


class _Channel(http.HTTPChannel):
    """Tells its site when it waits for its client, does not begin to wait anew with every byte, and answers one request
    of what comes at once: a client may send a thousand in one piece, and never read an answer."""

    site: "BoundedSite"
    _is_receiving = False
    _has_answered = False  # something of what is being received
    _is_closing = False

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]  # Twisted's, as all below
        self.site.wait_for(self)

    def resetTimeout(self) -> None:
        """Called for whatever has come: that is not yet a request."""

    def dataReceived(self, data: bytes) -> None:
        if self._is_closing:  # what was answered is still to be read, and nothing holds the client back any more
            return
        if self._is_receiving:  # it is what came behind a body, handed back
            super().dataReceived(data)  # type: ignore[no-untyped-call]
            return
        self._is_receiving, self._has_answered = True, False
        try:
            super().dataReceived(data)  # type: ignore[no-untyped-call]
        finally:
            self._is_receiving = False

    def lineReceived(self, line: bytes) -> None:
        if not self._has_answered:
            super().lineReceived(line)  # type: ignore[no-untyped-call]
        elif line:  # some send an empty one behind a body
            self._is_closing = True
            self.clearLineBuffer()  # type: ignore[no-untyped-call]
            self.loseConnection()  # type: ignore[no-untyped-call]

    def allContentReceived(self) -> None:
        self.site.waiting.pop(self, None)
        super().allContentReceived()  # type: ignore[no-untyped-call]

    def requestDone(self, request: http.Request) -> None:
        self._has_answered = True
        if not self.persistent:  # Twisted gives whoever does not read a last answer for ever to do so
            self._is_closing = True
            self.setTimeout(self.site.timeOut)  # type: ignore[no-untyped-call]
        self.site.wait_for(self)  # first: the next request may have come already, and is then answered in this call
        super().requestDone(request)  # type: ignore[no-untyped-call]

    def timeoutConnection(self) -> None:
        if self._is_closing:
            self.forceAbortClient()  # type: ignore[no-untyped-call]
        else:
            super().timeoutConnection()  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.site.waiting.pop(self, None)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]


class BoundedSite(Site):
    """Waits for the next request of so many connections at most, and for each no longer than so many seconds.

    The seconds are for the whole request, and begin with the connection or with the answer to the request before; a
    last answer is to be read in as many. Who has waited longest makes room for one more. A connection whose request is
    being answered does not count: how many of these there may be is the resource's business. Who sends another request
    before the answer to one gets that answer, and is closed, as HTTP allows; no client that we know does.
    """

    noisy = False
    protocol = _Channel  # type: ignore[assignment]  # Twisted's own hides one of these, or one of HTTP/2

    def __init__(
        self, resource: Resource, *, clock: IReactorTime, seconds: float, connections: int, make_request: Any = None
    ) -> None:
        """``connections`` is LEAST_CONNECTIONS at least; ``make_request`` is Twisted's ``requestFactory``."""
        super().__init__(  # type: ignore[no-untyped-call]  # Twisted's
            resource, requestFactory=make_request, timeout=seconds, reactor=clock
        )
        if connections < LEAST_CONNECTIONS:
            raise ValueError(f"fewer than {LEAST_CONNECTIONS} connections: {connections}")
        self._most = connections
        self.waiting: dict[http.HTTPChannel, None] = {}
        """The connections without a complete request, in the order in which they came to be so."""

    def wait_for(self, channel: http.HTTPChannel) -> None:
        """A connection is to bring a request."""
        self.waiting[channel] = None
        if len(self.waiting) > self._most:
            oldest: Any = next(iter(self.waiting))
            del self.waiting[oldest]
            oldest.transport.abortConnection()

    def log(self, _: http.Request) -> None:
        """No access log: probes, watches and leases would drown what matters."""
