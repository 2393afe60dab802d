import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.kube.errors import (
    ApiError,
    BadReply,
    ClientClosed,
    Conflict,
    KubeError,
    NotFound,
    NotSent,
    Overloaded,
    ServerError,
    TooManyRequests,
    Unauthorized,
    UnknownOutcome,
    WatchEnded,
)
from isoproxy.kube.retry import RetryPolicy, full_jitter

POLICY = RetryPolicy(attempts=5, total=60, initial=0.1, ceiling=5, longest_retry_after=15)


def almost_one() -> float:
    return 0.999


def delay(error: KubeError, *, read: bool, failures: int = 1, elapsed: float = 0.0) -> float | None:
    return POLICY.delay(error, read=read, failures=failures, elapsed=elapsed, jitter=almost_one)


@pytest.mark.parametrize(
    ("error", "for_reads", "for_writes"),
    [
        (NotSent("x"), True, True),
        (Overloaded("x"), False, False),
        (ClientClosed("x"), False, False),
        (UnknownOutcome("x"), True, False),
        (BadReply("x"), False, False),
        (WatchEnded("x"), False, False),
        (ApiError(400), False, False),
        (Unauthorized(401), False, False),
        (NotFound(404), False, False),
        (Conflict(409), False, False),
        (Conflict(409, retry_after=1), False, False),
        (TooManyRequests(429), True, False),
        (TooManyRequests(429, retry_after=1), True, True),
        (ServerError(500), True, False),
        (ServerError(500, retry_after=1), True, False),
        (ServerError(502), True, False),
        (ServerError(503), True, False),
        (ServerError(503, retry_after=1), True, True),
        (ServerError(504, retry_after=1), True, False),
    ],
    ids=repr,
)
def test_what_is_tried_again(error: KubeError, for_reads: bool, for_writes: bool) -> None:
    assert (delay(error, read=True) is not None) is for_reads
    assert (delay(error, read=False) is not None) is for_writes


@settings(deadline=None)
@given(
    error=st.one_of(
        st.builds(
            ApiError,
            st.integers(300, 599),
            retry_after=st.none() | st.floats(0, 100),
        ),
        st.sampled_from([NotSent("x"), UnknownOutcome("x"), BadReply("x"), Overloaded("x")]),
    )
)
def test_a_write_that_may_have_happened_is_never_tried_again(error: KubeError) -> None:
    if error.may_have_happened:
        assert delay(error, read=False) is None


def test_tries_are_bounded_in_number_and_in_time() -> None:
    assert delay(NotSent("x"), read=True, failures=4) is not None
    assert delay(NotSent("x"), read=True, failures=5) is None
    assert delay(NotSent("x"), read=True, elapsed=59.8) is not None
    assert delay(NotSent("x"), read=True, elapsed=59.95) is None
    assert delay(TooManyRequests(429, retry_after=10), read=True, elapsed=51) is None


def test_the_server_is_given_the_time_it_asks_for_and_no_more_than_we_have() -> None:
    assert delay(TooManyRequests(429, retry_after=7), read=False) == pytest.approx(7.1, abs=0.01)
    assert delay(TooManyRequests(429, retry_after=16), read=False) is None


@settings(deadline=None)
@given(failures=st.integers(0, 10_000), drawn=st.floats(0, 1, exclude_max=True))
def test_delays_grow_to_a_ceiling_and_are_drawn_whole(failures: int, drawn: float) -> None:
    bound = full_jitter(failures, lambda: 1.0, initial=0.1, ceiling=30)
    assert bound <= 30
    assert bound <= full_jitter(failures + 1, lambda: 1.0, initial=0.1, ceiling=30) <= max(2 * bound, 0.1)
    assert full_jitter(failures, lambda: drawn, initial=0.1, ceiling=30) == bound * drawn


def test_the_first_delay_is_the_smallest() -> None:
    assert [full_jitter(n, lambda: 1.0, initial=0.1, ceiling=1) for n in range(1, 7)] == [0.1, 0.2, 0.4, 0.8, 1, 1]
