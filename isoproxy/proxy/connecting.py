"""A TCP client endpoint that connects in the turn in which it is asked to.

Twisted's own begins in the next turn of the reactor and learns of the result in the one after, some 0.1 ms later that
every client would have to wait. A peer on the same machine is connected before the kernel's ``connect()`` returns.
"""

import errno
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import NoProtocol, getConnectError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IReadWriteDescriptor,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from isoproxy.proxy.transport import Transport, tcp_address

_UNDER_WAY = frozenset({errno.EINPROGRESS, errno.EALREADY})


@implementer(IStreamClientEndpoint)
class PromptEndpoint:
    """Connects to an IP address; without a time-out, for it can be cancelled.

    Fails with a ConnectError that has the number in ``osError``.
    """

    def __init__(self, reactor: Any, ip: str, port: int) -> None:
        """``reactor`` watches descriptors."""
        self._reactor = reactor
        self._address = (ip, port, 0, 0) if ":" in ip else (ip, port)

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """See IStreamClientEndpoint; may fire before it returns."""
        attempt = _Attempt(self._reactor, self._address, protocolFactory)
        attempt.begin()
        return attempt.connected


@implementer(IReadWriteDescriptor)
class _Attempt:
    """One socket on its way to a peer."""

    def __init__(self, reactor: Any, address: tuple[Any, ...], factory: IProtocolFactory) -> None:
        self._reactor = reactor
        self._address = address
        self._factory = factory
        self._socket: socket.socket | None = None
        self._watched = False
        self.connected: Deferred[IProtocol] = Deferred(lambda _: self._close())

    def begin(self) -> None:
        family = socket.AF_INET if len(self._address) == 2 else socket.AF_INET6
        try:
            self._socket = sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            code = sock.connect_ex(self._address)
            if code in _UNDER_WAY:
                code = sock.connect_ex(self._address)  # which only asks, and knows already if the peer is near
        except OSError as error:
            self._fail(error.errno or errno.EIO)
            return
        if code in _UNDER_WAY:
            self._watched = True
            self._reactor.addWriter(self)
        else:
            self._decide(code)

    def doWrite(self) -> None:
        """The kernel knows how it went."""
        self._look()

    def doRead(self) -> None:
        """A refusal may be reported as something to read."""
        self._look()

    def connectionLost(self, _: Failure) -> None:
        """The reactor took the kernel's report for a disconnection, or is stopping."""
        self._look(otherwise=errno.ECONNABORTED)

    def fileno(self) -> int:
        """See IFileDescriptor."""
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        """See ILoggingContext."""
        return "dial"

    def _look(self, *, otherwise: int = 0) -> None:
        if self._socket is not None:
            self._decide(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) or otherwise)

    def _decide(self, code: int) -> None:
        if code not in (0, errno.EISCONN):
            self._fail(code)
            return
        assert self._socket is not None
        protocol = self._factory.buildProtocol(tcp_address(self._address))
        if protocol is None:
            self._close()
            self.connected.errback(NoProtocol())
            return
        transport = Transport(self._release(), protocol, self._reactor)
        transport.begin()
        self.connected.callback(protocol)

    def _fail(self, code: int) -> None:
        self._close()
        self.connected.errback(getConnectError((code, os.strerror(code))))

    def _close(self) -> None:
        if self._socket is not None:
            self._release().close()

    def _release(self) -> socket.socket:
        """Be done with the socket, and give it away."""
        if self._watched:
            self._watched = False
            self._reactor.removeWriter(self)
        sock, self._socket = self._socket, None
        assert sock is not None
        return sock
