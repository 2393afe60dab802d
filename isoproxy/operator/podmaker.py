"""Makes pods: an IsolationPod under a new name, then its Pod. Only who made the one makes the other."""

from collections import defaultdict
from collections.abc import Callable

import txaio

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    KubeError,
    NamespaceTerminating,
    NotFound,
    TooManyRequests,
    Unauthorized,
)
from isoproxy.kube.resources import ISOLATION_PODS, PODS
from isoproxy.model import manifests
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from isoproxy.operator.cluster import Cluster
from isoproxy.operator.result import Result

log = txaio.make_logger()

_PASSING = (AlreadyExists, Conflict, NotFound, NamespaceTerminating, TooManyRequests, Unauthorized)
"""Answers that say nothing about the object: they are no refusal of it."""


class PodMaker:
    """Makes pods, and records what to expect."""

    def __init__(
        self, *, api: KubeApi, cluster: Cluster, monotonic: Callable[[], float], suffix: Callable[[], str]
    ) -> None:
        self._api = api
        self._cluster = cluster
        self._monotonic = monotonic
        self._suffix = suffix
        self._under_way: defaultdict[str, set[str]] = defaultdict(set)

    def being_made(self, uid: str) -> frozenset[str]:
        """Return the names of the pods that are being made for a service: that one is not seen means nothing."""
        return frozenset(self._under_way.get(uid, ()))

    async def make(self, service: DedicatedService, result: Result) -> None:
        """Make one; raises KubeError where that is to be tried again soon."""
        name = f"{service.metadata.name}-{self._suffix()}"
        under_way = self._under_way[service.metadata.uid]
        under_way.add(name)
        try:
            record = await self._make_record(service, name, result)
            if record is not None:
                await self._make_its_pod(service, record, result)
        finally:
            under_way.discard(name)
            if not under_way:
                self._under_way.pop(service.metadata.uid, None)

    async def _make_record(self, service: DedicatedService, name: str, result: Result) -> IsolationPod | None:
        meta = service.metadata
        try:
            made = await self._api.create(
                ISOLATION_PODS, manifests.isolation_pod(service, name), namespace=meta.namespace
            )
        except KubeError as error:
            if isinstance(error, ApiError):
                if not _is_refusal(error):
                    raise
                result.refused = _not_taken("IsolationPod", error, name, meta.name)
                return None
            if error.may_have_happened and not self._is_seen(meta.uid, name):
                self._cluster.records.expected(meta.uid).unknown(name, self._monotonic())
            raise
        record = parse(IsolationPod, made)
        self._cluster.records.wrote(record, self._monotonic())
        return record

    def _is_seen(self, uid: str, name: str) -> bool:
        return any(record.metadata.name == name for record in self._cluster.records.of(uid, self._monotonic()))

    async def _make_its_pod(self, service: DedicatedService, record: IsolationPod, result: Result) -> None:
        meta = record.metadata
        try:
            # Strictly: what a user has misspelt in an object that the CRD leaves open is told, not left out.
            made = await self._api.create(PODS, manifests.pod(service, record), namespace=meta.namespace, strict=True)
        except ApiError as error:
            why = result.untaken[meta.uid] = _not_taken("Pod", error, meta.name, service.metadata.name)
            if error.may_have_happened or isinstance(error, NamespaceTerminating):
                raise
            # A quota, or an admission policy: the planner slows down for that, and it must not hold up what else there
            # is to do.
            if _is_refusal(error):
                result.refused = why
            else:
                log.warn("the Pod of {meta.namespace}/{meta.name} is not taken: {error}", meta=meta, error=error)
            return
        self._cluster.pods.wrote(parse(Pod, made), self._monotonic())
        result.made = result.taken = True


def _is_refusal(error: ApiError) -> bool:
    """Whether it is this object that the API server does not take: a quota, or an admission policy."""
    return not (error.may_have_happened or error.refused or isinstance(error, _PASSING))


def _not_taken(kind: str, error: ApiError, name: str, service: str) -> str:
    """Return what the API server says without the pod's own name: one trouble, however many are not taken."""
    return f"the API server did not take the {kind}: {error.message or error}".replace(name, f"{service}-*")
