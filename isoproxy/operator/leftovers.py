"""What a deleted service left behind, and what of it is to go. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from isoproxy.kube.resources import CONFIG_MAPS, Resource
from isoproxy.model import names
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.names import ServiceKey
from isoproxy.model.pod import Pod
from isoproxy.operator import belonging
from isoproxy.operator.actions import Action, DeleteChild, DeleteOrphan, End, EndReason
from isoproxy.operator.observed import ChildObject


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What was made for one service."""

    records: list[IsolationPod] = field(default_factory=list)
    pods: list[Pod] = field(default_factory=list)
    children: list[DeleteChild] = field(default_factory=list)

    @property
    def seems_empty(self) -> bool:
        """Whether a wall is left, and nobody is seen behind it."""
        return not (self.records or self.pods) and any(map(_is_wall, self.children))

    def ends(self, *, walled: bool = False) -> list[Action]:
        """Return what ends it all; the wall around the pods when the last of them is gone, and not before.

        ``walled`` is whether some are behind it that are not seen.
        """
        # They would keep a new service of the name from having its own: the cluster's garbage collection may take long.
        walled = walled or bool(self.records or self.pods)
        return self._ends_of_pods() + [child for child in self.children if not (walled and _is_wall(child))]

    def farewell(self) -> list[Action]:
        """Return what ends the connections and tells the proxies so, where others are to delete all the rest.

        What a proxy has to say in the end it says with its rights: they are not the first to go.
        """
        return self._ends_of_pods() + [child for child in self.children if child.resource == CONFIG_MAPS]

    def _ends_of_pods(self) -> list[Action]:
        uids = {pod.metadata.name: pod.metadata.uid for pod in self.pods}
        recorded = {record.spec.pod_name for record in self.records}
        actions: list[Action] = [
            End(record, EndReason.SERVICE_GONE, record.spec.pod_uid or uids.get(record.spec.pod_name, ""))
            for record in self.records
        ]
        orphans = [pod for pod in self.pods if pod.metadata.name not in recorded and not pod.ending]
        return actions + [DeleteOrphan(pod) for pod in orphans]


def _is_wall(child: DeleteChild) -> bool:
    return belonging.is_wall(child.resource, child.metadata)


def by_service(
    uid: str,
    *,
    records: Iterable[IsolationPod],
    pods: Iterable[Pod],
    children: Mapping[Resource, Iterable[ChildObject]],
) -> dict[ServiceKey, Leftovers]:
    """Sort what was made for the service of that uid by where it says that is.

    What is only labelled so is left out: it is somebody else's.
    """
    found: dict[ServiceKey, Leftovers] = {}

    def at(meta: ObjectMeta) -> Leftovers:
        return found.setdefault((meta.namespace, meta.labels.get(names.LABEL_SERVICE, "")), Leftovers())

    for record in records:
        if belonging.made_for(record.metadata, uid):
            at(record.metadata).records.append(record)
    for pod in pods:
        if belonging.recorded(pod):
            at(pod.metadata).pods.append(pod)
    for resource, objects in children.items():
        for seen in objects:
            if belonging.is_child(resource, seen.metadata):
                at(seen.metadata).children.append(DeleteChild(resource, seen.metadata))
    return {key: left for key, left in found.items() if key[1]}
