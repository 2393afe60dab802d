"""The port that clients connect to."""

import random
from collections.abc import Callable
from typing import cast

import txaio
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHalfCloseableProtocol,
    IListeningPort,
    IStreamServerEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection as Transport
from twisted.python.failure import Failure
from zope.interface import implementer

from isoproxy.kube.retry import full_jitter
from isoproxy.proxy.addresses import host_and_port
from isoproxy.proxy.connection import Connection
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

Listen = Callable[[int], IStreamServerEndpoint]
"""Gives what listens on a port; 0 is any free one."""
Admit = Callable[[Transport, IAddress], Connection]

FIRST_RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 10.0
_MAX_REASON = 256


@implementer(IHalfCloseableProtocol)
class ClientProtocol(Protocol):
    """Passes on what the transport tells, until a relay takes the transport over."""

    _connection: Connection | None = None

    def __init__(self, admit: Admit, peer: IAddress) -> None:
        self._admit = admit
        self._peer = peer

    def connectionMade(self) -> None:
        self._connection = self._admit(cast(Transport, self.transport), self._peer)

    def dataReceived(self, data: bytes) -> None:
        assert self._connection is not None
        self._connection.received(data)

    def readConnectionLost(self) -> None:
        assert self._connection is not None
        self._connection.client_eof()

    def writeConnectionLost(self) -> None:
        """Nothing was written, so nothing was lost; a reset shows when reading."""

    def connectionLost(self, _: Failure | None = None) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.client_lost()


class ClientFactory(Factory[ClientProtocol]):
    """Makes a protocol for each accepted connection; how many there may be is the sessions' business."""

    noisy = False

    def __init__(self, admit: Admit) -> None:
        self._admit = admit

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        assert addr is not None
        return ClientProtocol(self._admit, addr)


class Listener:
    """Listens on one port at a time, and keeps trying until it does; an old port stays open until the new one is."""

    def __init__(
        self,
        *,
        listen: Listen,
        factory: ClientFactory,
        time: TimeSource,
        on_change: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``on_change`` is called when ``address`` or ``error`` has changed."""
        self._listen = listen
        self._factory = factory
        self._time = time
        self._on_change = on_change
        self._jitter = jitter
        self._wanted: int | None = None
        self._failures = 0
        self._attempt: Deferred[IListeningPort] | None = None
        self._retry: IDelayedCall | None = None
        self._port: IListeningPort | None = None
        self._port_number: int | None = None  # as it was asked for: 0 for any
        self.address = ""
        """Where it listens, as ``host:port``."""
        self.error = ""
        """Why it does not listen where it is to."""

    def open(self, port: int) -> None:
        """Listen on ``port`` from now on; nothing happens if that is so already."""
        if port == self._wanted:
            return
        self._forget_attempts()
        self._wanted = port
        self._failures = 0
        if port == self._port_number:
            self._tell(self.address, "")  # back to the one that is still open
        else:
            self._try()

    async def close(self) -> None:
        """Listen no more; connections stay. Idempotent."""
        self._forget_attempts()
        self._wanted = None
        await self._close_port()

    def _try(self) -> None:
        self._retry = None
        assert self._wanted is not None
        attempt = self._attempt = maybeDeferred(self._listen(self._wanted).listen, self._factory)
        attempt.addCallbacks(self._opened, self._failed)
        attempt.addErrback(lambda failure: log.failure("listening failed", failure=failure))

    def _opened(self, port: IListeningPort) -> None:
        old, self._port = self._port, port
        self._port_number = self._wanted
        self._attempt = None
        self._failures = 0
        self._tell(host_and_port(port.getHost()), "")
        if old is not None:
            maybeDeferred(old.stopListening).addErrback(lambda failure: log.failure("closing a port", failure=failure))

    def _failed(self, failure: Failure) -> None:
        self._attempt = None
        if failure.check(CancelledError):
            return
        self._failures += 1
        delay = full_jitter(self._failures, self._jitter, initial=FIRST_RETRY_SECONDS, ceiling=LONGEST_RETRY_SECONDS)
        self._retry = self._time.call_later(delay, self._try)
        self._tell(self.address, failure.getErrorMessage()[:_MAX_REASON])

    def _tell(self, address: str, error: str) -> None:
        if (address, error) != (self.address, self.error):
            self.address, self.error = address, error
            self._on_change()

    def _forget_attempts(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        if self._attempt is not None:
            self._attempt.cancel()

    async def _close_port(self) -> None:
        port, self._port, self._port_number = self._port, None, None
        self._tell("", "")
        if port is not None:
            await maybeDeferred(port.stopListening)
