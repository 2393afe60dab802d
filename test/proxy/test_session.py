"""The life of one connection, as flat scripts of what happens and what is to be done about it."""

import pytest

from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.relay.result import Ending
from isoproxy.proxy.session import (
    EARLY_BYTES,
    FIRST_RETRY_SECONDS,
    LONGEST_RETRY_SECONDS,
    AbortRelay,
    Claim,
    Dial,
    DialFailure,
    Dialing,
    DropDial,
    End,
    Ended,
    LeaveQueue,
    Limits,
    PauseClient,
    Retire,
    Session,
    StartRelay,
)
from test.proxy.backends import pod

LIMITS = Limits(queue_timeout=30.0, connect_timeout=5.0)
REFUSED, UNREACHABLE, LOCAL = DialFailure.REFUSED, DialFailure.UNREACHABLE, DialFailure.LOCAL


A, B, C, D = (pod(number) for number in range(4))


def queued(limits: Limits = LIMITS) -> Session:
    return Session(limits, 0.0)


def dialing(limits: Limits = LIMITS) -> Session:
    session = queued(limits)
    session.given(A, 0.0)
    return session


def relaying(limits: Limits = LIMITS) -> Session:
    session = dialing(limits)
    session.connected(0.0, fenced=False)
    return session


class TestTheStraightPath:
    def test_a_pod_is_dialled_at_once_and_relayed_at_once(self) -> None:
        session = queued()
        assert session.given(A, 0.0) == (Dial(A),)
        assert session.connected(0.002, fenced=False) == (StartRelay(A),)
        assert session.wake_at is None
        assert session.relay_ended(Ending.BOTH_CLOSED, 9.0) == (
            Retire(A, Outcome.COMPLETED),
            End(Outcome.COMPLETED),
        )
        assert session.state == Ended(Outcome.COMPLETED)
        assert (session.queued_seconds, session.connect_seconds, session.dials) == (0.0, 0.002, 1)

    @pytest.mark.parametrize(
        ("ending", "outcome"),
        [
            (Ending.BOTH_CLOSED, Outcome.COMPLETED),
            (Ending.CLIENT_RESET, Outcome.CLIENT_RESET),
            (Ending.BACKEND_RESET, Outcome.BACKEND_RESET),
            (Ending.FAILED, Outcome.ERROR),
            (Ending.ABORTED, Outcome.ERROR),  # the reactor's doing, not ours
        ],
    )
    def test_every_ending_of_a_relay_has_its_outcome(self, ending: Ending, outcome: Outcome) -> None:
        assert relaying().relay_ended(ending, 1.0) == (Retire(A, outcome), End(outcome))


class TestTheQueue:
    def test_a_place_ends_at_its_deadline(self) -> None:
        session = queued()
        assert session.wake_at == 30.0
        assert session.woken(29.9, fenced=False) == ()
        assert session.woken(30.0, fenced=False) == (LeaveQueue(), End(Outcome.QUEUE_TIMEOUT))
        assert session.queued_seconds == 30.0

    def test_a_full_queue_turns_away(self) -> None:
        assert queued().turned_away(0.0, Outcome.QUEUE_FULL) == (LeaveQueue(), End(Outcome.QUEUE_FULL))

    def test_an_end_without_a_byte_is_a_hang_up(self) -> None:
        assert queued().client_eof(1.0) == (LeaveQueue(), End(Outcome.CLIENT_GONE))

    def test_an_end_after_bytes_keeps_the_place(self) -> None:
        session = queued()
        assert session.received(5) == ()
        assert session.client_eof(1.0) == ()
        assert session.given(A, 2.0) == (Dial(A),)
        assert session.connected(2.1, fenced=False) == (StartRelay(A),)
        assert session.eof

    def test_a_reset_is_a_hang_up_in_any_case(self) -> None:
        session = queued()
        session.received(5)
        assert session.client_lost(1.0) == (LeaveQueue(), End(Outcome.CLIENT_GONE))

    def test_reading_pauses_when_enough_is_kept(self) -> None:
        session = queued()
        assert session.received(EARLY_BYTES - 1) == ()
        assert session.received(1) == (PauseClient(),)
        assert session.received(1) == ()  # what had been read already


