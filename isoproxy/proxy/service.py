"""One proxy instance for one DedicatedService: its parts, how they are joined, and the order in which they end."""

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import txaio
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeoutError
from twisted.internet.interfaces import IDelayedCall

from isoproxy.kube.api import KubeApi
from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.metrics import Metrics
from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.assignments import Assignments
from isoproxy.proxy.connection import Connection, RelayFactory
from isoproxy.proxy.dialer import Dialer
from isoproxy.proxy.leasepace import Demand
from isoproxy.proxy.listener import ClientFactory, Listen, Listener
from isoproxy.proxy.presence import Holder, Presence
from isoproxy.proxy.records import Records
from isoproxy.proxy.relay import PipePool, Relay
from isoproxy.proxy.sessions import Sessions
from isoproxy.proxy.stock import Stock
from isoproxy.timesource import TimeSource

log = txaio.make_logger()

GRACE_SECONDS = 300
LINGER_SECONDS = 5.0
SHARE_SECONDS = 10.0
"""How long to wait for a first pod before being ready without: there may be none to be had."""
CUT_SECONDS = 5.0
"""What connections that were cut are given to be gone."""
FLUSH_SECONDS = 10.0
LAST_WORD_SECONDS = 5.0
_INSTANCE_LENGTH = 63


def new_instance(host_uid: str, chance: random.Random) -> str:
    """Return a name for one start of a proxy, ``<host uid>-<10 random characters>``, which fits a label.

    ``host_uid`` is the uid of the pod it runs in, or what stands for it: lower-case letters, digits and hyphens.
    """
    return f"{host_uid[: _INSTANCE_LENGTH - 11].rstrip('-')}-{chance.getrandbits(40):010x}"


def relays(reactor: Any, pipes: PipePool) -> RelayFactory:
    """Return what makes the relays of a process, which share the pipes."""

    def make_relay(client: Any, backend: Any, early: bytes, client_eof: bool) -> Relay:
        return Relay(reactor=reactor, client=client, backend=backend, early=early, pipes=pipes, client_eof=client_eof)

    return make_relay


