"""Metrics and probes over HTTP, with real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest_twisted
import treq
from twisted.internet import reactor as _reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.web.client import Agent

from isoproxy.observe.health import Health
from isoproxy.observe.metrics import Live, Metrics
from isoproxy.observe.web import MAX_CONNECTIONS, web_factory
from isoproxy.timesource import TimeSource
from test.local.apiserver.web.connection import connect

reactor: Any = _reactor


class Page:
    """The web page of a process."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.health = Health(TimeSource.real(reactor))
        self.port = 0

    async def request(self, path: str, method: str = "GET", **options: Any) -> tuple[int, str, str]:
        """Status, content type and body."""
        response = await treq.request(
            method, f"http://127.0.0.1:{self.port}{path}", agent=Agent(reactor), timeout=40, **options
        )
        content_type = response.headers.getRawHeaders("content-type", [""])[0]
        return response.code, content_type, await response.text()


@asynccontextmanager
async def served(*, metrics: bool = True) -> AsyncIterator[Page]:
    page = Page()
    page.health.start()
    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    shown = page.metrics if metrics else None
    port = await endpoint.listen(web_factory(metrics=shown, health=page.health, clock=reactor))
    page.port = cast(IPv4Address, port.getHost()).port
    try:
        yield page
    finally:
        page.health.stop()
        await maybeDeferred(port.stopListening)


@pytest_twisted.ensureDeferred
async def test_metrics_are_given_as_prometheus_text_or_openmetrics() -> None:
    async with served() as page:
        page.metrics.proxy("default", "web", lambda: Live(1, 2, 3, 4, 5))
        code, content_type, text = await page.request("/metrics")
        assert (code, content_type.partition(";")[0]) == (200, "text/plain")
        assert 'isoproxy_queued{namespace="default",service="web"} 2.0' in text
        code, content_type, text = await page.request(
            "/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"}
        )
        assert (code, content_type.partition(";")[0]) == (200, "application/openmetrics-text")
        assert text.endswith("# EOF\n")


@pytest_twisted.ensureDeferred
async def test_who_accepts_what_there_is_not_is_given_prometheus_text() -> None:
    async with served() as page:
        for accepted in (b"text/pl\xff\xfe", b"text/plain; version=1.x", b"application/openmetrics-text; version=x"):
            code, content_type, _ = await page.request("/metrics", headers={b"accept": accepted})
            assert (code, content_type.partition(";")[0]) == (200, "text/plain")


@pytest_twisted.ensureDeferred
async def test_probes_say_what_is_missing() -> None:
    async with served() as page:
        assert await page.request("/healthz") == (200, "text/plain; charset=utf-8", "ok\n")
        assert (await page.request("/readyz"))[0] == 200
        page.health.add("proxy of default/web", lambda: False)
        code, _, text = await page.request("/readyz")
        assert (code, text) == (503, "not ready: proxy of default/web\n")
        assert (await page.request("/healthz"))[0] == 200


@pytest_twisted.ensureDeferred
async def test_health_may_be_served_where_metrics_are_not() -> None:
    async with served(metrics=False) as page:
        assert (await page.request("/metrics"))[0] == 404
        assert (await page.request("/healthz"))[0] == 200
        page.health.add("operator", lambda: False)
        assert await page.request("/readyz") == (503, "text/plain; charset=utf-8", "not ready: operator\n")


@pytest_twisted.ensureDeferred
async def test_nothing_else_is_served_and_bodies_are_not_kept() -> None:
    async with served() as page:
        assert (await page.request("/"))[0] == 404
        assert (await page.request("/metrics/more"))[0] == 404
        assert (await page.request("/metrics", "POST", data=b"x" * 300_000))[0] == 405
        assert (await page.request("/healthz", "HEAD"))[0] == 200
        assert (await page.request("/none", "HEAD"))[0] == 404


@pytest_twisted.ensureDeferred
async def test_what_is_no_method_and_no_url_is_refused_like_any_other() -> None:
    async with served() as page:
        for line, code in ((b"POST /\xafhealthz", b"404"), (b"POST /healthz?\xaf", b"405"), (b"BREW /metrics", b"405")):
            client = await connect(reactor, page.port)
            client.transport.write(line + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")  # type: ignore[union-attr]
            await client.until(lambda client=client: client.closed, reactor)
            assert client.received.split(b" ")[1] == code


@pytest_twisted.ensureDeferred
async def test_idle_connections_cannot_keep_a_probe_out() -> None:
    async with served() as page:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", page.port)
        factory = Factory.forProtocol(Protocol)
        idle = [await endpoint.connect(factory) for _ in range(MAX_CONNECTIONS + 5)]
        assert (await page.request("/healthz"))[0] == 200
        for protocol in idle:
            cast(Any, protocol).transport.abortConnection()
        await deferLater(reactor, 0.01)
