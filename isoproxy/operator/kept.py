"""What is kept in memory of the metadata of objects that anybody may make, as large as they may be. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from isoproxy.model import names
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.metadata import ObjectMeta, OwnerReference
from isoproxy.model.pod import Pod
from isoproxy.model.proxylease import ProxyLease

T = TypeVar("T", IsolationPod, Pod, ProxyLease)

MAX_OWNERS: Final = 10
MAX_NAME: Final = 253
"""Characters, as Kubernetes has it."""
MAX_WORD: Final = 1024
"""Characters of an annotation of ours: more than are read of any, so that one that is too long is seen to be."""
_LABELS = frozenset((names.LABEL_SERVICE, names.LABEL_SERVICE_UID, names.LABEL_ROLE, names.LABEL_TEMPLATE))
_ANNOTATIONS = frozenset(
    (
        names.ANNOTATION_RECALL,
        names.ANNOTATION_QUEUED,
        names.ANNOTATION_HELD,
        names.ANNOTATION_CLAIMED,
        names.ANNOTATION_DRAINING,
        names.ANNOTATION_ENDED,
        names.ANNOTATION_GRACE,
        names.ANNOTATION_LISTEN,
        names.ANNOTATION_LISTEN_ERROR,
    )
)


def record(seen: IsolationPod) -> IsolationPod:
    """Return what is kept of an IsolationPod."""
    return _kept(seen, "DedicatedService")


def pod(seen: Pod) -> Pod:
    """Return what is kept of an isolated Pod."""
    return _kept(seen, "IsolationPod")


def proxy_pod(seen: Pod) -> Pod:
    """Return what is kept of a Pod of a service's proxies."""
    return _kept(seen, "ReplicaSet")


def lease(seen: ProxyLease) -> ProxyLease:
    """Return what is kept of a Lease."""
    return _kept(seen, "DedicatedService")


def _kept(seen: T, owner: str) -> T:
    words = {key: value[:MAX_WORD] for key, value in seen.metadata.annotations.items() if key in _ANNOTATIONS}
    return replace(seen, metadata=trimmed(seen.metadata, labels=_LABELS, annotations=words, owner=owner))


def trimmed(meta: ObjectMeta, *, labels: Collection[str], annotations: Mapping[str, str], owner: str) -> ObjectMeta:
    """Leave out what nothing is decided by: all labels but these, and of many owners those that are no ``owner``."""
    owners = sorted(meta.owner_references, key=lambda one: one.kind != owner)[:MAX_OWNERS]
    return replace(
        meta,
        labels={key: value for key, value in meta.labels.items() if key in labels},
        annotations=annotations,
        owner_references=tuple(
            OwnerReference(one.kind[:MAX_NAME], one.name[:MAX_NAME], one.uid[:MAX_NAME], "", one.controller)
            for one in owners
        ),
    )
