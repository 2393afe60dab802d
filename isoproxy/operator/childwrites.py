"""The writes to a service's children: server-side apply, which never takes over what belongs to someone else."""

from collections.abc import Callable

from isoproxy.kube.api import ABSENT, KubeApi, PatchKind
from isoproxy.kube.errors import AlreadyExists, Conflict
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.parsing import Json
from isoproxy.operator import belonging
from isoproxy.operator.actions import ApplyChild, Child, DeleteChild
from isoproxy.operator.childkinds import fingerprint, is_own, parse_child, resource_of
from isoproxy.operator.cluster import Cluster
from isoproxy.operator.observed import Applied


class NameTaken(Exception):
    """The name of a child is that of someone else's object."""


class NameToBeFreed(Exception):
    """The name of a child is that of an object whose service is gone: housekeeping deletes it."""


class ChildWriter:
    """Applies and deletes children, and records what to expect."""

    def __init__(self, *, api: KubeApi, cluster: Cluster, monotonic: Callable[[], float]) -> None:
        self._api = api
        self._cluster = cluster
        self._monotonic = monotonic

    async def apply(self, action: ApplyChild) -> Applied:
        """Apply it, if it still is as seen; raises NameTaken or NameToBeFreed, or Conflict if it is not."""
        created = action.resource_version is None
        try:
            made = await self._apply(action, action.resource_version or ABSENT)
        except (AlreadyExists, Conflict):
            if action.resource_version is not None:
                raise
            # It is there all the same: not ours, or not seen because somebody took its labels away.
            made, created = await self._apply(action, await self._version_of_ours(action)), False
        result = parse_child(made)
        self._cluster.children[resource_of(action.child)].wrote(result, self._monotonic())
        return Applied(fingerprint(action.manifest), result, created)

    async def _apply(self, action: ApplyChild, resource_version: str) -> Json:
        # An apply merges into whatever it meets, owner references included: only this guard keeps it to our own.
        meta = action.manifest["metadata"] | {"resourceVersion": resource_version}
        return await self._api.patch(
            resource_of(action.child),
            meta["name"],
            action.manifest | {"metadata": meta},
            namespace=meta["namespace"],
            kind=PatchKind.APPLY,
        )

    async def _version_of_ours(self, action: ApplyChild) -> str:
        meta = action.manifest["metadata"]
        found = await self._api.get(resource_of(action.child), meta["name"], namespace=meta["namespace"])
        seen = parse_child(found).metadata
        if not (is_own(action.child, meta, seen) or _is_around_our_pods(action, found)):
            raise NameToBeFreed(meta["name"]) if self._is_left_over(action, seen) else NameTaken(meta["name"])
        return seen.resource_version

    def _is_left_over(self, action: ApplyChild, seen: ObjectMeta) -> bool:
        is_gone = seen.service_uid not in self._cluster.services
        return is_gone and belonging.is_child(resource_of(action.child), seen)

    async def delete(self, action: DeleteChild) -> None:
        """Delete it, and nothing else of its name."""
        meta = action.metadata
        await self._api.delete(action.resource, meta.name, namespace=meta.namespace, uid=meta.uid)


def _is_around_our_pods(action: ApplyChild, found: Json) -> bool:
    """Whether it is the pods' wall, though somebody took away its labels: it has no owner to be known by."""
    if action.child is not Child.NETWORK_POLICY or found["metadata"].get("ownerReferences"):
        return False
    return bool(found["spec"].get("podSelector") == action.manifest["spec"]["podSelector"])
