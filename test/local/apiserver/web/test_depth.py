"""What is as deep as it may be is walked by everything without an end of the stack, in a deep stack too."""

from collections.abc import Callable
from typing import Any

import pytest

from isoproxy.local.apiserver.changes import APPLY, JSON, MERGE
from test.local.apiserver.objects import Server, refused, widget
from test.local.apiserver.web.test_answers import WIDGETS, ask


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


def deep_in_the_stack(call: Callable[[], Any], frames: int = 200) -> Any:
    return call() if not frames else deep_in_the_stack(call, frames - 1)


@pytest.mark.parametrize("content_type", [MERGE, JSON, APPLY])
def test_a_patch_as_deep_as_it_may_be_is_done(server: Server, content_type: str) -> None:
    server.create(server.widgets, widget())
    most = server.core.limits.json_depth
    deep = nested(most - 4)
    patch: Any = {"spec": {"free": deep}}
    if content_type == JSON:
        patch = [{"op": "add", "path": "/spec/free", "value": deep}]
    if content_type == APPLY:
        patch = widget(free=deep)
    url = f"{WIDGETS}/one?fieldManager=m&force=true"
    answer = deep_in_the_stack(lambda: ask(server, "PATCH", url, patch, content_type))
    assert answer.code == 200
    assert deep_in_the_stack(lambda: ask(server, "GET", f"{WIDGETS}/one")).code == 200
    assert deep_in_the_stack(lambda: ask(server, "GET", f"{WIDGETS}/one", accept="application/yaml")).code == 200


def test_a_definition_as_deep_as_it_may_be_is_parsed(server: Server) -> None:
    schema: Any = {"type": "string", "default": "x", "x-kubernetes-validations": [{"rule": "self != ''"}]}
    for _ in range(55):
        schema = {"type": "object", "properties": {"a": schema}}
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"
    patch = {
        "spec": {"versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}]}
    }
    assert deep_in_the_stack(lambda: ask(server, "PATCH", crds, patch, MERGE)).code == 200
    body = {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "deep"}} | nested(55)
    assert deep_in_the_stack(lambda: ask(server, "POST", WIDGETS, body)).code == 201


def test_what_is_deeper_is_refused(server: Server) -> None:
    body = widget(free=nested(server.core.limits.json_depth))
    assert refused(ask, server, "POST", WIDGETS, body).code == 400
