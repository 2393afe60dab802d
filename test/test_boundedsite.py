"""What slow clients can do to an HTTP listener: nothing that others notice."""

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from isoproxy.boundedsite import LEAST_CONNECTIONS, BoundedSite

SECONDS = 15.0
ABORT_SECONDS = 15.0  # that Twisted gives a connection to close
HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


class Pages(Resource):
    """Answers at once, or, where asked to POST, when the test says so."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.open: list[Request] = []

    def render_GET(self, _: Request) -> bytes:
        return b"found"

    def render_POST(self, request: Request) -> int:
        self.open.append(request)
        return NOT_DONE_YET


class Client(StringTransport):
    """One client's connection."""

    def __init__(self, site: BoundedSite) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self.protocol: Any = site.buildProtocol(IPv4Address("TCP", "192.0.2.7", 1234))  # type: ignore[no-untyped-call]
        self.protocol.makeConnection(self)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """HTTP asks for that."""

    def send(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def hang_up(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))

    @property
    def answers(self) -> int:
        answered: bytes = self.value()  # type: ignore[no-untyped-call]  # Twisted's
        return answered.count(b" 200 OK")

    @property
    def is_cut(self) -> bool:
        return bool(self.disconnecting or self.disconnected)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(clock: Clock) -> BoundedSite:
    return BoundedSite(Pages(), clock=clock, seconds=SECONDS, connections=LEAST_CONNECTIONS)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GE",
        HEAD,
        HEAD + b"Content-Length: 1000\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nfff\r\n",
    ],
)
def test_bytes_that_drip_in_win_a_request_no_time(site: BoundedSite, clock: Clock, begun: bytes) -> None:
    client = Client(site)
    for byte in begun:
        client.send(bytes([byte]))
    for _ in range(int(SECONDS) - 1):
        clock.advance(1.0)
        assert not client.is_cut
        client.send(b"x" if begun else b"")
    clock.advance(1.0)
    assert client.is_cut
    clock.advance(ABORT_SECONDS)
    assert client.disconnected
    client.hang_up()
    assert not site.waiting
    assert not clock.getDelayedCalls()


def test_each_request_has_its_own_time(site: BoundedSite, clock: Clock) -> None:
    client = Client(site)
    for number in range(5):
        clock.advance(SECONDS - 1.0)
        client.send(HEAD + b"\r\n")
        assert client.answers == number + 1
        assert not client.is_cut


def test_who_has_waited_longest_makes_room(site: BoundedSite) -> None:
    clients = [Client(site) for _ in range(LEAST_CONNECTIONS)]
    clients[0].send(HEAD + b"\r\n")  # now it has waited least
    one_more = Client(site)
    assert [client.is_cut for client in clients] == [number == 1 for number in range(LEAST_CONNECTIONS)]
    for client in (clients[0], one_more):
        client.send(HEAD + b"\r\n")
    assert (clients[0].answers, one_more.answers) == (2, 1)
    assert len(site.waiting) == LEAST_CONNECTIONS


def test_who_is_being_answered_takes_no_place_and_has_no_time_limit(site: BoundedSite, clock: Clock) -> None:
    pages: Any = site.resource
    answered = Client(site)
    answered.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" + HEAD + b"\r\n")
    others = [Client(site) for _ in range(LEAST_CONNECTIONS)]
    clock.advance(SECONDS)
    assert all(other.is_cut for other in others)
    assert not answered.is_cut
    pages.open[0].finish()
    assert answered.answers == 2  # the second request had come long before
    assert answered.protocol in site.waiting
    clock.advance(SECONDS)
    assert answered.is_cut


@pytest.mark.parametrize(
    "request_", [HEAD + b"\r\n", HEAD + b"\r\n\r\n", HEAD + b"Content-Length: 3\r\n\r\nabc", CHUNKED]
)
def test_of_many_requests_in_one_piece_one_is_answered(site: BoundedSite, request_: bytes) -> None:
    client = Client(site)
    client.send(request_ * 1000)
    client.send(request_)  # it has not read the answer, which keeps the connection open
    assert client.answers == 1
    assert client.is_cut


@pytest.mark.parametrize(
    "request_", [HEAD + b"Connection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n", 2 * (HEAD + b"\r\n")]
)
def test_a_last_answer_that_nobody_reads_keeps_its_connection_for_no_longer_than_a_request(
    site: BoundedSite, clock: Clock, request_: bytes
) -> None:
    client = Client(site)
    client.send(request_)
    assert client.answers == 1
    clock.advance(SECONDS - 1.0)
    assert not client.disconnected
    clock.advance(1.0)
    assert client.disconnected
    client.hang_up()
    assert not clock.getDelayedCalls()


def test_a_last_answer_has_its_time_from_when_it_was_given(site: BoundedSite, clock: Clock) -> None:
    pages: Any = site.resource
    client = Client(site)
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
    clock.advance(SECONDS + ABORT_SECONDS)
    assert not client.is_cut
    pages.open[0].finish()
    clock.advance(SECONDS - 1.0)
    assert not client.disconnected
    clock.advance(1.0)
    assert client.disconnected
    client.hang_up()
    assert not clock.getDelayedCalls()


def test_an_empty_line_behind_a_request_is_none(site: BoundedSite) -> None:
    client = Client(site)
    for number in range(3):
        client.send(HEAD + b"\r\n\r\n")
        assert client.answers == number + 1
        assert not client.is_cut


def test_fewer_places_than_come_in_a_turn_are_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="fewer than"):
        BoundedSite(Pages(), clock=clock, seconds=SECONDS, connections=LEAST_CONNECTIONS - 1)
