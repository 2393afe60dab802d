"""Watches against a real web server."""

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock, deferLater

from isoproxy.kube.api import Watch, WatchEvent
from isoproxy.kube.client import KubeClient
from isoproxy.kube.errors import (
    ApiError,
    Forbidden,
    KubeError,
    NotSent,
    TooManyRequests,
    Unauthorized,
    UnknownOutcome,
    WatchBroken,
    WatchEnded,
    WatchExpired,
)
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import ISOLATION_PODS, Json
from test.kube.conftest import MakeClient
from test.kube.requests import started
from test.kube.server import RawServer, ScriptedServer, Stream, hang, refuse, until


def pod(version: str, name: str = "a") -> Json:
    return {"metadata": {"name": name, "namespace": "x", "uid": "u", "resourceVersion": version}}


def event(kind: str, version: str) -> Json:
    return {"type": kind, "object": pod(version)}


@ensureDeferred
async def test_events_come_in_order_as_they_are_sent(server: ScriptedServer, client: KubeClient) -> None:
    stream = Stream()
    server.then(stream)
    watch: Watch = client.watch(ISOLATION_PODS, resource_version="5", namespace="x", label_selector="soh.re/proxy=p")
    first = started(watch.next())
    await until(lambda: stream.request)
    assert not first.called
    stream.send(event("ADDED", "6"), event("MODIFIED", "7"))
    assert await first == WatchEvent("ADDED", pod("6"))
    assert await watch.next() == WatchEvent("MODIFIED", pod("7"))
    stream.send(event("BOOKMARK", "9"), event("DELETED", "10"))
    assert await watch.next() == WatchEvent("BOOKMARK", pod("9"))
    assert (await watch.next()).type == "DELETED"
    (seen,) = server.seen
    assert seen.path == "/apis/soh.re/v1alpha1/namespaces/x/isolationpods"
    assert seen.query == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
        "labelSelector": "soh.re/proxy=p",
        "timeoutSeconds": "264",
    }
    watch.close()
    await until(lambda: stream.gone)


@ensureDeferred
async def test_nothing_is_sent_before_the_first_event_is_asked_for(server: ScriptedServer, client: KubeClient) -> None:
    client.watch(ISOLATION_PODS, resource_version="5").close()
    await deferLater(reactor, 0.02)
    assert not server.seen


@ensureDeferred
async def test_each_watch_has_a_connection_of_its_own(server: ScriptedServer, client: KubeClient) -> None:
    streams = Stream(), Stream()
    server.then(*streams)
    watches = [client.watch(ISOLATION_PODS, resource_version="5") for _ in streams]
    waiting = [started(watch.next()) for watch in watches]
    await until(lambda: server.connections == 2)
    await until(lambda: all(stream.request for stream in streams))
    for watch, next_event in zip(watches, waiting, strict=True):
        watch.close()
        with pytest.raises(WatchEnded):
            await next_event
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_the_server_ends_a_watch_when_its_time_is_up(server: ScriptedServer, client: KubeClient) -> None:
    stream = Stream()
    server.then(stream)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    stream.send(event("ADDED", "6"), event("ADDED", "7"))
    stream.end()
    assert (await first).object == pod("6")
    assert (await watch.next()).object == pod("7")
    for _ in range(2):
        with pytest.raises(WatchEnded):
            await watch.next()


@ensureDeferred
async def test_a_cut_watch_gives_what_came_and_then_says_so(server: ScriptedServer, client: KubeClient) -> None:
    stream = Stream()
    server.then(stream)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    stream.send(event("ADDED", "6"))
    stream.write(b'{"type":"ADDED","obj')
    assert (await first).object == pod("6")
    stream.cut()
    with pytest.raises(WatchBroken):
        await watch.next()


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [(410, "Expired", WatchExpired), (403, "Forbidden", Forbidden), (429, "", TooManyRequests), (500, "", ApiError)],
)
@ensureDeferred
async def test_a_watch_that_is_not_granted_says_why(
    server: ScriptedServer, client: KubeClient, status: int, reason: str, kind: type[KubeError]
) -> None:
    server.then(refuse(status, reason, Retry_After="2"))
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    with pytest.raises(kind) as raised:
        await watch.next()
    if isinstance(raised.value, ApiError):
        assert (raised.value.status, raised.value.retry_after) == (status, 2)
    with pytest.raises(kind):
        await watch.next()
    assert len(server.seen) == 1
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_an_expired_cursor_may_be_told_in_the_stream(server: ScriptedServer, client: KubeClient) -> None:
    stream = Stream()
    server.then(stream)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    stream.send({"type": "ERROR", "object": status})
    with pytest.raises(WatchExpired):
        await first
    await until(lambda: stream.gone)


