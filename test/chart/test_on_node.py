"""Chart, image and rights together: what an administrator installs gives connections pods of their own."""

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from test.chart.conftest import Kubectl, remove_definitions
from test.chart.helm import CHART, NAMESPACE, RELEASE, Json, helm
from test.cluster import layout
from test.cluster.images import ours
from test.cluster.images.catalogue import TOOL
from test.cluster.levels import import_image
from test.cluster.programs import cache_folder
from test.cluster.target import Target
from test.e2e.clients import Address, who_serves
from test.e2e.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

SPACE = "chart-on-node"
PORT = 7001
REPOSITORY, _, TAG = ours.ISOPROXY.rpartition(":")
VALUES: Json = {"image.repository": REPOSITORY, "image.tag": TAG, "image.pullPolicy": "Never"}
SERVICE: Json = {
    "apiVersion": "soh.re/v1alpha1",
    "kind": "DedicatedService",
    "metadata": {"name": "who", "namespace": SPACE},
    "spec": {"image": TOOL, "args": ["who"], "replicas": 2, "service": {"type": "NodePort", "port": PORT}},
}


@pytest.fixture(scope="module")
def installed(kubernetes: Target, kubectl: Kubectl) -> Iterator[None]:
    """The chart, with the image at hand, and a namespace for services; both take the strictest of pods only."""
    assert kubernetes.cluster is not None
    remove_definitions(kubectl)
    import_image(kubernetes.cluster, ours.archive(cache_folder() / "images"))
    for name in (NAMESPACE, SPACE):
        kubectl("create", "namespace", name)
    kubectl("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    helm("install", RELEASE, CHART, f"--namespace={NAMESPACE}", values=VALUES, kubeconfig=kubernetes.kubeconfig)
    yield
    kubectl("delete", "namespace", SPACE, "--timeout=50s")
    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=kubernetes.kubeconfig)
    kubectl("delete", "namespace", NAMESPACE, "--timeout=50s")
    remove_definitions(kubectl)


@pytest.fixture(scope="module")
def operator(kubectl: Kubectl, installed: None) -> str:
    """The operator's Deployment, available."""
    name = f"deployment/{RELEASE}-controller-manager"
    kubectl("rollout", "status", name, f"--namespace={NAMESPACE}", "--timeout=50s")
    return name


@pytest.fixture(scope="module")
def node_port(kubectl: Kubectl, operator: str) -> int:
    """Where clients reach a service that is ready."""
    kubectl("apply", "-f", "-", given=json.dumps(SERVICE))
    kubectl("wait", "dedi/who", "--for=condition=Ready", f"--namespace={SPACE}", "--timeout=50s")
    kubectl("rollout", "status", "deployment/who-proxy", f"--namespace={SPACE}", "--timeout=50s")
    made = json.loads(kubectl("get", "service", "who-proxy", f"--namespace={SPACE}", "--output=json"))
    return int(made["spec"]["ports"][0]["nodePort"])


def refusals(kubectl: Kubectl, namespace: str, selector: str) -> list[str]:
    """Return what the API server refused for want of a right, by the metrics of the pods that are selected."""
    pods = json.loads(kubectl("get", "pods", f"--namespace={namespace}", f"-l{selector}", "--output=json"))["items"]
    assert pods
    found = []
    for pod in pods:
        connection = HTTPConnection(pod["status"]["podIP"], 8080, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        assert "isoproxy_api_requests_total{" in text
        found += re.findall(r'^isoproxy_api_requests_total\{code="403".*$', text, re.MULTILINE)
    return found


def served_if_open(address: Address) -> tuple[str, int] | None:
    """As who_serves; kube-proxy hears of a proxy a moment after it is ready."""
    try:
        return who_serves(address)
    except ConnectionRefusedError:
        return None


def test_the_operator_is_ready_and_helms_own_test_says_so(kubernetes: Target, kubectl: Kubectl, operator: str) -> None:
    helm("test", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=kubernetes.kubeconfig)
    logged = kubectl("logs", operator, f"--namespace={NAMESPACE}")
    assert "Unable to write to plugin cache" not in logged


def test_every_connection_from_outside_has_a_pod_of_its_own(kubernetes: Target, node_port: int) -> None:
    assert kubernetes.cluster is not None
    address = (layout.NODE_IP, node_port)
    with kubernetes.cluster.joined("client"):
        first = eventually(lambda: served_if_open(address), "the node's port is open")
        served = [first, *(who_serves(address) for _ in range(3))]
    assert {number for _, number in served} == {1}
    assert len({name for name, _ in served}) == 4


def test_proxies_ask_for_nothing_that_is_not_granted(kubectl: Kubectl, node_port: int) -> None:
    assert refusals(kubectl, SPACE, "soh.re/role=proxy") == []


def test_proxies_are_what_the_restricted_standard_asks_for(kubectl: Kubectl, node_port: int) -> None:
    found = kubectl("get", "pods", f"--namespace={SPACE}", "-lsoh.re/role=proxy", "--output=json")
    spec = json.loads(found)["items"][0]["spec"] | {"serviceAccountName": "default", "serviceAccount": "default"}
    copy = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "copy", "namespace": NAMESPACE}, "spec": spec}
    assert "created" in kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(copy))


def test_a_service_takes_all_that_was_made_for_it_along(kubectl: Kubectl, node_port: int) -> None:
    kubectl("delete", "dedi", "who", f"--namespace={SPACE}")
    # Not its Lease: the proxy's Role is gone before its last word, so it runs out.
    kinds = "pod,ipod,deployment,service,configmap,networkpolicy,poddisruptionbudget,role,rolebinding,serviceaccount"
    left = ["get", kinds, f"--namespace={SPACE}", "-lsoh.re/service=who", "--output=name"]
    eventually(lambda: kubectl(*left) == "", "nothing is left of the service", within=60)


def test_the_operator_has_asked_for_nothing_that_is_not_granted(kubectl: Kubectl, operator: str) -> None:
    assert refusals(kubectl, NAMESPACE, "app.kubernetes.io/component=operator") == []
