"""Real sockets around a proxy: pods that echo, clients that show what they got, and a clock that tests may turn."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock, deferLater
from twisted.internet.tcp import Connection as Transport
from twisted.python.failure import Failure
from zope.interface import implementer

from isoproxy.kube.resources import LEASES
from isoproxy.model.dedicatedservice import QueueSpec, SessionSpec
from isoproxy.model.parsing import parse
from isoproxy.model.proxylease import ProxyLease
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.metrics import Metrics
from isoproxy.proxy.dialer import Dialer, tcp_dialer
from isoproxy.proxy.service import ProxyService
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi, make_core
from test.proxy.operator import INSTANCE, Operator

reactor: Any = _reactor
PATIENCE = 40.0
"""Seconds that anything may take on a busy machine before it is a failure."""


@implementer(IHalfCloseableProtocol)
class Peer(Protocol):
    """One end of a connection: what it got, and how it ended."""

    echoes = False

    def __init__(self) -> None:
        self.got = b""
        self.eof = False
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        if self.echoes:
            self.wire.write(data)

    def readConnectionLost(self) -> None:
        self.eof = True
        if self.echoes:
            self.wire.loseConnection()

    def writeConnectionLost(self) -> None:
        """Nothing to do."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.lost = reason

    @property
    def wire(self) -> Transport:
        return cast(Transport, self.transport)

    @property
    def was_reset(self) -> bool:
        return self.lost is not None and not self.lost.check(ConnectionDone)

    def send(self, data: bytes) -> None:
        self.wire.write(data)

    def shut_down(self) -> None:
        self.wire.loseWriteConnection()

    def close(self) -> None:
        self.wire.loseConnection()

    def reset(self) -> None:
        self.wire.abortConnection()


class Echo(Peer):
    """The program in a pod."""

    echoes = True


class EchoFactory(Factory[Echo]):
    """Remembers its connections: there should be one."""

    noisy = False

    def __init__(self) -> None:
        self.connections: list[Echo] = []

    def buildProtocol(self, addr: object) -> Echo:
        self.connections.append(Echo())
        return self.connections[-1]


async def wait_until(true: Callable[[], object], *, turn: Clock | None = None) -> None:
    """Return once ``true()`` is; the reactor runs meanwhile, and ``turn`` with it."""
    deadline = reactor.seconds() + PATIENCE
    while not true():
        assert reactor.seconds() < deadline, "it did not come true in time"
        await deferLater(reactor, 0.002)
        if turn is not None:
            turn.advance(0.01)


