from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection, TokenSource
from isoproxy.kube.limits import Limits
from isoproxy.kube.retry import RetryPolicy
from test.kube.server import BOUND, ScriptedServer

QUICK = RetryPolicy(attempts=4, total=BOUND, initial=0.002, ceiling=0.01)

MakeClient = Callable[..., KubeClient]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    pytest_twisted.blockon(server.stop())


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    """Make clients of a URL or a Connection that retry quickly; they are closed after the test."""
    made: list[KubeClient] = []

    def make(
        where: str | Connection, *, token_source: TokenSource | None = None, limits: Limits | None = None, **more: Any
    ) -> KubeClient:
        connection = Connection.plain(where) if isinstance(where, str) else where
        if token_source is not None:
            connection = replace(connection, token_source=token_source)
        more.setdefault("policy", QUICK)
        client = KubeClient(reactor, connection, limits=limits, jitter=lambda: 0.5, **more)
        made.append(client)
        return client

    yield make
    for client in made:
        pytest_twisted.blockon(client.close())


@pytest.fixture
def client(server: ScriptedServer, make_client: MakeClient) -> KubeClient:
    return make_client(server.url)
