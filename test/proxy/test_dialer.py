"""Dialling pods, and what is made of failures."""

import errno
import socket
from typing import cast

import pytest
import pytest_twisted
from twisted.internet import error, reactor
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.tcp import Connection as Transport

from isoproxy.proxy.backend import Backend
from isoproxy.proxy.dialer import BackendProtocol, backend_factory, tcp_dialer, why_failed
from isoproxy.proxy.session import DialFailure


def pod(ip: str, port: int) -> Backend:
    return Backend("default", "a", "uid-a", "pod-a", ip, port)


@pytest.mark.parametrize(
    ("exception", "failure"),
    [
        (error.ConnectionRefusedError(errno.ECONNREFUSED, "refused"), DialFailure.REFUSED),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), DialFailure.REFUSED),
        (error.NoRouteError(errno.ENETUNREACH, "no route"), DialFailure.UNREACHABLE),
        (error.TCPTimedOutError(errno.ETIMEDOUT, "timeout"), DialFailure.UNREACHABLE),
        (error.ConnectError(errno.EHOSTUNREACH, "host"), DialFailure.UNREACHABLE),
        (error.ConnectBindError(errno.EMFILE, "too many open files"), DialFailure.LOCAL),
        (OSError(errno.ENFILE, "too many open files"), DialFailure.LOCAL),
        (error.ConnectError(errno.EADDRNOTAVAIL, "no port left"), DialFailure.LOCAL),
        (ConnectingCancelledError(None), DialFailure.UNREACHABLE),
        (ValueError("a broken dialer"), DialFailure.UNREACHABLE),
    ],
)
def test_failures_are_told_apart_by_number(exception: Exception, failure: DialFailure) -> None:
    assert why_failed(exception) is failure


@pytest_twisted.ensureDeferred
async def test_a_pod_is_dialled_at_its_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dial = tcp_dialer(reactor)
        protocol = await dial(pod("127.0.0.1", server.getsockname()[1])).connect(backend_factory)
        assert isinstance(protocol, BackendProtocol)
        client, _ = server.accept()
        cast(Transport, protocol.transport).abortConnection()
        client.close()


@pytest_twisted.ensureDeferred
async def test_a_refusal_is_recognised() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(error.ConnectionRefusedError) as caught:
        await tcp_dialer(reactor)(pod("127.0.0.1", port)).connect(backend_factory)
    assert why_failed(caught.value) is DialFailure.REFUSED
