"""The six verbs as a real web server sees them, and lists of many pages."""

from typing import Any

import pytest
from pytest_twisted import ensureDeferred

from isoproxy import __version__
from isoproxy.kube.api import KubeApi, PatchKind
from isoproxy.kube.client import KubeClient
from isoproxy.kube.errors import (
    AlreadyExists,
    ApiError,
    BadReply,
    Conflict,
    Gone,
    Invalid,
    NotFound,
)
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import ISOLATION_PODS, NAMESPACES, PODS, Json
from test.kube.conftest import MakeClient
from test.kube.requests import POD
from test.kube.server import (
    ScriptedServer,
    refuse,
    reply,
)

HERE = "/apis/soh.re/v1alpha1/namespaces/x/isolationpods"


def test_it_is_a_kube_api(client: KubeClient) -> None:
    api: KubeApi = client
    assert api


@ensureDeferred
async def test_get_is_a_quorum_read(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(200, POD))
    assert await client.get(ISOLATION_PODS, "a", namespace="x") == POD
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.query) == ("GET", f"{HERE}/a", {})
    assert seen.headers["accept"] == "application/json"
    assert seen.headers["user-agent"] == f"isoproxy/{__version__}"
    assert "authorization" not in seen.headers


@ensureDeferred
async def test_names_are_quoted_on_the_wire(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(200, POD))
    await client.get(NAMESPACES, "a/b c%2F?d#é")
    assert server.seen[0].path == "/api/v1/namespaces/a%2Fb%20c%252F%3Fd%23%C3%A9"


@ensureDeferred
async def test_create_posts_the_object(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(201, POD), reply(201, POD))
    assert await client.create(ISOLATION_PODS, {"spec": {"é": 1}}, namespace="x") == POD
    await client.create(ISOLATION_PODS, {}, namespace="x", strict=True)
    first, second = server.seen
    assert (first.method, first.path, first.query) == ("POST", HERE, {})
    assert first.json == {"spec": {"é": 1}}
    assert first.headers["content-type"] == "application/json"
    assert second.query == {"fieldValidation": "Strict"}


@ensureDeferred
async def test_what_is_namespaced_is_created_in_a_namespace(client: KubeClient) -> None:
    with pytest.raises(ValueError, match="namespace"):
        await client.create(ISOLATION_PODS, {})


@pytest.mark.parametrize(
    ("kind", "media_type", "query"),
    [
        (PatchKind.MERGE, "application/merge-patch+json", {}),
        (PatchKind.JSON, "application/json-patch+json", {}),
        (PatchKind.APPLY, "application/apply-patch+yaml", {"fieldManager": "isoproxy", "force": "true"}),
    ],
)
@ensureDeferred
async def test_a_patch_is_sent_as_its_kind(
    server: ScriptedServer, client: KubeClient, kind: PatchKind, media_type: str, query: dict[str, str]
) -> None:
    server.then(reply(200, POD))
    body: Any = [{"op": "test"}] if kind is PatchKind.JSON else {"status": {"phase": "InUse"}}
    done = await client.patch(ISOLATION_PODS, "a", body, namespace="x", subresource="status", kind=kind)
    assert done == POD
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.query) == ("PATCH", f"{HERE}/a/status", query)
    assert (seen.headers["content-type"], seen.json) == (media_type, body)


@ensureDeferred
async def test_delete_carries_its_preconditions(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(200), reply(202))
    await client.delete(ISOLATION_PODS, "a", namespace="x", uid="u", resource_version="7", grace_period_seconds=0)
    await client.delete(ISOLATION_PODS, "a", namespace="x")
    first, second = server.seen
    assert (first.method, first.path) == ("DELETE", f"{HERE}/a")
    assert first.json["preconditions"] == {"uid": "u", "resourceVersion": "7"}
    assert first.json["gracePeriodSeconds"] == 0
    assert second.json == {"apiVersion": "v1", "kind": "DeleteOptions"}


@ensureDeferred
async def test_a_list_is_put_together_from_its_pages(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(page_items=2))
    items = [{"metadata": POD["metadata"] | {"name": name}} for name in "abc"]
    server.then(
        reply(200, {"metadata": {"resourceVersion": "9", "continue": "c/1"}, "items": items[:2]}),
        reply(200, {"metadata": {"resourceVersion": "9"}, "items": items[2:]}),
    )
    result = await client.list(PODS, namespace="x", label_selector="a=b,c", field_selector="spec.nodeName=n")
    assert result.resource_version == "9"
    assert [item["metadata"]["name"] for item in result.items] == ["a", "b", "c"]
    assert {(item["apiVersion"], item["kind"]) for item in result.items} == {("v1", "Pod")}
    first, second = server.seen
    assert first.query == {"labelSelector": "a=b,c", "fieldSelector": "spec.nodeName=n", "limit": "2"}
    assert second.query == first.query | {"continue": "c/1"}


