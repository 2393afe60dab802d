"""Whatever one pod does, or asks for, the others go on, and more can be run."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_twisted

from isoproxy.local.runtime.facts import CannotRun, Exit
from isoproxy.local.runtime.podspec import LONGEST_GRACE
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


@pytest.mark.parametrize(
    ("argv", "environment", "words"),
    [
        (["a\0b"], {}, "null byte"),
        (["true"], {"PATH": "/bin\0/usr/bin"}, "null byte"),
        (["\ud800"], {}, "surrogates not allowed"),
        (["x" * 100_000], {}, 'the command "xxx'),
        (["true", "x" * 140_000], {}, "Argument list too long"),
        (["true", *["x" * 100_000] * 50], {}, "a message of 50"),
        (["true", *["\1" * 100_000] * 10], {}, "a message of 60"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_what_no_program_can_be_given_is_told_to_its_own_pod(
    runtime: ProcessRuntime, bystander: Observer, argv: list[str], environment: dict[str, str], words: str
) -> None:
    observer = await run(runtime, pod_id(), *argv, **environment)
    assert observer.exits == []  # not from within
    await eventually(lambda: observer.exits)
    assert observer.pids == []
    assert (observer.exits[0].code, observer.exits[0].reason) == (128, "StartError")
    assert words in observer.exits[0].message


@pytest.mark.parametrize(
    ("argv", "words"), [(("a\0b",), "null byte"), (("true", *["x" * 100_000] * 50), "a message of 50")]
)
@pytest_twisted.ensureDeferred
async def test_what_no_command_beside_a_program_can_be_given_is_told_to_who_asks(
    runtime: ProcessRuntime, bystander: Observer, argv: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CannotRun, match=words):
        await runtime.execute(pod_id("bystander"), argv, 10.0)


@pytest_twisted.ensureDeferred
async def test_a_grace_may_be_as_long_as_any(runtime: ProcessRuntime, bystander: Observer) -> None:
    observer = await run(runtime, pod_id(), *python("import time; time.sleep(1000)"))
    runtime.terminate(pod_id(), float(LONGEST_GRACE))
    await eventually(lambda: observer.exits)
    assert observer.exits == [Exit(143, 15, "Error")]
    deaf = await run(runtime, pod_id("deaf"), "sh", "-c", "trap '' TERM; echo deaf; sleep 1000")
    await eventually(lambda: _has_printed(runtime, "deaf"))
    runtime.terminate(pod_id("deaf"), float(LONGEST_GRACE))
    assert await runtime.execute(pod_id("deaf"), ("true",), 10.0) == 0
    assert deaf.exits == []


def _has_printed(runtime: ProcessRuntime, name: str) -> bool:
    return bool(list(runtime.logs.read("default", name, container="", tail_lines=None)))
