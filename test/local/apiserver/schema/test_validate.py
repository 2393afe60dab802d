"""Each case: a schema of `spec`, a value, and what is said of it."""

from typing import Any

import pytest

from test.local.apiserver.objects import WIDGET_SCHEMA
from test.local.apiserver.schema.builders import errors, parsed, root

STRING: dict[str, Any] = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "value", "expected"),
    [
        (STRING, 1, 'spec: Invalid value: "integer": spec in body must be of type string: "integer"'),
        (STRING, None, 'spec: Invalid value: "null": spec in body must be of type string: "null"'),
        (STRING | {"nullable": True}, None, None),
        ({"type": "integer"}, True, 'spec: Invalid value: "boolean": spec in body must be of type integer: "boolean"'),
        ({"type": "integer"}, 2.0, None),
        ({"type": "integer"}, 2.5, 'spec: Invalid value: "number": spec in body must be of type integer: "number"'),
        ({"type": "number"}, 2, None),
        ({"type": "object"}, [], 'spec: Invalid value: "array": spec in body must be of type object: "array"'),
        (
            {"type": "integer", "minimum": 1},
            0,
            "spec: Invalid value: 0: spec in body should be greater than or equal to 1",
        ),
        (
            {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
            1,
            "spec: Invalid value: 1: spec in body should be greater than 1",
        ),
        (
            {"type": "number", "maximum": 1.0},
            1.5,
            "spec: Invalid value: 1.5: spec in body should be less than or equal to 1",
        ),
        ({"type": "integer", "multipleOf": 5}, 7, "spec: Invalid value: 7: spec in body should be a multiple of 5"),
        (
            {"type": "integer", "format": "int32"},
            1 << 31,
            "spec: Invalid value: 2147483648: spec in body must be of type int32: 2147483648",
        ),
        (STRING | {"minLength": 1}, "", 'spec: Invalid value: "": spec in body should be at least 1 chars long'),
        (STRING | {"maxLength": 2}, "abc", "spec: Too long: may not be more than 2 bytes"),
        (STRING | {"pattern": "^[a-z]+$"}, "A", "spec: Invalid value: \"A\": spec in body should match '^[a-z]+$'"),
        (
            STRING | {"pattern": "^[a-z]+$"},
            "a\n",
            "spec: Invalid value: \"a\\n\": spec in body should match '^[a-z]+$'",
        ),
        (STRING | {"pattern": "b"}, "abc", None),
        (STRING | {"enum": ["A", "B"]}, "C", 'spec: Unsupported value: "C": supported values: "A", "B"'),
        ({"type": "integer", "enum": [1, 2]}, 2, None),
        (STRING | {"format": "date-time"}, "2024-01-01T00:00:00Z", None),
        (STRING | {"format": "date-time"}, "2024-01-01T00:00:00.123456+02:00", None),
        (
            STRING | {"format": "date-time"},
            "yesterday",
            'spec: Invalid value: "yesterday": spec in body must be of type date-time: "yesterday"',
        ),
        (STRING | {"format": "ipv4"}, "::1", 'spec: Invalid value: "::1": spec in body must be of type ipv4: "::1"'),
        (STRING | {"format": "cidr"}, "10.0.0.0/8", None),
        (STRING | {"format": "of-our-own"}, "anything", None),
        ({"type": "array", "items": STRING, "maxItems": 1}, ["a", "b"], "spec: Too many: 2: must have at most 1 items"),
        (
            {"type": "array", "items": STRING, "minItems": 1},
            [],
            "spec: Invalid value: []: spec in body should have at least 1 items",
        ),
        (
            {"type": "array", "items": STRING},
            ["a", 1],
            'spec[1]: Invalid value: "integer": spec[1] in body must be of type string: "integer"',
        ),
        (
            {"type": "object", "additionalProperties": STRING},
            {"a": 1},
            'spec.a: Invalid value: "integer": spec.a in body must be of type string: "integer"',
        ),
        ({"type": "object", "properties": {"a": STRING}, "required": ["a"]}, {}, "spec.a: Required value"),
        ({"x-kubernetes-int-or-string": True}, 5, None),
        ({"x-kubernetes-int-or-string": True}, "5%", None),
        (
            {"x-kubernetes-int-or-string": True},
            5.5,
            'spec: Invalid value: "number": spec in body must be of type integer,string: "number"',
        ),
        (
            {
                "type": "object",
                "properties": {"a": STRING, "b": STRING},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            },
            {},
            'spec: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found none valid',
        ),
        (
            {
                "type": "object",
                "properties": {"a": STRING, "b": STRING},
                "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
            },
            {"a": ""},
            None,
        ),
        (
            {"type": "object", "properties": {"a": STRING}, "anyOf": [{"required": ["a"]}]},
            {},
            'spec: Invalid value: "": "spec" must validate at least one schema (anyOf)',
        ),
        (
            {"type": "integer", "allOf": [{"minimum": 1}, {"maximum": 3}]},
            5,
            "spec: Invalid value: 5: spec in body should be less than or equal to 3",
        ),
        (
            {"type": "integer", "not": {"enum": [7]}},
            7,
            'spec: Invalid value: "": "spec" must not validate the schema (not)',
        ),
    ],
)
def test_values(schema: dict[str, Any], value: Any, expected: str | None) -> None:
    assert errors(parsed(root(schema)), value) == ([] if expected is None else [expected])


WIDGET = parsed(WIDGET_SCHEMA)


def test_the_items_of_a_set_and_the_keys_of_a_list_map_are_unique() -> None:
    assert errors(WIDGET, {"size": 1, "tags": ["a", "b", "a"]}) == ['spec.tags[2]: Duplicate value: "a"']
    parts = [{"name": "a"}, {"name": "b"}, {"name": "a", "weight": 2}]
    assert errors(WIDGET, {"size": 1, "parts": parts}) == ['spec.parts[2]: Duplicate value: {"name":"a"}']


def test_every_error_is_found() -> None:
    assert len(errors(WIDGET, {"size": 101, "color": "pink", "parts": [{"weight": "x"}]})) == 4


def test_errors_are_bounded() -> None:
    assert len(errors(WIDGET, {"size": 1, "tags": [1] * 10_000})) <= 64
