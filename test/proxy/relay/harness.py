"""What the relay's tests share: a relay between two real TCP connections whose far ends are plain blocking sockets.

The far ends are driven from threads, as programs of their own would; the relay runs in the test's reactor.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet import reactor as _reactor
from twisted.internet import tcp
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure
from zope.interface import implementer

from isoproxy.proxy.relay import PipePool, Relay, RelayResult

reactor: Any = _reactor
T = TypeVar("T")
SECONDS = 40.0
"""How long anything in these tests may take on a busy machine before it is a failure."""


@implementer(IHalfCloseableProtocol)
class Leg(Protocol):
    """A minimal owner of one connection: it gathers what comes before the relay, and how the connection ended."""

    def __init__(self) -> None:
        self.early = b""
        self.eof = False
        self.lost: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        self.early += data

    def readConnectionLost(self) -> None:
        self.eof = True

    def writeConnectionLost(self) -> None:
        """Half-closed by us: not used here."""

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008 - Twisted's own signature
        self.lost.append(reason)


def tcp_pair(*, far_buffer: int | None = None) -> tuple[socket.socket, socket.socket]:
    """Two ends of one loopback connection; the second blocks, and holds ``far_buffer`` bytes each way if given."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        far = socket.socket()
        if far_buffer is not None:
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, far_buffer)
            far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, far_buffer)
        far.settimeout(SECONDS)
        far.connect(listener.getsockname())
        near, _ = listener.accept()
    far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


class _OneLeg(Factory):
    """Gives the one leg it was made for."""

    noisy = False

    def __init__(self, leg: Leg) -> None:
        self._leg = leg

    def buildProtocol(self, addr: object) -> Leg:
        return self._leg


def adopted(near: socket.socket) -> Leg:
    """``near`` given to the reactor as an accepted connection."""
    leg = Leg()
    reactor.adoptStreamConnection(near.fileno(), socket.AF_INET, _OneLeg(leg))
    near.close()
    return leg


def connection(leg: Leg) -> tcp.Connection:
    """The leg's transport."""
    assert isinstance(leg.transport, tcp.Connection)
    return leg.transport


@dataclass
class Session:
    """A relay and all that surrounds it. ``client`` and ``backend`` are the far ends."""

    client: socket.socket
    backend: socket.socket
    client_leg: Leg
    backend_leg: Leg
    pipes: PipePool
    relay: Relay = field(init=False)
    done: Deferred[RelayResult] = field(init=False)

    def start(self, **options: Any) -> None:
        """Construct the relay and start it."""
        self.construct(**options)
        self.done = self.relay.start()

    def construct(self, **options: Any) -> None:
        """Construct the relay, as a session would that has just connected to its pod."""
        self.relay = Relay(
            reactor=reactor,
            client=connection(self.client_leg),
            backend=connection(self.backend_leg),
            early=options.pop("early", self.client_leg.early),
            pipes=self.pipes,
            **options,
        )

    async def result(self) -> RelayResult:
        """How the relay ended."""
        return await soon(self.done)


def opened(pipes: PipePool, *, far_buffer: int | None = None) -> Session:
    """A session yet to be started, and never closed."""
    near_client, client = tcp_pair(far_buffer=far_buffer)
    near_backend, backend = tcp_pair(far_buffer=far_buffer)
    return Session(client, backend, adopted(near_client), adopted(near_backend), pipes)


@asynccontextmanager
async def session(*, pipes: PipePool | None = None, far_buffer: int | None = None) -> AsyncIterator[Session]:
    """A session yet to be started; in the end its sockets are closed, and the relay has ended, whatever happened."""
    pool = PipePool() if pipes is None else pipes
    made = opened(pool, far_buffer=far_buffer)
    try:
        yield made
    finally:
        made.client.close()
        made.backend.close()
        if hasattr(made, "relay"):
            made.relay.abort("the test is over")
        await until(lambda: made.client_leg.lost and made.backend_leg.lost)
        if pipes is None:
            pool.close()


