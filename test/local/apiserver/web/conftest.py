import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.logs import PodLogs
from isoproxy.local.apiserver.server import ApiServer

Listening = Callable[..., tuple[ApiServer, int]]


@pytest.fixture
def listening() -> Iterator[Listening]:
    """Start servers on ports of their own; they are stopped after the test."""
    started: list[tuple[ApiServer, Any]] = []

    def start(
        logs: PodLogs | None = None, clock: Any = reactor, now: Callable[[], float] | None = None, **limits: Any
    ) -> tuple[ApiServer, int]:
        server = ApiServer(clock, limits=Limits(**limits), logs=logs, chance=random.Random(1), now=now)
        real: Any = reactor
        port = real.listenTCP(0, server.site(), interface="127.0.0.1")
        started.append((server, port))
        return server, port.getHost().port

    yield start
    for server, port in started:
        server.stop()
        pytest_twisted.blockon(port.stopListening())