class TestTheDial:
    def test_a_refused_pod_is_dialled_again_after_growing_pauses(self) -> None:
        session = dialing()
        now, pauses = 0.0, []
        for _ in range(20):
            assert session.dial_failed(REFUSED, now) == ()
            assert session.wake_at is not None
            pauses.append(session.wake_at - now)
            now = session.wake_at
            assert session.woken(now, fenced=False) == (Dial(A),)
        assert pauses[0] == pytest.approx(FIRST_RETRY_SECONDS)
        assert pauses[-1] == pytest.approx(LONGEST_RETRY_SECONDS)
        assert pauses == sorted(pauses) or pytest.approx(sorted(pauses)) == pauses
        assert session.connected(now, fenced=False) == (StartRelay(A),)

    def test_a_pod_that_refuses_too_long_is_retired_and_the_next_one_claimed_from_the_front(self) -> None:
        session = dialing()
        session.dial_failed(REFUSED, 4.999)
        assert session.wake_at == 5.0  # the deadline comes before the next try
        assert session.woken(5.0, fenced=False) == (Retire(A, Outcome.DIAL_FAILED), Claim(front=True))
        assert session.given(B, 5.0) == (Dial(B),)
        assert session.connected(5.1, fenced=False) == (StartRelay(B),)
        assert session.relay_ended(Ending.BOTH_CLOSED, 6.0) == (
            Retire(B, Outcome.COMPLETED),
            End(Outcome.COMPLETED),
        )

    def test_a_pod_that_does_not_answer_is_given_up_at_the_deadline(self) -> None:
        session = dialing()
        assert session.wake_at == 5.0
        assert session.woken(5.0, fenced=False) == (DropDial(), Retire(A, Outcome.DIAL_FAILED), Claim(front=True))

    def test_a_dead_pod_is_given_up_at_once(self) -> None:
        assert dialing().dial_failed(UNREACHABLE, 0.1) == (Retire(A, Outcome.DIAL_FAILED), Claim(front=True))

    def test_after_three_pods_it_is_over(self) -> None:
        session = dialing()
        session.dial_failed(UNREACHABLE, 1.0)
        session.given(B, 1.0)
        session.dial_failed(UNREACHABLE, 2.0)
        session.given(C, 2.0)
        assert session.dial_failed(UNREACHABLE, 3.0) == (
            Retire(C, Outcome.DIAL_FAILED),
            LeaveQueue(),
            End(Outcome.DIAL_FAILED),
        )

    def test_time_spent_dialling_does_not_shorten_the_wait(self) -> None:
        session = queued()
        session.given(A, 29.0)
        session.woken(34.0, fenced=False)
        assert session.wake_at == 35.0
        assert session.woken(35.0, fenced=False) == (LeaveQueue(), End(Outcome.QUEUE_TIMEOUT))
        assert session.queued_seconds == 30.0
        assert session.connect_seconds == 5.0

    def test_when_we_lack_something_no_pod_is_wasted_on_it(self) -> None:
        session = dialing()
        assert session.dial_failed(LOCAL, 0.0) == ()
        assert session.woken(1.0, fenced=False) == (Dial(A),)
        assert session.dial_failed(LOCAL, 4.99) == ()
        assert session.woken(5.0, fenced=False) == (Retire(A, Outcome.ERROR), End(Outcome.ERROR))

    def test_a_pod_is_taken_for_refusing_again_once_we_lack_nothing(self) -> None:
        session = dialing()
        session.dial_failed(LOCAL, 0.0)
        session.woken(1.0, fenced=False)
        session.dial_failed(REFUSED, 4.99)
        assert session.woken(5.0, fenced=False) == (Retire(A, Outcome.DIAL_FAILED), Claim(front=True))

    def test_a_client_that_resets_costs_the_pod(self) -> None:
        assert dialing().client_lost(0.1) == (
            DropDial(),
            Retire(A, Outcome.CLIENT_GONE),
            End(Outcome.CLIENT_GONE),
        )

    def test_a_client_that_resets_between_two_dials_leaves_none_to_drop(self) -> None:
        session = dialing()
        session.dial_failed(REFUSED, 0.0)
        assert session.client_lost(0.001) == (Retire(A, Outcome.CLIENT_GONE), End(Outcome.CLIENT_GONE))

    def test_a_half_close_while_dialling_is_passed_on_even_without_a_byte(self) -> None:
        session = dialing()
        assert session.client_eof(0.1) == ()
        assert session.connected(0.2, fenced=False) == (StartRelay(A),)
        assert session.eof

    def test_a_half_close_without_a_byte_does_not_wait_for_a_second_pod(self) -> None:
        session = dialing()
        session.client_eof(0.1)
        assert session.dial_failed(UNREACHABLE, 0.2) == (
            Retire(A, Outcome.DIAL_FAILED),
            LeaveQueue(),
            End(Outcome.CLIENT_GONE),
        )


