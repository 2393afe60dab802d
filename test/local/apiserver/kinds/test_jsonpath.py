from typing import Any

import pytest

from isoproxy.local.apiserver.kinds.jsonpath import compile_path, simple_path

OBJECT: dict[str, Any] = {
    "metadata": {"labels": {"a.b/c": "d"}},
    "spec": {"ports": [{"port": 80, "name": "http"}, {"port": 443, "name": "https"}], "image": "i"},
    "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Odd", "status": "False", "n": 3}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".spec.image", ["i"]),
        ("{.spec.image}", ["i"]),
        ("$.spec.image", ["i"]),
        (".spec.none", []),
        (".spec.image.more", []),
        (".spec.ports[0].port", [80]),
        (".spec.ports[-1].port", [443]),
        (".spec.ports[7].port", []),
        (".spec.ports[*].name", ["http", "https"]),
        (r".metadata.labels.a\.b/c", ["d"]),
        (".metadata.labels['a.b/c']", ["d"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type=='Odd')].status", ["False"]),
        ('.status.conditions[?(@.type != "Ready")].type', ["Odd"]),
        (".status.conditions[?(@.n==3)].type", ["Odd"]),
        (".status.conditions[?(@.status.deep==3)].type", []),
    ],
)
def test_paths(path: str, found: list[Any]) -> None:
    assert compile_path(path)(OBJECT) == found


@pytest.mark.parametrize("path", ["spec", "", ".a[", ".a[?(@.b)]", ".a[?(@.b==c)]", "..a", ".a[x]"])
def test_a_path_that_is_not_understood_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"begin with a dot|not understood|no literal"):
        compile_path(path)


def test_simple_paths_are_fields_only() -> None:
    assert simple_path(r".spec.a\.b.c") == ("spec", "a.b", "c")
    for path in ("spec", ".a[0]", ".a..b", "."):
        with pytest.raises(ValueError, match="fields only"):
            simple_path(path)
