"""The byte relay by itself, without pods and sessions, beside HAProxy and nginx; run as a program, it is that relay."""

from __future__ import annotations

import socket
import sys
from contextlib import AbstractContextManager
from typing import Any

from bench import figures, load, peers
from bench.contestants import Start, others, running

OURS = "isoproxy's relay"


def ours(*, port: int, target: int) -> AbstractContextManager[int]:
    """Our relay in a process of its own."""
    return peers.process([sys.executable, "-m", "bench.relay", str(port), str(target)], port=port)


def serve(port: int, target: int) -> None:
    """Relay ``port`` to ``target`` for ever, as isoproxy does once it has a pod."""
    from twisted.internet import reactor as global_reactor
    from twisted.internet.endpoints import TCP4ClientEndpoint
    from twisted.internet.protocol import Factory, Protocol

    from isoproxy.proxy.relay import PipePool, Relay

    reactor: Any = global_reactor
    pipes = PipePool()
    Factory.noisy = False
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", target)

    class Client(Protocol):
        early = b""

        def connectionMade(self) -> None:
            dialling = endpoint.connect(Factory.forProtocol(Protocol))
            dialling.addCallbacks(self.pair, lambda _: self.leg.abortConnection())

        def dataReceived(self, data: bytes) -> None:
            self.early += data

        @property
        def leg(self) -> Any:
            return self.transport

        def pair(self, backend: Any) -> None:
            Relay(reactor=reactor, client=self.leg, backend=backend.transport, early=self.early, pipes=pipes).start()

    reactor.listenTCP(port, Factory.forProtocol(Client), interface="127.0.0.1", backlog=socket.SOMAXCONN)
    reactor.run()


def measure_all(quick: bool) -> None:
    """Print every figure of the bare relay."""
    effort = figures.QUICK if quick else figures.FULL
    starts: dict[str, Start] = {OURS: lambda port, target: ours(port=port, target=target), **others()}
    with load.server() as target, running(starts, target) as field:
        figures.spaced_latency(field, target, effort)
        figures.packed_latency(field, target, effort)
        figures.connects(field, effort)
        figures.conversations(field, effort)
        figures.transfers(field, effort)
    with load.server() as target, running(starts, target) as field:
        figures.memory(field, effort)


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
