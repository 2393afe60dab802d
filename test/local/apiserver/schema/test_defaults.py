from typing import Any

from test.local.apiserver.objects import WIDGET_SCHEMA
from test.local.apiserver.schema.builders import filled, parsed, refusals, root

WIDGET = parsed(WIDGET_SCHEMA)
INNER: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer", "default": 1}, "b": {"type": "string"}},
}


def test_absent_fields_are_filled_in_and_present_ones_stay() -> None:
    assert filled(WIDGET, {"size": 2}) == {"size": 2, "color": "red", "replicas": 1}
    assert filled(WIDGET, {"color": "blue", "replicas": 0}) == {"color": "blue", "replicas": 0}


def test_items_of_lists_and_values_of_maps_are_filled() -> None:
    assert filled(WIDGET, {"parts": [{"name": "a"}, {"name": "b", "weight": 1}]})["parts"] == [
        {"name": "a", "weight": 5},
        {"name": "b", "weight": 1},
    ]
    schema = parsed(root({"type": "object", "additionalProperties": INNER}))
    assert filled(schema, {"x": {}, "y": {"a": 2}}) == {"x": {"a": 1}, "y": {"a": 2}}


def test_an_object_is_not_made_for_the_sake_of_defaults_inside() -> None:
    assert filled(parsed(root({"type": "object", "properties": {"inner": INNER}})), {}) == {}


def test_a_default_object_is_itself_completed() -> None:
    schema = parsed(root({"type": "object", "properties": {"inner": INNER | {"default": {}}}}))
    assert filled(schema, {}) == {"inner": {"a": 1}}
    schema = parsed(root({"type": "object", "properties": {"inner": INNER | {"default": {"b": "x"}}}}))
    assert filled(schema, {}) == {"inner": {"a": 1, "b": "x"}}


def test_null_is_replaced_by_a_default_unless_it_is_allowed() -> None:
    assert filled(WIDGET, {"color": None})["color"] == "red"
    nullable = {"type": "string", "nullable": True, "default": "x"}
    assert filled(parsed(root({"type": "object", "properties": {"a": nullable}})), {"a": None}) == {"a": None}


def test_what_needs_nothing_is_not_copied() -> None:
    spec = {"color": "red", "replicas": 1, "parts": [{"name": "a", "weight": 1}]}
    assert filled(WIDGET, spec) is spec


def test_a_default_has_to_be_valid() -> None:
    bad = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1, "default": 0}}}
    assert "should be greater than or equal to 1" in refusals(root(bad))[0]
    unknown = {"type": "object", "properties": {"a": INNER | {"default": {"x": 1}}}}
    assert "has unknown fields: x" in refusals(root(unknown))[0]
