"""What the chart is made of: one source for the CRDs, a schema that says what is wrong."""

import copy
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

import isoproxy
from isoproxy.kube.election import TRY_SECONDS
from isoproxy.model import crds
from isoproxy.operator.led import LAST_WRITES_SECONDS
from test.chart import valuestable
from test.chart.helm import CHART, NAMESPACE, HelmError, Json, helm, look, of_kind, rendered, template

pytestmark = pytest.mark.needs_program("go")

EVERYTHING = {
    "leaderElection.enabled": True,
    "metrics.serviceMonitor.enabled": True,
    "metrics.prometheusRule.enabled": True,
    "metrics.dashboard.enabled": True,
    "podDisruptionBudget.enabled": True,
    "imagePullSecrets": [{"name": "login"}],
    "watchNamespaces": ["one", "two"],
    "ipv6": True,
}
CLUSTER_WIDE = {
    "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}  # fmt: skip


def test_helm_has_nothing_to_say_against_it() -> None:
    said = helm("lint", "--strict", CHART)
    assert not re.search(r"^\[(WARNING|ERROR)\]", said, re.MULTILINE), said


def test_it_says_which_isoproxy_it_installs() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["name"], chart["kubeVersion"]) == ("isolation-proxy-operator", ">=1.19.0-0")
    assert chart["appVersion"] == isoproxy.__version__


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("replicaCount", "two", "/replicaCount"),
        ("replicaCount", -1, "/replicaCount"),
        ("image.pullPolicy", "Sometimes", "/image/pullPolicy"),
        ("image.digest", "latest", "/image/digest"),
        ("image.tagg", "1", "/image"),
        ("metrics.port", 70000, "/metrics/port"),
        ("metrics.serviceMonitor.interval", "often", "/metrics/serviceMonitor/interval"),
        ("healthProbe.enabled", "yes", "/healthProbe/enabled"),
        ("nameOverride", "Not_A_Name", "/nameOverride"),
        ("fullnameOverride", "not.a.label", "/fullnameOverride"),
        ("fullnameOverride", "1st", "/fullnameOverride"),
        ("watchNamespaces", ["Not_A_Name"], "/watchNamespaces/0"),
        ("imagePullSecrets", ["login"], "/imagePullSecrets/0"),
        ("networkPolicy.apiServerPorts", [], "/networkPolicy/apiServerPorts"),
        ("podDisruptionBudget.maxUnavailable", "half", "/podDisruptionBudget/maxUnavailable"),
        ("replicas", 2, "additional properties 'replicas' not allowed"),
    ],
)
def test_a_wrong_value_is_refused_with_its_path(name: str, value: Any, path: str) -> None:
    with pytest.raises(HelmError, match=re.escape(path)):
        template({name: value})


def test_one_port_for_two_listeners_is_refused() -> None:
    both = {"metrics.port": 8081, "healthProbe.port": 8081}
    with pytest.raises(HelmError, match=r"metrics\.port and healthProbe\.port are both 8081"):
        template(both)
    for listener in ("metrics", "healthProbe"):
        rendered(both | {f"{listener}.enabled": False})


def test_the_schema_knows_every_value_and_says_what_it_means() -> None:
    def undescribed(schema: Json, values: Json, path: str) -> list[str]:
        missing = []
        for name, value in values.items():
            known = schema["properties"].get(name, {})
            missing += [] if "description" in known else [f"{path}{name}"]
            if "properties" in known:
                missing += undescribed(known, value, f"{path}{name}.")
        return missing

    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert undescribed(schema, yaml.safe_load((CHART / "values.yaml").read_text()), "") == []


def test_the_documentation_has_the_table_of_values() -> None:
    text = valuestable.DOCUMENT.read_text()
    assert text == valuestable.with_table(text)
    assert "| `replicaCount` | `1` | How many operators run." in text


