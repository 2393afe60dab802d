"""Apply: carry out the actions of a plan. Each write is guarded by what the plan saw: a lost race changes nothing."""

from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Any

import txaio
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import AlreadyExists, ApiError, Conflict, KubeError, NamespaceTerminating, NotFound
from isoproxy.kube.resources import ISOLATION_PODS, LEASES, PODS
from isoproxy.model import manifests, names
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.parsing import InvalidObject, Json, parse
from isoproxy.model.pod import Pod
from isoproxy.observe.outcomes import Outcome
from isoproxy.operator import children
from isoproxy.operator.actions import (
    Action,
    ApplyChild,
    Assign,
    Child,
    DeleteChild,
    DeleteLease,
    DeleteOrphan,
    End,
    EndReason,
    MakePod,
    Recall,
    RecordLost,
)
from isoproxy.operator.childwrites import ChildWriter, NameTaken, NameToBeFreed
from isoproxy.operator.cluster import Cluster
from isoproxy.operator.observed import Applied, Obstacle

log = txaio.make_logger()

CONCURRENCY = 16


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a batch: ``failures`` are worth a back-off, ``obstacles`` are not to be tried again at once.

    ``untaken`` has what the API server said of each Pod that it did not take, by the uid of its record; ``pods`` are
    those that were made.
    """

    failures: list[Exception] = field(default_factory=list)
    applied: dict[Child, Applied] = field(default_factory=dict)
    obstacles: dict[Child, Obstacle] = field(default_factory=dict)
    untaken: dict[str, str] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)

    @property
    def made(self) -> bool:
        """Whether anything is new."""
        return bool(self.pods) or any(applied.created for applied in self.applied.values())


class Applier:
    """Carries out actions through the API, at most ``CONCURRENCY`` at once, and records what to expect.

    ``lost`` is told the namespace and service of each connection that went down with its proxy, ``released`` is told
    the record of each that is over, once that is deleted.
    """

    def __init__(
        self,
        *,
        api: KubeApi,
        cluster: Cluster,
        monotonic: Callable[[], float],
        timestamp: Callable[[], str],
        suffix: Callable[[], str],
        lost: Callable[[str, str], None],
        released: Callable[[IsolationPod], None],
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._monotonic = monotonic
        self._timestamp = timestamp
        self._suffix = suffix
        self._lost = lost
        self._released = released
        self._children = ChildWriter(api=api, cluster=cluster, monotonic=monotonic)
        self._slots = DeferredSemaphore(CONCURRENCY)

    async def apply(self, actions: Iterable[Action]) -> Result:
        """Carry out ``actions``, side by side; never raises."""
        result = Result()
        # Each ends in bounded time, because every request does.
        await gatherResults([self._slots.run(self._start, action, result) for action in actions])
        return result

    def _start(self, action: Action, result: Result) -> Deferred[None]:
        return Deferred.fromCoroutine(self._attempt(action, result))

    async def _attempt(self, action: Action, result: Result) -> None:
        try:
            if isinstance(action, ApplyChild):
                await self._apply_child(action, result)
            elif isinstance(action, MakePod):
                await self._make_pod(action, result)
            else:
                await self._do(action)
        except (AlreadyExists, Conflict, NotFound) as error:
            # Somebody was faster: the watch will show what there is to decide on now.
            log.debug("{action} met {error}", action=type(action).__name__, error=error)
        except Exception as error:
            if not isinstance(error, KubeError | InvalidObject):
                log.failure("{action} failed", action=type(action).__name__)
            result.failures.append(error)

    async def _apply_child(self, action: ApplyChild, result: Result) -> None:
        """Apply a child. One that cannot be is no failure: it must not slow down what else there is to do."""
        try:
            result.applied[action.child] = await self._children.apply(action)
        except NameToBeFreed as error:
            log.debug("{name} is still that of a service that is gone", name=str(error))
        except NameTaken:
            result.obstacles[action.child] = children.taken(action.title)
        except ApiError as error:
            if not children.is_obstacle(action.child, error):
                raise
            result.obstacles[action.child] = children.refused(action.title, error.message or str(error))

    async def _make_pod(self, action: MakePod, result: Result) -> None:
        """Create the IsolationPod, then its Pod: only the pass that created the one creates the other."""
        service = action.service
        namespace = service.metadata.namespace
        name = f"{service.metadata.name}-{self._suffix()}"
        try:
            made = await self._api.create(ISOLATION_PODS, manifests.isolation_pod(service, name), namespace=namespace)
        except KubeError as error:
            if error.may_have_happened and not isinstance(error, ApiError):
                self._cluster.records.expected(service.metadata.uid).unknown(name, self._monotonic())
            raise
        record = parse(IsolationPod, made)
        self._cluster.records.wrote(record, self._monotonic())
        try:
            pod = await self._api.create(PODS, manifests.pod(service, record), namespace=namespace)
        except ApiError as error:
            # Without the Pod's own name: one trouble, however many are not taken.
            result.untaken[record.metadata.uid] = str(error.message or error).replace(
                name, f"{service.metadata.name}-*"
            )
            if error.may_have_happened or isinstance(error, NamespaceTerminating):
                raise
            # A quota, or an admission policy: a record without its Pod is a failure that the planner slows down for,
            # and must not hold up what else there is to do.
            log.warn("the Pod of {namespace}/{name} is refused: {error}", namespace=namespace, name=name, error=error)
            return
        result.pods.append(parse(Pod, pod))
        self._cluster.pods.wrote(result.pods[-1], self._monotonic())

    @singledispatchmethod
    def _do(self, action: Action) -> Coroutine[Any, Any, None]:
        raise TypeError(f"no such action: {action!r}")

    @_do.register
    async def _assign(self, action: Assign) -> None:
        spec = {"proxy": action.instance, "podIP": action.pod.status.pod_ip, "podUID": action.pod.metadata.uid}
        patch = {"metadata": {"labels": {names.LABEL_PROXY: action.instance}}, "spec": spec}
        await self._patch_record(action.record, patch)

    @_do.register
    async def _recall(self, action: Recall) -> None:
        patch = {"metadata": {"annotations": {names.ANNOTATION_RECALL: self._timestamp()}}}
        await self._patch_record(action.record, patch)

    @_do.register
    async def _record_lost(self, action: RecordLost) -> None:
        status = {
            "phase": Phase.RELEASED.value,
            "inUse": False,
            "lastUsedTime": self._timestamp(),
            "outcome": Outcome.PROXY_LOST.value,
        }
        await self._patch_record(action.record, {"status": status}, subresource="status")
        self._lost(action.record.metadata.namespace, action.record.spec.service_name)

    async def _patch_record(self, record: IsolationPod, patch: Json, *, subresource: str = "") -> None:
        """Patch an IsolationPod if it still is as seen."""
        guard = {"resourceVersion": record.metadata.resource_version}
        made = await self._api.patch(
            ISOLATION_PODS,
            record.metadata.name,
            patch | {"metadata": patch.get("metadata", {}) | guard},
            namespace=record.metadata.namespace,
            subresource=subresource,
        )
        self._cluster.records.wrote(parse(IsolationPod, made), self._monotonic())

    @_do.register
    async def _end(self, action: End) -> None:
        record = action.record
        meta = record.metadata
        if action.reason is EndReason.POD_ABSENT and not await self._absent(record):
            return
        with suppress(NotFound):  # gone by another hand; its Pod may have been left
            await self._api.delete(
                ISOLATION_PODS,
                meta.name,
                namespace=meta.namespace,
                uid=meta.uid,
                resource_version=meta.resource_version,
            )
            if action.reason is EndReason.RELEASED:
                self._released(record)
        self._cluster.records.deleted(record, self._monotonic())
        log.debug("ended {namespace}/{name}: {why}", namespace=meta.namespace, name=meta.name, why=action.reason.value)
        if action.pod_uid:
            await self._api.delete(PODS, record.spec.pod_name, namespace=meta.namespace, uid=action.pod_uid)

    async def _absent(self, record: IsolationPod) -> bool:
        """Ask the API server itself for the Pod: absence from a watch is no evidence."""
        try:
            found = await self._api.get(PODS, record.spec.pod_name, namespace=record.metadata.namespace)
        except NotFound:
            return True
        pod = parse(Pod, found)
        self._cluster.pods.wrote(pod, self._monotonic())
        if record.assigned:
            return pod.metadata.uid != record.spec.pod_uid
        return pod.metadata.owner_uid("IsolationPod") != record.metadata.uid

    @_do.register
    async def _delete_orphan(self, action: DeleteOrphan) -> None:
        meta = action.pod.metadata
        with suppress(NotFound):
            found = await self._api.get(ISOLATION_PODS, meta.name, namespace=meta.namespace)
            if found["metadata"]["uid"] == meta.owner_uid("IsolationPod"):
                return
        await self._api.delete(PODS, meta.name, namespace=meta.namespace, uid=meta.uid)

    @_do.register
    async def _delete_child(self, action: DeleteChild) -> None:
        await self._children.delete(action)

    @_do.register
    async def _delete_lease(self, action: DeleteLease) -> None:
        meta = action.lease.metadata
        await self._api.delete(
            LEASES, meta.name, namespace=meta.namespace, uid=meta.uid, resource_version=meta.resource_version
        )
