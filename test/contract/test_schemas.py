"""What the schema of a definition does to its objects: defaults, pruning, validation, CEL rules."""

from typing import Any

import pytest
import pytest_twisted

from isoproxy.kube.errors import ApiError, Invalid
from isoproxy.kube.resources import CONFIG_MAPS, PODS
from test.contract.cluster import Space


@pytest_twisted.ensureDeferred
async def test_defaults_are_shown_at_every_level(space: Space) -> None:
    made = await space.create(space.widgets, space.widget(parts=[{"name": "a"}]))
    assert made["spec"] == {
        "size": 1,
        "color": "red",
        "owner": "",
        "replicas": 1,
        "limits": {"seconds": 30},
        "parts": [{"name": "a", "weight": 5}],
    }


@pytest_twisted.ensureDeferred
async def test_a_default_status_is_shown_on_what_has_none(space: Space) -> None:
    await space.create(space.widgets, space.widget() | {"status": {"phase": "Done"}})
    assert (await space.get(space.widgets, "one"))["status"] == {"phase": "Idle", "replicas": 0}
    assert await space.names(space.widgets, field_selector="status.phase=Idle") == ["one"]


@pytest_twisted.ensureDeferred
async def test_unknown_fields_are_pruned_with_a_warning(space: Space) -> None:
    body = space.widget(shape="round", free={"any": {"thing": 1}})
    reply = await space.cluster.raw("POST", space.path(space.widgets), body)
    assert reply.status == 201
    assert "shape" not in reply.body["spec"]
    assert reply.body["spec"]["free"] == {"any": {"thing": 1}}
    assert any('unknown field \\"spec.shape\\"' in warning for warning in reply.warnings)


@pytest_twisted.ensureDeferred
async def test_unknown_fields_are_refused_when_strict(space: Space) -> None:
    for resource, body, field in (
        (space.widgets, space.widget(shape="round"), "spec.shape"),
        (CONFIG_MAPS, {"metadata": {"name": "m"}, "dta": {}}, "dta"),
    ):
        with pytest.raises(ApiError) as caught:
            await space.create(resource, body, strict=True)
        assert caught.value.status == 400
        assert f'strict decoding error: unknown field "{field}"' in caught.value.message


@pytest_twisted.ensureDeferred
async def test_an_unknown_field_in_a_strict_patch_is_refused(space: Space) -> None:
    await space.create(space.widgets, space.widget())
    with pytest.raises(ApiError) as caught:
        await space.patch(space.widgets, "one", {"spec": {"shape": "round"}}, strict=True)
    assert caught.value.status in (400, 422)
    assert 'unknown field "spec.shape"' in caught.value.message


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        ({"size": 101}, "spec.size", "should be less than or equal to 100"),
        ({"size": "big"}, "spec.size", "must be of type integer"),
        ({"color": "pink"}, "spec.color", 'supported values: "red", "green"'),
        ({"owner": "x" * 64}, "spec.owner", "Too long"),
        ({"parts": [{"weight": 1}]}, "spec.parts[0].name", "Required value"),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, "spec.parts[1]", "Duplicate value"),
        ({"parts": [{"name": str(number)} for number in range(11)]}, "spec.parts", "must have at most 10 items"),
        ({"percent": 1.5}, "spec.percent", "must be of type"),
        ({"replicas": 200}, "spec", "too many replicas for the size"),
    ],
)
async def test_what_the_schema_forbids_is_invalid(space: Space, spec: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(space.widgets, space.widget(**spec))
    assert field in {cause["field"] for cause in caught.value.details["causes"]}
    assert words in caught.value.message


@pytest_twisted.ensureDeferred
async def test_a_missing_field_is_invalid(space: Space) -> None:
    body = space.widget()
    del body["spec"]["size"]
    with pytest.raises(Invalid) as caught:
        await space.create(space.widgets, body)
    assert "spec.size: Required value" in caught.value.message


@pytest_twisted.ensureDeferred
async def test_a_null_is_a_field_left_out(space: Space) -> None:
    body = space.widget(color=None, selector=None, limits=None, free={"kept": None})
    made = await space.create(space.widgets, body)
    assert made["spec"]["color"] == "red"
    assert "selector" not in made["spec"]
    assert made["spec"]["limits"] == {"seconds": 30}
    assert made["spec"]["free"] == {"kept": None}
    with pytest.raises(Invalid) as caught:
        await space.create(space.widgets, space.widget("two", size=None))
    assert "spec.size: Required value" in caught.value.message


@pytest_twisted.ensureDeferred
async def test_no_rule_is_asked_about_what_has_the_wrong_shape(space: Space) -> None:
    for spec in ({"color": "pink"}, {"owner": "x" * 64}, {"size": "big"}, {"size": None}):
        with pytest.raises(Invalid, match="some validation rules were not checked") as caught:
            await space.create(space.widgets, space.widget(**{"replicas": 500} | spec))
        assert "too many replicas" not in caught.value.message


@pytest_twisted.ensureDeferred
async def test_the_cause_says_that_it_is_the_type(space: Space) -> None:
    for spec, reason in (({"size": "big"}, "FieldValueTypeInvalid"), ({"size": 101}, "FieldValueInvalid")):
        with pytest.raises(Invalid) as caught:
            await space.create(space.widgets, space.widget(**spec))
        assert caught.value.details["causes"][0]["reason"] == reason


@pytest_twisted.ensureDeferred
async def test_a_rule_sees_the_name(space: Space) -> None:
    with pytest.raises(Invalid) as caught:
        await space.create(space.widgets, space.widget("a-name-that-is-far-too-long"))
    assert "the name is too long" in caught.value.message


@pytest_twisted.ensureDeferred
async def test_a_field_can_be_immutable_once_set(space: Space) -> None:
    await space.create(space.widgets, space.widget())
    await space.patch(space.widgets, "one", {"spec": {"owner": "me"}})
    for owner in ("you", "", None):
        with pytest.raises(Invalid) as caught:
            await space.patch(space.widgets, "one", {"spec": {"owner": owner}})
        assert "owner is immutable once set" in caught.value.message
    assert await space.patch(space.widgets, "one", {"spec": {"owner": "me", "size": 3}})


@pytest_twisted.ensureDeferred
async def test_a_phase_can_be_made_to_move_forward_only(space: Space) -> None:
    async def move(phase: str) -> Any:
        return await space.patch(space.widgets, "one", {"status": {"phase": phase}}, subresource="status")

    await space.create(space.widgets, space.widget())
    with pytest.raises(Invalid, match="only moves forward"):
        await move("InUse")  # nobody owns it
    await space.patch(space.widgets, "one", {"spec": {"owner": "me"}})
    await move("InUse")
    for back in ("Idle", "Done"):
        with pytest.raises(Invalid, match="only moves forward"):
            await move(back)
    assert (await move("InUse"))["status"]["phase"] == "InUse"


@pytest_twisted.ensureDeferred
async def test_a_wrong_type_in_a_built_in_kind_is_no_such_object(space: Space) -> None:
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "a", "image": "i"}], "hostNetwork": "yes"}}
    with pytest.raises(ApiError) as caught:
        await space.create(PODS, body)
    assert caught.value.status == 400
    assert "hostNetwork" in caught.value.message
