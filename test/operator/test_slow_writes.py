"""Writes that are slow to be answered: what else there is to do, for their service and for others, goes on."""

from collections.abc import Iterator

import pytest

from isoproxy.kube.errors import Forbidden, NamespaceTerminating, UnknownOutcome
from isoproxy.kube.resources import (
    CONFIG_MAPS,
    DEDICATED_SERVICES,
    ISOLATION_PODS,
    NETWORK_POLICIES,
    PODS,
    Json,
    Resource,
)
from isoproxy.operator.apply import PLACES_EACH
from isoproxy.operator.standing import BARE_SECONDS
from test.operator.reconciling import World


class SlowWorld(World):
    """Lets requests hang until they are let go on, or fail."""

    def hold(self, verb: str, resource: Resource, service: str = "s") -> None:
        """Let such requests for a service be without an answer, until they are released."""
        prefix = f"{service}-"
        self.api.faults.holds = lambda what, about, name: (what, about) == (verb, resource) and name.startswith(prefix)

    def release(self, error: Exception | None = None) -> None:
        """Answer what is held, and hold nothing more; with ``error``, the request had no effect."""
        self.api.faults.holds = lambda verb, resource, name: False
        held, self.api.faults.held = self.api.faults.held, []
        for request in held:
            if error is None:
                request.callback(None)
            else:
                request.errback(error)

    @property
    def held(self) -> int:
        return len(self.api.faults.held)

    def scale(self, replicas: int, **spec: int) -> None:
        self.do(self.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"replicas": replicas} | spec}, namespace="n"))

    def use_one(self, instance: str) -> Json:
        """Let a client have one of the proxy's pods."""
        [used, *_] = [one for one in self.assigned(instance) if one["status"]["phase"] == "Idle"]
        self.write_phase(used, "InUse")
        return used


@pytest.fixture
def world() -> Iterator[SlowWorld]:
    made = SlowWorld()
    made.settle(0.2)
    yield made
    made.release()
    for operator in made.operators:
        operator.stopService()
    made.settle(1)
    assert not made.clock.getDelayedCalls()


@pytest.mark.parametrize("resource", [ISOLATION_PODS, PODS])
def test_a_pod_that_is_slow_to_be_made_holds_up_no_assignment(world: SlowWorld, resource: Resource) -> None:
    service = world.service(replicas=2)
    world.settle(2)
    world.hold("create", resource)
    world.scale(4)
    world.settle(1)
    assert world.held == 2
    world.proxy(service, "pod-1")
    world.settle(0.5)
    assert len(world.assigned("pod-1")) == 2


@pytest.mark.parametrize("resource", [ISOLATION_PODS, PODS])
def test_what_is_being_made_is_not_made_twice_and_is_counted_against_the_ceiling(
    world: SlowWorld, resource: Resource
) -> None:
    world.service(replicas=2, maxPods=4)
    world.settle(2)
    world.hold("create", resource)
    world.scale(4)
    world.settle(BARE_SECONDS * 2)
    world.scale(0)
    world.settle(BARE_SECONDS * 2)
    assert world.held == 2
    world.scale(4)
    world.settle(BARE_SECONDS * 2)
    assert world.held == 4, "those that were there have gone"
    world.release()
    for _ in range(200):
        world.settle(0.1)
        assert len(world.all(PODS)) <= 4
    assert len(world.all(PODS)) == len(world.all(ISOLATION_PODS)) == 4


def test_a_pod_that_takes_long_to_be_made_is_kept(world: SlowWorld) -> None:
    """As behind a webhook that needs its time: given up each time, none would ever be made."""
    world.service(replicas=0)
    world.settle(2)
    world.hold("create", PODS)
    world.scale(1)
    world.settle(BARE_SECONDS * 2)
    [record] = world.all(ISOLATION_PODS)
    world.release()
    world.settle(2)
    [pod] = world.all(PODS)
    assert pod["metadata"]["name"] == record["metadata"]["name"]


