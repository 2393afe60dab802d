"""Watches against a real web server, and the cutting of a stream into events byte by byte."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed

from isoproxy.kube.api import Watch, WatchEvent
from isoproxy.kube.client import KubeClient
from isoproxy.kube.errors import (
    ApiError,
    Forbidden,
    KubeError,
    NotSent,
    TooManyRequests,
    WatchBroken,
    WatchEnded,
    WatchExpired,
)
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import ISOLATION_PODS, Json
from isoproxy.kube.watch import EventStream, parse_event
from test.kube.conftest import MakeClient
from test.kube.server import RawServer, ScriptedServer, Stream, hang, refuse, until


def pod(version: str, name: str = "a") -> Json:
    return {"metadata": {"name": name, "namespace": "x", "uid": "u", "resourceVersion": version}}


def event(kind: str, version: str) -> Json:
    return {"type": kind, "object": pod(version)}


def started(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(coroutine)


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
    client = make_client(server.url, limits=Limits(silence=0.2))
    stream = Stream()
    server.then(stream)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    stream.send(event("ADDED", "6"))
    assert (await first).object == pod("6")
    with pytest.raises(WatchBroken):
        await watch.next()
    await until(lambda: stream.gone)


@ensureDeferred
async def test_a_watch_that_gets_no_headers_is_given_up(server: ScriptedServer, make_client: MakeClient) -> None:
    server.then(hang)
    watch = make_client(server.url, limits=Limits(request=0.1)).watch(ISOLATION_PODS, resource_version="5")
    with pytest.raises(KubeError):
        await watch.next()
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
    client = make_client(server.url, limits=Limits(queue=10_000, silence=0.2))
    stream = Stream()
    server.then(stream)
    watch = client.watch(ISOLATION_PODS, resource_version="5")
    first = started(watch.next())
    await until(lambda: stream.request)
    stream.send(event("ADDED", "1"))
    await first
    filler = {"type": "ADDED", "object": {"metadata": {}, "filler": "x" * 10_000}}
    for _ in range(2000):  # 20 MB: more than the kernel holds for a reader that stops
        stream.send(filler)
    stream.send(event("ADDED", "last"))
    transport = stream.request.transport
    await deferLater(reactor, 0.3)  # longer than the silence allowed: it is we who are silent
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


# The stream alone, over memory, on a clock that is turned by hand.

LIMITS = Limits(silence=100, event=1000, queue=300)


class Reading:
    """An EventStream connected to memory, its time in our hands."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.stream = EventStream(self.clock, LIMITS)
        self.transport = StringTransport()
        Protocol.makeConnection(self.stream, self.transport)

    def line(self) -> Deferred[bytes]:
        return started(self.stream.line())

    def drain(self) -> list[bytes]:
        """All lines that can be had now."""
        lines: list[bytes] = []
        while True:
            before = len(lines)
            next_line = self.line().addCallback(lines.append)
            if len(lines) == before:
                next_line.addErrback(lambda failure: failure.trap(CancelledError, KubeError))
                next_line.cancel()
                return lines

    def end(self, reason: Exception) -> object:
        """Let the connection end, and say what the next line is then."""
        self.stream.connectionLost(Failure(reason))
        raised: list[Failure] = []
        self.line().addErrback(raised.append)
        return type(raised[0].value)


def test_only_silence_is_taken_for_death() -> None:
    reading = Reading()
    failures: list[Failure] = []
    reading.line().addErrback(failures.append)
    for _ in range(5):
        reading.clock.advance(99)
        reading.stream.dataReceived(b"x")
    assert not failures
    reading.clock.advance(100)
    assert [type(failure.value) for failure in failures] == [WatchBroken]
    assert reading.transport.disconnecting
    assert not reading.clock.getDelayedCalls()


def test_a_reader_that_stops_is_not_taken_for_a_dead_server() -> None:
    reading = Reading()
    reading.stream.dataReceived(b"x" * 200 + b"\n" + b"y" * 200 + b"\n")
    assert reading.transport.producerState == "paused"
    reading.clock.advance(1000)
    assert not reading.transport.disconnecting
    assert reading.drain() == [b"x" * 200, b"y" * 200]
    assert reading.transport.producerState == "producing"
    reading.clock.advance(99)
    assert not reading.transport.disconnecting
    reading.clock.advance(1)
    assert reading.transport.disconnecting


@given(lines=st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), data=st.data())
def test_the_lines_are_the_same_however_the_bytes_come(lines: list[bytes], data: st.DataObject) -> None:
    reading = Reading()
    sent = b"".join(line + b"\n" for line in lines)
    taken: list[bytes] = []
    while sent:
        size = data.draw(st.integers(1, len(sent)))
        reading.stream.dataReceived(sent[:size])
        sent = sent[size:]
        if data.draw(st.booleans()):
            taken += reading.drain()
    assert taken + reading.drain() == [line for line in lines if line]
    assert reading.end(ResponseDone()) is WatchEnded


@pytest.mark.parametrize(
    ("partial", "reason", "outcome"),
    [
        (b"", ResponseDone(), WatchEnded),
        (b"", ResponseFailed([]), WatchBroken),
        (b"half a li", ResponseDone(), WatchBroken),
        (b"half a li", ResponseFailed([]), WatchBroken),
    ],
)
def test_how_a_stream_ended_is_told_once_its_lines_are_taken(
    partial: bytes, reason: Exception, outcome: type[KubeError]
) -> None:
    reading = Reading()
    reading.stream.dataReceived(b"one\n" + partial)
    assert reading.drain() == [b"one"]
    assert reading.end(reason) is outcome
    assert not reading.clock.getDelayedCalls()


def test_a_line_without_end_is_bounded() -> None:
    reading = Reading()
    for _ in range(11):
        reading.stream.dataReceived(b"x" * 100)
    assert reading.transport.disconnecting
    assert reading.end(ResponseFailed([])) is WatchBroken


@pytest.mark.parametrize(
    "line",
    [b"{", b"[]", b'"x"', b"null", b'{"type":"ADDED"}', b'{"type":"ADDED","object":[]}', b"\xff", b"[" * 100_000],
)
def test_what_is_no_event_breaks_the_watch(line: bytes) -> None:
    with pytest.raises(WatchBroken):
        parse_event(line)


@pytest.mark.parametrize(
    ("code", "kind"), [(410, WatchExpired), (429, TooManyRequests), (500, ApiError), (None, ApiError)]
)
def test_an_error_event_is_raised_by_class(code: int | None, kind: type[KubeError]) -> None:
    line = json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "m"}}).encode()
    with pytest.raises(kind, match="m"):
        parse_event(line)
