"""The byte relay alone, without pods, beside HAProxy and nginx on one machine: ``python -m bench.relay [--quick]``.

Every contestant is one thread that forwards a port of 127.0.0.1; they take turns, so that what else the machine does
falls on all of them. Printed are medians and ratios. What is counted is the CPU time of the relaying process alone.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from bench import load, measure, peers

GIB = 1 << 30
OURS = "isoproxy's relay"
BASELINE = "HAProxy, forced splice"
CONNECTIONS = 100

Start = Callable[[int, int], AbstractContextManager[int]]
"""From a port to listen on and one to relay to, to the pid of a process that does."""


@dataclass(frozen=True)
class Contestant:
    """A relay that is running."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True)
class Effort:
    """How much to measure."""

    rounds: int
    transfer_bytes: int
    ping_pong_seconds: float
    connects: int


FULL = Effort(rounds=5, transfer_bytes=GIB // 4, ping_pong_seconds=0.3, connects=100)
QUICK = Effort(rounds=3, transfer_bytes=GIB // 8, ping_pong_seconds=0.2, connects=50)


def contestants() -> dict[str, Start]:
    """Ours, and those of the others that are installed."""
    found: dict[str, Start] = {OURS: lambda port, target: ours(port=port, target=target)}
    if peers.available("haproxy"):
        found[BASELINE] = lambda port, target: peers.haproxy(port=port, target=target)
        found["HAProxy, forced splice, 1 MiB pipes"] = lambda port, target: peers.haproxy(
            port=port, target=target, pipe_bytes=1 << 20
        )
        found["HAProxy, copying"] = lambda port, target: peers.haproxy(port=port, target=target, splice="")
    if peers.available("nginx"):
        found["nginx stream"] = lambda port, target: peers.nginx(port=port, target=target)
    return found


def ours(*, port: int, target: int) -> AbstractContextManager[int]:
    """Our relay in a process of its own."""
    return peers.process([sys.executable, "-m", "bench.relay", "--serve", str(port), str(target)], port=port)


@contextlib.contextmanager
def running(target: int) -> Iterator[list[Contestant]]:
    """All contestants, relaying to ``target``."""
    with ExitStack() as stack:
        field = []
        for name, start in contestants().items():
            port = peers.free_port()
            field.append(Contestant(name, port, stack.enter_context(start(port, target))))
        yield field


def measure_transfers(effort: Effort) -> None:
    """CPU seconds for each GiB one way, and how long it took."""
    cpu: dict[str, list[float]] = {}
    with load.server(load.sink) as target, running(target) as field:
        for _ in range(effort.rounds):
            for one in field:
                before = measure.cpu_ns(one.pid)
                load.run(load.send_all, one.port, total=effort.transfer_bytes)
                used = (measure.cpu_ns(one.pid) - before) / 1e9
                cpu.setdefault(one.name, []).append(used * GIB / effort.transfer_bytes)
    report("CPU for a GiB one way", "s", cpu)


def measure_conversations(effort: Effort) -> None:
    """Round trips of one byte over many connections, and the CPU each takes."""
    rates: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    with load.server(load.echo) as target, running(target) as field:
        for _ in range(effort.rounds):
            for one in field:
                before = measure.cpu_ns(one.pid)
                rate = load.run(load.ping_pong, one.port, connections=CONNECTIONS, seconds=effort.ping_pong_seconds)
                used = (measure.cpu_ns(one.pid) - before) / 1e3
                rates.setdefault(one.name, []).append(2 * rate)
                cpu.setdefault(one.name, []).append(used / (2 * rate * effort.ping_pong_seconds))
    report(f"one-byte messages over {CONNECTIONS} connections", "1/s", rates)
    report("CPU for a one-byte message", "us", cpu)


def measure_connects(effort: Effort) -> None:
    """Connect and one round trip: what each adds to a direct connection."""
    direct: list[float] = []
    through: dict[str, list[float]] = {}
    with load.server(load.echo) as target, running(target) as field:
        for _ in range(effort.rounds):
            direct += load.run(load.connect_latencies, target, count=effort.connects)
            for one in field:
                through.setdefault(one.name, []).extend(
                    load.run(load.connect_latencies, one.port, count=effort.connects)
                )
    print(f"connect and one round trip, beyond a direct one's {measure.percentile(direct, 50) * 1e3:.2f} ms (ms)")
    for name, taken in through.items():
        added = [(measure.percentile(taken, at) - measure.percentile(direct, at)) * 1e3 for at in (50, 99)]
        print(f"  {name:<36} p50 +{added[0]:.2f}   p99 +{added[1]:.2f}")


def report(title: str, unit: str, runs: dict[str, list[float]]) -> None:
    """Print a table against HAProxy, or against ourselves where it is not installed."""
    print(measure.ratio_table(title, unit, runs, baseline=BASELINE if BASELINE in runs else OURS), end="\n\n")


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


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--serve", nargs=2, type=int, metavar=("PORT", "TARGET"), help="only relay PORT to TARGET")
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    effort = QUICK if options.quick else FULL
    measure_transfers(effort)
    measure_conversations(effort)
    measure_connects(effort)


if __name__ == "__main__":
    main()
