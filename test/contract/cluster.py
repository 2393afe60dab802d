"""A server to try things on, and the few requests that isoproxy's client has no verb for."""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest_twisted
import treq
from treq.client import HTTPClient
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import deferLater
from twisted.web.http_headers import Headers

from isoproxy.kube.api import ListResult, WatchEvent
from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection
from isoproxy.kube.credentials import Authorization
from isoproxy.kube.errors import AlreadyExists, ApiError, NotFound, error_from_status
from isoproxy.kube.limits import Limits
from isoproxy.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, NAMESPACES, Json, Resource
from isoproxy.kube.transport import ApiEndpoint, make_agent

reactor: Any = global_reactor

BOUND = 40.0  # seconds that a test waits for anything
SHORT_WATCH = Limits(watch=8.0)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
T = TypeVar("T")
Forget = Callable[[KubeClient, Resource, str, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    warnings: list[str]


class Cluster:
    """One API server, with a client of ours; `forget` is how it is made to."""

    def __init__(self, connection: Connection, forget: Forget) -> None:
        self._forget = forget
        self.client = KubeClient(reactor, connection)
        self.short = KubeClient(reactor, connection, limits=SHORT_WATCH)  # its watches end soon
        self._url = connection.url
        self._authorization = Authorization(reactor, connection.token_source)
        self._endpoint = ApiEndpoint(reactor, connection, timeout=10.0)
        agent, self._pool = make_agent(reactor, self._endpoint, idle=45, connections=2)
        self._http = HTTPClient(agent)

    async def raw(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Any request; `headers` with underscores for dashes."""
        response = await self._send(method, path, body, headers)
        warnings = response.headers.getRawHeaders("Warning") or []
        return Reply(response.code, json.loads(await treq.content(response)), warnings)

    async def streamed(self, path: str, **headers: str) -> list[Json]:
        """All events of a watch that ends soon."""
        response = await self._send("GET", path, None, headers)
        return [json.loads(line) for line in (await treq.content(response)).splitlines()]

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        sent = Headers({"Accept": ["application/json"], "Content-Type": ["application/json"]})
        for name, value in headers.items():
            sent.setRawHeaders(name.replace("_", "-"), [value])
        authorization = await self._authorization.header()
        if authorization is not None:
            sent.setRawHeaders("Authorization", [authorization])
        data = None if body is None else json.dumps(body).encode()
        return await self._http.request(method, self._url + path, headers=sent, data=data, timeout=BOUND)

    async def refused(self, method: str, path: str, body: Any = None, **headers: str) -> ApiError:
        reply = await self.raw(method, path, body, **headers)
        assert reply.status >= 400, reply
        return error_from_status(reply.status, json.dumps(reply.body).encode(), {})

    async def forget(self, resource: Resource, namespace: str, name: str) -> None:
        """Change the object, and have all that was before the change forgotten."""
        await self._forget(self.client, resource, namespace, name)

    async def close(self) -> None:
        await self.client.close()
        await self.short.close()
        await self._pool.closeCachedConnections()
        await self._endpoint.close()


@dataclass(frozen=True, slots=True)
class Space:
    """A namespace of one test's own, and the kind it plays with."""

    cluster: Cluster
    namespace: str
    widgets: Resource

    @property
    def client(self) -> KubeClient:
        return self.cluster.client

    async def create(self, resource: Resource, body: Json, *, strict: bool = False) -> Json:
        return await self.client.create(resource, body, namespace=self.namespace, strict=strict)

    async def get(self, resource: Resource, name: str) -> Json:
        return await self.client.get(resource, name, namespace=self.namespace)

    async def patch(self, resource: Resource, name: str, patch: Any, **more: Any) -> Json:
        return await self.client.patch(resource, name, patch, namespace=self.namespace, **more)

    async def delete(self, resource: Resource, name: str, **more: Any) -> None:
        await self.client.delete(resource, name, namespace=self.namespace, **more)

    async def listed(self, resource: Resource, **selectors: Any) -> ListResult:
        return await self.client.list(resource, namespace=self.namespace, **selectors)

    async def names(self, resource: Resource, **selectors: str) -> list[str]:
        return sorted(item["metadata"]["name"] for item in (await self.listed(resource, **selectors)).items)

    async def events(self, resource: Resource, version: str, count: int, **selectors: str) -> list[WatchEvent]:
        """The next `count` events after a version, without bookmarks."""
        watch = self.client.watch(resource, namespace=self.namespace, resource_version=version, **selectors)
        found: list[WatchEvent] = []
        try:
            while len(found) < count:
                event = await within(watch.next())
                if event.type != "BOOKMARK":
                    found.append(event)
        finally:
            watch.close()
        return found

    def path(self, resource: Resource, name: str | None = None, subresource: str = "") -> str:
        return resource.path(self.namespace, name, subresource)

    def widget(self, name: str = "one", **spec: Any) -> Json:
        return {
            "apiVersion": self.widgets.api_version,
            "kind": "Widget",
            "metadata": {"name": name},
            "spec": {"size": 1} | spec,
        }


async def within(coroutine: Awaitable[Any], seconds: float = BOUND) -> Any:
    """The result, or a failure after a bound."""

    async def run() -> Any:
        return await coroutine

    return await ensureDeferred(run()).addTimeout(seconds, reactor)


async def until(holds: Callable[[], Awaitable[bool] | bool], seconds: float = BOUND) -> None:
    """Ask again and again until it holds."""
    deadline = reactor.seconds() + seconds
    while not (answer if isinstance(answer := holds(), bool) else await answer):
        assert reactor.seconds() < deadline, "it did not come to hold"
        await deferLater(reactor, 0.02)


def block(coroutine: Awaitable[T]) -> T:
    """The result, with the reactor running meanwhile: for fixtures."""

    async def run() -> T:
        return await coroutine

    return pytest_twisted.blockon(ensureDeferred(run()))  # type: ignore[no-any-return]


@contextmanager
def held(manager: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """An asynchronous context, entered and left by blocking: for fixtures."""
    value = block(manager.__aenter__())
    try:
        yield value
    finally:
        block(manager.__aexit__(None, None, None))


@asynccontextmanager
async def new_space(cluster: Cluster, widgets: Resource) -> AsyncIterator[Space]:
    """A namespace that goes afterwards, with all that is in it where controllers run."""
    name = f"contract-{secrets.token_hex(5)}"
    await cluster.client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    # Pods are admitted with a service account only; without controllers nobody else makes the default one.
    with suppress(AlreadyExists):
        await cluster.client.create(SERVICE_ACCOUNTS, {"metadata": {"name": "default"}}, namespace=name)
    yield Space(cluster, name, widgets)
    with suppress(NotFound):  # a test may have done so
        await cluster.client.delete(NAMESPACES, name)


async def install(cluster: Cluster, crd: Json) -> bool:
    """Define a kind and wait until it is served; whether it was not there before."""
    try:
        await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, crd)
        new = True
    except AlreadyExists:
        new = False

    async def established() -> bool:
        found = await cluster.client.get(CUSTOM_RESOURCE_DEFINITIONS, crd["metadata"]["name"])
        conditions = (found.get("status") or {}).get("conditions") or ()
        return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)

    await until(established)
    names, version = crd["spec"]["names"], crd["spec"]["versions"][0]["name"]
    resource = Resource(crd["spec"]["group"], version, names["plural"], names["kind"])

    async def served() -> bool:
        try:
            await cluster.client.list(resource)
        except ApiError:
            return False
        return True

    await until(served)
    return new


async def remove_definition(cluster: Cluster, crd: Json) -> None:
    """Remove a kind and all its objects, and wait until it is gone."""
    name = crd["metadata"]["name"]
    await cluster.client.delete(CUSTOM_RESOURCE_DEFINITIONS, name)

    async def gone() -> bool:
        try:
            await cluster.client.get(CUSTOM_RESOURCE_DEFINITIONS, name)
        except NotFound:
            return True
        return False

    await until(gone)
