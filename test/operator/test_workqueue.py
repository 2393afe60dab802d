"""Keyed work: coalesced, never overlapping itself, never ending."""

import math
from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from isoproxy.kube.errors import NotSent, ServerError, UnknownOutcome
from isoproxy.operator.workqueue import CONCURRENCY, Workqueue


class Work:
    """Runs that end when the test says so, with what the test says."""

    def __init__(self) -> None:
        self.running: dict[str, Deferred[float]] = {}
        self.begun: list[str] = []

    async def __call__(self, key: str) -> float:
        assert key not in self.running, "a key's runs overlap"
        self.begun.append(key)
        self.running[key] = Deferred()
        try:
            return await self.running[key]
        finally:
            del self.running[key]

    def end(self, key: str, wanted: float = math.inf) -> None:
        self.running[key].callback(wanted)

    def fail(self, key: str, error: Exception) -> None:
        self.running[key].errback(error)


def queue(jitter: Callable[[], float] = lambda: 0.999) -> tuple[Clock, Work, Workqueue]:
    clock, work = Clock(), Work()
    return clock, work, Workqueue(clock=clock, work=work, jitter=jitter)


def test_any_number_of_wake_ups_make_one_run() -> None:
    clock, work, q = queue()
    for _ in range(5):
        q.wake("a")
    clock.advance(0)
    assert work.begun == ["a"]
    work.end("a")
    clock.advance(60)
    assert work.begun == ["a"]


def test_a_wake_up_during_a_run_makes_exactly_one_more_run_after_it() -> None:
    clock, work, q = queue()
    q.wake("a")
    clock.advance(0)
    q.wake("a")
    q.wake("a")
    clock.advance(0)
    assert work.begun == ["a"]
    work.end("a")
    clock.advance(0)
    assert work.begun == ["a", "a"]


def test_a_run_comes_back_when_it_asked_to_unless_woken_earlier() -> None:
    clock, work, q = queue()
    q.wake("a")
    clock.advance(0)
    work.end("a", 3.0)
    clock.advance(2.9)
    assert work.begun == ["a"]
    q.wake("a")
    clock.advance(0)
    assert work.begun == ["a", "a"]
    work.end("a")
    clock.advance(60)
    assert work.begun == ["a", "a"]


def test_a_later_wake_up_does_not_postpone_an_earlier_one() -> None:
    clock, work, q = queue()
    q.wake("a", 1.0)
    q.wake("a", 5.0)
    clock.advance(1.0)
    assert work.begun == ["a"]


@pytest.mark.parametrize(
    ("error", "longest"),
    [(ServerError(500), 30.0), (NotSent("down"), 5.0), (UnknownOutcome("no reply"), 5.0)],
    ids=["refused", "not sent", "not answered"],
)
def test_failures_back_off_ever_longer_and_wake_ups_do_not_shorten_that(error: Exception, longest: float) -> None:
    clock, work, q = queue()
    q.wake("a")
    clock.advance(0)
    delays = []
    for _ in range(12):
        work.fail("a", error)
        began, runs = clock.seconds(), len(work.begun)
        while len(work.begun) == runs:
            q.wake("a")
            clock.advance(0.05)
        delays.append(round(clock.seconds() - began, 2))
    assert delays == sorted(delays)
    assert delays[0] < 0.2
    assert longest * 0.97 < delays[-1] < longest + 0.1


def test_a_failure_is_told_of_what_people_call_it() -> None:
    clock, work = Clock(), Work()
    q = Workqueue(clock=clock, work=work, jitter=lambda: 0.5, called=lambda key: f"games/{key}")
    q.wake("a")
    clock.advance(0)
    with capturedLogs() as told:
        work.fail("a", NotSent("down"))
    assert [formatEvent(event) for event in told] == ["games/a: down; trying again in 0.1 s"]


def test_a_success_ends_the_back_off() -> None:
    clock, work, q = queue()
    q.wake("a")
    clock.advance(0)
    for _ in range(6):
        work.fail("a", NotSent("down"))
        clock.advance(10)
    work.end("a")
    q.wake("a")
    clock.advance(0)
    assert "a" in work.running


def test_keys_run_side_by_side_but_not_more_than_the_bound() -> None:
    clock, work, q = queue()
    keys = [f"k{number}" for number in range(CONCURRENCY + 3)]
    for key in keys:
        q.wake(key)
    clock.advance(0)
    assert len(work.running) == CONCURRENCY
    work.end(keys[0])
    assert len(work.running) == CONCURRENCY
    assert keys[0] not in work.running


def test_a_running_key_is_not_forgotten_and_an_idle_one_is_for_good() -> None:
    clock, work, q = queue()
    q.wake("a")
    clock.advance(0)
    assert not q.forget("a")
    work.end("a", 1.0)
    assert q.forget("a")
    clock.advance(5)
    assert work.begun == ["a"]


def test_stopping_waits_for_what_runs_and_begins_nothing_more() -> None:
    clock, work, q = queue()
    q.wake("a")
    q.wake("b", 1.0)
    clock.advance(0)
    q.wake("a")
    stopped: list[object] = []
    q.stop().addCallback(stopped.append)
    assert not stopped
    work.end("a")
    assert stopped
    q.wake("c")
    clock.advance(10)
    assert work.begun == ["a"]
    assert not clock.getDelayedCalls()
