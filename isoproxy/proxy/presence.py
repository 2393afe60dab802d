"""A proxy instance's Lease: kept alive, kept up to date, and the fence that falls when it could not be.

The fence makes it safe to take a silent proxy's pods away: the operator does so ``grace_seconds`` after the Lease
expired, and the proxy stops using them that long after the last renewal that it knows was received, reckoned from when
that renewal was *sent*. So it always stops first.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import txaio
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from isoproxy.kube.api import KubeApi
from isoproxy.kube.errors import AlreadyExists, KubeError, NotFound
from isoproxy.kube.resources import LEASES, Json
from isoproxy.model import names
from isoproxy.model.proxylease import lease_manifest
from isoproxy.model.timestamps import rfc3339
from isoproxy.proxy.leasepace import COALESCE_SECONDS, Demand, LeasePace, Said
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

TRY_SECONDS = 4.0
"""How long one try may take: a server that hangs must not keep the next one from being made in time."""
YIELD_SECONDS = 0.05
"""What is not urgent is told this much later at least: the connection that it is news of comes first."""
_TICK = 0.001


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose Lease it is."""

    namespace: str
    service: str
    service_uid: str
    instance: str


class Presence:
    """Says that the proxy lives, what it holds and what it lacks."""

    def __init__(
        self,
        *,
        api: KubeApi,
        holder: Holder,
        time: TimeSource,
        grace_seconds: int,
        demand: Callable[[], Demand],
        on_held: Callable[[], None],
        on_fenced: Callable[[], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``demand`` gives what the proxy has and lacks, now. ``on_held`` is called when the Lease is held
        for the first time, and again after each fence; ``on_fenced`` when the fence falls."""
        self._api = api
        self._holder = holder
        self._time = time
        self._grace_seconds = grace_seconds
        self._demand = demand
        self._on_held = on_held
        self._on_fenced = on_fenced
        self._jitter = jitter
        self._name = names.lease_name(holder.service, holder.instance)
        self._pace = LeasePace()
        self._state = Said()
        self._exists = False
        self._renewed_at: float | None = None
        self._running = False
        self._writing: Deferred[None] | None = None
        self._timer: IDelayedCall | None = None
        self._timer_at = 0.0
        self._is_soon = False
        self._fence_timer: IDelayedCall | None = None
        self._ended: Deferred[None] | None = None
        self.held = False
        """Whether the Lease is held, which includes that the fence has not fallen since."""

    def start(self) -> None:
        """Create the Lease, and keep it."""
        self._running = True
        self._plan()

    def stop(self) -> None:
        """Stop writing, without a last word; the fence stays as it is. Idempotent."""
        self._running = False
        for timer in (self._timer, self._fence_timer):
            if timer is not None and timer.active():
                timer.cancel()
        self._timer = None
        if self._writing is not None:
            self._writing.cancel()

    def demand_changed(self, *, urgent: bool = False) -> None:
        """Tell the operator soon, or now if ``urgent``; cheap, for it is called with every connection."""
        if self._writing is None and (urgent or not self._is_soon):
            self._plan()

    def say(self, *, draining: bool | None = None, listen: str | None = None, listen_error: str | None = None) -> None:
        """Tell the operator at once; None leaves a thing as it is."""
        state = self._state
        self._state = replace(
            state,
            draining=state.draining if draining is None else draining,
            listen=state.listen if listen is None else listen,
            listen_error=state.listen_error if listen_error is None else listen_error,
        )
        self.demand_changed(urgent=True)

    async def end(self, within: float) -> bool:
        """Say the last word, and stop; False if it was not acknowledged in ``within`` seconds."""
        if not self._running:
            return False
        self._state = replace(self._state, draining=True, ended=True)
        self._ended = Deferred()
        self.demand_changed(urgent=True)
        try:
            await self._ended.addTimeout(within, self._time.reactor)
        except DeferredTimeoutError:
            return False
        finally:
            self.stop()
        return True

    def is_fenced(self) -> bool:
        """Whether the stock may not be used any more. Asked before each claim and dial, and after each connect."""
        renewed = self._renewed_at
        if renewed is not None and self._time.monotonic() - renewed <= self._grace_seconds:
            return False
        self._fall()
        return True

    def _said(self) -> Said:
        return replace(self._state, demand=self._demand())

    def _plan(self) -> None:
        """Have the next write made when it is due."""
        if not self._running:
            return
        said = self._said()
        due = self._pace.due(said)
        now = self._time.monotonic()
        soonest = now if self._pace.is_urgent(said) else now + YIELD_SECONDS
        at = now if due is None else max(due, soonest)
        if self._timer is not None:
            if self._timer_at <= at:
                return  # it will look again then
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._time.call_later(at - now, self._wake)
        self._is_soon = at - now <= COALESCE_SECONDS

    def _wake(self) -> None:
        """Make one try, if one is due."""
        self._timer = None
        self._is_soon = False
        said = self._said()
        now = self._time.monotonic()
        due = self._pace.due(said)
        if due is not None and due > now:
            self._plan()
            return
        self._pace.began(now, said)
        write = Deferred.fromCoroutine(self._put(said)).addTimeout(TRY_SECONDS, self._time.reactor)
        self._writing = write
        write.addCallbacks(self._written, self._failed, callbackArgs=(said, now))
        write.addErrback(lambda failure: log.failure("{lease}", lease=self._name, failure=failure))
        write.addCallback(lambda _: self._plan())

    async def _put(self, said: Said) -> None:
        annotations = said.annotations(self._grace_seconds)
        renew_time = rfc3339(self._time.utcnow(), digits="microseconds")
        if self._exists:
            try:
                await self._patch(annotations, renew_time)
            except NotFound:
                self._exists = False  # deleted by hand, or by an operator that took us for dead
            else:
                return
        try:
            await self._create(annotations, renew_time)
        except AlreadyExists:  # the reply to an earlier try was lost
            await self._patch(annotations, renew_time)
        self._exists = True

    async def _create(self, annotations: dict[str, str | None], renew_time: str) -> None:
        holder = self._holder
        lease = lease_manifest(
            service_name=holder.service,
            service_uid=holder.service_uid,
            instance=holder.instance,
            annotations={name: value for name, value in annotations.items() if value is not None},
        )
        lease["spec"]["renewTime"] = renew_time
        await self._api.create(LEASES, lease, namespace=holder.namespace)

    async def _patch(self, annotations: dict[str, str | None], renew_time: str) -> None:
        patch: Json = {"metadata": {"annotations": annotations}, "spec": {"renewTime": renew_time}}
        await self._api.patch(LEASES, self._name, patch, namespace=self._holder.namespace)

    def _written(self, _: None, said: Said, sent_at: float) -> None:
        self._writing = None
        if self._pace.succeeded(said):
            log.info("{lease} is renewed again", lease=self._name)
        if self._renewed_at is None or sent_at > self._renewed_at:
            self._renewed_at = sent_at
        if not self.is_fenced():  # a reply that took longer than the grace proves nothing
            self._arm_fence()
            if not self.held:
                self.held = True
                self._on_held()
        if said.ended and self._ended is not None:
            self._running = False
            self._ended.callback(None)

    def _failed(self, failure: Failure) -> None:
        self._writing = None
        if failure.check(CancelledError):
            return  # by stop()
        if self._pace.failed(self._jitter()):
            log.warn("{lease} cannot be renewed: {error!r}; trying on", lease=self._name, error=failure.value)
        if not failure.check(KubeError, DeferredTimeoutError):
            failure.raiseException()

    def _arm_fence(self) -> None:
        if self._fence_timer is not None and self._fence_timer.active():
            self._fence_timer.cancel()
        assert self._renewed_at is not None
        left = self._renewed_at + self._grace_seconds - self._time.monotonic()
        self._fence_timer = self._time.call_later(left + _TICK, self._watch_fence)

    def _watch_fence(self) -> None:
        if self._running and not self.is_fenced():
            self._arm_fence()  # the timer's clock ran ahead of ours

    def _fall(self) -> None:
        if not self.held:
            return
        self.held = False
        log.error(
            "{lease} has not been renewed for {seconds} s: its stock is dropped, connections go on",
            lease=self._name,
            seconds=self._grace_seconds,
        )
        self._on_fenced()
