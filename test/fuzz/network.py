"""A network in memory: an API server that answers with the bytes it is given, and time that passes when told to."""

from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

Answer = Callable[[bytes], tuple[bytes, bool]]
"""From the head of a request to the bytes that are sent, and whether the connection is closed after them."""
SEGMENT = 1400


class Network(Clock):
    """A reactor whose every connection leads to one server."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer

    def connectTCP(self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None) -> None:
        protocol = factory.buildProtocol(IPv4Address("TCP", host, port))
        protocol.makeConnection(_Wire(self, protocol))

    def pass_time(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let up to ``seconds`` pass, from one timer to the next, until a condition holds."""
        end = self.seconds() + seconds
        while not until():
            timers = [call.getTime() for call in self.getDelayedCalls()]
            if not timers or min(timers) > end:
                return
            self.advance(max(0.0, min(timers) - self.seconds()))


class _Wire(StringTransport):
    """The client's end of a connection; what it asks is answered a turn later."""

    def __init__(self, network: Network, protocol: IProtocol) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.socket = SimpleNamespace(setsockopt=lambda *_: None)
        self._network = network
        self._protocol = protocol
        self._sending: Iterator[bytes] = iter(())
        self._asked = b""
        self._gone = False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def write(self, data: bytes) -> None:
        self._asked += data
        head, end, _ = self._asked.partition(b"\r\n\r\n")
        if end:
            self._asked = b""
            content, closes = self._network.answer(head)
            segments = [content[at : at + SEGMENT] for at in range(0, len(content), SEGMENT)]
            self._sending = iter([*segments, b""] if closes else segments)
            self._network.callLater(0, self._send)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        self.write(b"".join(data))

    def _send(self) -> None:
        while not self._gone and self.producerState == "producing":
            segment = next(self._sending, None)
            if segment is None:
                return
            if not segment:
                self._close()
            else:
                self._protocol.dataReceived(segment)

    def resumeProducing(self) -> None:
        self.producerState = "producing"
        self._network.callLater(0, self._send)

    def loseConnection(self) -> None:
        self.disconnecting = True
        self._network.callLater(0, self._close)

    def abortConnection(self) -> None:
        self.loseConnection()

    def _close(self) -> None:
        if not self._gone:
            self._gone = True
            self._protocol.connectionLost(Failure(ConnectionDone()))
