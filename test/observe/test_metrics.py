"""What Prometheus is told, and that nothing of a service stays behind."""

from prometheus_client import generate_latest

from isoproxy.observe.metrics import Live, Metrics
from isoproxy.observe.outcomes import Outcome

WEB = {"namespace": "default", "service": "web"}


def one() -> Live:
    return Live(sessions=3, queued=1, stock=2, bytes_in=10, bytes_out=20)


def another() -> Live:
    return Live(sessions=1, queued=0, stock=5, bytes_in=1, bytes_out=2)


def test_the_state_of_a_proxy_is_read_when_asked_for() -> None:
    metrics = Metrics()
    metrics.proxy("default", "web", one)
    sample = metrics.registry.get_sample_value
    assert sample("isoproxy_sessions", WEB) == 3
    assert sample("isoproxy_queued", WEB) == 1
    assert sample("isoproxy_stock", WEB) == 2
    assert sample("isoproxy_relayed_bytes_total", WEB | {"direction": "in"}) == 10
    assert sample("isoproxy_relayed_bytes_total", WEB | {"direction": "out"}) == 20


def test_every_outcome_of_a_proxy_has_a_series_from_the_start() -> None:
    metrics = Metrics()
    proxy = metrics.proxy("default", "web", one)
    proxy.ended(Outcome.QUEUE_TIMEOUT)
    values = {
        outcome: metrics.registry.get_sample_value("isoproxy_connections_total", WEB | {"outcome": outcome.value})
        for outcome in Outcome
    }
    assert values.pop(Outcome.PROXY_LOST) is None  # which no proxy can tell of itself
    assert values.pop(Outcome.QUEUE_TIMEOUT) == 1
    assert set(values.values()) == {0}


def test_waits_and_connects_are_measured() -> None:
    metrics = Metrics()
    proxy = metrics.proxy("default", "web", one)
    proxy.claim_waited(0.3)
    proxy.connect_took(0.002)
    sample = metrics.registry.get_sample_value
    assert sample("isoproxy_claim_wait_seconds_bucket", WEB | {"le": "0.25"}) == 0
    assert sample("isoproxy_claim_wait_seconds_bucket", WEB | {"le": "0.5"}) == 1
    assert sample("isoproxy_connect_seconds_sum", WEB) == 0.002


def test_nothing_of_a_deleted_service_stays() -> None:
    metrics = Metrics()
    proxy = metrics.proxy("default", "web", one)
    proxy.ended(Outcome.COMPLETED)
    proxy.claim_waited(0.3)
    metrics.set_pods("default", "web", {"warm": 2, "in_use": 1})
    assert metrics.registry.get_sample_value("isoproxy_pods", WEB | {"state": "warm"}) == 2
    proxy.remove()
    proxy.remove()
    metrics.remove_pods("default", "web")
    assert b'service="web"' not in generate_latest(metrics.registry)


def test_a_service_made_anew_goes_on_counting_while_the_old_one_ends() -> None:
    metrics = Metrics()
    old = metrics.proxy("default", "web", one)
    metrics.proxy("default", "web", another)
    assert metrics.registry.get_sample_value("isoproxy_sessions", WEB) == 4
    old.remove()
    assert metrics.registry.get_sample_value("isoproxy_sessions", WEB) == 1
    assert metrics.registry.get_sample_value("isoproxy_connections_total", WEB | {"outcome": "completed"}) == 0


def test_the_operator_counts_what_dead_proxies_could_not() -> None:
    metrics = Metrics()
    metrics.connection_ended("default", "web", Outcome.PROXY_LOST)
    sample = metrics.registry.get_sample_value
    assert sample("isoproxy_connections_total", WEB | {"outcome": "proxy_lost"}) == 1


def test_requests_to_the_api_server_are_counted_by_what_came_of_them() -> None:
    metrics = Metrics()
    metrics.api_request("patch", "leases", 200, 0.004)
    metrics.api_request("patch", "leases", "not_sent", 1.0)
    sample = metrics.registry.get_sample_value
    labels = {"verb": "patch", "resource": "leases"}
    assert sample("isoproxy_api_requests_total", labels | {"code": "200"}) == 1
    assert sample("isoproxy_api_requests_total", labels | {"code": "not_sent"}) == 1
    assert sample("isoproxy_api_request_seconds_count", labels) == 2


def test_two_processes_of_metrics_do_not_share_a_registry() -> None:
    first, second = Metrics(), Metrics()
    first.proxy("default", "web", one)
    assert second.registry.get_sample_value("isoproxy_sessions", WEB) is None
