"""What a relay decides: when to splice, and which events to wait for. Pure; the descriptors are elsewhere.

Splicing hands pages from socket to socket and saves the copy through this process; it costs a pipe and some work for
each page. It pays for large reads only, so a direction copies until a read shows that much is coming, and copies again
when its reads have been small for a while: a conversation never pays for what a transfer needs.
"""

from __future__ import annotations

import errno
from select import EPOLLET, EPOLLIN, EPOLLOUT

LARGE = 16 * 1024
"""Bytes: a read of this size says that a transfer is going on."""
SMALL = 4 * 1024
"""Bytes: below this, handing over pages costs more than copying them."""
PATIENCE = 8
"""Small reads in a row that a splicing direction is allowed before it copies again."""


def splice_credit(credit: int, moved: int) -> int:
    """The credit after a read of ``moved`` bytes: a direction splices while it has any, and copies at 0."""
    if moved >= LARGE:
        return PATIENCE
    if moved < SMALL and credit:
        return credit - 1
    return credit


def interest(*, reads: bool, owes: bool) -> int:
    """The epoll events a socket waits for: ``reads`` when its bytes are wanted, ``owes`` when it is to take more.

    A socket that waits for neither is edge-triggered: epoll always reports a hang-up, and a socket whose peer has sent
    its FIN (perhaps unread yet, behind a stalled direction) and that has been sent ours stays hung up. Level-triggered
    it would be reported for ever; this way a reset is still noticed, once.
    """
    return (EPOLLIN if reads else 0) | (EPOLLOUT if owes else 0) or EPOLLET


_PEER_LOST = frozenset(
    {
        errno.ECONNRESET,
        errno.EPIPE,  # what a reset is called once the peer's FIN has come, and on the second write
        errno.ETIMEDOUT,  # keepalive or retransmission gave up
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.ENOTCONN,  # from shutdown(), when the reset came before it
        errno.ECONNABORTED,
    }
)
_SPLICE_REFUSED = frozenset(
    {
        errno.EINVAL,  # this kind of socket cannot
        errno.ENOSYS,  # this kernel cannot
        errno.EPERM,  # a seccomp filter forbids it
    }
)


def peer_is_lost(code: int | None) -> bool:
    """Whether errno ``code`` says that the connection broke, rather than that we did something wrong."""
    return code in _PEER_LOST


def splice_is_refused(code: int | None) -> bool:
    """Whether errno ``code`` from reading a socket by splice says that it never works here, with nothing lost."""
    return code in _SPLICE_REFUSED
