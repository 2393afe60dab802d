"""The Node and its Lease in the API server, told as flat scripts on a clock."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import DeferredSemaphore
from twisted.internet.task import Clock

from isoproxy.kube.errors import Forbidden, NotSent
from isoproxy.kube.resources import LEASES, NODES, Json, Resource
from isoproxy.local.runtime.launch import Node
from isoproxy.local.runtime.registration import LEASE_NAMESPACE, Registration
from isoproxy.local.runtime.writer import StatusWriter
from test.hand import Hand
from test.local.runtime.fakeruntime import FakeRuntime
from test.memoryapi import MemoryApi, make_core


class Stage:
    """A node on a clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        core = make_core(self.clock)
        self.user = Hand(core, self.clock)
        self.api = MemoryApi(core, self.clock)
        self.registered = 0
        writer = StatusWriter(self.api, self.clock, now=self.now, jitter=lambda: 0.5)
        gate = DeferredSemaphore(1)
        self.node = Node("here", self.api, FakeRuntime(), self.clock, writer, gate, self.now, lambda: 0.5)
        self.registration = self.another()

    def another(self) -> Registration:
        return Registration(self.node, max_pods=7, on_registered=self.count)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.seconds(), UTC)

    def count(self) -> None:
        self.registered += 1

    def start(self) -> None:
        self.registration.start()
        self.pass_time(0.0)

    def pass_time(self, seconds: float) -> None:
        """Let it pass in small steps, as it does."""
        self.clock.pump([0.0] * 4 + [0.5] * int(seconds * 2) + [0.0] * 4)

    def calls(self) -> list[tuple[str, str]]:
        """What was written since the last time that we looked, as verb and plural."""
        requests, self.api.requests = self.api.requests, []
        return [(verb, plural) for verb, plural, _ in requests if verb not in ("get", "list")]

    @property
    def ready(self) -> Any:
        (condition,) = self.status["conditions"]
        return condition

    @property
    def status(self) -> Any:
        return self.user.get(NODES, "here")["status"]

    def write_status(self, **status: Any) -> None:
        """Change the Node's status in its place."""
        self.user.patch(NODES, "here", {"status": status}, subresource="status")

    @property
    def lease(self) -> Json:
        return self.user.get(LEASES, "here", LEASE_NAMESPACE)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.registration.stop()
    assert stage.clock.getDelayedCalls() == []


def test_a_new_node_gets_its_status_and_a_lease_that_it_owns(stage: Stage) -> None:
    stage.start()
    assert (stage.ready["type"], stage.ready["status"]) == ("Ready", "True")
    assert stage.status["allocatable"]["pods"] == "7"
    uid = stage.user.get(NODES, "here")["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": "here", "uid": uid}
    assert stage.lease["metadata"]["ownerReferences"] == [owner]
    assert (stage.lease["spec"]["holderIdentity"], stage.lease["spec"]["leaseDurationSeconds"]) == ("here", 40)
    assert stage.registered == 1


def test_a_minute_costs_one_small_write_each_ten_seconds(stage: Stage) -> None:
    stage.start()
    stage.calls()
    stage.pass_time(60.0)
    assert stage.calls() == [("patch", "leases")] * 6
    assert stage.lease["spec"]["renewTime"] == "1970-01-01T00:01:00.000000Z"
    assert stage.registered == 1


def test_a_node_from_an_earlier_start_is_taken_over(stage: Stage) -> None:
    stage.start()
    stage.registration.stop()
    stage.write_status(conditions=None)
    stage.calls()
    again = stage.another()
    again.start()
    stage.pass_time(0.0)
    assert stage.calls() == [("patch", "nodes"), ("patch", "leases")]
    assert stage.ready["status"] == "True"
    again.stop()


def test_a_node_that_was_deleted_comes_back_with_its_lease(stage: Stage) -> None:
    stage.start()
    stage.user.delete(NODES, "here")
    assert not stage.user.has(LEASES, "here", LEASE_NAMESPACE), "it is the Node's"
    stage.pass_time(10.0)
    assert stage.ready["status"] == "True"
    assert stage.lease["spec"]["holderIdentity"] == "here"


def test_it_is_registered_at_last_when_the_api_server_comes_late(stage: Stage) -> None:
    stage.api.faults.down = NotSent("away")
    stage.start()
    stage.pass_time(60.0)
    assert stage.registered == 0
    stage.api.come_back()
    stage.pass_time(7.0)
    assert stage.registered == 1


def test_a_node_that_may_keep_no_lease_is_not_registered(stage: Stage) -> None:
    def refuse(verb: str, resource: Resource, name: str) -> None:
        if resource is LEASES:
            raise Forbidden(403)

    stage.api.before = refuse
    stage.start()
    stage.pass_time(60.0)
    assert stage.registered == 0


def test_after_an_outage_that_killed_it_in_others_eyes_it_says_that_it_lives(stage: Stage) -> None:
    stage.start()
    stage.api.faults.down = NotSent("away")
    stage.pass_time(60.0)
    stage.write_status(conditions=[{"type": "Ready", "status": "Unknown"}])
    stage.api.come_back()
    stage.pass_time(7.0)
    assert stage.ready["status"] == "True"
    assert stage.ready["lastTransitionTime"] >= "1970-01-01T00:01:00Z"


def test_a_request_that_hangs_is_given_up_in_time_for_the_next(stage: Stage) -> None:
    stage.start()
    stage.api.faults.holds = lambda verb, resource, name: verb == "patch"
    stage.pass_time(15.0)
    stage.api.faults.holds = lambda verb, resource, name: False
    stage.pass_time(6.0)
    assert stage.lease["spec"]["renewTime"] >= "1970-01-01T00:00:20"


def test_one_that_was_stopped_writes_no_more(stage: Stage) -> None:
    stage.start()
    stage.registration.stop()
    stage.calls()
    stage.pass_time(60.0)
    assert stage.calls() == []
