"""Creating, reading, changing: names, versions, selectors."""

import pytest
import pytest_twisted

from isoproxy.kube.api import PatchKind
from isoproxy.kube.errors import AlreadyExists, ApiError, Invalid, NotFound
from isoproxy.kube.resources import CONFIG_MAPS, EVENTS, Resource
from test.contract.cluster import Space
from test.contract.events import event

CORE_EVENTS = Resource("", "v1", "events", "Event")


@pytest_twisted.ensureDeferred
async def test_what_is_created_can_be_read(space: Space) -> None:
    made = await space.create(space.widgets, space.widget())
    assert await space.get(space.widgets, "one") == made
    assert made["metadata"]["uid"]
    assert made["metadata"]["generation"] == 1


@pytest_twisted.ensureDeferred
async def test_a_name_is_taken_once(space: Space) -> None:
    await space.create(space.widgets, space.widget())
    with pytest.raises(AlreadyExists):
        await space.create(space.widgets, space.widget())


@pytest_twisted.ensureDeferred
async def test_what_is_not_there_is_not_found(space: Space) -> None:
    for call in (
        space.get(space.widgets, "none"),
        space.delete(space.widgets, "none"),
        space.patch(space.widgets, "none", {}),
    ):
        with pytest.raises(NotFound):
            await call


