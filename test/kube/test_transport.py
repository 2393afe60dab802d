"""Connections: how they are made, kept, noticed to be gone, and closed."""

from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.task import deferLater

from isoproxy.kube.client import KubeClient
from isoproxy.kube.errors import ClientClosed, NotSent, UnknownOutcome
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.kube.retry import RetryPolicy
from test.kube.conftest import MakeClient
from test.kube.requests import POD, read, started, write
from test.kube.server import RawServer, ScriptedServer, hang, reply, until


@ensureDeferred
async def test_a_server_may_be_given_by_name(server: ScriptedServer, make_client: MakeClient) -> None:
    server.then(reply(200, POD))
    assert await read(make_client(f"http://localhost:{server.port}/prefix")) == POD
    (seen,) = server.seen
    assert seen.path == "/prefix/apis/soh.re/v1alpha1/namespaces/x/isolationpods/a"
    assert seen.headers["host"] == f"localhost:{server.port}"


@ensureDeferred
async def test_an_unknown_host_was_not_sent_to(make_client: MakeClient) -> None:
    with pytest.raises(NotSent):
        await write(make_client("http://nowhere.invalid", policy=RetryPolicy(attempts=1)), "patch")


@ensureDeferred
async def test_a_connection_serves_many_requests(server: ScriptedServer, client: KubeClient) -> None:
    server.then(*[reply(200, POD)] * 5)
    for _ in range(5):
        await read(client)
    assert server.accepted == 1


@ensureDeferred
async def test_a_kept_connection_that_the_server_closed_is_not_used_again(
    server: ScriptedServer, client: KubeClient
) -> None:
    def reply_and_leave(request: Any) -> None:
        reply(200, POD)(request)
        request.transport.loseConnection()

    server.then(reply_and_leave, reply(200, POD))
    await read(client)
    await until(lambda: server.connections == 0)
    await deferLater(reactor, 0.01)  # the client hears of it too
    await write(client, "patch")
    assert server.accepted == 2


@ensureDeferred
async def test_an_idle_connection_is_given_up(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(idle=0))
    server.then(reply(200, POD))
    await read(client)
    await until(lambda: server.connections == 0)


@pytest.mark.parametrize("size", [1, 7, 1000])
@ensureDeferred
async def test_replies_are_found_however_their_bytes_come(make_client: MakeClient, size: int) -> None:
    """Their heads are measured anew for each, at every place where one may be cut in two."""

    class Slicing(RawServer):
        def dataReceived(self, data: bytes) -> None:
            if data.endswith(b"}") or data.startswith(b"GET"):
                self.said_left = self.said
                self.resume()

        def resume(self) -> None:
            piece, self.said_left = self.said_left[:size], self.said_left[size:]
            if piece:
                self.transport.write(piece)
                reactor.callLater(0, self.resume)

    filler = b"X-Filler: " + b"x" * 40 + b"\r\n"
    raw = Slicing(b"HTTP/1.1 200 OK\r\n" + filler + b'Content-Length: 9\r\n\r\n{"a": 12}')
    client = make_client(raw.url)
    try:
        for _ in range(3):
            assert await read(client) == {"a": 12}
    finally:
        await raw.stop()


@ensureDeferred
async def test_a_client_that_is_closed_sends_no_more_of_what_waits(
    server: ScriptedServer, make_client: MakeClient
) -> None:
    client = make_client(server.url, limits=Limits(in_flight=1))
    server.then(hang)
    sent, queued = started(write(client, "patch")), started(write(client, "patch"))
    await until(lambda: server.seen)
    await client.close()
    with pytest.raises(UnknownOutcome):
        await sent
    with pytest.raises(ClientClosed):
        await queued
    assert len(server.seen) == 1


@ensureDeferred
async def test_a_client_that_is_closed_makes_no_more_connections(make_client: MakeClient) -> None:
    raw = RawServer(b"")  # takes the connection and never says a word of TLS
    client = make_client(raw.url.replace("http:", "https:"), policy=RetryPolicy(attempts=1))
    try:
        request = started(write(client, "patch"))
        await until(lambda: raw.transport)
        await client.close()
        with pytest.raises(NotSent):
            await request
        await until(lambda: raw.lost)
        with pytest.raises(ClientClosed):
            await client.watch(ISOLATION_PODS, resource_version="1").next()
    finally:
        await raw.stop()
