from typing import Any

import pytest

from test.local.apiserver.schema.builders import parsed, refusals, root, rule_errors

Json = dict[str, Any]


def spec_with(*rules: Json, **properties: Any) -> Json:
    shown = properties or {
        "a": {"type": "string"},
        "n": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    }
    return root({"type": "object", "properties": shown, "x-kubernetes-validations": list(rules)})


def check(rule: str, spec: Json, old: Json | None = None, **more: Any) -> list[str]:
    return rule_errors(parsed(spec_with({"rule": rule} | more)), spec, old)


@pytest.mark.parametrize(
    ("rule", "spec", "holds"),
    [
        ("self.n > 3", {"n": 4}, True),
        ("self.n > 3", {"n": 3}, False),
        ("size(self.a) <= 2 && self.a.matches('^[a-z]+$')", {"a": "ab"}, True),
        ("self.a.size() <= 2", {"a": "abc"}, False),
        ("!has(self.a) || self.a == 'x'", {}, True),
        ("self.a in ['x', 'y']", {"a": "z"}, False),
        ("self.tags.all(t, t.startsWith('x'))", {"tags": ["xa", "xb"]}, True),
        ("self.tags.exists_one(t, t == 'a')", {"tags": ["a", "a"]}, False),
        ("self.tags.isSorted() && self.tags.max() == 'b'", {"tags": ["a", "b"]}, True),
        ("self.a.split(',').size() == 2", {"a": "x,y"}, True),
        ("isIP(self.a) || isCIDR(self.a)", {"a": "10.0.0.0/8"}, True),
        ("isIP(self.a)", {"a": "10.0.0"}, False),
        ("self.a.find('[0-9]+') == '42'", {"a": "x42y"}, True),
        ("self.?a.orValue('none') == 'none'", {}, True),
    ],
)
def test_rules(rule: str, spec: Json, holds: bool) -> None:
    assert check(rule, spec) == ([] if holds else [f"spec: Invalid value: failed rule: {rule}"])


def test_a_message_replaces_the_rule() -> None:
    assert check("self.n > 3", {"n": 1}, message="n is too small") == ["spec: Invalid value: n is too small"]


def test_a_message_can_be_computed_and_falls_back_when_it_cannot() -> None:
    computed: Json = {"messageExpression": "'n is ' + string(self.n)", "message": "bad n"}
    assert check("self.n > 3", {"n": 1}, **computed) == ["spec: Invalid value: n is 1"]
    assert check("has(self.n)", {}, **computed) == ["spec: Invalid value: bad n"]


def test_a_reason_and_a_field_can_be_given() -> None:
    found = check("self.n > 3", {"n": 1}, reason="FieldValueForbidden", fieldPath=".n", message="no")
    assert found == ["spec.n: Forbidden: no"]


def test_a_scalar_is_shown_in_its_error() -> None:
    schema = spec_with(n={"type": "integer", "x-kubernetes-validations": [{"rule": "self > 3", "message": "small"}]})
    assert rule_errors(parsed(schema), {"n": 1}) == ["spec.n: Invalid value: 1: small"]


def test_a_rule_that_cannot_be_evaluated_is_an_error() -> None:
    assert check("self.a == 'x'", {}) == [
        "spec: Invalid value: no such key: a evaluating rule: failed rule: self.a == 'x'"
    ]
    assert check("self.a == 'x'", {}, message="m") == ["spec: Invalid value: no such key: a evaluating rule: m"]


def test_a_transition_rule_needs_something_to_compare_with() -> None:
    rule = "self.n >= oldSelf.n"
    assert check(rule, {"n": 1}) == []
    assert check(rule, {"n": 1}, {"n": 1}) == []
    assert check(rule, {"n": 0}, {"n": 1}) == [f"spec: Invalid value: failed rule: {rule}"]


def test_a_field_that_is_new_has_no_old_value() -> None:
    schema = spec_with(n={"type": "integer", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]})
    assert rule_errors(parsed(schema), {"n": 1}, {}) == []
    assert len(rule_errors(parsed(schema), {"n": 2}, {"n": 1})) == 1


