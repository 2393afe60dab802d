"""Whoever is killed, by SIGKILL and without a word, no process of a pod is left, and no folder."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from isoproxy.local.runtime.facts import CannotRun, Exit
from isoproxy.local.runtime.process import ProcessRuntime
from isoproxy.local.runtime.supervisor.procfs import children
from test.local.runtime.support import (
    DAEMON,
    Observer,
    daemonized,
    eventually,
    is_alive,
    leftovers,
    make_runtime,
    marked,
    pod_id,
    python,
    run,
)

TREE = Path(__file__).parents[3]
PODS = 3  # of the host; each is a program and a daemon that it has started
LOST = "ContainerStatusUnknown"


def start_host(base: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "test.local.runtime.host", str(base), str(base)], cwd=TREE)


@pytest_twisted.async_yield_fixture
async def host(base: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    process = start_host(base)
    await eventually(lambda: daemonized(str(base), PODS))
    yield process
    process.kill()
    process.wait()


def guard_and_supervisor(parent: int) -> tuple[int, int]:
    """The two processes that a runtime in the process `parent` has started."""
    (guard,) = [pid for pid in children(parent) if b"supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    (supervisor,) = children(guard)
    return guard, supervisor


async def two_processes(runtime: ProcessRuntime, mark: str) -> Observer:
    observer = await run(runtime, pod_id(), *python(DAEMON + "time.sleep(1000)"), MARK=mark)
    await eventually(lambda: daemonized(mark))
    return observer


@pytest_twisted.ensureDeferred
async def test_nothing_is_left_when_twistd_is_killed(host: subprocess.Popen[bytes], base: Path) -> None:
    guard, supervisor = guard_and_supervisor(host.pid)
    host.kill()
    await eventually(lambda: not marked(str(base)) and not leftovers(base))
    await eventually(lambda: not is_alive(guard) and not is_alive(supervisor))


@pytest_twisted.ensureDeferred
async def test_nothing_is_left_when_the_supervisor_is_killed(runtime: ProcessRuntime, base: Path) -> None:
    observer = await two_processes(runtime, str(base))
    os.kill(guard_and_supervisor(os.getpid())[1], signal.SIGKILL)
    await eventually(lambda: observer.exits)
    assert marked(str(base)) == []
    assert leftovers(base) == []
    assert [(exit_.code, exit_.reason) for exit_ in observer.exits] == [(137, LOST)]


@pytest_twisted.ensureDeferred
async def test_nothing_is_left_when_its_guard_is_killed(runtime: ProcessRuntime, base: Path) -> None:
    observer = await two_processes(runtime, str(base))
    os.kill(guard_and_supervisor(os.getpid())[0], signal.SIGKILL)
    await eventually(lambda: observer.exits)
    assert marked(str(base)) == []
    assert leftovers(base) == []


@pytest_twisted.ensureDeferred
async def test_who_waits_for_a_command_hears_of_the_loss(runtime: ProcessRuntime, base: Path) -> None:
    await two_processes(runtime, str(base))
    waiting = Deferred.fromCoroutine(runtime.execute(pod_id(), ("sleep", "1000"), 1000.0))
    os.kill(guard_and_supervisor(os.getpid())[1], signal.SIGKILL)
    with pytest.raises(CannotRun, match=LOST):
        await waiting


@pytest_twisted.ensureDeferred
async def test_after_a_loss_pods_can_be_run_again(runtime: ProcessRuntime, base: Path) -> None:
    observer = await two_processes(runtime, str(base))
    os.kill(guard_and_supervisor(os.getpid())[1], signal.SIGKILL)
    await eventually(lambda: observer.exits)
    again = await run(runtime, pod_id(), "true")
    await eventually(lambda: again.exits)
    assert again.exits == [Exit(0, 0, "Completed")]


@pytest_twisted.ensureDeferred
async def test_what_survives_when_all_are_killed_at_once_is_killed_by_the_next_runtime(
    host: subprocess.Popen[bytes], base: Path
) -> None:
    guard, supervisor = guard_and_supervisor(host.pid)
    for pid in (guard, supervisor, host.pid):
        os.kill(pid, signal.SIGSTOP)  # so that none has time to notice that another is gone
    for pid in (guard, supervisor, host.pid):
        os.kill(pid, signal.SIGKILL)
    await eventually(lambda: len(marked(str(base))) == PODS)  # the kernel has killed the programs, not their daemons
    runtime = make_runtime(base)
    await runtime.start()
    assert marked(str(base)) == []
    await runtime.stop(0.0)
    assert leftovers(base) == []


@pytest_twisted.ensureDeferred
async def test_a_second_runtime_leaves_the_pods_of_the_first_alone(runtime: ProcessRuntime, base: Path) -> None:
    await two_processes(runtime, str(base))
    second = make_runtime(base)
    await second.start()
    await second.stop(0.0)
    assert len(marked(str(base))) == 2


@pytest_twisted.ensureDeferred
async def test_signals_that_ask_to_end_do_not_reach_pods_behind_twistds_back(
    runtime: ProcessRuntime, base: Path
) -> None:
    observer = await two_processes(runtime, str(base))
    guard, supervisor = guard_and_supervisor(os.getpid())
    assert os.getsid(guard) == os.getsid(supervisor) != os.getsid(0)  # a Ctrl-C goes to the terminal's session
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(guard, number)
        os.kill(supervisor, number)
    assert await runtime.execute(pod_id(), ("true",), 10.0) == 0
    assert observer.exits == []


@pytest_twisted.ensureDeferred
async def test_a_stop_ends_what_ignores_sigterm_and_all_that_it_started(runtime: ProcessRuntime, base: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    await run(runtime, pod_id(), *python(deaf + DAEMON + "time.sleep(1000)"), MARK=str(base))
    await eventually(lambda: daemonized(str(base)))
    await runtime.stop(0.2)
    assert marked(str(base)) == []
    assert leftovers(base) == []
