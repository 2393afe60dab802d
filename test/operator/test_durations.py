"""Facts that are to last before they count."""

import math

from isoproxy.operator.durations import Durations


def test_a_fact_has_lasted_when_it_held_in_every_pass_for_so_long() -> None:
    first = Durations({}, 100.0)
    assert not first.lasted("x", 10)
    assert first.wake_after == 10
    second = Durations(first.since, 104.0)
    assert not second.lasted("x", 10)
    assert second.wake_after == 6
    third = Durations(second.since, 110.0)
    assert third.lasted("x", 10)
    assert third.wake_after == math.inf


def test_a_fact_that_one_pass_does_not_ask_about_begins_anew() -> None:
    first = Durations({}, 0.0)
    first.lasted("x", 10)
    second = Durations(first.since, 5.0)
    third = Durations(second.since, 20.0)
    assert not third.lasted("x", 10)


def test_one_pass_may_ask_about_a_fact_again_with_another_patience() -> None:
    first = Durations({}, 0.0)
    first.lasted("x", 10)
    second = Durations(first.since, 7.0)
    assert second.lasted("x", 5)
    assert not second.lasted("x", 10)
    assert second.wake_after == 3


def test_no_patience_at_all_is_satisfied_at_once() -> None:
    assert Durations({}, 0.0).lasted("x", 0)


def test_of_a_number_only_what_was_never_undercut_has_lasted() -> None:
    since = Durations({}, 0.0)
    assert since.least("n", 2, 10) == 0
    since = Durations(since.since, 5.0)
    assert since.least("n", 7, 10) == 0
    assert since.wake_after == 5
    since = Durations(since.since, 10.0)
    assert since.least("n", 7, 10) == 2
    since = Durations(since.since, 15.0)
    assert since.least("n", 7, 10) == 7
    since = Durations(since.since, 16.0)
    assert since.least("n", 3, 10) == 3
    since = Durations(since.since, 17.0)
    assert since.least("n", 7, 10) == 3
    assert Durations(since.since, 18.0).least("n", -1, 10) == 0


def test_it_is_known_since_when_a_fact_holds() -> None:
    first = Durations({}, 5.0)
    assert first.began("x") == 5.0
    second = Durations(first.since, 9.0)
    assert second.began("x") == 5.0
    assert second.began("y") == 9.0
    assert second.wake_after == math.inf
