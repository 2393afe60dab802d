"""The interface of the API client: what operator, proxy, runtime and simulation code against."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from isoproxy.kube.resources import Json, Resource

FIELD_MANAGER = "isoproxy"
Patch = Json | list[Json]  # a list of operations for PatchKind.JSON
ABSENT = "1"
"""A resourceVersion that no object of ours ever has, for a store counts on from its own first entry: an apply that is
guarded by it creates the object, or fails with Conflict where there is one of that name already."""


class PatchKind(enum.Enum):
    """How a patch body is meant; the value is its media type."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"  # server-side apply, forced: what controllers are told to do


@dataclass(frozen=True, slots=True)
class ListResult:
    """All items of a consistent list, each with `apiVersion` and `kind` or what was kept of it, and the cursor to
    watch from."""

    items: list[Any]
    resource_version: str


EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One event; a BOOKMARK's object carries nothing but `metadata.resourceVersion`."""

    type: EventType
    object: Json


class Watch(Protocol):
    """A stream of events. Nothing is sent before the first `next()`; whoever opened it calls `close()`."""

    async def next(self) -> WatchEvent:
        """The next event, in the server's order; one call at a time, cancellable.

        Raises WatchExpired (list again), WatchEnded (watch again), or another KubeError, a silent connection
        included; after any of them, and after `close()`, it raises the same again.
        """
        ...

    def close(self) -> None:
        """Drop the connection at once; idempotent."""
        ...


class KubeApi(Protocol):
    """The six verbs. Every coroutine ends in bounded time, fails with a KubeError, and may be cancelled.

    Reads are quorum reads: no resourceVersion parameter is ever sent with a get or a list. The body given is
    not changed; the Json returned is the caller's own.
    """

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        """The object as it is now."""
        ...

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        keep: Callable[[Json], Any] | None = None,
    ) -> ListResult:
        """All objects as they are now, of all namespaces where `namespace` is None.

        `keep` makes of each object what is kept of it, as it comes: no more than a part of the list is held whole.
        """
        ...

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        """Create; `strict` refuses unknown and duplicate fields. AlreadyExists when the name is taken."""
        ...

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
        """Patch; a `metadata.resourceVersion` in a merge patch guards it (Conflict when stale)."""
        ...

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
        """Ask for deletion; `uid` and `resource_version` are preconditions (Conflict if they fail)."""
        ...

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Watch:
        """Everything that happens after `resource_version`, with bookmarks."""
        ...
