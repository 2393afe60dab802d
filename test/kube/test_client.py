"""The client against a real web server: what goes over the wire, and what each kind of fault becomes."""

import json
import threading
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from isoproxy import __version__
from isoproxy.kube.api import KubeApi, PatchKind
from isoproxy.kube.client import KubeClient
from isoproxy.kube.errors import (
    AlreadyExists,
    ApiError,
    BadReply,
    ClientClosed,
    Conflict,
    Gone,
    Invalid,
    KubeError,
    NotFound,
    NotSent,
    Overloaded,
    ServerError,
    TooManyRequests,
    UnknownOutcome,
)
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import ISOLATION_PODS, NAMESPACES, PODS
from isoproxy.kube.retry import RetryPolicy
from test.kube.conftest import MakeClient
from test.kube.server import (
    BOUND,
    RawServer,
    ScriptedServer,
    cut_short,
    hang,
    hang_up,
    refuse,
    reply,
    until,
)

POD = {"metadata": {"name": "a", "namespace": "x", "uid": "u", "resourceVersion": "7"}}
HERE = "/apis/soh.re/v1alpha1/namespaces/x/isolationpods"


def started(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(coroutine)


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
    items = [{"metadata": {"name": name}} for name in "abc"]
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
async def test_an_empty_list_has_a_cursor_too(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(200, {"metadata": {"resourceVersion": "9"}, "items": None}))
    result = await client.list(PODS)
    assert (result.items, result.resource_version) == ([], "9")
    assert server.seen[0].path == "/api/v1/pods"


def page(rest: str = "") -> Any:
    metadata = {"resourceVersion": "9"} | ({"continue": rest} if rest else {})
    return reply(200, {"metadata": metadata, "items": [{"metadata": {"name": "a"}}]})


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


PASSING = [hang_up, cut_short, refuse(500), refuse(503), refuse(429), refuse(429, Retry_After="0")]
PASSING_IDS = ["hang-up", "cut-short", "500", "503", "429", "429-retry-after"]


@pytest.mark.parametrize("fault", PASSING, ids=PASSING_IDS)
@ensureDeferred
async def test_a_read_is_tried_again_after_a_fault_that_passes(
    server: ScriptedServer, client: KubeClient, fault: Any
) -> None:
    server.then(fault, fault, reply(200, POD))
    assert await client.get(ISOLATION_PODS, "a", namespace="x") == POD
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("fault", "kind"), [(hang_up, UnknownOutcome), (refuse(500), ServerError), (refuse(429), TooManyRequests)]
)
@ensureDeferred
async def test_a_read_is_not_tried_without_end(
    server: ScriptedServer, client: KubeClient, fault: Any, kind: type[KubeError]
) -> None:
    server.then(*[fault] * 9)
    with pytest.raises(kind):
        await client.get(ISOLATION_PODS, "a", namespace="x")
    assert len(server.seen) == 4


async def write(client: KubeClient, verb: str) -> None:
    if verb == "create":
        await client.create(ISOLATION_PODS, POD, namespace="x")
    elif verb == "patch":
        await client.patch(ISOLATION_PODS, "a", {}, namespace="x")
    else:
        await client.delete(ISOLATION_PODS, "a", namespace="x")


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (hang_up, UnknownOutcome),
        (cut_short, UnknownOutcome),
        (refuse(500), ServerError),
        (refuse(503), ServerError),
        (refuse(504, "Timeout", Retry_After="0"), ServerError),
        (refuse(429), TooManyRequests),
    ],
    ids=["hang-up", "cut-short", "500", "503", "504-retry-after", "429"],
)
@ensureDeferred
async def test_a_write_that_may_have_been_carried_out_is_not_sent_again(
    server: ScriptedServer, client: KubeClient, verb: str, fault: Any, kind: type[KubeError]
) -> None:
    server.then(fault, reply(200, POD))
    with pytest.raises(kind):
        await write(client, verb)
    assert len(server.seen) == 1


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
@pytest.mark.parametrize("status", [429, 503])
@ensureDeferred
async def test_a_write_the_server_put_off_is_sent_again(
    server: ScriptedServer, client: KubeClient, verb: str, status: int
) -> None:
    server.then(refuse(status, Retry_After="0"), reply(200, POD))
    await write(client, verb)
    assert len(server.seen) == 2


