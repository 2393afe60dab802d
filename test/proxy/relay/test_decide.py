"""When a direction splices, what a socket waits for, and what an error means."""

from __future__ import annotations

import errno
from select import EPOLLET, EPOLLIN, EPOLLOUT

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isoproxy.proxy.relay.decide import LARGE, PATIENCE, SMALL, interest, peer_is_lost, splice_credit, splice_is_refused


def credit_after(*reads: int, credit: int = 0) -> int:
    for moved in reads:
        credit = splice_credit(credit, moved)
    return credit


@pytest.mark.parametrize(
    ("reads", "splices"),
    [
        ([], False),
        ([1] * 1000, False),
        ([LARGE - 1] * 1000, False),
        ([LARGE], True),
        ([LARGE, *[SMALL] * 1000], True),
        ([LARGE, *[1] * (PATIENCE - 1)], True),
        ([LARGE, *[1] * PATIENCE], False),
        ([LARGE, *[1] * (PATIENCE - 1), LARGE, 1], True),
    ],
    ids=[
        "nothing yet",
        "a conversation",
        "medium reads",
        "a large read",
        "a transfer with medium reads",
        "a transfer with a few small reads",
        "a transfer that has become a conversation",
        "a transfer that goes on",
    ],
)
def test_transfers_are_spliced_and_conversations_copied(reads: list[int], splices: bool) -> None:
    assert bool(credit_after(*reads)) is splices


@given(st.lists(st.integers(1, 2 * LARGE)))
def test_credit_stays_within_its_bounds(reads: list[int]) -> None:
    assert 0 <= credit_after(*reads) <= PATIENCE


@given(st.integers(0, PATIENCE))
def test_small_reads_alone_always_end_in_copying(credit: int) -> None:
    assert credit_after(*[SMALL - 1] * PATIENCE, credit=credit) == 0


@pytest.mark.parametrize(
    ("reads", "owes", "mask"),
    [
        (True, False, EPOLLIN),
        (True, True, EPOLLIN | EPOLLOUT),
        (False, True, EPOLLOUT),
        (False, False, EPOLLET),
    ],
)
def test_a_socket_that_waits_for_nothing_is_edge_triggered(reads: bool, owes: bool, mask: int) -> None:
    assert interest(reads=reads, owes=owes) == mask


@pytest.mark.parametrize("code", [errno.ECONNRESET, errno.EPIPE, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENOTCONN])
def test_errors_of_the_network_are_the_peers(code: int) -> None:
    assert peer_is_lost(code)


@pytest.mark.parametrize("code", [errno.EBADF, errno.EINVAL, errno.ENOMEM, None])
def test_errors_of_ours_are_not_the_peers(code: int | None) -> None:
    assert not peer_is_lost(code)


def test_no_error_is_both_a_lost_peer_and_a_refusal_to_splice() -> None:
    assert not any(peer_is_lost(code) and splice_is_refused(code) for code in errno.errorcode)
