"""The API client's five requests as what they do to the embedded API server's core: no HTTP, and no way there yet."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

from isoproxy.kube.api import ListResult, Patch, PatchKind
from isoproxy.kube.errors import ApiError, error_from_status
from isoproxy.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Json, Resource
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.options import DeleteOptions, ListOptions, WriteOptions
from isoproxy.local.apiserver.sources import Sources
from isoproxy.model import crds

EPOCH = 1_800_000_000.0
"""What time it is in a test that begins at 0."""
Effect = Callable[[Core], Json]
"""What a request does at the server; it raises StatusError where that refuses."""


class CoreApi(ABC):
    """A KubeApi but for its watches; ``_request`` is how a request gets to the core, and its answer back."""

    @abstractmethod
    async def _request(
        self, verb: str, resource: Resource, name: str, effect: Effect, *, guarded: bool = False, body: Any = None
    ) -> Json:
        """Return the answer, or raise a KubeError. ``guarded`` is whether it may meet a conflict, ``body`` what was
        sent."""

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        return await self._request(
            "get", resource, name, lambda core: core.get(kind_of(core, resource), namespace or "", name).object
        )

    async def list(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        keep: Callable[[Json], Any] | None = None,
    ) -> ListResult:
        options = ListOptions(label_selector=label_selector, field_selector=field_selector)

        def read(core: Core) -> Json:
            page = core.list(kind_of(core, resource), namespace, options)
            return {"items": [stored.object for stored in page.items], "version": str(page.version)}

        found = await self._request("list", resource, "", read)
        return ListResult([*map(keep, found["items"])] if keep is not None else found["items"], found["version"])

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        options, content, name = _writing(strict), copied(body), body["metadata"].get("name", "")

        def write(core: Core) -> Json:
            kind = kind_of(core, resource)
            if resource.kind == "Binding":  # a subresource, the one that is created
                core.bind(kind, namespace or "", name, content["target"]["name"], uid=content["metadata"].get("uid"))
                return {}
            return core.create(kind, namespace or "", content, options).stored.object

        return await self._request("create", resource, name, write, body=content)

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
        options, content = _writing(strict, field_manager="isoproxy", force=True), copied(patch)

        def write(core: Core) -> Json:
            written = core.patch(
                kind_of(core, resource),
                namespace or "",
                name,
                content,
                content_type=kind.value,
                subresource=subresource,
                options=options,
            )
            return written.stored.object

        guarded = isinstance(patch, dict) and "resourceVersion" in patch.get("metadata", {})
        return await self._request("patch", resource, name, write, guarded=guarded, body=content)

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

        def remove(core: Core) -> Json:
            core.delete(kind_of(core, resource), namespace or "", name, options)
            return {}

        await self._request("delete", resource, name, remove, guarded=uid is not None)


def installed_core(now: Callable[[], float], random: Random) -> Core:
    """A server with our definitions installed, whose time (seconds since 1970) and chance are the test's."""
    core = Core(Sources(now, random))
    for manifest in _definitions():
        core.create(kind_of(core, CUSTOM_RESOURCE_DEFINITIONS), "", manifest)
    return core


@cache
def _definitions() -> tuple[Json, ...]:
    return tuple(crds.load())


def kind_of(core: Core, resource: Resource) -> Kind:
    """The kind that a resource is."""
    return core.kind(resource.group, resource.version, resource.plural)


def as_client_error(error: StatusError) -> ApiError:
    """What the client would raise for a server's refusal."""
    return error_from_status(error.code, json.dumps(error.status()).encode(), {})


def copied(value: Any) -> Any:
    """A JSON value that nobody else has."""
    return json.loads(json.dumps(value))


def _writing(strict: bool, **options: Any) -> WriteOptions:
    return WriteOptions(validation="Strict" if strict else "Warn", **options)
