"""What is read as YAML, and what of it."""

import json
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from isoproxy.local.yamltext import MOST_DEPTH, read_yaml

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet=st.characters(codec="utf-8")),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
)


@given(VALUES)
def test_json_is_yaml(value: Any) -> None:
    assert list(read_yaml(json.dumps(value))) == [value]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 2026-01-01", {"a": "2026-01-01"}),
        ("{2: a, null: b, true: c}", {"2": "a", "null": "b", "true": "c"}),
        ("a: =", {"a": "="}),
        ('"\\ud83d\\ude00 \\ud83d"', "\U0001f600 \ufffd"),
        ("a: &x [1]\nb: *x\nc: [*x, *x]", {"a": [1], "b": [1], "c": [[1], [1]]}),
        ("a: &x {k: v}\nb: {<<: *x, l: w}", {"a": {"k": "v"}, "b": {"k": "v", "l": "w"}}),
        ("[" * MOST_DEPTH + "]" * MOST_DEPTH, json.loads("[" * MOST_DEPTH + "]" * MOST_DEPTH)),
    ],
)
def test_it_is_read_as_kubernetes_does(text: str, value: Any) -> None:
    assert list(read_yaml(text)) == [value]


def nested(aliases: str) -> str:
    """Ten lines, each of which names the one before it nine times."""
    names = "abcdefghij"
    lines = [f"{name}: &{name} {aliases % ', '.join([f'*{of}'] * 9)}" for of, name in pairwise(names)]
    return "a: &a {k: v}\n" + "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (nested("[%s]"), "aliases that make too much of it"),
        (nested("{<<: [%s]}"), "aliases that make too much of it"),
        ("a: &x [*x]", "an alias inside of what it stands for"),
        ("a: &x [1]\n---\na: &x [*x]", "an alias inside of what it stands for"),
        ("a: *x", "found undefined alias 'x'"),
        ("[" * (MOST_DEPTH + 1), "nested too deeply"),
        ("a: &x " + "[" * 100 + "]" * 100 + "\nb: " + "[" * 100 + "*x" + "]" * 100, "nested too deeply"),
        ("a: 0b_", "invalid literal for int() with base 2: ''"),
        ("a: " + "9" * 5000, "Exceeds the limit"),
        ("a: " + "1:" * 200 + "1.0", "int too large to convert to float"),
        ("a: .inf", "no number that JSON has"),
        ("a: !!binary aGk=", "could not determine a constructor for the tag 'tag:yaml.org,2002:binary'"),
        ("a: !!set {b, c}", "could not determine a constructor"),
        ("{[a]: b}", "found unhashable key"),
    ],
)
def test_what_is_no_json_or_becomes_too_much_is_refused_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        list(read_yaml(text))
    assert str(caught.value.problem).startswith(problem)
    assert caught.value.problem_mark is not None
