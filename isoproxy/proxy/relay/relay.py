"""The pairing of a client's connection with a backend's, from take-over to the end of both."""

from __future__ import annotations

import errno
from typing import Final

import txaio
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall, ITCPTransport
from twisted.python.failure import Failure

from isoproxy.proxy.errors import word_of
from isoproxy.proxy.relay.decide import peer_is_lost
from isoproxy.proxy.relay.end import End
from isoproxy.proxy.relay.flow import Flow
from isoproxy.proxy.relay.pipes import PipePool
from isoproxy.proxy.relay.poller import Poller, Reactor
from isoproxy.proxy.relay.result import Ending, RelayResult, Side
from isoproxy.proxy.relay.takeover import give_back, is_open, plain_connection, take_over

log = txaio.make_logger()

_RESET_OF = {Side.CLIENT: Ending.CLIENT_RESET, Side.BACKEND: Ending.BACKEND_RESET}


class Relay:
    """Pairs two connected TCP transports and moves bytes unchanged both ways, each direction closing on its own.

    From construction on the transports are the relay's: nobody else may write to, close or abort them (use
    :meth:`abort`), and Twisted reads nothing more from them. So construct it in the turn in which ``early`` is complete
    and the backend has connected, before its protocol can be given bytes; and start it. Bytes written to the transports
    before, and not yet sent, go first.

    A FIN is passed on after all bytes before it. When one connection breaks, what it sent before is passed on as far as
    the other side takes it now, and then the other is reset.
    """

    def __init__(
        self,
        *,
        reactor: Reactor,
        client: ITCPTransport,
        backend: ITCPTransport,
        early: bytes,
        pipes: PipePool,
        client_eof: bool = False,
    ) -> None:
        """``early``: bytes already read from the client; ``client_eof``: its FIN has been seen after them.

        Raises TypeError for a transport that is not a plain TCP connection, ValueError for one with a producer.
        """
        self._reactor: Final = reactor
        self._client: Final = plain_connection(client)
        self._backend: Final = plain_connection(backend)
        self._pipes: Final = pipes
        self._early = early
        self._client_eof: Final = client_eof
        for connection in (self._client, self._backend):
            if is_open(connection):
                connection.pauseProducing()
        self._done: Deferred[RelayResult] = Deferred(lambda _: self.abort("cancelled"))
        self._ends: tuple[End, ...] = ()
        self._inward: Flow | None = None
        self._outward: Flow | None = None
        self._broken: tuple[End, str] | None = None
        self._is_backend_gone = False
        self._started_at = reactor.seconds()
        self._result: RelayResult | None = None
        self._finishing: IDelayedCall | None = None

    @property
    def bytes_in(self) -> int:
        """Bytes handed to the backend's socket so far."""
        return max(0, self._inward.moved) if self._inward else 0

    @property
    def bytes_out(self) -> int:
        """Bytes handed to the client's socket so far."""
        return max(0, self._outward.moved) if self._outward else 0

    @property
    def last_activity(self) -> float:
        """``reactor.seconds()`` of the last byte moved either way, or of the start."""
        if self._inward is None or self._outward is None:
            return self._started_at
        return max(self._inward.moved_at, self._outward.moved_at)

    def start(self) -> Deferred[RelayResult]:
        """Take the sockets over; fires once, after both protocols' ``connectionLost``. Cancelling it aborts."""
        for side, connection in ((Side.CLIENT, self._client), (Side.BACKEND, self._backend)):
            if not is_open(connection):
                self._end(_RESET_OF[side], errno.errorcode[errno.ENOTCONN])
        if self._result is None:
            try:
                self._begin()
            except OSError as error:  # no descriptor, memory or watch left for one more
                self._end(Ending.FAILED, word_of(error))
        return self._done

    def abort(self, reason: object) -> None:
        """Reset both connections; ``reason``, one word, becomes the result's ``error``. Idempotent."""
        self._end(Ending.ABORTED, str(reason))

    def backend_gone(self) -> None:
        """What is behind the backend's connection is no more, or about to end: nobody will read what is sent there.

        So once it has sent its FIN, and that is passed on, there is nothing left to do, whatever the client does.
        """
        self._is_backend_gone = True
        self.sent_fin()

    def _begin(self) -> None:
        poller = Poller.of(self._reactor)
        poller.tick()
        for_client, for_backend = take_over(self._client), take_over(self._backend)
        client = End(Side.CLIENT, self._client.socket, relay=self, poller=poller)
        backend = End(Side.BACKEND, self._backend.socket, relay=self, poller=poller)
        inward = client.outbound = backend.inbound = Flow(client, backend, poller=poller, pipes=self._pipes)
        outward = backend.outbound = client.inbound = Flow(backend, client, poller=poller, pipes=self._pipes)
        self._inward, self._outward = inward, outward
        self._ends = (client, backend)
        client.watch()
        backend.watch()
        outward.begin(for_client, uncounted=len(for_client), eof=False)
        if self._result is None:
            inward.begin(for_backend + self._early, uncounted=len(for_backend), eof=self._client_eof)
        self._early = b""
        self.settle()
        inward.pump()  # what the client has sent meanwhile need not wait for the reactor's next turn

    # What the ends and flows report.

    def settle(self) -> None:
        """Have both sockets wait for what the flows now need."""
        for end in self._ends:
            end.settle()

    def sent_fin(self) -> None:
        """A FIN has been passed on; after both there is nothing left to do."""
        if not (self._inward and self._outward and self._outward.fin_passed):
            return
        if self._inward.fin_passed:
            self._end(Ending.BOTH_CLOSED, "")
        elif self._is_backend_gone:
            self._end(Ending.BACKEND_GONE, "gone")

    def lost(self, end: End, error: OSError) -> None:
        """The connection of ``end`` broke. What came from it before may still be passed on; nothing goes to it."""
        why = word_of(error)
        if not peer_is_lost(error.errno):
            self._end(Ending.FAILED, why)
            return
        end.broken = True
        if self._broken is None:
            self._broken = (end, why)
        end.inbound.stop()
        self.settle()

    def gave_all(self) -> None:
        """A broken connection has nothing more to give."""
        if self._broken is not None:
            end, why = self._broken
            self._end(_RESET_OF[end.side], why)

    def failed(self, failure: Failure) -> None:
        """A defect of ours: end this relay, and say so."""
        log.failure("a relay failed", failure=failure)
        assert failure.value is not None
        self._end(Ending.FAILED, word_of(failure.value))

    def dropped(self) -> None:
        """The reactor is stopping, and will call nothing later: end now."""
        self._end(Ending.ABORTED, "stopped")
        if self._finishing is not None and self._finishing.active():
            self._finishing.cancel()
            self._finish()

    def _end(self, ending: Ending, error: str) -> None:
        """Stop moving bytes. The rest happens in the next turn: nobody's code runs inside of ours, or of a caller's."""
        if self._result is not None:
            return
        self._result = RelayResult(ending, self.bytes_in, self.bytes_out, error)
        for end in self._ends:
            end.forget()
            end.inbound.stop()
        self._finishing = self._reactor.callLater(0, self._finish)

    def _finish(self) -> None:
        """Have both transports closed, and tell everyone."""
        result = self._result
        assert result is not None
        for side, connection in ((Side.CLIENT, self._client), (Side.BACKEND, self._backend)):
            try:
                give_back(connection, _reason(result.ending, side))
            except Exception:
                log.failure("a protocol's connectionLost failed after its relay")
        self._done.callback(result)


def _reason(ending: Ending, side: Side) -> type[ConnectionDone | ConnectionLost | ConnectionAborted]:
    """Why the connection of ``side`` is closed; ConnectionAborted resets it."""
    if ending is Ending.BOTH_CLOSED or (ending is Ending.BACKEND_GONE and side is Side.CLIENT):
        return ConnectionDone  # what is still on its way to the client gets there
    if ending is _RESET_OF[side]:
        return ConnectionLost
    return ConnectionAborted
