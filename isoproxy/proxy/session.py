"""One connection from accept to its outcome: every rule about it is here, and nothing else. Pure.

The shell tells what happened by calling a method, and carries out the actions returned, in order. Times are seconds of
any clock that does not jump. It calls ``woken`` at or after ``wake_at``, which may change with every call.

    Queued ──given──▶ Dialing ──connected──▶ Relaying ──relay_ended──▶ Ended
      ▲                  │ refused: the same pod again, after a short while
      └──────────────────┘ dead or withdrawn: that pod is retired, and the next one claimed from the front of the queue

From any state the connection may end; what comes in after that is ignored.
"""

from dataclasses import dataclass
from enum import Enum

from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.relay.result import Ending

EARLY_BYTES = 64 * 1024
"""How much of what a client sends before it has its pod is kept; it is read no further until then."""
MAX_PODS = 3
"""How many pods one connection may try."""
FIRST_RETRY_SECONDS = 0.005
RETRY_GROWTH = 1.6
LONGEST_RETRY_SECONDS = 0.1

# Why a pod was given up, where no error of the system says so: see ``Session.error``.
TIMED_OUT = "ETIMEDOUT"
FENCED = "fenced"
WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds; None is no limit. ``max_duration`` counts from the claim of the pod, ``idle_timeout`` from the last byte
    either way, which the shell knows."""

    queue_timeout: float
    connect_timeout: float
    max_duration: float | None = None
    idle_timeout: float | None = None


class DialFailure(Enum):
    """Why a dial failed, as far as it matters to what is done next."""

    REFUSED = "refused"
    """Nothing listens there yet: nothing was touched."""
    UNREACHABLE = "unreachable"
    """The pod is dead or gone."""
    LOCAL = "local"
    """We lack something, file descriptors say: no other pod would do better."""


_OUTCOME_OF = {
    Ending.BOTH_CLOSED: Outcome.COMPLETED,
    Ending.CLIENT_RESET: Outcome.CLIENT_RESET,
    Ending.BACKEND_RESET: Outcome.BACKEND_RESET,
    Ending.BACKEND_GONE: Outcome.BACKEND_RESET,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Take a pod, or a place in the queue; then call ``given`` or ``turned_away``, or wait."""

    front: bool = False


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    """Give up the place in the queue."""


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect to the pod; then call ``connected`` or ``dial_failed``."""

    pod: Backend


@dataclass(frozen=True, slots=True)
class DropDial:
    """Give up connecting, or close the new connection without having sent a byte."""


@dataclass(frozen=True, slots=True)
class PauseClient:
    """Read no more from the client until the relay takes over."""


@dataclass(frozen=True, slots=True)
class StartRelay:
    """Hand both sides to a relay; then call ``relay_ended``."""

    pod: Backend


@dataclass(frozen=True, slots=True)
class AbortRelay:
    """Make the relay end; ``relay_ended`` follows."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Retire:
    """The pod is done with: record it as Released."""

    pod: Backend
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class End:
    """Close the client's side, and record the outcome: the last action of all."""

    outcome: Outcome


Action = Claim | LeaveQueue | Dial | DropDial | PauseClient | StartRelay | AbortRelay | Retire | End
Actions = tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Queued:
    """It has no pod yet."""

    since: float
    deadline: float


@dataclass(frozen=True, slots=True)
class Dialing:
    """It has claimed ``pod``; ``retry_at`` is set between two dials, ``delay`` is the next pause."""

    pod: Backend
    since: float
    deadline: float
    patience: float
    delay: float = FIRST_RETRY_SECONDS
    retry_at: float | None = None
    local: bool = False


@dataclass(frozen=True, slots=True)
class Relaying:
    """Bytes flow; ``cut`` is why we ended it, once we did."""

    pod: Backend
    ends_at: float | None
    cut: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """Nothing more happens."""

    outcome: Outcome


State = Queued | Dialing | Relaying | Ended