@pytest_twisted.ensureDeferred
async def test_names_can_be_generated(space: Space) -> None:
    body = space.widget()
    body["metadata"] = {"generateName": "thing-"}
    names = {(await space.create(space.widgets, body))["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("thing-") for name in names)


@pytest_twisted.ensureDeferred
async def test_a_name_that_is_none_is_invalid(space: Space) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(space.widgets, space.widget("No"))
    assert caught.value.details["causes"][0]["field"] == "metadata.name"


@pytest_twisted.ensureDeferred
async def test_a_namespace_has_to_exist(space: Space) -> None:
    with pytest.raises(NotFound):
        await space.client.create(space.widgets, space.widget(), namespace="nowhere-at-all")


@pytest_twisted.ensureDeferred
async def test_a_dry_run_stores_nothing(space: Space) -> None:
    path = space.path(space.widgets)
    made = (await space.cluster.raw("POST", f"{path}?dryRun=All", space.widget())).body
    assert made["spec"]["color"] == "red"
    assert "resourceVersion" not in made["metadata"]
    assert await space.names(space.widgets) == []
    refusal = await space.cluster.refused("POST", f"{path}?dryRun=Some", space.widget())
    assert refusal.status == 422


@pytest_twisted.ensureDeferred
async def test_a_patch_that_changes_nothing_makes_no_version(space: Space) -> None:
    await space.create(space.widgets, space.widget())
    before = await space.patch(space.widgets, "one", {"spec": {"size": 2}})
    assert await space.patch(space.widgets, "one", {"spec": {"size": 2}}) == before
    same = await space.patch(space.widgets, "one", {"status": {"phase": "Idle"}}, subresource="status")
    assert same["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


@pytest_twisted.ensureDeferred
async def test_the_first_write_stores_the_default_status_that_was_only_shown(space: Space) -> None:
    made = await space.create(space.widgets, space.widget())
    shown = await space.patch(space.widgets, "one", {"spec": {"size": 1}})
    assert shown["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
    shown["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
    assert shown == made


@pytest_twisted.ensureDeferred
async def test_a_json_patch_tests_before_it_changes(space: Space) -> None:
    await space.create(space.widgets, space.widget(parts=[{"name": "a"}]))
    operations = [{"op": "test", "path": "/spec/size", "value": 1}, {"op": "remove", "path": "/spec/parts/0"}]
    made = await space.patch(space.widgets, "one", operations, kind=PatchKind.JSON)
    assert made["spec"]["parts"] == []
    operations = [{"op": "replace", "path": "/spec/owner", "value": "me"}]  # sets what is not there, too
    assert (await space.patch(space.widgets, "one", operations, kind=PatchKind.JSON))["spec"]["owner"] == "me"
    for wrong in (
        {"op": "test", "path": "/spec/size", "value": 9},
        {"op": "remove", "path": "/spec/none"},
        {"op": "dance", "path": "/spec"},
    ):
        with pytest.raises(Invalid):
            await space.patch(space.widgets, "one", [wrong], kind=PatchKind.JSON)


@pytest_twisted.ensureDeferred
async def test_generation_counts_what_is_wanted(space: Space) -> None:
    await space.create(space.widgets, space.widget())
    labelled = await space.patch(space.widgets, "one", {"metadata": {"labels": {"a": "b"}}})
    reported = await space.patch(space.widgets, "one", {"status": {"replicas": 1}}, subresource="status")
    wanted = await space.patch(space.widgets, "one", {"spec": {"size": 2}})
    assert [item["metadata"]["generation"] for item in (labelled, reported, wanted)] == [1, 1, 2]


@pytest_twisted.ensureDeferred
async def test_labels_and_fields_select(space: Space) -> None:
    for name, color, label in (("a", "red", "x"), ("b", "green", "x"), ("c", "red", "y")):
        body = space.widget(name, color=color)
        body["metadata"]["labels"] = {"l": label}
        await space.create(space.widgets, body)
    assert await space.names(space.widgets, label_selector="l=x") == ["a", "b"]
    assert await space.names(space.widgets, label_selector="l in (y,z)") == ["c"]
    assert await space.names(space.widgets, label_selector="l notin (y),!other") == ["a", "b"]
    assert await space.names(space.widgets, field_selector="spec.color=red") == ["a", "c"]
    assert await space.names(space.widgets, field_selector="metadata.name!=a,spec.color=red") == ["c"]
    assert await space.names(space.widgets, field_selector="status.phase=Idle") == ["a", "b", "c"]
    for bad in ({"label_selector": "a b"}, {"field_selector": "spec.size=1"}):
        with pytest.raises(ApiError) as caught:
            await space.names(space.widgets, **bad)
        assert caught.value.status == 400


@pytest_twisted.ensureDeferred
async def test_a_list_comes_in_pages_of_one_version(space: Space) -> None:
    for number in range(5):
        await space.create(CONFIG_MAPS, {"metadata": {"name": f"m{number}"}})
    path = space.path(CONFIG_MAPS)
    first = (await space.cluster.raw("GET", f"{path}?limit=2&labelSelector=%21x")).body
    await space.create(CONFIG_MAPS, {"metadata": {"name": "a-later"}})
    await space.delete(CONFIG_MAPS, "m4")
    names, page = [], first
    for _ in range(5):
        names += [item["metadata"]["name"] for item in page["items"]]
        assert page["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        if not page["metadata"].get("continue"):
            break
        token = page["metadata"]["continue"]
        page = (await space.cluster.raw("GET", f"{path}?limit=2&labelSelector=%21x&continue={token}")).body
    assert [name for name in names if name.startswith("m")] == ["m0", "m1", "m2", "m3", "m4"]


@pytest_twisted.ensureDeferred
async def test_both_views_of_an_event_show_it(space: Space) -> None:
    tried = event("e", space.namespace)
    await space.create(EVENTS, tried, strict=True)
    old = await space.get(CORE_EVENTS, "e")
    assert (old["message"], old["involvedObject"]["name"]) == ("it works", "m")
    assert await space.names(CORE_EVENTS, field_selector="involvedObject.name=m,reason=Tried") == ["e"]
    with pytest.raises(Invalid):
        await space.create(EVENTS, tried | {"metadata": {"name": "f"}, "action": ""})


@pytest_twisted.ensureDeferred
async def test_a_config_map_has_keys_that_can_be_files_and_may_be_fixed_for_good(space: Space) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(CONFIG_MAPS, {"metadata": {"name": "m"}, "data": {"a b": "c"}})
    assert caught.value.details["causes"][0]["field"] == "data[a b]"
    await space.create(CONFIG_MAPS, {"metadata": {"name": "m"}, "data": {"a": "b"}, "immutable": True})
    for patch, field in (({"data": {"a": "c"}}, "data"), ({"immutable": False}, "immutable")):
        with pytest.raises(Invalid) as caught:
            await space.patch(CONFIG_MAPS, "m", patch)
        assert caught.value.details["causes"][0]["field"] == field
    assert await space.patch(CONFIG_MAPS, "m", {"metadata": {"labels": {"a": "b"}}})
