"""A KubeApi in memory, with faults to order: what the proxy's parts are tested against, with or without a reactor."""

import copy
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from isoproxy.kube.api import ListResult, Patch, PatchKind, WatchEvent
from isoproxy.kube.errors import AlreadyExists, Conflict, KubeError, NotFound, UnknownOutcome, WatchEnded
from isoproxy.kube.resources import ISOLATION_PODS, Json, Resource

INSTANCE = "host-0123456789"


@dataclass
class Fault:
    """What goes wrong with one request: ``error`` instead of it, or after it; it waits for ``gate``, or for ever."""

    error: KubeError | None = None
    after: bool = False
    gate: Deferred[None] | None = None
    hang: bool = False


REPLY_LOST = Fault(error=UnknownOutcome("the reply was lost"), after=True)
HANGS = Fault(hang=True)


@dataclass
class Call:
    verb: str
    resource: str
    name: str
    body: Any = None


class MemoryWatch:
    """A stream that ends when the API is told to break its watches."""

    def __init__(self, api: "MemoryApi", matches: Callable[[Json], bool]) -> None:
        self._api = api
        self._matches = matches
        self._events: deque[WatchEvent | KubeError] = deque()
        self._waiting: Deferred[None] | None = None
        self._shown: set[str] = set()

    def push(self, kind: Any, item: Json, *, silent: bool = False) -> None:
        """Something happened; ``silent``: before the watch began."""
        uid = item["metadata"]["uid"]
        if not self._matches(item) and uid in self._shown:
            kind = "DELETED"  # as an API server shows a label that was lost
        elif not self._matches(item):
            return
        self._shown.add(uid)
        if kind == "DELETED":
            self._shown.discard(uid)
        if not silent:
            self._put(WatchEvent(kind, copy.deepcopy(item)))

    def fail(self, error: KubeError) -> None:
        self._put(error)

    def _put(self, event: WatchEvent | KubeError) -> None:
        self._events.append(event)
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    async def next(self) -> WatchEvent:
        while not self._events:
            self._waiting = Deferred()
            await self._waiting
        event = self._events.popleft()
        if isinstance(event, KubeError):
            raise event
        return event

    def close(self) -> None:
        if self in self._api.watches:
            self._api.watches.remove(self)


