import json
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from test.local.apiserver.objects import config_map
from test.local.apiserver.web.conftest import Listening
from test.local.apiserver.web.connection import RawClient, connect

MAPS = "/api/v1/namespaces/default/configmaps"


async def ask(port: int, method: str, path: str, body: bytes = b"", **headers: Any) -> RawClient:
    client = await connect(reactor, port)
    client.send(method, path, body, Connection="close", **headers)
    await client.until(lambda: client.closed, reactor)
    return client


def status(client: RawClient) -> int:
    return int(client.received.split(b" ")[1])


def body(client: RawClient) -> bytes:
    return client.received.partition(b"\r\n\r\n")[2]


@pytest_twisted.ensureDeferred
async def test_an_object_goes_in_and_comes_out(listening: Listening) -> None:
    _, port = listening()
    made = await ask(port, "POST", MAPS, json.dumps(config_map()).encode(), Content_Type="application/json")
    assert status(made) == 201
    found = await ask(port, "GET", f"{MAPS}/one")
    assert json.loads(body(found)) == json.loads(body(made))
    assert b"Cache-Control: no-cache, private" in found.received


@pytest_twisted.ensureDeferred
async def test_a_refusal_is_a_status(listening: Listening) -> None:
    _, port = listening()
    client = await ask(port, "GET", f"{MAPS}/none")
    assert status(client) == 404
    assert json.loads(body(client)) | {"details": {}} == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'configmaps "none" not found',
        "reason": "NotFound",
        "details": {},
        "code": 404,
    }


@pytest_twisted.ensureDeferred
async def test_warnings_are_headers_whatever_a_field_is_called(listening: Listening) -> None:
    _, port = listening()
    sent = config_map() | {'odd"\r\nX-Evil: 1\ud800': 1, "data2": 2}
    client = await ask(port, "POST", MAPS, json.dumps(sent).encode(), Content_Type="application/json")
    assert status(client) == 201
    head = client.received.partition(b"\r\n\r\n")[0]
    assert 'Warning: 299 - "unknown field \\"odd\\"??X-Evil: 1\ufffd\\""'.encode() in head
    assert b"\r\nX-Evil" not in head


@pytest_twisted.ensureDeferred
async def test_a_body_that_is_too_large_is_not_taken_in(listening: Listening) -> None:
    _, port = listening(body_bytes=1_000)
    stated = await ask(port, "POST", MAPS, b" " * 2_000, Content_Type="application/json")
    assert status(stated) == 413
    client = await connect(reactor, port)
    client.send("POST", MAPS, Content_Type="application/json", Connection="close", Transfer_Encoding="chunked")
    assert client.transport is not None
    client.transport.write((b"190\r\n" + b" " * 400 + b"\r\n") * 4 + b"0\r\n\r\n")
    await client.until(lambda: client.closed, reactor)
    assert status(client) == 413


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Accept": "application/vnd.kubernetes.protobuf"}, 406),
        ({"Accept": "application/vnd.kubernetes.protobuf,application/json"}, 200),
    ],
)
async def test_headers_count(listening: Listening, headers: dict[str, Any], code: int) -> None:
    _, port = listening()
    assert status(await ask(port, "GET", MAPS, **headers)) == code


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/version", 405),
        ("BREW", MAPS, 405),
        ("GET", "/api/v1/%ff", 400),
        ("GET", "/healthz", 200),
    ],
)
async def test_any_request_line_is_answered(listening: Listening, method: str, path: str, code: int) -> None:
    _, port = listening()
    assert status(await ask(port, method, path)) == code


@pytest_twisted.ensureDeferred
async def test_too_many_watches_are_told_when_to_come_back(listening: Listening) -> None:
    _, port = listening(streams=0)
    client = await ask(port, "GET", f"{MAPS}?watch=1")
    assert status(client) == 429
    assert b"Retry-After: 1\r\n" in client.received


@pytest_twisted.ensureDeferred
async def test_garbage_is_collected_after_a_deletion(listening: Listening) -> None:
    server, port = listening()
    made = json.loads(
        body(await ask(port, "POST", MAPS, json.dumps(config_map()).encode(), Content_Type="application/json"))
    )
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": made["metadata"]["uid"]}
    child = json.dumps(config_map("two", ownerReferences=[owner])).encode()
    await ask(port, "POST", MAPS, child, Content_Type="application/json")
    watcher = await connect(reactor, port)
    watcher.send("GET", f"{MAPS}/two?watch=1")
    await watcher.until(lambda: watcher.lines, reactor)
    await ask(port, "DELETE", f"{MAPS}/one")
    await watcher.until(lambda: watcher.lines[-1]["type"] == "DELETED", reactor)
    assert server.core.list(server.core.kind("", "v1", "configmaps"), None).items == []
