"""The supervisor's event loop."""

import os

from isoproxy.local.runtime.supervisor.loop import Loop
from test.local.runtime.support import in_one_moment


def test_timers_come_in_their_order_and_not_when_cancelled() -> None:
    loop, called = Loop(), []
    with in_one_moment():
        loop.call_later(0.02, lambda: called.append("late"))
        loop.call_later(0.0, lambda: called.append("soon"))
        loop.call_later(0.01, lambda: called.append("never")).cancel()
    while "late" not in called:
        loop.turn(None)
    assert called == ["soon", "late"]


def test_a_turn_lasts_no_longer_than_asked_for() -> None:
    loop = Loop()
    loop.call_later(1000.0, lambda: None)
    loop.turn(0.0)


def test_a_timer_may_be_further_off_than_the_kernel_can_wait() -> None:
    loop, called = Loop(), []
    loop.call_later(365 * 86_400.0, lambda: called.append("a year later"))
    out, into = os.pipe()
    os.write(into, b"x")
    loop.when_readable(out, lambda: called.append("now"))
    loop.turn(None)
    assert called == ["now"]
    os.close(out)
    os.close(into)


def test_what_is_forgotten_is_not_called_even_if_it_was_ready() -> None:
    loop, called = Loop(), []
    (one, into_one), (two, into_two) = os.pipe(), os.pipe()
    os.write(into_one, b"x")
    os.write(into_two, b"x")

    def forget_both() -> None:
        called.append("called")
        loop.forget(one)
        loop.forget(two)

    loop.when_readable(one, forget_both)
    loop.when_readable(two, forget_both)
    loop.turn(None)
    loop.turn(0.0)
    assert called == ["called"]
    for fd in (one, into_one, two, into_two):
        os.close(fd)


def test_room_to_write_is_told() -> None:
    loop, called = Loop(), []
    out, into = os.pipe()
    loop.when_writable(into, lambda: called.append("writable"))
    loop.turn(None)
    assert called == ["writable"]
    os.close(out)
    os.close(into)


def test_many_cancelled_timers_are_not_kept_for_their_time() -> None:
    loop, called = Loop(), []
    loop.call_later(0.0, lambda: called.append("kept"))
    timers = [loop.call_later(1000.0, lambda: None) for _ in range(999)]
    for timer in timers:
        timer.cancel()
    for _ in range(100_000):
        loop.call_later(1000.0, lambda: None).cancel()
    assert len(loop._timers) <= 1000
    loop.turn(None)
    assert called == ["kept"]
