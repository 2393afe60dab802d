from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoproxy.local.apiserver.selectors import parse
from test.local.apiserver.objects import refused

FIELDS = {"metadata.name": ("metadata", "name"), "spec.on": ("spec", "on"), "spec.count": ("spec", "count")}


def matches(labels: dict[str, str], selector: str) -> bool:
    return parse(selector, "", FIELDS).matches({"metadata": {"labels": labels}})


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("", {}, True),
        ("a=b", {"a": "b"}, True),
        ("a = b", {"a": "b"}, True),
        ("a==b", {"a": "c"}, False),
        ("a=b", {}, False),
        ("a=", {"a": ""}, True),
        ("a!=b", {"a": "b"}, False),
        ("a!=b", {}, True),
        ("a", {"a": ""}, True),
        ("a", {}, False),
        ("!a", {}, True),
        ("!a", {"a": ""}, False),
        ("a in (b, c)", {"a": "c"}, True),
        ("a in (b,c)", {"a": "d"}, False),
        ("a in (b)", {}, False),
        ("a notin (b,c)", {"a": "d"}, True),
        ("a notin (b,c)", {}, True),
        ("a notin (b,c)", {"a": "b"}, False),
        ("a>3", {"a": "4"}, True),
        ("a<3", {"a": "4"}, False),
        ("a>3", {"a": "x"}, False),
        ("x.example/y=1,a in (b,c),!z", {"x.example/y": "1", "a": "b"}, True),
        ("x.example/y=1,a in (b,c),!z", {"x.example/y": "1", "a": "b", "z": ""}, False),
    ],
)
def test_labels(selector: str, labels: dict[str, str], expected: bool) -> None:
    assert matches(labels, selector) is expected


@pytest.mark.parametrize(
    "selector", ["a b", "=b", "a=b=c", "a in b", "a in (b", "a=b c", "a>b", "!", "a in ((b))", "a/b/c=d"]
)
def test_what_is_no_label_selector_is_refused(selector: str) -> None:
    assert refused(parse, selector, "", FIELDS).code == 400


@pytest.mark.parametrize(
    ("selector", "obj", "expected"),
    [
        ("metadata.name=a", {"metadata": {"name": "a"}}, True),
        ("metadata.name!=a", {"metadata": {"name": "a"}}, False),
        ("spec.on=true", {"metadata": {}, "spec": {"on": True}}, True),
        ("spec.count=3,spec.on=false", {"metadata": {}, "spec": {"on": False, "count": 3}}, True),
        ("spec.on=", {"metadata": {}}, True),
        ("spec.on!=", {"metadata": {}, "spec": "odd"}, False),
        (r"metadata.name=a\,b\=c", {"metadata": {"name": "a,b=c"}}, True),
    ],
)
def test_fields(selector: str, obj: dict[str, Any], expected: bool) -> None:
    assert parse("", selector, FIELDS).matches(obj) is expected


@pytest.mark.parametrize("selector", ["spec.other=1", "metadata.name", ",,x"])
def test_what_is_no_field_selector_is_refused(selector: str) -> None:
    assert refused(parse, "", selector, FIELDS).code == 400


def test_selectors_are_bounded() -> None:
    assert refused(parse, ",".join(["a"] * 101), "", FIELDS).code == 400


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)


@settings(deadline=None)
@given(st.dictionaries(NAMES, NAMES, max_size=5))
def test_an_object_matches_the_selector_of_its_own_labels(labels: dict[str, str]) -> None:
    assert matches(labels, ",".join(f"{key}={value}" for key, value in labels.items()))
    assert matches(labels, ",".join(f"{key} in (other,{value})" for key, value in labels.items()))
    assert not any(matches(labels, f"{key}!={value}") for key, value in labels.items())
