"""A connected TCP socket as Twisted knows it, made without the names and addresses that Twisted's own keep for logs."""

from typing import Any

from twisted.internet import tcp
from twisted.internet.address import IPv4Address, IPv6Address


class Transport(tcp.Connection):
    """The transport of one protocol; it owns the socket from construction on."""

    logstr = "connection"

    def begin(self) -> None:
        """Read, and tell the protocol that it is connected; what it raises is passed on, and ends the reading."""
        self.connected = 1
        self.startReading()  # type: ignore[no-untyped-call]  # twisted.internet.abstract is not typed
        try:
            self.protocol.makeConnection(self)
        except Exception:
            self.stopReading()  # type: ignore[no-untyped-call]  # as above
            raise

    def getHost(self) -> IPv4Address | IPv6Address:
        """See ITransport."""
        return tcp_address(self.socket.getsockname())

    def getPeer(self) -> IPv4Address | IPv6Address:
        """See ITransport."""
        return tcp_address(self.socket.getpeername())


def tcp_address(address: tuple[Any, ...]) -> IPv4Address | IPv6Address:
    """Return what a socket calls an address, as Twisted does."""
    return (IPv4Address if len(address) == 2 else IPv6Address)("TCP", *address)
