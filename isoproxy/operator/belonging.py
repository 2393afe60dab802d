"""What of all that carries a service's uid is the service's own. Pure.

A label is anybody's to write, in every namespace where they may write at all. So what an object says of itself counts
only together with what its place, its name and its owner say.
"""

from collections.abc import Iterable
from typing import TypeVar

from isoproxy.kube.resources import NETWORK_POLICIES, Resource
from isoproxy.model import names
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.pod import Pod
from isoproxy.model.proxylease import ProxyLease
from isoproxy.operator import childkinds
from isoproxy.operator.actions import Child
from isoproxy.operator.expectations import HasMetadata
from isoproxy.operator.observed import ChildObject, Observed

T = TypeVar("T", bound=HasMetadata)


def neighbours(service: ObjectMeta, among: Iterable[T]) -> list[T]:
    """Return the objects in the service's namespace: nothing that is elsewhere is its own."""
    return [item for item in among if item.metadata.namespace == service.namespace]


def pods(service: ObjectMeta, among: Iterable[Pod]) -> list[Pod]:
    """Return the Pods that were made for IsolationPods, whether those are still there or not."""
    return [pod for pod in neighbours(service, among) if recorded(pod)]


def proxy_pods(service: ObjectMeta, among: Iterable[Pod]) -> list[Pod]:
    """Return the Pods of the service's proxies, as far as they say: nothing is ended or proved by them."""
    of_replica_set = f"{names.proxy_name(service.name)}-"
    return [
        pod
        for pod in neighbours(service, among)
        if any(
            one.kind == "ReplicaSet" and one.name.startswith(of_replica_set) for one in pod.metadata.owner_references
        )
    ]


def recorded(pod: Pod) -> bool:
    """Whether a Pod was made for an IsolationPod, as far as it says."""
    return pod.metadata.owner_uid("IsolationPod") != ""


def made_for(meta: ObjectMeta, uid: str) -> bool:
    """Whether an object was made for the service of that uid: its one controller."""
    return any(
        owner.controller and (owner.kind, owner.uid) == ("DedicatedService", uid) for owner in meta.owner_references
    )


def own_child(observed: Observed, child: Child) -> ChildObject | None:
    """Return the service's child of that sort, if it is there, and not another's object of its name."""
    seen = observed.children.get(child)
    return seen if seen is not None and made_for(seen.metadata, observed.service.metadata.uid) else None


def is_child(resource: Resource, meta: ObjectMeta) -> bool:
    """Whether an object is a child of the service that its labels name: named as one, and made for it."""
    service, uid = meta.labels.get(names.LABEL_SERVICE, ""), meta.service_uid
    if is_wall(resource, meta) and not meta.owner_references:
        return uid != ""
    return meta.name in childkinds.names_of(resource, service) and made_for(meta, uid)


def is_wall(resource: Resource, meta: ObjectMeta) -> bool:
    """Whether an object has the name of the wall around the pods of the service that its labels name.

    It has no owner, and stays until the last of them is gone.
    """
    service = meta.labels.get(names.LABEL_SERVICE, "")
    return resource == NETWORK_POLICIES and meta.name == names.policy_name(service)


def leases(service: ObjectMeta, among: Iterable[ProxyLease]) -> list[ProxyLease]:
    """Return the Leases of the service's proxies."""
    return [lease for lease in neighbours(service, among) if lease.well_formed and lease.service_name == service.name]
