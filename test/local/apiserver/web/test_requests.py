from typing import Any

import pytest

from isoproxy.local.apiserver.options import DeleteOptions
from isoproxy.local.apiserver.web.requests import (
    ResourcePath,
    delete_options,
    flag,
    list_options,
    number,
    parse,
    write_options,
)
from test.local.apiserver.objects import refused


@pytest.mark.parametrize(
    ("method", "uri", "path", "verb"),
    [
        ("GET", b"/api/v1/pods", ResourcePath("", "v1", "pods", None), "list"),
        ("GET", b"/api/v1/namespaces/a/pods", ResourcePath("", "v1", "pods", "a"), "list"),
        ("GET", b"/api/v1/namespaces/a/pods?watch=1", ResourcePath("", "v1", "pods", "a"), "watch"),
        ("GET", b"/api/v1/namespaces/a/pods?watch=false", ResourcePath("", "v1", "pods", "a"), "list"),
        ("GET", b"/api/v1/namespaces/a/pods/b", ResourcePath("", "v1", "pods", "a", "b"), "get"),
        ("GET", b"/api/v1/namespaces/a/pods/b/log", ResourcePath("", "v1", "pods", "a", "b", "log"), "get"),
        ("POST", b"/api/v1/namespaces/a/pods", ResourcePath("", "v1", "pods", "a"), "create"),
        ("POST", b"/api/v1/namespaces/a/pods/b/binding", ResourcePath("", "v1", "pods", "a", "b", "binding"), "create"),
        ("DELETE", b"/api/v1/namespaces/a/pods", ResourcePath("", "v1", "pods", "a"), "deletecollection"),
        ("GET", b"/api/v1/namespaces", ResourcePath("", "v1", "namespaces", None), "list"),
        ("GET", b"/api/v1/namespaces/a", ResourcePath("", "v1", "namespaces", None, "a"), "get"),
        ("PUT", b"/api/v1/namespaces/a/status", ResourcePath("", "v1", "namespaces", None, "a", "status"), "update"),
        ("PATCH", b"/apis/b.c/v1/namespaces/a/ds/x/scale", ResourcePath("b.c", "v1", "ds", "a", "x", "scale"), "patch"),
        ("DELETE", b"/apis/b.c/v1/ds/x", ResourcePath("b.c", "v1", "ds", None, "x"), "delete"),
        ("GET", b"/api/v1/namespaces/a/pods/%C3%A4", ResourcePath("", "v1", "pods", "a", "\u00e4"), "get"),
    ],
)
def test_a_request_line_says_what_is_asked(method: str, uri: bytes, path: ResourcePath, verb: str) -> None:
    request = parse(method, uri)
    assert (request.path, request.verb) == (path, verb)


@pytest.mark.parametrize("uri", [b"/api", b"/apis", b"/apis/b.c/v1", b"/version", b"/", b"/openapi/v3/apis/b.c/v1"])
def test_other_paths_are_left_as_they_are(uri: bytes) -> None:
    assert parse("GET", uri).path == tuple(part for part in uri.decode().split("/") if part)


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        (b"/api/v1/pods/%ff", 400),
        (b"/api/v1/\xc3\xa4", 400),
        (b"/api/v1/pods?" + b"&".join([b"a=b"] * 101), 400),
        (b"/api/v1/pods?a=%ff", 400),
        (b"/api/v1/namespaces/a/pods/..", 404),
        (b"/api/v1/namespaces/a/pods/%2e%2e", 404),
        (b"/api/v1/namespaces/a/pods/b%2fc", 404),
        (b"/api/v1/namespaces/a/pods/b/c/d", 404),
        (b"/" + b"a/" * 20, 404),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(uri: bytes, code: int) -> None:
    assert refused(parse, "GET", uri).code == code


@pytest.mark.parametrize(
    ("method", "uri"),
    [("POST", b"/api/v1/pods/x"), ("PUT", b"/api/v1/pods"), ("HEAD", b"/api/v1/pods"), ("BREW", b"/api/v1/pods/x")],
)
def test_a_method_that_means_nothing_there_is_refused(method: str, uri: bytes) -> None:
    with pytest.raises(Exception, match="not allowed"):
        _ = parse(method, uri).verb


def test_of_repeated_parameters_the_first_counts() -> None:
    assert parse("GET", b"/api/v1/pods?limit=1&limit=2").parameters == {"limit": "1"}


def test_flags_and_numbers() -> None:
    assert [flag({"a": value}, "a") for value in ("1", "true", "", "0", "False")] == [True, True, True, False, False]
    assert not flag({}, "a")
    assert refused(flag, {"a": "maybe"}, "a").code == 400
    assert (number({"a": "5"}, "a"), number({"a": ""}, "a"), number({}, "a")) == (5, None, None)
    for value in ("-1", "x", "1.5", "9" * 30):
        assert refused(number, {"a": value}, "a").code == 400


def test_list_options_are_read() -> None:
    found = list_options(
        {"labelSelector": "a", "fieldSelector": "b", "limit": "5", "continue": "c", "resourceVersion": "7"}
    )
    assert (found.label_selector, found.field_selector, found.limit) == ("a", "b", 5)
    assert (found.continue_token, found.resource_version) == ("c", "7")


def test_write_options_are_read() -> None:
    assert write_options({}, "curl", "create").field_manager == "curl"
    assert write_options({}, "curl", "create").validation == "Warn"
    found = write_options(
        {"fieldManager": "m", "fieldValidation": "Strict", "dryRun": "All", "force": "true"}, "curl", "patch"
    )
    assert (found.field_manager, found.validation, found.dry_run, found.force) == ("m", "Strict", True, True)
    for wrong in ({"fieldValidation": "Lax"}, {"dryRun": "Some"}, {"fieldManager": "x" * 129}):
        assert refused(write_options, wrong, "curl", "update").code == 422


@pytest.mark.parametrize(
    ("parameters", "body", "expected"),
    [
        ({}, None, DeleteOptions()),
        ({"gracePeriodSeconds": "5"}, None, DeleteOptions(grace_period_seconds=5)),
        ({"gracePeriodSeconds": "5"}, {"gracePeriodSeconds": 0}, DeleteOptions(grace_period_seconds=0)),
        ({}, {"preconditions": {"uid": "u", "resourceVersion": "7"}}, DeleteOptions(uid="u", resource_version="7")),
        ({"propagationPolicy": "Orphan"}, None, DeleteOptions(propagation="Orphan")),
        ({"propagationPolicy": "Orphan"}, {"propagationPolicy": "Foreground"}, DeleteOptions(propagation="Foreground")),
        ({"orphanDependents": "true"}, None, DeleteOptions(propagation="Orphan")),
        ({}, {"dryRun": ["All"]}, DeleteOptions(dry_run=True)),
    ],
)
def test_delete_options_come_from_the_body_first(
    parameters: dict[str, str], body: Any, expected: DeleteOptions
) -> None:
    assert delete_options(parameters, body) == expected


@pytest.mark.parametrize(
    "body", [{"kind": "Pod"}, {"preconditions": "x"}, {"gracePeriodSeconds": "5"}, {"gracePeriodSeconds": True}]
)
def test_delete_options_that_are_none_are_refused(body: Any) -> None:
    assert refused(delete_options, {}, body).code == 400