@dataclass
class MemoryApi:
    """Six verbs over a dictionary. ``faults`` are used up in order, by (verb, plural) or by verb."""

    objects: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    watches: list[MemoryWatch] = field(default_factory=list)
    down: KubeError | None = None
    _version: int = 0
    _history: list[tuple[Any, Json]] = field(default_factory=list)
    _faults: dict[tuple[str, ...], deque[Fault]] = field(default_factory=dict)

    def fault(self, *where: str, fault: Fault) -> None:
        self._faults.setdefault(where, deque()).append(fault)

    def count(self, verb: str, plural: str) -> int:
        return sum(1 for call in self.calls if (call.verb, call.resource) == (verb, plural))

    def peek(self, resource: Resource, name: str, namespace: str = "default") -> Json:
        return self.objects[(resource.plural, namespace, name)]

    def break_watches(self, error: KubeError | None = None) -> None:
        for watch in list(self.watches):
            watch.fail(error or WatchEnded("broken"))

    async def _do(self, verb: str, resource: Resource, name: str, body: Any, effect: Callable[[], Any]) -> Any:
        self.calls.append(Call(verb, resource.plural, name, copy.deepcopy(body)))
        if self.down is not None:
            raise self.down
        faults = self._faults.get((verb, resource.plural)) or self._faults.get((verb,))
        fault = faults.popleft() if faults else Fault()
        if fault.hang:
            await Deferred()
        if fault.gate is not None:
            await fault.gate
        if fault.error is not None and not fault.after:
            raise fault.error
        result = effect()
        if fault.error is not None:
            raise fault.error
        return copy.deepcopy(result)

    def _find(self, resource: Resource, name: str, namespace: str | None) -> Json:
        try:
            return self.objects[(resource.plural, namespace or "", name)]
        except KeyError:
            raise NotFound(404) from None

    def store(self, resource: Resource, item: Json, kind: Any = "MODIFIED") -> Json:
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        metadata = item["metadata"]
        self.objects[(resource.plural, metadata.get("namespace", ""), metadata["name"])] = item
        self._happened(kind, item)
        return item

    def _happened(self, kind: Any, item: Json) -> None:
        self._history.append((kind, copy.deepcopy(item)))
        for watch in list(self.watches):
            watch.push(kind, item)

    def remove(self, resource: Resource, name: str, namespace: str = "default") -> None:
        item = self.objects.pop((resource.plural, namespace, name))
        self._version += 1
        item["metadata"]["resourceVersion"] = str(self._version)
        self._happened("DELETED", item)

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        result: Json = await self._do("get", resource, name, None, lambda: self._find(resource, name, namespace))
        return result

    async def list(
        self, resource: Resource, *, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> ListResult:
        matches = _matcher(resource, namespace, label_selector, field_selector)
        result: ListResult = await self._do(
            "list",
            resource,
            "",
            None,
            lambda: ListResult([one for one in self.objects.values() if matches(one)], str(self._version)),
        )
        return result

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        name = body["metadata"]["name"]

        def effect() -> Json:
            if (resource.plural, namespace or "", name) in self.objects:
                raise AlreadyExists(409)
            item = copy.deepcopy(body) | {"kind": resource.kind}
            item["metadata"] |= {"namespace": namespace or "", "uid": f"uid-{name}-{self._version}"}
            return self.store(resource, item, "ADDED")

        result: Json = await self._do("create", resource, name, body, effect)
        return result

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
        assert kind is PatchKind.MERGE
        assert isinstance(patch, dict)

        def effect() -> Json:
            item = self._find(resource, name, namespace)
            guard = patch.get("metadata", {}).get("resourceVersion")
            if guard is not None and guard != item["metadata"]["resourceVersion"]:
                raise Conflict(409)
            return self.store(resource, merged(item, patch))

        result: Json = await self._do("patch", resource, name, patch, effect)
        return result

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
        raise AssertionError("a proxy deletes nothing")

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> MemoryWatch:
        matches = _matcher(resource, namespace, label_selector, field_selector)
        watch = MemoryWatch(self, matches)
        for kind, item in self._history:
            watch.push(kind, item, silent=int(item["metadata"]["resourceVersion"]) <= int(resource_version))
        self.watches.append(watch)
        return watch

    # What an operator does

    def assign(self, name: str, *, ip: str = "127.0.0.1", port: int = 1, proxy: str = INSTANCE) -> Json:
        """Make an IsolationPod that is assigned."""
        return self.store(ISOLATION_PODS, assigned(name, ip=ip, port=port, proxy=proxy), "ADDED")

    def annotate(self, name: str, annotation: str) -> None:
        item = copy.deepcopy(self.peek(ISOLATION_PODS, name))
        item["metadata"].setdefault("annotations", {})[annotation] = "true"
        self.store(ISOLATION_PODS, item)

    def status(self, name: str) -> Json:
        """The status that is stored."""
        status: Json = self.peek(ISOLATION_PODS, name)["status"]
        return status


def assigned(name: str, *, ip: str = "127.0.0.1", port: int = 1, proxy: str = INSTANCE, uid: str = "") -> Json:
    """An assigned IsolationPod as JSON."""
    return {
        "kind": "IsolationPod",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": uid or f"uid-{name}",
            "resourceVersion": "1",
            "labels": {"soh.re/proxy": proxy, "soh.re/service": "web"},
        },
        "spec": {
            "serviceName": "web",
            "podName": name,
            "port": port,
            "proxy": proxy,
            "podIP": ip,
            "podUID": f"pod-{name}",
        },
        "status": {"phase": "Idle", "inUse": False},
    }


def merged(item: Any, patch: Any) -> Any:
    """JSON merge patch, RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(item) if isinstance(item, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def _matcher(
    resource: Resource, namespace: str | None, label_selector: str, field_selector: str
) -> Callable[[Json], bool]:
    label, _, wanted = label_selector.partition("=")
    _, _, name = field_selector.partition("=")

    def matches(item: Json) -> bool:
        metadata = item["metadata"]
        return (
            item["kind"] == resource.kind
            and (namespace is None or metadata.get("namespace") == namespace)
            and (not label or metadata.get("labels", {}).get(label) == wanted)
            and (not name or metadata["name"] == name)
        )

    return matches
