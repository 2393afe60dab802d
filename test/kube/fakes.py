"""An API in memory whose every answer comes from the test, when the test says so."""

from typing import Any

from twisted.internet.defer import Deferred

from isoproxy.kube.api import EventType, ListResult, Patch, PatchKind, Watch, WatchEvent
from isoproxy.kube.resources import ISOLATION_PODS, Json, Resource


class FakeWatch:
    """A watch whose events and end come from the test."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.waiting: Deferred[WatchEvent] | None = None
        self.closed = False

    async def next(self) -> WatchEvent:
        self.waiting = Deferred()
        return await self.waiting

    def close(self) -> None:
        self.closed = True

    def send(self, kind: EventType, item: Json) -> None:
        assert self.waiting is not None
        self.waiting.callback(WatchEvent(kind, item))

    def fail(self, error: Exception) -> None:
        assert self.waiting is not None
        self.waiting.errback(error)


class FakeApi:
    """Lists and watches; each list waits for its answer."""

    def __init__(self) -> None:
        self.lists: list[Deferred[ListResult]] = []
        self.watches: list[FakeWatch] = []
        self.list_arguments: list[dict[str, Any]] = []

    async def list(self, resource: Resource, **arguments: Any) -> ListResult:
        assert resource is ISOLATION_PODS
        keep = arguments.pop("keep")
        self.list_arguments.append(arguments)
        answer: Deferred[ListResult] = Deferred()
        self.lists.append(answer)
        result = await answer
        return ListResult([*map(keep, result.items)], result.resource_version)

    def watch(self, resource: Resource, **arguments: Any) -> Watch:
        assert resource is ISOLATION_PODS
        self.watches.append(FakeWatch(arguments))
        return self.watches[-1]

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        raise AssertionError("a reflector only lists and watches")

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        raise AssertionError("a reflector only lists and watches")

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
        raise AssertionError("a reflector only lists and watches")

    async def delete(self, resource: Resource, name: str, **arguments: Any) -> None:
        raise AssertionError("a reflector only lists and watches")
