"""A cache of one kind of objects, kept up to date: list, watch, and list again when the thread is lost."""

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

import txaio
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from isoproxy.kube.api import KubeApi, Watch
from isoproxy.kube.cache import Cache, Change, Key, Version
from isoproxy.kube.errors import (
    ApiError,
    Forbidden,
    KubeError,
    NotFound,
    NotSent,
    TooManyRequests,
    Unauthorized,
    WatchBroken,
    WatchEnded,
    WatchExpired,
    describe,
)
from isoproxy.kube.resources import Json, Resource
from isoproxy.kube.retry import full_jitter

__all__ = ["Change", "Key", "Reflector", "Version"]

log = txaio.make_logger()

T = TypeVar("T")
R = TypeVar("R")

SHORT_WATCH = 1.0  # seconds; a watch that ends sooner and brought nothing counts as a failure
LONGEST_PAUSE = 30.0  # seconds
# A server that cannot be reached has no load from being tried, and when it is back, every second until that is noticed
# counts; that those who noticed do not all come at once is for the jitter.
UNREACHABLE_PAUSE = 5.0  # seconds
FAILURES_WHEN_BACK = 3  # how many a server that can be reached again is counted, however long it was away
REFUSALS = (Unauthorized, Forbidden, NotFound)  # of a list: rights, or what there is, are no passing trouble
REMIND_SECONDS = 600.0  # a list that is refused again and again is a line in the log so often


