"""The API server as a part of a process: its state, and the resource or site that serves it."""

import random
from collections.abc import Callable, Container

import txaio
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Site

from isoproxy.local.apiserver.core import Core
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.logs import PodLogs
from isoproxy.local.apiserver.sources import Sources
from isoproxy.local.apiserver.web.http import ApiResource, ApiSite

log = txaio.make_logger()


class ApiServer:
    """A Kubernetes API server in this process, for one machine.

    `core` is all of it without HTTP. Whatever writes into `core` directly calls `changed()` afterwards, so that
    garbage is collected.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        limits: Limits | None = None,
        logs: PodLogs | None = None,
        chance: random.Random | None = None,
        now: Callable[[], float] | None = None,
        hosts: Container[str] = (),
    ) -> None:
        """`now` gives seconds since the epoch, by default the clock's; `chance` is where uids and names come from.

        `hosts` are the names that clients may call it by, beside addresses and localhost.
        """
        self._clock = clock
        self._chance = chance or random.SystemRandom()
        now = now or clock.seconds
        # Versions go on from one process to the next (unless it wrote more than 1,000 times a second), so a
        # cursor of the last one is known to be old.
        first = max(1, int(now() * 1000))
        self.core = Core(Sources(now, self._chance), limits, first_version=first)
        jitter = self._chance.random
        self._resource = ApiResource(self.core, clock, logs=logs, changed=self.changed, jitter=jitter, hosts=hosts)
        self._collection: IDelayedCall | None = None

    def resource(self) -> IResource:
        """What answers; it relies on the site to bound the size of requests."""
        return self._resource

    def site(self) -> Site:
        """What to listen with."""
        return ApiSite(self._resource, self._clock, self.core.limits)

    def changed(self) -> None:
        """Have garbage collected soon, if there is any."""
        if self.core.garbage_pending and self._collection is None:
            self._collection = self._clock.callLater(0, self._collect)

    def _collect(self) -> None:
        self._collection = None
        try:
            self.core.collect()
        except Exception:
            log.failure("Garbage could not be collected")
        self.changed()

    def stop(self) -> None:
        """End all streams, in order. The state stays; requests are still answered."""
        self._resource.streams.end()
        if self._collection is not None:
            self._collection.cancel()
            self._collection = None
