"""The supervisor from twistd's side: it comes up, or says why not, and goes in the end."""

import os
import signal
from pathlib import Path

import pytest
import pytest_twisted

from isoproxy.local.runtime.channel import Channel
from isoproxy.local.runtime.facts import CannotRun
from isoproxy.local.runtime.supervisor import wire
from test.local.runtime.support import eventually, leftovers, make_runtime, pod_id, run, the_reactor


@pytest_twisted.ensureDeferred
async def test_a_folder_that_is_not_ours_alone_is_refused(base: Path) -> None:
    os.chmod(base, 0o755)
    runtime = make_runtime(base)
    with pytest.raises(CannotRun, match="is not a folder of this user alone"):
        await runtime.start()
    await runtime.stop(0.0)


@pytest_twisted.ensureDeferred
async def test_a_runtime_that_is_stopped_runs_nothing_any_more(base: Path) -> None:
    runtime = make_runtime(base)
    await runtime.start()
    observer = await run(runtime, pod_id(), "sleep", "1000")
    await runtime.stop(0.0)
    await runtime.stop(0.0)
    assert observer.exits == []  # the Pod objects stay as they are
    with pytest.raises(CannotRun, match="stopping"):
        await runtime.create(pod_id("late"))


@pytest_twisted.ensureDeferred
async def test_a_runtime_that_never_started_stops(base: Path) -> None:
    await make_runtime(base).stop(0.0)
    assert leftovers(base) == []


@pytest_twisted.ensureDeferred
async def test_a_supervisor_that_hangs_is_killed_and_leaves_nothing(base: Path) -> None:
    reports: list[wire.Message] = []
    channel = Channel(the_reactor(), base=str(base), output_size=1000, on_report=reports.append)
    (hello,) = await eventually(lambda: reports)
    channel.send(wire.Start(1, ["sleep", "1000"], {"PATH": os.environ["PATH"]}, ""))
    await eventually(lambda: reports[1:])
    os.kill(hello.pid, signal.SIGSTOP)
    channel.kill()
    await channel.ended
    channel.kill()  # too late, and harmless
    channel.send(wire.Shutdown(0.0))
    assert leftovers(base) == []


@pytest_twisted.ensureDeferred
async def test_a_supervisor_that_is_not_understood_is_killed(base: Path) -> None:
    reports: list[wire.Message] = []
    channel = Channel(the_reactor(), base=str(base), output_size=1000, on_report=reports.append)
    await eventually(lambda: reports)
    channel.childDataReceived(1, b"nonsense\n")
    await channel.ended
    assert leftovers(base) == []


@pytest_twisted.ensureDeferred
async def test_a_mistake_about_one_report_does_not_cost_the_others(base: Path) -> None:
    reports: list[wire.Message] = []

    def mistaken(report: wire.Message) -> None:
        reports.append(report)
        raise ZeroDivisionError

    channel = Channel(the_reactor(), base=str(base), output_size=1000, on_report=mistaken)
    await eventually(lambda: reports)
    channel.send(wire.Start(1, ["true"], {"PATH": os.environ["PATH"]}, ""))
    await eventually(lambda: reports[2:])
    channel.send(wire.Shutdown(0.0))
    await channel.ended
    assert [type(report) for report in reports] == [wire.Hello, wire.Started, wire.Ended]


@pytest_twisted.ensureDeferred
async def test_a_supervisor_that_does_not_understand_us_ends(base: Path) -> None:
    reports: list[wire.Message] = []
    channel = Channel(the_reactor(), base=str(base), output_size=1000, on_report=reports.append)
    await eventually(lambda: reports)
    channel.send(wire.Started(1, 1))  # type: ignore[arg-type]  # that is the point
    await channel.ended
    assert leftovers(base) == []
