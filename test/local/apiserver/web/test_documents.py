import json
from typing import Any

import pytest

from isoproxy.local.apiserver.web.documents import AGGREGATED, OPENAPI_PROTOBUF, Documents
from test.local.apiserver.objects import Server, refused, widget_crd


def documents(server: Server) -> Documents:
    return Documents(server.core.registry)


def get(server: Server, path: str, accept: str = "") -> Any:
    return json.loads(documents(server).answer(tuple(path.split("/")), accept).body)


def test_groups_and_versions_are_found_step_by_step(server: Server) -> None:
    assert get(server, "api")["versions"] == ["v1"]
    groups = {group["name"]: group for group in get(server, "apis")["groups"]}
    assert groups["example.com"]["preferredVersion"] == {"groupVersion": "example.com/v1", "version": "v1"}
    assert get(server, "apis/example.com")["name"] == "example.com"
    resources = {item["name"]: item for item in get(server, "apis/example.com/v1")["resources"]}
    assert resources["widgets"]["shortNames"] == ["wi"]
    assert resources["widgets/status"]["verbs"] == ["get", "patch", "update"]
    assert resources["widgets/scale"]["kind"] == "Scale"
    assert "pods/binding" in {item["name"] for item in get(server, "api/v1")["resources"]}


def test_everything_is_found_at_once(server: Server) -> None:
    items = {item["metadata"]["name"]: item for item in get(server, "apis", AGGREGATED)["items"]}
    found = items["example.com"]["versions"][0]["resources"][0]
    assert found["responseKind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert {item["subresource"] for item in found["subresources"]} == {"status", "scale"}
    assert found["subresources"][1]["responseKind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
    core = get(server, "api", AGGREGATED)["items"]
    assert [item["metadata"] for item in core] == [{}]


def test_a_client_that_knows_another_aggregated_form_gets_the_plain_one(server: Server) -> None:
    old = AGGREGATED.replace("v=v2", "v=v2beta1")
    assert get(server, "apis", f"{old},application/json")["kind"] == "APIGroupList"
    assert get(server, "apis", f"{old},{AGGREGATED},application/json")["kind"] == "APIGroupDiscoveryList"


def test_what_is_defined_later_is_discovered() -> None:
    server = Server()
    made = documents(server)
    assert refused(made.answer, ("apis", "example.com", "v1"), "").code == 404
    server.define(widget_crd())
    assert b"widgets" in made.answer(("apis", "example.com", "v1"), "").body


@pytest.mark.parametrize(
    "path", ["nothing", "apis/none.example", "apis/none.example/v1", "api/v2", "openapi/v3/apis/x/v1", "openapi/v4"]
)
def test_what_is_not_there_is_not_found(server: Server, path: str) -> None:
    assert refused(documents(server).answer, tuple(path.split("/")), "").code == 404


@pytest.mark.parametrize("path", ["healthz", "livez", "readyz"])
def test_it_is_healthy(server: Server, path: str) -> None:
    assert documents(server).answer((path,), "").body == b"ok"


def test_the_version_is_one_that_clients_know_how_to_talk_to(server: Server) -> None:
    version = get(server, "version")
    assert (version["major"], version["minor"]) == ("1", "35")


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_openapi_3_describes_each_group_version_completely(server: Server) -> None:
    paths = get(server, "openapi/v3")["paths"]
    assert {"api/v1", "apis/example.com/v1"} <= set(paths)
    for place in paths:
        document = get(server, f"openapi/v3/{place}")
        schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
        assert references(document) <= schemas, place
        for item in document["paths"].values():
            for operation in item.values():
                assert operation["x-kubernetes-group-version-kind"]["kind"]


def test_openapi_says_that_strict_validation_and_dry_runs_are_known(server: Server) -> None:
    document = get(server, "openapi/v3/apis/example.com/v1")
    patch = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"]
    assert {"fieldValidation", "dryRun"} <= {item["name"] for item in patch["parameters"]}


def test_openapi_2_has_everything_in_one(server: Server) -> None:
    document = get(server, "openapi/v2")
    definitions = document["definitions"]
    assert references(document) <= {f"#/definitions/{name}" for name in definitions}
    assert "com.example.v1.Widget" in definitions
    containers = definitions["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"


def test_openapi_2_comes_as_protobuf_for_old_kubectls(server: Server) -> None:
    made = documents(server)
    answer = made.answer(("openapi", "v2"), OPENAPI_PROTOBUF)
    assert answer.body.startswith(b"\x0a\x032.0")
    assert b"com.example.v1.Widget" in answer.body
    assert "@" not in answer.content_type
    assert refused(made.answer, ("openapi", "v2"), "text/html").code == 406
