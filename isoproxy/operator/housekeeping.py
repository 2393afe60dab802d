"""What belongs to no single service's pool: which proxies live, Leases of the dead, and what deleted services left."""

from collections.abc import Callable, Iterator

import txaio
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import KubeError, NotFound
from isoproxy.kube.resources import DEDICATED_SERVICES, LEASES, PODS, Json
from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.metadata import ObjectMeta
from isoproxy.model.names import ServiceKey
from isoproxy.model.parsing import parse
from isoproxy.model.proxylease import ProxyLease
from isoproxy.operator import belonging, kept
from isoproxy.operator.actions import Action, DeleteLease
from isoproxy.operator.cluster import Cluster
from isoproxy.operator.leftovers import Leftovers, by_service
from isoproxy.operator.liveness import Liveness, ProxyKey, Verdict
from isoproxy.operator.observed import Proxy

log = txaio.make_logger()

READS_AT_ONCE = 8
"""Of Leases, however many are silent at once: other requests are to have places in the client, too."""


class Housekeeping:
    """Keeps the evidence about proxies; times are monotonic seconds."""

    def __init__(self, *, api: KubeApi, cluster: Cluster, monotonic: Callable[[], float], grace_seconds: float) -> None:
        self._api = api
        self._cluster = cluster
        self._monotonic = monotonic
        self._liveness = Liveness(grace_seconds=grace_seconds)
        self._verdicts: dict[ProxyKey, Verdict] = {}
        self._readers = DeferredSemaphore(READS_AT_ONCE)

    async def look(self) -> None:
        """Bring the evidence up to date, reading what has been quiet."""
        leases = {_lease_key(lease): lease for lease in self._leases()}
        assigned = dict.fromkeys(
            _record_key(record) for record in self._cluster.records.everything() if record.assigned
        )
        keys = [key for key in (leases | assigned) if self._cluster.knows(key.namespace)]
        now = self._monotonic()
        self._liveness.keep_only(keys)
        for key in keys:
            self._liveness.saw(key, leases.get(key), now)
        due = self._liveness.due(now, self._service_keys(), assigned)
        await gatherResults([self._readers.run(self._start_read, key) for key in due])
        verdicts = self._liveness.verdicts(self._service_keys())
        for key, verdict in verdicts.items():
            if verdict is not self._verdicts.get(key, Verdict.ALIVE):
                log.info(
                    "proxy {key.namespace}/{key.service} {key.instance}: {verdict}", key=key, verdict=verdict.value
                )
        self._verdicts = verdicts

    def _service_keys(self) -> set[ServiceKey]:
        return {(one.metadata.namespace, one.metadata.name) for one in self._cluster.services.values()}

    def _start_read(self, key: ProxyKey) -> Deferred[None]:
        return Deferred.fromCoroutine(self._read(key))

    async def _read(self, key: ProxyKey) -> None:
        sent = self._monotonic()
        lease: ProxyLease | None
        try:
            found = await self._api.get(LEASES, names.lease_name(key.service, key.instance), namespace=key.namespace)
            lease = kept.lease(parse(ProxyLease, found))
        except NotFound:
            lease = None
        except (KubeError, ValueError) as error:
            log.debug("no evidence about {key.instance}: {error}", key=key, error=error)
            return
        self._liveness.read(key, lease, sent=sent, replied=self._monotonic())

    def _leases(self) -> Iterator[ProxyLease]:
        return (lease for lease in self._cluster.leases.everything() if lease.well_formed)

    def proxies(self, service: DedicatedService) -> dict[str, Proxy]:
        """Return the proxy instances that Leases or records of a service name."""
        meta, now = service.metadata, self._monotonic()
        found = {}
        for lease in belonging.leases(meta, self._cluster.leases.of(meta.uid, now)):
            key = _lease_key(lease)
            found[key.instance] = Proxy(key.instance, self._verdicts.get(key, Verdict.ALIVE), lease)
        for record in belonging.neighbours(meta, self._cluster.records.of(meta.uid, now)):
            if record.assigned and record.spec.proxy not in found:
                key = _record_key(record)
                found[key.instance] = Proxy(key.instance, self._verdicts.get(key, Verdict.ALIVE))
        return found

    def leases_of_the_dead(self) -> list[Action]:
        """Return the deletion of every Lease whose proxy is gone and of whose pods none is left to decide about."""
        named = {_record_key(record) for record in self._cluster.records.everything()}
        return [
            DeleteLease(lease)
            for lease in self._leases()
            if (key := _lease_key(lease)) not in named and self._verdicts.get(key) in (Verdict.LOST, Verdict.ENDED)
        ]

    async def leftovers(self, uid: str) -> list[Action]:
        """Return the end of all that a deleted service left, once a read confirms that it is deleted or will be."""
        actions: list[Action] = []
        for (namespace, name), left in self._made_for(uid).items():
            if not await self._exists(namespace, name, uid):
                walled = left.seems_empty and await self._has_pods(namespace, uid)
                actions += left.ends(walled=walled)
        return actions

    def farewell(self, uid: str, key: ServiceKey) -> list[Action]:
        """Return what is left to do for the service at ``key``, whose namespace is being deleted with all of it."""
        return self._made_for(uid).get(key, Leftovers()).farewell()

    def _made_for(self, uid: str) -> dict[ServiceKey, Leftovers]:
        now = self._monotonic()
        found = by_service(
            uid,
            records=self._cluster.records.of(uid, now),
            pods=self._cluster.pods.of(uid, now),
            children={resource: kind.of(uid, now) for resource, kind in self._cluster.children.items()},
        )
        return {key: left for key, left in found.items() if self._cluster.knows(key[0])}

    async def _has_pods(self, namespace: str, uid: str) -> bool:
        """Whether there are pods of a service, also where the watch that tells of them hangs."""
        selector = f"{names.LABEL_SERVICE_UID}={uid}"
        listed = await self._api.list(PODS, namespace=namespace, label_selector=selector, keep=_is_recorded)
        return any(listed.items)

    async def _exists(self, namespace: str, name: str, uid: str) -> bool:
        try:
            found = await self._api.get(DEDICATED_SERVICES, name, namespace=namespace)
        except NotFound:
            return False
        meta = parse(ObjectMeta, found["metadata"])
        return meta.uid == uid and meta.deletion_timestamp is None


def _is_recorded(pod: Json) -> bool:
    return parse(ObjectMeta, pod["metadata"]).owner_uid("IsolationPod") != ""


def _lease_key(lease: ProxyLease) -> ProxyKey:
    return ProxyKey(lease.metadata.namespace, lease.service_name, lease.instance)


def _record_key(record: IsolationPod) -> ProxyKey:
    return ProxyKey(record.metadata.namespace, record.spec.service_name, record.spec.proxy)
