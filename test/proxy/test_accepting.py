"""A port takes in everyone, and stays open whatever becomes of one of them."""

import os
import resource
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import pytest_twisted
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.tcp import Connection as Transport

from isoproxy.proxy.accepting import PromptServerEndpoint
from test.proxy.net import Peer, hosts, port_number, reactor, wait_until


class Taken(Factory[Peer]):
    """Remembers whom it made a protocol for."""

    noisy = False

    def __init__(self, make: Callable[[], Peer | None] = Peer) -> None:
        self._make = make
        self.peers: list[Peer] = []
        self.addresses: list[IAddress | None] = []

    def buildProtocol(self, addr: IAddress | None) -> Peer | None:
        self.addresses.append(addr)
        peer = self._make()
        if peer is not None:
            self.peers.append(peer)
        return peer


def endpoint(host: str = "127.0.0.1", port: int = 0) -> PromptServerEndpoint:
    return PromptServerEndpoint(reactor, port, interface=host, backlog=100)


@asynccontextmanager
async def listening(factory: Factory[Peer], host: str = "127.0.0.1") -> AsyncIterator[tuple[str, int]]:
    port = await endpoint(host).listen(factory)
    try:
        yield host, port_number(port)
    finally:
        await maybeDeferred(port.stopListening)


@pytest.mark.parametrize("host", hosts())
@pytest_twisted.ensureDeferred
async def test_bytes_pass_and_both_addresses_are_known(host: str) -> None:
    taken = Taken()
    async with listening(taken, host) as address:
        with socket.create_connection(address) as client:
            client.sendall(b"ping")
            await wait_until(lambda: taken.peers and taken.peers[0].got == b"ping")
            wire = taken.peers[0].wire
            assert isinstance(wire, Transport)
            assert (wire.getHost().host, wire.getHost().port) == address
            assert (wire.getPeer().host, wire.getPeer().port) == client.getsockname()[:2]
            assert taken.addresses == [wire.getPeer()]
        await wait_until(lambda: taken.peers[0].eof)
        taken.peers[0].close()
        await wait_until(lambda: taken.peers[0].lost)


@pytest_twisted.ensureDeferred
async def test_a_crowd_is_taken_in_to_the_last() -> None:
    taken = Taken()
    async with listening(taken) as address:
        clients = [socket.create_connection(address) for _ in range(50)]
        await wait_until(lambda: len(taken.peers) == 50)
        for client in clients:
            client.close()
        await wait_until(lambda: all(peer.eof for peer in taken.peers))
        for peer in taken.peers:
            peer.close()
        await wait_until(lambda: all(peer.lost for peer in taken.peers))


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_is_told() -> None:
    async with listening(Taken()) as (host, port):
        with pytest.raises(CannotListenError):
            await endpoint(host, port).listen(Taken())


def unable() -> Peer:
    raise RuntimeError("no protocol for you")


def unwilling() -> None:
    return None


@pytest.mark.parametrize("make", [unable, unwilling])
@pytest_twisted.ensureDeferred
async def test_who_cannot_be_served_is_closed_and_the_next_is_taken_in(make: Callable[[], Peer | None]) -> None:
    taken = Taken(make)
    async with listening(taken) as address:
        for served in range(2):
            with socket.create_connection(address) as client:
                await wait_until(lambda: len(taken.addresses) > served)  # noqa: B023  # awaited before it changes
                client.settimeout(5.0)
                with suppress(ConnectionResetError):
                    assert client.recv(1) == b""


class Unhappy(Peer):
    """Is not content with being connected."""

    def connectionMade(self) -> None:
        raise RuntimeError("not with me")


@pytest_twisted.ensureDeferred
async def test_a_protocol_that_fails_costs_nobody_else_the_port() -> None:
    protocols: list[Peer] = [Peer(), Unhappy()]
    taken = Taken(protocols.pop)
    async with listening(taken) as address:
        with socket.create_connection(address), socket.create_connection(address) as client:
            client.sendall(b"x")
            await wait_until(lambda: len(taken.peers) == 2 and taken.peers[1].got)
            taken.peers[1].reset()
            await wait_until(lambda: taken.peers[1].lost)


@pytest_twisted.ensureDeferred
async def test_without_descriptors_clients_are_turned_away_until_there_are_some() -> None:
    taken = Taken()
    async with listening(taken) as address:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with socket.socket() as early, socket.socket() as late:
            free = os.dup(0)
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
            try:
                early.connect(address)
                early.settimeout(0)
                await wait_until(lambda: is_closed(early))
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert taken.peers == []
            late.connect(address)
            await wait_until(lambda: taken.peers)
            taken.peers[0].reset()
            await wait_until(lambda: taken.peers[0].lost)


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
