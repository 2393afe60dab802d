"""The API server: versions, guarded writes, and watches that are late but in order."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any, Generic, TypeVar

from isoproxy.kube.cache import Change
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.pod import Pod
from isoproxy.model.proxylease import ProxyLease
from test.operator.builders import NAMESPACE
from test.operator.world.events import Events

T = TypeVar("T", bound=IsolationPod | Pod | ProxyLease)


class Refused(Exception):
    """The object is not there any more, or not as it was seen."""


class Watch(Generic[T]):
    """One watcher's view of one kind. ``pause`` holds events back until ``resume``: a stream that hangs."""

    def __init__(self, events: Events, lag: Callable[[], float], on_change: Callable[[Change[T]], None]) -> None:
        self._events = events
        self._lag = lag
        self._on_change = on_change
        self._latest = 0.0
        self._held_back: list[Change[T]] | None = None
        self._closed = False

    def tell(self, change: Change[T]) -> None:
        self._latest = max(self._latest, self._events.now + self._lag())
        self._events.after(self._latest - self._events.now, lambda: self._deliver(change))

    def pause(self) -> None:
        self._held_back = self._held_back or []

    def resume(self) -> None:
        held, self._held_back = self._held_back or [], None
        for change in held:
            self._deliver(change)

    def close(self) -> None:
        self._closed = True

    def _deliver(self, change: Change[T]) -> None:
        if self._held_back is not None:
            self._held_back.append(change)
        elif not self._closed:
            self._on_change(change)


class Table(Generic[T]):
    """The objects of one kind, by name."""

    def __init__(self, events: Events, versions: "count[int]", random: Random) -> None:
        self.items: dict[str, T] = {}
        self._events = events
        self._versions = versions
        self._random = random
        self._watches: list[Watch[T]] = []

    def watch(self, on_change: Callable[[Change[T]], None], *, lag: float) -> Watch[T]:
        """Tell of everything there is at once, and of every change within ``lag`` seconds."""
        watch = Watch[T](self._events, lambda: self._random.uniform(0, lag), on_change)
        for name, item in self.items.items():
            on_change(Change((NAMESPACE, name), None, item))
        self._watches.append(watch)
        return watch

    def put(self, item: T, **status: Any) -> T:
        """Create or change an object, whoever else does."""
        name = item.metadata.name
        version = str(next(self._versions))
        made: T = replace(item, metadata=replace(item.metadata, resource_version=version), **status)
        self._tell(name, self.items.get(name), made)
        self.items[name] = made
        return made

    def get(self, seen: T) -> T:
        """Return the object as it is, if it still is as it was seen; raises Refused."""
        held = self.items.get(seen.metadata.name)
        if held is None or (held.metadata.uid, held.metadata.resource_version) != (
            seen.metadata.uid,
            seen.metadata.resource_version,
        ):
            raise Refused
        return held

    def remove(self, name: str) -> None:
        self._tell(name, self.items.pop(name), None)

    def _tell(self, name: str, old: T | None, new: T | None) -> None:
        for watch in self._watches:
            watch.tell(Change((NAMESPACE, name), old, new))


class Store:
    """Every kind that the operator and the proxies deal with."""

    def __init__(self, events: Events, random: Random) -> None:
        versions = count(1)
        self.records: Table[IsolationPod] = Table(events, versions, random)
        self.pods: Table[Pod] = Table(events, versions, random)
        self.leases: Table[ProxyLease] = Table(events, versions, random)
