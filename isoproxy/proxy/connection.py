"""Carries out what the session of one connection decides: sockets, timers and measurements; no decisions of its own."""

import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

import txaio
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol
from twisted.internet.tcp import Connection as Transport
from twisted.python.failure import Failure

from isoproxy import openfiles
from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy import session as do
from isoproxy.proxy.addresses import host_and_port
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.dialer import BackendProtocol, Dialer, backend_factory, why_failed
from isoproxy.proxy.errors import word_of
from isoproxy.proxy.relay.result import Ending, RelayResult
from isoproxy.proxy.relay.takeover import keep_urgent_inline
from isoproxy.proxy.session import Limits, Session
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

_TCP_CLOSE = 7  # tcp_info.tcpi_state after a reset


class RelayLike(Protocol):
    """What is used of a relay."""

    @property
    def bytes_in(self) -> int: ...
    @property
    def bytes_out(self) -> int: ...
    @property
    def last_activity(self) -> float: ...
    def start(self) -> Deferred[RelayResult]: ...
    def abort(self, reason: object) -> None: ...
    def backend_gone(self) -> None: ...


RelayFactory = Callable[[Transport, Transport, bytes, bool], RelayLike]
"""Makes the relay of a client and a backend, given what the client has sent so far and whether that was all."""


class Desk(Protocol):
    """What a connection needs of the proxy it came to."""

    @property
    def time(self) -> TimeSource: ...
    @property
    def dialer(self) -> Dialer: ...
    @property
    def make_relay(self) -> RelayFactory: ...

    def claim(self, connection: "Connection", *, front: bool) -> Backend | Outcome | None:
        """A pod, or why there will be none, or None: wait, ``given`` will be called."""

    def leave(self, connection: "Connection") -> None:
        """It waits no longer."""

    def is_fenced(self) -> bool:
        """Whether claimed pods may not be dialled any more."""

    def connected(self, connection: "Connection") -> None:
        """It has its pod, and bytes flow."""

    def retire(self, pod: Backend, outcome: Outcome) -> None:
        """The pod is done with."""

    def ended(self, connection: "Connection", outcome: Outcome) -> None:
        """It is over; called once."""


