"""A listener in memory: what a client sends, and what it is answered."""

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

SEGMENT = 1400


class Connection(StringTransport):
    """A client's connection to what ``factory`` makes."""

    def __init__(self, factory: IProtocolFactory, clock: Clock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._clock = clock
        protocol: Any = factory.buildProtocol(self.getPeer())  # type: ignore[no-untyped-call]  # as above
        self._protocol = protocol
        self._protocol.makeConnection(self)
        self.answer = bytearray()
        self.closed = False

    def send(self, data: bytes) -> None:
        """Send, until it is closed; the clock does not move."""
        for start in range(0, len(data), SEGMENT):
            if self.closed:
                return
            self._protocol.dataReceived(data[start : start + SEGMENT])
            self._clock.advance(0)

    def hang_up(self) -> None:
        if not self.closed:
            self._close()

    def write(self, data: bytes) -> None:
        self.answer += data

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self._clock.callLater(0, self.hang_up)

    def abortConnection(self) -> None:
        self.loseConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def _close(self) -> None:
        self.closed = True
        self._protocol.connectionLost(Failure(ConnectionDone()))