@ensureDeferred
async def test_a_list_without_a_cursor_is_none(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(200, {"items": []}))
    with pytest.raises(BadReply):
        await client.list(PODS)


@ensureDeferred
async def test_an_empty_list_has_a_cursor_too(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(200, {"metadata": {"resourceVersion": "9"}, "items": None}))
    result = await client.list(PODS)
    assert (result.items, result.resource_version) == ([], "9")
    assert server.seen[0].path == "/api/v1/pods"


def page(rest: str = "") -> Any:
    metadata = {"resourceVersion": "9"} | ({"continue": rest} if rest else {})
    return reply(200, {"metadata": metadata, "items": [POD]})


@ensureDeferred
async def test_a_list_whose_snapshot_expires_is_begun_again(server: ScriptedServer, client: KubeClient) -> None:
    server.then(page("c1"), refuse(410, "Expired"), page("c2"), page())
    assert len((await client.list(PODS)).items) == 2
    assert [seen.query.get("continue") for seen in server.seen] == [None, "c1", None, "c2"]


@ensureDeferred
async def test_a_list_that_expires_again_and_again_is_given_up(server: ScriptedServer, client: KubeClient) -> None:
    server.then(*[page("c1"), refuse(410, "Expired")] * 5)
    with pytest.raises(Gone):
        await client.list(PODS)
    assert len(server.seen) == 6


@ensureDeferred
async def test_a_page_that_is_too_large_is_asked_for_in_parts(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(page_items=4, page=1000))
    large = reply(200, {"metadata": {"resourceVersion": "9"}, "items": [POD | {"data": "x" * 1000}]})
    server.then(large, page("c1"), large, page("c2"), page())
    assert len((await client.list(PODS)).items) == 3
    asked = [(seen.query["limit"], seen.query.get("continue")) for seen in server.seen]
    assert asked == [("4", None), ("2", None), ("4", "c1"), ("2", "c1"), ("4", "c2")]


@ensureDeferred
async def test_pages_grow_again_behind_what_was_large(server: ScriptedServer, make_client: MakeClient) -> None:
    """Else a few large objects would make a list of all that follow longer than may be."""
    client = make_client(server.url, limits=Limits(page_items=8, page=4000))
    large, middling = (reply(200, _one_pod(size, rest="c")) for size in (4000, 1500))
    server.then(large, large, middling, page("c"), page("c"), page("c"), page())
    assert len((await client.list(PODS)).items) == 5
    assert [seen.query["limit"] for seen in server.seen] == ["8", "4", "2", "2", "4", "8", "8"]


def _one_pod(size: int, *, rest: str) -> Json:
    return {"metadata": {"resourceVersion": "9", "continue": rest}, "items": [POD | {"data": "x" * size}]}


@ensureDeferred
async def test_one_object_may_be_larger_than_a_page(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(page_items=2, page=1000))
    server.then(*[reply(200, {"metadata": {"resourceVersion": "9"}, "items": [POD | {"data": "x" * 1000}]})] * 2)
    assert len((await client.list(PODS)).items) == 1
    assert [seen.query["limit"] for seen in server.seen] == ["2", "1"]


@ensureDeferred
async def test_a_list_with_an_object_that_is_too_large_is_none(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(page_items=2, page=1000, reply=1000))
    server.then(*[reply(200, {"metadata": {"resourceVersion": "9"}, "items": [POD | {"data": "x" * 1000}]})] * 2)
    with pytest.raises(BadReply):
        await client.list(PODS)
    assert [seen.query["limit"] for seen in server.seen] == ["2", "1"]


@ensureDeferred
async def test_of_a_list_no_more_is_held_than_what_is_kept(server: ScriptedServer, client: KubeClient) -> None:
    server.then(page("c1"), page())
    kept: list[str] = []

    def keep(item: Json) -> Any:
        assert len(kept) < len(server.seen), "each page is kept before the next is asked for"
        kept.append(item["kind"])
        return item["metadata"]["name"]

    result = await client.list(PODS, keep=keep)
    assert result.items == [POD["metadata"]["name"]] * 2
    assert kept == ["Pod"] * 2


@ensureDeferred
async def test_a_list_without_end_is_given_up(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(pages=3))
    server.then(*[page("again")] * 9)
    with pytest.raises(BadReply):
        await client.list(PODS)
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (422, "Invalid", Invalid),
        (418, "", ApiError),
        (307, "", ApiError),
    ],
)
@ensureDeferred
async def test_a_refusal_is_raised_by_class_and_not_sent_again(
    server: ScriptedServer, client: KubeClient, status: int, reason: str, kind: type[ApiError]
) -> None:
    server.then(refuse(status, reason, Location=f"{server.url}/elsewhere"))
    with pytest.raises(kind) as raised:
        await client.get(ISOLATION_PODS, "a", namespace="x")
    assert (type(raised.value), raised.value.status) == (kind, status)
    assert len(server.seen) == 1
