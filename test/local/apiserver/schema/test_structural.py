from typing import Any

import pytest

from test.local.apiserver.schema.builders import parsed, refusals, root

STRING: dict[str, Any] = {"type": "string"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "schema.properties[spec].type: Required value"),
        ({"type": "text"}, "schema.properties[spec].type: Invalid value"),
        ({"type": "array"}, "schema.properties[spec].items: Required value"),
        ({"type": "array", "items": STRING, "x-kubernetes-list-type": "bag"}, "x-kubernetes-list-type: Invalid value"),
        ({"type": "array", "items": STRING, "x-kubernetes-list-type": "map"}, "goes with x-kubernetes-list-type map"),
        (
            {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "properties": {"name": STRING}},
            },
            "a list map key must be required or have a default",
        ),
        ({"type": "object", "properties": {"a": STRING}, "additionalProperties": STRING}, "must not be used together"),
        ({"type": "object", "$ref": "#/x"}, "schema.properties[spec].$ref: Forbidden"),
        ({"type": "array", "items": STRING, "uniqueItems": True}, "uniqueItems: Forbidden"),
        (STRING | {"pattern": "("}, "must be a valid regular expression"),
        (STRING | {"pattern": "(?=a)"}, "must be a valid regular expression"),
        ({"type": "object", "anyOf": [{"default": 1}]}, "anyOf[0].default: Forbidden"),
        ({"type": "object", "anyOf": ["x"]}, "anyOf[0]: Invalid value"),
        ("text", "must be an object"),
    ],
)
def test_what_a_real_server_refuses_is_refused(spec: Any, expected: str) -> None:
    assert any(expected in error for error in refusals(root(spec)))


def test_the_root_is_an_object() -> None:
    assert any("must be object at the root" in error for error in refusals(STRING))


def test_a_schema_cannot_be_nested_without_limit() -> None:
    deep: dict[str, Any] = STRING
    for _ in range(80):
        deep = {"type": "object", "properties": {"x": deep}}
    assert any("nested no deeper" in error for error in refusals(root(deep)))


def test_metadata_is_that_of_every_object_whatever_the_schema_says() -> None:
    schema = parsed(root(STRING) | {"properties": {"spec": STRING, "metadata": {"type": "string"}}})
    assert schema.properties["metadata"].type == "object"
    assert "labels" in schema.properties["metadata"].properties
