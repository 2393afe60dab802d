"""TLS towards real servers whose certificates the test makes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_twisted
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import ConfigError, Connection
from isoproxy.kube.errors import KubeError, NotSent
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.kube.retry import RetryPolicy
from isoproxy.kube.tls import LOOK_SECONDS, Sessions, client_tls
from test.kube.certificates import Identity, new_authority, server_tls
from test.kube.conftest import MakeClient
from test.kube.server import RawServer, ScriptedServer, Stream, hang, reply, until

Serve = Callable[..., tuple[ScriptedServer, Connection]]


@pytest.fixture(scope="module")
def authority() -> Identity:
    return new_authority()


@pytest.fixture
def serve(authority: Identity) -> Iterator[Serve]:
    """Start servers, and give the connection that trusts the authority with each."""
    servers: list[ScriptedServer] = []

    def serve(*names: str, clients: Identity | None = None) -> tuple[ScriptedServer, Connection]:
        server = ScriptedServer(server_tls(authority.issue("server", names=names), clients=clients))
        servers.append(server)
        return server, replace(Connection.plain(server.url), trust=authority.pem)

    yield serve
    for server in servers:
        pytest_twisted.blockon(server.stop())


async def patch(client: KubeClient) -> Any:
    return await client.patch(ISOLATION_PODS, "a", {}, namespace="x")


@ensureDeferred
async def test_a_server_is_known_by_its_address(serve: Serve, make_client: MakeClient) -> None:
    server, connection = serve("127.0.0.1")
    server.then(reply(200, {"a": 1}), reply(200, {"a": 2}))
    client = make_client(connection)
    assert await patch(client) == {"a": 1}
    assert await patch(client) == {"a": 2}
    assert server.accepted == 1


@ensureDeferred
async def test_a_server_is_known_by_the_name_that_is_set_for_it(serve: Serve, make_client: MakeClient) -> None:
    server, connection = serve("api.cluster")
    server.then(reply(200, {"a": 1}))
    assert await patch(make_client(replace(connection, server_name="api.cluster"))) == {"a": 1}


@ensureDeferred
async def test_a_bundle_of_authorities_is_read_whole(
    serve: Serve, authority: Identity, make_client: MakeClient
) -> None:
    server, connection = serve("127.0.0.1")
    server.then(reply(200, {"a": 1}))
    bundle = new_authority("other").pem + b"# a comment\n" + authority.pem
    assert await patch(make_client(replace(connection, trust=bundle))) == {"a": 1}


@ensureDeferred
async def test_an_authority_that_was_exchanged_since_is_known(
    serve: Serve, authority: Identity, make_client: MakeClient
) -> None:
    server, connection = serve("127.0.0.1")
    server.then(reply(200, {"a": 1}))
    before = replace(connection, trust=new_authority("before").pem, reread=lambda: connection)
    assert await patch(make_client(before)) == {"a": 1}


def test_certificates_are_looked_at_again_for_a_connection_but_not_for_each(authority: Identity) -> None:
    clock, read = Clock(), [connection_with(trust=authority.pem)]
    sessions = Sessions(clock, replace(read[0], reread=lambda: read[-1]))
    first = sessions.maker()
    read.append(connection_with(trust=new_authority().pem))
    assert sessions.maker() is first
    clock.advance(LOOK_SECONDS)
    second = sessions.maker()
    assert second is not first
    clock.advance(LOOK_SECONDS)
    assert sessions.maker() is second


@pytest.mark.parametrize("content", [b"", b"half of a certif"])
def test_certificates_that_cannot_be_used_are_not_taken_in_place_of_those_before(
    authority: Identity, content: bytes
) -> None:
    clock, read = Clock(), [connection_with(trust=authority.pem)]
    sessions = Sessions(clock, replace(read[0], reread=lambda: read[-1]))
    first = sessions.maker()
    read.append(connection_with(trust=content))
    clock.advance(LOOK_SECONDS)
    assert sessions.maker() is first
    read.append(connection_with(trust=new_authority().pem))
    clock.advance(LOOK_SECONDS)
    assert sessions.maker() is not first


@pytest.mark.parametrize("fault", ["wrong name", "unknown authority"])
@ensureDeferred
async def test_a_write_to_a_stranger_was_not_sent(serve: Serve, make_client: MakeClient, fault: str) -> None:
    server, connection = serve("elsewhere" if fault == "wrong name" else "127.0.0.1")
    if fault == "unknown authority":
        connection = replace(connection, trust=new_authority("other").pem)
    with pytest.raises(NotSent):
        await patch(make_client(connection))
    assert not server.seen
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_without_verification_anyone_will_do(serve: Serve, make_client: MakeClient) -> None:
    server, connection = serve("elsewhere")
    server.then(reply(200, {"a": 1}))
    assert await patch(make_client(replace(connection, trust=None, verify=False))) == {"a": 1}


@pytest.mark.parametrize("verify", [True, False])
@ensureDeferred
async def test_we_show_our_certificate(
    serve: Serve, authority: Identity, make_client: MakeClient, verify: bool
) -> None:
    server, connection = serve("127.0.0.1", clients=authority)
    server.then(reply(200, {"a": 1}))
    own = authority.issue("us")
    mine = replace(connection, client_certificate=own.pem, client_key=own.key, verify=verify)
    assert await patch(make_client(mine)) == {"a": 1}


@ensureDeferred
async def test_we_show_the_intermediates_of_our_certificate(
    serve: Serve, authority: Identity, make_client: MakeClient
) -> None:
    server, connection = serve("127.0.0.1", clients=authority)
    server.then(reply(200, {"a": 1}))
    intermediate = authority.issue("intermediate", authority=True)
    own = intermediate.issue("us")
    mine = replace(connection, client_certificate=own.pem + intermediate.pem, client_key=own.key)
    assert await patch(make_client(mine)) == {"a": 1}


@ensureDeferred
async def test_a_server_that_wants_a_certificate_gets_nothing_without_one(
    serve: Serve, authority: Identity, make_client: MakeClient
) -> None:
    server, connection = serve("127.0.0.1", clients=authority)
    with pytest.raises(KubeError):
        await patch(make_client(connection))
    assert not server.seen


@ensureDeferred
async def test_a_server_that_does_not_speak_tls_was_not_sent_to(make_client: MakeClient) -> None:
    raw = RawServer(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    try:
        with pytest.raises(NotSent):
            await patch(make_client(raw.url.replace("http:", "https:"), policy=RetryPolicy(attempts=1)))
        await until(lambda: raw.lost)
    finally:
        await raw.stop()


@ensureDeferred
async def test_a_handshake_that_does_not_end_was_not_sent(make_client: MakeClient) -> None:
    raw = RawServer(b"")
    try:
        with pytest.raises(NotSent):
            await patch(make_client(raw.url.replace("http:", "https:"), limits=Limits(request=0.05)))
        await until(lambda: raw.lost)
    finally:
        await raw.stop()


@ensureDeferred
async def test_close_does_not_wait_for_the_peers_goodbye(serve: Serve, make_client: MakeClient) -> None:
    server, connection = serve("127.0.0.1")
    stream = Stream()
    server.then(reply(200), stream, hang)
    client = make_client(connection)
    await patch(client)
    watch = client.watch(ISOLATION_PODS, resource_version="1")
    Deferred.fromCoroutine(watch.next()).addErrback(lambda failure: failure.trap(KubeError))
    await until(lambda: stream.request)
    assert server.connections == 2
    await client.close()
    await until(lambda: server.connections == 0)


def connection_with(**changes: Any) -> Connection:
    return replace(Connection.plain("https://127.0.0.1"), **changes)


def encrypted(identity: Identity) -> bytes:
    return identity.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda a: {"trust": b"nonsense"}, "certificate authority"),
        (lambda a: {"trust": a.pem.replace(b"MII", b"QQQ")}, "certificate authority"),
        (lambda a: {"client_certificate": a.pem}, "one is missing"),
        (lambda a: {"client_key": a.key}, "one is missing"),
        (lambda a: {"client_certificate": b"", "client_key": a.key}, "client certificate"),
        (lambda a: {"client_certificate": a.pem, "client_key": b"nonsense"}, "client key"),
        (lambda a: {"client_certificate": a.pem, "client_key": new_authority().key}, "client key"),
        (lambda a: {"client_certificate": a.pem, "client_key": encrypted(a)}, "client key"),
    ],
    ids=["no-pem", "bad-der", "no-key", "no-certificate", "empty", "bad-key", "another-key", "passphrase"],
)
def test_pem_that_cannot_be_used_is_refused_in_one_line(
    authority: Identity, changes: Callable[[Identity], dict[str, bytes]], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        client_tls(connection_with(**changes(authority)))
    assert "\n" not in str(raised.value)


def test_secrets_are_not_shown(authority: Identity) -> None:
    connection = connection_with(client_certificate=authority.pem, client_key=authority.key)
    assert "PRIVATE" not in repr(connection)