@asynccontextmanager
async def running(*, pipes: PipePool | None = None, far_buffer: int | None = None) -> AsyncIterator[Session]:
    """A session whose relay has started."""
    async with session(pipes=pipes, far_buffer=far_buffer) as made:
        made.start()
        yield made


async def soon(waiting: Deferred[T]) -> T:
    """What ``waiting`` gives, within :data:`SECONDS`; others may wait for it too."""
    answer: Deferred[T] = Deferred()

    def tell(outcome: T | Failure) -> T | Failure:
        answer.callback(outcome)
        return outcome

    waiting.addBoth(tell)
    return await answer.addTimeout(SECONDS, reactor)


async def together(*waiting: Deferred[Any]) -> list[Any]:
    """What each of ``waiting`` gives."""
    return await gatherResults(waiting, consumeErrors=True)


async def until(true: Callable[[], object]) -> None:
    """Return once ``true()`` is; the reactor runs meanwhile."""
    deadline = reactor.seconds() + SECONDS
    while not true():
        assert reactor.seconds() < deadline, "it did not come true in time"
        await pause(0.005)


async def pause(seconds: float) -> None:
    """Let the reactor run."""
    await deferLater(reactor, seconds)


def thread(work: Callable[..., T], *args: Any) -> Deferred[T]:
    """``work(*args)`` in a thread: how a far end acts."""
    return deferToThread(work, *args).addTimeout(SECONDS, reactor)


def read_all(far: socket.socket) -> bytes:
    """Everything up to the FIN."""
    parts = []
    while part := far.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def read_exactly(far: socket.socket, count: int) -> bytes:
    """``count`` bytes, fewer only before a FIN."""
    read, position = memoryview(bytearray(count)), 0
    while position < count and (got := far.recv_into(read[position:])):
        position += got
    return bytes(read[:position])


def fill(far: socket.socket) -> int:
    """Send until nothing has been taken for a while; gives how many bytes were."""
    far.settimeout(0.3)
    sent, chunk = 0, bytes(1 << 16)
    try:
        while True:
            sent += far.send(chunk)
    except TimeoutError:
        return sent
    finally:
        far.settimeout(SECONDS)


def arrived(leg: Leg) -> None:
    """Wait until there is something to be read for ``leg``; the reactor does not run meanwhile."""
    waiting = select.poll()
    waiting.register(connection(leg).socket, select.POLLIN)
    assert waiting.poll(SECONDS * 1000), "nothing has come in time"


async def stall(relayed: Session, far: socket.socket) -> int:
    """Send from ``far`` until the relay owes bytes to the other side, which does not read; gives how many were sent.

    That is so for a while before this returns: the kernel may yet make room by itself, when an acknowledgement is late.
    """
    near = relayed.relay._ends[0 if far is relayed.client else 1]
    far.setblocking(False)
    sent, chunk = 0, bytes(1 << 16)
    last, looks = (0, 0), 0

    def owes() -> bool:
        nonlocal sent, last, looks
        try:
            while True:
                sent += far.send(chunk)
        except BlockingIOError:
            now = sent, near.outbound.moved
            last, looks = now, (looks + 1 if now == last and near.outbound.owed else 0)
            return looks == 10

    await until(owes)
    far.settimeout(SECONDS)
    return sent


def reset(far: socket.socket) -> None:
    """Close with a reset."""
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    far.close()


def pattern(count: int, seed: int = 0) -> bytes:
    """``count`` bytes in which every place looks different, and every seed."""
    block = bytes((position * 131 + (position >> 8) * 17 + seed * 73) & 255 for position in range(65521))
    return (block * (count // len(block) + 1))[:count]


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))


def resident_bytes() -> int:
    """Memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def descriptors_used_up() -> Iterator[None]:
    """Not one more descriptor can be opened meanwhile."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.dup(0)
    os.close(probe)
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