def test_while_pods_are_being_made_the_service_says_so(world: SlowWorld) -> None:
    world.service(replicas=1)
    world.hold("create", ISOLATION_PODS)
    world.settle(5)
    assert world.condition("Progressing")["reason"] == "PoolFilling"


def test_one_that_fails_late_is_made_again(world: SlowWorld) -> None:
    world.service(replicas=0)
    world.settle(2)
    world.hold("create", ISOLATION_PODS)
    world.scale(1)
    world.settle(20)
    world.release(UnknownOutcome("no reply"))
    world.settle(200, step=0.5)
    assert len(world.all(PODS)) == 1


def test_one_service_whose_pods_are_slow_to_be_made_holds_up_nobody_else(world: SlowWorld) -> None:
    names = [f"slow-{letter}" for letter in "abcdef"]
    world.hold("create", PODS, "slow")
    for name in names:
        world.service(name, replicas=20)
    world.settle(2)
    assert world.held > PLACES_EACH
    quick = world.service("quick", replicas=3)
    world.proxy(quick, "pod-1")
    world.settle(2)
    assert len(world.assigned("pod-1")) == 3


def test_a_child_that_is_slow_to_be_applied_holds_up_no_assignment_and_is_applied_once(world: SlowWorld) -> None:
    service = world.service(replicas=2)
    world.settle(2)
    world.hold("patch", CONFIG_MAPS)
    world.do(world.hand.patch(DEDICATED_SERVICES, "s", {"spec": {"queue": {"maxLength": 7}}}, namespace="n"))
    world.settle(5)
    world.proxy(service, "pod-1")
    world.settle(1)
    assert len(world.assigned("pod-1")) == 2
    assert world.held == 1
    world.release()
    world.settle(1)
    [settings] = world.all(CONFIG_MAPS)
    assert "7" in str(settings["data"])


def test_a_wall_that_is_slow_to_be_refused_is_told(world: SlowWorld) -> None:
    world.hold("patch", NETWORK_POLICIES)
    world.service()
    world.settle(3)
    world.release(Forbidden(403, message="no such thing here"))
    world.settle(1)
    assert world.condition("Degraded")["reason"] == "ChildRefused"
    world.settle(10)
    assert len(world.all(PODS)) == 3


def test_the_wall_of_a_service_that_is_deleted_stands_until_its_last_pod_has_come_and_gone(world: SlowWorld) -> None:
    world.service(replicas=0)
    world.settle(2)
    world.hold("create", PODS)
    world.scale(1)
    world.settle(2)
    world.do(world.hand.delete(DEDICATED_SERVICES, "s", namespace="n"))
    world.settle(30)
    assert len(world.all(NETWORK_POLICIES)) == 1
    world.release()
    world.settle(30)
    assert world.all(PODS) == world.all(NETWORK_POLICIES) == []


def test_a_late_word_that_the_namespace_goes_counts_for_nothing_beside_what_was_taken(world: SlowWorld) -> None:
    service = world.service(replicas=1)
    world.settle(2)
    world.proxy(service, "pod-1")
    world.settle(2)
    used = world.use_one("pod-1")
    world.hold("create", PODS)
    world.scale(5)
    world.settle(2)
    refused, *taken = world.api.faults.held
    assert taken
    world.api.faults.held = taken
    refused.errback(NamespaceTerminating(403, message="the namespace is being terminated"))
    world.settle(2)
    world.release()
    world.settle(2)
    assert used["metadata"]["name"] in {record["metadata"]["name"] for record in world.all(ISOLATION_PODS)}


def test_a_stop_waits_for_what_is_being_made_and_begins_nothing_more(world: SlowWorld) -> None:
    world.hold("create", PODS)
    world.service(replicas=20)
    world.settle(2)
    held = world.held
    stopped = world.operators.pop().stopService()
    world.settle(2)
    assert not stopped.called
    world.release()
    world.settle(1)
    assert stopped.called
    assert len(world.all(PODS)) == held
