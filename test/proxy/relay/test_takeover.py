"""What may be taken over, how the sockets are set, and that nothing is left behind."""

from __future__ import annotations

import os
import socket
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import tcp
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from isoproxy.proxy.relay import Ending, PipePool, Relay
from isoproxy.proxy.relay.poller import Poller, _pollers
from test.proxy.relay.harness import (
    Leg,
    adopted,
    arrived,
    connection,
    open_descriptors,
    reactor,
    read_all,
    read_exactly,
    reset,
    running,
    session,
    soon,
    tcp_pair,
    thread,
    until,
)


def relay_between(client: Any, backend: Any) -> Relay:
    return Relay(reactor=reactor, client=client, backend=backend, early=b"", pipes=PipePool(limit=0))


@pytest_twisted.ensureDeferred
async def test_a_connection_that_has_started_tls_is_refused() -> None:
    async with session() as relayed:
        connection(relayed.client_leg).startTLS(CertificateOptions())
        with pytest.raises(TypeError, match="TLS"):
            relayed.construct()
        connection(relayed.client_leg).abortConnection()
        connection(relayed.backend_leg).abortConnection()


@pytest_twisted.ensureDeferred
async def test_a_wrapped_transport_is_refused() -> None:
    async with session() as relayed:
        wrapper = ProtocolWrapper(WrappingFactory(Factory()), Protocol())
        with pytest.raises(TypeError, match="ProtocolWrapper"):
            relay_between(connection(relayed.client_leg), wrapper)
        connection(relayed.client_leg).abortConnection()
        connection(relayed.backend_leg).abortConnection()


@pytest_twisted.ensureDeferred
async def test_a_unix_socket_is_refused(tmp_path: Any) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        leg = await UNIXClientEndpoint(reactor, path).connect(Factory.forProtocol(Leg))
        with pytest.raises(TypeError, match="AF_UNIX"):
            relay_between(leg.transport, leg.transport)
        leg.transport.abortConnection()
        await until(lambda: leg.lost)


@pytest_twisted.ensureDeferred
async def test_a_transport_with_a_producer_is_refused() -> None:
    async with session() as relayed:
        connection(relayed.backend_leg).registerProducer(connection(relayed.client_leg), True)
        with pytest.raises(ValueError, match="producer"):
            relayed.construct()
        connection(relayed.backend_leg).unregisterProducer()
        connection(relayed.client_leg).abortConnection()
        connection(relayed.backend_leg).abortConnection()


@pytest_twisted.ensureDeferred
async def test_both_legs_send_at_once_ask_for_dead_peers_and_keep_urgent_data_inline() -> None:
    async with running() as relayed:
        for leg in (relayed.client_leg, relayed.backend_leg):
            near = connection(leg).socket
            assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert near.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert near.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 120
            assert near.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE)


@pytest_twisted.ensureDeferred
async def test_nothing_more_is_read_from_construction_on() -> None:
    async with session() as relayed:
        relayed.construct()
        relayed.client.sendall(b"not for the protocol")
        relayed.backend.sendall(b"nor this")
        relayed.done = relayed.relay.start()
        assert await thread(read_exactly, relayed.backend, 20) == b"not for the protocol"
        assert await thread(read_exactly, relayed.client, 8) == b"nor this"
        assert (relayed.client_leg.early, relayed.backend_leg.early) == (b"", b"")


@pytest_twisted.ensureDeferred
async def test_what_the_client_has_sent_by_the_start_is_passed_on_at_once() -> None:
    async with session() as relayed:
        connection(relayed.client_leg).pauseProducing()
        relayed.client.sendall(b"hello")
        arrived(relayed.client_leg)
        relayed.start()
        assert relayed.backend.recv(100) == b"hello"  # without a turn of the reactor: it does not run meanwhile


@pytest_twisted.ensureDeferred
async def test_a_connection_made_by_an_endpoint_is_relayed_from_connection_made_on() -> None:
    """The dialler's way: the relay starts while the backend's transport is still announcing the connection."""
    near, client = tcp_pair()
    client_leg = adopted(near)
    client.sendall(b"question")
    client.shutdown(socket.SHUT_WR)
    done = []

    class Backend(Leg):
        def connectionMade(self) -> None:
            relay = Relay(
                reactor=reactor,
                client=connection(client_leg),
                backend=connection(self),
                early=client_leg.early,
                pipes=PipePool(),
            )
            done.append(relay.start())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(Factory.forProtocol(Backend))
        backend, _ = listener.accept()
    assert await thread(read_all, backend) == b"question"
    backend.sendall(b"answer")
    backend.close()
    assert await thread(read_all, client) == b"answer"
    assert (await soon(done[0])).ending is Ending.BOTH_CLOSED
    assert [reason.type for reason in client_leg.lost] == [ConnectionDone]
    client.close()


@pytest_twisted.ensureDeferred
async def test_hundreds_of_sessions_leave_no_descriptor_and_nothing_in_the_reactor() -> None:
    pipes = PipePool()
    readers = set(reactor.getReaders())
    before = open_descriptors()
    for number in range(200):
        async with running(pipes=pipes) as relayed:
            relayed.client.sendall(b"x" * 100)
            if number % 3 == 0:
                reset(relayed.client)
            elif number % 3 == 1:
                relayed.relay.abort("enough")
            else:
                relayed.client.close()
                relayed.backend.close()
            await relayed.result()
    assert set(reactor.getReaders()) == readers
    assert not [one for one in reactor.getWriters() if isinstance(one, tcp.Connection)]
    assert reactor not in _pollers
    pipes.close()
    assert open_descriptors() <= before


@pytest_twisted.ensureDeferred
async def test_many_sessions_share_one_descriptor_of_the_reactor() -> None:
    readers = set(reactor.getReaders())
    async with running(), running() as relayed, running():
        assert set(reactor.getReaders()) - readers == {Poller.of(reactor)}
        relayed.client.sendall(b"x")
        assert await thread(relayed.backend.recv, 1) == b"x"


@pytest_twisted.ensureDeferred
async def test_descriptors_above_1023_are_relayed_too() -> None:
    occupied = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        async with running() as relayed:
            assert connection(relayed.client_leg).fileno() > 1023
            relayed.client.sendall(b"high")
            assert await thread(read_exactly, relayed.backend, 4) == b"high"
            reset(relayed.backend)
            assert (await relayed.result()).ending is Ending.BACKEND_RESET
    finally:
        for descriptor in occupied:
            os.close(descriptor)


@pytest_twisted.ensureDeferred
async def test_a_socket_closed_behind_the_relays_back_ends_it_and_touches_no_other() -> None:
    """A defect of the caller's: but its number may be another connection's by now."""
    async with running() as relayed, running() as other:
        connection(relayed.client_leg).socket.close()
        relayed.backend.sendall(b"for nobody")
        assert (await relayed.result()).ending is Ending.FAILED
        other.client.sendall(b"fine")
        assert await thread(read_exactly, other.backend, 4) == b"fine"