def test_the_old_value_can_be_optional() -> None:
    rule = "!oldSelf.hasValue() || oldSelf.value().n <= self.n"
    assert check(rule, {"n": 1}, optionalOldSelf=True) == []
    assert check(rule, {"n": 1}, {"n": 0}, optionalOldSelf=True) == []
    assert len(check(rule, {"n": 1}, {"n": 2}, optionalOldSelf=True)) == 1


def test_items_of_a_list_map_are_compared_by_their_key() -> None:
    items = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "n": {"type": "integer"}},
        "x-kubernetes-validations": [{"rule": "self.n >= oldSelf.n"}],
    }
    listed = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], "items": items}
    schema = parsed(spec_with(parts=listed))
    old = {"parts": [{"name": "a", "n": 5}, {"name": "b", "n": 1}]}
    assert rule_errors(schema, {"parts": [{"name": "b", "n": 2}, {"name": "c", "n": 0}]}, old) == []
    found = rule_errors(schema, {"parts": [{"name": "b", "n": 0}]}, old)
    assert found == ["spec.parts[0]: Invalid value: failed rule: self.n >= oldSelf.n"]


def test_values_of_a_map_are_compared_by_their_key() -> None:
    values = {"type": "integer", "x-kubernetes-validations": [{"rule": "self >= oldSelf"}]}
    schema = parsed(spec_with(counts={"type": "object", "additionalProperties": values}))
    found = rule_errors(schema, {"counts": {"a": 1, "b": 1}}, {"counts": {"a": 2}})
    assert found == ["spec.counts[a]: Invalid value: 1: failed rule: self >= oldSelf"]


def test_at_the_root_the_name_is_visible_and_other_metadata_is_not() -> None:
    def schema(rule: str) -> Json:
        return root({"type": "object", "properties": {}}, **{"x-kubernetes-validations": [{"rule": rule}]})

    assert rule_errors(parsed(schema("self.metadata.name == 'one' && self.kind == 'Widget'")), {}) == []
    assert rule_errors(parsed(schema("!has(self.metadata.generateName)")), {}) == []
    assert "undefined field 'labels'" in refusals(schema("has(self.metadata.labels)"))[0]
    assert rule_errors(parsed(schema("self.metadata.name == 'x'")), {}) == [
        "<nil>: Invalid value: failed rule: self.metadata.name == 'x'"
    ]


def test_names_that_are_no_identifiers_are_escaped() -> None:
    properties = {"namespace": {"type": "string"}, "a-b": {"type": "integer"}, "x.y": {"type": "integer"}}
    rule = "self.__namespace__ == 'n' && self.a__dash__b == 1 && self.x__dot__y == 2"
    assert rule_errors(parsed(spec_with({"rule": rule}, **properties)), {"namespace": "n", "a-b": 1, "x.y": 2}) == []


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("self.n >", "compilation failed"),
        ("self.none == 1", "undefined field 'none'"),
        ("oldSelf.none == 1", "undefined field 'none'"),
        ("other == 1", "undeclared reference to 'other'"),
        ("self.a", None),  # of no type that is known before it runs
        ("'text'", "must evaluate to a bool"),
        ("", "must not be empty"),
        ("quantity(self.a).isGreaterThan(quantity('1'))", "undeclared reference to 'quantity'"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_with_its_definition(rule: str, expected: str | None) -> None:
    found = refusals(spec_with({"rule": rule}))
    assert (found == []) if expected is None else (expected in found[0])


def test_a_name_in_a_literal_is_no_field() -> None:
    assert check("self.a != 'self.nothing'", {"a": "x"}) == []


def test_a_transition_rule_where_items_cannot_be_told_apart_is_refused() -> None:
    items = {"type": "string", "x-kubernetes-validations": [{"rule": "self == oldSelf"}]}
    found = refusals(spec_with(tags={"type": "array", "items": items}))
    assert "oldSelf cannot be used on the uncorrelatable portion of the schema" in found[0]
