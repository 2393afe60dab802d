"""What may be said in a server-side apply."""

from typing import Any

import pytest

from isoproxy.local.apiserver.patches.typed import check
from test.local.apiserver.objects import Server, config_map, refused, widget


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"shape": "round"}, ".spec.shape: field not declared in schema"),
        ({"color": 3}, ".spec.color: expected string, got 3"),
        ({"size": "1"}, '.spec.size: expected numeric (int or float), got "1"'),
        ({"size": True}, ".spec.size: expected numeric (int or float), got true"),
        ({"parts": {}}, ".spec.parts: expected list, got {}"),
        ({"parts": [{"name": "a"}, {"name": "a"}]}, '.spec.parts: duplicate entries for key {"name":"a"}'),
        ({"parts": ["a"]}, ".spec.parts: element 0: associative list with keys may not have non-map elements"),
        ({"parts": [{"weight": 1}]}, 'omits all key fields ["name"]'),
        ({"tags": ["a", "b", "a"]}, '.spec.tags: duplicate entries for key "a"'),
        ({"tags": [1]}, ".spec.tags[0]: expected string, got 1"),
    ],
)
def test_what_does_not_fit_the_schema_is_refused_with_its_path(server: Server, spec: Any, words: str) -> None:
    refusal = refused(check, server.widgets, "one", widget(**spec))
    assert (refusal.code, refusal.status().get("reason")) == (500, None)
    assert words in refusal.message
    assert "(/one; example.com/v1, Kind=Widget)" in refusal.message


def test_the_metadata_and_the_top_are_looked_at_too(server: Server) -> None:
    wrong = widget() | {"metadata": {"name": "one", "labels": {"a": 1}}}
    assert ".metadata.labels.a: expected string" in refused(check, server.widgets, "one", wrong).message
    assert ".extra: field not declared" in refused(check, server.widgets, "one", widget() | {"extra": 1}).message
    assert ".dta: field not declared" in refused(check, server.config_maps, "one", config_map() | {"dta": {}}).message


def test_nulls_fractions_and_what_is_free_fit(server: Server) -> None:
    check(server.widgets, "one", widget(size=1.5, color=None, free={"any": [{"thing": 1}]}))
    check(server.config_maps, "one", config_map())
