"""Deleting: preconditions, finalizers, owners, and the grace of pods."""

import pytest
import pytest_twisted

from isoproxy.kube.errors import Conflict, Invalid, NotFound
from isoproxy.kube.resources import CONFIG_MAPS, PODS
from test.contract.cluster import Json, Space, until


def owned_by(owner: Json, name: str) -> Json:
    metadata = owner["metadata"]
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return {"metadata": {"name": name, "ownerReferences": [reference]}}


def pod(name: str = "p") -> Json:
    spec: Json = {
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
async def test_a_deletion_by_another_uid_is_refused(space: Space) -> None:
    made = await space.create(space.widgets, space.widget())
    with pytest.raises(Conflict):
        await space.delete(space.widgets, "one", uid="00000000-0000-0000-0000-000000000000")
    await space.delete(space.widgets, "one", uid=made["metadata"]["uid"])
    with pytest.raises(NotFound):
        await space.get(space.widgets, "one")


@pytest_twisted.ensureDeferred
async def test_a_deletion_of_a_stale_version_is_refused(space: Space) -> None:
    made = (await space.create(space.widgets, space.widget()))["metadata"]
    newer = (await space.patch(space.widgets, "one", {"spec": {"size": 2}}))["metadata"]
    with pytest.raises(Conflict):
        await space.delete(space.widgets, "one", uid=made["uid"], resource_version=made["resourceVersion"])
    await space.delete(space.widgets, "one", uid=made["uid"], resource_version=newer["resourceVersion"])


@pytest_twisted.ensureDeferred
async def test_a_name_used_again_is_another_object(space: Space) -> None:
    first = await space.create(space.widgets, space.widget())
    await space.delete(space.widgets, "one")
    second = await space.create(space.widgets, space.widget())
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    with pytest.raises(Conflict):
        await space.delete(space.widgets, "one", uid=first["metadata"]["uid"])


@pytest_twisted.ensureDeferred
async def test_a_finalizer_holds_an_object(space: Space) -> None:
    await space.create(CONFIG_MAPS, {"metadata": {"name": "m", "finalizers": ["contract.example/held"]}})
    await space.delete(CONFIG_MAPS, "m")
    assert (await space.get(CONFIG_MAPS, "m"))["metadata"]["deletionTimestamp"]
    with pytest.raises(Invalid):
        await space.patch(
            CONFIG_MAPS, "m", {"metadata": {"finalizers": ["contract.example/held", "contract.example/more"]}}
        )
    await space.patch(CONFIG_MAPS, "m", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFound):
        await space.get(CONFIG_MAPS, "m")


@pytest_twisted.ensureDeferred
async def test_a_collection_goes_by_its_selectors(space: Space) -> None:
    for name, color in (("a", "red"), ("b", "green"), ("c", "red")):
        await space.create(space.widgets, space.widget(name, color=color))
    reply = await space.cluster.raw("DELETE", space.path(space.widgets) + "?fieldSelector=spec.color%3Dred")
    assert reply.status == 200
    await until(lambda: holds(space, ["b"]))


async def holds(space: Space, names: list[str]) -> bool:
    return await space.names(space.widgets) == names


@pytest.mark.needs_controllers
@pytest_twisted.ensureDeferred
async def test_what_is_owned_goes_with_its_owner(space: Space) -> None:
    owner = await space.create(CONFIG_MAPS, {"metadata": {"name": "owner"}})
    owner |= {"apiVersion": "v1", "kind": "ConfigMap"}
    child = await space.create(CONFIG_MAPS, owned_by(owner, "child"))
    await space.create(CONFIG_MAPS, owned_by(child | {"apiVersion": "v1", "kind": "ConfigMap"}, "grandchild"))
    await space.create(CONFIG_MAPS, {"metadata": {"name": "other"}})
    await space.delete(CONFIG_MAPS, "owner")

    async def gone() -> bool:
        return not {"child", "grandchild"} & set(await space.names(CONFIG_MAPS))

    await until(gone, 60.0)
    assert "other" in await space.names(CONFIG_MAPS)


@pytest.mark.needs_controllers
@pytest_twisted.ensureDeferred
async def test_what_is_owned_by_nothing_that_lives_goes(space: Space) -> None:
    owner = await space.create(CONFIG_MAPS, {"metadata": {"name": "owner"}})
    await space.delete(CONFIG_MAPS, "owner")
    await space.create(CONFIG_MAPS, owned_by(owner | {"apiVersion": "v1", "kind": "ConfigMap"}, "late"))

    async def gone() -> bool:
        return "late" not in await space.names(CONFIG_MAPS)

    await until(gone, 60.0)


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
