"""Pods: bound once, ended with grace, and changed in their status only."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.errors import Conflict, Invalid, NotFound
from isoproxy.kube.resources import PODS, Json
from test.contract.cluster import Space


def pod(name: str = "p") -> Json:
    spec: Json = {
        "schedulerName": "nobody",
        "containers": [{"name": "main", "image": "registry.invalid/none:1"}],
        "terminationGracePeriodSeconds": 9,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def with_container(**container: Any) -> Json:
    main = {"name": "main", "image": "registry.invalid/none:1"} | container
    return {"containers": [main]}


def binding(node: str) -> Json:
    return {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": node}}


async def bind(space: Space) -> None:
    reply = await space.cluster.raw("POST", space.path(PODS, "p", "binding"), binding("nowhere"))
    assert reply.status == 201, reply


@pytest_twisted.ensureDeferred
async def test_a_pod_that_no_node_has_goes_at_once(space: Space) -> None:
    await space.create(PODS, pod())
    await space.delete(PODS, "p")
    with pytest.raises(NotFound):
        await space.get(PODS, "p")


@pytest_twisted.ensureDeferred
async def test_a_pod_on_a_node_is_left_to_its_runtime(space: Space) -> None:
    uid = (await space.create(PODS, pod()))["metadata"]["uid"]
    await bind(space)
    await space.delete(PODS, "p", uid=uid)
    metadata = (await space.get(PODS, "p"))["metadata"]
    assert metadata["deletionGracePeriodSeconds"] == 9
    assert metadata["deletionTimestamp"]
    await space.delete(PODS, "p", uid=uid, grace_period_seconds=0)
    with pytest.raises(NotFound):
        await space.get(PODS, "p")


@pytest_twisted.ensureDeferred
async def test_a_pod_is_bound_once_and_reports_its_state(space: Space) -> None:
    made = await space.create(PODS, pod(), strict=True)
    assert (made["spec"]["restartPolicy"], made["spec"]["dnsPolicy"]) == ("Always", "ClusterFirst")
    assert made["status"]["phase"] == "Pending"
    await bind(space)
    assert await space.names(PODS, field_selector="spec.nodeName=nowhere") == ["p"]
    assert isinstance(
        await space.cluster.refused("POST", space.path(PODS, "p", "binding"), binding("elsewhere")), Conflict
    )
    conditions = [{"type": "Ready", "status": "True"}]
    status = {"phase": "Running", "podIP": "127.1.2.3", "podIPs": [{"ip": "127.1.2.3"}], "conditions": conditions}
    running = await space.patch(PODS, "p", {"status": status}, subresource="status")
    assert running["status"]["podIP"] == "127.1.2.3"
    assert await space.names(PODS, field_selector="status.phase=Running") == ["p"]
    await space.delete(PODS, "p", grace_period_seconds=0)


@pytest_twisted.ensureDeferred
async def test_a_binding_of_another_uid_is_of_another_pod(space: Space) -> None:
    uid = (await space.create(PODS, pod()))["metadata"]["uid"]
    named = binding("nowhere") | {"metadata": {"name": "p", "uid": "another"}}
    assert isinstance(await space.cluster.refused("POST", space.path(PODS, "p", "binding"), named), Conflict)
    assert "nodeName" not in (await space.get(PODS, "p"))["spec"]
    named["metadata"]["uid"] = uid
    reply = await space.cluster.raw("POST", space.path(PODS, "p", "binding"), named)
    assert reply.status == 201, reply
    await space.delete(PODS, "p", grace_period_seconds=0)


@pytest_twisted.ensureDeferred
async def test_the_spec_of_a_pod_does_not_change(space: Space) -> None:
    await space.create(PODS, pod())
    with pytest.raises(Invalid, match="pod updates may not change fields"):
        await space.patch(PODS, "p", {"spec": {"restartPolicy": "Never"}})


@pytest_twisted.ensureDeferred
async def test_nor_does_its_grace(space: Space) -> None:
    await space.create(PODS, pod())
    with pytest.raises(Invalid, match="pod updates may not change fields"):
        await space.patch(PODS, "p", {"spec": {"terminationGracePeriodSeconds": 1}})


@pytest_twisted.ensureDeferred
async def test_what_a_pod_is_limited_to_it_asks_for(space: Space) -> None:
    resources = {"limits": {"cpu": "500m", "memory": "64Mi"}, "requests": {"cpu": "100m"}}
    body = pod()
    body["spec"] |= with_container(resources=resources)
    made = await space.create(PODS, body, strict=True)
    asked = {"cpu": "100m", "memory": "64Mi"}
    assert made["spec"]["containers"][0]["resources"] == resources | {"requests": asked}
    assert made["status"]["qosClass"] == "Burstable"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"containers": []}, "spec.containers"),
        (with_container(name="A_b"), "spec.containers[0].name"),
        (with_container(name=None), "spec.containers[0].name"),
        (with_container(image=None), "spec.containers[0].image"),
        ({"containers": [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]}, "spec.containers[1].name"),
        (with_container(ports=[{"containerPort": 70000}]), "spec.containers[0].ports[0].containerPort"),
        (with_container(env=[{"value": "b"}]), "spec.containers[0].env[0].name"),
        (with_container(volumeMounts=[{"name": "v", "mountPath": "/v"}]), "spec.containers[0].volumeMounts[0].name"),
        (with_container(readinessProbe={}), "spec.containers[0].readinessProbe"),
        ({"volumes": [{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]}, "spec.volumes[1].name"),
        ({"restartPolicy": "Perhaps"}, "spec.restartPolicy"),
        ({"nodeName": "No Node"}, "spec.nodeName"),
    ],
)
async def test_a_pod_that_cannot_be_is_refused_with_the_path(space: Space, spec: Json, field: str) -> None:
    body = pod()
    body["spec"] |= spec
    with pytest.raises(Invalid) as caught:
        await space.create(PODS, body)
    assert field in {cause["field"] for cause in caught.value.details["causes"]}


@pytest_twisted.ensureDeferred
async def test_an_address_in_a_status_is_one(space: Space) -> None:
    await space.create(PODS, pod())
    for address in ("127.1.2.3", "127.1.2.4"):
        made = await space.patch(PODS, "p", {"status": {"podIP": address}}, subresource="status")
        assert made["status"]["podIPs"] == [{"ip": address}]
        with pytest.raises(Invalid):
            await space.patch(PODS, "p", {"status": {"podIP": "somewhere"}}, subresource="status")