class TestAPodThatIsWithdrawn:
    def test_the_dial_that_is_under_way_is_dropped_and_the_next_pod_claimed(self) -> None:
        session = dialing()
        assert session.pod_withdrawn(1.0) == (DropDial(), Retire(A, Outcome.DIAL_FAILED), Claim(front=True))
        assert session.given(B, 1.0) == (Dial(B),)
        assert session.connected(1.5, fenced=False) == (StartRelay(B),)
        assert session.connect_seconds == 1.5

    def test_it_is_not_dialled_again(self) -> None:
        session = dialing()
        session.dial_failed(REFUSED, 0.0)
        assert session.pod_withdrawn(0.001) == (Retire(A, Outcome.DIAL_FAILED), Claim(front=True))

    def test_it_is_one_of_the_three_that_may_be_tried(self) -> None:
        session = dialing()
        session.pod_withdrawn(1.0)
        session.given(B, 1.0)
        session.pod_withdrawn(2.0)
        session.given(C, 2.0)
        assert session.pod_withdrawn(3.0) == (
            DropDial(),
            Retire(C, Outcome.DIAL_FAILED),
            LeaveQueue(),
            End(Outcome.DIAL_FAILED),
        )

    def test_who_waits_for_the_next_does_so_with_the_patience_left(self) -> None:
        session = queued()
        session.given(A, 29.0)
        session.pod_withdrawn(33.0)
        assert session.wake_at == 34.0

    def test_whoever_has_it_already_keeps_it(self) -> None:
        assert relaying().pod_withdrawn(1.0) == ()


class TestWhatWentWrong:
    def test_it_is_the_error_of_the_last_dial(self) -> None:
        session = dialing()
        assert session.error == ""
        session.dial_failed(REFUSED, 0.0, "ECONNREFUSED")
        assert session.error == "ECONNREFUSED"
        session.woken(1.0, fenced=False)
        session.dial_failed(UNREACHABLE, 1.0, "EHOSTUNREACH")
        assert session.error == "EHOSTUNREACH"

    def test_a_pod_that_refused_to_the_end_is_told_from_one_that_was_silent(self) -> None:
        refused, silent = dialing(), dialing()
        refused.dial_failed(REFUSED, 4.99, "ECONNREFUSED")
        refused.woken(5.0, fenced=False)
        silent.woken(5.0, fenced=False)
        assert (refused.error, silent.error) == ("ECONNREFUSED", "ETIMEDOUT")

    def test_so_it_is_where_no_system_call_failed(self) -> None:
        withdrawn, fenced, caught = dialing(), dialing(), dialing()
        withdrawn.pod_withdrawn(1.0)
        fenced.connected(1.0, fenced=True)
        caught.dial_failed(REFUSED, 0.0, "ECONNREFUSED")
        caught.woken(1.0, fenced=True)
        assert (withdrawn.error, fenced.error, caught.error) == ("withdrawn", "fenced", "fenced")

    def test_what_was_got_over_is_not_told(self) -> None:
        session = dialing()
        session.dial_failed(REFUSED, 0.0, "ECONNREFUSED")
        session.woken(1.0, fenced=False)
        session.connected(1.0, fenced=False)
        assert session.error == ""

    def test_of_a_relay_it_is_what_broke_it_and_not_that_we_cut_it(self) -> None:
        broken, cut = relaying(), relaying()
        broken.relay_ended(Ending.BACKEND_RESET, 1.0, "ECONNRESET")
        cut.cut(1.0, Outcome.IDLE_TIMEOUT)
        cut.relay_ended(Ending.ABORTED, 1.0, "idle_timeout")
        assert (broken.error, cut.error) == ("ECONNRESET", "")


