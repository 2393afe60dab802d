"""Who of several operators acts: whoever holds a Lease. What may be done when is ``candidate.py``'s to say."""

import random
from collections.abc import Callable

import txaio
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from isoproxy.kube.api import KubeApi
from isoproxy.kube.candidate import RETRY_SECONDS, Candidate, Write
from isoproxy.kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from isoproxy.kube.resources import LEASES, Json
from isoproxy.model.leaderlease import LEASE_NAME, LeaderLease
from isoproxy.model.parsing import parse
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

TRY_SECONDS = 4.0
"""How long one try may take: a server that hangs must leave time for another."""
_TICK = 0.001


class Election:
    """Tries to hold the Lease, and to keep it, until it is stopped.

    ``on_lead`` is called when leadership begins, ``on_lost`` when it ends otherwise than by ``stop``: before anybody
    else can have it.
    """

    def __init__(
        self,
        *,
        api: KubeApi,
        time: TimeSource,
        namespace: str,
        identity: str,
        on_lead: Callable[[], None],
        on_lost: Callable[[], None],
        lease: str = LEASE_NAME,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._api = api
        self._time = time
        self._namespace = namespace
        self._identity = identity
        self._lease = lease
        self._on_lead = on_lead
        self._on_lost = on_lost
        self._jitter = jitter
        self._candidate = Candidate(identity, lease)
        self._is_running = False
        self._is_told = False  # that it leads
        self._holder: str | None = None  # as last logged
        self._failures = 0
        self._began = 0.0
        self._trying: Deferred[None] | None = None
        self._timers: dict[str, IDelayedCall] = {}

    @property
    def leads(self) -> bool:
        """Whether this process leads, now."""
        return self._candidate.leads(self._time.monotonic())

    def start(self) -> None:
        """Begin to try."""
        self._is_running = True
        self._try()

    async def stop(self) -> None:
        """Lead no more, and leave the Lease to the others if it can be done soon; idempotent.

        To be called when nothing that only a leader may do is under way any more.
        """
        self._is_running = False
        self._candidate.resign()
        for timer in self._timers.values():
            if timer.active():
                timer.cancel()
        if self._trying is not None:
            self._trying.cancel()
        if not self._candidate.must_release:
            return
        try:
            await Deferred.fromCoroutine(self._release()).addTimeout(TRY_SECONDS, self._time.reactor)
        except (KubeError, ValueError, DeferredTimeoutError) as error:
            log.warn("{lease} is not released, and runs out: {error!r}", lease=self._lease, error=error)

    def _try(self) -> None:
        self._began = self._time.monotonic()
        trying = Deferred.fromCoroutine(self._look_and_claim()).addTimeout(TRY_SECONDS, self._time.reactor)
        self._trying = trying
        trying.addCallbacks(self._succeeded, self._failed)
        trying.addErrback(lambda failure: log.failure("the election failed", failure=failure))
        trying.addCallback(self._plan)

    async def _look_and_claim(self) -> None:
        candidate, clock = self._candidate, self._time.monotonic
        if candidate.must_look(clock()):
            candidate.saw(await self._look(), clock())
            self._tell()
        sent = clock()
        if candidate.may_hold(sent):
            made = await self._send(candidate.claim(self._time.utcnow()))
            candidate.claimed(parse(LeaderLease, made), sent=sent, replied=clock())
            self._tell()

    async def _look(self) -> LeaderLease | None:
        try:
            return parse(LeaderLease, await self._api.get(LEASES, self._lease, namespace=self._namespace))
        except NotFound:
            return None

    async def _send(self, write: Write) -> Json:
        if write.creates:
            return await self._api.create(LEASES, write.body, namespace=self._namespace)
        return await self._api.patch(LEASES, self._lease, write.body, namespace=self._namespace)

    async def _release(self) -> None:
        if self._candidate.in_doubt:
            self._candidate.saw(await self._look(), self._time.monotonic())
        patch = self._candidate.release(self._time.utcnow())
        if patch is not None:
            left = await self._api.patch(LEASES, self._lease, patch, namespace=self._namespace)
            self._candidate.saw(parse(LeaderLease, left), self._time.monotonic())
            log.info("{identity} left {lease} to the others", identity=self._identity, lease=self._lease)

    def _succeeded(self, _: None) -> None:
        if self._failures:
            log.info("{lease} is within reach again", lease=self._lease)
        self._failures = 0
        holder = self._candidate.holder
        if holder not in (self._holder, "", self._identity):
            log.info("{holder} leads; {identity} waits", holder=holder, identity=self._identity)
        self._holder = holder

    def _failed(self, failure: Failure) -> None:
        if failure.check(CancelledError) and not self._is_running:
            return
        if failure.check(AlreadyExists, Conflict):
            return  # somebody was faster: look again
        self._failures += 1
        if self._failures == 1:
            log.warn("{lease} is out of reach: {error!r}; trying on", lease=self._lease, error=failure.value)
        if not failure.check(KubeError, ValueError, DeferredTimeoutError):
            failure.raiseException()

    def _plan(self, _: None) -> None:
        """Have the next try made when it is due: on time by the leader, spread out by those who wait."""
        self._trying = None
        if self._is_running:
            pause = RETRY_SECONDS if self.leads else RETRY_SECONDS * (1.0 + self._jitter())
            self._call("try", self._began + pause, self._try)

    def _tell(self) -> None:
        """Tell where leadership began or ended, and look again when it would end."""
        is_leading = self._is_running and self.leads
        if is_leading:
            self._call("end", self._candidate.until + _TICK, self._tell)
        if is_leading == self._is_told or not self._is_running:
            return
        self._is_told = is_leading
        if is_leading:
            log.info("{identity} leads", identity=self._identity)
            self._on_lead()
        else:
            log.warn("{identity} leads no more", identity=self._identity)
            self._on_lost()

    def _call(self, name: str, at: float, function: Callable[[], None]) -> None:
        """Have ``function`` called at a time of our own clock, instead of when ``name`` was to be called."""
        timer = self._timers.get(name)
        if timer is not None and timer.active():
            timer.cancel()
        self._timers[name] = self._time.call_later(at - self._time.monotonic(), function)
