"""What is said of a service's status, and how often."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure

from isoproxy.kube.errors import ApiError, Forbidden, Invalid, KubeError, UnknownOutcome
from isoproxy.kube.resources import DEDICATED_SERVICES, NAMESPACES, Resource
from isoproxy.model.dedicatedservice import DedicatedService, DedicatedServiceStatus, parse_service
from isoproxy.model.pod import Condition
from isoproxy.operator.backoff import MOST_BACKOFF
from isoproxy.operator.publisher import SECONDS_BETWEEN, WRITES_AT_ONCE, Publisher
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi, make_core
from test.operator.reconciling import World

THEN = datetime(2026, 1, 1, tzinfo=UTC)


def condition(kind: str, status: str, reason: str, message: str = "") -> Condition:
    return Condition(type=kind, status=status, reason=reason, message=message, last_transition_time=THEN)


def conditions(*, progressing: str = "False", degraded: str = "") -> tuple[Condition, ...]:
    return (
        condition("Ready", "True", "PoolReady", "connections find a pod"),
        condition("Progressing", progressing, "PoolFilling"),
        condition("Degraded", str(bool(degraded)), "PodsFailing" if degraded else "AsWanted", degraded),
    )


class Scene:
    """A service in an API server of the test's own, and its publisher."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.api = MemoryApi(make_core(self.clock), self.clock)
        self.publisher = Publisher(api=self.api, time=TimeSource.simulated(self.clock), jitter=lambda: 0.99)
        self.do(self.api.create(NAMESPACES, {"metadata": {"name": "n"}}))
        manifest = {
            "apiVersion": DEDICATED_SERVICES.api_version,
            "kind": DEDICATED_SERVICES.kind,
            "metadata": {"name": "s"},
            "spec": {"image": "i"},
        }
        self.do(self.api.create(DEDICATED_SERVICES, manifest, namespace="n"))

    def do(self, coroutine: Any) -> Any:
        results: list[Any] = []
        Deferred.fromCoroutine(coroutine).addBoth(results.append)
        self.clock.pump([0.01] * 10)
        (result,) = results
        if isinstance(result, Failure):
            result.raiseException()
        return result

    def service(self) -> DedicatedService:
        found = parse_service(self.do(self.api.get(DEDICATED_SERVICES, "s", namespace="n")))
        assert isinstance(found, DedicatedService)
        return found

    def refuse(self, error: KubeError | None) -> None:
        """Let the API server refuse every status like this, or none any more."""

        def before(verb: str, resource: Resource, name: str) -> None:
            if verb == "patch" and error is not None:
                raise error

        self.api.before = before

    def publish(self, **status: Any) -> float:
        wanted = DedicatedServiceStatus(**status)
        wait: float = self.do(self.publisher.publish(self.service(), wanted))
        self.clock.advance(SECONDS_BETWEEN)
        return wait


@pytest.fixture
def told() -> Iterator[list[str]]:
    lines: list[str] = []

    def note(event: Any) -> None:
        if event["log_namespace"] == "isoproxy.operator.publisher":
            lines.append(formatEvent(event))

    observer: Any = note
    globalLogPublisher.addObserver(observer)
    yield lines
    globalLogPublisher.removeObserver(observer)


def test_a_change_that_a_person_wants_to_know_of_is_told_once(told: list[str]) -> None:
    scene = Scene()
    scene.publish(conditions=conditions())
    scene.publish(conditions=conditions(progressing="True"), total_targets=2)
    scene.publish(conditions=conditions(progressing="False"), total_targets=3)
    scene.publish(conditions=conditions(degraded="pods do not start"))
    scene.publish(conditions=conditions(degraded="pods do not start"), queued=1)
    scene.publish(conditions=conditions())
    assert told == [
        "n/s: Ready=True PoolReady: connections find a pod",
        "n/s: Ready=True PodsFailing: pods do not start",
        "n/s: Ready=True PoolReady: connections find a pod",
    ]
    assert scene.service().status.total_targets == 0


def test_what_is_shown_already_is_not_written_again() -> None:
    scene = Scene()
    scene.publish(conditions=conditions(), total_targets=2)
    version = scene.service().metadata.resource_version
    scene.publish(conditions=conditions(), total_targets=2)
    assert scene.service().metadata.resource_version == version


@pytest.mark.parametrize(
    "error", [Invalid(422, message="too long"), Forbidden(403), ApiError(500), UnknownOutcome("no reply")]
)
def test_a_status_that_is_refused_is_told_and_raises_nothing(told: list[str], error: KubeError) -> None:
    scene = Scene()
    scene.refuse(error)
    assert SECONDS_BETWEEN <= scene.publish(conditions=conditions()) < math.inf
    assert told == [f"n/s: its status was not written: {error}; trying again in 1.0 s"]


def test_one_that_goes_on_being_refused_is_tried_ever_more_rarely_whatever_it_says(told: list[str]) -> None:
    scene = Scene()
    scene.refuse(Forbidden(403))
    waits = []
    for second in range(300):
        waits.append(scene.publish(conditions=conditions(), queued=second))
    tries = sum("patch" in request for request in scene.api.requests)
    assert tries == len(told)
    assert 300 / MOST_BACKOFF <= tries <= 300 / MOST_BACKOFF + 6
    assert all(0 < wait <= MOST_BACKOFF for wait in waits)


def test_one_that_was_refused_is_written_when_it_is_taken_again_and_the_next_one_soon(told: list[str]) -> None:
    scene = Scene()
    scene.refuse(Forbidden(403))
    for second in range(60):
        scene.publish(conditions=conditions(), queued=second)
    scene.refuse(None)
    scene.clock.advance(scene.publish(conditions=conditions(), queued=1))
    assert scene.publish(conditions=conditions(), queued=2) == math.inf
    assert scene.publish(conditions=conditions(), queued=3) == math.inf
    assert scene.service().status.queued == 3
    assert told[-1] == "n/s: Ready=True PoolReady: connections find a pod"


def test_while_statuses_are_refused_pods_are_assigned_as_ever(world: World) -> None:
    def before(verb: str, resource: Resource, name: str) -> None:
        if verb == "patch" and resource is DEDICATED_SERVICES:
            raise Forbidden(403)

    world.api.before = before
    service = world.service(replicas=1)
    for demand in range(20):
        world.proxy(service, "p-1", held="0", queued="1", t=str(demand))
        world.settle(1)
        idle = [record for record in world.assigned("p-1") if record["status"]["phase"] == "Idle"]
        assert idle
        for record in idle:
            world.write_phase(record, "InUse")


def test_slow_writes_take_few_places_and_hold_up_nobody_else() -> None:
    scene = Scene()
    scene.api.faults.holds = lambda verb, resource, name: verb == "patch"
    service, wanted = scene.service(), DedicatedServiceStatus(conditions=conditions())
    waits: list[float] = []
    for number in range(WRITES_AT_ONCE + 3):
        other = replace(service, metadata=replace(service.metadata, uid=f"u{number}"))
        Deferred.fromCoroutine(scene.publisher.publish(other, wanted)).addCallback(waits.append)
    assert len(scene.api.faults.held) == WRITES_AT_ONCE
    assert waits == [SECONDS_BETWEEN] * 3
    for held in scene.api.faults.held:
        held.errback(UnknownOutcome("no answer"))
    scene.api.faults.holds = lambda verb, resource, name: False
    assert scene.publish(conditions=conditions()) == math.inf
