"""Probes: thresholds, and when they ask."""

import pytest
from twisted.internet.task import Clock

from isoproxy.kube.resources import Json
from isoproxy.local.runtime.facts import CannotRun
from isoproxy.local.runtime.podspec import Container, runnable
from isoproxy.local.runtime.probes import ProbeLoop, Tally, checker
from isoproxy.local.runtime.probespec import Probe
from test.local.runtime.fakeruntime import FakeRuntime
from test.local.runtime.support import pod_id
from test.local.runtime.test_podspec import pod


def probe(**settings: object) -> Probe:
    return container({"exec": {"command": ["check"]}} | settings)[1]


def container(settings: Json) -> tuple[Container, Probe]:
    made = runnable(pod({"readinessProbe": settings})).containers[0]
    assert made.readiness_probe is not None
    return made, made.readiness_probe


@pytest.mark.parametrize(
    ("success", "failure", "results", "ready"),
    [
        (1, 3, "", False),
        (1, 3, "+", True),
        (1, 3, "+--", True),
        (1, 3, "+---", False),
        (1, 3, "+--+--", True),
        (2, 1, "+", False),
        (2, 1, "+-+", False),
        (2, 1, "++", True),
        (2, 1, "++-", False),
    ],
)
def test_it_takes_as_many_in_a_row_as_asked_for(success: int, failure: int, results: str, ready: bool) -> None:
    tally = Tally(probe(successThreshold=success, failureThreshold=failure))
    for result in results:
        tally.add(result == "+")
    assert tally.ready is ready


class Loop:
    """A probe on a clock that answers what the test says."""

    def __init__(self, **settings: object) -> None:
        self.clock = Clock()
        self.answer = False
        self.asked: list[float] = []
        self.said: list[bool] = []
        self.loop = ProbeLoop(self.clock, probe(**settings), self.check, self.hear)
        self.at_once = False  # stop at the first word

    def hear(self, ready: bool) -> None:
        self.said.append(ready)
        if self.at_once:
            self.loop.stop()

    async def check(self) -> bool:
        self.asked.append(round(self.clock.seconds(), 2))
        return self.answer

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.01] * round(seconds * 100))


def test_until_it_is_ready_it_is_asked_often_and_then_each_period() -> None:
    loop = Loop(periodSeconds=10)
    loop.pass_time(1.0)
    assert len(loop.asked) >= 3
    loop.answer = True
    loop.pass_time(2.0)
    loop.asked.clear()
    loop.pass_time(40.0)
    assert len(loop.asked) == 4
    assert loop.said == [True]


def test_only_changes_are_told() -> None:
    loop = Loop(periodSeconds=1, failureThreshold=2)
    loop.answer = True
    loop.pass_time(5.0)
    loop.answer = False
    loop.pass_time(5.0)
    loop.answer = True
    loop.pass_time(5.0)
    assert loop.said == [True, False, True]


def test_who_stops_hears_nothing_more_and_asks_nothing() -> None:
    loop = Loop()
    loop.answer = True
    loop.loop.stop()
    loop.pass_time(5.0)
    assert (loop.asked, loop.said) == ([], [])
    assert loop.clock.getDelayedCalls() == []


def test_it_can_be_stopped_by_whom_it_tells() -> None:
    loop = Loop()
    loop.at_once = True
    loop.answer = True
    loop.pass_time(60.0)
    assert len(loop.asked) == 1


@pytest.mark.parametrize(("code", "success"), [(0, True), (1, False), (CannotRun("Timeout", "slow"), False)])
def test_a_commands_exit_code_is_its_answer(code: int | CannotRun, success: bool) -> None:
    runtime = FakeRuntime()
    runtime.codes = [code]
    made, settings = container({"exec": {"command": ["check", "it"]}})
    answers: list[bool] = []

    async def ask() -> None:
        answers.append(await checker(Clock(), runtime, pod_id(), "127.64.0.1", made, settings)())

    coroutine = ask()
    with pytest.raises(StopIteration):
        coroutine.send(None)
    assert answers == [success]
    assert runtime.calls == [("execute", "pod", ("check", "it"))]