@ensureDeferred
async def test_retry_after_is_waited_for(server: ScriptedServer, client: KubeClient) -> None:
    server.then(refuse(429, Retry_After="1"), reply(200, POD))
    began = reactor.seconds()
    await write(client, "patch")
    assert reactor.seconds() - began >= 1


@ensureDeferred
async def test_a_server_that_asks_for_too_long_is_not_waited_for(server: ScriptedServer, client: KubeClient) -> None:
    server.then(refuse(429, Retry_After="3600"))
    with pytest.raises(TooManyRequests) as raised:
        await client.get(ISOLATION_PODS, "a", namespace="x")
    assert raised.value.retry_after == 3600


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
@ensureDeferred
async def test_a_write_nobody_listened_to_was_not_sent(server: ScriptedServer, client: KubeClient, verb: str) -> None:
    await server.stop_listening()
    with pytest.raises(NotSent) as raised:
        await write(client, verb)
    assert not raised.value.may_have_happened
    assert server.url in str(raised.value)


@ensureDeferred
async def test_an_unknown_host_was_not_sent_to(make_client: MakeClient) -> None:
    client = make_client("http://nowhere.invalid", policy=RetryPolicy(attempts=1))
    with pytest.raises(NotSent):
        await write(client, "patch")


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
@ensureDeferred
async def test_a_write_without_a_reply_in_time_has_an_unknown_outcome(
    server: ScriptedServer, make_client: MakeClient, verb: str
) -> None:
    client = make_client(server.url, limits=Limits(request=0.1))
    server.then(hang)
    with pytest.raises(UnknownOutcome) as raised:
        await write(client, verb)
    assert raised.value.may_have_happened
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_the_deadline_covers_the_body(server: ScriptedServer, make_client: MakeClient) -> None:
    def stall(request: Any) -> None:
        request.write(b'{"kind":')

    client = make_client(server.url, limits=Limits(request=0.1))
    server.then(stall)
    with pytest.raises(UnknownOutcome):
        await write(client, "patch")
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_headers_that_never_end_are_cut_off(make_client: MakeClient) -> None:
    raw = RawServer(b"HTTP/1.1 200 OK\r\n", forever=b"X-Filler: " + b"x" * 100 + b"\r\n")
    try:
        with pytest.raises(UnknownOutcome):
            await write(make_client(raw.url), "patch")
        await until(lambda: raw.lost)
        assert raw.sent < 16 * 1024 * 1024  # what the kernel took in, at most
    finally:
        await raw.stop()


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 two hundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n",
    ],
    ids=["ssh", "status", "header", "length", "chunk", "long-header"],
)
@ensureDeferred
async def test_what_is_no_http_leaves_the_outcome_unknown(make_client: MakeClient, said: bytes) -> None:
    raw = RawServer(said)
    try:
        with pytest.raises(UnknownOutcome):
            await write(make_client(raw.url, limits=Limits(request=2)), "patch")
    finally:
        await raw.stop()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"[" * 100_000], ids=["html", "list", "bytes", "deep"])
@ensureDeferred
async def test_a_reply_that_is_no_object_is_not_asked_for_again(
    server: ScriptedServer, client: KubeClient, body: bytes
) -> None:
    server.then(reply(200, body))
    with pytest.raises(BadReply):
        await client.get(ISOLATION_PODS, "a", namespace="x")
    assert len(server.seen) == 1


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@ensureDeferred
async def test_a_reply_past_its_bound_drops_the_connection(
    server: ScriptedServer, make_client: MakeClient, encoding: str
) -> None:
    import gzip

    body = json.dumps({"filler": "x" * 200_000}).encode()
    client = make_client(server.url, limits=Limits(reply=100_000))
    if encoding == "gzip":
        server.then(reply(200, gzip.compress(body), Content_Encoding="gzip"))
    else:
        server.then(reply(200, body))
    with pytest.raises(BadReply):
        await client.get(ISOLATION_PODS, "a", namespace="x")
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_a_connection_serves_many_requests(server: ScriptedServer, client: KubeClient) -> None:
    server.then(*[reply(200, POD)] * 5)
    for _ in range(5):
        await client.get(ISOLATION_PODS, "a", namespace="x")
    assert server.accepted == 1


