"""Server-side apply."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.api import PatchKind
from isoproxy.kube.errors import Conflict
from isoproxy.kube.resources import Json
from test.contract.cluster import Reply, Space

APPLY = "application/apply-patch+yaml"


async def apply(space: Space, config: Json, manager: str, **query: Any) -> Reply:
    parameters = "&".join([f"fieldManager={manager}", *(f"{key}={value}" for key, value in query.items())])
    return await space.cluster.raw(
        "PATCH", f"{space.path(space.widgets, 'one')}?{parameters}", config, Content_Type=APPLY
    )


@pytest_twisted.ensureDeferred
async def test_an_apply_creates_and_then_changes(space: Space) -> None:
    made = await space.patch(space.widgets, "one", space.widget(size=3), kind=PatchKind.APPLY)
    assert made["spec"]["size"] == 3
    changed = await space.patch(space.widgets, "one", space.widget(size=4), kind=PatchKind.APPLY)
    assert changed["metadata"]["uid"] == made["metadata"]["uid"]
    assert changed["spec"]["size"] == 4


@pytest_twisted.ensureDeferred
async def test_what_an_applier_stops_saying_is_removed(space: Space) -> None:
    assert (await apply(space, space.widget(selector="x", parts=[{"name": "a"}, {"name": "b"}]), "m")).status == 201
    made = (await apply(space, space.widget(parts=[{"name": "b"}]), "m")).body
    assert "selector" not in made["spec"]
    assert [part["name"] for part in made["spec"]["parts"]] == ["b"]


@pytest_twisted.ensureDeferred
async def test_the_same_again_changes_nothing(space: Space) -> None:
    await apply(space, space.widget(), "m")
    before = (await apply(space, space.widget(color="green"), "m")).body
    assert (await apply(space, space.widget(color="green"), "m")).body == before


@pytest_twisted.ensureDeferred
async def test_what_another_owns_is_a_conflict_unless_forced(space: Space) -> None:
    await apply(space, space.widget(color="green"), "first")
    refused = await apply(space, space.widget(color="red"), "second")
    assert refused.status == 409
    assert refused.body["reason"] == Conflict.default_reason
    assert 'conflict with "first"' in refused.body["message"]
    assert refused.body["details"]["causes"][0]["field"] == ".spec.color"
    forced = await apply(space, space.widget(color="red"), "second", force="true")
    assert (forced.status, forced.body["spec"]["color"]) == (200, "red")


@pytest_twisted.ensureDeferred
async def test_an_update_takes_over_what_it_changes(space: Space) -> None:
    await apply(space, space.widget(color="green"), "first")
    await space.patch(space.widgets, "one", {"spec": {"color": "red"}})
    assert (await apply(space, space.widget(color="green"), "first")).status == 409
    assert (await apply(space, space.widget(), "first")).body["spec"]["color"] == "red"


@pytest_twisted.ensureDeferred
async def test_items_of_a_list_map_have_owners_of_their_own(space: Space) -> None:
    await apply(space, space.widget(parts=[{"name": "a", "weight": 1}]), "first")
    made = (await apply(space, space.widget(parts=[{"name": "b"}]), "second")).body
    assert made["spec"]["parts"] == [{"name": "a", "weight": 1}, {"name": "b", "weight": 5}]


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"shape": "round"}, ".spec.shape: field not declared in schema"),
        ({"color": 3}, ".spec.color: expected string"),
        ({"parts": "a"}, ".spec.parts: expected list"),
        ({"limits": []}, ".spec.limits: expected map"),
        ({"replicas": "2"}, ".spec.replicas: expected numeric"),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, ".spec.parts: duplicate entries for key"),
        ({"parts": [{"weight": 1}]}, ".spec.parts: element 0: associative list with keys has an element that omits"),
        ({"parts": [1]}, ".spec.parts: element 0: associative list with keys may not have non-map elements"),
    ],
)
async def test_what_has_no_place_in_the_schema_cannot_be_applied(
    space: Space, spec: dict[str, Any], words: str
) -> None:
    reply = await apply(space, space.widget(**spec), "m")
    assert (reply.status, reply.body.get("reason")) == (500, None)
    kind = f"{space.widgets.group}/v1, Kind=Widget"
    assert "failed to create typed patch object" in reply.body["message"]
    assert kind in reply.body["message"]
    assert words in reply.body["message"]


@pytest_twisted.ensureDeferred
async def test_an_apply_says_what_it_applies_and_who_does(space: Space) -> None:
    config = space.widget()
    for lacking in ({"kind": None}, {"apiVersion": None}, {"apiVersion": "v1"}):
        reply = await apply(space, config | lacking, "m")
        assert (reply.status, reply.body["message"][:19]) == (400, "invalid object type")
    assert (await apply(space, config, "")).status == 422
