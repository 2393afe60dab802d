"""What a write says of the object that it is for: another version, or another object, is refused."""

import pytest
import pytest_twisted

from isoproxy.kube.errors import ApiError, Conflict, Invalid
from isoproxy.kube.resources import CONFIG_MAPS, Json
from test.contract.cluster import Space


@pytest_twisted.ensureDeferred
async def test_a_stale_guarded_patch_is_refused(space: Space) -> None:
    version = (await space.create(space.widgets, space.widget()))["metadata"]["resourceVersion"]
    await space.patch(space.widgets, "one", {"spec": {"size": 2}})
    guard = {"metadata": {"resourceVersion": version}}
    with pytest.raises(Conflict):
        await space.patch(space.widgets, "one", guard | {"spec": {"size": 3}})
    with pytest.raises(Conflict):
        await space.patch(space.widgets, "one", guard | {"status": {"replicas": 3}}, subresource="status")
    assert (await space.get(space.widgets, "one"))["spec"]["size"] == 2


@pytest_twisted.ensureDeferred
async def test_a_guarded_patch_of_the_newest_version_is_taken(space: Space) -> None:
    version = (await space.create(space.widgets, space.widget()))["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version, "labels": {"a": "b"}}, "spec": {"size": 3}}
    made = await space.patch(space.widgets, "one", patch)
    assert (made["spec"]["size"], made["metadata"]["labels"]) == (3, {"a": "b"})
    assert made["metadata"]["resourceVersion"] != version


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("patch", "status"),
    [
        ({"metadata": {"name": "two"}}, 400),
        ({"metadata": {"name": None}}, 400),
        ({"metadata": {"namespace": "elsewhere"}}, 400),
        ({"kind": "Gadget"}, 422),
        ({"apiVersion": "example.com/v2"}, 422),
    ],
)
async def test_a_patch_cannot_make_another_object_of_it(space: Space, patch: Json, status: int) -> None:
    made = await space.create(space.widgets, space.widget())
    with pytest.raises(ApiError) as caught:
        await space.patch(space.widgets, "one", patch)
    assert caught.value.status == status
    assert await space.get(space.widgets, "one") == made


@pytest_twisted.ensureDeferred
async def test_what_the_server_alone_says_stays(space: Space) -> None:
    await space.create(CONFIG_MAPS, {"metadata": {"name": "m"}})
    made = await space.get(CONFIG_MAPS, "m")
    for ignored in ({"creationTimestamp": "1999-01-01T00:00:00Z"}, {"generation": 99}, {"uid": None}):
        assert await space.patch(CONFIG_MAPS, "m", {"metadata": ignored}) == made
    for refused in ({"uid": "another"}, {"deletionTimestamp": "1999-01-01T00:00:00Z"}):
        with pytest.raises(Invalid, match="field is immutable"):
            await space.patch(CONFIG_MAPS, "m", {"metadata": refused})


@pytest_twisted.ensureDeferred
async def test_what_is_said_of_another_kind_is_no_widget(space: Space) -> None:
    for wrong, status in (({"kind": "Gadget"}, 422), ({"apiVersion": "example.com/v2"}, 400), ({"kind": None}, 400)):
        refusal = await space.cluster.refused("POST", space.path(space.widgets), space.widget() | wrong)
        assert refusal.status == status


@pytest_twisted.ensureDeferred
async def test_a_uid_in_a_patch_of_a_status_is_ignored(space: Space) -> None:
    await space.create(space.widgets, space.widget())
    patch = {"metadata": {"uid": "another"}, "status": {"replicas": 2}}
    assert (await space.patch(space.widgets, "one", patch, subresource="status"))["status"]["replicas"] == 2


@pytest_twisted.ensureDeferred
async def test_a_replacement_says_which_version_it_replaces(space: Space) -> None:
    made = await space.create(space.widgets, space.widget())
    path = space.path(space.widgets, "one")
    assert (await space.cluster.refused("PUT", path, space.widget(size=5))).status == 422
    changed = made | {"spec": made["spec"] | {"size": 5}}
    assert (await space.cluster.raw("PUT", path, changed)).status == 200
    assert isinstance(await space.cluster.refused("PUT", path, changed), Conflict)
    other = changed | {"metadata": made["metadata"] | {"uid": "another", "resourceVersion": ""}}
    assert (await space.cluster.refused("PUT", path, other)).status in (409, 422)
