"""The servers that the suite runs on, and how each is made to forget."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import treq
from twisted.internet import reactor as global_reactor

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection, load_connection
from isoproxy.kube.resources import Resource
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.server import ApiServer
from test.cluster.target import Target
from test.contract.cluster import BOUND, Cluster

reactor: Any = global_reactor

EMBEDDED = "embedded"
KUBERNETES = "kubernetes"
SHORT_MEMORY = Limits(history=100)


@asynccontextmanager
async def embedded() -> AsyncIterator[Cluster]:
    """An embedded server of our own."""
    server = ApiServer(reactor, limits=SHORT_MEMORY)
    port = reactor.listenTCP(0, server.site(), interface="127.0.0.1")
    cluster = Cluster(Connection.plain(f"http://127.0.0.1:{port.getHost().port}"), forget_by_writing)
    try:
        yield cluster
    finally:
        await cluster.close()
        server.stop()
        await port.stopListening()


@asynccontextmanager
async def kubernetes(target: Target) -> AsyncIterator[Cluster]:
    """A real server, which goes on afterwards."""
    connection = load_connection(str(target.kubeconfig))
    cluster = Cluster(connection, partial(forget_by_compacting, target.etcd))
    try:
        yield cluster
    finally:
        await cluster.close()


async def forget_by_writing(client: KubeClient, resource: Resource, namespace: str, name: str) -> None:
    """The embedded server remembers a number of changes of each kind."""
    for step in range(2 * SHORT_MEMORY.history):
        patch = {"metadata": {"annotations": {"contract.example/step": str(step)}}}
        await client.patch(resource, name, patch, namespace=namespace)


async def forget_by_compacting(etcd: str, client: KubeClient, resource: Resource, namespace: str, name: str) -> None:
    """A real server has its etcd forget all that is older than five minutes or so; here, all before now.

    Twice changed: etcd still tells of the change at which it was compacted, but no longer of what was before it, and
    a watch that begins right there ends in an internal error.
    """
    for step in ("first", "last"):
        patch = {"metadata": {"annotations": {"contract.example/step": step}}}
        newest = (await client.patch(resource, name, patch, namespace=namespace))["metadata"]["resourceVersion"]
    body = {"revision": newest, "physical": True}
    response = await treq.post(f"{etcd}/v3/kv/compaction", json=body, persistent=False, timeout=BOUND)
    reply = await treq.content(response)
    assert response.code == 200, reply
