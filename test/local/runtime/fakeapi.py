"""A KubeApi in memory: Pods with deletion and status as an API server has them, and faults on demand."""

import copy
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from isoproxy.kube.api import ListResult, Patch, PatchKind, WatchEvent
from isoproxy.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from isoproxy.kube.resources import LEASES, PODS, Json, Resource


class FakeWatch:
    """Gives out events as they happen."""

    def __init__(self) -> None:
        self.events: list[WatchEvent] = []
        self._waiting: Deferred[None] | None = None

    async def next(self) -> WatchEvent:
        while not self.events:
            self._waiting = Deferred()
            await self._waiting
        return self.events.pop(0)

    def close(self) -> None:
        self.events.clear()

    def push(self, event: WatchEvent) -> None:
        self.events.append(event)
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)


class FakeApi:
    """`calls` takes down each write as (verb, path, name); `fail`, where set, may raise instead of a call."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Json] = {}  # by plural and name; there is one namespace
        self.calls: list[tuple[str, str, str]] = []
        self.statuses: list[Json] = []  # as written to Pods
        self.selectors: dict[str, str] = {}  # of fields, by plural: as listed last, without effect
        self.fail: Callable[[str, str], KubeError | None] = lambda verb, plural: None
        self._version = 0
        self._watches: list[FakeWatch] = []

    # What a test does in a user's place.

    def add_pod(self, name: str, container: Json, **spec: Any) -> Json:
        """Create a Pod of one container."""
        body: Json = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "uid": f"uid-of-{name}"},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"} | container]} | spec,
            "status": {"phase": "Pending"},
        }
        self.put(PODS, body, "ADDED")
        return body

    def delete_pod(self, name: str, grace: int = 30) -> None:
        """What a DELETE with a grace does: ask for it."""
        pod = copy.deepcopy(self.pod(name))
        pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        pod["metadata"]["deletionGracePeriodSeconds"] = grace
        self.put(PODS, pod, "MODIFIED")

    def remove_pod(self, name: str) -> None:
        """What a DELETE without grace does: the object is gone at once."""
        self._push("DELETED", self.objects.pop(("pods", name)))

    def pod(self, name: str) -> Json:
        return self.objects["pods", name]

    def put(self, resource: Resource, body: Json, event: Any) -> None:
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        self.objects[resource.plural, body["metadata"]["name"]] = body
        if resource is PODS:
            self._push(event, body)

    def _push(self, event: Any, body: Json) -> None:
        for watch in self._watches:
            watch.push(WatchEvent(event, copy.deepcopy(body)))

    # KubeApi.

    def _enter(self, verb: str, resource: Resource, name: str) -> None:
        error = self.fail(verb, resource.plural)
        if error is not None:
            raise error
        if verb not in ("get", "list"):
            self.calls.append((verb, resource.path("default" if resource.namespaced else None), name))

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        self._enter("get", resource, name)
        if (resource.plural, name) not in self.objects:
            raise NotFound(404)
        return copy.deepcopy(self.objects[resource.plural, name])

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> ListResult:
        self._enter("list", resource, "")
        self.selectors[resource.plural] = field_selector
        items = [copy.deepcopy(body) for (plural, _), body in self.objects.items() if plural == resource.plural]
        return ListResult(items, str(self._version))

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        name = body["metadata"]["name"]
        self._enter("create", resource, name)
        if resource.kind == "Binding":
            if ("pods", name) not in self.objects:
                raise NotFound(404)
            pod = copy.deepcopy(self.pod(name))
            pod["spec"]["nodeName"] = body["target"]["name"]
            self.put(PODS, pod, "MODIFIED")
        elif (resource.plural, name) in self.objects:
            raise AlreadyExists(409)
        else:
            body = copy.deepcopy(body)
            body["metadata"]["uid"] = f"uid-of-{name}"
            self.put(resource, body, "ADDED")
        return body

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
        self._enter("patch", resource, name)
        assert (subresource, kind) == ("" if resource is LEASES else "status", PatchKind.MERGE)
        assert isinstance(patch, dict)
        if (resource.plural, name) not in self.objects:
            raise NotFound(404)
        body = copy.deepcopy(self.objects[resource.plural, name])
        if patch.get("metadata", {}).get("uid", body["metadata"].get("uid")) != body["metadata"].get("uid"):
            raise Conflict(409)
        part = subresource or "spec"
        body[part] = {key: value for key, value in (body.get(part, {}) | patch[part]).items() if value is not None}
        if resource is PODS:
            self.statuses.append(body["status"])
        self.put(resource, body, "MODIFIED")
        return body

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        grace_period_seconds: int | None = None,
    ) -> None:
        self._enter("delete", resource, name)
        assert (resource, grace_period_seconds) == (PODS, 0)
        if ("pods", name) not in self.objects:
            raise NotFound(404)
        if uid != self.pod(name)["metadata"]["uid"]:
            raise Conflict(409)
        self.remove_pod(name)

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> FakeWatch:
        watch = FakeWatch()
        self._watches.append(watch)
        return watch
