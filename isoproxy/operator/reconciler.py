"""The control loop: observes, plans and applies for each service, again and again, woken early by events."""

import math
from functools import partial
from random import Random

import txaio
from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import LoopingCall

from isoproxy.kube.api import KubeApi
from isoproxy.model.proxies import ProxyImage
from isoproxy.observe.events import Events
from isoproxy.observe.metrics import Metrics
from isoproxy.observe.outcomes import Outcome
from isoproxy.operator.apply import Applier
from isoproxy.operator.cluster import Cluster
from isoproxy.operator.herald import Herald
from isoproxy.operator.housekeeping import Housekeeping
from isoproxy.operator.passes import Passes
from isoproxy.operator.publisher import Publisher
from isoproxy.operator.unwatched import Unwatched
from isoproxy.operator.workqueue import Workqueue
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

RESYNC_SECONDS = 5.0
"""Every service is looked at so often even if nothing is heard of it."""
SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # no vowels, and nothing that is read as something else
SUFFIX_LENGTH = 10


class Reconciler(Service):
    """Keeps the pools, assignments and walls of every DedicatedService in shape, until it is stopped."""

    def __init__(
        self,
        *,
        time: TimeSource,
        api: KubeApi,
        random: Random,
        metrics: Metrics,
        namespaces: tuple[str, ...] = (),
        grace_seconds: float = 300.0,
        proxy_image: ProxyImage | None = None,
        instance: str = "isoproxy",
    ) -> None:
        """``proxy_image`` is what each service's proxies are deployed from; without it they are not our business.
        ``instance`` is what Events call this process."""
        self._random = random
        self._cluster = Cluster(
            api=api,
            clock=time.reactor,
            namespaces=namespaces,
            proxy_image=proxy_image,
            on_change=self._seen,
            jitter=random.random,
        )
        self._herald = Herald(Events(api=api, time=time, instance=instance, suffix=self._suffix))
        self._applier = Applier(
            api=api,
            cluster=self._cluster,
            time=time,
            suffix=self._suffix,
            lost=partial(metrics.connection_ended, outcome=Outcome.PROXY_LOST),
            released=self._herald.released,
            late=lambda uid: self._seen({uid}),
        )
        self._housekeeping = Housekeeping(
            api=api, cluster=self._cluster, monotonic=time.monotonic, grace_seconds=grace_seconds
        )
        self._passes = Passes(
            time=time,
            random=random,
            metrics=metrics,
            cluster=self._cluster,
            housekeeping=self._housekeeping,
            applier=self._applier,
            publisher=Publisher(api=api, time=time, jitter=random.random),
            herald=self._herald,
            proxy_image=proxy_image,
        )
        self._queue = Workqueue(clock=time.reactor, work=self._pass, jitter=random.random, called=self._passes.called)
        self._unwatched = Unwatched(metrics=metrics, monotonic=time.monotonic)
        self._acts = True
        self._loop = LoopingCall(self._tick)
        self._loop.clock = time.reactor

    def _suffix(self) -> str:
        return "".join(self._random.choices(SUFFIX_ALPHABET, k=SUFFIX_LENGTH))

    @property
    def synced(self) -> bool:
        """Whether every kind has been listed once in each namespace that the API server lets us see."""
        return self._cluster.synced

    def lead(self) -> None:
        """Act, from now on; as from the start, unless ``stand_by`` was called before."""
        self._acts = True
        self._passes.begin_anew()
        self._seen(set())

    def stand_by(self) -> None:
        """Watch, and do nothing. What is under way is not ended by this: its next write must be refused."""
        self._acts = False
        self._passes.count_no_pods()

    def startService(self) -> None:
        """Begin to watch and to reconcile."""
        Service.startService(self)
        self._cluster.start()
        self._loop.start(RESYNC_SECONDS, now=False)

    def stopService(self) -> Deferred[None]:
        """Stop; fires when what is under way has ended. Nothing is undone: pods and stock go on without us."""
        Service.stopService(self)
        if self._loop.running:
            self._loop.stop()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        waiting = [self._cluster.stop(), self._queue.stop()]
        await DeferredList(waiting, consumeErrors=True)
        await self._applier.stop()
        self._herald.stop()

    async def _tick(self) -> None:
        """Look at everything once; what goes wrong is logged, and tried again at the next tick."""
        try:
            self._unwatched.tell(self._cluster.refused())
            await self._housekeeping.look()  # reads only: the evidence is at hand when it is needed
            if self._acts:
                await self._applier.apply(self._housekeeping.leases_of_the_dead())
            self._forget_the_gone()
            self._seen(self._cluster.uids())
        except Exception:
            log.failure("housekeeping failed")

    def _forget_the_gone(self) -> None:
        uids = self._cluster.uids()
        for uid in self._passes.remembered():
            if uid not in uids and not self._applier.busy(uid) and self._queue.forget(uid):
                self._passes.forget(uid)
                self._cluster.forget(uid)

    def _seen(self, uids: set[str]) -> None:
        if self.running and self._acts:
            for uid in sorted(uids or self._cluster.uids()):
                if uid:
                    self._queue.wake(uid)

    async def _pass(self, uid: str) -> float:
        """Make one pass for one service; returns in how many seconds to make the next at the latest."""
        service = self._cluster.services.get(uid)
        if not self._acts or (service is not None and not self._cluster.knows(service.metadata.namespace)):
            return math.inf
        return await self._passes.make(uid)
