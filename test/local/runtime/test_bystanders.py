"""Whatever one pod does, or asks for, the others go on, and more can be run."""

import os
from collections.abc import AsyncIterator

import pytest_twisted

from isoproxy.local.runtime.facts import Exit
from isoproxy.local.runtime.process import ProcessRuntime
from test.local.runtime.support import Observer, eventually, pod_id, python, run

DEEP = "import os\nfor _ in range(2500): os.mkdir('a'); os.chdir('a')"


@pytest_twisted.async_yield_fixture
async def bystander(runtime: ProcessRuntime) -> AsyncIterator[Observer]:
    """A pod that has nothing to do with what the others do."""
    observer = await run(runtime, pod_id("bystander"), "sleep", "1000")
    await eventually(lambda: observer.pids)
    yield observer
    assert observer.exits == []
    after = await run(runtime, pod_id("after"), "true")
    await eventually(lambda: after.exits)
    assert after.exits == [Exit(0, 0, "Completed")]


@pytest_twisted.ensureDeferred
async def test_a_folder_deeper_than_python_calls_itself_is_removed(
    runtime: ProcessRuntime, bystander: Observer
) -> None:
    observer = await run(runtime, pod_id(), *python(DEEP))
    home = (await runtime.create(pod_id())).environment["HOME"]
    await eventually(lambda: observer.exits)
    assert observer.exits == [Exit(0, 0, "Completed")]
    runtime.finish(pod_id())
    await eventually(lambda: not os.path.exists(home))
