"""The Prometheus metrics of a process. No label holds a pod, an address or a connection: series stay few.

What changes with every connection is counted at its end; what is a state (sessions, queue, stock, bytes so far) is read
from its owner when Prometheus asks, and costs a connection nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from isoproxy.model.names import ServiceKey
from isoproxy.observe.outcomes import Outcome

WAIT_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
CONNECT_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

_SERVICE = ("namespace", "service")


@dataclass(frozen=True, slots=True)
class Live:
    """The state of one proxy now; bytes are those of all its connections so far, from and to clients."""

    sessions: int
    queued: int
    stock: int
    bytes_in: int
    bytes_out: int


Reader = Callable[[], Live]


class Metrics:
    """All metrics of one process, in a registry of its own."""

    def __init__(self) -> None:
        # They double the number of series, to tell what resets tell as well.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has types elsewhere only
        self.registry = CollectorRegistry()
        registry = self.registry
        self._live = _LiveCollector()
        registry.register(self._live)
        ProcessCollector(registry=registry)
        self._connections = Counter(
            "isoproxy_connections_total", "Connections that ended.", (*_SERVICE, "outcome"), registry=registry
        )
        self._claim_wait = Histogram(
            "isoproxy_claim_wait_seconds",
            "How long connections waited for their pod.",
            _SERVICE,
            buckets=WAIT_BUCKETS,
            registry=registry,
        )
        self._connect = Histogram(
            "isoproxy_connect_seconds",
            "How long it took to reach the pod.",
            _SERVICE,
            buckets=CONNECT_BUCKETS,
            registry=registry,
        )
        self._pods = Gauge("isoproxy_pods", "Pods by state.", (*_SERVICE, "state"), registry=registry)
        self._unwatched: Gauge | None = None
        self._requests = Counter(
            "isoproxy_api_requests_total",
            "Requests to the API server; the code is an HTTP status, or why there was none.",
            ("verb", "resource", "code"),
            registry=registry,
        )
        self._request_seconds = Histogram(
            "isoproxy_api_request_seconds",
            "How long requests to the API server took.",
            ("verb", "resource"),
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )

    def proxy(self, namespace: str, service: str, read: Reader) -> "ProxyMetrics":
        """Begin to report on a proxy of a service, until the result is removed."""
        self._live.add((namespace, service), read)
        return ProxyMetrics(self, namespace, service, read)

    def connection_ended(self, namespace: str, service: str, outcome: Outcome) -> None:
        """Count a connection's end where no proxy of this process can: the operator's ``proxy_lost``."""
        self._connections.labels(namespace, service, outcome.value).inc()

    def set_pods(self, namespace: str, service: str, pods: Mapping[str, int]) -> None:
        """Report a service's pods by state; keep to one set of states, so that none goes stale."""
        for state, count in pods.items():
            self._pods.labels(namespace, service, state).set(count)

    def remove_pods(self, namespace: str, service: str) -> None:
        """Forget the pods of a service that is no more."""
        self._pods.remove_by_labels({"namespace": namespace, "service": service})

    def set_namespaces_unwatched(self, count: int) -> None:
        """Report in how many namespaces an operator may not look; where there is none, there is no such number."""
        if self._unwatched is None:
            self._unwatched = Gauge(
                "isoproxy_namespaces_unwatched",
                "Namespaces that the API server does not let the operator watch.",
                registry=self.registry,
            )
        self._unwatched.set(count)

    def api_request(self, verb: str, resource: str, code: int | str, seconds: float) -> None:
        """Count one request; an observer of the API client."""
        self._requests.labels(verb, resource, str(code)).inc()
        self._request_seconds.labels(verb, resource).observe(seconds)

    def _forget_proxy(self, namespace: str, service: str, read: Reader) -> None:
        if self._live.remove((namespace, service), read):
            return  # a newer service of the same name goes on counting
        labels = {"namespace": namespace, "service": service}
        for metric in (self._connections, self._claim_wait, self._connect):
            metric.remove_by_labels(labels)


class ProxyMetrics:
    """What one proxy counts; the series are looked up once, not for each connection."""

    def __init__(self, metrics: Metrics, namespace: str, service: str, read: Reader) -> None:
        self._metrics = metrics
        self._name = (namespace, service)
        self._read = read
        # Every outcome is there from the start, at zero: a rate needs a first value.
        ours = [outcome for outcome in Outcome if outcome is not Outcome.PROXY_LOST]
        connections = metrics._connections
        self._ended: dict[Outcome, Counter] = {
            outcome: connections.labels(namespace, service, outcome.value) for outcome in ours
        }
        self.claim_waited = metrics._claim_wait.labels(namespace, service).observe
        self.connect_took = metrics._connect.labels(namespace, service).observe

    def ended(self, outcome: Outcome) -> None:
        """Count a connection's end."""
        self._ended[outcome].inc()

    def remove(self) -> None:
        """Take the series away: the service is no more."""
        self._metrics._forget_proxy(*self._name, self._read)


class _LiveCollector:
    """Asks every proxy for its state at each scrape; several of one service are added up."""

    def __init__(self) -> None:
        self._readers: dict[ServiceKey, list[Reader]] = {}

    def add(self, service: ServiceKey, read: Reader) -> None:
        self._readers.setdefault(service, []).append(read)

    def remove(self, service: ServiceKey, read: Reader) -> bool:
        """Return whether other proxies of the service remain."""
        readers = self._readers.get(service, [])
        if read in readers:
            readers.remove(read)
        if not readers:
            self._readers.pop(service, None)
        return bool(readers)

    def describe(self) -> Iterable[Metric]:
        return []  # else the registry would collect at registration

    def collect(self) -> Iterable[Metric]:
        sessions = GaugeMetricFamily("isoproxy_sessions", "Connections now, waiting ones included.", labels=_SERVICE)
        queued = GaugeMetricFamily("isoproxy_queued", "Connections that wait for a pod.", labels=_SERVICE)
        stock = GaugeMetricFamily("isoproxy_stock", "Pods at hand for the next connections.", labels=_SERVICE)
        relayed = CounterMetricFamily(
            "isoproxy_relayed_bytes", "Bytes passed on; in is from clients.", labels=(*_SERVICE, "direction")
        )
        for service, readers in self._readers.items():
            live = [read() for read in readers]
            sessions.add_metric(service, sum(one.sessions for one in live))
            queued.add_metric(service, sum(one.queued for one in live))
            stock.add_metric(service, sum(one.stock for one in live))
            relayed.add_metric((*service, "in"), sum(one.bytes_in for one in live))
            relayed.add_metric((*service, "out"), sum(one.bytes_out for one in live))
        return [sessions, queued, stock, relayed]
