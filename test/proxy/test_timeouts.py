"""Coarse timers: nothing early, one timer for all."""

from twisted.internet.task import Clock

from isoproxy.proxy.timeouts import Aging, Sweep
from isoproxy.timesource import TimeSource


def test_items_are_handed_over_in_order_when_they_are_old_enough() -> None:
    clock, old = Clock(), list[str]()
    aging: Aging[str] = Aging(time=TimeSource.simulated(clock), seconds=1.0, due=old.append)
    aging.add("a")
    clock.advance(0.5)
    aging.add("b")
    aging.add("c")
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(0.49)
    assert old == []
    clock.advance(0.02)
    assert old == ["a"]
    clock.advance(0.5)
    assert old == ["a", "b", "c"]
    assert not clock.getDelayedCalls()


def test_an_item_may_be_added_while_one_is_handed_over() -> None:
    clock, old = Clock(), list[str]()

    def due(item: str) -> None:
        old.append(item)
        if item == "a":
            aging.add("b")

    aging: Aging[str] = Aging(time=TimeSource.simulated(clock), seconds=1.0, due=due)
    aging.add("a")
    clock.pump([1.0, 1.0])
    assert old == ["a", "b"]


def test_nothing_is_handed_over_early_when_the_timers_clock_runs_ahead() -> None:
    clock, old = Clock(), list[str]()
    slow = TimeSource(clock, lambda: clock.seconds() / 2, TimeSource.simulated(clock).utcnow)
    aging: Aging[str] = Aging(time=slow, seconds=1.0, due=old.append)
    aging.add("a")
    clock.advance(1.0)
    assert old == []
    clock.pump([0.5, 0.5])
    assert old == ["a"]


def test_a_stopped_aging_forgets() -> None:
    clock, old = Clock(), list[str]()
    aging: Aging[str] = Aging(time=TimeSource.simulated(clock), seconds=1.0, due=old.append)
    aging.add("a")
    aging.stop()
    aging.stop()
    clock.advance(2.0)
    assert old == []


def test_a_sweep_goes_on_whatever_it_raises_and_follows_a_new_interval() -> None:
    clock, times = Clock(), list[float]()

    def sweep(now: float) -> None:
        times.append(now)
        raise ValueError("a defect")

    sweeping = Sweep(time=TimeSource.simulated(clock), function=sweep)
    sweeping.every(2.0)
    clock.pump([1.0] * 4)
    assert times == [2.0, 4.0]
    sweeping.every(1.0)
    clock.pump([1.0] * 2)
    assert times == [2.0, 4.0, 5.0, 6.0]
    sweeping.stop()
    sweeping.stop()
    assert not clock.getDelayedCalls()


def test_the_same_interval_told_again_and_again_puts_nothing_off() -> None:
    clock, times = Clock(), list[float]()
    sweeping = Sweep(time=TimeSource.simulated(clock), function=times.append)
    for _ in range(8):
        sweeping.every(2.0)
        clock.advance(0.5)
    assert times == [2.0, 4.0]
    sweeping.stop()
    sweeping.every(2.0)
    clock.pump([1.0] * 2)
    assert times == [2.0, 4.0, 6.0], "one that was stopped begins again"


def test_after_a_standstill_the_reactor_hears_what_has_come_before_a_sweep_looks() -> None:
    clock, order = Clock(), list[str]()
    sweeping = Sweep(time=TimeSource.simulated(clock), function=lambda now: order.append(f"swept at {now}"))
    sweeping.every(2.0)
    clock.callLater(6.9, order.append, "heard")
    clock.advance(7.0)
    assert order == ["heard", "swept at 7.0"]
    clock.callLater(2.9, order.append, "heard")
    clock.advance(3.0)
    assert order[2:] == ["heard", "swept at 10.0"], "a shorter one is one, too"


def test_a_process_that_is_always_late_is_swept_all_the_same() -> None:
    clock, times = Clock(), list[float]()
    sweeping = Sweep(time=TimeSource.simulated(clock), function=times.append)
    sweeping.every(1.0)
    clock.pump([3.0] * 4)
    assert times == [3.0, 6.0, 9.0, 12.0]


def test_one_that_is_stopped_when_it_is_due_sweeps_no_more() -> None:
    clock, times = Clock(), list[float]()
    sweeping = Sweep(time=TimeSource.simulated(clock), function=times.append)
    sweeping.every(1.0)
    clock.callLater(1.0, sweeping.stop)
    clock.advance(1.0)
    assert times == []
    assert not clock.getDelayedCalls()
