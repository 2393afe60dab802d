"""A TCP server endpoint that loses no time between a client's connection and whoever serves it.

Twisted's own ports are general, and take about 0.05 ms longer over each connection.
"""

import socket
from typing import Any

import txaio
from twisted.internet import tcp
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer

from isoproxy.proxy.transport import Transport, tcp_address

log = txaio.make_logger()

_BATCH = 8
"""Connections taken in before the reactor turns to others: each may be dialled and relayed within that."""


@implementer(IStreamServerEndpoint)
class PromptServerEndpoint:
    """Listens on a port of one interface, an IP address; "" is every IPv4 one, and port 0 any that is free."""

    def __init__(self, reactor: Any, port: int, *, interface: str, backlog: int) -> None:
        """``reactor`` watches descriptors; ``backlog`` connections may arrive between two turns of it."""
        self._reactor = reactor
        self._port = port
        self._interface = interface
        self._backlog = backlog

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See IStreamServerEndpoint; fails with a CannotListenError."""
        return maybeDeferred(self._listen, protocolFactory)

    def _listen(self, factory: IProtocolFactory) -> IListeningPort:
        port = _Port(self._port, factory, self._backlog, self._interface, self._reactor)
        port.startListening()
        return port


class _Port(tcp.Port):
    def doRead(self) -> None:
        """Take in who waits."""
        for _ in range(_BATCH):
            try:
                sock, address = self.socket.accept()
            except BlockingIOError:
                return
            except OSError:  # Twisted's own knows what to do, without a free descriptor too
                super().doRead()  # type: ignore[no-untyped-call]  # twisted.internet.tcp is typed in part
                return
            try:
                self._take_in(sock, address)
            except Exception:  # it would be the end of the port
                log.failure("a connection could not be taken in")
                sock.close()

    def _take_in(self, sock: socket.socket, address: tuple[Any, ...]) -> None:
        assert self.factory is not None
        protocol = self.factory.buildProtocol(tcp_address(address))
        if protocol is None:
            sock.close()
        else:
            Transport(sock, protocol, self.reactor).begin()
