"""Deleting: preconditions, finalizers and owners."""

import pytest
import pytest_twisted

from isoproxy.kube.errors import Conflict, Invalid, NotFound
from isoproxy.kube.resources import CONFIG_MAPS
from test.contract.cluster import Space, until
from test.contract.owners import owned_by


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

    await until(gone, 90.0)
    assert "other" in await space.names(CONFIG_MAPS)


@pytest_twisted.ensureDeferred
async def test_what_is_owned_by_nothing_that_lives_goes(space: Space) -> None:
    owner = await space.create(CONFIG_MAPS, {"metadata": {"name": "owner"}})
    await space.delete(CONFIG_MAPS, "owner")
    await space.create(CONFIG_MAPS, owned_by(owner | {"apiVersion": "v1", "kind": "ConfigMap"}, "late"))

    async def gone() -> bool:
        return "late" not in await space.names(CONFIG_MAPS)

    await until(gone, 90.0)
