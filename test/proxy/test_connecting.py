"""A dial is through at once where it can be, and leaves no descriptor behind where it is not."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError, ConnectionRefusedError, NoProtocol
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Connection as Transport

from isoproxy.proxy.connecting import PromptEndpoint
from test.proxy.net import Echo, Peer, hosts, reactor, wait_until
from test.proxy.relay.harness import descriptors_used_up


def dial(address: tuple[Any, ...]) -> "Deferred[IProtocol]":
    return PromptEndpoint(reactor, address[0], address[1]).connect(Factory.forProtocol(Echo))


def has_come(far: socket.socket, data: bytes) -> bool:
    try:
        return far.recv(1024) == data
    except BlockingIOError:
        return False


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@contextmanager
def deaf_server() -> Iterator[socket.socket]:
    """A server with no room for another connection: dials of it stay under way."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        with socket.create_connection(server.getsockname()):
            yield server


@pytest.mark.parametrize("host", hosts())
@pytest_twisted.ensureDeferred
async def test_a_near_peer_is_connected_at_once_and_bytes_pass(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        dialled = dial(server.getsockname())
        assert dialled.called
        peer = cast(Peer, await dialled)
        assert isinstance(peer.transport, Transport)
        far, _ = server.accept()
        far.setblocking(False)
        far.sendall(b"ping")
        await wait_until(lambda: has_come(far, b"ping"))
        far.close()
        await wait_until(lambda: peer.lost)


@pytest_twisted.ensureDeferred
async def test_a_refusal_is_told_by_its_number_and_nothing_is_left_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
    before = descriptors()
    with pytest.raises(ConnectionRefusedError) as caught:
        await dial(address)
    assert caught.value.osError == errno.ECONNREFUSED
    assert descriptors() == before


@pytest_twisted.ensureDeferred
async def test_a_peer_that_takes_its_time_is_waited_for() -> None:
    with deaf_server() as server:
        dialled = dial(server.getsockname())
        assert not dialled.called
        server.accept()[0].close()  # now there is room: the kernel tries again within a second
        peer = cast(Peer, await dialled)
        peer.reset()
        await wait_until(lambda: peer.lost)


@pytest_twisted.ensureDeferred
async def test_a_late_refusal_is_told() -> None:
    with deaf_server() as server:
        dialled = dial(server.getsockname())
        assert not dialled.called
    with pytest.raises(ConnectionRefusedError):
        await dialled


@pytest_twisted.ensureDeferred
async def test_a_cancelled_dial_leaves_nothing_open() -> None:
    with deaf_server() as server:
        before = descriptors()
        dialled = dial(server.getsockname())
        assert descriptors() == before + 1
        dialled.cancel()
        with pytest.raises(CancelledError):
            await dialled
        assert descriptors() == before


@pytest_twisted.ensureDeferred
async def test_to_have_no_descriptor_left_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with descriptors_used_up(), pytest.raises(ConnectError) as caught:
            await dial(server.getsockname())
        assert caught.value.osError == errno.EMFILE


@pytest_twisted.ensureDeferred
async def test_a_factory_that_wants_none_gets_none() -> None:
    class Unwilling(Factory[Protocol]):
        def buildProtocol(self, addr: object) -> None:
            return None

    with socket.create_server(("127.0.0.1", 0)) as server:
        before = descriptors()
        with pytest.raises(NoProtocol):
            await PromptEndpoint(reactor, *server.getsockname()).connect(Unwilling())
        assert descriptors() == before


@pytest_twisted.ensureDeferred
async def test_without_descriptors_it_fails_with_that_number() -> None:
    import resource

    with socket.create_server(("127.0.0.1", 0)) as server:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        probe = os.dup(0)
        os.close(probe)
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
        try:
            dialled = dial(server.getsockname())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        with pytest.raises(ConnectError) as caught:
            await dialled
        assert caught.value.osError == errno.EMFILE
