"""The API client's interface over the embedded API server's own core: no HTTP, no reactor, time from a Clock."""

import json
import random
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from isoproxy.kube.api import ListResult, Patch, PatchKind, WatchEvent
from isoproxy.kube.errors import KubeError, WatchEnded, WatchExpired, error_from_status
from isoproxy.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Json, Resource
from isoproxy.local.apiserver import watch as core_watch
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.options import DeleteOptions, ListOptions, WriteOptions
from isoproxy.local.apiserver.sources import Sources
from isoproxy.model import crds

EPOCH = 1_800_000_000.0


def make_core(clock: Clock) -> Core:
    """A server with our definitions installed, whose time is the clock's."""
    core = Core(Sources(lambda: EPOCH + clock.seconds(), random.Random(1)))
    definitions = core.kind("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    assert definitions.group == CUSTOM_RESOURCE_DEFINITIONS.group
    for manifest in crds.load():
        core.create(definitions, "", manifest)
    return core


class MemoryApi:
    """A client of its own of a core. ``before`` sees each request and may raise what a network would.

    What a request leaves without an owner is collected at once, unless ``collects`` is false: a cluster takes its time.
    """

    def __init__(self, core: Core, clock: Clock) -> None:
        self._core = core
        self._clock = clock
        self.before: Callable[[str, Resource, str], None] = lambda verb, resource, name: None
        self.after: Callable[[str, Resource, str], None] = lambda verb, resource, name: None
        self.collects = True
        self.requests: list[tuple[str, str, str]] = []

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        return self._call("get", resource, name, lambda kind: self._core.get(kind, namespace or "", name).object)

    async def list(
        self, resource: Resource, *, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> ListResult:
        options = ListOptions(label_selector=label_selector, field_selector=field_selector)

        def read(kind: Kind) -> Json:
            page = self._core.list(kind, namespace, options)
            return {"items": [stored.object for stored in page.items], "version": str(page.version)}

        found = self._call("list", resource, "", read)
        return ListResult(found["items"], found["version"])

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        options = WriteOptions(validation="Strict" if strict else "Warn")
        return self._call(
            "create",
            resource,
            body["metadata"].get("name", ""),
            lambda kind: self._core.create(kind, namespace or "", _copy(body), options).stored.object,
        )

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
        options = WriteOptions(validation="Strict" if strict else "Warn", field_manager="isoproxy", force=True)
        return self._call(
            "patch",
            resource,
            name,
            lambda of: (
                self._core.patch(
                    of,
                    namespace or "",
                    name,
                    _copy(patch),
                    content_type=kind.value,
                    subresource=subresource,
                    options=options,
                ).stored.object
            ),
        )

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
        options = DeleteOptions(uid=uid, resource_version=resource_version, grace_period_seconds=grace_period_seconds)

        def remove(kind: Kind) -> Json:
            self._core.delete(kind, namespace or "", name, options)
            return {}

        self._call("delete", resource, name, remove)

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> "MemoryWatch":
        return MemoryWatch(
            lambda wake: self._core.watch(
                self._core.kind(resource.group, resource.version, resource.plural),
                namespace,
                wake=wake,
                resource_version=resource_version,
                label_selector=label_selector,
                field_selector=field_selector,
            ),
            self._clock,
        )

    def _call(self, verb: str, resource: Resource, name: str, do: Callable[[Kind], Json]) -> Json:
        self.requests.append((verb, resource.plural, name))
        self.before(verb, resource, name)
        try:
            done: Json = _copy(do(self._core.kind(resource.group, resource.version, resource.plural)))
            while self.collects and self._core.garbage_pending:
                self._core.collect()
        except StatusError as error:
            raise _as_client_error(error) from error
        self.after(verb, resource, name)
        return done


class MemoryWatch:
    """Events arrive a turn of the clock after their write, as over a network they never arrive within it."""

    def __init__(self, begin: Callable[[Callable[[], None]], core_watch.Watch], clock: Clock) -> None:
        self._begin = begin
        self._clock = clock
        self._watch: core_watch.Watch | None = None
        self._events: deque[WatchEvent] = deque()
        self._waiting: Deferred[None] | None = None
        self._closed = False

    async def next(self) -> WatchEvent:
        if self._watch is None:
            self._watch = self._call(lambda: self._begin(self._wake))
        while not self._events:
            if self._closed:
                raise WatchEnded()
            watch = self._watch
            taken = self._call(watch.take)
            self._events.extend(WatchEvent(event.type, _copy(event.stored.object)) for event in taken)
            if not self._events:
                self._waiting = Deferred()
                await self._waiting
        return self._events.popleft()

    def close(self) -> None:
        self._closed = True
        if self._watch is not None:
            self._watch.close()
        self._wake()

    def _wake(self) -> None:
        self._clock.callLater(0, self._woken)

    def _woken(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)

    @staticmethod
    def _call(do: Callable[[], Any]) -> Any:
        try:
            return do()
        except StatusError as error:
            if error.code == 410:
                raise WatchExpired() from error
            raise _as_client_error(error) from error


def _as_client_error(error: StatusError) -> KubeError:
    return error_from_status(error.code, json.dumps(error.status()).encode(), {})


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))
