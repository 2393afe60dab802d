"""Servers that say what no API server should: whatever it is, it is bounded, and a write's outcome is unknown."""

import json

import pytest
from pytest_twisted import ensureDeferred

from isoproxy.kube.client import KubeClient
from isoproxy.kube.errors import (
    BadReply,
    UnknownOutcome,
)
from isoproxy.kube.limits import Limits
from test.kube.conftest import MakeClient
from test.kube.requests import POD, read, write
from test.kube.server import (
    RawServer,
    ScriptedServer,
    reply,
    until,
)


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
            await write(make_client(raw.url), "patch")
    finally:
        await raw.stop()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"[" * 100_000], ids=["html", "list", "bytes", "deep"])
@ensureDeferred
async def test_a_reply_that_is_no_object_is_not_asked_for_again(
    server: ScriptedServer, client: KubeClient, body: bytes
) -> None:
    server.then(reply(200, body))
    with pytest.raises(BadReply):
        await read(client)
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
        await read(client)
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_cookies_are_not_kept(server: ScriptedServer, client: KubeClient) -> None:
    server.then(reply(200, POD, Set_Cookie="a=b; Path=/"), reply(200, POD))
    await read(client)
    await read(client)
    assert "cookie" not in server.seen[1].headers
