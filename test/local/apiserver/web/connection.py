"""A listening server, and a client of raw bytes for what no ordinary client does."""

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

BOUND = 40.0  # seconds that a test waits for anything, on a busy machine


class RawClient(Protocol):
    """Collects what comes; `until` waits for it."""

    def __init__(self) -> None:
        self.received = b""
        self.closed = False
        self._waiting: list[tuple[Any, Deferred[None]]] = []

    def stop_reading(self) -> None:
        IPushProducer(self.transport).pauseProducing()

    def read_on(self) -> None:
        IPushProducer(self.transport).resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._check()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed = True
        self._check()

    def _check(self) -> None:
        for item in tuple(self._waiting):
            holds, waiter = item
            if holds():
                self._waiting.remove(item)
                waiter.callback(None)

    def until(self, holds: Any, reactor: Any) -> Deferred[None]:
        waiter: Deferred[None] = Deferred()
        self._waiting.append((holds, waiter))
        self._check()
        return waiter.addTimeout(BOUND, reactor)

    def send(self, method: str, path: str, body: bytes = b"", **headers: Any) -> None:
        shown = {"Host": "127.0.0.1"} | {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            shown["Content-Length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in shown.items()), "", ""]
        assert self.transport is not None
        self.transport.write("\r\n".join(lines).encode() + body)

    @property
    def lines(self) -> list[Any]:
        """The JSON lines of a chunked answer."""
        return [
            json.loads(line) for line in self.received.split(b"\r\n") for line in line.splitlines() if line[:1] == b"{"
        ]


async def connect(reactor: Any, port: int) -> RawClient:
    client = await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Factory.forProtocol(RawClient))
    assert isinstance(client, RawClient)
    return client
