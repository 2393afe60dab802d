"""How a proxy reaches a pod."""

import errno
from collections.abc import Callable
from typing import cast

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IReactorTCP, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol

from isoproxy.proxy.backend import Backend
from isoproxy.proxy.session import DialFailure

Dialer = Callable[[Backend], IStreamClientEndpoint]
"""Gives what connects to a pod; its ``connect`` may be cancelled, and is, when the pod takes too long."""

_NO_TIMEOUT = cast(float, None)  # the session's own deadline cancels; None is what Twisted takes for none
_OURS = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN, errno.EADDRNOTAVAIL, errno.EADDRINUSE}
)


class BackendProtocol(Protocol):
    """The pod's side until the relay takes the transport over, at once; it is told nothing of interest."""


backend_factory = Factory.forProtocol(BackendProtocol)
backend_factory.noisy = False


def tcp_dialer(reactor: IReactorTCP, *, source_ip: str = "") -> Dialer:
    """Return a dialer that connects straight to the pod's address, from ``source_ip`` if one is given."""
    bind = (source_ip, 0) if source_ip else None

    def dial(pod: Backend) -> IStreamClientEndpoint:
        endpoint = TCP6ClientEndpoint if ":" in pod.ip else TCP4ClientEndpoint
        return endpoint(reactor, pod.ip, pod.port, timeout=_NO_TIMEOUT, bindAddress=bind)

    return dial


def why_failed(error: BaseException) -> DialFailure:
    """Return what kind of failure an error of ``connect`` is."""
    number = error.osError if isinstance(error, ConnectError) else getattr(error, "errno", None)
    if number == errno.ECONNREFUSED:
        return DialFailure.REFUSED
    return DialFailure.LOCAL if number in _OURS else DialFailure.UNREACHABLE
