"""Two operators of which one acts: over the embedded API server's core, on a clock of the test's own."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure

from isoproxy.kube.errors import NotSent
from isoproxy.kube.resources import DEDICATED_SERVICES, LEASES, NAMESPACES, PODS, Json
from isoproxy.model.leaderlease import LEASE_NAME, LEASE_SECONDS
from isoproxy.observe.metrics import Metrics
from isoproxy.operator.led import LAST_WRITES_SECONDS, LedOperator
from isoproxy.operator.reconciler import Reconciler
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi, at_once, make_core

ELSEWHERE = 4.2
"""How long another operator may take to see that the Lease is free, and to act."""


class Replica:
    """One of the operators, and the way it reaches the API server."""

    def __init__(self, world: "World", name: str) -> None:
        self.api = MemoryApi(world.core, world.clock)
        self.metrics = Metrics()
        time = TimeSource.simulated(world.clock)
        self.operator = LedOperator(
            api=self.api,
            time=time,
            namespace="ops",
            identity=name,
            make=lambda api: Reconciler(time=time, api=api, random=random.Random(name), metrics=self.metrics),
            jitter=random.Random(name).random,
        )
        self.operator.startService()

    def writes(self) -> list[tuple[str, str, str]]:
        """What it wrote, but for the Lease that it leads by."""
        return [one for one in self.api.requests if one[0] not in ("get", "list") and one[2] != LEASE_NAME]

    def counts_pods(self) -> bool:
        return any(metric.name == "isoproxy_pods" and metric.samples for metric in self.metrics.registry.collect())

    def stall(self) -> None:
        """Let no write be answered, but for those that it leads by."""
        self.api.faults.holds = lambda verb, resource, name: verb in ("create", "patch") and name != LEASE_NAME

    def cut_off(self) -> None:
        self.api.faults.down = NotSent("no route")

    def reconnect(self) -> None:
        self.api.faults.holds = lambda verb, resource, name: False
        for write in self.api.faults.held:
            if not write.called:
                write.errback(NotSent("no route"))
        self.api.faults.down = None


class World:
    """One API server, and two operators: ``a``, who leads, and ``b``."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.core = make_core(self.clock)
        self.hand = MemoryApi(self.core, self.clock)
        for namespace in ("ops", "n"):
            self.do(self.hand.create(NAMESPACES, {"metadata": {"name": namespace}}))
        self.a = Replica(self, "a")
        self.settle(0.2)
        self.b = Replica(self, "b")
        self.settle(5)

    do = staticmethod(at_once)

    def settle(self, seconds: float, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.clock.advance(step)

    def service(self, name: str) -> None:
        manifest = {
            "apiVersion": DEDICATED_SERVICES.api_version,
            "kind": DEDICATED_SERVICES.kind,
            "metadata": {"name": name},
            "spec": {"image": "i", "replicas": 2},
        }
        self.do(self.hand.create(DEDICATED_SERVICES, manifest, namespace="n"))

    def pods_of(self, service: str) -> list[Json]:
        pods = self.do(self.hand.list(PODS)).items
        return [pod for pod in pods if pod["metadata"]["labels"]["soh.re/service"] == service]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    for replica in (made.a, made.b):
        replica.reconnect()
        replica.operator.stopService()
        made.settle(1)
    assert not made.clock.getDelayedCalls()


def test_one_acts_and_the_other_is_ready_and_only_watches(world: World) -> None:
    world.service("s")
    world.settle(15)
    assert len(world.pods_of("s")) == 2
    assert world.a.counts_pods()
    assert world.b.operator.synced
    assert world.b.writes() == []
    assert not world.b.counts_pods()


def test_the_other_takes_over_at_once_where_the_first_stops(world: World) -> None:
    world.a.operator.stopService()
    world.service("s")
    world.settle(ELSEWHERE)
    assert len(world.pods_of("s")) == 2
    lists = [one for one in world.b.api.requests if one[0] == "list"]
    assert len(lists) == len({resource for _, resource, _ in lists})  # once each: it was watching before


def test_a_stop_leaves_the_lease_after_the_last_write(world: World) -> None:
    world.service("s")
    world.settle(1)
    world.a.operator.stopService()
    world.settle(1)
    assert world.a.api.requests[-1] == ("patch", "leases", LEASE_NAME)
    assert world.do(world.hand.get(LEASES, LEASE_NAME, namespace="ops"))["spec"]["holderIdentity"] != "a"


@pytest.fixture
def failures() -> Iterator[list[Failure]]:
    """What is logged as nobody expected it."""
    found: list[Failure] = []

    def note(event: Any) -> None:
        if "log_failure" in event:
            found.append(event["log_failure"])

    observer: Any = note
    globalLogPublisher.addObserver(observer)
    yield found
    globalLogPublisher.removeObserver(observer)


def test_a_stop_does_not_wait_long_for_a_slow_server(world: World, failures: list[Failure]) -> None:
    world.a.stall()
    world.service("s")
    world.settle(1)
    writes = [*world.a.api.faults.held]
    assert writes
    stopped = world.a.operator.stopService()
    world.settle(LAST_WRITES_SECONDS - 1)
    assert not stopped.called
    world.settle(1 + ELSEWHERE)
    assert stopped.called
    assert world.a.api.faults.held == writes, "more was begun"
    assert all(write.called for write in writes), "a write goes on after others may lead"
    assert failures == []
    assert len(world.pods_of("s")) == 2, "the other did not take over"


def test_one_that_is_cut_off_stands_by_before_the_other_acts_and_stays_so(world: World) -> None:
    world.a.cut_off()
    world.settle(LEASE_SECONDS - 3)
    assert not world.a.counts_pods()
    assert world.b.writes() == []
    world.service("s")
    world.settle(3 + ELSEWHERE)
    assert len(world.pods_of("s")) == 2
    world.a.reconnect()
    world.a.api.requests.clear()
    world.service("t")
    world.settle(20)
    assert len(world.pods_of("t")) == 2
    assert world.a.writes() == []


def test_one_that_leads_again_acts_again(world: World) -> None:
    world.b.operator.stopService()
    world.service("s")
    world.settle(5)
    world.a.cut_off()
    world.settle(30)
    world.a.reconnect()
    world.service("t")
    world.settle(40)
    assert len(world.pods_of("s")) == len(world.pods_of("t")) == 2
    assert world.a.counts_pods()