def test_an_older_kubernetes_gets_what_it_knows() -> None:
    with pytest.raises(HelmError, match=r"1\.18"):
        template(None, "--kube-version=1.18.0")
    old = list(yaml.safe_load_all(template({"podDisruptionBudget.enabled": True}, "--kube-version=1.19.0")))
    assert look(old, "PodDisruptionBudget apiVersion") == "policy/v1beta1"
    arguments = "Deployment spec.template.spec.containers.0.args"
    assert "--no-disruption-budgets" in look(old, arguments)
    for version in ("1.21.0", "1.35.0"):
        assert "--no-disruption-budgets" not in look(rendered(None, f"--kube-version={version}"), arguments)
    for version, is_older in (("1.26.15", True), ("1.27.0", False)):
        given = look(rendered(None, f"--kube-version={version}"), arguments)
        assert ("--no-unready-evictions" in given) is is_older


@pytest.mark.parametrize(("version", "policies"), [("1.29.14", 0), ("1.30.0", 2), ("1.35.0", 2)])
def test_proxies_are_kept_apart_wherever_the_server_can(version: str, policies: int) -> None:
    found = rendered(None, f"--kube-version={version}")
    for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
        assert len(of_kind(found, kind)) == policies


def without(field: str, value: Any) -> Any:
    """Return some YAML as it is where nobody knows a field."""
    if isinstance(value, dict):
        return {key: without(field, inner) for key, inner in value.items() if key != field}
    return [without(field, inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("version", "unknown"),
    [
        ("1.19.0", ["selectableFields", "x-kubernetes-validations"]),
        ("1.24.17", ["selectableFields", "x-kubernetes-validations"]),
        ("1.25.0", ["selectableFields"]),
        ("1.29.14", ["selectableFields"]),
        ("1.30.0", []),
    ],
)
def test_the_definitions_have_no_field_that_the_server_does_not_know(version: str, unknown: list[str]) -> None:
    expected = [crd["spec"] for crd in crds.load()]
    for field in unknown:
        known = without(field, expected)
        assert known != expected, f"{field} is in none of them"
        expected = known
    found = of_kind(rendered(None, f"--kube-version={version}"), "CustomResourceDefinition")
    assert [crd["spec"] for crd in found] == expected


def test_operators_of_two_images_act_at_once_only_where_they_elect_a_leader() -> None:
    assert look(rendered(), "Deployment spec.strategy") == {"type": "Recreate"}
    together = look(rendered({"leaderElection.enabled": True}), "Deployment spec.strategy")
    assert together == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def test_a_leader_has_the_time_to_give_up_its_lease() -> None:
    given = look(rendered(), "Deployment spec.template.spec.terminationGracePeriodSeconds")
    assert given > LAST_WRITES_SECONDS + TRY_SECONDS


def test_the_definitions_are_those_of_the_repository_and_stay_when_it_goes() -> None:
    found = copy.deepcopy(of_kind(rendered(), "CustomResourceDefinition"))
    for crd in found:
        assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
        assert crd["metadata"].pop("labels")
    assert found == crds.load()


def test_a_package_holds_all_that_the_folder_does(tmp_path: Path) -> None:
    helm("package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        inside = {entry.name: entry.isreg() for entry in archive}
    for path in (CHART / "files" / "crds").glob("*.yaml"):
        assert inside[f"isolation-proxy-operator/files/crds/{path.name}"]
    assert rendered(EVERYTHING, chart=package) == rendered(EVERYTHING)


def test_all_that_can_be_is_in_the_namespace_of_the_release_or_in_one_that_is_watched() -> None:
    for found in rendered(EVERYTHING):
        allowed = {NAMESPACE, "one", "two"} if found["kind"] == "RoleBinding" else {NAMESPACE}
        assert found["metadata"].get("namespace") in ({None} if found["kind"] in CLUSTER_WIDE else allowed)


def test_names_stay_within_what_kubernetes_takes() -> None:
    for found in rendered({"fullnameOverride": "a-very-long-name-that-is-just-allowed-40", **EVERYTHING}):
        assert len(found["metadata"]["name"]) <= 63


def test_the_pod_is_what_the_restricted_standard_asks_for() -> None:
    pod = look(rendered(), "Deployment spec.template.spec")
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "volumes" not in pod
