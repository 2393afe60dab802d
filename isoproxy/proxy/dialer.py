"""How a proxy reaches a pod."""

import errno
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol

from isoproxy.proxy.backend import Backend
from isoproxy.proxy.connecting import PromptEndpoint
from isoproxy.proxy.errors import number_of
from isoproxy.proxy.session import DialFailure

Dialer = Callable[[Backend], IStreamClientEndpoint]
"""Gives what connects to a pod. Its ``connect`` may be cancelled, and then leaves nothing behind."""

_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN, errno.EADDRNOTAVAIL, errno.EADDRINUSE}
)


class BackendProtocol(Protocol):
    """The pod's side until the relay takes the transport over, at once; it is told nothing of interest."""


backend_factory = Factory.forProtocol(BackendProtocol)
backend_factory.noisy = False


def tcp_dialer(reactor: Any) -> Dialer:
    """Return a dialer that connects straight to the pod's address."""
    return lambda pod: PromptEndpoint(reactor, pod.ip, pod.port)


def why_failed(error: BaseException) -> DialFailure:
    """Return what kind of failure an error of ``connect`` is."""
    number = number_of(error)
    if number == errno.ECONNREFUSED:
        return DialFailure.REFUSED
    return DialFailure.LOCAL if number in _OURS else DialFailure.UNREACHABLE
