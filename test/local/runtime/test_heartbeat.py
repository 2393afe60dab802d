"""What a node writes, and when."""

import pytest

from isoproxy.local.runtime.heartbeat import (
    LEASE_SECONDS,
    LONGEST_PAUSE,
    RENEW_SECONDS,
    REPORT_SECONDS,
    Heartbeat,
    Write,
)


def write_until(heartbeat: Heartbeat, start: float, end: float) -> list[tuple[Write, float]]:
    """Make each write when it is due, with success; return them with their times."""
    now = start
    made: list[tuple[Write, float]] = []
    while True:
        write, wait = heartbeat.next(now)
        now += wait
        if now >= end:
            return made
        heartbeat.succeeded(write, now)
        made.append((write, now))


@pytest.fixture
def beating() -> Heartbeat:
    """One whose Node and Lease were written at 0."""
    heartbeat = Heartbeat()
    heartbeat.succeeded(Write.NODE, 0.0)
    heartbeat.succeeded(Write.LEASE, 0.0)
    return heartbeat


def test_the_node_comes_first_and_the_lease_right_after_it() -> None:
    assert write_until(Heartbeat(), 5.0, 6.0) == [(Write.NODE, 5.0), (Write.LEASE, 5.0)]


def test_the_lease_is_never_written_before_there_is_a_node() -> None:
    heartbeat = Heartbeat()
    heartbeat.failed(Write.NODE, 0.0, 0.5)
    assert heartbeat.next(0.0)[0] is Write.NODE


def test_an_hour_is_a_renewal_each_ten_seconds_and_a_report_each_five_minutes() -> None:
    made = write_until(Heartbeat(), 0.0, 3600.0)
    assert [at for write, at in made if write is Write.NODE] == [n * REPORT_SECONDS for n in range(12)]
    assert {at for write, at in made if write is Write.LEASE} == {n * RENEW_SECONDS for n in range(360)}


def test_a_failure_is_tried_again_soon_and_several_times_in_the_life_of_a_lease(beating: Heartbeat) -> None:
    now, tries = 0.0, 0
    while now <= LEASE_SECONDS:
        write, wait = beating.next(now)
        now += wait
        beating.failed(write, now, 1.0)  # the longest pauses there can be
        tries += 1
        assert write is Write.LEASE
    assert tries >= LEASE_SECONDS / LONGEST_PAUSE


def test_pauses_are_drawn_and_grow_from_short_ones(beating: Heartbeat) -> None:
    waits = []
    for draw in (0.5, 0.5, 0.5, 0.25):
        beating.failed(Write.LEASE, 0.0, draw)
        waits.append(beating.next(0.0)[1])
    assert waits == [0.05, 0.1, 0.2, 0.2]


def test_only_the_first_failure_in_a_row_is_news(beating: Heartbeat) -> None:
    assert [beating.failed(Write.LEASE, 0.0, 0.5) for _ in range(3)] == [True, False, False]
    beating.succeeded(Write.LEASE, 1.0)
    assert beating.failed(Write.LEASE, 11.0, 0.5)


def test_a_report_that_fails_does_not_hold_up_the_lease(beating: Heartbeat) -> None:
    at = REPORT_SECONDS
    for renewal in range(1, int(REPORT_SECONDS / RENEW_SECONDS) + 1):
        beating.succeeded(Write.LEASE, renewal * RENEW_SECONDS)
    assert beating.next(at) == (Write.NODE, 0.0)
    renewed = 0
    while at < REPORT_SECONDS + 60.0:
        write, wait = beating.next(at)
        at += wait
        if write is Write.NODE:
            beating.failed(write, at, 0.9)
        else:
            beating.succeeded(write, at)
            renewed += 1
    assert renewed == 6


def test_after_a_silence_longer_than_the_lease_the_node_says_at_once_that_it_lives(beating: Heartbeat) -> None:
    back = LEASE_SECONDS + 0.1
    assert beating.succeeded(Write.LEASE, back)
    assert beating.next(back) == (Write.NODE, 0.0)


def test_a_renewal_that_is_late_but_in_time_is_no_silence(beating: Heartbeat) -> None:
    assert not beating.succeeded(Write.LEASE, float(LEASE_SECONDS))
    assert beating.next(float(LEASE_SECONDS)) == (Write.LEASE, RENEW_SECONDS)
