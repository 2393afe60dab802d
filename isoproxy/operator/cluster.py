"""Observe: the watched objects of every service, indexed by the service they belong to."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from isoproxy.kube.api import KubeApi
from isoproxy.kube.reflector import Change, Key, Reflector
from isoproxy.kube.resources import (
    DEDICATED_SERVICES,
    ISOLATION_PODS,
    LEASES,
    PODS,
    Json,
    Resource,
)
from isoproxy.model import names
from isoproxy.model.dedicatedservice import DedicatedService, InvalidService, parse_service
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.parsing import parser
from isoproxy.model.pod import Pod
from isoproxy.model.proxies import ProxyImage
from isoproxy.model.proxylease import ProxyLease
from isoproxy.operator import childkinds, kept
from isoproxy.operator.coverage import Coverage
from isoproxy.operator.expectations import Expectations, HasMetadata
from isoproxy.operator.observed import ChildObject

T = TypeVar("T", bound=HasMetadata)


def _whole(item: T) -> T:
    return item


class Kind(Generic[T]):
    """The objects of one kind by service uid, and the writes to them that are not seen yet.

    ``keep`` makes of an object what is kept of it: of what the watch shows and of what a write answers alike.
    """

    def __init__(self, keep: Callable[[T], T] = _whole) -> None:
        self.keep = keep
        self._seen: dict[str, dict[Key, T]] = {}
        self._expected: dict[str, Expectations[T]] = {}
        self._cursors: dict[str | None, Callable[[], str | None]] = {}

    def follow(self, namespace: str | None, cursor: Callable[[], str | None]) -> None:
        """Learn from ``cursor`` how far the watch of a namespace has come, None for the watch of all of them."""
        self._cursors[namespace] = cursor

    def _shown_to(self, namespace: str) -> str | None:
        cursor = self._cursors.get(namespace) or self._cursors.get(None)
        return cursor() if cursor is not None else None

    def uids(self) -> set[str]:
        """Return the uids of the services that such objects name."""
        return set(self._seen)

    def everything(self) -> Iterator[T]:
        """Yield every object seen."""
        for objects in self._seen.values():
            yield from objects.values()

    def of(self, uid: str, now: float) -> list[T]:
        """Return one service's objects as they will be seen."""
        return self.expected(uid).overlay(self._seen.get(uid, {}).values(), now)

    def expected(self, uid: str) -> Expectations[T]:
        """Return the ledger of one service's writes."""
        return self._expected.setdefault(uid, Expectations(self._shown_to))

    def wrote(self, result: T, now: float) -> None:
        """Expect what the API server answered to a create or patch."""
        self.expected(result.metadata.service_uid).wrote(self.keep(result), now)

    def deleted(self, seen: T, now: float) -> None:
        """Expect that an object is no more."""
        self.expected(seen.metadata.service_uid).deleted(seen, now)

    def forget(self, uid: str) -> None:
        """Drop the ledger of a service that is gone."""
        self._expected.pop(uid, None)

    def take(self, change: Change[T]) -> set[str]:
        """Take in a change; returns the uids of the services that it concerns."""
        concerned = set()
        if change.old is not None:
            uid = change.old.metadata.service_uid
            concerned.add(uid)
            remaining = self._seen.get(uid, {})
            remaining.pop(change.key, None)
            if not remaining:
                self._seen.pop(uid, None)
        if change.new is not None:
            uid = change.new.metadata.service_uid
            concerned.add(uid)
            self._seen.setdefault(uid, {})[change.key] = change.new
        for uid in concerned:
            if uid in self._expected:
                self._expected[uid].saw(change)
        return concerned


