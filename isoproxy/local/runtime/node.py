"""The node agent: the kubelet of its machine and, where there is no cluster, the scheduler too."""

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime

import txaio
from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.interfaces import IReactorTime

from isoproxy.kube.api import KubeApi
from isoproxy.kube.reflector import Change, Reflector
from isoproxy.kube.resources import PODS
from isoproxy.local.runtime.interface import PodRuntime
from isoproxy.local.runtime.launch import Node
from isoproxy.local.runtime.podspec import LocalPod, parse_pod
from isoproxy.local.runtime.registration import Registration
from isoproxy.local.runtime.status import PodState, Waiting, unscheduled
from isoproxy.local.runtime.worker import PodWorker
from isoproxy.local.runtime.writer import StatusWriter

log = txaio.make_logger()

NODE_NAME = "isoproxy-local"
STARTING = 4 * (os.cpu_count() or 1)  # more at a time would not be Ready sooner, and the first of them later


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _nothing() -> None:
    pass


class NodeAgent:
    """Takes up every Pod that is bound to its node or to none, and reports on each as a kubelet would.

    At most `max_pods` run at a time, others wait as Unschedulable; at most `starting` of them are starting up. What
    runs on this machine is the agent's own: a Pod that ran under an agent before it is reported as lost, not run again.

    With `in_cluster` it is one node of a cluster: Pods bound to no node are left to the cluster's scheduler.
    """

    def __init__(
        self,
        api: KubeApi,
        runtime: PodRuntime,
        clock: IReactorTime,
        *,
        name: str = NODE_NAME,
        in_cluster: bool = False,
        label_selector: str = "",
        max_pods: int = 1000,
        starting: int = STARTING,
        stop_grace: float = 5.0,
        now: Callable[[], datetime] = _utc_now,
        jitter: Callable[[], float] = random.random,
        on_ready: Callable[[], None] = _nothing,
    ) -> None:
        """`stop_grace`: seconds from SIGTERM to SIGKILL for all pods when the node stops. `on_ready` is called once,
        when the node is registered and the Pods there are have been taken up."""
        self._runtime = runtime
        self._takes = {name} if in_cluster else {name, ""}
        self._max_pods = max_pods
        self._stop_grace = stop_grace
        self._writer = StatusWriter(api, clock, now=now, jitter=jitter)
        gate = DeferredSemaphore(starting)
        self._node = Node(name, api, runtime, clock, self._writer, gate, now, jitter)
        self._workers: dict[str, PodWorker] = {}  # by uid
        self._alive: set[str] = set()  # those whose pods are not over
        self._waiting: dict[str, LocalPod] = {}  # for room, in their order
        self._stopped = False
        self._on_ready = on_ready
        self._to_come = {"registered", "listed"}
        self._registration = Registration(
            self._node, max_pods=max_pods, on_registered=lambda: self._has_come("registered")
        )
        self._reflector = Reflector(
            api=api,
            resource=PODS,
            parse=parse_pod,
            clock=clock,
            on_change=self._changed,
            on_synced=lambda: self._has_come("listed"),
            label_selector=label_selector,
            field_selector=f"spec.nodeName={name}" if in_cluster else "",
            jitter=jitter,
        )

    def start(self) -> Deferred[None]:
        """Fires when pods can be run; fails with CannotRun when they cannot. The API server may come later."""
        return Deferred.fromCoroutine(self._start())

    def stop(self) -> Deferred[None]:
        """End all pods; fires when nothing of them is left on this machine. Their objects stay as they are."""
        return Deferred.fromCoroutine(self._stop())

    async def _start(self) -> None:
        await self._runtime.start()
        self._registration.start()
        self._reflector.start()

    async def _stop(self) -> None:
        self._stopped = True
        await self._reflector.stop()
        self._registration.stop()
        for worker in self._workers.values():
            worker.abandon()
        self._writer.stop()
        await self._runtime.stop(self._stop_grace)

    def _has_come(self, what: str) -> None:
        self._to_come.remove(what)
        if not self._to_come:
            self._on_ready()

    def _changed(self, change: Change[LocalPod]) -> None:
        if change.new is not None:
            worker = self._workers.get(change.new.id.uid)
            if worker is not None:
                worker.update(change.new)
            elif change.new.node in self._takes:
                self._admit(change.new)
        elif change.old is not None:
            uid = change.old.id.uid
            if self._waiting.pop(uid, None) is not None:
                self._writer.drop(change.old.id)
            if (worker := self._workers.get(uid)) is not None:
                worker.vanish()

    def _admit(self, pod: LocalPod) -> None:
        uid = pod.id.uid
        will_run = not (pod.ending or pod.over)
        if will_run and len(self._alive) >= self._max_pods:
            if uid not in self._waiting:
                self._writer.put(pod.id, self._no_room(pod))
            self._waiting[uid] = pod
            return
        self._waiting.pop(uid, None)
        worker = PodWorker(pod, self._node, over=lambda: self._is_over(uid), gone=lambda: self._forget(uid))
        self._workers[uid] = worker
        if will_run:
            self._alive.add(uid)
        worker.begin()

    def _no_room(self, pod: LocalPod) -> PodState:
        why = f"{self._max_pods} pods run already"
        if pod.node:  # its scheduler does not count those whose objects are gone, and which have yet to end
            return PodState(pod.container_name, pod.image, state=Waiting("ContainerCreating", why))
        return unscheduled(f"0/1 nodes are available: {why}")

    def _is_over(self, uid: str) -> None:
        self._alive.discard(uid)
        if self._waiting and not self._stopped:
            self._node.clock.callLater(0.0, self._admit_waiting)

    def _admit_waiting(self) -> None:
        while self._waiting and len(self._alive) < self._max_pods and not self._stopped:
            self._admit(next(iter(self._waiting.values())))

    def _forget(self, uid: str) -> None:
        self._workers.pop(uid, None)
