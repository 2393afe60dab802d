"""An operator that acts while it leads. While another does it watches, so that it can take over at once."""

import random
from collections.abc import Callable

from twisted.application.service import Service
from twisted.internet.defer import Deferred

from isoproxy.kube.api import KubeApi
from isoproxy.kube.election import Election
from isoproxy.kube.leaderapi import LeaderApi
from isoproxy.operator.reconciler import Reconciler
from isoproxy.timesource import TimeSource


class LedOperator(Service):
    """One of several operators, of which one acts at a time."""

    def __init__(
        self,
        *,
        api: KubeApi,
        time: TimeSource,
        namespace: str,
        identity: str,
        make: Callable[[KubeApi], Reconciler],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``namespace`` is the Lease's; ``make`` makes the operator over a client whose writes need leadership."""
        self._api = LeaderApi(api, leads=lambda: self._election.leads)
        self._operator = make(self._api)
        self._operator.stand_by()
        self._election = Election(
            api=api,
            time=time,
            namespace=namespace,
            identity=identity,
            on_lead=self._operator.lead,
            on_lost=self._lost,
            jitter=jitter,
        )

    @property
    def synced(self) -> bool:
        """Whether it could act: one that waits is as ready as the one that leads."""
        return self._operator.synced

    def startService(self) -> None:
        """Begin to watch, and to be a candidate."""
        Service.startService(self)
        self._operator.startService()
        self._election.start()

    def stopService(self) -> Deferred[None]:
        """Stop; fires when the Lease is left to the others, after the last thing is done that needed it."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        await self._operator.stopService()
        await self._election.stop()

    def _lost(self) -> None:
        self._operator.stand_by()
        self._api.cut()
