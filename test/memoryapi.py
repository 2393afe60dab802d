"""The API client's interface over the embedded API server's own core: no HTTP, no reactor, time from a Clock."""

import random
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from isoproxy.kube.api import WatchEvent
from isoproxy.kube.errors import WatchEnded, WatchExpired
from isoproxy.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Json, Resource
from isoproxy.local.apiserver import watch as core_watch
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.sources import Sources
from isoproxy.model import crds
from test.coreapi import CoreApi, Effect, as_client_error, copied, kind_of

EPOCH = 1_800_000_000.0


def make_core(clock: Clock) -> Core:
    """A server with our definitions installed, whose time is the clock's."""
    core = Core(Sources(lambda: EPOCH + clock.seconds(), random.Random(1)))
    definitions = core.kind("apiextensions.k8s.io", "v1", "customresourcedefinitions")
    assert definitions.group == CUSTOM_RESOURCE_DEFINITIONS.group
    for manifest in crds.load():
        core.create(definitions, "", manifest)
    return core


class MemoryApi(CoreApi):
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
                kind_of(self._core, resource),
                namespace,
                wake=wake,
                resource_version=resource_version,
                label_selector=label_selector,
                field_selector=field_selector,
            ),
            self._clock,
        )

    async def _request(
        self, verb: str, resource: Resource, name: str, effect: Effect, *, guarded: bool = False, detail: str = ""
    ) -> Json:
        self.requests.append((verb, resource.plural, name))
        self.before(verb, resource, name)
        try:
            done: Json = copied(effect(self._core))
            while self.collects and self._core.garbage_pending:
                self._core.collect()
        except StatusError as error:
            raise as_client_error(error) from error
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
            self._events.extend(WatchEvent(event.type, copied(event.stored.object)) for event in taken)
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
            raise as_client_error(error) from error