class Site:
    """A proxy service on a turned clock with real sockets, an API server in memory, pods and clients."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        core = make_core(self.clock)
        self.api = MemoryApi(core, self.clock)
        self.operator = Operator(core, self.clock)
        uid = self.operator.serve()
        self.lines: list[str] = []
        self.metrics = Metrics()
        self.pods: dict[str, EchoFactory] = {}
        self.clients: list[Peer] = []
        self._ports: dict[str, IListeningPort] = {}
        self.dead: set[str] = set()
        settings: ProxySettings = options.pop("settings", None) or site_settings()
        self.service = ProxyService(
            reactor=reactor,
            api=self.api,
            settings=replace(settings, service_uid=uid),
            instance=INSTANCE,
            listen=loopback,
            dialer=self._dialer(tcp_dialer(reactor)),
            metrics=self.metrics,
            access_log=AccessLog(self.lines.append),
            time=TimeSource.simulated(self.clock),
            jitter=lambda: 0.5,
            **options,
        )

    def _dialer(self, plain: Dialer) -> Dialer:
        def dial(pod: Any) -> Any:
            if pod.name in self.dead:
                raise OSError(113, "no route to host")
            return plain(pod)

        return dial

    async def start(self) -> None:
        self.service.startService()
        await self.until(lambda: self.service.address and self.api.watches and self.lease().listen)

    async def stop(self) -> None:
        self.api.come_back()  # an end without an API server takes its time
        for client in self.clients:
            client.reset()
        stopped: list[object] = []
        self.service.stopService().addBoth(stopped.append)
        await self.until(lambda: stopped)
        for name in list(self._ports):
            await self.stop_program(name)
        for factory in self.pods.values():
            for connection in factory.connections:
                connection.reset()

    async def until(self, true: Callable[[], object]) -> None:
        await wait_until(true, turn=self.clock)

    async def settle(self) -> None:
        """Let everything happen that is about to."""
        for _ in range(20):
            await deferLater(reactor, 0.001)
            self.clock.advance(0.001)

    async def pass_time(self, seconds: float, step: float = 0.1) -> None:
        """Let time pass at once."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            await deferLater(reactor, 0)

    async def add_pod(self, name: str, *, port: int = 0) -> None:
        """Assign a pod that echoes, on a port of its own."""
        await self.start_program(name, port=port)
        self.assign(name, port=self.port_of(name))

    def assign(self, name: str, *, port: int = 1) -> None:
        """Assign a pod; the proxy, if it watches, has seen it."""
        self.operator.assign(name, port=port)
        self.clock.advance(0)

    def port_of(self, name: str) -> int:
        """Where the pod's program listens."""
        return port_number(self._ports[name])

    async def stop_program(self, name: str) -> None:
        await maybeDeferred(self._ports.pop(name).stopListening)

    async def start_program(self, name: str, *, port: int = 0) -> None:
        self.pods[name] = EchoFactory()
        self._ports[name] = await loopback(port).listen(self.pods[name])

    async def connect(self) -> Peer:
        """A client that the proxy has accepted."""
        accepted = self.accepted
        client = await connect_to(self.service.address)
        self.clients.append(client)
        await self.until(lambda: self.accepted > accepted)
        return client

    async def talking_to(self, pod: str) -> Peer:
        """A client that is served by a pod, which comes for it: what it sent has come back."""
        await self.add_pod(pod)
        client = await self.connect()
        client.send(b"x")
        await self.until(lambda: client.got)
        return client

    @property
    def accepted(self) -> int:
        return self.service._sessions.live().sessions + len(self.lines)

    def uses(self, name: str) -> int:
        """How many connections a pod has had."""
        return len(self.pods[name].connections)

    def outcomes(self) -> list[str]:
        """Of the connections that ended, in that order."""
        return [
            field.partition("=")[2] for line in self.lines for field in line.split() if field.startswith("outcome=")
        ]

    def lease(self) -> ProxyLease:
        return parse(ProxyLease, self.operator.get(LEASES, f"web-{INSTANCE}"))

    def phase(self, name: str) -> str:
        return str(self.operator.status(name)["phase"])


async def connect_to(address: str) -> Peer:
    """A client of ``host:port``."""
    host, _, port = address.rpartition(":")
    return cast(Peer, await TCP4ClientEndpoint(reactor, host, int(port)).connect(Factory.forProtocol(Peer)))


def connect_and_reset(address: str) -> None:
    """Connect to ``host:port`` and break off; the reactor does not run meanwhile."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port))) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def port_number(port: IListeningPort) -> int:
    """The number of a listening port."""
    return int(cast(IPv4Address, port.getHost()).port)


def hosts() -> list[str]:
    """The loopback addresses of this machine, which may know IPv4 only."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return ["127.0.0.1"]
    return ["127.0.0.1", "::1"]


def loopback(port: int) -> IStreamServerEndpoint:
    """A listener on 127.0.0.1."""
    return TCP4ServerEndpoint(reactor, port, interface="127.0.0.1")


def site_settings(*, port: int = 0, queue: dict[str, int] | None = None, **session: int) -> ProxySettings:
    """Settings of the service web; ``session`` and ``queue`` are seconds and lengths by field name."""
    return ProxySettings(
        namespace="default",
        service="web",
        service_uid="uid-web",
        listen_port=port,
        queue=QueueSpec(**(queue or {})),
        session=SessionSpec(**session),
    )


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Site]:
    """A site that is started, and stopped in the end."""
    options.setdefault("linger_seconds", 0.0)
    site = Site(**options)
    await site.start()
    try:
        yield site
    finally:
        await site.stop()


def outcome_of(waiting: Deferred[Any]) -> list[Any]:
    """A list that will hold what ``waiting`` gave."""
    result: list[Any] = []
    waiting.addBoth(result.append)
    return result
