"""The world: users, clients and faults, and what must hold whatever they do."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

from isoproxy.model import manifests
from isoproxy.model.isolationpod import IsolationPod, Phase
from isoproxy.model.proxylease import LEASE_SECONDS
from isoproxy.operator import planner
from isoproxy.operator.actions import Assign, EndReason
from isoproxy.operator.observed import Observed
from isoproxy.operator.planner import Plan
from test.operator.builders import service
from test.operator.world.events import Events
from test.operator.world.kubelet import Kubelet
from test.operator.world.operator import Operator
from test.operator.world.proxy import Client, Proxy
from test.operator.world.store import Store

GRACE_SECONDS = 60.0
FIXPOINT_PASSES = 100


class World:
    """One service's cluster. ``loss`` is how likely each of the operator's requests, and each reply, is lost."""

    def __init__(self, seed: int, *, loss: float = 0.0, **spec: Any) -> None:
        self.events = Events()
        self.random = Random(seed)
        self.store = Store(self.events, self.random)
        self.grace = GRACE_SECONDS
        self.loss = loss
        self.names = count(1)
        self.service = service(**spec)
        self.kubelet = Kubelet(self.events, self.random, self.store, self._pod_ended)
        self.proxies: list[Proxy] = []
        self.clients: list[Client] = []
        self._sessions: dict[str, Proxy] = {}  # by the uid of the pod
        self._used: set[str] = set()
        self._taken_back: set[str] = set()  # uids of pods that were ended as nobody's, so that nobody may dial them
        self._crowded_until = 0.0  # while two operators lead, and until what both began is seen
        self._homes = count(1)
        self.operator = Operator(self)

    # --- what users, clients and fate do

    def respec(self, **spec: Any) -> None:
        self.service = replace(self.service, spec=replace(self.service.spec, **spec))
        self.operator.wake()

    def breaks(self, fate: str) -> None:
        """From now on pods of the present template fail like that; ``""``: they work."""
        self.kubelet.broken[manifests.template_hash(self.service)] = fate

    def start_proxy(self, home: str | None = None) -> Proxy:
        proxy = Proxy(self, f"{home or f'home{next(self._homes)}'}-{len(self.proxies)}")
        self.proxies.append(proxy)
        return proxy

    def restart_proxy(self, proxy: Proxy) -> None:
        """Its container dies, and is started anew in the same pod."""
        self.kill_proxy(proxy)
        self.start_proxy(proxy.instance.rpartition("-")[0])

    def kill_proxy(self, proxy: Proxy) -> None:
        """Its connections break, and most of the programs that served them end."""
        served = [uid for uid, owner in self._sessions.items() if owner is proxy]
        proxy.die()
        for uid in served:
            if self.random.random() < 0.7:
                self.kubelet.fail(uid, "Succeeded")

    def restart_operator(self) -> None:
        self.operator.crash()
        self.operator = Operator(self)

    def depose_operator(self, seconds: float) -> None:
        """Let a new leader begin while the old one goes on for a while."""
        deposed = self.operator
        self.operator = Operator(self)
        self.events.after(seconds, deposed.crash)
        self._crowded_until = max(self._crowded_until, self.events.now + seconds + 1.0)

    def connect(self, proxy: Proxy, seconds: float) -> Client:
        client = Client(seconds, self.events.now)
        self.clients.append(client)
        proxy.connect(client)
        return client

    def living(self) -> list[Proxy]:
        return [proxy for proxy in self.proxies if proxy.living]

    def open(self) -> list[Proxy]:
        """The proxies that take clients."""
        return [proxy for proxy in self.living() if not proxy.draining]

    def run(self, seconds: float) -> None:
        self.events.run(seconds)

    @property
    def pods_made(self) -> int:
        """How many pods were ever begun."""
        return self.kubelet.pods_made

    def sessions(self) -> set[str]:
        """The pods, by uid, that a connection has."""
        return set(self._sessions)

    # --- what must hold

    def connected(self, proxy: Proxy, record: IsolationPod) -> bool:
        pod = self.store.pods.items.get(record.spec.pod_name)
        assert record.spec.pod_uid not in self._taken_back, f"{record.spec.pod_uid} is dialled after it was taken back"
        if pod is None or pod.metadata.uid != record.spec.pod_uid or pod.terminal or not pod.status.pod_ip:
            return False
        uid = pod.metadata.uid
        assert uid not in self._used, f"{uid} has had a connection before"
        self._used.add(uid)
        self._sessions[uid] = proxy
        return True

    def closed(self, record: IsolationPod) -> None:
        self._sessions.pop(record.spec.pod_uid, None)

    def _pod_ended(self, uid: str) -> None:
        if (proxy := self._sessions.pop(uid, None)) is not None:
            proxy.broke(uid)

    def planned(self, observed: Observed, made: Plan) -> None:
        for action in made.actions:
            if isinstance(action, Assign):
                record, pod = action.record, action.pod
                assert not record.assigned
                assert pod.ready
                assert pod.metadata.owner_uid("IsolationPod") == record.metadata.uid
                assert observed.proxies[action.instance].accepting

    def pod_made(self) -> None:
        ceiling = self.service.spec.pod_ceiling
        crowded = self.events.now < self._crowded_until
        assert crowded or len(self.store.pods.items) <= ceiling, f"more than {ceiling} pods"

    def record_deleted(self, record: IsolationPod, reason: EndReason) -> None:
        uid = record.spec.pod_uid
        assert self._given_up(uid), f"{uid} is ended ({reason.value}) while its connection goes on"
        if record.status.phase is Phase.IN_USE:
            assert reason is EndReason.POD_ABSENT, f"the end of {uid}'s connection was never recorded ({reason.value})"
        if reason not in (EndReason.POD_ENDED, EndReason.POD_ABSENT):
            self._taken_back.add(uid)

    def pod_deleted(self, uid: str) -> None:
        assert self._given_up(uid), f"{uid} is deleted while its connection goes on"
        self.kubelet.delete(uid)

    def _given_up(self, uid: str) -> bool:
        """Whether no connection has the pod, or only one of a proxy that was silent for longer than is waited for."""
        proxy = self._sessions.get(uid)
        return proxy is None or proxy.silent_for >= LEASE_SECONDS + self.grace

    # --- and how it ends

    def settle(self, seconds: float = 600.0) -> None:
        """Let faults end, those who wait be served, and enough time pass for everything to come to rest."""
        self.loss = 0.0
        while len(self.open()) <= sum(not proxy.ended and not proxy.living for proxy in self.proxies):
            self.start_proxy()  # else those that were lost together would be waited for much longer
        for proxy in self.living():
            proxy.reachable = True
            proxy.watch.resume()
        patience = sum(client.fate == "waiting" for client in self.clients)
        while patience and any(client.fate == "waiting" for client in self.clients):
            patience -= 1
            self.run(120.0)
        self.run(seconds)

    def check_settled(self) -> None:
        """The pool is at its base, dealt out evenly, nothing else is left, and nothing more would ever be done."""
        assert all(client.fate != "waiting" for client in self.clients), "someone still waits"
        records, base = self.store.records.items.values(), self.service.spec.replicas
        assert len(records) == base, f"{len(records)} pods, not {base}"
        assert {record.metadata.name for record in records} == set(self.store.pods.items)
        assert all(pod.ready for pod in self.store.pods.items.values())
        assert all(record.status.phase is Phase.IDLE and not record.recalled for record in records)
        assert {record.template for record in records} <= {manifests.template_hash(self.service)}
        living = {proxy.instance: proxy for proxy in self.living()}
        assert {lease.instance for lease in self.store.leases.items.values()} == set(living)
        held = {name: sorted(r.metadata.uid for r in records if r.spec.proxy == name) for name in living}
        assert held == {name: sorted(proxy.stock) for name, proxy in living.items()}
        sizes = [len(uids) for uids in held.values()]
        assert max(sizes) - min(sizes) <= max(0, base - sum(sizes)), f"unevenly dealt: {sizes} of {base}"
        for made in self._passes(FIXPOINT_PASSES):
            assert not made.actions

    def _passes(self, how_many: int) -> Iterator[Plan]:
        """Plan again and again as if nothing were seen but time passing."""
        observed, now = self.operator.observe(), self.events.now
        for _ in range(how_many):
            made = planner.plan(observed, now, self.random.random())
            yield made
            observed = replace(observed, pacing=made.pacing, since=made.since)
            now += self.random.choice([0.01, 1.0, 5.0, 60.0])