class Session:
    """The state of one connection, and what was measured on the way."""

    __slots__ = ("connect_seconds", "dials", "early", "eof", "error", "limits", "pods", "queued_seconds", "state")

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.state: State = Queued(now, now + limits.queue_timeout)
        self.early = 0  # bytes that the client has sent
        self.eof = False  # the client will send no more
        self.pods = 0  # that were claimed
        self.dials = 0
        self.queued_seconds = 0.0
        self.connect_seconds = 0.0
        self.error = ""
        """What went wrong last, in one word; empty if nothing has, or it was got over."""

    @property
    def wake_at(self) -> float | None:
        """When ``woken`` is due."""
        state = self.state
        if isinstance(state, Dialing):
            return state.deadline if state.retry_at is None else min(state.retry_at, state.deadline)
        if isinstance(state, Queued):
            return state.deadline
        return state.ends_at if isinstance(state, Relaying) and state.cut is None else None

    # The stock

    def given(self, pod: Backend, now: float) -> Actions:
        """A pod was claimed for it."""
        state = self.state
        if not isinstance(state, Queued):
            raise RuntimeError(f"a pod was claimed for a connection that is {type(state).__name__}")
        self.queued_seconds += now - state.since
        self.pods += 1
        self.state = Dialing(pod, now, now + self.limits.connect_timeout, patience=max(0.0, state.deadline - now))
        return self._dial(pod)

    def turned_away(self, now: float, outcome: Outcome) -> Actions:
        """There is no place for it in the queue."""
        return self._end(now, outcome)

    # The client

    def received(self, count: int) -> Actions:
        """The client sent ``count`` bytes before it had its pod."""
        was_full = self.early >= EARLY_BYTES
        self.early += count
        if was_full or self.early < EARLY_BYTES or isinstance(self.state, Ended):
            return ()
        return (PauseClient(),)

    def client_eof(self, now: float) -> Actions:
        """The client shut down its sending side. In the queue that is a hang-up, unless it has asked something before;
        once a pod is spent on it, it is passed on, like any half-close."""
        self.eof = True
        return self._end(now, Outcome.CLIENT_GONE) if self._has_hung_up() else ()

    def client_lost(self, now: float) -> Actions:
        """The client's connection broke before the relay had it."""
        return () if isinstance(self.state, Relaying) else self._end(now, Outcome.CLIENT_GONE)

    # The dial

    def connected(self, now: float, *, fenced: bool) -> Actions:
        """The dial succeeded. If ``fenced`` the address may be another's by now: not a byte goes there."""
        state = self.state
        if not isinstance(state, Dialing):
            return ()
        if fenced:
            return (DropDial(), *self._next_pod(state, now, FENCED))
        self.error = ""
        self.connect_seconds += now - state.since
        longest = self.limits.max_duration
        self.state = Relaying(state.pod, None if longest is None else state.since + longest)
        return (StartRelay(state.pod),)

    def dial_failed(self, failure: DialFailure, now: float, error: str = "") -> Actions:
        """The dial failed, with an ``error`` in one word."""
        state = self.state
        if not isinstance(state, Dialing):
            return ()
        if failure is DialFailure.UNREACHABLE:
            return self._next_pod(state, now, error)
        self.error = error
        self.state = Dialing(
            state.pod,
            state.since,
            state.deadline,
            state.patience,
            delay=min(state.delay * RETRY_GROWTH, LONGEST_RETRY_SECONDS),
            retry_at=now + state.delay,
            local=failure is DialFailure.LOCAL,
        )
        return ()

    def pod_withdrawn(self, now: float) -> Actions:
        """Its pod is gone, or asked back: its address may be another's at any time. Nothing has been handed over before
        bytes flow, so another pod does as well; whoever has reached it keeps it."""
        state = self.state
        return (*_dropped(state), *self._next_pod(state, now, WITHDRAWN)) if isinstance(state, Dialing) else ()

    # The relay

    def relay_ended(self, ending: Ending, now: float, error: str = "") -> Actions:
        """The relay is over, and both sides are closed; ``error`` says why in one word, if they did not do it."""
        state = self.state
        if not isinstance(state, Relaying):
            return ()
        cut = state.cut if ending is Ending.ABORTED else None
        self.error = error if cut is None else ""
        return self._end(now, cut or _OUTCOME_OF.get(ending, Outcome.ERROR))

    # Time, and orders

    def woken(self, now: float, *, fenced: bool) -> Actions:
        """Time has passed; too early a call does no harm."""
        due = self.wake_at
        if due is None or now < due:
            return ()
        state = self.state
        if isinstance(state, Queued):
            return self._end(now, Outcome.QUEUE_TIMEOUT)
        if isinstance(state, Relaying):
            return self.cut(now, Outcome.MAX_DURATION)
        assert isinstance(state, Dialing)
        if now >= state.deadline:
            return self._dial_timed_out(state, now)
        if fenced:
            return self._next_pod(state, now, FENCED)
        self.state = Dialing(state.pod, state.since, state.deadline, state.patience, delay=state.delay)
        return self._dial(state.pod)

    def cut(self, now: float, outcome: Outcome) -> Actions:
        """End it with this outcome, whatever it is doing."""
        state = self.state
        if not isinstance(state, Relaying):
            return self._end(now, outcome)
        if state.cut is not None:
            return ()
        self.state = Relaying(state.pod, None, cut=outcome)
        return (AbortRelay(outcome),)

    def _dial(self, pod: Backend) -> Actions:
        self.dials += 1
        return (Dial(pod),)

    def _dial_timed_out(self, state: Dialing, now: float) -> Actions:
        if state.local:
            return self._end(now, Outcome.ERROR)
        error = TIMED_OUT if state.retry_at is None else self.error
        return (*_dropped(state), *self._next_pod(state, now, error))

    def _next_pod(self, state: Dialing, now: float, error: str) -> Actions:
        """Retire the pod, which may have been touched, and claim another: waiting goes on with the patience left."""
        self.error = error
        retire = Retire(state.pod, Outcome.DIAL_FAILED)
        self.connect_seconds += now - state.since
        self.state = Queued(now, now + state.patience)
        if self.pods >= MAX_PODS:
            return (retire, *self._end(now, Outcome.DIAL_FAILED))
        if self._has_hung_up():
            return (retire, *self._end(now, Outcome.CLIENT_GONE))
        return (retire, Claim(front=True))

    def _has_hung_up(self) -> bool:
        return self.eof and self.early == 0 and isinstance(self.state, Queued)

    def _end(self, now: float, outcome: Outcome) -> Actions:
        state = self.state
        if isinstance(state, Ended):
            return ()
        self.state = Ended(outcome)
        if isinstance(state, Queued):
            self.queued_seconds += now - state.since
            return (LeaveQueue(), End(outcome))
        if isinstance(state, Dialing):
            self.connect_seconds += now - state.since
            return (*_dropped(state), Retire(state.pod, outcome), End(outcome))
        return (Retire(state.pod, outcome), End(outcome))


def _dropped(state: Dialing) -> Actions:
    """Return what gives up the dial, if one is under way."""
    return (DropDial(),) if state.retry_at is None else ()
