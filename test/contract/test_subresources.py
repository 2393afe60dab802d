"""The status and the scale, and tables."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.errors import Conflict, Invalid, NotFound
from isoproxy.kube.resources import CONFIG_MAPS, LEASES, Resource
from test.contract.cluster import Space
from test.contract.tables import TABLE, row


@pytest_twisted.ensureDeferred
async def test_the_object_and_its_status_are_written_apart(space: Space) -> None:
    before = await space.create(space.widgets, space.widget(owner="me"))
    both: dict[str, Any] = {"spec": {"size": 9}, "status": {"replicas": 7}, "metadata": {"labels": {"a": "b"}}}
    made = await space.patch(space.widgets, "one", both, subresource="status")
    assert (made["spec"], made["status"]["replicas"]) == (before["spec"], 7)
    assert "labels" not in made["metadata"]
    made = await space.patch(space.widgets, "one", both | {"status": {"replicas": 1}})
    assert (made["spec"]["size"], made["status"]["replicas"]) == (9, 7)


@pytest_twisted.ensureDeferred
async def test_what_has_no_status_has_no_status(space: Space) -> None:
    await space.create(CONFIG_MAPS, {"metadata": {"name": "m"}})
    with pytest.raises(NotFound):
        await space.patch(CONFIG_MAPS, "m", {}, subresource="status")


@pytest_twisted.ensureDeferred
async def test_the_scale_shows_and_sets_replicas(space: Space) -> None:
    await space.create(space.widgets, space.widget(replicas=2))
    await space.patch(space.widgets, "one", {"status": {"replicas": 1, "selector": "a=b"}}, subresource="status")
    path = space.path(space.widgets, "one", "scale")
    shown = (await space.cluster.raw("GET", path)).body
    assert (shown["apiVersion"], shown["kind"]) == ("autoscaling/v1", "Scale")
    assert (shown["spec"], shown["status"]) == ({"replicas": 2}, {"replicas": 1, "selector": "a=b"})
    await space.patch(space.widgets, "one", {"spec": {"replicas": 5}}, subresource="scale")
    assert (await space.get(space.widgets, "one"))["spec"]["replicas"] == 5
    stale = shown | {"spec": {"replicas": 6}}
    assert isinstance(await space.cluster.refused("PUT", path, stale), Conflict)
    with pytest.raises(Invalid):
        await space.patch(space.widgets, "one", {"spec": {"replicas": -1}}, subresource="scale")


@pytest_twisted.ensureDeferred
async def test_a_table_has_the_columns_of_the_definition(space: Space) -> None:
    await space.create(space.widgets, space.widget(size=7))
    table = (await space.cluster.raw("GET", space.path(space.widgets), Accept=TABLE)).body
    assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    shown = row(table, "one")
    assert shown.pop("Age").endswith("s")
    assert shown == {"Name": "one", "Size": 7, "Phase": "Idle", "Color": "red", "Since": None}
    priorities = {column["name"]: column["priority"] for column in table["columnDefinitions"]}
    assert (priorities["Size"], priorities["Color"]) == (0, 1)
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("resource", "body", "columns"),
    [
        (CONFIG_MAPS, {"data": {"a": "b"}}, {"Name": "t", "Data": 1}),
        (LEASES, {"spec": {"holderIdentity": "me"}}, {"Name": "t", "Holder": "me"}),
    ],
)
async def test_a_table_of_a_built_in_kind(
    space: Space, resource: Resource, body: dict[str, Any], columns: dict[str, Any]
) -> None:
    await space.create(resource, body | {"metadata": {"name": "t"}})
    table = (await space.cluster.raw("GET", space.path(resource, "t") + "?includeObject=None", Accept=TABLE)).body
    shown = row(table, "t")
    shown.pop("Age")
    assert {key: int(value) if str(value).isdecimal() else value for key, value in shown.items()} == columns
    assert table["rows"][0].get("object") is None
