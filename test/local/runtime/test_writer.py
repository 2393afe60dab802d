"""Status writes: the newest state, once, at last."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from isoproxy.kube.api import Patch, PatchKind
from isoproxy.kube.errors import Conflict, Forbidden, Invalid, KubeError, NotFound, NotSent
from isoproxy.kube.resources import Json, Resource
from isoproxy.local.runtime.facts import PodId
from isoproxy.local.runtime.status import PodState
from isoproxy.local.runtime.writer import StatusWriter
from test.local.runtime.fakeapi import FakeApi

POD = PodId("default", "pod", "uid")
STATE = PodState(container="main")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class SlowApi(FakeApi):
    """Takes down each patch, and answers it when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.patches: list[Json] = []
        self.replies: list[Deferred[Json]] = []

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Patch,
        *,
        namespace: str | None = None,
        subresource: str = "",
        kind: PatchKind = PatchKind.MERGE,
        strict: bool = False,
    ) -> Json:
        assert isinstance(patch, dict)
        self.patches.append(patch)
        self.replies.append(Deferred())
        return await self.replies[-1]

    @property
    def restarts(self) -> list[int]:
        """What was written, as told apart by the restart count."""
        return [patch["status"]["containerStatuses"][0]["restartCount"] for patch in self.patches]

    def answer(self, result: Any = None) -> None:
        if isinstance(result, KubeError):
            self.replies.pop(0).errback(result)
        else:
            self.replies.pop(0).callback({})


class Stage:
    def __init__(self) -> None:
        self.clock = Clock()
        self.api = SlowApi()
        self.now = NOW
        self.writer = StatusWriter(self.api, self.clock, now=lambda: self.now, jitter=lambda: 0.5)

    def put(self, restarts: int, pod: PodId = POD, delay: float = 0.0) -> None:
        self.writer.put(pod, replace(STATE, restarts=restarts), delay=delay)
        self.clock.advance(0.0)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.writer.stop()


def test_a_write_is_guarded_by_the_uid(stage: Stage) -> None:
    stage.put(1)
    assert stage.api.patches[0]["metadata"] == {"uid": "uid"}


def test_while_one_is_written_only_the_newest_waits(stage: Stage) -> None:
    for restarts in (1, 2, 3):
        stage.put(restarts)
    assert stage.api.restarts == [1]
    stage.api.answer()
    assert stage.api.restarts == [1, 3]
    stage.api.answer()
    stage.clock.advance(100.0)
    assert stage.api.restarts == [1, 3]


def test_what_can_wait_does_and_goes_with_what_cannot(stage: Stage) -> None:
    stage.put(1, delay=1.0)
    stage.put(2, delay=5.0)
    assert stage.api.restarts == []
    stage.clock.advance(1.0)
    assert stage.api.restarts == [2]
    stage.api.answer()
    stage.put(3, delay=1.0)
    stage.put(4)
    assert stage.api.restarts == [2, 4]
    stage.api.answer()
    stage.clock.advance(10.0)
    assert stage.api.restarts == [2, 4]


def test_after_a_fault_the_newest_is_written_with_growing_pauses(stage: Stage) -> None:
    stage.put(1)
    stage.api.answer(NotSent("away"))
    stage.put(2)
    assert stage.api.restarts == [1]
    stage.clock.advance(0.05)
    assert stage.api.restarts == [1, 2]
    stage.api.answer(NotSent("away"))
    stage.clock.advance(0.05)
    assert stage.api.restarts == [1, 2]
    stage.clock.advance(0.05)
    assert stage.api.restarts == [1, 2, 2]
    stage.api.answer()
    stage.clock.advance(100.0)
    assert stage.api.restarts == [1, 2, 2]


@pytest.mark.parametrize("error", [NotFound(404), Conflict(409), Forbidden(403)])
def test_a_refusal_ends_it_until_there_is_news(stage: Stage, error: KubeError) -> None:
    stage.put(1)
    stage.api.answer(error)
    stage.clock.advance(100.0)
    assert stage.api.restarts == [1]
    stage.put(2)
    assert stage.api.restarts == [1, 2]


def test_a_name_that_belongs_to_another_pod_now_is_no_complaint(stage: Stage) -> None:
    told: list[Any] = []
    observer: Any = told.append
    globalLogPublisher.addObserver(observer)
    immutable = {"causes": [{"field": "metadata.uid", "reason": "FieldValueInvalid"}]}  # a kube-apiserver's words
    errors = (NotFound(404), Conflict(409), Invalid(422, details=immutable), Invalid(422))
    for number, error in enumerate(errors):
        stage.put(number)
        stage.api.answer(error)
    globalLogPublisher.removeObserver(observer)
    assert stage.api.restarts == [0, 1, 2, 3]
    assert [event["error"] for event in told] == [errors[3]]


def test_conditions_keep_their_times_from_what_was_written(stage: Stage) -> None:
    stage.put(1)
    stage.api.answer()
    stage.now = NOW.replace(year=2027)
    stage.put(2)
    times = {c["lastTransitionTime"] for c in stage.api.patches[1]["status"]["conditions"]}
    assert times == {"2026-01-01T00:00:00Z"}


def test_writes_of_many_pods_go_side_by_side_up_to_a_bound(stage: Stage) -> None:
    for number in range(40):
        stage.put(number, PodId("default", f"pod-{number}", f"uid-{number}"))
    assert len(stage.api.patches) == 16
    stage.api.answer()
    assert len(stage.api.patches) == 17


def test_what_is_dropped_is_not_begun(stage: Stage) -> None:
    stage.put(1, delay=1.0)
    stage.writer.drop(POD)
    stage.clock.advance(2.0)
    assert stage.api.patches == []
    stage.put(2)
    stage.put(3)
    stage.writer.drop(POD)
    stage.api.answer(NotSent("away"))
    stage.clock.advance(100.0)
    assert stage.api.restarts == [2]


def test_a_stop_leaves_nothing_behind(stage: Stage) -> None:
    stage.put(1)
    stage.api.answer(NotSent("away"))
    stage.put(2, PodId("default", "another", "uid-2"))
    stage.writer.stop()
    assert stage.clock.getDelayedCalls() == []
    stage.clock.advance(100.0)
    assert len(stage.api.patches) == 2