class Reflector(Generic[T]):
    """Keeps `items` equal to what the API server has, and tells of every difference, until it is stopped.

    It never dies and never raises: faults are logged and backed off from, without end. Nothing is called back
    after `stop()`. For several namespaces, make one for each.
    """

    def __init__(
        self,
        *,
        api: KubeApi,
        resource: Resource,
        parse: Callable[[Json], T],
        clock: IReactorTime,
        on_change: Callable[[Change[T]], None],
        on_synced: Callable[[], None] | None = None,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`on_change` is called for each difference, with `items` as it is right after it; `on_synced` once,
        when the first list has been taken in. What they raise is logged and goes no further."""
        self._api = api
        self._resource = resource
        self._clock = clock
        self._on_change = on_change
        self._on_synced = on_synced
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._jitter = jitter

        self._cache = Cache(parse, self._refused)
        self._failures = 0  # in a row
        self._unreachable = False  # at the last of them
        self._started = self._stopped = self._ended = False
        self._waiting: Deferred[Any] | None = None  # what the coroutine awaits
        self._told_of_the_end: list[Deferred[None]] = []
        self.synced = False
        self.refused = False
        """Whether the API server would not give the list when it last said anything about it."""
        self._warned_at = float("-inf")  # of a refusal

    @property
    def items(self) -> Mapping[Key, T]:
        """The newest seen of each object; a live view."""
        return self._cache.items

    @property
    def unparsed(self) -> Mapping[Key, Version]:
        """The objects that exist and whose newest version `parse` refused; a live view.

        One that was understood before stays in `items` as it was then: it is not gone.
        """
        return self._cache.unparsed

    @property
    def cursor(self) -> str | None:
        """The resourceVersion up to which `items` are known, None while a list is due."""
        return self._cache.cursor

    def start(self) -> None:
        """Begin; at most once."""
        if self._started:
            raise RuntimeError("a reflector is started once")
        self._started = True
        Deferred.fromCoroutine(self._run())

    def stop(self) -> Deferred[None]:
        """End for good, from a callback too; fires when nothing of it is left running. Idempotent."""
        self._stopped = True
        if self._waiting is not None:
            self._waiting.cancel()
        if not self._started or self._ended:
            return succeed(None)
        ended: Deferred[None] = Deferred()
        self._told_of_the_end.append(ended)
        return ended

    async def _run(self) -> None:
        try:
            while not self._stopped:
                delay = await self._round()
                if delay > 0.0:
                    await self._wait(deferLater(self._clock, delay))
        except CancelledError:
            pass  # by stop()
        self._ended = True
        for ended in self._told_of_the_end:
            ended.callback(None)

    async def _wait(self, work: Deferred[R]) -> R:
        """Await what `stop()` may cancel. (To cancel the coroutine would not do: it may be running, and calling us.)"""
        self._waiting = work
        if self._stopped:
            work.cancel()
        try:
            return await work
        finally:
            self._waiting = None

    async def _round(self) -> float:
        """List if a list is due, then watch until that ends; the seconds to wait before the next round."""
        cursor_is_new = self._cache.cursor is None
        try:
            if cursor_is_new:
                await self._list()
                self.refused, self._warned_at = False, float("-inf")
        except Exception as error:
            self.refused = self.refused or isinstance(error, REFUSALS)
            return self._pause(error)
        began = self._clock.seconds()
        try:
            await self._follow()
        except Exception as error:
            granted = isinstance(error, WatchEnded | WatchBroken | WatchExpired)
            lasted = granted and self._clock.seconds() - began >= SHORT_WATCH
            # After an outage the cursor is old, and who says so is there: what failed before is over.
            answered = isinstance(error, WatchExpired) and not cursor_is_new
            if lasted or answered:
                self._failures = 0
            return self._pause(error)
        return 0.0

    async def _list(self) -> None:
        listing = self._api.list(
            self._resource,
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            keep=self._cache.read,
        )
        result = await self._wait(Deferred.fromCoroutine(listing))
        self._tell(self._cache.replace(result.items, result.resource_version))
        if not self.synced and not self._stopped:
            self.synced = True
            if self._on_synced is not None:
                self._call(self._on_synced)

    async def _follow(self) -> None:
        if self._stopped:
            return
        watch = self._watch()
        try:
            while not self._stopped:
                event = await self._wait(Deferred.fromCoroutine(watch.next()))
                self._tell(self._cache.apply(event))
                self._failures = 0
        finally:
            watch.close()

    def _watch(self) -> Watch:
        assert self._cache.cursor is not None
        return self._api.watch(
            self._resource,
            resource_version=self._cache.cursor,
            namespace=self._namespace,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
        )

    def _pause(self, error: Exception) -> float:
        """Decide where to go on after a round that ended, and how many seconds from now."""
        if self._stopped:
            return 0.0
        if isinstance(error, WatchExpired) or not _leaves_cursor(error):
            self._cache.cursor = None
        unreachable = isinstance(error, NotSent)
        if self._unreachable and not unreachable:
            self._failures = min(self._failures, FAILURES_WHEN_BACK)
        self._unreachable = unreachable
        self._failures += 1
        if self._failures == 1 and isinstance(error, WatchEnded | WatchExpired):
            return 0.0  # both are business as usual; one that comes again with nothing in between is not
        ceiling = UNREACHABLE_PAUSE if unreachable else LONGEST_PAUSE
        delay = full_jitter(self._failures, self._jitter, ceiling=ceiling)
        if isinstance(error, ApiError) and error.retry_after is not None:
            delay = max(delay, min(error.retry_after, LONGEST_PAUSE))
        self._warn(error, delay)
        return delay

    def _warn(self, error: Exception, delay: float) -> None:
        if not isinstance(error, KubeError):
            log.failure("watching {kind} failed; trying again", kind=self._resource.kind)
            return
        now = self._clock.seconds()
        if isinstance(error, REFUSALS):
            if now - self._warned_at < REMIND_SECONDS:
                return
            self._warned_at = now
        log.warn(
            "watching {kind}{where}: {error}; trying again in {delay:.1f} s",
            kind=self._resource.kind,
            where=f" in {self._namespace}" if self._namespace is not None else "",
            error=describe(error),
            delay=delay,
        )

    def _refused(self, key: Key, version: Version, error: str) -> None:
        log.warn(
            "{kind} {namespace}/{name} at {version} is left out: {error}",
            kind=self._resource.kind,
            namespace=key[0],
            name=key[1],
            version=version.resource_version,
            error=error,
        )

    def _tell(self, changes: Iterable[Change[T]]) -> None:
        for change in changes:
            if self._stopped:
                return
            self._call(self._on_change, change)

    def _call(self, callback: Callable[..., None], *args: object) -> None:
        try:
            callback(*args)
        except Exception:
            log.failure("what follows {kind} failed", kind=self._resource.kind)


def _leaves_cursor(error: Exception) -> bool:
    """Whether a watch may go on from the cursor: after lost connections and overload, not after a refusal.

    A server that says no to the cursor may have lost its history (restored, or started anew), and only some
    versions say so with a 410.
    """
    if isinstance(error, ApiError):
        return isinstance(error, TooManyRequests)
    return isinstance(error, KubeError)
