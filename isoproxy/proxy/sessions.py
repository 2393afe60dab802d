"""All connections of one proxy, and the stock that serves them: admits, serves, counts and ends."""

from collections.abc import Callable, Iterable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.internet.tcp import Connection as Transport

from isoproxy.model.isolationpod import IsolationPod
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.observe.accesslog import AccessLog, Entry
from isoproxy.observe.metrics import Live, Metrics
from isoproxy.observe.outcomes import Outcome
from isoproxy.proxy.backend import Backend
from isoproxy.proxy.connection import Connection, RelayFactory
from isoproxy.proxy.dialer import Dialer
from isoproxy.proxy.leasepace import Demand
from isoproxy.proxy.records import Records
from isoproxy.proxy.session import Limits, Queued
from isoproxy.proxy.stock import Return, Serve, Stock, is_withdrawn
from isoproxy.proxy.timeouts import Sweep
from isoproxy.timesource import TimeSource

SHORTEST_SWEEP_SECONDS = 0.1
LONGEST_SWEEP_SECONDS = 5.0


class Sessions:
    """The desk that connections come to."""

    def __init__(
        self,
        *,
        settings: ProxySettings,
        time: TimeSource,
        stock: Stock[Connection],
        records: Records,
        dialer: Dialer,
        make_relay: RelayFactory,
        metrics: Metrics,
        access_log: AccessLog,
        is_fenced: Callable[[], bool],
        demand_changed: Callable[[bool], None],
    ) -> None:
        """``demand_changed`` is called when the queue or the stock has changed, with True when the queue begins."""
        self.time = time
        self.dialer = dialer
        self.make_relay = make_relay
        self.is_fenced = is_fenced
        self._stock = stock
        self._records = records
        self._metrics = metrics.proxy(settings.namespace, settings.service, self.live)
        self._access_log = access_log
        self._demand_changed = demand_changed
        self._open: dict[Connection, None] = {}  # a set, in the order in which they came
        self._having: dict[str, Connection] = {}
        """Who has claimed a pod, by the uid of its IsolationPod."""
        self._bytes_in = self._bytes_out = 0  # of connections that ended
        self._when_empty: list[Deferred[None]] = []
        self._sweep = Sweep(time=time, function=self._end_idle)
        self.apply(settings)

    def apply(self, settings: ProxySettings) -> None:
        """Use other limits for the connections that come from now on."""
        self._settings = settings
        limits = settings.session
        self._limits = Limits(
            queue_timeout=settings.queue.timeout_seconds,
            connect_timeout=limits.connect_timeout_seconds,
            max_duration=limits.max_duration_seconds,
            idle_timeout=limits.idle_timeout_seconds,
        )
        often = LONGEST_SWEEP_SECONDS if limits.idle_timeout_seconds is None else limits.idle_timeout_seconds / 10
        self._sweep.every(min(max(often, SHORTEST_SWEEP_SECONDS), LONGEST_SWEEP_SECONDS))

    def admit(self, client: Transport, peer: IAddress) -> Connection:
        """Take in an accepted connection."""
        connection = Connection(desk=self, client=client, peer=peer, limits=self._limits)
        self._open[connection] = None
        connection.begin()
        return connection

    def demand(self) -> Demand:
        """Return what the Lease is to say."""
        claimed = self._records.untold
        return Demand(queued=self._stock.queued, held=len(self._stock) + claimed, claimed=claimed)

    def live(self) -> Live:
        """Return the state of things, for metrics."""
        relays = [connection.relay for connection in self._open if connection.relay is not None]
        return Live(
            sessions=len(self._open),
            queued=self._stock.queued,
            stock=len(self._stock),
            bytes_in=self._bytes_in + sum(relay.bytes_in for relay in relays),
            bytes_out=self._bytes_out + sum(relay.bytes_out for relay in relays),
        )

    # What the watch tells

    def see(self, record: IsolationPod) -> None:
        """An IsolationPod is new, or has changed."""
        self.is_fenced()  # if so, nothing enters
        connection = self._having.get(record.metadata.uid)
        if connection is not None and is_withdrawn(record):
            connection.pod_withdrawn()
        while (waiter := self._stock.longest_waiting()) is not None:
            waiter.leave_if_reset()
            if self._stock.longest_waiting() is waiter:
                break
        result = self._stock.see(record)
        if isinstance(result, Serve):
            self._claimed(result.waiter, result.pod)
            result.waiter.given(result.pod)
        elif result is not None:
            self._records.returned(result.pod)
        self._demand_changed(False)

    def gone(self, uid: str) -> None:
        """An IsolationPod is seen no more."""
        result = self._stock.gone(uid)
        self.give_back([] if result is None else [result])
        if (connection := self._having.get(uid)) is not None:
            connection.pod_gone()

    def retain(self, uids: set[str]) -> None:
        """Take in a complete list: the IsolationPods that are not in it are gone."""
        self.give_back(self._stock.retain(uids))
        for connection in [one for uid, one in self._having.items() if uid not in uids]:
            connection.pod_gone()

    def give_back(self, pods: Iterable[Return]) -> None:
        """Have pods that left the stock unused recorded as Returned."""
        for returned in pods:
            self._records.returned(returned.pod)
        self._demand_changed(False)

    # The end

    def drain(self) -> None:
        """Return the stock, and whatever arrives from now on; nobody who waits can be served any more."""
        self.give_back(self._stock.drain())
        for connection in [one for one in self._open if isinstance(one.session.state, Queued)]:
            connection.cut(Outcome.DRAINED)

    def cut_all(self, outcome: Outcome) -> None:
        """End all connections."""
        for connection in list(self._open):
            connection.cut(outcome)

    def when_empty(self) -> Deferred[None]:
        """Return a Deferred that fires when there is no connection (any more)."""
        if not self._open:
            return succeed(None)
        empty: Deferred[None] = Deferred(self._when_empty.remove)
        self._when_empty.append(empty)
        return empty

    def stop(self) -> None:
        """Be done; idempotent."""
        self._sweep.stop()
        self._metrics.remove()

    # The desk

    def claim(self, connection: Connection, *, front: bool) -> Backend | Outcome | None:
        """See Desk."""
        self.is_fenced()  # if so, the stock has just been dropped
        pod = self._stock.claim()
        if pod is not None:
            self._claimed(connection, pod)
            self._demand_changed(False)
            return pod
        if self._stock.drained:
            return Outcome.DRAINED
        # A queue, however long it may be, must not take the files that those need who find a pod, here or elsewhere.
        places = 0 if connection.has_spare_file else self._settings.queue.max_length
        if not self._stock.wait(connection, limit=places, front=front):
            return Outcome.QUEUE_FULL
        self._demand_changed(self._stock.queued == 1)
        return None

    def leave(self, connection: Connection) -> None:
        """See Desk."""
        self._stock.leave(connection)
        self._demand_changed(False)

    def connected(self, connection: Connection) -> None:
        """See Desk."""
        self._metrics.claim_waited(connection.session.queued_seconds)
        self._metrics.connect_took(connection.session.connect_seconds)

    def retire(self, pod: Backend, outcome: Outcome) -> None:
        """See Desk."""
        self._having.pop(pod.uid, None)
        self._records.released(pod, outcome, self.time.utcnow())

    def ended(self, connection: Connection, outcome: Outcome) -> None:
        """See Desk."""
        self._open.pop(connection, None)
        self._bytes_in += connection.bytes_in
        self._bytes_out += connection.bytes_out
        self._metrics.ended(outcome)
        self._access_log.record(self._entry(connection, outcome))
        if not self._open:
            waiting, self._when_empty = self._when_empty, []
            for empty in waiting:
                empty.callback(None)

    def _claimed(self, connection: Connection, pod: Backend) -> None:
        self._having[pod.uid] = connection
        self._records.claimed(pod, connection.client_name, self.time.utcnow())

    def _entry(self, connection: Connection, outcome: Outcome) -> Entry:
        session = connection.session
        return Entry(
            namespace=self._settings.namespace,
            service=self._settings.service,
            client=connection.client_name,
            pod=connection.pod.name if connection.pod is not None else "",
            outcome=outcome,
            queued=session.queued_seconds,
            connect=session.connect_seconds,
            duration=self.time.monotonic() - connection.accepted_at,
            bytes_in=connection.bytes_in,
            bytes_out=connection.bytes_out,
            attempts=session.dials,
            error=session.error,
        )

    def _end_idle(self, now: float) -> None:
        for connection in list(self._open):
            connection.cut_if_idle(now)
