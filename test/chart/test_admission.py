"""The chart's admission policies, asked by proxies' own tokens: what RBAC cannot tell apart, they do."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from isoproxy.model import proxyaccess
from test.chart.conftest import Kubectl, remove_definitions
from test.chart.helm import CHART, NAMESPACE, RELEASE, Json, helm
from test.cluster.target import Target
from test.running.api import Api, Refused
from test.running.waiting import eventually

pytestmark = [pytest.mark.needs_cluster("control", ours=True), pytest.mark.needs_program("go")]

SPACE = "chart-admission"
SERVICE, OTHER = "mine", "other"
RECORDS = f"/apis/soh.re/v1alpha1/namespaces/{SPACE}/isolationpods"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{SPACE}/leases"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{SPACE}"


class Proxy(NamedTuple):
    """The API server as a proxy's pod sees it."""

    api: Api
    pod_uid: str

    @property
    def instance(self) -> str:
        return f"{self.pod_uid}-abcde"


class Place(NamedTuple):
    """A namespace with two proxies of a service, and one of another."""

    admin: Api
    one: Proxy
    two: Proxy
    stranger: Proxy


@pytest.fixture(scope="module")
def place(kubernetes: Target, kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    remove_definitions(kubectl)
    kubectl("create", "namespace", SPACE)
    options = [f"--namespace={NAMESPACE}", "--create-namespace"]
    helm("install", RELEASE, CHART, *options, kubeconfig=kubernetes.kubeconfig)
    kubectl("wait", "--for=condition=Established", "crd", "isolationpods.soh.re", "--timeout=30s")
    folder = tmp_path_factory.mktemp("kubeconfigs")
    for service in (SERVICE, OTHER):
        grant(kubectl, service)
    proxies = (
        proxy(kubernetes, kubectl, folder, *who) for who in ((SERVICE, "one"), (SERVICE, "two"), (OTHER, "three"))
    )
    yield Place(Api.of(kubernetes.kubeconfig), *proxies)
    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", kubeconfig=kubernetes.kubeconfig)
    kubectl("delete", "namespace", SPACE, NAMESPACE, "--timeout=120s")
    remove_definitions(kubectl)


def grant(kubectl: Kubectl, service: str) -> None:
    """Give a service's proxies what the operator would give them."""
    name = f"{service}-proxy"
    metadata = {"name": name, "namespace": SPACE}
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
    items: list[Json] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        rbac | {"kind": "Role", "rules": proxyaccess.rules(service)},
        rbac
        | {
            "kind": "RoleBinding",
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": SPACE}],
        },
    ]
    kubectl("create", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def proxy(kubernetes: Target, kubectl: Kubectl, folder: Path, service: str, name: str) -> Proxy:
    """Make a pod of a service's proxies, and look at the API server with its token."""
    spec = {"serviceAccountName": f"{service}-proxy", "containers": [{"name": "proxy", "image": "none"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE}, "spec": spec}
    made = json.loads(kubectl("create", "-f", "-", "--output=json", given=json.dumps(pod)))
    bound = ["--bound-object-kind=Pod", f"--bound-object-name={name}", f"--bound-object-uid={made['metadata']['uid']}"]
    token = kubectl("create", "token", f"{service}-proxy", f"--namespace={SPACE}", *bound).strip()
    config = yaml.safe_load(kubernetes.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    (folder / name).write_text(yaml.safe_dump(config))
    return Proxy(Api.of(folder / name), made["metadata"]["uid"])


def record(place: Place, name: str, owner: Proxy) -> str:
    """Make an IsolationPod that is assigned to a proxy; return its path."""
    spec = {"serviceName": SERVICE, "podName": name, "port": 80, "podIP": "10.0.0.1", "podUID": "1"}
    place.admin.create(
        RECORDS,
        {
            "apiVersion": "soh.re/v1alpha1",
            "kind": "IsolationPod",
            "metadata": {"name": name},
            "spec": spec | {"proxy": owner.instance},
        },
    )
    return f"{RECORDS}/{name}/status"


def lease(instance: str, service: str = SERVICE) -> Json:
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": f"{service}-{instance}", "labels": {"soh.re/service": service}},
        "spec": {"holderIdentity": instance, "leaseDurationSeconds": 15},
    }


def forbidden(refused: pytest.ExceptionInfo[Refused], why: str) -> bool:
    """Whether it was the policy that refused."""
    return refused.value.code == 403 and why in str(refused.value)


def is_enforced(write: Callable[[], object]) -> bool:
    """Whether a policy refuses what ``write`` does: the server takes in one policy after the other, in its own time."""
    try:
        write()
    except Refused as refused:
        return "ValidatingAdmissionPolicy" in str(refused)
    return False


@pytest.fixture(scope="module", autouse=True)
def enforced(place: Place) -> None:
    api, pretended = place.two.api, lease(place.one.instance)
    status = record(place, "tried", place.one)
    forged = {"status": {"phase": "Released"}}
    eventually(lambda: is_enforced(lambda: api.create(f"{LEASES}?dryRun=All", pretended)), "Leases are guarded")
    eventually(lambda: is_enforced(lambda: api.patch(f"{status}?dryRun=All", forged)), "IsolationPods are guarded")


def test_a_proxy_records_what_became_of_its_own_pods_only(place: Place) -> None:
    status = record(place, "first", place.one)
    released = {"status": {"phase": "Released"}}
    for other in (place.two, place.stranger):
        with pytest.raises(Refused) as refused:
            other.api.patch(status, released)
        assert forbidden(refused, "IsolationPods that are assigned to its own pod")
    assert place.one.api.patch(status, released)["status"]["phase"] == "Released"


def test_a_proxy_keeps_its_own_leases_only(place: Place) -> None:
    own = place.one.api.create(LEASES, lease(place.one.instance))
    path = f"{LEASES}/{own['metadata']['name']}"
    assert place.one.api.patch(path, {"spec": {"leaseDurationSeconds": 20}})["spec"]["leaseDurationSeconds"] == 20
    with pytest.raises(Refused) as refused:
        place.two.api.patch(path, {"spec": {"leaseDurationSeconds": 30}})
    assert forbidden(refused, "only Leases of its own pod and service")
    with pytest.raises(Refused) as refused:
        place.one.api.patch(path, {"spec": {"holderIdentity": place.two.instance}})
    assert forbidden(refused, "only Leases of its own pod and service")


def test_a_proxy_poses_as_no_other_and_as_none_of_another_service(place: Place) -> None:
    for pretended in (lease(place.one.instance), lease(place.stranger.instance, SERVICE)):
        with pytest.raises(Refused) as refused:
            place.stranger.api.create(LEASES, pretended)
        assert forbidden(refused, "only Leases of its own pod and service")


@pytest.mark.parametrize("name", ["another", SERVICE, f"{OTHER}-{{}}", f"{SERVICE}-{{}}-2"])
def test_a_lease_has_the_one_name_that_its_service_and_its_holder_give(place: Place, name: str) -> None:
    made = lease(place.one.instance)
    made["metadata"]["name"] = name.format(place.one.instance)
    with pytest.raises(Refused) as refused:
        place.one.api.create(LEASES, made)
    assert forbidden(refused, "only Leases of its own pod and service")


def test_a_proxy_touches_no_lease_of_another_program(place: Place) -> None:
    path = f"{LEASES}/election"
    place.admin.create(LEASES, {"metadata": {"name": "election"}, "spec": {"holderIdentity": "somebody"}})
    with pytest.raises(Refused) as refused:
        place.one.api.patch(path, {"spec": {"holderIdentity": place.one.instance}})
    assert forbidden(refused, "only Leases of its own pod and service")


def test_a_proxy_can_neither_read_nor_make_pods_nor_see_another_namespace(place: Place) -> None:
    pods, secrets = f"/api/v1/namespaces/{SPACE}/pods", f"/api/v1/namespaces/{SPACE}/secrets"
    elsewhere = RECORDS.replace(SPACE, "default")
    for path in (pods, f"{pods}/one", secrets, elsewhere, f"/api/v1/namespaces/{SPACE}/configmaps"):
        with pytest.raises(Refused) as refused:
            place.one.api.request("GET", path)
        assert refused.value.code == 403
    with pytest.raises(Refused) as refused:
        place.one.api.create(pods, {"metadata": {"name": "new"}, "spec": {"containers": [{"name": "a", "image": "b"}]}})
    assert refused.value.code == 403


def test_others_write_as_before(place: Place) -> None:
    status = record(place, "second", place.one)
    assert place.admin.patch(status, {"status": {"phase": "Returned"}})["status"]["phase"] == "Returned"
    other = place.admin.create(LEASES, {"metadata": {"name": "any"}, "spec": {"holderIdentity": "anybody"}})
    assert place.admin.delete(f"{LEASES}/{other['metadata']['name']}")
