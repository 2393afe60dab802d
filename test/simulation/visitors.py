"""Clients: they connect, may send or hang up while they wait, stay for a while once served, and leave in some way."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from isoproxy.proxy.listener import ClientFactory, ClientProtocol
from isoproxy.proxy.relay.result import Ending, RelayResult
from test.simulation.machine import Machine
from test.simulation.nodes import Program
from test.simulation.timeline import Timeline

if TYPE_CHECKING:
    from test.simulation.oracle import Oracle


class Manner(Enum):
    """How a visitor behaves."""

    CLOSES = "closes when it is done"
    RESETS = "breaks off when it is done"
    ASKS_AT_ONCE = "sends something before it is served"
    ASKS_AND_SHUTS = "sends something, and shuts down its sending side before it is served"
    FLOODS = "sends more than is kept for it before it is served"
    HANGS_UP = "shuts down without a byte while it waits, after a moment"
    GIVES_UP = "breaks off while it waits, after a moment"
    STAYS = "stays for as long as it may"
    TALKS = "says a word every second until it is done, and stays for as long as it may"
    LINGERS = "stays when the program has closed its side"


PATIENCE_SECONDS = 0.3
PAUSE_SECONDS = 0.1
"""Between the two things that are sent by who asks before it is served."""
FLOOD = 70_000
WORD_SECONDS = 1.0


class Wire:
    """The proxy's end of a connection, as far as it is used outside the relay."""

    def __init__(self, lost: Callable[[], None], program: Program | None = None) -> None:
        self._lost = lost
        self.open = True
        self.program = program
        """Who is at the other end, on the side of the pods."""

    def getHandle(self) -> None:
        return None

    def pauseProducing(self) -> None:
        """It may send on; nobody reads."""

    def abortConnection(self) -> None:
        if self.open:
            self.open = False
            self._lost()


@dataclass(slots=True, eq=False)
class Visitor:
    """One client. Times are the timeline's."""

    number: int
    service: str
    manner: Manner
    stay: float
    machine: Machine
    protocol: ClientProtocol | None = None
    wire: Wire | None = None
    relay: "SimulatedRelay | None" = None
    program: Program | None = None
    sent: bytes = b""
    """What it sent before it was served."""
    shut_at: float | None = None
    broke_off: bool = False
    accepted: bool = False
    over: bool = False
    is_done: bool = False
    """It stays no longer than it must."""

    @property
    def address(self) -> IPv4Address:
        """Unique among all."""
        return IPv4Address("TCP", "192.0.2.1", self.number)

    def __str__(self) -> str:
        return f"visitor {self.number}"

    def arrive(self, factory: ClientFactory, wires: "dict[Wire, Visitor]") -> None:
        """Be accepted; runs in the proxy's process, which knows its connections by ``wires``."""
        self.accepted = True
        self.protocol = factory.buildProtocol(self.address)
        self.wire = Wire(self._closed)
        wires[self.wire] = self
        self.protocol.makeConnection(self.wire)  # type: ignore[no-untyped-call]  # Twisted's
        if self.manner in (Manner.ASKS_AT_ONCE, Manner.ASKS_AND_SHUTS):
            self._send(b"hello")
            self.machine.callLater(PAUSE_SECONDS, self._send, b", is anybody there?")
        elif self.manner is Manner.FLOODS:
            self._send((b"flood" * FLOOD)[:FLOOD])
        if self.manner is Manner.ASKS_AND_SHUTS:
            self._shut_down()
        elif self.manner in (Manner.HANGS_UP, Manner.GIVES_UP):
            self.machine.callLater(PATIENCE_SECONDS, self._leave_early)

    @property
    def asks(self) -> bool:
        """Whether it sends something before it is served."""
        return self.manner in (Manner.ASKS_AT_ONCE, Manner.ASKS_AND_SHUTS, Manner.FLOODS)

    @property
    def waits(self) -> bool:
        """Whether it has no pod yet."""
        return self.wire is not None and self.wire.open and self.relay is None

    def _send(self, data: bytes) -> None:
        if self.waits and self.shut_at is None and self.protocol is not None:
            self.sent += data
            self.protocol.dataReceived(data)

    def _shut_down(self) -> None:
        if self.waits and self.protocol is not None:
            self.shut_at = self.machine.now
            self.protocol.readConnectionLost()

    def _leave_early(self) -> None:
        if self.waits and self.manner is Manner.HANGS_UP:
            self._shut_down()
        elif self.waits and self.wire is not None and self.protocol is not None:
            self.wire.open = False
            self.over = self.broke_off = True
            self.protocol.connectionLost()

    def leave(self) -> None:
        """Be done, or be so as soon as it is served."""
        self.is_done = True
        if self.relay is not None:
            self.machine.enter(self.relay.end, Ending.BOTH_CLOSED)

    def _closed(self) -> None:
        """The proxy closed the connection."""
        self.over = True
        if self.protocol is not None:
            self.machine.callLater(0, self.protocol.connectionLost)


