"""What a session decides is carried out, whatever dialers and relays do."""

import errno
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.connection import Connection
from isoproxy.proxy.dialer import BackendProtocol
from isoproxy.proxy.relay.result import Ending, RelayResult
from isoproxy.proxy.session import EARLY_BYTES, Ended, Limits
from isoproxy.timesource import TimeSource
from test.proxy.backends import pod


class Wire(StringTransport):
    """A client's connection, without a socket as some transports are."""

    def getHandle(self) -> None:
        return None


class Relayed:
    """A relay that ends when it is told to."""

    bytes_in, bytes_out, last_activity = 3, 4, 0.0

    def __init__(self) -> None:
        self.done: Deferred[RelayResult] = Deferred()
        self.aborted: object = None
        self.backend_is_gone = False

    def start(self) -> Deferred[RelayResult]:
        return self.done

    def abort(self, reason: object) -> None:
        self.aborted = reason

    def backend_gone(self) -> None:
        self.backend_is_gone = True

    def end(self, ending: Ending, error: str = "") -> None:
        self.done.callback(RelayResult(ending, self.bytes_in, self.bytes_out, error))


@dataclass
class Counter:
    """The desk of a proxy with three pods, whose dials and relays are the test's to decide."""

    clock: Clock = field(default_factory=Clock)
    fenced: bool = False
    dials: list[Deferred[Any]] = field(default_factory=list)
    dial: Any = None
    relays: list[tuple[Any, ...]] = field(default_factory=list)
    relay: Any = None
    retired: list[tuple[str, Outcome]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    claims: int = 0
    answer: Outcome | None = None

    def __post_init__(self) -> None:
        self.time = TimeSource.simulated(self.clock)
        self.dialer: Any = lambda pod: self
        self.client = Wire()  # type: ignore[no-untyped-call]  # Twisted's
        self.connection = Connection(
            desk=self,
            client=self.client,  # type: ignore[arg-type]  # all that is used of a transport
            peer=IPv4Address("TCP", "192.0.2.7", 1234),
            limits=Limits(30.0, 5.0),
        )

    def connect(self, factory: object) -> Any:
        """The endpoint that the dialer gives."""
        if self.dial is not None:
            return self.dial()
        self.dials.append(Deferred())
        return self.dials[-1]

    def make_relay(self, *arguments: Any) -> Any:
        self.relays.append(arguments)
        if self.relay is None:
            raise TypeError("no plain connection")
        return self.relay

    def claim(self, connection: Connection, *, front: bool) -> Backend | Outcome | None:
        if self.answer is not None:
            return self.answer
        assert front == (self.claims > 0)
        self.claims += 1
        return pod(self.claims)

    def leave(self, connection: Connection) -> None:
        pass

    def is_fenced(self) -> bool:
        return self.fenced

    def connected(self, connection: Connection) -> None:
        pass

    def retire(self, pod: Backend, outcome: Outcome) -> None:
        self.retired.append((pod.name, outcome))

    def ended(self, connection: Connection, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def dialled(self) -> StringTransport:
        """The dial in progress succeeds; its transport."""
        protocol = BackendProtocol()
        protocol.makeConnection(StringTransport())  # type: ignore[no-untyped-call]  # Twisted's
        self.dials[-1].callback(protocol)
        assert isinstance(protocol.transport, StringTransport)
        return protocol.transport


@pytest.fixture
def desk() -> Counter:
    return Counter()


def test_a_dialer_that_is_broken_costs_three_pods_and_the_connection_but_nothing_else(desk: Counter) -> None:
    def broken() -> None:
        raise ValueError("a defect")

    desk.dial = broken
    desk.connection.begin()
    assert desk.retired == [(f"pod-{number}", Outcome.DIAL_FAILED) for number in (1, 2, 3)]
    assert desk.outcomes == [Outcome.DIAL_FAILED]
    assert desk.client.disconnected
    assert not desk.clock.getDelayedCalls()


def test_answers_that_come_before_the_question_returns_are_taken(desk: Counter) -> None:
    protocol = BackendProtocol()
    protocol.makeConnection(StringTransport())  # type: ignore[no-untyped-call]  # Twisted's
    desk.dial = lambda: succeed(protocol)
    desk.relay = Relayed()
    desk.connection.begin()
    assert desk.relays == [(desk.client, protocol.transport, b"", False)]
    assert not desk.clock.getDelayedCalls()
    desk.relay.end(Ending.BOTH_CLOSED)
    assert desk.outcomes == [Outcome.COMPLETED]
    assert (desk.connection.bytes_in, desk.connection.bytes_out) == (3, 4)
    assert not desk.client.disconnected  # the relay closes what was its own


def test_early_bytes_and_a_half_close_are_handed_over(desk: Counter) -> None:
    desk.relay = Relayed()
    desk.connection.begin()
    desk.connection.received(b"early ")
    desk.connection.received(b"bird")
    desk.connection.client_eof()
    backend = desk.dialled()
    assert desk.relays == [(desk.client, backend, b"early bird", True)]


def test_a_flood_is_read_no_further(desk: Counter) -> None:
    desk.connection.begin()
    desk.connection.received(bytes(70_000))
    assert desk.client.producerState == "paused"


def test_a_relay_is_told_that_its_pod_is_gone_and_not_that_it_is_asked_back(desk: Counter) -> None:
    desk.relay = Relayed()
    desk.connection.begin()
    desk.dialled()
    desk.connection.pod_withdrawn()
    assert not desk.relay.backend_is_gone
    desk.connection.pod_gone()
    assert desk.relay.backend_is_gone
    assert desk.retired == []


@pytest.mark.parametrize("news", [Connection.pod_gone, Connection.pod_withdrawn])
def test_a_pod_that_is_gone_or_asked_back_is_dialled_no_longer(desk: Counter, news: Callable[[Any], None]) -> None:
    desk.relay = Relayed()
    desk.connection.begin()
    news(desk.connection)
    assert desk.dials[0].called
    assert desk.retired == [("pod-1", Outcome.DIAL_FAILED)]
    desk.dialled()
    assert not desk.relay.backend_is_gone, "that is said of the pod before"
    assert len(desk.dials) == 2


def test_that_a_pod_is_gone_says_nothing_of_the_next_which_may_answer_at_once(desk: Counter) -> None:
    desk.relay = Relayed()
    desk.connection.begin()
    protocol = BackendProtocol()
    protocol.makeConnection(StringTransport())  # type: ignore[no-untyped-call]  # Twisted's
    desk.dial = lambda: succeed(protocol)
    desk.connection.pod_gone()
    assert len(desk.relays) == 1
    assert not desk.relay.backend_is_gone


def test_a_dial_that_takes_too_long_is_cancelled(desk: Counter) -> None:
    desk.connection.begin()
    first = desk.dials[0]
    desk.clock.advance(5.0)
    assert first.called
    assert desk.retired == [("pod-1", Outcome.DIAL_FAILED)]
    assert len(desk.dials) == 2


def test_a_client_that_leaves_ends_the_dial(desk: Counter) -> None:
    desk.connection.begin()
    desk.connection.client_lost()
    assert desk.dials[0].called
    assert desk.outcomes == [Outcome.CLIENT_GONE]
    assert not desk.clock.getDelayedCalls()


def test_a_fenced_connect_is_closed_without_a_byte(desk: Counter) -> None:
    desk.connection.begin()
    desk.fenced = True
    backend = desk.dialled()
    assert backend.disconnected
    assert backend.value() == b""
    assert desk.relays == []
    assert desk.retired == [("pod-1", Outcome.DIAL_FAILED)]


def test_a_refused_pod_is_dialled_again_by_one_timer(desk: Counter) -> None:
    desk.connection.begin()
    desk.dials[-1].errback(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
    assert len(desk.clock.getDelayedCalls()) == 1
    desk.clock.advance(0.01)
    assert len(desk.dials) == 2
    assert desk.retired == []


def test_without_descriptors_the_pod_is_dialled_until_the_deadline_and_no_other(desk: Counter) -> None:
    desk.dial = lambda: fail(ConnectError(errno.EMFILE, "too many open files"))
    desk.connection.begin()
    desk.clock.pump([0.05] * 101)
    assert desk.retired == [("pod-1", Outcome.ERROR)]
    assert desk.outcomes == [Outcome.ERROR]
    assert desk.connection.session.error == "EMFILE"


def test_a_relay_that_cannot_be_made_ends_both_sides(desk: Counter) -> None:
    desk.connection.begin()
    backend = desk.dialled()
    assert backend.disconnected
    assert desk.client.disconnected
    assert desk.retired == [("pod-1", Outcome.ERROR)]
    assert desk.outcomes == [Outcome.ERROR]
    assert desk.connection.session.error == "TypeError"


def test_what_broke_a_relay_is_kept(desk: Counter) -> None:
    desk.relay = Relayed()
    desk.connection.begin()
    desk.dialled()
    desk.relay.end(Ending.FAILED, "ENOSPC")
    assert desk.outcomes == [Outcome.ERROR]
    assert desk.connection.session.error == "ENOSPC"


def test_who_is_turned_away_is_reset(desk: Counter) -> None:
    desk.answer = Outcome.QUEUE_FULL
    desk.connection.begin()
    assert desk.outcomes == [Outcome.QUEUE_FULL]
    assert desk.client.disconnected


def test_a_cut_relay_is_aborted_for_the_reason_that_is_recorded(desk: Counter) -> None:
    desk.relay = Relayed()
    desk.connection.begin()
    desk.dialled()
    desk.connection.cut(Outcome.DRAINED)
    assert desk.relay.aborted == "drained"
    assert desk.outcomes == []
    desk.relay.end(Ending.ABORTED)
    assert desk.outcomes == [Outcome.DRAINED]
    desk.connection.client_lost()
    assert desk.connection.session.state == Ended(Outcome.DRAINED)


def test_idleness_is_measured_by_our_clock_from_the_last_sweep_that_saw_a_byte(desk: Counter) -> None:
    desk.connection.session.limits = Limits(30.0, 5.0, idle_timeout=10.0)
    desk.relay = Relayed()
    desk.connection.begin()
    desk.dialled()
    desk.connection.cut_if_idle(5.0)
    desk.relay.last_activity = 1e9  # by a clock that was set in between
    desk.connection.cut_if_idle(11.0)
    desk.connection.cut_if_idle(20.0)
    assert desk.relay.aborted is None
    desk.connection.cut_if_idle(21.0)
    assert desk.relay.aborted == "idle_timeout"


def test_a_transport_without_a_socket_is_not_taken_for_reset(desk: Counter) -> None:
    desk.connection.session.eof = True
    desk.connection.leave_if_reset()
    assert desk.outcomes == []


def test_what_a_client_sends_in_tiny_segments_takes_no_more_than_it_is(desk: Counter) -> None:
    connection = desk.connection
    segments = EARLY_BYTES // 2 - 1
    tracemalloc.start()
    try:
        for number in range(segments):
            connection.received(b"%02d" % (number % 100))
        assert tracemalloc.get_traced_memory()[0] < 2 * EARLY_BYTES
    finally:
        tracemalloc.stop()
