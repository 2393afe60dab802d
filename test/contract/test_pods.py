"""Pods: bound once, ended with grace, and changed in their status only."""

import pytest
import pytest_twisted

from isoproxy.kube.errors import Conflict, Invalid, NotFound
from isoproxy.kube.resources import PODS
from test.contract.cluster import Json, Space


def pod(name: str = "p") -> Json:
    spec: Json = {
        "schedulerName": "nobody",
        "containers": [{"name": "main", "image": "registry.invalid/none:1"}],
        "terminationGracePeriodSeconds": 9,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


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
async def test_the_spec_of_a_pod_does_not_change(space: Space) -> None:
    await space.create(PODS, pod())
    with pytest.raises(Invalid, match="pod updates may not change fields"):
        await space.patch(PODS, "p", {"spec": {"restartPolicy": "Never"}})
