"""The port: kept where it is wanted, whatever is in the way, and moved without a gap."""

import socket
from dataclasses import dataclass, field
from typing import Any

import pytest_twisted
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from isoproxy.proxy.listener import ClientFactory, ClientProtocol, Listener
from isoproxy.timesource import TimeSource
from test.proxy.net import loopback, outcome_of, wait_until

PEER = IPv4Address("TCP", "192.0.2.7", 1234)


@dataclass
class Told:
    """Stands for a connection."""

    events: list[object] = field(default_factory=list)

    def received(self, data: bytes) -> None:
        self.events.append(data)

    def client_eof(self) -> None:
        self.events.append("eof")

    def client_lost(self) -> None:
        self.events.append("lost")


def test_a_protocol_passes_on_what_the_transport_tells() -> None:
    told, admitted = Told(), list[object]()

    def admit(transport: object, peer: object) -> Any:
        admitted.append((transport, peer))
        return told

    protocol = ClientFactory(admit).buildProtocol(PEER)
    assert isinstance(protocol, ClientProtocol)
    transport = StringTransport()
    protocol.makeConnection(transport)  # type: ignore[no-untyped-call]  # Twisted's
    assert admitted == [(transport, PEER)]
    protocol.dataReceived(b"x")
    protocol.readConnectionLost()
    protocol.writeConnectionLost()
    protocol.connectionLost()
    protocol.connectionLost()
    assert told.events == [b"x", "eof", "lost"]


class Scene:
    """A listener on a turned clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.changes: list[tuple[str, str]] = []
        self.listener = Listener(
            listen=loopback,
            factory=ClientFactory(lambda transport, peer: Told()),  # type: ignore[arg-type,return-value]  # never used
            time=TimeSource.simulated(self.clock),
            on_change=lambda: self.changes.append((self.listener.address, self.listener.error)),
            jitter=lambda: 0.5,
        )

    async def close(self) -> None:
        closed = outcome_of(Deferred.fromCoroutine(self.listener.close()))
        await wait_until(lambda: closed)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest_twisted.ensureDeferred
async def test_any_free_port_is_told_and_asking_again_changes_nothing() -> None:
    scene = Scene()
    scene.listener.open(0)
    address = scene.listener.address
    assert address.startswith("127.0.0.1:")
    assert accepts(port_of(address))
    scene.listener.open(0)
    assert scene.changes == [(address, "")]
    await scene.close()
    assert scene.changes[-1] == ("", "")
    assert not accepts(port_of(address))


@pytest_twisted.ensureDeferred
async def test_a_port_in_use_is_told_in_one_line_and_tried_until_it_is_free() -> None:
    scene = Scene()
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port = squatter.getsockname()[1]
        scene.listener.open(port)
        assert scene.listener.address == ""
        assert f"127.0.0.1:{port}" in scene.listener.error
        assert "\n" not in scene.listener.error
        scene.clock.pump([0.1] * 100)
        assert len(scene.changes) == 1  # the same trouble is told once
    scene.clock.pump([0.1] * 101)
    assert scene.changes[-1] == (f"127.0.0.1:{port}", "")
    await scene.close()
    assert not scene.clock.getDelayedCalls()


@pytest_twisted.ensureDeferred
async def test_the_old_port_stays_open_until_the_new_one_is() -> None:
    scene = Scene()
    scene.listener.open(0)
    old = port_of(scene.listener.address)
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        scene.listener.open(taken)
        assert accepts(old)
        assert port_of(scene.listener.address) == old
        assert scene.listener.error != ""
    scene.clock.pump([0.1] * 101)
    assert port_of(scene.listener.address) == taken
    await wait_until(lambda: not accepts(old))
    await scene.close()


@pytest_twisted.ensureDeferred
async def test_going_back_to_the_port_that_is_still_open_needs_nothing() -> None:
    scene = Scene()
    scene.listener.open(0)
    address = scene.listener.address
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        scene.listener.open(squatter.getsockname()[1])
        assert scene.listener.error != ""
        scene.listener.open(0)
    assert (scene.listener.address, scene.listener.error) == (address, "")
    assert not scene.clock.getDelayedCalls()
    await scene.close()


@pytest_twisted.ensureDeferred
async def test_closing_while_it_tries_leaves_nothing_behind() -> None:
    scene = Scene()
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        scene.listener.open(squatter.getsockname()[1])
        await scene.close()
        await scene.close()
    assert not scene.clock.getDelayedCalls()