@ensureDeferred
async def test_requests_in_flight_are_bounded(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(in_flight=3, waiting=2))
    held: list[Any] = []
    server.then(*[held.append] * 5)
    requests = [started(client.get(ISOLATION_PODS, "a", namespace="x")) for _ in range(5)]
    with pytest.raises(Overloaded):
        await client.get(ISOLATION_PODS, "a", namespace="x")
    await until(lambda: len(held) == 3)
    for _ in range(5):
        await until(lambda: held)
        reply(200, POD)(held.pop())
    for request in requests:
        assert await request == POD
    assert server.accepted == 3


@ensureDeferred
async def test_who_waits_too_long_for_credentials_was_not_sent(server: ScriptedServer, make_client: MakeClient) -> None:
    class Slow:
        known = threading.Event()

        def header(self, *, renew: bool) -> str | None:
            self.known.wait(BOUND)
            return "Bearer x"

    client = make_client(server.url, token_source=Slow(), limits=Limits(request=0.05), policy=RetryPolicy(attempts=1))
    with pytest.raises(NotSent):
        await write(client, "patch")
    Slow.known.set()
    assert not server.seen


@ensureDeferred
async def test_a_request_can_be_cancelled_and_leaves_nothing(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(in_flight=1))
    server.then(hang, reply(200, POD))
    first = started(client.get(ISOLATION_PODS, "a", namespace="x"))
    queued = started(client.get(ISOLATION_PODS, "a", namespace="x"))
    await until(lambda: server.seen)
    for request in (queued, first):
        request.cancel()
        with pytest.raises(CancelledError):
            await request
    await until(lambda: server.connections == 0)
    assert await client.get(ISOLATION_PODS, "a", namespace="x") == POD
    assert len(server.seen) == 2


@ensureDeferred
async def test_a_retry_can_be_cancelled(server: ScriptedServer, client: KubeClient) -> None:
    server.then(refuse(429, Retry_After="5"))
    request = started(client.get(ISOLATION_PODS, "a", namespace="x"))
    await until(lambda: server.seen)
    await deferLater(reactor, 0.02)
    request.cancel()
    with pytest.raises(CancelledError):
        await request


@ensureDeferred
async def test_each_try_is_counted_once(server: ScriptedServer, make_client: MakeClient) -> None:
    counted: list[tuple[str, str, str]] = []

    def observer(verb: str, plural: str, outcome: str, seconds: float) -> None:
        assert 0 <= seconds < BOUND
        counted.append((verb, plural, outcome))

    client = make_client(server.url, observer=observer)
    server.then(refuse(503), hang_up, reply(200, POD), refuse(409, "Conflict"), reply(200, b"x"))
    await client.get(ISOLATION_PODS, "a", namespace="x")
    with pytest.raises(Conflict):
        await write(client, "patch")
    await write(client, "delete")
    await server.stop_listening()
    await until(lambda: server.connections == 1)
    assert counted == [
        ("get", "isolationpods", "503"),
        ("get", "isolationpods", "unknown"),
        ("get", "isolationpods", "200"),
        ("patch", "isolationpods", "409"),
        ("delete", "isolationpods", "200"),
    ]


@ensureDeferred
async def test_what_was_not_sent_is_counted_so(server: ScriptedServer, make_client: MakeClient) -> None:
    counted: list[str] = []
    await server.stop_listening()
    client = make_client(server.url, observer=lambda verb, plural, outcome, seconds: counted.append(outcome))
    with pytest.raises(NotSent):
        await write(client, "create")
    assert counted == ["not_sent"] * 4


@ensureDeferred
async def test_close_ends_what_is_under_way_and_refuses_the_rest(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(200, POD), hang)
    await client.get(ISOLATION_PODS, "a", namespace="x")  # leaves a kept connection behind
    request = started(write(client, "patch"))
    watch = client.watch(ISOLATION_PODS, resource_version="1")
    await until(lambda: len(server.seen) == 2)
    await client.close()
    await client.close()
    with pytest.raises(UnknownOutcome):
        await request
    with pytest.raises(ClientClosed):
        await client.get(ISOLATION_PODS, "a", namespace="x")
    with pytest.raises(KubeError):
        await watch.next()
    await until(lambda: server.connections == 0)
    assert len(server.seen) == 2
