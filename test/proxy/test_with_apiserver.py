"""The proxy over the real client and the embedded API server, whose schemas and rules judge what it writes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest_twisted
from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection
from isoproxy.kube.resources import DEDICATED_SERVICES, ISOLATION_PODS, LEASES, Json
from isoproxy.local.apiserver.server import ApiServer
from isoproxy.local.loading import install_definitions
from isoproxy.model import manifests, names
from isoproxy.model.dedicatedservice import DedicatedService
from isoproxy.model.parsing import parse
from isoproxy.model.proxylease import ProxyLease
from isoproxy.model.proxysettings import ProxySettings
from isoproxy.observe.accesslog import AccessLog
from isoproxy.observe.metrics import Metrics
from isoproxy.proxy.dialer import tcp_dialer
from isoproxy.proxy.service import ProxyService
from test.proxy.net import PATIENCE, EchoFactory, connect_to, loopback, outcome_of, port_number, reactor, wait_until
from test.proxy.operator import INSTANCE


class Cluster:
    """An API server, and a test that does the operator's part."""

    def __init__(self, client: KubeClient) -> None:
        self.client = client
        self.lines: list[str] = []
        self.metrics = Metrics()

    async def begin(self) -> None:
        await install_definitions(self.client)
        spec = {"image": "echo", "service": {"port": 0}}
        manifest = {
            "apiVersion": "soh.re/v1alpha1",
            "kind": "DedicatedService",
            "metadata": {"name": "web"},
            "spec": spec,
        }
        made = await self.client.create(DEDICATED_SERVICES, manifest, namespace="default")
        self.dedicated = parse(DedicatedService, made)
        self.proxy = ProxyService(
            reactor=reactor,
            api=self.client,
            settings=ProxySettings.of(self.dedicated),
            instance=INSTANCE,
            listen=loopback,
            dialer=tcp_dialer(reactor),
            metrics=self.metrics,
            access_log=AccessLog(self.lines.append),
            linger_seconds=0.0,
        )
        self.proxy.startService()

    async def assign(self, name: str, port: int) -> None:
        record = manifests.isolation_pod(self.dedicated, name)
        record["spec"]["port"] = port
        await self.client.create(ISOLATION_PODS, record, namespace="default", strict=True)
        patch = {
            "metadata": {"labels": {names.LABEL_PROXY: INSTANCE}},
            "spec": {"proxy": INSTANCE, "podIP": "127.0.0.1", "podUID": f"pod-{name}"},
        }
        await self.client.patch(ISOLATION_PODS, name, patch, namespace="default")

    async def until_status(self, name: str, **fields: object) -> None:
        """Wait for an IsolationPod whose status shows ``fields``."""

        async def shows() -> bool:
            record = await self.client.get(ISOLATION_PODS, name, namespace="default")
            status: Json = record["status"]
            return fields.items() <= status.items()

        await eventually(shows)

    async def until_lease(self, says: Callable[[ProxyLease], bool]) -> None:
        """Wait for a Lease that ``says`` something."""

        async def said() -> bool:
            return says(parse(ProxyLease, await self.client.get(LEASES, f"web-{INSTANCE}", namespace="default")))

        await eventually(said)


@asynccontextmanager
async def running() -> AsyncIterator[Cluster]:
    server = ApiServer(reactor)
    port = await loopback(0).listen(server.site())
    client = KubeClient(reactor, Connection.plain(f"http://127.0.0.1:{port_number(port)}"))
    cluster = Cluster(client)
    try:
        await cluster.begin()
        yield cluster
    finally:
        await cluster.proxy.stopService()
        await client.close()
        server.stop()
        await maybeDeferred(port.stopListening)


async def eventually(true: Callable[[], Awaitable[object]]) -> None:
    """Return once ``true()`` gives something true."""
    deadline = reactor.seconds() + PATIENCE
    while not await true():
        assert reactor.seconds() < deadline, "it did not come true in time"
        await deferLater(reactor, 0.02)


@pytest_twisted.ensureDeferred
async def test_the_life_of_a_proxy_is_accepted_as_it_is_written() -> None:
    async with running() as cluster:
        proxy, pods = cluster.proxy, [EchoFactory() for _ in range(3)]
        ports = [await loopback(0).listen(pod) for pod in pods]
        await wait_until(lambda: proxy.address and proxy._presence.held)
        early = await connect_to(proxy.address)
        early.send(b"early")
        await cluster.until_lease(lambda lease: lease.queued == 1 and lease.listen == proxy.address)

        for name, port in zip("abc", ports, strict=True):
            await cluster.assign(name, port_number(port))
        await wait_until(lambda: early.got == b"early")
        short = await connect_to(proxy.address)
        short.send(b"short")
        await wait_until(lambda: short.got == b"short")
        short.close()
        await cluster.until_status("b", phase="Released", outcome="completed")
        await cluster.until_status("a", phase="InUse", inUse=True)
        await cluster.until_lease(lambda lease: lease.held == 1)

        recall: Json = {"metadata": {"annotations": {names.ANNOTATION_RECALL: "surplus"}}}
        await cluster.client.patch(ISOLATION_PODS, "c", recall, namespace="default")
        await cluster.until_status("c", phase="Returned")

        drained = outcome_of(proxy.drain(60.0))
        early.close()
        await wait_until(lambda: drained)
        await cluster.until_status("a", phase="Released", inUse=False)
        await cluster.until_lease(lambda lease: lease.ended and lease.draining and lease.held == 0)
        assert [len(pod.connections) for pod in pods] == [1, 1, 0]
        assert len(cluster.lines) == 2
        for port in ports:
            await maybeDeferred(port.stopListening)