class SimulatedRelay:
    """Carries no bytes; ends as visitor, program or proxy say."""

    bytes_in = bytes_out = 1

    def __init__(
        self, machine: Machine, timeline: Timeline, visitor: Visitor, program: Program, oracle: "Oracle"
    ) -> None:
        self._machine = machine
        self._timeline = timeline
        self._visitor = visitor
        self._program = program
        self._oracle = oracle
        self._done: Deferred[RelayResult] = Deferred()
        self._is_gone = False
        self.last_activity = machine.seconds()
        self.spoken_at = timeline.now
        """When the last word was said, by the timeline."""
        self.program_closed = False
        self.is_over = False

    def start(self) -> Deferred[RelayResult]:
        """See RelayLike."""
        visitor = self._visitor
        visitor.relay, visitor.program = self, self._program
        self._oracle.served(visitor, self._program)
        if not self._program.alive:
            self._machine.callLater(0, self.end, Ending.BACKEND_RESET)
        elif visitor.is_done:
            self._machine.callLater(0, self.end, Ending.BOTH_CLOSED)
        elif visitor.manner is Manner.LINGERS:
            self._machine.callLater(visitor.stay, self._program_closes)
        elif visitor.manner is Manner.TALKS:
            self._timeline.after(WORD_SECONDS, self._speak, self._timeline.now + visitor.stay)
        elif visitor.manner is not Manner.STAYS:
            ending = Ending.CLIENT_RESET if visitor.manner is Manner.RESETS else Ending.BOTH_CLOSED
            self._machine.callLater(visitor.stay, self.end, ending)
        return self._done

    def abort(self, reason: object) -> None:
        """See RelayLike."""
        self._machine.callLater(0, self.end, Ending.ABORTED, str(reason))

    def backend_gone(self) -> None:
        """See RelayLike."""
        if self.is_over:
            return
        self._oracle.told_gone(self._visitor)
        self._is_gone = True
        if self.program_closed:
            self.end(Ending.BACKEND_GONE)

    def program_ended(self) -> None:
        """The program is no more: its connection breaks, unless it had closed its side and nobody hears of it."""
        if not self.program_closed:
            self._machine.enter(self.end, Ending.BACKEND_RESET)

    def _program_closes(self) -> None:
        if self.is_over:
            return
        self.program_closed = True
        self._oracle.program_closed(self._visitor)
        if self._is_gone:
            self.end(Ending.BACKEND_GONE)

    def _speak(self, until: float) -> None:
        if self.is_over or self._timeline.now > until:
            return
        self.spoken_at = self._timeline.now
        self._machine.enter(self._hear)
        self._timeline.after(WORD_SECONDS, self._speak, until)

    def _hear(self) -> None:
        self.last_activity = self._machine.seconds()

    def end(self, ending: Ending, why: str = "") -> None:
        """Close both sides."""
        if self.is_over:
            return
        self.is_over = self._visitor.over = True
        self._oracle.left(self._visitor, self._program, ending, why)
        self._done.callback(RelayResult(ending, 1, 1, ""))


def fields_of(line: str) -> dict[str, str]:
    """What a line of the access log says."""
    return dict(field.split("=", 1) for field in line.split())


def is_from(line: str) -> int:
    """The number of the visitor that a line of the access log is of."""
    return int(fields_of(line)["client"].rpartition(":")[2])