class ProxyService(Service):
    """Accepts, claims, dials, relays, releases."""

    def __init__(
        self,
        *,
        reactor: Any,
        api: KubeApi,
        settings: ProxySettings,
        instance: str,
        listen: Listen,
        dialer: Dialer,
        metrics: Metrics,
        access_log: AccessLog,
        grace_seconds: int = GRACE_SECONDS,
        linger_seconds: float = LINGER_SECONDS,
        share_seconds: float = SHARE_SECONDS,
        make_relay: RelayFactory | None = None,
        time: TimeSource | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """``instance`` must never have been used before. ``linger_seconds``: how long clients may still be sent here
        after a drain has begun. ``time`` and ``make_relay`` are the machine's and our own unless given."""
        self.settings = settings
        self.instance = instance
        self._name = f"{settings.namespace}/{settings.service}"
        self._linger_seconds = linger_seconds
        self._share_seconds = share_seconds
        self._time = time or TimeSource.real(reactor)
        self._held_since: float | None = None
        self._draining: Deferred[None] | None = None
        self._when_drained: list[Deferred[None]] = []
        self._awaited: Deferred[None] | None = None
        self._lingering: Deferred[None] | None = None
        self._expects_clients = True
        self._cuts: list[IDelayedCall] = []
        self._is_cut_short = self._ended = False

        self._stock: Stock[Connection] = Stock(instance)
        self._presence = self._make_presence(api, grace_seconds, jitter)
        self._assignments = self._make_assignments(api, jitter)
        self._records = self._make_records(api, jitter)
        self._sessions = self._make_sessions(
            dialer, make_relay or relays(reactor, PipePool()), metrics=metrics, access_log=access_log
        )
        self._listener = self._make_listener(listen, jitter)

    def _make_presence(self, api: KubeApi, grace_seconds: int, jitter: Callable[[], float]) -> Presence:
        settings = self.settings
        return Presence(
            api=api,
            holder=Holder(settings.namespace, settings.service, settings.service_uid, self.instance),
            time=self._time,
            grace_seconds=grace_seconds,
            demand=self._demand,
            on_held=self._held,
            on_fenced=self._fenced,
            jitter=jitter,
        )

    def _make_records(self, api: KubeApi, jitter: Callable[[], float]) -> Records:
        return Records(
            api=api,
            instance=self.instance,
            time=self._time,
            newest=self._assignments.newest,
            on_told=self._presence.demand_changed,
            on_final=self._stock.recorded,
            jitter=jitter,
        )

    def _make_sessions(
        self, dialer: Dialer, make_relay: RelayFactory, *, metrics: Metrics, access_log: AccessLog
    ) -> Sessions:
        return Sessions(
            settings=self.settings,
            time=self._time,
            stock=self._stock,
            records=self._records,
            dialer=dialer,
            make_relay=make_relay,
            metrics=metrics,
            access_log=access_log,
            is_fenced=self._presence.is_fenced,
            demand_changed=self._demand_changed,
        )

    def _make_listener(self, listen: Listen, jitter: Callable[[], float]) -> Listener:
        return Listener(
            listen=listen,
            factory=ClientFactory(self._sessions.admit),
            time=self._time,
            on_change=self._listening_changed,
            jitter=jitter,
        )

    def _make_assignments(self, api: KubeApi, jitter: Callable[[], float]) -> Assignments:
        return Assignments(
            api=api,
            namespace=self.settings.namespace,
            instance=self.instance,
            time=self._time,
            on_seen=self._seen,
            on_gone=self._gone,
            on_complete=self._all_seen,
            jitter=jitter,
        )

    @property
    def ready(self) -> bool:
        """Whether clients should be sent here: it listens, holds its Lease, knows what it was assigned, and has a share
        of the pods, or has waited for one long enough.

        A drain changes that when the port closes: until then clients that have nowhere else to go are sent here.
        """
        if self._held_since is None or not self._assignments.complete:
            return False
        waited = self._time.monotonic() - self._held_since
        return self._listener.address != "" and (self._stock.ever_stocked or waited >= self._share_seconds)

    @property
    def address(self) -> str:
        """Where it listens, as ``host:port``; empty while it does not."""
        return self._listener.address

    @property
    def listen_error(self) -> str:
        """Why it does not listen; empty while it does, or has not tried."""
        return self._listener.error

    def startService(self) -> None:
        """Begin; clients may connect before there is an API server."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted.application is not typed
        self._presence.start()
        self._listener.open(self.settings.listen_port)

    def stopService(self) -> Deferred[None]:
        """End now: cut what is left, tell what can be told in a few seconds. ``drain`` first to end gently."""
        super().stopService()  # type: ignore[no-untyped-call]  # as above
        return self.drain(0.0)

    def apply(self, settings: ProxySettings) -> None:
        """Use other limits for new connections, and listen on another port; connections there are go on."""
        if self._draining is not None or settings == self.settings:
            return  # nothing new, as a rule: a change of a service's status comes here too
        self.settings = settings
        self._sessions.apply(settings)
        self._listener.open(settings.listen_port)

    def expect_clients(self, does: bool) -> None:
        """Say whether clients may still be sent here once it ends, which it waits for a moment then."""
        self._expects_clients = does
        if not does and self._lingering is not None:
            self._lingering.cancel()

    def drain(self, timeout: float) -> Deferred[None]:
        """End: connections have ``timeout`` seconds to end by themselves, then a few more go to the last records.

        Fires when nothing is left to do. A later call may make the time shorter, never longer.
        """
        if self._ended:
            return succeed(None)
        drained: Deferred[None] = Deferred()
        self._when_drained.append(drained)
        self._cuts.append(self._time.call_later(timeout, self._cut_short))
        if self._draining is None:
            self._draining = Deferred.fromCoroutine(self._drain())
            self._draining.addErrback(lambda failure: log.failure("draining failed", failure=failure))
            self._draining.addCallback(lambda _: self._drained())
        return drained

    async def _drain(self) -> None:
        """Written out, because the order matters: clients first, then pods, then what is told of them."""
        self._presence.say(draining=True)
        if self._expects_clients:
            self._lingering = self._time.sleep(self._linger_seconds)
            await self._unless_cut_short(self._lingering)
        await self._listener.close()
        self._sessions.drain()
        await self._unless_cut_short(self._sessions.when_empty())
        if left := self._sessions.live().sessions:
            log.info("{service}: {count} connections did not end in time", service=self._name, count=left)
        self._sessions.cut_all(Outcome.DRAINED)
        try:
            await self._sessions.when_empty().addTimeout(CUT_SECONDS, self._time.reactor)
        except DeferredTimeoutError:
            log.error("connections of {service} could not be cut", service=self._name)
        await self._records.flush(FLUSH_SECONDS)
        self._assignments.stop()
        await self._presence.end(LAST_WORD_SECONDS)

    def _drained(self) -> None:
        self._ended = True
        for part in (self._assignments, self._presence, self._records, self._sessions):
            part.stop()
        for cut in self._cuts:
            if cut.active():
                cut.cancel()
        waiting, self._when_drained = self._when_drained, []
        for drained in waiting:
            drained.callback(None)

    async def _unless_cut_short(self, event: Deferred[None]) -> None:
        self._awaited = event
        if self._is_cut_short:
            event.cancel()
        with suppress(CancelledError):
            await event

    def _cut_short(self) -> None:
        self._is_cut_short = True
        if self._awaited is not None:
            self._awaited.cancel()

    # What the parts tell each other

    def _demand(self) -> Demand:
        return self._sessions.demand()

    def _demand_changed(self, urgent: bool) -> None:
        self._presence.demand_changed(urgent=urgent)

    def _seen(self, record: IsolationPod) -> None:
        self._sessions.see(record)

    def _gone(self, uid: str) -> None:
        self._sessions.gone(uid)

    def _held(self) -> None:
        if self._held_since is None:
            self._held_since = self._time.monotonic()
        self._assignments.begin()

    def _fenced(self) -> None:
        self._assignments.stop()
        self._sessions.give_back(self._stock.fence())

    def _all_seen(self, uids: set[str]) -> None:
        self._sessions.retain(uids)
        self._stock.reopen()

    def _listening_changed(self) -> None:
        listener = self._listener
        if listener.error:
            log.error("{service}: {error} It is tried again.", service=self._name, error=listener.error)
        elif listener.address:
            log.info("{service} listens on {address}", service=self._name, address=listener.address)
        self._presence.say(listen=listener.address, listen_error=listener.error)
