"""The clocks: timers of a reactor that nobody sets, and none left behind on another."""

import time

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.testing import MemoryReactorClock

from isoproxy.timesource import TimeSource, go_by_boottime


def test_the_reactor_and_what_measures_go_by_one_clock_that_is_not_the_time_of_day() -> None:
    reactor = EPollReactor()
    go_by_boottime(reactor)
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    measured, timed = TimeSource.real(reactor).monotonic(), reactor.seconds()
    due = reactor.callLater(5, print).getTime()
    after = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= measured <= timed <= due - 5 <= after


def test_a_reactor_with_timers_by_another_clock_is_refused_for_they_would_never_be_due() -> None:
    reactor = MemoryReactorClock()
    seconds = reactor.seconds
    reactor.callLater(5, print)
    with pytest.raises(RuntimeError, match="another clock"):
        go_by_boottime(reactor)
    assert reactor.seconds == seconds