class TestTheFence:
    def test_a_fenced_connect_is_dropped_and_another_pod_waited_for(self) -> None:
        session = dialing()
        assert session.connected(0.1, fenced=True) == (
            DropDial(),
            Retire(A, Outcome.DIAL_FAILED),
            Claim(front=True),
        )
        assert session.given(B, 0.2) == (Dial(B),)

    def test_nothing_is_dialled_again_once_fenced(self) -> None:
        session = dialing()
        session.dial_failed(REFUSED, 0.0)
        assert session.woken(1.0, fenced=True) == (Retire(A, Outcome.DIAL_FAILED), Claim(front=True))

    def test_a_relay_goes_on(self) -> None:
        session = relaying(Limits(30.0, 5.0, max_duration=60.0))
        assert session.woken(10.0, fenced=True) == ()


class TestTheEnd:
    def test_the_longest_duration_counts_from_the_claim(self) -> None:
        session = queued(Limits(30.0, 5.0, max_duration=60.0))
        session.given(A, 10.0)
        session.connected(12.0, fenced=False)
        assert session.wake_at == 70.0
        assert session.woken(70.0, fenced=False) == (AbortRelay(Outcome.MAX_DURATION),)
        assert session.wake_at is None
        assert session.relay_ended(Ending.ABORTED, 70.1) == (
            Retire(A, Outcome.MAX_DURATION),
            End(Outcome.MAX_DURATION),
        )

    def test_a_relay_that_ends_while_it_is_cut_has_its_own_outcome(self) -> None:
        session = relaying()
        assert session.cut(1.0, Outcome.IDLE_TIMEOUT) == (AbortRelay(Outcome.IDLE_TIMEOUT),)
        assert session.cut(1.0, Outcome.DRAINED) == ()  # the first reason counts
        assert session.relay_ended(Ending.BOTH_CLOSED, 1.0)[-1] == End(Outcome.COMPLETED)

    def test_a_drain_ends_it_wherever_it_is(self) -> None:
        assert queued().cut(1.0, Outcome.DRAINED) == (LeaveQueue(), End(Outcome.DRAINED))
        assert dialing().cut(1.0, Outcome.DRAINED) == (
            DropDial(),
            Retire(A, Outcome.DRAINED),
            End(Outcome.DRAINED),
        )
        assert relaying().cut(1.0, Outcome.DRAINED) == (AbortRelay(Outcome.DRAINED),)

    def test_what_comes_late_is_ignored(self) -> None:
        session = queued()
        session.client_lost(0.0)
        assert session.client_eof(1.0) == ()
        assert session.client_lost(1.0) == ()
        assert session.connected(1.0, fenced=False) == ()
        assert session.dial_failed(REFUSED, 1.0) == ()
        assert session.relay_ended(Ending.FAILED, 1.0) == ()
        assert session.pod_withdrawn(1.0) == ()
        assert session.woken(99.0, fenced=False) == ()
        assert session.cut(1.0, Outcome.DRAINED) == ()
        assert session.state == Ended(Outcome.CLIENT_GONE)

    def test_a_pod_for_a_connection_that_wants_none_is_an_error_and_changes_nothing(self) -> None:
        session = dialing()
        with pytest.raises(RuntimeError):
            session.given(B, 1.0)
        assert session.state == Dialing(A, 0.0, 5.0, patience=30.0)
