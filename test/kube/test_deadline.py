from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from isoproxy.kube.deadline import with_deadline
from isoproxy.kube.errors import KubeError, NotSent, UnknownOutcome


class Bounded:
    """Some work with a deadline of ten seconds, and what came of it."""

    def __init__(self, work: Deferred[Any]) -> None:
        self.clock = Clock()
        self.came: list[Any] = []
        self.outcome = with_deadline(self.clock, 10, work)
        self.outcome.addCallbacks(self.came.append, self._failed)

    def _failed(self, failure: Failure) -> None:
        self.came.append(type(failure.value))


def failing(error: KubeError) -> Deferred[Any]:
    return Deferred(lambda work: work.errback(error))


def test_work_in_time_is_left_alone() -> None:
    work: Deferred[int] = Deferred()
    bounded = Bounded(work)
    bounded.clock.advance(9)
    work.callback(1)
    assert (bounded.came, bounded.clock.getDelayedCalls()) == ([1], [])
    assert Bounded(succeed(2)).came == [2]


def test_failures_pass_as_they_are() -> None:
    work: Deferred[int] = Deferred()
    bounded = Bounded(work)
    work.errback(ZeroDivisionError())
    assert (bounded.came, bounded.clock.getDelayedCalls()) == ([ZeroDivisionError], [])


def test_late_work_says_itself_how_far_it_came() -> None:
    bounded = Bounded(failing(UnknownOutcome("sent")))
    bounded.clock.advance(10)
    assert bounded.came == [UnknownOutcome]


def test_late_work_that_only_waited_was_not_sent() -> None:
    bounded = Bounded(Deferred())
    bounded.clock.advance(10)
    assert bounded.came == [NotSent]


def test_late_work_that_ends_well_after_all_has_ended_well() -> None:
    bounded = Bounded(Deferred(lambda work: work.callback("just made it")))
    bounded.clock.advance(10)
    assert bounded.came == ["just made it"]


def test_to_cancel_is_a_cancelled_error_whatever_the_work_says() -> None:
    for work in (Deferred[Any](), failing(UnknownOutcome("sent")), Deferred(lambda work: work.callback(1))):
        bounded = Bounded(work)
        bounded.outcome.cancel()
        assert (bounded.came, bounded.clock.getDelayedCalls()) == ([CancelledError], [])
