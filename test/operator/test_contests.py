"""Repairs become rarer the more often others undo them, and are at once again when that is over."""

import math

from isoproxy.operator.actions import Child
from isoproxy.operator.contests import (
    FIRST_PAUSE_SECONDS,
    FORGET_SECONDS,
    LONGEST_PAUSE_BEFORE_PODS_SECONDS,
    LONGEST_PAUSE_SECONDS,
    Contests,
)

ROLE, SERVICE = Child.ROLE, Child.SERVICE


def pause(contests: Contests, since: float) -> float:
    """For how long after ``since`` the Role is not put right, to the half second."""
    until = since
    while ROLE in contests.paused(until):
        until += 0.5
    return until - since


def test_each_pause_is_twice_as_long_as_the_one_before_up_to_a_bound() -> None:
    contests, now, pauses = Contests(), 1000.0, []
    for _ in range(10):
        contests = contests.after([ROLE], now)
        pauses.append(pause(contests, now))
        now += pauses[-1]
    assert pauses[:4] == [FIRST_PAUSE_SECONDS * factor for factor in (1, 2, 4, 8)]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_one_that_is_left_alone_for_long_enough_is_forgotten() -> None:
    contests = Contests().after([ROLE], 0.0).after([ROLE], 1.0)
    assert pause(contests.after([ROLE], 10.0), 10.0) == 4 * FIRST_PAUSE_SECONDS
    much_later = 1.0 + 2 * FIRST_PAUSE_SECONDS + FORGET_SECONDS
    assert pause(contests.after([ROLE], much_later), much_later) == FIRST_PAUSE_SECONDS


def test_each_child_has_its_own() -> None:
    contests = Contests().after([ROLE], 0.0)
    assert contests.paused(0.5) == {ROLE}
    assert contests.after([SERVICE], 0.75).paused(0.8) == {ROLE, SERVICE}
    assert Contests().paused(0.0) == frozenset()


def test_the_next_pause_to_end_is_told() -> None:
    contests = Contests().after([ROLE], 0.0).after([ROLE], 1.0).after([SERVICE], 1.5)
    assert contests.left(1.5) == FIRST_PAUSE_SECONDS
    assert contests.left(2.5) == 2 * FIRST_PAUSE_SECONDS - 1.5, "that of the other is over"
    assert contests.left(1.0 + 2 * FIRST_PAUSE_SECONDS) == Contests().left(0.0) == math.inf


def test_a_contest_lasts_from_the_second_repair_on_until_it_is_forgotten() -> None:
    contests = Contests().after([ROLE], 0.0)
    assert contests.lasting(0.5) == frozenset(), "whoever changes something once contests nothing"
    contests = contests.after([ROLE], 2.0)
    end = 2.0 + 2 * FIRST_PAUSE_SECONDS + FORGET_SECONDS
    assert contests.lasting(2.0) == contests.lasting(end - 0.5) == {ROLE}, "in a pause and after it"
    assert contests.lasting(end) == frozenset()


def test_pods_are_not_long_without_what_stands_before_them() -> None:
    contests = Contests()
    for _ in range(10):
        contests = contests.after([Child.NETWORK_POLICY, ROLE], 1000.0)
    assert contests.paused(1000.0) == {Child.NETWORK_POLICY, ROLE}
    assert contests.paused(1000.0 + LONGEST_PAUSE_BEFORE_PODS_SECONDS) == {ROLE}
