from typing import Any

import pytest

from test.local.apiserver.objects import Server, pod, refused

Json = dict[str, Any]


@pytest.fixture
def pods() -> Server:
    return Server()


def test_a_pod_begins_with_what_a_real_server_fills_in(pods: Server) -> None:
    made = pods.create(pods.pods, pod())
    spec, container = made["spec"], made["spec"]["containers"][0]
    assert (spec["restartPolicy"], spec["dnsPolicy"], spec["terminationGracePeriodSeconds"]) == (
        "Always",
        "ClusterFirst",
        30,
    )
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert made["metadata"]["generation"] == 1


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("a:1", "IfNotPresent"),
        ("r:5000/a", "Always"),
        ("a@sha256:0", "IfNotPresent"),
    ],
)
def test_an_image_is_pulled_when_its_tag_may_have_moved(pods: Server, image: str, policy: str) -> None:
    made = pods.create(pods.pods, pod(containers=[{"name": "a", "image": image}]))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == policy


def test_ports_probes_and_references_are_completed(pods: Server) -> None:
    container = {
        "name": "a",
        "image": "i:1",
        "ports": [{"containerPort": 80}],
        "readinessProbe": {"httpGet": {"port": 80}},
        "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
    }
    made = pods.create(pods.pods, pod(containers=[container]))["spec"]["containers"][0]
    assert made["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert made["readinessProbe"]["periodSeconds"] == 10
    assert made["readinessProbe"]["httpGet"] == {"port": 80, "path": "/", "scheme": "HTTP"}
    assert made["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "BestEffort"),
        ({"requests": {"cpu": "1"}}, "Burstable"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
        ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
    ],
)
def test_quality_of_service_follows_from_resources(pods: Server, resources: Json, expected: str) -> None:
    made = pods.create(pods.pods, pod(containers=[{"name": "a", "image": "i", "resources": resources}]))
    assert made["status"]["qosClass"] == expected


def test_a_pod_may_set_a_variable_twice_as_on_a_real_server(pods: Server) -> None:
    twice = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    made = pods.create(pods.pods, pod(containers=[{"name": "a", "image": "i", "env": twice}]))
    assert made["spec"]["containers"][0]["env"] == twice


def test_a_negative_grace_is_taken_for_a_second(pods: Server) -> None:
    assert pods.create(pods.pods, pod(terminationGracePeriodSeconds=-5))["spec"]["terminationGracePeriodSeconds"] == 1


@pytest.mark.parametrize(
    ("spec", "code", "field"),
    [
        ({"containers": []}, 422, "spec.containers"),
        ({"containers": [{"name": "a"}]}, 422, "spec.containers[0].image"),
        ({"containers": [{"image": "a"}]}, 422, "spec.containers[0].name"),
        ({"initContainers": [{"name": "a"}]}, 422, "spec.initContainers[0].image"),
        ({"restartPolicy": "Perhaps"}, 422, "spec.restartPolicy"),
        ({"initContainers": [{"name": "a", "image": "i"}] * 2}, 422, "spec.initContainers[1].name"),
        ({"containers": {}}, 400, "spec.containers"),
        ({"containers": [None]}, 400, "spec.containers[0]"),
        ({"terminationGracePeriodSeconds": "1"}, 400, "spec.terminationGracePeriodSeconds"),
        ({"hostNetwork": "yes"}, 400, "spec.hostNetwork"),
        ({"containers": [{"name": "a", "image": "i", "resources": {"limits": {"cpu": "much"}}}]}, 400, "limits.cpu"),
    ],
)
def test_a_pod_that_cannot_be_is_refused_with_the_field(pods: Server, spec: Json, code: int, field: str) -> None:
    refusal = refused(pods.create, pods.pods, pod(**spec))
    assert refusal.code == code
    assert field in refusal.message


def test_a_pod_without_a_spec_is_refused(pods: Server) -> None:
    body = pod()
    del body["spec"]
    assert "spec.containers: Required value" in refused(pods.create, pods.pods, body).message


@pytest.mark.parametrize(
    "patch", [{"restartPolicy": "Never"}, {"containers": [{"name": "x", "image": "y"}]}, {"nodeName": "n"}]
)
def test_the_spec_of_a_pod_does_not_change(pods: Server, patch: Json) -> None:
    pods.create(pods.pods, pod())
    refusal = refused(pods.patch, pods.pods, "one", {"spec": patch})
    assert "pod updates may not change fields other than" in refusal.message


def test_the_image_of_a_pod_may_change(pods: Server) -> None:
    made = pods.create(pods.pods, pod())
    container = made["spec"]["containers"][0] | {"image": "another"}
    assert pods.patch(pods.pods, "one", {"spec": {"containers": [container]}})["metadata"]["generation"] == 2


def test_a_pod_is_bound_once(pods: Server) -> None:
    pods.create(pods.pods, pod())
    pods.core.bind(pods.pods, "default", "one", "here")
    made = pods.get(pods.pods, "one")
    assert made["spec"]["nodeName"] == "here"
    assert [(item["type"], item["status"]) for item in made["status"]["conditions"]] == [("PodScheduled", "True")]
    refusal = refused(pods.core.bind, pods.pods, "default", "one", "there")
    assert (refusal.code, refusal.message) == (
        409,
        'Operation cannot be fulfilled on pods/binding "one": pod one is already assigned to node "here"',
    )
    assert refused(pods.core.bind, pods.pods, "default", "none", "here").code == 404
    nodes: list[Any] = [None, "", {}]
    for node in nodes:
        assert refused(pods.core.bind, pods.pods, "default", "one", node).code == 400


def test_a_status_is_taken_as_the_runtime_writes_it(pods: Server) -> None:
    pods.create(pods.pods, pod())
    status = {"phase": "Running", "podIP": "127.0.0.9", "containerStatuses": [{"name": "main", "ready": True}]}
    made = pods.patch(pods.pods, "one", {"status": status}, subresource="status")
    assert made["status"] == {"qosClass": "BestEffort", "podIPs": [{"ip": "127.0.0.9"}]} | status
