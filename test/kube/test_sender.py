"""What surrounds a request, against a real web server: what is tried again and what never, and every bound."""

import threading
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock, deferLater

from isoproxy.kube.client import KubeClient
from isoproxy.kube.errors import (
    ClientClosed,
    Conflict,
    KubeError,
    NotSent,
    Overloaded,
    ServerError,
    TooManyRequests,
    UnknownOutcome,
)
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import ISOLATION_PODS
from isoproxy.kube.retry import RetryPolicy
from test.kube.conftest import MakeClient
from test.kube.requests import POD, read, started, write
from test.kube.server import (
    BOUND,
    ScriptedServer,
    cut_short,
    hang,
    hang_up,
    refuse,
    reply,
    until,
)

PASSING = [hang_up, cut_short, refuse(500), refuse(503), refuse(429), refuse(429, Retry_After="0")]
PASSING_IDS = ["hang-up", "cut-short", "500", "503", "429", "429-retry-after"]


@pytest.mark.parametrize("fault", PASSING, ids=PASSING_IDS)
@ensureDeferred
async def test_a_read_is_tried_again_after_a_fault_that_passes(
    server: ScriptedServer, client: KubeClient, fault: Any
) -> None:
    server.then(fault, fault, reply(200, POD))
    assert await read(client) == POD
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
        await read(client)
    assert len(server.seen) == 4


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
async def test_retry_after_is_waited_for(server: ScriptedServer, make_client: MakeClient) -> None:
    clock = Clock()
    client = make_client(server.url, clock=clock, policy=RetryPolicy())
    server.then(refuse(429, Retry_After="7"), reply(200, POD))
    request = started(write(client, "patch"))
    await until(lambda: clock.getDelayedCalls() and server.seen)
    await until(lambda: min(call.getTime() for call in clock.getDelayedCalls()) < 30)
    clock.advance(7)  # and some jitter comes on top
    await deferLater(reactor, 0.01)
    assert len(server.seen) == 1
    clock.advance(0.1)
    await request
    assert len(server.seen) == 2


@ensureDeferred
async def test_a_server_that_asks_for_too_long_is_not_waited_for(server: ScriptedServer, client: KubeClient) -> None:
    server.then(refuse(429, Retry_After="3600"))
    with pytest.raises(TooManyRequests) as raised:
        await read(client)
    assert raised.value.retry_after == 3600


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
@ensureDeferred
async def test_a_write_nobody_listened_to_was_not_sent(server: ScriptedServer, client: KubeClient, verb: str) -> None:
    await server.stop_listening()
    with pytest.raises(NotSent) as raised:
        await write(client, verb)
    assert not raised.value.may_have_happened
    assert server.url in str(raised.value)


@pytest.mark.parametrize("verb", ["create", "patch", "delete"])
@ensureDeferred
async def test_a_write_without_a_reply_in_time_has_an_unknown_outcome(
    server: ScriptedServer, make_client: MakeClient, verb: str
) -> None:
    clock = Clock()
    server.then(hang)
    request = started(write(make_client(server.url, clock=clock, policy=RetryPolicy()), verb))
    await until(lambda: server.seen)
    clock.advance(29)
    assert not request.called
    clock.advance(1)
    with pytest.raises(UnknownOutcome) as raised:
        await request
    assert raised.value.may_have_happened
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_the_deadline_covers_the_body(server: ScriptedServer, make_client: MakeClient) -> None:
    def stall(request: Any) -> None:
        request.write(b'{"kind":')

    clock = Clock()
    server.then(stall)
    request = started(write(make_client(server.url, clock=clock, policy=RetryPolicy()), "patch"))
    await until(lambda: server.seen)
    await deferLater(reactor, 0.01)  # the head and some of the body are there
    clock.advance(30)
    with pytest.raises(UnknownOutcome):
        await request
    await until(lambda: server.connections == 0)


@ensureDeferred
async def test_a_read_without_replies_ends_when_its_time_is_up(server: ScriptedServer, make_client: MakeClient) -> None:
    clock = Clock()
    client = make_client(server.url, clock=clock, policy=RetryPolicy(total=50))
    server.then(hang, hang, hang)
    request = started(read(client))
    await until(lambda: len(server.seen) == 1)
    clock.advance(30)
    clock.advance(0.1)
    await until(lambda: len(server.seen) == 2)
    clock.advance(19)
    assert not request.called
    clock.advance(1)
    with pytest.raises(UnknownOutcome):
        await request
    assert len(server.seen) == 2


@ensureDeferred
async def test_requests_in_flight_are_bounded(server: ScriptedServer, make_client: MakeClient) -> None:
    client = make_client(server.url, limits=Limits(in_flight=3, waiting=2))
    held: list[Any] = []
    server.then(*[held.append] * 5)
    requests = [started(read(client)) for _ in range(5)]
    with pytest.raises(Overloaded):
        await read(client)
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
    first = started(read(client))
    queued = started(read(client))
    await until(lambda: server.seen)
    for request in (queued, first):
        request.cancel()
        with pytest.raises(CancelledError):
            await request
    await until(lambda: server.connections == 0)
    assert await read(client) == POD
    assert len(server.seen) == 2


@ensureDeferred
async def test_a_retry_can_be_cancelled(server: ScriptedServer, client: KubeClient) -> None:
    server.then(refuse(429, Retry_After="5"))
    request = started(read(client))
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
    await read(client)
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
    await read(client)  # leaves a kept connection behind
    request = started(write(client, "patch"))
    watch = client.watch(ISOLATION_PODS, resource_version="1")
    await until(lambda: len(server.seen) == 2)
    await client.close()
    await client.close()
    with pytest.raises(UnknownOutcome):
        await request
    with pytest.raises(ClientClosed):
        await read(client)
    with pytest.raises(KubeError):
        await watch.next()
    await until(lambda: server.connections == 0)
    assert len(server.seen) == 2
