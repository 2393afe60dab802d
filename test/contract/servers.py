"""The servers that the suite runs on, and what is known of the real one."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import treq
from twisted.internet import reactor as global_reactor

from isoproxy.kube.client import KubeClient
from isoproxy.kube.config import Connection, load_connection
from isoproxy.kube.resources import Resource
from isoproxy.local.apiserver.limits import Limits
from isoproxy.local.apiserver.server import ApiServer
from test.contract.cluster import BOUND, Cluster

reactor: Any = global_reactor

KUBECONFIG = "ISOPROXY_KUBECONFIG"
CONTROLLERS = "ISOPROXY_CONTROLLERS"
ETCD = "ISOPROXY_ETCD"

EMBEDDED = "embedded"
KUBERNETES = "kubernetes"
SHORT_MEMORY = Limits(history=100)


def real_connection() -> Connection | None:
    """Where the real server is, None where there is none at hand."""
    path = os.environ.get(KUBECONFIG)
    return load_connection(path) if path else None


def missing(server: str, markers: set[str]) -> str | None:
    """What a test with these markers lacks on a server, in words for the end of the run; None for nothing."""
    if server != KUBERNETES:
        return None
    if not os.environ.get(KUBECONFIG):
        return f"a real API server ({KUBECONFIG})"
    if "needs_controllers" in markers and not os.environ.get(CONTROLLERS):
        return f"controllers on the real API server ({CONTROLLERS})"
    if "needs_compaction" in markers and not os.environ.get(ETCD):
        return f"the etcd of the real API server ({ETCD})"
    return None


@asynccontextmanager
async def running(server: str) -> AsyncIterator[Cluster]:
    """One of the two, ended or left alone afterwards."""
    async with embedded() if server == EMBEDDED else kubernetes() as cluster:
        try:
            yield cluster
        finally:
            await cluster.close()


@asynccontextmanager
async def embedded() -> AsyncIterator[Cluster]:
    server = ApiServer(reactor, limits=SHORT_MEMORY)
    port = reactor.listenTCP(0, server.site(), interface="127.0.0.1")
    yield Cluster(Connection.plain(f"http://127.0.0.1:{port.getHost().port}"), forget_by_writing)
    server.stop()
    await port.stopListening()


@asynccontextmanager
async def kubernetes() -> AsyncIterator[Cluster]:
    connection = real_connection()
    assert connection is not None, f"no real API server: {KUBECONFIG} is not set"
    yield Cluster(connection, forget_by_compacting)


async def forget_by_writing(client: KubeClient, resource: Resource, namespace: str, name: str) -> None:
    """The embedded server remembers a number of changes of each kind."""
    for step in range(2 * SHORT_MEMORY.history):
        patch = {"metadata": {"annotations": {"contract.example/step": str(step)}}}
        await client.patch(resource, name, patch, namespace=namespace)


async def forget_by_compacting(client: KubeClient, resource: Resource, namespace: str, name: str) -> None:
    """A real server has its etcd forget all that is older than five minutes or so; here, all before now.

    Twice changed: etcd still tells of the change at which it was compacted, but no longer of what was before it, and
    a watch that begins right there ends in an internal error.
    """
    for step in ("first", "last"):
        patch = {"metadata": {"annotations": {"contract.example/step": step}}}
        newest = (await client.patch(resource, name, patch, namespace=namespace))["metadata"]["resourceVersion"]
    url = f"{os.environ[ETCD].rstrip('/')}/v3/kv/compaction"
    response = await treq.post(url, json={"revision": newest, "physical": True}, persistent=False, timeout=BOUND)
    reply = await treq.content(response)
    assert response.code == 200, reply