class Cluster:
    """Every object that the operator decides from, in the given namespaces (none given: all of them).

    ``on_change`` is called with the uids of the services that something was seen of in a namespace that is known, and
    with none when one becomes known: then it may be about any of its services. The kinds that proxies are made
    of are watched only where there is an image to make them from: it takes rights that nothing else does. So are the
    proxies' pods, for what keeps them from starting.
    """

    def __init__(
        self,
        *,
        api: KubeApi,
        clock: IReactorTime,
        namespaces: tuple[str, ...],
        proxy_image: ProxyImage | None,
        on_change: Callable[[set[str]], None],
        jitter: Callable[[], float],
    ) -> None:
        self._api = api
        self._clock = clock
        self._jitter = jitter
        self._on_change = on_change
        self.services: dict[str, DedicatedService | InvalidService] = {}
        self.records: Kind[IsolationPod] = Kind(kept.record)
        self.pods: Kind[Pod] = Kind(kept.pod)
        self.leases: Kind[ProxyLease] = Kind(kept.lease)
        self.proxy_pods: Kind[Pod] = Kind(kept.proxy_pod)
        self._deploys_proxies = proxy_image is not None
        self.children: dict[Resource, Kind[ChildObject]] = {
            resource: Kind() for resource in childkinds.resources(proxy_image)
        }
        self._coverage = Coverage()
        for namespace in namespaces or (None,):
            self._watch_all(namespace)

    @property
    def synced(self) -> bool:
        """Whether all is known that the API server lets us see, and that is something."""
        return self._coverage.complete

    def knows(self, namespace: str) -> bool:
        """Whether the first list of every kind has been taken in: before that nothing may be concluded there."""
        return self._coverage.knows(namespace)

    def refused(self) -> list[str]:
        """Return the namespaces that the API server does not let us see, ``""`` for all of them at once."""
        return self._coverage.refused()

    def start(self) -> None:
        """Begin to watch."""
        self._coverage.start()

    def stop(self) -> Deferred[Any]:
        """Stop watching; fires when nothing is left running."""
        return self._coverage.stop()

    def _watch_all(self, namespace: str | None) -> None:
        ours = names.LABEL_SERVICE_UID
        self._watch(DEDICATED_SERVICES, parse_service, self._take_service, namespace, "")
        self._follow(self.records, ISOLATION_PODS, parser(IsolationPod), namespace, ours)
        isolated = f"{ours},{names.LABEL_ROLE}={names.ROLE_POD}"  # and not the proxies' own
        self._follow(self.pods, PODS, parser(Pod), namespace, isolated)
        self._follow(self.leases, LEASES, parser(ProxyLease), namespace, ours)
        if self._deploys_proxies:
            proxying = f"{ours},{names.LABEL_ROLE}={names.ROLE_PROXY}"
            self._follow(self.proxy_pods, PODS, parser(Pod), namespace, proxying)
        for resource, kind in self.children.items():
            self._follow(kind, resource, childkinds.parse_child, namespace, ours)

    def _follow(
        self,
        kind: Kind[Any],
        resource: Resource,
        parse_one: Callable[[Json], Any],
        namespace: str | None,
        selector: str,
    ) -> None:
        def parsed(obj: Json) -> Any:
            return kind.keep(parse_one(obj))

        reflector = self._watch(resource, parsed, partial(self._take, kind), namespace, selector)
        kind.follow(namespace, lambda: reflector.cursor)

    def _watch(
        self,
        resource: Resource,
        parse_one: Callable[[Json], Any],
        on_change: Callable[[Change[Any]], None],
        namespace: str | None,
        selector: str,
    ) -> Reflector[Any]:
        reflector = Reflector(
            api=self._api,
            resource=resource,
            parse=parse_one,
            clock=self._clock,
            on_change=on_change,
            on_synced=partial(self._synced, namespace),
            namespace=namespace,
            label_selector=selector,
            jitter=self._jitter,
        )
        self._coverage.add(namespace, reflector)
        return reflector

    def _synced(self, namespace: str | None) -> None:
        if self._coverage.completes(namespace):
            self._on_change(set())

    def _take(self, kind: Kind[Any], change: Change[Any]) -> None:
        self._tell(change, kind.take(change))

    def _tell(self, change: Change[Any], concerned: set[str]) -> None:
        namespace, _ = change.key
        if self.knows(namespace):
            self._on_change(concerned)

    def _take_service(self, change: Change[DedicatedService | InvalidService]) -> None:
        concerned = set()
        if change.old is not None:
            self.services.pop(change.old.metadata.uid, None)
            concerned.add(change.old.metadata.uid)
        if change.new is not None:
            self.services[change.new.metadata.uid] = change.new
            concerned.add(change.new.metadata.uid)
        self._tell(change, concerned)

    def uids(self) -> set[str]:
        """Return the uids of every service that exists or that some object still names."""
        named = {uid for kind in self._kinds() for uid in kind.uids()}
        return named | set(self.services)

    def forget(self, uid: str) -> None:
        """Drop what is kept of a service that is gone, and of which nothing is left."""
        for kind in (*self._kinds(), self.proxy_pods):
            kind.forget(uid)

    def _kinds(self) -> tuple[Kind[Any], ...]:
        # Not the proxies' pods: those of a deleted service, which may take a day to end, leave nothing to be done.
        return self.records, self.pods, self.leases, *self.children.values()
