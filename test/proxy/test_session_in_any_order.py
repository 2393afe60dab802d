"""The life of one connection, in any order of events."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.relay.result import Ending
from isoproxy.proxy.session import (
    EARLY_BYTES,
    MAX_PODS,
    AbortRelay,
    Actions,
    Claim,
    Dial,
    DialFailure,
    Dialing,
    DropDial,
    End,
    Ended,
    LeaveQueue,
    Limits,
    Queued,
    Relaying,
    Retire,
    Session,
    StartRelay,
)
from test.proxy.backends import pod


class SessionMachine(RuleBasedStateMachine):
    """Any order of events: one outcome, every pod claimed is retired once, no dial after a byte may have been sent."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.session = Session(Limits(3.0, 2.0, max_duration=4.0), 0.0)
        self.claims = 0
        self.waiting = True  # a claim is open
        self.in_hand: Backend | None = None
        self.dial_open = self.relay_open = self.relay_ever = False
        self.outcomes: list[Outcome] = []

    def carry_out(self, actions: Actions) -> None:
        for position, action in enumerate(actions):
            assert not self.outcomes, "nothing comes after the end"
            match action:
                case Claim(front):
                    assert front
                    assert position == len(actions) - 1
                    assert self.in_hand is None
                    self.waiting = True
                case LeaveQueue():
                    self.waiting = False
                case Dial(backend):
                    assert position == len(actions) - 1
                    assert backend == self.in_hand
                    assert not self.relay_ever
                    assert not self.dial_open
                    self.dial_open = True
                case DropDial():
                    assert self.dial_open
                    self.dial_open = False
                case StartRelay(backend):
                    assert position == len(actions) - 1
                    assert backend == self.in_hand
                    assert not self.relay_ever
                    self.relay_open = self.relay_ever = True
                case AbortRelay():
                    assert self.relay_open
                case Retire(backend):
                    assert backend == self.in_hand
                    assert not self.relay_open
                    self.in_hand = None
                case End(outcome):
                    self.outcomes.append(outcome)

    @precondition(lambda self: self.waiting)
    @rule()
    def serve(self) -> None:
        self.waiting = False
        self.claims += 1
        self.in_hand = pod(self.claims)
        self.carry_out(self.session.given(self.in_hand, self.now))

    @precondition(lambda self: self.dial_open)
    @rule(fenced=st.booleans())
    def connect(self, fenced: bool) -> None:
        actions = self.session.connected(self.now, fenced=fenced)
        self.dial_open = DropDial() in actions
        self.carry_out(actions)

    @precondition(lambda self: self.dial_open)
    @rule(failure=st.sampled_from(DialFailure))
    def fail(self, failure: DialFailure) -> None:
        self.dial_open = False
        self.carry_out(self.session.dial_failed(failure, self.now))

    @rule()
    def withdraw(self) -> None:
        self.carry_out(self.session.pod_withdrawn(self.now))
        assert self.relay_open or self.in_hand is None, "it is neither dialled nor waited for any more"

    @precondition(lambda self: self.relay_open)
    @rule(ending=st.sampled_from(Ending))
    def finish(self, ending: Ending) -> None:
        self.relay_open = False
        self.carry_out(self.session.relay_ended(ending, self.now))

    @rule(seconds=st.floats(0.0, 3.0), fenced=st.booleans())
    def pass_time(self, seconds: float, fenced: bool) -> None:
        self.now += seconds
        self.carry_out(self.session.woken(self.now, fenced=fenced))

    @precondition(lambda self: not self.relay_ever)
    @rule(count=st.integers(1, 2 * EARLY_BYTES))
    def send(self, count: int) -> None:
        self.carry_out(self.session.received(count))

    @precondition(lambda self: not self.relay_ever)
    @rule()
    def shut_down(self) -> None:
        self.carry_out(self.session.client_eof(self.now))

    @rule()
    def reset(self) -> None:
        self.carry_out(self.session.client_lost(self.now))

    @rule(outcome=st.sampled_from([Outcome.DRAINED, Outcome.IDLE_TIMEOUT]))
    def cut(self, outcome: Outcome) -> None:
        self.carry_out(self.session.cut(self.now, outcome))

    @invariant()
    def one_outcome_and_nothing_left(self) -> None:
        state = self.session.state
        if isinstance(state, Ended):
            assert self.outcomes == [state.outcome]
            assert self.in_hand is None
            assert not self.dial_open
            assert not self.relay_open
            assert not self.waiting
            assert self.session.wake_at is None
        else:
            assert self.outcomes == []
            assert self.waiting == isinstance(state, Queued)
            assert self.relay_open == isinstance(state, Relaying)
        assert self.claims <= MAX_PODS

    @invariant()
    def every_wait_ends(self) -> None:
        if isinstance(self.session.state, Queued | Dialing):
            assert self.session.wake_at is not None
            assert self.session.wake_at <= 3.0 + MAX_PODS * (2.0 + 3.0)


SessionMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestSessionMachine = SessionMachine.TestCase
