"""A process runtime for each test, ended with the test, an API server in memory, and the agent between them."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_twisted

from isoproxy.local.apiserver.core import Core
from isoproxy.local.runtime.node import NodeAgent
from isoproxy.local.runtime.process import ProcessRuntime
from test.local.runtime.support import leftovers, make_runtime, the_reactor
from test.local.runtime.user import User
from test.memoryapi import MemoryApi, make_core


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder with a short path, as sockets in it need."""
    path = Path(tempfile.mkdtemp(prefix="rt"))
    yield path
    shutil.rmtree(path)


@pytest_twisted.async_yield_fixture
async def runtime(base: Path) -> AsyncIterator[ProcessRuntime]:
    runtime = make_runtime(base)
    await runtime.start()
    yield runtime
    await runtime.stop(0.0)
    assert leftovers(base) == []


@pytest.fixture
def core() -> Core:
    return make_core(the_reactor())


@pytest.fixture
def user(core: Core) -> User:
    return User(core, the_reactor())


@pytest.fixture
def api(core: Core) -> MemoryApi:
    """How the agent reaches the API server."""
    return MemoryApi(core, the_reactor())


@pytest_twisted.async_yield_fixture
async def agent(api: MemoryApi, runtime: ProcessRuntime) -> AsyncIterator[NodeAgent]:
    agent = NodeAgent(api, runtime, the_reactor(), stop_grace=0.0)
    await agent.start()
    yield agent
    await agent.stop()
