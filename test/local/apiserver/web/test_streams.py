"""Watches and followed logs over real connections, with time turned by hand where it matters."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import Clock

from isoproxy.local.apiserver.logs import LogLine
from isoproxy.local.apiserver.server import ApiServer
from test.local.apiserver.objects import START, config_map, pod
from test.local.apiserver.web.conftest import Listening
from test.local.apiserver.web.connection import RawClient, connect

MAPS = "/api/v1/namespaces/default/configmaps"
LOG = "/api/v1/namespaces/default/pods/one/log"


def create(server: ApiServer, body: dict[str, Any], plural: str = "configmaps") -> None:
    server.core.create(server.core.kind("", "v1", plural), "default", body)


def kinds(client: RawClient) -> list[str]:
    return [line["type"] for line in client.lines]


async def watch(port: int, query: str = "") -> RawClient:
    client = await connect(reactor, port)
    client.send("GET", f"{MAPS}?watch=1{query}")
    await client.until(lambda: b"\r\n\r\n" in client.received, reactor)
    return client


@pytest_twisted.ensureDeferred
async def test_the_headers_come_before_the_first_event(listening: Listening) -> None:
    _, port = listening()
    client = await watch(port)
    assert client.received.startswith(b"HTTP/1.1 200 OK")
    assert client.lines == []


@pytest_twisted.ensureDeferred
async def test_events_come_as_they_happen(listening: Listening) -> None:
    server, port = listening()
    client = await watch(port)
    create(server, config_map())
    await client.until(lambda: client.lines, reactor)
    event = client.lines[0]
    assert (event["type"], event["object"]["kind"], event["object"]["metadata"]["name"]) == (
        "ADDED",
        "ConfigMap",
        "one",
    )


@pytest_twisted.ensureDeferred
async def test_a_version_that_is_gone_is_an_error_event(listening: Listening) -> None:
    _, port = listening()
    client = await watch(port, "&resourceVersion=1")
    await client.until(lambda: b"\r\n0\r\n\r\n" in client.received, reactor)
    assert (client.lines[0]["type"], client.lines[0]["object"]["code"]) == ("ERROR", 410)
    assert client.lines[0]["object"]["reason"] == "Expired"


@pytest_twisted.ensureDeferred
async def test_a_watch_ends_at_its_time_with_a_last_bookmark(listening: Listening) -> None:
    clock = Clock()
    server, port = listening(clock=clock, bookmark_seconds=30.0)
    client = await watch(port, "&timeoutSeconds=7&allowWatchBookmarks=true")
    clock.advance(7)
    await client.until(lambda: b"\r\n0\r\n\r\n" in client.received, reactor)
    assert kinds(client) == ["BOOKMARK"]
    assert client.lines[0]["object"]["metadata"]["resourceVersion"] == str(server.core.store.version)
    assert len(server._resource.streams) == 0


@pytest_twisted.ensureDeferred
async def test_bookmarks_come_when_asked_for_only(listening: Listening) -> None:
    clock = Clock()
    server, port = listening(clock=clock, bookmark_seconds=10.0)
    with_them = await watch(port, "&allowWatchBookmarks=true")
    without = await watch(port)
    for _ in range(3):
        clock.advance(10)
    create(server, config_map())
    await with_them.until(lambda: "ADDED" in kinds(with_them), reactor)
    await without.until(lambda: without.lines, reactor)
    assert kinds(with_them).count("BOOKMARK") >= 3
    assert kinds(without) == ["ADDED"]


@pytest_twisted.ensureDeferred
async def test_without_a_time_a_watch_ends_all_the_same(listening: Listening) -> None:
    clock = Clock()
    _, port = listening(clock=clock, watch_seconds=100.0)
    client = await watch(port)
    clock.advance(99)
    assert b"\r\n0\r\n" not in client.received
    clock.advance(101)
    await client.until(lambda: b"\r\n0\r\n\r\n" in client.received, reactor)


@pytest_twisted.ensureDeferred
async def test_a_table_tells_ages_by_the_time_of_day_whatever_its_timers_go_by(listening: Listening) -> None:
    server, port = listening(clock=Clock(), now=lambda: START)
    client = await connect(reactor, port)
    client.send("GET", f"{MAPS}?watch=1", Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    await client.until(lambda: b"\r\n\r\n" in client.received, reactor)
    create(server, config_map())
    await client.until(lambda: client.lines, reactor)
    table = client.lines[0]["object"]
    titles = [column["name"] for column in table["columnDefinitions"]]
    assert dict(zip(titles, table["rows"][0]["cells"], strict=True))["Age"] == "0s"


@pytest_twisted.ensureDeferred
async def test_streaming_lists_are_refused_so_that_clients_list(listening: Listening) -> None:
    _, port = listening()
    client = await watch(port, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan")
    assert client.received.startswith(b"HTTP/1.1 422")
    assert b"sendInitialEvents: Forbidden" in client.received


@pytest_twisted.ensureDeferred
async def test_one_object_can_be_watched(listening: Listening) -> None:
    server, port = listening()
    client = await connect(reactor, port)
    client.send("GET", f"{MAPS}/two?watch=1")
    await client.until(lambda: b"\r\n\r\n" in client.received, reactor)
    for name in ("one", "two"):
        create(server, config_map(name))
    await client.until(lambda: client.lines, reactor)
    assert client.lines[0]["object"]["metadata"]["name"] == "two"


@pytest_twisted.ensureDeferred
async def test_a_reader_that_does_not_read_is_dropped_once_the_history_has_moved_on(listening: Listening) -> None:
    server, port = listening(history=4)
    slow, quick = await watch(port), await watch(port)
    slow.stop_reading()
    kind = server.core.kind("", "v1", "configmaps")
    create(server, config_map() | {"data": {"step": "", "big": "x" * 500_000}})
    # Every step waits for the quick reader, so the slow one's buffers are what fills.
    for step in range(40):
        server.core.patch(kind, "default", "one", {"data": {"step": str(step)}})
        wanted = f'"step":"{step}"'.encode()
        await quick.until(lambda wanted=wanted: wanted in quick.received[-600_000:], reactor)
        quick.received = b""
    slow.read_on()
    await slow.until(lambda: slow.closed, reactor)
    assert not quick.closed
    assert len(server._resource.streams) == 1


@pytest_twisted.ensureDeferred
async def test_a_reader_that_pauses_briefly_misses_nothing(listening: Listening) -> None:
    server, port = listening()
    client = await watch(port)
    client.stop_reading()
    kind = server.core.kind("", "v1", "configmaps")
    create(server, config_map() | {"data": {"big": "x" * 300_000}})
    for step in range(20):
        server.core.patch(kind, "default", "one", {"data": {"step": str(step)}})
    client.read_on()
    await client.until(lambda: b'"step":"19"' in client.received, reactor)
    assert kinds(client) == ["ADDED"] + ["MODIFIED"] * 20


@pytest_twisted.ensureDeferred
async def test_a_client_that_goes_away_leaves_nothing_behind(listening: Listening) -> None:
    server, port = listening()
    client, other = await watch(port), await watch(port)
    assert client.transport is not None
    client.transport.loseConnection()
    await client.until(lambda: client.closed, reactor)
    create(server, config_map())
    await other.until(lambda: other.lines, reactor)
    assert len(server._resource.streams) == 1


@pytest_twisted.ensureDeferred
async def test_stopping_ends_every_stream_in_order(listening: Listening) -> None:
    server, port = listening()
    client = await watch(port)
    server.stop()
    await client.until(lambda: b"\r\n0\r\n\r\n" in client.received, reactor)


class Logs:
    """A runtime with one pod, `one`, whose log the test writes."""

    def __init__(self) -> None:
        self.lines = [LogLine(100.0 + number, f"line {number}".encode()) for number in range(4)]
        self.followers: list[tuple[Callable[[LogLine], None], Callable[[], None]]] = []
        self.stopped = 0

    def read(self, namespace: str, name: str, *, container: str, tail_lines: int | None) -> Sequence[LogLine]:
        if (namespace, name, container) not in (("default", "one", ""), ("default", "one", "main")):
            raise LookupError(name)
        return self.lines if tail_lines is None else self.lines[len(self.lines) - tail_lines :]

    def follow(
        self,
        namespace: str,
        name: str,
        *,
        container: str,
        on_line: Callable[[LogLine], None],
        on_end: Callable[[], None],
    ) -> Callable[[], None]:
        self.followers.append((on_line, on_end))

        def stop() -> None:
            self.stopped += 1

        return stop


async def log(port: int, query: str = "") -> RawClient:
    client = await connect(reactor, port)
    client.send("GET", LOG + query, Connection="close")
    return client


@pytest_twisted.ensureDeferred
async def test_a_log_is_read_as_asked(listening: Listening) -> None:
    clock = Clock()
    clock.advance(105)
    server, port = listening(logs=Logs(), clock=clock)
    create(server, pod(), "pods")
    cases = {
        "": b"line 0\nline 1\nline 2\nline 3\n",
        "?tailLines=2": b"line 2\nline 3\n",
        "?tailLines=0": b"",
        "?limitBytes=9": b"line 0\nli",
        "?container=main&sinceSeconds=3": b"line 2\nline 3\n",
        "?timestamps=true&tailLines=1": b"1970-01-01T00:01:43.000000Z line 3\n",
    }
    for query, expected in cases.items():
        client = await log(port, query)
        await client.until(lambda client=client: client.closed, reactor)
        assert client.received.partition(b"\r\n\r\n")[2] == expected, query
        assert b"Content-Type: text/plain" in client.received


@pytest_twisted.ensureDeferred
async def test_a_log_that_is_not_there_is_refused(listening: Listening) -> None:
    server, port = listening(logs=Logs())
    create(server, pod("two"), "pods")
    create(server, pod(), "pods")
    for path, code in (("three", 404), ("two", 400), ("one?container=x", 400), ("one?previous=true", 400)):
        client = await connect(reactor, port)
        name, _, query = path.partition("?")
        client.send("GET", f"/api/v1/namespaces/default/pods/{name}/log?{query}", Connection="close")
        await client.until(lambda client=client: client.closed, reactor)
        assert client.received.startswith(f"HTTP/1.1 {code}".encode()), path


@pytest_twisted.ensureDeferred
async def test_a_log_is_followed_to_its_end(listening: Listening) -> None:
    logs = Logs()
    server, port = listening(logs=logs)
    create(server, pod(), "pods")
    client = await log(port, "?follow=true&tailLines=1")
    await client.until(lambda: b"line 3\n" in client.received, reactor)
    on_line, on_end = logs.followers[0]
    on_line(LogLine(0.0, b"more"))
    await client.until(lambda: b"more\n" in client.received, reactor)
    on_end()
    await client.until(lambda: client.closed, reactor)
    assert logs.stopped == 1


@pytest_twisted.ensureDeferred
async def test_a_followed_log_ends_at_its_limit(listening: Listening) -> None:
    logs = Logs()
    server, port = listening(logs=logs)
    create(server, pod(), "pods")
    client = await log(port, "?follow=true&tailLines=1&limitBytes=10")
    await client.until(lambda: b"line 3\n" in client.received, reactor)
    logs.followers[0][0](LogLine(0.0, b"abcdef"))
    await client.until(lambda: client.closed, reactor)
    assert b"abc" in client.received
    assert b"abcd" not in client.received


@pytest_twisted.ensureDeferred
async def test_a_reader_of_a_log_that_does_not_read_is_dropped(listening: Listening) -> None:
    logs = Logs()
    server, port = listening(logs=logs)
    create(server, pod(), "pods")
    client = await log(port, "?follow=true")
    await client.until(lambda: b"line 3\n" in client.received, reactor)
    client.stop_reading()
    for _ in range(100):
        logs.followers[0][0](LogLine(0.0, b"x" * 100_000))
    client.read_on()
    await client.until(lambda: client.closed, reactor)
    assert logs.stopped == 1
    assert len(server._resource.streams) == 0
