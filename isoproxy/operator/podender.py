"""Ends pods: first the IsolationPod, if it still is as seen, then its Pod."""

from collections.abc import Callable
from contextlib import suppress

import txaio

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import NotFound
from isoproxy.kube.resources import ISOLATION_PODS, PODS
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from isoproxy.operator.actions import End, EndReason
from isoproxy.operator.cluster import Cluster

log = txaio.make_logger()


class PodEnder:
    """Ends pods, and records what to expect. ``released`` is told the record of each that is over, once it is deleted.

    What of a pod is not seen is asked for before anything is concluded: absence from a watch is no evidence.
    """

    def __init__(
        self,
        *,
        api: KubeApi,
        cluster: Cluster,
        monotonic: Callable[[], float],
        released: Callable[[IsolationPod], None],
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._monotonic = monotonic
        self._released = released

    async def end(self, action: End) -> None:
        """End one; raises KubeError, or Conflict if its record is no more as seen."""
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
        try:
            found = await self._api.get(PODS, record.spec.pod_name, namespace=record.metadata.namespace)
        except NotFound:
            return True
        pod = parse(Pod, found)
        self._cluster.pods.wrote(pod, self._monotonic())
        if record.assigned:
            return pod.metadata.uid != record.spec.pod_uid
        return pod.metadata.owner_uid("IsolationPod") != record.metadata.uid

    async def delete_orphan(self, pod: Pod) -> None:
        """Delete a Pod, unless its IsolationPod is there after all."""
        meta = pod.metadata
        with suppress(NotFound):
            found = await self._api.get(ISOLATION_PODS, meta.name, namespace=meta.namespace)
            if found["metadata"]["uid"] == meta.owner_uid("IsolationPod"):
                return
        await self._api.delete(PODS, meta.name, namespace=meta.namespace, uid=meta.uid)
