"""What Prometheus is told to collect, and what is asked of that: numbers and labels that there are."""

import re
from itertools import product

import pytest
import yaml

from isoproxy.model import proxyaccess
from isoproxy.observe.metrics import Live, Metrics
from test.chart.helm import CHART, NAMESPACE, RELEASE, Json, look, of_kind, rendered

pytestmark = pytest.mark.needs_program("go")

MONITORED: Json = {
    "metrics.serviceMonitor.enabled": True,
    "metrics.prometheusRule.enabled": True,
    "metrics.dashboard.enabled": True,
}
OF_THE_TARGET = {"namespace", "pod"}
"""Labels that Prometheus puts on every number of a pod."""
ASKED_BY = re.compile(r"(?:sum|max) by \(([a-z, ]+)\) \((?:\w+\()?(isoproxy_\w+)")


def all_metrics() -> Metrics:
    """Return all metrics of an operator and a proxy, each of them with a value."""
    metrics = Metrics()
    proxy = metrics.proxy("a", "b", lambda: Live(0, 0, 0, 0, 0))
    proxy.claim_waited(1)
    proxy.connect_took(1)
    metrics.set_pods("a", "b", {"warm": 1})
    metrics.set_namespaces_unwatched(1)
    metrics.api_request("get", "pods", 200, 0.1)
    return metrics


def labels() -> dict[str, set[str]]:
    """Return the labels of all series that there can be, by their names."""
    samples = (sample for metric in all_metrics().registry.collect() for sample in metric.samples)
    return {sample.name: set(sample.labels) for sample in samples}


def alerts(values: Json = MONITORED) -> dict[str, Json]:
    """Return the alerts by name."""
    groups = look(rendered(values), "PrometheusRule spec.groups")
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_alerts_and_dashboard_ask_for_numbers_that_there_are(file: str) -> None:
    asked = set(re.findall(r"isoproxy_\w+", (CHART / "files" / file).read_text()))
    assert asked
    assert asked <= labels().keys()


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_they_ask_by_labels_that_these_numbers_have(file: str) -> None:
    asked = ASKED_BY.findall((CHART / "files" / file).read_text())
    assert asked
    for by, name in asked:
        assert set(by.split(", ")) <= labels()[name] | OF_THE_TARGET


def test_an_alert_that_names_a_service_has_one_to_name() -> None:
    for rule in alerts().values():
        named = set(re.findall(r"\$labels\.(\w+)", yaml.safe_dump(rule["annotations"])))
        assert named <= {label for by in re.findall(r"by \(([a-z, ]+)\)", rule["expr"]) for label in by.split(", ")}


def test_whoever_makes_a_pod_like_a_proxys_speaks_for_his_own_namespace_only() -> None:
    (endpoint,) = look(rendered(MONITORED), "PodMonitor spec.podMetricsEndpoints")
    assert endpoint["honorLabels"] is False
    # The operator's own numbers are of many namespaces.
    assert look(rendered(MONITORED), "ServiceMonitor spec.endpoints.0.honorLabels") is True


def test_a_proxy_says_less_than_it_may_whatever_has_happened_to_it() -> None:
    metrics = all_metrics()
    verbs = {verb for rule in proxyaccess.rules("b") for verb in rule["verbs"]}
    resources = {resource for rule in proxyaccess.rules("b") for resource in rule["resources"]}
    codes = (*range(200, 204), *range(400, 430), *range(500, 505), "NotSent", "UnknownOutcome")
    for verb, resource, code in product(verbs, resources, codes):
        metrics.api_request(verb, resource, code, 0.1)
    said = sum(len(metric.samples) for metric in metrics.registry.collect())
    assert 500 < said < look(rendered(MONITORED), "PodMonitor spec.sampleLimit")


def test_proxies_are_seen_where_the_operator_serves_no_metrics() -> None:
    found = rendered(MONITORED | {"metrics.enabled": False})
    assert look(found, "PodMonitor metadata.name") == f"{RELEASE}-proxies"
    assert look(found, "ConfigMap metadata.name") == f"{RELEASE}-dashboard"
    assert of_kind(found, "ServiceMonitor") == of_kind(found, "Service") == []


def test_a_missing_operator_is_told_by_the_name_that_its_numbers_are_collected_under() -> None:
    expression = alerts()["IsoproxyOperatorAway"]["expr"]
    asked = dict(re.findall(r'(\w+)="([^"]*)"', expression))
    service = look(rendered(MONITORED), "Service metadata.name")  # the Prometheus operator calls a job so
    assert {name: asked.pop(name) for name in ("namespace", "job")} == {"namespace": NAMESPACE, "job": service}
    assert asked == {"verb": "list", "resource": "dedicatedservices", "code": "200"}
    assert asked.keys() == labels()["isoproxy_api_requests_total"]


@pytest.mark.parametrize("missing", ["metrics.enabled", "metrics.serviceMonitor.enabled"])
def test_where_nobody_collects_from_the_operator_it_is_not_said_to_be_missing(missing: str) -> None:
    assert "IsoproxyOperatorAway" not in alerts(MONITORED | {missing: False})
