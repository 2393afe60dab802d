"""A world around a reconciler: an API server's core, and a hand that plays users, kubelet and proxies."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from twisted.internet.task import Clock

from isoproxy.kube.resources import (
    DEDICATED_SERVICES,
    EVENTS,
    ISOLATION_PODS,
    LEASES,
    NAMESPACES,
    PODS,
    Json,
    Resource,
)
from isoproxy.model.proxylease import lease_manifest
from isoproxy.model.timestamps import rfc3339
from isoproxy.observe.metrics import Metrics
from isoproxy.operator.reconciler import Reconciler
from isoproxy.timesource import TimeSource
from test.memoryapi import MemoryApi, at_once, make_core


class World:
    """One API server, one operator, and a hand that plays user, kubelet and proxies."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.core = make_core(self.clock)
        self.hand = MemoryApi(self.core, self.clock)
        self.api = MemoryApi(self.core, self.clock)
        self.operators: list[Reconciler] = []
        self.pods_work = True
        self._address = 0
        self.do(self.hand.create(NAMESPACES, {"metadata": {"name": "n"}}))
        self.start_operator()

    def start_operator(self, api: MemoryApi | None = None) -> Reconciler:
        operator = Reconciler(
            time=TimeSource.simulated(self.clock),
            api=api or self.api,
            random=random.Random(len(self.operators) + 1),
            metrics=Metrics(),
            grace_seconds=60.0,
        )
        operator.startService()
        self.operators.append(operator)
        return operator

    def do(self, coroutine: Any) -> Any:
        """Run one request of the hand's, which never waits."""
        return at_once(coroutine)

    def settle(self, seconds: float = 2.0, step: float = 0.1) -> None:
        for _ in range(round(seconds / step)):
            self.kubelet()
            self.clock.advance(step)

    def kubelet(self) -> None:
        """Start what is new, and finish what is to end."""
        for pod in self.all(PODS):
            meta = pod["metadata"]
            if meta.get("deletionTimestamp"):
                self.do(self.hand.delete(PODS, meta["name"], namespace="n", grace_period_seconds=0))
            elif self.pods_work and pod["status"].get("phase") == "Pending":
                self._address += 1
                self.set_pod(
                    meta["name"], "Running", ready=True, ip=f"10.0.{self._address // 250}.{self._address % 250}"
                )

    def set_pod(self, name: str, phase: str, *, ready: bool = False, ip: str = "10.0.0.1") -> None:
        conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
        status = {"phase": phase, "podIP": ip, "conditions": conditions}
        self.do(self.hand.patch(PODS, name, {"status": status}, namespace="n", subresource="status"))

    def all(self, resource: Resource) -> list[Json]:
        return list(self.do(self.hand.list(resource)).items)

    def condition(self, kind: str) -> Json:
        """A condition of the only service."""
        [shown] = self.all(DEDICATED_SERVICES)
        found: Json = next(one for one in shown["status"]["conditions"] if one["type"] == kind)
        return found

    def service(self, name: str = "s", **spec: Any) -> Json:
        manifest = {
            "apiVersion": "soh.re/v1alpha1",
            "kind": "DedicatedService",
            "metadata": {"name": name},
            "spec": {"image": "i", "replicas": 3} | spec,
        }
        made: Json = self.do(self.hand.create(DEDICATED_SERVICES, manifest, namespace="n"))
        return made

    def proxy(self, service: Json, instance: str, **annotations: str) -> None:
        """Create or renew a proxy's Lease."""
        told = {f"soh.re/{name}": value for name, value in ({"grace-seconds": "60"} | annotations).items()}
        meta = service["metadata"]
        manifest = lease_manifest(
            service_name=meta["name"], service_uid=meta["uid"], instance=instance, annotations=told
        )
        name = manifest["metadata"]["name"]
        if any(lease["metadata"]["name"] == name for lease in self.all(LEASES)):
            now = rfc3339(datetime.fromtimestamp(self.clock.seconds(), UTC), digits="microseconds")
            patch = {"metadata": {"annotations": told}, "spec": {"renewTime": now}}
            self.do(self.hand.patch(LEASES, name, patch, namespace="n"))
        else:
            self.do(self.hand.create(LEASES, manifest, namespace="n"))

    def write_phase(self, record: Json, phase: str) -> None:
        patch = {"status": {"phase": phase, "inUse": phase == "InUse"}}
        self.do(self.hand.patch(ISOLATION_PODS, record["metadata"]["name"], patch, namespace="n", subresource="status"))

    def assigned(self, instance: str) -> list[Json]:
        return [record for record in self.all(ISOLATION_PODS) if record["spec"]["proxy"] == instance]


W = TypeVar("W", bound=World)


@contextmanager
def settled(world: W) -> Iterator[W]:
    """Let a world come up, and see that nothing of it is left at the end."""
    world.settle(0.2)
    yield world
    for operator in world.operators:
        operator.stopService()
    world.clock.advance(0)
    assert not world.clock.getDelayedCalls()


def names_of(objects: list[Json]) -> set[str]:
    return {one["metadata"]["name"] for one in objects}


def told(world: World) -> list[tuple[str, str]]:
    """Reason and note of each Event, in the order in which they were told."""
    events = sorted(world.all(EVENTS), key=lambda event: event["eventTime"])
    return [(event["reason"], event["message"]) for event in events]  # as the server keeps them
