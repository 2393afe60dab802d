"""The API server: the embedded one's core, whose garbage is collected in its own time and whose history may be lost."""

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from isoproxy.kube.resources import Json, Resource
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.watch import Watch
from test.coreapi import EPOCH, installed_core, kind_of
from test.simulation.timeline import Timeline

T = TypeVar("T")
LONGEST_COLLECTION = 2.0  # seconds until garbage is looked at


class Server:
    """Shared by all; not up, it answers nothing."""

    def __init__(self, timeline: Timeline, random: Random) -> None:
        self._timeline = timeline
        self._random = random
        self.core = installed_core(lambda: EPOCH + timeline.now, Random(random.random()))
        self.up = True
        self.collects = True
        self.floor = 0
        """Cursors before it have expired."""
        self._collecting = False

    def kind(self, resource: Resource) -> Kind:
        """The kind that a resource is."""
        return kind_of(self.core, resource)

    def perform(self, effect: Callable[[Core], T]) -> T:
        """Carry out a request; raises StatusError."""
        try:
            return effect(self.core)
        finally:
            self._collect_later()

    def forget_history(self) -> None:
        """Let all cursors expire."""
        self.floor = self.core.store.version

    def watch(
        self,
        resource: Resource,
        namespace: str | None,
        wake: Callable[[], None],
        *,
        resource_version: str = "",
        **selectors: str,
    ) -> Watch:
        """Open a watch, as the core does."""
        kind = self.kind(resource)
        return self.core.watch(kind, namespace, wake=wake, resource_version=resource_version, **selectors)

    def objects(self, resource: Resource) -> list[Json]:
        """Every object of a kind, as it is."""
        stored = self.core.store.bucket(self.kind(resource).bucket).objects
        return [one.object for one in stored.values()]

    def find(self, resource: Resource, namespace: str, name: str) -> Any:
        """One object, None if there is none."""
        return next(
            (
                one
                for one in self.objects(resource)
                if (one["metadata"].get("namespace", ""), one["metadata"]["name"]) == (namespace, name)
            ),
            None,
        )

    def _collect_later(self) -> None:
        if self.core.garbage_pending and not self._collecting:
            self._collecting = True
            self._timeline.after(self._random.uniform(0.0, LONGEST_COLLECTION), self._collect)

    def _collect(self) -> None:
        self._collecting = False
        if self.collects:
            while self.core.garbage_pending:
                self.core.collect()
        else:
            self._collecting = True
            self._timeline.after(LONGEST_COLLECTION, self._collect)
