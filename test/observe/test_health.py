"""Alive while timers run, ready while every check holds."""

from dataclasses import replace

from twisted.internet.task import Clock

from isoproxy.observe.health import STALE_SECONDS, Health
from isoproxy.timesource import TimeSource


def test_it_lives_while_the_reactor_turns() -> None:
    clock = Clock()
    health = Health(TimeSource.simulated(clock))
    assert not health.alive
    health.start()
    clock.pump([1.0] * 100)
    assert health.alive
    health.stop()
    health.stop()
    clock.advance(STALE_SECONDS)
    assert not health.alive


def test_it_does_not_live_while_timers_wait_for_a_time_of_day_that_was_set_back() -> None:
    clock, steady = Clock(), Clock()
    time = replace(TimeSource.simulated(steady), reactor=clock)
    health = Health(time)
    health.start()
    assert health.alive
    steady.advance(STALE_SECONDS)
    assert not health.alive
    clock.advance(1)
    assert health.alive
    health.stop()


def test_it_is_ready_when_nothing_is_missing() -> None:
    health = Health(TimeSource.simulated(Clock()))
    assert health.missing() == []
    health.add("web listens", lambda: False)
    health.add("api answers", lambda: False)
    health.add("fine", lambda: True)
    assert health.missing() == ["api answers", "web listens"]
    health.remove("web listens")
    health.remove("never there")
    health.add("api answers", lambda: True)
    assert health.missing() == []


def test_a_check_that_raises_does_not_hold() -> None:
    health = Health(TimeSource.simulated(Clock()))
    health.add("broken", lambda: 1 // 0 == 0)
    assert health.missing() == ["broken"]
