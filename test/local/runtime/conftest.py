"""A process runtime for each test, ended with the test."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_twisted

from isoproxy.local.runtime.process import ProcessRuntime
from test.local.runtime.support import leftovers, make_runtime


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
