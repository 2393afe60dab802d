"""The operator around the real planner, liveness and expectations, without any I/O."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from random import Random
from typing import Any, Protocol

from isoproxy.kube.cache import Change
from isoproxy.model import manifests, names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.parsing import parse
from isoproxy.model.pod import Pod
from isoproxy.model.proxylease import ProxyLease
from isoproxy.operator.actions import (
    Action,
    Assign,
    DeleteOrphan,
    End,
    EndReason,
    MakePod,
    Recall,
    RecordLost,
)
from isoproxy.operator.durations import Fact
from isoproxy.operator.expectations import Expectations
from isoproxy.operator.liveness import Liveness, ProxyKey, Verdict
from isoproxy.operator.observed import Observed, Proxy
from isoproxy.operator.pacing import Pacing
from isoproxy.operator.planner import Plan, plan
from test.operator.builders import NAMESPACE, SERVICE, applied_children, results
from test.operator.world.events import Events
from test.operator.world.store import Refused, Store, Watch

LATENCY = 0.2
TICK_SECONDS = 5.0
SETTLE_SECONDS = 1.0


class Surroundings(Protocol):
    """What an operator finds around it."""

    events: Events
    random: Random
    store: Store
    service: DedicatedService
    grace: float
    names: "count[int]"
    loss: float

    def planned(self, observed: Observed, made: Plan) -> None:
        """Judge a plan."""
        ...

    def pod_made(self) -> None:
        """Judge the number of pods."""
        ...

    def record_deleted(self, record: IsolationPod, reason: EndReason) -> None:
        """Judge the end of a record."""
        ...

    def pod_deleted(self, uid: str) -> None:
        """Judge the end of a pod, and begin it."""
        ...


class Operator:
    """One leader's life. ``crash`` ends it in the middle of whatever it does."""

    def __init__(self, world: Surroundings) -> None:
        self._world = world
        self._events = world.events
        self._store = world.store
        self._running = True
        self._pacing = Pacing()
        self._since: Mapping[Fact, float] = {}
        self._liveness = Liveness(grace_seconds=world.grace)
        self._verdicts: dict[ProxyKey, Verdict] = {}
        self._records: dict[str, IsolationPod] = {}
        self._pods: dict[str, Pod] = {}
        self._leases: dict[str, ProxyLease] = {}
        self._records_to_come: Expectations[IsolationPod] = Expectations()
        self._pods_to_come: Expectations[Pod] = Expectations()
        self._at_work = self._again = False
        self._under_way = 0
        self._wake_after = 0.0
        self._due: float | None = None
        self._watches: list[Watch[Any]] = [
            world.store.records.watch(self._saw_record, lag=0.3),
            world.store.pods.watch(self._saw_pod, lag=0.3),
            world.store.leases.watch(self._saw_lease, lag=0.3),
        ]
        self._tick()

    def crash(self) -> None:
        self._running = False
        for watch in self._watches:
            watch.close()

    # --- observe

    def _saw_record(self, change: Change[IsolationPod]) -> None:
        _take(self._records, change)
        self._records_to_come.saw(change)
        self.wake()

    def _saw_pod(self, change: Change[Pod]) -> None:
        _take(self._pods, change)
        self._pods_to_come.saw(change)
        self.wake()

    def _saw_lease(self, change: Change[ProxyLease]) -> None:
        _take(self._leases, change)
        self.wake()

    def observe(self) -> Observed:
        now = self._events.now
        records = tuple(self._records_to_come.overlay(self._records.values(), now))
        proxies = {
            lease.instance: Proxy(lease.instance, self._verdicts.get(_key(lease.instance), Verdict.ALIVE), lease)
            for lease in self._leases.values()
        }
        for instance in {record.spec.proxy for record in records if record.assigned} - proxies.keys():
            proxies[instance] = Proxy(instance, self._verdicts.get(_key(instance), Verdict.ALIVE))
        standing = applied_children(self._world.service)
        return Observed(
            service=self._world.service,
            records=records,
            pods={pod.metadata.name: pod for pod in self._pods_to_come.overlay(self._pods.values(), now)},
            proxies=proxies,
            children=results(standing),
            applied=standing,
            pacing=self._pacing,
            since=self._since,
            unseen_pods=self._records_to_come.count_unknown(now),
        )

    # --- housekeeping

    def _tick(self) -> None:
        if not self._running:
            return
        now = self._events.now
        leases = {_key(lease.instance): lease for lease in self._leases.values()}
        named = {_key(record.spec.proxy) for record in self._records.values() if record.assigned}
        self._liveness.keep_only(named | leases.keys())
        for key in named | leases.keys():
            self._liveness.saw(key, leases.get(key), now)
        for key in self._liveness.due(now, {(NAMESPACE, SERVICE)}, named):
            self._read(key)
        self._verdicts = self._liveness.verdicts({(NAMESPACE, SERVICE)})
        for key, lease in leases.items():
            if key not in named and self._verdicts[key].gone:
                self._request(partial(self._delete_lease, lease))
        self.wake()
        self._events.after(TICK_SECONDS, self._tick)

    def _delete_lease(self, seen: ProxyLease) -> None:
        self._store.leases.remove(self._store.leases.get(seen).metadata.name)

    def _read(self, key: ProxyKey) -> None:
        sent = self._events.now
        self._events.after(self._latency(), lambda: answer(self._store.leases.items.get(_lease_name(key))))

        def answer(lease: ProxyLease | None) -> None:
            self._liveness.read(key, lease, sent=sent, replied=self._events.now)

    # --- plan

    def wake(self, delay: float = 0.01) -> None:
        """Ask for a pass in a while; an earlier one stands, and one that is under way is followed by another."""
        if self._at_work:
            self._again = True
            return
        at = self._events.now + delay
        if self._due is None or at < self._due:
            self._due = at
            self._events.after(delay, lambda: self._pass(at))

    def _pass(self, at: float) -> None:
        if not self._running or at != self._due:
            return
        self._at_work, self._again, self._due = True, False, None
        observed = self.observe()
        made = plan(observed, self._events.now, self._world.random.random())
        self._pacing, self._since = made.pacing, made.since
        self._world.planned(observed, made)
        for action in made.actions:
            self._apply(action)
        self._wake_after = min(made.wake_after, SETTLE_SECONDS if made.actions else TICK_SECONDS)
        self._go_on()

    def _go_on(self) -> None:
        """Ask for the next pass once everything of this one is done."""
        if self._at_work and not self._under_way:
            self._at_work = False
            self.wake(0.01 if self._again else self._wake_after)

    # --- apply

    def _request(self, do: Callable[[], Any], then: Callable[[Any], None] | None = None) -> None:
        """Do something at the API server in a moment, and something with the reply; either may be lost."""
        self._under_way += 1

        def arrive() -> None:
            if not self._running:
                return
            with suppress(Refused):
                if self._world.random.random() >= self._world.loss:
                    result = do()
                    if then is not None and self._world.random.random() >= self._world.loss:
                        then(result)
            self._under_way -= 1
            self._go_on()

        self._events.after(self._latency(), arrive)

    def _latency(self) -> float:
        return self._world.random.uniform(0, LATENCY)

    def _apply(self, action: Action) -> None:
        if isinstance(action, MakePod):
            self._make_pod(action.service)
        elif isinstance(action, Assign):
            ip, uid = action.pod.status.pod_ip, action.pod.metadata.uid
            self._patch(
                action.record,
                lambda record: {"spec": replace(record.spec, proxy=action.instance, podIP=ip, podUID=uid)},
            )
        elif isinstance(action, Recall):
            annotations = {names.ANNOTATION_RECALL: "now"}
            self._patch(action.record, lambda record: {"metadata": replace(record.metadata, annotations=annotations)})
        elif isinstance(action, RecordLost):
            self._patch(
                action.record,
                lambda record: {"status": replace(record.status, phase=Phase.RELEASED, outcome="proxy_lost")},
            )
        elif isinstance(action, End):
            self._end(action)
        elif isinstance(action, DeleteOrphan):
            self._delete_orphan(action.pod)
        else:
            raise TypeError(action)

    def _make_pod(self, service: DedicatedService) -> None:
        name = f"{SERVICE}-{next(self._world.names)}"
        manifest = manifests.isolation_pod(service, name)

        def create() -> IsolationPod:
            record = parse(IsolationPod, manifest)
            return self._store.records.put(replace(record, metadata=replace(record.metadata, uid=f"record-{name}")))

        def create_pod(record: IsolationPod) -> None:
            self._records_to_come.wrote(record, self._events.now)
            self._request(lambda: put_pod(record), lambda pod: self._pods_to_come.wrote(pod, self._events.now))

        def put_pod(record: IsolationPod) -> Pod:
            pod = parse(Pod, {"metadata": manifests.pod(service, record)["metadata"]})
            made = self._store.pods.put(replace(pod, metadata=replace(pod.metadata, uid=f"pod-{name}")))
            self._world.pod_made()
            return made

        # Until the reply is there, it may have happened.
        self._records_to_come.unknown(name, self._events.now)
        self._request(create, create_pod)

    def _patch(self, seen: IsolationPod, change: Callable[[IsolationPod], dict[str, Any]]) -> None:
        def patch() -> IsolationPod:
            record = self._store.records.get(seen)
            changed = change(record)
            if "metadata" in changed:
                return self._store.records.put(replace(record, metadata=changed["metadata"]))
            return self._store.records.put(record, **changed)

        self._request(patch, lambda record: self._records_to_come.wrote(record, self._events.now))

    def _end(self, action: End) -> None:
        record = action.record

        def delete() -> None:
            if action.reason is EndReason.POD_ABSENT and not self._absent(record):
                raise Refused
            held = self._store.records.get(record)
            self._world.record_deleted(held, action.reason)
            self._store.records.remove(record.metadata.name)

        def deleted(_: None) -> None:
            self._records_to_come.deleted(record, self._events.now)
            self._request(lambda: self._world.pod_deleted(action.pod_uid))

        self._request(delete, deleted)

    def _absent(self, record: IsolationPod) -> bool:
        pod = self._store.pods.items.get(record.spec.pod_name)
        return pod is None or (record.assigned and pod.metadata.uid != record.spec.pod_uid)

    def _delete_orphan(self, pod: Pod) -> None:
        def delete() -> None:
            record = self._store.records.items.get(pod.metadata.name)
            if record is not None and record.metadata.uid == pod.metadata.owner_uid("IsolationPod"):
                raise Refused
            self._world.pod_deleted(pod.metadata.uid)

        self._request(delete)


def _take(items: dict[str, Any], change: Change[Any]) -> None:
    name = change.key[1]
    if change.new is None:
        items.pop(name, None)
    else:
        items[name] = change.new


def _key(instance: str) -> ProxyKey:
    return ProxyKey(NAMESPACE, SERVICE, instance)


def _lease_name(key: ProxyKey) -> str:
    return names.lease_name(key.service, key.instance)
