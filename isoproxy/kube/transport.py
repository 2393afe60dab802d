"""What holds on every connection to the API server: it is up before it is used, its headers are bounded, it closes."""

import socket
from functools import partial
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import (
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from isoproxy.kube.config import Connection
from isoproxy.kube.errors import ClientClosed, NotSent
from isoproxy.kube.tls import Sessions

MAX_HEAD = 64 * 1024  # bytes of status line and headers; Twisted bounds a header line, but not how many there are
KEEPALIVE = (  # a dead peer is noticed after idle + interval * count seconds without an answer from its kernel
    (socket.TCP_KEEPIDLE, 30),
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 3),
)


@implementer(IHandshakeListener)
class Channel(ProtocolWrapper):
    """Stands between the socket (or the TLS session) and Twisted's HTTP client.

    `ready` fires when a request may be sent, which is after the TLS handshake: a request for which no channel was ready
    was certainly not sent.
    """

    def __init__(self, factory: "WrappingFactory[Channel]", http: IProtocol, endpoint: "ApiEndpoint") -> None:
        super().__init__(factory, http)
        self._endpoint = endpoint
        self._head = 0  # bytes of the head of a reply so far
        self._tail = b""  # the last of them, in which its end may have begun
        self._in_body = False
        self.ready: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def makeConnection(self, transport: ITransport) -> None:
        self._endpoint.channels.add(self)
        ProtocolWrapper.makeConnection(self, transport)
        self.setTcpKeepAlive(True)
        for option, value in KEEPALIVE:
            self.socket.setsockopt(socket.IPPROTO_TCP, option, value)
        if not self._endpoint.secure:
            self.ready.callback(None)

    def handshakeCompleted(self) -> None:
        self.ready.callback(None)

    def loseConnection(self) -> None:
        """Close at once. A TLS goodbye would wait for the peer's, for ever if the peer has gone; nothing is lost by
        leaving it out, because whoever closes has what it wants or wants nothing more."""
        self.disconnecting = 1
        self.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if not self._in_body:
            self._measure_head(data)
        http = self.wrappedProtocol
        http.dataReceived(data)
        if self._in_body and getattr(http, "state", "") == "QUIESCENT":
            self._head, self._tail, self._in_body = 0, b"", False  # the next bytes begin another reply

    def _measure_head(self, data: bytes) -> None:
        window = self._tail + data
        if b"\r\n\r\n" in window or b"\n\n" in window:
            self._in_body = True
            return
        self._tail = window[-3:]
        self._head += len(data)
        if self._head > MAX_HEAD:
            self.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._endpoint.channels.discard(self)
        ProtocolWrapper.connectionLost(self, reason)
        if not self.ready.called:
            self.ready.errback(reason)
        self.gone.callback(None)


@implementer(IStreamClientEndpoint, IAgentEndpointFactory)
class ApiEndpoint:
    """The API server as an endpoint; whatever keeps a connection from being had is a NotSent.

    One for all requests: made anew for each, it would cost the IDNA encoding and the TLS context again.
    """

    def __init__(self, reactor: IReactorTime, connection: Connection, *, timeout: float) -> None:
        """`timeout`: seconds for each address of the server. Raises ConfigError."""
        self._reactor = reactor
        self._where = connection.url
        self._tcp = _tcp_endpoint(reactor, connection, timeout)
        self._tls = Sessions(reactor, connection) if connection.scheme == "https" else None
        self._connecting: set[Deferred[IProtocol]] = set()
        self._closed = False
        self.secure = self._tls is not None
        self.channels: set[Channel] = set()

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: ARG002  # all URIs are of this server
        return self

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting = Deferred.fromCoroutine(self._connect(protocolFactory))
        self._connecting.add(connecting)

        def done(result: Any) -> Any:
            self._connecting.discard(connecting)
            return result

        return connecting.addBoth(done)

    async def _connect(self, http: Any) -> IProtocol:
        factory: Any = WrappingFactory(http)
        factory.noisy = http.noisy = False  # else each connection is two lines in the log
        factory.protocol = partial(Channel, endpoint=self)
        if self._tls is not None:
            factory = TLSMemoryBIOFactory(self._tls.maker(), True, factory, clock=self._reactor)
        channel: Channel | None = None
        try:
            if self._closed:
                raise ClientClosed("the client is closed")
            made: Any = await self._tcp.connect(factory)
            channel = made if self._tls is None else made.wrappedProtocol
            assert channel is not None
            await channel.ready
        except NotSent:
            raise
        except Exception as error:
            if channel is not None:
                channel.abortConnection()
            raise NotSent(f"no connection to {self._where}: {_reason(error)}") from error
        return channel.wrappedProtocol

    def close(self) -> Deferred[None]:
        """Drop every connection, those that are only being made too; fires when all are gone."""
        self._closed = True
        for connecting in list(self._connecting):
            connecting.cancel()
        gone = [channel.gone for channel in self.channels]
        for channel in list(self.channels):
            channel.abortConnection()
        return gatherResults(gone).addCallback(lambda _: None)


def make_agent(
    reactor: IReactorTime, endpoint: ApiEndpoint, *, idle: int | None, connections: int
) -> tuple[Agent, HTTPConnectionPool]:
    """An HTTP client whose connections are kept for `idle` seconds; with None each serves one request."""
    pool = HTTPConnectionPool(reactor, persistent=idle is not None)
    pool.maxPersistentPerHost = connections
    pool.cachedConnectionTimeout = idle or 0
    pool.retryAutomatically = False  # one policy for retries, ours: it counts them and bounds them
    return Agent.usingEndpointFactory(reactor, endpoint, pool=pool), pool


def _tcp_endpoint(reactor: IReactorTime, connection: Connection, timeout: float) -> IStreamClientEndpoint:
    """Straight to an address; HostnameEndpoint would tell of a refusal only after a third of a second."""
    if isIPAddress(connection.host):
        return TCP4ClientEndpoint(reactor, connection.host, connection.port, timeout=timeout)
    if isIPv6Address(connection.host):
        return TCP6ClientEndpoint(reactor, connection.host, connection.port, timeout=timeout)
    return HostnameEndpoint(reactor, connection.host, connection.port, timeout=timeout)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
