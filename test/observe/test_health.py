"""Alive while timers run, ready while every check holds."""

from twisted.internet.task import Clock

from isoproxy.observe.health import STALE_SECONDS, Health


def test_it_lives_while_the_reactor_turns() -> None:
    clock = Clock()
    health = Health(clock)
    assert not health.alive
    health.start()
    clock.pump([1.0] * 100)
    assert health.alive
    health.stop()
    health.stop()
    clock.advance(STALE_SECONDS)
    assert not health.alive


def test_it_is_ready_when_nothing_is_missing() -> None:
    health = Health(Clock())
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
    health = Health(Clock())
    health.add("broken", lambda: 1 // 0 == 0)
    assert health.missing() == ["broken"]
