"""Each part asks for nothing that is not granted to it, and what was made for a service goes with it."""

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from test.chart.helm import NAMESPACE, RELEASE, helm
from test.cluster.kubectl import Kubectl
from test.e2e.containers import container_service
from test.installed.installation import KINDS, OPERATOR, Installation, Space
from test.running.api import Json
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("node", ours=True), pytest.mark.needs_program("go", "apt-get", "dpkg-deb")]

SERVICE: Json = container_service("obey", ["obey"], replicas=2, service={"type": "NodePort", "port": 7000})


@pytest.fixture(scope="module")
def space(installation: Installation) -> Iterator[Space]:
    """A namespace with a service that has served."""
    with installation.space("rights") as space:
        with space.session(space.serve(SERVICE)) as command:
            assert command("echo here") == "here"
        yield space


def refusals(kubectl: Kubectl, namespace: str, selector: str) -> list[str]:
    """Return what the API server refused for want of a right, by the metrics of the pods that are selected."""
    found = json.loads(kubectl("get", "pods", f"--namespace={namespace}", f"-l{selector}", "--output=json"))["items"]
    pods = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    assert pods
    refused = []
    for pod in pods:
        connection = HTTPConnection(pod["status"]["podIP"], 8080, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        assert "isoproxy_api_requests_total{" in text
        refused += re.findall(r'^isoproxy_api_requests_total\{code="403".*$', text, re.MULTILINE)
    return refused


def test_helms_own_test_says_that_the_operator_is_ready(installation: Installation) -> None:
    helm("test", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=installation.cluster.files.kubeconfig())
    logged = installation.kubectl("logs", OPERATOR, f"--namespace={NAMESPACE}")
    assert "Unable to write to plugin cache" not in logged


def test_proxies_ask_for_nothing_that_is_not_granted(installation: Installation, space: Space) -> None:
    assert refusals(installation.kubectl, space.name, "soh.re/role=proxy") == []


def test_proxies_are_what_the_restricted_standard_asks_for(installation: Installation, space: Space) -> None:
    (pod,) = space.proxies("obey").values()
    spec = pod["spec"] | {"serviceAccountName": "default", "serviceAccount": "default"}
    copy = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "copy", "namespace": NAMESPACE}, "spec": spec}
    said = installation.kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(copy))
    assert "created" in said


def test_a_service_takes_all_that_was_made_for_it_along(space: Space) -> None:
    space.kubectl("delete", "dedi", "obey")
    left = ["get", KINDS, "-lsoh.re/service=obey", "--output=name"]
    eventually(lambda: space.kubectl(*left) == "", "nothing is left of the service", within=60)


def test_the_operator_has_asked_for_nothing_that_is_not_granted(installation: Installation, space: Space) -> None:
    assert refusals(installation.kubectl, NAMESPACE, "app.kubernetes.io/component=operator") == []
