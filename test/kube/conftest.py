from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import Clock
from zope.interface import directlyProvides, providedBy

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection, TokenSource
from isoproxy.kube.retry import RetryPolicy
from test.kube.server import BOUND, ScriptedServer

QUICK = RetryPolicy(attempts=4, total=BOUND, initial=0.002, ceiling=0.01)

MakeClient = Callable[..., KubeClient]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    pytest_twisted.blockon(server.stop())


class HandTurned:
    """The reactor, but for its time, which is the clock's: I/O is real, and no deadline passes before the test says."""

    def __init__(self, clock: Clock) -> None:
        directlyProvides(self, providedBy(reactor))
        self.callLater = clock.callLater
        self.seconds = clock.seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(reactor, name)


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Make clients of a URL or a Connection that retry quickly, or on a clock; they are closed after the test."""
    made: list[KubeClient] = []

    def make(
        where: str | Connection, *, token_source: TokenSource | None = None, clock: Clock | None = None, **more: Any
    ) -> KubeClient:
        connection = Connection.plain(where) if isinstance(where, str) else where
        if token_source is not None:
            connection = replace(connection, token_source=token_source)
        more.setdefault("policy", QUICK)
        ours: Any = reactor if clock is None else HandTurned(clock)
        client = KubeClient(ours, connection, jitter=lambda: 0.5, **more)
        made.append(client)
        return client

    yield make
    for client in made:
        pytest_twisted.blockon(client.close())


@pytest.fixture
def client(server: ScriptedServer, make_client: MakeClient) -> KubeClient:
    return make_client(server.url)
