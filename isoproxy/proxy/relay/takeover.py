"""Taking a socket from its Twisted transport for a while, and giving it back to be closed.

The transport stays the socket's owner: it closes it, once, and tells its protocol. In between the reactor does not
watch it. What is used of Twisted's insides is here and nowhere else: the write buffer of a FileDescriptor, and
``connectionLost``, which every reactor calls on a descriptor that has ended.
"""

from __future__ import annotations

import socket

from twisted.internet import tcp
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ITCPTransport
from twisted.python.failure import Failure

_KEEPALIVE_IDLE = 120
"""Seconds of silence before the kernel asks whether the peer is there; many middleboxes forget after 300."""
_KEEPALIVE_INTERVAL = 30
"""Seconds between two such questions."""
_KEEPALIVE_PROBES = 6
"""Questions without an answer before the connection is given up: an outage of minutes passes unnoticed."""

_URGENT_INLINE = (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
"""Urgent data: TCP has one byte of it at a time, as a mark in the stream. Inline, that byte stays where it was sent, so
every byte arrives, and the mark is lost. Not inline, the byte would be."""
_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # the ends chose how they write; a relay must not delay it
    _URGENT_INLINE,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_PROBES),
)


def keep_urgent_inline(connection: tcp.Connection) -> None:
    """Have no byte left out of what is read of a connection before it is taken over. Does nothing without a socket."""
    handle = connection.getHandle()
    if isinstance(handle, socket.socket):
        handle.setsockopt(*_URGENT_INLINE)


def plain_connection(transport: ITCPTransport) -> tcp.Connection:
    """``transport`` itself, which must own a plain TCP socket: TypeError for TLS, UNIX sockets and wrappers."""
    if not isinstance(transport, tcp.Connection):
        raise TypeError(f"a relay takes over plain TCP connections, not {type(transport).__name__}")
    if transport.TLS:
        raise TypeError("a relay takes over plain TCP connections, not one that has started TLS")
    if is_open(transport) and transport.socket.family not in (socket.AF_INET, socket.AF_INET6):
        raise TypeError(f"a relay takes over TCP connections, not {transport.socket.family.name}")
    if transport.producer is not None:
        raise ValueError("a producer is still registered: its bytes would be lost")
    return transport


def is_open(connection: tcp.Connection) -> bool:
    """Whether the connection can still be used: neither lost nor about to be closed by its transport."""
    return bool(connection.connected) and not connection.disconnecting


def take_over(connection: tcp.Connection) -> bytes:
    """Make the reactor leave the socket alone; gives the bytes written to the transport and not yet sent."""
    connection.stopReading()
    connection.stopWriting()
    for level, option, value in _OPTIONS:
        connection.socket.setsockopt(level, option, value)
    return _take_unsent(connection)


def _take_unsent(connection: tcp.Connection) -> bytes:
    """What the transport's write buffer holds; it is empty afterwards."""
    if not connection.dataBuffer and not connection._tempDataBuffer:
        return b""  # and no attribute is set, which would double what the transport's own dictionary takes
    unsent = connection.dataBuffer[connection.offset :] + b"".join(connection._tempDataBuffer)
    connection.dataBuffer = b""
    connection.offset = 0
    connection._tempDataBuffer = []
    connection._tempDataLen = 0
    return unsent


def give_back(connection: tcp.Connection, reason: type[ConnectionDone | ConnectionLost | ConnectionAborted]) -> None:
    """Have the transport close the socket and tell its protocol why; ConnectionAborted sends a reset (SO_LINGER 0).

    Does nothing on a transport that has been closed already. What the protocol raises is passed on.
    """
    connection.connectionLost(Failure(reason()))