@ensureDeferred
async def test_events_of_unknown_types_are_skipped(server: ScriptedServer, client: KubeClient) -> None:
    stream = Stream()
    server.then(stream)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    stream.write(b"\n")
    stream.send(event("SYNCED", "6"), event("ADDED", "7"))
    assert (await first).object == pod("7")


@ensureDeferred
async def test_a_half_open_watch_is_found_out(server: ScriptedServer, make_client: MakeClient) -> None:
    clock = Clock()
    stream = Stream()
    server.then(stream)
    watch = make_client(server.url, clock=clock).watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    stream.send(event("ADDED", "6"))
    assert (await first).object == pod("6")
    second = started(watch.next())
    clock.advance(99)
    assert not second.called
    clock.advance(1)
    with pytest.raises(WatchBroken):
        await second
    await until(lambda: stream.gone)


@ensureDeferred
async def test_a_watch_that_gets_no_headers_is_given_up(server: ScriptedServer, make_client: MakeClient) -> None:
    clock = Clock()
    server.then(hang)
    watch = make_client(server.url, clock=clock).watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: server.seen)
    clock.advance(30)
    with pytest.raises(UnknownOutcome):
        await first
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_headers_of_a_watch_are_bounded(make_client: MakeClient) -> None:
    raw = RawServer(b"HTTP/1.1 200 OK\r\n", forever=b"X-Filler: " + b"x" * 100 + b"\r\n")
    try:
        with pytest.raises(KubeError):
            await make_client(raw.url).watch(ISOLATION_PODS, resource_version="5").next()
        await until(lambda: raw.lost)
    finally:
        await raw.stop()


@ensureDeferred
async def test_a_watch_nobody_listens_to_was_not_sent(server: ScriptedServer, client: KubeClient) -> None:
    await server.stop_listening()
    with pytest.raises(NotSent):
        await client.watch(ISOLATION_PODS, resource_version="5").next()


@ensureDeferred
async def test_an_oversize_event_ends_the_watch(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(event=10_000))
    stream = Stream()
    server.then(stream)
    first = started(client.watch(ISOLATION_PODS, resource_version="5").next())
    await until(lambda: stream.request)
    for _ in range(20):
        stream.write(b"x" * 1000)
    with pytest.raises(WatchBroken):
        await first
    await until(lambda: stream.gone)


@ensureDeferred
async def test_a_watch_that_is_not_read_from_holds_the_server_up(
    server: ScriptedServer, make_client: MakeClient
) -> None:
    client = make_client(server.url, limits=Limits(queue=10_000))
    stream = Stream()
    server.then(stream)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    stream.send(event("ADDED", "1"))
    await first
    filler = {"type": "ADDED", "object": pod("6") | {"filler": "x" * 10_000}}
    for _ in range(2000):  # 20 MB: more than the kernel holds for a reader that stops
        stream.send(filler)
    stream.send(event("ADDED", "last"))
    transport = stream.request.transport
    await deferLater(reactor, 0.2)
    assert transport.dataBuffer or transport._tempDataBuffer
    count = 0
    while (await watch.next()).object != pod("last"):
        count += 1
    assert count == 2000


@ensureDeferred
async def test_waiting_for_an_event_can_be_cancelled(server: ScriptedServer, client: KubeClient) -> None:
    stream = Stream()
    server.then(stream)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    stream.send(event("ADDED", "6"))
    await first
    second = started(watch.next())
    second.cancel()
    with pytest.raises(CancelledError):
        await second
    stream.send(event("ADDED", "7"))
    assert (await watch.next()).object == pod("7")


@ensureDeferred
async def test_opening_a_watch_can_be_cancelled(server: ScriptedServer, client: KubeClient) -> None:
    server.then(hang)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: server.seen)
    first.cancel()
    with pytest.raises(CancelledError):
        await first
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_a_watch_whose_token_is_refused_has_it_renewed_for_the_next(
    server: ScriptedServer, make_client: MakeClient
) -> None:
    class Counting:
        count = 0

        def header(self, *, renew: bool) -> str | None:
            self.count += 1
            return f"Bearer {self.count}"

    counted: list[tuple[str, str, str]] = []
    client = make_client(server.url, token_source=Counting(), observer=lambda *observed: counted.append(observed[:3]))
    stream = Stream()
    server.then(refuse(401), stream)
    with pytest.raises(Unauthorized):
        await client.watch(ISOLATION_PODS, resource_version="5").next()
    first = started(client.watch(ISOLATION_PODS, resource_version="5").next())
    await until(lambda: stream.request)
    stream.send(event("ADDED", "6"))
    assert (await first).object == pod("6")
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer 1", "Bearer 2"]
    assert counted == [("watch", "isolationpods", "401"), ("watch", "isolationpods", "200")]