class Connection:
    """One client, from accept to its outcome."""

    __slots__ = (
        "_backend",
        "_client",
        "_desk",
        "_dial",
        "_due",
        "_early",
        "_peer",
        "_quiet_mark",
        "_quiet_since",
        "_relay",
        "_timer",
        "accepted_at",
        "bytes_in",
        "bytes_out",
        "pod",
        "session",
    )

    def __init__(self, *, desk: Desk, client: Transport, peer: IAddress, limits: Limits) -> None:
        self._desk = desk
        self._client = client
        self._peer = peer
        self._early = bytearray()
        self._dial: Deferred[IProtocol] | None = None
        self._backend: Transport | None = None
        self._relay: RelayLike | None = None
        self._timer: IDelayedCall | None = None
        self._due: float | None = None
        self._quiet_mark = self._quiet_since = 0.0
        self.accepted_at = desk.time.monotonic()
        self.session = Session(limits, self.accepted_at)
        self.pod: Backend | None = None
        """The pod it claimed last."""
        self.bytes_in = self.bytes_out = 0

    @property
    def client_name(self) -> str:
        """The client's address and port."""
        return host_and_port(self._peer)

    @property
    def relay(self) -> RelayLike | None:
        """Its relay, from the start to the end of it."""
        return self._relay

    # What happens to it

    def begin(self) -> None:
        """Go for a pod, unless the client has broken off before it was accepted: also then there is a socket."""
        keep_urgent_inline(self._client)
        if _is_reset(self._client):
            self.client_lost()
        else:
            self._do((do.Claim(),))

    def given(self, pod: Backend) -> None:
        """It has claimed ``pod``."""
        self.pod = pod
        self._do(self.session.given(pod, self._now()))

    def received(self, data: bytes) -> None:
        """The client sent something, and there is nobody yet to take it."""
        self._early += data  # in one piece: kept one by one, tiny segments would cost many times what is in them
        self._do(self.session.received(len(data)))

    def client_eof(self) -> None:
        """The client will send no more."""
        self._do(self.session.client_eof(self._now()))

    def client_lost(self) -> None:
        """The client's connection is gone."""
        self._do(self.session.client_lost(self._now()))

    def pod_gone(self) -> None:
        """The IsolationPod of its pod is no more: the pod ends, if it has not ended yet."""
        if self._relay is None:
            self.pod_withdrawn()
        else:
            self._relay.backend_gone()

    def pod_withdrawn(self) -> None:
        """Its pod is no longer to be used, unless it is in use already."""
        self._do(self.session.pod_withdrawn(self._now()))

    def cut(self, outcome: Outcome) -> None:
        """End it."""
        self._do(self.session.cut(self._now(), outcome))

    def leave_if_reset(self) -> None:
        """Find out about a reset that nobody was told of, as its socket is not being read: it should cost no pod."""
        early_is_full = self.session.early >= do.EARLY_BYTES
        if (early_is_full or self.session.eof) and _is_reset(self._client):
            self.client_lost()

    @property
    def has_spare_file(self) -> bool:
        """Whether its socket is of those that are kept for whoever does not have to wait."""
        handle = self._client.getHandle()
        return isinstance(handle, socket.socket) and openfiles.is_spare(handle.fileno())

    def cut_if_idle(self, now: float) -> None:
        """End it if no byte moved for too long. Called every so often; the mark of the last byte is of another clock,
        and says only whether there were more since."""
        limit = self.session.limits.idle_timeout
        if self._relay is None or limit is None:
            return
        mark = self._relay.last_activity
        if mark != self._quiet_mark:
            self._quiet_mark, self._quiet_since = mark, now
        elif now - self._quiet_since >= limit:
            self.cut(Outcome.IDLE_TIMEOUT)

    def _now(self) -> float:
        return self._desk.time.monotonic()

    def _do(self, actions: do.Actions) -> None:
        # An action that may be answered before it returns is the last of its tuple, so that they nest without harm.
        for action in actions:
            _PERFORM[type(action)](self, action)
        due = self.session.wake_at
        if due != self._due:
            self._set_timer(due)

    def _set_timer(self, due: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due = due
        if due is not None:
            self._timer = self._desk.time.call_later(due - self._now(), self._woken)

    def _woken(self) -> None:
        self._timer = self._due = None
        self._do(self.session.woken(self._now(), fenced=self._desk.is_fenced()))

    # What it does

    def _claim(self, action: do.Claim) -> None:
        answer = self._desk.claim(self, front=action.front)
        if isinstance(answer, Backend):
            self.given(answer)
        elif answer is not None:
            self._do(self.session.turned_away(self._now(), answer))

    def _leave_queue(self, _: do.LeaveQueue) -> None:
        self._desk.leave(self)

    def _pause_client(self, _: do.PauseClient) -> None:
        self._client.pauseProducing()

    def _dial_pod(self, action: do.Dial) -> None:
        try:
            dial = self._desk.dialer(action.pod).connect(backend_factory)
        except Exception:  # a dialer that is broken, which must not be the end of the session's machinery
            self._dial_failed(Failure(), None)
            return
        self._dial = dial
        dial.addCallbacks(self._dialled, self._dial_failed, errbackArgs=(dial,))
        dial.addErrback(lambda failure: log.failure("a session failed", failure=failure))

    def _drop_dial(self, _: do.DropDial) -> None:
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.cancel()
        if self._backend is not None:
            self._backend.abortConnection()
            self._backend = None

    def _dialled(self, protocol: IProtocol) -> None:
        assert isinstance(protocol, BackendProtocol)
        self._dial = None
        self._backend = cast(Transport, protocol.transport)
        self._do(self.session.connected(self._now(), fenced=self._desk.is_fenced()))

    def _dial_failed(self, failure: Failure, dial: Deferred[IProtocol] | None) -> None:
        if self._dial is not dial:
            return  # it was given up
        self._dial = None
        error = failure.value
        assert error is not None
        self._do(self.session.dial_failed(why_failed(error), self._now(), word_of(error)))

    def _start_relay(self, _: do.StartRelay) -> None:
        backend, self._backend = self._backend, None
        assert backend is not None
        early, self._early = bytes(self._early), bytearray()
        try:
            relay = self._desk.make_relay(self._client, backend, early, self.session.eof)
            ended = relay.start()
        except Exception as error:
            log.failure("a relay could not be made")
            backend.abortConnection()
            self._do(self.session.relay_ended(Ending.FAILED, self._now(), word_of(error)))
            return
        self._relay = relay
        self._quiet_since = self._now()
        ended.addCallback(self._relay_ended)
        ended.addErrback(lambda failure: log.failure("a session failed", failure=failure))
        self._desk.connected(self)

    def _relay_ended(self, result: RelayResult) -> None:
        self.bytes_in, self.bytes_out = result.bytes_in, result.bytes_out
        self._do(self.session.relay_ended(result.ending, self._now(), result.error))

    def _abort_relay(self, action: do.AbortRelay) -> None:
        if self._relay is not None:
            self._relay.abort(action.outcome.value)

    def _retire(self, action: do.Retire) -> None:
        self._desk.retire(action.pod, action.outcome)

    def _end(self, action: do.End) -> None:
        if self._relay is None:
            # A reset, not a FIN: the client must not take this for an empty answer.
            self._client.abortConnection()
        self._relay = None
        self._early = bytearray()
        self._desk.ended(self, action.outcome)


def _is_reset(transport: Transport) -> bool:
    handle = transport.getHandle()
    if not isinstance(handle, socket.socket):
        return False
    try:
        return handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_CLOSE
    except OSError:
        return True


_PERFORM: dict[type[do.Action], Callable[[Connection, Any], None]] = {
    do.Claim: Connection._claim,
    do.LeaveQueue: Connection._leave_queue,
    do.PauseClient: Connection._pause_client,
    do.Dial: Connection._dial_pod,
    do.DropDial: Connection._drop_dial,
    do.StartRelay: Connection._start_relay,
    do.AbortRelay: Connection._abort_relay,
    do.Retire: Connection._retire,
    do.End: Connection._end,
}
