"""The Node and its Lease in the API server, told as flat scripts on a clock."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.task import Clock

from isoproxy.kube.api import Patch, PatchKind
from isoproxy.kube.errors import Forbidden, NotSent
from isoproxy.kube.resources import LEASES, Json, Resource
from isoproxy.local.runtime.launch import Node
from isoproxy.local.runtime.registration import Registration
from isoproxy.local.runtime.writer import StatusWriter
from test.local.runtime.fakeapi import FakeApi
from test.local.runtime.fakeruntime import FakeRuntime


class HangingApi(FakeApi):
    """Answers no patch while `hangs`."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = False

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
        if self.hangs:
            await Deferred[None]()
        return await super().patch(
            resource, name, patch, namespace=namespace, subresource=subresource, kind=kind, strict=strict
        )


class Stage:
    """A node on a clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.api = HangingApi()
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
        calls, self.api.calls = self.api.calls, []
        return [(verb, path.rpartition("/")[2]) for verb, path, _ in calls]

    @property
    def ready(self) -> Any:
        (condition,) = self.api.objects["nodes", "here"]["status"]["conditions"]
        return condition

    @property
    def lease(self) -> Json:
        return self.api.objects["leases", "here"]


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.registration.stop()
    assert stage.clock.getDelayedCalls() == []


def test_a_new_node_gets_its_status_and_a_lease_that_it_owns(stage: Stage) -> None:
    stage.start()
    assert (stage.ready["type"], stage.ready["status"]) == ("Ready", "True")
    assert stage.api.objects["nodes", "here"]["status"]["allocatable"]["pods"] == "7"
    owner = {"apiVersion": "v1", "kind": "Node", "name": "here", "uid": "uid-of-here"}
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
    stage.api.objects["nodes", "here"]["status"] = {}
    stage.calls()
    again = stage.another()
    again.start()
    stage.pass_time(0.0)
    assert stage.calls() == [("patch", "nodes"), ("patch", "leases")]
    assert stage.ready["status"] == "True"
    again.stop()


def test_a_node_that_was_deleted_comes_back_with_its_lease(stage: Stage) -> None:
    stage.start()
    del stage.api.objects["nodes", "here"], stage.api.objects["leases", "here"]
    stage.pass_time(10.0)
    assert stage.ready["status"] == "True"
    assert stage.lease["spec"]["holderIdentity"] == "here"


def test_it_is_registered_at_last_when_the_api_server_comes_late(stage: Stage) -> None:
    stage.api.fail = lambda verb, plural: NotSent("away")
    stage.start()
    stage.pass_time(60.0)
    assert stage.registered == 0
    stage.api.fail = lambda verb, plural: None
    stage.pass_time(7.0)
    assert stage.registered == 1


def test_a_node_that_may_keep_no_lease_is_not_registered(stage: Stage) -> None:
    stage.api.fail = lambda verb, plural: Forbidden(403) if plural == LEASES.plural else None
    stage.start()
    stage.pass_time(60.0)
    assert stage.registered == 0


def test_after_an_outage_that_killed_it_in_others_eyes_it_says_that_it_lives(stage: Stage) -> None:
    stage.start()
    stage.api.fail = lambda verb, plural: NotSent("away")
    stage.pass_time(60.0)
    stage.api.objects["nodes", "here"]["status"]["conditions"] = [{"type": "Ready", "status": "Unknown"}]
    stage.api.fail = lambda verb, plural: None
    stage.pass_time(7.0)
    assert stage.ready["status"] == "True"
    assert stage.ready["lastTransitionTime"] >= "1970-01-01T00:01:00Z"


def test_a_request_that_hangs_is_given_up_in_time_for_the_next(stage: Stage) -> None:
    stage.start()
    stage.api.hangs = True
    stage.pass_time(15.0)
    stage.api.hangs = False
    stage.pass_time(6.0)
    assert stage.lease["spec"]["renewTime"] >= "1970-01-01T00:00:20"


def test_one_that_was_stopped_writes_no_more(stage: Stage) -> None:
    stage.start()
    stage.registration.stop()
    stage.calls()
    stage.pass_time(60.0)
    assert stage.calls() == []
