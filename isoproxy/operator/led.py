"""An operator that acts while it leads. While another does it watches, so that it can take over at once."""

import random
from collections.abc import Callable
from contextlib import suppress

import txaio
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred

from isoproxy.kube.api import KubeApi
from isoproxy.kube.election import Election
from isoproxy.kube.leaderapi import LeaderApi
from isoproxy.model.leaderlease import LEASE_NAME
from isoproxy.operator.reconciler import Reconciler
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

LAST_WRITES_SECONDS = 15.0
"""What a stop leaves to the passes under way: with the Lease still to be given up, it must not take longer than the
kubelet waits."""


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
        lease: str = LEASE_NAME,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``namespace`` and ``lease`` say by which Lease; ``make`` makes the operator over a client whose writes need
        leadership."""
        self._time = time
        self._is_over = False
        self._api = LeaderApi(api, leads=lambda: self._election.leads and not self._is_over)
        self._operator = make(self._api)
        self._operator.stand_by()
        self._election = Election(
            api=api,
            time=time,
            namespace=namespace,
            identity=identity,
            on_lead=self._operator.lead,
            on_lost=self._lost,
            lease=lease,
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
        """Stop; fires when the Lease is left to the others, after the last thing is done that needed it.

        Where the API server is slow, that is ended before it is done.
        """
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        patience = self._time.sleep(LAST_WRITES_SECONDS)
        self._operator.stopService().addCallback(lambda _: patience.cancel())
        # Not by a timeout of what is waited for: that would cancel it, and with it every pass wherever it is.
        with suppress(CancelledError):
            await patience
            log.warn("the API server is slow: what is under way is ended, so that others may lead")
        self._is_over = True
        self._api.cut()
        await self._election.stop()

    def _lost(self) -> None:
        self._operator.stand_by()
        self._api.cut()
