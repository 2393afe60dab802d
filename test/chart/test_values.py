"""Every value of the chart has an effect: without it the field is another, or not there."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import pytest
import yaml

from test.chart.helm import CHART, RELEASE, Json, look, rendered

pytestmark = pytest.mark.needs_program("go")

POD = "Deployment spec.template.spec"
MAIN = f"{POD}.containers.0"
IMAGE = "zot.soh.re/isolation-proxy"
DIGEST = "sha256:" + "0123456789abcdef" * 4
TOLERATION = {"key": "dedicated", "operator": "Exists"}
SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
MONITOR, RULE, DASHBOARD = "metrics.serviceMonitor", "metrics.prometheusRule", "metrics.dashboard"
MONITORED, RULED, SHOWN = ({f"{what}.enabled": True} for what in (MONITOR, RULE, DASHBOARD))
BUDGET = {"podDisruptionBudget.enabled": True}


class Case(NamedTuple):
    """A value, set to something, and what is to be where then; ``beside`` is set in both renderings."""

    name: str
    value: Any
    address: str
    expected: Any
    beside: Json = {}


CASES = [
    Case("replicaCount", 3, "Deployment spec.replicas", 3),
    Case("replicaCount", 0, "Deployment spec.replicas", 0),
    Case("image.repository", "example.org/ours", f"{MAIN}.image", "example.org/ours:latest"),
    Case("image.tag", "1.2", f"{MAIN}.image", f"{IMAGE}:1.2"),
    Case("image.digest", DIGEST, f"{MAIN}.image", f"{IMAGE}@{DIGEST}"),
    Case("image.digest", DIGEST, f"{MAIN}.args.1", f"--proxy-image={IMAGE}@{DIGEST}"),
    Case("image.pullPolicy", "Never", f"{MAIN}.imagePullPolicy", "Never"),
    Case("image.pullPolicy", "IfNotPresent", f"{MAIN}.args.2", "--proxy-pull-policy=IfNotPresent"),
    Case("imagePullSecrets", [{"name": "login"}], f"{POD}.imagePullSecrets", [{"name": "login"}]),
    Case("imagePullSecrets", [{"name": "login"}], "ServiceAccount imagePullSecrets", [{"name": "login"}]),
    Case("imagePullSecrets", [{"name": "login"}], f"{MAIN}.args.3", "--proxy-pull-secret=login"),
    Case("nameOverride", "other", "Deployment metadata.name", f"{RELEASE}-other-controller-manager"),
    Case("nameOverride", "other", "Deployment spec.selector.matchLabels.app~kubernetes~io/name", "other"),
    Case("fullnameOverride", "other", "Deployment metadata.name", "other-controller-manager"),
    Case("watchNamespaces", ["one"], f"{MAIN}.args.3", "--namespace=one"),
    Case("watchNamespaces", ["one"], "RoleBinding metadata.namespace", "one"),
    Case("watchNamespaces", ["one"], "ClusterRoleBinding metadata.name", None),
    Case("watchNamespaces", ["one"], "PodMonitor spec.namespaceSelector", {"matchNames": ["one"]}, MONITORED),
    Case("leaderElection.enabled", True, f"{MAIN}.args.3", "--leader-elect"),
    Case("leaderElection.enabled", True, "Role rules.1.resourceNames", ["isolation-proxy-operator"]),
    Case("ipv6", True, f"{MAIN}.args.3", "--metrics-listen=tcp6:8080"),
    Case("ipv6", True, f"{MAIN}.args.4", "--health-listen=tcp6:8081"),
    Case("ipv6", True, f"{MAIN}.args.9", "--proxy-ipv6"),
    Case("extraArgs", ["--proxy-grace=60"], f"{MAIN}.args.9", "--proxy-grace=60"),
    Case("extraEnv", [{"name": "A", "value": "b"}], f"{MAIN}.env.1", {"name": "A", "value": "b"}),
    Case("resources.limits.cpu", "2", f"{MAIN}.resources.limits.cpu", "2"),
    Case("resources.limits.memory", "1Gi", f"{MAIN}.resources.limits.memory", "1Gi"),
    Case("resources.requests.cpu", "1", f"{MAIN}.resources.requests.cpu", "1"),
    Case("resources.requests.memory", "1Gi", f"{MAIN}.resources.requests.memory", "1Gi"),
    Case("metrics.enabled", False, f"{MAIN}.args.3", "--health-listen=tcp:8081"),
    Case("metrics.enabled", False, f"{MAIN}.ports.0.name", "health"),
    Case("metrics.enabled", False, "Service metadata.name", None),
    Case("metrics.enabled", False, "ServiceMonitor metadata.name", None, MONITORED),
    Case("metrics.port", 9999, f"{MAIN}.args.3", "--metrics-listen=tcp:9999"),
    Case("metrics.port", 9999, f"{MAIN}.ports.0.containerPort", 9999),
    Case("metrics.port", 9999, "Service spec.ports.0.port", 9999),
    Case("metrics.port", 9999, "NetworkPolicy spec.ingress.0.ports.0.port", 9999),
    Case(f"{MONITOR}.enabled", True, "ServiceMonitor spec.endpoints.0.port", "metrics"),
    Case(f"{MONITOR}.enabled", True, "PodMonitor spec.podMetricsEndpoints.0.port", "metrics"),
    Case(f"{MONITOR}.interval", "5s", "ServiceMonitor spec.endpoints.0.interval", "5s", MONITORED),
    Case(f"{MONITOR}.interval", "5s", "PodMonitor spec.podMetricsEndpoints.0.interval", "5s", MONITORED),
    Case(f"{MONITOR}.labels", {"a": "b"}, "ServiceMonitor metadata.labels.a", "b", MONITORED),
    Case(f"{RULE}.enabled", True, "PrometheusRule spec.groups.0.name", "isoproxy"),
    Case(f"{RULE}.labels", {"a": "b"}, "PrometheusRule metadata.labels.a", "b", RULED),
    Case(f"{DASHBOARD}.enabled", True, "ConfigMap metadata.name", f"{RELEASE}-dashboard"),
    Case(f"{DASHBOARD}.labels.grafana_dashboard", "2", "ConfigMap metadata.labels.grafana_dashboard", "2", SHOWN),
    Case("healthProbe.enabled", False, f"{MAIN}.livenessProbe", None),
    Case("healthProbe.enabled", False, f"{MAIN}.readinessProbe", None),
    Case("healthProbe.enabled", False, f"{MAIN}.startupProbe", None),
    Case("healthProbe.enabled", False, f"{MAIN}.args.8", None),
    Case("healthProbe.port", 9999, f"{MAIN}.args.4", "--health-listen=tcp:9999"),
    Case("healthProbe.port", 9999, f"{MAIN}.ports.1.containerPort", 9999),
    Case("healthProbe.port", 9999, "NetworkPolicy spec.ingress.0.ports.1.port", 9999),
    Case("podAnnotations", {"a": "b"}, "Deployment spec.template.metadata.annotations", {"a": "b"}),
    Case("podLabels", {"a": "b"}, "Deployment spec.template.metadata.labels.a", "b"),
    Case("podSecurityContext.runAsNonRoot", None, f"{POD}.securityContext.runAsNonRoot", None),
    Case("podSecurityContext.runAsUser", 7, f"{POD}.securityContext.runAsUser", 7),
    Case("podSecurityContext.runAsGroup", 7, f"{POD}.securityContext.runAsGroup", 7),
    Case(
        "podSecurityContext.seccompProfile.type", "Localhost", f"{POD}.securityContext.seccompProfile.type", "Localhost"
    ),
    Case("securityContext.allowPrivilegeEscalation", True, f"{MAIN}.securityContext.allowPrivilegeEscalation", True),
    Case("securityContext.readOnlyRootFilesystem", False, f"{MAIN}.securityContext.readOnlyRootFilesystem", False),
    Case("securityContext.capabilities.drop", [], f"{MAIN}.securityContext.capabilities.drop", []),
    Case("nodeSelector", {"a": "b"}, f"{POD}.nodeSelector", {"a": "b"}),
    Case("tolerations", [TOLERATION], f"{POD}.tolerations", [TOLERATION]),
    Case("affinity", {"nodeAffinity": {}}, f"{POD}.affinity", {"nodeAffinity": {}}),
    Case("topologySpreadConstraints", [SPREAD], f"{POD}.topologySpreadConstraints", [SPREAD]),
    Case("priorityClassName", "high", f"{POD}.priorityClassName", "high"),
    Case("podDisruptionBudget.enabled", True, "PodDisruptionBudget spec.maxUnavailable", 1),
    Case("podDisruptionBudget.maxUnavailable", "50%", "PodDisruptionBudget spec.maxUnavailable", "50%", BUDGET),
    Case("serviceAccount.create", False, "ServiceAccount metadata.name", None),
    Case("serviceAccount.create", False, f"{POD}.serviceAccountName", "default"),
    Case("serviceAccount.name", "me", "ServiceAccount metadata.name", "me"),
    Case("serviceAccount.name", "me", f"{POD}.serviceAccountName", "me"),
    Case("serviceAccount.name", "me", "ClusterRoleBinding subjects.0.name", "me"),
    Case("serviceAccount.annotations", {"a": "b"}, "ServiceAccount metadata.annotations", {"a": "b"}),
    Case("rbac.create", False, "ClusterRole/-controller-manager metadata.name", None),
    Case("rbac.create", False, "ClusterRoleBinding metadata.name", None),
    Case("rbac.aggregate", False, "ClusterRole/-view metadata.name", None),
    Case("networkPolicy.enabled", False, "NetworkPolicy metadata.name", None),
    Case("networkPolicy.apiServerPorts", [1], "NetworkPolicy spec.egress.0.ports", [{"port": 1}]),
    Case("networkPolicy.apiServerPorts", [1], f"{MAIN}.args.5", "--api-server-port=1"),
    Case("networkPolicy.apiServerPorts", [1], f"{MAIN}.args.6", None),
    Case("admissionPolicy.enabled", False, "ValidatingAdmissionPolicy/-leases metadata.name", None),
    Case("crds.enabled", False, "CustomResourceDefinition/dedicatedservices.soh.re metadata.name", None),
    Case("crds.keep", False, "CustomResourceDefinition/dedicatedservices.soh.re metadata.annotations", None),
]


@cache
def as_it_comes() -> list[Json]:
    return rendered()


def leaves(values: Json, prefix: str = "") -> Iterator[str]:
    """Yield the dotted names of all values that are no further values."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}: {case.address}")
def test_a_value_has_an_effect(case: Case) -> None:
    before = rendered(case.beside) if case.beside else as_it_comes()
    assert look(before, case.address) != case.expected
    assert look(rendered(case.beside | {case.name: case.value}), case.address) == case.expected


def test_there_is_no_value_whose_effect_is_not_shown_above() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert {case.name for case in CASES} == set(leaves(values))
