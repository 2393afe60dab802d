"""An operator of some namespaces, and what becomes of the others where one of them can no longer be watched."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock

from isoproxy.kube.api import ListResult
from isoproxy.kube.errors import ApiError, Forbidden, NotFound, ServerError, Unauthorized
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, LEASES, NAMESPACES, PODS, Json, Resource
from isoproxy.model.proxylease import lease_manifest
from isoproxy.observe.metrics import Metrics
from isoproxy.operator.reconciler import Reconciler
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi, at_once, make_core

FORBIDDEN = Forbidden(403, message="no RoleBinding")


class Bound(MemoryApi):
    """A client whose lists of some namespaces fail, by namespace, or by namespace and kind."""

    def __init__(self, *more: Any) -> None:
        super().__init__(*more)
        self.errors: dict[str | tuple[str | None, Resource] | None, ApiError] = {}

    async def list(self, resource: Resource, *, namespace: str | None = None, **more: Any) -> ListResult:
        error = self.errors.get(namespace) or self.errors.get((namespace, resource))
        if error is not None:
            raise error
        return await super().list(resource, namespace=namespace, **more)


class World:
    """Two namespaces with a service each, and an operator of both that has not been started yet."""

    def __init__(self) -> None:
        self.clock = Clock()
        core = make_core(self.clock)
        self.hand = MemoryApi(core, self.clock)
        self.api = Bound(core, self.clock)
        self.metrics = Metrics()
        self.operators: list[Reconciler] = []
        for namespace in ("a", "b"):
            at_once(self.hand.create(NAMESPACES, {"metadata": {"name": namespace}}))
            self.service(namespace)

    def service(self, namespace: str) -> None:
        manifest = {
            "apiVersion": DEDICATED_SERVICES.api_version,
            "kind": DEDICATED_SERVICES.kind,
            "metadata": {"name": "s"},
            "spec": {"image": "i", "replicas": 2},
        }
        at_once(self.hand.create(DEDICATED_SERVICES, manifest, namespace=namespace))

    def start(self, *namespaces: str) -> Reconciler:
        operator = Reconciler(
            time=TimeSource.simulated(self.clock),
            api=self.api,
            random=random.Random(1),
            metrics=self.metrics,
            namespaces=namespaces,
            grace_seconds=60.0,
        )
        operator.startService()
        self.operators.append(operator)
        return operator

    def settle(self, seconds: float = 10.0, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)

    def all(self, resource: Resource, namespace: str) -> list[Json]:
        return list(at_once(self.hand.list(resource, namespace=namespace)).items)

    def pods(self) -> dict[str, int]:
        """How many pods there are in each namespace."""
        return {namespace: len(self.all(PODS, namespace)) for namespace in ("a", "b")}

    @property
    def unwatched(self) -> float | None:
        return self.metrics.registry.get_sample_value("isoproxy_namespaces_unwatched")


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    for operator in made.operators:
        operator.stopService()
    made.clock.advance(0)
    assert not made.clock.getDelayedCalls()


@pytest.mark.parametrize("error", [Unauthorized(401), FORBIDDEN, NotFound(404)], ids=lambda error: str(error.status))
def test_a_namespace_that_may_not_be_watched_holds_up_no_other(world: World, error: ApiError) -> None:
    world.api.errors["b"] = error
    operator = world.start("a", "b")
    world.settle()
    assert operator.synced
    assert world.pods() == {"a": 2, "b": 0}
    assert world.unwatched == 1


def test_a_namespace_of_which_one_kind_is_refused_is_left_as_it_is(world: World) -> None:
    before = world.all(DEDICATED_SERVICES, "b")
    world.api.errors["b", LEASES] = FORBIDDEN
    operator = world.start("a", "b")
    world.settle()
    assert operator.synced
    assert world.pods() == {"a": 2, "b": 0}
    assert world.all(DEDICATED_SERVICES, "b") == before


def test_a_namespace_is_looked_after_as_soon_as_it_may_be_watched_again(world: World) -> None:
    world.api.errors["b"] = FORBIDDEN
    world.start("a", "b")
    world.settle()
    del world.api.errors["b"]
    world.settle(40)
    assert world.pods() == {"a": 2, "b": 2}
    assert world.unwatched == 0


def test_a_namespace_of_which_nothing_was_heard_is_waited_for_before_the_operator_is_ready(world: World) -> None:
    world.api.errors["b"] = ServerError(500)
    operator = world.start("a", "b")
    world.settle()
    assert not operator.synced
    assert world.pods() == {"a": 2, "b": 0}, "the others are looked after meanwhile"
    assert world.unwatched == 0, "it may be known any moment"
    world.api.errors["b"] = FORBIDDEN
    world.settle(40)
    assert operator.synced
    world.api.errors["b"] = ServerError(500)
    world.settle(40)
    assert operator.synced, "what was refused last is not granted by a failure"


def test_an_operator_that_may_watch_nothing_is_not_ready(world: World) -> None:
    world.api.errors |= {"a": FORBIDDEN, "b": FORBIDDEN}
    operator = world.start("a", "b")
    world.settle()
    assert not operator.synced
    assert world.unwatched == 2


def test_an_operator_of_the_whole_cluster_is_not_ready_before_it_knows_all_of_it(world: World) -> None:
    world.api.errors[None, LEASES] = FORBIDDEN
    operator = world.start()
    world.settle()
    assert not operator.synced
    assert world.pods() == {"a": 0, "b": 0}
    assert world.unwatched == 1
    world.api.errors.clear()
    world.settle(40)
    assert operator.synced
    assert world.pods() == {"a": 2, "b": 2}


def test_nothing_is_ended_where_not_all_is_known(world: World) -> None:
    """What a service had is there, its records are not shown, nor is the service: no proof that any of it is gone."""
    world.start("a", "b")
    world.settle()
    lease = lease_manifest(service_name="s", service_uid="x", instance="a-1", annotations={"soh.re/grace-seconds": "0"})
    del lease["metadata"]["ownerReferences"]  # by which the API server would delete it
    at_once(world.hand.create(LEASES, lease, namespace="b"))
    world.operators.pop().stopService()
    before = {kind: world.all(kind, "b") for kind in (PODS, ISOLATION_PODS, LEASES)}
    assert {kind: len(objects) for kind, objects in before.items()} == {PODS: 2, ISOLATION_PODS: 2, LEASES: 1}
    world.api.errors |= {("b", DEDICATED_SERVICES): FORBIDDEN, ("b", ISOLATION_PODS): FORBIDDEN}
    world.start("a", "b")
    world.settle(600, 1.0)
    assert {kind: world.all(kind, "b") for kind in (PODS, ISOLATION_PODS, LEASES)} == before
