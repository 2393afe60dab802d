"""The API client's interface over the embedded API server's own core: no HTTP, no reactor, time from a Clock."""

import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from isoproxy.kube.api import EventType, WatchEvent
from isoproxy.kube.errors import KubeError, NotSent, WatchEnded, WatchExpired
from isoproxy.kube.resources import Json, Resource
from isoproxy.local.apiserver import watch as core_watch
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import StatusError
from test.coreapi import EPOCH, CoreApi, Effect, as_client_error, copied, installed_core, kind_of
from test.faults import Faults

T = TypeVar("T")


def make_core(clock: IReactorTime) -> Core:
    """A server with our definitions installed, whose time is the clock's."""
    return installed_core(lambda: EPOCH + clock.seconds(), random.Random(1))


def at_once(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return, or raise, what comes of a request that does not wait."""
    results: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    (result,) = results
    if isinstance(result, Failure):
        result.raiseException()
    return cast(T, result)


class MemoryApi(CoreApi):
    """A client of its own of a core. ``before`` and ``after`` see each request and may raise what a network would.

    What a request leaves without an owner is collected at once, unless ``collects`` is false: a cluster takes its time.
    """

    def __init__(self, core: Core, clock: IReactorTime) -> None:
        self._core = core
        self._clock = clock
        self.faults = Faults()
        self.before: Callable[[str, Resource, str], None] = lambda verb, resource, name: None
        self.after: Callable[[str, Resource, str], None] = lambda verb, resource, name: None
        self.collects = True
        self.requests: list[tuple[str, str, str]] = []
        """Verb, plural and name of each, whatever became of it."""
        self.patches: list[Any] = []
        """The bodies of those that were patches."""
        self.watches: list[MemoryWatch] = []
        """Those that are open."""

    def count(self, verb: str, plural: str) -> int:
        """Return how many requests of a verb there were about a kind."""
        return sum(1 for request in self.requests if request[:2] == (verb, plural))

    def go_down(self, error: KubeError | None = None) -> None:
        """Let every request fail, and the watches too, until ``come_back``."""
        error = error or NotSent("no route")
        self.faults.down = error
        self.break_watches(error)

    def come_back(self) -> None:
        """Answer again."""
        self.faults.down = None

    def break_watches(self, error: KubeError) -> None:
        """Let every open watch fail; what it has not shown yet it never will."""
        for watch in list(self.watches):
            watch.fail(error)

    def hold_watches(self) -> None:
        """Let watches show nothing of what happens from now on, until they are resumed."""
        for watch in self.watches:
            watch.held = True

    def resume_watches(self) -> None:
        """Let watches show what they were kept from."""
        for watch in self.watches:
            watch.resume()

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> "MemoryWatch":
        def begin(wake: Callable[[], None]) -> core_watch.Watch:
            if self.faults.down is not None:
                raise self.faults.down
            return self._core.watch(
                kind_of(self._core, resource),
                namespace,
                wake=wake,
                resource_version=resource_version,
                label_selector=label_selector,
                field_selector=field_selector,
            )

        self.watches.append(MemoryWatch(begin, self._clock, self.watches.remove, selector=field_selector))
        return self.watches[-1]

    async def _request(
        self, verb: str, resource: Resource, name: str, effect: Effect, *, guarded: bool = False, body: Any = None
    ) -> Json:
        self.requests.append((verb, resource.plural, name))
        if verb == "patch":
            self.patches.append(body)
        unheard = await self.faults.meet(verb, resource, name)
        self.before(verb, resource, name)
        try:
            done: Json = copied(effect(self._core))
            while self.collects and self._core.garbage_pending:
                self._core.collect()
        except StatusError as error:
            raise as_client_error(error) from error
        self.after(verb, resource, name)
        if unheard is not None:
            raise unheard
        return done


class MemoryWatch:
    """Events arrive a turn of the clock after their write, as over a network they never arrive within it."""

    def __init__(
        self,
        begin: Callable[[Callable[[], None]], core_watch.Watch],
        clock: IReactorTime,
        closed: Callable[["MemoryWatch"], None],
        *,
        selector: str,
    ) -> None:
        self.selector = selector
        """Of fields."""
        self.held = False
        """It shows nothing."""
        self._begin = begin
        self._clock = clock
        self._closed = closed
        self._watch: core_watch.Watch | None = None
        self._events: deque[WatchEvent] = deque()
        self._waiting: Deferred[None] | None = None
        self._waking: IDelayedCall | None = None
        self._error: KubeError | None = None

    async def next(self) -> WatchEvent:
        if self._watch is None and self._error is None:
            self._watch = self._call(lambda: self._begin(self._wake_later))
        while self._error is None and not self._events:
            self._take()
            if not self._events:
                self._waiting = Deferred()
                await self._waiting
        if self._error is not None:
            raise self._error
        return self._events.popleft()

    def close(self) -> None:
        """End it for good; nobody waits for an event of it then."""
        if self._error is None:
            self._end(WatchEnded())

    def resume(self) -> None:
        """Show what it was kept from."""
        self.held = False
        self._wake_later()

    def fail(self, error: KubeError) -> None:
        """Show nothing any more but ``error``."""
        self._end(error)
        self._wake()

    def _end(self, error: KubeError) -> None:
        self._error = error
        self._closed(self)
        if self._watch is not None:
            self._watch.close()
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None

    def _take(self) -> None:
        assert self._watch is not None
        if self.held:
            return
        for event in self._call(self._watch.take):
            self._events.append(WatchEvent(cast(EventType, event.type), copied(event.stored.object)))

    def _wake_later(self) -> None:
        if self._waking is None:
            self._waking = self._clock.callLater(0, self._wake)

    def _wake(self) -> None:
        waiting, self._waiting, self._waking = self._waiting, None, None
        if waiting is not None and not waiting.called:
            waiting.callback(None)

    @staticmethod
    def _call(do: Callable[[], T]) -> T:
        try:
            return do()
        except StatusError as error:
            if error.code == 410:
                raise WatchExpired() from error
            raise as_client_error(error) from error
