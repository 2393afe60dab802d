"""What an administrator does with the chart, on a real API server: install, upgrade, uninstall."""

import json
from collections.abc import Callable, Iterator

import pytest

from test.chart.conftest import Kubectl, remove_definitions
from test.chart.helm import CHART, NAMESPACE, RELEASE, Json, helm, rendered
from test.cluster.target import Target
from test.running.api import Api
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("control", ours=True), pytest.mark.needs_program("go")]

WATCHED = "chart-watched"
# All but what needs the Prometheus operator's own kinds.
EVERYTHING: Json = {
    "replicaCount": 2,
    "leaderElection.enabled": True,
    "metrics.dashboard.enabled": True,
    "podDisruptionBudget.enabled": True,
    "watchNamespaces": [WATCHED],
    "image.pullPolicy": "IfNotPresent",
}
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}-controller-manager"

SERVICE: Json = {
    "apiVersion": "soh.re/v1alpha1",
    "kind": "DedicatedService",
    "metadata": {"name": "mine", "namespace": WATCHED},
    "spec": {"image": "redis"},
}


@pytest.fixture(scope="module")
def namespaces(kubectl: Kubectl) -> Iterator[None]:
    """Namespaces that take the strictest of pods only."""
    for name in (NAMESPACE, WATCHED):
        kubectl("create", "namespace", name)
        kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield
    kubectl("delete", "namespace", NAMESPACE, WATCHED, "--timeout=120s")


@pytest.fixture
def api(kubernetes: Target, kubectl: Kubectl, namespaces: None) -> Iterator[Api]:
    """The API server, with none of our definitions."""
    remove_definitions(kubectl)
    yield Api.of(kubernetes.kubeconfig)
    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--ignore-not-found", kubeconfig=kubernetes.kubeconfig)
    remove_definitions(kubectl)


@pytest.fixture
def install(kubernetes: Target) -> Callable[[Json], str]:
    """Installs the chart, or upgrades it."""

    def run(values: Json) -> str:
        options = ["--install", f"--namespace={NAMESPACE}", "--reset-values"]
        return helm("upgrade", RELEASE, CHART, *options, values=values, kubeconfig=kubernetes.kubeconfig)

    return run


def left(kubectl: Kubectl) -> set[str]:
    """Return what is there of the release, as KIND/NAME."""
    kinds = {one["kind"].lower() for one in rendered(EVERYTHING)} - {"pod"}
    listed = kubectl("get", ",".join(sorted(kinds)), "-A", f"-lapp.kubernetes.io/instance={RELEASE}", "--output=json")
    return {f"{one['kind']}/{one['metadata']['name']}" for one in json.loads(listed)["items"]}


def may(api: Api, verb: str, resource: str, namespace: str = WATCHED, *, user: str = ACCOUNT) -> bool:
    """Whether the API server lets somebody do something; the resource is given as PLURAL[.GROUP]."""
    plural, _, group = resource.partition(".")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": plural}
    review = {"spec": {"user": user, "resourceAttributes": attributes}}
    allowed: bool = api.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]["allowed"]
    return allowed


def test_every_object_is_accepted_strictly(api: Api, kubectl: Kubectl) -> None:
    for values in ({}, EVERYTHING):
        objects = [one for one in rendered(values) if "helm.sh/hook" not in one["metadata"].get("annotations", {})]
        listed = {"apiVersion": "v1", "kind": "List", "items": objects}
        said = kubectl(
            "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", given=json.dumps(listed)
        )
        assert len(said.splitlines()) == len(objects)


def test_it_is_installed_upgraded_and_uninstalled_and_leaves_the_definitions(
    api: Api, kubectl: Kubectl, install: Callable[[Json], str], kubernetes: Target
) -> None:
    assert "kubectl get dedi,ipods,service" in install({})
    kubectl("wait", "--for=condition=Established", "crd", "dedicatedservices.soh.re", "--timeout=30s")
    deployment = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{RELEASE}-controller-manager"
    # That a pod is made shows that the namespace's standard is satisfied.
    eventually(lambda: api.find(deployment)["status"].get("replicas") == 1, "the operator has a pod")

    install(EVERYTHING)
    assert api.find(deployment)["spec"]["replicas"] == 2
    expected = {f"{one['kind']}/{one['metadata']['name']}" for one in rendered(EVERYTHING)}
    assert left(kubectl) == expected - {f"Pod/{RELEASE}-test"}

    kubectl("apply", "-f", "-", given=json.dumps(SERVICE))
    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=kubernetes.kubeconfig)
    definitions = {name for name in expected if name.startswith("CustomResourceDefinition/")}
    eventually(lambda: left(kubectl) == definitions, "nothing else is left")
    assert kubectl("get", "dedi", "-n", WATCHED, "--output=name") == "dedicatedservice.soh.re/mine\n"

    install({"crds.keep": False})
    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=kubernetes.kubeconfig)
    eventually(lambda: left(kubectl) == set(), "nothing is left")


def test_rights_end_where_they_are_said_to(api: Api, kubectl: Kubectl, install: Callable[[Json], str]) -> None:
    install({"watchNamespaces": [WATCHED], "leaderElection.enabled": True})
    eventually(lambda: may(api, "create", "isolationpods.soh.re"), "the operator may make IsolationPods")
    assert may(api, "create", "pods")
    assert not may(api, "create", "pods", "default")
    assert not may(api, "get", "secrets")
    assert not may(api, "patch", "dedicatedservices.soh.re")
    eventually(lambda: may(api, "create", "leases.coordination.k8s.io", NAMESPACE), "it may make its own Lease")
    assert not may(api, "delete", "leases.coordination.k8s.io", NAMESPACE)

    install({})
    eventually(lambda: may(api, "create", "pods", "default"), "the operator may make pods everywhere")


def test_those_who_may_edit_a_namespace_may_have_services_there(
    api: Api, kubectl: Kubectl, install: Callable[[Json], str]
) -> None:
    install({})
    for role in ("view", "edit", "admin"):
        kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}er", f"--namespace={WATCHED}")

    def may_as(role: str, verb: str, resource: str) -> bool:
        return may(api, verb, f"{resource}.soh.re", user=f"{role}er")

    eventually(lambda: may_as("view", "list", "dedicatedservices"), "the roles are put together")
    eventually(lambda: may_as("edit", "create", "dedicatedservices"), "the roles are put together")
    eventually(lambda: may_as("admin", "patch", "isolationpods"), "the roles are put together")
    eventually(lambda: may_as("edit", "delete", "isolationpods"), "the roles are put together")
    eventually(lambda: may_as("edit", "patch", "dedicatedservices"), "the roles are put together")
    assert not may_as("view", "create", "dedicatedservices")
    assert not may_as("edit", "create", "isolationpods")
    assert not may_as("admin", "create", "isolationpods")
