"""The API client's five requests as what they do to the embedded API server's core: no HTTP, and no way there yet."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from isoproxy.kube.api import ListResult, Patch, PatchKind
from isoproxy.kube.errors import ApiError, error_from_status
from isoproxy.kube.resources import Json, Resource
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.errors import StatusError
from isoproxy.local.apiserver.kinds.kind import Kind
from isoproxy.local.apiserver.options import DeleteOptions, ListOptions, WriteOptions

Effect = Callable[[Core], Json]
"""What a request does at the server; it raises StatusError where that refuses."""


class CoreApi(ABC):
    """A KubeApi but for its watches; ``_request`` is how a request gets to the core, and its answer back."""

    @abstractmethod
    async def _request(
        self, verb: str, resource: Resource, name: str, effect: Effect, *, guarded: bool = False, detail: str = ""
    ) -> Json:
        """Return the answer, or raise a KubeError. ``guarded`` is whether it may meet a conflict, ``detail`` what it
        is about, for people."""

    async def get(self, resource: Resource, name: str, *, namespace: str | None = None) -> Json:
        return await self._request(
            "get", resource, name, lambda core: core.get(kind_of(core, resource), namespace or "", name).object
        )

    async def list(
        self, resource: Resource, *, namespace: str | None = None, label_selector: str = "", field_selector: str = ""
    ) -> ListResult:
        options = ListOptions(label_selector=label_selector, field_selector=field_selector)

        def read(core: Core) -> Json:
            page = core.list(kind_of(core, resource), namespace, options)
            return {"items": [stored.object for stored in page.items], "version": str(page.version)}

        found = await self._request("list", resource, "", read)
        return ListResult(found["items"], found["version"])

    async def create(
        self, resource: Resource, body: Json, *, namespace: str | None = None, strict: bool = False
    ) -> Json:
        options, content = _writing(strict), copied(body)

        def write(core: Core) -> Json:
            return core.create(kind_of(core, resource), namespace or "", content, options).stored.object

        return await self._request("create", resource, body["metadata"].get("name", ""), write)

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
        return await self._request("patch", resource, name, write, guarded=guarded, detail=_gist(patch))

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


def _gist(patch: Patch) -> str:
    """What a patch is about, in few words."""
    if not isinstance(patch, dict):
        return ""
    spec, status = patch.get("spec", {}), patch.get("status", {})
    said = {"proxy": spec.get("proxy"), "phase": status.get("phase"), "outcome": status.get("outcome")}
    annotations = patch.get("metadata", {}).get("annotations", {})
    said |= {key.removeprefix("soh.re/"): value for key, value in annotations.items() if value is not None}
    return "".join(f" {key}={value}" for key, value in said.items() if value)
