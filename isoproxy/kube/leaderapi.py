"""An API client that writes only while its process leads."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred

from isoproxy.kube.api import KubeApi, ListResult, Patch, PatchKind, Watch
from isoproxy.kube.errors import NotSent, UnknownOutcome
from isoproxy.kube.resources import Json, Resource

T = TypeVar("T")


class NotLeading(NotSent):
    """A write that only the leader may make was not sent: this process does not lead."""


class LeaderApi:
    """A KubeApi over another. Reads are everybody's; writes are refused to who does not lead, and cut off at its end.

    A write may be tried for a minute inside the client, longer than a Lease lasts: hence the cut.
    """

    def __init__(self, api: KubeApi, *, leads: Callable[[], bool]) -> None:
        """``leads`` is asked before each write."""
        self._api = api
        self._leads = leads
        self._writes: dict[Deferred[Any], None] = {}  # a set, in order

    def cut(self) -> None:
        """End the writes that are under way, with an unknown outcome."""
        for write in list(self._writes):
            write.cancel()

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        """As of any client."""
        return await self._api.get(resource, name, namespace=namespace)

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        keep: Callable[[Json], Any] | None = None,
    ) -> ListResult:
        """As of any client."""
        return await self._api.list(
            resource, namespace=namespace, label_selector=label_selector, field_selector=field_selector, keep=keep
        )

    def watch(
        self,
        resource: Resource,
        *,
        resource_version: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Watch:
        """As of any client."""
        return self._api.watch(
            resource,
            resource_version=resource_version,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
        )

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        """Create, or raise NotLeading."""
        return await self._write(lambda: self._api.create(resource, body, namespace=namespace, strict=strict))

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
        """Patch, or raise NotLeading."""
        return await self._write(
            lambda: self._api.patch(
                resource, name, patch, namespace=namespace, subresource=subresource, kind=kind, strict=strict
            )
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
        """Ask for deletion, or raise NotLeading."""
        await self._write(
            lambda: self._api.delete(
                resource,
                name,
                namespace=namespace,
                uid=uid,
                resource_version=resource_version,
                grace_period_seconds=grace_period_seconds,
            )
        )

    async def _write(self, begin: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if not self._leads():
            raise NotLeading("another process leads")
        write = Deferred.fromCoroutine(begin())
        self._writes[write] = None
        try:
            return await write
        except CancelledError as error:
            if self._leads():
                raise  # by whoever waits for it
            raise UnknownOutcome("cut off: this process leads no more") from error
        finally:
            self._writes.pop(write, None)
