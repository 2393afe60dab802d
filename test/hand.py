"""Whoever else writes to an API server's core: a user, another part, a test that looks; everything is done at once."""

from twisted.internet.interfaces import IReactorTime

from isoproxy.kube.errors import NotFound
from isoproxy.kube.resources import Json, Resource
from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.store import Key
from test.coreapi import copied, kind_of
from test.memoryapi import MemoryApi, at_once


class Hand:
    """The verbs as plain calls, which raise what the API client would."""

    def __init__(self, core: Core, clock: IReactorTime, *, collects: bool = True) -> None:
        self._core = core
        self._api = MemoryApi(core, clock)
        self._api.collects = collects

    def get(self, resource: Resource, name: str, namespace: str = "default") -> Json:
        """Return an object as it is."""
        return at_once(self._api.get(resource, name, namespace=_place(resource, namespace)))

    def has(self, resource: Resource, name: str, namespace: str = "default") -> bool:
        """Whether there is such an object."""
        try:
            self.get(resource, name, namespace)
        except NotFound:
            return False
        return True

    def all(self, resource: Resource) -> list[Json]:
        """Return the objects of a kind, in every namespace."""
        return at_once(self._api.list(resource)).items

    def create(self, resource: Resource, body: Json, namespace: str = "default") -> Json:
        """Create an object."""
        return at_once(self._api.create(resource, body, namespace=_place(resource, namespace)))

    def patch(
        self, resource: Resource, name: str, patch: Json, namespace: str = "default", *, subresource: str = ""
    ) -> Json:
        """Merge something into an object."""
        where = _place(resource, namespace)
        return at_once(self._api.patch(resource, name, patch, namespace=where, subresource=subresource))

    def delete(
        self, resource: Resource, name: str, namespace: str = "default", *, grace_seconds: int | None = None
    ) -> None:
        """Ask for an object's end."""
        where = _place(resource, namespace)
        at_once(self._api.delete(resource, name, namespace=where, grace_period_seconds=grace_seconds))

    def force(self, resource: Resource, body: Json) -> None:
        """Store an object, or its next version, that no schema is asked about: another one may have let it in."""
        bucket = self._core.store.bucket(kind_of(self._core, resource).bucket)
        metadata = body["metadata"]
        self._core.store.put(bucket, Key(metadata.get("namespace", ""), metadata["name"]), copied(body))


def _place(resource: Resource, namespace: str) -> str | None:
    return namespace if resource.namespaced else None
