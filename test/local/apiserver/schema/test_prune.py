import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.local.apiserver.schema.models import node
from isoproxy.local.apiserver.schema.prune import prune
from test.local.apiserver.objects import WIDGET_SCHEMA, widget
from test.local.apiserver.schema.builders import obj, parsed, pruned, root

WIDGET = parsed(WIDGET_SCHEMA)
MAP = {"type": "object", "additionalProperties": {"type": "string"}}


def test_unknown_fields_go_and_are_named() -> None:
    spec = {"size": 1, "shape": 2, "parts": [{"name": "a", "x": 1}, {"name": "b"}]}
    assert pruned(WIDGET, spec) == (
        {"size": 1, "parts": [{"name": "a"}, {"name": "b"}]},
        ["spec.shape", "spec.parts[0].x"],
    )


def test_what_is_preserved_stays_below_it_too() -> None:
    spec = {"size": 1, "free": {"a": {"b": [1, None]}}}
    assert pruned(WIDGET, spec) == (spec, [])


def test_known_fields_inside_a_preserved_object_are_pruned_themselves() -> None:
    inner = {"type": "object", "properties": {"x": {"type": "string"}}}
    schema = parsed(
        root({"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {"known": inner}})
    )
    assert pruned(schema, {"other": 1, "known": {"x": "a", "y": 1}}) == (
        {"other": 1, "known": {"x": "a"}},
        ["spec.known.y"],
    )


def test_a_map_takes_any_key_and_prunes_its_values() -> None:
    values = {"type": "object", "properties": {"x": {"type": "string"}}}
    schema = parsed(root({"type": "object", "additionalProperties": values}))
    assert pruned(schema, {"any": {"x": "a", "y": 1}}) == ({"any": {"x": "a"}}, ["spec.any.y"])


def test_an_embedded_object_keeps_its_envelope() -> None:
    schema = parsed(root({"type": "object", "x-kubernetes-embedded-resource": True, "properties": {}}))
    spec = {"apiVersion": "v1", "kind": "X", "metadata": {"name": "a"}, "more": 1}
    assert pruned(schema, spec)[1] == ["spec.more"]


def test_null_means_absent_in_built_in_kinds() -> None:
    body = {"metadata": {"labels": None}, "spec": {"nodeName": None, "containers": [{"name": "a", "args": None}]}}
    assert prune(node("V1Pod"), body, "", []) == {"metadata": {}, "spec": {"containers": [{"name": "a"}]}}


def test_null_means_absent_in_custom_kinds_but_for_what_is_nullable_or_has_a_default() -> None:
    nullable = {"type": "string", "nullable": True}
    schema = parsed(root({"type": "object", "properties": {"n": nullable, "map": MAP}}))
    assert pruned(schema, {"map": {"a": None, "b": "c"}, "n": None}) == ({"map": {"b": "c"}, "n": None}, [])
    assert pruned(WIDGET, {"color": None, "selector": None, "tags": [None]})[0] == {"color": None, "tags": [None]}
    assert prune(WIDGET, {"spec": {"selector": None}}, "", [], nulls=True) == {"spec": {"selector": None}}


def test_a_number_is_a_quantity_where_one_is_wanted() -> None:
    body = {"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": 1}}}]}}
    found = prune(node("V1Pod"), body, "", [])
    assert found["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "1"}


def test_what_has_nothing_unknown_is_not_copied() -> None:
    value = obj({"size": 1, "parts": [{"name": "a"}]})
    assert prune(WIDGET, value, "", []) is value


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from(["size", "color", "parts", "tags", "free", "name", "weight", "x"]), below, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(VALUES)
def test_any_value_is_pruned_once_and_for_all_and_the_original_stays(value: Any) -> None:
    body = widget() | {"spec": value}
    before = json.dumps(body)
    once = prune(WIDGET, body, "", [])
    unknown: list[str] = []
    assert prune(WIDGET, once, "", unknown) == once
    assert unknown == []
    assert json.dumps(body) == before
