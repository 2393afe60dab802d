"""Status writes: the newest state, once, at last."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from isoproxy.kube.errors import Conflict, Forbidden, Invalid, KubeError, NotFound, NotSent
from isoproxy.local.runtime.facts import PodId
from isoproxy.local.runtime.status import PodState
from isoproxy.local.runtime.writer import StatusWriter
from test.local.runtime.user import User
from test.memoryapi import MemoryApi, make_core

STATE = PodState(container="main")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Stage:
    """A writer whose requests the test answers; the Pods are there."""

    def __init__(self) -> None:
        self.clock = Clock()
        core = make_core(self.clock)
        self.user = User(core, self.clock)
        self.api = MemoryApi(core, self.clock)
        self.api.faults.holds = lambda verb, resource, name: True
        self.now = NOW
        self.writer = StatusWriter(self.api, self.clock, now=lambda: self.now, jitter=lambda: 0.5)
        self.pod = self.add("pod")

    def add(self, name: str) -> PodId:
        """Make a Pod that runs nothing."""
        return PodId("default", name, self.user.add_pod(name, {})["metadata"]["uid"])

    def put(self, restarts: int, pod: PodId | None = None, delay: float = 0.0) -> None:
        self.writer.put(pod or self.pod, replace(STATE, restarts=restarts), delay=delay)
        self.clock.advance(0.0)

    @property
    def restarts(self) -> list[int]:
        """What was asked to be written, as told apart by the restart count."""
        return [patch["status"]["containerStatuses"][0]["restartCount"] for patch in self.api.patches]

    def stored(self) -> Any:
        """The restart count of the Pod as it is; None if its status was never written."""
        (found,) = self.user.pod("pod")["status"].get("containerStatuses") or [{}]
        return found.get("restartCount")

    def answer(self, error: KubeError | None = None) -> None:
        """Let the first of the requests that wait be answered."""
        waiting = next(one for one in self.api.faults.held if not one.called)
        if error is not None:
            waiting.errback(error)
        else:
            waiting.callback(None)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.writer.stop()


def test_a_write_is_guarded_by_the_uid(stage: Stage) -> None:
    stage.put(1)
    stage.user.remove_pod("pod")
    stage.add("pod")
    stage.answer()
    stage.put(2)
    stage.answer()
    stage.clock.advance(100.0)
    assert stage.restarts == [1, 2]
    assert stage.stored() is None


def test_while_one_is_written_only_the_newest_waits(stage: Stage) -> None:
    for restarts in (1, 2, 3):
        stage.put(restarts)
    assert stage.restarts == [1]
    stage.answer()
    assert stage.restarts == [1, 3]
    stage.answer()
    stage.clock.advance(100.0)
    assert stage.restarts == [1, 3]
    assert stage.stored() == 3


def test_what_can_wait_does_and_goes_with_what_cannot(stage: Stage) -> None:
    stage.put(1, delay=1.0)
    stage.put(2, delay=5.0)
    assert stage.restarts == []
    stage.clock.advance(1.0)
    assert stage.restarts == [2]
    stage.answer()
    stage.put(3, delay=1.0)
    stage.put(4)
    assert stage.restarts == [2, 4]
    stage.answer()
    stage.clock.advance(10.0)
    assert stage.restarts == [2, 4]


def test_after_a_fault_the_newest_is_written_with_growing_pauses(stage: Stage) -> None:
    stage.put(1)
    stage.answer(NotSent("away"))
    stage.put(2)
    assert stage.restarts == [1]
    stage.clock.advance(0.05)
    assert stage.restarts == [1, 2]
    stage.answer(NotSent("away"))
    stage.clock.advance(0.05)
    assert stage.restarts == [1, 2]
    stage.clock.advance(0.05)
    assert stage.restarts == [1, 2, 2]
    stage.answer()
    stage.clock.advance(100.0)
    assert stage.restarts == [1, 2, 2]


@pytest.mark.parametrize("error", [NotFound(404), Conflict(409), Forbidden(403)])
def test_a_refusal_ends_it_until_there_is_news(stage: Stage, error: KubeError) -> None:
    stage.put(1)
    stage.answer(error)
    stage.clock.advance(100.0)
    assert stage.restarts == [1]
    stage.put(2)
    assert stage.restarts == [1, 2]


def test_a_name_that_belongs_to_another_pod_now_is_no_complaint(stage: Stage) -> None:
    told: list[Any] = []
    observer: Any = told.append
    globalLogPublisher.addObserver(observer)
    immutable = {"causes": [{"field": "metadata.uid", "reason": "FieldValueInvalid"}]}  # a kube-apiserver's words
    errors = (NotFound(404), Conflict(409), Invalid(422, details=immutable), Invalid(422))
    for number, error in enumerate(errors):
        stage.put(number)
        stage.answer(error)
    globalLogPublisher.removeObserver(observer)
    assert stage.restarts == [0, 1, 2, 3]
    assert [event["error"] for event in told] == [errors[3]]


def test_conditions_keep_their_times_from_what_was_written(stage: Stage) -> None:
    stage.put(1)
    stage.answer()
    stage.now = NOW.replace(year=2027)
    stage.put(2)
    times = {c["lastTransitionTime"] for c in stage.api.patches[1]["status"]["conditions"]}
    assert times == {"2026-01-01T00:00:00Z"}


def test_writes_of_many_pods_go_side_by_side_up_to_a_bound(stage: Stage) -> None:
    for number in range(40):
        stage.put(number, stage.add(f"pod-{number}"))
    assert len(stage.api.patches) == 16
    stage.answer()
    assert len(stage.api.patches) == 17


def test_what_is_dropped_is_not_begun(stage: Stage) -> None:
    stage.put(1, delay=1.0)
    stage.writer.drop(stage.pod)
    stage.clock.advance(2.0)
    assert stage.api.patches == []
    stage.put(2)
    stage.put(3)
    stage.writer.drop(stage.pod)
    stage.answer(NotSent("away"))
    stage.clock.advance(100.0)
    assert stage.restarts == [2]


def test_a_stop_leaves_nothing_behind(stage: Stage) -> None:
    stage.put(1)
    stage.answer(NotSent("away"))
    stage.put(2, stage.add("another"))
    stage.writer.stop()
    assert stage.clock.getDelayedCalls() == []
    stage.clock.advance(100.0)
    assert len(stage.api.patches) == 2
